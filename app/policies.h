/* SPDX-License-Identifier: Apache-2.0 */
/* Policies in the configuration: rows of `policy`, `aging`, `policies`, `assign`, `contacts`, and what becomes of them. */
#ifndef RINGFENCE_APP_POLICIES_H
#define RINGFENCE_APP_POLICIES_H

#include "app/settings.h"

/* The figures of one policy: `policy` itself, and each of `policies`. */
#define POLICY_ROWS(R, prefix, at)                                                                                                        \
	R(prefix "rest.duration", DURATION, at.rest_ms, "30d", .min = DAY_MS, .max = 3650 * DAY_MS,                                       \
	  .help = "How long a quarantined number rests: no calls. Whole days."),                                                          \
		R(prefix "rest.most", DURATION, at.rest_most_ms, "90d", .min = DAY_MS, .max = 3650 * DAY_MS,                              \
		  .help = "Restarts prolong the rest to this at most, from when it first began."),                                        \
		R(prefix "rest.violation", ENUM, at.rest_breach, "restart", .choices = "alert|restart|extend",                            \
		  .help = "What a call in rest does besides being said: nothing, the rest begins again, or its end moves by "             \
			  "`rest.extend`."),                                                                                              \
		R(prefix "rest.extend", DURATION, at.rest_extend_ms, "7d", .min = DAY_MS, .max = 3650 * DAY_MS,                           \
		  .help = "By how much a call in rest moves its end, if it does."),                                                       \
		R(prefix "limited.duration", DURATION, at.limited_ms, "30d", .min = DAY_MS, .max = 3650 * DAY_MS,                         \
		  .help = "How long the phase `limited` lasts. Whole days."),                                                             \
		R(prefix "limited.daily_min", INT, at.limited_min, "5", .min = 0, .max = 100000,                                          \
		  .help = "Calls a day that a limited number should make at least; advice, not a violation."),                            \
		R(prefix "limited.daily_max", INT, at.limited_max, "10", .min = 0, .max = 100000, .unit = "calls a day",                  \
		  .help = "Calls a day that a limited number may make."),                                                                 \
		R(prefix "limited.min_talk_s", INT, at.limited_talk_s, "120", .min = 0, .max = 3600, .unit = "seconds",                   \
		  .help = "A limited number's answered calls last at least this long. In `moderate` a new contact is known after such a " \
			  "one."),                                                                                                        \
		R(prefix "moderate.duration", DURATION, at.moderate_ms, "30d", .min = DAY_MS, .max = 3650 * DAY_MS,                       \
		  .help = "How long the phase `moderate` lasts. Whole days."),                                                            \
		R(prefix "moderate.daily_min", INT, at.moderate_min, "10", .min = 0, .max = 100000,                                       \
		  .help = "Calls a day that a moderate number should make at least; advice, not a violation."),                           \
		R(prefix "moderate.daily_max", INT, at.moderate_max, "20", .min = 0, .max = 100000, .unit = "calls a day",                \
		  .help = "Calls a day that a moderate number may make."),                                                                \
		R(prefix "moderate.new_contact_share_max", DOUBLE, at.moderate_new_share, "0.3", .min = 0, .max = 1,                      \
		  .help = "Largest share of a moderate number's calls in a day that go to contacts not known."),                          \
		R(prefix "hold", DURATION, at.hold_ms, "24h", .min = 0, .max = 365 * DAY_MS,                                              \
		  .help = "After a release rules alert but do not quarantine for at least this long."),                                   \
		R(prefix "gate.health", INT, at.health_min, "70", .min = 0, .max = 100,                                                   \
		  .help = "Health that a number needs to be active again after `moderate`."),                                             \
		R(prefix "gate.again", DURATION, at.again_ms, "7d", .min = DAY_MS, .max = 365 * DAY_MS,                                   \
		  .help = "A number that does not pass the gate stays in `moderate` for so much longer, and is asked again.")
#define AGING_ROWS(R, at)                                                                                  \
	R("aging.enabled", BOOL, at.aging, "false", .help = "New numbers age: few calls a day at first."), \
		R("aging.known_contacts_only", BOOL, at.aging_known, "false",                              \
		  .help = "While it ages, a number calls only contacts that a list names.")

struct policy_keys {
	struct policy figures;
	const char *name;
};
struct policy_whom_keys {
	struct config_strings numbers, prefixes, accounts;
};
struct policy_assign_keys {
	const char *policy;
	struct policy_whom_keys whom;
};
struct policy_contact_keys {
	struct policy_whom_keys whom;
	struct config_strings called;
};
extern const struct config_key policy_table[], assign_table[], contact_table[]; /* of an item of `policies`, `assign`, `contacts` */

/* Checks what was read and makes s->policies of it. Problems with their place. */
void policies_read(struct settings *s, struct arena *a, struct buf *problems);
bool plain_name(const char *s, size_t most); /* letters, digits, '.', '_', '-' */

#endif
