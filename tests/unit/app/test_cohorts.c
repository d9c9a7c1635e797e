/* SPDX-License-Identifier: Apache-2.0 */
/* Rules on accounts, trunks and blocks: one shard that owns a cohort and its numbers, its own copies and facts coming back to it; and replay. */
#include "app/generate.h"
#include "tests/unit/app/rig.h"

#include <unistd.h>

#define MANY "groups: [{name: g, rules: [{alert: many, cohort: block, expr: 'numbers[\"1h\"] >= 5'}]}]\n"
#define MINUTE INT64_C(60000)

static void open_with(struct rig *r, struct outlet *outlet, const char *rules)
{
	rig_open(r, outlet);
	setup_rules(&r->pipe, rules);
}

/* What the relay topic holds and the shard has not read; or, from an earlier message on, once more behind the rest. */
static void deliver_from(struct rig *r, uint32_t from)
{
	for (; from < r->relayed_cnt; from++)
		shard_relay(r->shard, r->relayed[from], r->offset++);
	r->delivered = r->relayed_cnt;
	assert_int_equal(step(r->shard), ERR_OK);
}

static void deliver(struct rig *r)
{
	deliver_from(r, r->delivered);
}

/* Commits are answered and events handed over; with them go facts, which come back. */
static void settle(struct rig *r)
{
	struct err_text why = {""};
	do {
		deliver(r);
		for (int i = 0; i < 3; i++)
			assert_int_equal(pipeline_idle(r->shard, false, (struct wall_time){0}, &why), ERR_OK);
	} while (r->delivered < r->relayed_cnt);
}

static uint32_t times_said(struct rig *r, const char *what)
{
	uint32_t n = 0;
	buf_put_u8(&r->said, 0);
	for (const char *p = (const char *)r->said.data; (p = strstr(p, what)); p++)
		n++;
	r->said.len--;
	return n;
}

#define said(r, n, what)                                                                                          \
	do {                                                                                                      \
		if (times_said(r, what) != (n))                                                                   \
			fail_msg("%s: %u times in\n%s", what, times_said(r, what), (const char *)(r)->said.data); \
	} while (0)

/* One call of each of `n` numbers of a block, a minute apart. */
static void block_calls(struct rig *r, int64_t offset, int n, int64_t from_ms)
{
	for (int i = 0; i < n; i++) {
		char number[16];
		snprintf(number, sizeof number, "+15551230%03d", i);
		call(r->shard, offset + i, number, "+12125550001", from_ms + i * MINUTE);
		settle(r);
	}
}

static void block_rule_fires_when_many_of_its_numbers_call(void **state)
{
	struct rig r;
	struct outlet outlet;
	(void)state;
	open_with(&r, &outlet, MANY);
	block_calls(&r, 0, 4, T0);
	assert_int_equal(r.sent.events, 0);
	block_calls(&r, 4, 1, T0 + 4 * MINUTE); /* the first number again */
	assert_int_equal(r.sent.events, 0);
	call(r.shard, 5, "+15551230777", "+12125550001", T0 + 5 * MINUTE);
	settle(&r);
	said(&r, 1, "dev.ringfence.alert.raised.v1 block:+15551230 ");
	said(&r, 2, "\"cohort\":\"block\",\"key\":\"block:+15551230\"");
	said(&r, 1, "\"figures\":{\"numbers[\\\"1h\\\"]\":5}");
	said(&r, 1, "dev.ringfence.advisory.v1 block:+15551230 ");
	said(&r, 1,
	     "\"topic\":\"cohort_numbers\",\"detail\":{\"rule\":\"many\",\"mode\":\"enforce\",\"part\":1,\"parts\":1,\"numbers\":[{"
	     "\"number\":"
	     "\"+15551230000\",\"flagged\":false,\"calls\":2,");
	said(&r, 5, "{\"number\":\"+15551230");
	said(&r, 2, "\"cause\":{\"topic\":\"cdr\",\"partition\":0,\"offset\":5,\"record_id\":null}");
	assert_int_equal(r.sent.events, 2);
	rig_close(&r);
}

static void alert_of_a_block_is_found_again_in_the_store_and_resolves_by_timer(void **state)
{
	struct rig r;
	struct outlet outlet;
	(void)state;
	open_with(&r, &outlet, MANY);
	block_calls(&r, 0, 6, T0);
	assert_int_equal(r.sent.events, 2);
	take_again(&r, &outlet);
	call(r.shard, 6, "+15559990000", "+12125550001", T0 + 30 * MINUTE);
	settle(&r);
	assert_int_equal(r.sent.events, 2); /* it goes on, and is not raised again */
	take_again(&r, &outlet);
	call(r.shard, 7, "+15559990000", "+12125550001", T0 + 120 * MINUTE);
	settle(&r);
	said(&r, 1, "dev.ringfence.alert.resolved.v1 block:+15551230 ");
	said(&r, 1, "\"cause\":{\"timer\":\"alert\"");
	assert_int_equal(r.sent.events, 3);
	assert_int_equal(subject(&r, "block:+15551230")->state_len, 0);
	block_calls(&r, 8, 5, T0 + 130 * MINUTE); /* and it may come back */
	said(&r, 2, "alert.raised");
	rig_close(&r);
}

static void copies_sent_again_do_not_fire_twice(void **state)
{
	struct rig r;
	struct outlet outlet;
	(void)state;
	open_with(&r, &outlet, MANY);
	block_calls(&r, 0, 5, T0);
	uint32_t all = r.relayed_cnt;
	deliver_from(&r, 0);
	take_again(&r, &outlet);
	deliver_from(&r, 0);
	settle(&r);
	said(&r, 1, "alert.raised");
	assert_int_equal(r.sent.events, 2);
	assert_int_equal(subject(&r, "block:+15551230")->calls, 5);
	assert_true(shard_meta(r.shard)->counts.copies_again >= 2 * all);
	rig_close(&r);
}

/* The shard is lost between its commit and the handing over; who takes it says the event from the outbox, and does not apply the copies again. */
static void event_of_a_copy_is_in_the_commit_of_its_mark(void **state)
{
	struct rig r;
	struct outlet outlet;
	(void)state;
	open_with(&r, &outlet, MANY);
	block_calls(&r, 0, 4, T0);
	call(r.shard, 4, "+15551230777", "+12125550001", T0 + 4 * MINUTE);
	uint32_t last = r.delivered;
	deliver(&r); /* committed, not handed over */
	assert_int_equal(r.sent.events, 0);
	take_again(&r, &outlet);
	deliver_from(&r, last);
	settle(&r);
	said(&r, 1, "alert.raised");
	assert_int_equal(r.sent.events, 2);
	rig_close(&r);
}

static void flagged_numbers_make_the_rule_of_their_block_fire(void **state)
{
	struct rig r;
	struct outlet outlet;
	(void)state;
	open_with(&r, &outlet,
		  "groups: [{name: g, rules: [{alert: busy, expr: 'calls[\"1h\"] >= 2'}, {alert: burst, cohort: block, expr: "
		  "'flagged_numbers[\"24h\"] >= 2'}]}]\n");
	block_calls(&r, 0, 3, T0);
	block_calls(&r, 3, 2, T0 + 10 * MINUTE); /* two of them again */
	said(&r, 2, "alert.raised.v1 +15551230");
	said(&r, 1, "alert.raised.v1 block:+15551230 ");
	/* what set it off is what made the second number fire */
	said(&r, 3, "\"cause\":{\"topic\":\"cdr\",\"partition\":0,\"offset\":4,\"record_id\":\"r4\"}");
	/* both flagged ones before the third */
	said(&r, 1, "\"numbers\":[{\"number\":\"+15551230001\",\"flagged\":true,\"calls\":2,");
	said(&r, 1, "{\"number\":\"+15551230002\",\"flagged\":false,\"calls\":1,");
	uint64_t events = r.sent.events;
	deliver_from(&r, 0);
	settle(&r);
	assert_int_equal(r.sent.events, events);
	rig_close(&r);
}

static void send_block(struct rig *r, int64_t time_ms, int n)
{
	struct relay_pack pack = {0};
	relay_pack_begin(&pack, false, 4711, 1);
	for (int i = 0; i < n; i++) {
		struct copy c = {
			.kind = COPY_BLOCK, .offset = r->offset * 100 + i, .key = SLICE_LIT("block:+15551230"), .event_ms = time_ms};
		c.caller = (uint64_t)i + 1;
		c.facts = (struct facts){.start_ms = time_ms, .end_ms = time_ms, .callee = 9};
		relay_pack_add(&pack, &c);
	}
	shard_relay(r->shard, relay_pack_end(&pack), r->offset++);
	buf_release(&pack.bytes);
	assert_int_equal(step(r->shard), ERR_OK);
	settle(r);
}

/* The copies come from a shard that is hours ahead: what was due before them fires before them, though this shard's own clock stands. */
static void timers_of_a_cohort_fire_before_later_copies(void **state)
{
	struct rig r;
	struct outlet outlet;
	(void)state;
	open_with(&r, &outlet, MANY);
	call(r.shard, 0, "+15559990000", "+12125550001", T0);
	send_block(&r, T0, 5);
	said(&r, 1, "alert.raised");
	send_block(&r, T0 + 180 * MINUTE, 5);
	said(&r, 1, "alert.resolved");
	said(&r, 2, "alert.raised");
	assert_int_equal(shard_meta(r.shard)->clock_ms, T0);
	/* in order, and with the time at which it was due: 60 minutes later the calls are an hour old */
	const char *resolved = strstr((const char *)r.said.data, "alert.resolved");
	char due[TIME_TEXT_BYTES];
	time_format(T0 + 60 * MINUTE, due);
	assert_non_null(strstr(resolved, due));
	assert_non_null(strstr(resolved, "alert.raised"));
	rig_close(&r);
}

static void send_flag(struct rig *r, int64_t time_ms)
{
	struct relay_pack pack = {0};
	const struct copy c = {.kind = COPY_FLAG,
			       .offset = 1,
			       .ordinal = (uint64_t)r->offset,
			       .key = SLICE_LIT("block:+15551230"),
			       .caller = 1,
			       .event_ms = time_ms};
	relay_pack_begin(&pack, true, 4711, 1);
	relay_pack_add(&pack, &c);
	shard_relay(r->shard, relay_pack_end(&pack), r->offset++);
	buf_release(&pack.bytes);
	assert_int_equal(step(r->shard), ERR_OK);
}

/* Timers up to a fact have fired; a copy that is older than the fact sets none of these times again: their events would have the same ids. */
static void copy_behind_a_fact_sets_no_timer_that_has_fired(void **state)
{
	struct rig r;
	struct outlet outlet;
	struct slice key = SLICE_LIT("block:+15551230");
	(void)state;
	open_with(&r, &outlet, MANY);
	call(r.shard, 0, "+15559990000", "+12125550001", T0);
	send_block(&r, T0, 5);
	assert_true(timers_due(&r.shard->timers, key, key_hash(key)) == T0 + 5 * MINUTE);
	send_flag(&r, T0 + 20 * MINUTE);
	assert_true(timers_due(&r.shard->timers, key, key_hash(key)) == T0 + 25 * MINUTE);
	send_block(&r, T0 + MINUTE, 1);
	assert_true(timers_due(&r.shard->timers, key, key_hash(key)) == T0 + 25 * MINUTE);
	rig_close(&r);
}

static void rule_that_is_gone_resolves_its_alert(void **state)
{
	struct rig r;
	struct outlet outlet;
	(void)state;
	open_with(&r, &outlet, MANY);
	block_calls(&r, 0, 5, T0);
	setup_rules(&r.pipe, "groups: []\n");
	call(r.shard, 5, "+15559990000", "+12125550001", T0 + 10 * MINUTE);
	call(r.shard, 6, "+15559990000", "+12125550001", T0 + 40 * MINUTE);
	settle(&r);
	said(&r, 1, "alert.resolved.v1 block:+15551230 ");
	rig_close(&r);
}

/* ---- replay ---- */

struct raised {
	char line[160]; /* rule and subject */
};

struct heard {
	struct raised raised[4000];
	uint32_t cnt, advisories;
	uint32_t elsewhere; /* set off by a CDR of another partition than 0 */
};

static void heard(void *ctx, const struct message *m)
{
	struct heard *h = ctx;
	h->advisories += slice_is(m->type, "dev.ringfence.advisory.v1");
	if (!slice_is(m->type, "dev.ringfence.alert.raised.v1") || m->subject.p[0] == '+')
		return;
	char *data = strndup(m->data.p, m->data.len), *rule = strstr(data, "\"rule\":");
	assert_non_null(rule);
	h->elsewhere += strstr(data, "\"partition\":") && !strstr(data, "\"partition\":0");
	assert_true(h->cnt < 4000);
	snprintf(h->raised[h->cnt++].line, sizeof h->raised->line, "%.30s " SLICE_FMT " " SLICE_FMT, rule, SLICE_ARG(m->subject),
		 SLICE_ARG(m->time));
	free(data);
}

static int by_line(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void replay_campaign(const char *path, int32_t partitions, struct heard *h)
{
	static const char rules[] = "groups:\n"
				    "- name: g\n"
				    "  rules:\n"
				    "  - {alert: Busy, expr: 'calls[\"1h\"] >= 3'}\n"
				    "  - {alert: Rotation, cohort: account, expr: 'numbers[\"24h\"] >= 10'}\n"
				    "  - {alert: Block, cohort: block, expr: 'numbers[\"24h\"] >= 20'}\n"
				    "  - {alert: Burst, cohort: block, expr: 'flagged_numbers[\"24h\"] >= 3'}\n"
				    "  - {alert: AccountBurst, cohort: account, expr: 'flagged_numbers[\"24h\"] >= 3'}\n"
				    "  - {alert: Trunk, cohort: trunk, expr: 'numbers[\"24h\"] >= 100'}\n";
	struct rig r = {0};
	struct replay *replay;
	struct err_text why = {""};
	const char *const files[] = {path};
	const struct replay_config c = {
		.partitions = partitions, .files = files, .file_cnt = 1, .until_ms = TIME_NONE, .event = heard, .event_ctx = h};
	arena_init(&r.arena, 65536);
	assert_int_equal(settings_load(NULL, &r.arena, &r.set), ERR_OK);
	r.set.store.kind = STORE_MEMORY;
	assert_int_equal(pipeline_init(&r.pipe, &r.set, true, &why), ERR_OK);
	r.pipe.files = true;
	setup_rules(&r.pipe, rules);
	assert_int_equal(replay_open(&r.pipe, &c, &replay, &why), ERR_OK);
	assert_int_equal(replay_run(replay, &why), ERR_OK);
	assert_int_equal(replay_close(replay, &why), ERR_OK);
	pipeline_release(&r.pipe);
	arena_release(&r.arena);
	qsort(h->raised, h->cnt, sizeof *h->raised, by_line);
}

static void write_campaign(const char *path)
{
	struct generate_config c = {
		.seed = 3, .calls = 4000, .numbers = 400, .start_ms = GENERATE_START_MS, .duration_ms = 2 * DAY, .zipf_milli = -1};
	struct generator *g;
	struct generated record;
	struct err_text why = {""};
	struct buf b = {0};
	c.mix_ppm[CALLER_PRIVATE] = c.mix_ppm[CALLER_CAMPAIGN] = 500000;
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(generator_new(&c, &g, &why), ERR_OK);
	while (generator_next(g, &record)) {
		buf_reset(&b);
		generated_write_json(&record, c.seed, &b);
		buf_puts(&b, "\n");
		assert_int_equal(fwrite(b.data, 1, b.len, f), b.len);
	}
	generator_free(g);
	buf_release(&b);
	fclose(f);
}

static void campaign_raises_the_same_alerts_whatever_the_count_of_shards(void **state)
{
	char path[] = "/tmp/test_cohorts.XXXXXX.jsonl";
	struct heard *one = mem_zalloc(sizeof *one), *four = mem_zalloc(sizeof *four);
	(void)state;
	close(mkstemps(path, 6));
	write_campaign(path);
	replay_campaign(path, 1, one);
	replay_campaign(path, 4, four);
	assert_int_equal(one->cnt, four->cnt);
	assert_int_equal(one->advisories, four->advisories);
	assert_true(one->advisories > 0);
	assert_true(one->elsewhere == 0 && four->elsewhere > 0);
	for (uint32_t i = 0; i < one->cnt; i++)
		assert_string_equal(one->raised[i].line, four->raised[i].line);
	static const char *const rules[] = {"Rotation", "Block", "Burst", "AccountBurst", "Trunk"};
	for (size_t k = 0; k < sizeof rules / sizeof rules[0]; k++) {
		uint32_t n = 0;
		char quoted[40];
		snprintf(quoted, sizeof quoted, "\"rule\":\"%s\"", rules[k]);
		for (uint32_t i = 0; i < one->cnt; i++)
			n += strncmp(one->raised[i].line, quoted, strlen(quoted)) == 0;
		if (n == 0)
			fail_msg("%s was never raised", rules[k]);
	}
	unlink(path);
	free(one);
	free(four);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(block_rule_fires_when_many_of_its_numbers_call),
		cmocka_unit_test(alert_of_a_block_is_found_again_in_the_store_and_resolves_by_timer),
		cmocka_unit_test(copies_sent_again_do_not_fire_twice),
		cmocka_unit_test(event_of_a_copy_is_in_the_commit_of_its_mark),
		cmocka_unit_test(flagged_numbers_make_the_rule_of_their_block_fire),
		cmocka_unit_test(timers_of_a_cohort_fire_before_later_copies),
		cmocka_unit_test(copy_behind_a_fact_sets_no_timer_that_has_fired),
		cmocka_unit_test(rule_that_is_gone_resolves_its_alert),
		cmocka_unit_test(campaign_raises_the_same_alerts_whatever_the_count_of_shards),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
