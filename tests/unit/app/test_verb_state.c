/* SPDX-License-Identifier: Apache-2.0 */
#include "app/app.h"
#include "tests/unit/unit.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What the verb says on `fd`. */
static const char *said(int fd, int code, char **argv)
{
	static char out[8192];
	int argc = 0, kept = dup(fd);
	FILE *f = tmpfile();
	assert_non_null(f);
	while (argv[argc])
		argc++;
	fflush(stdout);
	dup2(fileno(f), fd);
	optind = 0;
	int status = verb_state(argc, argv);
	fflush(stdout);
	dup2(kept, fd);
	close(kept);
	rewind(f);
	out[fread(out, 1, sizeof out - 1, f)] = '\0';
	fclose(f);
	assert_int_equal(status, code);
	return out;
}

static void help_names_all_that_the_verb_takes(void **state)
{
	static char *words[] = {"dump", "positions", "stats", "check"};
	(void)state;
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		char usage[64], line[64];
		const char *text = said(STDERR_FILENO, 2, (char *[]){"state", words[i], NULL});
		assert_non_null(strstr(text, "-c FILE is missing")); /* it is taken */
		text = said(STDOUT_FILENO, 0, (char *[]){"state", "--help", NULL});
		snprintf(usage, sizeof usage, "ringfence state %s -c FILE", words[i]);
		snprintf(line, sizeof line, "\n  %s ", words[i]);
		if (!strstr(text, usage) || !strstr(text, line))
			fail_msg("%s is missing in: %s", words[i], text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(help_names_all_that_the_verb_takes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
