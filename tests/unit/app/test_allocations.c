/* SPDX-License-Identifier: Apache-2.0 */
/* The hot path (decode, windows, rules, commit encoding) allocates nothing per record once warm: the program is linked with --wrap, so every
 * malloc, calloc and realloc of our own code comes here. What the store does with a commit is its own matter and not counted. */
#include "app/pipeline.h"
#include "rules/ruleset.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

#define NUMBERS 10
#define BATCH 500
#define WARM \
	480 /* batches: 24,000 calls of each number, far past what is kept exactly; the pieces behind grow by a segment ever more seldom */
#define MEASURED 40

static bool counting;
static uint64_t allocations;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_malloc(size_t n)
{
	allocations += counting;
	return __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	allocations += counting;
	return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	allocations += counting;
	return __real_realloc(p, n);
}

/* ---- a store that is not counted, and an outlet that takes everything ---- */

static uint64_t bytes_committed, records_committed;

static enum err read_begin(struct store_shard *h, const struct store_key *keys, size_t n, struct err_text *why)
{
	bool before = counting;
	counting = false;
	enum err e = store_memory.read_begin(h, keys, n, why);
	counting = before;
	return e;
}

static enum err commit_begin(struct store_shard *h, const struct store_commit *c, struct err_text *why)
{
	bool before = counting;
	counting = false;
	for (size_t i = 0; i < c->put_cnt; i++)
		bytes_committed += c->puts[i].value.len;
	records_committed += c->put_cnt;
	enum err e = store_memory.commit_begin(h, c, why);
	counting = before;
	return e;
}

static enum err send_event(void *ctx, void *owner, uint64_t number, const struct message *m, struct err_text *why)
{
	(void)owner;
	(void)m;
	(void)why;
	shard_acked(*(struct shard **)ctx, number);
	return ERR_OK;
}

static enum err dead_letter(void *ctx, void *owner, const struct dead_letter *d, struct err_text *why)
{
	(void)ctx;
	(void)owner;
	(void)d;
	(void)why;
	return ERR_OK;
}

static uint64_t none_open(void *ctx, const void *owner)
{
	(void)ctx;
	(void)owner;
	return 0;
}

static void poll_nothing(void *ctx, int wait_ms)
{
	(void)ctx;
	(void)wait_ms;
}

/* ---- records ---- */

static uint64_t relayed;
static struct relay_pack
	back; /* copies for the block that the numbers are in: they come back to the shard, as many as a number has calls */

static enum err relay_away(void *ctx, void *owner, int32_t partition, struct slice message, uint64_t number, struct err_text *why)
{
	struct relay_message m;
	struct copy c;
	bool before = counting;
	(void)owner;
	(void)why;
	assert_int_equal(partition, 0);
	relayed += message.len;
	if (number != RELAY_COPIES) { /* a fact */
		shard_acked(*(struct shard **)ctx, number);
		return ERR_OK;
	}
	counting = false;
	bool good = relay_open(message, &m);
	for (uint32_t i = 0; good && i < m.cnt; i++) {
		good = relay_next(&m, &c);
		if (good && c.kind == COPY_BLOCK && c.offset % (NUMBERS + 1) == 0)
			relay_pack_add(&back, &c);
	}
	assert_true(good);
	counting = before;
	return ERR_OK;
}

static enum err relay_done(void *ctx, void *owner, struct err_text *why)
{
	(void)ctx;
	(void)owner;
	(void)why;
	return ERR_OK;
}

static const char rules_text[] =
	"groups:\n"
	"- name: g\n"
	"  rules:\n"
	"  - {alert: never, expr: 'calls[\"1h\"] > 1000000 && callee_ratio[\"1h\"] > 0.9'}\n"
	"  - {alert: early, expr: 'answer_ratio[\"24h\"] < 0.0001 || avg_talk_s[\"30m\"] > 1e9'}\n"
	"  - {alert: gated, expr: 'country == \"1\"', when: {days: mon-sun, hours: '00:00-00:10'}, exempt: ['account:a', '+15551239999'],\n"
	"     annotations: {summary: '{{ $number }} made calls'}}\n"
	"  - {alert: rotation, cohort: block, expr: 'numbers[\"24h\"] >= 1000 || callee_ratio[\"1h\"] < 0.0'}\n"
	"  - {alert: block, cohort: block, expr: 'numbers[\"24h\"] >= 10', for: 31d}\n" /* pending all the time */
	"  - {alert: short, expr: 'short6_ratio[\"7d\"] > 0.99 && talk_s[\"31d\"] < 0.0'}\n";

static char text[BATCH][512];
static int64_t made;

/* Record i of the stream: every number calls once in 10 s, ends out of order by up to 9 s; every hundredth text has escapes. */
static struct slice record(char *to)
{
	int64_t i = made++, start = INT64_C(1700000000000) + i * 1000;
	int n = snprintf(
		to, sizeof text[0],
		"{\"record_id\":\"r%lld\",\"start_time\":%lld,\"end_time\":%lld,\"calling_number\":\"+1555123%04d\",\"called_number\":"
		"\"%s20%07lld\",\"disposition\":\"%s\",\"billable_ms\":%lld,\"attributes\":{\"note\":\"%s\"}}",
		(long long)i, (long long)start, (long long)(start + i * 7919 % 9000), (int)(i % NUMBERS), i % 100 ? "+44" : "\\u002b44",
		(long long)(i * 31 % 100000), i % 3 ? "ANSWERED" : "BUSY", (long long)(i * 997 % 60000), i % 100 ? "plain" : "a\\nb");
	assert_true(n > 0 && n < (int)sizeof text[0]);
	return slice_make(to, (size_t)n);
}

static void run_batches(struct shard *s, int batches)
{
	struct err_text why = {""};
	static int64_t offset_back;
	for (int b = 0; b < batches; b++) {
		if (back.cnt)
			shard_relay(s, relay_pack_end(&back), offset_back++);
		relay_pack_begin(&back, false, 4711, 0);
		for (int i = 0; i < BATCH; i++) {
			int64_t offset = made;
			struct slice r = record(text[i]);
			assert_true(shard_add(s, r, slice_make("k", 1), NULL, offset, INT64_C(1800000000000)));
		}
		while (!shard_batch_done(s))
			if (pipeline_step(s, (struct wall_time){INT64_C(1800000000000)}, &why))
				fail_msg("%s", why.text);
		shard_batch_reset(s);
	}
}

static void hot_path_allocates_nothing_once_warm(void **state)
{
	struct arena arena;
	struct settings set;
	struct pipeline p;
	struct rules *rules = NULL;
	struct buf problems = {0};
	struct err_text why = {""};
	struct shard *s = NULL;
	struct store_ops ops = store_memory;
	const struct outlet outlet = {.send = send_event,
				      .dead_letter = dead_letter,
				      .dead_letters_open = none_open,
				      .poll = poll_nothing,
				      .relay = relay_away,
				      .relay_await = relay_done,
				      .ctx = &s};
	(void)state;
	arena_init(&arena, 65536);
	assert_int_equal(settings_load(NULL, &arena, &set), ERR_OK);
	set.store.kind = STORE_MEMORY;
	set.keying = KEYING_WARN;
	assert_int_equal(pipeline_init(&p, &set, false, &why), ERR_OK);
	ops.read_begin = read_begin;
	ops.commit_begin = commit_begin;
	p.ops = &ops;
	if (rules_parse(slice_of(rules_text), "f", &rules, &problems))
		fail_msg("%.*s", (int)problems.len, (const char *)problems.data);
	rules->providers = NULL; /* a dispute step that is due in between would be an event, and events do allocate */
	pipeline_set_rules(&p, rules);
	if (shard_take(&p, &outlet, 0, 1, &s, &why))
		fail_msg("%s", why.text);
	if (shard_start(s, 0, 0, 0, &why))
		fail_msg("%s", why.text);

	run_batches(s, WARM);
	uint64_t records = records_committed, bytes = bytes_committed, events = shard_meta(s)->counts.events;
	allocations = 0;
	counting = true;
	run_batches(s, MEASURED);
	counting = false;
	printf("allocations over %d records: %llu\n", MEASURED * BATCH, (unsigned long long)allocations);
	assert_int_equal(allocations, 0);
	/* and the work was done: every batch wrote every number's record */
	assert_int_equal(shard_meta(s)->counts.applied, (WARM + MEASURED) * BATCH);
	assert_int_equal(records_committed - records, MEASURED * (NUMBERS + 1));
	assert_true(shard_meta(s)->counts.copies >=
		    (WARM + MEASURED - 1) * BATCH / (NUMBERS + 1)); /* and the rules on the block were asked */
	assert_true(bytes_committed - bytes > MEASURED * NUMBERS * 1000);
	assert_true(relayed > 0);
	assert_true(events > 0); /* some numbers are in rest: their phase moves with every call */
	assert_int_equal(shard_meta(s)->counts.events, events);

	shard_drop(s);
	p.ops = &store_memory;
	pipeline_release(&p);
	arena_release(&arena);
}

/* The test would be worth nothing if the wrapping did not work. */
static void allocations_of_our_own_code_are_seen(void **state)
{
	(void)state;
	struct arena a;
	uint64_t before = allocations;
	arena_init(&a, 64);
	counting = true;
	memset(arena_alloc(&a, 10), 0, 10);
	counting = false;
	assert_int_equal(allocations - before, 1);
	arena_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(allocations_of_our_own_code_are_seen),
		cmocka_unit_test(hot_path_allocates_nothing_once_warm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
