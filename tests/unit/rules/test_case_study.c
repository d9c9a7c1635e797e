/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rules/drive.h"

#include "rules/turn.h"

#include <cjson/cJSON.h>

#define QUARANTINES "groups:\n- name: g\n  rules:\n  - {alert: Many, expr: 'calls[\"1h\"] > 10', action: quarantine}\n"
#define D DAY_MS

/* The entries as text: "0s alert_raised, ". */
static void assert_history(struct drive *d, const char *expected)
{
	struct arena a;
	struct history h;
	struct err_text why;
	struct buf b = {0};
	char at[TIME_TEXT_BYTES];
	arena_init(&a, 64 << 10);
	assert_int_equal(history_read(slice_make(d->history, d->history_len), &a, &h, &why), ERR_OK);
	for (uint32_t i = 0; i < h.cnt; i++)
		buf_printf(&b, "%s %s, ", drive_time(h.entries[i].time_ms, at), history_kind_name(h.entries[i].kind));
	buf_put_u8(&b, 0);
	assert_string_equal((const char *)b.data, expected);
	buf_release(&b);
	arena_release(&a);
}

static void burst(struct drive *d, int64_t at_ms)
{
	d->calls = 20;
	drive_call(d, at_ms);
	d->calls = 0;
	drive_call(d, at_ms + 1);
}

static const cJSON *at(const cJSON *o, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);
	if (!v)
		fail_msg("the study has no %s", name);
	return v;
}

static cJSON *study_of(const struct drive *d)
{
	cJSON *o = cJSON_ParseWithLength(d->study.p, d->study.len);
	assert_non_null(o);
	return o;
}

static void history_begins_with_the_alert_that_led_to_the_quarantine(void **state)
{
	struct drive d;
	(void)state;
	drive_init(&d, QUARANTINES);
	burst(&d, T0);
	assert_history(&d, "0s alert_raised, 0s transition, 0s snapshot, 1ms alert_resolved, ");
	drive_until(&d, T0 + 90 * D);
	assert_history(
		&d, "0s alert_raised, 0s transition, 0s snapshot, 1ms alert_resolved, 30d transition, 37d advisory, 44d advisory, "
		    "51d advisory, 58d advisory, 60d transition, 67d advisory, 74d advisory, 81d advisory, 88d advisory, 90d transition, ");
	drive_release(&d);
}

static void alerts_of_a_number_that_is_in_no_episode_leave_no_history(void **state)
{
	struct drive d;
	(void)state;
	drive_init(&d, "groups:\n- name: g\n  rules:\n  - {alert: Many, expr: 'calls[\"1h\"] > 10', action: flag}\n");
	burst(&d, T0);
	assert_int_equal(d.history_len, 0);
	assert_int_equal(d.state_len, 0);
	assert_int_equal(drive_flag(&d, "Hiya", "Spam", T0 + 2), FLAG_OPENED); /* from outside */
	burst(&d, T0 + 3);
	assert_history(&d, "2ms flag_opened, 3ms alert_raised, 3ms flag_opened, 4ms alert_resolved, 4ms flag_cleared, ");
	drive_release(&d);
}

static void quarantine_asked_for_again_is_noted(void **state)
{
	struct drive d;
	(void)state;
	drive_init(&d, QUARANTINES);
	assert_true(drive_command(&d, T0, true, "by hand"));
	assert_true(drive_command(&d, T0 + D, true, "again"));
	assert_history(&d, "0s transition, 0s snapshot, 1d note, ");
	drive_release(&d);
}

static void recovery_says_how_long_and_why(void **state)
{
	struct drive d;
	(void)state;
	drive_init(&d, QUARANTINES);
	burst(&d, T0);
	drive_until(&d, T0 + 90 * D);
	cJSON *o = study_of(&d);
	assert_string_equal(at(o, "outcome")->valuestring, "recovered");
	assert_string_equal(at(o, "began")->valuestring, "2024-01-01T00:00:00.000Z");
	assert_string_equal(at(at(o, "why"), "reason")->valuestring, "rule");
	assert_string_equal(at(at(o, "why"), "detail")->valuestring, "Many");
	assert_true(at(o, "days")->valuedouble == 90);
	assert_true(at(at(o, "phase_days"), "limited")->valuedouble == 30);
	assert_true(at(at(o, "violations"), "total")->valuedouble == 0);
	cJSON_Delete(o);
	drive_release(&d);
}

static void note_of_a_command_is_cut_and_escaped(void **state)
{
	struct drive d;
	(void)state;
	drive_init(&d, QUARANTINES);
	assert_true(drive_command(&d, T0, true, "\"quoted\" <b>\n and much longer than what is kept of it in the record"));
	assert_true(drive_command(&d, T0 + D, false, "a \"mistake\"\x01"));
	cJSON *o = study_of(&d);
	assert_string_equal(at(o, "outcome")->valuestring, "released");
	assert_int_equal(strlen(at(at(o, "why"), "detail")->valuestring), CASE_DETAIL_MAX);
	assert_string_equal(at(at(o, "end"), "detail")->valuestring, "a \"mistake\"\x01");
	cJSON_Delete(o);
	drive_release(&d);
}

static void episodes_that_ended_stand_in_the_table_the_newest_eight(void **state)
{
	struct drive d;
	struct case_row rows[CASE_ROWS];
	uint32_t damaged = 0;
	(void)state;
	drive_init(&d, QUARANTINES);
	for (int i = 0; i < 10; i++) {
		assert_true(drive_command(&d, T0 + i * 100 * D, true, "q"));
		if (i % 2)
			assert_true(drive_command(&d, T0 + (i * 100 + 5) * D, false, "r"));
		drive_until(&d, T0 + (i * 100 + 95) * D);
	}
	assert_int_equal(case_rows_read(slice_make(d.history, d.history_len), rows, &damaged), CASE_ROWS);
	assert_int_equal(damaged, 0);
	for (uint32_t i = 0; i < CASE_ROWS; i++) {
		bool released = (i + 2) % 2;
		assert_int_equal(rows[i].episode, i + 3);
		assert_int_equal(rows[i].outcome, released ? CASE_RELEASED : CASE_RECOVERED);
		assert_true(rows[i].began_ms == T0 + (int64_t)(i + 2) * 100 * D);
		assert_true(rows[i].ended_ms == rows[i].began_ms + (released ? 5 : 90) * D);
	}
	d.history[40] ^= 1;
	assert_int_equal(case_rows_read(slice_make(d.history, d.history_len), rows, &damaged), CASE_ROWS - 1);
	assert_int_equal(damaged, 1);
	drive_release(&d);
}

static void counters_come_from_the_entries(void **state)
{
	struct episode e = {.number = 1,
			    .limited_ms = TIME_NONE,
			    .moderate_ms = T0 + 60 * D,
			    .began_ms = T0,
			    .detail_len = 4,
			    .detail = "Many"},
		       back;
	const struct history_entry entries[] = {
		{T0, HISTORY_VIOLATION, .violation = {.policy = SLICE_LIT("no_calls")}},
		{T0, HISTORY_VIOLATION, .violation = {.policy = SLICE_LIT("new_contact_share")}},
		{T0, HISTORY_VIOLATION, .violation = {.policy = SLICE_LIT("no_calls")}},
		{T0, HISTORY_ADVISORY, .advisory = {SLICE_LIT("low_answer"), SLICE_NONE}},
		{T0, HISTORY_DISPUTE, .dispute = {.state = SLICE_LIT("sent")}},
		{T0, HISTORY_DISPUTE, .dispute = {.state = SLICE_LIT("due")}},
		{T0, HISTORY_DISPUTE, .dispute = {.state = SLICE_LIT("answered")}},
		{T0, HISTORY_FLAG_OPENED, .flag = {.provider = SLICE_LIT("p")}},
	};
	struct buf b = {0};
	(void)state;
	for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++)
		episode_count(&e, &entries[i]);
	episode_count_day(&e, &(struct history_day){1, 8, 5, 600, 8, 0});
	episode_count_day(&e, &(struct history_day){2, 6, 4, 500, 6, 0});
	episode_count_past_day(&e, &(struct history_day){0, 150, 15, 10, 0, 0});
	assert_true(e.broken[0] == 2 && e.broken[4] == 1 && e.advisories == 1 && e.sent == 1 && e.answered == 1 && e.flags_opened == 1);
	assert_true(e.days == 2 && e.calls == 14 && e.picked_up == 9 && e.talk_s == 1100 && e.past_calls == 150 && e.past_picked_up == 15);
	e.broken[1] = CASE_COUNT_MAX;
	e.health[2] = -1;
	episode_encode(&e, &b);
	struct reader r = reader_of(b.data, b.len);
	episode_decode(&r, &back);
	assert_false(r.bad);
	assert_int_equal(reader_left(&r), 0);
	assert_memory_equal(&e, &back, sizeof e);
	for (size_t n = 0; n < b.len; n++) {
		r = reader_of(b.data, n);
		episode_decode(&r, &back);
		assert_true(r.bad);
	}
	buf_release(&b);
}

static void counters_at_their_limits_take_what_the_section_may_take(void **state)
{
	struct episode e = {.number = UINT32_MAX, .detail_len = CASE_DETAIL_MAX, .began_ms = T0 * 20}, back;
	struct history_head h = {UINT32_MAX, UINT32_MAX, 3392, 3, 4, CASE_COUNT_MAX, 100000000};
	struct buf b = {0};
	(void)state;
	e.limited_ms = e.moderate_ms = e.began_ms + 100000 * D;
	for (int i = 0; i < 70000; i++) {
		const struct history_entry what = {T0, HISTORY_VIOLATION,
						   .violation = {.policy = slice_of(case_policy_names[i % CASE_POLICIES])}};
		const struct history_entry sent = {T0, HISTORY_DISPUTE,
						   .dispute = {.state = i % 2 ? SLICE_LIT("sent") : SLICE_LIT("answered")}};
		episode_count(&e, &what);
		episode_count(&e, &sent);
		episode_count(&e, &(struct history_entry){.time_ms = T0, .kind = HISTORY_ADVISORY});
		episode_count_day(&e, &(struct history_day){.calls = INT64_MAX, .answered = INT64_MAX, .talk_s = INT64_MAX});
		episode_count_past_day(&e, &(struct history_day){.calls = 1 << 20, .answered = 1 << 20});
	}
	e.restarts = e.flags_opened = e.flags_cleared = CASE_COUNT_MAX;
	assert_true(e.advisories == CASE_COUNT_MAX && e.calls == CASE_SUM_MAX && e.past_calls == CASE_SUM_MAX);
	history_head_encode(&h, &b);
	episode_encode(&e, &b);
	assert_in_range(b.len, 100, HISTORY_SECTION_MAX);
	struct reader r = reader_of(b.data, b.len);
	history_head_decode(&r, &h);
	episode_decode(&r, &back);
	assert_false(r.bad);
	assert_memory_equal(&e, &back, sizeof e);
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(history_begins_with_the_alert_that_led_to_the_quarantine),
		cmocka_unit_test(alerts_of_a_number_that_is_in_no_episode_leave_no_history),
		cmocka_unit_test(quarantine_asked_for_again_is_noted),
		cmocka_unit_test(recovery_says_how_long_and_why),
		cmocka_unit_test(note_of_a_command_is_cut_and_escaped),
		cmocka_unit_test(episodes_that_ended_stand_in_the_table_the_newest_eight),
		cmocka_unit_test(counters_come_from_the_entries),
		cmocka_unit_test(counters_at_their_limits_take_what_the_section_may_take),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
