/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "app/app.h"
#include "app/generate_inner.h"
#include "base/hash.h"
#include "base/kafka.h"
#include "ingest/ingest.h"

#include <getopt.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char root[] = "/tmp/ringfence-generate-XXXXXX";
static const struct ingest_config ingest = {.format = INPUT_JSON, .max_record_bytes = GENERATE_TOO_LONG_BYTES};

/* ---- records in memory ---- */

struct made {
	struct generate_config config;
	struct generator *generator;
	struct generated *records;
	size_t n;
};

static struct generate_config config_of(uint64_t calls, uint32_t numbers)
{
	return (struct generate_config){.seed = 1, .calls = calls, .numbers = numbers, .start_ms = GENERATE_START_MS, .zipf_milli = -1};
}

static struct made make(struct generate_config config)
{
	struct made m = {.config = config};
	struct err_text why = {""};
	size_t cap = 1024;
	assert_int_equal(generator_new(&config, &m.generator, &why), ERR_OK);
	m.records = mem_alloc(cap * sizeof *m.records);
	while (generator_next(m.generator, &m.records[m.n]))
		if (++m.n == cap) {
			cap *= 2;
			m.records = mem_realloc(m.records, cap * sizeof *m.records);
		}
	return m;
}

static void drop(struct made *m)
{
	generator_free(m->generator);
	free(m->records);
}

static enum caller_kind kind_of(const struct made *m, const struct generated *r)
{
	struct generated_caller c;
	generator_caller(m->generator, r->caller, &c);
	return c.kind;
}

/* Hash over all records as JSON and CSV. */
static uint64_t fingerprint(const struct made *m)
{
	struct buf b = {0};
	for (size_t i = 0; i < m->n; i++) {
		generated_write_json(&m->records[i], m->config.seed, &b);
		buf_put_u8(&b, '\n');
		generated_write_csv(&m->records[i], m->config.seed, &b);
		buf_put_u8(&b, '\n');
	}
	uint64_t h = hash64(b.data, b.len, 0);
	buf_release(&b);
	return h;
}

static struct generate_config with_all_faults(uint64_t calls, uint32_t numbers)
{
	struct generate_config c = config_of(calls, numbers);
	c.late_ppm = 30000;
	c.very_late_ppm = 10000;
	c.duplicate_ppm = 20000;
	c.broken_ppm = 10000;
	return c;
}

/* A week in which every kind calls. Who changes the last value changes every file ever made from a seed. */
static void same_seed_gives_same_bytes(void **state)
{
	(void)state;
	struct generate_config c = with_all_faults(20000, 300);
	struct made a = make(c), b = make(c);
	c.seed = 2;
	struct made other = make(c);
	uint64_t h = fingerprint(&a);
	assert_true(h == fingerprint(&b));
	assert_true(h != fingerprint(&other));
	assert_int_equal(h, UINT64_C(0x8083f1d04b5ac631));
	drop(&a);
	drop(&b);
	drop(&other);
}

static void plain_bytes_are_pinned(void **state)
{
	(void)state;
	struct generate_config c = config_of(5000, 1000);
	c.plain = true;
	struct made a = make(c);
	assert_int_equal(fingerprint(&a), UINT64_C(0xe6d54eb9fd53ffac));
	drop(&a);
}

static void count_is_of_calls_and_all_else_comes_on_top(void **state)
{
	(void)state;
	for (int plain = 0; plain < 2; plain++) {
		struct generate_config c = with_all_faults(20000, 500);
		c.plain = plain;
		struct made m = make(c);
		size_t calls = 0, duplicates = 0, broken = 0;
		for (size_t i = 0; i < m.n; i++) {
			calls += !m.records[i].duplicate && !m.records[i].breakage;
			duplicates += m.records[i].duplicate;
			broken += m.records[i].breakage != 0;
		}
		assert_int_equal(calls, 20000);
		assert_in_range(duplicates, 330, 470);
		assert_in_range(broken, 150, 250);
		assert_int_equal(m.n, calls + duplicates + broken);
		drop(&m);
	}
}

static void order_is_that_of_event_time(void **state)
{
	(void)state;
	for (int plain = 0; plain < 2; plain++) {
		struct generate_config c = config_of(50000, 2000);
		c.plain = plain;
		struct made m = make(c);
		for (size_t i = 1; i < m.n; i++) {
			assert_true(generated_end_ms(&m.records[i]) >= generated_end_ms(&m.records[i - 1]));
			assert_int_equal(m.records[i].serial, i + 1);
		}
		drop(&m);
	}
}

static void duration_alone_ends_the_calls(void **state)
{
	(void)state;
	struct generate_config c = config_of(0, 300);
	c.duration_ms = 10 * DAY_MS;
	struct made m = make(c);
	int64_t last_ms = generated_end_ms(&m.records[m.n - 1]);
	assert_true(last_ms <= c.start_ms + c.duration_ms);
	assert_true(last_ms > c.start_ms + c.duration_ms - DAY_MS / 4);
	assert_true(m.records[0].start_ms >= c.start_ms);
	drop(&m);
}

/* Derived from the count at the natural pace, or given, slow or fast: the calls end about when the duration does. */
static void count_and_duration_fit(void **state)
{
	(void)state;
	const int64_t durations[] = {0, 2 * DAY_MS, 9 * DAY_MS, 80 * DAY_MS};
	for (int plain = 0; plain < 2; plain++)
		for (int i = 0; i < 4; i++) {
			struct generate_config c = config_of(60000, 2000);
			c.duration_ms = durations[i];
			c.plain = plain;
			struct made m = make(c);
			int64_t took_ms = generated_end_ms(&m.records[m.n - 1]) - c.start_ms, asked_ms = generator_duration_ms(m.generator);
			assert_true(!durations[i] || asked_ms == durations[i]);
			assert_in_range(took_ms, asked_ms * 88 / 100, asked_ms * 112 / 100);
			drop(&m);
		}
}

static int by_serial(const void *a, const void *b)
{
	const struct generated *x = a, *y = b;
	return (x->serial > y->serial) - (x->serial < y->serial);
}

static void faults_do_not_reshuffle_the_calls(void **state)
{
	(void)state;
	struct made plain = make(config_of(20000, 500)), faulty = make(with_all_faults(20000, 500));
	size_t n = 0;
	for (size_t i = 0; i < faulty.n; i++)
		if (!faulty.records[i].duplicate && !faulty.records[i].breakage) {
			faulty.records[n] = faulty.records[i];
			faulty.records[n++].late = false;
		}
	faulty.n = n;
	qsort(faulty.records, n, sizeof *faulty.records, by_serial);
	assert_int_equal(n, plain.n);
	assert_true(fingerprint(&faulty) == fingerprint(&plain));
	drop(&plain);
	drop(&faulty);
}

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

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
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

static double part(size_t a, size_t b)
{
	return b ? (double)a / (double)b : 0;
}

#define WITHIN(v, least, most)                                                                             \
	do {                                                                                               \
		double got_ = (v);                                                                         \
		if (got_ < (least) || got_ > (most))                                                       \
			fail_msg("%s = %g, not from %g to %g", #v, got_, (double)(least), (double)(most)); \
	} while (0)

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

/* ---- what ingest makes of them ---- */

static void compare(const struct generated *r, const struct cdr *c)
{
	char key[GENERATED_KEY_BYTES];
	assert_int_equal(c->reason, REASON_OK);
	assert_int_equal(c->use, CDR_COUNT);
	assert_true(slice_eq(c->calling_number, slice_make(key, generated_key(r->calling, key))));
	assert_true(slice_eq(c->called_number, slice_make(key, generated_key(r->called, key))));
	assert_true(!slice_eq(c->calling_number, c->called_number));
	assert_true(c->event_ms == generated_end_ms(r) && c->start_ms == r->start_ms && c->duration_ms == c->end_ms - c->start_ms);
	assert_int_equal(c->disposition, generated_disposition(r));
	assert_int_equal(c->answered, r->talk_ms >= 0);
	assert_true(c->talk_ms == (r->talk_ms > 0 ? r->talk_ms : 0));
	assert_true(c->ring_ms == (r->ring_ms >= 0 ? r->ring_ms : CDR_NONE));
	assert_int_equal(c->stir_attest, r->attest);
	assert_int_equal(c->release_party, r->release);
	assert_int_equal(c->account_id.len > 0, r->account > 0);
	struct cdr unsaid = *c;
	unsaid.disposition = DISPOSITION_UNKNOWN;
	assert_int_equal(disposition_of(&unsaid), generated_disposition(r)); /* causes agree */
	assert_true(r->attest == 0 || c->calling_number.p[1] == '1');
}

static void json_decodes_as_what_was_meant(void **state)
{
	(void)state;
	struct buf b = {0};
	struct arena a;
	size_t bytes = 0;
	arena_init(&a, 1 << 16);
	for (int plain = 0; plain < 2; plain++) {
		struct generate_config config = config_of(30000, 1000);
		config.plain = plain;
		struct made m = make(config);
		for (size_t i = 0; i < m.n; i++) {
			struct cdr c;
			buf_reset(&b);
			arena_reset(&a);
			generated_write_json(&m.records[i], 1, &b);
			decode_json(buf_slice(&b), &ingest, &a, &c);
			compare(&m.records[i], &c);
			bytes += b.len;
		}
		drop(&m);
	}
	WITHIN(part(bytes, 60000), 300, 400);
	arena_release(&a);
	buf_release(&b);
}

static void broken_records_are_refused_for_their_reason(void **state)
{
	(void)state;
	struct generate_config config = config_of(4000, 200);
	config.broken_ppm = 200000;
	struct made m = make(config);
	struct buf b = {0};
	struct arena a;
	size_t seen[BREAKAGE_CNT] = {0};
	arena_init(&a, 1 << 16);
	for (size_t i = 0; i < m.n; i++) {
		enum breakage k = (enum breakage)m.records[i].breakage;
		struct cdr c;
		buf_reset(&b);
		arena_reset(&a);
		generated_write_json(&m.records[i], 1, &b);
		decode_json(buf_slice(&b), &ingest, &a, &c);
		assert_string_equal(reason_code((enum reason)c.reason), reason_code(breakage_reason(k, false)));
		seen[k]++;
	}
	for (int k = 1; k < BREAKAGE_CNT; k++)
		assert_in_range(seen[k], 1, k == BREAKAGE_TOO_LONG ? 12 : 300);
	arena_release(&a);
	buf_release(&b);
	drop(&m);
}

static char *path_of(const char *name)
{
	static char path[512];
	snprintf(path, sizeof path, "%s/%s", root, name);
	return path;
}

static void csv_decodes_as_what_was_meant(void **state)
{
	(void)state;
	struct made m = make(with_all_faults(20000, 500));
	struct buf b = {0};
	struct arena a;
	struct err_text why = {""};
	struct file_source *s = NULL;
	static struct cdr cdrs[512];
	size_t n = 0, at = 0;
	buf_puts(&b, generated_csv_header);
	for (size_t i = 0; i < m.n; i++) {
		buf_put_u8(&b, '\n');
		generated_write_csv(&m.records[i], 1, &b);
	}
	FILE *f = fopen(path_of("a.csv"), "w");
	assert_non_null(f);
	assert_int_equal(fwrite(b.data, 1, b.len, f), b.len);
	assert_int_equal(fclose(f), 0);
	arena_init(&a, 1 << 16);
	assert_int_equal(file_source_open(path_of("a.csv"), &ingest, &s, &why), ERR_OK);
	do {
		arena_reset(&a);
		assert_int_equal(file_source_read(s, &a, cdrs, 512, &n, &why), ERR_OK);
		for (size_t i = 0; i < n; i++, at++)
			if (m.records[at].breakage)
				assert_string_equal(reason_code((enum reason)cdrs[i].reason),
						    reason_code(breakage_reason((enum breakage)m.records[at].breakage, true)));
			else
				compare(&m.records[at], &cdrs[i]);
	} while (n > 0);
	assert_int_equal(at, m.n);
	file_source_close(s);
	arena_release(&a);
	buf_release(&b);
	drop(&m);
}

/* ---- faults ---- */

static void record_ids_are_unique_but_for_duplicates(void **state)
{
	(void)state;
	struct made m = make(with_all_faults(50000, 500));
	uint64_t *ids = mem_alloc(m.n * sizeof *ids);
	struct buf b = {0};
	size_t n = 0;
	for (size_t i = 0; i < m.n; i++) {
		if (m.records[i].duplicate || m.records[i].breakage == BREAKAGE_NOISE)
			continue;
		buf_reset(&b);
		generated_write_json(&m.records[i], 1, &b);
		const char *id = (const char *)b.data + strlen("{\"record_id\":\"");
		ids[n++] = hash64(id, strcspn(id, "\""), 0);
	}
	qsort(ids, n, sizeof *ids, by_number);
	for (size_t i = 1; i < n; i++)
		assert_true(ids[i] != ids[i - 1]);
	free(ids);
	buf_release(&b);
	drop(&m);
}

static void duplicate_is_the_same_record_near_or_far(void **state)
{
	(void)state;
	struct generate_config c = config_of(20000, 500);
	c.duplicate_ppm = 50000;
	struct made m = make(c);
	struct buf x = {0}, y = {0};
	size_t *place = mem_zalloc((c.calls + 1) * sizeof *place), near = 0, far = 0;
	for (size_t i = 0; i < m.n; i++) {
		const struct generated *r = &m.records[i];
		if (!r->duplicate) {
			place[r->serial] = i;
			continue;
		}
		const struct generated *original = &m.records[place[r->serial]];
		buf_reset(&x);
		buf_reset(&y);
		assert_true(original->serial == r->serial && original < r);
		generated_write_json(original, 1, &x);
		generated_write_json(r, 1, &y);
		assert_true(slice_eq(buf_slice(&x), buf_slice(&y)));
		near += r - original < 10;
		far += r - original > 100;
	}
	assert_in_range(near, 350, 750);
	assert_in_range(far, 200, 750);
	free(place);
	buf_release(&x);
	buf_release(&y);
	drop(&m);
}

static void late_calls_come_within_their_bounds(void **state)
{
	(void)state;
	struct generate_config c = config_of(60000, 300);
	c.late_ppm = 100000;
	c.very_late_ppm = 10000;
	c.duration_ms = 100 * DAY_MS;
	struct made m = make(c);
	int64_t clock_ms = 0;
	size_t late = 0, very = 0, too = 0, held_to_the_end = 0;
	for (size_t i = 0; i < m.n; i++) {
		const struct generated *r = &m.records[i];
		int64_t behind_ms = clock_ms - generated_end_ms(r);
		if (!r->late) {
			assert_true(behind_ms <= 0);
			clock_ms = generated_end_ms(r);
		} else if (i > 50000) {
			held_to_the_end++; /* the last ones have nothing to be late against */
		} else {
			late += behind_ms <= 6 * HOUR_MS;
			very += behind_ms > 6 * HOUR_MS;
			too += behind_ms > 31 * DAY_MS;
			assert_true(behind_ms <= 40 * DAY_MS);
		}
	}
	WITHIN(part(late, 50000), 0.09, 0.11);
	WITHIN(part(very, 50000), 0.005, 0.011);
	assert_in_range(too, 5, 100); /* these are for the dead letters */
	assert_true(held_to_the_end > 0);
	drop(&m);
}

static void held_back_records_never_outgrow_their_room(void **state)
{
	(void)state;
	struct generate_config c = config_of(GENERATE_HELD_MAX + 50000, 1000);
	c.plain = true;
	c.very_late_ppm = 1000000;
	struct generator *g = NULL;
	struct generated r;
	struct err_text why;
	uint64_t n = 0, most = 0;
	c.duration_ms = HOUR_MS; /* nothing falls due before the end */
	assert_int_equal(generator_new(&c, &g, &why), ERR_OK);
	for (; generator_next(g, &r); n++)
		most = g->held_cnt > most ? g->held_cnt : most;
	assert_int_equal(n, c.calls);
	assert_in_range(most, GENERATE_HELD_MAX - 1, GENERATE_HELD_MAX);
	generator_free(g);
}

static void impossible_wishes_are_refused_with_the_reason(void **state)
{
	(void)state;
	const struct {
		struct generate_config c;
		const char *says;
	} bad[] = {
		{{.calls = 10, .numbers = 0, .start_ms = GENERATE_START_MS}, "numbers"},
		{{.calls = 10, .numbers = 3, .start_ms = GENERATE_START_MS, .zipf_milli = -1}, "too few"},
		{{.numbers = 100, .start_ms = GENERATE_START_MS}, "a count or a duration"},
		{{.calls = 10, .numbers = 100, .start_ms = 0}, "start"},
		{{.calls = 10, .numbers = 100, .start_ms = GENERATE_START_MS, .zipf_milli = 3001}, "zipf"},
		{{.calls = 10, .numbers = 100, .start_ms = GENERATE_START_MS, .late_ppm = 1000001}, "share"},
		{{.calls = 1000000000, .numbers = 100, .start_ms = GENERATE_START_MS, .zipf_milli = -1}, "ten years"},
		{{.numbers = 100, .start_ms = GENERATE_START_MS, .duration_ms = 4000 * DAY_MS}, "days"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct generator *g = NULL;
		struct err_text why = {""};
		assert_int_equal(generator_new(&bad[i].c, &g, &why), ERR_USAGE);
		assert_null(g);
		assert_non_null(strstr(why.text, bad[i].says));
	}
}

/* ---- the verb ---- */

#define VERB(...) run_verb((char *[]){"generate", __VA_ARGS__, NULL})
static int run_verb(char **argv)
{
	int argc = 0;
	while (argv[argc])
		argc++;
	optind = 0;
	return verb_generate(argc, argv);
}

static size_t lines_of(const char *path)
{
	FILE *f = fopen(path, "r");
	size_t n = 0;
	assert_non_null(f);
	for (int c; (c = fgetc(f)) != EOF;)
		n += c == '\n';
	fclose(f);
	return n;
}

static void verb_writes_the_file_and_the_truth_beside_it(void **state)
{
	(void)state;
	char out[600], truth[700];
	snprintf(out, sizeof out, "%s", path_of("b.jsonl"));
	snprintf(truth, sizeof truth, "%s.truth.csv", out);
	assert_int_equal(VERB("--count", "2k", "--numbers", "50", "--mix", "private=9,wangiri=1", "--out", out), 0);
	assert_int_equal(lines_of(out), 2000);
	assert_int_equal(lines_of(truth), 51);
	snprintf(out, sizeof out, "%s", path_of("b.csv"));
	snprintf(truth, sizeof truth, "%s", path_of("t.csv"));
	assert_int_equal(VERB("--count", "100", "--plain", "--zipf", "0.99", "--out", out, "--truth", truth), 0);
	assert_int_equal(lines_of(out), 101);
	assert_int_equal(lines_of(truth), 101);
}

static void verb_refuses_what_it_does_not_understand(void **state)
{
	(void)state;
	assert_int_equal(VERB("--count", "many"), 2);
	assert_int_equal(VERB("--count", "1.5"), 2);
	assert_int_equal(VERB("--late", "101%"), 2);
	assert_int_equal(VERB("--late", "-1"), 2);
	assert_int_equal(VERB("--mix", "robot=1"), 2);
	assert_int_equal(VERB("--duration", "forever"), 2);
	assert_int_equal(VERB("--out", "a.xml"), 2);
	assert_int_equal(VERB("--topic", "cdr", "--format", "csv"), 2);
	assert_int_equal(VERB("somefile.jsonl"), 2);
	assert_int_equal(VERB("--count", "10", "--out", "/nowhere/a.jsonl"), 3);
}

static void write_to_a_full_disk_fails(void **state)
{
	(void)state;
	assert_int_equal(VERB("--count", "10k", "--out", "/dev/full"), 3);
}

/* librdkafka's mock cluster: all records arrive, each on the partition of its key. */
static void topic_gets_all_records_keyed_by_caller(void **state)
{
	(void)state;
	char text[512], key[GENERATED_KEY_BYTES];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_t *owner = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
	rd_kafka_mock_cluster_t *mock = rd_kafka_mock_cluster_new(owner, 1);
	assert_non_null(mock);
	assert_int_equal(rd_kafka_mock_topic_create(mock, "cdr", 3, 1), 0);
	char brokers[256];
	snprintf(brokers, sizeof brokers, "%s", rd_kafka_mock_cluster_bootstraps(mock));
	assert_int_equal(VERB("--count", "3000", "--numbers", "100", "--topic", "cdr", "--brokers", brokers), 0);

	conf = rd_kafka_conf_new();
	rd_kafka_conf_set(conf, "bootstrap.servers", brokers, text, sizeof text);
	rd_kafka_conf_set(conf, "group.id", "test", text, sizeof text);
	rd_kafka_conf_set(conf, "auto.offset.reset", "earliest", text, sizeof text);
	rd_kafka_t *consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
	rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(3);
	for (int32_t p = 0; p < 3; p++)
		rd_kafka_topic_partition_list_add(all, "cdr", p)->offset = RD_KAFKA_OFFSET_BEGINNING;
	assert_int_equal(rd_kafka_assign(consumer, all), 0);
	struct arena a;
	arena_init(&a, 1 << 14);
	size_t n = 0;
	while (n < 3000) {
		rd_kafka_message_t *m = rd_kafka_consumer_poll(consumer, 20000);
		assert_non_null(m);
		assert_int_equal(m->err, 0);
		struct cdr c;
		decode_json(slice_make(m->payload, m->len), &ingest, &a, &c);
		assert_int_equal(c.reason, REASON_OK);
		assert_true(slice_eq(c.calling_number, slice_make(m->key, m->key_len)) && m->key_len < sizeof key);
		assert_int_equal(m->partition, partition_of(PARTITION_MURMUR2, c.calling_number, 3));
		rd_kafka_message_destroy(m);
		arena_reset(&a);
		n++;
	}
	arena_release(&a);
	rd_kafka_topic_partition_list_destroy(all);
	rd_kafka_consumer_close(consumer);
	rd_kafka_destroy(consumer);
	rd_kafka_mock_cluster_destroy(mock);
	rd_kafka_destroy(owner);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_seed_gives_same_bytes),
		cmocka_unit_test(plain_bytes_are_pinned),
		cmocka_unit_test(count_is_of_calls_and_all_else_comes_on_top),
		cmocka_unit_test(order_is_that_of_event_time),
		cmocka_unit_test(duration_alone_ends_the_calls),
		cmocka_unit_test(count_and_duration_fit),
		cmocka_unit_test(faults_do_not_reshuffle_the_calls),
		cmocka_unit_test(mix_gives_the_shares_of_callers),
		cmocka_unit_test(small_group_has_one_of_each_kind),
		cmocka_unit_test(callers_have_numbers_of_their_own),
		cmocka_unit_test(campaign_shares_a_block_or_an_account),
		cmocka_unit_test(kinds_behave_as_they_are_called),
		cmocka_unit_test(private_people_redial_and_call_one_another),
		cmocka_unit_test(offices_call_in_office_hours),
		cmocka_unit_test(sleeper_is_silent_for_31_days_and_wakes),
		cmocka_unit_test(json_decodes_as_what_was_meant),
		cmocka_unit_test(broken_records_are_refused_for_their_reason),
		cmocka_unit_test(csv_decodes_as_what_was_meant),
		cmocka_unit_test(record_ids_are_unique_but_for_duplicates),
		cmocka_unit_test(duplicate_is_the_same_record_near_or_far),
		cmocka_unit_test(late_calls_come_within_their_bounds),
		cmocka_unit_test(held_back_records_never_outgrow_their_room),
		cmocka_unit_test(impossible_wishes_are_refused_with_the_reason),
		cmocka_unit_test(verb_writes_the_file_and_the_truth_beside_it),
		cmocka_unit_test(verb_refuses_what_it_does_not_understand),
		cmocka_unit_test(write_to_a_full_disk_fails),
		cmocka_unit_test(topic_gets_all_records_keyed_by_caller),
	};
	if (!mkdtemp(root))
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	char command[128];
	snprintf(command, sizeof command, "rm -rf %s", root);
	return system(command) || failed;
}
