/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/app/made.h"

#include "base/hash.h"
#include "ingest/ingest.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char root[] = "/tmp/ringfence-generate-XXXXXX";
static const struct ingest_config ingest = {.format = INPUT_JSON, .max_record_bytes = GENERATE_TOO_LONG_BYTES};

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
		cmocka_unit_test(json_decodes_as_what_was_meant),
		cmocka_unit_test(broken_records_are_refused_for_their_reason),
		cmocka_unit_test(csv_decodes_as_what_was_meant),
		cmocka_unit_test(record_ids_are_unique_but_for_duplicates),
		cmocka_unit_test(duplicate_is_the_same_record_near_or_far),
		cmocka_unit_test(late_calls_come_within_their_bounds),
		cmocka_unit_test(held_back_records_never_outgrow_their_room),
		cmocka_unit_test(impossible_wishes_are_refused_with_the_reason),
	};
	if (!mkdtemp(root))
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	char command[128];
	snprintf(command, sizeof command, "rm -rf %s", root);
	return system(command) || failed;
}
