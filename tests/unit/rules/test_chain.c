/* SPDX-License-Identifier: Apache-2.0 */
/* The chain of a set beside the programs of its rules one by one: the same rules are true, the same end in errors, and the same figures are computed. */
#include "rules/ruleset.h"
#include "rules/vm.h"
#include "tests/unit/unit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define RULES_CNT 200
#define SLOTS_CNT 512

static const int64_t ints[] = {0, 1, -1, 2, 40, 100, INT64_MIN, INT64_MIN + 1, INT64_MAX, INT64_MAX - 1};
static const double doubles[] = {0, -0.0, 0.5, -0.5, 0x1p-1074, -0x1p-1074, 1, 1e308, -1e308, INFINITY, -INFINITY, NAN, -NAN};
#define LENGTH(a) (sizeof(a) / sizeof *(a))

struct side {
	struct figures figures;
	uint64_t filled[SLOTS_CNT / 64];
	struct value values[SLOTS_CNT];
	uint64_t errors[RULES_CNT];
};

struct bed {
	struct arena arena;
	struct slots slots;
	struct machine machine;
	struct program programs[RULES_CNT];
	const struct program *of[RULES_CNT];
	uint32_t cnt;
	struct side chain, one_by_one;
	uint64_t holds[CHAIN_ROOM(RULES_CNT)];
};

static uint64_t seed;

static uint64_t draw(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed >> 11) % below;
}

/* The value of a slot is a matter of the slot and the round, not of the order in which they are asked for. */
static void fill(struct figures *f, uint32_t slot)
{
	const uint64_t *round = f->subject;
	uint64_t v = ((*round << 16) + slot) * UINT64_C(0x9E3779B97F4A7C15) >> 20;
	bool real = feature_info(f->keys[slot].feature)->type == VALUE_DOUBLE;
	f->values[slot] = (struct value){.type = real ? VALUE_DOUBLE : VALUE_INT};
	if (real)
		f->values[slot].d = doubles[v % LENGTH(doubles)];
	else
		f->values[slot].i = ints[v % LENGTH(ints)];
	f->filled[slot / 64] |= UINT64_C(1) << (slot % 64);
}

static int set_up(void **state)
{
	struct bed *b = mem_zalloc(sizeof *b);
	arena_init(&b->arena, 4096);
	machine_init(&b->machine, 100000);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bed *b = *state;
	arena_release(&b->arena);
	machine_release(&b->machine);
	free(b->slots.keys);
	free(b);
	return 0;
}

static void add(struct bed *b, const char *text)
{
	struct buf problems = {0};
	const struct expr_names names = {.slots = &b->slots};
	struct program *p = &b->programs[b->cnt];
	if (expr_compile(slice_of(text), (struct place){.file = "x", .line = 1, .column = 1}, &b->arena, &names, p, &problems))
		fail_msg("%s: " SLICE_FMT, text, SLICE_ARG(buf_slice(&problems)));
	b->of[b->cnt++] = p;
	buf_release(&problems);
}

static void begin(struct bed *b, struct side *s, const uint64_t *round)
{
	assert_true(b->slots.cnt <= SLOTS_CNT);
	memset(s, 0, sizeof *s);
	s->figures = (struct figures){
		.keys = b->slots.keys, .n = b->slots.cnt, .filled = s->filled, .values = s->values, .fill = fill, .subject = round};
}

static void compare(struct bed *b, const struct chain *c, uint64_t round)
{
	static const struct slice names[] = {SLICE_LIT(""), SLICE_LIT("c1"), SLICE_LIT("c2"), SLICE_LIT("c33")};
	struct expr_input in = {.account = names[round % 4], .trunk = names[round / 4 % 4]};
	bool any = false;
	begin(b, &b->chain, &round);
	begin(b, &b->one_by_one, &round);
	in.figures = &b->chain.figures;
	bool found = chain_run(c, &b->machine, &in, b->chain.errors, b->holds);
	in.figures = &b->one_by_one.figures;
	for (uint32_t i = 0; i < b->cnt; i++) {
		struct cel v = cel_bool(false);
		if (b->of[i] && !program_run(b->of[i], &b->machine, &in, &v, NULL)) {
			b->one_by_one.errors[i]++;
			v = cel_bool(false);
		}
		any |= v.b;
		if ((b->holds[i / 64] >> (i % 64) & 1) != v.b)
			fail_msg("round %llu: rule %u, " SLICE_FMT " is %d", (unsigned long long)round, i,
				 SLICE_ARG(b->of[i]->source->text), v.b);
	}
	assert_int_equal(found, any);
	assert_memory_equal(b->chain.errors, b->one_by_one.errors, sizeof b->chain.errors);
	assert_memory_equal(b->chain.filled, b->one_by_one.filled, sizeof b->chain.filled);
	machine_reset(&b->machine);
}

/* ---- random conditions ---- */

static const char *const signs[] = {"==", "!=", "<", "<=", ">", ">="};

static void put_test(struct buf *out, uint32_t windows)
{
	static const char *const counts[] = {"calls", "answered", "callees", "busy", "invalid"};
	static const char *const reals[] = {"answer_ratio", "callee_ratio", "avg_talk_s"};
	static const char *const numbers[] = {
		"0.0", "-0.0", "0.5", "-0.5", "5e-324", "1.0", "1e308", "double('NaN')", "double('Infinity')"};
	static const char *const whole[] = {"0",    "1", "-1", "2", "40", "40.5", "100u", "-9223372036854775808", "9223372036854775807",
					    "1e300"};
	const char *sign = signs[draw(6)], *not = draw(6) ? "" : "!";
	unsigned window = (unsigned)draw(windows) + 1;
	if (draw(2))
		buf_printf(out, "%s(%s['%us'] %s %s)", not, counts[draw(LENGTH(counts))], window, sign, whole[draw(LENGTH(whole))]);
	else
		buf_printf(out, "%s(%s['%us'] %s %s)", not, reals[draw(LENGTH(reals))], window, sign, numbers[draw(LENGTH(numbers))]);
}

static void put_part(struct buf *out, uint32_t windows)
{
	static const char *const others[] = {"account == 'c1'",
					     "'c2' == account",
					     "trunk == 'c33'",
					     "trunk == ''",
					     "account != 'c1'",
					     "account.startsWith('c')",
					     "100 / calls['1s'] > 2",
					     "calls['2s'] + answered['1s'] > 3",
					     "true",
					     "false"};
	uint64_t which = draw(12);
	if (which == 0) {
		buf_puts(out, "(");
		put_test(out, windows);
		buf_puts(out, " || ");
		put_test(out, windows);
		buf_puts(out, ")");
	} else if (which <= 3) {
		buf_puts(out, others[draw(LENGTH(others))]);
	} else {
		put_test(out, windows);
	}
}

static void random_set(struct bed *b, uint32_t cnt, uint32_t windows)
{
	struct buf text = {0};
	for (uint32_t i = 0; i < cnt; i++) {
		buf_reset(&text);
		put_part(&text, windows);
		for (uint64_t more = draw(5); more; more--) {
			buf_puts(&text, draw(12) ? " && " : " || ");
			put_part(&text, windows);
		}
		buf_put(&text, "", 1);
		add(b, (const char *)text.data);
	}
	buf_release(&text);
}

/* ---- */

static void chain_finds_what_the_programs_say(void **state)
{
	static const char *const texts[] = {"calls['1h'] > 1",
					    "calls['1h'] > 1 && callees['1h'] == 40",
					    "calls['1h'] > 1 && callees['1h'] == 40 && 1 / answered['1h'] == 0",
					    "calls['1h'] > 1 && callees['1h'] != 40",
					    "number == ''",
					    "number != ''",
					    "1 / 0 == 1",
					    "calls['1h'] < 10 || callees['1h'] < 10 || answered['1h'] == 10",
					    "!(calls['1h'] == 40)",
					    "false",
					    "true",
					    "calls['2h'] == 40 ? true : false"};
	struct bed *b = *state;
	struct chain c;
	for (size_t i = 0; i < LENGTH(texts); i++)
		add(b, texts[i]);
	chain_make(b->of, b->cnt, &b->arena, &c);
	for (uint64_t round = 0; round < 2000; round++)
		compare(b, &c, round);
}

static void random_sets_agree(void **state)
{
	struct bed *b = *state;
	for (seed = 1; seed < 100;) {
		uint64_t began = seed;
		seed = (seed << 32) + 88172645463325252;
		random_set(b, 1 + (uint32_t)draw(RULES_CNT), began % 3 ? 2 : 40);
		for (uint32_t i = 0; i < b->cnt; i++)
			if (draw(20) == 0)
				b->of[i] = NULL; /* a rule on another kind of subject */
		struct chain c;
		chain_make(b->of, b->cnt, &b->arena, &c);
		for (uint64_t round = 0; round < 100; round++)
			compare(b, &c, began * 1000 + round);
		b->cnt = b->slots.cnt = 0;
		arena_reset(&b->arena);
		seed = began + 1;
	}
}

/* More tests at one place than a fork has bits, and none of them in common. */
static void many_thresholds_of_one_figure_agree(void **state)
{
	struct bed *b = *state;
	struct chain c;
	char text[64];
	for (int i = 0; i < RULES_CNT; i++) {
		snprintf(text, sizeof text, "calls['1h'] > %d && answered['1h'] < %d", i, i % 7);
		add(b, text);
	}
	chain_make(b->of, b->cnt, &b->arena, &c);
	for (uint64_t round = 0; round < 500; round++)
		compare(b, &c, round);
}

static void what_rules_share_stands_once(void **state)
{
	struct bed *b = *state;
	struct chain c;
	add(b, "account == 'c1' && calls['1h'] > 40 && answered['1h'] > 1");
	add(b, "account == 'c1' && calls['1h'] > 40 && answered['1h'] > 2");
	add(b, "'c1' == account && 40 < calls['1h']");
	add(b, "account == 'c2' && calls['1h'] > 40");
	chain_make(b->of, b->cnt, &b->arena, &c);
	assert_int_equal(c.test_cnt, 2 + 2 + 2); /* two accounts, calls for each, two of answered */
}

static void next_goes_from_bit_to_bit(void **state)
{
	uint64_t holds[3] = {0};
	(void)state;
	assert_int_equal(chain_next(holds, 0, 130), 130);
	holds[0] = 1;
	holds[1] = UINT64_C(1) << 63;
	holds[2] = 2;
	assert_int_equal(chain_next(holds, 0, 130), 0);
	assert_int_equal(chain_next(holds, 1, 130), 127);
	assert_int_equal(chain_next(holds, 127, 130), 127);
	assert_int_equal(chain_next(holds, 128, 130), 129);
	chain_clear(holds, 129);
	assert_int_equal(chain_next(holds, 128, 130), 130);
	assert_int_equal(chain_next(holds, 130, 130), 130);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(chain_finds_what_the_programs_say, set_up, tear_down),
		cmocka_unit_test_setup_teardown(random_sets_agree, set_up, tear_down),
		cmocka_unit_test_setup_teardown(many_thresholds_of_one_figure_agree, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_rules_share_stands_once, set_up, tear_down),
		cmocka_unit_test(next_goes_from_bit_to_bit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
