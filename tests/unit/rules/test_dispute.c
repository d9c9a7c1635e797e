/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/dispute.h"

#include "tests/unit/rules/drive.h"

#define RULES "groups: [{name: g, rules: [{alert: Many, expr: 'calls[\"1h\"] > 10', action: quarantine}]}]\n"
#define D DAY_MS

/* Three in a row, a last one that is asked only if it has to be, one that is off. */
#define TABLE                                                                       \
	"providers:\n"                                                              \
	"- {id: one, name: One, kind: analytics, day: 0, follow_up: 7, form: f1}\n" \
	"- {id: hiya, name: Hiya, kind: analytics, day: 2, follow_up: 10}\n"        \
	"- {id: att, name: AT&T, kind: carrier, day: 5, also: [ATT]}\n"             \
	"- {id: fcr, name: Registry, kind: registry, day: 5, order: 1}\n"           \
	"- {id: fcc, name: FCC, kind: regulator, day: 20, if_necessary: true}\n"    \
	"- {id: paid, name: Paid, kind: service, day: 40, enabled: false}\n"        \
	"flags:\n"                                                                  \
	"- {label: 'Scam*', policy: quarantine, steps: [provider]}\n"               \
	"- {label: Telemarketer, policy: record}\n"                                 \
	"- {policy: dispute, steps: [provider, carrier]}\n"

static void start(struct drive *d)
{
	drive_init(d, RULES);
	drive_providers(d, TABLE);
}

/* ---- stored form ---- */

static struct disputes all, back;

static struct dispute_step *add(const char *id, enum step_state state)
{
	struct dispute_step *s = disputes_add(&all, slice_of(id));
	assert_non_null(s);
	s->state = state;
	s->round = 1;
	s->changed_ms = T0;
	s->due_ms = T0 + 7 * D;
	s->outcome = state == STEP_ANSWERED ? OUTCOME_OTHER : OUTCOME_NONE;
	return s;
}

static bool decodes(const void *bytes, size_t len)
{
	struct reader r = reader_of(bytes, len);
	disputes_decode(&r, &back);
	return !r.bad && reader_left(&r) == 0;
}

static void stored_form_is_pinned(void **state)
{
	static const uint8_t expected[] = {0x01, 0x04, 'h',  'i',  'y',  'a',  0x0a, 0x01, 0x02, 0x80,
					   0xd0, 0x8f, 0xa5, 0x98, 0x63, 0x80, 0x90, 0xe4, 0xc0, 0x04};
	struct buf b = {0};
	(void)state;
	all.cnt = 0;
	struct dispute_step *s = add("hiya", STEP_SENT);
	s->of_episode = true;
	s->changes = 2;
	disputes_encode(&all, &b);
	assert_int_equal(b.len, sizeof expected);
	assert_memory_equal(b.data, expected, b.len);
	assert_true(decodes(b.data, b.len));
	assert_true(back.cnt == 1 && slice_is(back.of[0].id, "hiya") && back.of[0].state == STEP_SENT && back.of[0].of_episode &&
		    !back.of[0].of_flag && back.of[0].changes == 2 && back.of[0].changed_ms == T0 && back.of[0].due_ms == T0 + 7 * D);
	buf_release(&b);
}

static void largest_calendar_takes_512_bytes_at_most(void **state)
{
	struct buf b = {0};
	(void)state;
	all.cnt = 0;
	static char ids[DISPUTE_STEPS_MAX][PROVIDER_ID_MAX + 1];
	for (int i = 0; i < DISPUTE_STEPS_MAX; i++) {
		snprintf(ids[i], sizeof ids[i], "provider_%07d", i);
		struct dispute_step *s = add(ids[i], STEP_ANSWERED);
		s->of_episode = s->of_flag = true;
		s->round = s->changes = STEP_COUNT_MAX;
		s->changed_ms = YEAR_10000_MS - 1;
		s->due_ms = 0;
	}
	disputes_encode(&all, &b);
	assert_in_range(b.len, 490, DISPUTES_BYTES_MAX);
	assert_true(decodes(b.data, b.len));
	assert_int_equal(back.cnt, DISPUTE_STEPS_MAX);
	for (size_t len = 0; len < b.len; len++)
		assert_false(decodes(b.data, len));
	buf_release(&b);
}

static void damaged_steps_are_refused(void **state)
{
	static const struct {
		const char *what, *bytes;
		size_t len;
	} cases[] = {
#define CASE(what, bytes) {what, bytes, sizeof bytes - 1}
		CASE("none", "\x00"),
		CASE("too many", "\x0f"),
		CASE("no id", "\x01\x00\x02\x01\x00\x02\x02"),
		CASE("a capital", "\x01\x01"
				  "A\x02\x01\x00\x02\x02"),
		CASE("a long id", "\x01\x11"
				  "aaaaaaaaaaaaaaaaa\x02\x01\x00\x02\x02"),
		CASE("no such state", "\x01\x01"
				      "a\x06\x01\x00\x02\x02"),
		CASE("a high bit", "\x01\x01"
				   "a\x82\x01\x00\x02\x02"),
		CASE("an outcome of what is sent", "\x01\x01"
						   "a\x22\x01\x00\x02\x02"),
		CASE("no outcome of an answer", "\x01\x01"
						"a\x04\x01\x00\x02\x02"),
		CASE("no round", "\x01\x01"
				 "a\x02\x00\x00\x02\x02"),
		CASE("a time before 1970", "\x01\x01"
					   "a\x02\x01\x00\x01\x02"),
		CASE("due before 1970", "\x01\x01"
					"a\x02\x01\x00\x02\x03"),
		CASE("not in order", "\x02\x01"
				     "b\x02\x01\x00\x02\x02\x01"
				     "a\x02\x01\x00\x02\x02"),
		CASE("twice", "\x02\x01"
			      "a\x02\x01\x00\x02\x02\x01"
			      "a\x02\x01\x00\x02\x02"),
	};
	(void)state;
	assert_true(decodes("\x01\x01"
			    "a\x02\x01\x00\x02\x02",
			    8));
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (decodes(cases[i].bytes, cases[i].len))
			fail_msg("%s: taken", cases[i].what);
}

static void step_that_is_over_makes_room(void **state)
{
	static char ids[DISPUTE_STEPS_MAX][PROVIDER_ID_MAX + 1];
	(void)state;
	all.cnt = 0;
	for (int i = 0; i < DISPUTE_STEPS_MAX; i++) {
		snprintf(ids[i], sizeof ids[i], "p%d", i);
		add(ids[i], STEP_DUE);
	}
	assert_null(disputes_add(&all, SLICE_LIT("new")));
	disputes_find(&all, SLICE_LIT("p3"))->state = STEP_CLOSED;
	struct dispute_step *old = disputes_find(&all, SLICE_LIT("p11"));
	old->state = STEP_CLOSED;
	old->changed_ms = T0 - 1;
	assert_non_null(disputes_add(&all, SLICE_LIT("new")));
	assert_null(disputes_find(&all, SLICE_LIT("p11")));
	assert_non_null(disputes_find(&all, SLICE_LIT("p3")));
	assert_int_equal(all.cnt, DISPUTE_STEPS_MAX);
}

/* ---- a number's calendar ---- */

static void quarantine_opens_all_in_order_spread_over_days(void **state)
{
	struct drive d;
	(void)state;
	start(&d);
	assert_true(drive_command(&d, T0, true, "q"));
	drive_said(&d, "0s transition active > rest by command q until 30d #1\n0s number rest max 0 open #1\n"
		       "0s dispute one due 'f1' #1\n");
	assert_int_equal(d.due_ms, T0 + 2 * D);
	drive_until(&d, T0 + 21 * D);
	drive_said(&d, "2d dispute hiya due #1\n5d dispute fcr due #1\n5d dispute att due #1\n20d dispute fcc due #1\n");
	drive_release(&d);
}

static void step_without_a_reply_is_asked_again(void **state)
{
	struct drive d;
	(void)state;
	start(&d);
	assert_true(drive_command(&d, T0, true, "q"));
	drive_until(&d, T0 + D);
	buf_reset(&d.log);
	assert_null(drive_dispute(&d, "one", NULL, "form sent", T0 + D));
	drive_said(&d, "1d dispute one sent next 8d 'form sent' #1\n");
	assert_null(drive_dispute(&d, "hiya", NULL, NULL, T0 + D + HOUR_MS)); /* before its day */
	drive_until(&d, T0 + 9 * D);
	drive_said(&d, "1d1h dispute hiya sent next 11d1h #1\n5d dispute fcr due #1\n5d dispute att due #1\n"
		       "8d dispute one follow_up_due 'no reply is recorded: ask again' #1\n");
	assert_null(drive_dispute(&d, "one", NULL, NULL, T0 + 9 * D));
	assert_null(drive_dispute(&d, "One", "pending", "they look at it", T0 + 10 * D));
	assert_null(drive_dispute(&d, "one", "accepted", "gone", T0 + 11 * D));
	assert_null(drive_dispute(&d, "HIYA", "withdrawn", NULL, T0 + 11 * D));
	drive_said(&d, "9d dispute one sent next 16d #1\n10d dispute one sent next 17d (pending) 'they look at it' #1\n"
		       "11d dispute one answered (accepted) 'gone' #1\n11d dispute hiya closed (withdrawn) #1\n");
	drive_until(&d, T0 + 19 * D);
	drive_said(&d, "");
	drive_release(&d);
}

static void regulator_is_asked_only_if_necessary(void **state)
{
	for (int refused = 0; refused < 2; refused++) {
		struct drive d;
		(void)state;
		start(&d);
		assert_true(drive_command(&d, T0, true, "q"));
		drive_until(&d, T0 + 6 * D);
		assert_null(drive_dispute(&d, "one", "accepted", NULL, T0 + 6 * D));
		assert_null(drive_dispute(&d, "hiya", refused ? "refused" : "no such label here", NULL, T0 + 6 * D));
		assert_null(drive_dispute(&d, "fcr", "accepted", NULL, T0 + 6 * D));
		assert_null(drive_dispute(&d, "att", "accepted", NULL, T0 + 6 * D));
		buf_reset(&d.log);
		drive_until(&d, T0 + 21 * D);
		drive_said(&d, refused ? "20d dispute fcc due #1\n"
				       : "20d dispute fcc closed 'not necessary: no other step is open, and none was refused' #1\n");
		drive_release(&d);
	}
}

static void step_that_the_number_does_not_have_is_refused(void **state)
{
	struct drive d;
	(void)state;
	start(&d);
	assert_string_equal(drive_dispute(&d, "hiya", NULL, NULL, T0),
			    "the number has no dispute step hiya: it has none; a quarantine or a flag opens them");
	assert_false(d.changed);
	assert_int_equal(drive_flag_on(&d, "hiya", "att", "Spam Risk", T0), FLAG_OPENED);
	assert_string_equal(drive_dispute(&d, "one", NULL, NULL, T0 + D), "the number has no dispute step one: its steps are att, hiya");
	assert_false(d.changed);
	drive_release(&d);
}

static void flag_on_one_carrier_opens_only_its_steps_and_clearing_it_closes_them(void **state)
{
	struct drive d;
	(void)state;
	start(&d);
	assert_int_equal(drive_flag_on(&d, "Hiya", "AT&T", "Spam Risk", T0), FLAG_OPENED);
	drive_until(&d, T0 + 4 * D);
	drive_said(&d, "0s dispute hiya due #0\n3d dispute att due #0\n");
	assert_null(drive_dispute(&d, "hiya", "refused", NULL, T0 + 4 * D));
	assert_int_equal(drive_flag_on(&d, "Hiya", "Verizon", "Spam Risk", T0 + 5 * D), FLAG_OPENED); /* asked again */
	drive_clear_at(&d, "TNS", T0 + 6 * D);
	assert_false(d.changed);
	drive_said(&d, "4d dispute hiya answered (refused) #0\n5d dispute hiya due #0\n");
	drive_clear_at(&d, "Hiya", T0 + 7 * D);
	drive_said(&d, "7d dispute hiya closed 'its flag was cleared' #0\n7d dispute att closed 'its flag was cleared' #0\n");
	assert_true(d.due_ms == TIME_NONE);
	drive_release(&d);
}

static void flag_of_nobody_known_opens_the_registry(void **state)
{
	struct drive d;
	(void)state;
	start(&d);
	assert_int_equal(drive_flag_on(&d, "my aunt", "", "Spam", T0), FLAG_OPENED);
	assert_int_equal(drive_flag_on(&d, "Hiya", "", "telemarketer", T0), FLAG_OPENED);
	drive_said(&d, "0s dispute fcr due #0\n");
	drive_release(&d);
}

static void flag_may_quarantine_and_opens_its_steps_alone(void **state)
{
	struct drive d;
	(void)state;
	start(&d);
	assert_int_equal(drive_flag_on(&d, "Hiya", "AT&T", "Scam Likely", T0), FLAG_OPENED);
	drive_said(&d, "0s transition active > rest by command Hiya, AT&T: Scam Likely until 30d #1\n"
		       "0s number rest max 0 open flag Hiya/Scam Likely #1\n0s dispute hiya due #1\n");
	assert_int_equal(drive_flag_on(&d, "One", "", "Scam Likely", T0 + D), FLAG_OPENED); /* in rest: no second one */
	drive_said(&d, "1d number rest max 0 open flag Hiya/Scam Likely flag One/Scam Likely #1\n1d dispute one due 'f1' #1\n");
	drive_clear_at(&d, "Hiya", T0 + 2 * D); /* the episode keeps its step */
	drive_said(&d, "2d number rest max 0 open flag One/Scam Likely #1\n");
	drive_release(&d);
}

static void end_of_an_episode_closes_what_no_flag_asks_for(void **state)
{
	struct drive d;
	(void)state;
	start(&d);
	assert_true(drive_command(&d, T0, true, "q"));
	drive_until(&d, T0 + 3 * D);
	assert_int_equal(drive_flag_on(&d, "Hiya", "", "Spam Risk", T0 + 3 * D), FLAG_OPENED);
	assert_null(drive_dispute(&d, "one", "accepted", NULL, T0 + 3 * D));
	buf_reset(&d.log);
	assert_true(drive_command(&d, T0 + 4 * D, false, "mine"));
	drive_said(&d, "4d transition rest > active by command mine until - #1\n4d case_study released #1\n"
		       "4d number active (gone) max -1 open flag Hiya/Spam Risk #1\n"
		       "4d dispute fcr closed 'the episode is over' #1\n4d dispute att closed 'the episode is over' #1\n"
		       "4d dispute fcc closed 'the episode is over' #1\n");
	drive_clear_at(&d, "Hiya", T0 + 5 * D);
	drive_said(&d, "5d dispute hiya closed 'its flag was cleared' #1\n");
	drive_release(&d);
}

static void recovery_closes_what_is_open(void **state)
{
	struct drive d;
	(void)state;
	start(&d);
	assert_true(drive_command(&d, T0, true, "q"));
	drive_until(&d, T0 + 89 * D);
	buf_reset(&d.log);
	drive_until(&d, T0 + 91 * D);
	buf_put_u8(&d.log, 0);
	assert_non_null(strstr((const char *)d.log.data, "90d dispute one closed 'the episode is over' #1\n90d dispute hiya closed"));
	assert_true(d.due_ms == TIME_NONE);
	drive_release(&d);
}

static void relapse_keeps_open_steps_and_begins_those_anew_that_were_over(void **state)
{
	struct drive d;
	(void)state;
	start(&d);
	assert_true(drive_command(&d, T0, true, "q"));
	drive_until(&d, T0 + 35 * D);
	assert_null(drive_dispute(&d, "hiya", "accepted", NULL, T0 + 35 * D));
	assert_null(drive_dispute(&d, "att", NULL, NULL, T0 + 36 * D));
	buf_reset(&d.log);
	assert_true(drive_command(&d, T0 + 40 * D, true, "again"));
	drive_until(&d, T0 + 45 * D);
	drive_said(&d, "37d advisory daily_minimum #1\n40d transition limited > rest by command again until 70d #2\n"
		       "40d case_study relapsed #1\n40d number rest max 0 open #2\n"
		       "42d dispute hiya due #2\n43d dispute att follow_up_due 'no reply is recorded: ask again' #2\n");
	drive_release(&d);
}

static void what_was_due_before_the_clock_of_the_shard_is_said_at_once(void **state)
{
	struct drive d;
	(void)state;
	start(&d);
	drive_until(&d, T0 + 6 * D);
	struct rules_subject rs = drive_subject(&d); /* a command that comes late */
	struct rules_command c = {.verb = RULES_QUARANTINE, .note = SLICE_LIT("late"), .time_ms = T0};
	assert_true(rules_on_command(d.scratch, d.rules, &rs, drive_figures(&d, T0), &c));
	drive_after(&d, &rs, "command", d.inputs++);
	drive_said(&d, "0s transition active > rest by command late until 30d #1\n0s number rest max 0 open #1\n"
		       "0s dispute one due 'f1' #1\n2d dispute hiya due #1\n5d dispute fcr due #1\n5d dispute att due #1\n");
	assert_int_equal(d.due_ms, T0 + 20 * D);
	drive_release(&d);
}

static void edited_table_moves_no_step(void **state)
{
	struct drive d;
	(void)state;
	start(&d);
	assert_true(drive_command(&d, T0, true, "q"));
	buf_reset(&d.log);
	drive_providers(&d, "providers: [{id: att, name: A, kind: carrier, day: 1}, {id: new, name: New, kind: carrier}]");
	drive_until(&d, T0 + 6 * D);
	assert_null(drive_dispute(&d, "hiya", NULL, NULL, T0 + 6 * D)); /* gone from the table */
	drive_said(&d, "2d dispute hiya due #1\n5d dispute att due #1\n5d dispute fcr due #1\n6d dispute hiya sent next 13d #1\n");
	assert_true(drive_command(&d, T0 + 7 * D, false, "r"));
	drive_release(&d);
}

static void number_that_is_not_managed_has_no_steps(void **state)
{
	struct drive d;
	(void)state;
	start(&d);
	d.policies.none_managed = true;
	assert_int_equal(drive_flag_on(&d, "Hiya", "AT&T", "Scam Likely", T0), FLAG_OPENED);
	drive_said(&d, "0s transition active > rest by command Hiya, AT&T: Scam Likely until 30d #1\n"
		       "0s number rest max 0 open flag Hiya/Scam Likely #1\n");
	drive_release(&d);
}

static void rules_open_no_steps_by_their_flags(void **state)
{
	struct drive d;
	(void)state;
	drive_init(&d, "groups: [{name: g, rules: [{alert: Many, expr: 'calls[\"1h\"] > 10', action: flag}]}]\n");
	drive_providers(&d, NULL);
	d.calls = 20;
	drive_call(&d, T0);
	buf_put_u8(&d.log, 0);
	assert_null(strstr((const char *)d.log.data, "dispute"));
	drive_release(&d);
}

static void checks_and_notes_are_kept(void **state)
{
	struct drive d;
	struct rules_view v;
	(void)state;
	start(&d);
	for (int i = 0; i < 12; i++) {
		static const char *const carriers[] = {"AT&T", "T-Mobile", "Verizon"};
		const struct check_result c = {slice_of(carriers[i % 3]), i % 2 ? SLICE_LIT("iPhone") : SLICE_LIT(""),
					       i < 6 ? SLICE_LIT("Scam Likely") : SLICE_LIT("no label"), T0 + i};
		struct rules_subject rs = drive_subject(&d);
		rules_on_check(d.scratch, d.rules, &rs, drive_figures(&d, T0 + i), &c, SLICE_LIT("ann"));
		drive_after(&d, &rs, "check", d.inputs++);
		assert_true(d.changed);
	}
	struct rules_subject rs = drive_subject(&d);
	assert_int_equal(rules_view(d.scratch, d.rules, &rs, &v), ERR_OK);
	assert_int_equal(v.checks->cnt, 6);
	for (uint32_t i = 0; i < 6; i++)
		assert_true(slice_is(v.checks->of[i].result, "no label") && v.checks->of[i].time_ms == T0 + 6 + i);
	assert_false(rules_view_holds(&v));
	drive_release(&d);
}

static void checks_have_200_bytes_the_oldest_go(void **state)
{
	static struct checklist c, read;
	struct buf b = {0};
	char carrier[CHECK_CARRIER_MAX + 1], device[CHECK_DEVICE_MAX + 1], result[CHECK_RESULT_MAX + 1];
	(void)state;
	memset(device, 'd', sizeof device);
	memset(result, 'r', sizeof result);
	for (uint32_t i = 0; i < 500; i++) {
		snprintf(carrier, sizeof carrier, "%-*u", (int)(i * 7 % CHECK_CARRIER_MAX), i);
		struct check_result x = {slice_of(carrier), slice_make(device, i * 11 % (CHECK_DEVICE_MAX + 1)),
					 slice_make(result, i * 13 % (CHECK_RESULT_MAX + 1)), i % 3 ? T0 + i : YEAR_10000_MS - 1};
		checklist_add(&c, &x);
		assert_true(c.cnt > 0 && slice_eq(c.of[c.cnt - 1].carrier, x.carrier));
		buf_reset(&b);
		checklist_encode(&c, &b);
		assert_in_range(b.len, 1, CHECKS_BYTES_MAX);
		struct reader r = reader_of(b.data, b.len);
		checklist_decode(&r, &read);
		assert_true(!r.bad && read.cnt == c.cnt);
		c.cnt = 0; /* texts borrow: go on with what was stored */
		static uint8_t kept[CHECKS_BYTES_MAX];
		memcpy(kept, b.data, b.len);
		r = reader_of(kept, b.len);
		checklist_decode(&r, &c);
	}
	buf_release(&b);
}

static void newest_16_commands_are_known(void **state)
{
	struct drive d;
	(void)state;
	start(&d);
	for (uint64_t id = 1; id <= 20; id++) {
		struct rules_subject rs = drive_subject(&d);
		assert_false(rules_command_seen(d.scratch, &rs, id));
		rules_command_done(d.scratch, &rs, id);
		drive_after(&d, &rs, "done", (int64_t)id);
		rs = drive_subject(&d);
		assert_true(rules_command_seen(d.scratch, &rs, id));
		assert_true(id < 17 || !rules_command_seen(d.scratch, &rs, id - 16));
		assert_true(id < 16 || rules_command_seen(d.scratch, &rs, id - 15));
	}
	assert_int_equal(d.state_len, 1 + 3 + 16 * 8);
	drive_release(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stored_form_is_pinned),
		cmocka_unit_test(largest_calendar_takes_512_bytes_at_most),
		cmocka_unit_test(damaged_steps_are_refused),
		cmocka_unit_test(step_that_is_over_makes_room),
		cmocka_unit_test(quarantine_opens_all_in_order_spread_over_days),
		cmocka_unit_test(step_without_a_reply_is_asked_again),
		cmocka_unit_test(regulator_is_asked_only_if_necessary),
		cmocka_unit_test(step_that_the_number_does_not_have_is_refused),
		cmocka_unit_test(flag_on_one_carrier_opens_only_its_steps_and_clearing_it_closes_them),
		cmocka_unit_test(flag_of_nobody_known_opens_the_registry),
		cmocka_unit_test(flag_may_quarantine_and_opens_its_steps_alone),
		cmocka_unit_test(end_of_an_episode_closes_what_no_flag_asks_for),
		cmocka_unit_test(recovery_closes_what_is_open),
		cmocka_unit_test(relapse_keeps_open_steps_and_begins_those_anew_that_were_over),
		cmocka_unit_test(what_was_due_before_the_clock_of_the_shard_is_said_at_once),
		cmocka_unit_test(edited_table_moves_no_step),
		cmocka_unit_test(number_that_is_not_managed_has_no_steps),
		cmocka_unit_test(rules_open_no_steps_by_their_flags),
		cmocka_unit_test(checks_and_notes_are_kept),
		cmocka_unit_test(checks_have_200_bytes_the_oldest_go),
		cmocka_unit_test(newest_16_commands_are_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
