/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "base/yaml.h"
#include "tests/unit/unit.h"

#include <inttypes.h>
#include <stdio.h>

static struct arena arena;

static struct yaml_node *parse(const char *text)
{
	struct yaml_node *root = NULL;
	struct err_text why = {""};
	if (yaml_parse(slice_of(text), "f.yaml", &arena, &root, &why))
		fail_msg("%s", why.text);
	return root;
}

static const char *error_of(struct slice text)
{
	static struct err_text why;
	struct yaml_node *root;
	why.text[0] = '\0';
	if (yaml_parse(text, "f.yaml", &arena, &root, &why) == ERR_OK)
		fail_msg("taken: %s", text.p);
	return why.text;
}

static void tree_has_the_order_and_the_places_of_the_text(void **state)
{
	const struct yaml_node *root = parse("# a comment\n"
					     "name: demo\n"
					     "list:\n"
					     "  - one\n"
					     "  - {a: 1, b: 'two'}\n"
					     "empty:\n");
	(void)state;
	assert_int_equal(root->kind, YAML_MAP);
	assert_int_equal(root->count, 3);
	const struct yaml_node *name = yaml_get(root, "name"), *list = yaml_get(root, "list");
	assert_true(slice_is(name->text, "demo") && !name->quoted);
	assert_true(name->line == 2 && name->column == 7 && name->key_line == 2 && name->key_column == 1);
	assert_true(list->kind == YAML_LIST && list->count == 2);
	assert_true(slice_is(list->first->text, "one") && list->first->line == 4 && list->first->column == 5);
	const struct yaml_node *b = yaml_get(list->first->next, "b");
	assert_true(slice_is(b->text, "two") && b->quoted && b->line == 5 && b->column == 15);
	assert_true(yaml_is_null(yaml_get(root, "empty")));
	assert_null(yaml_get(root, "nam"));
	assert_null(yaml_get(list, "one"));
	assert_null(yaml_get(NULL, "x"));
}

static void empty_document_is_a_map_without_entries(void **state)
{
	static const char *const texts[] = {"", "\n\n", "# nothing\n", "---\n", "~\n", "null"};
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		const struct yaml_node *root = parse(texts[i]);
		assert_true(root->kind == YAML_MAP && root->count == 0 && !root->first);
	}
}

static void scalar_is_what_its_reader_takes_it_for(void **state)
{
	static const struct {
		const char *text, *as_int, *as_double, *as_bool;
	} cases[] = {
		{"0", "0", "0", "no"},
		{"-12", "-12", "-12", "no"},
		{"+7", "7", "7", "no"},
		{"9223372036854775807", "9223372036854775807", "9.22337e+18", "no"},
		{"9223372036854775808", "no", "9.22337e+18", "no"},
		{"007", "no", "7", "no"},
		{"0x10", "no", "no", "no"},
		{"1_000", "no", "no", "no"},
		{"1.5", "no", "1.5", "no"},
		{".5", "no", "0.5", "no"},
		{"5.", "no", "5", "no"},
		{"1e3", "no", "1000", "no"},
		{"1e", "no", "no", "no"},
		{"1e999", "no", "no", "no"},
		{".inf", "no", "no", "no"},
		{"nan", "no", "no", "no"},
		{"true", "no", "no", "true"},
		{"false", "no", "no", "false"},
		{"yes", "no", "no", "no"},
		{"True", "no", "no", "no"},
		{"\"5\"", "no", "no", "no"}, /* in quotes it is a text */
		{"'true'", "no", "no", "no"},
		{"+15551230000x", "no", "no", "no"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char text[64], as_int[32] = "no", as_double[32] = "no";
		int64_t n;
		double d;
		bool b;
		snprintf(text, sizeof text, "v: %s", cases[i].text);
		const struct yaml_node *v = yaml_get(parse(text), "v");
		if (yaml_int(v, &n))
			snprintf(as_int, sizeof as_int, "%" PRId64, n);
		if (yaml_double(v, &d))
			snprintf(as_double, sizeof as_double, "%g", d);
		assert_string_equal(as_int, cases[i].as_int);
		assert_string_equal(as_double, cases[i].as_double);
		assert_string_equal(yaml_bool(v, &b) ? (b ? "true" : "false") : "no", cases[i].as_bool);
	}
}

static void what_is_not_taken_is_refused_with_its_place(void **state)
{
	static const char *const cases[][2] = {
		{"a: 1\nb: &x 2\n", "f.yaml:2:4: anchors"},
		{"a: *x\n", "f.yaml:1:4: aliases"},
		{"a: !!str 1\n", "f.yaml:1:4: tags"},
		{"a: 1\nb: 2\na: 3\n", "f.yaml:3:1: the key \"a\" stands here twice, first in line 1"},
		{"a: 1\n---\nb: 2\n", "f.yaml:2:1: a second document"},
		{"{a: 1}: 2\n", "f.yaml:1:1: a key must be a plain text"},
		{"'': 2\n", "f.yaml:1:1: a key must not be empty"},
		{"a: \"x\\0y\"\n", "f.yaml:1:4: a text must not hold a NUL"},
		{"a: [1, 2\n", "not YAML"},
		{"a:\n\t- 1\n", "a tab: indent with blanks"},
		{"a: b: c\n", "not YAML"},
		{"a: \xff\n", "f.yaml:1:4: not YAML"},
		{"a: 'x\n", "not YAML"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *why = error_of(slice_of(cases[i][0]));
		if (!strstr(why, cases[i][1]))
			fail_msg("%s says: %s", cases[i][0], why);
	}
	assert_non_null(strstr(error_of(slice_make("a: \0b", 5)), "not YAML"));
}

static void size_depth_and_number_of_nodes_are_bounded(void **state)
{
	static char text[YAML_MAX_BYTES + 2];
	(void)state;
	memset(text, ' ', sizeof text);
	assert_non_null(strstr(error_of(slice_make(text, YAML_MAX_BYTES + 1)), "longer than"));
	for (int depth = 31; depth < 35; depth++) {
		memset(text, '[', (size_t)depth);
		memset(text + depth, ']', (size_t)depth);
		struct slice t = slice_make(text, 2 * (size_t)depth);
		if (depth > YAML_MAX_DEPTH) {
			assert_non_null(strstr(error_of(t), "too deeply"));
		} else {
			struct yaml_node *root;
			assert_int_equal(yaml_parse(t, "f", &arena, &root, NULL), ERR_OK);
		}
	}
	struct buf b = {0};
	buf_puts(&b, "[");
	for (int i = 0; i < 600000; i++)
		buf_puts(&b, "a,");
	buf_puts(&b, "]");
	assert_non_null(strstr(error_of(buf_slice(&b)), "too many"));
	buf_release(&b);
}

static void file_that_is_not_there_is_named(void **state)
{
	struct yaml_node *root;
	struct err_text why;
	(void)state;
	assert_int_equal(yaml_load("/nowhere/f.yaml", &arena, &root, &why), ERR_IO);
	assert_non_null(strstr(why.text, "/nowhere/f.yaml"));
}

static void nearest_name_is_found_within_a_third_of_the_word(void **state)
{
	static const char *const names[] = {"state.store", "kafka.brokers", "rules.files", "id"};
	static const struct {
		const char *word, *near;
	} cases[] = {
		{"state.stroe", "state.store"},
		{"State.Store", "state.store"},
		{"kafka.broker", "kafka.brokers"},
		{"ruls.file", "rules.files"},
		{"di", "id"},
		{"x", NULL},
		{"", NULL},
		{"something.else", NULL},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *near = nearest_name(slice_of(cases[i].word), names, 4);
		assert_string_equal(near ? near : "none", cases[i].near ? cases[i].near : "none");
	}
}

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 65536);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tree_has_the_order_and_the_places_of_the_text),
		cmocka_unit_test(empty_document_is_a_map_without_entries),
		cmocka_unit_test(scalar_is_what_its_reader_takes_it_for),
		cmocka_unit_test(what_is_not_taken_is_refused_with_its_place),
		cmocka_unit_test(size_depth_and_number_of_nodes_are_bounded),
		cmocka_unit_test(file_that_is_not_there_is_named),
		cmocka_unit_test(nearest_name_is_found_within_a_third_of_the_word),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
