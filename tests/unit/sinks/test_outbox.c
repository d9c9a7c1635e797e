/* SPDX-License-Identifier: Apache-2.0 */
/* The outbox step by step, and against a plain model under random steps. */
#include "tests/unit/unit.h"

#include "sinks/outbox.h"

#include <stdio.h>
#include <stdlib.h>

static struct outbox box;

static int fresh_box(void **state)
{
	(void)state;
	outbox_init(&box);
	return 0;
}

static int release_box(void **state)
{
	(void)state;
	outbox_release(&box);
	return 0;
}

static void add(uint64_t number, enum outbox_state s)
{
	char text[24];
	snprintf(text, sizeof text, "event %llu", (unsigned long long)number);
	outbox_add(&box, number, slice_of(text), s);
	memset(text, 'x', sizeof text); /* it has its own copy */
}

static uint64_t send(void)
{
	struct outbox_entry *e = outbox_next_ready(&box);
	if (!e)
		return 0;
	outbox_sent(&box, e);
	return e->number;
}

static uint32_t fresh_cnt(void)
{
	uint32_t at = 0, n = 0;
	while (outbox_fresh(&box, &at))
		n++;
	return n;
}

static void entry_is_sent_only_after_its_commit(void **state)
{
	(void)state;
	add(1, OUTBOX_FRESH);
	add(2, OUTBOX_FRESH);
	assert_null(outbox_next_ready(&box));
	assert_int_equal(fresh_cnt(), 2);
	outbox_stored(&box);
	assert_int_equal(fresh_cnt(), 0);
	add(3, OUTBOX_FRESH);
	struct outbox_entry *e = outbox_next_ready(&box);
	assert_true(slice_is(slice_make(e->bytes, e->len), "event 1"));
	assert_int_equal(send(), 1);
	assert_int_equal(send(), 2);
	assert_int_equal(send(), 0);
}

static void entry_of_the_store_is_ready_at_once(void **state)
{
	(void)state;
	add(7, OUTBOX_READY);
	add(9, OUTBOX_FRESH);
	assert_int_equal(fresh_cnt(), 1);
	assert_int_equal(send(), 7);
	assert_int_equal(send(), 0);
}

static void entry_that_was_not_taken_is_sent_again_in_its_place(void **state)
{
	(void)state;
	add(1, OUTBOX_READY);
	add(2, OUTBOX_READY);
	assert_int_equal(send(), 1);
	assert_int_equal(send(), 2);
	outbox_unsend(&box);
	assert_int_equal(send(), 2);
	assert_int_equal(send(), 0);
}

static void acknowledged_entries_leave_in_any_order(void **state)
{
	(void)state;
	for (uint64_t n = 1; n <= 4; n++) {
		add(n * 10, OUTBOX_READY);
		assert_int_equal(send(), n * 10);
	}
	outbox_ack(&box, 30);
	outbox_ack(&box, 40);
	assert_int_equal(box.cnt, 4); /* behind 10 */
	assert_int_equal(box.bytes, 2 * 8);
	outbox_ack(&box, 10);
	assert_int_equal(box.cnt, 3);
	outbox_ack(&box, 20);
	assert_int_equal(box.cnt, 0);
	assert_int_equal(box.bytes, 0);
	assert_int_equal(box.acked_cnt, 4);
	assert_int_equal(box.acked[0], 30);
	assert_int_equal(box.acked[3], 20);
}

static void acknowledgement_of_the_unknown_is_ignored(void **state)
{
	(void)state;
	add(5, OUTBOX_READY);
	outbox_ack(&box, 4);
	outbox_ack(&box, 6);
	outbox_ack(&box, 5); /* not sent yet */
	assert_int_equal(box.acked_cnt, 0);
	assert_int_equal(send(), 5);
	outbox_ack(&box, 5);
	outbox_ack(&box, 5);
	assert_int_equal(box.acked_cnt, 1);
}

/* ---- against a model: an array of states by number ---- */

#define NUMBERS 4000

static enum outbox_state model[NUMBERS + 1];
static uint64_t last, first_unsent;

static void step(void)
{
	uint64_t n;
	switch (rand() % 8) {
	case 0:
	case 1:
	case 2:
		model[++last] = OUTBOX_FRESH;
		add(last, OUTBOX_FRESH);
		break;
	case 3:
		outbox_stored(&box);
		for (n = 1; n <= last; n++)
			model[n] = model[n] == OUTBOX_FRESH ? OUTBOX_READY : model[n];
		break;
	case 4:
	case 5:
		n = send();
		assert_int_equal(n, first_unsent <= last && model[first_unsent] == OUTBOX_READY ? first_unsent : 0);
		if (n)
			model[first_unsent++] = OUTBOX_SENT;
		break;
	case 6:
		if (first_unsent > 1 && model[first_unsent - 1] == OUTBOX_SENT) {
			outbox_unsend(&box);
			model[--first_unsent] = OUTBOX_READY;
		}
		break;
	case 7:
		n = last ? 1 + (uint64_t)rand() % last : 1;
		outbox_ack(&box, n);
		model[n] = model[n] == OUTBOX_SENT ? OUTBOX_ACKED : model[n];
		break;
	}
}

static void assert_as_model(void)
{
	uint32_t acked = 0, fresh = 0;
	uint64_t oldest = 1;
	while (oldest <= last && model[oldest] == OUTBOX_ACKED)
		oldest++;
	for (uint64_t n = 1; n <= last; n++) {
		acked += model[n] == OUTBOX_ACKED;
		fresh += model[n] == OUTBOX_FRESH;
	}
	assert_int_equal(box.cnt, last + 1 - oldest);
	assert_int_equal(box.acked_cnt, acked);
	assert_int_equal(fresh_cnt(), fresh);
}

static void random_steps_do_what_the_model_does(void **state)
{
	(void)state;
	srand(7);
	memset(model, 0, sizeof model);
	last = 0;
	first_unsent = 1;
	while (last < NUMBERS) {
		step();
		if (rand() % 16 == 0)
			assert_as_model();
	}
	assert_true(box.cap > 64); /* it has grown, wrapped */
	for (uint64_t n = 1; n <= last; n++)
		outbox_ack(&box, n);
	outbox_stored(&box);
	while (send())
		;
	for (uint64_t n = 1; n <= last; n++)
		outbox_ack(&box, n);
	assert_int_equal(box.cnt, 0);
	assert_int_equal(box.bytes, 0);
	assert_int_equal(box.acked_cnt, NUMBERS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh_box, release_box)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(entry_is_sent_only_after_its_commit),
		TEST(entry_of_the_store_is_ready_at_once),
		TEST(entry_that_was_not_taken_is_sent_again_in_its_place),
		TEST(acknowledged_entries_leave_in_any_order),
		TEST(acknowledgement_of_the_unknown_is_ignored),
		TEST(random_steps_do_what_the_model_does),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
