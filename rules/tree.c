/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/tree.h"

#include "rules/cel_time.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- values ---- */

static void print_quoted(struct slice s, struct buf *out)
{
	buf_put_u8(out, '"');
	for (uint32_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c == '"' || c == '\\')
			buf_printf(out, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			buf_printf(out, "\\x%02x", c);
		else
			buf_put_u8(out, c);
	}
	buf_put_u8(out, '"');
}

/* The shortest that reads back unchanged, and reads as a double. */
static void print_double(double d, struct buf *out)
{
	char text[40];
	if (!isfinite(d)) {
		buf_printf(out, "double(\"%s\")", isnan(d) ? "NaN" : d > 0 ? "Infinity" : "-Infinity");
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, d);
		if (strtod(text, NULL) == d)
			break;
	}
	buf_puts(out, text);
	if (!strpbrk(text, ".e"))
		buf_puts(out, ".0");
}

static void print_items(struct cel v, struct buf *out)
{
	uint32_t cnt = v.type == CEL_MAP ? 2 * v.n : v.n;
	buf_put_u8(out, v.type == CEL_MAP ? '{' : '[');
	for (uint32_t i = 0; i < cnt; i++) {
		if (i)
			buf_puts(out, v.type == CEL_MAP && i % 2 ? ": " : ", ");
		cel_print(v.items[i], out);
	}
	buf_put_u8(out, v.type == CEL_MAP ? '}' : ']');
}

void cel_print(struct cel v, struct buf *out)
{
	char text[CEL_TIME_TEXT_BYTES];
	switch (v.type) {
	case CEL_ERROR:
		buf_printf(out, "error: %s", v.p);
		return;
	case CEL_BOOL:
		buf_puts(out, v.b ? "true" : "false");
		return;
	case CEL_INT:
		buf_printf(out, "%lld", (long long)v.i);
		return;
	case CEL_UINT:
		buf_printf(out, "%lluu", (unsigned long long)v.u);
		return;
	case CEL_DOUBLE:
		print_double(v.d, out);
		return;
	case CEL_BYTES:
		buf_put_u8(out, 'b');
		print_quoted(cel_slice(v), out);
		return;
	case CEL_STRING:
		print_quoted(cel_slice(v), out);
		return;
	case CEL_LIST:
	case CEL_MAP:
		print_items(v, out);
		return;
	case CEL_TIMESTAMP:
		buf_printf(out, "timestamp(\"%.*s\")", (int)cel_timestamp_format(v, text), text);
		return;
	case CEL_DURATION:
		buf_printf(out, "duration(\"%.*s\")", (int)cel_duration_format(v, text), text);
		return;
	case CEL_TYPE:
		buf_puts(out, cel_type_name((uint32_t)v.i));
		return;
	default:
		buf_puts(out, "null");
	}
}

/* ---- the tree ---- */

static bool leaf(const struct node *n)
{
	return n->kind == NODE_VALUE || n->kind == NODE_LOCAL || n->kind == NODE_FIGURE || n->kind == NODE_SUBJECT ||
	       n->kind == NODE_FIELD || n->kind == NODE_HAS_FIELD || n->kind == NODE_FAIL || n->kind == NODE_NAME;
}

const struct node *tree_part(const struct node *n, uint32_t i)
{
	if (leaf(n)) /* what they hold below are no parts: the loop of a variable, what a figure was made of */
		return NULL;
	const struct node *inner[] = {n->a, n->b, n->c};
	for (int k = 0; k < 3; k++)
		if (inner[k] && i-- == 0)
			return inner[k];
	return i < n->arg_cnt ? n->args[i] : NULL;
}

const char *tree_begin(const struct node *n)
{
	bool led = n->kind == NODE_BINARY || n->kind == NODE_AND || n->kind == NODE_OR || n->kind == NODE_CHOICE || n->kind == NODE_INDEX ||
		   n->kind == NODE_SELECT || n->kind == NODE_CALL || n->kind == NODE_LOOP;
	return led && n->a ? tree_begin(n->a) : n->at;
}

/* How tightly it holds together: a part that holds less tightly than its place needs parentheses. */
enum { BIND_CHOICE, BIND_OR, BIND_AND, BIND_RELATION, BIND_SUM, BIND_PRODUCT, BIND_SIGN, BIND_MEMBER };

static int binding(const struct node *n)
{
	switch (n->kind) {
	case NODE_CHOICE:
		return BIND_CHOICE;
	case NODE_OR:
		return BIND_OR;
	case NODE_AND:
		return BIND_AND;
	case NODE_BINARY:
		return n->op <= OP2_SUB ? BIND_SUM : n->op <= OP2_MOD ? BIND_PRODUCT : BIND_RELATION;
	case NODE_NOT:
	case NODE_NEGATE:
		return BIND_SIGN;
	default:
		return BIND_MEMBER;
	}
}

static void print_at(const struct node *n, int least, struct buf *out)
{
	bool inside = binding(n) < least;
	buf_puts(out, inside ? "(" : "");
	tree_print(n, out);
	buf_puts(out, inside ? ")" : "");
}

static void print_two(const struct node *n, struct buf *out)
{
	int b = binding(n);
	print_at(n->a, b, out);
	buf_printf(out, " " SLICE_FMT " ", SLICE_ARG(n->name));
	print_at(n->b, b + 1, out);
}

static void print_args(const struct node *n, struct buf *out)
{
	for (uint32_t i = 0; i < n->arg_cnt; i++) {
		if (i)
			buf_puts(out, n->kind == NODE_MAP && i % 2 ? ": " : ", ");
		tree_print(n->args[i], out);
	}
}

static void print_loop(const struct node *n, struct buf *out)
{
	print_at(n->a, BIND_MEMBER, out);
	buf_printf(out, "." SLICE_FMT "(" SLICE_FMT, SLICE_ARG(n->name), SLICE_ARG(n->text));
	if (n->second.p)
		buf_printf(out, ", " SLICE_FMT, SLICE_ARG(n->second));
	const struct node *rest[] = {n->b, n->c};
	for (int i = 0; i < 2; i++)
		if (rest[i]) {
			buf_puts(out, ", ");
			tree_print(rest[i], out);
		}
	buf_put_u8(out, ')');
}

static void print_call(const struct node *n, struct buf *out)
{
	if (n->a) {
		print_at(n->a, BIND_MEMBER, out);
		buf_put_u8(out, '.');
	}
	buf_printf(out, SLICE_FMT "(", SLICE_ARG(n->name));
	print_args(n, out);
	buf_put_u8(out, ')');
}

/* Names and what hangs on them. */
static void print_member(const struct node *n, struct buf *out)
{
	switch (n->kind) {
	case NODE_FIGURE:
		buf_put(out, n->text.p, n->text.len);
		return;
	case NODE_SUBJECT:
		buf_puts(out, subject_field_name((enum subject_field)n->slot));
		return;
	case NODE_FIELD:
		buf_printf(out, "call.%s", call_fields[n->slot].name);
		return;
	case NODE_HAS_FIELD:
		buf_printf(out, "has(call.%s)", call_fields[n->slot].name);
		return;
	case NODE_IN_LIST:
		buf_puts(out, "in_list(");
		cel_print(n->args[0]->value, out);
		buf_puts(out, ", ");
		tree_print(n->a, out);
		buf_put_u8(out, ')');
		return;
	case NODE_SELECT:
	case NODE_HAS:
		buf_puts(out, n->kind == NODE_HAS ? "has(" : "");
		print_at(n->a, BIND_MEMBER, out);
		buf_printf(out, "." SLICE_FMT "%s", SLICE_ARG(n->name), n->kind == NODE_HAS ? ")" : "");
		return;
	case NODE_INDEX:
		print_at(n->a, BIND_MEMBER, out);
		buf_put_u8(out, '[');
		tree_print(n->b, out);
		buf_put_u8(out, ']');
		return;
	default: /* NODE_LOCAL, NODE_NAME, NODE_FAIL */
		buf_put(out, n->name.p, n->name.len);
	}
}

void tree_print(const struct node *n, struct buf *out)
{
	switch (n->kind) {
	case NODE_VALUE:
		cel_print(n->value, out);
		return;
	case NODE_NOT:
	case NODE_NEGATE:
		buf_put_u8(out, n->kind == NODE_NOT ? '!' : '-');
		print_at(n->a, BIND_SIGN, out);
		return;
	case NODE_BINARY:
	case NODE_AND:
	case NODE_OR:
		print_two(n, out);
		return;
	case NODE_CHOICE:
		print_at(n->a, BIND_OR, out);
		buf_puts(out, " ? ");
		print_at(n->b, BIND_OR, out);
		buf_puts(out, " : ");
		tree_print(n->c, out);
		return;
	case NODE_LIST:
	case NODE_MAP:
		buf_put_u8(out, n->kind == NODE_LIST ? '[' : '{');
		print_args(n, out);
		buf_put_u8(out, n->kind == NODE_LIST ? ']' : '}');
		return;
	case NODE_CALL:
		print_call(n, out);
		return;
	case NODE_LOOP:
		print_loop(n, out);
		return;
	default:
		print_member(n, out);
	}
}

/* ---- the canonical text ---- */

struct texts {
	char **v; /* owned, each of them too */
	uint32_t cnt, cap;
};

/* The operands of a run of one operator. */
static void gather(const struct node *n, enum node_kind kind, struct texts *t)
{
	if (n->kind == kind) {
		gather(n->a, kind, t);
		gather(n->b, kind, t);
		return;
	}
	struct buf b = {0};
	tree_print_canonical(n, &b);
	buf_put_u8(&b, 0);
	if (t->cnt == t->cap) {
		t->cap = t->cap ? 2 * t->cap : 8;
		t->v = mem_realloc(t->v, t->cap * sizeof *t->v);
	}
	t->v[t->cnt++] = (char *)b.data;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void print_run(const struct node *n, struct buf *out)
{
	struct texts t = {0};
	gather(n, n->kind, &t);
	qsort(t.v, t.cnt, sizeof *t.v, by_text);
	buf_put_u8(out, '(');
	for (uint32_t i = 0; i < t.cnt; i++)
		if (i == 0 || strcmp(t.v[i], t.v[i - 1]) != 0)
			buf_printf(out, "%s%s", i ? n->kind == NODE_AND ? " && " : " || " : "", t.v[i]);
	buf_put_u8(out, ')');
	for (uint32_t i = 0; i < t.cnt; i++)
		free(t.v[i]);
	free(t.v);
}

void tree_print_canonical(const struct node *n, struct buf *out)
{
	static const char *const mirror[] = {
		[OP2_EQ] = "==", [OP2_NE] = "!=", [OP2_LT] = ">", [OP2_LE] = ">=", [OP2_GT] = "<", [OP2_GE] = "<="};
	if (n->kind == NODE_AND || n->kind == NODE_OR) {
		print_run(n, out);
	} else if (n->kind == NODE_NOT) {
		buf_put_u8(out, '!');
		tree_print_canonical(n->a, out);
	} else if (n->kind == NODE_BINARY && n->op >= OP2_EQ && n->op <= OP2_GE && n->a->kind == NODE_VALUE) {
		print_at(n->b, BIND_SUM, out);
		buf_printf(out, " %s ", mirror[n->op]);
		print_at(n->a, BIND_SUM, out);
	} else {
		tree_print(n, out);
	}
}
