/* SPDX-License-Identifier: Apache-2.0 */
/* A file of rule tests, read strictly: one row per key, every mistake with its place. */
#include "app/rule_test.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#define KEYS_MAX 40
#define TESTS_MAX 10000

struct tests_reader {
	struct arena *a;
	struct test_file *file;
	struct buf *problems;
	bool failed;
	/* what is being read */
	struct rule_test *test;
	struct test_records *records;
	struct test_command *command;
	struct alert_test *alert;
	struct expected_alert *expected;
	struct transition_test *transition;
};

struct test_key {
	const char *name;
	void (*read)(struct tests_reader *r, const struct yaml_node *n);
};

static void problem(struct tests_reader *r, int line, int column, const char *fmt, ...) PRINTF_LIKE(4, 5);
static void problem(struct tests_reader *r, int line, int column, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	buf_printf(r->problems, "%s:%d:%d: %s\n", r->file->path, line, column, text);
	r->failed = true;
}

static struct where where_of(const struct yaml_node *n)
{
	return (struct where){n->line, n->column};
}

/* ---- maps and lists ---- */

static void read_map(struct tests_reader *r, const struct yaml_node *map, const struct test_key *keys, size_t cnt, const char *what)
{
	const char *names[KEYS_MAX];
	for (size_t i = 0; i < cnt; i++)
		names[i] = keys[i].name;
	for (const struct yaml_node *n = map->first; n; n = n->next) {
		size_t i = 0;
		while (i < cnt && !slice_is(n->key, keys[i].name))
			i++;
		if (i < cnt) {
			keys[i].read(r, n);
			continue;
		}
		const char *near = nearest_name(n->key, names, cnt);
		problem(r, n->key_line, n->key_column, "%.120s: unknown key of %s%s%s%s", n->key.p, what, near ? "; did you mean " : "",
			near ? near : "", near ? "?" : "");
	}
}

/* False: it is neither a list nor nothing. */
static bool is_list(struct tests_reader *r, const struct yaml_node *n)
{
	if (n->kind == YAML_LIST)
		return true;
	if (!yaml_is_null(n))
		problem(r, n->line, n->column, "%s: a list is expected", n->key.p);
	return false;
}

static bool is_map(struct tests_reader *r, const struct yaml_node *n, const char *what)
{
	if (n->kind != YAML_MAP)
		problem(r, n->line, n->column, "%s is a map", what);
	return n->kind == YAML_MAP;
}

static void *entries(struct tests_reader *r, const struct yaml_node *list, size_t bytes)
{
	return arena_zalloc(r->a, (list->count + 1) * bytes);
}

/* ---- values ---- */

static struct slice text_of(struct tests_reader *r, const struct yaml_node *n)
{
	if (n->kind == YAML_SCALAR && !yaml_is_null(n))
		return n->text;
	problem(r, n->line, n->column, "%s: a text is expected", n->key.p);
	return SLICE_NONE;
}

static bool duration_of(const struct yaml_node *n, int64_t *ms)
{
	if (n->kind != YAML_SCALAR)
		return false;
	if (slice_is(n->text, "0") || slice_is(n->text, "0s") || slice_is(n->text, "0m")) {
		*ms = 0;
		return true;
	}
	return duration_parse(n->text, ms);
}

static void read_duration(struct tests_reader *r, const struct yaml_node *n, int64_t *ms)
{
	if (!duration_of(n, ms))
		problem(r, n->line, n->column, "%s: a duration is expected, like 0s, 30s, 1h30m, 7d", n->key.p);
}

/* One value or a list of them. Null is an absent one, if that may be. */
static struct cycle read_cycle(struct tests_reader *r, const struct yaml_node *n, bool absent)
{
	bool list = n->kind == YAML_LIST;
	struct slice *v = arena_alloc(r->a, (n->count + 1) * sizeof *v);
	struct cycle c = {.v = v};
	if (list && n->count == 0)
		problem(r, n->line, n->column, "%s: the list is empty", n->key.p);
	for (const struct yaml_node *e = list ? n->first : n; e; e = list ? e->next : NULL) {
		if (e->kind != YAML_SCALAR || (yaml_is_null(e) && !absent))
			problem(r, e->line, e->column, "%s: a text, or a list of texts that calls take in turn, is expected", n->key.p);
		v[c.cnt++] = yaml_is_null(e) ? SLICE_NONE : e->text;
	}
	return c;
}

static const int64_t *read_durations(struct tests_reader *r, const struct yaml_node *n, uint32_t *cnt)
{
	bool list = n->kind == YAML_LIST;
	int64_t *v = arena_alloc(r->a, (n->count + 1) * sizeof *v);
	if (list && n->count == 0)
		problem(r, n->line, n->column, "%s: the list is empty", n->key.p);
	for (const struct yaml_node *e = list ? n->first : n; e; e = list ? e->next : NULL) {
		v[*cnt] = 0;
		if (!duration_of(e, &v[(*cnt)++]))
			problem(r, e->line, e->column, "%s: a duration, or a list of durations that calls take in turn, is expected",
				n->key.p);
	}
	return v;
}

static struct test_pairs read_pairs(struct tests_reader *r, const struct yaml_node *map)
{
	struct test_pair *v = entries(r, map, sizeof *v);
	struct test_pairs p = {.v = v, .given = true};
	if (map->kind != YAML_MAP && !yaml_is_null(map))
		problem(r, map->line, map->column, "%s: a map of names and values is expected", map->key.p);
	for (const struct yaml_node *n = map->first; map->kind == YAML_MAP && n; n = n->next)
		v[p.cnt++] = (struct test_pair){n->key, text_of(r, n)};
	return p;
}

static struct slice read_word(struct tests_reader *r, const struct yaml_node *n, const char *const *words, size_t cnt)
{
	struct slice t = text_of(r, n);
	for (size_t i = 0; i < cnt; i++)
		if (!t.p || slice_is(t, words[i]))
			return t;
	const char *near = nearest_name(t, words, cnt);
	struct buf list = {0};
	for (size_t i = 0; i < cnt; i++)
		buf_printf(&list, "%s%s", i ? ", " : "", words[i]);
	problem(r, n->line, n->column, "%s: one of " SLICE_FMT " is expected%s%s%s", n->key.p, SLICE_ARG(buf_slice(&list)),
		near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
	buf_release(&list);
	return t;
}

static struct slice read_phase(struct tests_reader *r, const struct yaml_node *n)
{
	const char *words[PHASE_CNT];
	for (int i = 0; i < PHASE_CNT; i++)
		words[i] = phase_name((enum phase)i);
	return read_word(r, n, words, PHASE_CNT);
}

/* ---- input_records ---- */

static void read_at(struct tests_reader *r, const struct yaml_node *n)
{
	read_duration(r, n, &r->records->at_ms);
}

static void read_every(struct tests_reader *r, const struct yaml_node *n)
{
	read_duration(r, n, &r->records->every_ms);
}

static void read_delay(struct tests_reader *r, const struct yaml_node *n)
{
	read_duration(r, n, &r->records->delay_ms);
}

static void read_count_into(struct tests_reader *r, const struct yaml_node *n, uint32_t *count)
{
	int64_t v = 0;
	if (!yaml_int(n, &v) || v < 1 || v > TEST_CALLS_MAX)
		problem(r, n->line, n->column, "count: a whole number from 1 to %d is expected", TEST_CALLS_MAX);
	else
		*count = (uint32_t)v;
}

static void read_count(struct tests_reader *r, const struct yaml_node *n)
{
	read_count_into(r, n, &r->records->count);
}

static void read_from(struct tests_reader *r, const struct yaml_node *n)
{
	r->records->from = read_cycle(r, n, true);
}

static void read_to(struct tests_reader *r, const struct yaml_node *n)
{
	r->records->to = read_cycle(r, n, true);
}

static void read_vary(struct tests_reader *r, const struct yaml_node *n)
{
	struct cycle c = read_cycle(r, n, false);
	for (uint32_t i = 0; i < c.cnt; i++) {
		bool from = slice_is(c.v[i], "calling_number"), to = slice_is(c.v[i], "called_number");
		r->records->vary_from |= from;
		r->records->vary_to |= to;
		if (!from && !to)
			problem(r, n->line, n->column, "vary: calling_number, called_number, or both are expected");
	}
}

static void read_talk(struct tests_reader *r, const struct yaml_node *n)
{
	r->records->talk_ms = read_durations(r, n, &r->records->talk_cnt);
}

static void read_ring(struct tests_reader *r, const struct yaml_node *n)
{
	r->records->ring_ms = read_durations(r, n, &r->records->ring_cnt);
}

static void read_disposition(struct tests_reader *r, const struct yaml_node *n)
{
	static const char *const words[] = {
#define X(n) #n,
		CDR_DISPOSITIONS(X)
#undef X
	};
	struct cycle c = read_cycle(r, n, true);
	for (uint32_t i = 0; i < c.cnt; i++) {
		const struct yaml_node one = {.kind = YAML_SCALAR, .line = n->line, .column = n->column, .key = n->key, .text = c.v[i]};
		if (c.v[i].p)
			read_word(r, &one, words, sizeof words / sizeof words[0]);
	}
	r->records->disposition = c;
}

static void read_field(struct tests_reader *r, const struct yaml_node *n)
{
	static const char *const numbers[] = {"sip_status", "q850_cause"};
	struct test_field *f = &r->records->fields[r->records->field_cnt++];
	*f = (struct test_field){.name = n->key.p, .values = read_cycle(r, n, true)};
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		f->number |= slice_is(n->key, numbers[i]);
	for (uint32_t i = 0; f->number && i < f->values.cnt; i++)
		for (uint32_t k = 0; k < f->values.v[i].len; k++)
			if (f->values.v[i].p[k] < '0' || f->values.v[i].p[k] > '9') {
				problem(r, n->line, n->column, "%s: a whole number is expected", f->name);
				return;
			}
}

/* clang-format off */
static const struct test_key record_keys[] = {
	{"at", read_at}, {"every", read_every}, {"delay", read_delay}, {"count", read_count}, {"from", read_from}, {"to", read_to},
	{"vary", read_vary}, {"talk", read_talk}, {"ring", read_ring}, {"disposition", read_disposition},
	/* fields of the canonical CDR as they are */
	{"record_id", read_field}, {"record_type", read_field}, {"call_id", read_field}, {"direction", read_field},
	{"calling_number_raw", read_field}, {"calling_presentation", read_field}, {"called_number_raw", read_field},
	{"release_party", read_field}, {"sip_status", read_field}, {"sip_reason", read_field}, {"q850_cause", read_field},
	{"stir_attest", read_field}, {"stir_verstat", read_field}, {"stir_origid", read_field}, {"account_id", read_field},
	{"tenant_id", read_field}, {"ingress_trunk", read_field},
};
/* clang-format on */

static void read_records(struct tests_reader *r, const struct yaml_node *list)
{
	if (!is_list(r, list))
		return;
	r->test->records = entries(r, list, sizeof *r->test->records);
	for (const struct yaml_node *n = list->first; n; n = n->next) {
		if (!is_map(r, n, "an entry of input_records"))
			continue;
		r->records = &r->test->records[r->test->record_cnt++];
		*r->records = (struct test_records){.where = where_of(n), .count = 1, .every_ms = -1};
		read_map(r, n, record_keys, sizeof record_keys / sizeof record_keys[0], "input_records");
		if (!r->records->from.cnt)
			problem(r, n->line, n->column, "input_records: from is missing: the calling number");
	}
}

/* ---- input_commands ---- */

static void read_command_at(struct tests_reader *r, const struct yaml_node *n)
{
	read_duration(r, n, &r->command->at_ms);
}

static void read_command_every(struct tests_reader *r, const struct yaml_node *n)
{
	read_duration(r, n, &r->command->every_ms);
}

static void read_command_count(struct tests_reader *r, const struct yaml_node *n)
{
	read_count_into(r, n, &r->command->count);
}

static void read_command_field(struct tests_reader *r, const struct yaml_node *n)
{
	r->command->fields[r->command->field_cnt++] = (struct test_field){.name = n->key.p, .values = read_cycle(r, n, false)};
}

static void read_command_word(struct tests_reader *r, const struct yaml_node *n)
{
	static const char *const words[] = {
#define X(n, name) name,
		COMMANDS(X)
#undef X
	};
	(void)read_word(r, n, words, COMMAND_CNT);
	read_command_field(r, n);
}

/* clang-format off */
static const struct test_key command_keys[] = {
	{"at", read_command_at}, {"every", read_command_every}, {"count", read_command_count}, {"command", read_command_word},
	/* fields of a command as they are */
	{"number", read_command_field}, {"account", read_command_field}, {"by", read_command_field}, {"provider", read_command_field},
	{"carrier", read_command_field}, {"label", read_command_field}, {"note", read_command_field}, {"source", read_command_field}, {"device", read_command_field}, {"result", read_command_field}, {"step", read_command_field}, {"outcome", read_command_field}, {"called", read_command_field},
};
/* clang-format on */

static void read_commands(struct tests_reader *r, const struct yaml_node *list)
{
	if (!is_list(r, list))
		return;
	r->test->commands = entries(r, list, sizeof *r->test->commands);
	for (const struct yaml_node *n = list->first; n; n = n->next) {
		if (!is_map(r, n, "an entry of input_commands"))
			continue;
		r->command = &r->test->commands[r->test->command_cnt++];
		*r->command = (struct test_command){.where = where_of(n), .count = 1, .every_ms = -1};
		read_map(r, n, command_keys, sizeof command_keys / sizeof command_keys[0], "input_commands");
		if (!yaml_get(n, "command"))
			problem(r, n->line, n->column, "input_commands: command is missing");
	}
}

/* ---- alert_rule_test ---- */

static void read_number(struct tests_reader *r, const struct yaml_node *n)
{
	r->expected->number = text_of(r, n);
}

static void read_exp_alert(struct tests_reader *r, const struct yaml_node *n)
{
	r->expected->alert = text_of(r, n);
	r->expected->alert_where = where_of(n);
}

static void read_exp_labels(struct tests_reader *r, const struct yaml_node *n)
{
	r->expected->labels = read_pairs(r, n);
}

static void read_exp_annotations(struct tests_reader *r, const struct yaml_node *n)
{
	r->expected->annotations = read_pairs(r, n);
}

static void read_exp_figures(struct tests_reader *r, const struct yaml_node *n)
{
	r->expected->figures = read_pairs(r, n);
}

static const struct test_key expected_keys[] = {{"number", read_number},
						{"alertname", read_exp_alert},
						{"exp_labels", read_exp_labels},
						{"exp_annotations", read_exp_annotations},
						{"exp_figures", read_exp_figures}};

static void read_expected(struct tests_reader *r, const struct yaml_node *list)
{
	if (!is_list(r, list))
		return;
	struct expected_alert *v = entries(r, list, sizeof *v);
	r->alert->expected = v;
	for (const struct yaml_node *n = list->first; n; n = n->next) {
		r->expected = &v[r->alert->expected_cnt++];
		r->expected->where = where_of(n);
		if (n->kind == YAML_SCALAR && !yaml_is_null(n))
			r->expected->number = n->text;
		else if (is_map(r, n, "an entry of exp_alerts, if it is not a number alone,"))
			read_map(r, n, expected_keys, sizeof expected_keys / sizeof expected_keys[0], "exp_alerts");
	}
}

static void read_alert_time(struct tests_reader *r, const struct yaml_node *n)
{
	read_duration(r, n, &r->alert->at_ms);
}

static void read_alert_name(struct tests_reader *r, const struct yaml_node *n)
{
	r->alert->alert = text_of(r, n);
	r->alert->name_where = where_of(n);
}

static const struct test_key alert_keys[] = {{"eval_time", read_alert_time}, {"alertname", read_alert_name}, {"exp_alerts", read_expected}};

static void read_alerts(struct tests_reader *r, const struct yaml_node *list)
{
	if (!is_list(r, list))
		return;
	r->test->alerts = entries(r, list, sizeof *r->test->alerts);
	for (const struct yaml_node *n = list->first; n; n = n->next) {
		if (!is_map(r, n, "an entry of alert_rule_test"))
			continue;
		r->alert = &r->test->alerts[r->test->alert_cnt++];
		*r->alert = (struct alert_test){.where = where_of(n), .at_ms = -1};
		read_map(r, n, alert_keys, sizeof alert_keys / sizeof alert_keys[0], "alert_rule_test");
		if (!yaml_get(n, "eval_time"))
			problem(r, n->line, n->column, "alert_rule_test: eval_time is missing");
		if (!yaml_get(n, "alertname"))
			problem(r, n->line, n->column, "alert_rule_test: alertname is missing");
	}
}

/* ---- transition_test ---- */

static void read_transition_time(struct tests_reader *r, const struct yaml_node *n)
{
	read_duration(r, n, &r->transition->at_ms);
}

static void read_transition_number(struct tests_reader *r, const struct yaml_node *n)
{
	r->transition->number = text_of(r, n);
}

static void read_transition_phase(struct tests_reader *r, const struct yaml_node *n)
{
	r->transition->phase = read_phase(r, n);
}

static void read_transition_from(struct tests_reader *r, const struct yaml_node *n)
{
	r->transition->from = read_phase(r, n);
}

static void read_transition_to(struct tests_reader *r, const struct yaml_node *n)
{
	r->transition->to = read_phase(r, n);
}

static void read_transition_reason(struct tests_reader *r, const struct yaml_node *n)
{
	static const char *const words[] = {"rule", "command", "timer", "violation"};
	r->transition->reason = read_word(r, n, words, 4);
}

static const struct test_key transition_keys[] = {{"eval_time", read_transition_time}, {"number", read_transition_number},
						  {"phase", read_transition_phase},    {"from", read_transition_from},
						  {"to", read_transition_to},          {"reason", read_transition_reason}};

static void read_transitions(struct tests_reader *r, const struct yaml_node *list)
{
	if (!is_list(r, list))
		return;
	r->test->transitions = entries(r, list, sizeof *r->test->transitions);
	for (const struct yaml_node *n = list->first; n; n = n->next) {
		if (!is_map(r, n, "an entry of transition_test"))
			continue;
		struct transition_test *t = r->transition = &r->test->transitions[r->test->transition_cnt++];
		t->where = where_of(n);
		read_map(r, n, transition_keys, sizeof transition_keys / sizeof transition_keys[0], "transition_test");
		if (!yaml_get(n, "eval_time"))
			problem(r, n->line, n->column, "transition_test: eval_time is missing");
		if (!yaml_get(n, "number"))
			problem(r, n->line, n->column, "transition_test: number is missing");
		if (n->count < 3 && yaml_get(n, "number") && yaml_get(n, "eval_time"))
			problem(r, n->line, n->column, "transition_test: nothing is expected: phase, from, to or reason is missing");
	}
}

/* ---- tests ---- */

static void read_name(struct tests_reader *r, const struct yaml_node *n)
{
	r->test->name = text_of(r, n);
}

static void read_interval(struct tests_reader *r, const struct yaml_node *n)
{
	read_duration(r, n, &r->test->interval_ms);
}

static void read_start(struct tests_reader *r, const struct yaml_node *n)
{
	if (n->kind != YAML_SCALAR || !time_parse(n->text, &r->test->start_ms))
		problem(r, n->line, n->column, "start_timestamp: a time is expected: RFC 3339 or epoch milliseconds");
}

static const struct test_key test_keys[] = {
	{"name", read_name},
	{"interval", read_interval},
	{"start_timestamp", read_start},
	{"input_records", read_records},
	{"input_commands", read_commands},
	{"alert_rule_test", read_alerts},
	{"transition_test", read_transitions},
};

static void read_tests(struct tests_reader *r, const struct yaml_node *list)
{
	if (!is_list(r, list))
		return;
	if (list->count > TESTS_MAX) {
		problem(r, list->line, list->column, "tests: more than %d", TESTS_MAX);
		return;
	}
	r->file->tests = entries(r, list, sizeof *r->file->tests);
	for (const struct yaml_node *n = list->first; n; n = n->next) {
		if (!is_map(r, n, "a test"))
			continue;
		r->test = &r->file->tests[r->file->test_cnt++];
		*r->test = (struct rule_test){.where = where_of(n), .start_ms = TEST_START_MS, .interval_ms = TEST_INTERVAL_MS};
		read_map(r, n, test_keys, sizeof test_keys / sizeof test_keys[0], "a test");
		if (!r->test->alert_cnt && !r->test->transition_cnt)
			problem(r, n->line, n->column, "this test checks nothing: alert_rule_test or transition_test is missing");
	}
}

/* ---- the file ---- */

/* Relative to the folder of the test file; a pattern stands for all files that match, sorted. */
static void find_rule_files(struct tests_reader *r, const struct yaml_node *n)
{
	const char *slash = strrchr(r->file->path, '/');
	struct slice text = text_of(r, n);
	glob_t found;
	if (!text.p)
		return;
	struct slice path = text.p[0] == '/' || !slash
				    ? text
				    : arena_printf(r->a, "%.*s/" SLICE_FMT, (int)(slash - r->file->path), r->file->path, SLICE_ARG(text));
	if (glob(path.p, 0, NULL, &found) != 0) {
		problem(r, n->line, n->column, "rule_files: there is no file " SLICE_FMT, SLICE_ARG(path));
		return;
	}
	const char **all = arena_alloc(r->a, (r->file->rule_file_cnt + found.gl_pathc) * sizeof *all);
	if (r->file->rule_file_cnt)
		memcpy(all, r->file->rule_files, r->file->rule_file_cnt * sizeof *all);
	for (size_t i = 0; i < found.gl_pathc; i++)
		all[r->file->rule_file_cnt++] = arena_copy(r->a, slice_of(found.gl_pathv[i])).p;
	r->file->rule_files = all;
	globfree(&found);
}

static void read_rule_files(struct tests_reader *r, const struct yaml_node *list)
{
	if (is_list(r, list))
		for (const struct yaml_node *n = list->first; n; n = n->next)
			find_rule_files(r, n);
}

static const struct test_key file_keys[] = {{"rule_files", read_rule_files}, {"tests", read_tests}};

enum err rule_test_file_read(const char *path, struct arena *a, struct test_file *out, struct buf *problems)
{
	struct tests_reader r = {.a = a, .file = out, .problems = problems};
	struct yaml_node *root;
	struct err_text why;
	*out = (struct test_file){.path = path};
	if (yaml_load(path, a, &root, &why)) {
		buf_printf(problems, "%s\n", why.text);
		return ERR_CONFIG;
	}
	if (is_map(&r, root, "a file of tests")) {
		read_map(&r, root, file_keys, sizeof file_keys / sizeof file_keys[0], "a file of tests");
		if (!yaml_get(root, "rule_files"))
			problem(&r, root->line, root->column, "rule_files is missing: the rules to test");
		if (!yaml_get(root, "tests"))
			problem(&r, root->line, root->column, "tests is missing");
	}
	return r.failed ? ERR_CONFIG : ERR_OK;
}
