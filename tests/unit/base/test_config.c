/* SPDX-License-Identifier: Apache-2.0 */
#include "base/config.h"
#include "tests/unit/unit.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct item {
	const char *name, *secret;
	int kind;
};

struct values {
	const char *name, *path, *password;
	int64_t count, size, wait_ms;
	double share;
	bool on;
	int kind;
	struct config_strings tags, files;
	struct config_pairs free;
	struct config_list items;
};

#define ROW(path_, type_, member, dflt_, ...)                                                                                     \
	{                                                                                                                         \
		.path = path_, .type = CONFIG_##type_, .offset = offsetof(struct values, member), .dflt = dflt_, .help = "Help.", \
		__VA_ARGS__                                                                                                       \
	}
#define ITEM(path_, type_, member, dflt_, ...)                                                                                  \
	{                                                                                                                       \
		.path = path_, .type = CONFIG_##type_, .offset = offsetof(struct item, member), .dflt = dflt_, .help = "Help.", \
		__VA_ARGS__                                                                                                     \
	}

static const struct config_key item_table[] = {
	ITEM("name", STRING, name, NULL, .min = 1),
	ITEM("secret", SECRET, secret, ""),
	ITEM("kind", ENUM, kind, "red", .choices = "red|green"),
	{.path = NULL},
};

static const struct config_key table[] = {
	ROW("name", STRING, name, NULL, .min = 1),
	ROW("a.path", PATH, path, "data"),
	ROW("a.password", SECRET, password, ""),
	ROW("a.deep.count", INT, count, "3", .min = 1, .max = 9, .unit = "calls"),
	ROW("a.size", BYTES, size, "1MiB", .min = 10, .max = 1 << 30),
	ROW("wait", DURATION, wait_ms, "5s", .min = 0, .max = 60000),
	ROW("share", DOUBLE, share, "0.3", .min = 0, .max = 1),
	ROW("on", BOOL, on, "true"),
	ROW("kind", ENUM, kind, "off", .choices = "off|slow|fast"),
	ROW("tags", STRINGS, tags, "x,y"),
	ROW("files", PATHS, files, ""),
	ROW("free", PAIRS, free, ""),
	ROW("items", LIST, items, "", .items = item_table, .item_bytes = sizeof(struct item)),
	{.path = NULL},
};

static struct arena arena;
static struct buf text;
static char folder[] = "/tmp/ringfence-config-XXXXXX";

static struct values load(const char *yaml)
{
	struct values v = {0};
	buf_reset(&text);
	if (config_parse(slice_of(yaml), "f.yaml", folder, table, &v, &arena, &text))
		fail_msg("%.*s", (int)text.len, (const char *)text.data);
	assert_int_equal(text.len, 0);
	return v;
}

/* All problems, one a line. */
static const char *problems(const char *yaml)
{
	struct values v = {0};
	buf_reset(&text);
	assert_int_equal(config_parse(slice_of(yaml), "f.yaml", folder, table, &v, &arena, &text), ERR_CONFIG);
	buf_put_u8(&text, 0);
	return (const char *)text.data;
}

static const char *in_folder(const char *name)
{
	static char path[128];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	return path;
}

static void key_left_out_has_its_default(void **state)
{
	struct values v = load("name: n");
	(void)state;
	assert_string_equal(v.name, "n");
	assert_string_equal(v.path, in_folder("data"));
	assert_string_equal(v.password, "");
	assert_true(v.count == 3 && v.size == 1 << 20 && v.wait_ms == 5000 && v.on && v.kind == 0);
	assert_true(v.share > 0.29 && v.share < 0.31);
	assert_int_equal(v.tags.n, 2);
	assert_string_equal(v.tags.v[1], "y");
	assert_true(v.files.n == 0 && v.free.n == 0 && v.items.n == 0);
	struct values d = {0};
	config_defaults(table, &d, &arena);
	assert_null(d.name);
	assert_string_equal(d.path, "data");
	assert_int_equal(d.count, 3);
}

static void key_given_has_its_value_in_every_way_of_writing(void **state)
{
	struct values v = load("name: n\n"
			       "a: {path: /abs, size: 64kB, deep: {count: 9}}\n"
			       "wait: 0s\nshare: 1\non: false\nkind: fast\n"
			       "tags: [p]\nfiles: [r.yaml, /s.yaml]\n"
			       "free: {security.protocol: ssl, n: 7}\n"
			       "items:\n  - {name: one}\n  - {name: two, kind: green, secret: s}\n");
	(void)state;
	assert_string_equal(v.path, "/abs");
	assert_true(v.size == 64000 && v.count == 9 && v.wait_ms == 0 && !v.on && v.kind == 2);
	assert_int_equal(v.tags.n, 1);
	assert_string_equal(v.files.v[0], in_folder("r.yaml"));
	assert_string_equal(v.files.v[1], "/s.yaml");
	assert_string_equal(v.free.v[0].key, "security.protocol");
	assert_string_equal(v.free.v[1].value, "7");
	const struct item *items = v.items.v;
	assert_true(v.items.n == 2 && items[0].kind == 0 && items[1].kind == 1);
	assert_string_equal(items[1].secret, "s");
	v = load("name: n\na.deep.count: '4'\na: {size: 10}\nkind: \"off\"\n"); /* with dots, and in quotes */
	assert_true(v.count == 4 && v.size == 10 && v.kind == 0);
}

static void problem_names_line_column_key_and_what_would_do(void **state)
{
	static const char *const cases[][2] = {
		{"nam: x", "f.yaml:1:1: nam: unknown key; did you mean name?\nf.yaml:1:1: name: missing; it must be given: Help.\n"},
		{"name: n\na:\n  deep:\n    cuont: 1", "f.yaml:4:5: a.deep.cuont: unknown key; did you mean a.deep.count?\n"},
		{"name: n\nzzzzzz: 1", "f.yaml:2:1: zzzzzz: unknown key; `ringfence config reference` lists all\n"},
		{"name: n\ncount: 1", "f.yaml:2:1: count: unknown key; did you mean a.deep.count?\n"},
		{"name: ''", "f.yaml:1:7: name: must not be empty\n"},
		{"name:", "f.yaml:1:6: name: has no value; leave the key out for its default, or write \"\" for an empty text\n"},
		{"name: [n]", "f.yaml:1:7: name: takes a text, not a list\n"},
		{"name: n\na: 1", "f.yaml:2:4: a: takes a map of further keys\n"},
		{"name: n\na.deep.count: 10", "f.yaml:2:15: a.deep.count: 10 is out of range: 1 to 9\n"},
		{"name: n\na.deep.count: 1.5", "f.yaml:2:15: a.deep.count: \"1.5\" is not a whole number\n"},
		{"name: n\na.size: 9", "f.yaml:2:9: a.size: 9 is out of range: 10 to 1GiB\n"},
		{"name: n\na.size: 9 MiB", "f.yaml:2:9: a.size: \"9 MiB\" is not a size such as 64MiB, 500kB or 1000\n"},
		{"name: n\na.size: 99999999999TiB", "is not a size"},
		{"name: n\nwait: 61s", "f.yaml:2:7: wait: 61s is out of range: 0s to 1m\n"},
		{"name: n\nwait: 5", "f.yaml:2:7: wait: \"5\" is not a duration such as 250ms, 5s or 1h30m\n"},
		{"name: n\nshare: 1.01", "f.yaml:2:8: share: 1.01 is out of range: 0 to 1\n"},
		{"name: n\non: yes", "f.yaml:2:5: on: \"yes\" is not true or false\n"},
		{"name: n\nkind: slwo", "f.yaml:2:7: kind: \"slwo\" is not one of off, slow, fast; did you mean slow?\n"},
		{"name: n\ntags: x", "f.yaml:2:7: tags: takes a list of texts, as in [a, b]\n"},
		{"name: n\ntags: [a, '']", "f.yaml:2:11: tags: an entry must not be empty\n"},
		{"name: n\nfree: [a]", "f.yaml:2:7: free: takes a map of names and values, as in {name: value}\n"},
		{"name: n\nitems: [x]", "f.yaml:2:9: items[0]: takes a map, as in {name: value}\n"},
		{"name: n\nitems: [{name: a}, {nme: b}]", "f.yaml:2:21: items[1].nme: unknown key; did you mean "
							  "items[1].name?\nf.yaml:2:20: items[1].name: missing; it must be given: Help.\n"},
		{"name: n\na: {size: 10}\na.size: 11", "f.yaml:3:1: a.size: given twice, first as size in line 2\n"},
		{"name: ${RINGFENCE_TEST_UNSET}", "f.yaml:1:7: name: the environment variable RINGFENCE_TEST_UNSET is not set\n"},
		{"name: '${}'", "f.yaml:1:7: name: \"${\" without a name and \"}\"; write \"$${\" for a plain \"${\"\n"},
		{"name: '${X'", "without a name and"},
		{"- 1", "f.yaml:1:1: a configuration is a map of keys"},
		{"a: [", "not YAML"},
	};
	(void)state;
	unsetenv("RINGFENCE_TEST_UNSET");
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *said = problems(cases[i][0]);
		if (cases[i][1][strlen(cases[i][1]) - 1] == '\n')
			assert_string_equal(said, cases[i][1]);
		else
			assert_non_null(strstr(said, cases[i][1]));
	}
}

static void all_problems_are_said_at_once_up_to_a_bound(void **state)
{
	struct buf yaml = {0};
	(void)state;
	buf_puts(&yaml, "name: n\n");
	for (int i = 0; i < 80; i++)
		buf_printf(&yaml, "zzzzzzzz%d: 1\n", i);
	buf_put_u8(&yaml, 0);
	const char *said = problems((const char *)yaml.data);
	assert_non_null(strstr(said, "zzzzzzzz49:"));
	assert_null(strstr(said, "zzzzzzzz50:"));
	assert_non_null(strstr(said, "f.yaml: more problems than these 50; the rest is left out\n"));
	buf_release(&yaml);
}

static void environment_is_put_in(void **state)
{
	(void)state;
	setenv("RINGFENCE_TEST_A", "alpha", 1);
	setenv("RINGFENCE_TEST_N", "7", 1);
	setenv("RINGFENCE_TEST_E", "", 1);
	struct values v = load("name: 'x-${RINGFENCE_TEST_A}-$${y}-$z-${RINGFENCE_TEST_A}'\n"
			       "a: {deep: {count: '${RINGFENCE_TEST_N}'}, password: '${RINGFENCE_TEST_E}'}\n"
			       "free: {k: '${RINGFENCE_TEST_A}'}\ntags: ['${RINGFENCE_TEST_A}']\n");
	assert_string_equal(v.name, "x-alpha-${y}-$z-alpha");
	assert_int_equal(v.count, 7);
	assert_string_equal(v.password, "");
	assert_string_equal(v.free.v[0].value, "alpha");
	assert_string_equal(v.tags.v[0], "alpha");
}

static void write_secret(const char *content, size_t len)
{
	FILE *f = fopen(in_folder("secret"), "wb");
	fwrite(content, 1, len, f);
	fclose(f);
}

static void secret_may_stand_in_a_file(void **state)
{
	static const char yaml[] = "name: n\na: {password_file: secret}\nitems: [{name: i, secret_file: secret}]\n";
	(void)state;
	write_secret("s3cr3t\n", 7);
	struct values v = load(yaml);
	assert_string_equal(v.password, "s3cr3t");
	assert_string_equal(((const struct item *)v.items.v)->secret, "s3cr3t");
	write_secret("two\nlines\r\n", 11);
	assert_string_equal(load(yaml).password, "two\nlines");
	write_secret("", 0);
	assert_non_null(strstr(problems(yaml), "is empty"));
	write_secret("a\0b", 3);
	assert_non_null(strstr(problems(yaml), "NUL"));
	unlink(in_folder("secret"));
	assert_non_null(strstr(problems(yaml), "f.yaml:2:20: a.password_file: "));
	assert_non_null(strstr(problems("name: n\na: {password: x, password_file: secret}"), "given twice"));
	assert_non_null(strstr(problems("name: n\nname_file: secret"), "unknown key")); /* only secrets */
}

static void what_is_printed_loads_again_and_hides_secrets(void **state)
{
	struct values
		v = load("name: \"q\\\"\\\\ $${HOME}\\n\\u00e9\"\n"
			 "a: {password: hush, size: 64MiB, path: /p, deep: {count: 4}}\nwait: 1500ms\nshare: 0.1\nkind: fast\non: false\n"
			 "free: {a.b: 'no', c: ''}\nitems: [{name: one, secret: hush}, {name: 'null', kind: green}]\n"),
		again = {0};
	struct buf printed = {0}, twice = {0};
	(void)state;
	config_print(table, &v, &printed);
	assert_null(memmem(printed.data, printed.len, "hush", 4));
	assert_non_null(memmem(printed.data, printed.len, "password: \"(secret)\"", 20));
	buf_reset(&text);
	if (config_parse(buf_slice(&printed), "printed", "", table, &again, &arena, &text))
		fail_msg("%.*s", (int)text.len, (const char *)text.data);
	assert_string_equal(again.name, v.name);
	assert_true(again.count == v.count && again.size == v.size && again.wait_ms == 1500 && again.share == v.share && !again.on);
	assert_string_equal(again.free.v[0].value, "no");
	assert_string_equal(((const struct item *)again.items.v)[1].name, "null");
	config_print(table, &again, &twice);
	assert_true(slice_eq(buf_slice(&printed), buf_slice(&twice)));
	buf_release(&printed);
	buf_release(&twice);
}

static void reference_names_every_key(void **state)
{
	struct buf b = {0};
	(void)state;
	config_reference(table, &b);
	for (const struct config_key *k = table; k->path; k++)
		assert_non_null(memmem(b.data, b.len, k->path, strlen(k->path)));
	buf_put_u8(&b, 0);
	const char *t = (const char *)b.data;
	assert_non_null(strstr(t, "| `a.deep.count` | whole number, 1 to 9 (calls) | `3` | Help. |\n"));
	assert_non_null(strstr(t, "| `name` | text | **must be given** | Help. |\n"));
	assert_non_null(strstr(t, "| `a.password`, `a.password_file` | secret | empty | Help. |\n"));
	assert_non_null(strstr(t, "| `items[].kind` | `red`, `green` | `red` | Help. |\n"));
	buf_release(&b);
}

static void schema_is_json_and_knows_every_key(void **state)
{
	struct buf b = {0};
	(void)state;
	config_schema(table, "Title", &b);
	buf_put_u8(&b, 0);
	cJSON *root = cJSON_Parse((const char *)b.data);
	assert_non_null(root);
	assert_string_equal(cJSON_GetObjectItem(root, "title")->valuestring, "Title");
	assert_true(cJSON_IsFalse(cJSON_GetObjectItem(root, "additionalProperties")));
	for (const struct config_key *k = table; k->path; k++) {
		const cJSON *at = root;
		for (const char *p = k->path; *p; p += strcspn(p, ".")) {
			char name[64];
			p += *p == '.';
			snprintf(name, sizeof name, "%.*s", (int)strcspn(p, "."), p);
			at = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(at, "properties"), name);
			assert_non_null(at);
		}
		assert_string_equal(cJSON_GetObjectItemCaseSensitive(at, "description")->valuestring, "Help.");
	}
	const cJSON *required = cJSON_GetObjectItem(root, "required");
	assert_int_equal(cJSON_GetArraySize(required), 1);
	assert_string_equal(cJSON_GetArrayItem(required, 0)->valuestring, "name");
	cJSON_Delete(root);
	buf_release(&b);
}

static void problem_found_later_names_the_place_too(void **state)
{
	(void)state;
	FILE *f = fopen(in_folder("f.yaml"), "w");
	fputs("name: n\nitems:\n  - {name: a}\n  - {name: b, kind: red}\n", f);
	fclose(f);
	buf_reset(&text);
	config_problem(in_folder("f.yaml"), "items[1].kind", &text, "is %s", "odd");
	config_problem(in_folder("f.yaml"), "items[1].secret", &text, "is missing");
	config_problem(NULL, "name", &text, "is odd");
	char expect[512], path[128];
	snprintf(path, sizeof path, "%s", in_folder("f.yaml"));
	snprintf(expect, sizeof expect, "%s:4:21: items[1].kind: is odd\n%s:4:5: items[1].secret: is missing\nname: is odd\n", path, path);
	buf_put_u8(&text, 0);
	assert_string_equal((const char *)text.data, expect);
	unlink(path);
}

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 65536);
	return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	arena_release(&arena);
	buf_release(&text);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(key_left_out_has_its_default),
		cmocka_unit_test(key_given_has_its_value_in_every_way_of_writing),
		cmocka_unit_test(problem_names_line_column_key_and_what_would_do),
		cmocka_unit_test(all_problems_are_said_at_once_up_to_a_bound),
		cmocka_unit_test(environment_is_put_in),
		cmocka_unit_test(secret_may_stand_in_a_file),
		cmocka_unit_test(what_is_printed_loads_again_and_hides_secrets),
		cmocka_unit_test(reference_names_every_key),
		cmocka_unit_test(schema_is_json_and_knows_every_key),
		cmocka_unit_test(problem_found_later_names_the_place_too),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
