/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a rule set: one generation, immutable once loaded, shared by all threads. */
#ifndef RINGFENCE_RULES_RULESET_H
#define RINGFENCE_RULES_RULESET_H

#include "rules/calendar.h"
#include "rules/chain.h"
#include "rules/expr.h"
#include "rules/lists.h"
#include "rules/providers.h"
#include "rules/rules.h"

#include <stdatomic.h>

#define RULES_MAX 10000
#define RULE_NAME_MAX 128
#define RULE_SEVERITY_MAX 32 /* kept in the record, so that a rule that is gone resolves its alert as it raised it */

enum rule_action { ACTION_ALERT, ACTION_FLAG, ACTION_QUARANTINE };

#define LADDERS_MAX 8       /* of a rule */
#define LADDER_STEPS_MAX 32 /* of a ladder */

/* The steps of a parameter, for calibrate. */
struct ladder {
	uint32_t param;          /* index in the rule's params */
	const struct cel *steps; /* numbers, or texts; none twice */
	uint32_t step_cnt;
};

struct rule {
	struct slice name, group;
	enum subject_kind kind; /* whose rule it is: a number's, a cohort's */
	struct slice expr;      /* as written, without white space at its ends */
	struct slice source;
	struct slice severity;
	uint64_t fingerprint; /* of name, cohort kind and labels; never of expr */
	int64_t interval_ms;  /* of its group: between evaluations by timer */
	uint32_t limit;       /* of its group: alerts newly raised per interval and shard; 0: any */
	int64_t for_ms, keep_ms, min_interval_ms;
	enum rule_action action;
	bool shadow;
	const struct expr_name *params; /* what its expression may name besides */
	uint32_t param_cnt;
	struct ladder *ladders;
	uint32_t ladder_cnt;
	const struct event_pair *labels, *annotations; /* labels: the group's and its own, sorted by name */
	uint32_t label_cnt, annotation_cnt;
	const struct template *templates; /* one per annotation */
	const struct calendar *when;      /* NULL: always */
	const struct exempt *exempt;      /* NULL: nobody */
	struct program program;
	const char *file; /* where it stands */
	int line, column;
};

struct rule_key {
	uint64_t fingerprint;
	uint32_t rule;
};

struct rules {
	_Atomic uint32_t owners;
	uint64_t generation;               /* never the same for two sets of one process; not part of anything that goes out */
	struct arena arena;                /* all texts and programs */
	struct slots slots[SUBJECT_KINDS]; /* figures of numbers, accounts, trunks, blocks: no subject pays for what others are asked */
	struct rule *rules;                /* owned */
	uint32_t cnt, cap;
	uint32_t kind_cnt[SUBJECT_KINDS];
	uint32_t limited_cnt;              /* rules with a limit */
	struct rule_key *keys;             /* owned; sorted, for rules_find */
	struct chain chain[SUBJECT_KINDS]; /* all conditions of one kind; not of a bare set, nor of a kind without rules */
	bool bare;                         /* expressions without rules: for rules_value alone */
	struct machine *machine;           /* owned; bare: what they run on */
	struct list *lists;                /* in the arena; in the order given */
	uint32_t list_cnt;
	struct expr_lists in_list;         /* how programs reach them */
	bool places;                       /* a rule names country or region, or the number's own zone */
	const struct providers *providers; /* in the arena, or of the base; NULL: of a bare set */
	struct rules *base;                /* one owner of it: the set whose texts the rules of this one are (rules_choose) */
};

struct rules *rules_new(void);
struct rule *rules_add(struct rules *r); /* a new, empty rule at the end; valid until the next one */
void rules_seal(struct rules *r);        /* all rules are there: makes the index */

/* What a rule is compiled with and where to. */
struct rule_text {
	const struct expr_name *params;
	uint32_t param_cnt;
	struct place at;
	struct slots *slots;
	struct arena *arena;
};
/* The expression of a rule of a set, its labels being there. Errors go into `problems`. */
enum err rule_compile(const struct rules *set, const struct rule *r, const struct rule_text *with, struct program *out,
		      struct buf *problems) MUST_CHECK;

/* Index of the rule with this name and fingerprint, or UINT32_MAX. */
uint32_t rules_find(const struct rules *r, struct slice name, uint64_t fingerprint);

/* Adds the rules of one file. Errors go into `problems`; then ERR_CONFIG. */
enum err rule_file_read(struct rules *r, struct slice text, const char *name, struct buf *problems) MUST_CHECK;

#endif
