/* SPDX-License-Identifier: Apache-2.0 */
#include "app/settings.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct arena arena;
static char folder[] = "/tmp/ringfence-settings-XXXXXX";
static char path[64];

/* Word for word the smallest configuration of DESIGN section 11. */
static const char smallest[] =
	"deployment: demo                      # in the `source` of every event\n"
	"kafka:\n"
	"  brokers: 127.0.0.1:9092\n"
	"  group: ringfence\n"
	"  properties: {}                      # any librdkafka property\n"
	"topics: {cdr: cdr}                    # the others default to the names of section 10 and section 4\n"
	"input: {format: json}\n"
	"state:\n"
	"  store: redis                        # redis | embedded | memory\n"
	"  redis: {url: \"redis://127.0.0.1:6379/0\"}\n"
	"rules: {files: [rules.yaml]}\n"
	"sinks:\n"
	"  - {name: events, kind: kafka}       # may be left out: the topics of section 10 are always written; here their ways can be "
	"changed\n"
	"  - {name: oncall, kind: webhook, preset: standard-webhooks, url: \"http://127.0.0.1:9000/hook\", secret_file: secret.txt, "
	"allow_private: true}\n";

static void write_file(const char *name, const char *content)
{
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(content, f);
	fclose(f);
}

/* What settings_load says on standard error; its error in *e. */
static const char *said(const char *yaml, enum err *e)
{
	static char out[8192];
	static struct settings s;
	int kept = dup(2), pipe_ends[2];
	write_file("f.yaml", yaml);
	assert_int_equal(pipe(pipe_ends), 0);
	assert_int_equal(fcntl(pipe_ends[0], F_SETFL, O_NONBLOCK), 0);
	dup2(pipe_ends[1], 2);
	close(pipe_ends[1]);
	*e = settings_load(path, &arena, &s);
	fflush(stderr);
	dup2(kept, 2);
	close(kept);
	ssize_t n = read(pipe_ends[0], out, sizeof out - 1);
	close(pipe_ends[0]);
	out[n > 0 ? n : 0] = '\0';
	return out;
}

static void smallest_configuration_of_the_design_works_word_for_word(void **state)
{
	struct settings s;
	char expect[96];
	(void)state;
	write_file("secret.txt", "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz\n");
	write_file("ringfence.yaml", smallest);
	assert_int_equal(settings_load(path, &arena, &s), ERR_OK);
	assert_string_equal(s.deployment, "demo");
	assert_string_equal(s.kafka.brokers, "127.0.0.1:9092");
	assert_string_equal(s.kafka.group, "ringfence");
	assert_int_equal(s.kafka.properties.n, 0);
	assert_string_equal(s.topics.cdr, "cdr");
	assert_string_equal(s.topics.control, "ringfence.control");
	assert_string_equal(s.topics.out.name[TOPIC_DEAD_LETTERS], "ringfence.dead-letters");
	assert_int_equal(s.input.format, INPUT_JSON);
	assert_int_equal(s.store.kind, STORE_REDIS);
	assert_string_equal(s.store.redis_url, "redis://127.0.0.1:6379/0");
	snprintf(expect, sizeof expect, "%s/rules.yaml", folder);
	assert_int_equal(s.rule_files.n, 1);
	assert_string_equal(s.rule_files.v[0], expect);
	const struct webhook_config *w = s.sinks.v;
	assert_int_equal(s.sinks.n, 2);
	assert_true(w[0].kind == SINK_KAFKA && w[1].kind == SINK_WEBHOOK && w[1].preset == PRESET_STANDARD_WEBHOOKS && w[1].allow_private);
	assert_string_equal(w[1].name, "oncall");
	assert_string_equal(w[1].url, "http://127.0.0.1:9000/hook");
	assert_string_equal(w[1].secret, "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz");
}

static void lists_are_files_beside_the_configuration_and_read_with_the_rules(void **state)
{
	struct settings s;
	struct rules *r = NULL;
	struct buf b = {0};
	char expect[200];
	enum err e;
	(void)state;
	write_file("allow.txt", "+15551230000\n");
	write_file("listed.yaml",
		   "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'in_list(\"allow\", number)', exempt: ['list:allow']}\n");
	write_file("f.yaml", "rules: {files: [listed.yaml], lists: {allow: allow.txt, deny: /etc/deny.txt}}\n");
	assert_int_equal(settings_load(path, &arena, &s), ERR_OK);
	snprintf(expect, sizeof expect, "%s/allow.txt", folder);
	assert_int_equal(s.rule_lists.n, 2);
	assert_string_equal(s.rule_lists.v[0].key, "allow");
	assert_string_equal(s.rule_lists.v[0].value, expect);
	assert_string_equal(s.rule_lists.v[1].value, "/etc/deny.txt");
	config_print(settings_table, &s, &b);
	assert_non_null(memmem(b.data, b.len, "/allow.txt\"\n", 12));
	s.rule_lists.n = 1;
	buf_reset(&b);
	assert_int_equal(settings_load_rules(&s, &r, &b), ERR_OK);
	assert_int_equal(rules_cnt(r), 1);
	rules_free(r);
	assert_int_equal(settings_rules(&s, (const char *const[]){"/nowhere.yaml"}, 1, &r, &b), ERR_CONFIG);
	assert_non_null(strstr(said("rules: {lists: {allow: \"\"}}\n", &e), "f.yaml:1:24: rules.lists: allow: must not be empty\n"));
	assert_non_null(strstr(said("rules: {lists: [allow.txt]}\n", &e),
			       "f.yaml:1:16: rules.lists: takes a map of names and paths, as in {name: a.txt}\n"));
	assert_non_null(
		strstr(said("rules: {lists: {a b: allow.txt}}\n", &e), "\"a b\" is no name: letters, digits, '.', '_', '-', at most 64\n"));
	buf_release(&b);
}

static void defaults_are_those_of_the_design(void **state)
{
	struct settings s;
	(void)state;
	assert_int_equal(settings_load(NULL, &arena, &s), ERR_OK);
	assert_int_equal(s.time.idle_lag_ms, 5 * MINUTE_MS);
	assert_int_equal(s.time.allowed_lateness_ms, 6 * HOUR_MS);
	assert_int_equal(s.time.idle, TIME_IDLE_WALL);
	assert_int_equal(s.partitioner, PARTITION_MURMUR2);
	assert_int_equal(s.keying, KEYING_REFUSE);
	assert_true(s.topics.create);
	assert_true(s.policy.rest_ms == 30 * DAY_MS && s.policy.limited_ms == 30 * DAY_MS && s.policy.moderate_ms == 30 * DAY_MS);
	assert_true(s.policy.limited_min == 5 && s.policy.limited_max == 10 && s.policy.moderate_min == 10 && s.policy.moderate_max == 20);
	assert_true(s.policy.limited_talk_s == 120 && s.policy.moderate_new_share > 0.29 && s.policy.moderate_new_share < 0.31);
	assert_int_equal(s.policy.hold_ms, DAY_MS);
	static const char *const topics[] = {"ringfence.alerts",  "ringfence.transitions", "ringfence.advisories",
					     "ringfence.numbers", "ringfence.disputes",    "ringfence.dead-letters"};
	for (size_t i = 0; i < 6; i++) {
		bool found = false;
		for (int t = 0; t < TOPIC_CNT; t++)
			found = found || strcmp(s.topics.out.name[t], topics[i]) == 0;
		assert_true(found);
	}
}

static void what_is_wrong_between_keys_is_said_with_its_place(void **state)
{
	static const char *const cases[][2] = {
		{"state: {stroe: redis}", "f.yaml:1:9: state.stroe: unknown key; did you mean state.store?\n"},
		{"deployment: 'a b'", "f.yaml:1:13: deployment: \"a b\" is no name"},
		{"topics: {cdr: x, control: x}", "f.yaml:1:27: topics.control: the same topic as topics.cdr (x)"},
		{"topics: {cdr: 'a/b'}", "f.yaml:1:15: topics.cdr: \"a/b\" is no topic name"},
		{"topics: {cdr: ..}", "is no topic name"},
		{"policy: {rest: {duration: 36h}}", "f.yaml:1:27: policy.rest.duration: a phase lasts whole days"},
		{"policy: {limited: {daily_min: 11}}", "policy.limited.daily_min: must not be above limited.daily_max (10)"},
		{"policy.moderate.daily_max: 9", "policy.moderate.daily_min: must not be above moderate.daily_max (9)"},
		{"input: {max_record_bytes: 64MiB}\nkafka: {queue_bytes: 1MiB}", "f.yaml:2:22: kafka.queue_bytes: must not be below"},
		{"kafka: {group: g,\n properties: {lingre.ms: 5}}", "f.yaml:2:26: kafka.properties.lingre.ms: not a property of"},
		{"kafka: {properties: {lingre.ms: 5}}", "; did you mean linger.ms?\n"},
		{"kafka.properties: {session.timeout.ms: soon}", "f.yaml:1:40: kafka.properties.session.timeout.ms: Invalid value"},
		{"kafka: {properties: {linger.ms: 5, acks: 1}}", "f.yaml:1:42: kafka.properties.acks: cannot be set here: an event leaves"},
		{"sinks: [{name: a, kind: webhook, secret: s}]", "f.yaml:1:9: sinks[0].url: missing"},
		{"sinks: [{name: a, kind: webhook, secret: s, url: 'ftp://x'}]", "sinks[0].url: must begin with http:// or https://"},
		{"sinks: [{name: a, kind: webhook, url: 'http://x'}]", "sinks[0].secret: missing"},
		{"sinks: [{name: a, kind: kafka}, {name: a, kind: kafka}]", "sinks[1].name: \"a\" is the name of sinks[0] already"},
		{"sinks: [{name: a, kind: kafka, url: 'http://x'}]", "sinks[0].kind: url and secret are for kind webhook"},
		{"sinks: [{name: a, kind: webhook, secret: s, url: 'http://x', topics: [alerts, dead-letters]}]",
		 "sinks[0].topics[1]: \"dead-letters\" is not one of"},
		{"sinks: [{name: a, kind: webhook, secret: s, url: 'http://x', retry_first: 1m, retry_most: 1s}]",
		 "sinks[0].retry_most: must not be shorter than retry_first"},
		{"sinks:\n- {name: a, kind: kafka}\n- name: b\n  kind: webhook\n  secret: s\n  url: 'http://10.0.0.1/'\n",
		 "f.yaml:6:8: sinks[1].url: its address is private"},
		{"sinks:\n- name: b\n  kind: webhook\n  secret: whsec_a\n  url: 'https://example.org/'\n",
		 "f.yaml:4:11: sinks[0].secret: the secret begins with whsec_"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		enum err e;
		const char *text = said(cases[i][0], &e);
		assert_int_equal(e, ERR_CONFIG);
		if (!strstr(text, cases[i][1]))
			fail_msg("%s says: %s", cases[i][0], text);
	}
}

static void rule_file_that_cannot_be_read_is_said_with_the_line_that_names_it(void **state)
{
	struct settings s;
	struct rules *rules = NULL;
	struct buf problems = {0};
	char expect[256];
	(void)state;
	write_file("good.yaml", "groups: []\n");
	write_file("f.yaml", "rules:\n  files:\n    - good.yaml\n    - missing.yaml\n");
	assert_int_equal(settings_load(path, &arena, &s), ERR_OK);
	assert_int_equal(settings_load_rules(&s, &rules, &problems), ERR_CONFIG);
	assert_null(rules);
	buf_put_u8(&problems, 0);
	snprintf(expect, sizeof expect, "%s:4:7: rules.files[1]: %s/missing.yaml: cannot be opened: No such file or directory\n", path,
		 folder);
	assert_string_equal((const char *)problems.data, expect);
	buf_release(&problems);
	write_file("f.yaml", "rules: {files: [good.yaml]}\n");
	assert_int_equal(settings_load(path, &arena, &s), ERR_OK);
	assert_int_equal(settings_load_rules(&s, &rules, &problems), ERR_OK);
	rules_free(rules);
	buf_release(&problems);
}

static void effective_values_printed_load_again(void **state)
{
	struct settings s, again;
	struct buf out = {0}, twice = {0};
	(void)state;
	write_file("ringfence.yaml", smallest);
	assert_int_equal(settings_load(path, &arena, &s), ERR_OK);
	config_print(settings_table, &s, &out);
	buf_put_u8(&out, 0);
	write_file("again.yaml", (const char *)out.data);
	assert_int_equal(settings_load(path, &arena, &again), ERR_OK);
	config_print(settings_table, &again, &twice);
	buf_put_u8(&twice, 0);
	assert_string_equal((const char *)out.data, (const char *)twice.data);
	buf_release(&out);
	buf_release(&twice);
}

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 65536);
	return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
	static const char *const names[] = {"f.yaml",    "ringfence.yaml", "again.yaml", "secret.txt",
					    "good.yaml", "allow.txt",      "listed.yaml"};
	(void)state;
	arena_release(&arena);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		snprintf(path, sizeof path, "%s/%s", folder, names[i]);
		unlink(path);
	}
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(smallest_configuration_of_the_design_works_word_for_word),
		cmocka_unit_test(lists_are_files_beside_the_configuration_and_read_with_the_rules),
		cmocka_unit_test(defaults_are_those_of_the_design),
		cmocka_unit_test(what_is_wrong_between_keys_is_said_with_its_place),
		cmocka_unit_test(rule_file_that_cannot_be_read_is_said_with_the_line_that_names_it),
		cmocka_unit_test(effective_values_printed_load_again),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
