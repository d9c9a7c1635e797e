/* SPDX-License-Identifier: Apache-2.0 */
/* Histories through the pipeline, on an embedded store in a folder of the test, and what `number` and `state` show of them. LMDB is opened once per
 * process: the shard is given up before a verb looks. */
#include "tests/unit/app/rig.h"

#include "app/app.h"
#include "app/peek.h"

#include <cjson/cJSON.h>
#include <getopt.h>
#include <unistd.h>

#define NUMBER "+15551230001"
#define OTHER "+15551230002"

static const char bursts[] = "groups: [{name: g, rules: [{alert: Burst, expr: 'calls[\"1h\"] >= 5', action: quarantine}]}]\n";
static char folder[] = "/tmp/ringfence-histories-XXXXXX";

struct live {
	struct rig r;
	struct outlet outlet;
	int64_t offset, control;
	int64_t ends_ms; /* the clock */
};

static char *path_of(const char *name)
{
	static char path[4][256];
	static int next;
	char *p = path[next++ % 4];
	snprintf(p, 256, "%s/%s", folder, name);
	return p;
}

static void write_text(const char *name, const char *text)
{
	FILE *f = fopen(path_of(name), "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void live_open(struct live *l)
{
	struct err_text why = {""};
	struct rig *r = &l->r;
	*r = (struct rig){0};
	arena_init(&r->arena, 65536);
	assert_int_equal(settings_load(path_of("ringfence.yaml"), &r->arena, &r->set), ERR_OK);
	r->set.keying = KEYING_WARN;
	if (pipeline_init(&r->pipe, &r->set, false, &why))
		fail_msg("%s", why.text);
	setup_rules(&r->pipe, bursts);
	assert_int_equal(deployment_claim(&r->pipe, 1, &why), ERR_OK);
	l->outlet = outlet_of(r);
	if (shard_take(&r->pipe, &l->outlet, 0, 1, &r->shard, &why))
		fail_msg("%s", why.text);
	assert_int_equal(shard_start(r->shard, l->offset, l->control, 0, &why), ERR_OK);
}

static void live_close(struct live *l)
{
	struct err_text why;
	assert_int_equal(pipeline_idle(l->r.shard, false, (struct wall_time){0}, &why), ERR_OK);
	rig_close(&l->r);
}

static void calls_of(struct live *l, const char *from, int64_t at_ms, int cnt)
{
	for (int i = 0; i < cnt; i++)
		call(l->r.shard, l->offset++, from, "+15559990000", at_ms + i * 1000);
}

static void told(struct live *l, const char *command, const char *more)
{
	char text[400];
	struct err_text why;
	int n = snprintf(text, sizeof text,
			 "{\"id\":\"c%lld\",\"time\":%lld,\"command\":\"%s\",\"number\":\"" NUMBER "\",\"by\":\"ann\"%s}",
			 (long long)l->control, (long long)l->ends_ms, command, more);
	assert_true(shard_command(l->r.shard, slice_make(text, (size_t)n), l->control++, l->ends_ms));
	if (pipeline_idle(l->r.shard, true, (struct wall_time){l->ends_ms}, &why))
		fail_msg("%s", why.text);
}

/* What a verb says on standard output. */
static const char *said(int (*verb)(int, char **), int code, char **argv)
{
	static char out[1 << 20];
	int argc = 0, kept = dup(STDOUT_FILENO);
	FILE *f = tmpfile();
	assert_non_null(f);
	while (argv[argc])
		argc++;
	fflush(stdout);
	dup2(fileno(f), STDOUT_FILENO);
	optind = 0;
	int status = verb(argc, argv);
	fflush(stdout);
	dup2(kept, STDOUT_FILENO);
	close(kept);
	rewind(f);
	out[fread(out, 1, sizeof out - 1, f)] = '\0';
	fclose(f);
	if (status != code)
		fail_msg("exit %d, not %d: %s", status, code, out);
	return out;
}

#define NUMBER_SAYS(code, ...) said(verb_number, code, (char *[]){"number", __VA_ARGS__, NULL})
#define STATE_SAYS(code, ...) said(verb_state, code, (char *[]){"state", __VA_ARGS__, NULL})
#define CONFIG "-c", path_of("ringfence.yaml")

static void expect(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("'%s' is not in: %.2000s", part, text);
}

static int setup(void **state)
{
	struct live *l = calloc(1, sizeof *l);
	char yaml[700];
	unlink(path_of("state.lmdb"));
	unlink(path_of("state.lmdb-lock"));
	unlink(path_of("state.lmdb.owner"));
	write_text("rules.yaml", bursts);
	write_text("acme.yaml", "name: Acme\n");
	snprintf(yaml, sizeof yaml,
		 "deployment: test\nstate: {store: embedded, embedded: {path: state.lmdb, map_bytes: 1GiB}}\nrules: {files: [rules.yaml]}\n"
		 "profiles: {ACME: acme.yaml}\n");
	write_text("ringfence.yaml", yaml);
	live_open(l);
	*state = l;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static void quarantine_is_listed_and_told(void **state)
{
	struct live *l = *state;
	calls_of(l, NUMBER, T0, 6);
	calls_of(l, OTHER, T0 + 10000, 1);
	live_close(l);
	expect(NUMBER_SAYS(0, "list", CONFIG, "--phase", "rest", "--format", "csv"),
	       "number,phase,episode,since,until,open_flags,open_alerts\n" NUMBER
	       ",rest,1,2025-01-21T22:53:24.000Z,2025-02-20T22:53:24.000Z,0,1\n");
	expect(NUMBER_SAYS(0, "list", CONFIG), "1 numbers\n");
	assert_null(strstr(NUMBER_SAYS(0, "list", CONFIG, "--phase", "active", "--format", "json"), NUMBER));
	expect(NUMBER_SAYS(0, "list", CONFIG, "--phase", "active", "--format", "json"), "\"number\":\"" OTHER "\"");
	const char *json = NUMBER_SAYS(0, "dossier", CONFIG, NUMBER);
	cJSON *o = cJSON_Parse(json);
	assert_non_null(o);
	assert_string_equal(cJSON_GetObjectItem(o, "account")->valuestring, "ACME");
	expect(json, "\"kind\":\"alert_raised\",\"rule\":\"Burst\"");
	expect(json, "\"kind\":\"snapshot\"");
	expect(json, "\"day\":\"2025-01-21\",\"calls\":6");
	cJSON_Delete(o);
	expect(NUMBER_SAYS(0, "dossier", CONFIG, "--format", "html", NUMBER), "<section id=\"health\">");
	NUMBER_SAYS(1, "dossier", CONFIG, "+15550000000");
	NUMBER_SAYS(1, "dossier", CONFIG, "--episode", "7", NUMBER);
	expect(STATE_SAYS(0, "check", CONFIG), "2 records, 1 timers, 1 histories in 1 shards: 0 faults\n");
	expect(STATE_SAYS(0, "dump", CONFIG, "--subjects", "--histories"), "{\"history\":\"" NUMBER "\",\"entries\":[{\"time\":");
}

static void finished_episodes_make_a_table(void **state)
{
	struct live *l = *state;
	calls_of(l, NUMBER, T0, 6);
	calls_of(l, NUMBER, T0 + 80 * DAY, 1); /* else its record would end with the episode */
	calls_of(l, OTHER, T0 + 95 * DAY, 1);  /* time passes: rest, limited, moderate end */
	l->ends_ms = T0 + 96 * DAY;
	calls_of(l, OTHER, l->ends_ms, 1);
	told(l, "quarantine", ",\"note\":\"again\"");
	calls_of(l, OTHER, l->ends_ms + DAY, 1);
	l->ends_ms += DAY;
	told(l, "release", "");
	live_close(l);
	const char *table = NUMBER_SAYS(0, "list", CONFIG, "--finished");
	expect(table, "recovered");
	expect(table, "2 episodes of 1 numbers ended: 1 recovered (median 90.0 days; 1 of them quarantined again since), 1 released");
	expect(NUMBER_SAYS(0, "list", CONFIG, "--finished", "--format", "csv"), NUMBER ",2,released,command,");
	expect(NUMBER_SAYS(0, "list", CONFIG, "--finished", "--format", "json"), "\"relapse_rate\":0.0000}}\n");
	expect(NUMBER_SAYS(0, "dossier", CONFIG, "--episode", "1", "--format", "html", NUMBER), "case study of episode 1");
	STATE_SAYS(0, "check", CONFIG);
	expect(said(verb_state, 0, (char *[]){"state", "stats", CONFIG, NULL}), "\"histories\":1,");
}

static void sweep(struct live *l)
{
	struct err_text why;
	for (int i = 0; i < 100; i++) {
		l->r.shard->swept = (struct mono_time){0};
		assert_int_equal(pipeline_sweep(l->r.shard, &why), ERR_OK);
	}
}

static void history_goes_with_the_record(void **state)
{
	struct live *l = *state;
	calls_of(l, NUMBER, T0, 6);
	sweep(l); /* days are swept from the first look on */
	l->ends_ms = T0 + DAY;
	calls_of(l, OTHER, l->ends_ms, 1);
	told(l, "release", "");
	for (int day = 2; day < 45; day++) /* it expires 38 days after its last call */
		calls_of(l, OTHER, T0 + day * DAY, 1);
	sweep(l);
	assert_int_equal(shard_meta(l->r.shard)->counts.expired, 1);
	live_close(l);
	expect(STATE_SAYS(0, "check", CONFIG), "1 records, 0 timers, 0 histories in 1 shards: 0 faults\n");
}

static void record_that_begins_anew_has_no_history(void **state)
{
	struct live *l = *state;
	calls_of(l, NUMBER, T0, 6);
	l->ends_ms = T0 + DAY;
	calls_of(l, OTHER, l->ends_ms, 1);
	told(l, "release", "");
	calls_of(l, NUMBER, T0 + 50 * DAY, 1); /* not swept yet */
	live_close(l);
	expect(STATE_SAYS(0, "check", CONFIG), "2 records, 0 timers, 0 histories in 1 shards: 0 faults\n");
	live_open(l);
	calls_of(l, NUMBER, T0 + 51 * DAY, 6);
	live_close(l);
	expect(STATE_SAYS(0, "check", CONFIG), "1 histories in 1 shards: 0 faults\n");
	expect(NUMBER_SAYS(0, "dossier", CONFIG, NUMBER), "\"history_dropped\":0");
}

static void forgotten_number_leaves_nothing_in_the_state(void **state)
{
	struct live *l = *state;
	struct err_text why;
	calls_of(l, NUMBER, T0, 6);
	calls_of(l, OTHER, T0 + DAY, 1);
	assert_int_equal(pipeline_idle(l->r.shard, false, (struct wall_time){0}, &why), ERR_OK);
	l->r.shard->cause = (struct cause){.kind = CAUSE_COMMAND, .command = SLICE_LIT("c1")};
	assert_true(shard_forget(l->r.shard, subject(&l->r, NUMBER), T0 + DAY));
	assert_true(l->r.shard->forgot);
	calls_of(l, OTHER, T0 + 2 * DAY, 1); /* ends the cycle, and goes on */
	calls_of(l, OTHER, T0 + 3 * DAY, 1);
	assert_false(l->r.shard->forgot);
	live_close(l);
	expect(STATE_SAYS(0, "check", CONFIG), "1 records, 0 timers, 0 histories in 1 shards: 0 faults\n");
	assert_null(strstr(STATE_SAYS(0, "dump", CONFIG, "--subjects", "--histories"), NUMBER));
	live_open(l); /* and it may come again */
	calls_of(l, NUMBER, T0 + 4 * DAY, 6);
	live_close(l);
	expect(STATE_SAYS(0, "check", CONFIG), "2 records, 1 timers, 1 histories in 1 shards: 0 faults\n");
}

static void number_that_changed_in_the_cycle_is_not_forgotten_yet(void **state)
{
	struct live *l = *state;
	calls_of(l, NUMBER, T0, 1);
	struct subject *s = subject(&l->r, NUMBER);
	table_mark(shard_subjects(l->r.shard), s);
	assert_false(shard_forget(l->r.shard, s, T0));
	live_close(l);
}

static void cycle_sent_again_after_a_crash_writes_the_same_history(void **state)
{
	struct live *l = *state;
	calls_of(l, NUMBER, T0, 6);
	for (int i = 0; i < 30; i++) {
		calls_of(l, NUMBER, T0 + (i + 1) * HOUR_MS * 3, 6); /* alerts come and go */
		if (i % 7 == 0)
			take_again(&l->r, &l->outlet);
	}
	live_close(l);
	STATE_SAYS(0, "check", CONFIG);
	expect(NUMBER_SAYS(0, "dossier", CONFIG, NUMBER), "\"history_dropped\":0,\"history_damage\":null");
}

static void wrong_use_is_said(void **state)
{
	struct live *l = *state;
	live_close(l);
	NUMBER_SAYS(2, "list", "--phase", "rest");
	NUMBER_SAYS(2, "list", CONFIG, "--phase", "sleep");
	NUMBER_SAYS(2, "list", CONFIG, "--format", "xml");
	NUMBER_SAYS(2, "list", CONFIG, "--finished", "--phase", "rest");
	NUMBER_SAYS(2, "dossier", CONFIG, "nonsense");
	NUMBER_SAYS(2, "dossier", CONFIG, "--episode", "0", NUMBER);
	NUMBER_SAYS(2, "dossier", CONFIG, "--format", "pdf", NUMBER);
	expect(NUMBER_SAYS(0, "dossier", "--help"), "example: ringfence number dossier");
	expect(NUMBER_SAYS(0, "list", "--help"), "--finished");
	STATE_SAYS(2, "check", CONFIG, "--histories");
}

static int group_setup(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int group_teardown(void **state)
{
	static const char *const names[] = {"state.lmdb", "state.lmdb-lock", "state.lmdb.owner",
					    "rules.yaml", "acme.yaml",       "ringfence.yaml"};
	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		unlink(path_of(names[i]));
	return rmdir(folder);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(quarantine_is_listed_and_told),
		TEST(finished_episodes_make_a_table),
		TEST(history_goes_with_the_record),
		TEST(record_that_begins_anew_has_no_history),
		TEST(forgotten_number_leaves_nothing_in_the_state),
		TEST(number_that_changed_in_the_cycle_is_not_forgotten_yet),
		TEST(cycle_sent_again_after_a_crash_writes_the_same_history),
		TEST(wrong_use_is_said),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
