/* SPDX-License-Identifier: Apache-2.0 */
/* Erasure of a number from the state of its shard, in the commit of the command that asks for it.
 *
 * What is not reached here: topics with retention (CDRs, alerts, transitions, advisories, disputes, dead letters), the relay topic until its retention ends, and what
 * records of cohorts know of the number among their newest 128 calls, which leaves with later calls. Its key stays in the list of the day on which its record would have
 * ended, at most 38 days ahead by the shard's clock: the sweep of that day drops it. The tombstone takes the number off the numbers topic. */
#include "app/shard.h"

bool shard_forget(struct shard *s, struct subject *sub, int64_t time_ms)
{
	if (sub->dirty || s->gone_cnt == SWEEP_MAX)
		return false;
	struct slice key = arena_copy(&s->histories.keys, subject_key(sub)); /* until the commit */
	struct event e = {.kind = EVENT_NUMBER,
			  .subject_kind = (enum subject_kind)sub->kind,
			  .subject = key,
			  .time_ms = time_ms,
			  .step = "",
			  .number = {.phase = PHASE_ACTIVE, .tombstone = true, .phase_since_ms = TIME_NONE, .until_ms = TIME_NONE}};
	if (sub->sequence)
		shard_event(s, sub, &e, 0);
	histories_end(s, sub);
	timers_set(&s->timers, key, sub->key_hash, TIME_NONE);
	first_seen_forget(&s->first_seen, sub->key_hash);
	s->gone[s->gone_cnt++] = key;
	table_remove(s->table, sub);
	s->plan_to = s->batch.at; /* they name subjects */
	s->inbox_to = s->inbox_at;
	s->forgot = s->changed = true;
	return true;
}
