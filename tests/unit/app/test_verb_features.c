/* SPDX-License-Identifier: Apache-2.0 */
/* `features` goes through the pipeline: what counts there counts here. */
#include "app/app.h"
#include "tests/unit/unit.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DAY INT64_C(86400000)
#define T0 INT64_C(1736150400000)

static const char *run(const char *expr, const char *option, const char *cdrs)
{
	static char out[8192];
	char path[] = "/tmp/test_verb_features.XXXXXX.jsonl";
	int kept = dup(STDOUT_FILENO), fd = mkstemps(path, 6);
	FILE *in = fdopen(fd, "w"), *f = tmpfile();
	assert_true(in && f);
	fputs(cdrs, in);
	fclose(in);
	fflush(stdout);
	dup2(fileno(f), STDOUT_FILENO);
	optind = 0;
	int status = verb_features(option ? 5 : 4,
				   (char *[]){"features", "--expr", (char *)(uintptr_t)expr, path, (char *)(uintptr_t)option, NULL});
	fflush(stdout);
	dup2(kept, STDOUT_FILENO);
	close(kept);
	rewind(f);
	out[fread(out, 1, sizeof out - 1, f)] = '\0';
	fclose(f);
	unlink(path);
	assert_int_equal(status, 0);
	return out;
}

static const char *cdr(const char *id, const char *from, const char *to, int64_t ms)
{
	static char text[8][300];
	static int at;
	char *t = text[at++ % 8], name[64] = "";
	if (id)
		snprintf(name, sizeof name, "\"record_id\":\"%s\",", id);
	snprintf(
		t, sizeof text[0],
		"{%s\"calling_number\":\"%s\",\"called_number\":\"%s\",\"start_time\":%lld,\"end_time\":%lld,\"disposition\":\"BUSY\"%s}\n",
		name, from ? from : "", to, (long long)ms, (long long)ms, from ? "" : ",\"calling_presentation\":\"RESTRICTED\"");
	return t;
}

/* The value of each line, as "1 2". */
static const char *values(const char *lines)
{
	static char got[256];
	got[0] = '\0';
	for (const char *at = lines; (at = strstr(at, "\"values\":{")); at++) {
		const char *v = strstr(at + 10, "\":") + 2;
		snprintf(got + strlen(got), sizeof got - strlen(got), "%s%.*s", got[0] ? " " : "", (int)strcspn(v, "}"), v);
	}
	return got;
}

static void calls_without_an_id_are_two_calls(void **state)
{
	char text[700];
	(void)state;
	snprintf(text, sizeof text, "%s%s", cdr(NULL, "+15551230000", "+12125550001", T0), cdr(NULL, "+15551230000", "+12125550002", T0));
	assert_string_equal(values(run("calls[\"1h\"]", NULL, text)), "1 2");
}

static void record_that_ended_counts_as_absent(void **state)
{
	char text[1000];
	(void)state;
	snprintf(text, sizeof text, "%s%s", cdr("1", "+15551230000", "+12125550001", T0),
		 cdr("2", "+15551250000", "+12125550001", T0 + 38 * DAY));
	const char *end = run("age_days", "--at-end", text);
	assert_null(strstr(end, "+15551230000"));
	assert_non_null(strstr(end, "+15551250000"));
	strcat(text, cdr("3", "+15551230000", "+12125550001", T0 + 7 * DAY));
	assert_string_equal(values(run("calls[\"31d\"]", NULL, text)), "1 1 1");
}

static void withheld_call_in_the_far_future_is_refused(void **state)
{
	char text[1000];
	(void)state;
	snprintf(text, sizeof text, "%s%s%s", cdr("1", "+15551230000", "+12125550001", T0), cdr("2", NULL, "+15551230000", T0 + 401 * DAY),
		 cdr("3", "+15551230000", "+12125550001", T0 + 399 * DAY));
	assert_string_equal(values(run("incoming[\"31d\"]", NULL, text)), "0 0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_without_an_id_are_two_calls),
		cmocka_unit_test(record_that_ended_counts_as_absent),
		cmocka_unit_test(withheld_call_in_the_far_future_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
