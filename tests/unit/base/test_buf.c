/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "tests/unit/unit.h"

static void what_is_put_is_read(void **state)
{
	static const uint64_t varints[] = {0, 1, 127, 128, 16383, 16384, UINT32_MAX, UINT64_MAX >> 1, UINT64_MAX};
	static const int64_t zigzags[] = {0, -1, 1, 63, -64, 64, INT64_MAX, INT64_MIN};
	struct buf b = {0};
	(void)state;
	buf_put_u8(&b, 0xfe);
	buf_put_u32(&b, 0xdeadbeef);
	buf_put_u64(&b, UINT64_C(0x0123456789abcdef));
	for (size_t i = 0; i < sizeof varints / sizeof varints[0]; i++)
		buf_put_varint(&b, varints[i]);
	for (size_t i = 0; i < sizeof zigzags / sizeof zigzags[0]; i++)
		buf_put_zigzag(&b, zigzags[i]);
	buf_put_slice(&b, SLICE_LIT("text"));
	buf_put_slice(&b, SLICE_NONE);

	struct reader r = reader_of(b.data, b.len);
	assert_int_equal(reader_u8(&r), 0xfe);
	assert_int_equal(reader_u32(&r), 0xdeadbeef);
	assert_int_equal(reader_u64(&r), UINT64_C(0x0123456789abcdef));
	for (size_t i = 0; i < sizeof varints / sizeof varints[0]; i++)
		assert_int_equal(reader_varint(&r), varints[i]);
	for (size_t i = 0; i < sizeof zigzags / sizeof zigzags[0]; i++)
		assert_int_equal(reader_zigzag(&r), zigzags[i]);
	assert_true(slice_is(reader_slice(&r), "text"));
	assert_int_equal(reader_slice(&r).len, 0);
	assert_false(r.bad);
	assert_int_equal(reader_left(&r), 0);
	buf_release(&b);
}

static void numbers_are_little_endian(void **state)
{
	struct buf b = {0};
	(void)state;
	buf_put_u32(&b, 0x04030201);
	buf_put_varint(&b, 300);
	assert_memory_equal(b.data, "\x01\x02\x03\x04\xac\x02", 6);
	buf_release(&b);
}

static void read_past_the_end_is_bad_and_gives_zero_from_then_on(void **state)
{
	static const uint8_t bytes[] = {1, 2, 3};
	struct reader r = reader_of(bytes, sizeof bytes);
	(void)state;
	assert_int_equal(reader_u32(&r), 0);
	assert_true(r.bad);
	assert_int_equal(reader_u8(&r), 0);
	assert_null(reader_take(&r, 0));
}

static void varint_that_does_not_end_or_fit_is_bad(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} cases[] = {
		{"\x80", 1},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10}, /* 65 bits */
		{"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct reader r = reader_of(cases[i].bytes, cases[i].len);
		assert_int_equal(reader_varint(&r), 0);
		assert_true(r.bad);
	}
}

static void slice_longer_than_what_is_left_is_bad(void **state)
{
	struct reader r = reader_of("\x05"
				    "abcd",
				    5),
		      huge = reader_of("\xff\xff\xff\xff\x7f"
				       "abcd",
				       9);
	(void)state;
	assert_null(reader_slice(&r).p);
	assert_true(r.bad);
	assert_null(reader_slice(&huge).p);
	assert_true(huge.bad);
}

static void buf_grows_and_keeps_its_memory_on_reset(void **state)
{
	struct buf b = {0};
	(void)state;
	for (int i = 0; i < 10000; i++)
		buf_printf(&b, "%04d", i);
	assert_int_equal(b.len, 40000);
	assert_memory_equal(b.data + 39996, "9999", 4);
	size_t cap = b.cap;
	buf_reset(&b);
	buf_puts(&b, "x");
	assert_int_equal(b.len, 1);
	assert_int_equal(b.cap, cap);
	buf_release(&b);
	assert_null(b.data);
}

static void slices_compare_by_bytes_then_by_length(void **state)
{
	(void)state;
	assert_true(slice_cmp(SLICE_LIT("a"), SLICE_LIT("b")) < 0);
	assert_true(slice_cmp(SLICE_LIT("\xff"), SLICE_LIT("a")) > 0);
	assert_true(slice_cmp(SLICE_LIT("a"), SLICE_LIT("ab")) < 0);
	assert_int_equal(slice_cmp(SLICE_NONE, SLICE_LIT("")), 0);
	assert_true(slice_eq(SLICE_NONE, SLICE_LIT("")));
	assert_false(slice_is(SLICE_LIT("ab"), "a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_is_read),
		cmocka_unit_test(numbers_are_little_endian),
		cmocka_unit_test(read_past_the_end_is_bad_and_gives_zero_from_then_on),
		cmocka_unit_test(varint_that_does_not_end_or_fit_is_bad),
		cmocka_unit_test(slice_longer_than_what_is_left_is_bad),
		cmocka_unit_test(buf_grows_and_keeps_its_memory_on_reset),
		cmocka_unit_test(slices_compare_by_bytes_then_by_length),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
