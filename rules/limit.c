/* SPDX-License-Identifier: Apache-2.0 */
/* `limit` of a group: how many alerts each of its rules may newly raise in one interval, per shard.
 *
 * DESIGN. In Prometheus a rule whose evaluation yields more alerts than `limit` loses all of them and an error is recorded. There an evaluation sees all
 * series at once; here every number is evaluated by itself, so "at once" becomes "in the same interval of the group", counted in event time from
 * 1970 on. And an alert over the limit is not lost: it stays pending and is tried again at its number's next call or tick, so that a flood comes out
 * at the rate of `limit` per interval, and an alert raised before is never taken back. An alert that goes on firing, repeats or resolves is not counted.
 *
 * GUARANTEES. The counts go by the times at which alerts would be raised, in the order in which they are; no clock is read. They are part of what the
 * shard commits, so a restart changes nothing. Time only goes forward: what comes late counts in the newest interval. */
#include "rules/turn.h"

/* The entry of a rule; a new one takes a free place, or else that of the rule that raised something longest ago. */
static struct rules_limit *entry_of(struct rules_limits *l, uint64_t fingerprint, int64_t start_ms)
{
	struct rules_limit *at = NULL;
	for (uint32_t i = 0; i < l->cnt; i++) {
		if (l->of[i].fingerprint == fingerprint)
			return &l->of[i];
		if (!at || l->of[i].start_ms < at->start_ms)
			at = &l->of[i];
	}
	if (l->cnt < RULES_LIMITED_MAX)
		at = &l->of[l->cnt++];
	*at = (struct rules_limit){fingerprint, start_ms, 0};
	return at;
}

bool limit_takes(struct rules_limits *l, const struct rule *r, int64_t at_ms)
{
	int64_t into_ms = at_ms % r->interval_ms, start_ms = at_ms - into_ms - (into_ms < 0 ? r->interval_ms : 0);
	if (r->limit == 0 || !l)
		return true;
	struct rules_limit *e = entry_of(l, r->fingerprint, start_ms);
	if (e->start_ms < start_ms)
		*e = (struct rules_limit){r->fingerprint, start_ms, 0};
	if (e->raised >= r->limit)
		return false;
	e->raised++;
	return true;
}

/* count | { fingerprint 8 | start ms zigzag | raised varint } */
void rules_limits_encode(const struct rules_limits *l, struct buf *out)
{
	buf_put_varint(out, l->cnt);
	for (uint32_t i = 0; i < l->cnt; i++) {
		buf_put_u64(out, l->of[i].fingerprint);
		buf_put_zigzag(out, l->of[i].start_ms);
		buf_put_varint(out, l->of[i].raised);
	}
}

void rules_limits_decode(struct reader *r, struct rules_limits *out)
{
	uint64_t cnt = reader_varint(r);
	*out = (struct rules_limits){0};
	if (cnt > RULES_LIMITED_MAX)
		r->bad = true;
	for (uint64_t i = 0; i < cnt && !r->bad; i++) {
		struct rules_limit *e = &out->of[out->cnt++];
		e->fingerprint = reader_u64(r);
		e->start_ms = reader_zigzag(r);
		uint64_t raised = reader_varint(r);
		e->raised = (uint32_t)raised;
		if (raised > UINT32_MAX)
			r->bad = true;
	}
}
