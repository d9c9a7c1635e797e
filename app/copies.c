/* SPDX-License-Identifier: Apache-2.0 */
/* What a shard sends to others: copies of its CDRs, packed per target and acknowledged before the commit, and facts, which are outbox entries. */
#include "app/shard.h"

static int32_t shard_of(const struct shard *s, struct slice key)
{
	if (s->meta.partitions == 1)
		return 0;
	return partition_of((enum partitioner)s->pipe->settings->partitioner, key, s->meta.partitions);
}

static enum err flush_copies(struct shard *s, int32_t target, struct err_text *why)
{
	struct slice message = relay_pack_end(&s->packs[target]);
	if (!message.len)
		return ERR_OK;
	enum err e = s->outlet->relay(s->outlet->ctx, s->owner, target, message, RELAY_COPIES, why);
	s->packs[target].cnt = 0;
	return e;
}

static enum err put_copy(struct shard *s, const struct copy *c, struct err_text *why)
{
	int32_t target = shard_of(s, c->key);
	struct relay_pack *p = &s->packs[target];
	if (s->outlet->copy)
		return s->outlet->copy(s->outlet->ctx, target, c, why);
	if (p->cnt == 0)
		relay_pack_begin(p, false, s->meta.topic_id, s->meta.partition);
	relay_pack_add(p, c);
	return p->bytes.len < RELAY_MESSAGE_BYTES ? ERR_OK : flush_copies(s, target, why);
}

/* Of a CDR that counted, or of a withheld caller. */
enum err copies_put(struct shard *s, struct planned *p, struct err_text *why)
{
	enum err e = ERR_OK;
	for (uint32_t i = 0; i < p->copy_cnt && !e; i++) {
		p->copies[i].partition = s->meta.partition;
		e = put_copy(s, &p->copies[i], why);
	}
	return e;
}

/* The cycle's copies are acknowledged before its commit. */
enum err copies_out(struct shard *s, struct err_text *why)
{
	enum err e = ERR_OK;
	if (s->outlet->copy)
		return ERR_OK;
	for (int32_t i = 0; i < s->meta.partitions && !e; i++)
		if (s->packs[i].cnt)
			e = flush_copies(s, i, why);
	return e ? e : s->outlet->relay_await(s->outlet->ctx, s->owner, why);
}

static enum err put_fact(struct shard *s, enum copy_kind kind, struct slice key, struct slice number, int64_t time_ms, struct slice cause,
			 struct err_text *why)
{
	if (!key.len)
		return ERR_OK;
	int32_t target = shard_of(s, key);
	struct copy c = {.kind = (uint8_t)kind,
			 .offset = (int64_t)s->meta.epoch,
			 .ordinal = s->meta.outbox_next,
			 .key = key,
			 .key_hash = key_hash(key),
			 .caller = number_pack(number),
			 .event_ms = time_ms,
			 .partition = s->meta.partition,
			 .cause = cause};
	if (s->outlet->copy)
		return s->outlet->copy(s->outlet->ctx, target, &c, why);
	struct relay_pack pack = {0};
	relay_pack_begin(&pack, true, s->meta.topic_id, s->meta.partition);
	relay_pack_add(&pack, &c);
	struct slice message = relay_pack_end(&pack);
	buf_reset(&s->message);
	buf_put_u8(&s->message, FACT_ENTRY);
	buf_put_varint(&s->message, (uint64_t)target);
	buf_put(&s->message, message.p, message.len);
	outbox_add(&s->outbox, s->meta.outbox_next++, buf_slice(&s->message), OUTBOX_FRESH);
	buf_release(&pack.bytes);
	s->changed = true;
	return ERR_OK;
}

/* To the cohorts of a number: its block, and where a CDR is at hand its account and trunk. With what set it off (s->cause). */
enum err facts_put(struct shard *s, enum copy_kind kind, struct slice number, const struct cdr *c, struct slice account, int64_t time_ms,
		   struct err_text *why)
{
	const struct settings *set = s->pipe->settings;
	enum err e = ERR_OK;
	struct buf b = {0};
	cause_encode(&s->cause, &b);
	struct slice cause = arena_copy(&s->arena, buf_slice(&b));
	buf_release(&b);
	if (set->relay.block)
		e = put_fact(s, kind, relay_block_key(number, &s->arena), number, time_ms, cause, why);
	if (!e && set->relay.account && (c || account.len))
		e = put_fact(s, kind,
			     c ? relay_account_key(c->tenant_id, c->account_id, &s->arena)
			       : relay_account_key(SLICE_NONE, account, &s->arena),
			     number, time_ms, cause, why);
	if (!e && set->relay.trunk && c)
		e = put_fact(s, kind, relay_trunk_key(c->ingress_trunk, &s->arena), number, time_ms, cause, why);
	return e;
}
