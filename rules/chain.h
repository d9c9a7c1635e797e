/* SPDX-License-Identifier: Apache-2.0 */
/* All conditions of a set on one kind of subject, asked together: what they have in common is asked once. Made by chain_make.c, run by chain.c. */
#ifndef RINGFENCE_RULES_CHAIN_H
#define RINGFENCE_RULES_CHAIN_H

#include "rules/expr.h"

/* A comparison of a figure with a number: whether the value, an int, lies in the range from `low` on, which may run over the end of the ints to their
 * beginning. Of a double it is the int that sorts as it does (chain_make.c). */
struct test {
	int64_t low;
	uint64_t span;  /* less one: never empty */
	int64_t turn;   /* a double: the bits to turn over if the sign is set; an int: none */
	uint32_t place; /* bytes from the first figure's value to this one's */
	uint32_t slot;
};

/* Tests in a row. */
struct test_row {
	uint32_t first, cnt;
	uint32_t word; /* the figures that they read all stand in this word of `filled` ... */
	uint64_t need; /* ... these; 0: in more than one */
};

/* A text of the subject that has to be one text. */
struct text_test {
	struct slice text;
	uint8_t field;   /* enum subject_field */
	uint32_t cnt;    /* first of a field: so many of it, sorted */
	uint32_t branch; /* what is behind it */
};

#define CHAIN_NONE UINT32_MAX

/* A rule that is true, or whose program decides from step `from` on, all before it being true. */
struct hit {
	uint32_t rule;
	uint32_t from; /* or CHAIN_NONE */
};

/* What is behind a test that is true: more tests, all of which have to be; then rules are true, and more is asked. */
struct branch {
	struct test_row row;
	uint32_t rule;         /* CHAIN_NONE, or the one rule that is true, and there is no more */
	uint32_t hit, hit_cnt; /* else these */
	uint32_t fork;         /* or CHAIN_NONE */
};

/* The last tests of one rule. */
struct leaf {
	struct test_row row;
	uint32_t rule;
};

#define FORK_TESTS 64 /* those behind stand in another fork, `more` */

/* What is asked at one place: tests, each with a branch of its own, texts, and rules that are asked to their end. */
struct fork {
	struct test_row row;
	uint32_t branch; /* of its first test; the others follow */
	uint32_t text, text_cnt;
	uint32_t leaf, leaf_cnt;
	uint32_t more; /* or CHAIN_NONE */
};

struct chain {
	struct test *tests;
	struct text_test *texts;
	struct branch *branches; /* the first is behind nothing: what is asked of everybody */
	struct fork *forks;
	struct leaf *leaves;
	struct hit *hits;
	const struct program *const *programs; /* borrowed */
	uint32_t cnt;
	uint32_t test_cnt; /* for people: how many comparisons are left */
};

#define CHAIN_WORDS(cnt) (((size_t)(cnt) + 63) / 64)
#define CHAIN_ROOM(cnt) (9 * CHAIN_WORDS(cnt)) /* words of `holds`: a bit per rule, behind them a byte per rule */

/* Of `cnt` programs with bool values, borrowed; the chain is made in `a`. NULL: the rule in this place is not of this chain. */
void chain_make(const struct program *const *programs, uint32_t cnt, struct arena *a, struct chain *out);
/* Sets the bits of holds[CHAIN_ROOM(cnt)] to the rules whose condition is true. A condition that ends in an error is not; it is counted in errors.
 * False: none is true. */
bool chain_run(const struct chain *c, struct machine *m, const struct expr_input *in, uint64_t *errors, uint64_t *holds);

/* The first bit from `from` on; cnt: there is none. */
static inline uint32_t chain_next(const uint64_t *holds, uint32_t from, uint32_t cnt)
{
	for (uint32_t w = from / 64; w < CHAIN_WORDS(cnt); w++) {
		uint64_t bits = holds[w] & (w == from / 64 ? UINT64_MAX << (from % 64) : UINT64_MAX);
		if (bits)
			return w * 64 + (uint32_t)__builtin_ctzll(bits);
	}
	return cnt;
}

static inline void chain_clear(uint64_t *holds, uint32_t rule)
{
	holds[rule / 64] &= ~(UINT64_C(1) << (rule % 64));
}

#endif
