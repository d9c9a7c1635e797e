/* SPDX-License-Identifier: Apache-2.0 */
/* A YAML document as a tree that remembers line and column, read with libyaml. Used for configuration, rules, policies.
 * Strict: one document, no aliases, no tags, no duplicate keys, bounded size and depth. */
#ifndef RINGFENCE_BASE_YAML_H
#define RINGFENCE_BASE_YAML_H

#include "base/arena.h"
#include "base/err.h"

enum yaml_kind { YAML_SCALAR, YAML_MAP, YAML_LIST };

struct yaml_node {
	enum yaml_kind kind;
	int line, column; /* from 1 */
	struct slice key; /* in a map: the entry's key; else absent */
	int key_line, key_column;
	struct slice text;       /* scalar: its text, NUL-terminated behind len */
	bool quoted;             /* scalar: written in quotes or as a block, so a string even if it looks like a number */
	struct yaml_node *first; /* map, list: children in order */
	struct yaml_node *next;
	uint32_t count; /* children */
};

#define YAML_MAX_BYTES (4u << 20)
#define YAML_MAX_DEPTH 32

/* `name` stands in messages: "rules.yaml:12:3: ...". The tree lives in `a`. An empty document is a map without entries. */
enum err yaml_parse(struct slice text, const char *name, struct arena *a, struct yaml_node **root, struct err_text *why) MUST_CHECK;
enum err yaml_load(const char *path, struct arena *a, struct yaml_node **root, struct err_text *why) MUST_CHECK;

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key); /* NULL if absent */
/* A plain (unquoted) empty scalar, "~" or "null". */
bool yaml_is_null(const struct yaml_node *n);
bool yaml_bool(const struct yaml_node *n, bool *value) MUST_CHECK; /* true, false */
bool yaml_int(const struct yaml_node *n, int64_t *value) MUST_CHECK;
bool yaml_double(const struct yaml_node *n, double *value) MUST_CHECK;

/* The candidate nearest to `word` by edit distance, or NULL if none is near: for "did you mean". */
const char *nearest_name(struct slice word, const char *const *candidates, size_t n);

#endif
