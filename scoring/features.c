/* SPDX-License-Identifier: Apache-2.0 */
#include "scoring/calls.h"
#include "scoring/scoring.h"

#include <assert.h>

static const struct feature_info table[] = {
#define X(n, name, type, windowed) {name, VALUE_##type, windowed},
	FEATURES(X)
#undef X
};

const struct feature_info *feature_info(enum feature f)
{
	return &table[f];
}

bool feature_find(struct slice name, enum feature *f)
{
	for (int i = 0; i < FEATURE_CNT; i++)
		if (slice_is(name, table[i].name)) {
			*f = (enum feature)i;
			return true;
		}
	return false;
}

static double ratio(uint64_t a, uint64_t b)
{
	return b ? (double)a / (double)b : 0.0;
}

static struct value value_of(enum feature f, const struct window *w)
{
	struct value v = {.type = table[f].type};
	double talk_s = (double)w->talk_ms / 1000.0;
	switch (f) {
	case FEATURE_CALLS:
		v.i = (int64_t)w->calls;
		break;
	case FEATURE_ANSWERED:
		v.i = (int64_t)w->answered;
		break;
	case FEATURE_ANSWER_RATIO:
		v.d = ratio(w->answered, w->calls);
		break;
	case FEATURE_TALK_S:
		v.d = talk_s;
		break;
	case FEATURE_AVG_TALK_S:
		v.d = w->answered ? talk_s / (double)w->answered : 0.0;
		break;
	case FEATURE_SHORT6:
		v.i = (int64_t)w->short6;
		break;
	case FEATURE_SHORT6_RATIO:
		v.d = ratio(w->short6, w->answered);
		break;
	case FEATURE_CALLEES:
		v.i = (int64_t)w->callees;
		break;
	case FEATURE_CALLEE_RATIO:
		v.d = ratio(w->callees, w->calls);
		break;
	case FEATURE_CNT:
		assert(false);
	}
	return v;
}

/* One reading of the window serves all slots over it. */
static void fill(struct figures *f, uint32_t slot)
{
	const struct subject *s = f->subject;
	struct window w;
	int64_t window_ms = f->keys[slot].window_ms;
	calls_window(s->history, f->as_of_ms - window_ms, f->as_of_ms, &w);
	for (uint32_t i = 0; i < f->n; i++)
		if (f->keys[i].window_ms == window_ms) {
			f->values[i] = value_of(f->keys[i].feature, &w);
			f->filled[i / 64] |= UINT64_C(1) << (i % 64);
		}
}

void figures_reset(struct figures *f, const struct subject *s, int64_t as_of_ms)
{
	f->subject = s;
	f->as_of_ms = s->clock_ms != TIME_NONE && as_of_ms < s->clock_ms ? s->clock_ms : as_of_ms;
	f->fill = fill;
	for (uint32_t i = 0; i < (f->n + 63) / 64; i++)
		f->filled[i] = 0;
}
