/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of rules, in the shape of promtool's: rule_test_file.c reads a file of tests, rule_test_cdrs.c makes calls of its templates,
 * rule_test.c runs them through the pipeline and compares. Time is that of the test; nothing reads a clock. */
#ifndef RINGFENCE_APP_RULE_TEST_H
#define RINGFENCE_APP_RULE_TEST_H

#include "app/settings.h"
#include "base/yaml.h"

#define TEST_START_MS INT64_C(1767614400000) /* 2026-01-05T12:00:00Z, a Monday: where a test without start_timestamp begins */
#define TEST_INTERVAL_MS MINUTE_MS
#define TEST_CALLS_MAX 1000000 /* of one test */

struct where {
	int line, column;
};

/* What a call has of a list: call i the (i mod cnt)-th. An absent text is a field that the call does not have. */
struct cycle {
	const struct slice *v;
	uint32_t cnt;
};

struct test_field {
	const char *name; /* as in the canonical CDR */
	bool number;      /* written without quotes */
	struct cycle values;
};

#define TEST_FIELDS_MAX 24

/* One entry of input_records: `count` calls, one `every`. */
struct test_records {
	struct where where;
	int64_t at_ms, every_ms, delay_ms; /* from the start of the test; delay: how much later than it ended a call arrives */
	uint32_t count;
	struct cycle from, to;   /* '#'s are digits that differ from call to call */
	bool vary_from, vary_to; /* counts up by one from call to call */
	const int64_t *talk_ms, *ring_ms;
	uint32_t talk_cnt, ring_cnt;
	struct cycle disposition;
	struct test_field fields[TEST_FIELDS_MAX];
	uint32_t field_cnt;
};

/* One entry of input_commands. */
struct test_command {
	struct where where;
	int64_t at_ms, every_ms;
	uint32_t count;
	struct test_field fields[TEST_FIELDS_MAX];
	uint32_t field_cnt;
};

struct test_pair {
	struct slice name, value;
};

struct test_pairs {
	const struct test_pair *v;
	uint32_t cnt;
	bool given; /* else they are not compared */
};

struct expected_alert {
	struct where where;
	struct slice number; /* absent: any */
	struct slice alert;  /* absent: any; for a check of all rules */
	struct where alert_where;
	struct test_pairs labels, annotations, figures;
};

struct alert_test {
	struct where where, name_where;
	int64_t at_ms;
	struct slice alert; /* "*": all rules */
	const struct expected_alert *expected;
	uint32_t expected_cnt;
};

struct transition_test {
	struct where where;
	int64_t at_ms;
	struct slice number, phase, from, to, reason; /* absent: not compared */
};

struct rule_test {
	struct where where;
	struct slice name;
	int64_t start_ms, interval_ms;
	struct test_records *records;
	struct test_command *commands;
	struct alert_test *alerts;
	struct transition_test *transitions;
	uint32_t record_cnt, command_cnt, alert_cnt, transition_cnt;
};

struct test_file {
	const char *path;
	const char **rule_files;
	size_t rule_file_cnt;
	struct rule_test *tests;
	uint32_t test_cnt;
};

/* Everything lives in `a`. Every mistake goes into `problems`, a line each; then ERR_CONFIG. */
enum err rule_test_file_read(const char *path, struct arena *a, struct test_file *out, struct buf *problems) MUST_CHECK;

/* The calls of a test in the order of their arrival, in `a`. */
enum err rule_test_cdrs(const struct test_file *f, const struct rule_test *t, const struct ingest_config *config, struct arena *a,
			struct cdr **out, size_t *n, struct buf *problems) MUST_CHECK;

/* Its commands in the order of their times, in `a`. */
enum err rule_test_commands(const struct test_file *f, const struct rule_test *t, struct arena *a, struct command **out, size_t *n,
			    struct buf *problems) MUST_CHECK;

struct rule_test_sums {
	uint32_t tests, failed; /* tests */
	uint32_t checks;        /* entries of alert_rule_test and transition_test */
};

/* Runs all tests of a file: a line a test and the difference for each check that failed go into `out`. ERR_CONFIG: the file or its rules cannot be
 * used, `problems` says why. A failed test is not an error. */
enum err rule_test_run(const struct settings *set, const char *path, struct rule_test_sums *sums, struct buf *out,
		       struct buf *problems) MUST_CHECK;

#endif
