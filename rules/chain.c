/* SPDX-License-Identifier: Apache-2.0 */
/* DESIGN
 *   Conditions of rules begin with comparisons of figures with numbers, joined by &&, and rules of one set begin alike: the same guard, or the same
 *   account in front of every rule of a customer. So the conditions of a set are one tree: what is equal from the left is asked once for all rules that
 *   have it. At a fork all tests are asked without a jump, into the bits of a word, and then only those that are true are gone into. Behind it comes a
 *   row of tests that no other rule shares, and-ed together, with one jump at its end. What few rules share is not worth a fork behind the first one: to
 *   guess wrong costs as much as five tests. What is no such comparison is left to the rule's own program, which runs on from there when all that stands before it is true.
 *
 * GUARANTEES. Rules are true here when their programs say so (a test compares both over random sets). A figure is computed exactly when the programs
 * one by one would compute it: the tests of a fork are what each of its rules asks next, and a row whose figures are not all there is asked one by one,
 * up to the first that is false.
 *
 * ALTERNATIVES. The comparisons of all rules one behind the other with a jump each (the first version): where half of them are true the processor
 * guesses wrong at every other one, 4 M evaluations of 20 rules a second, here it is 11. A memo per comparison in place of a tree: to look it up costs
 * what the comparison costs. Sorted thresholds with a binary search at a fork: worth it from some hundred thresholds of one figure on. */
#include "rules/chain.h"
#include "rules/ast.h"
#include "rules/vm.h"

struct chain_run {
	const struct chain *c;
	struct machine *m;
	const struct expr_input *in;
	struct figures *f;
	const uint64_t *filled;
	const struct value *values; /* stays where it is while figures are filled */
	uint64_t *errors;
	uint8_t *holds; /* per rule */
};

static inline bool test_holds(const struct test *t, const struct value *values)
{
	int64_t v;
	memcpy(&v, (const char *)&values->i + t->place, sizeof v);
	v ^= (v >> 63) & t->turn;
	return (uint64_t)v - (uint64_t)t->low <= t->span;
}

static inline bool is_filled(const struct chain_run *r, uint32_t slot)
{
	return r->filled[slot / 64] >> (slot % 64) & 1;
}

static inline void fill(const struct chain_run *r, uint32_t slot)
{
	if (!is_filled(r, slot))
		r->f->fill(r->f, slot);
}

/* Whether all figures of a row are there. */
static inline bool row_is_filled(const struct chain_run *r, const struct test_row *row, const struct test *t)
{
	bool there = true;
	if (likely(row->need))
		return (r->filled[row->word] & row->need) == row->need;
	for (uint32_t i = 0; i < row->cnt; i++)
		there &= is_filled(r, t[i].slot);
	return there;
}

/* One that is computed may bring others with it. */
static void fill_row(const struct chain_run *r, const struct test_row *row, const struct test *t)
{
	uint64_t missing;
	while ((missing = row->need & ~r->filled[row->word]))
		r->f->fill(r->f, row->word * 64 + (uint32_t)__builtin_ctzll(missing));
	for (uint32_t i = 0; row->need == 0 && i < row->cnt; i++)
		fill(r, t[i].slot);
}

static bool ask_row_lazily(const struct chain_run *r, const struct test *t, uint32_t cnt)
{
	for (uint32_t i = 0; i < cnt; i++) {
		fill(r, t[i].slot);
		if (!test_holds(&t[i], r->values))
			return false;
	}
	return true;
}

/* Whether all tests of a row are true. */
static inline bool ask_row(const struct chain_run *r, const struct test_row *row)
{
	const struct test *t = r->c->tests + row->first;
	const struct value *values = r->values;
	bool all = true;
	if (row->cnt == 0)
		return true;
	if (!likely(row_is_filled(r, row, t)))
		return ask_row_lazily(r, t, row->cnt);
	for (const struct test *end = t + row->cnt; t < end; t++)
		all &= test_holds(t, values);
	return all;
}

/* The tests of a fork, each with a bit. */
static inline uint64_t ask_all(const struct chain_run *r, const struct test_row *row)
{
	const struct test *t = r->c->tests + row->first;
	const struct value *values = r->values;
	uint64_t bits = 0;
	if (row->cnt == 0)
		return 0;
	if (!likely(row_is_filled(r, row, t)))
		fill_row(r, row, t);
	for (uint32_t i = 0; i < row->cnt; i++)
		bits |= (uint64_t)test_holds(&t[i], values) << i;
	return bits;
}

static void hit_program(const struct chain_run *r, const struct hit *h)
{
	struct cel v;
	if (!program_run_from(r->c->programs[h->rule], h->from, r->m, r->in, &v, NULL))
		r->errors[h->rule]++;
	else
		r->holds[h->rule] = v.b;
}

static void go_into(const struct chain_run *r, uint32_t fork);

static __attribute__((noinline)) void go_far(const struct chain_run *r, const struct branch *b)
{
	if (!ask_row(r, &b->row))
		return;
	for (uint32_t i = b->hit; i < b->hit + b->hit_cnt; i++) {
		const struct hit *h = &r->c->hits[i];
		if (h->from != CHAIN_NONE)
			hit_program(r, h);
		else
			r->holds[h->rule] = true;
	}
	if (b->fork != CHAIN_NONE)
		go_into(r, b->fork);
}

static inline void go_behind(const struct chain_run *r, const struct branch *b)
{
	if (likely(b->rule != CHAIN_NONE))
		r->holds[b->rule] = ask_row(r, &b->row);
	else
		go_far(r, b);
}

/* The texts of one field, sorted: one of them at most is true. */
static void ask_text(const struct chain_run *r, const struct text_test *t)
{
	struct slice text = cel_slice(subject_field_get(r->in, (enum subject_field)t->field));
	uint32_t low = 0, high = t->cnt;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = slice_cmp(t[middle].text, text);
		if (order == 0) {
			go_behind(r, &r->c->branches[t[middle].branch]);
			return;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
}

static void go_into(const struct chain_run *r, uint32_t fork)
{
	for (const struct fork *k; fork != CHAIN_NONE; fork = k->more) {
		k = &r->c->forks[fork];
		for (uint32_t i = 0; i < k->text_cnt; i += r->c->texts[k->text + i].cnt)
			ask_text(r, &r->c->texts[k->text + i]);
		for (const struct leaf *l = r->c->leaves + k->leaf, *end = l + k->leaf_cnt; l < end; l++)
			r->holds[l->rule] = ask_row(r, &l->row);
		for (uint64_t bits = ask_all(r, &k->row); bits; bits &= bits - 1)
			go_behind(r, &r->c->branches[k->branch + (uint32_t)__builtin_ctzll(bits)]);
	}
}

/* Bytes, each 0 or 1, to bits. Tests write bytes: what is written next need not wait for them. */
static uint64_t pack(const uint8_t *bytes)
{
	uint64_t bits = 0;
	for (int i = 0; i < 8; i++) {
		uint64_t eight;
		memcpy(&eight, bytes + 8 * i, sizeof eight);
		bits |= (eight * UINT64_C(0x0102040810204080) >> 56) << (8 * i);
	}
	return bits;
}

bool chain_run(const struct chain *c, struct machine *m, const struct expr_input *in, uint64_t *errors, uint64_t *holds)
{
	const size_t words = CHAIN_WORDS(c->cnt);
	const struct chain_run r = {.c = c,
				    .m = m,
				    .in = in,
				    .f = in->figures,
				    .filled = in->figures ? in->figures->filled : NULL,
				    .values = in->figures ? in->figures->values : NULL,
				    .errors = errors,
				    .holds = (uint8_t *)(holds + words)};
	uint64_t any = 0;
	memset(r.holds, 0, 64 * words);
	go_behind(&r, &c->branches[0]);
	for (size_t w = 0; w < words; w++)
		any |= holds[w] = pack(r.holds + 64 * w);
	return any;
}
