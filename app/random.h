/* SPDX-License-Identifier: Apache-2.0 */
/* Seeded random values that are the same on every machine: integers all the way, no libm, whose last bits differ between builds.
 * Fixed point: Q16 and Q32 are a value times 2^16 and 2^32. */
#ifndef RINGFENCE_APP_RANDOM_H
#define RINGFENCE_APP_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

#define PPM 1000000u /* shares are parts per million */

/* splitmix64 (Steele, Lea, Flood 2014): a counter and a mixer, so that thousands of independent streams cost 8 bytes each. */
static inline uint64_t random_mix(uint64_t v)
{
	v = (v ^ v >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	v = (v ^ v >> 27) * UINT64_C(0x94d049bb133111eb);
	return v ^ v >> 31;
}

static inline uint64_t random_next(uint64_t *state)
{
	*state += UINT64_C(0x9e3779b97f4a7c15);
	return random_mix(*state);
}

/* The start of a stream of its own for (seed, what, which). */
static inline uint64_t random_stream(uint64_t seed, uint32_t what, uint64_t which)
{
	return random_mix(random_mix(seed + UINT64_C(0x9e3779b97f4a7c15) * (what + 1)) ^ which * UINT64_C(0xd1342543de82ef95));
}

/* The top half of `v` onto 0 .. n-1. */
static inline uint32_t random_scale(uint64_t v, uint32_t n)
{
	return (uint32_t)((v >> 32) * n >> 32);
}

static inline uint32_t random_below(uint64_t *state, uint32_t n)
{
	return random_scale(random_next(state), n);
}

static inline bool random_chance(uint64_t *state, uint32_t ppm)
{
	return random_below(state, PPM) < ppm;
}

/* Q32 of log2(v), v > 0; off by less than 4e-6. */
int64_t random_log2(uint64_t v);
/* Q16 of 2^x, x in Q32 from -16 to 46 (clamped); off by less than 4e-6 of the value, or 2^-16. */
uint64_t random_exp2(int64_t x);

/* Exponential with mean 1, Q16, at most 44.4. */
uint64_t random_exponential(uint64_t *state);
/* median x e^(sigma z), z normal (64 coins, smoothed); sigma in thousandths, at most 1500; median below 2^28. */
int64_t random_lognormal(uint64_t *state, uint32_t median, uint32_t sigma_milli);
/* The same with mean 1, Q16. */
uint64_t random_lognormal_mean1(uint64_t *state, uint32_t sigma_milli);

/* Picks 0 .. n-1 with weights (rank + 1)^-s in constant time (alias method: Walker 1977, Vose 1991); 8 bytes a rank. */
struct zipf;
struct zipf *zipf_new(uint32_t n, uint32_t s_milli); /* n > 0; s in thousandths, at most 3000 */
void zipf_free(struct zipf *z);
uint32_t zipf_pick(const struct zipf *z, uint64_t random);
/* Weight of a rank over the mean weight, Q16, by the same law; `sum` is that of all, from zipf_sum(). */
uint64_t zipf_relative(uint32_t rank, uint32_t n, uint32_t s_milli, uint64_t sum);
uint64_t zipf_sum(uint32_t n, uint32_t s_milli);

#endif
