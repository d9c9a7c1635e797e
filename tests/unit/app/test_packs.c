/* SPDX-License-Identifier: Apache-2.0 */
/* The shipped packs: what `rules packs` shows is what stands in rules/packs, every pack passes its own tests, and every rule says where it comes from. */
#include "tests/unit/unit.h"

#include "app/generate.h"
#include "rules/packs.h"
#include "rules/ruleset.h"
#include "tests/unit/app/verb.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define RULES(...) verb_said(verb_rules, (char *[]){"rules", __VA_ARGS__, NULL})

static char *path_of(const char *name, const char *end)
{
	static char path[2][4096];
	static int turn;
	turn = !turn;
	snprintf(path[turn], sizeof path[turn], "%s/%s%s", PACKS, name, end);
	return path[turn];
}

static struct rules *load(const struct rule_pack *p)
{
	struct rules *r = NULL;
	struct buf problems = {0};
	enum err e = rules_parse(p->text, p->name, &r, &problems);
	if (e)
		print_error(SLICE_FMT, SLICE_ARG(buf_slice(&problems)));
	assert_int_equal(e, ERR_OK);
	buf_release(&problems);
	return r;
}

static void packs_are_printed_as_they_are(void **state)
{
	(void)state;
	assert_true(rule_pack_cnt >= 7);
	for (size_t i = 0; i < rule_pack_cnt; i++) {
		struct verb_said s = RULES("packs", (char *)(uintptr_t)rule_packs[i].name);
		char *file = verb_text(fopen(path_of(rule_packs[i].name, ".yaml"), "r"));
		assert_int_equal(s.status, 0);
		assert_string_equal(s.out, file);
		assert_string_equal(s.err, "");
		free(file);
		verb_forget(&s);
	}
}

static void packs_are_listed_with_sources_and_grades(void **state)
{
	(void)state;
	struct verb_said s = RULES("packs");
	assert_int_equal(s.status, 0);
	assert_string_equal(s.err, "");
	assert_non_null(strstr(s.out, "volume (13 rules). Volume: how many calls a number makes"));
	assert_non_null(strstr(s.out, "\n  CallsPerDay        info 75 P, critical 200 P         A, B, C  kind: FCC 19-51"));
	assert_non_null(strstr(s.out, "\n  LowTalk            warning 15 P                      B        First Orion"));
	verb_forget(&s);
	s = RULES("packs", "volum");
	assert_int_equal(s.status, 2);
	assert_string_equal(s.err, "ringfence rules packs: there is no pack volum; without a name they are listed; ringfence rules packs "
				   "--help teaches it\n");
	verb_forget(&s);
}

static void expect_tests_pass(const char *name)
{
	struct verb_said s = RULES("test", path_of(name, "_test.yaml"));
	if (s.status)
		print_error("%s%s", s.out, s.err);
	assert_int_equal(s.status, 0);
	assert_non_null(strstr(s.out, " passed, 0 failed\n"));
	assert_null(strstr(s.out, "dead letters"));
	verb_forget(&s);
}

static void packs_pass_their_tests(void **state)
{
	(void)state;
	for (size_t i = 0; i < rule_pack_cnt; i++)
		expect_tests_pass(rule_packs[i].name);
}

static void packs_together_spare_honest_callers(void **state)
{
	(void)state;
	expect_tests_pass("all");
}

static void packs_are_strictly_clean(void **state)
{
	char *argv[64] = {"rules", "check", "--strict"};
	int n = 3;
	(void)state;
	for (size_t i = 0; i < rule_pack_cnt; i++) /* outgoing stands in place of incoming */
		if (strcmp(rule_packs[i].name, "outgoing") != 0)
			argv[n++] = strdup(path_of(rule_packs[i].name, ".yaml"));
	struct verb_said s = verb_said(verb_rules, argv);
	assert_string_equal(s.err, "");
	assert_int_equal(s.status, 0);
	verb_forget(&s);
	while (n > 3)
		free(argv[--n]);
	s = RULES("check", "--strict", path_of("outgoing", ".yaml"));
	assert_string_equal(s.err, "");
	assert_string_equal(s.out, "2 rules, no errors\n");
	assert_int_equal(s.status, 0);
	verb_forget(&s);
}

/* With both, DiallerProfile would be told twice. */
static void outgoing_beside_incoming_is_refused(void **state)
{
	(void)state;
	struct verb_said s = RULES("check", path_of("outgoing", ".yaml"), path_of("incoming", ".yaml"));
	assert_int_equal(s.status, 1);
	assert_non_null(strstr(s.err, "alert: DiallerProfile with the same labels stands already at "));
	verb_forget(&s);
}

static void without_incoming_feed_only_incoming_is_refused(void **state)
{
	static const char config[] = "feed.yaml";
	FILE *f = fopen(config, "w");
	(void)state;
	assert_non_null(f);
	assert_true(fputs("relay: {called: off}\n", f) >= 0);
	assert_int_equal(fclose(f), 0);
	for (size_t i = 0; i < rule_pack_cnt; i++) {
		bool incoming = strcmp(rule_packs[i].name, "incoming") == 0; /* blocks learn of calls received by relay.block */
		struct verb_said s = RULES("test", "-c", (char *)(uintptr_t)config, path_of(rule_packs[i].name, "_test.yaml"));
		assert_int_equal(s.status, incoming ? 2 : 0);
		if (incoming)
			assert_non_null(strstr(s.err, "a rule asks for 'in_out_ratio', and relay.called is off"));
		verb_forget(&s);
	}
}

/* ---- each rule ---- */

static struct slice annotation(const struct rule *r, const char *name)
{
	for (uint32_t i = 0; i < r->annotation_cnt; i++)
		if (slice_is(r->annotations[i].name, name))
			return r->annotations[i].value;
	print_error(SLICE_FMT " of %s has no annotation %s\n", SLICE_ARG(r->name), r->file, name);
	fail();
	return SLICE_NONE;
}

/* "published for this measure (P)" */
static bool says_letter(struct slice threshold)
{
	if (threshold.len < 3 || threshold.p[threshold.len - 3] != '(' || threshold.p[threshold.len - 1] != ')')
		return false;
	return strchr("P~O", threshold.p[threshold.len - 2]) != NULL;
}

/* Each grade stands in brackets behind a document of the source. */
static bool source_has_grades(const struct rule *r, struct slice grade)
{
	for (uint32_t i = 0; i < grade.len; i++) {
		if (grade.p[i] == ',' || grade.p[i] == ' ')
			continue;
		char mark[] = {'(', grade.p[i], '\0'};
		if (!strchr("ABC", grade.p[i]) || !strstr(r->source.p, mark))
			return false;
	}
	return grade.len > 0;
}

static void each_rule_says_its_source_and_grade(void **state)
{
	(void)state;
	for (size_t p = 0; p < rule_pack_cnt; p++) {
		struct rules *r = load(&rule_packs[p]);
		for (uint32_t i = 0; i < r->cnt; i++) {
			struct slice grade = annotation(&r->rules[i], "grade");
			assert_true(says_letter(annotation(&r->rules[i], "threshold")));
			assert_true(annotation(&r->rules[i], "summary").len > 0 && annotation(&r->rules[i], "why").len > 0);
			if (!source_has_grades(&r->rules[i], grade)) {
				print_error(SLICE_FMT ": grade " SLICE_FMT " does not fit its source\n", SLICE_ARG(r->rules[i].name),
					    SLICE_ARG(grade));
				fail();
			}
			/* a C figure is never the only reason */
			assert_false(slice_is(grade, "C"));
		}
		rules_free(r);
	}
}

static void all_rules_are_in_shadow_and_critical_ones_would_quarantine(void **state)
{
	(void)state;
	for (size_t p = 0; p < rule_pack_cnt; p++) {
		struct rules *r = load(&rule_packs[p]);
		for (uint32_t i = 0; i < r->cnt; i++) {
			const struct rule *u = &r->rules[i];
			bool critical = slice_is(u->severity, "critical");
			assert_true(u->shadow);
			assert_true(critical || slice_is(u->severity, "warning") || slice_is(u->severity, "info"));
			/* a cohort is never put to rest: its rules alert */
			if (strncmp(rule_packs[p].name, "cohort", 6) != 0)
				assert_int_equal(u->action, critical ? ACTION_QUARANTINE : ACTION_ALERT);
			else
				assert_int_equal(u->action, ACTION_ALERT);
			/* the parameter of the first of its name has steps for calibrate */
			assert_int_equal(u->ladder_cnt, !critical);
		}
		rules_free(r);
	}
}

/* One expression, two parameters, so that calibrate and explain speak of one thing. */
static void warning_and_critical_share_their_expression(void **state)
{
	uint32_t pairs = 0;
	(void)state;
	for (size_t p = 0; p < rule_pack_cnt; p++) {
		struct rules *r = load(&rule_packs[p]);
		for (uint32_t i = 1; i < r->cnt; i++)
			if (slice_eq(r->rules[i].name, r->rules[i - 1].name) && slice_is(r->rules[i].severity, "critical")) {
				assert_true(slice_eq(r->rules[i].expr, r->rules[i - 1].expr));
				assert_true(slice_eq(r->rules[i].source, r->rules[i - 1].source));
				pairs++;
			}
		rules_free(r);
	}
	assert_true(pairs >= 18);
}

/* ---- on generated callers of all kinds: who is hit ---- */

#define NUMBERS_MAX 512

struct caller {
	char number[20];
	int kind;
	bool warned, would_rest; /* by a warning or critical rule; by a critical one */
};
static struct caller callers[NUMBERS_MAX];
static uint32_t caller_cnt;
static char folder[] = "/tmp/ringfence-packs-XXXXXX";

static int kind_of(const char *name)
{
	for (int k = 0; k < CALLER_MIX_CNT; k++)
		if (strcmp(name, caller_kind_name((enum caller_kind)k)) == 0)
			return k;
	fail();
	return -1;
}

static void read_truth(void)
{
	char line[256], kind[32];
	FILE *f = fopen("cdrs.jsonl.truth.csv", "r");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof line, f));
	while (fgets(line, sizeof line, f)) {
		struct caller *c = &callers[caller_cnt++];
		assert_true(caller_cnt <= NUMBERS_MAX);
		assert_int_equal(sscanf(line, "%19[^,],%31[^,\n]", c->number, kind), 2);
		c->kind = kind_of(kind);
	}
	fclose(f);
}

static void read_alerts(void)
{
	char *line = NULL;
	size_t cap = 0;
	FILE *f = fopen("out/alerts.jsonl", "r");
	assert_non_null(f);
	while (getline(&line, &cap, f) >= 0) {
		cJSON *event = cJSON_Parse(line);
		const char *subject = cJSON_GetStringValue(cJSON_GetObjectItem(event, "subject"));
		const char *severity = cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetObjectItem(event, "data"), "severity"));
		assert_true(subject && severity);
		for (uint32_t i = 0; i < caller_cnt; i++)
			if (strcmp(callers[i].number, subject) == 0) {
				callers[i].warned |= strcmp(severity, "info") != 0;
				callers[i].would_rest |= strcmp(severity, "critical") == 0;
			}
		cJSON_Delete(event);
	}
	free(line);
	fclose(f);
}

static void expect_done(struct verb_said s)
{
	if (s.status)
		print_error("%s", s.err);
	assert_int_equal(s.status, 0);
	verb_forget(&s);
}

static void replay_packs(void)
{
	char *argv[32] = {"replay", "--out", "out"};
	static const char *const names[] = {"volume", "talk", "dialling", "reputation", "incoming"};
	int n = 3;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		argv[n++] = "--rules";
		argv[n++] = strdup(path_of(names[i], ".yaml"));
	}
	argv[n] = "cdrs.jsonl";
	expect_done(verb_said(verb_replay, argv));
	for (int i = 4; i < n; i += 2)
		free(argv[i]);
}

struct share {
	uint32_t all, warned, would_rest;
};

/* What the packs are for, coarsely: the machines are found, people are left alone. Two days, so not what takes weeks to show. */
static void machines_are_found_and_people_left_alone(void **state)
{
	struct share of[CALLER_MIX_CNT] = {{0}};
	(void)state;
	expect_done(verb_said(verb_generate, (char *[]){"generate", "--numbers", "320", "--duration", "2d", "--mix",
							"private=240,business=50,callcentre=6,robodialler=4,sweeper=4,wangiri=4,simbox=12",
							"--out", "cdrs.jsonl", NULL}));
	read_truth();
	replay_packs();
	read_alerts();
	for (uint32_t i = 0; i < caller_cnt; i++) {
		of[callers[i].kind].all++;
		of[callers[i].kind].warned += callers[i].warned;
		of[callers[i].kind].would_rest += callers[i].would_rest;
	}
	for (int k = 0; k < CALLER_MIX_CNT; k++)
		print_message("%-12s %4u numbers, %4u warned of, %4u would be put to rest\n", caller_kind_name((enum caller_kind)k),
			      of[k].all, of[k].warned, of[k].would_rest);
	static const enum caller_kind machines[] = {CALLER_ROBODIALLER, CALLER_SWEEPER, CALLER_WANGIRI};
	for (size_t i = 0; i < sizeof machines / sizeof machines[0]; i++) {
		assert_true(of[machines[i]].all > 0);
		assert_int_equal(of[machines[i]].would_rest, of[machines[i]].all);
	}
	assert_true(of[CALLER_PRIVATE].all > 200);
	assert_int_equal(of[CALLER_PRIVATE].would_rest, 0);
	assert_true(of[CALLER_PRIVATE].warned * 50 <= of[CALLER_PRIVATE].all);
	assert_true(of[CALLER_BUSINESS].would_rest * 20 <= of[CALLER_BUSINESS].all);
	unlink("cdrs.jsonl");
	unlink("out/alerts.jsonl");
}

static int go_to_folder(void **state)
{
	(void)state;
	return !mkdtemp(folder) || chdir(folder) != 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packs_are_printed_as_they_are),
		cmocka_unit_test(packs_are_listed_with_sources_and_grades),
		cmocka_unit_test(packs_pass_their_tests),
		cmocka_unit_test(packs_together_spare_honest_callers),
		cmocka_unit_test(packs_are_strictly_clean),
		cmocka_unit_test(outgoing_beside_incoming_is_refused),
		cmocka_unit_test(without_incoming_feed_only_incoming_is_refused),
		cmocka_unit_test(each_rule_says_its_source_and_grade),
		cmocka_unit_test(all_rules_are_in_shadow_and_critical_ones_would_quarantine),
		cmocka_unit_test(warning_and_critical_share_their_expression),
		cmocka_unit_test(machines_are_found_and_people_left_alone),
	};
	return cmocka_run_group_tests(tests, go_to_folder, NULL);
}
