/* SPDX-License-Identifier: Apache-2.0 */
/* One shard on a store in memory, and what it sends: events, copies, facts. */
#ifndef RINGFENCE_TESTS_APP_RIG_H
#define RINGFENCE_TESTS_APP_RIG_H

#include "app/replay.h"
#include "app/shard.h"
#include "tests/unit/unit.h"

#include "base/hash.h"

#include <stdio.h>
#include <stdlib.h>

#define DAY INT64_C(86400000)
#define T0 INT64_C(1737500000000)
#define RIG_RELAYED_MAX 500

struct sent {
	char copies[4096]; /* the last message of copies */
	uint32_t len;
	uint64_t events;
};

struct rig {
	struct arena arena;
	struct settings set;
	struct pipeline pipe;
	struct sent sent;
	struct shard *shard;
	int64_t offset, control;
	bool refuses; /* dead letters are expected */
	uint32_t refused;
	void (*on_copies)(struct rig *r); /* before they are acknowledged; NULL */
	/* the relay topic: messages of copies and facts, and how far they were delivered */
	struct slice relayed[RIG_RELAYED_MAX];
	uint32_t relayed_cnt, delivered;
	struct buf said; /* the events, a line each */
};

static inline enum err send_event(void *ctx, void *owner, uint64_t number, const struct message *m, struct err_text *why)
{
	struct rig *r = ctx;
	(void)why;
	r->sent.events++;
	buf_printf(&r->said, SLICE_FMT " " SLICE_FMT " " SLICE_FMT " " SLICE_FMT " " SLICE_FMT "\n", SLICE_ARG(m->id), SLICE_ARG(m->type),
		   SLICE_ARG(m->subject), SLICE_ARG(m->time), SLICE_ARG(m->data));
	if (owner == shard_owner(r->shard))
		shard_acked(r->shard, number);
	return ERR_OK;
}

static inline enum err dead_letter(void *ctx, void *owner, const struct dead_letter *d, struct err_text *why)
{
	struct rig *r = ctx;
	(void)owner;
	(void)why;
	if (!r->refuses)
		fail_msg("a dead letter, reason %d", (int)d->reason);
	r->refused++;
	return ERR_OK;
}

static inline uint64_t none_open(void *ctx, const void *owner)
{
	(void)ctx;
	(void)owner;
	return 0;
}

static inline void poll_nothing(void *ctx, int wait_ms)
{
	(void)ctx;
	(void)wait_ms;
}

static inline enum err relay(void *ctx, void *owner, int32_t partition, struct slice message, uint64_t number, struct err_text *why)
{
	struct rig *r = ctx;
	(void)partition;
	(void)why;
	assert_true(r->relayed_cnt < RIG_RELAYED_MAX);
	r->relayed[r->relayed_cnt++] = arena_copy(&r->arena, message);
	if (number != RELAY_COPIES) { /* a fact */
		if (owner == shard_owner(r->shard))
			shard_acked(r->shard, number);
		return ERR_OK;
	}
	assert_true(message.len <= sizeof r->sent.copies);
	memcpy(r->sent.copies, message.p, message.len);
	r->sent.len = message.len;
	if (r->on_copies)
		r->on_copies(r);
	return ERR_OK;
}

static inline enum err relay_done(void *ctx, void *owner, struct err_text *why)
{
	(void)ctx;
	(void)owner;
	(void)why;
	return ERR_OK;
}

static inline struct outlet outlet_of(struct rig *r)
{
	return (struct outlet){.send = send_event,
			       .dead_letter = dead_letter,
			       .dead_letters_open = none_open,
			       .poll = poll_nothing,
			       .relay = relay,
			       .relay_await = relay_done,
			       .ctx = r};
}

static inline void setup_rules(struct pipeline *p, const char *text)
{
	struct rules *rules = NULL;
	struct buf problems = {0};
	if (rules_parse(slice_of(text), "f", &rules, &problems))
		fail_msg("%.*s", (int)problems.len, (const char *)problems.data);
	pipeline_set_rules(p, rules);
}

static const char rig_one_call[] = "groups: [{name: g, rules: [{alert: one, expr: 'calls[\"1h\"] >= 1'}]}]\n";

static inline void rig_open(struct rig *r, struct outlet *outlet)
{
	struct err_text why = {""};
	*r = (struct rig){0};
	arena_init(&r->arena, 65536);
	assert_int_equal(settings_load(NULL, &r->arena, &r->set), ERR_OK);
	r->set.store.kind = STORE_MEMORY;
	r->set.keying = KEYING_WARN;
	assert_int_equal(pipeline_init(&r->pipe, &r->set, false, &why), ERR_OK);
	setup_rules(&r->pipe, rig_one_call);
	*outlet = outlet_of(r);
	assert_int_equal(shard_take(&r->pipe, outlet, 0, 1, &r->shard, &why), ERR_OK);
	assert_int_equal(shard_start(r->shard, 0, 0, 0, &why), ERR_OK);
}

static inline void rig_close(struct rig *r)
{
	shard_drop(r->shard);
	pipeline_release(&r->pipe);
	arena_release(&r->arena);
	buf_release(&r->said);
}

static inline enum err step(struct shard *s)
{
	struct err_text why = {""};
	enum err e = ERR_OK;
	while (!e && !shard_batch_done(s))
		e = pipeline_step(s, (struct wall_time){0}, &why);
	if (!e)
		shard_batch_reset(s);
	return e;
}

static inline void give(struct shard *s, int64_t offset, const char *from, const char *to, int64_t time_ms)
{
	static char text[512];
	int n = snprintf(
		text, sizeof text,
		"{\"record_id\":\"r%lld\",\"start_time\":%lld,\"end_time\":%lld,\"calling_number\":\"%s\",\"called_number\":\"%s\","
		"\"disposition\":\"ANSWERED\",\"billable_ms\":1000}",
		(long long)offset, (long long)(time_ms - 2000), (long long)time_ms, from, to);
	assert_true(n > 0 && n < (int)sizeof text);
	assert_true(shard_add(s, slice_make(text, (size_t)n), SLICE_NONE, NULL, offset, time_ms));
}

static inline void call(struct shard *s, int64_t offset, const char *from, const char *to, int64_t time_ms)
{
	give(s, offset, from, to, time_ms);
	assert_int_equal(step(s), ERR_OK);
}

static inline struct subject *subject(struct rig *r, const char *key)
{
	struct slice k = slice_of(key);
	struct subject *s = table_find(shard_subjects(r->shard), k, hash64(k.p, k.len, 0));
	assert_non_null(s);
	return s;
}

/* Taken anew, so that nothing stands in the table. */
static inline void take_again(struct rig *r, struct outlet *outlet)
{
	struct err_text why = {""};
	const struct meta m = *shard_meta(r->shard);
	shard_drop(r->shard);
	assert_int_equal(shard_take(&r->pipe, outlet, 0, 1, &r->shard, &why), ERR_OK);
	assert_int_equal(shard_start(r->shard, m.cdr_next, m.control_next, m.relay_next, &why), ERR_OK);
}

#endif
