/* SPDX-License-Identifier: Apache-2.0 */
#include "app/policies.h"

#include <stdarg.h>
#include <stdio.h>

#define NOT_EMPTY .min = 1, .max = 0

#define ITEM(owner, path_, type_, member, dflt_, ...)                                                                \
	{                                                                                                            \
		.path = path_, .type = CONFIG_##type_, .offset = offsetof(owner, member), .dflt = dflt_, __VA_ARGS__ \
	}
#define NAMED(path_, type_, member, dflt_, ...) ITEM(struct policy_keys, path_, type_, member, dflt_, __VA_ARGS__)
#define WHOM_ROWS(owner)                                                                                                     \
	ITEM(owner, "numbers", STRINGS, whom.numbers, "", .help = "Numbers, `+15551230000` or `list:NAME` of rules.lists."), \
		ITEM(owner, "prefixes", STRINGS, whom.prefixes, "", .help = "Numbers that begin so, as in `+1555123`."),     \
		ITEM(owner, "accounts", STRINGS, whom.accounts, "", .help = "Numbers whose own CDRs name one of these accounts.")

const struct config_key policy_table[] = {
	NAMED("name", STRING, name, NULL, NOT_EMPTY, .help = "Name of the policy: letters, digits, `.`, `_`, `-`; not `default`."),
	POLICY_ROWS(NAMED, "", figures),
	AGING_ROWS(NAMED, figures),
	{.path = NULL},
};

const struct config_key assign_table[] = {
	ITEM(struct policy_assign_keys, "policy", STRING, policy, NULL, NOT_EMPTY, .help = "Name of a policy, or `default`."),
	WHOM_ROWS(struct policy_assign_keys),
	{.path = NULL},
};

const struct config_key contact_table[] = {
	WHOM_ROWS(struct policy_contact_keys),
	ITEM(struct policy_contact_keys, "called", STRINGS, called, "", .min = 1, .max = 0,
	     .help = "Whom these numbers know: `+15551230000`, or `list:NAME`."),
	{.path = NULL},
};

struct check {
	struct settings *s;
	struct buf *problems;
};

PRINTF_LIKE(3, 4)
static void policy_problem(struct check *c, const char *path, const char *fmt, ...)
{
	struct err_text t;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(t.text, sizeof t.text, fmt, ap);
	va_end(ap);
	config_problem(c->s->file, path, c->problems, "%s", t.text);
}

/* `at`: "policy.", or "policies[2].". */
static void check_policy(struct check *c, const char *at, const struct policy *p)
{
	const struct {
		const char *name;
		int64_t ms;
	} days[] = {{"rest.duration", p->rest_ms}, {"limited.duration", p->limited_ms}, {"moderate.duration", p->moderate_ms}};
	char key[80];
	for (size_t i = 0; i < sizeof days / sizeof *days; i++) {
		snprintf(key, sizeof key, "%s%s", at, days[i].name);
		if (days[i].ms % DAY_MS)
			policy_problem(c, key, "a phase lasts whole days of 24 h, as in 30d");
	}
	snprintf(key, sizeof key, "%srest.most", at);
	if (p->rest_most_ms < p->rest_ms)
		policy_problem(c, key, "must not be shorter than rest.duration");
	snprintf(key, sizeof key, "%slimited.daily_min", at);
	if (p->limited_min > p->limited_max)
		policy_problem(c, key, "must not be above limited.daily_max (%lld)", (long long)p->limited_max);
	snprintf(key, sizeof key, "%smoderate.daily_min", at);
	if (p->moderate_min > p->moderate_max)
		policy_problem(c, key, "must not be above moderate.daily_max (%lld)", (long long)p->moderate_max);
}

static void read_steps(struct check *c)
{
	struct policy *p = &c->s->policy;
	const struct config_strings *steps = &c->s->life.aging_steps;
	p->aging_step_cnt = 0;
	for (uint32_t i = 0; i < steps->n; i++) {
		unsigned day = 0, calls = 0;
		int end = 0;
		bool ok = sscanf(steps->v[i], "%5u:%5u%n", &day, &calls, &end) == 2 && !steps->v[i][end] && day > 0 && day <= 3650 &&
			  calls <= 65535;
		ok = ok && (p->aging_step_cnt == 0 || day > p->aging_steps[p->aging_step_cnt - 1].to_day);
		if (!ok || p->aging_step_cnt == AGING_STEPS_MAX) {
			policy_problem(c, "aging.steps", "\"%.40s\": wanted are up to %d of `to day:calls a day`, days rising, as in 5:10",
				       steps->v[i], AGING_STEPS_MAX);
			return;
		}
		p->aging_steps[p->aging_step_cnt++] = (struct aging_step){(uint16_t)day, (uint16_t)calls};
	}
	if (p->aging_step_cnt == 0)
		policy_problem(c, "aging.steps", "must not be empty");
}

static struct policy_texts texts_of(const struct config_strings *s)
{
	return (struct policy_texts){s->v, s->n};
}

static struct policy_whom whom_of(const struct policy_whom_keys *k)
{
	return (struct policy_whom){texts_of(&k->numbers), texts_of(&k->prefixes), texts_of(&k->accounts)};
}

static bool list_is_named(const struct settings *s, const char *name)
{
	for (uint32_t i = 0; i < s->rule_lists.n; i++)
		if (strcmp(s->rule_lists.v[i].key, name) == 0)
			return true;
	return false;
}

/* Texts that name numbers: E.164 (`any`: or anything that a CDR may have), or a list that there is. */
static void check_numbers(struct check *c, const char *path, const struct config_strings *t, bool any)
{
	for (uint32_t i = 0; i < t->n; i++) {
		const char *v = t->v[i];
		if (strncmp(v, "list:", 5) == 0 && !list_is_named(c->s, v + 5))
			policy_problem(c, path, "\"%.80s\": there is no list of that name in rules.lists", v);
		else if (strncmp(v, "list:", 5) != 0 && !any && !e164_valid(slice_of(v)))
			policy_problem(c, path, "\"%.80s\" is neither a number, as in +15551230000, nor list:NAME", v);
	}
}

static void check_whom(struct check *c, const char *at, const struct policy_whom_keys *w)
{
	char key[80];
	snprintf(key, sizeof key, "%snumbers", at);
	check_numbers(c, key, &w->numbers, false);
	snprintf(key, sizeof key, "%sprefixes", at);
	for (uint32_t i = 0; i < w->prefixes.n; i++)
		if (w->prefixes.v[i][0] != '+' || w->prefixes.v[i][strspn(w->prefixes.v[i] + 1, "0123456789") + 1])
			policy_problem(c, key, "\"%.80s\" is no beginning of a number, as in +1555123", w->prefixes.v[i]);
}

static const struct policy *find_named(const struct policies *p, const char *name)
{
	if (strcmp(name, p->standard.name) == 0)
		return &p->standard;
	for (uint32_t i = 0; i < p->named_cnt; i++)
		if (strcmp(name, p->named[i].name) == 0)
			return &p->named[i];
	return NULL;
}

static void read_named(struct check *c, struct arena *a)
{
	struct policies *p = &c->s->policies;
	const struct policy_keys *k = c->s->life.named.v;
	struct policy *named = arena_alloc(a, (c->s->life.named.n + 1) * sizeof *named);
	for (uint32_t i = 0; i < c->s->life.named.n; i++) {
		char at[40], key[60];
		snprintf(at, sizeof at, "policies[%u].", i);
		snprintf(key, sizeof key, "%sname", at);
		check_policy(c, at, &k[i].figures);
		p->named = named;
		if (!plain_name(k[i].name, 64))
			policy_problem(c, key, "\"%.80s\" is no name: letters, digits, '.', '_', '-', at most 64", k[i].name);
		else if (find_named(p, k[i].name))
			policy_problem(c, key, "\"%.80s\" is the name of another policy already", k[i].name);
		named[p->named_cnt] = k[i].figures;
		named[p->named_cnt].name = k[i].name;
		memcpy(named[p->named_cnt].aging_steps, p->standard.aging_steps, sizeof p->standard.aging_steps);
		named[p->named_cnt++].aging_step_cnt = p->standard.aging_step_cnt;
	}
}

static void read_assigned(struct check *c, struct arena *a)
{
	struct policies *p = &c->s->policies;
	const struct policy_assign_keys *k = c->s->life.assigned.v;
	struct policy_choice *choices = arena_alloc(a, (c->s->life.assigned.n + 1) * sizeof *choices);
	for (uint32_t i = 0; i < c->s->life.assigned.n; i++) {
		char at[40], key[60];
		snprintf(at, sizeof at, "assign[%u].", i);
		snprintf(key, sizeof key, "%spolicy", at);
		check_whom(c, at, &k[i].whom);
		choices[i] = (struct policy_choice){whom_of(&k[i].whom), find_named(p, k[i].policy)};
		if (!choices[i].policy)
			policy_problem(c, key, "there is no policy \"%.80s\": it would stand in policies", k[i].policy);
	}
	p->choices = choices;
	p->choice_cnt = c->s->life.assigned.n;
}

static void read_zones(struct check *c, struct arena *a, const char *path, const struct config_pairs *k, const struct policy_zone **out,
		       uint32_t *n)
{
	struct policy_zone *zones = arena_alloc(a, (k->n + 1) * sizeof *zones);
	const struct rules_world *w = rules_world();
	for (uint32_t i = 0; i < k->n; i++) {
		zones[i] = (struct policy_zone){k->v[i].key, 0};
		if (w)
			zones[i].zone = w->zone_find(slice_of(k->v[i].value));
		if (w && !zones[i].zone && strcmp(k->v[i].value, "UTC") != 0)
			policy_problem(c, path,
				       "%.80s: there is no time zone \"%.80s\"; wanted is a name of the tz database, as in America/Phoenix",
				       k->v[i].key, k->v[i].value);
	}
	*out = zones;
	*n = k->n;
}

static void read_contacts(struct check *c, struct arena *a)
{
	struct policies *p = &c->s->policies;
	const struct policy_contact_keys *k = c->s->life.contacts.v;
	struct policy_contacts *v = arena_alloc(a, (c->s->life.contacts.n + 1) * sizeof *v);
	for (uint32_t i = 0; i < c->s->life.contacts.n; i++) {
		char at[40], key[60];
		snprintf(at, sizeof at, "contacts[%u].", i);
		snprintf(key, sizeof key, "%scalled", at);
		check_whom(c, at, &k[i].whom);
		check_numbers(c, key, &k[i].called, false);
		v[i] = (struct policy_contacts){whom_of(&k[i].whom), texts_of(&k[i].called)};
	}
	p->contacts = v;
	p->contact_cnt = c->s->life.contacts.n;
}

static bool names_accounts(const struct policies *p)
{
	bool some = p->managed.accounts.n || p->account_zone_cnt;
	for (uint32_t i = 0; i < p->choice_cnt; i++)
		some = some || p->choices[i].whom.accounts.n;
	for (uint32_t i = 0; i < p->contact_cnt; i++)
		some = some || p->contacts[i].whom.accounts.n;
	return some;
}

void policies_read(struct settings *s, struct arena *a, struct buf *problems)
{
	struct check check = {.s = s, .problems = problems}, *c = &check;
	struct policies *p = &s->policies;
	read_steps(c);
	check_policy(c, "policy.", &s->policy);
	s->policy.name = "default";
	*p = (struct policies){.standard = s->policy};
	read_named(c, a);
	read_assigned(c, a);
	read_contacts(c, a);
	read_zones(c, a, "zones.numbers", &s->life.number_zones, &p->number_zones, &p->number_zone_cnt);
	read_zones(c, a, "zones.accounts", &s->life.account_zones, &p->account_zones, &p->account_zone_cnt);
	const struct policy_whom_keys managed = {s->life.managed_numbers, s->life.managed_prefixes, s->life.managed_accounts};
	check_whom(c, "managed.", &managed);
	p->managed = whom_of(&managed);
	p->none_managed = s->life.none_managed;
	check_numbers(c, "emergency_numbers", &s->life.emergency, true);
	check_numbers(c, "test_numbers", &s->life.test_numbers, true);
	p->emergency = texts_of(&s->life.emergency);
	p->test_numbers = texts_of(&s->life.test_numbers);
	p->by_account = names_accounts(p);
	p->any_aging = p->standard.aging;
	for (uint32_t i = 0; i < p->named_cnt; i++)
		p->any_aging = p->any_aging || p->named[i].aging;
}
