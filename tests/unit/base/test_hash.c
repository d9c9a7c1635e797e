/* SPDX-License-Identifier: Apache-2.0 */
/* Values by other programs: hash128 by PyPI mmh3 5 (mmh3.hash64(key, seed, x64arch=True): first half, second half); murmur2 by librdkafka 2.0.2
 * and kafkajs 2.2.4. */
#include "base/hash.h"
#include "tests/unit/unit.h"

static void hash128_is_that_of_another_program(void **state)
{
	static const struct {
		const char *text;
		uint64_t seed;
		const char *hex;
	} cases[] = {
		{"", 0, "00000000000000000000000000000000"},
		{"", 42, "f02aa77dfa1b8523d1016610da11cbb9"},
		{"a", 0, "85555565f6597889e6b53a48510e895a"},
		{"a", 42, "28259ca4fdf626b025ebca9125f82b15"},
		{"+15551230000", 0, "6f19e40cddc1b1e06d96bd74673640ad"},
		{"+15551230000", 42, "ff35d6ded0cdeb281e7c0ef7aaf90f99"},
		{"12345678", 0, "3b4a640638b1419c913b0e676bd42557"},
		{"123456789abcdef", 42, "130c78c8ddccf8c15ec0d8be5d2ad89f"},
		{"0123456789abcdef", 0, "4be06d94cf4ad1a787c35b5c63a708da"},
		{"0123456789abcdef", 42, "818ea26bed3cb2a4f604d245f9269fde"},
		{"0123456789abcdef0", 0, "eb24ae8785a5c07573fb68b3313128ca"},
		{"0123456789abcdef0", 42, "66fb2273f71d63e3c5a33661978eeeee"},
		{"The quick brown fox jumps over the lazy dog", 0, "e34bbc7bbc071b6c7a433ca9c49a9347"},
		{"The quick brown fox jumps over the lazy dog", 42, "740dcf93fe0bd5d7c4546cf4ec705c8f"},
	};
	char hex[33];
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		hash128_hex(hash128(cases[i].text, strlen(cases[i].text), cases[i].seed), hex);
		assert_string_equal(hex, cases[i].hex);
	}
}

static void hash128_of_every_byte_value_at_every_alignment(void **state)
{
	uint8_t bytes[16 + 256];
	char hex[33];
	(void)state;
	for (size_t shift = 0; shift < 16; shift++) {
		for (size_t i = 0; i < 256; i++)
			bytes[shift + i] = (uint8_t)i;
		hash128_hex(hash128(bytes + shift, 256, 0), hex);
		assert_string_equal(hex, "1c99c313dc6f12b970d6077fab34cc1e");
	}
}

static void hash64_is_the_second_half(void **state)
{
	(void)state;
	assert_int_equal(hash64("a", 1, 0), UINT64_C(0xe6b53a48510e895a));
}

static void murmur2_is_that_of_kafka(void **state)
{
	static const struct {
		const char *key;
		uint32_t hash, of_12;
	} cases[] = {
		{"+15551230000", 0x39b32b2b, 7}, {"+442071838750", 0x43bfc987, 3}, {"", 0x106e08d9, 9},
		{"kafka", 0xd067cf64, 4},        {"1234", 0x9fc97b14, 0},          {"34", 0x873930da, 6},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		uint32_t h = hash_murmur2(cases[i].key, strlen(cases[i].key));
		assert_int_equal(h, cases[i].hash);
		assert_int_equal((h & 0x7fffffff) % 12, cases[i].of_12);
	}
}

static void crc32_has_its_check_value(void **state)
{
	(void)state;
	assert_int_equal(hash_crc32("123456789", 9), 0xcbf43926u);
	assert_int_equal(hash_crc32("+15551230000", 12) % 12, 1);
	assert_int_equal(hash_crc32("+442071838750", 13) % 12, 11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hash128_is_that_of_another_program), cmocka_unit_test(hash128_of_every_byte_value_at_every_alignment),
		cmocka_unit_test(hash64_is_the_second_half),          cmocka_unit_test(murmur2_is_that_of_kafka),
		cmocka_unit_test(crc32_has_its_check_value),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
