/* SPDX-License-Identifier: Apache-2.0 */
#include "app/dump.h"

#include "sinks/json.h"
#include "sinks/sinks.h"

#include <stdlib.h>

struct entry {
	size_t at; /* of key and record in `bytes` */
	uint32_t record_len;
	uint8_t key_len;
};

struct dump {
	const struct rules *rules;
	int64_t keep_ms;
	struct rules_scratch *scratch;
	struct buf bytes;
	struct entry *entries;
	size_t cnt, cap;
};

static void unheard(void *ctx, struct event *e)
{
	(void)ctx;
	(void)e;
}

struct dump *dump_new(const struct settings *set, const struct rules *rules)
{
	struct dump *d = mem_zalloc(sizeof *d);
	d->rules = rules;
	d->keep_ms = set->keep_ms;
	d->scratch = rules_scratch_new(&set->policies, unheard, NULL);
	return d;
}

void dump_free(struct dump *d)
{
	if (!d)
		return;
	rules_scratch_free(d->scratch);
	buf_release(&d->bytes);
	free(d->entries);
	free(d);
}

/* ---- collecting ---- */

static struct entry *entry_add(struct dump *d, struct slice key)
{
	if (d->cnt == d->cap) {
		d->cap = d->cap ? 2 * d->cap : 1024;
		d->entries = mem_realloc(d->entries, d->cap * sizeof *d->entries);
	}
	struct entry *e = &d->entries[d->cnt++];
	*e = (struct entry){.at = d->bytes.len, .key_len = (uint8_t)key.len};
	buf_put(&d->bytes, key.p, key.len);
	return e;
}

/* Looked up by a command or a timer and never written: it is not in the store either. */
static bool is_empty(const struct subject *s)
{
	return s->clock_ms == TIME_NONE && s->first_seen_ms == TIME_NONE && s->state_len == 0 && !s->marks;
}

/* As the pipeline sees it (app/pipeline.c): absent from the moment on which it ends, swept or not. */
static bool has_ended(struct dump *d, const struct subject *s, struct slice key, int64_t clock_ms)
{
	const struct rules_subject rs = {.key = key, .kind = subject_kind_of(key), .state = s->state, .state_len = s->state_len};
	struct rules_view v;
	if (!subject_expired(s, clock_ms, d->keep_ms))
		return false;
	if (s->state_len == 0)
		return true;
	rules_scratch_reset(d->scratch);
	return rules_view(d->scratch, d->rules, &rs, &v) == ERR_OK && !rules_view_holds(&v);
}

void dump_add(struct dump *d, const struct subject *s, int64_t clock_ms)
{
	if (is_empty(s) || has_ended(d, s, subject_key(s), clock_ms))
		return;
	struct entry *e = entry_add(d, subject_key(s));
	size_t from = d->bytes.len;
	record_encode(s, &d->bytes);
	e->record_len = (uint32_t)(d->bytes.len - from);
}

enum err dump_add_record(struct dump *d, struct slice key, struct slice record, int64_t clock_ms, struct err_text *why)
{
	struct subject s;
	enum err e = record_decode(record, &s, why);
	if (e)
		return e;
	bool ended = has_ended(d, &s, key, clock_ms);
	subject_release(&s);
	if (ended)
		return ERR_OK;
	entry_add(d, key)->record_len = record.len;
	buf_put(&d->bytes, record.p, record.len);
	return ERR_OK;
}

/* ---- printing ---- */

void dump_shard(const struct settings *set, const struct meta *m, FILE *to)
{
	struct buf b = {0};
	struct json j;
	char name[300];
	snprintf(name, sizeof name, "%s:%d", set->topics.cdr, m->partition);
	json_init_buf(&j, &b);
	json_open(&j, '{');
	json_key(&j, "shard");
	json_string(&j, name);
	json_key(&j, "applied");
	json_uint(&j, m->counts.applied);
	json_key(&j, "positions");
	json_open(&j, '{');
	json_key_slice(&j, slice_of(set->topics.cdr));
	json_int(&j, m->cdr_next == TIME_NONE ? 0 : m->cdr_next);
	json_key_slice(&j, slice_of(set->topics.control));
	json_int(&j, m->control_next == TIME_NONE ? 0 : m->control_next);
	json_key_slice(&j, slice_of(set->topics.relay));
	json_int(&j, m->relay_next == TIME_NONE ? 0 : m->relay_next);
	json_close(&j, '}');
	json_key(&j, "clock");
	json_time(&j, m->clock_ms);
#define X(name, text)                                \
	if (&m->counts.name != &m->counts.applied) { \
		json_key(&j, #name);                 \
		json_uint(&j, m->counts.name);       \
	}
	META_COUNTS(X)
#undef X
	json_close(&j, '}');
	buf_put_u8(&b, '\n');
	fwrite(b.data, 1, b.len, to);
	buf_release(&b);
}

static const char *kind_name(uint8_t kind)
{
	static const char *const names[] = {"number", "account", "trunk", "block"};
	return names[kind];
}

static void write_lifetime(struct json *j, const struct subject *s)
{
	json_key(j, "lifetime");
	json_open(j, '{');
	json_key(j, "calls");
	json_uint(j, s->calls);
	json_key(j, "answered");
	json_uint(j, s->answered);
	json_key(j, "talk_ms");
	json_uint(j, s->talk_ms);
	json_key(j, "late");
	json_uint(j, s->late);
	json_close(j, '}');
}

static void write_disputes(struct json *j, const struct disputes *d)
{
	if (d->cnt == 0)
		return;
	json_key(j, "disputes");
	json_open(j, '[');
	for (uint32_t i = 0; i < d->cnt; i++) {
		const struct dispute_step *s = &d->of[i];
		json_open(j, '{');
		json_key(j, "step");
		json_text(j, s->id);
		json_key(j, "state");
		json_string(j, step_state_name(s->state));
		json_key(j, "due");
		json_time(j, step_over(s) ? TIME_NONE : s->due_ms);
		json_key(j, "changed");
		json_time(j, s->changed_ms);
		json_key(j, "outcome");
		json_string(j, step_outcome_name(s->outcome));
		json_key(j, "round");
		json_uint(j, s->round);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void write_checks(struct json *j, const struct checklist *c)
{
	if (c->cnt == 0)
		return;
	json_key(j, "checks");
	json_open(j, '[');
	for (uint32_t i = 0; i < c->cnt; i++) {
		const struct check_result *r = &c->of[i];
		json_open(j, '{');
		json_key(j, "carrier");
		json_text(j, r->carrier);
		json_key(j, "device");
		json_text(j, r->device.len ? r->device : SLICE_NONE);
		json_key(j, "result");
		json_text(j, r->result);
		json_key(j, "time");
		json_time(j, r->time_ms);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void write_view(struct json *j, const struct rules_view *v)
{
	json_key(j, "phase");
	json_string(j, phase_name(v->phase));
	json_key(j, "episode");
	json_uint(j, v->episode);
	json_key(j, "phase_since");
	json_time(j, v->phase_since_ms);
	json_key(j, "until");
	json_time(j, v->until_ms);
	event_flags_write(j, v->open_flags, v->open_flag_cnt);
	json_key(j, "open_alerts");
	json_open(j, '[');
	for (uint32_t i = 0; i < v->open_alert_cnt; i++)
		json_text(j, v->open_alerts[i]);
	json_close(j, ']');
	write_disputes(j, v->disputes);
	write_checks(j, v->checks);
}

enum err dump_subject_open(struct dump *d, const struct subject *s, struct buf *out, struct err_text *why)
{
	struct rules_subject rs = {.key = subject_key(s), .kind = (enum subject_kind)s->kind, .state = s->state, .state_len = s->state_len};
	struct rules_view view;
	struct json j;
	rules_scratch_reset(d->scratch);
	enum err e = rules_view(d->scratch, d->rules, &rs, &view);
	if (e)
		return err_set(why, e, "the alerts and phase in the record of " SLICE_FMT " cannot be read", SLICE_ARG(rs.key));
	json_init_buf(&j, out);
	json_open(&j, '{');
	json_key(&j, "subject");
	json_text(&j, rs.key);
	json_key(&j, "kind");
	json_string(&j, kind_name(s->kind));
	json_key(&j, "clock");
	json_time(&j, s->clock_ms);
	json_key(&j, "first_seen");
	json_time(&j, s->first_seen_ms);
	write_lifetime(&j, s);
	write_view(&j, &view);
	return ERR_OK;
}

static struct slice key_of(const struct dump *d, const struct entry *e)
{
	return slice_make(d->bytes.data + e->at, e->key_len);
}

static int by_key(const void *a, const void *b, void *ctx)
{
	return slice_cmp(key_of(ctx, a), key_of(ctx, b));
}

static enum err print_entry(struct dump *d, const struct entry *e, struct buf *line, FILE *to, struct err_text *why)
{
	struct subject s;
	struct slice key = key_of(d, e);
	enum err err = record_decode(slice_make(d->bytes.data + e->at + e->key_len, e->record_len), &s, why);
	if (err)
		return err;
	s.key = (char *)(uintptr_t)key.p; /* borrowed: subject_release leaves it alone */
	s.key_len = e->key_len;
	s.kind = (uint8_t)subject_kind_of(key);
	buf_reset(line);
	err = dump_subject_open(d, &s, line, why);
	subject_release(&s);
	if (err)
		return err;
	buf_puts(line, "}\n");
	if (fwrite(line->data, 1, line->len, to) != line->len)
		return err_set(why, ERR_IO, "cannot write the dump");
	return ERR_OK;
}

enum err dump_print(struct dump *d, FILE *to, struct err_text *why)
{
	struct buf line = {0};
	enum err e = ERR_OK;
	if (d->cnt)
		qsort_r(d->entries, d->cnt, sizeof *d->entries, by_key, d);
	for (size_t i = 0; i < d->cnt && !e; i++)
		e = print_entry(d, &d->entries[i], &line, to, why);
	buf_release(&line);
	return e;
}
