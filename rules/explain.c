/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/explain.h"

#include "rules/program.h"
#include "rules/tree.h"
#include "rules/turn.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- what a rule says ---- */

static void put_ms(struct buf *out, int64_t ms)
{
	char text[TIME_TEXT_BYTES];
	buf_puts(out, ms ? duration_format(ms, text) : "0s");
}

static void print_keys(const struct rule *r, struct buf *out)
{
	static const char *const actions[] = {[ACTION_ALERT] = "alert", [ACTION_FLAG] = "flag", [ACTION_QUARANTINE] = "quarantine"};
	buf_printf(out, "  condition  ");
	tree_print(r->program.source->tree, out);
	for (uint32_t i = 0; i < r->param_cnt; i++) {
		buf_printf(out, "%s" SLICE_FMT " = ", i ? ", " : "\n  params     ", SLICE_ARG(r->params[i].name));
		cel_print(r->params[i].value, out);
	}
	if (r->kind != SUBJECT_NUMBER)
		buf_printf(out, "\n  cohort     %s: over %s in place of numbers", subject_kind_name(r->kind), subject_kind_plural(r->kind));
	buf_printf(out, "\n  action     %s%s, severity " SLICE_FMT "\n  times      for ", actions[r->action],
		   r->shadow ? " (shadow: changes no phase)" : "", SLICE_ARG(r->severity));
	put_ms(out, r->for_ms);
	buf_puts(out, ", keep_firing_for ");
	put_ms(out, r->keep_ms);
	buf_puts(out, ", asked again every ");
	put_ms(out, r->interval_ms);
	buf_puts(out, " while pending or firing, said again every ");
	put_ms(out, r->min_interval_ms);
	if (r->limit)
		buf_printf(out, "\n  limit      %u new alerts of it per interval and shard", r->limit);
	if (r->when || r->exempt)
		buf_printf(out, "\n  only       %s%s%s", r->when ? "in its hours (when)" : "", r->when && r->exempt ? ", and " : "",
			   r->exempt ? "of whom it does not spare (exempt)" : "");
	buf_puts(out, "\n");
}

/* ---- what it needs ---- */

static int by_length(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static void print_windows(const struct slots *slots, const struct program *p, struct buf *out)
{
	int64_t *ms = mem_alloc((p->figure_cnt + 1) * sizeof *ms);
	uint32_t cnt = 0;
	for (uint32_t i = 0; i < p->figure_cnt; i++)
		if (slots->keys[p->figure_slots[i]].window_ms)
			ms[cnt++] = slots->keys[p->figure_slots[i]].window_ms;
	qsort(ms, cnt, sizeof *ms, by_length);
	buf_puts(out, "  windows    ");
	for (uint32_t i = 0; i < cnt; i++)
		if (i == 0 || ms[i] != ms[i - 1]) {
			buf_puts(out, i ? ", " : "");
			put_ms(out, ms[i]);
		}
	buf_puts(out, cnt ? "\n" : "none\n");
	free(ms);
}

static void print_figures(const struct slots *slots, const struct program *p, struct buf *out)
{
	static const char *const types[] = {
		[VALUE_INT] = "int", [VALUE_DOUBLE] = "double", [VALUE_STRING] = "string", [VALUE_BOOL] = "bool"};
	buf_puts(out, "  figures    ");
	for (uint32_t i = 0; i < p->figure_cnt; i++) {
		const struct feature_info *info = feature_info(slots->keys[p->figure_slots[i]].feature);
		buf_printf(out, "%s" SLICE_FMT " (%s)", i ? ", " : "", SLICE_ARG(p->figures[i].text), types[info->type]);
	}
	buf_puts(out, p->figure_cnt ? "\n" : "none\n");
}

/* What else it names: bits of enum subject_field, of rows of call_fields. */
struct reads {
	uint64_t subject, fields, asked;
	struct buf lists;
};

static void gather_reads(const struct node *n, struct reads *r)
{
	const struct node *part;
	if (n->kind == NODE_SUBJECT)
		r->subject |= UINT64_C(1) << n->slot;
	else if (n->kind == NODE_FIELD)
		r->fields |= UINT64_C(1) << n->slot;
	else if (n->kind == NODE_HAS_FIELD)
		r->asked |= UINT64_C(1) << n->slot;
	else if (n->kind == NODE_IN_LIST)
		buf_printf(&r->lists, ", list " SLICE_FMT, SLICE_ARG(cel_slice(n->args[0]->value)));
	for (uint32_t i = 0; (part = tree_part(n, i)); i++)
		gather_reads(part, r);
}

static void print_reads(const struct program *p, struct buf *out)
{
	struct reads r = {.subject = 0};
	struct buf text = {0};
	gather_reads(p->source->tree, &r);
	for (uint32_t i = 0; i < SUBJECT_FIELD_CNT; i++)
		if (r.subject >> i & 1)
			buf_printf(&text, ", %s", subject_field_name((enum subject_field)i));
	for (uint32_t i = 0; i < call_field_cnt; i++) {
		if (r.fields >> i & 1)
			buf_printf(&text, ", call.%s", call_fields[i].name);
		if (r.asked >> i & 1)
			buf_printf(&text, ", has(call.%s)", call_fields[i].name);
	}
	buf_put(&text, r.lists.data, r.lists.len);
	if (text.len)
		buf_printf(out, "  reads      %.*s\n", (int)text.len - 2, (const char *)text.data + 2);
	buf_release(&text);
	buf_release(&r.lists);
}

/* ---- what it costs ---- */

static bool jumps(enum op op)
{
	return op == OP_JUMP || op == OP_JUMP_FALSE || op == OP_JUMP_TRUE || op == OP_TEST || op == OP_AND_JUMP || op == OP_OR_JUMP ||
	       op == OP_NEXT || op == OP_ALL || op == OP_EXISTS || op >= OP_UNLESS_I_EQ;
}

static bool is_quick(const struct program *p)
{
	for (uint32_t i = 0; i < p->cnt; i++)
		if (p->steps[i].op < OP_UNLESS_I_EQ && p->steps[i].op != OP_RETURN_TRUE && p->steps[i].op != OP_RETURN_FALSE)
			return false;
	return true;
}

/* The shortest and the longest way from step 0 to an end; all jumps but those of loops go forward. False: there is a loop. */
static bool ways(const struct program *p, uint32_t *least, uint32_t *most)
{
	uint32_t *low = mem_zalloc((p->cnt + 1) * 2 * sizeof *low), *high = low + p->cnt + 1;
	bool straight = true;
	for (uint32_t i = p->cnt; i-- > 0;) {
		const struct step *s = &p->steps[i];
		bool ends = s->op == OP_RETURN || s->op == OP_RETURN_TRUE || s->op == OP_RETURN_FALSE || s->op == OP_FAIL;
		uint32_t next = s->op == OP_JUMP ? s->b : i + 1, other = jumps((enum op)s->op) ? s->b : next;
		straight = straight && (ends || other > i);
		low[i] = high[i] = 1;
		if (ends || next <= i || other <= i)
			continue;
		low[i] += low[next] < low[other] ? low[next] : low[other];
		high[i] += high[next] > high[other] ? high[next] : high[other];
	}
	*least = low[0];
	*most = high[0];
	free(low);
	return straight;
}

static void print_cost(const struct program *p, struct buf *out)
{
	uint32_t least, most;
	if (!ways(p, &least, &most))
		buf_printf(out, "  cost       %u steps and a loop: ends with an error if it takes more than 100000 steps\n", p->cnt);
	else if (least == most)
		buf_printf(out, "  cost       %u step%s", most, most == 1 ? "" : "s");
	else
		buf_printf(out, "  cost       %u to %u steps", least, most);
	if (ways(p, &least, &most))
		buf_puts(out, is_quick(p) ? ", comparisons alone: no stack, no memory, cannot fail\n" : ", on the full machine\n");
}

/* ---- its program ---- */

static void print_figure(const struct program *p, uint32_t slot, struct buf *out)
{
	for (uint32_t i = 0; i < p->figure_cnt; i++)
		if (p->figure_slots[i] == slot) {
			buf_put(out, p->figures[i].text.p, p->figures[i].text.len);
			return;
		}
	buf_printf(out, "slot %u", slot);
}

static void print_comparison(const struct program *p, const struct step *s, struct buf *out)
{
	static const char *const signs[] = {"==", "!=", "<", "<=", ">", ">="};
	uint32_t at = (uint32_t)(s->op - OP_UNLESS_I_EQ);
	bool whole = s->op < OP_UNLESS_D_EQ;
	buf_puts(out, s->op < OP_IF_D_EQ ? "UNLESS       " : "IF           ");
	print_figure(p, s->a, out);
	buf_printf(out, " %s ", signs[at % 6]);
	cel_print(whole ? cel_int(s->i) : cel_double(s->d), out);
	buf_printf(out, "  to %u\n", s->b);
}

static const char *function_name(uint32_t fn)
{
	for (uint32_t i = 0; i < overload_cnt; i++)
		if (overloads[i].fn == fn)
			return overloads[i].name;
	return "?";
}

/* What stands behind the name of a step. */
static void print_operand(const struct program *p, const struct step *s, struct buf *out)
{
	switch ((enum op)s->op) {
	case OP_CONST:
	case OP_FAIL:
		cel_print(p->constants[s->b], out);
		return;
	case OP_SELECT:
	case OP_HAS:
		buf_printf(out, "." SLICE_FMT, SLICE_ARG(cel_slice(p->constants[s->b])));
		return;
	case OP_FIGURE:
		print_figure(p, s->b, out);
		return;
	case OP_SUBJECT:
		buf_puts(out, subject_field_name((enum subject_field)s->b));
		return;
	case OP_FIELD:
	case OP_HAS_FIELD:
		buf_printf(out, "call.%s", call_fields[s->b].name);
		return;
	case OP_LOCAL:
		buf_printf(out, "place %u", s->b);
		return;
	case OP_CALL:
		buf_printf(out, "%s of %u", function_name(s->b), s->a);
		return;
	case OP_MATCH:
		buf_printf(out, "pattern %u", s->b);
		return;
	case OP_IN_LIST:
		buf_printf(out, "list %u", s->b);
		return;
	case OP_LIST:
	case OP_MAP:
		buf_printf(out, "of %u", s->b);
		return;
	default:
		if (jumps((enum op)s->op))
			buf_printf(out, "to %u", s->b);
	}
}

static void print_program(const struct program *p, struct buf *out)
{
	buf_puts(out, "  program\n");
	for (uint32_t i = 0; i < p->cnt; i++) {
		const struct step *s = &p->steps[i];
		buf_printf(out, "    %4u  ", i);
		if (s->op >= OP_UNLESS_I_EQ) {
			print_comparison(p, s, out);
			continue;
		}
		size_t from = out->len;
		buf_printf(out, "%-13s", op_name((enum op)s->op));
		print_operand(p, s, out);
		while (out->len > from && out->data[out->len - 1] == ' ')
			out->len--;
		buf_puts(out, "\n");
	}
	for (uint32_t i = 0; i < p->handler_cnt; i++)
		buf_printf(out, "          errors in %u to %u go on at %u\n", p->handlers[i].from, p->handlers[i].to - 1,
			   p->handlers[i].target);
}

void rule_explain(const struct rules *r, uint32_t i, struct buf *out)
{
	const struct rule *rule = &r->rules[i];
	buf_printf(out, SLICE_FMT "  (%s:%d, group " SLICE_FMT ")\n", SLICE_ARG(rule->name), rule->file, rule->line,
		   SLICE_ARG(rule->group));
	print_keys(rule, out);
	print_figures(&r->slots[rule->kind], &rule->program, out);
	print_windows(&r->slots[rule->kind], &rule->program, out);
	print_reads(&rule->program, out);
	print_cost(&rule->program, out);
	print_program(&rule->program, out);
}

/* ---- a trace ---- */

#define TRACE_PARTS_MAX 2000
#define VALUE_WIDTH 12
#define VALUE_MAX 200 /* of a value that is shown, bytes */

struct traced {
	char *text;
	uint32_t depth;
	struct program program;
};

struct trace {
	const struct rules *rules;
	const struct rule *rule;
	struct arena arena; /* programs, texts */
	struct traced *parts;
	uint32_t cnt, cap;
	struct machine machine;
	struct state state;
	struct buf value;
	char error[256];
};

static void add_part(struct trace *t, struct node *n, uint32_t depth)
{
	struct traced part = {.depth = depth};
	if (t->cnt == TRACE_PARTS_MAX || !expr_emit_part(&t->rule->program, n, &t->arena, &part.program))
		return;
	buf_reset(&t->value);
	tree_print(n, &t->value);
	part.text = (char *)(uintptr_t)arena_copy(&t->arena, buf_slice(&t->value)).p; /* ours */
	if (t->cnt == t->cap) {
		t->cap = t->cap ? 2 * t->cap : 16;
		t->parts = mem_realloc(t->parts, t->cap * sizeof *t->parts);
	}
	t->parts[t->cnt++] = part;
}

static void add_tree(struct trace *t, struct node *n, uint32_t depth);

/* a && b && c is one thing with three parts. */
static void add_run(struct trace *t, struct node *n, enum node_kind kind, uint32_t depth)
{
	if (n->kind == kind) {
		add_run(t, n->a, kind, depth);
		add_run(t, n->b, kind, depth);
	} else {
		add_tree(t, n, depth);
	}
}

/* Every part that is no constant. What stands inside of a loop has a value per element: the loop is shown, and what it goes over. */
static void add_tree(struct trace *t, struct node *n, uint32_t depth)
{
	const struct node *part;
	if (n->kind == NODE_VALUE)
		return;
	add_part(t, n, depth);
	if (n->kind == NODE_LOOP) {
		add_tree(t, n->a, depth + 1);
	} else if (n->kind == NODE_AND || n->kind == NODE_OR) {
		add_run(t, n, n->kind, depth + 1);
	} else {
		for (uint32_t i = 0; (part = tree_part(n, i)); i++)
			add_tree(t, (struct node *)(uintptr_t)part, depth + 1); /* a part of `n`, which is ours to write to */
	}
}

struct trace *trace_new(const struct rules *r, uint32_t rule)
{
	struct trace *t = mem_zalloc(sizeof *t);
	t->rules = r;
	t->rule = &r->rules[rule];
	arena_init(&t->arena, 16 << 10);
	machine_init(&t->machine, EXPR_STEPS_MAX);
	add_tree(t, t->rule->program.source->tree, 0);
	return t;
}

void trace_free(struct trace *t)
{
	if (!t)
		return;
	arena_release(&t->arena);
	machine_release(&t->machine);
	buf_release(&t->value);
	free(t->parts);
	free(t);
}

static void find_alert(struct trace *t, const uint8_t *state, uint32_t len, struct trace_result *result)
{
	if (state_decode(state, len, &t->state, NULL))
		return;
	for (uint32_t i = 0; i < t->state.alert_cnt; i++) {
		const struct alert *a = &t->state.alerts[i];
		if (a->fingerprint != t->rule->fingerprint || !slice_eq(a->name, t->rule->name))
			continue;
		result->state = a->firing ? TRACE_FIRING : TRACE_PENDING;
		result->since_ms = a->since_ms;
		result->due_ms = a->due_ms;
	}
}

static void print_part(struct trace *t, const struct traced *part, const struct expr_input *in, struct buf *out)
{
	struct cel v;
	const char *why = NULL;
	buf_reset(&t->value);
	if (program_run(&part->program, &t->machine, in, &v, &why))
		cel_print(v, &t->value);
	else
		buf_puts(&t->value, "error");
	bool cut = t->value.len > VALUE_MAX;
	int len = cut ? VALUE_MAX : (int)t->value.len;
	buf_printf(out, "    %-*.*s%s %*s%s%s%s\n", VALUE_WIDTH, len, (const char *)t->value.data, cut ? "..." : "", (int)(2 * part->depth),
		   "", part->text, why ? "  // " : "", why ? why : "");
}

void trace_run(struct trace *t, const struct rules_scratch *s, const uint8_t *state, uint32_t len, struct buf *out,
	       struct trace_result *result)
{
	struct cel v;
	const char *why = NULL;
	*result = (struct trace_result){.since_ms = TIME_NONE, .due_ms = TIME_NONE};
	machine_reset(&t->machine);
	if (program_run(&t->rule->program, &t->machine, &s->input, &v, &why)) {
		result->holds = v.b && gate_open(s, t->rule);
		result->gated = v.b && !result->holds;
	} else {
		snprintf(t->error, sizeof t->error, "%s", why);
		result->error = t->error;
	}
	find_alert(t, state, len, result);
	for (uint32_t i = 0; i < t->cnt; i++)
		print_part(t, &t->parts[i], &s->input, out);
}
