/* SPDX-License-Identifier: Apache-2.0 */
#include "app/relay.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

static const struct settings all_on = {.relay = {.called = RELAY_CALLED_ALL, .account = true, .trunk = true, .block = true}};

static struct cdr call(const char *from, const char *to)
{
	struct cdr c = {.offset = 41, .calling_number = slice_of(from), .called_number = slice_of(to), .use = CDR_COUNT};
	c.callee = c.called_number;
	c.caller_hash = 77;
	c.start_ms = 1700000000000;
	c.event_ms = 1700000060000;
	c.disposition = DISPOSITION_ANSWERED;
	c.answered = true;
	c.talk_ms = 5000;
	c.ring_ms = CDR_NONE;
	c.account_id = SLICE_LIT("ACME");
	c.tenant_id = SLICE_LIT("T");
	c.ingress_trunk = SLICE_LIT("T7");
	return c;
}

static void call_is_copied_to_called_number_and_cohorts(void **state)
{
	struct arena a;
	struct copy v[RELAY_COPIES_MAX];
	static const char *const keys[] = {"+442071838750", "block:+442071838", "account:T/ACME", "trunk:T7", "block:+15551230"};
	(void)state;
	arena_init(&a, 4096);
	struct cdr c = call("+15551230000", "+442071838750");
	assert_int_equal(relay_copies(&all_on, NULL, &c, &a, v), 5);
	for (int i = 0; i < 5; i++) {
		assert_true(slice_is(v[i].key, keys[i]));
		assert_int_equal(v[i].kind, i);
		assert_int_equal(v[i].offset, 41);
		assert_int_equal(v[i].event_ms, 1700000060000);
	}
	assert_true(v[0].caller == 77 && v[2].caller == number_pack(c.calling_number));
	assert_true(v[3].facts.talk_ms == 5000 && v[4].facts.end_ms == c.event_ms);
	arena_release(&a);
}

static void withheld_call_is_copied_to_the_called_side_alone(void **state)
{
	struct arena a;
	struct copy v[RELAY_COPIES_MAX];
	(void)state;
	arena_init(&a, 4096);
	struct cdr c = call("", "+442071838750");
	c.use = CDR_WITHHELD;
	assert_int_equal(relay_copies(&all_on, NULL, &c, &a, v), 2);
	assert_true(v[0].kind == COPY_CALLED && v[0].caller == 0 && v[1].kind == COPY_CALLED_BLOCK);
	arena_release(&a);
}

static void kind_switched_off_is_not_copied(void **state)
{
	struct arena a;
	struct copy v[RELAY_COPIES_MAX];
	struct settings set = all_on;
	(void)state;
	arena_init(&a, 4096);
	struct cdr c = call("+15551230000", "+442071838750");
	set.relay.called = RELAY_CALLED_OFF;
	set.relay.trunk = false;
	assert_int_equal(relay_copies(&set, NULL, &c, &a, v), 3);
	assert_true(v[0].kind == COPY_CALLED_BLOCK && v[1].kind == COPY_ACCOUNT && v[2].kind == COPY_BLOCK);
	set.relay.account = set.relay.block = false;
	assert_int_equal(relay_copies(&set, NULL, &c, &a, v), 0);
	c.account_id = c.ingress_trunk = SLICE_NONE;
	c.called_number = SLICE_NONE;
	assert_int_equal(relay_copies(&all_on, NULL, &c, &a, v), 1);
	arena_release(&a);
}

/* A message of copies as they were made. */
static struct slice packed(struct relay_pack *p, struct arena *a, struct copy *v, uint32_t n)
{
	struct cdr c = call("+15551230000", "+442071838750");
	relay_pack_begin(p, false, UINT64_C(0xabcdef), 3);
	for (uint32_t i = 0; i < n; i += 5) {
		relay_copies(&all_on, NULL, &c, a, v + i);
		for (int k = 0; k < 5; k++)
			relay_pack_add(p, &v[i + (uint32_t)k]);
		c.offset += 1 + i;
		c.event_ms -= 1000;
	}
	return relay_pack_end(p);
}

static void packed_copies_read_back(void **state)
{
	struct arena a;
	struct copy v[50], got;
	struct relay_pack p = {0};
	struct relay_message m;
	(void)state;
	arena_init(&a, 4096);
	assert_int_equal(relay_pack_end(&p).len, 0);
	struct slice bytes = packed(&p, &a, v, 50);
	assert_true(relay_open(bytes, &m));
	assert_true(!m.facts && m.source == 0xabcdef && m.partition == 3 && m.cnt == 50);
	for (int i = 0; i < 50; i++) {
		assert_true(relay_next(&m, &got));
		assert_true(got.kind == v[i].kind && got.offset == v[i].offset && got.ordinal == v[i].ordinal && got.caller == v[i].caller);
		assert_true(slice_eq(got.key, v[i].key) && got.event_ms == v[i].event_ms && got.source == 0xabcdef && got.partition == 3);
		if (v[i].kind >= COPY_ACCOUNT)
			assert_true(got.facts.counts == v[i].facts.counts && got.facts.callee == v[i].facts.callee);
	}
	assert_int_equal(reader_left(&m.rest), 0);
	buf_release(&p.bytes);
	arena_release(&a);
}

static void damaged_message_is_refused_and_never_read_past(void **state)
{
	struct arena a;
	struct copy v[10], got;
	struct relay_pack p = {0};
	(void)state;
	arena_init(&a, 4096);
	struct slice bytes = packed(&p, &a, v, 10);
	for (uint32_t n = 0; n < bytes.len; n++) {
		struct relay_message m;
		char *exact = malloc(n + !n);
		memcpy(exact, bytes.p, n);
		bool good = relay_open(slice_make(exact, n), &m);
		uint32_t read = 0;
		for (; good && read < m.cnt; read++)
			good = relay_next(&m, &got);
		assert_false(good && read == 10);
		free(exact);
	}
	buf_release(&p.bytes);
	arena_release(&a);
}

static void copy_that_comes_again_is_told_by_source_partition_and_kind(void **state)
{
	struct relay_marks m = {0};
	struct copy c = {.source = 9, .partition = 2, .kind = COPY_ACCOUNT, .offset = 100, .ordinal = 2};
	(void)state;
	assert_true(relay_mark(&m, &c));
	assert_false(relay_mark(&m, &c));
	c.offset = 99;
	assert_false(relay_mark(&m, &c));
	c.kind = COPY_TRUNK; /* a kind that was switched on later begins by itself */
	assert_true(relay_mark(&m, &c));
	c.partition = 1;
	assert_true(relay_mark(&m, &c));
	c.source = 10; /* the topic was made anew: its offsets begin again */
	c.offset = 0;
	assert_true(relay_mark(&m, &c));
	c = (struct copy){.source = 9, .partition = 2, .kind = COPY_ACCOUNT, .offset = 101, .ordinal = 2};
	assert_true(relay_mark(&m, &c));
	assert_int_equal(m.cnt, 4);

	struct buf b = {0};
	struct relay_marks back;
	relay_marks_encode(&m, &b);
	struct reader r = reader_of(b.data, b.len);
	assert_true(relay_marks_decode(&r, &back));
	assert_int_equal(back.cnt, 4);
	assert_false(relay_mark(&back, &c));
	for (size_t n = 0; n < b.len; n++) {
		struct relay_marks cut;
		r = reader_of(b.data, n);
		assert_false(relay_marks_decode(&r, &cut));
	}
	buf_release(&b);
	free(m.v);
	free(back.v);
}

static void facts_carry_what_set_them_off(void **state)
{
	static const struct cause causes[] = {
		{.kind = CAUSE_CDR, .topic = SLICE_LIT("cdr"), .partition = 3, .offset = 41, .record_id = SLICE_LIT("r41")},
		{.kind = CAUSE_TIMER, .timer = "alert", .due_ms = 1700000000000},
		{.kind = CAUSE_COMMAND, .command = SLICE_LIT("c1")}};
	struct arena a;
	struct relay_pack p = {0};
	struct relay_message m;
	struct copy got;
	(void)state;
	arena_init(&a, 4096);
	relay_pack_begin(&p, true, 7, 1);
	for (int i = 0; i < 3; i++) {
		struct buf b = {0};
		cause_encode(&causes[i], &b);
		struct copy c = {.kind = COPY_FLAGGED,
				 .offset = 5,
				 .ordinal = (uint64_t)i,
				 .key = SLICE_LIT("trunk:T"),
				 .caller = 9,
				 .event_ms = 17};
		c.cause = arena_copy(&a, buf_slice(&b));
		relay_pack_add(&p, &c);
		buf_release(&b);
	}
	struct slice bytes = relay_pack_end(&p);
	assert_true(relay_open(bytes, &m) && m.facts && m.cnt == 3);
	for (int i = 0; i < 3; i++) {
		struct cause back;
		assert_true(relay_next(&m, &got) && got.event_ms == 17 && got.caller == 9);
		assert_true(cause_decode(got.cause, SLICE_LIT("cdr"), &a, &back));
		assert_true(back.kind == causes[i].kind && slice_eq(back.topic, causes[i].topic) && back.partition == causes[i].partition &&
			    back.offset == causes[i].offset && slice_eq(back.record_id, causes[i].record_id) &&
			    back.due_ms == causes[i].due_ms && slice_eq(back.command, causes[i].command));
		assert_true(i != 1 || strcmp(back.timer, "alert") == 0);
		for (uint32_t n = 0; n < got.cause.len; n++)
			assert_false(cause_decode(slice_make(got.cause.p, n), SLICE_LIT("cdr"), &a, &back));
	}
	/* as they were before */
	static const char old[] = "\1\1\7\0\0\0\0\0\0\0\1\1\0\0\0\6\12\1\7trunk:T\11\0\0\0\0\0\0\0\42";
	assert_true(relay_open(slice_make(old, sizeof old - 1), &m) && m.facts && m.cnt == 1);
	assert_true(relay_next(&m, &got) && slice_is(got.key, "trunk:T") && got.event_ms == 17 && got.cause.len == 0);
	buf_release(&p.bytes);
	arena_release(&a);
}

static void rule_on_a_cohort_whose_copies_are_off_is_refused(void **state)
{
	static const char *const kinds[] = {"account", "trunk", "block"};
	(void)state;
	for (int k = 0; k < 3; k++) {
		char yaml[200];
		struct settings set = all_on;
		struct rules *r = NULL;
		struct buf b = {0};
		struct err_text why = {""};
		snprintf(yaml, sizeof yaml, "groups: [{name: g, rules: [{alert: A, cohort: %s, expr: 'numbers[\"1h\"] > 1'}]}]\n",
			 kinds[k]);
		assert_int_equal(rules_parse(slice_of(yaml), "f", &r, &b), ERR_OK);
		assert_int_equal(relay_check_rules(&set, r, &why), ERR_OK);
		*(k == 0 ? &set.relay.account : k == 1 ? &set.relay.trunk : &set.relay.block) = false;
		assert_int_equal(relay_check_rules(&set, r, &why), ERR_CONFIG);
		assert_non_null(strstr(why.text, kinds[k]));
		assert_non_null(strstr(why.text, "the rule A is on"));
		rules_free(r);
		buf_release(&b);
	}
}

static void called_number_that_nobody_manages_gets_no_copy(void **state)
{
	static const char *const prefixes[] = {"+1555"}, *const accounts[] = {"acme"};
	struct settings set = all_on;
	struct copy v[RELAY_COPIES_MAX];
	struct cdr c = call("+15551230000", "+12125550001");
	struct arena a;
	(void)state;
	arena_init(&a, 4096);
	set.relay.account = set.relay.trunk = set.relay.block = false;
	set.relay.called = RELAY_CALLED_MANAGED;
	set.policies.managed.prefixes = (struct policy_texts){prefixes, 1};
	assert_int_equal(relay_copies(&set, NULL, &c, &a, v), 0);
	c.called_number = SLICE_LIT("+15559990000");
	assert_int_equal(relay_copies(&set, NULL, &c, &a, v), 1);
	c.called_number = SLICE_LIT("+12125550001");
	set.policies.managed.accounts = (struct policy_texts){accounts, 1}; /* whose it is nobody knows */
	assert_int_equal(relay_copies(&set, NULL, &c, &a, v), 1);
	arena_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(call_is_copied_to_called_number_and_cohorts),
		cmocka_unit_test(withheld_call_is_copied_to_the_called_side_alone),
		cmocka_unit_test(kind_switched_off_is_not_copied),
		cmocka_unit_test(called_number_that_nobody_manages_gets_no_copy),
		cmocka_unit_test(packed_copies_read_back),
		cmocka_unit_test(damaged_message_is_refused_and_never_read_past),
		cmocka_unit_test(copy_that_comes_again_is_told_by_source_partition_and_kind),
		cmocka_unit_test(facts_carry_what_set_them_off),
		cmocka_unit_test(rule_on_a_cohort_whose_copies_are_off_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
