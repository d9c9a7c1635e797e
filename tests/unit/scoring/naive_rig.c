/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "tests/unit/scoring/naive_rig.h"

#include "base/hash.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define BEGIN_MS INT64_C(1767571200000)

uint64_t rig_roll(struct rig *r, uint64_t n)
{
	r->seed += UINT64_C(0x9e3779b97f4a7c15);
	uint64_t x = r->seed;
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return (x ^ x >> 31) % n;
}

static bool chance(struct rig *r, uint32_t a_1000)
{
	return rig_roll(r, 1000) < a_1000;
}

void rig_init(struct rig *r, uint64_t seed, bool cohort)
{
	memset(r, 0, sizeof *r);
	r->seed = seed;
	r->now_ms = BEGIN_MS;
	r->key = cohort ? "account:ACME" : "+15551230000";
	r->table = table_new(0);
	r->subject = table_add(r->table, slice_of(r->key), hash64(r->key, strlen(r->key), 0), BEGIN_MS, -1);
	naive_init(&r->naive, cohort);
}

void rig_release(struct rig *r)
{
	table_free(r->table);
	naive_release(&r->naive);
}

struct shape rig_shape(struct rig *r)
{
	struct shape s = {.gap_ms = (int64_t)(10 + (UINT64_C(1) << rig_roll(r, 24)) / 2)};
	s.late_a_1000 = rig_roll(r, 3) ? (uint32_t)rig_roll(r, 200) : 0;
	s.late_places = (uint32_t)rig_roll(r, 60);
	s.quantum_ms = rig_roll(r, 2) ? 1 : rig_roll(r, 2) ? 1000 : 60000;
	s.lasted_ms = (int64_t)(UINT64_C(1) << rig_roll(r, 22));
	s.lasted_same = rig_roll(r, 4) == 0;
	s.long_a_1000 = rig_roll(r, 3) ? 0 : (uint32_t)rig_roll(r, 20);
	s.callees = 1 + (uint32_t)(rig_roll(r, 2) ? rig_roll(r, 40) : rig_roll(r, 5000));
	s.run_a_1000 = rig_roll(r, 2) ? (uint32_t)rig_roll(r, 1000) : 0;
	s.callers = 1 + (uint32_t)rig_roll(r, 200);
	s.answered_a_1000 = (uint32_t)rig_roll(r, 1001);
	s.jump_a_1000 = rig_roll(r, 3) ? 0 : 5;
	return s;
}

static const char *make_called(struct rig *r)
{
	static const char *const formats[] = {"+1555%07llu",     "+1212555%04llu", "+4420%08llu", "%llu",
					      "+15551239%03llu", "sip-%llu",       "+9180%08llu"};
	uint64_t id = r->shape.run_a_1000 && chance(r, r->shape.run_a_1000) ? r->last_callee + 1 : rig_roll(r, r->shape.callees);
	r->last_callee = id;
	const char *format = r->shape.run_a_1000 ? formats[0] : formats[id % 7];
	snprintf(r->called, sizeof r->called, format, (unsigned long long)(id % 1000));
	if (r->shape.run_a_1000 || id >= 1000)
		snprintf(r->called, sizeof r->called, "+1555%07llu", (unsigned long long)id);
	return r->called;
}

static int64_t quantised(const struct rig *r, int64_t ms)
{
	return ms / r->shape.quantum_ms * r->shape.quantum_ms;
}

static int64_t make_lasted(struct rig *r)
{
	const struct shape *s = &r->shape;
	if (s->lasted_same)
		return s->lasted_ms;
	if (chance(r, s->long_a_1000))
		return 10 * HOUR_MS;
	if (chance(r, 3))
		return -(int64_t)rig_roll(r, 5000); /* clocks of two machines */
	return (int64_t)rig_roll(r, (uint64_t)s->lasted_ms * 2 + 1);
}

static void make_outcome(struct rig *r, struct cdr *c)
{
	static const int32_t sip[] = {200, 603, 607, 608, 486, 0};
	static const char attest[] = {0, 'A', 'B', 'C'};
	c->disposition = (uint8_t)(chance(r, r->shape.answered_a_1000) ? DISPOSITION_ANSWERED : rig_roll(r, 8));
	c->answered = c->disposition == DISPOSITION_ANSWERED;
	int64_t lasted = c->event_ms > c->start_ms ? c->event_ms - c->start_ms : 0;
	int64_t edges[] = {0, 3000, 6000, 9999, 10000, 60000, 119999, 120000};
	c->talk_ms = !c->answered ? 0 : rig_roll(r, 3) ? (int64_t)rig_roll(r, (uint64_t)lasted + 1) : edges[rig_roll(r, 8)];
	c->ring_ms = rig_roll(r, 3) ? (int64_t)rig_roll(r, 30000) : CDR_NONE;
	c->release_party = (uint8_t)rig_roll(r, 4);
	c->sip_status = sip[rig_roll(r, 6)];
	c->sip_reason = rig_roll(r, 2) ? SLICE_LIT("Network Blocked") : SLICE_LIT("Decline");
	c->stir_attest = attest[rig_roll(r, 4)];
}

struct cdr rig_cdr(struct rig *r)
{
	struct cdr c = {.use = CDR_COUNT};
	const struct shape *s = &r->shape;
	r->now_ms += (int64_t)rig_roll(r, (uint64_t)s->gap_ms * 2 + 1);
	if (chance(r, s->jump_a_1000))
		r->now_ms += (int64_t)rig_roll(r, 20) * DAY_MS;
	int64_t late_ms = chance(r, s->late_a_1000) ? (int64_t)rig_roll(r, s->late_places + 1) * s->gap_ms : 0;
	c.event_ms = quantised(r, r->now_ms - late_ms);
	c.start_ms = c.event_ms - make_lasted(r);
	c.called_number = c.callee = SLICE_NONE;
	if (rig_roll(r, 50)) {
		c.callee = slice_of(make_called(r));
		c.called_number = r->called[0] == '+' ? c.callee : SLICE_NONE;
	}
	snprintf(r->caller, sizeof r->caller, "+1555123%04llu", (unsigned long long)(r->naive.cohort ? rig_roll(r, s->callers) : 0));
	c.calling_number = slice_of(r->caller);
	uint64_t id = r->next_id++;
	c.id_hash = (uint32_t)hash64(&id, sizeof id, 0);
	make_outcome(r, &c);
	return c;
}

bool rig_call(struct rig *r, const struct cdr *c)
{
	bool late, counted = naive_call(&r->naive, c);
	enum call_fate fate;
	if (r->naive.cohort) {
		struct facts f;
		facts_of(c, &f);
		fate = subject_add_copy(r->table, r->subject, &f, number_pack(c->calling_number), 6 * HOUR_MS, &late);
	} else {
		fate = subject_add_call(r->table, r->subject, c, 6 * HOUR_MS, &late);
	}
	assert_int_equal(counted, fate == CALL_APPLIED || fate == CALL_LATE_KEPT);
	return counted;
}

void rig_reload(struct rig *r)
{
	struct buf b = {0}, again = {0};
	struct err_text why;
	uint64_t hash = r->subject->key_hash;
	record_encode(r->subject, &b);
	table_clear(r->table);
	if (table_load(r->table, slice_of(r->key), hash, buf_slice(&b), &r->subject, &why) != ERR_OK)
		fail_msg("%s", why.text);
	record_encode(r->subject, &again);
	assert_int_equal(again.len, b.len);
	assert_memory_equal(again.data, b.data, b.len);
	buf_release(&b);
	buf_release(&again);
}

struct value rig_figure(struct rig *r, struct figure_key k, int64_t as_of_ms)
{
	static struct figures f;
	uint64_t filled[1];
	struct value values[1];
	f.keys = &k;
	f.n = 1;
	f.filled = filled;
	f.values = values;
	f.windows_of = NULL;
	figures_reset(&f, r->subject, as_of_ms);
	return figure_get(&f, 0);
}

int64_t rig_window(struct rig *r)
{
	int64_t w = 1000 + (int64_t)rig_roll(r, UINT64_C(1) << (10 + rig_roll(r, 22)));
	const struct naive *n = &r->naive;
	if (n->cnt && rig_roll(r, 2)) { /* just in, just out */
		size_t back = rig_roll(r, rig_roll(r, 2) ? n->cnt : n->cnt < 200 ? n->cnt : 200);
		w = n->clock_ms - n->calls[n->cnt - 1 - back].event_ms + (int64_t)rig_roll(r, 3) - 1;
	}
	return w < WINDOW_MIN_MS ? WINDOW_MIN_MS : w > WINDOW_MAX_MS ? WINDOW_MAX_MS : w;
}

/* ---- comparing ---- */

static double as_double(struct value v)
{
	return v.type == VALUE_INT ? (double)v.i : v.d;
}

static bool near(double a, double b)
{
	return fabs(a - b) <= 1e-9 * (1 + fabs(a) + fabs(b));
}

struct comparison {
	struct rig *rig;
	int64_t window_ms, as_of_ms;
	const struct naive_call *from, *edge; /* the window; the calls that scoring took it for */
	size_t cnt, edge_cnt;
	bool orders_agree;
	size_t disorder;
	struct rig_errors *errors;
};

static bool applies(const struct rig *r, enum feature f)
{
	const struct feature_info *i = feature_info(f);
	return i->how != HOW_OUTSIDE && i->how != HOW_HEALTH /* test_health.c */ && (i->of & (r->naive.cohort ? OF_COHORT : OF_NUMBER));
}

static void fail_at(const struct comparison *c, enum feature f, double got, double want)
{
	fail_msg("%s over %lld ms as of %lld (clock %lld, %zu calls in it, %zu taken): got %.17g, want %.17g", feature_info(f)->name,
		 (long long)c->window_ms, (long long)c->as_of_ms, (long long)c->rig->naive.clock_ms, c->cnt, c->edge_cnt, got, want);
}

static void compare_exact(struct comparison *c, enum feature f)
{
	struct figure_key k = {.feature = f, .window_ms = feature_info(f)->windowed ? c->window_ms : 0};
	double got = as_double(rig_figure(c->rig, k, c->as_of_ms));
	k.window_ms = c->window_ms;
	double want = as_double(naive_figure(&c->rig->naive, &k, c->as_of_ms, c->from, c->cnt));
	c->errors->comparisons++;
	if (!near(got, want))
		fail_at(c, f, got, want);
}

static double share(double got, double want)
{
	return want > 0 ? (want - got) / want : 0;
}

static double worse(double a, double b)
{
	return a > b ? a : b;
}

/* Of the true window, exact up to 64 values. */
static void compare_distinct(struct comparison *c, enum feature f, double got)
{
	struct figure_key k = {.feature = f, .window_ms = c->window_ms};
	double want = as_double(naive_figure(&c->rig->naive, &k, c->as_of_ms, c->from, c->cnt)), calls = (double)c->edge_cnt;
	if (f == FEATURE_CALLEE_RATIO) {
		got *= calls;
		k.feature = FEATURE_CALLEES;
		want = as_double(naive_figure(&c->rig->naive, &k, c->as_of_ms, c->from, c->cnt));
	}
	want = want > calls ? calls : want;
	if (want <= 64 || f == FEATURE_REGIONS ? !near(got, want) : fabs(got - want) > 0.4 * want || got > calls + 1e-6)
		fail_at(c, f, got, want);
}

static int by_start(const void *a, const void *b)
{
	const struct naive_call *x = *(const struct naive_call *const *)a, *y = *(const struct naive_call *const *)b;
	if (x->start_ms != y->start_ms)
		return x->start_ms < y->start_ms ? -1 : 1;
	return x->arrival < y->arrival ? -1 : 1;
}

/* By how many places the orders by event time, by start and by arrival differ at most. Up to 64, any two neighbours by start end at most 128 apart. */
static size_t disorder(const struct naive *n)
{
	const struct naive_call **o = mem_alloc((n->cnt + 1) * sizeof *o);
	size_t worst = 0;
	for (size_t i = 0; i < n->cnt; i++)
		o[i] = &n->calls[i];
	qsort(o, n->cnt, sizeof *o, by_start);
	for (size_t i = 0; i < n->cnt; i++) {
		size_t end = (size_t)(o[i] - n->calls), arrived = (size_t)o[i]->arrival - 1;
		size_t d = end > i ? end - i : i - end, e = end > arrived ? end - arrived : arrived - end;
		worst = d > worst ? d : worst;
		worst = e > worst ? e : worst;
	}
	free(o);
	return worst;
}

static void compare_gap(struct comparison *c, enum feature f, double got, double want)
{
	double *worst = f == FEATURE_GAP_CV ? &c->errors->gap_cv : &c->errors->gap_mean;
	double wrong = want > 0 ? fabs(got - want) / want : 0;
	if (c->orders_agree && !near(got, want))
		fail_at(c, f, got, want);
	if (c->disorder > 64)
		return;
	*worst = worse(*worst, wrong);
	if (f == FEATURE_GAP_MEAN_S && wrong > 1e-9)
		fail_at(c, f, got, want);
	c->errors->gap_cvs += f == FEATURE_GAP_CV;
	c->errors->gap_cvs_off += f == FEATURE_GAP_CV && wrong > 0.1;
}

static void compare_wide(struct comparison *c, enum feature f)
{
	struct figure_key k = {.feature = f, .window_ms = feature_info(f)->windowed ? c->window_ms : 0};
	struct naive *n = &c->rig->naive;
	double got = as_double(rig_figure(c->rig, k, c->as_of_ms));
	k.window_ms = c->window_ms;
	double edge = as_double(naive_figure(n, &k, c->as_of_ms, c->edge, c->edge_cnt));
	double truth = as_double(naive_figure(n, &k, c->as_of_ms, c->from, c->cnt));
	c->errors->comparisons++;
	if (f == FEATURE_CALLEES || f == FEATURE_CALLEE_RATIO || f == FEATURE_REGIONS || f == FEATURE_NUMBERS) {
		compare_distinct(c, f, got);
	} else if (f == FEATURE_GAP_MEAN_S || f == FEATURE_GAP_CV) {
		compare_gap(c, f, got, edge);
	} else if (f == FEATURE_TOP_CALLEE) {
		if (got > truth || got < 1)
			fail_at(c, f, got, truth);
	} else if (f == FEATURE_SEQUENTIAL || f == FEATURE_PEAK_CPS) {
		if (got > truth || got < 1 || (c->orders_agree && !near(got, edge)))
			fail_at(c, f, got, c->orders_agree ? edge : truth);
	} else if (!near(got, edge)) {
		fail_at(c, f, got, edge);
	}
}

void rig_compare(struct rig *r, int64_t window_ms, int64_t as_of_ms, bool orders_agree, struct rig_errors *e)
{
	struct comparison c = {.rig = r, .window_ms = window_ms, .as_of_ms = as_of_ms, .orders_agree = orders_agree, .errors = e};
	c.cnt = naive_window(&r->naive, window_ms, as_of_ms, &c.from);
	c.edge_cnt = (size_t)rig_figure(r, (struct figure_key){.feature = FEATURE_CALLS, .window_ms = window_ms}, as_of_ms).i;
	if (c.cnt <= 128) {
		for (int f = 0; f < FEATURE_CNT; f++)
			if (applies(r, (enum feature)f))
				compare_exact(&c, (enum feature)f);
		return;
	}
	/* the newest so many calls: this is the edge */
	assert_true(c.edge_cnt <= c.cnt);
	c.edge = c.from + (c.cnt - c.edge_cnt);
	c.disorder = disorder(&r->naive);
	struct figure_key a = {.feature = FEATURE_ANSWERED, .window_ms = window_ms},
			  t = {.feature = FEATURE_TALK_S, .window_ms = window_ms};
	double answered = as_double(naive_figure(&r->naive, &a, as_of_ms, c.from, c.cnt));
	double talk = as_double(naive_figure(&r->naive, &t, as_of_ms, c.from, c.cnt));
	e->wide_windows++;
	e->calls = worse(e->calls, share((double)c.edge_cnt, (double)c.cnt));
	e->answered = worse(e->answered, share(as_double(rig_figure(r, a, as_of_ms)), answered));
	e->talk = worse(e->talk, share(as_double(rig_figure(r, t, as_of_ms)), talk));
	for (int f = 0; f < FEATURE_CNT; f++)
		if (applies(r, (enum feature)f))
			compare_wide(&c, (enum feature)f);
}
