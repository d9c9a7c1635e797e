/* SPDX-License-Identifier: Apache-2.0 */
#include "app/dispute_list.h"

#include "scoring/scoring.h"
#include "sinks/json.h"

#include <stdio.h>
#include <stdlib.h>

struct slice listed_target(const struct listed_step *s)
{
	return s->provider ? s->provider->name : s->step.id;
}

/* ---- collecting ---- */

bool dispute_list_add(struct dispute_list *l, const struct dispute_filter *f, const struct providers *p, struct slice number,
		      const struct dispute_step *s)
{
	if (!(f->states >> s->state & 1) || (f->due_before_ms != TIME_NEVER && (step_over(s) || s->due_ms >= f->due_before_ms)))
		return false;
	if (!l->cap)
		arena_init(&l->arena, 64 << 10);
	if (l->cnt == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 256;
		l->steps = mem_realloc(l->steps, l->cap * sizeof *l->steps);
	}
	uint32_t who = p ? providers_find(p, s->id) : PROVIDER_NONE;
	struct listed_step *to = &l->steps[l->cnt++];
	*to = (struct listed_step){
		.number = arena_copy(&l->arena, number), .step = *s, .provider = who == PROVIDER_NONE ? NULL : &p->of[who]};
	to->step.id = arena_copy(&l->arena, s->id);
	return true;
}

static int by_due(const void *a, const void *b)
{
	const struct listed_step *x = a, *y = b;
	if (x->step.due_ms != y->step.due_ms)
		return x->step.due_ms < y->step.due_ms ? -1 : 1;
	int c = slice_cmp(x->number, y->number);
	if (c)
		return c;
	if (x->provider && y->provider)
		return (x->provider > y->provider) - (x->provider < y->provider); /* they stand in one array, in order */
	return x->provider || y->provider ? (x->provider ? -1 : 1) : slice_cmp(x->step.id, y->step.id);
}

void dispute_list_sort(struct dispute_list *l)
{
	if (l->cnt)
		qsort(l->steps, l->cnt, sizeof *l->steps, by_due);
}

void dispute_list_release(struct dispute_list *l)
{
	if (l->cap)
		arena_release(&l->arena);
	free(l->steps);
	*l = (struct dispute_list){0};
}

/* ---- the store ---- */

struct visit {
	const struct peek *r;
	const struct dispute_filter *filter;
	struct dispute_list *list;
	struct rules_scratch *scratch;
	int64_t clock_ms; /* of the shard */
};

static void unheard(void *ctx, struct event *e)
{
	(void)ctx;
	(void)e;
}

static void take_steps(struct visit *v, struct slice key, const struct subject *s)
{
	const struct rules_subject rs = {.key = key, .kind = SUBJECT_NUMBER, .state = s->state, .state_len = s->state_len};
	struct rules_view view;
	rules_scratch_reset(v->scratch);
	if (rules_view(v->scratch, v->r->rules, &rs, &view) != ERR_OK) {
		v->list->damaged++;
		fprintf(stderr, "ringfence: the dispute steps in the record of " SLICE_FMT " cannot be read\n", SLICE_ARG(key));
		return;
	}
	if (subject_expired(s, v->clock_ms, v->r->set.keep_ms) && !rules_view_holds(&view))
		return; /* it has ended, swept or not */
	for (uint32_t i = 0; i < view.disputes->cnt; i++)
		(void)dispute_list_add(v->list, v->filter, rules_providers(v->r->rules), key, &view.disputes->of[i]);
}

static enum err take_record(void *ctx, struct slice key, struct slice value, int64_t number)
{
	struct visit *v = ctx;
	struct subject s;
	struct err_text why;
	(void)number;
	if (subject_kind_of(key) != SUBJECT_NUMBER)
		return ERR_OK;
	if (record_decode(value, &s, &why)) {
		v->list->damaged++;
		fprintf(stderr, "ringfence: the record of " SLICE_FMT " is left out: %s\n", SLICE_ARG(key), why.text);
		return ERR_OK;
	}
	if (s.state_len)
		take_steps(v, key, &s);
	subject_release(&s);
	return ERR_OK;
}

static enum err read_one(struct visit *v, struct store_shard *h, struct slice number, struct err_text *why)
{
	struct store_key key = {number, SPACE_RECORD};
	struct store_read read;
	enum err e = v->r->ops->read_begin(h, &key, 1, why);
	if (!e)
		e = v->r->ops->read_end(h, &read, why);
	if (!e && read.values[0].p)
		e = take_record(v, number, read.values[0], 0);
	return e;
}

static enum err read_shard(struct visit *v, int32_t partition, struct err_text *why)
{
	struct store_shard *h = NULL;
	struct meta m;
	bool found = false;
	enum err e = peek_shard(v->r, partition, &h, why);
	if (!e)
		e = peek_meta(v->r, h, &m, &found, why);
	if (!e && found) {
		v->clock_ms = m.clock_ms;
		e = v->filter->number ? read_one(v, h, slice_of(v->filter->number), why)
				      : v->r->ops->values(h, SPACE_RECORD, take_record, v, why);
	}
	if (h)
		v->r->ops->shard_close(h);
	return e;
}

enum err dispute_list_read(const struct peek *r, const struct dispute_filter *f, struct dispute_list *l, struct err_text *why)
{
	struct visit v = {.r = r, .filter = f, .list = l, .scratch = rules_scratch_new(&r->set.policies, unheard, NULL)};
	enum err e = ERR_OK;
	int32_t only =
		f->number && r->partitions ? partition_of((enum partitioner)r->set.partitioner, slice_of(f->number), r->partitions) : -1;
	for (int32_t i = 0; i < r->partitions && !e; i++)
		if (only < 0 || i == only)
			e = read_shard(&v, i, why);
	rules_scratch_free(v.scratch);
	dispute_list_sort(l);
	return e;
}

/* ---- writing ---- */

struct row {
	char due[TIME_TEXT_BYTES], changed[TIME_TEXT_BYTES];
	struct slice of[8];
};

static const char *const columns[] = {"number", "step", "target", "state", "due", "changed", "outcome", "round"};
#define COLUMNS (sizeof columns / sizeof columns[0])

static void row_of(const struct listed_step *s, struct row *r, char round[12])
{
	const char *outcome = step_outcome_name(s->step.outcome);
	snprintf(round, 12, "%u", s->step.round);
	r->of[0] = s->number;
	r->of[1] = s->step.id;
	r->of[2] = listed_target(s);
	r->of[3] = slice_of(step_state_name(s->step.state));
	r->of[4] = step_over(&s->step) ? SLICE_LIT("") : slice_of(time_format(s->step.due_ms, r->due));
	r->of[5] = slice_of(time_format(s->step.changed_ms, r->changed));
	r->of[6] = slice_of(outcome ? outcome : "");
	r->of[7] = slice_of(round);
}

static void put_csv(struct buf *out, struct slice text)
{
	bool quoted = false;
	for (uint32_t i = 0; i < text.len; i++)
		quoted = quoted || strchr(",\"\r\n", text.p[i]);
	if (quoted)
		buf_put_u8(out, '"');
	for (uint32_t i = 0; i < text.len; i++) {
		if (text.p[i] == '"')
			buf_put_u8(out, '"');
		buf_put_u8(out, (uint8_t)text.p[i]);
	}
	if (quoted)
		buf_put_u8(out, '"');
}

static void write_json(const struct listed_step *s, const struct row *r, struct buf *out)
{
	struct json j;
	json_init_buf(&j, out);
	json_open(&j, '{');
	for (size_t i = 0; i + 1 < COLUMNS; i++) {
		json_key(&j, columns[i]);
		json_text(&j, r->of[i].len ? r->of[i] : SLICE_NONE);
	}
	json_key(&j, "round");
	json_uint(&j, s->step.round);
	json_key(&j, "contact");
	json_text(&j, s->provider ? s->provider->contact : SLICE_NONE);
	json_key(&j, "form");
	json_text(&j, s->provider ? s->provider->form : SLICE_NONE);
	json_close(&j, '}');
	buf_put_u8(out, '\n');
}

static void write_line(const struct row *r, bool csv, struct buf *out)
{
	static const int widths[] = {16, 16, 24, 13, 24, 24, 8, 5};
	for (size_t i = 0; i < COLUMNS; i++)
		if (csv) {
			if (i)
				buf_put_u8(out, ',');
			put_csv(out, r->of[i]);
		} else {
			buf_printf(out, i + 1 < COLUMNS ? "%-*.*s  " : "%*.*s", i + 1 < COLUMNS ? widths[i] : 0, (int)r->of[i].len,
				   r->of[i].p);
		}
	buf_puts(out, csv ? "\r\n" : "\n");
}

void dispute_list_write(const struct dispute_list *l, enum dispute_format format, struct buf *out)
{
	struct row r;
	char round[12];
	for (size_t i = 0; i < COLUMNS; i++)
		r.of[i] = slice_of(columns[i]);
	if (format != DISPUTES_JSON)
		write_line(&r, format == DISPUTES_CSV, out);
	for (size_t i = 0; i < l->cnt; i++) {
		row_of(&l->steps[i], &r, round);
		if (format == DISPUTES_JSON)
			write_json(&l->steps[i], &r, out);
		else
			write_line(&r, format == DISPUTES_CSV, out);
	}
}
