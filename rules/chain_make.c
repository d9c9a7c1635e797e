/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the chain of a set out of its programs. Each program is read from its start for as long as its steps are comparisons that end it with false: these
 * are the atoms of its rule. If there is anything else, the rule's last word is its program. The rules are sorted by their atoms, and what is equal from
 * the left becomes one.
 *
 * PRECISION. A comparison becomes a range of ints. Doubles other than NaN sort as the ints that their bits are, if those behind the sign are turned over
 * where it is set; -0 is the int right below 0, so a range that begins or ends with zero has both. The NaNs lie outside of -inf to +inf. */
#include "rules/ast.h"
#include "rules/chain.h"
#include "rules/program.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define FEW 4        /* rules that are asked each to its end, whatever they share */
#define ATOMS_MAX 64 /* of a rule; behind them its program decides. Bounds how deep a chain goes */

struct atom {
	bool is_text;
	struct test test;
	struct text_test text;
};

/* A rule as its atoms. */
struct clause {
	const struct atom *atoms;
	uint32_t cnt;
	struct hit hit;
};

struct make {
	struct chain *out;
	struct atom *atoms;
	struct clause *clauses;
	uint32_t test_cnt, text_cnt, branch_cnt, fork_cnt, leaf_cnt, hit_cnt;
};

/* ---- a comparison as a range ---- */

static int64_t order_of(double d)
{
	int64_t v;
	memcpy(&v, &d, sizeof v);
	return v ^ ((v >> 63) & INT64_MAX);
}

/* False: nothing is in it, or (`outside`) everything; no range says that. */
static bool set_range(struct test *t, int64_t low, int64_t high, bool outside)
{
	t->low = low;
	t->span = (uint64_t)high - (uint64_t)low;
	if (!outside)
		return true;
	t->low = (int64_t)((uint64_t)high + 1); /* what is left of the ints, over their end */
	t->span = UINT64_MAX - t->span - 1;
	return !(low == INT64_MIN && high == INT64_MAX);
}

/* [first, last] is what equals the number; [min, max] what can be compared. */
static bool set_comparison(struct test *t, enum op2 op, bool not, const int64_t bounds[2], const int64_t equal[2])
{
	int64_t min = bounds[0], max = bounds[1], first = equal[0], last = equal[1];
	if (op == OP2_EQ || op == OP2_NE)
		return set_range(t, first, last, not != (op == OP2_NE));
	if ((op == OP2_LT && first == min) || (op == OP2_GT && last == max))
		return set_range(t, INT64_MIN, INT64_MAX, !not );
	if (op == OP2_LT || op == OP2_LE)
		return set_range(t, min, op == OP2_LT ? first - 1 : last, not );
	return set_range(t, op == OP2_GT ? last + 1 : first, max, not );
}

static bool set_int(struct test *t, enum op2 op, int64_t i)
{
	return set_comparison(t, op, false, (const int64_t[]){INT64_MIN, INT64_MAX}, (const int64_t[]){i, i});
}

/* `not`: it is true where the comparison is false. */
static bool set_double(struct test *t, enum op2 op, bool not, double d)
{
	t->turn = INT64_MAX;
	if (isnan(d))
		return set_range(t, INT64_MIN, INT64_MAX, not == (op == OP2_NE));
	return set_comparison(t, op, not, (const int64_t[]){order_of(-INFINITY), order_of(INFINITY)},
			      (const int64_t[]){d == 0 ? order_of(-0.0) : order_of(d), d == 0 ? order_of(0.0) : order_of(d)});
}

/* ---- the atoms of a program ---- */

/* Whether a jump to there ends the program with false. */
static bool ends_false(const struct program *p, uint32_t at)
{
	const struct step *s = &p->steps[at];
	return s->op == OP_RETURN_FALSE ||
	       (s->op == OP_CONST && s[1].op == OP_RETURN && p->constants[s->b].type == CEL_BOOL && !p->constants[s->b].b);
}

static bool read_test(const struct program *p, uint32_t at, struct atom *a)
{
	const struct step *s = &p->steps[at];
	if (s->op < OP_UNLESS_I_EQ || !ends_false(p, s->b))
		return false;
	*a = (struct atom){.test = {.slot = s->a, .place = s->a * (uint32_t)sizeof(struct value)}};
	if (s->op < OP_UNLESS_D_EQ)
		return set_int(&a->test, (enum op2)(OP2_EQ + (s->op - OP_UNLESS_I_EQ)), s->i);
	return set_double(&a->test, (enum op2)(OP2_EQ + (s->op - OP_UNLESS_D_EQ) % 6), s->op >= OP_IF_D_EQ, s->d);
}

/* account == "acme": four steps. */
static bool read_text(const struct program *p, uint32_t at, struct atom *a)
{
	const struct step *s = &p->steps[at];
	if (at + 4 > p->cnt || s[2].op != OP_EQ || s[3].op != OP_JUMP_FALSE || !ends_false(p, s[3].b))
		return false;
	const struct step *subject = s[0].op == OP_SUBJECT ? &s[0] : &s[1], *text = s[0].op == OP_SUBJECT ? &s[1] : &s[0];
	if (subject->op != OP_SUBJECT || text->op != OP_CONST || p->constants[text->b].type != CEL_STRING)
		return false;
	*a = (struct atom){.is_text = true, .text = {.text = cel_slice(p->constants[text->b]), .field = (uint8_t)subject->b, .cnt = 1}};
	return true;
}

static struct clause read_clause(const struct program *p, uint32_t rule, struct atom *atoms)
{
	struct clause c = {.atoms = atoms};
	uint32_t at = 0;
	while (c.cnt < ATOMS_MAX) {
		if (read_test(p, at, &atoms[c.cnt]))
			at++;
		else if (read_text(p, at, &atoms[c.cnt]))
			at += 4;
		else
			break;
		c.cnt++;
	}
	c.hit = (struct hit){rule, p->steps[at].op == OP_RETURN_TRUE ? CHAIN_NONE : at};
	return c;
}

/* ---- what is equal from the left ---- */

#define COMPARE(a, b)                              \
	do {                                       \
		if ((a) != (b))                    \
			return (a) < (b) ? -1 : 1; \
	} while (0)

static int atom_order(const struct atom *a, const struct atom *b)
{
	COMPARE(b->is_text, a->is_text); /* texts first */
	if (a->is_text) {
		COMPARE(a->text.field, b->text.field);
		return slice_cmp(a->text.text, b->text.text);
	}
	COMPARE(a->test.slot, b->test.slot);
	COMPARE(a->test.low, b->test.low);
	COMPARE(a->test.span, b->test.span);
	return 0;
}

/* One that ends where another goes on comes first. */
static int clause_order(const void *x, const void *y)
{
	const struct clause *a = x, *b = y;
	for (uint32_t i = 0; i < a->cnt && i < b->cnt; i++) {
		int order = atom_order(&a->atoms[i], &b->atoms[i]);
		if (order)
			return order;
	}
	COMPARE(a->cnt, b->cnt);
	COMPARE(a->hit.rule, b->hit.rule);
	return 0;
}

/* The end of the clauses from `from` on that have the same atom in place `depth`. */
static uint32_t group_end(const struct make *m, uint32_t from, uint32_t to, uint32_t depth)
{
	uint32_t at = from + 1;
	while (at < to && atom_order(&m->clauses[at].atoms[depth], &m->clauses[from].atoms[depth]) == 0)
		at++;
	return at;
}

/* ---- the tree ---- */

static uint32_t put_fork(struct make *m, uint32_t from, uint32_t to, uint32_t depth);

static void put_test(struct make *m, struct test_row *row, const struct test *t)
{
	if (row->cnt++ == 0) {
		row->first = m->test_cnt;
		row->word = t->slot / 64;
		row->need = UINT64_C(1) << (t->slot % 64);
	} else {
		row->need = row->need && row->word == t->slot / 64 ? row->need | UINT64_C(1) << (t->slot % 64) : 0;
	}
	m->out->tests[m->test_cnt++] = *t;
}

/* What is behind the first `depth` atoms, which these clauses share. */
static void put_branch(struct make *m, uint32_t branch, uint32_t from, uint32_t to, uint32_t depth)
{
	struct branch b = {.rule = CHAIN_NONE, .hit = m->hit_cnt, .fork = CHAIN_NONE};
	while (m->clauses[from].cnt > depth && !m->clauses[from].atoms[depth].is_text && group_end(m, from, to, depth) == to)
		put_test(m, &b.row, &m->clauses[from].atoms[depth++].test);
	for (; from < to && m->clauses[from].cnt == depth; from++)
		m->out->hits[m->hit_cnt++] = m->clauses[from].hit;
	b.hit_cnt = m->hit_cnt - b.hit;
	if (from == to && b.hit_cnt == 1 && m->out->hits[b.hit].from == CHAIN_NONE)
		b.rule = m->out->hits[b.hit].rule;
	if (from < to)
		b.fork = put_fork(m, from, to, depth);
	m->out->branches[branch] = b;
}

/* The first of each field knows how many there are of it. */
static void count_texts(struct text_test *texts, uint32_t cnt)
{
	for (uint32_t i = 0, first = 0; i < cnt; i++) {
		if (texts[i].field != texts[first].field)
			first = i;
		else if (i > first)
			texts[first].cnt++;
	}
}

/* Whether these clauses are asked to their end at a fork. Not the first tests of all rules, nor behind a text: these are guards, most of them false. */
static bool are_few(const struct make *m, uint32_t from, uint32_t to, uint32_t depth)
{
	if (depth == 0 || m->clauses[from].atoms[depth - 1].is_text || to - from > FEW)
		return false;
	for (; from < to; from++) {
		const struct clause *c = &m->clauses[from];
		for (uint32_t i = depth; i < c->cnt; i++)
			if (c->atoms[i].is_text)
				return false;
		if (c->hit.from != CHAIN_NONE)
			return false;
	}
	return true;
}

static void put_leaves(struct make *m, uint32_t from, uint32_t to, uint32_t depth)
{
	for (; from < to; from++) {
		const struct clause *c = &m->clauses[from];
		struct leaf *l = &m->out->leaves[m->leaf_cnt++];
		*l = (struct leaf){.rule = c->hit.rule};
		for (uint32_t i = depth; i < c->cnt; i++)
			put_test(m, &l->row, &c->atoms[i].test);
	}
}

/* The tests of one fork, as many as it holds, or all its texts. Their clauses end at the return. */
static uint32_t put_asked(struct make *m, struct fork *k, uint32_t from, uint32_t to, uint32_t depth)
{
	uint32_t at = from, end, branch = m->branch_cnt;
	k->branch = branch;
	k->text = m->text_cnt;
	for (; at < to && k->row.cnt < FORK_TESTS; at = end) {
		const struct atom *a = &m->clauses[at].atoms[depth];
		end = group_end(m, at, to, depth);
		if (are_few(m, at, end, depth))
			continue;
		if (k->text < m->text_cnt && !a->is_text)
			break;
		if (a->is_text) {
			m->out->texts[m->text_cnt] = a->text;
			m->out->texts[m->text_cnt++].branch = branch++;
		} else {
			put_test(m, &k->row, &a->test);
			branch++;
		}
	}
	k->text_cnt = m->text_cnt - k->text;
	count_texts(m->out->texts + k->text, k->text_cnt);
	return at;
}

/* Tests of a fork and their branches stand in a row: they are put before what is behind them. */
static uint32_t put_fork(struct make *m, uint32_t from, uint32_t to, uint32_t depth)
{
	uint32_t first = m->fork_cnt;
	while (from < to) {
		struct fork k = {.more = CHAIN_NONE};
		uint32_t fork = m->fork_cnt++, end = put_asked(m, &k, from, to, depth), branch = k.branch;
		m->branch_cnt += k.row.cnt + k.text_cnt;
		k.leaf = m->leaf_cnt;
		for (uint32_t at = from, next; at < end; at = next) {
			next = group_end(m, at, end, depth);
			if (are_few(m, at, next, depth))
				put_leaves(m, at, next, depth);
		}
		k.leaf_cnt = m->leaf_cnt - k.leaf;
		for (uint32_t at = from, next; at < end; at = next) {
			next = group_end(m, at, end, depth);
			if (!are_few(m, at, next, depth))
				put_branch(m, branch++, at, next, depth + 1);
		}
		from = end;
		if (from < to)
			k.more = m->fork_cnt;
		m->out->forks[fork] = k;
	}
	return first;
}

static uint32_t read_clauses(struct make *m, const struct program *const *programs, uint32_t cnt)
{
	uint32_t n = 0, atoms = 0;
	for (uint32_t i = 0; i < cnt; i++) {
		if (!programs[i])
			continue;
		m->clauses[n] = read_clause(programs[i], i, m->atoms + atoms);
		atoms += m->clauses[n++].cnt;
	}
	return n;
}

void chain_make(const struct program *const *programs, uint32_t cnt, struct arena *a, struct chain *out)
{
	struct make m = {.out = out, .branch_cnt = 1};
	size_t atoms = 1;
	for (uint32_t i = 0; i < cnt; i++)
		atoms += programs[i] ? (programs[i]->cnt < ATOMS_MAX ? programs[i]->cnt : ATOMS_MAX) + 1 : 0;
	m.atoms = mem_zalloc(atoms * sizeof *m.atoms);
	m.clauses = mem_zalloc((cnt + 1) * sizeof *m.clauses);
	uint32_t clauses = read_clauses(&m, programs, cnt);
	qsort(m.clauses, clauses, sizeof *m.clauses, clause_order);
	*out = (struct chain){.tests = arena_alloc(a, atoms * sizeof *out->tests),
			      .texts = arena_alloc(a, atoms * sizeof *out->texts),
			      .branches = arena_alloc(a, (atoms + 1) * sizeof *out->branches),
			      .forks = arena_alloc(a, (atoms + 1) * sizeof *out->forks),
			      .leaves = arena_alloc(a, (cnt + 1) * sizeof *out->leaves),
			      .hits = arena_alloc(a, (cnt + 1) * sizeof *out->hits),
			      .programs = programs,
			      .cnt = cnt};
	out->branches[0] = (struct branch){.rule = CHAIN_NONE, .fork = CHAIN_NONE};
	if (clauses)
		put_branch(&m, 0, 0, clauses, 0);
	out->test_cnt = m.test_cnt + m.text_cnt;
	free(m.atoms);
	free(m.clauses);
}
