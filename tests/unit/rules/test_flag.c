/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rules/drive.h"

#define FLAGGING(name, keys) "  - {alert: " name ", expr: 'calls[\"1h\"] > 10', action: flag" keys "}\n"
#define RULES(rules) "groups:\n- name: g\n  rules:\n" rules
#define M MINUTE_MS

static void flag_is_open_until_it_is_cleared(void **state)
{
	struct drive d;
	(void)state;
	drive_init(&d, RULES(FLAGGING("Many", "")));
	drive_clear(&d, "Hiya");
	assert_false(d.changed);
	assert_int_equal(drive_flag(&d, "TNS", "Scam Likely", T0 + M), FLAG_OPENED);
	assert_int_equal(drive_flag(&d, "Hiya", "Spam Risk", T0 + 2 * M), FLAG_OPENED);
	assert_int_equal(drive_flag(&d, "TNS", "Scam Likely", T0 + 3 * M), FLAG_KNOWN);
	assert_false(d.changed);
	drive_flags(&d, "Hiya/Spam Risk 2m, TNS/Scam Likely 1m, ");
	drive_clear(&d, "First Orion");
	assert_false(d.changed);
	drive_clear(&d, "TNS");
	drive_flags(&d, "Hiya/Spam Risk 2m, ");
	assert_int_equal(drive_flag(&d, "TNS", "Scam Likely", T0 + 4 * M), FLAG_OPENED);
	drive_flags(&d, "Hiya/Spam Risk 2m, TNS/Scam Likely 4m, ");
	drive_clear(&d, NULL);
	drive_flags(&d, "");
	assert_in_range(d.state_len, 1, 16); /* where its history ends */
	assert_true(d.due_ms == TIME_NONE);
	drive_said(&d, "");
	drive_release(&d);
}

static void number_event_lists_open_flags(void **state)
{
	struct drive d;
	struct event e;
	(void)state;
	drive_init(&d, RULES(FLAGGING("Many", "")));
	assert_int_equal(drive_flag(&d, "Hiya", "Spam Risk", T0), FLAG_OPENED);
	assert_true(drive_command(&d, T0 + M, true, "q"));
	drive_said(&d, "1m transition active > rest by command q until 30d1m #1\n1m number rest max 0 open flag Hiya/Spam Risk #1\n");
	struct rules_subject rs = drive_subject(&d);
	assert_true(rules_describe(d.scratch, d.rules, &rs, drive_figures(&d, T0), &e));
	memset(d.state, 0xee, d.state_len); /* the event does not borrow from the record */
	assert_int_equal(e.number.flag_cnt, 1);
	assert_true(slice_is(e.number.flags[0].label, "Spam Risk") && e.number.flags[0].since_ms == T0);
	drive_release(&d);
}

static void flag_of_a_rule_is_open_from_raised_to_resolved(void **state)
{
	struct drive d;
	(void)state;
	drive_init(&d, RULES(FLAGGING("Many", ", for: 2m")));
	d.calls = 20;
	drive_call(&d, T0);
	drive_flags(&d, "");
	drive_until(&d, T0 + 3 * M);
	drive_flags(&d, "ringfence/Many 2m, ");
	drive_until(&d, T0 + 9 * M);
	drive_flags(&d, "ringfence/Many 2m, ");
	d.falls_ms = T0 + 10 * M;
	drive_until(&d, T0 + 20 * M);
	drive_flags(&d, "");
	assert_int_equal(d.state_len, 0);
	drive_release(&d);
}

static void flag_of_a_rule_that_was_cleared_comes_back_with_the_next_alert(void **state)
{
	struct drive d;
	(void)state;
	drive_init(&d, RULES(FLAGGING("Many", "")));
	d.calls = 20;
	drive_call(&d, T0);
	drive_clear(&d, "ringfence");
	drive_call(&d, T0 + M);
	drive_flags(&d, "");
	d.calls = 0;
	drive_call(&d, T0 + 2 * M);
	d.calls = 20;
	drive_call(&d, T0 + 3 * M);
	drive_flags(&d, "ringfence/Many 3m, ");
	drive_release(&d);
}

static void shadow_rules_and_other_actions_open_no_flag(void **state)
{
	struct drive d;
	(void)state;
	drive_init(&d, RULES(FLAGGING("Many", ", mode: shadow") "  - {alert: Only, expr: 'calls[\"1h\"] > 10'}\n"));
	d.calls = 20;
	drive_call(&d, T0);
	drive_flags(&d, "");
	assert_true(d.state_len > 0);
	drive_release(&d);
}

static void rules_of_one_name_have_one_flag_until_the_last_is_resolved(void **state)
{
	struct drive d;
	(void)state;
	drive_init(&d, RULES(FLAGGING("Many",
				      "") "  - {alert: Many, expr: 'answered[\"1h\"] > 10', action: flag, labels: {a: b}}\n"
					  "  - {alert: Many, expr: 'answered[\"1h\"] > 5', mode: shadow, action: flag, labels: {a: c}}\n"));
	d.calls = d.answered = 20;
	drive_call(&d, T0);
	drive_flags(&d, "ringfence/Many 0s, ");
	d.calls = 0;
	drive_call(&d, T0 + M);
	drive_flags(&d, "ringfence/Many 0s, ");
	d.answered = 8;
	drive_call(&d, T0 + 2 * M); /* the shadow rule fires on */
	drive_flags(&d, "");
	drive_release(&d);
}

static void flag_of_a_rule_that_is_gone_is_closed_with_its_alert(void **state)
{
	struct drive d;
	(void)state;
	drive_init(&d, RULES(FLAGGING("Many", "")));
	d.calls = 20;
	drive_call(&d, T0);
	drive_rules(&d, RULES(FLAGGING("Other", ", mode: shadow")));
	drive_until(&d, T0 + 14 * M);
	drive_flags(&d, "ringfence/Many 0s, ");
	drive_until(&d, T0 + 16 * M);
	drive_flags(&d, "");
	drive_release(&d);
}

static void flags_beyond_what_fits_are_refused_or_counted(void **state)
{
	struct drive d;
	char label[3];
	(void)state;
	drive_init(&d, RULES(FLAGGING("Many", "")));
	for (int i = 0; i < 32; i++) {
		label[0] = (char)('a' + i / 10), label[1] = (char)('0' + i % 10), label[2] = 0;
		assert_int_equal(drive_flag(&d, "p", label, T0), FLAG_OPENED);
	}
	assert_int_equal(drive_flag(&d, "p", "z", T0), FLAG_NO_ROOM);
	assert_false(d.changed);
	d.calls = 20;
	drive_call(&d, T0 + M);
	assert_int_equal(rules_scratch_counts(d.scratch)->not_flagged, 1);
	drive_said(&d, "1m alert.raised Many warning enforce since 1m calls[\"1h\"]=20 #0\n"); /* all the same */
	drive_release(&d);
}

static void only_numbers_with_a_readable_state_are_flagged(void **state)
{
	struct drive d;
	struct event_flag f = {.provider = SLICE_LIT("p")};
	(void)state;
	drive_init(&d, RULES(FLAGGING("Many", "")));
	struct rules_subject rs = drive_subject(&d);
	rs.kind = SUBJECT_ACCOUNT;
	assert_int_equal(rules_on_flag(d.scratch, d.rules, &rs, drive_figures(&d, T0), &f, SLICE_NONE, SLICE_NONE), FLAG_NO_ROOM);
	d.state[0] = 2; /* a newer version */
	d.state_len = 9;
	rs = drive_subject(&d);
	assert_int_equal(rules_on_flag(d.scratch, d.rules, &rs, drive_figures(&d, T0), &f, SLICE_NONE, SLICE_NONE), FLAG_NO_ROOM);
	assert_false(rs.changed);
	rules_on_clear(d.scratch, d.rules, &rs, drive_figures(&d, T0), &f, SLICE_NONE);
	assert_false(rs.changed);
	assert_int_equal(rules_scratch_counts(d.scratch)->unreadable, 2);
	drive_release(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flag_is_open_until_it_is_cleared),
		cmocka_unit_test(number_event_lists_open_flags),
		cmocka_unit_test(flag_of_a_rule_is_open_from_raised_to_resolved),
		cmocka_unit_test(flag_of_a_rule_that_was_cleared_comes_back_with_the_next_alert),
		cmocka_unit_test(shadow_rules_and_other_actions_open_no_flag),
		cmocka_unit_test(rules_of_one_name_have_one_flag_until_the_last_is_resolved),
		cmocka_unit_test(flag_of_a_rule_that_is_gone_is_closed_with_its_alert),
		cmocka_unit_test(flags_beyond_what_fits_are_refused_or_counted),
		cmocka_unit_test(only_numbers_with_a_readable_state_are_flagged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
