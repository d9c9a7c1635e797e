/* SPDX-License-Identifier: Apache-2.0 */
/* DESIGN: a talk time or a gap needs log and exp, and libm's differ in the last bit from build to build, which after a million draws is another
 * file. So both come from tables of 257 entries with straight lines between them; the tables are made at start with integers alone
 * (2^(1/256) by square roots, log2 by squaring bit by bit).
 * PRECISION: stated in the header; far below what one draw scatters. */
#include "app/random.h"

#include "base/arena.h"

#include <stdlib.h>

#define STEPS 256
static uint64_t exp2_table[STEPS + 1]; /* 2^(i/256), Q31 */
static int64_t log2_table[STEPS + 1];  /* log2(1 + i/256), Q32 */

static uint64_t root(uint64_t v)
{
	uint64_t r = 0;
	for (uint64_t bit = UINT64_C(1) << 31; bit; bit >>= 1)
		if ((r + bit) * (r + bit) <= v)
			r += bit;
	return r;
}

/* log2 of x, Q31, 1 <= x < 2; one bit of the answer per squaring. */
static int64_t log2_bits(uint64_t x)
{
	int64_t log = 0;
	for (int i = 0; i < 32; i++) {
		x = x * x >> 31;
		log <<= 1;
		if (x >> 32) {
			x >>= 1;
			log |= 1;
		}
	}
	return log;
}

__attribute__((constructor)) static void random_init(void)
{
	uint64_t roots[8], r = UINT64_C(2) << 31; /* roots[b] = 2^(1 / 2^(b+1)), Q31 */
	for (int b = 0; b < 8; b++)
		roots[b] = r = root(r << 31);
	for (uint32_t i = 0; i < STEPS; i++) {
		uint64_t v = UINT64_C(1) << 31;
		for (int b = 0; b < 8; b++)
			if (i >> (7 - b) & 1)
				v = v * roots[b] >> 31;
		exp2_table[i] = v;
		log2_table[i] = log2_bits((UINT64_C(1) << 31) + ((uint64_t)i << 23));
	}
	exp2_table[STEPS] = UINT64_C(2) << 31;
	log2_table[STEPS] = INT64_C(1) << 32;
}

int64_t random_log2(uint64_t v)
{
	int top = 63 - __builtin_clzll(v);
	uint64_t mantissa = top ? v << (64 - top) : 0; /* behind the leading one */
	uint32_t i = (uint32_t)(mantissa >> 56);
	int64_t rest = (int64_t)(mantissa >> 40 & 0xffff);
	return ((int64_t)top << 32) + log2_table[i] + ((log2_table[i + 1] - log2_table[i]) * rest >> 16);
}

uint64_t random_exp2(int64_t x)
{
	const int64_t least = -(INT64_C(16) << 32), most = INT64_C(46) << 32;
	x = x < least ? least : x > most ? most : x;
	int whole = (int)((x - least) >> 32) - 16;
	uint32_t fraction = (uint32_t)(x - least);
	uint32_t i = fraction >> 24;
	uint64_t rest = fraction >> 8 & 0xffff;
	uint64_t v = exp2_table[i] + ((exp2_table[i + 1] - exp2_table[i]) * rest >> 16); /* Q31 */
	return whole >= 15 ? v << (whole - 15) : v >> (15 - whole);
}

uint64_t random_exponential(uint64_t *state)
{
	const uint64_t ln2 = 45426; /* Q16 */
	uint64_t log = (UINT64_C(64) << 32) - (uint64_t)random_log2(random_next(state) | 1);
	return (log >> 16) * ln2 >> 16;
}

/* Standard normal, Q16. 64 coins have deviation 4; the fraction spreads them to a continuum. */
static int64_t normal(uint64_t *state)
{
	int coins = __builtin_popcountll(random_next(state));
	int64_t fraction = (int64_t)(random_next(state) >> 48) - 32768;
	return ((int64_t)(coins - 32) * 65536 + fraction) / 4;
}

#define LOG2_E 94548 /* Q16 */

/* log2 of e^(sigma z), Q32 */
static int64_t scatter(uint64_t *state, uint32_t sigma_milli)
{
	return normal(state) * (int64_t)sigma_milli * LOG2_E / 1000;
}

int64_t random_lognormal(uint64_t *state, uint32_t median, uint32_t sigma_milli)
{
	return (int64_t)(median * random_exp2(scatter(state, sigma_milli)) >> 16);
}

uint64_t random_lognormal_mean1(uint64_t *state, uint32_t sigma_milli)
{
	int64_t half_variance = (int64_t)sigma_milli * sigma_milli * LOG2_E / 2000000 * 65536; /* of the logarithm, Q32 */
	return random_exp2(scatter(state, sigma_milli) - half_variance);
}

/* ---- Zipf ---- */

struct zipf {
	uint32_t n;
	struct {
		uint32_t keep; /* Q32: the share of this cell that is its own; the rest is the alias's */
		uint32_t alias;
	} cells[];
};

/* Scaled so that the largest times n stays below 2^62, and small ones do not vanish. */
static uint64_t weight(uint32_t rank, uint32_t n, uint32_t s_milli)
{
	int64_t room = (INT64_C(45) << 32) - random_log2(n);
	uint64_t w = random_exp2(room - random_log2((uint64_t)rank + 1) / 1000 * s_milli);
	return w ? w : 1;
}

uint64_t zipf_sum(uint32_t n, uint32_t s_milli)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < n; i++)
		sum += weight(i, n, s_milli);
	return sum;
}

uint64_t zipf_relative(uint32_t rank, uint32_t n, uint32_t s_milli, uint64_t sum)
{
	/* one division and products of doubles: exact enough and the same everywhere */
	return (uint64_t)((double)(weight(rank, n, s_milli) * n) / (double)sum * 65536.0);
}

struct zipf *zipf_new(uint32_t n, uint32_t s_milli)
{
	struct zipf *z = mem_alloc(sizeof *z + n * sizeof z->cells[0]);
	uint64_t sum = zipf_sum(n, s_milli), *left = mem_alloc(n * sizeof *left);
	uint32_t *light = mem_alloc(n * sizeof *light), lights = 0, heavy = 0;
	z->n = n;
	for (uint32_t i = 0; i < n; i++) {
		left[i] = weight(i, n, s_milli) * n; /* 1 on average is `sum` */
		z->cells[i].keep = UINT32_MAX;
		z->cells[i].alias = i;
	}
	for (uint32_t i = n; i-- > 0;)
		if (left[i] < sum)
			light[lights++] = i;
	while (lights > 0) {
		uint32_t i = light[--lights];
		while (heavy < n && left[heavy] < sum)
			heavy++;
		if (heavy == n)
			break; /* what rounding leaves */
		z->cells[i].keep = (uint32_t)((double)left[i] / (double)sum * 4294967295.0);
		z->cells[i].alias = heavy;
		left[heavy] -= sum - left[i];
		if (left[heavy] < sum)
			light[lights++] = heavy;
	}
	free(left);
	free(light);
	return z;
}

void zipf_free(struct zipf *z)
{
	free(z);
}

uint32_t zipf_pick(const struct zipf *z, uint64_t random)
{
	uint32_t i = random_scale(random, z->n);
	return (uint32_t)random <= z->cells[i].keep ? i : z->cells[i].alias;
}
