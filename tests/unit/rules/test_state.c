/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/state.h"

#include "tests/unit/unit.h"

#include <stdio.h>

#define T0 INT64_C(1704067200000)

static struct state s, back;

static struct alert *add(const char *name, uint64_t fingerprint)
{
	struct alert *a = state_open(&s, slice_of(name), SLICE_LIT("critical"));
	assert_non_null(a);
	a->fingerprint = fingerprint;
	a->since_ms = T0;
	a->due_ms = T0 + 5 * MINUTE_MS;
	return a;
}

static bool flag(const char *provider, const char *carrier, const char *label, const char *by)
{
	struct event_flag f = {slice_of(provider), slice_of(carrier), slice_of(label), slice_of(by), T0};
	return state_flag_open(&s, &f);
}

/* A state with something of everything. */
static void fill(void)
{
	assert_int_equal(state_decode(NULL, 0, &s, NULL), ERR_OK);
	s.phase = (struct phase_state){.phase = PHASE_LIMITED,
				       .episode = 3,
				       .since_ms = T0,
				       .until_ms = T0 + 30 * DAY_MS,
				       .hold_ms = T0 - DAY_MS,
				       .longest_ms = HOUR_MS};
	add("Zulu", 1);
	struct alert *a = add("Alpha", 9);
	a->firing = a->shadow = true;
	a->said_ms = T0 + 1;
	a->keep_ms = T0 + 2;
	a->gone_ms = T0 + 3;
	add("Alpha", 8);
	assert_true(flag("TNS", "", "Scam Likely", NULL));
	assert_true(flag("Hiya", "Verizon", "Spam Risk", "ann"));
	assert_true(flag("Hiya", "T-Mobile", "Spam Risk", "ann"));
	state_settle(&s);
}

static void check_same(const struct state *a, const struct state *b)
{
	assert_memory_equal(&a->phase, &b->phase, sizeof a->phase);
	assert_int_equal(a->alert_cnt, b->alert_cnt);
	assert_int_equal(a->open_cnt, b->open_cnt);
	assert_int_equal(a->room_bytes, b->room_bytes);
	for (uint32_t i = 0; i < a->alert_cnt; i++) {
		const struct alert *x = &a->alerts[i], *y = &b->alerts[i];
		assert_true(slice_eq(x->name, y->name) && slice_eq(x->severity, y->severity) && x->fingerprint == y->fingerprint);
		assert_true(x->firing == y->firing && x->shadow == y->shadow && x->since_ms == y->since_ms && x->due_ms == y->due_ms);
		assert_true(x->said_ms == y->said_ms && x->keep_ms == y->keep_ms && x->gone_ms == y->gone_ms);
	}
	assert_int_equal(a->flag_cnt, b->flag_cnt);
	assert_int_equal(a->flag_bytes, b->flag_bytes);
	for (uint32_t i = 0; i < a->flag_cnt; i++) {
		const struct event_flag *x = &a->flags[i], *y = &b->flags[i];
		assert_true(slice_eq(x->provider, y->provider) && slice_eq(x->carrier, y->carrier) && slice_eq(x->label, y->label));
		assert_true(slice_eq(x->by, y->by) && x->since_ms == y->since_ms);
	}
}

static void state_comes_back_as_it_was_and_sorted(void **st)
{
	struct buf b = {0}, again = {0};
	struct slice names[ALERTS_MAX];
	(void)st;
	fill();
	state_encode(&s, &b);
	assert_int_equal(state_decode(b.data, (uint32_t)b.len, &back, NULL), ERR_OK);
	check_same(&s, &back);
	assert_int_equal(back.alerts[0].fingerprint, 8);
	assert_int_equal(back.alerts[1].fingerprint, 9);
	assert_true(state_due(&back) == T0 + 5 * MINUTE_MS);
	assert_int_equal(state_firing(&back, names), 1);
	state_encode(&back, &again);
	assert_int_equal(again.len, b.len);
	assert_memory_equal(again.data, b.data, b.len);
	assert_in_range(b.len, 200, 260);
	assert_int_equal(back.flag_cnt, 3);
	assert_true(slice_is(back.flags[0].carrier, "T-Mobile") && slice_is(back.flags[1].carrier, "Verizon"));
	assert_true(slice_is(back.flags[2].provider, "TNS") && back.flags[2].carrier.len == 0);
	buf_release(&b);
	buf_release(&again);
}

static void plain_state_is_no_bytes(void **st)
{
	struct buf b = {0};
	(void)st;
	assert_int_equal(state_decode(NULL, 0, &s, NULL), ERR_OK);
	state_encode(&s, &b);
	assert_int_equal(b.len, 0);
	assert_true(state_due(&s) == TIME_NONE);
}

/* The stored form: bytes of version 1 stay readable. */
static void stored_form_is_pinned(void **st)
{
	/* version; rest, episode 1, 1 h, since and until; one alert, firing */
	static const uint8_t golden[] = {
		0x01, 0x01, 0x93, 0x00, 0x02, 0x01, 0x80, 0xdd, 0xdb, 0x01, 0x03, 0x80, 0xd0, 0x8f, 0xa5, 0x98, 0x63, 0x80, 0xf0,
		0x85, 0xcd, 0xab, 0x63, 0x02, 0x9e, 0x00, 0x01, 0x04, 0x4d, 0x61, 0x6e, 0x79, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33,
		0x22, 0x11, 0x01, 0x04, 0x68, 0x69, 0x67, 0x68, 0x80, 0xd0, 0x8f, 0xa5, 0x98, 0x63, 0xe0, 0xa7, 0x12, 0x00,
	};
	struct buf b = {0};
	(void)st;
	assert_int_equal(state_decode(NULL, 0, &s, NULL), ERR_OK);
	s.phase = (struct phase_state){PHASE_REST, 1, T0, T0 + 30 * DAY_MS, TIME_NONE, HOUR_MS};
	struct alert *a = state_open(&s, SLICE_LIT("Many"), SLICE_LIT("high"));
	a->fingerprint = UINT64_C(0x1122334455667788);
	a->firing = true;
	a->since_ms = a->said_ms = T0;
	a->due_ms = T0 + 5 * MINUTE_MS;
	state_encode(&s, &b);
	for (size_t i = 0; i < b.len && i < sizeof golden; i++)
		if (b.data[i] != golden[i])
			print_message("byte %zu: %02x, not %02x\n", i, b.data[i], golden[i]);
	assert_int_equal(b.len, sizeof golden);
	assert_memory_equal(b.data, golden, sizeof golden);
	assert_int_equal(state_decode(golden, sizeof golden, &back, NULL), ERR_OK);
	check_same(&s, &back);
	buf_release(&b);
}

static void stored_form_of_flags_is_pinned(void **st)
{
	static const uint8_t golden[] = {
		0x01, 0x03, 0xad, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 'H',  'i',  'y',  'a',  0x08, 'T',
		'-',  'M',  'o',  'b',  'i',  'l',  'e',  0x09, 'S',  'p',  'a',  'm',  ' ',  'R',  'i',  's',  'k',
		0x08, 'r',  'e',  'p',  'o',  'r',  't',  'e',  'r',  0x80, 0xd0, 0x8f, 0xa5, 0x98, 0x63,
	};
	struct event_flag zero = {.since_ms = 0};
	struct buf b = {0};
	(void)st;
	assert_int_equal(state_decode(NULL, 0, &s, NULL), ERR_OK);
	assert_true(flag("Hiya", "T-Mobile", "Spam Risk", "reporter"));
	assert_true(state_flag_open(&s, &zero));
	state_encode(&s, &b);
	assert_int_equal(b.len, sizeof golden);
	assert_memory_equal(b.data, golden, sizeof golden);
	assert_int_equal(state_decode(golden, sizeof golden, &back, NULL), ERR_OK);
	check_same(&s, &back);
	buf_release(&b);
}

/* Whatever the order in which they came, and what came and went between. */
static void equal_flags_give_equal_bytes(void **st)
{
	struct buf a = {0}, b = {0};
	struct event_flag all = {.provider = SLICE_LIT("P2")};
	(void)st;
	assert_int_equal(state_decode(NULL, 0, &s, NULL), ERR_OK);
	assert_true(flag("P1", "c", "l", "x") && flag("P3", "c", "l", "x") && flag("P1", "b", "l", "x"));
	state_encode(&s, &a);
	assert_int_equal(state_decode(NULL, 0, &s, NULL), ERR_OK);
	assert_true(flag("P2", "c", "l", "x") && flag("P3", "c", "l", "x") && flag("P1", "b", "l", "x") && flag("P2", "d", "l", "x"));
	assert_true(flag("P1", "c", "l", "x"));
	state_flag_close(&s, &all);
	assert_int_equal(s.flag_cnt, 3);
	state_encode(&s, &b);
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.data, b.data, a.len);
	buf_release(&a);
	buf_release(&b);
}

static void flag_that_is_open_is_not_opened_again_and_clear_matches_what_it_names(void **st)
{
	const struct event_flag none = {.provider = SLICE_LIT("First Orion")}, no_carrier = {.carrier = SLICE_LIT("")},
				one = {.provider = SLICE_LIT("Hiya"), .label = SLICE_LIT("Spam Risk"), .carrier = SLICE_LIT("Verizon")},
				any = {.since_ms = 1};
	uint32_t room;
	(void)st;
	fill();
	room = s.room_bytes;
	s.changed = false;
	assert_true(flag("Hiya", "Verizon", "Spam Risk", "somebody else"));
	state_flag_close(&s, &none);
	assert_false(s.changed);
	assert_int_equal(s.flag_cnt, 3);
	assert_true(slice_is(s.flags[1].by, "ann"));
	state_flag_close(&s, &no_carrier); /* named and empty: those without */
	assert_int_equal(s.flag_cnt, 2);
	assert_true(s.changed);
	state_flag_close(&s, &one);
	assert_int_equal(s.flag_cnt, 1);
	assert_true(slice_is(s.flags[0].carrier, "T-Mobile"));
	state_flag_close(&s, &any);
	assert_int_equal(s.flag_cnt, 0);
	assert_int_equal(s.flag_bytes, 0);
	assert_true(s.room_bytes > room);
}

static void flags_are_at_most_so_many(void **st)
{
	static char carriers[FLAGS_OPEN_MAX + 1][4];
	(void)st;
	assert_int_equal(state_decode(NULL, 0, &s, NULL), ERR_OK);
	for (int i = 0; i <= FLAGS_OPEN_MAX; i++)
		snprintf(carriers[i], sizeof carriers[i], "%d", i);
	for (int i = 0; i < FLAGS_OPEN_MAX; i++)
		assert_true(flag("p", carriers[i], "l", "b"));
	s.changed = false;
	assert_false(flag("p", carriers[FLAGS_OPEN_MAX], "l", "b"));
	assert_true(flag("p", carriers[0], "l", "b")); /* it is open */
	assert_false(s.changed);
	assert_int_equal(s.flag_cnt, FLAGS_OPEN_MAX);
}

static void flags_leave_alerts_their_room(void **st)
{
	static char label[FLAG_LABEL_MAX + 1], providers[14][2], name[30];
	struct buf b = {0};
	(void)st;
	memset(label, 'x', FLAG_LABEL_MAX);
	memset(name, 'n', sizeof name - 1);
	assert_int_equal(state_decode(NULL, 0, &s, NULL), ERR_OK);
	for (int i = 0; i < 14; i++) { /* of 15 + 1 + 128 + 1 bytes each */
		providers[i][0] = (char)('a' + 13 - i);
		assert_true(flag(providers[i], "", label, "b"));
	}
	assert_false(flag("z", "", label, "b"));
	assert_true(s.flag_bytes <= FLAGS_BYTES_MAX);
	for (uint32_t i = 0; i < 24; i++) /* of 46 + 29 + 8 bytes each */
		add(name, i);
	assert_null(state_open(&s, slice_of(name), SLICE_LIT("critical")));
	state_settle(&s);
	state_encode(&s, &b);
	assert_in_range(b.len, 3000, STATE_BYTES_MAX);
	assert_int_equal(state_decode(b.data, (uint32_t)b.len, &back, NULL), ERR_OK);
	check_same(&s, &back);
	buf_release(&b);
}

static void damaged_bytes_are_refused(void **st)
{
	struct buf b = {0};
	struct err_text why;
	(void)st;
	fill();
	state_encode(&s, &b);
	for (uint32_t n = 1; n < b.len; n++) { /* cut off anywhere, but between the sections */
		enum err e = state_decode(b.data, n, &back, NULL);
		assert_true(e == ERR_CORRUPT || back.flag_cnt == 0);
	}
	buf_put_u8(&b, 4); /* an unknown section */
	assert_int_equal(state_decode(b.data, (uint32_t)b.len, &back, &why), ERR_CORRUPT);
	assert_string_equal(why.text, "the state of rules is damaged");
	b.data[0] = 2;
	assert_int_equal(state_decode(b.data, (uint32_t)b.len, &back, &why), ERR_CORRUPT);
	assert_string_equal(why.text, "the state of rules has form 2, this program knows up to 1: a newer version wrote it");
	assert_int_equal(back.alert_cnt, 0);
	buf_release(&b);
}

static void state_that_does_not_hold_together_is_refused(void **st)
{
	struct buf b = {0};
	(void)st;
	static char label[FLAG_LABEL_MAX + 2];
	memset(label, 'x', FLAG_LABEL_MAX + 1);
	for (int i = 0; i < 14; i++) {
		fill();
		struct alert *a = &s.alerts[1];
		if (i == 0)
			a->fingerprint = 8; /* twice the same */
		else if (i == 1)
			a->name = SLICE_LIT("Aaa"); /* not sorted */
		else if (i == 2)
			a->firing = false; /* pending and false */
		else if (i == 3)
			a->due_ms = a->since_ms;
		else if (i == 4)
			a->name = SLICE_LIT("Al pha");
		else if (i == 5)
			s.phase.until_ms = s.phase.since_ms; /* a phase that ends as it begins */
		else if (i == 6)
			s.phase.until_ms = TIME_NONE; /* or never */
		else if (i == 7)
			s.phase.phase = PHASE_ACTIVE; /* active ends by itself */
		else if (i == 8)
			s.phase.phase = PHASE_CNT;
		else if (i == 9)
			s.flags[1].carrier = s.flags[0].carrier; /* twice the same */
		else if (i == 10)
			s.flags[0].provider = SLICE_LIT("Zed"); /* not sorted */
		else if (i == 11)
			s.flags[2].label = slice_of(label);
		else if (i == 12)
			s.flags[2].by = slice_make(label, FLAG_BY_MAX + 1);
		else
			s.flags[2].provider = slice_make(label, FLAG_PROVIDER_MAX + 1);
		buf_reset(&b);
		state_encode(&s, &b);
		if (state_decode(b.data, (uint32_t)b.len, &back, NULL) != ERR_CORRUPT)
			fail_msg("case %d is not refused", i);
	}
	buf_release(&b);
}

/* Any one byte changed: refused, or a state that encodes to something that decodes to the same. */
static void changed_byte_is_refused_or_gives_a_whole_state(void **st)
{
	struct buf b = {0}, again = {0};
	int refused = 0;
	(void)st;
	fill();
	state_encode(&s, &b);
	for (size_t i = 0; i < b.len; i++)
		for (int bit = 0; bit < 8; bit++) {
			b.data[i] ^= (uint8_t)(1 << bit);
			if (state_decode(b.data, (uint32_t)b.len, &s, NULL)) {
				refused++;
			} else {
				buf_reset(&again);
				state_encode(&s, &again);
				assert_int_equal(state_decode(again.data, (uint32_t)again.len, &back, NULL), ERR_OK);
				check_same(&s, &back);
			}
			b.data[i] ^= (uint8_t)(1 << bit);
		}
	assert_true(refused > 100);
	buf_release(&b);
	buf_release(&again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(state_comes_back_as_it_was_and_sorted),
		cmocka_unit_test(plain_state_is_no_bytes),
		cmocka_unit_test(stored_form_is_pinned),
		cmocka_unit_test(stored_form_of_flags_is_pinned),
		cmocka_unit_test(equal_flags_give_equal_bytes),
		cmocka_unit_test(flag_that_is_open_is_not_opened_again_and_clear_matches_what_it_names),
		cmocka_unit_test(flags_are_at_most_so_many),
		cmocka_unit_test(flags_leave_alerts_their_room),
		cmocka_unit_test(damaged_bytes_are_refused),
		cmocka_unit_test(state_that_does_not_hold_together_is_refused),
		cmocka_unit_test(changed_byte_is_refused_or_gives_a_whole_state),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
