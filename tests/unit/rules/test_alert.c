/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rules/drive.h"

#define RULE(keys) "groups:\n- name: g\n  rules:\n  - alert: Many\n    expr: calls[\"1h\"] > 10\n" keys
#define M MINUTE_MS

static void plain_rule_raises_at_the_call_and_resolves_by_timer_in_silence(void **state)
{
	struct drive d;
	(void)state;
	drive_init(&d, RULE(""));
	d.calls = 10;
	drive_call(&d, T0);
	assert_false(d.changed);
	drive_said(&d, "");
	d.calls = 11;
	drive_call(&d, T0 + M);
	drive_said(&d, "1m alert.raised Many warning enforce since 1m calls[\"1h\"]=11 #0\n");
	drive_call(&d, T0 + 2 * M);
	assert_false(d.changed); /* with state, but nothing new: the record stays as it is */
	d.falls_ms = T0 + 62 * M;
	drive_until(&d, T0 + 70 * M);
	drive_said(&d, "1h6m alert.resolved Many warning enforce since 1m calls[\"1h\"]=0 #0\n");
	assert_int_equal(d.state_len, 0);
	assert_true(d.due_ms == TIME_NONE);
	drive_release(&d);
}

static void condition_has_to_hold_for_its_time(void **state)
{
	struct drive d;
	(void)state;
	drive_init(&d, RULE("    for: 7m\n"));
	d.calls = 11;
	drive_call(&d, T0);
	assert_true(d.due_ms == T0 + 5 * M);
	drive_call(&d, T0 + 3 * M);
	assert_false(d.changed);
	d.calls = 1;
	drive_call(&d, T0 + 4 * M); /* pending no more */
	assert_int_equal(d.state_len, 0);
	d.calls = 12;
	drive_call(&d, T0 + 5 * M);
	drive_said(&d, "");
	drive_until(&d, T0 + 12 * M);
	drive_said(&d, "12m alert.raised Many warning enforce since 5m calls[\"1h\"]=12 #0\n");
	assert_true(d.due_ms == T0 + 15 * M); /* the interval counts from when it became pending */
	drive_release(&d);
}

static void pending_ends_by_timer_in_silence(void **state)
{
	struct drive d;
	(void)state;
	drive_init(&d, RULE("    for: 7m\n"));
	d.calls = 11;
	drive_call(&d, T0);
	d.falls_ms = T0 + 5 * M;
	drive_until(&d, T0 + 30 * M);
	drive_said(&d, "");
	assert_int_equal(d.state_len, 0);
	drive_release(&d);
}

static void alert_is_kept_firing(void **state)
{
	struct drive d;
	(void)state;
	drive_init(&d, RULE("    keep_firing_for: 12m\n"));
	d.calls = 11;
	drive_call(&d, T0);
	d.calls = 1;
	drive_call(&d, T0 + 2 * M); /* false: kept till 14m */
	assert_true(d.due_ms == T0 + 5 * M);
	d.calls = 11;
	drive_call(&d, T0 + 8 * M); /* true again */
	d.calls = 1;
	drive_call(&d, T0 + 9 * M); /* kept till 21m */
	drive_said(&d, "0s alert.raised Many warning enforce since 0s calls[\"1h\"]=11 #0\n");
	drive_until(&d, T0 + 20 * M);
	drive_said(&d, "");
	assert_true(d.due_ms == T0 + 21 * M);
	drive_until(&d, T0 + 30 * M);
	drive_said(&d, "21m alert.resolved Many warning enforce since 0s calls[\"1h\"]=1 #0\n");
	drive_release(&d);
}

static void firing_is_repeated_at_min_interval(void **state)
{
	struct drive d;
	(void)state;
	drive_init(&d, RULE("    min_interval: 1h\n"));
	d.calls = 11;
	drive_call(&d, T0);
	drive_call(&d, T0 + 59 * M);
	drive_said(&d, "0s alert.raised Many warning enforce since 0s calls[\"1h\"]=11 #0\n");
	d.calls = 20;
	drive_until(&d, T0 + 119 * M);
	drive_call(&d, T0 + 119 * M);
	drive_call(&d, T0 + 121 * M); /* a timer said it at 2h */
	drive_until(&d, T0 + 179 * M);
	drive_said(&d, "1h alert.firing Many warning enforce since 0s calls[\"1h\"]=20 #0\n"
		       "2h alert.firing Many warning enforce since 0s calls[\"1h\"]=20 #0\n");
	drive_release(&d);
}

static void rules_say_in_their_order_and_keep_their_own_alerts(void **state)
{
	struct drive d;
	(void)state;
	drive_init(&d, "groups:\n- name: g\n  interval: 1m\n  labels: {severity: critical}\n  rules:\n"
		       "  - {alert: Zulu, expr: 'calls[\"1h\"] > 10 && answered[\"1h\"] < 5'}\n"
		       "  - {alert: Never, expr: 'calls[\"1h\"] > 1000'}\n"
		       "  - {alert: Alpha, expr: 'calls[\"1h\"] > 5', mode: shadow, labels: {severity: info}}\n");
	d.calls = 11;
	drive_call(&d, T0);
	drive_said(&d, "0s alert.raised Zulu critical enforce since 0s calls[\"1h\"]=11 answered[\"1h\"]=0 #0\n"
		       "0s alert.raised Alpha info shadow since 0s calls[\"1h\"]=11 #0\n");
	d.answered = 5;
	drive_call(&d, T0 + 10);
	drive_said(&d, "10ms alert.resolved Zulu critical enforce since 0s calls[\"1h\"]=11 answered[\"1h\"]=5 #0\n");
	d.answered = 0;
	drive_call(&d, T0 + 20);
	drive_said(&d, "20ms alert.raised Zulu critical enforce since 20ms calls[\"1h\"]=11 answered[\"1h\"]=0 #0\n");
	d.falls_ms = T0 + 30;
	drive_until(&d, T0 + 2 * M);
	drive_said(&d, "1m alert.resolved Alpha info shadow since 0s calls[\"1h\"]=0 #0\n"
		       "1m20ms alert.resolved Zulu critical enforce since 20ms calls[\"1h\"]=0 answered[\"1h\"]=0 #0\n");
	drive_release(&d);
}

static void rule_that_is_gone_resolves_its_alert_after_ten_minutes(void **state)
{
	struct drive d;
	(void)state;
	drive_init(&d, RULE("    labels: {severity: page}\n"));
	d.calls = 11;
	drive_call(&d, T0);
	drive_said(&d, "0s alert.raised Many page enforce since 0s calls[\"1h\"]=11 #0\n");
	drive_rules(&d, "groups: []\n");
	drive_until(&d, T0 + 7 * M); /* missed at 5m */
	drive_call(&d, T0 + 8 * M);
	drive_until(&d, T0 + 14 * M);
	drive_said(&d, "");
	drive_until(&d, T0 + 20 * M);
	drive_said(&d, "15m alert.resolved Many page enforce since 0s #0\n");
	assert_int_equal(d.state_len, 0);
	drive_release(&d);
}

static void rule_that_comes_back_in_time_keeps_its_alert(void **state)
{
	struct drive d;
	(void)state;
	drive_init(&d, RULE("    for: 1m\n"));
	d.calls = 11;
	drive_call(&d, T0);
	drive_until(&d, T0 + M);
	drive_rules(&d, "groups: []\n");
	drive_call(&d, T0 + 4 * M); /* missed */
	assert_true(d.due_ms == T0 + 14 * M);
	drive_rules(&d, RULE("    for: 1m\n"));
	drive_call(&d, T0 + 13 * M);
	assert_true(d.due_ms == T0 + 15 * M);
	drive_until(&d, T0 + 30 * M);
	drive_said(&d, "1m alert.raised Many warning enforce since 0s calls[\"1h\"]=11 #0\n");
	drive_release(&d);
}

static void pending_alert_of_a_rule_that_is_gone_says_nothing(void **state)
{
	struct drive d;
	(void)state;
	drive_init(&d, RULE("    for: 1h\n"));
	d.calls = 11;
	drive_call(&d, T0);
	drive_rules(&d, "groups: []\n");
	drive_until(&d, T0 + 3 * HOUR_MS);
	drive_said(&d, "");
	assert_int_equal(d.state_len, 0);
	drive_release(&d);
}

static void edited_threshold_keeps_the_alert_and_edited_label_does_not(void **state)
{
	struct drive d;
	(void)state;
	drive_init(&d, RULE(""));
	d.calls = 11;
	drive_call(&d, T0);
	drive_rules(&d, "groups:\n- name: other\n  rules:\n  - alert: Many\n    expr: calls[\"30m\"] > 7\n    annotations: {text: new}\n");
	d.calls = 8;
	drive_call(&d, T0 + M);
	drive_said(&d, "0s alert.raised Many warning enforce since 0s calls[\"1h\"]=11 #0\n");
	drive_rules(&d, RULE("    labels: {team: fraud}\n"));
	d.calls = 12;
	drive_call(&d, T0 + 2 * M);
	drive_said(&d, "2m alert.raised Many warning enforce since 2m calls[\"1h\"]=12 #0\n");
	drive_until(&d, T0 + 12 * M);
	drive_said(&d, "12m alert.resolved Many warning enforce since 0s #0\n");
	drive_release(&d);
}

static void rule_that_errors_does_not_fire_and_is_counted(void **state)
{
	struct drive d;
	(void)state;
	drive_init(&d, RULE("  - {alert: Bad, expr: '10 / answered[\"1h\"] > 1'}\n"));
	d.calls = 11;
	drive_call(&d, T0);
	drive_call(&d, T0 + M);
	drive_said(&d, "0s alert.raised Many warning enforce since 0s calls[\"1h\"]=11 #0\n");
	assert_int_equal(rules_scratch_errors(d.scratch, d.rules, 0), 0);
	assert_int_equal(rules_scratch_errors(d.scratch, d.rules, 1), 2);
	d.answered = 2;
	drive_call(&d, T0 + 2 * M);
	drive_said(&d, "2m alert.raised Bad warning enforce since 2m answered[\"1h\"]=2 #0\n");
	d.answered = 0; /* an error is not true: it resolves */
	drive_call(&d, T0 + 3 * M);
	drive_said(&d, "3m alert.resolved Bad warning enforce since 2m answered[\"1h\"]=0 #0\n");
	drive_release(&d);
}

/* The shard is ahead of the number: its alert fired by timer, resolved by timer, and then an older call comes. */
static void call_behind_the_timers_fires_none_of_them_again(void **state)
{
	struct drive d;
	(void)state;
	drive_init(&d, RULE("    for: 5m\n"));
	d.calls = 11;
	drive_call(&d, T0);
	d.falls_ms = T0 + 10 * M;
	drive_until(&d, T0 + 12 * M);
	drive_said(&d, "5m alert.raised Many warning enforce since 0s calls[\"1h\"]=11 #0\n"
		       "10m alert.resolved Many warning enforce since 0s calls[\"1h\"]=0 #0\n");
	drive_call(&d, T0); /* late: judged at the number's clock, 0s. Its timers of 5m and 10m have been. */
	assert_true(d.due_ms == T0 + 15 * M);
	d.falls_ms = TIME_NEVER;
	drive_until(&d, T0 + 15 * M);
	drive_said(&d, "15m alert.raised Many warning enforce since 0s calls[\"1h\"]=11 #0\n");
	d.calls = 1;
	drive_call(&d, T0 + 14 * M); /* older than the timer that raised it: told in order */
	drive_said(&d, "15m alert.resolved Many warning enforce since 0s calls[\"1h\"]=1 #0\n");
	drive_release(&d);
}

static void alerts_beyond_the_bounds_are_counted_and_not_opened(void **state)
{
	struct drive d;
	struct buf yaml = {0};
	(void)state;
	buf_puts(&yaml, "groups:\n- name: g\n  rules:\n");
	for (int i = 0; i < 70; i++)
		buf_printf(&yaml, "  - {alert: R%02d, expr: 'calls[\"1h\"] > %d'}\n", i, i);
	buf_put_u8(&yaml, 0);
	drive_init(&d, (const char *)yaml.data);
	d.calls = 100;
	drive_call(&d, T0);
	assert_int_equal(d.id_cnt, 64);
	assert_int_equal(rules_scratch_counts(d.scratch)->not_opened, 6);
	d.calls = 66; /* no longer true: R66 and on, none of which has an alert */
	drive_call(&d, T0 + 1);
	assert_int_equal(d.id_cnt, 64);
	d.calls = 0;
	drive_call(&d, T0 + 2);
	assert_int_equal(d.state_len, 0);
	drive_release(&d);

	buf_reset(&yaml);
	buf_puts(&yaml, "groups:\n- name: g\n  rules:\n");
	for (int i = 0; i < 64; i++)
		buf_printf(&yaml, "  - {alert: A%0120d, expr: 'calls[\"1h\"] > 1'}\n", i);
	buf_put_u8(&yaml, 0);
	drive_init(&d, (const char *)yaml.data);
	d.calls = 100;
	drive_call(&d, T0);
	assert_in_range(d.state_len, 3000, 4096);
	assert_int_equal(d.id_cnt + rules_scratch_counts(d.scratch)->not_opened, 64);
	assert_in_range(d.id_cnt, 20, 63);
	drive_release(&d);
	buf_release(&yaml);
}

static void annotations_are_filled_in_when_an_event_is_said(void **state)
{
	struct drive d;
	(void)state;
	drive_init(&d, "groups:\n- name: g\n  rules:\n"
		       "  - alert: Many\n"
		       "    expr: calls[ '1h' ] > T && short6_ratio[W] < R\n"
		       "    params: {T: 10, W: 24h, R: 0.15}\n"
		       "    labels: {team: fraud}\n"
		       "    annotations:\n"
		       "      a: plain\n"
		       "      b: '{{$number}} made {{ $value }} calls ({{ $figures `calls[\"1h\"]` }}), more than {{ $params.T }}'\n"
		       "      c: \"{{ $labels.team }}/{{ $labels.severity }}/{{ $rule }}: {{ $figures "
		       "\\\"short6_ratio[\\\\\\\"24h\\\\\\\"]\\\" }} < {{ $params.R }} "
		       "{{ '{{' }}\"\n"
		       "      d: ''\n");
	d.calls = 11;
	drive_call(&d, T0);
	drive_said(&d, "0s alert.raised Many warning enforce since 0s a:plain b:+15551230000 made 11 calls (11), more than 10 "
		       "c:fraud/warning/Many: 0 < "
		       "0.15 {{ d: calls[ '1h' ]=11 short6_ratio[\"24h\"]=0 #0\n");
	d.calls = 3;
	drive_call(&d, T0 + M);
	assert_non_null(memmem(d.log.data, d.log.len, "made 3 calls (3)", 16));
	buf_reset(&d.log);
	drive_release(&d);
}

static void annotation_that_gets_too_long_is_cut_behind_a_whole_character(void **state)
{
	struct drive d;
	struct buf yaml = {0};
	(void)state;
	buf_puts(&yaml, "groups:\n- name: g\n  labels: {x: '\xc3\xa9");
	for (int i = 0; i < 120; i++)
		buf_puts(&yaml, "\xc3\xa9");
	buf_puts(&yaml, "'}\n  rules:\n  - {alert: Many, expr: 'calls[\"1h\"] > 10', annotations: {a: 'z");
	for (int i = 0; i < 60; i++)
		buf_puts(&yaml, "{{ $labels.x }}");
	buf_puts(&yaml, "{{ $number }}'}}\n");
	buf_put_u8(&yaml, 0);
	drive_init(&d, (const char *)yaml.data);
	d.calls = 11;
	drive_call(&d, T0);
	assert_non_null(memmem(d.log.data, d.log.len, "a:z\xc3\xa9", 5));
	const char *cut = memmem(d.log.data, d.log.len, "\xc3\xa9\xe2\x80\xa6 calls", 11), *from = memmem(d.log.data, d.log.len, "a:z", 3);
	assert_non_null(cut);
	assert_int_equal(cut + 2 - (from + 2), 8191); /* an odd byte before characters of two */
	buf_reset(&d.log);
	drive_release(&d);
	buf_release(&yaml);
}

static void rule_is_true_within_its_hours_only(void **state)
{
	struct drive d;
	(void)state; /* T0 is a Monday, 00:00 */
	drive_init(&d, RULE("    when: {days: [mon], hours: \"01:00-02:00\"}\n    keep_firing_for: 10m\n"));
	d.calls = 11;
	drive_call(&d, T0 + 59 * M);
	assert_int_equal(d.state_len, 0);
	drive_call(&d, T0 + 61 * M);
	drive_said(&d, "1h1m alert.raised Many warning enforce since 1h1m calls[\"1h\"]=11 #0\n");
	drive_until(&d, T0 + 130 * M); /* false from 2h on, found at the tick of 2h1m */
	drive_said(&d, "");
	drive_until(&d, T0 + 132 * M);
	drive_said(&d, "2h11m alert.resolved Many warning enforce since 1h1m calls[\"1h\"]=11 #0\n");
	drive_call(&d, T0 + DAY_MS + 61 * M); /* Tuesday */
	assert_int_equal(d.state_len, 0);
	drive_release(&d);
}

static void rule_behind_a_closed_gate_is_still_found(void **state)
{
	struct drive d;
	(void)state;
	drive_init(&d, RULE("    when: {days: [tue]}\n  - {alert: Second, expr: 'calls[\"1h\"] > 10', exempt: [account:other]}\n"
			    "  - {alert: Third, expr: 'calls[\"1h\"] > 10', exempt: ['+15551230000']}\n"));
	d.calls = 11;
	drive_call(&d, T0);
	drive_said(&d, "0s alert.raised Second warning enforce since 0s calls[\"1h\"]=11 #0\n");
	drive_call(&d, T0 + DAY_MS);
	drive_said(&d, "4h alert.firing Second warning enforce since 0s calls[\"1h\"]=11 #0\n"
		       "8h alert.firing Second warning enforce since 0s calls[\"1h\"]=11 #0\n"
		       "12h alert.firing Second warning enforce since 0s calls[\"1h\"]=11 #0\n"
		       "16h alert.firing Second warning enforce since 0s calls[\"1h\"]=11 #0\n"
		       "20h alert.firing Second warning enforce since 0s calls[\"1h\"]=11 #0\n"
		       "1d alert.firing Second warning enforce since 0s calls[\"1h\"]=11 #0\n"
		       "1d alert.raised Many warning enforce since 1d calls[\"1h\"]=11 #0\n");
	drive_release(&d);
}

static void exempt_number_and_account_fire_nothing(void **state)
{
	struct drive d;
	(void)state;
	drive_init(&d, RULE("    exempt: [\"account:acme\", \"+15551230009\"]\n"));
	d.calls = 11;
	d.account = SLICE_LIT("acme");
	drive_call(&d, T0);
	assert_int_equal(d.state_len, 0);
	d.account = SLICE_LIT("acm");
	drive_call(&d, T0 + M);
	drive_said(&d, "1m alert.raised Many warning enforce since 1m calls[\"1h\"]=11 #0\n");
	drive_rules(&d,
		    RULE("    exempt: [\"+15551230009\", \"+15551230000\"]\n")); /* spared from now on: resolved at the next evaluation */
	drive_until(&d, T0 + 10 * M);
	drive_said(&d, "6m alert.resolved Many warning enforce since 1m calls[\"1h\"]=11 #0\n");
	drive_release(&d);
}

/* Numbers of one shard: they share its limits, and nothing else. */
static void limit_holds_back_what_a_rule_raises_over_it_until_the_next_interval(void **state)
{
	static const char yaml[] = "groups:\n- name: g\n  interval: 10m\n  limit: 2\n  rules:\n"
				   "  - {alert: Many, expr: 'calls[\"1h\"] > 10', action: quarantine}\n"
				   "  - {alert: Other, expr: 'answered[\"1h\"] > 10'}\n";
	struct rules_limits limits = {.cnt = 0};
	struct drive d[4];
	(void)state;
	for (int i = 0; i < 4; i++) {
		drive_init(&d[i], yaml);
		d[i].limits = &limits;
		d[i].calls = 11;
		drive_call(&d[i], T0 + (i + 1) * M);
	}
	drive_said(&d[0], "1m alert.raised Many warning enforce since 1m calls[\"1h\"]=11 #0\n"
			  "1m transition active > rest by rule Many until 30d1m #1\n1m number rest max 0 open Many #1\n");
	assert_true(d[1].log.len > 0);
	drive_said(&d[2], "");
	drive_said(&d[3], "");
	assert_true(d[2].state_len > 0 && d[2].due_ms == T0 + 13 * M); /* pending */
	d[3].answered = 11;                                            /* another rule has a limit of its own */
	drive_call(&d[3], T0 + 5 * M);
	drive_said(&d[3], "5m alert.raised Other warning enforce since 5m answered[\"1h\"]=11 #0\n");
	assert_int_equal(rules_scratch_counts(d[3].scratch)->held_back, 2);
	drive_call(&d[1], T0 + 6 * M); /* firing already: nothing is new */
	drive_until(&d[2], T0 + 13 * M);
	assert_non_null(memmem(d[2].log.data, d[2].log.len, "13m alert.raised Many warning enforce since 3m", 46));
	d[3].calls = 1; /* no longer true: it was never raised */
	drive_call(&d[3], T0 + 14 * M);
	assert_int_equal(limits.cnt, 2);
	assert_true(limits.of[0].start_ms == T0 + 10 * M && limits.of[0].raised == 1);
	for (int i = 0; i < 4; i++) {
		buf_reset(&d[i].log);
		drive_release(&d[i]);
	}
}

static void limit_counts_what_comes_late_in_the_newest_interval(void **state)
{
	static const char yaml[] =
		"groups:\n- name: g\n  interval: 10m\n  limit: 1\n  rules:\n  - {alert: Many, expr: 'calls[\"1h\"] > 10'}\n";
	struct rules_limits limits = {.cnt = 0}, back;
	struct drive d[3];
	struct buf b = {0};
	(void)state;
	for (int i = 0; i < 3; i++) {
		drive_init(&d[i], yaml);
		d[i].limits = &limits;
		d[i].calls = 11;
	}
	drive_call(&d[0], T0 + 25 * M);
	assert_true(d[0].log.len > 0);
	drive_call(&d[1], T0 + 5 * M);
	assert_int_equal(d[1].log.len, 0);
	rules_limits_encode(&limits, &b); /* a restart */
	struct reader r = reader_of(b.data, b.len);
	rules_limits_decode(&r, &back);
	assert_true(!r.bad && reader_left(&r) == 0);
	d[2].limits = &back;
	drive_call(&d[2], T0 + 29 * M);
	assert_int_equal(d[2].log.len, 0);
	drive_call(&d[2], T0 + 30 * M);
	drive_said(&d[2], "30m alert.raised Many warning enforce since 29m calls[\"1h\"]=11 #0\n");
	for (size_t n = 0; n < b.len; n++) {
		r = reader_of(b.data, n);
		rules_limits_decode(&r, &back);
		assert_true(r.bad);
	}
	for (int i = 0; i < 3; i++)
		drive_release(&d[i]);
	buf_release(&b);
}

static void story(struct drive *d, struct drive *other)
{
	uint64_t random = 1;
	for (int64_t ms = T0, i = 0; i < 300; i++) {
		random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
		ms += (int64_t)(random >> 33) % (4 * M);
		d->calls = (int64_t)(random >> 40) % 20;
		drive_call(d, ms - (int64_t)(random >> 50) % M);
		if (!other)
			continue;
		d->hears = other; /* the scratch is used for another number in between, and emptied at other times */
		other->calls = 19 - d->calls;
		drive_call(other, ms);
		d->hears = NULL;
		if (i % 3 == 0)
			rules_scratch_reset(d->scratch);
	}
}

static void same_input_gives_the_same_state_and_events_whatever_the_scratch_did_before(void **state)
{
	static const char yaml[] = RULE("    for: 2m\n    keep_firing_for: 3m\n    min_interval: 10m\n"
					"  - {alert: Few, expr: 'calls[\"1h\"] < 8', action: quarantine}\n");
	struct drive a, b, other;
	(void)state;
	drive_init(&a, yaml);
	drive_init(&b, yaml);
	drive_init(&other, yaml);
	struct rules_scratch *own = other.scratch;
	other.scratch = b.scratch;
	story(&a, NULL);
	story(&b, &other);
	other.scratch = own;
	assert_true(a.log.len > 5000 && other.log.len > 1000);
	buf_put_u8(&b.log, 0);
	drive_said(&a, (const char *)b.log.data);
	assert_int_equal(a.state_len, b.state_len);
	assert_memory_equal(a.state, b.state, a.state_len);
	assert_true(a.due_ms == b.due_ms);
	drive_release(&a);
	drive_release(&b);
	drive_release(&other);
}

#define KINDS                                                                                                                \
	"groups:\n- name: g\n  rules:\n"                                                                                     \
	"  - {alert: Number, expr: 'calls[\"1h\"] > 10'}\n"                                                                  \
	"  - {alert: Account, cohort: account, expr: 'account == \"acme\" && calls[\"1h\"] > 10', for: 7m}\n"                \
	"  - {alert: Number2, expr: 'calls[\"1h\"] > 10'}\n"                                                                 \
	"  - {alert: Block, cohort: block, expr: 'block == \"+15551230\" && answered[\"1h\"] > 10', keep_firing_for: 12m}\n" \
	"  - {alert: Block2, cohort: block, expr: 'calls[\"1h\"] > 100'}\n"

static void rules_are_asked_of_subjects_of_their_kind_alone(void **state)
{
	struct drive d;
	(void)state;
	drive_init(&d, KINDS);
	d.calls = d.answered = 11;
	drive_call(&d, T0);
	drive_said(&d, "0s alert.raised Number warning enforce since 0s calls[\"1h\"]=11 #0\n"
		       "0s alert.raised Number2 warning enforce since 0s calls[\"1h\"]=11 #0\n");
	drive_release(&d);

	drive_init(&d, KINDS);
	d.kind = SUBJECT_TRUNK;
	d.key = SLICE_LIT("trunk:T7");
	d.calls = d.answered = 1000;
	drive_call(&d, T0);
	assert_false(d.changed);
	drive_said(&d, "");
	drive_release(&d);
}

static void alert_of_a_cohort_has_the_states_of_any_alert(void **state)
{
	struct drive d;
	(void)state;
	drive_init(&d, KINDS);
	d.kind = SUBJECT_ACCOUNT;
	d.key = SLICE_LIT("account:acme");
	d.calls = 11;
	drive_call(&d, T0); /* pending */
	drive_until(&d, T0 + 10 * M);
	drive_said(&d, "7m alert.raised Account warning enforce since 0s calls[\"1h\"]=11 #0\n");
	d.falls_ms = T0 + 20 * M;
	drive_until(&d, T0 + 30 * M);
	drive_said(&d, "20m alert.resolved Account warning enforce since 0s calls[\"1h\"]=0 #0\n");
	assert_int_equal(d.state_len, 0);
	drive_release(&d);

	drive_init(&d, KINDS);
	d.kind = SUBJECT_BLOCK;
	d.key = SLICE_LIT("block:+15551230");
	d.answered = 11;
	drive_call(&d, T0);
	d.answered = 0;
	drive_call(&d, T0 + M); /* kept till 13m */
	d.calls = 101;
	drive_call(&d, T0 + 2 * M);
	drive_said(&d, "0s alert.raised Block warning enforce since 0s answered[\"1h\"]=11 #0\n"
		       "2m alert.raised Block2 warning enforce since 2m calls[\"1h\"]=101 #0\n");
	drive_until(&d, T0 + 14 * M);
	drive_said(&d, "13m alert.resolved Block warning enforce since 0s answered[\"1h\"]=0 #0\n");
	drive_release(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_are_asked_of_subjects_of_their_kind_alone),
		cmocka_unit_test(alert_of_a_cohort_has_the_states_of_any_alert),
		cmocka_unit_test(plain_rule_raises_at_the_call_and_resolves_by_timer_in_silence),
		cmocka_unit_test(condition_has_to_hold_for_its_time),
		cmocka_unit_test(pending_ends_by_timer_in_silence),
		cmocka_unit_test(alert_is_kept_firing),
		cmocka_unit_test(firing_is_repeated_at_min_interval),
		cmocka_unit_test(rules_say_in_their_order_and_keep_their_own_alerts),
		cmocka_unit_test(rule_that_is_gone_resolves_its_alert_after_ten_minutes),
		cmocka_unit_test(rule_that_comes_back_in_time_keeps_its_alert),
		cmocka_unit_test(pending_alert_of_a_rule_that_is_gone_says_nothing),
		cmocka_unit_test(edited_threshold_keeps_the_alert_and_edited_label_does_not),
		cmocka_unit_test(rule_that_errors_does_not_fire_and_is_counted),
		cmocka_unit_test(call_behind_the_timers_fires_none_of_them_again),
		cmocka_unit_test(alerts_beyond_the_bounds_are_counted_and_not_opened),
		cmocka_unit_test(annotations_are_filled_in_when_an_event_is_said),
		cmocka_unit_test(annotation_that_gets_too_long_is_cut_behind_a_whole_character),
		cmocka_unit_test(rule_is_true_within_its_hours_only),
		cmocka_unit_test(rule_behind_a_closed_gate_is_still_found),
		cmocka_unit_test(exempt_number_and_account_fire_nothing),
		cmocka_unit_test(limit_holds_back_what_a_rule_raises_over_it_until_the_next_interval),
		cmocka_unit_test(limit_counts_what_comes_late_in_the_newest_interval),
		cmocka_unit_test(same_input_gives_the_same_state_and_events_whatever_the_scratch_did_before),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
