/* SPDX-License-Identifier: Apache-2.0 */
/* Values, their times, their JSON. The conformance tests hold the rest. */
#include "rules/cel_time.h"
#include "rules/value_json.h"
#include "tests/unit/unit.h"

#include <cjson/cJSON.h>

static void value_survives_its_json(void **state)
{
	static const char *const texts[] = {
		"{\"nullValue\":null}",
		"{\"boolValue\":true}",
		"{\"int64Value\":\"-9223372036854775808\"}",
		"{\"uint64Value\":\"18446744073709551615\"}",
		"{\"doubleValue\":0.1}",
		"{\"doubleValue\":\"NaN\"}",
		"{\"doubleValue\":\"-Infinity\"}",
		"{\"stringValue\":\"a\\\"\\\\\\u0000\\u001f\xc3\xa9\"}",
		"{\"bytesValue\":\"AP8=\"}",
		"{\"bytesValue\":\"\"}",
		"{\"listValue\":{\"values\":[{\"int64Value\":\"1\"},{\"listValue\":{\"values\":[]}}]}}",
		"{\"mapValue\":{\"entries\":[{\"key\":{\"stringValue\":\"k\"},\"value\":{\"int64Value\":\"1\"}}]}}",
		"{\"typeValue\":\"int\"}",
		"{\"objectValue\":{\"@type\":\"type.googleapis.com/google.protobuf.Timestamp\",\"value\":\"2009-02-13T23:31:30.5Z\"}}",
		"{\"objectValue\":{\"@type\":\"type.googleapis.com/google.protobuf.Duration\",\"value\":\"-1.5s\"}}",
	};
	struct arena a;
	struct buf b = {0};
	(void)state;
	arena_init(&a, 4096);
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		char line[256];
		struct cel v;
		struct err_text why;
		memcpy(line, texts[i], strlen(texts[i]) + 1);
		assert_true(value_json_hide_nuls(line));
		cJSON *json = cJSON_Parse(line);
		assert_int_equal(value_from_json(json, &a, &v, &why), ERR_OK);
		cJSON_Delete(json);
		buf_reset(&b);
		value_to_json(v, &b);
		buf_put_u8(&b, 0);
		assert_string_equal(b.data, texts[i]);
	}
	buf_release(&b);
	arena_release(&a);
}

static void json_that_is_no_value_is_refused(void **state)
{
	static const char *const texts[] = {
		"1",
		"{}",
		"{\"int64Value\":\"1\",\"boolValue\":true}",
		"{\"int64Value\":\"9223372036854775808\"}",
		"{\"int64Value\":\" 1\"}",
		"{\"int64Value\":1.5}",
		"{\"uint64Value\":\"-1\"}",
		"{\"bytesValue\":\"*\"}",
		"{\"typeValue\":\"dyn\"}",
		"{\"enumValue\":1}",
		"{\"mapValue\":{\"entries\":[{\"key\":{\"doubleValue\":1},\"value\":{\"nullValue\":null}}]}}",
		("{\"mapValue\":{\"entries\":[{\"key\":{\"int64Value\":\"1\"},\"value\":{\"nullValue\":null}},"
		 "{\"key\":{\"uint64Value\":\"1\"},\"value\":{\"nullValue\":null}}]}}"),
		"{\"objectValue\":{\"@type\":\"type.googleapis.com/google.protobuf.Timestamp\",\"value\":\"2009-02-30T00:00:00Z\"}}",
	};
	struct arena a;
	(void)state;
	arena_init(&a, 4096);
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct cel v;
		struct err_text why = {""};
		cJSON *json = cJSON_Parse(texts[i]);
		if (!value_from_json(json, &a, &v, &why))
			fail_msg("%s passed", texts[i]);
		assert_true(why.text[0]);
		cJSON_Delete(json);
	}
	arena_release(&a);
}

static void time_is_read_and_written(void **state)
{
	static const char *const times[][2] = {
		{"2009-02-13T23:31:30Z", "2009-02-13T23:31:30Z"},
		{"2009-02-13T23:31:30.500-02:30", "2009-02-14T02:01:30.5Z"},
		{"0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
		{"9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999999Z"},
		{"0001-01-01T00:00:00+00:01", NULL},
		{"10000-01-01T00:00:00Z", NULL},
		{"2009-02-13T24:00:00Z", NULL},
		{"2009-02-29T00:00:00Z", NULL},
		{"2009-02-13 23:31:30Z", NULL},
		{"2009-02-13T23:31:30", NULL},
		{"2009-02-13T23:31:30.Z", NULL},
		{"", NULL},
	};
	static const char *const durations[][2] = {
		{"1h30m", "5400s"},
		{"-1.5s", "-1.5s"},
		{"1ms1us1ns", "0.001001001s"},
		{"0", "0s"},
		{".5h", "1800s"},
		{"1.h", "3600s"},
		{"+1m", "60s"},
		{"", NULL},
		{"1", NULL},
		{"1d", NULL},
		{".s", NULL},
		{"9223372037s", NULL},
		{"-9223372036.854775808s", "-9223372036.854775808s"},
	};
	char text[CEL_TIME_TEXT_BYTES];
	struct cel v;
	(void)state;
	for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
		assert_int_equal(cel_timestamp_parse(slice_of(times[i][0]), &v), times[i][1] != NULL);
		if (times[i][1]) {
			cel_timestamp_format(v, text);
			assert_string_equal(text, times[i][1]);
		}
	}
	for (size_t i = 0; i < sizeof durations / sizeof durations[0]; i++) {
		if (cel_duration_parse(slice_of(durations[i][0]), &v) != (durations[i][1] != NULL))
			fail_msg("%s", durations[i][0]);
		if (durations[i][1]) {
			cel_duration_format(v, text);
			assert_string_equal(text, durations[i][1]);
		}
	}
}

static void numbers_are_compared_across_their_types(void **state)
{
	const struct {
		struct cel a, b;
		int order;
	} cases[] = {
		{cel_int(1), cel_uint(1), 0},
		{cel_int(-1), cel_uint(UINT64_MAX), -1},
		{cel_uint(UINT64_MAX), cel_int(-1), 1},
		{cel_int(1), cel_double(1.5), -1},
		{cel_double(1e300), cel_int(INT64_MAX), 1},
		{cel_double(-1), cel_uint(0), -1},
		{cel_double(0.0 / 0.0), cel_int(0), CEL_UNORDERED},
		{cel_int(0), cel_double(0.0 / 0.0), CEL_UNORDERED},
		{cel_bool(false), cel_bool(true), -1},
		{cel_int(1), cel_bool(true), CEL_NO_ORDER},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_int_equal(cel_order(cases[i].a, cases[i].b), cases[i].order);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(value_survives_its_json),
		cmocka_unit_test(json_that_is_no_value_is_refused),
		cmocka_unit_test(time_is_read_and_written),
		cmocka_unit_test(numbers_are_compared_across_their_types),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
