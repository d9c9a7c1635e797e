/* SPDX-License-Identifier: Apache-2.0 */
/* That each kind of caller is what its name says: statistics of seeded worlds. */
#include "tests/unit/app/made.h"

#include "ingest/ingest.h"

/* ---- who ---- */

static void mix_gives_the_shares_of_callers(void **state)
{
	(void)state;
	struct generate_config c = config_of(1000, 1000);
	c.mix_ppm[CALLER_PRIVATE] = 70;
	c.mix_ppm[CALLER_WANGIRI] = 20;
	c.mix_ppm[CALLER_CAMPAIGN] = 10;
	struct made m = make(c);
	struct generated_caller who;
	uint32_t n[CALLER_KIND_CNT] = {0};
	for (uint32_t i = 0; i < generator_callers(m.generator); i++) {
		generator_caller(m.generator, i, &who);
		n[who.kind]++;
	}
	assert_int_equal(n[CALLER_PRIVATE], 700);
	assert_int_equal(n[CALLER_WANGIRI], 200);
	assert_int_equal(n[CALLER_CAMPAIGN], 100);
	drop(&m);
}

static void small_group_has_one_of_each_kind(void **state)
{
	(void)state;
	for (uint32_t numbers = CALLER_MIX_CNT; numbers < 60; numbers++) {
		struct made m = make(config_of(100, numbers));
		struct generated_caller who;
		uint32_t n[CALLER_KIND_CNT] = {0};
		assert_int_equal(generator_callers(m.generator), numbers);
		for (uint32_t i = 0; i < numbers; i++) {
			generator_caller(m.generator, i, &who);
			n[who.kind]++;
		}
		for (int k = 0; k < CALLER_MIX_CNT; k++)
			assert_true(n[k] > 0);
		drop(&m);
	}
}

static void callers_have_numbers_of_their_own(void **state)
{
	(void)state;
	for (int plain = 0; plain < 2; plain++) {
		struct generate_config c = config_of(1, 400000);
		c.plain = plain;
		struct made m = make(c);
		uint64_t *numbers = mem_alloc(c.numbers * sizeof *numbers);
		struct generated_caller who;
		char key[GENERATED_KEY_BYTES];
		for (uint32_t i = 0; i < c.numbers; i++) {
			generator_caller(m.generator, i, &who);
			numbers[i] = who.number;
			assert_true(e164_valid(slice_make(key, generated_key(who.number, key))));
			assert_true(who.number / UINT64_C(10000000000) != 1 || who.number / 100000 % 100 == 55); /* +1 NPA 55X */
		}
		qsort(numbers, c.numbers, sizeof *numbers, by_number);
		for (uint32_t i = 1; i < c.numbers; i++)
			assert_true(numbers[i] != numbers[i - 1]);
		free(numbers);
		drop(&m);
	}
}

static void campaign_shares_a_block_or_an_account(void **state)
{
	(void)state;
	struct generate_config c = config_of(1, 200);
	c.mix_ppm[CALLER_CAMPAIGN] = 1;
	struct made m = make(c);
	struct generated_caller first, who;
	for (uint32_t i = 0; i < c.numbers; i++) { /* five of 40 */
		generator_caller(m.generator, i / 40 * 40, &first);
		generator_caller(m.generator, i, &who);
		if (i / 40 % 2 == 0) {
			assert_int_equal(who.number / 1000, first.number / 1000);
			assert_int_equal(who.account, 0);
		} else {
			assert_int_equal(who.account, first.account);
			assert_true(who.account > 0);
		}
	}
	drop(&m);
}

/* ---- how they behave ---- */

struct habits {
	size_t calls, answered, short6, cancelled, invalid, callees;
	size_t signed_a, american, longest_row, numbers;
	uint64_t talk_ms;
};

static int by_caller_then_called(const void *a, const void *b)
{
	const struct generated *x = a, *y = b;
	if (x->caller != y->caller)
		return x->caller < y->caller ? -1 : 1;
	return (x->called > y->called) - (x->called < y->called);
}

static int by_caller_then_start(const void *a, const void *b)
{
	const struct generated *x = a, *y = b;
	if (x->caller != y->caller)
		return x->caller < y->caller ? -1 : 1;
	if (x->start_ms != y->start_ms)
		return x->start_ms < y->start_ms ? -1 : 1;
	return by_serial(a, b);
}

static void count_calls(const struct made *m, struct habits h[CALLER_KIND_CNT])
{
	struct generated_caller who;
	for (uint32_t i = 0; i < generator_callers(m->generator); i++) {
		generator_caller(m->generator, i, &who);
		h[who.kind].numbers++;
	}
	for (size_t i = 0; i < m->n; i++) {
		const struct generated *r = &m->records[i];
		struct habits *k = &h[kind_of(m, r)];
		enum disposition d = generated_disposition(r);
		k->calls++;
		k->answered += d == DISPOSITION_ANSWERED;
		k->short6 += d == DISPOSITION_ANSWERED && r->talk_ms <= 6000;
		k->talk_ms += r->talk_ms > 0 ? (uint64_t)r->talk_ms : 0;
		k->cancelled += d == DISPOSITION_CANCELLED;
		k->invalid += d == DISPOSITION_INVALID_NUMBER;
		k->american += r->calling / UINT64_C(10000000000) == 1;
		k->signed_a += r->attest == 'A';
	}
}

static void count_callees(struct made *m, struct habits h[CALLER_KIND_CNT])
{
	qsort(m->records, m->n, sizeof *m->records, by_caller_then_called);
	for (size_t i = 0; i < m->n; i++)
		if (i == 0 || by_caller_then_called(&m->records[i], &m->records[i - 1]) != 0)
			h[kind_of(m, &m->records[i])].callees++;
}

static void count_rows(struct made *m, struct habits h[CALLER_KIND_CNT])
{
	size_t row = 1;
	qsort(m->records, m->n, sizeof *m->records, by_caller_then_start);
	for (size_t i = 1; i < m->n; i++) {
		const struct generated *r = &m->records[i], *before = r - 1;
		row = r->caller == before->caller && r->called == before->called + 1 ? row + 1 : 1;
		struct habits *k = &h[kind_of(m, r)];
		k->longest_row = row > k->longest_row ? row : k->longest_row;
	}
}

static void kinds_behave_as_they_are_called(void **state)
{
	(void)state;
	struct generate_config c = config_of(0, 3000);
	struct habits h[CALLER_KIND_CNT] = {{0}};
	c.duration_ms = 7 * DAY_MS;
	struct made m = make(c);
	count_calls(&m, h);
	count_callees(&m, h);
	count_rows(&m, h);
	const struct habits *k = &h[CALLER_PRIVATE];
	WITHIN(part(k->calls, k->numbers), 15, 35);
	WITHIN(part(k->answered, k->calls), 0.55, 0.7);
	WITHIN(part(k->callees, k->calls), 0.2, 0.6);
	WITHIN(part(k->short6, k->answered), 0.02, 0.10);
	WITHIN(part(k->signed_a, k->american), 0.9, 0.96);
	k = &h[CALLER_BUSINESS];
	WITHIN(part(k->calls, k->numbers), 80, 170);
	WITHIN(part(k->callees, k->calls), 0.3, 0.9);
	k = &h[CALLER_CALL_CENTRE];
	WITHIN(part(k->calls, k->numbers), 450, 900);
	WITHIN(part(k->callees, k->calls), 0.9, 1);
	WITHIN(part(k->short6, k->answered), 0.02, 0.10);
	WITHIN(part(k->cancelled, k->calls), 0.03, 0.07);
	k = &h[CALLER_ROBODIALLER];
	WITHIN(part(k->calls, k->numbers), 4000, 16000);
	WITHIN(part(k->callees, k->calls), 0.85, 1);
	WITHIN(part(k->answered, k->calls), 0.25, 0.31);
	WITHIN(part(k->short6, k->answered), 0.4, 0.65);
	WITHIN(part(k->invalid, k->calls), 0.06, 0.1);
	k = &h[CALLER_SWEEPER];
	WITHIN(part(k->callees, k->calls), 0.95, 1);
	WITHIN(part(k->short6, k->answered), 0.9, 1);
	WITHIN((double)k->longest_row, 500, 1e6);
	k = &h[CALLER_SIM_BOX];
	WITHIN(part(k->calls, k->numbers), 200, 500);
	WITHIN(part(k->callees, k->calls), 0.95, 1);
	WITHIN((double)k->talk_ms / (double)k->answered, 150e3, 320e3);
	k = &h[CALLER_WANGIRI];
	WITHIN(part(k->cancelled, k->calls), 0.85, 0.91);
	WITHIN(part(k->american, k->calls), 0, 0);
	k = &h[CALLER_CAMPAIGN];
	WITHIN(part(k->calls, k->numbers), 45, 75);
	WITHIN(part(k->callees, k->calls), 0.99, 1);
	drop(&m);
}

static void private_people_redial_and_call_one_another(void **state)
{
	(void)state;
	struct generate_config c = config_of(40000, 1000);
	c.mix_ppm[CALLER_PRIVATE] = 1;
	struct made m = make(c);
	size_t unanswered = 0, redialled = 0, called_back = 0, people = 0;
	uint64_t *numbers = mem_alloc(c.numbers * sizeof *numbers);
	struct generated_caller who;
	for (uint32_t i = 0; i < c.numbers; i++) {
		generator_caller(m.generator, i, &who);
		numbers[i] = who.number;
	}
	qsort(numbers, c.numbers, sizeof *numbers, by_number);
	qsort(m.records, m.n, sizeof *m.records, by_caller_then_start);
	for (size_t i = 0; i + 1 < m.n; i++) {
		const struct generated *r = &m.records[i];
		bool open = generated_disposition(r) == DISPOSITION_NO_ANSWER;
		unanswered += open;
		redialled +=
			open && r[1].caller == r->caller && r[1].called == r->called && r[1].start_ms - generated_end_ms(r) < 3 * MINUTE_MS;
		called_back += bsearch(&r->called, numbers, c.numbers, sizeof *numbers, by_number) != NULL;
		people++;
	}
	WITHIN(part(redialled, unanswered), 0.4, 0.5);
	WITHIN(part(called_back, people), 0.4, 1);
	free(numbers);
	drop(&m);
}

static void offices_call_in_office_hours(void **state)
{
	(void)state;
	struct generate_config c = config_of(20000, 300);
	c.mix_ppm[CALLER_BUSINESS] = 1;
	struct made m = make(c);
	size_t british = 0;
	for (size_t i = 0; i < m.n; i++) {
		const struct generated *r = &m.records[i];
		if (r->calling / UINT64_C(10000000000) != 44)
			continue;
		int64_t days = r->start_ms / DAY_MS, hour = r->start_ms % DAY_MS / HOUR_MS;
		british++;
		assert_true((days + 3) % 7 != 6); /* Sunday */
		assert_in_range(hour, 7, 19);
	}
	assert_true(british > 500);
	drop(&m);
}

static void sleeper_is_silent_for_31_days_and_wakes(void **state)
{
	(void)state;
	struct generate_config c = config_of(0, 30);
	c.mix_ppm[CALLER_SLEEPER] = 1;
	const int64_t durations[] = {34 * DAY_MS, 60 * DAY_MS};
	for (int d = 0; d < 2; d++) {
		c.duration_ms = durations[d];
		struct made m = make(c);
		size_t slept[30] = {0}, after[30] = {0}, before[30] = {0};
		qsort(m.records, m.n, sizeof *m.records, by_caller_then_start);
		for (size_t i = 0; i < m.n; i++) {
			const struct generated *r = &m.records[i];
			if (i && r[-1].caller == r->caller && r->start_ms - generated_end_ms(r - 1) > 31 * DAY_MS)
				slept[r->caller]++;
			if (slept[r->caller])
				after[r->caller]++;
			else
				before[r->caller]++;
		}
		size_t whole = 0;
		for (int i = 0; i < 30; i++)
			whole += slept[i] == 1 && before[i] > 0 && before[i] < 200 && after[i] > 300;
		assert_in_range(whole, durations[d] > 40 * DAY_MS ? 30 : 20, 30);
		drop(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mix_gives_the_shares_of_callers),   cmocka_unit_test(small_group_has_one_of_each_kind),
		cmocka_unit_test(callers_have_numbers_of_their_own), cmocka_unit_test(campaign_shares_a_block_or_an_account),
		cmocka_unit_test(kinds_behave_as_they_are_called),   cmocka_unit_test(private_people_redial_and_call_one_another),
		cmocka_unit_test(offices_call_in_office_hours),      cmocka_unit_test(sleeper_is_silent_for_31_days_and_wakes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
