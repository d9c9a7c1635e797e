/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/providers.h"

static const char *const kinds[] = {
#define X(n, name) name,
	PROVIDER_KINDS(X)
#undef X
};

const char *provider_kind_name(enum provider_kind k)
{
	return kinds[k];
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

static bool begins_alike(struct slice text, const char *with, uint32_t len)
{
	if (text.len < len)
		return false;
	for (uint32_t i = 0; i < len; i++)
		if (lower(text.p[i]) != lower(with[i]))
			return false;
	return true;
}

static bool alike(struct slice a, struct slice b)
{
	return a.len == b.len && begins_alike(a, b.p, b.len);
}

uint32_t providers_find(const struct providers *p, struct slice id)
{
	for (uint32_t i = 0; i < p->cnt; i++)
		if (slice_eq(p->of[i].id, id))
			return i;
	return PROVIDER_NONE;
}

uint32_t providers_named(const struct providers *p, struct slice text)
{
	for (uint32_t i = 0; i < p->cnt && text.len; i++) {
		const struct provider *o = &p->of[i];
		if (alike(o->id, text) || alike(o->name, text))
			return i;
		for (uint32_t k = 0; k < o->also_cnt; k++)
			if (alike(o->also[k], text))
				return i;
	}
	return PROVIDER_NONE;
}

uint32_t providers_calendar(const struct providers *p)
{
	uint32_t steps = 0;
	for (uint32_t i = 0; i < p->cnt; i++)
		steps |= (uint32_t)p->of[i].enabled << i;
	return steps;
}

static uint32_t registries(const struct providers *p)
{
	uint32_t steps = 0;
	for (uint32_t i = 0; i < p->cnt; i++)
		steps |= (uint32_t)(p->of[i].enabled && p->of[i].kind == PROVIDER_REGISTRY) << i;
	return steps;
}

/* A name of a row stands for all names of that provider: "AT&T" in the row, "att" in the flag. */
static bool name_matches(const struct providers *p, struct slice row, struct slice text)
{
	uint32_t who = row.p ? providers_named(p, row) : PROVIDER_NONE;
	return !row.p || alike(row, text) || (who != PROVIDER_NONE && providers_named(p, text) == who);
}

static bool label_matches(struct slice row, struct slice label)
{
	if (!row.p)
		return true;
	return row.len && row.p[row.len - 1] == '*' ? begins_alike(label, row.p, row.len - 1) : alike(row, label);
}

static uint32_t whom_it_names(const struct providers *p, const struct event_flag *f, bool provider, bool carrier)
{
	uint32_t steps = 0;
	uint32_t who = provider ? providers_named(p, f->provider) : PROVIDER_NONE;
	if (who != PROVIDER_NONE)
		steps |= UINT32_C(1) << who;
	who = carrier ? providers_named(p, f->carrier) : PROVIDER_NONE;
	if (who != PROVIDER_NONE)
		steps |= UINT32_C(1) << who;
	return steps ? steps : registries(p);
}

struct flag_answer providers_on_flag(const struct providers *p, const struct event_flag *f)
{
	for (uint32_t i = 0; i < p->row_cnt; i++) {
		const struct flag_row *r = &p->rows[i];
		if (!name_matches(p, r->provider, f->provider) || !name_matches(p, r->carrier, f->carrier) ||
		    !label_matches(r->label, f->label))
			continue;
		if (r->policy == FLAG_POLICY_RECORD)
			return (struct flag_answer){FLAG_POLICY_RECORD, 0};
		uint32_t named = r->of_provider || r->of_carrier ? whom_it_names(p, f, r->of_provider, r->of_carrier) : 0;
		return (struct flag_answer){r->policy, r->steps | named};
	}
	return (struct flag_answer){FLAG_POLICY_DISPUTE, whom_it_names(p, f, true, true)};
}
