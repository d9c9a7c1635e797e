/* SPDX-License-Identifier: Apache-2.0 */
/* The records that come next in the batch: their facts and copies are made once, some records ahead, and the memory of the subjects that they will touch is
 * asked for in the meantime (scoring/ahead.c). A plan depends on the CDR and the settings alone, so nothing that is applied before it can make it wrong. */
#include "app/shard.h"

#define PLAN_STEP 2 /* records from one stage to the next: about the time that memory takes */
_Static_assert(PLAN_MAX > PLAN_STEP * (AHEAD_STAGES - 1), "all stages of a record come before it is overwritten");

static bool is_cohort(const struct copy *c)
{
	return c->kind == COPY_ACCOUNT || c->kind == COPY_TRUNK || c->kind == COPY_BLOCK;
}

static struct ahead ahead_of(const struct copy *c)
{
	struct ahead a = {.key_hash = c->key_hash, .received = !is_cohort(c)};
	if (!a.received) {
		a.callee = c->facts.callee;
		a.caller = c->caller;
	}
	return a;
}

static void touch(struct planned *p, const struct ahead *a)
{
	p->touch[p->touch_cnt++] = *a;
}

static void plan_record(struct shard *s, uint32_t i)
{
	struct planned *p = plan_of(s, i);
	const struct cdr *c = &s->batch.cdrs[i];
	bool counts = c->use == CDR_COUNT, own_facts = counts;
	p->copy_cnt = p->touch_cnt = 0;
	if (c->reason != REASON_OK || (!counts && c->use != CDR_WITHHELD))
		return;
	p->copy_cnt = relay_copies(s->pipe->settings, s->rules, c, &s->arena, p->copies);
	for (uint32_t k = 0; k < p->copy_cnt && own_facts; k++)
		if (is_cohort(&p->copies[k])) {
			p->facts = p->copies[k].facts;
			own_facts = false;
		}
	if (own_facts)
		facts_of(c, &p->facts);
	if (counts)
		touch(p, &(struct ahead){.key_hash = c->caller_hash, .callee = p->facts.callee});
	if (!s->outlet->copy || s->meta.partitions > 1) /* copies go elsewhere */
		return;
	for (uint32_t k = 0; k < p->copy_cnt; k++) {
		struct ahead a = ahead_of(&p->copies[k]);
		touch(p, &a);
	}
}

/* Before each record: those to come are planned, and each stage goes on by one record. */
void plan_ahead(struct shard *s)
{
	const struct batch *b = &s->batch;
	uint32_t at = b->at;
	if (s->plan_to < at)
		s->plan_to = at;
	for (; s->plan_to < b->cnt && s->plan_to < at + PLAN_MAX; s->plan_to++)
		plan_record(s, s->plan_to);
	for (uint32_t stage = 0; stage < AHEAD_STAGES; stage++) {
		uint32_t i = at + PLAN_STEP * (AHEAD_STAGES - 1 - stage);
		struct planned *p = plan_of(s, i);
		for (uint32_t k = 0; i < s->plan_to && k < p->touch_cnt; k++)
			table_ahead(s->table, &p->touch[k], stage);
	}
}

/* As plan_ahead, before each copy of the inbox. */
void plan_inbox(struct shard *s)
{
	uint32_t at = s->inbox_at;
	if (s->inbox_to < at)
		s->inbox_to = at;
	for (; s->inbox_to < s->inbox_cnt && s->inbox_to < at + PLAN_MAX; s->inbox_to++)
		s->inbox_ahead[s->inbox_to % PLAN_MAX] = ahead_of(inbox_turn(s, s->inbox_to));
	for (uint32_t stage = 0; stage < AHEAD_STAGES; stage++) {
		uint32_t i = at + PLAN_STEP * (AHEAD_STAGES - 1 - stage);
		if (i < s->inbox_to)
			table_ahead(s->table, &s->inbox_ahead[i % PLAN_MAX], stage);
	}
}
