/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the reader of rule files: rule_file.c (file, group, rule), rule_keys.c (the keys of a rule), rule_params.c (params, ladder),
 * rule_gates.c (when, exempt), rule_values.c (texts, durations, words, pairs). */
#ifndef RINGFENCE_RULES_RULE_FILE_H
#define RINGFENCE_RULES_RULE_FILE_H

#include "base/yaml.h"
#include "rules/ruleset.h"

#define LIMIT_MAX 1000000
#define LABELS_MAX 32 /* of a rule, its group's among them; annotations too */
#define LABEL_BYTES_MAX 256
#define TEXT_BYTES_MAX 4096 /* annotations, source */
#define PARAMS_MAX 32       /* of a rule, those of its ladder among them */

struct pairs {
	struct event_pair pair[LABELS_MAX];
	uint32_t cnt;
};

/* One file being read. */
struct file {
	struct rules *rules;
	struct slice text;
	const char *name; /* in the set's arena */
	struct buf *problems;
	bool failed;
	/* the group being read */
	const struct yaml_node *rule_list;
	struct slice group;
	int64_t interval_ms;
	uint32_t limit;
	struct pairs group_labels;
	/* the rule being read */
	struct rule *rule;
	bool rule_failed;
	struct pairs labels, annotations;
	struct expr_name params[PARAMS_MAX];
	struct calendar when;
	bool kind_unknown; /* cohort is none of its words: what the rule may name is not known */
	const struct yaml_node *alert, *expr, *ladder, *annotation_map, *action, *zone, *exempt;
};

struct file_key {
	const char *name;
	void (*read)(struct file *f, const struct yaml_node *n); /* NULL: comes with a later part */
	const char *schema;                                      /* members of a JSON Schema: what its value is (rule_schema.h) */
	const char *help;
};

void file_problem(struct file *f, int line, int column, const char *fmt, ...) PRINTF_LIKE(4, 5);

/* ---- rule_values.c: each says what is wrong, with its place ---- */

bool read_text(struct file *f, const struct yaml_node *n, uint32_t most_bytes, struct slice *out);
void read_duration(struct file *f, const struct yaml_node *n, int64_t least_ms, int64_t most_ms, int64_t *out);
/* One of a few words; -1 if it is none of them. */
int read_word(struct file *f, const struct yaml_node *n, const char *const *words, int cnt, const char *list);
void read_pairs(struct file *f, const struct yaml_node *map, uint32_t most_bytes, struct pairs *out);
void read_label_pairs(struct file *f, const struct yaml_node *map, struct pairs *out);
const struct event_pair *keep_pairs(struct file *f, const struct pairs *p); /* in the set's arena */
bool identifier(struct slice s);                                            /* letters, digits, '_', no digit first */
/* Every entry of a map by its row; what is no row is refused with the nearest one. `what`: "a rule". */
void read_map(struct file *f, const struct yaml_node *map, const struct file_key *keys, size_t cnt, const char *what);
/* Where an expression stands that is the text of a scalar. */
struct place place_of_scalar(const struct file *f, const struct yaml_node *n);

/* ---- rule_keys.c ---- */

extern const struct file_key rule_keys[];
extern const size_t rule_key_cnt;

/* ---- rule_file.c ---- */

extern const struct file_key group_keys[];
extern const size_t group_key_cnt;
extern const struct file_key file_keys[];
extern const size_t file_key_cnt;

/* ---- rule_params.c ---- */

void read_params(struct file *f, const struct yaml_node *map);
void read_ladder(struct file *f, const struct yaml_node *n); /* noted: it is read when the whole rule is */
/* The parameters that the ladder brings; then all of them are kept. Before the expression is compiled. */
void finish_params(struct file *f);
/* The expression at every step of the ladder. After it was compiled. */
void check_ladder(struct file *f);

/* ---- rule_gates.c ---- */

extern const struct file_key when_keys[];
extern const size_t when_key_cnt;
void read_when(struct file *f, const struct yaml_node *n);
void read_exempt(struct file *f, const struct yaml_node *list);
void check_gates(struct file *f); /* of a rule on cohorts; when the whole rule is read */

#endif
