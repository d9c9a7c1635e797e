/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON Schema of rule files, made from the tables of their keys. A key without a reader is not in it: it is refused. */
#include "rules/rule_file.h"
#include "rules/value_json.h"

#include <assert.h>
#include <cjson/cJSON.h>

static void put_text(struct buf *b, const char *name, const char *text)
{
	value_json_put_string(slice_of(name), b);
	buf_puts(b, ":");
	value_json_put_string(slice_of(text), b);
}

/* The members of a schema: an object with these keys and no others. */
static void put_map(struct buf *b, const struct file_key *keys, size_t cnt, const char *more)
{
	const char *between = "";
	buf_puts(b, "\"type\":\"object\",\"additionalProperties\":false,");
	buf_puts(b, more);
	buf_puts(b, "\"properties\":{");
	for (size_t i = 0; i < cnt; i++) {
		if (!keys[i].read)
			continue;
		buf_puts(b, between);
		value_json_put_string(slice_of(keys[i].name), b);
		buf_puts(b, ":{");
		put_text(b, "description", keys[i].help);
		buf_puts(b, ",");
		buf_puts(b, keys[i].schema);
		buf_puts(b, "}");
		between = ",";
	}
	buf_puts(b, "}");
}

static void put_definition(struct buf *b, const char *name, const struct file_key *keys, size_t cnt, const char *more)
{
	value_json_put_string(slice_of(name), b);
	buf_puts(b, ":{");
	put_map(b, keys, cnt, more);
	buf_puts(b, "}");
}

void rules_schema(struct buf *json)
{
	struct buf b = {0};
	buf_puts(&b, "{");
	put_text(&b, "$schema", "https://json-schema.org/draft/2020-12/schema");
	buf_puts(&b, ",");
	put_text(&b, "title", "Rules of Ringfence");
	buf_puts(&b, ",");
	put_map(&b, file_keys, file_key_cnt, "");
	buf_puts(&b, ",\"$defs\":{");
	put_definition(&b, "group", group_keys, group_key_cnt, "\"required\":[\"name\"],");
	buf_puts(&b, ",");
	put_definition(&b, "rule", rule_keys, rule_key_cnt, "\"required\":[\"alert\",\"expr\"],");
	buf_puts(&b, ",");
	put_definition(&b, "when", when_keys, when_key_cnt, "\"anyOf\":[{\"required\":[\"days\"]},{\"required\":[\"hours\"]}],");
	buf_puts(&b, "}}");
	cJSON *root = cJSON_ParseWithLength((const char *)b.data, b.len);
	assert(root && "a row of the tables is not JSON");
	char *text = cJSON_Print(root);
	buf_puts(json, text);
	buf_puts(json, "\n");
	cJSON_free(text);
	cJSON_Delete(root);
	buf_release(&b);
}
