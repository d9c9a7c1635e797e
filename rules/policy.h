/* SPDX-License-Identifier: Apache-2.0 */
/* Policies: the figures that a number's life goes by, and whom each is for (DESIGN section 9). Plain values that the configuration fills; they do not change
 * while the program runs. Lists of numbers that they name ("list:NAME") belong to the rule set and are read with it. */
#ifndef RINGFENCE_RULES_POLICY_H
#define RINGFENCE_RULES_POLICY_H

#include "base/clock.h"

#include <stdbool.h>
#include <stdint.h>

/* What becomes of the phase when its policy is broken. */
enum consequence {
	CONSEQUENCE_ALERT,   /* it is said, no more */
	CONSEQUENCE_RESTART, /* the phase begins again */
	CONSEQUENCE_EXTEND,  /* its end moves by some days */
};
const char *consequence_name(enum consequence c);

#define AGING_STEPS_MAX 8

struct policy {
	const char *name;
	int64_t rest_ms, limited_ms, moderate_ms; /* 30 d each */
	int64_t rest_most_ms;                     /* restarts prolong the rests of an episode to this at most: 90 d from the first */
	int rest_breach;                          /* enum consequence, of a call in rest: restart */
	int64_t rest_extend_ms;
	int64_t limited_min, limited_max;   /* calls a day: 5, 10 */
	int64_t limited_talk_s;             /* answered calls in limited last at least this long: 120 */
	int64_t moderate_min, moderate_max; /* 10, 20 */
	double moderate_new_share;          /* 0.3 */
	int64_t hold_ms;                    /* after a release: at least 24 h */
	int64_t health_min;                 /* of the gate at the end of moderate: 70 */
	int64_t again_ms;                   /* it is asked again after that: 7 d */
	bool aging, aging_known;            /* new numbers age; they call known contacts only */
	/* Calls a day up to a day of aging, the first own call being on day 1: 10 to day 5, 20 to day 10, 30 to day 14, which is the last. */
	struct aging_step {
		uint16_t to_day, daily_max;
	} aging_steps[AGING_STEPS_MAX];
	uint32_t aging_step_cnt;
};

#define SHARE_CALLS_MIN 5              /* calls judged on a day of which a share is asked */
#define BLOCK_MS (7 * DAY_MS)          /* the daily minimum is asked of whole blocks */
#define LOW_ANSWER_MIN 5               /* calls of a block of which the answer rate is asked */
#define BREACH_MEMORY_MS (30 * DAY_MS) /* a number of unknown health passes the gate without a breach in that time */

/* Texts of a policy file: "+15551230000", or "list:NAME" where numbers are named. */
struct policy_texts {
	const char *const *v;
	uint32_t n;
};

/* Whom something is for: a number that stands in `numbers`, or begins with one of `prefixes`, or belongs to one of `accounts`. */
struct policy_whom {
	struct policy_texts numbers, prefixes, accounts;
};

struct policy_pair {
	const char *key, *value;
};

struct policies {
	struct policy standard; /* "default" */
	const struct policy *named;
	uint32_t named_cnt;
	const struct policy_choice { /* the first that covers a number decides; none: standard */
		struct policy_whom whom;
		const struct policy *policy;
	} * choices;
	uint32_t choice_cnt;
	struct policy_whom managed; /* no entry at all: every number */
	bool none_managed;
	const struct policy_zone {   /* numbers first, then accounts */
		const char *subject; /* "+15551230000", or the name of an account */
		uint16_t zone;       /* as rules_world knows it */
	} * number_zones, *account_zones;
	uint32_t number_zone_cnt, account_zone_cnt;
	struct policy_texts emergency, test_numbers; /* called numbers that are not judged: as received, or E.164 */
	const struct policy_contacts {               /* known contacts of some numbers or accounts */
		struct policy_whom whom;
		struct policy_texts called;
	} * contacts;
	uint32_t contact_cnt;
	bool any_aging;  /* some policy has it */
	bool by_account; /* something above names an account: then a number's own is kept with it */
};

struct rules;

/* The policy of the guide, for whoever has no configuration. */
void policies_init(struct policies *p);
/* `rules` NULL: lists are empty. `account` may be absent. */
const struct policy *policy_of(const struct policies *p, const struct rules *rules, struct slice number, struct slice account);
bool policy_manages(const struct policies *p, const struct rules *rules, struct slice number, struct slice account);
/* The zone that a setting gives the number, then its account; `prefix_zone` if none does. */
uint16_t policy_zone(const struct policies *p, struct slice number, struct slice account, uint16_t prefix_zone);
bool policy_lists_contact(const struct policies *p, const struct rules *rules, struct slice number, struct slice account,
			  struct slice called);
bool policy_texts_have(const struct policy_texts *t, const struct rules *rules, struct slice text);
/* The cap of a day of aging, from 1; the last one goes on. */
int32_t policy_aging_max(const struct policy *p, int64_t day);

#endif
