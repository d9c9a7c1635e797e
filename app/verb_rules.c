/* SPDX-License-Identifier: Apache-2.0 */
/* `rules`: what people do with rules beside running them. One row a word; each word is a function that gets the rest of the arguments. */
#include "app/verb_rules.h"
#include "rules/expr.h"
#include "rules/value_json.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BINDINGS_MAX 1000
#define STEPS_MAX 1000000

static const char help[] = "usage: ringfence rules check [-c FILE] [--strict] FILE...\n"
			   "       ringfence rules test [-c FILE] FILE...\n"
			   "       ringfence rules explain FILE [RULE] [--cdr FILE... --number N]\n"
			   "       ringfence rules packs [NAME]\n"
			   "       ringfence rules eval\n"
			   "       ringfence rules schema\n"
			   "\n"
			   "check    loads rule files, tells every error with its place, and warns of what is hardly meant\n"
			   "test     runs unit tests of rules in virtual time, in the shape of promtool's\n"
			   "explain  shows the compiled program, what it needs and costs; with CDRs and a number what each part was worth\n"
			   "packs    lists the shipped rules with the sources of their thresholds, or prints a file of them\n"
			   "eval     evaluates expressions: one JSON object a line on standard input,\n"
			   "           {\"expr\": \"x > 1\", \"bindings\": {\"x\": {\"int64Value\": \"2\"}}}\n"
			   "         one a line on standard output, {\"value\": {\"boolValue\": true}} or {\"error\": \"...\"}.\n"
			   "         Values are in the JSON form of cel.expr.Value.\n"
			   "schema   prints the JSON Schema of rule files, for editors\n"
			   "\n"
			   "ringfence rules WORD --help teaches each.\n"
			   "\n"
			   "example: echo '{\"expr\": \"[1, 2, 3].exists(n, n > 2)\"}' | ringfence rules eval\n";

/* ---- eval ---- */

struct eval {
	struct arena arena; /* of the line */
	struct machine machine;
	struct buf out;
	struct err_text why;
};

static void put_error(struct eval *e, struct slice text)
{
	while (text.len > 0 && text.p[text.len - 1] == '\n')
		text.len--;
	buf_puts(&e->out, "{\"error\":");
	value_json_put_string(text, &e->out);
	buf_puts(&e->out, "}\n");
}

static enum err read_bindings(struct eval *e, const cJSON *bindings, struct expr_names *names)
{
	const cJSON *b;
	if (bindings && !cJSON_IsObject(bindings))
		return err_set(&e->why, ERR_INPUT, "bindings: an object of names and values is expected");
	if (cJSON_GetArraySize(bindings) > BINDINGS_MAX)
		return err_set(&e->why, ERR_LIMIT, "more than %d bindings", BINDINGS_MAX);
	struct expr_name *values = arena_alloc(&e->arena, ((size_t)cJSON_GetArraySize(bindings) + 1) * sizeof *values);
	cJSON_ArrayForEach(b, bindings)
	{
		struct expr_name *v = &values[names->value_cnt++];
		enum err err = value_from_json(b, &e->arena, &v->value, &e->why);
		if (err)
			return err;
		v->name = value_json_text(b->string, &e->arena);
	}
	names->values = values;
	return ERR_OK;
}

/* False: `text` is the error. */
static bool evaluate(struct eval *e, const cJSON *line, struct cel *value, struct slice *text)
{
	struct expr_names names = {.slots = NULL};
	struct program program;
	struct buf problems = {0};
	const char *why = e->why.text;
	const struct expr_input in = {.figures = NULL};
	const cJSON *expr = cJSON_GetObjectItemCaseSensitive(line, "expr");
	if (!cJSON_IsString(expr)) {
		*text = SLICE_LIT("a line is a JSON object with expr, a text, and bindings");
		return false;
	}
	bool ok = !read_bindings(e, cJSON_GetObjectItemCaseSensitive(line, "bindings"), &names);
	if (ok && expr_compile(value_json_text(expr->valuestring, &e->arena), (struct place){.file = "expr", .line = 1, .column = 1},
			       &e->arena, &names, &program, &problems)) {
		why = arena_copy(&e->arena, buf_slice(&problems)).p;
		ok = false;
	}
	ok = ok && program_run(&program, &e->machine, &in, value, &why);
	*text = slice_of(why);
	buf_release(&problems);
	return ok;
}

static void eval_line(struct eval *e, char *line)
{
	struct cel value;
	struct slice text = SLICE_LIT("this line is not a JSON object");
	arena_reset(&e->arena);
	machine_reset(&e->machine);
	buf_reset(&e->out);
	cJSON *json = value_json_hide_nuls(line) ? cJSON_Parse(line) : NULL;
	if (cJSON_IsObject(json) && evaluate(e, json, &value, &text)) {
		buf_puts(&e->out, "{\"value\":");
		value_to_json(value, &e->out);
		buf_puts(&e->out, "}\n");
	} else {
		put_error(e, text);
	}
	cJSON_Delete(json);
	fwrite(e->out.data, 1, e->out.len, stdout);
}

static int eval(int argc, char **argv)
{
	struct eval e = {.out = {0}};
	char *line = NULL;
	size_t cap = 0;
	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		fputs(help, stdout);
		return 0;
	}
	if (argc > 1)
		return verb_usage("rules", "eval reads standard input and takes no arguments");
	arena_init(&e.arena, 64 << 10);
	machine_init(&e.machine, STEPS_MAX);
	while (getline(&line, &cap, stdin) >= 0)
		eval_line(&e, line);
	free(line);
	buf_release(&e.out);
	machine_release(&e.machine);
	arena_release(&e.arena);
	if (fflush(stdout) != 0 || ferror(stdin))
		return verb_fail(ERR_IO, &(struct err_text){"rules eval: cannot read standard input or write standard output"});
	return 0;
}

/* ---- schema ---- */

static int schema(int argc, char **argv)
{
	struct buf b = {0};
	(void)argv;
	if (argc > 1)
		return verb_usage("rules", "schema takes no arguments");
	rules_schema(&b);
	fwrite(b.data, 1, b.len, stdout);
	buf_release(&b);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} words[] = {{"check", rules_word_check},
	     {"test", rules_word_test},
	     {"explain", rules_word_explain},
	     {"packs", rules_word_packs},
	     {"eval", eval},
	     {"schema", schema}};

int verb_rules(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		fputs(help, stdout);
		return 0;
	}
	if (argc < 2)
		return verb_usage("rules", "one of check, test, explain, packs, eval, schema is needed");
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strcmp(argv[1], words[i].name) == 0)
			return words[i].run(argc - 1, argv + 1);
	return verb_usage("rules", "'%s' is none of check, test, explain, packs, eval, schema", argv[1]);
}
