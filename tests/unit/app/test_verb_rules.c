/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "tests/unit/app/verb.h"

#define RULES(...) verb_said(verb_rules, (char *[]){"rules", __VA_ARGS__, NULL})

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

#define EXPECT(said, exit, output, errors)              \
	do {                                            \
		struct verb_said said_ = said;          \
		assert_string_equal(said_.err, errors); \
		assert_string_equal(said_.out, output); \
		assert_int_equal(said_.status, exit);   \
		verb_forget(&said_);                    \
	} while (0)

/* ---- check ---- */

#define SOUND "groups:\n- name: g\n  rules:\n  - {alert: A, source: s, expr: 'calls[\"1h\"] > 5'}\n"
#define DOUBTFUL "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'calls[\"1h\"] > 5'}\n"

static void check_of_sound_rules_is_done(void **state)
{
	(void)state;
	write_file("sound.yaml", SOUND);
	EXPECT(RULES("check", "sound.yaml"), 0, "1 rule, no errors\n", "");
	EXPECT(RULES("check", "--strict", "sound.yaml"), 0, "1 rule, no errors\n", "");
}

static void check_warns_and_fails_only_if_strict(void **state)
{
	static const char warning[] = "doubtful.yaml:4:5: warning: no-source: A: no source says where its threshold comes from\n";
	(void)state;
	write_file("doubtful.yaml", DOUBTFUL);
	EXPECT(RULES("check", "doubtful.yaml"), 0, "1 rule, no errors, 1 warning\n", warning);
	EXPECT(RULES("check", "--strict", "doubtful.yaml"), 1, "1 rule, no errors, 1 warning\n", warning);
}

static void check_of_broken_rules_fails(void **state)
{
	(void)state;
	write_file("broken.yaml", "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'cals[\"1h\"] > 5'}\n");
	EXPECT(RULES("check", "broken.yaml"), 1, "", "broken.yaml:4:23: 'cals' is not a feature; did you mean 'calls'?\n");
	EXPECT(RULES("check"), 2, "", "ringfence rules check: no file given; ringfence rules check --help teaches it\n");
}

static int go_to_folder(void **state)
{
	static char folder[] = "/tmp/ringfence-verb-rules-XXXXXX";
	(void)state;
	return !mkdtemp(folder) || chdir(folder) != 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_of_sound_rules_is_done),
		cmocka_unit_test(check_warns_and_fails_only_if_strict),
		cmocka_unit_test(check_of_broken_rules_fails),
	};
	return cmocka_run_group_tests(tests, go_to_folder, NULL);
}
