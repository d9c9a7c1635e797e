/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/regex.h"
#include "tests/unit/unit.h"

#define BUDGET 1000000

/* 1 matches, 0 does not, -1 is refused. */
static int match(const char *pattern, struct slice text, int64_t *budget)
{
	struct arena a;
	struct err_text why;
	struct regex_scratch s = {0};
	arena_init(&a, 4096);
	const struct regex *r = regex_compile(slice_of(pattern), &a, &why);
	int found = r ? regex_match(r, text, &s, budget) : -1;
	regex_scratch_release(&s);
	arena_release(&a);
	return found;
}

static void pattern_matches_as_in_re2(void **state)
{
	static const struct {
		const char *pattern, *text;
		int found;
	} cases[] = {
		{"", "", 1},
		{"", "x", 1},
		{"ubb", "hubba", 1},
		{"^ubb", "hubba", 0},
		{"^hubba$", "hubba", 1},
		{"a|b|", "c", 1},
		{"^(a|b)$", "c", 0},
		{"^a.c$", "abc", 1},
		{"^a.c$", "a\nc", 0},
		{"(?s)^a.c$", "a\nc", 1},
		{"^.$", "\xc3\xa9", 1},
		{"^a*b+c?$", "bbb", 1},
		{"^a*b+c?$", "ac", 0},
		{"^a{3}$", "aaa", 1},
		{"^a{3}$", "aa", 0},
		{"^a{2,}$", "aaaaa", 1},
		{"^a{2,3}$", "aaaa", 0},
		{"^(ab){0,2}$", "abab", 1},
		{"^(ab){0,2}$", "ababab", 0},
		{"^a{,2}$", "a{,2}", 1},
		{"^[a-c]+$", "abcabc", 1},
		{"^[^a-c]+$", "xyz", 1},
		{"^[^a-c]+$", "xbz", 0},
		{"^[]a]+$", "]a", 1},
		{"^[a\\]]+$", "]a", 1},
		{"^[a-]+$", "a-", 1},
		{"^[[:digit:]x]+$", "12x", 1},
		{"^[[:^digit:]]+$", "ab", 1},
		{"^[[:^digit:]]+$", "a1", 0},
		{"^[[:ascii:]]$", "\x7f", 1},
		{"^\\d+$", "0123", 1},
		{"^\\D+$", "0123", 0},
		{"^\\w+\\s\\w+$", "ab_1 cd", 1},
		{"^[\\d\\s]+$", "1 2", 1},
		{"\\bfoo\\b", "a foo b", 1},
		{"\\bfoo\\b", "afoob", 0},
		{"\\Bo", "foo", 1},
		{"^b", "a\nb", 0},
		{"(?m)^b$", "a\nb\nc", 1},
		{"\\Ab\\z", "b", 1},
		{"(?i)HELLO", "say hello", 1},
		{"(?i:H)ello", "hello", 1},
		{"(?i:H)ello", "hELLO", 0},
		{"a(?i)b", "aB", 1},
		{"(a(?i)b)c", "aBC", 0},
		{"(?i)[x-z]", "Y", 1},
		{"(?i)[^x-z]", "Y", 0},
		{"(?P<n>a+)b", "aab", 1},
		{"(?:a|b)+?c", "abc", 1},
		{"\\x41\\x{1F600}", "A\xf0\x9f\x98\x80", 1},
		{"\\101\\n", "A\n", 1},
		{"\\Qa.b*\\Ec", "a.b*c", 1},
		{"\\Qa.b", "axb", 0},
		{"\\.\\*\\+\\?\\(\\)\\[\\]\\{\\}\\|\\^\\$\\\\\\-", ".*+?()[]{}|^$\\-", 1},
		{"\\pL", "a", -1},
		{"(", "", -1},
		{")", "", -1},
		{"a)", "", -1},
		{"[a", "", -1},
		{"[b-a]", "", -1},
		{"[[:nope:]]", "", -1},
		{"*a", "", -1},
		{"a{2,1}", "", -1},
		{"a{1001}", "", -1},
		{"\\", "", -1},
		{"\\y", "", -1},
		{"\\x{110000}", "", -1},
		{"(?=a)", "", -1},
		{"(?P<n", "", -1},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int64_t budget = BUDGET;
		int found = match(cases[i].pattern, slice_of(cases[i].text), &budget);
		if (found != cases[i].found)
			fail_msg("\"%s\" on \"%s\": %d", cases[i].pattern, cases[i].text, found);
	}
}

static void bomb_costs_no_more_than_text_times_steps(void **state)
{
	static const char *const bombs[] = {
		"(a*)*b", "(a+)+b", "(a|a)*b", "(a|aa)+$b", "(.*a){20}b", "((a?){30}a){30}b", "(a*a*a*a*a*a*a*a*)*b"};
	char text[4096];
	(void)state;
	memset(text, 'a', sizeof text);
	for (size_t i = 0; i < sizeof bombs / sizeof bombs[0]; i++) {
		int64_t budget = INT64_C(1) << 40;
		assert_int_equal(match(bombs[i], slice_make(text, sizeof text), &budget), 0);
		assert_true((INT64_C(1) << 40) - budget <= (int64_t)sizeof text * (REGEX_STEPS_MAX / 4 + 2));
		budget = 100;
		(void)match(bombs[i], slice_make(text, sizeof text), &budget);
		assert_true(budget < 0); /* it gave up */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pattern_matches_as_in_re2),
		cmocka_unit_test(bomb_costs_no_more_than_text_times_steps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
