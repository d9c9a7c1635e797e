/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/policy.h"

#include "rules/ruleset.h"

const char *consequence_name(enum consequence c)
{
	static const char *const names[] = {
		[CONSEQUENCE_ALERT] = "alert", [CONSEQUENCE_RESTART] = "restart", [CONSEQUENCE_EXTEND] = "extend"};
	return names[c];
}

void policies_init(struct policies *p)
{
	static const char *const emergency[] = {"911", "112", "999", "000"};
	*p = (struct policies){
		.standard = {.name = "default",
			     .rest_ms = 30 * DAY_MS,
			     .limited_ms = 30 * DAY_MS,
			     .moderate_ms = 30 * DAY_MS,
			     .rest_most_ms = 90 * DAY_MS,
			     .rest_breach = CONSEQUENCE_RESTART,
			     .rest_extend_ms = 7 * DAY_MS,
			     .limited_min = 5,
			     .limited_max = 10,
			     .limited_talk_s = 120,
			     .moderate_min = 10,
			     .moderate_max = 20,
			     .moderate_new_share = 0.3,
			     .hold_ms = DAY_MS,
			     .health_min = 70,
			     .again_ms = 7 * DAY_MS,
			     .aging_steps = {{5, 10}, {10, 20}, {14, 30}},
			     .aging_step_cnt = 3},
		.emergency = {emergency, sizeof emergency / sizeof *emergency},
	};
}

/* ---- whom something is for ---- */

#define LIST_PREFIX "list:"

static bool list_has(const struct rules *rules, struct slice name, struct slice text)
{
	for (uint32_t i = 0; rules && i < rules->list_cnt; i++)
		if (slice_eq(rules->lists[i].name, name))
			return text_set_has(&rules->lists[i].texts, text);
	return false;
}

bool policy_texts_have(const struct policy_texts *t, const struct rules *rules, struct slice text)
{
	const uint32_t prefix = sizeof LIST_PREFIX - 1;
	if (!text.len)
		return false;
	for (uint32_t i = 0; i < t->n; i++) {
		struct slice entry = slice_of(t->v[i]);
		bool list = entry.len > prefix && memcmp(entry.p, LIST_PREFIX, prefix) == 0;
		if (list ? list_has(rules, slice_make(entry.p + prefix, entry.len - prefix), text) : slice_eq(entry, text))
			return true;
	}
	return false;
}

static bool begins_with_one(const struct policy_texts *prefixes, struct slice number)
{
	for (uint32_t i = 0; i < prefixes->n; i++) {
		struct slice p = slice_of(prefixes->v[i]);
		if (p.len <= number.len && memcmp(p.p, number.p, p.len) == 0)
			return true;
	}
	return false;
}

static bool whom_covers(const struct policy_whom *w, const struct rules *rules, struct slice number, struct slice account)
{
	return policy_texts_have(&w->accounts, NULL, account) || begins_with_one(&w->prefixes, number) ||
	       policy_texts_have(&w->numbers, rules, number);
}

const struct policy *policy_of(const struct policies *p, const struct rules *rules, struct slice number, struct slice account)
{
	for (uint32_t i = 0; i < p->choice_cnt; i++)
		if (whom_covers(&p->choices[i].whom, rules, number, account))
			return p->choices[i].policy;
	return &p->standard;
}

bool policy_manages(const struct policies *p, const struct rules *rules, struct slice number, struct slice account)
{
	const struct policy_whom *w = &p->managed;
	if (p->none_managed || w->numbers.n + w->prefixes.n + w->accounts.n == 0)
		return !p->none_managed;
	return whom_covers(w, rules, number, account);
}

static bool find_zone(const struct policy_zone *v, uint32_t n, struct slice subject, uint16_t *out)
{
	for (uint32_t i = 0; i < n && subject.len; i++)
		if (slice_is(subject, v[i].subject)) {
			*out = v[i].zone;
			return true;
		}
	return false;
}

uint16_t policy_zone(const struct policies *p, struct slice number, struct slice account, uint16_t prefix_zone)
{
	uint16_t zone = prefix_zone;
	if (!find_zone(p->number_zones, p->number_zone_cnt, number, &zone))
		(void)find_zone(p->account_zones, p->account_zone_cnt, account, &zone);
	return zone;
}

bool policy_lists_contact(const struct policies *p, const struct rules *rules, struct slice number, struct slice account,
			  struct slice called)
{
	for (uint32_t i = 0; i < p->contact_cnt; i++)
		if (whom_covers(&p->contacts[i].whom, rules, number, account) && policy_texts_have(&p->contacts[i].called, rules, called))
			return true;
	return false;
}

int32_t policy_aging_max(const struct policy *p, int64_t day)
{
	for (uint32_t i = 0; i < p->aging_step_cnt; i++)
		if (day <= p->aging_steps[i].to_day)
			return p->aging_steps[i].daily_max;
	return p->aging_step_cnt ? p->aging_steps[p->aging_step_cnt - 1].daily_max : -1;
}
