/* SPDX-License-Identifier: Apache-2.0 */
/* DESIGN
 *   What must be true together is looked at together. A condition is taken apart into the parts of one conjunction (not is pushed inwards, so !(a || b)
 *   is one too); a part is a comparison of a figure, or a choice of further conjunctions, which stand under this one. A comparison is an interval of
 *   its figure; an interval that lies outside what the feature can be is never true, one that holds all of it always; two of one figure that do not
 *   meet contradict each other. That a rule is always true is asked as: is its negation never true?
 *
 * GUARANTEES. What is called never or always true is; what is not found may be so all the same: only comparisons of one figure with a number count.
 *   A mistake is told once: where a comparison is the reason that the rule never fires, its finding says so, and the rule has none of its own. */
#include "rules/lint.h"

#include "base/hash.h"
#include "rules/tree.h"

#include <math.h>
#include <stdio.h>

/* ---- what it works on ---- */

struct span {
	double lo, hi;
	bool lo_open, hi_open;
};

/* figure op number */
struct comparison {
	const struct node *figure;
	struct figure_key key;
	enum op2 op; /* with the figure on the left; negated if its place is */
	struct span span;
	bool number; /* the other side is one; else `span` says nothing */
};

struct part {
	const struct node *n;
	bool not ;
	struct comparison c; /* figure NULL: it is another kind of part */
	struct part *next;
};

/* Parts that must be true together, also with those above. */
struct together {
	const struct together *up;
	struct part *first, **last;
};

struct lint {
	const struct rules *rules;
	const struct rule *rule;
	struct arena arena; /* parts; of one rule */
	struct buf *out, text;
	uint32_t cnt;
	bool quiet;         /* only the answer is asked for */
	bool fires, silent; /* the rule as a whole: always true, never true */
	bool said;          /* a finding has told why */
};

static const char *const names[] = {
#define X(n, name, text) name,
	LINTS(X)
#undef X
};

static const char *const texts[] = {
#define X(n, name, text) text,
	LINTS(X)
#undef X
};

const char *lint_name(enum lint_kind k)
{
	return names[k];
}

const char *lint_text(enum lint_kind k)
{
	return texts[k];
}

static void find_at(struct lint *l, int line, int column, enum lint_kind kind, const char *fmt, va_list ap)
{
	char text[2048];
	vsnprintf(text, sizeof text, fmt, ap);
	buf_printf(l->out, "%s:%d:%d: warning: %s: " SLICE_FMT ": %s\n", l->rule->file, line, column, names[kind], SLICE_ARG(l->rule->name),
		   text);
	l->cnt++;
}

static void find_in_rule(struct lint *l, enum lint_kind kind, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void find_in_rule(struct lint *l, enum lint_kind kind, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	find_at(l, l->rule->line, l->rule->column, kind, fmt, ap);
	va_end(ap);
}

static void find(struct lint *l, const struct node *n, enum lint_kind kind, const char *fmt, ...) PRINTF_LIKE(4, 5);
static void find(struct lint *l, const struct node *n, enum lint_kind kind, const char *fmt, ...)
{
	const struct program_source *source = l->rule->program.source;
	int line, column;
	va_list ap;
	place_find(&source->place, source->text.p, tree_begin(n), &line, &column);
	va_start(ap, fmt);
	find_at(l, line, column, kind, fmt, ap);
	va_end(ap);
}

/* As it has to be true. Valid until the arena is reset. */
static const char *text_of(struct lint *l, const struct part *p)
{
	buf_reset(&l->text);
	buf_puts(&l->text, p->not ? "!(" : "");
	tree_print(p->n, &l->text);
	buf_puts(&l->text, p->not ? ")" : "");
	return arena_copy(&l->arena, buf_slice(&l->text)).p;
}

/* What follows for the rule, if a finding decides it. */
static const char *so(struct lint *l)
{
	l->said = l->said || l->silent || l->fires;
	return l->silent ? ", so the rule never fires" : l->fires ? ", so the rule is true whatever happens" : "";
}

/* ---- features ---- */

static bool is_share(const struct figure_key *k)
{
	return feature_info(k->feature)->how == HOW_RATIO && k->feature != FEATURE_IN_OUT_RATIO;
}

static bool is_health(enum feature f)
{
	return feature_info(f)->how == HOW_HEALTH;
}

static struct span range_of(const struct figure_key *k)
{
	if (is_share(k))
		return (struct span){.lo = 0, .hi = 1};
	if (is_health(k->feature))
		return (struct span){.lo = -1, .hi = 100};
	if (k->feature == FEATURE_DORMANT_DAYS)
		return (struct span){.lo = 0, .hi = 31};
	return (struct span){.lo = 0, .hi = INFINITY};
}

/* Calls made; not those received, not complaints. */
static bool counts_calls(enum feature f)
{
	const struct feature_info *i = feature_info(f);
	bool count = i->how == HOW_COUNT || i->how == HOW_TOP || i->how == HOW_RUN || i->how == HOW_PEAK;
	return count && f != FEATURE_INCOMING && f != FEATURE_IN_PARTIES && f != FEATURE_FLAGS && f != FEATURE_FLAGGED_NUMBERS;
}

/* The counter of the calls that a ratio or a mean is made of. False: the feature is neither. */
static bool divisor(enum feature f, uint8_t *counter)
{
	const struct feature_info *i = feature_info(f);
	*counter = i->how == HOW_RATIO ? i->b : i->a;
	return i->how == HOW_RATIO || i->how == HOW_AVG_TALK_S || i->how == HOW_GAP_MEAN || i->how == HOW_GAP_CV;
}

/* Whether so many of `f` are at least as many calls of that counter. */
static bool implies(enum feature f, uint8_t counter)
{
	if (!counts_calls(f))
		return false;
	if (counter == feature_info(FEATURE_CALLS)->a || feature_info(f)->a == counter)
		return true;
	for (int h = 0; h < FEATURE_CNT; h++) {
		const struct feature_info *i = feature_info((enum feature)h);
		if (i->how == HOW_RATIO && i->a == feature_info(f)->a && i->b == counter)
			return true;
	}
	return false;
}

static const char *count_name(uint8_t counter)
{
	for (int f = 0; f < FEATURE_CNT; f++)
		if (feature_info((enum feature)f)->how == HOW_COUNT && feature_info((enum feature)f)->a == counter)
			return feature_info((enum feature)f)->name;
	return "calls";
}

/* ---- intervals ---- */

static bool is_empty(struct span s)
{
	return s.lo > s.hi || (s.lo == s.hi && (s.lo_open || s.hi_open));
}

static struct span meet(struct span a, struct span b)
{
	struct span s = a;
	if (b.lo > a.lo || (b.lo == a.lo && b.lo_open)) {
		s.lo = b.lo;
		s.lo_open = b.lo_open;
	}
	if (b.hi < a.hi || (b.hi == a.hi && b.hi_open)) {
		s.hi = b.hi;
		s.hi_open = b.hi_open;
	}
	return s;
}

static bool holds_all(struct span s, struct span all)
{
	struct span m = meet(s, all);
	return m.lo == all.lo && m.hi == all.hi && !m.lo_open && !m.hi_open;
}

static bool holds_zero(struct span s)
{
	return !is_empty(meet(s, (struct span){0}));
}

/* Of an int feature: closed, between whole numbers. */
static struct span span_of(enum op2 op, double v, bool whole)
{
	struct span s = {.lo = -INFINITY, .hi = INFINITY};
	if (op == OP2_EQ || op == OP2_GE || op == OP2_GT) {
		s.lo = v;
		s.lo_open = op == OP2_GT;
	}
	if (op == OP2_EQ || op == OP2_LE || op == OP2_LT) {
		s.hi = v;
		s.hi_open = op == OP2_LT;
	}
	if (whole && isfinite(s.lo)) {
		s.lo = s.lo_open ? floor(v) + 1 : ceil(v);
		s.lo_open = false;
	}
	if (whole && isfinite(s.hi)) {
		s.hi = s.hi_open ? ceil(v) - 1 : floor(v);
		s.hi_open = false;
	}
	return s;
}

/* ---- taking a condition apart ---- */

static double number_of(struct cel v)
{
	return v.type == CEL_DOUBLE ? v.d : v.type == CEL_INT ? (double)v.i : (double)v.u;
}

/* Sees `n` as a comparison of a figure; figure stays NULL if it is none. */
static struct comparison comparison_of(const struct lint *l, const struct node *n, bool not )
{
	struct comparison c = {.figure = NULL};
	if (n->kind != NODE_BINARY || n->op < OP2_EQ || n->op > OP2_GE)
		return c;
	bool left = n->a->kind == NODE_FIGURE;
	const struct node *figure = left ? n->a : n->b, *other = left ? n->b : n->a;
	if (figure->kind != NODE_FIGURE)
		return c;
	c.figure = figure;
	c.key = l->rules->slots[l->rule->kind].keys[figure->slot];
	c.op = left ? n->op : op_mirrored(n->op);
	c.op = not ? op_opposite(c.op) : c.op;
	c.number = other->kind == NODE_VALUE && cel_numeric(other->value.type) && !isnan(number_of(other->value));
	if (c.number)
		c.span = span_of(c.op, number_of(other->value), feature_info(c.key.feature)->type == VALUE_INT);
	return c;
}

static void collect(struct lint *l, const struct node *n, bool not, struct together *t)
{
	if (n->kind == NODE_NOT) {
		collect(l, n->a, !not, t);
	} else if (n->kind == (not ? NODE_OR : NODE_AND)) {
		collect(l, n->a, not, t);
		collect(l, n->b, not, t);
	} else {
		struct part *p = arena_alloc(&l->arena, sizeof *p);
		*p = (struct part){.n = n, .not = not, .c = comparison_of(l, n, not )};
		*t->last = p;
		t->last = &p->next;
	}
}

static struct together together_under(const struct together *up)
{
	return (struct together){.up = up};
}

/* ---- findings ---- */

/* Whether a condition is a minimum sample of `c`: so many calls, inside its window, of the kind that it is made of. */
static bool is_sample(const struct comparison *g, const struct comparison *c)
{
	uint8_t counter;
	bool least = g->op == OP2_GT || g->op == OP2_GE || g->op == OP2_EQ;
	if (!g->figure || !g->number || !least || !counts_calls(g->key.feature) || holds_zero(g->span))
		return false;
	if (!divisor(c->key.feature, &counter))
		return true;
	return g->key.window_ms <= c->key.window_ms && implies(g->key.feature, counter);
}

static bool has_sample(const struct together *t, const struct comparison *c)
{
	for (; t; t = t->up)
		for (const struct part *p = t->first; p; p = p->next)
			if (is_sample(&p->c, c))
				return true;
	return false;
}

/* ["24h"], as its figure has it. */
static struct slice window_text(const struct node *figure)
{
	struct slice t = figure->text;
	for (; t.len && *t.p != '['; t.p++)
		t.len--;
	return t;
}

static void look_for_sample(struct lint *l, const struct part *p, const struct together *t)
{
	const struct comparison *c = &p->c;
	const struct feature_info *info = feature_info(c->key.feature);
	uint8_t counter;
	bool upper = c->number && (c->op == OP2_LT || c->op == OP2_LE || c->op == OP2_EQ);
	if (l->fires || !upper || !info->windowed || info->how == HOW_DORMANT || c->key.feature == FEATURE_BASELINE ||
	    !holds_zero(c->span) || has_sample(t, c))
		return;
	const char *text = text_of(l, p);
	struct slice window = window_text(c->figure);
	if (divisor(c->key.feature, &counter))
		find(l, p->n, LINT_NO_SAMPLE,
		     "%s is true of a number without such calls, for then it is 0; add a minimum like %s" SLICE_FMT " >= 100", text,
		     count_name(counter), SLICE_ARG(window));
	else if (c->key.feature == FEATURE_CALLS)
		find(l, p->n, LINT_NO_SAMPLE, "%s is true of a number that hardly calls; add a minimum, of calls in a longer window", text);
	else
		find(l, p->n, LINT_NO_SAMPLE, "%s is true of a number that hardly calls; add a minimum like calls" SLICE_FMT " >= 20", text,
		     SLICE_ARG(window));
}

static const char *range_text(struct lint *l, const struct figure_key *k)
{
	struct span r = range_of(k);
	const char *what = is_share(k) ? "a ratio" : feature_info(k->feature)->name;
	if (isinf(r.hi))
		return arena_printf(&l->arena, "%s is never below %.0f", what, r.lo).p;
	return arena_printf(&l->arena, "%s lies between %.0f and %.0f", what, r.lo, r.hi).p;
}

/* By what its feature can be, as written: 1 always true, -1 never, 0 neither. */
static int decided(const struct part *p, const struct comparison *written)
{
	struct span range = range_of(&written->key);
	if (!written->number)
		return 0;
	if (written->op == OP2_NE) {
		const struct node *other = p->n->a->kind == NODE_FIGURE ? p->n->b : p->n->a;
		struct span at = span_of(OP2_EQ, number_of(other->value), feature_info(written->key.feature)->type == VALUE_INT);
		return is_empty(at) || is_empty(meet(at, range));
	}
	if (is_empty(written->span) || is_empty(meet(written->span, range)))
		return -1;
	return holds_all(written->span, range);
}

/* What is said of a comparison by itself. True: it is decided. */
static int look_at_range(struct lint *l, const struct part *p)
{
	struct comparison written = comparison_of(l, p->n, false);
	int d = decided(p, &written);
	const struct node *other = p->n->a->kind == NODE_FIGURE ? p->n->b : p->n->a;
	bool above = written.number && is_share(&written.key) && number_of(other->value) > 1;
	if ((!d && !above) || l->quiet)
		return p->not ? -d : d;
	const char *text = text_of(l, &(struct part){.n = p->n}), *truth = d > 0 ? "always" : "never", *range = range_text(l, &written.key);
	find(l, p->n,
	     above   ? LINT_RATIO_ABOVE_ONE
	     : d > 0 ? LINT_ALWAYS_TRUE
		     : LINT_NEVER_TRUE,
	     "%s is %s true: %s%s", text, truth, range, so(l));
	return p->not ? -d : d;
}

/* phase == "resting". */
static int look_at_phase(struct lint *l, const struct part *p)
{
	const struct node *other = p->n->a->kind == NODE_FIGURE ? p->n->b : p->n->a;
	if (other->kind != NODE_VALUE || other->value.type != CEL_STRING)
		return 0;
	for (int i = 0; i < PHASE_CNT; i++)
		if (slice_is(cel_slice(other->value), phase_name((enum phase)i)))
			return 0;
	bool always = p->n->op == OP2_NE;
	const struct part written = {.n = p->n};
	if (!l->quiet && (always || p->n->op == OP2_EQ))
		find(l, p->n, always ? LINT_ALWAYS_TRUE : LINT_NEVER_TRUE,
		     "%s is %s true: a phase is active, aging, rest, limited or moderate%s", text_of(l, &written),
		     always ? "always" : "never", so(l));
	return always != p->not ? 1 : -1;
}

static const struct part *contradicts(const struct part *p, const struct together *t)
{
	for (const struct together *u = t; u; u = u->up)
		for (const struct part *o = u->first; o && o != p; o = o->next)
			if (o->c.figure && o->c.number && o->c.figure->slot == p->c.figure->slot && is_empty(meet(o->c.span, p->c.span)))
				return o;
	return NULL;
}

/* True: it is never true here. */
static bool look_at_comparison(struct lint *l, const struct part *p, const struct together *t)
{
	if (feature_info(p->c.key.feature)->type == VALUE_STRING)
		return look_at_phase(l, p) < 0;
	int d = look_at_range(l, p);
	const struct part *other = d == 0 && p->c.number ? contradicts(p, t) : NULL;
	if (l->quiet)
		return d < 0 || other;
	if (other)
		find(l, p->n, LINT_NEVER_TRUE, "%s and %s are never true together%s", text_of(l, other), text_of(l, p), so(l));
	else if (d == 0)
		look_for_sample(l, p, t);
	return d < 0 || other;
}

/* ---- the walk ---- */

static bool never(struct lint *l, const struct node *n, bool not, const struct together *up);

/* Conditions inside of what is no conjunction: of a choice, in sums, calls, loops. Each stands for itself, under `t`. */
static void look_inside(struct lint *l, const struct node *n, const struct together *t)
{
	const struct node *part;
	struct together then = together_under(t), otherwise = together_under(t);
	then.last = &then.first;
	otherwise.last = &otherwise.first;
	if (n->kind == NODE_CHOICE) {
		collect(l, n->a, false, &then);
		collect(l, n->a, true, &otherwise);
	}
	for (uint32_t i = 0; (part = tree_part(n, i)); i++) {
		const struct together *under = n->kind != NODE_CHOICE || i == 0 ? t : i == 1 ? &then : &otherwise;
		if (part->type && type_is_bool(part))
			(void)never(l, part, false, under);
		else
			look_inside(l, part, under);
	}
}

static bool part_never(struct lint *l, const struct part *p, const struct together *t)
{
	const struct node *n = p->n;
	if (n->kind == NODE_VALUE)
		return n->value.type == CEL_BOOL && n->value.b == p->not ;
	if (n->kind == NODE_AND || n->kind == NODE_OR) { /* in its place a choice: all of it has to be never true */
		bool a = never(l, n->a, p->not, t), b = never(l, n->b, p->not, t);
		return a && b;
	}
	if (p->c.figure)
		return look_at_comparison(l, p, t);
	if (!l->quiet)
		look_inside(l, n, t);
	return false;
}

/* Whether `n` (or its negation) can never be true under what is above. */
static bool never(struct lint *l, const struct node *n, bool not, const struct together *up)
{
	struct together t = together_under(up);
	bool none = false;
	t.last = &t.first;
	collect(l, n, not, &t);
	for (const struct part *p = t.first; p; p = p->next)
		none |= part_never(l, p, &t);
	return none;
}

static void look_at_condition(struct lint *l)
{
	const struct node *n = l->rule->program.source->tree;
	l->quiet = true;
	l->said = false;
	l->silent = never(l, n, false, NULL);
	l->fires = !l->silent && never(l, n, true, NULL);
	l->quiet = false;
	(void)never(l, n, false, NULL);
	if (l->silent && !l->said)
		find(l, n, LINT_NEVER_TRUE, "the rule never fires: its condition is never true");
	else if (l->fires && !l->said)
		find(l, n, LINT_ALWAYS_TRUE, "the rule is true whatever happens");
	arena_reset(&l->arena);
}

/* ---- the set ---- */

static uint64_t condition_hash(struct lint *l, const struct rule *r)
{
	buf_reset(&l->text);
	tree_print_canonical(r->program.source->tree, &l->text);
	/* the same for two minutes and for an hour is two rules; so it is by day and by night, and with others spared */
	buf_put_u64(&l->text, (uint64_t)r->for_ms);
	buf_put_u8(&l->text, (uint8_t)r->kind);
	buf_put_u64(&l->text, r->exempt ? r->fingerprint : 0);
	if (r->when) {
		const struct calendar *c = r->when;
		buf_put_u64(&l->text, (uint64_t)c->days << 32 | (uint64_t)c->own_zone << 16 | c->zone);
		for (uint32_t i = 0; i < c->span_cnt; i++)
			buf_put_u32(&l->text, (uint32_t)c->hours[i].from << 16 | c->hours[i].to);
	}
	return hash64(l->text.data, l->text.len, 0);
}

static void look_at_twins(struct lint *l, uint64_t *hashes, uint32_t i)
{
	const struct rules *r = l->rules;
	hashes[i] = condition_hash(l, l->rule);
	for (uint32_t j = 0; j < i; j++)
		if (hashes[j] == hashes[i]) {
			find(l, l->rule->program.source->tree, LINT_DUPLICATE, "the same condition as that of " SLICE_FMT " at %s:%d",
			     SLICE_ARG(r->rules[j].name), r->rules[j].file, r->rules[j].line);
			return;
		}
}

uint32_t rules_lint(const struct rules *r, struct buf *out)
{
	struct lint l = {.rules = r, .out = out};
	uint64_t *hashes = mem_alloc((r->cnt + 1) * sizeof *hashes);
	arena_init(&l.arena, 16 << 10);
	for (uint32_t i = 0; i < r->cnt; i++) {
		l.rule = &r->rules[i];
		if (!l.rule->source.p)
			find_in_rule(&l, LINT_NO_SOURCE, "no source says where its threshold comes from");
		look_at_twins(&l, hashes, i);
		look_at_condition(&l);
	}
	arena_release(&l.arena);
	buf_release(&l.text);
	free(hashes);
	return l.cnt;
}
