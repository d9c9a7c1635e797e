/* SPDX-License-Identifier: Apache-2.0 */
/* The stored form: round trips, damage, sizes, and the blocks that a commit writes. */
#include "tests/unit/unit.h"

#include "base/hash.h"
#include "scoring/store.h"
#include "tests/unit/scoring/naive_rig.h"

#include <stdio.h>
#include <stdlib.h>

/* What a store would hold. */
struct stored {
	uint8_t bytes[RECORD_MAX_BYTES];
	uint32_t len, written; /* written by the last commit */
	uint64_t commits, whole;
};

static void commit(struct rig *r, struct stored *st)
{
	struct buf out = {0};
	uint16_t room[RECORD_BLOCKS_MAX];
	struct record_put put;
	record_store(r->table, r->subject, &out, room, &put);
	if (!put.value.p)
		put.value.p = (const char *)out.data;
	assert_true(put.value.len <= RECORD_MAX_BYTES);
	st->commits++;
	st->written = 0;
	if (!put.blocks) {
		memcpy(st->bytes, put.value.p, put.value.len);
		st->written = put.value.len;
		st->whole++;
	}
	for (uint32_t i = 0; put.blocks && i < put.block_cnt; i++) {
		uint32_t from = put.blocks[i] * (uint32_t)STORE_BLOCK_BYTES, left = put.value.len - from;
		assert_true(from < put.value.len && (i == 0 || put.blocks[i - 1] < put.blocks[i]));
		uint32_t n = left < STORE_BLOCK_BYTES ? left : STORE_BLOCK_BYTES;
		memcpy(st->bytes + from, put.value.p + from, n);
		st->written += n;
	}
	assert_true(!put.blocks || put.value.len >= st->len);
	st->len = put.value.len;
	assert_memory_equal(st->bytes, put.value.p, st->len); /* every change was named */
	buf_release(&out);
}

static struct slice canonical(const struct subject *s, struct buf *b)
{
	buf_reset(b);
	record_encode(s, b);
	return buf_slice(b);
}

/* What is stored says the same as what is in memory. */
static void check_stored(struct rig *r, const struct stored *st)
{
	struct buf a = {0}, b = {0};
	struct subject s;
	struct err_text why;
	if (record_decode(slice_make(st->bytes, st->len), &s, &why) != ERR_OK)
		fail_msg("%s", why.text);
	struct slice want = canonical(r->subject, &a), got = canonical(&s, &b);
	assert_int_equal(want.len, got.len);
	assert_memory_equal(want.p, got.p, want.len);
	subject_release(&s);
	buf_release(&a);
	buf_release(&b);
}

static void reload(struct rig *r, const struct stored *st)
{
	struct err_text why;
	uint64_t hash = r->subject->key_hash;
	table_clear(r->table);
	if (table_load(r->table, slice_of(r->key), hash, slice_make(st->bytes, st->len), &r->subject, &why) != ERR_OK)
		fail_msg("%s", why.text);
}

static void add(struct rig *r, bool cohort)
{
	struct cdr c = rig_cdr(r);
	(void)cohort;
	struct facts f;
	bool late;
	facts_of(&c, &f);
	if (cohort)
		(void)subject_add_copy(r->table, r->subject, &f, number_pack(c.calling_number), 6 * HOUR_MS, &late);
	else
		(void)subject_add_call(r->table, r->subject, &c, 6 * HOUR_MS, &late);
	if (rig_roll(r, 3) == 0)
		subject_add_incoming(r->table, r->subject, c.event_ms, rig_roll(r, 3000) * UINT64_C(0x9e3779b97f4a7c15), c.event_ms);
	if (rig_roll(r, 200) == 0)
		subject_add_flag(r->table, r->subject, c.event_ms);
	if (rig_roll(r, 50) == 0)
		subject_add_flagged(r->table, r->subject, 1 + rig_roll(r, 500), c.event_ms);
	if (rig_roll(r, 300) == 0) {
		uint8_t state[4096];
		uint32_t len = (uint32_t)rig_roll(r, rig_roll(r, 4) ? 100 : sizeof state);
		for (uint32_t i = 0; i < len; i++)
			state[i] = (uint8_t)rig_roll(r, 256);
		table_set_state(r->table, r->subject, state, len);
	}
}

/* Commits of 1 to many calls, loads in between, against the same stream never stored. */
static void stored_form_is_what_memory_holds_after_any_commits(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 24; seed++) {
		struct rig r, plain;
		struct stored *st = calloc(1, sizeof *st);
		struct buf a = {0}, b = {0};
		rig_init(&r, seed, seed % 3 == 0);
		r.shape = rig_shape(&r);
		r.naive.cohort = seed % 3 == 0;
		plain = r;
		rig_init(&plain, seed, seed % 3 == 0);
		plain.shape = r.shape;
		plain.seed = r.seed;
		uint64_t steps = 0;
		for (int i = 0; i < 120; i++) {
			uint64_t n = i % 3 == 0 ? 1 : steps++ % 5 == 0 ? 150 : steps % 40;
			for (uint64_t k = 0; k <= n; k++) {
				add(&r, seed % 3 == 0);
				add(&plain, seed % 3 == 0);
			}
			commit(&r, st);
			check_stored(&r, st);
			if (i % 4 == 0)
				reload(&r, st);
			struct slice x = canonical(r.subject, &a), y = canonical(plain.subject, &b);
			assert_int_equal(x.len, y.len);
			assert_memory_equal(x.p, y.p, x.len);
		}
		buf_release(&a);
		buf_release(&b);
		rig_release(&r);
		rig_release(&plain);
		free(st);
	}
}

static const struct shape dialler = {.gap_ms = 2678,
				     .late_a_1000 = 20,
				     .late_places = 20,
				     .quantum_ms = 1,
				     .lasted_ms = 20000,
				     .callees = 400000,
				     .callers = 50,
				     .answered_a_1000 = 200};

#define CONTACT_BYTES 12 /* as stored: time and number */

static void record_of_a_million_calls_fits_48_kib_and_a_call_writes_4_kib_at_most(void **state)
{
	(void)state;
	for (int variant = 0; variant < 2; variant++) {
		struct rig r;
		struct stored *st = calloc(1, sizeof *st);
		uint32_t most = 0, n = 0;
		uint64_t sum = 0;
		rig_init(&r, 7 + (uint64_t)variant, false);
		r.shape = dialler;
		r.shape.lasted_same = variant;
		for (int i = 0; i < 1000000; i++) {
			struct cdr c = rig_cdr(&r);
			bool late;
			(void)subject_add_call(r.table, r.subject, &c, 6 * HOUR_MS, &late);
			bool one = i > 400 && i % 20000 < 60;
			if (one || i % 500 == 0)
				commit(&r, st);
			if (one && i % 20000 > 0 && st->written < st->len) {
				most = st->written > most ? st->written : most;
				sum += st->written;
				n++;
			}
			if (i % 50000 == 17)
				reload(&r, st);
		}
		commit(&r, st);
		check_stored(&r, st);
		print_message("a record of a million calls takes %u bytes; one more call writes %.0f bytes on average, %u at most (%llu of "
			      "%llu commits whole)\n",
			      st->len, (double)sum / n, most, (unsigned long long)st->whole, (unsigned long long)st->commits);
		assert_true(st->len <= 48 * 1024 + CONTACTS_MAX * CONTACT_BYTES); /* DESIGN: contacts apart */
		assert_true(most <= 4096);
		rig_release(&r);
		free(st);
	}
}

static uint32_t size_of(uint32_t made, uint32_t received)
{
	struct rig r;
	struct buf out = {0};
	uint32_t worst = 0;
	for (uint64_t seed = 1; seed <= 50; seed++) {
		uint16_t room[RECORD_BLOCKS_MAX];
		struct record_put put;
		rig_init(&r, seed, false);
		r.shape = rig_shape(&r);
		r.shape.gap_ms = 12 * HOUR_MS;
		r.subject->sequence = (uint64_t)r.subject->since_ms;
		for (uint32_t i = 0; i < made + received; i++) {
			struct cdr c = rig_cdr(&r);
			bool late;
			if (i < made)
				(void)subject_add_call(r.table, r.subject, &c, 6 * HOUR_MS, &late);
			else
				subject_add_incoming(r.table, r.subject, c.event_ms, ~rig_roll(&r, 1000), c.event_ms);
		}
		buf_reset(&out);
		record_store(r.table, r.subject, &out, room, &put);
		worst = put.value.len > worst ? put.value.len : worst;
		rig_release(&r);
	}
	buf_release(&out);
	return worst;
}

static void sizes_are_those_of_the_design(void **state)
{
	(void)state;
	uint32_t four = size_of(4, 0), twenty = size_of(20, 0), received = size_of(0, 5);
	print_message("4 calls %u, 20 calls %u, 5 received %u bytes at most\n", four, twenty, received);
	assert_true(four <= 240 && twenty <= 640 && received <= 120);
}

static void refuse(const uint8_t *bytes, size_t len)
{
	struct subject got;
	struct err_text why;
	uint8_t *copy = malloc(len + 1); /* of its own, so that reading past the end is seen */
	memcpy(copy, bytes, len);
	assert_int_equal(record_decode(slice_make(copy, len), &got, &why), ERR_CORRUPT);
	free(copy);
}

/* The base of received calls follows the shard's clock, which may be far ahead of the calls that a subject received. */
static void calls_received_far_behind_the_clock_read_back(void **state)
{
	static const int64_t behind_days[] = {0, 1, 37, 38, 39, 100, 3000};
	(void)state;
	for (size_t i = 0; i < sizeof behind_days / sizeof *behind_days; i++) {
		struct rig r;
		struct buf b = {0}, again = {0};
		struct subject got;
		struct err_text why = {""};
		int64_t now = INT64_C(1741000000000), then = now - behind_days[i] * DAY_MS;
		rig_init(&r, 1, false);
		subject_add_incoming(r.table, r.subject, then, 7, now);
		record_encode(r.subject, &b);
		if (record_decode(buf_slice(&b), &got, &why))
			fail_msg("%lld days behind: %s", (long long)behind_days[i], why.text);
		assert_int_equal(subject_received(&got), 1);
		assert_int_equal(subject_end_ms(&got, DAY_MS), subject_end_ms(r.subject, DAY_MS));
		record_encode(&got, &again);
		assert_true(slice_eq(buf_slice(&b), buf_slice(&again)));
		subject_release(&got);
		buf_release(&b);
		buf_release(&again);
		rig_release(&r);
	}
}

static void damaged_record_is_refused(void **state)
{
	(void)state;
	const uint32_t calls[] = {1, 4, 100, 700};
	for (size_t k = 0; k < 4; k++) {
		struct rig r;
		struct stored *st = calloc(1, sizeof *st);
		rig_init(&r, k + 1, false);
		r.shape = rig_shape(&r);
		for (uint32_t i = 0; i < calls[k]; i++)
			add(&r, false);
		commit(&r, st);
		check_stored(&r, st);
		for (uint32_t i = 0; i < st->len; i += k < 2 ? 1 : 7) {
			uint8_t bit = (uint8_t)(1 << rig_roll(&r, 8));
			st->bytes[i] ^= bit;
			refuse(st->bytes, st->len);
			st->bytes[i] ^= bit;
			refuse(st->bytes, i);
		}
		rig_release(&r);
		free(st);
	}
}

/* Written before there were ledgers: 129 calls, and 40 days later four more, all answered. */
static const char before_ledgers[] =
	"01010f4080e0a0b7f166c08e83e0190085018501a8cb2800ffdfa0b7f1660000f2bea9fa130400000404a09c0100000001d0dc83e01992f2a50300000004d0bf"
	"a3978b67012cda9e03006c81000000078827904eab04d00f022cda9e03006c82000000078827904eab04d00f812bda9e03006c83000000078827904eab04d00f"
	"812bda9e03006c84000000078827904eab040103d0bfa3978b67012cda9e03006cd00f022cda9e03006ca01f812bda9e03006c0501c0eea3978b67ab04ee92f5"
	"83";

static void record_from_before_ledgers_knows_that_contacts_may_be_missing(void **state)
{
	(void)state;
	uint8_t bytes[sizeof before_ledgers / 2];
	struct subject got, again;
	struct err_text why = {""};
	struct contact contacts[8];
	struct contact_rest rest;
	struct buf b = {0};
	for (size_t i = 0; i < sizeof bytes; i++) {
		char two[3] = {before_ledgers[2 * i], before_ledgers[2 * i + 1], '\0'};
		bytes[i] = (uint8_t)strtoul(two, NULL, 16);
	}
	if (record_decode(slice_make(bytes, sizeof bytes), &got, &why))
		fail_msg("%s", why.text);
	assert_int_equal(subject_contacts(&got, got.clock_ms, contacts, 8, &rest), 3);
	assert_false(rest.complete);
	assert_int_equal(rest.lost_ms, got.clock_ms - 3000); /* its oldest exact call */
	(void)subject_contacts(&got, rest.lost_ms + WINDOW_MAX_MS, contacts, 8, &rest);
	assert_true(rest.complete);
	record_encode(&got, &b);
	assert_int_equal(b.data[0], 2);
	if (record_decode(buf_slice(&b), &again, &why))
		fail_msg("%s", why.text);
	assert_int_equal(subject_contacts(&again, got.clock_ms, contacts, 8, &rest), 3);
	assert_false(rest.complete);
	subject_release(&got);
	subject_release(&again);
	buf_release(&b);
}

static void newer_version_is_refused_by_name(void **state)
{
	(void)state;
	struct rig r;
	struct buf b = {0};
	struct subject got;
	struct err_text why;
	rig_init(&r, 1, false);
	record_encode(r.subject, &b);
	b.data[0] = 3;
	assert_int_equal(record_decode(buf_slice(&b), &got, &why), ERR_CORRUPT);
	assert_non_null(strstr(why.text, "newer"));
	buf_release(&b);
	rig_release(&r);
}

static void table_evicts_down_to_its_ceiling(void **state)
{
	(void)state;
	struct table *t = table_new(400000);
	for (int i = 0; i < 5000; i++) {
		char key[20];
		uint64_t id = (uint64_t)i;
		snprintf(key, sizeof key, "+1555%07d", i);
		table_add(t, slice_of(key), hash64(&id, 8, 0), 0, -1);
	}
	table_evict(t);
	assert_true(table_bytes(t) <= 400000 && table_subjects(t) > 100);
	table_free(t);
}

/* Histories move in memory when others grow or go; each stays its own. */
static void subjects_keep_their_calls_while_others_come_and_go(void **state)
{
	(void)state;
	enum { SUBJECTS = 300 };
	struct rig r;
	struct table *t = table_new(0);
	uint64_t calls[SUBJECTS] = {0};
	char key[20];
	rig_init(&r, 3, false);
	r.shape = rig_shape(&r);
	for (int i = 0; i < 30000; i++) {
		int k = (int)rig_roll(&r, SUBJECTS) * (int)rig_roll(&r, SUBJECTS) / SUBJECTS;
		bool late;
		snprintf(key, sizeof key, "+1555%07d", k);
		uint64_t hash = hash64(key, strlen(key), 0);
		struct subject *s = table_find(t, slice_of(key), hash);
		if (!s)
			s = table_add(t, slice_of(key), hash, 0, -1);
		struct cdr c = rig_cdr(&r);
		c.callee = slice_of(key);
		if (subject_add_call(t, s, &c, 6 * HOUR_MS, &late) == CALL_APPLIED)
			calls[k]++;
	}
	for (int k = 0; k < SUBJECTS; k++) {
		struct figures f = {0};
		struct figure_key keys[] = {{.feature = FEATURE_CALLEES, .window_ms = WINDOW_MAX_MS},
					    {.feature = FEATURE_TOP_CALLEE, .window_ms = WINDOW_MAX_MS}};
		uint64_t filled[1];
		struct value values[2];
		snprintf(key, sizeof key, "+1555%07d", k);
		struct subject *s = table_find(t, slice_of(key), hash64(key, strlen(key), 0));
		if (!s)
			continue;
		f = (struct figures){.keys = keys, .n = 2, .filled = filled, .values = values};
		figures_reset(&f, s, s->clock_ms);
		assert_int_equal(figure_get(&f, 0).i, 1);
		assert_true((uint64_t)figure_get(&f, 1).i <= s->calls && s->calls >= calls[k]);
	}
	table_free(t);
	rig_release(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stored_form_is_what_memory_holds_after_any_commits),
		cmocka_unit_test(record_of_a_million_calls_fits_48_kib_and_a_call_writes_4_kib_at_most),
		cmocka_unit_test(sizes_are_those_of_the_design),
		cmocka_unit_test(calls_received_far_behind_the_clock_read_back),
		cmocka_unit_test(damaged_record_is_refused),
		cmocka_unit_test(record_from_before_ledgers_knows_that_contacts_may_be_missing),
		cmocka_unit_test(newer_version_is_refused_by_name),
		cmocka_unit_test(table_evicts_down_to_its_ceiling),
		cmocka_unit_test(subjects_keep_their_calls_while_others_come_and_go),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
