/* SPDX-License-Identifier: Apache-2.0 */
#include "app/state_look.h"

#include "scoring/scoring.h"
#include "scoring/seen.h"
#include "sinks/json.h"

#include <stdio.h>
#include <stdlib.h>

#define HOTTEST 10
#define SIZES_MAX (64 << 10) /* a record is never longer */

/* ---- visiting every shard ---- */

typedef enum err look_shard(void *ctx, struct store_shard *h, const struct meta *m, struct err_text *why);

static enum err each_shard(const struct peek *p, look_shard *look, void *ctx, struct err_text *why)
{
	enum err e = ERR_OK;
	for (int32_t i = 0; i < p->partitions && !e; i++) {
		struct store_shard *h = NULL;
		struct meta m;
		bool found = false;
		e = peek_shard(p, i, &h, why);
		if (!e)
			e = peek_meta(p, h, &m, &found, why);
		if (!e && found)
			e = look(ctx, h, &m, why);
		if (h)
			p->ops->shard_close(h);
	}
	return e;
}

/* ---- stats ---- */

struct hot {
	char key[SUBJECT_KEY_MAX + 1];
	uint64_t calls;
};

struct stats {
	const struct peek *peek;
	uint32_t shards;
	uint64_t kinds[4], bytes, outbox, timers, unreadable, histories, history_bytes;
	uint32_t *by_size; /* how many records of each length */
	struct hot hottest[HOTTEST];
};

static void note_hot(struct stats *s, struct slice key, uint64_t calls)
{
	int i = HOTTEST;
	while (i > 0 && calls > s->hottest[i - 1].calls)
		i--;
	if (i == HOTTEST)
		return;
	memmove(&s->hottest[i + 1], &s->hottest[i], (size_t)(HOTTEST - 1 - i) * sizeof s->hottest[0]);
	s->hottest[i].calls = calls;
	snprintf(s->hottest[i].key, sizeof s->hottest[i].key, SLICE_FMT, SLICE_ARG(key));
}

static enum err stats_history(void *ctx, struct slice key, struct slice value, int64_t number)
{
	struct stats *s = ctx;
	(void)key;
	(void)number;
	s->histories++;
	s->history_bytes += value.len;
	return ERR_OK;
}

static enum err stats_record(void *ctx, struct slice key, struct slice value, int64_t number)
{
	struct stats *s = ctx;
	struct subject sub;
	struct err_text why;
	(void)number;
	s->bytes += value.len;
	s->by_size[value.len < SIZES_MAX ? value.len : SIZES_MAX - 1]++;
	s->kinds[subject_kind_of(key)]++;
	if (record_decode(value, &sub, &why)) {
		s->unreadable++;
		return ERR_OK;
	}
	if (subject_kind_of(key) == SUBJECT_NUMBER)
		note_hot(s, key, sub.calls);
	subject_release(&sub);
	return ERR_OK;
}

static enum err count_one(void *ctx, struct slice key, struct slice value, int64_t number)
{
	(void)key;
	(void)value;
	(void)number;
	++*(uint64_t *)ctx;
	return ERR_OK;
}

static enum err stats_shard(void *ctx, struct store_shard *h, const struct meta *m, struct err_text *why)
{
	struct stats *s = ctx;
	const struct store_ops *ops = s->peek->ops;
	(void)m;
	s->shards++;
	enum err e = ops->values(h, SPACE_RECORD, stats_record, s, why);
	if (!e)
		e = ops->values(h, SPACE_HISTORY, stats_history, s, why);
	if (!e)
		e = ops->outbox(h, count_one, &s->outbox, why);
	return e ? e : ops->timers(h, count_one, &s->timers, why);
}

static uint32_t size_at(const struct stats *s, uint64_t total, double share)
{
	uint64_t want = (uint64_t)(share * (double)total), sum = 0;
	for (uint32_t i = 0; i < SIZES_MAX; i++) {
		sum += s->by_size[i];
		if (sum > want || (sum == total && sum))
			return i;
	}
	return 0;
}

static void print_stats(const struct stats *s)
{
	static const char *const kinds[] = {"numbers", "accounts", "trunks", "blocks"};
	static const struct {
		const char *name;
		double share;
	} points[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"max", 1}};
	uint64_t total = s->kinds[0] + s->kinds[1] + s->kinds[2] + s->kinds[3];
	struct buf b = {0};
	struct json j;
	json_init_buf(&j, &b);
	json_open(&j, '{');
	json_key(&j, "shards");
	json_uint(&j, s->shards);
	json_key(&j, "subjects");
	json_uint(&j, total);
	for (int i = 0; i < 4; i++) {
		json_key(&j, kinds[i]);
		json_uint(&j, s->kinds[i]);
	}
	json_key(&j, "record_bytes");
	json_uint(&j, s->bytes);
	json_key(&j, "record_size");
	json_open(&j, '{');
	json_key(&j, "mean");
	json_uint(&j, total ? s->bytes / total : 0);
	for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
		json_key(&j, points[i].name);
		json_uint(&j, size_at(s, total, points[i].share));
	}
	json_close(&j, '}');
	json_key(&j, "unreadable");
	json_uint(&j, s->unreadable);
	json_key(&j, "histories");
	json_uint(&j, s->histories);
	json_key(&j, "history_bytes");
	json_uint(&j, s->history_bytes);
	json_key(&j, "timers");
	json_uint(&j, s->timers);
	json_key(&j, "outbox");
	json_uint(&j, s->outbox);
	json_key(&j, "hottest");
	json_open(&j, '[');
	for (int i = 0; i < HOTTEST && s->hottest[i].calls; i++) {
		json_open(&j, '{');
		json_key(&j, "number");
		json_string(&j, s->hottest[i].key);
		json_key(&j, "calls");
		json_uint(&j, s->hottest[i].calls);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
	buf_put_u8(&b, '\n');
	fwrite(b.data, 1, b.len, stdout);
	buf_release(&b);
}

enum err state_stats(const struct peek *p, struct err_text *why)
{
	struct stats s = {.peek = p, .by_size = mem_zalloc(SIZES_MAX * sizeof(uint32_t))};
	enum err e = each_shard(p, stats_shard, &s, why);
	if (!e)
		print_stats(&s);
	free(s.by_size);
	return e;
}

/* ---- check ---- */

struct due {
	struct slice key; /* owned by the arena */
	int64_t due_ms;
};

struct dues {
	struct arena arena;
	struct due *v;
	size_t cnt, cap;
};

struct head {
	struct slice key; /* owned by the arena of `wanted` */
	struct history_head of;
	bool found;
};

struct heads {
	struct head *v;
	size_t cnt, cap;
};

struct check {
	const struct peek *peek;
	struct rules_scratch *scratch;
	const struct meta *meta;
	struct dues wanted, listed; /* timers by the records; timers of the list */
	struct heads heads;         /* where histories end, by the records */
	struct arena scrap;         /* of one history */
	uint64_t records, timers, histories, faults;
};

PRINTF_LIKE(2, 3)
static void fault(struct check *c, const char *fmt, ...)
{
	va_list ap;
	c->faults++;
	fprintf(stderr, "ringfence: %s:%d: ", c->peek->set.topics.cdr, c->meta->partition);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static void dues_add(struct dues *d, struct slice key, int64_t due_ms)
{
	if (d->cnt == d->cap) {
		d->cap = d->cap ? 2 * d->cap : 256;
		d->v = mem_realloc(d->v, d->cap * sizeof *d->v);
	}
	d->v[d->cnt++] = (struct due){arena_copy(&d->arena, key), due_ms};
}

static int by_key(const void *a, const void *b)
{
	return slice_cmp(((const struct due *)a)->key, ((const struct due *)b)->key);
}

static void want(struct check *c, struct slice key, const struct rules_view *v)
{
	struct heads *h = &c->heads;
	if (v->due_ms != TIME_NONE)
		dues_add(&c->wanted, key, v->due_ms);
	if (!v->has_history)
		return;
	if (h->cnt == h->cap) {
		h->cap = h->cap ? 2 * h->cap : 256;
		h->v = mem_realloc(h->v, h->cap * sizeof *h->v);
	}
	h->v[h->cnt++] = (struct head){arena_copy(&c->wanted.arena, key), v->history, false};
}

static void unheard(void *ctx, struct event *e)
{
	(void)ctx;
	(void)e;
}

static enum err check_record(void *ctx, struct slice key, struct slice value, int64_t number)
{
	struct check *c = ctx;
	struct subject sub;
	struct err_text why;
	struct rules_view view;
	(void)number;
	c->records++;
	if (record_decode(value, &sub, &why)) {
		fault(c, SLICE_FMT ": %s", SLICE_ARG(key), why.text);
		return ERR_OK;
	}
	struct rules_subject rs = {.key = key, .kind = subject_kind_of(key), .state = sub.state, .state_len = sub.state_len};
	rules_scratch_reset(c->scratch);
	if (rules_state_check(sub.state, sub.state_len, &why))
		fault(c, SLICE_FMT ": %s", SLICE_ARG(key), why.text);
	else if (rules_view(c->scratch, c->peek->rules, &rs, &view))
		fault(c, SLICE_FMT ": its alerts and phase cannot be read", SLICE_ARG(key));
	else
		want(c, key, &view);
	if (sub.clock_ms != TIME_NONE && c->meta->cdr_clock_ms != TIME_NONE && subject_kind_of(key) == SUBJECT_NUMBER &&
	    sub.clock_ms > c->meta->cdr_clock_ms)
		fault(c, SLICE_FMT ": its clock is ahead of its shard's", SLICE_ARG(key));
	subject_release(&sub);
	return ERR_OK;
}

static enum err check_timer(void *ctx, struct slice key, struct slice value, int64_t due_ms)
{
	struct check *c = ctx;
	(void)value;
	c->timers++;
	dues_add(&c->listed, key, due_ms);
	return ERR_OK;
}

/* Both lists by key, side by side. */
static void compare_timers(struct check *c)
{
	char a[TIME_TEXT_BYTES], b[TIME_TEXT_BYTES];
	struct dues *w = &c->wanted, *l = &c->listed;
	if (w->cnt)
		qsort(w->v, w->cnt, sizeof *w->v, by_key);
	if (l->cnt)
		qsort(l->v, l->cnt, sizeof *l->v, by_key);
	for (size_t i = 0, k = 0; i < w->cnt || k < l->cnt;) {
		int order = i == w->cnt ? 1 : k == l->cnt ? -1 : slice_cmp(w->v[i].key, l->v[k].key);
		if (order < 0)
			fault(c, SLICE_FMT ": its record wants a timer at %s, there is none", SLICE_ARG(w->v[i].key),
			      time_format(w->v[i].due_ms, a));
		else if (order > 0)
			fault(c, SLICE_FMT ": there is a timer at %s that its record does not want", SLICE_ARG(l->v[k].key),
			      time_format(l->v[k].due_ms, a));
		else if (w->v[i].due_ms != l->v[k].due_ms)
			fault(c, SLICE_FMT ": its record wants a timer at %s, there is one at %s", SLICE_ARG(w->v[i].key),
			      time_format(w->v[i].due_ms, a), time_format(l->v[k].due_ms, b));
		i += order <= 0;
		k += order >= 0;
	}
}

static enum err check_first_seen(void *ctx, struct slice key, struct slice value, int64_t number)
{
	struct check *c = ctx;
	struct seen_bucket b;
	struct err_text why;
	(void)number;
	if (seen_decode(value, &b, &why))
		fault(c, "first-seen days " SLICE_FMT ": %s", SLICE_ARG(key), why.text);
	return ERR_OK;
}

static int by_head(const void *a, const void *b)
{
	return slice_cmp(((const struct head *)a)->key, ((const struct head *)b)->key);
}

/* A history reads, and ends where its record says. */
static enum err check_history(void *ctx, struct slice key, struct slice value, int64_t number)
{
	struct check *c = ctx;
	struct history h;
	struct case_row rows[CASE_ROWS];
	struct err_text why;
	uint32_t damaged = 0, row_cnt = case_rows_read(value, rows, &damaged);
	const struct head wanted = {.key = key};
	(void)number;
	c->histories++;
	arena_reset(&c->scrap);
	struct head *at = c->heads.cnt ? bsearch(&wanted, c->heads.v, c->heads.cnt, sizeof wanted, by_head) : NULL;
	if (!at) {
		fault(c, SLICE_FMT ": it has a history that its record does not know", SLICE_ARG(key));
		return ERR_OK;
	}
	at->found = true;
	if (history_read(value, &c->scrap, &h, &why))
		fault(c, SLICE_FMT ": %s", SLICE_ARG(key), why.text);
	else if (h.head.entry_cnt != at->of.entry_cnt || h.head.segment != at->of.segment || h.head.used != at->of.used ||
		 h.head.slot != at->of.slot)
		fault(c, SLICE_FMT ": its history does not end where its record says", SLICE_ARG(key));
	if (damaged || row_cnt != (at->of.finished < CASE_ROWS ? at->of.finished : CASE_ROWS))
		fault(c, SLICE_FMT ": %u finished episodes are in its history, %u are damaged, its record knows %u", SLICE_ARG(key),
		      row_cnt, damaged, at->of.finished);
	return ERR_OK;
}

static enum err check_histories(struct check *c, struct store_shard *h, struct err_text *why)
{
	struct heads *all = &c->heads;
	if (all->cnt)
		qsort(all->v, all->cnt, sizeof *all->v, by_head);
	enum err e = c->peek->ops->values(h, SPACE_HISTORY, check_history, c, why);
	for (size_t i = 0; i < all->cnt && !e; i++)
		if (!all->v[i].found)
			fault(c, SLICE_FMT ": its history is missing", SLICE_ARG(all->v[i].key));
	all->cnt = 0;
	return e;
}

static enum err check_shard(void *ctx, struct store_shard *h, const struct meta *m, struct err_text *why)
{
	struct check *c = ctx;
	const struct store_ops *ops = c->peek->ops;
	c->meta = m;
	if (m->partitions != c->peek->partitions)
		fault(c, "its state was made with %d partitions, the deployment has %d", m->partitions, c->peek->partitions);
	if (m->cdr_next < 0 || m->control_next < 0 || m->relay_next < 0)
		fault(c, "an input position is missing: it was taken and never read");
	if (m->clock_ms < m->cdr_clock_ms)
		fault(c, "its clock is behind its CDRs");
	enum err e = ops->values(h, SPACE_RECORD, check_record, c, why);
	if (!e)
		e = ops->values(h, SPACE_SEEN, check_first_seen, c, why);
	if (!e)
		e = check_histories(c, h, why);
	if (!e)
		e = ops->timers(h, check_timer, c, why);
	if (!e)
		compare_timers(c);
	c->wanted.cnt = c->listed.cnt = 0;
	arena_reset(&c->wanted.arena);
	arena_reset(&c->listed.arena);
	return e;
}

enum err state_check(const struct peek *p, struct err_text *why)
{
	struct check c = {.peek = p, .scratch = rules_scratch_new(&p->set.policies, unheard, NULL)};
	arena_init(&c.wanted.arena, 64 << 10);
	arena_init(&c.listed.arena, 64 << 10);
	arena_init(&c.scrap, 64 << 10);
	enum err e = each_shard(p, check_shard, &c, why);
	if (!e)
		printf("%llu records, %llu timers, %llu histories in %d shards: %llu faults\n", (unsigned long long)c.records,
		       (unsigned long long)c.timers, (unsigned long long)c.histories, p->partitions, (unsigned long long)c.faults);
	rules_scratch_free(c.scratch);
	arena_release(&c.wanted.arena);
	arena_release(&c.listed.arena);
	arena_release(&c.scrap);
	free(c.heads.v);
	free(c.wanted.v);
	free(c.listed.v);
	if (!e && c.faults)
		e = err_set(why, ERR_NO,
			    "the stored state has %llu faults (above). Stop the service before a check: a commit in between looks like one",
			    (unsigned long long)c.faults);
	return e;
}
