/* SPDX-License-Identifier: Apache-2.0 */
/* calibrate against counts made by hand, and against `replay` of each step by itself: the same numbers, the same first catch. */
#include "tests/unit/app/verb.h"

#include "app/calibrate.h"
#include "app/generate.h"
#include "scoring/facts.h"

#include <cjson/cJSON.h>

/* scoring/places.h and rules/expr.h each have a struct place */
uint16_t zone_find(struct slice iana_name);
int32_t zone_offset_s(uint16_t zone, int64_t utc_ms);

#define T0 INT64_C(1736150400000) /* 2025-01-06T08:00:00Z */

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

#define CALIBRATE(...) verb_said(verb_calibrate, (char *[]){"calibrate", __VA_ARGS__, NULL})

#define EXPECT_FAIL(said, exit, errors)                 \
	do {                                            \
		struct verb_said said_ = said;          \
		assert_string_equal(said_.err, errors); \
		assert_string_equal(said_.out, "");     \
		assert_int_equal(said_.status, exit);   \
		verb_forget(&said_);                    \
	} while (0)

/* ---- small streams, counted by hand ---- */

/* `cnt` calls of `from` to ever new numbers, each ended `every_ms` after the one before. */
static void put_calls(struct buf *b, const char *from, int64_t first_ms, int64_t every_ms, int cnt)
{
	static int serial;
	for (int i = 0; i < cnt; i++, serial++)
		buf_printf(b,
			   "{\"record_id\":\"r%d\",\"calling_number\":\"%s\",\"called_number\":\"+1555%07d\",\"start_time\":%lld,\"end_"
			   "time\":%lld,"
			   "\"disposition\":\"BUSY\"}\n",
			   serial, from, serial, (long long)(first_ms + i * every_ms), (long long)(first_ms + i * every_ms));
}

static void write_calls(const char *name, struct buf *b)
{
	buf_put_u8(b, 0);
	write_file(name, (const char *)b->data);
	buf_release(b);
}

/* A makes 12 calls, B 6, C 3, D 1: 22 in all, each caller within an hour. */
static void write_small(void)
{
	struct buf b = {0};
	put_calls(&b, "+15551000001", T0, 60000, 12);
	put_calls(&b, "+15551000002", T0 + HOUR_MS, 60000, 6);
	put_calls(&b, "+15551000003", T0 + 2 * HOUR_MS, 60000, 3);
	put_calls(&b, "+15551000004", T0 + 3 * HOUR_MS, 60000, 1);
	write_calls("small.jsonl", &b);
	write_file("small.yaml", "groups:\n- name: g\n  rules:\n"
				 "  - {alert: Many, expr: 'calls[\"1h\"] > T', params: {T: 4}, ladder: {T: [2, 4, 10, 99]}, source: "
				 "'https://example.org/<a>'}\n"
				 "  - {alert: Third, expr: 'calls[\"1h\"] == 3'}\n");
	write_file("small.csv",
		   "number,kind,account\n+15551000001,bad,A1\n+15551000002,good,\n+15551000003,\"good\",\n+15559999999,absent,\n");
}

static const cJSON *at(const cJSON *o, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);
	if (!v)
		fail_msg("there is no %s", name);
	return v;
}

static void expect_near(double got, double want, double slack)
{
	if (!(got >= want - slack && got <= want + slack))
		fail_msg("%.17g in place of %.17g", got, want);
}

#define EXPECT_NUMBER(o, name, want) expect_near(at(o, name)->valuedouble, want, 1e-9)

static cJSON *report_of(struct verb_said *s)
{
	assert_string_equal(s->err, "");
	assert_int_equal(s->status, 0);
	cJSON *o = cJSON_Parse(s->out);
	assert_non_null(o);
	return o;
}

static void steps_catch_what_was_counted_by_hand(void **state)
{
	static const int numbers[] = {3, 2, 1, 0}, calls[] = {21, 18, 12, 0};
	static const int before[] = {9, 10, 11, 0}, median[] = {3, 5, 11}; /* each is caught at its T + 1st call */
	(void)state;
	write_small();
	struct verb_said s = CALIBRATE("--rules", "small.yaml", "--json", "-", "small.jsonl");
	cJSON *o = report_of(&s);
	EXPECT_NUMBER(o, "version", 1);
	EXPECT_NUMBER(o, "records", 22);
	EXPECT_NUMBER(o, "calls", 22);
	EXPECT_NUMBER(o, "numbers", 4);
	const cJSON *rule = cJSON_GetArrayItem(at(o, "rules"), 0), *ladder = cJSON_GetArrayItem(at(rule, "ladders"), 0);
	assert_string_equal(at(rule, "rule")->valuestring, "Many");
	assert_string_equal(at(ladder, "param")->valuestring, "T");
	for (int i = 0; i < 4; i++) {
		const cJSON *step = cJSON_GetArrayItem(at(ladder, "steps"), i);
		EXPECT_NUMBER(step, "numbers", numbers[i]);
		EXPECT_NUMBER(step, "numbers_share", numbers[i] / 4.0);
		EXPECT_NUMBER(step, "calls", calls[i]);
		EXPECT_NUMBER(step, "calls_share", calls[i] / 22.0);
		EXPECT_NUMBER(step, "calls_after", calls[i] - before[i]);
		assert_int_equal(cJSON_IsTrue(at(step, "in_force")), i == 1);
		assert_int_equal(cJSON_GetArraySize(at(step, "examples")), numbers[i]);
		if (numbers[i])
			EXPECT_NUMBER(at(step, "calls_until"), "median", median[i]);
		else
			assert_true(cJSON_IsNull(at(step, "calls_until")) && cJSON_IsNull(at(step, "first")));
	}
	const cJSON *forced = at(rule, "in_force"), *example = cJSON_GetArrayItem(at(forced, "examples"), 0);
	EXPECT_NUMBER(forced, "numbers", 2);
	EXPECT_NUMBER(forced, "alone", 0);
	assert_string_equal(at(forced, "first")->valuestring, "2025-01-06T08:04:00.000Z");
	EXPECT_NUMBER(at(forced, "seconds_until"), "median", 240 + 1); /* within 1 % beyond 128 */
	assert_string_equal(at(example, "number")->valuestring, "+15551000001");
	EXPECT_NUMBER(example, "calls", 5);
	EXPECT_NUMBER(at(example, "figures"), "calls[\"1h\"]", 5);
	cJSON_Delete(o);
	verb_forget(&s);
}

static void overlap_counts_numbers_of_both(void **state)
{
	(void)state;
	write_small();
	struct verb_said s = CALIBRATE("--rules", "small.yaml", "--json", "-", "small.jsonl");
	cJSON *o = report_of(&s);
	const cJSON *pair = cJSON_GetArrayItem(at(o, "overlap"), 0), *third = cJSON_GetArrayItem(at(o, "rules"), 1);
	assert_int_equal(cJSON_GetArraySize(at(o, "overlap")), 1);
	EXPECT_NUMBER(pair, "a", 0);
	EXPECT_NUMBER(pair, "b", 1);
	EXPECT_NUMBER(pair, "both", 2);
	EXPECT_NUMBER(pair, "jaccard", 2.0 / 3);
	EXPECT_NUMBER(at(third, "in_force"), "numbers", 3);
	EXPECT_NUMBER(at(third, "in_force"), "alone", 1);
	assert_int_equal(cJSON_GetArraySize(at(third, "ladders")), 0);
	cJSON_Delete(o);
	verb_forget(&s);
}

static void truth_shows_whom_a_step_catches(void **state)
{
	(void)state;
	write_small();
	struct verb_said s = CALIBRATE("--rules", "small.yaml", "--truth", "small.csv", "--json", "-", "small.jsonl");
	cJSON *o = report_of(&s);
	EXPECT_NUMBER(at(o, "kinds"), "bad", 1);
	EXPECT_NUMBER(at(o, "kinds"), "good", 2);
	EXPECT_NUMBER(at(o, "kinds"), TRUTH_UNKNOWN, 1);
	assert_null(cJSON_GetObjectItem(at(o, "kinds"), "absent"));
	const cJSON *forced = at(cJSON_GetArrayItem(at(o, "rules"), 0), "in_force");
	EXPECT_NUMBER(at(at(forced, "kinds"), "bad"), "numbers", 1);
	EXPECT_NUMBER(at(at(forced, "kinds"), "bad"), "share", 1);
	EXPECT_NUMBER(at(at(forced, "kinds"), "good"), "numbers", 1);
	EXPECT_NUMBER(at(at(forced, "kinds"), "good"), "share", 0.5);
	EXPECT_NUMBER(at(at(forced, "kinds"), TRUTH_UNKNOWN), "numbers", 0);
	cJSON_Delete(o);
	verb_forget(&s);
}

/* True from 08:01 on, then silence: `for` runs out by timer at 08:06, if another number's call lets time go on so far. The shorter window is empty by then. */
static void for_runs_out_by_timer(void **state)
{
	(void)state;
	write_file("for.yaml", "groups:\n- name: g\n  rules:\n"
			       "  - {alert: Long, expr: 'calls[\"1h\"] >= 3', for: 5m}\n"
			       "  - {alert: Short, expr: 'calls[\"2m\"] >= 3', for: 5m}\n");
	for (int reached = 0; reached < 2; reached++) {
		struct buf b = {0};
		put_calls(&b, "+15551000001", T0, 30000, 3);
		put_calls(&b, "+15551000002", T0 + 6 * MINUTE_MS - 1 + reached, 1, 1);
		write_calls("for.jsonl", &b);
		struct verb_said s = CALIBRATE("--rules", "for.yaml", "--json", "-", "for.jsonl");
		cJSON *o = report_of(&s);
		const cJSON *lasting = at(cJSON_GetArrayItem(at(o, "rules"), 0), "in_force");
		EXPECT_NUMBER(lasting, "numbers", reached);
		EXPECT_NUMBER(at(cJSON_GetArrayItem(at(o, "rules"), 1), "in_force"), "numbers", 0);
		if (reached)
			assert_string_equal(at(lasting, "first")->valuestring, "2025-01-06T08:06:00.000Z");
		cJSON_Delete(o);
		verb_forget(&s);
	}
}

/* True at 0, 60 and 120 s, false at 30 and 90 s: after 120 s it lasts, and no time before counts. */
static void for_begins_anew_when_a_call_makes_it_false(void **state)
{
	(void)state;
	write_file("odd.yaml", "groups:\n- name: g\n  rules:\n"
			       "  - {alert: Odd, expr: 'calls[\"1h\"] % 2 == 1', for: 80s}\n");
	for (int reached = 0; reached < 2; reached++) {
		struct buf b = {0};
		put_calls(&b, "+15551000001", T0, 30000, 5);
		put_calls(&b, "+15551000002", T0 + 199999 + reached, 1, 1);
		write_calls("odd.jsonl", &b);
		struct verb_said s = CALIBRATE("--rules", "odd.yaml", "--json", "-", "odd.jsonl");
		cJSON *o = report_of(&s);
		EXPECT_NUMBER(at(cJSON_GetArrayItem(at(o, "rules"), 0), "in_force"), "numbers", reached);
		cJSON_Delete(o);
		verb_forget(&s);
	}
}

/* ---- each step by itself through replay ---- */

/* A rule text with %s where its parameter's value stands, and the steps. */
static const struct tried {
	const char *rule, *steps[5];
} tried[] = {
	{"expr: 'calls[\"1h\"] > T && callee_ratio[\"1h\"] >= 0.5', params: {T: %s}", {"5", "10", "20", "40"}},
	{"expr: 'calls[W] > 12', params: {W: %s}", {"10m", "1h", "24h"}},
	{"expr: 'short10_ratio[\"24h\"] > T && answered[\"24h\"] >= 5', params: {T: %s}, for: 7m", {"0.1", "0.3", "0.5", "0.9"}},
	{"expr: 'calls[\"10m\"] >= T', params: {T: %s}, for: 11m", {"1", "2", "3", "6"}},
	{"expr: 'calls[\"24h\"] >= T', params: {T: %s}, for: 3h, when: {hours: [\"08:00-18:00\"], zone: number}", {"2", "8", "30"}},
	{"expr: 'call.duration_ms > T && calls[\"1h\"] / (calls[\"1h\"] - 2) >= 1', params: {T: %s}", {"1000", "60000", "600000"}},
	{"expr: 'sequential[\"1h\"] >= T && country != \"44\"', params: {T: %s}, exempt: [\"account:A1\"]", {"2", "3", "8"}},
	{"expr: 'calls[\"24h\"] % T == 1', params: {T: %s}, for: 3m", {"2", "3"}}, /* false again at the next call */
	{"expr: 'calls[\"30d\"] == T', params: {T: %s}", {"3", "5", "9", "14"}},   /* not if that call was too late for rules */
	{"expr: 'incoming[\"24h\"] >= T && calls[\"24h\"] < 20', params: {T: %s}, for: 2h", {"1", "2", "4"}},
};
#define TRIED (sizeof tried / sizeof tried[0])

static void put_rule(struct buf *b, size_t rule, const char *value)
{
	buf_printf(b, "  - {alert: R%zu, ", rule);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	buf_printf(b, tried[rule].rule, value);
#pragma GCC diagnostic pop
}

static struct rules *parse(struct buf *b)
{
	struct rules *r = NULL;
	struct buf problems = {0};
	if (rules_parse(buf_slice(b), "tried.yaml", &r, &problems))
		fail_msg(SLICE_FMT, SLICE_ARG(buf_slice(&problems)));
	buf_release(&problems);
	buf_release(b);
	return r;
}

#define HEAD "groups:\n- name: g\n  interval: 4m\n  rules:\n"

static struct rules *all_steps(void)
{
	struct buf b = {0};
	buf_puts(&b, HEAD);
	for (size_t i = 0; i < TRIED; i++) {
		put_rule(&b, i, tried[i].steps[1]);
		buf_printf(&b, ", ladder: {%c: [", strstr(tried[i].rule, "{W:") ? 'W' : 'T');
		for (size_t k = 0; tried[i].steps[k]; k++)
			buf_printf(&b, "%s%s", k ? ", " : "", tried[i].steps[k]);
		buf_puts(&b, "]}}\n");
	}
	return parse(&b);
}

static struct rules *one_step(size_t rule, size_t step)
{
	struct buf b = {0};
	buf_puts(&b, HEAD);
	put_rule(&b, rule, tried[rule].steps[step]);
	buf_puts(&b, "}\n");
	return parse(&b);
}

struct raised {
	struct number_map numbers;
	int64_t first_ms;
};

static void hear(void *ctx, const struct message *m)
{
	struct raised *r = ctx;
	int64_t at_ms;
	bool fresh;
	if (!slice_is(m->type, "dev.ringfence.alert.raised.v1"))
		return;
	(void)number_map_put(&r->numbers, number_pack(m->subject), &fresh);
	assert_true(time_parse(m->time, &at_ms));
	r->first_ms = r->first_ms == TIME_NONE || at_ms < r->first_ms ? at_ms : r->first_ms;
}

#define STREAM "stream.jsonl"

static void run_alone(const struct settings *set, struct rules *rules, struct raised *out)
{
	const struct replay_config config = {
		.partitions = 1, .files = (const char *[]){STREAM}, .file_cnt = 1, .until_ms = TIME_NONE, .event = hear, .event_ctx = out};
	struct pipeline p;
	struct replay *r;
	struct err_text why = {""};
	*out = (struct raised){.first_ms = TIME_NONE};
	assert_int_equal(pipeline_init(&p, set, true, &why), ERR_OK);
	p.files = true;
	pipeline_set_rules(&p, rules);
	assert_int_equal(replay_open(&p, &config, &r, &why), ERR_OK);
	assert_int_equal(replay_run(r, &why), ERR_OK);
	assert_int_equal(replay_close(r, &why), ERR_OK);
	pipeline_release(&p);
}

static void write_stream(uint64_t seed)
{
	struct generate_config c = {.seed = seed, .calls = 12000, .numbers = 150, .start_ms = GENERATE_START_MS, .zipf_milli = -1};
	struct generator *g;
	struct generated record;
	struct err_text why = {""};
	struct buf b = {0};
	c.duration_ms = 6 * DAY_MS;
	c.late_ppm = 20000;
	c.very_late_ppm = 10000;
	c.duplicate_ppm = 10000;
	c.broken_ppm = 1000;
	c.mix_ppm[CALLER_PRIVATE] = 60;
	c.mix_ppm[CALLER_BUSINESS] = 20;
	c.mix_ppm[CALLER_CALL_CENTRE] = c.mix_ppm[CALLER_SWEEPER] = c.mix_ppm[CALLER_WANGIRI] = 1;
	c.mix_ppm[CALLER_SIM_BOX] = c.mix_ppm[CALLER_CAMPAIGN] = 8;
	assert_int_equal(generator_new(&c, &g, &why), ERR_OK);
	while (generator_next(g, &record)) {
		generated_write_json(&record, seed, &b);
		buf_put_u8(&b, '\n');
	}
	generator_free(g);
	FILE *f = fopen(STREAM, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(b.data, 1, b.len, f), b.len);
	assert_int_equal(fclose(f), 0);
	buf_release(&b);
}

static void expect_same(const struct calibrate *x, uint32_t trial, const struct raised *alone, const char *what)
{
	assert_int_equal(x->trials[trial].numbers, alone->numbers.cnt);
	if (x->trials[trial].first_ms != alone->first_ms)
		fail_msg("%s: another first catch", what);
	for (uint32_t i = 0; i < x->suspect_cnt; i++) {
		bool caught = x->caught[(size_t)i * x->words + trial / 64] >> (trial % 64) & 1;
		if (caught != (number_map_find(&alone->numbers, x->suspects[i].number) != NULL))
			fail_msg("%s: %.*s is caught by one of both", what, x->suspects[i].key_len, x->suspects[i].key);
	}
}

static void check_stream(uint64_t seed, uint64_t *caught)
{
	const struct replay_config config = {.partitions = 1, .files = (const char *[]){STREAM}, .file_cnt = 1, .until_ms = TIME_NONE};
	struct arena a;
	struct settings set;
	struct err_text why = {""};
	struct calibrate *x;
	struct rules *rules = all_steps();
	uint32_t trial = 0;
	arena_init(&a, 4096);
	assert_int_equal(settings_load(NULL, &a, &set), ERR_OK);
	set.store.kind = STORE_MEMORY;
	write_stream(seed);
	assert_int_equal(calibrate_new(rules, NULL, &x, &why), ERR_OK);
	assert_int_equal(calibrate_run(x, &set, &config, &why), ERR_OK);
	for (size_t i = 0; i < TRIED; i++)
		for (size_t k = 0; tried[i].steps[k]; k++, trial++) {
			struct raised alone;
			char what[64];
			snprintf(what, sizeof what, "seed %llu, rule %zu at %s", (unsigned long long)seed, i, tried[i].steps[k]);
			run_alone(&set, one_step(i, k), &alone);
			expect_same(x, trial, &alone, what);
			caught[i] += alone.numbers.cnt;
			number_map_release(&alone.numbers);
		}
	assert_int_equal(trial, x->trial_cnt);
	assert_true(x->trials[x->in_force[5]].errors > 0);
	calibrate_free(x);
	rules_free(rules);
	arena_release(&a);
}

static void every_step_catches_the_numbers_that_replay_of_it_raises(void **state)
{
	static const struct rules_world world = {.zone_find = zone_find, .zone_offset_s = zone_offset_s};
	uint64_t caught[TRIED] = {0};
	(void)state;
	rules_world_set(&world);
	for (uint64_t seed = 1; seed <= 2; seed++)
		check_stream(seed, caught);
	for (size_t i = 0; i < TRIED; i++)
		if (!caught[i])
			fail_msg("rule %zu catches nobody: it tests nothing", i);
}

/* ---- reports ---- */

static void expect_in(const char *text, const char *piece)
{
	if (!strstr(text, piece))
		fail_msg("there is no '%s' in: %s", piece, text);
}

static void page_has_every_section_and_nothing_from_elsewhere(void **state)
{
	static const char *const pieces[] = {"<!doctype html>",
					     "id=\"overview\"",
					     "id=\"rule-0\"",
					     "id=\"rule-1\"",
					     "id=\"overlap\"",
					     "id=\"method\"",
					     "numbers caught, by step",
					     "calls until caught, by step",
					     "class=\"kinds\"",
					     "Steps of <code>T</code>",
					     "class=\"now\"",
					     "+15551000001",
					     "calls[&quot;1h&quot;] = 5",
					     "https://example.org/&lt;a&gt;",
					     "@media print",
					     "prefers-color-scheme:dark",
					     "name=\"viewport\"",
					     "</html>"};
	static const char *const foreign[] = {"http://", "src=", "<script", "@import", "url(", "<link", "<img", "nan", "inf\""};
	(void)state;
	write_small();
	struct verb_said s = CALIBRATE("--rules", "small.yaml", "--truth", "small.csv", "--html", "-", "small.jsonl");
	assert_int_equal(s.status, 0);
	for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++)
		expect_in(s.out, pieces[i]);
	for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
		if (strstr(s.out, foreign[i]))
			fail_msg("the page has %s", foreign[i]);
	verb_forget(&s);
}

static void table_fits_a_terminal(void **state)
{
	(void)state;
	write_small();
	struct verb_said s = CALIBRATE("--rules", "small.yaml", "--truth", "small.csv", "--out", "reports", "small.jsonl");
	assert_string_equal(s.err, "");
	assert_int_equal(s.status, 0);
	expect_in(s.out, "22 calls of 4 numbers up to 2025-01-06T11:00Z; 2 rules, 5 conditions tried;");
	expect_in(s.out, "\nMany (small.yaml:4)\n   calls[\"1h\"] > T\n   T ");
	expect_in(s.out, "\n * 4                      2  50.00%   81.8%   36.4%        5        5    4m 1s  2025-01-06T08:04\n");
	expect_in(s.out, "\n   99                     0   0.00%    0.0%    0.0%\n");
	expect_in(s.out, "\n * 4                 1 100%      1  50%      0   0%\n");
	expect_in(s.out, "   caught +15551000001 (bad) at 2025-01-06T08:04:00Z after 5 calls: calls[\"1h\"] = 5\n");
	expect_in(s.out, "\n   Third                                    3         1    67% Many\n");
	for (char *line = strtok(s.out, "\n"); line; line = strtok(NULL, "\n"))
		if (strlen(line) > 100)
			fail_msg("longer than 100: %s", line);
	assert_int_equal(access("reports/calibrate.json", R_OK), 0);
	assert_int_equal(access("reports/calibrate.html", R_OK), 0);
	verb_forget(&s);
}

static void help_teaches_with_an_example(void **state)
{
	(void)state;
	struct verb_said s = CALIBRATE("--help");
	assert_int_equal(s.status, 0);
	expect_in(s.out, "ladder: {T: [10, 20, 40, 80]}");
	expect_in(s.out, "ringfence calibrate --rules rules.yaml --truth past.jsonl.truth.csv --html calibrate.html past.jsonl");
	verb_forget(&s);
}

/* ---- mistakes ---- */

static void mistakes_are_told_with_their_place(void **state)
{
	(void)state;
	write_small();
	EXPECT_FAIL(CALIBRATE("--rules", "small.yaml"), 2, "ringfence calibrate: no file given; ringfence calibrate --help teaches it\n");
	EXPECT_FAIL(CALIBRATE("small.jsonl"), 2,
		    "ringfence: calibrate: there is no rule: name rule files with --rules, or a configuration that has some with -c\n");
	write_file("bad.yaml", "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'cals[\"1h\"] > 5'}\n");
	EXPECT_FAIL(CALIBRATE("--rules", "bad.yaml", "small.jsonl"), 2, "bad.yaml:4:23: 'cals' is not a feature; did you mean 'calls'?\n");
	EXPECT_FAIL(CALIBRATE("--rules", "small.yaml", "--json", "none/c.json", "small.jsonl"), 3,
		    "ringfence: cannot write none/c.json: No such file or directory\n");
	write_file("t.csv", "+15551000001,bad\n");
	EXPECT_FAIL(CALIBRATE("--rules", "small.yaml", "--truth", "t.csv", "small.jsonl"), 2,
		    "ringfence: t.csv:1: a header is expected here that begins with number,kind\n");
	write_file("t.csv", "number,kind\n+15551000001,bad\n5551000001,bad\n");
	EXPECT_FAIL(CALIBRATE("--rules", "small.yaml", "--truth", "t.csv", "small.jsonl"), 2,
		    "ringfence: t.csv:3: '5551000001' is not a number: E.164, like +15551230000\n");
	write_file("t.csv", "number,kind\n+15551000001,bad\n+15551000001,good\n");
	EXPECT_FAIL(CALIBRATE("--rules", "small.yaml", "--truth", "t.csv", "small.jsonl"), 2,
		    "ringfence: t.csv:3: +15551000001 is of two kinds, bad and good\n");
	write_file("off.yaml", "relay: {called: off}\n");
	write_file("in.yaml", "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'incoming[\"1h\"] > 5'}\n");
	struct verb_said s = CALIBRATE("--rules", "in.yaml", "-c", "off.yaml", "small.jsonl");
	assert_int_equal(s.status, 2);
	expect_in(s.err, "relay");
	verb_forget(&s);
}

/* ---- the parts ---- */

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static void quantiles_are_those_of_the_sorted_values(void **state)
{
	static const uint32_t permille[] = {1, 100, 500, 900, 999, 1000};
	uint64_t v[5000], random = 7;
	(void)state;
	for (int shift = 50; shift < 62; shift += 3) {
		struct spread s = {0};
		size_t n = sizeof v / sizeof v[0];
		assert_int_equal(spread_quantile(&s, 500), 0);
		for (size_t i = 0; i < n; i++) {
			random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
			v[i] = random >> shift;
			spread_add(&s, v[i]);
		}
		qsort(v, n, sizeof v[0], by_value);
		for (size_t i = 0; i < 6; i++) {
			uint64_t want = v[(n * permille[i] + 999) / 1000 - 1], got = spread_quantile(&s, permille[i]);
			if (want < 128)
				assert_int_equal(got, want);
			else
				expect_near((double)got, (double)want, 0.01 * (double)want);
		}
		spread_release(&s);
	}
}

static void waiting_alerts_come_by_time(void **state)
{
	struct pendings p = {0};
	uint32_t heads[20] = {0}, random = 1, open = 0;
	(void)state;
	for (int i = 0; i < 20000; i++) {
		random = random * 1664525u + 1013904223u;
		uint32_t who = (random >> 8) % 20;
		if (random >> 31 || !heads[who]) {
			uint32_t k = pendings_open(&p, (uint32_t)i, who, &heads[who]);
			pendings_set_due(&p, k, random >> 16);
			open++;
		} else if (random >> 30) {
			pendings_set_due(&p, heads[who] - 1, random >> 20);
		} else {
			pendings_close(&p, heads[who] - 1, &heads[who]);
			open--;
		}
	}
	assert_int_equal(p.cnt, open);
	for (int64_t last = 0; open; open--) {
		uint32_t k = pendings_first(&p);
		assert_true(p.of[k].due_ms >= last);
		last = p.of[k].due_ms;
		pendings_close(&p, k, &heads[p.of[k].suspect]);
	}
	assert_int_equal(pendings_first(&p), UINT32_MAX);
	for (int i = 0; i < 20; i++)
		assert_int_equal(heads[i], 0);
	pendings_release(&p);
}

int main(void)
{
	char folder[] = "/tmp/test_calibrate.XXXXXX";
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_catch_what_was_counted_by_hand),
		cmocka_unit_test(overlap_counts_numbers_of_both),
		cmocka_unit_test(truth_shows_whom_a_step_catches),
		cmocka_unit_test(for_runs_out_by_timer),
		cmocka_unit_test(for_begins_anew_when_a_call_makes_it_false),
		cmocka_unit_test(every_step_catches_the_numbers_that_replay_of_it_raises),
		cmocka_unit_test(page_has_every_section_and_nothing_from_elsewhere),
		cmocka_unit_test(table_fits_a_terminal),
		cmocka_unit_test(help_teaches_with_an_example),
		cmocka_unit_test(mistakes_are_told_with_their_place),
		cmocka_unit_test(quantiles_are_those_of_the_sorted_values),
		cmocka_unit_test(waiting_alerts_come_by_time),
	};
	if (!mkdtemp(folder) || chdir(folder) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
