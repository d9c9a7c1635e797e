/* SPDX-License-Identifier: Apache-2.0 */
/* Shards beside each other: what copies, commands and takings of a shard whose clock stands elsewhere do to its records. */
#include "app/dump.h"
#include "tests/unit/app/rig.h"

#include <unistd.h>

/* A copy as another shard sends it. */
static void copy(struct rig *r, const char *key, int64_t time_ms)
{
	struct relay_pack pack = {0};
	struct copy c = {.kind = COPY_CALLED, .offset = r->offset, .key = slice_of(key), .caller = 7, .event_ms = time_ms};
	relay_pack_begin(&pack, false, 4711, 1);
	relay_pack_add(&pack, &c);
	shard_relay(r->shard, relay_pack_end(&pack), r->offset++);
	buf_release(&pack.bytes);
	assert_int_equal(step(r->shard), ERR_OK);
}

static void copy_of_a_shard_ahead_ends_no_record(void **state)
{
	struct rig r;
	struct outlet outlet;
	(void)state;
	rig_open(&r, &outlet);
	call(r.shard, 0, "+15551230000", "+12125550001", T0);
	copy(&r, "+15551230000", T0 + 200 * DAY);
	assert_int_equal(subject(&r, "+15551230000")->calls, 1);
	assert_int_equal(subject_received(subject(&r, "+15551230000")), 1);
	call(r.shard, 1, "+15551230000", "+12125550001", T0 + DAY);
	assert_int_equal(subject(&r, "+15551230000")->calls, 2);
	assert_int_equal(shard_meta(r.shard)->counts.expired, 0);
	rig_close(&r);
}

static void record_ends_when_its_own_shard_is_past_it(void **state)
{
	struct rig r;
	struct outlet outlet;
	(void)state;
	rig_open(&r, &outlet);
	call(r.shard, 0, "+15551230000", "+12125550001", T0);
	call(r.shard, 1, "+15551240000", "+12125550001", T0 + 200 * DAY);
	copy(&r, "+15551230000", T0 + 200 * DAY);
	assert_int_equal(subject(&r, "+15551230000")->calls, 0);
	assert_int_equal(shard_meta(r.shard)->counts.expired, 1);
	rig_close(&r);
}

static void command_after_an_old_backfill_erases_nothing(void **state)
{
	static const char text[] =
		"{\"id\":\"c1\",\"command\":\"quarantine\",\"number\":\"+15551230000\",\"time\":\"2026-01-01T00:00:00Z\"}";
	struct rig r;
	struct outlet outlet;
	struct err_text why = {""};
	(void)state;
	rig_open(&r, &outlet);
	call(r.shard, 0, "+15551230000", "+12125550001", T0);
	assert_true(shard_command(r.shard, slice_of(text), 0, T0 + 400 * DAY));
	assert_int_equal(pipeline_finish(r.shard, TIME_NONE, &why), ERR_OK);
	assert_int_equal(shard_meta(r.shard)->counts.commands, 1);
	assert_int_equal(subject(&r, "+15551230000")->calls, 1);
	assert_int_equal(shard_meta(r.shard)->counts.expired, 0);
	rig_close(&r);
}

/* The same two calls and copies, the copies first, between, last. */
static void sequence_does_not_hang_on_when_copies_come(void **state)
{
	uint64_t sequence[3];
	(void)state;
	for (int order = 0; order < 3; order++) {
		struct rig r;
		struct outlet outlet;
		rig_open(&r, &outlet);
		if (order == 0)
			copy(&r, "+15551230000", T0 - 3000);
		call(r.shard, 0, "+15551240000", "+12125550001", T0);
		if (order == 1)
			copy(&r, "+15551230000", T0 - 3000);
		call(r.shard, 1, "+15551230000", "+12125550001", T0 + 5000);
		if (order == 2)
			copy(&r, "+15551230000", T0 - 3000);
		sequence[order] = subject(&r, "+15551230000")->sequence;
		assert_true(shard_meta(r.shard)->counts.events > 0);
		rig_close(&r);
	}
	assert_true(sequence[0] > (uint64_t)T0 && sequence[0] == sequence[1] && sequence[1] == sequence[2]);
}

#define HEARD 40

/* Copies of two kinds in turn, each for another subject: they are applied kind by kind. */
static void hear(struct rig *r)
{
	struct relay_pack pack = {0};
	relay_pack_begin(&pack, false, 4711, 1);
	for (int i = 0; i < HEARD; i++) {
		char key[32];
		bool called = i % 2;
		int n = snprintf(key, sizeof key, called ? "+1555123%04d" : "account:a%d", i);
		struct copy c = {
			.kind = called ? COPY_CALLED : COPY_ACCOUNT, .offset = i / 2, .key = slice_make(key, (size_t)n), .caller = 7};
		c.ordinal = c.kind;
		if (called)
			c.event_ms = T0;
		else
			c.facts = (struct facts){.start_ms = T0, .end_ms = T0, .callee = 1};
		relay_pack_add(&pack, &c);
	}
	shard_relay(r->shard, relay_pack_end(&pack), 100);
	buf_release(&pack.bytes);
}

/* After each number of cycles: the position does not tell what of a message is applied, the marks of the kinds do. */
static void message_cut_by_a_crash_counts_each_copy_once(void **state)
{
	(void)state;
	for (int cycles = 0; cycles * 3 < HEARD; cycles++) {
		struct rig r;
		struct outlet outlet;
		struct err_text why = {""};
		rig_open(&r, &outlet);
		r.set.run.changed_records = 3;
		hear(&r);
		for (int i = 0; i < cycles; i++)
			assert_int_equal(pipeline_step(r.shard, (struct wall_time){0}, &why), ERR_OK);
		assert_int_equal(shard_meta(r.shard)->counts.copies, 3 * cycles);
		assert_true(shard_meta(r.shard)->relay_next <= 100);
		take_again(&r, &outlet);
		assert_int_equal(shard_meta(r.shard)->counts.copies, 3 * cycles);
		hear(&r);
		assert_int_equal(step(r.shard), ERR_OK);
		assert_int_equal(shard_meta(r.shard)->counts.copies, HEARD);
		assert_int_equal(shard_meta(r.shard)->counts.copies_again, 3 * cycles);
		assert_int_equal(shard_meta(r.shard)->relay_next, 101);
		assert_int_equal(subject(&r, "account:a38")->calls, 1);
		assert_int_equal(subject_received(subject(&r, "+15551230039")), 1);
		rig_close(&r);
	}
}

static struct shard *taken_over;

static void take_over(struct rig *r)
{
	static struct outlet outlet;
	struct err_text why = {""};
	outlet = outlet_of(r);
	r->on_copies = NULL;
	assert_int_equal(shard_take(&r->pipe, &outlet, 0, 1, &taken_over, &why), ERR_OK);
	assert_int_equal(shard_start(taken_over, 0, 0, 0, &why), ERR_OK);
}

/* A store that lost everything: what is sent again is known as the same by those who kept what they heard, and by those who read it anew. */
static void copies_after_a_loss_of_the_store_have_the_same_source(void **state)
{
	uint64_t source[2];
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct rig r;
		struct outlet outlet;
		struct relay_message m;
		rig_open(&r, &outlet);
		call(r.shard, 0, "+15551230000", "+12125550001", T0);
		assert_true(relay_open(slice_make(r.sent.copies, r.sent.len), &m));
		source[i] = m.source;
		rig_close(&r);
	}
	assert_true(source[0] == source[1] && source[0] != 0);
}

static void copies_of_a_topic_made_anew_have_another_source(void **state)
{
	struct rig r;
	struct outlet outlet;
	struct err_text why = {""};
	(void)state;
	rig_open(&r, &outlet);
	uint64_t before = shard_meta(r.shard)->topic_id;
	call(r.shard, 5, "+15551230000", "+12125550001", T0);
	assert_int_equal(shard_start(r.shard, 0, 0, 0, &why), ERR_OK);
	assert_true(shard_meta(r.shard)->topic_id != before);
	rig_close(&r);
}

/* A shard is taken for the first time, sends copies, and stands still before its commit; who takes it after it sends the same copies, known as the
 * same by their source. */
static void copies_of_a_fenced_owner_are_those_of_the_next(void **state)
{
	struct rig r;
	struct outlet outlet;
	struct relay_message a, b;
	struct sent first;
	(void)state;
	rig_open(&r, &outlet);
	r.on_copies = take_over;
	give(r.shard, 0, "+15551230000", "+12125550001", T0);
	assert_int_equal(step(r.shard), ERR_FENCED);
	first = r.sent;
	r.sent.len = 0;
	shard_drop(r.shard);
	r.shard = taken_over;
	call(r.shard, 0, "+15551230000", "+12125550001", T0);
	assert_true(first.len > 0 && relay_open(slice_make(first.copies, first.len), &a));
	assert_true(r.sent.len > 0 && relay_open(slice_make(r.sent.copies, r.sent.len), &b));
	assert_true(a.source == b.source && a.source != 0);
	rig_close(&r);
}

static void sweep(struct rig *r)
{
	struct err_text why = {""};
	for (int i = 0; i < 10; i++) {
		r->shard->swept = (struct mono_time){0};
		assert_int_equal(pipeline_sweep(r->shard, &why), ERR_OK);
	}
	assert_int_equal(pipeline_idle(r->shard, false, (struct wall_time){0}, &why), ERR_OK);
}

static void day_first_seen_outlives_the_record_by_a_year(void **state)
{
	static const char *const numbers[] = {"+15551230001", "+15551230002"};
	struct rig r;
	struct outlet outlet;
	(void)state;
	rig_open(&r, &outlet);
	int64_t end = T0 + r.set.keep_ms;
	call(r.shard, 0, numbers[0], "+12125550001", T0);
	call(r.shard, 1, numbers[1], "+12125550001", T0);
	sweep(&r);
	call(r.shard, 2, "+15551240000", "+12125550001", end + 2 * DAY);
	sweep(&r);
	assert_int_equal(shard_meta(r.shard)->counts.expired, 2);
	take_again(&r, &outlet);
	call(r.shard, 3, numbers[0], "+12125550001", end + 364 * DAY);
	assert_int_equal(subject(&r, numbers[0])->calls, 1);
	assert_int_equal(subject_first_day(subject(&r, numbers[0])), utc_day(T0));
	take_again(&r, &outlet);
	call(r.shard, 4, numbers[0], "+12125550001", end + 364 * DAY + 1);
	assert_int_equal(subject_first_day(subject(&r, numbers[0])), utc_day(T0));
	call(r.shard, 5, numbers[1], "+12125550001", end + 366 * DAY);
	assert_int_equal(subject_first_day(subject(&r, numbers[1])), utc_day(end + 366 * DAY));
	rig_close(&r);
}

/* The same where the record was not swept yet: it ends in the table. */
static void day_first_seen_is_the_same_whether_swept_or_not(void **state)
{
	for (int64_t days = 364; days <= 366; days += 2) {
		struct rig r;
		struct outlet outlet;
		(void)state;
		rig_open(&r, &outlet);
		int64_t back = T0 + r.set.keep_ms + days * DAY;
		call(r.shard, 0, "+15551230001", "+12125550001", T0);
		call(r.shard, 1, "+15551230001", "+12125550001", back);
		assert_int_equal(subject(&r, "+15551230001")->calls, 1);
		assert_int_equal(subject_first_day(subject(&r, "+15551230001")), days == 364 ? utc_day(T0) : utc_day(back));
		rig_close(&r);
	}
}

/* ---- flags ---- */

/* Commands wait for the CDR behind them; `fields` follow the number. */
static void command(struct rig *r, const char *verb, const char *number, const char *fields, int64_t time_ms)
{
	char text[1000];
	int n = snprintf(text, sizeof text, "{\"id\":\"c%lld\",\"command\":\"%s\",\"number\":\"%s\",\"time\":%lld%s}",
			 (long long)r->control, verb, number, (long long)time_ms, fields);
	assert_true(n > 0 && n < (int)sizeof text);
	assert_true(shard_command(r->shard, slice_make(text, (size_t)n), r->control++, time_ms));
}

#define ONE "+15551230000"
#define OTHER "+15551240000"
#define SPAM_RISK ",\"provider\":\"Hiya\",\"carrier\":\"T-Mobile\",\"label\":\"Spam Risk\""

static uint64_t flags_31d(struct rig *r, const char *number)
{
	struct subject *s = subject(r, number);
	struct figure_key key = {.feature = FEATURE_FLAGS, .window_ms = 31 * DAY};
	uint64_t filled = 0;
	struct value value;
	struct figures f = {.keys = &key, .n = 1, .filled = &filled, .values = &value};
	figures_reset(&f, s, s->clock_ms);
	return (uint64_t)figure_get(&f, 0).i;
}

static uint32_t flags_open(struct rig *r, const char *number)
{
	struct subject *s = subject(r, number);
	struct rules_view v;
	const struct rules_subject rs = {.key = slice_of(number), .state = s->state, .state_len = s->state_len};
	assert_int_equal(rules_view(r->shard->scratch, r->shard->rules, &rs, &v), ERR_OK);
	return v.open_flag_cnt;
}

static void rig_flags(struct rig *r, struct outlet *outlet)
{
	rig_open(r, outlet);
	setup_rules(&r->pipe, "groups: [{name: g, rules: [{alert: two, expr: 'flags[\"31d\"] >= 2'}]}]\n");
	call(r->shard, 0, ONE, "+12125550001", T0);
}

static void flag_sent_twice_counts_once_and_again_after_it_was_cleared(void **state)
{
	struct rig r;
	struct outlet outlet;
	(void)state;
	rig_flags(&r, &outlet);
	uint64_t before = shard_meta(r.shard)->outbox_next;
	command(&r, "flag", ONE, SPAM_RISK, T0 + 1000);
	command(&r, "flag", ONE, SPAM_RISK ",\"note\":\"the same\"", T0 + 2000);
	command(&r, "clear", ONE, ",\"provider\":\"TNS\"", T0 + 3000);
	call(r.shard, 1, ONE, "+12125550001", T0 + 60000);
	assert_int_equal(flags_31d(&r, ONE), 1);
	assert_int_equal(flags_open(&r, ONE), 1);
	assert_int_equal(shard_meta(r.shard)->counts.commands, 3);
	assert_int_equal(shard_meta(r.shard)->outbox_next - before, 2); /* one fact for its block, one dispute step */
	command(&r, "flag", ONE, SPAM_RISK, T0 + 61000);                /* no count, no fact */
	call(r.shard, 2, ONE, "+12125550001", T0 + 70000);
	assert_int_equal(shard_meta(r.shard)->outbox_next - before, 2);
	command(&r, "clear", ONE, ",\"provider\":\"Hiya\"", T0 + 71000);
	command(&r, "flag", ONE, SPAM_RISK, T0 + 72000);
	call(r.shard, 3, ONE, "+12125550001", T0 + 80000);
	assert_int_equal(flags_31d(&r, ONE), 2);
	assert_int_equal(flags_open(&r, ONE), 1);
	assert_int_equal(shard_meta(r.shard)->outbox_next - before, 8); /* two steps closed, one due; a fact; the alert, a fact of that */
	rig_close(&r);
}

static void command_with_id(struct rig *r, const char *id, const char *verb, const char *fields, int64_t time_ms)
{
	char text[1000];
	int n = snprintf(text, sizeof text, "{\"id\":\"%s\",\"command\":\"%s\",\"number\":\"" ONE "\",\"time\":%lld%s}", id, verb,
			 (long long)time_ms, fields);
	assert_true(n > 0 && n < (int)sizeof text);
	assert_true(shard_command(r->shard, slice_make(text, (size_t)n), r->control++, time_ms));
}

/* A producer that is not sure sends it again, perhaps when much has happened since. */
static void command_that_comes_again_changes_nothing(void **state)
{
	struct rig r;
	struct outlet outlet;
	(void)state;
	rig_flags(&r, &outlet);
	command_with_id(&r, "q1", "quarantine", "", T0 + 1000);
	command_with_id(&r, "s1", "dispute-sent", ",\"step\":\"first_orion\"", T0 + 2000);
	command_with_id(&r, "c1", "complaint", "", T0 + 3000);
	command_with_id(&r, "r1", "release", "", T0 + 4000);
	call(r.shard, 1, ONE, "+12125550001", T0 + 60000);
	assert_int_equal(shard_meta(r.shard)->counts.commands, 4);
	uint64_t events = shard_meta(r.shard)->counts.events, letters = shard_meta(r.shard)->counts.dead_letters;
	command_with_id(&r, "q1", "quarantine", "", T0 + 61000);
	command_with_id(&r, "s1", "dispute-sent", ",\"step\":\"first_orion\"", T0 + 62000);
	command_with_id(&r, "c1", "complaint", "", T0 + 63000);
	command_with_id(&r, "r1", "release", "", T0 + 64000);
	call(r.shard, 2, ONE, "+12125550001", T0 + 70000);
	assert_int_equal(shard_meta(r.shard)->counts.commands, 4);
	assert_int_equal(shard_meta(r.shard)->counts.commands_again, 4);
	assert_int_equal(shard_meta(r.shard)->counts.events, events);
	assert_int_equal(shard_meta(r.shard)->counts.dead_letters, letters);
	assert_int_equal(flags_31d(&r, ONE), 1);
	rig_close(&r);
}

/* What is refused is a dead letter, leaves no trace, and holds up nothing; with the same id it may come again when it fits. */
static void command_that_does_not_fit_is_a_dead_letter_and_may_come_again(void **state)
{
	struct rig r;
	struct outlet outlet;
	(void)state;
	rig_flags(&r, &outlet);
	uint64_t letters = shard_meta(r.shard)->counts.dead_letters;
	r.refuses = true;
	command_with_id(&r, "s1", "dispute-sent", ",\"step\":\"hiya\"", T0 + 1000);
	command_with_id(&r, "x1", "check", ",\"carrier\":\"Verizon\"", T0 + 2000);
	command_with_id(&r, "f1", "flag", SPAM_RISK, T0 + 3000);
	command_with_id(&r, "s1", "dispute-sent", ",\"step\":\"hiya\"", T0 + 4000);
	command_with_id(&r, "x2", "check", ",\"carrier\":\"Verizon\",\"result\":\"no label\"", T0 + 5000);
	command_with_id(&r, "n1", "note", ",\"note\":\"n\"", T0 + 6000);
	call(r.shard, 1, ONE, "+12125550001", T0 + 60000);
	assert_int_equal(shard_meta(r.shard)->counts.dead_letters - letters, 2);
	assert_int_equal(shard_meta(r.shard)->counts.commands, 4);
	struct subject *s = subject(&r, ONE);
	struct rules_view v;
	const struct rules_subject rs = {.key = slice_of(ONE), .state = s->state, .state_len = s->state_len};
	assert_int_equal(rules_view(r.shard->scratch, r.shard->rules, &rs, &v), ERR_OK);
	assert_int_equal(v.checks->cnt, 1);
	assert_int_equal(v.disputes->cnt, 2);
	assert_int_equal(v.disputes->of[0].state, STEP_SENT);
	assert_int_equal(v.disputes->of[0].due_ms, T0 + 4000 + 7 * DAY);
	rig_close(&r);
}

static void complaint_is_counted_each_time_and_opens_nothing(void **state)
{
	struct rig r;
	struct outlet outlet;
	(void)state;
	rig_flags(&r, &outlet);
	command(&r, "complaint", ONE, ",\"provider\":\"FTC\"", T0 + 1000);
	command(&r, "complaint", ONE, ",\"provider\":\"FTC\"", T0 + 2000);
	call(r.shard, 1, ONE, "+12125550001", T0 + 60000);
	assert_int_equal(flags_31d(&r, ONE), 2);
	assert_int_equal(flags_open(&r, ONE), 0);
	rig_close(&r);
}

/* Over its time, swept, taken again, and in the dump; it ends when the flag is cleared. */
static void open_flag_keeps_the_record(void **state)
{
	struct rig r;
	struct outlet outlet;
	(void)state;
	rig_flags(&r, &outlet);
	command(&r, "flag", ONE, SPAM_RISK, T0 + 1000);
	call(r.shard, 1, OTHER, "+12125550001", T0 + 30 * DAY);
	sweep(&r);
	call(r.shard, 2, OTHER, "+12125550001", T0 + 50 * DAY);
	sweep(&r);
	take_again(&r, &outlet);
	call(r.shard, 3, ONE, "+12125550001", T0 + 60 * DAY);
	assert_int_equal(subject(&r, ONE)->calls, 2);
	assert_int_equal(flags_open(&r, ONE), 1);
	assert_int_equal(flags_31d(&r, ONE), 0); /* opened longer ago */

	call(r.shard, 4, OTHER, "+12125550001", T0 + 100 * DAY);
	sweep(&r);
	command(&r, "clear", ONE, "", T0 + 100 * DAY + 1000);
	call(r.shard, 5, OTHER, "+12125550001", T0 + 101 * DAY);
	sweep(&r);
	take_again(&r, &outlet);
	call(r.shard, 6, ONE, "+12125550001", T0 + 101 * DAY);
	assert_int_equal(subject(&r, ONE)->calls, 1);
	assert_int_equal(flags_open(&r, ONE), 0);
	rig_close(&r);
}

static char *dumped(struct rig *r, int64_t clock_ms)
{
	struct dump *d = dump_new(&r->set, r->shard->rules);
	struct err_text why;
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	dump_add(d, subject(r, ONE), clock_ms);
	assert_int_equal(dump_print(d, f, &why), ERR_OK);
	fclose(f);
	dump_free(d);
	return text;
}

static void dump_lists_open_flags_and_keeps_what_they_hold(void **state)
{
	struct rig r;
	struct outlet outlet;
	(void)state;
	rig_flags(&r, &outlet);
	command(&r, "flag", ONE, SPAM_RISK ",\"by\":\"ann\"", T0 + 1000);
	call(r.shard, 1, ONE, "+12125550001", T0 + 60000);
	char *text = dumped(&r, T0 + 60 * DAY);
	assert_non_null(strstr(text, "\"flags\":[{\"provider\":\"Hiya\",\"carrier\":\"T-Mobile\",\"label\":\"Spam Risk\",\"by\":\"ann\","
				     "\"since\":\"2025-01-21T22:53:21.000Z\"}],\"open_alerts\":[]"));
	free(text);
	command(&r, "clear", ONE, SPAM_RISK, T0 + 61000);
	call(r.shard, 2, ONE, "+12125550001", T0 + 70000);
	text = dumped(&r, T0 + 20 * DAY);
	assert_non_null(strstr(text, "\"flags\":[],"));
	free(text);
	text = dumped(&r, T0 + 60 * DAY);
	assert_string_equal(text, "");
	free(text);
	rig_close(&r);
}

static void flag_that_does_not_fit_is_a_dead_letter(void **state)
{
	struct rig r;
	struct outlet outlet;
	char label[30];
	(void)state;
	rig_flags(&r, &outlet);
	for (int i = 0; i < 33; i++) {
		snprintf(label, sizeof label, ",\"label\":\"%d\"", i);
		command(&r, "flag", ONE, label, T0 + 1000 + i);
	}
	r.refuses = true;
	call(r.shard, 1, ONE, "+12125550001", T0 + 60000);
	assert_int_equal(r.refused, 1);
	assert_int_equal(flags_open(&r, ONE), 32);
	assert_int_equal(flags_31d(&r, ONE), 32);
	assert_int_equal(shard_meta(r.shard)->counts.dead_letters, 1);
	assert_int_equal(shard_meta(r.shard)->counts.commands, 32);
	rig_close(&r);
}

/* ---- ---- */

static struct replay_sums replay(const char *path, int32_t partitions, int64_t batch)
{
	struct rig r = {0};
	struct replay *replay;
	struct replay_sums sums;
	struct err_text why = {""};
	const char *const files[] = {path};
	const struct replay_config c = {.partitions = partitions, .files = files, .file_cnt = 1, .until_ms = TIME_NONE};
	arena_init(&r.arena, 65536);
	assert_int_equal(settings_load(NULL, &r.arena, &r.set), ERR_OK);
	r.set.store.kind = STORE_MEMORY;
	r.set.run.batch_records = batch;
	r.set.relay.called = RELAY_CALLED_ALL;
	assert_int_equal(pipeline_init(&r.pipe, &r.set, true, &why), ERR_OK);
	r.pipe.files = true;
	setup_rules(&r.pipe, "groups: [{name: g, rules: [{alert: both, expr: 'incoming[\"1h\"] >= 1 && calls[\"1h\"] >= 1'}]}]\n");
	assert_int_equal(replay_open(&r.pipe, &c, &replay, &why), ERR_OK);
	assert_int_equal(replay_run(replay, &why), ERR_OK);
	replay_sums(replay, &sums);
	assert_int_equal(replay_close(replay, &why), ERR_OK);
	pipeline_release(&r.pipe);
	arena_release(&r.arena);
	return sums;
}

/* Each number is called by the one before it, then calls the next: whether the copy is there when it calls must not hang on shards and batches. */
static void copies_are_applied_right_after_their_cdr_in_replay(void **state)
{
	char path[] = "/tmp/test_shards.XXXXXX.jsonl";
	int fd = mkstemps(path, 6);
	FILE *f = fdopen(fd, "w");
	enum { CALLS = 50 };
	(void)state;
	assert_non_null(f);
	for (int i = 0; i < CALLS; i++)
		fprintf(f,
			"{\"record_id\":\"r%d\",\"start_time\":%lld,\"end_time\":%lld,\"calling_number\":\"+155512300%02d\",\"called_"
			"number\":"
			"\"+155512300%02d\",\"disposition\":\"ANSWERED\",\"billable_ms\":1000}\n",
			i, (long long)T0 + i * 1000, (long long)T0 + i * 1000 + 500, i, i + 1);
	fclose(f);
	for (int32_t partitions = 1; partitions <= 8; partitions *= 2)
		for (int64_t batch = 1; batch <= 1000; batch *= 1000) {
			struct replay_sums s = replay(path, partitions, batch);
			assert_int_equal(s.counts.applied, CALLS);
			assert_int_equal(s.events[EVENT_ALERT_RAISED] + s.events[EVENT_ALERT_FIRING], CALLS - 1);
		}
	unlink(path);
}

/* Enough calls of another number for the hand to go round its table of 1,024 cells. */
static int64_t go_round(struct rig *r, int64_t offset, int64_t time_ms)
{
	for (int i = 0; i < 300; i++)
		call(r->shard, offset++, "+15551240000", "+12125550001", time_ms + i);
	return offset;
}

static void resident_record_that_ended_gives_its_memory_back(void **state)
{
	static const char *const numbers[] = {"+15551230001", "+15551230002"};
	struct rig r;
	struct outlet outlet;
	(void)state;
	rig_open(&r, &outlet);
	r.set.relay.block = false;
	r.set.relay.called = RELAY_CALLED_OFF;
	r.pipe.resident = true;
	take_again(&r, &outlet);
	int64_t end = T0 + r.set.keep_ms;
	call(r.shard, 0, numbers[0], "+12125550001", T0);
	call(r.shard, 1, numbers[1], "+12125550001", T0);
	int64_t next = go_round(&r, 2, end - DAY);
	assert_non_null(subject(&r, numbers[0])->history);
	assert_int_equal(shard_living(r.shard), 3);
	next = go_round(&r, next, end + DAY);
	assert_null(subject(&r, numbers[0])->history);
	assert_int_equal(shard_living(r.shard), 1);
	call(r.shard, next++, numbers[0], "+12125550001", end + 2 * DAY);
	assert_int_equal(subject(&r, numbers[0])->calls, 1);
	assert_int_equal(subject_first_day(subject(&r, numbers[0])), utc_day(T0));
	next = go_round(&r, next, end + 367 * DAY);
	const struct subject *gone = table_find(shard_subjects(r.shard), slice_of(numbers[1]), hash64(numbers[1], strlen(numbers[1]), 0));
	assert_null(gone);
	call(r.shard, next, numbers[1], "+12125550001", end + 368 * DAY);
	assert_int_equal(subject_first_day(subject(&r, numbers[1])), utc_day(end + 368 * DAY));
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copy_of_a_shard_ahead_ends_no_record),
		cmocka_unit_test(record_ends_when_its_own_shard_is_past_it),
		cmocka_unit_test(command_after_an_old_backfill_erases_nothing),
		cmocka_unit_test(sequence_does_not_hang_on_when_copies_come),
		cmocka_unit_test(message_cut_by_a_crash_counts_each_copy_once),
		cmocka_unit_test(copies_of_a_fenced_owner_are_those_of_the_next),
		cmocka_unit_test(copies_after_a_loss_of_the_store_have_the_same_source),
		cmocka_unit_test(copies_of_a_topic_made_anew_have_another_source),
		cmocka_unit_test(day_first_seen_outlives_the_record_by_a_year),
		cmocka_unit_test(day_first_seen_is_the_same_whether_swept_or_not),
		cmocka_unit_test(flag_sent_twice_counts_once_and_again_after_it_was_cleared),
		cmocka_unit_test(command_that_comes_again_changes_nothing),
		cmocka_unit_test(command_that_does_not_fit_is_a_dead_letter_and_may_come_again),
		cmocka_unit_test(complaint_is_counted_each_time_and_opens_nothing),
		cmocka_unit_test(open_flag_keeps_the_record),
		cmocka_unit_test(dump_lists_open_flags_and_keeps_what_they_hold),
		cmocka_unit_test(flag_that_does_not_fit_is_a_dead_letter),
		cmocka_unit_test(resident_record_that_ended_gives_its_memory_back),
		cmocka_unit_test(copies_are_applied_right_after_their_cdr_in_replay),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
