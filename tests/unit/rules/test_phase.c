/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rules/drive.h"

#define RULE(name, figure, keys) "  - alert: " name "\n    expr: " figure "[\"1h\"] > 10\n    action: quarantine\n" keys
#define RULES(rules) "groups:\n- name: g\n  rules:\n" rules
#define M MINUTE_MS
#define D DAY_MS

/* The figures are high for one call and then low, so that the alert is raised and resolved. */
static void burst(struct drive *d, int64_t at_ms)
{
	d->calls = 20;
	drive_call(d, at_ms);
	d->calls = 0;
	drive_call(d, at_ms + 1);
}

static void quarantine_walks_through_the_phases_to_active(void **state)
{
	struct drive d;
	(void)state;
	drive_init(&d, RULES(RULE("Many", "calls", "")));
	burst(&d, T0);
	drive_said(&d, "0s alert.raised Many warning enforce since 0s calls[\"1h\"]=20 #0\n"
		       "0s transition active > rest by rule Many until 30d #1\n"
		       "0s number rest max 0 open Many #1\n"
		       "1ms alert.resolved Many warning enforce since 0s calls[\"1h\"]=0 #1\n");
	drive_until(&d, T0 + 30 * D - 1);
	drive_said(&d, "");
	drive_until(&d, T0 + 90 * D);
	drive_said(&d, "30d transition rest > limited by timer  until 60d #1\n"
		       "30d number limited max 10 open #1\n"
		       "37d advisory daily_minimum #1\n"
		       "44d advisory daily_minimum #1\n"
		       "51d advisory daily_minimum #1\n"
		       "58d advisory daily_minimum #1\n"
		       "60d transition limited > moderate by timer  until 90d #1\n"
		       "60d number moderate max 20 open #1\n"
		       "67d advisory daily_minimum #1\n"
		       "74d advisory daily_minimum #1\n"
		       "81d advisory daily_minimum #1\n"
		       "88d advisory daily_minimum #1\n"
		       "90d transition moderate > active by timer  until - #1\n"
		       "90d case_study recovered #1\n"
		       "90d number active (gone) max -1 open #1\n");
	assert_true(d.due_ms == TIME_NONE);
	assert_true(d.state_len > 0); /* the episode stays in the record */
	burst(&d, T0 + 91 * D);
	drive_said(&d, "91d alert.raised Many warning enforce since 91d calls[\"1h\"]=20 #1\n"
		       "91d transition active > rest by rule Many until 121d #2\n"
		       "91d number rest max 0 open Many #2\n"
		       "91d1ms alert.resolved Many warning enforce since 91d calls[\"1h\"]=0 #2\n");
	drive_release(&d);
}

static void rule_in_rest_changes_nothing(void **state)
{
	struct drive d;
	(void)state;
	drive_init(&d, RULES(RULE("Many", "calls", "")));
	burst(&d, T0);
	buf_reset(&d.log);
	burst(&d, T0 + D);
	drive_said(&d, "1d alert.raised Many warning enforce since 1d calls[\"1h\"]=20 #1\n"
		       "1d1ms alert.resolved Many warning enforce since 1d calls[\"1h\"]=0 #1\n");
	assert_true(d.due_ms == T0 + 30 * D);
	drive_release(&d);
}

static void rule_in_limited_and_in_moderate_is_a_relapse(void **state)
{
	struct drive d;
	(void)state;
	drive_init(&d, RULES(RULE("Many", "calls", "")));
	burst(&d, T0);
	drive_until(&d, T0 + 31 * D);
	buf_reset(&d.log);
	burst(&d, T0 + 35 * D);
	drive_said(&d, "35d alert.raised Many warning enforce since 35d calls[\"1h\"]=20 #1\n"
		       "35d transition limited > rest by rule Many until 65d #2\n"
		       "35d case_study relapsed #1\n"
		       "35d number rest max 0 open Many #2\n"
		       "35d1ms alert.resolved Many warning enforce since 35d calls[\"1h\"]=0 #2\n");
	drive_until(&d, T0 + 95 * D);
	buf_reset(&d.log);
	assert_true(drive_command(&d, T0 + 98 * D, true, "again"));
	drive_said(&d, "98d transition moderate > rest by command again until 128d #3\n"
		       "98d case_study relapsed #2\n"
		       "98d number rest max 0 open #3\n");
	drive_release(&d);
}

static void alert_that_fired_before_the_episode_triggers_only_after_it_was_resolved(void **state)
{
	struct drive d;
	(void)state;
	drive_init(&d, RULES(RULE("Many", "calls", "    min_interval: 31d\n")));
	d.calls = 20;
	drive_call(&d, T0);
	drive_until(&d, T0 + 30 * D); /* still firing: the timers see the same figures */
	buf_reset(&d.log);
	for (int i = 0; i < 3; i++)
		drive_call(&d, T0 + 30 * D + i * HOUR_MS + 1);
	drive_said(&d, "");
	d.calls = 0;
	drive_call(&d, T0 + 30 * D + 4 * HOUR_MS);
	buf_reset(&d.log);
	d.calls = 20;
	drive_call(&d, T0 + 31 * D);
	drive_said(&d, "31d alert.raised Many warning enforce since 31d calls[\"1h\"]=20 #1\n"
		       "31d transition limited > rest by rule Many until 61d #2\n"
		       "31d case_study relapsed #1\n"
		       "31d number rest max 0 open Many #2\n");
	drive_release(&d);
}

static void release_ends_the_episode_and_holds(void **state)
{
	struct drive d;
	(void)state;
	drive_init(&d, RULES("  - {alert: Many, expr: 'calls[\"3d\"] > 10', action: quarantine}\n"));
	assert_false(drive_command(&d, T0, false, "nothing to release"));
	burst(&d, T0 + M);
	buf_reset(&d.log);
	assert_true(drive_command(&d, T0 + D, false, "false alarm"));
	drive_said(&d, "1d transition rest > active by command false alarm until - #1\n"
		       "1d case_study released #1\n"
		       "1d number active (gone) max -1 open #1\n");
	assert_true(d.due_ms == TIME_NONE);
	assert_false(drive_command(&d, T0 + D, false, "once more"));
	burst(&d, T0 + 4 * D - 1); /* the longest window of the rule, 3 d, is longer than the policy's 24 h */
	drive_said(&d, "3d23h59m59s999ms alert.raised Many warning enforce since 3d23h59m59s999ms calls[\"3d\"]=20 #1\n"
		       "4d alert.resolved Many warning enforce since 3d23h59m59s999ms calls[\"3d\"]=0 #1\n");
	burst(&d, T0 + 4 * D + 10);
	drive_said(&d, "4d10ms alert.raised Many warning enforce since 4d10ms calls[\"3d\"]=20 #1\n"
		       "4d10ms transition active > rest by rule Many until 34d10ms #2\n"
		       "4d10ms number rest max 0 open Many #2\n"
		       "4d11ms alert.resolved Many warning enforce since 4d10ms calls[\"3d\"]=0 #2\n");
	drive_release(&d);
}

static void hold_is_at_least_the_policys_and_does_not_bind_commands(void **state)
{
	struct drive d;
	(void)state;
	drive_init(&d, RULES(RULE("Many", "calls", "")));
	burst(&d, T0);
	assert_true(drive_command(&d, T0 + HOUR_MS, false, "r"));
	buf_reset(&d.log);
	burst(&d, T0 + 24 * HOUR_MS); /* the window is 1 h, the policy says 24 */
	drive_said(&d, "1d alert.raised Many warning enforce since 1d calls[\"1h\"]=20 #1\n"
		       "1d1ms alert.resolved Many warning enforce since 1d calls[\"1h\"]=0 #1\n");
	assert_true(drive_command(&d, T0 + 24 * HOUR_MS + 5, true, "q"));
	drive_said(&d, "1d5ms transition active > rest by command q until 31d5ms #2\n1d5ms number rest max 0 open #2\n");
	assert_true(drive_command(&d, T0 + 24 * HOUR_MS + 6, true, "q")); /* in rest: a note in the history, nothing else */
	assert_true(d.changed);
	drive_said(&d, "");
	drive_release(&d);
}

static void shadow_and_other_actions_change_no_phase(void **state)
{
	struct drive d;
	(void)state;
	drive_init(&d, RULES(RULE("Many", "calls", "    mode: shadow\n") "  - {alert: Flags, expr: 'calls[\"1h\"] > 10', action: flag}\n"));
	burst(&d, T0);
	drive_said(&d, "0s alert.raised Many warning shadow since 0s calls[\"1h\"]=20 #0\n"
		       "0s alert.raised Flags warning enforce since 0s calls[\"1h\"]=20 #0\n"
		       "1ms alert.resolved Many warning shadow since 0s calls[\"1h\"]=0 #0\n"
		       "1ms alert.resolved Flags warning enforce since 0s calls[\"1h\"]=0 #0\n");
	assert_int_equal(d.state_len, 0);
	drive_release(&d);
}

static void two_rules_at_once_are_one_transition_behind_both_alerts(void **state)
{
	struct drive d;
	(void)state;
	drive_init(&d, RULES(RULE("Second", "calls", "") RULE("First", "answered", "")));
	d.answered = 15;
	d.calls = 20;
	drive_call(&d, T0);
	drive_said(&d, "0s alert.raised Second warning enforce since 0s calls[\"1h\"]=20 #0\n"
		       "0s alert.raised First warning enforce since 0s answered[\"1h\"]=15 #0\n"
		       "0s transition active > rest by rule Second until 30d #1\n"
		       "0s number rest max 0 open First Second #1\n");
	drive_release(&d);
}

static void rule_with_a_time_quarantines_by_timer(void **state)
{
	struct drive d;
	(void)state;
	drive_init(&d, RULES(RULE("Many", "calls", "    for: 2m\n")));
	d.calls = 20;
	drive_call(&d, T0);
	d.falls_ms = T0 + 3 * M;
	drive_until(&d, T0 + 6 * M);
	drive_said(&d, "2m alert.raised Many warning enforce since 0s calls[\"1h\"]=20 #0\n"
		       "2m transition active > rest by rule Many until 30d2m #1\n"
		       "2m number rest max 0 open Many #1\n"
		       "5m alert.resolved Many warning enforce since 0s calls[\"1h\"]=0 #1\n");
	drive_release(&d);
}

static void end_of_a_phase_comes_before_an_alert_of_the_same_time(void **state)
{
	struct drive d;
	(void)state;
	drive_init(&d, RULES(RULE("Many", "calls", "    min_interval: 30d\n")));
	d.calls = 20;
	drive_call(&d, T0);
	buf_reset(&d.log);
	drive_until(&d, T0 + 30 * D); /* 30 d is a whole number of intervals: both are due */
	drive_said(&d, "30d transition rest > limited by timer  until 60d #1\n"
		       "30d number limited max 10 open Many #1\n"
		       "30d alert.firing Many warning enforce since 0s calls[\"1h\"]=20 #1\n");
	drive_release(&d);
}

/* The shard is ahead of the number: its phase has ended by timer when an older call fires a rule. */
static void phase_never_begins_before_the_one_it_follows(void **state)
{
	struct drive d;
	(void)state;
	drive_init(&d, RULES(RULE("Many", "calls", "")));
	burst(&d, T0);
	drive_until(&d, T0 + 30 * D + M);
	buf_reset(&d.log);
	d.calls = 20;
	drive_call(&d, T0 + 30 * D - M);
	drive_said(&d, "29d23h59m alert.raised Many warning enforce since 29d23h59m calls[\"1h\"]=20 #1\n"
		       "30d transition limited > rest by rule Many until 60d #2\n"
		       "30d case_study relapsed #1\n"
		       "30d number rest max 0 open Many #2\n");
	drive_release(&d);
}

static void number_is_described_and_viewed_as_it_is(void **state)
{
	struct drive d;
	struct event e;
	struct rules_view v;
	(void)state;
	drive_init(&d, RULES(RULE("Many", "calls", "") "  - {alert: Also, expr: 'calls[\"1h\"] > 5'}\n"));
	struct rules_subject rs = drive_subject(&d);
	assert_false(rules_describe(d.scratch, d.rules, &rs, drive_figures(&d, T0), &e));
	assert_int_equal(rules_view(d.scratch, d.rules, &rs, &v), ERR_OK);
	assert_int_equal(v.phase, PHASE_ACTIVE);
	assert_true(v.phase_since_ms == TIME_NONE && v.until_ms == TIME_NONE && v.due_ms == TIME_NONE);
	d.calls = 20;
	drive_call(&d, T0);
	rs = drive_subject(&d);
	assert_true(rules_describe(d.scratch, d.rules, &rs, drive_figures(&d, T0), &e));
	assert_true(e.kind == EVENT_NUMBER && e.episode == 1 && e.number.phase == PHASE_REST && e.time_ms == T0);
	assert_true(e.number.until_ms == T0 + 30 * D && e.number.caps.daily_max == 0 && e.number.caps.daily_min == -1);
	assert_int_equal(rules_view(d.scratch, d.rules, &rs, &v), ERR_OK);
	assert_true(v.phase == PHASE_REST && v.episode == 1 && v.phase_since_ms == T0 && v.due_ms == T0 + 5 * M);
	assert_int_equal(v.open_alert_cnt, 2);
	assert_true(slice_is(v.open_alerts[0], "Also") && slice_is(v.open_alerts[1], "Many"));
	drive_release(&d);
}

static void subject_without_phase_has_no_rules_and_no_commands(void **state)
{
	struct drive d;
	struct rules_command c = {.verb = RULES_QUARANTINE, .time_ms = T0};
	(void)state;
	drive_init(&d, RULES(RULE("Many", "calls", "")));
	d.calls = 20;
	struct rules_subject rs = drive_subject(&d);
	rs.kind = SUBJECT_ACCOUNT;
	rules_on_call(d.scratch, d.rules, &rs, drive_figures(&d, T0), NULL, T0);
	assert_false(rs.changed);
	assert_false(rules_on_command(d.scratch, d.rules, &rs, drive_figures(&d, T0), &c));
	drive_said(&d, "");
	drive_release(&d);
}

static void state_that_cannot_be_read_is_left_alone(void **state)
{
	struct drive d;
	const char *kind = "none";
	struct rules_view v;
	struct rules_command c = {.verb = RULES_QUARANTINE, .time_ms = T0};
	(void)state;
	drive_init(&d, RULES(RULE("Many", "calls", "")));
	d.calls = 20;
	d.state[0] = 2; /* a newer version */
	d.state_len = 9;
	struct rules_subject rs = drive_subject(&d);
	rules_on_call(d.scratch, d.rules, &rs, drive_figures(&d, T0), NULL, T0);
	assert_false(rs.changed);
	rules_on_timer(d.scratch, d.rules, &rs, drive_figures(&d, T0), T0, &kind);
	assert_false(rs.changed);
	assert_false(rules_on_command(d.scratch, d.rules, &rs, drive_figures(&d, T0), &c));
	assert_false(rs.changed);
	assert_int_equal(rules_view(d.scratch, d.rules, &rs, &v), ERR_CORRUPT);
	assert_int_equal(rules_scratch_counts(d.scratch)->unreadable, 4);
	drive_said(&d, "");
	drive_release(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quarantine_walks_through_the_phases_to_active),
		cmocka_unit_test(rule_in_rest_changes_nothing),
		cmocka_unit_test(rule_in_limited_and_in_moderate_is_a_relapse),
		cmocka_unit_test(alert_that_fired_before_the_episode_triggers_only_after_it_was_resolved),
		cmocka_unit_test(release_ends_the_episode_and_holds),
		cmocka_unit_test(hold_is_at_least_the_policys_and_does_not_bind_commands),
		cmocka_unit_test(shadow_and_other_actions_change_no_phase),
		cmocka_unit_test(two_rules_at_once_are_one_transition_behind_both_alerts),
		cmocka_unit_test(rule_with_a_time_quarantines_by_timer),
		cmocka_unit_test(end_of_a_phase_comes_before_an_alert_of_the_same_time),
		cmocka_unit_test(phase_never_begins_before_the_one_it_follows),
		cmocka_unit_test(number_is_described_and_viewed_as_it_is),
		cmocka_unit_test(subject_without_phase_has_no_rules_and_no_commands),
		cmocka_unit_test(state_that_cannot_be_read_is_left_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
