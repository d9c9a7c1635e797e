/* SPDX-License-Identifier: Apache-2.0 */
/* schemas/command.schema.json and the program take the same commands. The schema is evaluated here, with the keywords that it uses; one that is not
 * known here fails the test. */
#include "base/file.h"
#include "ingest/ingest.h"
#include "tests/unit/unit.h"

#include <cjson/cJSON.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>

static cJSON *schema;
static struct arena arena;

static bool valid(const cJSON *s, const cJSON *v);

static bool is_type(const cJSON *v, const char *type)
{
	return (strcmp(type, "object") == 0 && cJSON_IsObject(v)) || (strcmp(type, "string") == 0 && cJSON_IsString(v)) ||
	       (strcmp(type, "number") == 0 && cJSON_IsNumber(v)) || (strcmp(type, "boolean") == 0 && cJSON_IsBool(v)) ||
	       (strcmp(type, "null") == 0 && cJSON_IsNull(v));
}

static bool type_fits(const cJSON *k, const cJSON *v)
{
	const cJSON *t;
	if (cJSON_IsString(k))
		return is_type(v, k->valuestring);
	cJSON_ArrayForEach(t, k) if (is_type(v, t->valuestring)) return true;
	return false;
}

static int how_many(const cJSON *list, const cJSON *v)
{
	int n = 0;
	const cJSON *s;
	cJSON_ArrayForEach(s, list) n += valid(s, v);
	return n;
}

static bool all_there(const cJSON *names, const cJSON *v)
{
	const cJSON *n;
	cJSON_ArrayForEach(n, names) if (cJSON_IsObject(v) && !cJSON_GetObjectItemCaseSensitive(v, n->valuestring)) return false;
	return true;
}

static bool members_fit(const cJSON *properties, const cJSON *v)
{
	const cJSON *p;
	cJSON_ArrayForEach(p, properties)
	{
		const cJSON *member = cJSON_IsObject(v) ? cJSON_GetObjectItemCaseSensitive(v, p->string) : NULL;
		if (member && !valid(p, member))
			return false;
	}
	return true;
}

static bool is_one_of(const cJSON *list, const cJSON *v)
{
	const cJSON *o;
	cJSON_ArrayForEach(o, list) if (cJSON_Compare(o, v, true)) return true;
	return false;
}

static bool matches(const char *pattern, const char *text)
{
	regex_t re;
	assert_int_equal(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
	bool ok = regexec(&re, text, 0, NULL, 0) == 0;
	regfree(&re);
	return ok;
}

static bool text_fits(const cJSON *k, const cJSON *v)
{
	if (!cJSON_IsString(v))
		return true;
	size_t n = 0; /* characters */
	for (const char *p = v->valuestring; *p; p++)
		n += (*p & 0xc0) != 0x80;
	if (strcmp(k->string, "minLength") == 0)
		return n >= (size_t)k->valuedouble;
	if (strcmp(k->string, "maxLength") == 0)
		return n <= (size_t)k->valuedouble;
	return matches(k->valuestring, v->valuestring);
}

static bool keyword(const cJSON *s, const cJSON *k, const cJSON *v)
{
	const char *name = k->string;
	if (strcmp(name, "type") == 0)
		return type_fits(k, v);
	if (strcmp(name, "required") == 0)
		return all_there(k, v);
	if (strcmp(name, "properties") == 0)
		return members_fit(k, v);
	if (strcmp(name, "anyOf") == 0)
		return how_many(k, v) > 0;
	if (strcmp(name, "oneOf") == 0)
		return how_many(k, v) == 1;
	if (strcmp(name, "allOf") == 0)
		return how_many(k, v) == cJSON_GetArraySize(k);
	if (strcmp(name, "const") == 0)
		return cJSON_Compare(k, v, true);
	if (strcmp(name, "enum") == 0)
		return is_one_of(k, v);
	if (strcmp(name, "minimum") == 0)
		return !cJSON_IsNumber(v) || v->valuedouble >= k->valuedouble;
	if (strcmp(name, "exclusiveMaximum") == 0)
		return !cJSON_IsNumber(v) || v->valuedouble < k->valuedouble;
	if (strcmp(name, "minLength") == 0 || strcmp(name, "maxLength") == 0 || strcmp(name, "pattern") == 0)
		return text_fits(k, v);
	if (strcmp(name, "if") == 0)
		return !valid(k, v) || valid(cJSON_GetObjectItemCaseSensitive(s, "then"), v);
	if (strcmp(name, "$ref") == 0) {
		assert_string_equal(k->valuestring, "#/$defs/text");
		return valid(cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(schema, "$defs"), "text"), v);
	}
	static const char *const silent[] = {"$schema", "$id", "$comment", "$defs", "title", "description", "then"};
	for (size_t i = 0; i < sizeof silent / sizeof silent[0]; i++)
		if (strcmp(name, silent[i]) == 0)
			return true;
	fail_msg("the schema uses %s, which this test does not know", name);
	return false;
}

static bool valid(const cJSON *s, const cJSON *v)
{
	const cJSON *k;
	cJSON_ArrayForEach(k, s) if (!keyword(s, k, v)) return false;
	return true;
}

static void both_say(const char *text, bool good)
{
	struct command c;
	cJSON *v = cJSON_Parse(text);
	assert_non_null(v);
	decode_command(slice_of(text), TIME_NONE, &arena, &c);
	if ((c.reason == REASON_OK) != good)
		fail_msg("the program says %s" SLICE_FMT " of %s", good ? "no: " : "yes", SLICE_ARG(c.why), text);
	if (valid(schema, v) != good)
		fail_msg("the schema says %s of %s", good ? "no" : "yes", text);
	cJSON_Delete(v);
	arena_reset(&arena);
}

#define HEAD "{\"id\":\"c1\",\"time\":1700000000000,\"number\":\"+15551230000\""
#define VERB(verb) HEAD ",\"command\":\"" verb "\""
#define T64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define T40 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void samples_that_are_commands(void **state)
{
	static const char *const samples[] = {
		VERB("quarantine") "}",
		VERB("quarantine") ",\"by\":\"ann\",\"note\":\"x\",\"unknown\":[1,{}]}",
		VERB("release") ",\"note\":null}",
		VERB("flag") "}",
		VERB("flag") ",\"provider\":\"Hiya\",\"carrier\":\"AT&T\",\"label\":\"Spam Risk\",\"source\":\"a test "
			     "call\",\"note\":\"n\"}",
		VERB("flag") ",\"provider\":\"" T64 "\",\"label\":\"" T64 T64 "\"}",
		VERB("flag") ",\"provider\":null}",
		VERB("clear") ",\"provider\":\"Hiya\",\"by\":\"" T64 "b\"}",
		VERB("complaint") ",\"provider\":\"" T64 "b\"}",
		VERB("note") ",\"note\":\"n\"}",
		VERB("contact") ",\"called\":\"+16665550000\",\"add\":true}",
		VERB("contact") ",\"called\":\"+16665550000\",\"remove\":true,\"add\":false}",
		VERB("contact") ",\"called\":\"+16665550000\",\"remove\":null,\"add\":true}",
		VERB("check") ",\"carrier\":\"" T40 "\",\"device\":\"" T40 "\",\"result\":\"" T40 T40 "\"}",
		VERB("check") ",\"carrier\":\"Verizon\",\"device\":null,\"result\":\"no label\"}",
		VERB("dispute-sent") ",\"step\":\"hiya\"}",
		VERB("dispute-sent") ",\"step\":\"" T64 "\",\"outcome\":null}",
		VERB("dispute-reply") ",\"step\":\"hiya\",\"outcome\":\"refused\",\"note\":\"\xc3\xa4\"}",
		VERB("forget") "}",
		"{\"id\":\"a\",\"time\":0,\"command\":\"release\",\"account\":\"ACME\"}",
		"{\"id\":\"a\",\"time\":0.5,\"command\":\"release\",\"account\":\"ACME\",\"number\":\"\"}",
		"{\"id\":\"a\",\"time\":253402300799999,\"command\":\"release\",\"number\":\"+15\",\"account\":null}",
		"{\"id\":\"a\",\"time\":\"1700000000000\",\"command\":\"release\",\"number\":\"+15\"}",
		"{\"id\":\"a\",\"time\":\"2026-02-28T23:59:59.123456789Z\",\"command\":\"release\",\"number\":\"+15\"}",
		"{\"id\":\"a\",\"time\":\"2024-02-29 00:00:00-05:30\",\"command\":\"release\",\"number\":\"+15\"}",
	};
	(void)state;
	for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++)
		both_say(samples[i], true);
}

static void samples_that_are_none(void **state)
{
	static const char *const samples[] = {
		"[]",
		"\"release\"",
		"{}",
		HEAD "}",
		VERB("Release") "}",
		VERB("releas") "}",
		HEAD ",\"command\":7}",
		HEAD ",\"command\":null}",
		"{\"id\":\"\",\"time\":1,\"command\":\"release\",\"number\":\"+15\"}",
		"{\"id\":null,\"time\":1,\"command\":\"release\",\"number\":\"+15\"}",
		"{\"id\":\"" T64 T64 T64 T64 "b\",\"time\":1,\"command\":\"release\",\"number\":\"+15\"}",
		"{\"time\":1,\"command\":\"release\",\"number\":\"+15\"}",
		"{\"id\":\"a\",\"command\":\"release\",\"number\":\"+15\"}",
		"{\"id\":\"a\",\"time\":null,\"command\":\"release\",\"number\":\"+15\"}",
		"{\"id\":\"a\",\"time\":-1,\"command\":\"release\",\"number\":\"+15\"}",
		"{\"id\":\"a\",\"time\":253402300800000,\"command\":\"release\",\"number\":\"+15\"}",
		"{\"id\":\"a\",\"time\":\"yesterday\",\"command\":\"release\",\"number\":\"+15\"}",
		"{\"id\":\"a\",\"time\":\"2026-02-28T23:59:59\",\"command\":\"release\",\"number\":\"+15\"}",
		"{\"id\":\"a\",\"time\":\"2026-13-28T23:59:59Z\",\"command\":\"release\",\"number\":\"+15\"}",
		"{\"id\":\"a\",\"time\":\"-5\",\"command\":\"release\",\"number\":\"+15\"}",
		"{\"id\":\"a\",\"time\":true,\"command\":\"release\",\"number\":\"+15\"}",
		"{\"id\":\"a\",\"time\":1,\"command\":\"release\"}",
		"{\"id\":\"a\",\"time\":1,\"command\":\"release\",\"number\":null}",
		"{\"id\":\"a\",\"time\":1,\"command\":\"release\",\"account\":\"\"}",
		"{\"id\":\"a\",\"time\":1,\"command\":\"release\",\"number\":\"15\"}",
		"{\"id\":\"a\",\"time\":1,\"command\":\"release\",\"number\":\"+05\"}",
		"{\"id\":\"a\",\"time\":1,\"command\":\"release\",\"number\":\"+1\"}",
		"{\"id\":\"a\",\"time\":1,\"command\":\"release\",\"number\":\"+1555123000012345\"}",
		"{\"id\":\"a\",\"time\":1,\"command\":\"release\",\"number\":\"555\",\"account\":\"ACME\"}",
		"{\"id\":\"a\",\"time\":1,\"command\":\"release\",\"number\":15,\"account\":\"ACME\"}",
		VERB("release") ",\"note\":[]}",
		VERB("release") ",\"by\":7}",
		VERB("release") ",\"add\":1}",
		VERB("release") ",\"remove\":\"yes\"}",
		VERB("flag") ",\"provider\":\"" T64 "b\"}",
		VERB("flag") ",\"carrier\":\"" T64 "b\"}",
		VERB("flag") ",\"label\":\"" T64 T64 "b\"}",
		VERB("flag") ",\"by\":\"" T64 "b\"}",
		VERB("clear") ",\"label\":\"" T64 T64 "b\"}",
		VERB("note") "}",
		VERB("note") ",\"note\":\"\"}",
		VERB("note") ",\"note\":null}",
		VERB("contact") ",\"called\":\"+16665550000\"}",
		VERB("contact") ",\"called\":\"+16665550000\",\"add\":true,\"remove\":true}",
		VERB("contact") ",\"called\":\"+16665550000\",\"add\":false}",
		VERB("contact") ",\"called\":\"16665550000\",\"add\":true}",
		VERB("contact") ",\"add\":true}",
		VERB("check") ",\"carrier\":\"Verizon\"}",
		VERB("check") ",\"result\":\"no label\"}",
		VERB("check") ",\"carrier\":\"\",\"result\":\"no label\"}",
		VERB("check") ",\"carrier\":\"" T40 "b\",\"result\":\"no label\"}",
		VERB("check") ",\"carrier\":\"V\",\"device\":\"" T40 "b\",\"result\":\"no label\"}",
		VERB("check") ",\"carrier\":\"V\",\"result\":\"" T40 T40 "b\"}",
		VERB("dispute-sent") "}",
		VERB("dispute-sent") ",\"step\":\"\"}",
		VERB("dispute-reply") ",\"step\":\"hiya\"}",
		VERB("dispute-reply") ",\"outcome\":\"refused\"}",
		VERB("dispute-reply") ",\"step\":\"" T64 "b\",\"outcome\":\"refused\"}",
		VERB("dispute-reply") ",\"step\":\"hiya\",\"outcome\":\"" T64 "b\"}",
	};
	(void)state;
	for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++)
		both_say(samples[i], false);
}

static void schema_names_every_verb(void **state)
{
	static const char *const names[] = {
#define X(n, name) name,
		COMMANDS(X)
#undef X
	};
	const cJSON *verbs = cJSON_GetObjectItem(cJSON_GetObjectItem(cJSON_GetObjectItem(schema, "properties"), "command"), "enum");
	(void)state;
	assert_int_equal(cJSON_GetArraySize(verbs), COMMAND_CNT);
	for (int i = 0; i < COMMAND_CNT; i++) {
		cJSON *name = cJSON_CreateString(names[i]);
		assert_true(is_one_of(verbs, name));
		cJSON_Delete(name);
	}
}

static int open_schema(void **state)
{
	struct slice text;
	struct err_text why;
	(void)state;
	arena_init(&arena, 16 << 10);
	if (file_read(TEST_DATA "/../../../schemas/command.schema.json", 1 << 20, &arena, &text, &why))
		return -1;
	schema = cJSON_ParseWithLength(text.p, text.len);
	return schema ? 0 : -1;
}

static int close_schema(void **state)
{
	(void)state;
	cJSON_Delete(schema);
	arena_release(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples_that_are_commands),
		cmocka_unit_test(samples_that_are_none),
		cmocka_unit_test(schema_names_every_verb),
	};
	return cmocka_run_group_tests(tests, open_schema, close_schema);
}
