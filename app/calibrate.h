/* SPDX-License-Identifier: Apache-2.0 */
/* What rules would have done: past CDRs through every rule at every step of its ladders, in one pass. The pass is calibrate.c, the truth about numbers
 * calibrate_truth.c, the reports calibrate_table.c (terminal), calibrate_json.c, calibrate_html.c
 * and its plots calibrate_plot.c. */
#ifndef RINGFENCE_APP_CALIBRATE_H
#define RINGFENCE_APP_CALIBRATE_H

#include "app/calibrate_pending.h"
#include "app/number_map.h"
#include "app/replay.h"
#include "app/spread.h"
#include "rules/ruleset.h"

#define KINDS_MAX 64           /* of numbers, in a truth file */
#define EXAMPLES_MAX 8         /* of one trial */
#define EXAMPLES_PLAIN 3       /* without a truth file: the first so many; with one: the first of each kind */
#define OVERLAP_RULES_MAX 1000 /* more rules than these: overlaps are not counted */

/* ---- the truth about numbers: what kind each is ---- */

struct truth {
	struct number_map kind_of; /* kind + 1 */
	struct arena arena;        /* names */
	struct slice kinds[KINDS_MAX + 1];
	uint32_t kind_cnt;               /* with the last one: numbers that the file does not name */
	uint64_t numbers[KINDS_MAX + 1]; /* of each kind, that called */
};
#define TRUTH_UNKNOWN "(unknown)"

/* `number,kind,...`, a header line first. Errors with file and line. */
enum err truth_load(const char *path, struct truth *out, struct err_text *why) MUST_CHECK;
void truth_release(struct truth *t);
uint32_t truth_kind(const struct truth *t, uint64_t number); /* index into kinds */

/* ---- trials ---- */

struct example {
	struct slice number;
	int64_t time_ms;
	uint64_t calls; /* so many it had made */
	uint32_t kind;
	struct value *figures; /* in the order of the program's */
};

/* One thing that is tried: a rule as loaded, or at a step of one of its ladders. A number is caught once, when the alert would first have been raised. */
struct trial {
	struct rules_choice of;
	uint64_t numbers;                         /* caught */
	uint64_t calls;                           /* that these made in all */
	uint64_t calls_before;                    /* of these, until each was caught, that call included */
	uint64_t alone;                           /* a rule in force: numbers that no other rule in force caught */
	uint64_t errors;                          /* evaluations that ended in what CEL calls an error */
	int64_t first_ms;                         /* the earliest catch; TIME_NONE */
	struct spread calls_until, seconds_until; /* per number: its calls until then; the time since it was first seen */
	uint64_t *kinds;                          /* with a truth: numbers caught of each kind */
	struct example examples[EXAMPLES_MAX];
	uint32_t example_cnt;
};

/* A number at which some condition was ever true. */
struct suspect {
	uint64_t number; /* packed */
	uint64_t calls;
	uint32_t pending; /* the first of its alerts that are pending, + 1 */
	uint16_t key_len;
	char key[E164_MAX_BYTES];
};

struct calibrate {
	struct rules *rules;  /* as loaded */
	struct rules *trying; /* rule i of it is trial i */
	struct policies policies;
	struct rules_scratch *scratch;
	struct figures *figures;
	int64_t lateness_ms;
	struct trial *trials;
	uint32_t trial_cnt;
	uint32_t *in_force;     /* per rule: its trial with the values in force */
	uint32_t *ladder_trial; /* per ladder: the trial of its first step, the others behind it */

	struct number_map suspect_of; /* index + 1 */
	struct suspect *suspects;
	uint64_t *caught; /* per suspect `words` words: a bit per trial */
	uint32_t suspect_cnt, suspect_cap, words;
	struct pendings pendings;
	struct table *table; /* of the shard */
	int64_t clock_ms;    /* of the shard */
	uint64_t evaluations;

	struct truth *truth;       /* NULL: none. Borrowed */
	struct number_map callers; /* all that called */
	uint64_t calls;
	uint32_t *overlap; /* rules x rules: numbers that both caught; NULL: not counted */
	struct replay_sums sums;
	double seconds;
	struct arena arena; /* examples */
};

/* `rules`: one more owner. ERR_LIMIT: too many steps. */
enum err calibrate_new(struct rules *rules, struct truth *truth, struct calibrate **out, struct err_text *why) MUST_CHECK;
void calibrate_free(struct calibrate *x);
/* The pass: `files` and `records` of `c`, one partition. No rule acts: numbers stay in phase `active`. */
enum err calibrate_run(struct calibrate *x, const struct settings *set, const struct replay_config *c, struct err_text *why) MUST_CHECK;

/* ---- what reports share ---- */

static inline const struct rule *trial_rule(const struct calibrate *x, uint32_t trial)
{
	return &x->rules->rules[x->trials[trial].of.rule];
}
/* "CallBurstHour", and "CallBurstHour (critical)" if another rule has that name. */
void calibrate_rule_label(const struct calibrate *x, uint32_t rule, struct buf *out);
/* A number, a text as it stands in expressions without quotes. */
void value_show(struct value v, struct buf *out);
/* A figure for people: four digits of a double. */
void calibrate_figure(struct value v, struct buf *out);
/* The value of the parameter that a trial tries, or "as loaded"; and whether it is the one in force. */
void calibrate_step_label(const struct calibrate *x, uint32_t trial, struct buf *out);
bool calibrate_is_in_force(const struct calibrate *x, uint32_t trial);
const char *calibrate_grouped(uint64_t v); /* "1,234,567". Valid until the fourth call after it, of one thread */
/* "1d 3h", two parts: a time of some seconds. Returns `out`. */
const char *calibrate_spell(uint64_t seconds, char out[32]);
double share_of(uint64_t part, uint64_t all); /* 0 of 0 is 0 */
uint64_t calibrate_both(const struct calibrate *x, uint32_t rule_a, uint32_t rule_b);
double calibrate_jaccard(const struct calibrate *x, uint32_t rule_a, uint32_t rule_b); /* numbers of both / numbers of either */

/* Aligned, at most 100 columns but for long expressions. */
void calibrate_table(const struct calibrate *x, struct buf *out);
/* One JSON object; rules/README.md has its fields. */
void calibrate_json(const struct calibrate *x, struct buf *out);
/* One page that needs nothing from elsewhere. */
void calibrate_html(const struct calibrate *x, struct buf *out);

/* ---- calibrate_plot.c: pieces of that page ---- */

/* Of `cnt` trials side by side: numbers caught; calls until caught. */
void plot_numbers(const struct calibrate *x, uint32_t first, uint32_t cnt, struct buf *out);
void plot_calls_until(const struct calibrate *x, uint32_t first, uint32_t cnt, struct buf *out);

#endif
