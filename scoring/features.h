/* SPDX-License-Identifier: Apache-2.0 */
/* The plain feature struct that scoring fills and rules read: the one header of scoring that rules may include.
 * A rule set registers the figures that it needs (feature, window) as slots; a slot is computed when a rule first asks for it. */
#ifndef RINGFENCE_SCORING_FEATURES_H
#define RINGFENCE_SCORING_FEATURES_H

#include "base/clock.h"
#include "schemas/event.h" /* struct value */

#include <stdbool.h>
#include <stdint.h>

/* Whose figure it is. */
enum feature_of {
	OF_NUMBER = 1,
	OF_COHORT = 2, /* account, trunk, block */
	OF_BLOCK = 4,  /* a cohort that a call can be made to: blocks alone */
	OF_ALL = OF_NUMBER | OF_COHORT | OF_BLOCK,
};

/* How the value is made; scoring's own. */
enum feature_how {
	HOW_COUNT,
	HOW_RATIO,
	HOW_TALK_S,
	HOW_AVG_TALK_S,
	HOW_TOP,
	HOW_GAP_MEAN,
	HOW_GAP_CV,
	HOW_RUN,
	HOW_PEAK,
	HOW_DORMANT,
	HOW_AGE,
	HOW_OUTSIDE,
	HOW_BASELINE,
	HOW_HEALTH,
};

/* name, type of its value, takes a window?, whose, how made, counter (or figure from outside), counter that divides it. Meanings: DESIGN section 7. */
#define FEATURES(X)                                                                                        \
	X(CALLS, "calls", INT, 1, OF_ALL, HOW_COUNT, CALLS, CALLS)                                         \
	X(ANSWERED, "answered", INT, 1, OF_ALL, HOW_COUNT, ANSWERED, CALLS)                                \
	X(ANSWER_RATIO, "answer_ratio", DOUBLE, 1, OF_ALL, HOW_RATIO, ANSWERED, CALLS)                     \
	X(TALK_S, "talk_s", DOUBLE, 1, OF_ALL, HOW_TALK_S, ANSWERED, CALLS)                                \
	X(AVG_TALK_S, "avg_talk_s", DOUBLE, 1, OF_ALL, HOW_AVG_TALK_S, ANSWERED, CALLS)                    \
	X(SHORT6, "short6", INT, 1, OF_ALL, HOW_COUNT, SHORT6, CALLS)                                      \
	X(SHORT6_RATIO, "short6_ratio", DOUBLE, 1, OF_ALL, HOW_RATIO, SHORT6, ANSWERED)                    \
	X(SHORT10, "short10", INT, 1, OF_ALL, HOW_COUNT, SHORT10, CALLS)                                   \
	X(SHORT10_RATIO, "short10_ratio", DOUBLE, 1, OF_ALL, HOW_RATIO, SHORT10, ANSWERED)                 \
	X(LONG60, "long60", INT, 1, OF_ALL, HOW_COUNT, LONG60, CALLS)                                      \
	X(LONG60_RATIO, "long60_ratio", DOUBLE, 1, OF_ALL, HOW_RATIO, LONG60, ANSWERED)                    \
	X(LONG120, "long120", INT, 1, OF_ALL, HOW_COUNT, LONG120, CALLS)                                   \
	X(LONG120_RATIO, "long120_ratio", DOUBLE, 1, OF_ALL, HOW_RATIO, LONG120, ANSWERED)                 \
	X(CANCELLED, "cancelled", INT, 1, OF_ALL, HOW_COUNT, CANCELLED, CALLS)                             \
	X(CANCEL_RATIO, "cancel_ratio", DOUBLE, 1, OF_ALL, HOW_RATIO, CANCELLED, CALLS)                    \
	X(BUSY, "busy", INT, 1, OF_ALL, HOW_COUNT, BUSY, CALLS)                                            \
	X(BUSY_RATIO, "busy_ratio", DOUBLE, 1, OF_ALL, HOW_RATIO, BUSY, CALLS)                             \
	X(NO_ANSWER, "no_answer", INT, 1, OF_ALL, HOW_COUNT, NO_ANSWER, CALLS)                             \
	X(NO_ANSWER_RATIO, "no_answer_ratio", DOUBLE, 1, OF_ALL, HOW_RATIO, NO_ANSWER, CALLS)              \
	X(REJECTED, "rejected", INT, 1, OF_ALL, HOW_COUNT, REJECTED, CALLS)                                \
	X(REJECTED_RATIO, "rejected_ratio", DOUBLE, 1, OF_ALL, HOW_RATIO, REJECTED, CALLS)                 \
	X(INVALID, "invalid", INT, 1, OF_ALL, HOW_COUNT, INVALID, CALLS)                                   \
	X(INVALID_RATIO, "invalid_ratio", DOUBLE, 1, OF_ALL, HOW_RATIO, INVALID, CALLS)                    \
	X(NETWORK_FAILED, "network_failed", INT, 1, OF_ALL, HOW_COUNT, NETWORK, CALLS)                     \
	X(NETWORK_FAILED_RATIO, "network_failed_ratio", DOUBLE, 1, OF_ALL, HOW_RATIO, NETWORK, CALLS)      \
	X(CALLEES, "callees", INT, 1, OF_ALL, HOW_COUNT, CALLEES, CALLS)                                   \
	X(CALLEE_RATIO, "callee_ratio", DOUBLE, 1, OF_ALL, HOW_RATIO, CALLEES, CALLS)                      \
	X(TOP_CALLEE, "top_callee", INT, 1, OF_NUMBER, HOW_TOP, CALLS, CALLS)                              \
	X(NEIGHBOUR, "neighbour", INT, 1, OF_ALL, HOW_COUNT, NEIGHBOUR, CALLS)                             \
	X(NEIGHBOUR_RATIO, "neighbour_ratio", DOUBLE, 1, OF_ALL, HOW_RATIO, NEIGHBOUR, CALLS)              \
	X(REGIONS, "regions", INT, 1, OF_ALL, HOW_COUNT, REGIONS, CALLS)                                   \
	X(OFF_HOURS, "off_hours", INT, 1, OF_ALL, HOW_COUNT, OFF_HOURS, CALLS)                             \
	X(OFF_HOURS_RATIO, "off_hours_ratio", DOUBLE, 1, OF_ALL, HOW_RATIO, OFF_HOURS, ZONED)              \
	X(ZONED, "zoned", INT, 1, OF_ALL, HOW_COUNT, ZONED, CALLS)                                         \
	X(GAP_MEAN_S, "gap_mean_s", DOUBLE, 1, OF_ALL, HOW_GAP_MEAN, CALLS, CALLS)                         \
	X(GAP_CV, "gap_cv", DOUBLE, 1, OF_ALL, HOW_GAP_CV, CALLS, CALLS)                                   \
	X(SEQUENTIAL, "sequential", INT, 1, OF_ALL, HOW_RUN, CALLS, CALLS)                                 \
	X(PEAK_CPS, "peak_cps", INT, 1, OF_ALL, HOW_PEAK, CALLS, CALLS)                                    \
	X(ATTESTED, "attested", INT, 1, OF_ALL, HOW_COUNT, ATTESTED, CALLS)                                \
	X(ATTEST_BC_RATIO, "attest_bc_ratio", DOUBLE, 1, OF_ALL, HOW_RATIO, ATTEST_BC, ATTESTED)           \
	X(BLOCKED, "blocked", INT, 1, OF_ALL, HOW_COUNT, BLOCKED, CALLS)                                   \
	X(BLOCKED_RATIO, "blocked_ratio", DOUBLE, 1, OF_ALL, HOW_RATIO, BLOCKED, CALLS)                    \
	X(ABANDONED, "abandoned", INT, 1, OF_ALL, HOW_COUNT, ABANDONED, CALLS)                             \
	X(ABANDONED_RATIO, "abandoned_ratio", DOUBLE, 1, OF_ALL, HOW_RATIO, ABANDONED, ANSWERED)           \
	X(SHORT_RING, "short_ring", INT, 1, OF_ALL, HOW_COUNT, SHORT_RING, CALLS)                          \
	X(SHORT_RING_RATIO, "short_ring_ratio", DOUBLE, 1, OF_ALL, HOW_RATIO, SHORT_RING, RING_KNOWN)      \
	X(RING_KNOWN, "ring_known", INT, 1, OF_ALL, HOW_COUNT, RING_KNOWN, CALLS)                          \
	X(INCOMING, "incoming", INT, 1, OF_NUMBER | OF_BLOCK, HOW_COUNT, INCOMING, CALLS)                  \
	X(IN_PARTIES, "in_parties", INT, 1, OF_NUMBER | OF_BLOCK, HOW_COUNT, IN_PARTIES, CALLS)            \
	X(IN_OUT_RATIO, "in_out_ratio", DOUBLE, 1, OF_NUMBER | OF_BLOCK, HOW_RATIO, INCOMING, CALLS)       \
	X(FLAGS, "flags", INT, 1, OF_ALL, HOW_COUNT, FLAGS, CALLS)                                         \
	X(NUMBERS, "numbers", INT, 1, OF_COHORT, HOW_COUNT, NUMBERS, CALLS)                                \
	X(FLAGGED_NUMBERS, "flagged_numbers", INT, 1, OF_COHORT, HOW_COUNT, FLAGGED, CALLS)                \
	X(DORMANT_DAYS, "dormant_days", INT, 1, OF_ALL, HOW_DORMANT, CALLS, CALLS)                         \
	X(AGE_DAYS, "age_days", INT, 0, OF_ALL, HOW_AGE, CALLS, CALLS)                                     \
	X(PHASE, "phase", STRING, 0, OF_NUMBER, HOW_OUTSIDE, OUTSIDE_PHASE, CALLS)                         \
	X(PHASE_DAYS, "phase_days", INT, 0, OF_NUMBER, HOW_OUTSIDE, OUTSIDE_PHASE_DAYS, CALLS)             \
	X(EPISODE, "episode", INT, 0, OF_NUMBER, HOW_OUTSIDE, OUTSIDE_EPISODE, CALLS)                      \
	X(HEALTH, "health", INT, 0, OF_NUMBER, HOW_HEALTH, HEALTH_ALL, CALLS)                              \
	X(HEALTH_MATURITY, "health_maturity", INT, 0, OF_NUMBER, HOW_HEALTH, HEALTH_MATURITY, CALLS)       \
	X(HEALTH_CONNECTION, "health_connection", INT, 0, OF_NUMBER, HOW_HEALTH, HEALTH_CONNECTION, CALLS) \
	X(HEALTH_ENGAGEMENT, "health_engagement", INT, 0, OF_NUMBER, HOW_HEALTH, HEALTH_ENGAGEMENT, CALLS) \
	X(HEALTH_SENTIMENT, "health_sentiment", INT, 0, OF_NUMBER, HOW_HEALTH, HEALTH_SENTIMENT, CALLS)

enum feature {
#define X(n, ...) FEATURE_##n,
	FEATURES(X)
#undef X
		FEATURE_CNT,
	/* baseline("calls", "1h"): no plain name, so feature_find does not know it. Key: `base` is the feature that it is the mean of. */
	FEATURE_BASELINE = FEATURE_CNT,
};

struct feature_info {
	const char *name;
	enum value_type type;
	bool windowed;
	uint8_t of;     /* enum feature_of, bits */
	uint8_t how;    /* enum feature_how */
	uint8_t a, b;   /* counters */
	bool baselined; /* may stand in baseline(): counts and talk_s */
};

const struct feature_info *feature_info(enum feature f); /* FEATURE_BASELINE too */
bool feature_find(struct slice name, enum feature *f);

#define WINDOW_MIN_MS SECOND_MS
#define WINDOW_MAX_MS (31 * DAY_MS)
#define BASELINE_MS (7 * DAY_MS)

struct figure_key {
	enum feature feature;
	int64_t window_ms; /* 0 for a feature without window */
	enum feature base; /* FEATURE_BASELINE: of which feature, with window_ms < BASELINE_MS; else 0 */
};

#define FIGURES_MAX 4096 /* slots of one rule set */

/* Figures that other stages know: the pipeline sets them after figures_reset() and before a slot is read. */
enum outside_figure {
	OUTSIDE_PHASE, /* text; borrowed until the next reset */
	OUTSIDE_PHASE_DAYS,
	OUTSIDE_EPISODE,
	OUTSIDE_CNT
};

/* Health of a number, 0 to 100, and its parts (scoring/health.md). All are -1 with fewer than 20 calls made in the last 31 days, and of a cohort. */
enum health_part { HEALTH_ALL, HEALTH_MATURITY, HEALTH_CONNECTION, HEALTH_ENGAGEMENT, HEALTH_SENTIMENT, HEALTH_PARTS };
struct health {
	int32_t of[HEALTH_PARTS]; /* by enum health_part */
};
#define HEALTH_NONE ((struct health){{-1, -1, -1, -1, -1}})

/* A called number that answered. */
struct contact {
	uint64_t called;     /* number_pack (base/number.h) */
	int64_t answered_ms; /* event time (end) of the last call that it answered */
};
struct contact_rest {
	bool complete;   /* all that answered in the 31 days are told, or would be if there were room */
	uint32_t more;   /* known by name as well, but there was no room in `out` */
	int64_t lost_ms; /* whoever answered last at or before it may be missing; TIME_NONE: nobody. Complete again 31 days after it */
};
#define CONTACTS_MAX 640 /* as many are kept by name: the newest */

/* What was read of one window: scoring's own. */
#define WINDOW_COUNTERS 32
struct window {
	int64_t ms;
	uint32_t have; /* which parts are filled */
	bool wide;     /* reaches behind the exact calls */
	bool in_lane;
	uint8_t lane;        /* it came from */
	uint16_t from;       /* first exact call inside */
	uint16_t piece, cut; /* wide: oldest piece inside; the one before it (NO_PIECE) */
	uint64_t n[WINDOW_COUNTERS];
	uint64_t talk_ms;
	uint64_t gaps, gap_ms, gap_ms2; /* links between starts */
	uint32_t min_start, max_start;
	uint32_t run, peak, top;
};
#define FIGURE_WINDOWS 16 /* read at once; a rule set may have more, these are read one by one */

/* Slots that need no more than the sums of a window are filled together when the first of them is asked for, those that count distinct values as well
 * when the first of these is: scoring's own. */
#define FIGURE_PLANNED 512 /* beyond, slots are filled one by one */
enum figure_group { GROUP_PLAIN, GROUP_DISTINCT, GROUP_CNT };
enum figure_list { LIST_COUNT, LIST_RATIO, LIST_TALK, LIST_AVG_TALK, LIST_CNT }; /* what is done with the words */
struct figure_plan {
	uint32_t value; /* where it goes and what of, in bytes: after the first value, after the first window */
	uint16_t a, b;
};

/* One local calendar day of a number, by start of its calls, as far as the record remembers: calls that ended in the 31 days up to as_of.
 * The newest 128 calls are told exactly. Of older ones only aggregates of neighbouring calls are left, each with its first and last start; one that spans
 * several days is spread over them evenly in time. So the sum over all days is right, and of one day at most `spread` calls may belong to a day beside it,
 * or its may be missing here. */
struct day_total {
	int64_t day; /* local, days since 1970-01-01 */
	uint64_t calls, answered;
	uint64_t talk_ms; /* of answered calls, counted whole on the day that the call started */
	uint64_t spread;  /* calls of aggregates that reach into this day and into others: the bound of the error */
	int32_t callees;  /* distinct called numbers, -1 unless all its calls are among the newest 128 */
	bool partly;      /* the 31 days begin within it: calls of its morning are not remembered */
};
#define DAY_TOTALS_MAX 33

/* One subject's figures at one time. Zero it, set keys, n, filled, values; then figures_reset per evaluation. */
struct figures {
	const struct figure_key *keys; /* borrows the rule set's list */
	uint32_t n;
	uint64_t *filled; /* bitmap of n bits */
	struct value *values;
	void (*fill)(struct figures *f, uint32_t slot); /* computes one slot */
	/* What rules ask of the subject beside slots; set by figures_reset(), called by the functions below. */
	void (*health)(const struct figures *f, struct health *out);
	uint32_t (*contacts)(const struct figures *f, struct contact *out, uint32_t max, struct contact_rest *rest);
	uint32_t (*days)(const struct figures *f, uint16_t zone, struct day_total out[DAY_TOTALS_MAX]);
	const void *subject; /* whose figures: scoring's own */
	int64_t as_of_ms;    /* the windows end here */
	struct value outside[OUTSIDE_CNT];
	/* scoring's own */
	const struct figure_key *windows_of; /* the keys that the windows were seen in */
	uint32_t windows_n;                  /* and how many: whoever changes keys in place sets windows_of to NULL */
	uint32_t window_cnt;
	uint32_t distinct_windows[3]; /* bits: whose distinct called numbers, regions, callers are asked for */
	bool asks_outside;
	uint64_t planned[GROUP_CNT][FIGURES_MAX / 64];
	uint16_t list_end[GROUP_CNT][LIST_CNT];
	struct figure_plan plan[FIGURE_PLANNED]; /* by group, then list */
	struct window windows[FIGURE_WINDOWS];   /* by length */
	struct window other;                     /* one that found no place */
};

static inline struct value figure_get(struct figures *f, uint32_t slot)
{
	if (!(f->filled[slot / 64] >> (slot % 64) & 1))
		f->fill(f, slot);
	return f->values[slot];
}

/* The same health as the slots have, as of the time of these figures. Without a subject (unit tests of rules): nothing is known. */
static inline void figures_health(const struct figures *f, struct health *out)
{
	*out = HEALTH_NONE;
	if (f && f->health)
		f->health(f, out);
}

/* subject_contacts() as of the time of these figures (scoring.h). */
static inline uint32_t figures_contacts(const struct figures *f, struct contact *out, uint32_t max, struct contact_rest *rest)
{
	*rest = (struct contact_rest){.complete = true, .lost_ms = TIME_NONE};
	return f && f->contacts ? f->contacts(f, out, max, rest) : 0;
}

/* subject_days() as of the time of these figures (scoring.h). */
static inline uint32_t figures_days(const struct figures *f, uint16_t zone, struct day_total out[DAY_TOTALS_MAX])
{
	return f && f->days ? f->days(f, zone, out) : 0;
}

#endif
