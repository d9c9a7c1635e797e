/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes are refused as YAML with a place told, or are a tree within the stated bounds. */
#include "base/yaml.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const struct yaml_node *n, int depth)
{
	int64_t i;
	double d;
	bool b;
	uint32_t children = 0;
	if (depth > YAML_MAX_DEPTH || n->line < 1 || n->column < 1)
		abort();
	if (n->kind == YAML_SCALAR) {
		if (n->text.p[n->text.len] != '\0' || n->first)
			abort();
		if (yaml_int(n, &i) && !yaml_double(n, &d))
			abort();
		(void)!yaml_bool(n, &b);
	}
	for (const struct yaml_node *c = n->first; c; c = c->next, children++) {
		if ((n->kind == YAML_MAP) != (c->key.p != NULL) || (n->kind == YAML_MAP && c->key.len == 0))
			abort();
		walk(c, depth + 1);
	}
	if (children != n->count)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arena arena;
	struct yaml_node *root = NULL;
	struct err_text why = {""};
	if (!arena.block_bytes)
		arena_init(&arena, 65536);
	arena_reset(&arena);
	if (!yaml_parse(slice_make(data, size), "f", &arena, &root, &why))
		walk(root, 0);
	else if (strncmp(why.text, "f:", 2) != 0)
		abort();
	return 0;
}
