/* SPDX-License-Identifier: Apache-2.0 */
/* How values are spread, for quantiles without keeping them. PRECISION: exact below 128, within 1 % beyond; at most 10 KiB whatever comes. */
#ifndef RINGFENCE_APP_SPREAD_H
#define RINGFENCE_APP_SPREAD_H

#include <stdint.h>

struct spread {       /* begins as {0} */
	uint32_t *n;  /* owned; per class of values */
	uint32_t cap; /* classes there is room for */
	uint64_t cnt; /* values */
};

void spread_release(struct spread *s);
void spread_add(struct spread *s, uint64_t value); /* 2^40 and more count as that */
/* The smallest value that `permille` of all are not above; 0 if there is none. */
uint64_t spread_quantile(const struct spread *s, uint32_t permille);

#endif
