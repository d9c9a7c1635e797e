/* SPDX-License-Identifier: Apache-2.0 */
#include "app/meta.h"
#include "base/hash.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

static const struct meta full = {
	.id = "0123456789abcde",
	.deployment = SLICE_LIT("demo"),
	.topic = SLICE_LIT("cdr"),
	.partition = 11,
	.partitions = 12,
	.epoch = 7,
	.cdr_next = 123456789012,
	.control_next = 5,
	.relay_next = 77,
	.topic_id = UINT64_C(0x1234567890abcdef),
	.cdr_clock_ms = 1700000000000,
	.clock_ms = 1700000300000,
	.produced_ms = TIME_NONE,
	.backfill = true,
	.command_ms = -1,
	.outbox_next = UINT64_MAX,
	.counts = {.applied = 1, .duplicates = 2, .events = 3},
	.limits = {.cnt = 2, .of = {{UINT64_MAX, 1700000300000, 7}, {1, -300000, UINT32_MAX}}},
};

static struct relay_seen seen[] = {{.source = 5, .partition = 0, .kind = 1, .offset = 9, .ordinal = 1},
				   {.source = 5, .partition = 3, .kind = 0, .offset = INT64_C(1) << 40, .ordinal = 0},
				   {.source = 9, .partition = 0, .kind = 5, .offset = 1, .ordinal = 70000}};
static const struct relay_marks marks = {.v = seen, .cnt = 3, .cap = 3};

static void meta_written_reads_back(void **state)
{
	static const struct meta empty = {.cdr_next = TIME_NONE, .cdr_clock_ms = TIME_NONE};
	const struct meta *const all[] = {&full, &empty};
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct meta *m = all[i];
		struct buf b = {0}, again = {0};
		struct meta back;
		struct relay_marks read;
		struct err_text why;
		buf_puts(&b, "before"); /* appended behind what is there */
		meta_encode(m, &marks, &b);
		struct slice bytes = slice_make(b.data + 6, b.len - 6);
		assert_int_equal(meta_decode(bytes, &back, &read, &why), ERR_OK);
		assert_memory_equal(bytes.p, m->id, COMMIT_ID_BYTES); /* the store compares the first bytes */
		assert_true(slice_eq(back.deployment, m->deployment) && slice_eq(back.topic, m->topic));
		assert_true(back.partition == m->partition && back.partitions == m->partitions && back.epoch == m->epoch);
		assert_true(back.cdr_next == m->cdr_next && back.control_next == m->control_next && back.relay_next == m->relay_next &&
			    back.topic_id == m->topic_id && back.cdr_clock_ms == m->cdr_clock_ms);
		assert_true(back.clock_ms == m->clock_ms && back.produced_ms == m->produced_ms && back.backfill == m->backfill);
		assert_true(back.command_ms == m->command_ms && back.outbox_next == m->outbox_next);
		assert_memory_equal(&back.counts, &m->counts, sizeof back.counts);
		assert_int_equal(back.limits.cnt, m->limits.cnt);
		for (uint32_t k = 0; k < m->limits.cnt; k++)
			assert_true(back.limits.of[k].fingerprint == m->limits.of[k].fingerprint &&
				    back.limits.of[k].start_ms == m->limits.of[k].start_ms &&
				    back.limits.of[k].raised == m->limits.of[k].raised);
		meta_encode(&back, &read, &again);
		assert_int_equal(read.cnt, marks.cnt);
		free(read.v);
		assert_true(slice_eq(buf_slice(&again), bytes));
		buf_release(&b);
		buf_release(&again);
	}
}

static void meta_damaged_anywhere_or_cut_off_is_refused(void **state)
{
	struct buf b = {0};
	struct meta m;
	struct err_text why;
	(void)state;
	meta_encode(&full, &marks, &b);
	for (size_t i = 0; i < b.len; i++)
		for (int bit = 0; bit < 8; bit++) {
			b.data[i] ^= (uint8_t)(1 << bit);
			assert_int_equal(meta_decode(buf_slice(&b), &m, NULL, &why), ERR_CORRUPT);
			b.data[i] ^= (uint8_t)(1 << bit);
		}
	for (size_t n = 0; n < b.len; n++) {
		uint8_t *exact = malloc(n + !n); /* so that a read too far is seen */
		memcpy(exact, b.data, n);
		assert_int_equal(meta_decode(slice_make(exact, n), &m, NULL, &why), ERR_CORRUPT);
		free(exact);
	}
	assert_int_equal(meta_decode(buf_slice(&b), &m, NULL, &why), ERR_OK);
	buf_release(&b);
}

static void meta_of_a_newer_version_is_refused_as_such(void **state)
{
	struct buf b = {0};
	struct meta m;
	struct err_text why;
	(void)state;
	meta_encode(&full, &marks, &b);
	b.data[COMMIT_ID_BYTES] = 200;
	assert_int_equal(meta_decode(buf_slice(&b), &m, NULL, &why), ERR_CORRUPT);
	assert_non_null(strstr(why.text, "newer version"));
	buf_release(&b);
}

/* The checksum is right, what it covers is not. */
static void meta_with_a_right_checksum_and_wrong_length_is_refused(void **state)
{
	struct buf b = {0};
	struct meta m;
	struct err_text why;
	(void)state;
	meta_encode(&full, &marks, &b);
	b.len -= 8;
	buf_put_u32(&b, (uint32_t)hash64(b.data, b.len, 0));
	struct relay_marks read;
	assert_int_equal(meta_decode(buf_slice(&b), &m, &read, &why), ERR_CORRUPT);
	assert_non_null(strstr(why.text, "length"));
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(meta_written_reads_back),
		cmocka_unit_test(meta_damaged_anywhere_or_cut_off_is_refused),
		cmocka_unit_test(meta_of_a_newer_version_is_refused_as_such),
		cmocka_unit_test(meta_with_a_right_checksum_and_wrong_length_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
