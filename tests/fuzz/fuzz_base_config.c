/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes are refused as a configuration with problems told, or are values that print, load again and print the same. No secrets in the table:
 * their files would be opened. */
#include "base/config.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct item {
	const char *name;
	int64_t count;
};

struct values {
	const char *name, *path;
	int64_t count, size, wait_ms;
	double share;
	bool on;
	int kind;
	struct config_strings tags, files;
	struct config_pairs free;
	struct config_list items;
};

#define ROW(path_, type_, member, dflt_, ...)                                                                                            \
	{                                                                                                                                \
		.path = path_, .type = CONFIG_##type_, .offset = offsetof(struct values, member), .dflt = dflt_, .help = "", __VA_ARGS__ \
	}
#define ITEM(path_, type_, member, dflt_, ...)                                                                                         \
	{                                                                                                                              \
		.path = path_, .type = CONFIG_##type_, .offset = offsetof(struct item, member), .dflt = dflt_, .help = "", __VA_ARGS__ \
	}

static const struct config_key item_table[] = {
	ITEM("name", STRING, name, NULL, .min = 1),
	ITEM("count", INT, count, "3"),
	{.path = NULL},
};

static const struct config_key table[] = {
	ROW("n", STRING, name, ""),
	ROW("a.path", PATH, path, "data"),
	ROW("a.deep.count", INT, count, "3", .min = 1, .max = 9),
	ROW("a.size", BYTES, size, "1MiB", .min = 10, .max = -1),
	ROW("w", DURATION, wait_ms, "5s", .min = 0, .max = -1),
	ROW("share", DOUBLE, share, "0.3"),
	ROW("on", BOOL, on, "true"),
	ROW("kind", ENUM, kind, "off", .choices = "off|slow|fast"),
	ROW("tags", STRINGS, tags, "x,y"),
	ROW("files", PATHS, files, ""),
	ROW("free", PAIRS, free, ""),
	ROW("items", LIST, items, "", .items = item_table, .item_bytes = sizeof(struct item)),
	{.path = NULL},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arena arena;
	struct values v = {0}, again = {0};
	struct buf problems = {0}, one = {0}, two = {0};
	if (!arena.block_bytes)
		arena_init(&arena, 65536);
	arena_reset(&arena);
	if (config_parse(slice_make(data, size), "f", "", table, &v, &arena, &problems)) {
		if (problems.len == 0)
			abort();
	} else {
		config_print(table, &v, &one);
		if (problems.len || config_parse(buf_slice(&one), "f", "", table, &again, &arena, &problems))
			abort();
		config_print(table, &again, &two);
		if (!slice_eq(buf_slice(&one), buf_slice(&two)))
			abort();
	}
	buf_release(&problems);
	buf_release(&one);
	buf_release(&two);
	return 0;
}
