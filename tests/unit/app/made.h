/* SPDX-License-Identifier: Apache-2.0 */
/* All records of a generator in memory, for its tests. */
#ifndef RINGFENCE_TESTS_APP_MADE_H
#define RINGFENCE_TESTS_APP_MADE_H

#include "tests/unit/unit.h"

#include "app/generate_inner.h"
#include "base/arena.h"

#include <stdlib.h>

struct made {
	struct generate_config config;
	struct generator *generator;
	struct generated *records;
	size_t n;
};

static inline struct generate_config config_of(uint64_t calls, uint32_t numbers)
{
	return (struct generate_config){.seed = 1, .calls = calls, .numbers = numbers, .start_ms = GENERATE_START_MS, .zipf_milli = -1};
}

static inline struct made make(struct generate_config config)
{
	struct made m = {.config = config};
	struct err_text why = {""};
	size_t cap = 1024;
	assert_int_equal(generator_new(&config, &m.generator, &why), ERR_OK);
	m.records = mem_alloc(cap * sizeof *m.records);
	while (generator_next(m.generator, &m.records[m.n]))
		if (++m.n == cap) {
			cap *= 2;
			m.records = mem_realloc(m.records, cap * sizeof *m.records);
		}
	return m;
}

static inline void drop(struct made *m)
{
	generator_free(m->generator);
	free(m->records);
}

static inline enum caller_kind kind_of(const struct made *m, const struct generated *r)
{
	struct generated_caller c;
	generator_caller(m->generator, r->caller, &c);
	return c.kind;
}

static inline int by_serial(const void *a, const void *b)
{
	const struct generated *x = a, *y = b;
	return (x->serial > y->serial) - (x->serial < y->serial);
}

static inline int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static inline double part(size_t a, size_t b)
{
	return b ? (double)a / (double)b : 0;
}

#define WITHIN(v, least, most)                                                                             \
	do {                                                                                               \
		double got_ = (v);                                                                         \
		if (got_ < (least) || got_ > (most))                                                       \
			fail_msg("%s = %g, not from %g to %g", #v, got_, (double)(least), (double)(most)); \
	} while (0)

#endif
