/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/ruleset.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <unistd.h>

static struct arena arena;

static struct list parsed(const char *text, enum err expected, const char *problems)
{
	struct buf b = {0};
	struct list l;
	assert_int_equal(list_parse(slice_of(text), SLICE_LIT("allow"), "allow.txt", &arena, &l, &b), expected);
	buf_put_u8(&b, 0);
	assert_string_equal((const char *)b.data, problems);
	buf_release(&b);
	return l;
}

static void list_has_its_lines_and_nothing_else(void **state)
{
	struct list l = parsed("\xef\xbb\xbf# people we know\r\n+15551230000\r\n\n  +447700900123\t# the office\n"
			       "account:Acme Inc.\n+15551230000\n#+15551239999\naccount:a#b",
			       ERR_OK, "");
	(void)state;
	assert_int_equal(l.texts.cnt, 4);
	assert_int_equal(l.odd_line, 0);
	static const char *const in[] = {"+15551230000", "+447700900123", "account:Acme Inc.", "account:a#b"};
	static const char *const out[] = {"", "+1555123000", "+155512300000", "+15551239999", "Acme Inc.", "account:", "the office"};
	for (size_t i = 0; i < sizeof in / sizeof in[0]; i++)
		assert_true(text_set_has(&l.texts, slice_of(in[i])));
	for (size_t i = 0; i < sizeof out / sizeof out[0]; i++)
		assert_false(text_set_has(&l.texts, slice_of(out[i])));
	assert_false(text_set_has(&l.texts, SLICE_NONE));
	assert_int_equal(parsed("+15551230000\n15551230000\nx", ERR_OK, "").odd_line, 2);
	assert_int_equal(parsed("", ERR_OK, "").texts.cnt, 0);
	assert_int_equal(parsed("# nothing\n\n", ERR_OK, "").texts.cnt, 0);
}

static void bad_line_of_a_list_is_told_with_its_place(void **state)
{
	char longest[400], expected[2400] = "";
	(void)state;
	parsed("+15551230000\n +1 555 123 0000\n+0123\n+\n+1234567890123456\naccount:\n", ERR_CONFIG,
	       "allow.txt:2:2: a number is '+' and 2 to 15 digits, without blanks, the first not 0\n"
	       "allow.txt:3:1: a number is '+' and 2 to 15 digits, without blanks, the first not 0\n"
	       "allow.txt:4:1: a number is '+' and 2 to 15 digits, without blanks, the first not 0\n"
	       "allow.txt:5:1: a number is '+' and 2 to 15 digits, without blanks, the first not 0\n"
	       "allow.txt:6:1: the name of the account is missing\n");
	parsed("a\tb\n", ERR_CONFIG, "allow.txt:1:1: a control character stands in it\n");
	parsed("\xff\n", ERR_CONFIG, "allow.txt:1:1: not UTF-8\n");
	memset(longest, 'x', 201);
	longest[201] = '\0';
	parsed(longest, ERR_CONFIG, "allow.txt:1:1: longer than 200 bytes\n");
	assert_int_equal(parsed(longest + 1, ERR_OK, "").texts.cnt, 1);
	for (int i = 0; i < 23; i++) {
		memcpy(longest + 3 * i, "+0\n", 4);
		if (i < 20)
			snprintf(expected + strlen(expected), sizeof expected - strlen(expected),
				 "allow.txt:%d:1: a number is '+' and 2 to 15 digits, without blanks, the first not 0\n", i + 1);
	}
	strcat(expected, "allow.txt: 3 more bad lines\n");
	parsed(longest, ERR_CONFIG, expected);
}

static void large_list_finds_each_of_its_numbers_and_no_other(void **state)
{
	struct buf b = {0};
	struct list l;
	char number[24];
	(void)state;
	for (int i = 0; i < 20000; i++)
		buf_printf(&b, "+4420%08d\n", 2 * i);
	assert_int_equal(list_parse(buf_slice(&b), SLICE_LIT("l"), "l", &arena, &l, &b), ERR_OK);
	assert_int_equal(l.texts.cnt, 20000);
	assert_true(l.texts.mask + 1 >= 40000 && l.texts.mask < 80000);
	for (int i = 0; i < 40000; i++) {
		snprintf(number, sizeof number, "+4420%08d", i);
		assert_int_equal(text_set_has(&l.texts, slice_of(number)), i % 2 == 0);
	}
	buf_release(&b);
}

/* ---- of a rule set ---- */

static void write_file(char *path, const char *text)
{
	close(mkstemp(path));
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void list_is_read_with_its_rule_set_and_stays_as_it_was(void **state)
{
	char rules[] = "/tmp/rf-lists-r-XXXXXX", list[] = "/tmp/rf-lists-l-XXXXXX";
	const char *paths[] = {rules};
	const struct rules_list_file lists[] = {{"allow", list}};
	struct rules *r = NULL;
	struct buf b = {0};
	struct machine m;
	struct cel v;
	(void)state;
	write_file(rules, "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'in_list(\"allow\", number)'}\n");
	write_file(list, "+15551230000\n");
	assert_int_equal(rules_load_files(&(struct rules_files){paths, 1, lists, 1, NULL}, &r, &b), ERR_OK);
	FILE *f = fopen(list, "w");
	fclose(f);
	machine_init(&m, 1000);
	struct expr_input in = {.number = SLICE_LIT("+15551230000")};
	assert_true(program_run(&r->rules[0].program, &m, &in, &v, NULL) && v.b);
	in.number = SLICE_LIT("+15551230001");
	assert_true(program_run(&r->rules[0].program, &m, &in, &v, NULL) && !v.b);
	machine_release(&m);
	rules_free(r);
	unlink(rules);
	unlink(list);
	buf_release(&b);
}

static void what_is_wrong_with_lists_refuses_the_set(void **state)
{
	char rules[] = "/tmp/rf-lists-r-XXXXXX", list[] = "/tmp/rf-lists-l-XXXXXX", expected[800];
	const char *paths[] = {rules};
	const struct rules_list_file lists[] = {{"allow", list}, {"old", "/nowhere/old.txt"}};
	struct rules *r = NULL;
	struct buf b = {0};
	(void)state;
	write_file(rules, "groups:\n- name: g\n  rules:\n"
			  "  - {alert: A, expr: 'in_list(\"alow\", number)'}\n"
			  "  - alert: B\n    expr: calls[\"1h\"] > 1\n    exempt: [\"list:alow\", \"list:allow\", \"list:zzzzzz\"]\n");
	write_file(list, "+15551230000\n+1\nfoo\n");
	snprintf(expected, sizeof expected,
		 "%s:2:1: a number is '+' and 2 to 15 digits, without blanks, the first not 0\n"
		 "/nowhere/old.txt: cannot be opened: No such file or directory\n"
		 "%s:4:31: there is no list \"alow\"\n"
		 "%s:7:14: exempt: there is no list \"alow\"; did you mean allow?\n"
		 "%s:7:27: exempt: the list allow has a line that is neither a number nor an account: %s:3\n"
		 "%s:7:41: exempt: there is no list \"zzzzzz\"\n",
		 list, rules, rules, rules, list, rules);
	assert_int_equal(rules_load_files(&(struct rules_files){paths, 1, lists, 2, NULL}, &r, &b), ERR_CONFIG);
	buf_put_u8(&b, 0);
	assert_string_equal((const char *)b.data, expected);
	unlink(rules);
	unlink(list);
	buf_release(&b);
}

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, 64 << 10);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(list_has_its_lines_and_nothing_else),
		cmocka_unit_test(bad_line_of_a_list_is_told_with_its_place),
		cmocka_unit_test(large_list_finds_each_of_its_numbers_and_no_other),
		cmocka_unit_test(list_is_read_with_its_rule_set_and_stays_as_it_was),
		cmocka_unit_test(what_is_wrong_with_lists_refuses_the_set),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
