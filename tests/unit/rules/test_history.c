/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "rules/history.h"

#define T0 INT64_C(1704067200000)

/* The value as a store has it after blind writes. */
struct ring {
	struct history_stage stage;
	struct history_head head;
	uint8_t value[HISTORY_BYTES_MAX];
	uint32_t len;
	struct arena arena;
	struct history read;
	struct err_text why;
};

static void ring_init(struct ring *r)
{
	memset(r, 0, sizeof *r);
	arena_init(&r->arena, 64 << 10);
}

static void ring_release(struct ring *r)
{
	history_stage_release(&r->stage);
	arena_release(&r->arena);
}

static void ring_write(struct ring *r)
{
	for (uint32_t i = 0; i < r->stage.write_cnt; i++) {
		const struct history_write *w = &r->stage.writes[i];
		assert_true(w->offset + w->len <= HISTORY_BYTES_MAX);
		memcpy(r->value + w->offset, r->stage.placed.data + w->from, w->len);
		if (w->offset + w->len > r->len)
			r->len = w->offset + w->len;
	}
}

static void ring_add(struct ring *r, const struct history_entry *e, bool begins)
{
	history_stage_reset(&r->stage);
	history_stage_entry(&r->stage, e);
	history_place(&r->stage, &r->head, begins);
	ring_write(r);
}

static enum err ring_read(struct ring *r)
{
	arena_reset(&r->arena);
	return history_read(slice_make(r->value, r->len), &r->arena, &r->read, &r->why);
}

static struct history_entry note(int64_t ms, const char *text)
{
	return (struct history_entry){.time_ms = ms, .kind = HISTORY_NOTE, .note = {slice_of(text), SLICE_LIT("anna")}};
}

static void every_kind_is_read_as_it_was_written(void **st)
{
	struct ring r;
	struct event_figure figures[2] = {{SLICE_LIT("calls[\"1h\"]"), {.type = VALUE_INT, .i = 120}},
					  {SLICE_LIT("answer_ratio[\"1h\"]"), {.type = VALUE_DOUBLE, .d = 0.125}}};
	const struct history_day days[] = {{1, 2, 3}, {4, 5, 6}};
	const struct history_entry all[] = {
		{T0, HISTORY_TRANSITION,
		 .transition = {PHASE_ACTIVE, PHASE_REST, SLICE_LIT("rule"), SLICE_LIT("Many"), SLICE_LIT(""), T0 + 30 * DAY_MS, 1}},
		{T0 + 1, HISTORY_VIOLATION,
		 .violation = {PHASE_REST,
			       SLICE_LIT("no_calls"),
			       19723,
			       {.type = VALUE_INT, .i = 0},
			       {.type = VALUE_DOUBLE, .d = 0.5},
			       SLICE_LIT("restart")}},
		{T0 + 2, HISTORY_ADVISORY, .advisory = {SLICE_LIT("low_answer"), SLICE_LIT("3 of 9")}},
		{T0 + 3, HISTORY_ALERT_RAISED,
		 .alert = {SLICE_LIT("Many"), SLICE_LIT("high"), SLICE_LIT("enforce"), SLICE_LIT("source"), T0 - 5, {figures, 2}}},
		{T0 + 4, HISTORY_ALERT_RESOLVED, .alert = {.rule = SLICE_LIT("Many"), .since_ms = T0 - 5}},
		{T0 + 5, HISTORY_FLAG_OPENED, .flag = {.provider = SLICE_LIT("Hiya"), .label = SLICE_LIT("Spam")}},
		{T0 + 6, HISTORY_FLAG_CLEARED, .flag = {.provider = SLICE_LIT("Hiya"), .note = SLICE_LIT("ok"), .since_ms = T0 + 5}},
		{T0 + 7, HISTORY_NOTE, .note = {SLICE_LIT("spoke to them"), SLICE_LIT("anna")}},
		{T0 + 8, HISTORY_COMPLAINT, .complaint = {SLICE_LIT("FTC"), SLICE_LIT("b"), SLICE_LIT("n")}},
		{T0 + 9, HISTORY_DISPUTE, .dispute = {.step = SLICE_LIT("hiya"), .state = SLICE_LIT("sent"), .due_ms = TIME_NONE}},
		{T0 + 10, HISTORY_CHECK, .check = {SLICE_LIT("Verizon"), SLICE_LIT("iPhone"), SLICE_LIT("clean"), SLICE_LIT("b")}},
		{T0 + 11, HISTORY_DAY, .day = {19723, 12, 7, 3600, 11, 9, 2}},
		{T0 + 12, HISTORY_PAST_DAYS, .past_days = {19700, 2, days}},
		{T0 + 13, HISTORY_SNAPSHOT, .snapshot = {1, 71, 70, 72, -1, 74, {figures, 1}}},
	};
	const uint32_t n = sizeof all / sizeof all[0];
	(void)st;
	ring_init(&r);
	for (uint32_t i = 0; i < n; i++)
		ring_add(&r, &all[i], i == 0);
	assert_int_equal(ring_read(&r), ERR_OK);
	assert_int_equal(r.read.cnt, n);
	assert_int_equal(r.read.dropped, 0);
	const struct history_entry *e = r.read.entries;
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(e[i].time_ms, T0 + i);
		assert_int_equal(e[i].kind, all[i].kind);
		assert_non_null(history_kind_name(e[i].kind));
	}
	assert_int_equal(e[0].transition.to, PHASE_REST);
	assert_int_equal(e[0].transition.until_ms, T0 + 30 * DAY_MS);
	assert_int_equal(e[0].transition.episode, 1);
	assert_int_equal(e[1].violation.day, 19723);
	assert_true(e[1].violation.value.type == VALUE_DOUBLE && e[1].violation.value.d == 0.5);
	assert_true(slice_is(e[1].violation.consequence, "restart"));
	assert_int_equal(e[3].alert.figures.cnt, 2);
	assert_true(slice_is(e[3].alert.figures.of[0].text, "calls[\"1h\"]"));
	assert_int_equal(e[3].alert.figures.of[0].value.i, 120);
	assert_true(e[3].alert.figures.of[1].value.d == 0.125);
	assert_int_equal(e[5].flag.since_ms, T0 + 5);
	assert_int_equal(e[6].flag.since_ms, T0 + 5);
	assert_int_equal(e[11].day.unknown, 2);
	assert_int_equal(e[12].past_days.cnt, 2);
	assert_int_equal(e[12].past_days.of[1].answered, 5);
	assert_int_equal(e[13].snapshot.engagement, -1);
	assert_int_equal(r.read.head.used, r.head.used);
	assert_int_equal(r.read.head.entry_cnt, r.head.entry_cnt);
	ring_release(&r);
}

static void a_long_text_is_cut_between_characters(void **st)
{
	struct ring r;
	char text[400];
	(void)st;
	ring_init(&r);
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	memcpy(text + HISTORY_TEXT_MAX - 1, "\xc3\xa9", 2); /* would end inside of it */
	struct history_entry e = note(T0, text);
	ring_add(&r, &e, false);
	assert_int_equal(ring_read(&r), ERR_OK);
	assert_int_equal(r.read.entries[0].note.text.len, HISTORY_TEXT_MAX - 1);
	ring_release(&r);
}

static void six_long_texts_fit_into_one_entry(void **st)
{
	struct ring r;
	char text[201];
	(void)st;
	ring_init(&r);
	memset(text, 'x', 200);
	text[200] = '\0';
	struct slice x = slice_of(text);
	struct history_entry e = {.time_ms = T0, .kind = HISTORY_FLAG_CLEARED, .flag = {x, x, x, x, x, x, T0}};
	ring_add(&r, &e, false);
	assert_int_equal(ring_read(&r), ERR_OK);
	assert_int_equal(r.read.entries[0].flag.provider.len, 200);
	assert_in_range(r.read.entries[0].flag.source.len + r.read.entries[0].flag.note.len, 1, 199);
	ring_release(&r);
}

static void a_full_ring_keeps_the_begin_of_the_episode_and_the_newest(void **st)
{
	struct ring r;
	(void)st;
	ring_init(&r);
	for (int i = 0; i < 150; i++) { /* before the episode */
		struct history_entry e = note(T0 - 1000 + i, "long before it began, there was this");
		ring_add(&r, &e, false);
	}
	struct history_entry first = {T0, HISTORY_TRANSITION, .transition = {PHASE_ACTIVE, PHASE_REST, SLICE_LIT("rule"), .episode = 1}};
	ring_add(&r, &first, true);
	for (int i = 1; i <= 2000; i++) {
		struct history_entry e = {T0 + i, HISTORY_DAY, .day = {19723 + i, i, i / 2, 60 * i, i, i, 0}};
		ring_add(&r, &e, false);
		assert_int_equal(ring_read(&r), ERR_OK);
		assert_int_equal(r.read.cnt + r.read.dropped, 151 + i);
		assert_int_equal(r.read.head.used, r.head.used);
		assert_int_equal(r.read.head.slot, r.head.slot);
		assert_int_equal(r.read.entries[r.read.cnt - 1].time_ms, T0 + i);
		bool kept = false;
		for (uint32_t k = 0; k < r.read.cnt; k++) {
			kept = kept || r.read.entries[k].kind == HISTORY_TRANSITION;
			assert_true(k == 0 || r.read.entries[k].time_ms > r.read.entries[k - 1].time_ms);
		}
		assert_true(kept);
	}
	assert_in_range(r.read.dropped, 1000, 2000);
	assert_in_range(r.read.cnt, 300, 900); /* of 18 bytes or so each */
	assert_true(r.len <= HISTORY_BYTES_MAX);
	ring_release(&r);
}

static void daily_totals_of_a_whole_rehabilitation_fit(void **st)
{
	struct ring r;
	(void)st;
	ring_init(&r);
	for (int i = 0; i < 400; i++) {
		struct history_entry e = {T0 + i * DAY_MS, HISTORY_DAY, .day = {19723 + i, 20000, 12345, 400000, 20000, 12000, 8000}};
		ring_add(&r, &e, i == 0);
	}
	assert_int_equal(ring_read(&r), ERR_OK);
	assert_int_equal(r.read.cnt, 400);
	ring_release(&r);
}

static void the_same_turn_twice_writes_the_same_bytes(void **st)
{
	struct ring r, again;
	(void)st;
	ring_init(&r);
	ring_init(&again);
	for (int i = 0; i < 3000; i++) {
		struct history_entry e = note(T0 + i, i % 3 ? "a" : "a longer one, which makes the ends of the segments differ");
		ring_add(&r, &e, i % 700 == 0);
		ring_write(&r);
		ring_add(&again, &e, i % 700 == 0);
	}
	assert_int_equal(r.len, again.len);
	assert_memory_equal(r.value, again.value, r.len);
	ring_release(&r);
	ring_release(&again);
}

static void damage_anywhere_is_found_or_harmless(void **st)
{
	struct ring r;
	(void)st;
	ring_init(&r);
	for (int i = 0; i < 20; i++) {
		struct history_entry e = note(T0 + i, "something happened");
		ring_add(&r, &e, false);
	}
	uint32_t from = 256 + 9;
	for (uint32_t at = from; at < r.len - 2; at++) {
		r.value[at] ^= 0x11;
		enum err e = ring_read(&r);
		assert_true(e == ERR_CORRUPT || r.read.cnt < 20 || r.read.dropped > 0);
		for (uint32_t k = 0; k < r.read.cnt; k++)
			assert_true(slice_is(r.read.entries[k].note.text, "something happened"));
		r.value[at] ^= 0x11;
	}
	r.value[256] = 2;
	assert_int_equal(ring_read(&r), ERR_CORRUPT);
	ring_release(&r);
}

static void the_head_is_read_as_it_was_written(void **st)
{
	struct buf b = {0};
	struct history_head h = {70000, 300, 4000, 3, 4, 9, 20000}, back;
	(void)st;
	history_head_encode(&h, &b);
	assert_in_range(b.len, 1, 16);
	struct reader in = reader_of(b.data, b.len);
	history_head_decode(&in, &back);
	assert_false(in.bad);
	assert_memory_equal(&h, &back, sizeof h);
	for (size_t n = 0; n < b.len; n++) {
		in = reader_of(b.data, n);
		history_head_decode(&in, &back);
		assert_true(in.bad);
	}
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_is_read_as_it_was_written),
		cmocka_unit_test(a_long_text_is_cut_between_characters),
		cmocka_unit_test(six_long_texts_fit_into_one_entry),
		cmocka_unit_test(a_full_ring_keeps_the_begin_of_the_episode_and_the_newest),
		cmocka_unit_test(daily_totals_of_a_whole_rehabilitation_fit),
		cmocka_unit_test(the_same_turn_twice_writes_the_same_bytes),
		cmocka_unit_test(damage_anywhere_is_found_or_harmless),
		cmocka_unit_test(the_head_is_read_as_it_was_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
