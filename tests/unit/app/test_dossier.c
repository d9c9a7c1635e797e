/* SPDX-License-Identifier: Apache-2.0 */
/* A dossier of a made-up number with all that a number can have. With RINGFENCE_PAGES set to a folder the pages are left there, for tests/pages. */
#include "tests/unit/unit.h"

#include "app/dossier.h"
#include "base/hash.h"
#include "rules/state.h"
#include "rules/turn.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

uint16_t zone_find(struct slice iana_name); /* scoring/places.h: it has a struct place, and rules have another */

#define T0 INT64_C(1740402000000) /* 2025-02-24 13:00 UTC */
#define NOTE "<script>alert(1)</script> & \"quoted\""

struct made {
	struct arena arena;
	struct table *table;
	struct subject *subject;
	struct rules *rules;
	struct rules_scratch *scratch;
	struct history_stage stage;
	struct history_head head;
	uint8_t value[HISTORY_BYTES_MAX];
	uint32_t len;
	struct profile profile;
	struct policies policies;
	struct dossier d;
};

static void unheard(void *ctx, struct event *e)
{
	(void)ctx;
	(void)e;
}

static void flush(struct made *m, bool begins)
{
	history_place(&m->stage, &m->head, begins);
	for (uint32_t i = 0; i < m->stage.write_cnt; i++) {
		const struct history_write *w = &m->stage.writes[i];
		memcpy(m->value + w->offset, m->stage.placed.data + w->from, w->len);
		m->len = w->offset + w->len > m->len ? w->offset + w->len : m->len;
	}
	history_stage_reset(&m->stage);
}

static void add(struct made *m, struct history_entry e)
{
	history_stage_entry(&m->stage, &e);
}

/* One call on a workday: `i` gives it a length and a place. */
static void add_call(struct made *m, int64_t start_ms, uint32_t i)
{
	static const char *const to[] = {"+12125550", "+13105550", "+16025550", "+14155550", "+442071231", "+12025550"};
	char called[24], id[24];
	bool late, answered = i % 3 != 0;
	int64_t talk_ms = (int64_t)(i % 7) * 31 * SECOND_MS + 4000;
	snprintf(called, sizeof called, "%s%03u", to[i % 13 % 6], 100 + i % 800);
	snprintf(id, sizeof id, "r%u", i);
	struct cdr c = {.calling_number = SLICE_LIT("+12125550199"),
			.called_number = slice_of(called),
			.callee = slice_of(called),
			.start_ms = start_ms,
			.end_ms = start_ms + (answered ? talk_ms : 20000),
			.event_ms = start_ms + (answered ? talk_ms : 20000),
			.talk_ms = answered ? talk_ms : 0,
			.answered = answered,
			.use = CDR_COUNT};
	cdr_set_id(&c, slice_of(id));
	assert_int_equal(subject_add_call(m->table, m->subject, &c, 6 * HOUR_MS, &late), CALL_APPLIED);
}

static void make_calls(struct made *m)
{
	static const int hours[] = {9, 9, 10, 11, 13, 14, 15, 16, 21}; /* in New York; T0 is 8 o'clock there */
	uint32_t n = 0;
	for (int day = 30; day >= 0; day--)
		for (int k = 0; k < (day % 7 < 2 ? 2 : 9); k++)
			add_call(m, T0 - (day + 1) * DAY_MS + (hours[k] - 8) * HOUR_MS + (int64_t)(n % 50) * 37 * SECOND_MS, n), n++;
}

static void make_episode(struct made *m, int64_t begin_ms, uint32_t episode)
{
	static const struct event_figure figures[] = {{SLICE_LIT("calls[\"1h\"]"), {.type = VALUE_INT, .i = 212}},
						      {SLICE_LIT("short6_ratio[\"24h\"]"), {.type = VALUE_DOUBLE, .d = 0.4123}}};
	struct history_day past[31];
	for (int i = 0; i < 31; i++)
		past[i] =
			(struct history_day){180 + 17 * (i % 5) + (i % 7 < 2 ? -150 : 0), i % 7 < 2 ? 6 : 30 + i % 4, i % 7 < 2 ? 90 : 900};
	add(m, (struct history_entry){begin_ms, HISTORY_ALERT_RAISED,
				      .alert = {SLICE_LIT("CallBurstHour"),
						SLICE_LIT("critical"),
						SLICE_LIT("enforce"),
						SLICE_LIT("https://example.org"),
						begin_ms,
						{figures, 2}}});
	add(m, (struct history_entry){begin_ms, HISTORY_TRANSITION,
				      .transition = {PHASE_ACTIVE, PHASE_REST, SLICE_LIT("rule"), SLICE_LIT("CallBurstHour"), SLICE_NONE,
						     begin_ms + 30 * DAY_MS, episode}});
	add(m, (struct history_entry){begin_ms, HISTORY_SNAPSHOT, .snapshot = {episode, 34, 80, 22, 31, 40, {NULL, 0}}});
	add(m, (struct history_entry){begin_ms, HISTORY_PAST_DAYS, .past_days = {begin_ms / DAY_MS - 31, 31, past}});
	flush(m, true);
	add(m, (struct history_entry){begin_ms + HOUR_MS, HISTORY_FLAG_OPENED,
				      .flag = {SLICE_LIT("Hiya"), SLICE_LIT("AT&T"), SLICE_LIT("Spam Risk"), SLICE_LIT("ann"),
					       SLICE_LIT("call"), SLICE_LIT(NOTE), TIME_NONE}});
	static const char *const steps[] = {"first_orion", "hiya", "tns", "free_caller_registry"};
	static const char *const targets[] = {"First Orion", "Hiya", "TNS", "Free Caller Registry"};
	for (int i = 0; i < 4; i++) {
		int64_t at_ms = begin_ms + (2 + i) * DAY_MS;
		struct history_entry e = {at_ms, HISTORY_DISPUTE,
					  .dispute = {.step = slice_of(steps[i]),
						      .target = slice_of(targets[i]),
						      .state = SLICE_LIT("sent"),
						      .by = SLICE_LIT("ann"),
						      .note = SLICE_LIT("with the dossier"),
						      .due_ms = at_ms}};
		add(m, e);
		e.time_ms += 8 * DAY_MS;
		e.dispute.state = i == 2 ? SLICE_LIT("follow_up_due") : SLICE_LIT("answered");
		e.dispute.outcome = i == 2 ? SLICE_NONE : SLICE_LIT("label removed");
		add(m, e);
	}
	flush(m, false);
	add(m, (struct history_entry){begin_ms + 3 * DAY_MS, HISTORY_VIOLATION,
				      .violation = {PHASE_REST,
						    SLICE_LIT("no_calls"),
						    begin_ms / DAY_MS + 3,
						    {.type = VALUE_INT, .i = 0},
						    {.type = VALUE_INT, .i = 1},
						    SLICE_LIT("restart")}});
	add(m, (struct history_entry){
		       begin_ms + 4 * DAY_MS, HISTORY_CHECK,
		       .check = {SLICE_LIT("T-Mobile"), SLICE_LIT("iPhone 14"), SLICE_LIT("no label shown"), SLICE_LIT("bob")}});
	add(m, (struct history_entry){begin_ms + 5 * DAY_MS, HISTORY_COMPLAINT,
				      .complaint = {SLICE_LIT("FTC"), SLICE_LIT("importer"), SLICE_LIT("called at night")}});
	add(m, (struct history_entry){begin_ms + 6 * DAY_MS, HISTORY_NOTE, .note = {SLICE_LIT(NOTE), SLICE_LIT("ann")}});
	add(m, (struct history_entry){begin_ms + 20 * DAY_MS, HISTORY_FLAG_CLEARED,
				      .flag = {SLICE_LIT("Hiya"), SLICE_LIT("AT&T"), SLICE_LIT("Spam Risk"), SLICE_LIT("ann"), SLICE_NONE,
					       SLICE_LIT("after the dispute"), begin_ms + HOUR_MS}});
	add(m, (struct history_entry){begin_ms + 33 * DAY_MS, HISTORY_TRANSITION,
				      .transition = {PHASE_REST, PHASE_LIMITED, SLICE_LIT("timer"), SLICE_NONE, SLICE_NONE,
						     begin_ms + 63 * DAY_MS, episode}});
	flush(m, false);
	for (int day = 33; day < 93; day++) {
		int64_t n = day < 63 ? 5 + day % 6 : 11 + day % 9;
		if (day == 63)
			add(m, (struct history_entry){begin_ms + 63 * DAY_MS, HISTORY_TRANSITION,
						      .transition = {PHASE_LIMITED, PHASE_MODERATE, SLICE_LIT("timer"), SLICE_NONE,
								     SLICE_NONE, begin_ms + 93 * DAY_MS, episode}});
		if (day == 47)
			add(m, (struct history_entry){begin_ms + 47 * DAY_MS, HISTORY_ADVISORY,
						      .advisory = {SLICE_LIT("low_answer"), SLICE_LIT("3 of 9 calls were answered")}});
		add(m, (struct history_entry){begin_ms + day * DAY_MS, HISTORY_DAY,
					      .day = {begin_ms / DAY_MS + day, n, n - 1 - day % 3, 140 * n, n, n, 0}});
		flush(m, false);
	}
}

static void end_episode(struct made *m, int64_t begin_ms, uint32_t episode)
{
	const struct case_row row = {.outcome = CASE_RECOVERED,
				     .reason = 1,
				     .health_before = 34,
				     .health_after = 78,
				     .violations = 1,
				     .sent = 4,
				     .answered = 3,
				     .episode = episode,
				     .began_ms = begin_ms,
				     .ended_ms = begin_ms + 93 * DAY_MS};
	add(m, (struct history_entry){
		       begin_ms + 93 * DAY_MS, HISTORY_TRANSITION,
		       .transition = {PHASE_MODERATE, PHASE_ACTIVE, SLICE_LIT("timer"), SLICE_NONE, SLICE_NONE, TIME_NONE, episode}});
	history_stage_row(&m->stage, &row, m->head.finished++);
	flush(m, false);
}

static void make_state(struct made *m)
{
	static struct state s;
	struct buf b = {0};
	const struct event_flag open = {SLICE_LIT("TNS"), SLICE_LIT("Verizon <3"), SLICE_LIT("Scam Likely"), SLICE_LIT("importer"),
					T0 - DAY_MS};
	assert_int_equal(state_decode(NULL, 0, &s, NULL), ERR_OK);
	s.phase.phase = PHASE_LIMITED;
	s.phase.episode = 2;
	s.phase.since_ms = T0 - 2 * DAY_MS;
	s.phase.until_ms = T0 + 28 * DAY_MS;
	assert_true(state_flag_open(&s, &open));
	s.history = m->head;
	state_encode(&s, &b);
	table_set_state(m->table, m->subject, b.data, (uint32_t)b.len);
	buf_release(&b);
}

static const char profile[] = "name: Acme Clinics <Inc.>\n"
			      "website: https://acme.example\n"
			      "address: 1 Main Street, Springfield\n"
			      "years: 12\n"
			      "purpose: Appointment reminders to patients of our clinics.\n"
			      "opt_in: Patients agree in writing at their first visit.\n"
			      "licences: [Illinois health facility 12345, '\"quoted\" & more']\n"
			      "contact: {name: Ann Lee, email: ann@acme.example, phone: '+13125550100'}\n";

static void made_init(struct made *m)
{
	struct buf problems = {0};
	struct slice key = SLICE_LIT("+12125550199");
	memset(m, 0, sizeof *m);
	arena_init(&m->arena, 64 << 10);
	m->table = table_new(0);
	m->subject = table_add(m->table, key, hash64(key.p, key.len, 0), T0 - 200 * DAY_MS, -1);
	assert_int_equal(rules_load(NULL, 0, &m->rules, &problems), ERR_OK);
	m->scratch = rules_scratch_new(&m->policies, unheard, NULL);
	assert_int_equal(profile_parse(slice_of(profile), "acme.yaml", &m->arena, &m->profile, &problems), ERR_OK);
	make_calls(m);
	make_episode(m, T0 - 230 * DAY_MS, 1);
	end_episode(m, T0 - 230 * DAY_MS, 1);
	make_episode(m, T0 - 35 * DAY_MS, 2);
	make_state(m);
}

static void made_release(struct made *m)
{
	rules_scratch_free(m->scratch);
	rules_free(m->rules);
	table_free(m->table);
	history_stage_release(&m->stage);
	arena_release(&m->arena);
}

static enum err gather(struct made *m, uint32_t episode, bool bare)
{
	struct err_text why;
	const struct dossier_source from = {.zone = zone_find(SLICE_LIT("America/New_York")),
					    .number = SLICE_LIT("+12125550199"),
					    .account = bare ? SLICE_NONE : SLICE_LIT("ACME"),
					    .history = bare ? SLICE_NONE : slice_make(m->value, m->len),
					    .subject = m->subject,
					    .rules = m->rules,
					    .scratch = m->scratch,
					    .profile = bare ? NULL : &m->profile,
					    .as_of_ms = T0,
					    .episode = episode};
	return dossier_gather(&from, &m->arena, &m->d, &why);
}

static void keep_page(const char *name, const struct buf *b)
{
	char path[512];
	const char *folder = getenv("RINGFENCE_PAGES");
	if (!folder)
		return;
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(b->data, 1, b->len, f), b->len);
	assert_int_equal(fclose(f), 0);
}

static const cJSON *at(const cJSON *o, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);
	if (!v)
		fail_msg("the dossier has no %s", name);
	return v;
}

static const cJSON *entry_of(const cJSON *o, const char *kind)
{
	const cJSON *e;
	cJSON_ArrayForEach(e, at(o, "history")) if (strcmp(at(e, "kind")->valuestring, kind) == 0) return e;
	fail_msg("no entry of kind %s", kind);
	return NULL;
}

static void json_holds_the_audit_and_the_history(void **state)
{
	struct made *m = *state;
	struct buf b = {0};
	assert_int_equal(gather(m, 0, false), ERR_OK);
	dossier_json(&m->d, &b);
	keep_page("dossier.json", &b);
	cJSON *o = cJSON_ParseWithLength((const char *)b.data, b.len);
	assert_non_null(o);
	assert_string_equal(at(at(o, "profile"), "name")->valuestring, "Acme Clinics <Inc.>");
	assert_string_equal(at(o, "zone")->valuestring, "America/New_York");
	assert_string_equal(at(o, "phase")->valuestring, "limited");
	assert_string_equal(at(cJSON_GetArrayItem(at(o, "flags"), 0), "label")->valuestring, "Scam Likely");
	assert_true(at(at(at(o, "windows"), "31d"), "calls")->valuedouble > 200);
	assert_int_equal(at(at(o, "newest_calls"), "calls")->valueint, 128);
	assert_string_equal(at(entry_of(o, "note"), "note")->valuestring, NOTE);
	assert_int_equal(at(at(entry_of(o, "alert_raised"), "figures"), "calls[\"1h\"]")->valueint, 212);
	assert_string_equal(at(cJSON_GetArrayItem(at(o, "finished"), 0), "outcome")->valuestring, "recovered");
	assert_int_equal(at(cJSON_GetArrayItem(at(o, "finished"), 0), "days")->valueint, 93);
	cJSON_Delete(o);
	buf_release(&b);
}

static void days_come_from_the_history_and_the_record(void **state)
{
	struct made *m = *state;
	int64_t calls = 0, told = 0;
	assert_int_equal(gather(m, 0, false), ERR_OK);
	const struct dossier *d = &m->d;
	assert_in_range(d->day_cnt, 262, 264); /* 31 days before the first episode, to today */
	for (uint32_t i = 0; i < d->day_cnt; i++) {
		assert_true(i == 0 || d->days[i].day == d->days[i - 1].day + 1);
		told += d->days[i].told;
		if (!d->days[i].told)
			calls += d->days[i].calls;
	}
	assert_in_range(told, 90, 140); /* 31 before each episode, and the days of the first */
	assert_in_range(calls, 150, m->subject->calls);
}

static void sums_of_parts_are_those_of_the_whole(void **state)
{
	struct made *m = *state;
	assert_int_equal(gather(m, 0, false), ERR_OK);
	const struct dossier *d = &m->d;
	uint32_t hours = 0, gaps = 0, regions = 0;
	for (int i = 0; i < 24; i++)
		hours += d->hours[i];
	for (int i = 0; i < DOSSIER_GAPS; i++)
		gaps += d->gaps[i];
	for (uint32_t i = 0; i < d->to_cnt; i++)
		regions += d->to[i].calls;
	assert_true(hours == d->exact_cnt && regions == d->exact_cnt && gaps == d->exact_cnt - 1);
	for (int w = 0; w < DOSSIER_WINDOWS; w++) {
		int64_t talk = 0;
		for (int i = 0; i < DOSSIER_BINS; i++)
			talk += d->windows[w].talk[i];
		assert_int_equal(talk, d->windows[w].answered);
	}
}

static void page_has_every_section_and_escapes_what_comes_from_outside(void **state)
{
	static const char *const ids[] = {"profile", "calls",  "answered",   "durations", "gaps",   "hours",    "geography", "flags",
					  "alerts",  "phases", "violations", "disputes",  "health", "episodes", "notes",     "method"};
	struct made *m = *state;
	struct buf b = {0};
	char want[64];
	assert_int_equal(gather(m, 0, false), ERR_OK);
	dossier_html(&m->d, &b);
	keep_page("dossier.html", &b);
	buf_put_u8(&b, 0);
	const char *page = (const char *)b.data;
	for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
		snprintf(want, sizeof want, "<section id=\"%s\">", ids[i]);
		if (!strstr(page, want))
			fail_msg("no section %s", ids[i]);
	}
	assert_null(strstr(page, "<script"));
	assert_null(strstr(page, "http-equiv"));
	assert_null(strstr(page, "src="));
	assert_non_null(strstr(page, "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;quoted&quot;"));
	assert_non_null(strstr(page, "Acme Clinics &lt;Inc.&gt;"));
	assert_non_null(strstr(page, "Verizon &lt;3"));
	buf_release(&b);
}

static void number_without_history_has_a_page_too(void **state)
{
	struct made *m = *state;
	struct buf b = {0};
	assert_int_equal(gather(m, 0, true), ERR_OK);
	dossier_html(&m->d, &b);
	keep_page("bare.html", &b);
	buf_put_u8(&b, 0);
	assert_non_null(strstr((const char *)b.data, "No business profile is configured"));
	assert_non_null(strstr((const char *)b.data, "No step was taken."));
	buf_reset(&b);
	dossier_json(&m->d, &b);
	cJSON *o = cJSON_ParseWithLength((const char *)b.data, b.len);
	assert_non_null(o);
	assert_int_equal(cJSON_GetArraySize(at(o, "history")), 0);
	cJSON_Delete(o);
	buf_release(&b);
}

static void case_study_tells_its_episode_alone(void **state)
{
	static const char *const ids[] = {"why",      "changed", "phases", "calls",  "violations",
					  "disputes", "flags",   "alerts", "health", "notes"};
	struct made *m = *state;
	struct buf b = {0};
	char want[64];
	assert_int_equal(gather(m, 1, false), ERR_OK);
	assert_true(m->d.from_ms == T0 - 230 * DAY_MS && m->d.to_ms == T0 - 137 * DAY_MS);
	dossier_html(&m->d, &b);
	keep_page("case.html", &b);
	buf_put_u8(&b, 0);
	for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
		snprintf(want, sizeof want, "<section id=\"%s\">", ids[i]);
		if (!strstr((const char *)b.data, want))
			fail_msg("no section %s", ids[i]);
	}
	assert_non_null(strstr((const char *)b.data, "recovered"));
	assert_non_null(strstr((const char *)b.data, "34 to 78"));
	buf_reset(&b);
	dossier_json(&m->d, &b);
	cJSON *o = cJSON_ParseWithLength((const char *)b.data, b.len);
	const cJSON *e;
	cJSON_ArrayForEach(e, at(o, "history")) assert_true(strcmp(at(e, "time")->valuestring, "2024-11-01") < 0);
	cJSON_Delete(o);
	assert_int_equal(gather(m, 2, false), ERR_OK); /* goes on */
	buf_reset(&b);
	dossier_html(&m->d, &b);
	buf_put_u8(&b, 0);
	assert_non_null(strstr((const char *)b.data, "goes on"));
	assert_int_equal(gather(m, 3, false), ERR_NO);
	buf_release(&b);
}

static void profile_with_a_mistake_is_refused_with_its_place(void **state)
{
	struct made *m = *state;
	struct profile p;
	struct buf problems = {0};
	assert_int_equal(profile_parse(SLICE_LIT("website: w\nadress: x\nyears: many\nlicences: one\ncontact: {fax: 1}\n"), "p.yaml",
				       &m->arena, &p, &problems),
			 ERR_CONFIG);
	buf_put_u8(&problems, 0);
	assert_string_equal((const char *)problems.data,
			    "p.yaml:2:1: adress: unknown key; did you mean address?\n"
			    "p.yaml:3:8: years: a whole number from 0 to 1000 is expected: how long you have been in business\n"
			    "p.yaml:4:11: licences: a list of at most 32 texts is expected\n"
			    "p.yaml:5:11: fax: unknown key\n");
	buf_reset(&problems);
	assert_int_equal(profile_parse(SLICE_LIT("website: w\n"), "p.yaml", &m->arena, &p, &problems), ERR_CONFIG);
	buf_put_u8(&problems, 0);
	assert_string_equal((const char *)problems.data, "p.yaml:1:1: name is missing: the business whose numbers these are\n");
	buf_release(&problems);
}

static int setup(void **state)
{
	struct made *m = malloc(sizeof *m);
	made_init(m);
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	made_release(*state);
	free(*state);
	return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(json_holds_the_audit_and_the_history),
		TEST(days_come_from_the_history_and_the_record),
		TEST(sums_of_parts_are_those_of_the_whole),
		TEST(page_has_every_section_and_escapes_what_comes_from_outside),
		TEST(number_without_history_has_a_page_too),
		TEST(case_study_tells_its_episode_alone),
		TEST(profile_with_a_mistake_is_refused_with_its_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
