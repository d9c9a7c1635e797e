/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"
#include "rules/rule_file.h"
#include "tests/unit/unit.h"

#include <cjson/cJSON.h>
#include <stdio.h>

static const cJSON *at(const cJSON *j, const char *path)
{
	char key[64];
	while (*path) {
		size_t n = strcspn(path, ".");
		snprintf(key, sizeof key, "%.*s", (int)n, path);
		j = cJSON_GetObjectItemCaseSensitive(j, key);
		path += n + (path[n] == '.');
	}
	return j;
}

static void schema_names_every_key_that_is_read_and_no_other(void **state)
{
	static const struct {
		const char *path;
		const struct file_key *keys;
		const size_t *cnt;
	} maps[] = {{"", file_keys, &file_key_cnt},
		    {"$defs.group", group_keys, &group_key_cnt},
		    {"$defs.rule", rule_keys, &rule_key_cnt},
		    {"$defs.when", when_keys, &when_key_cnt}};
	struct buf b = {0};
	(void)state;
	rules_schema(&b);
	cJSON *root = cJSON_ParseWithLength((const char *)b.data, b.len);
	assert_non_null(root);
	for (size_t m = 0; m < sizeof maps / sizeof maps[0]; m++) {
		const cJSON *map = at(root, maps[m].path), *properties = at(map, "properties");
		int known = 0;
		assert_true(cJSON_IsFalse(at(map, "additionalProperties")));
		for (size_t i = 0; i < *maps[m].cnt; i++) {
			const cJSON *p = cJSON_GetObjectItemCaseSensitive(properties, maps[m].keys[i].name);
			assert_true(!p == !maps[m].keys[i].read);
			assert_true(!p || cJSON_IsString(at(p, "description")));
			known += p != NULL;
		}
		assert_int_equal(cJSON_GetArraySize(properties), known);
	}
	assert_int_equal(at(root, "$defs.rule.properties.alert.maxLength")->valueint, RULE_NAME_MAX);
	cJSON_Delete(root);
	buf_release(&b);
}

static void schema_file_of_the_tree_is_what_the_program_prints(void **state)
{
	struct buf b = {0};
	struct arena a;
	struct slice text;
	struct err_text why;
	(void)state;
	arena_init(&a, 64 << 10);
	assert_int_equal(file_read(TEST_DATA "/../../../schemas/rules.schema.json", 1 << 20, &a, &text, &why), ERR_OK);
	rules_schema(&b);
	buf_put_u8(&b, 0);
	assert_string_equal(text.p, (const char *)b.data); /* else: ringfence rules schema > schemas/rules.schema.json */
	buf_release(&b);
	arena_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(schema_names_every_key_that_is_read_and_no_other),
		cmocka_unit_test(schema_file_of_the_tree_is_what_the_program_prints),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
