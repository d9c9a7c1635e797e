/* SPDX-License-Identifier: Apache-2.0 */
/* Oracle: an array that is searched from end to end. */
#include "app/timers.h"
#include "base/hash.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

#define KEYS 300

static char keys[KEYS][16];

static struct slice key_of(int i)
{
	snprintf(keys[i], sizeof keys[i], "+1555%d", i % KEYS);
	return slice_of(keys[i]);
}

static uint64_t hash_of(int i)
{
	return hash64(key_of(i).p, key_of(i).len, 0) & 0xff; /* few bits: collisions in the index */
}

struct seen {
	int64_t due[KEYS];
	char key[KEYS][16];
	uint32_t n;
};

static void visit(void *ctx, const struct timer *t)
{
	struct seen *s = ctx;
	s->due[s->n] = t->due_ms;
	snprintf(s->key[s->n++], sizeof s->key[0], SLICE_FMT, SLICE_ARG(timer_key(t)));
}

static void timers_come_by_due_time_then_key(void **state)
{
	static const struct {
		int key;
		int64_t due;
	} set[] = {{5, 30}, {12, 10}, {7, 20}, {11, 20}, {100, 20}, {3, 40}};
	static const char *const order[] = {"+155512", "+1555100", "+155511", "+15557", "+15555"};
	struct timers t;
	struct seen s = {.n = 0};
	(void)state;
	timers_init(&t);
	for (size_t i = 0; i < sizeof set / sizeof set[0]; i++)
		timers_set(&t, key_of(set[i].key), hash_of(set[i].key), set[i].due);
	assert_int_equal(timers_until(&t, 30, 100, visit, &s), 5);
	for (size_t i = 0; i < 5; i++)
		assert_string_equal(s.key[i], order[i]);
	s.n = 0;
	assert_int_equal(timers_until(&t, 30, 2, visit, &s), 2);
	assert_int_equal(timers_until(&t, 30, 0, visit, &s), 0);
	assert_int_equal(timers_until(&t, 9, 100, visit, &s), 0);
	assert_int_equal(timers_first(&t)->due_ms, 10);
	timers_release(&t);
}

static void removed_timer_is_told_to_the_commit_once(void **state)
{
	struct timers t;
	(void)state;
	timers_init(&t);
	timers_set(&t, key_of(1), hash_of(1), TIME_NONE); /* was not there: nothing to say */
	assert_int_equal(t.changed_cnt, 0);
	timers_set(&t, key_of(1), hash_of(1), 5);
	timers_set(&t, key_of(1), hash_of(1), 6);
	assert_int_equal(t.changed_cnt, 1);
	timers_clean(&t);
	timers_set(&t, key_of(1), hash_of(1), 6); /* as it is */
	assert_int_equal(t.changed_cnt, 0);
	timers_set(&t, key_of(1), hash_of(1), TIME_NONE);
	assert_int_equal(t.changed_cnt, 1);
	assert_int_equal(t.changed[0]->due_ms, TIME_NONE);
	assert_null(timers_first(&t));
	assert_int_equal(timers_due(&t, key_of(1), hash_of(1)), TIME_NONE);
	timers_clean(&t);
	assert_int_equal(t.changed_cnt, 0);
	assert_int_equal(t.index_cnt, 0);
	timers_release(&t);
}

static void compare(struct timers *t, const int64_t *model, int64_t until)
{
	static struct seen s;
	int64_t before = INT64_MIN;
	uint32_t due = 0;
	int64_t first = INT64_MAX;
	for (int i = 0; i < KEYS; i++) {
		assert_int_equal(timers_due(t, key_of(i), hash_of(i)), model[i]);
		due += model[i] != TIME_NONE && model[i] <= until;
		if (model[i] != TIME_NONE && model[i] < first)
			first = model[i];
	}
	s.n = 0;
	assert_int_equal(timers_until(t, until, KEYS, visit, &s), due);
	for (uint32_t i = 0; i < s.n; i++) {
		assert_true(s.due[i] > before || (s.due[i] == before && strcmp(s.key[i - 1], s.key[i]) < 0));
		assert_int_equal(s.due[i], model[atoi(s.key[i] + 5)]);
		before = s.due[i];
	}
	assert_int_equal(timers_first(t) ? timers_first(t)->due_ms : INT64_MAX, first);
}

static void any_order_of_changes_agrees_with_the_model(void **state)
{
	struct timers t;
	int64_t model[KEYS];
	uint64_t seed = 1;
	(void)state;
	timers_init(&t);
	for (int i = 0; i < KEYS; i++)
		model[i] = TIME_NONE;
	for (int step = 0; step < 20000; step++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		int key = (int)(seed >> 33) % KEYS;
		model[key] = (seed >> 20) % 3 == 0 ? TIME_NONE : (int64_t)(seed >> 40) % 500;
		timers_set(&t, key_of(key), hash_of(key), model[key]);
		if (step % 50 == 0)
			timers_clean(&t);
		if (step % 200 == 0)
			compare(&t, model, (int64_t)(seed >> 45) % 600);
	}
	compare(&t, model, 600);
	timers_release(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_come_by_due_time_then_key),
		cmocka_unit_test(removed_timer_is_told_to_the_commit_once),
		cmocka_unit_test(any_order_of_changes_agrees_with_the_model),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
