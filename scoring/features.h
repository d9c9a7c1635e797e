/* SPDX-License-Identifier: Apache-2.0 */
/* The plain feature struct that scoring fills and rules read: the one header of scoring that rules may include.
 * A rule set registers the figures that it needs (feature, window) as slots; a slot is computed when a rule first asks for it. */
#ifndef RINGFENCE_SCORING_FEATURES_H
#define RINGFENCE_SCORING_FEATURES_H

#include "base/clock.h"
#include "schemas/event.h" /* struct value */

#include <stdbool.h>
#include <stdint.h>

/* name, type of its value, takes a window? Names and meanings: DESIGN section 7. More rows come with later parts. */
#define FEATURES(X)                                \
	X(CALLS, "calls", INT, 1)                  \
	X(ANSWERED, "answered", INT, 1)            \
	X(ANSWER_RATIO, "answer_ratio", DOUBLE, 1) \
	X(TALK_S, "talk_s", DOUBLE, 1)             \
	X(AVG_TALK_S, "avg_talk_s", DOUBLE, 1)     \
	X(SHORT6, "short6", INT, 1)                \
	X(SHORT6_RATIO, "short6_ratio", DOUBLE, 1) \
	X(CALLEES, "callees", INT, 1)              \
	X(CALLEE_RATIO, "callee_ratio", DOUBLE, 1)

enum feature {
#define X(n, name, type, windowed) FEATURE_##n,
	FEATURES(X)
#undef X
		FEATURE_CNT
};

struct feature_info {
	const char *name;
	enum value_type type;
	bool windowed;
};

const struct feature_info *feature_info(enum feature f);
bool feature_find(struct slice name, enum feature *f);

#define WINDOW_MIN_MS SECOND_MS
#define WINDOW_MAX_MS (31 * DAY_MS)

struct figure_key {
	enum feature feature;
	int64_t window_ms; /* 0 for a feature without window */
};

#define FIGURES_MAX 4096 /* slots of one rule set */

/* One subject's figures at one time. Reset per evaluation by clearing `filled`. */
struct figures {
	const struct figure_key *keys; /* borrows the rule set's list */
	uint32_t n;
	uint64_t *filled; /* bitmap of n bits */
	struct value *values;
	void (*fill)(struct figures *f, uint32_t slot); /* computes one slot; may fill others of the same window on the way */
	const void *subject;                            /* whose figures: scoring's own */
	int64_t as_of_ms;                               /* the windows end here */
};

static inline struct value figure_get(struct figures *f, uint32_t slot)
{
	if (!(f->filled[slot / 64] >> (slot % 64) & 1))
		f->fill(f, slot);
	return f->values[slot];
}

#endif
