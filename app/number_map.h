/* SPDX-License-Identifier: Apache-2.0 */
/* A small fact for each of many numbers: packed number (number_pack) to 32 bits. Open addressing, at most three quarters full, 12 bytes a slot; nothing is
 * removed. */
#ifndef RINGFENCE_APP_NUMBER_MAP_H
#define RINGFENCE_APP_NUMBER_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct number_map {     /* begins as {0} */
	uint64_t *keys; /* owned; 0: free */
	uint32_t *values;
	size_t cap, cnt; /* cap: a power of two, or 0 */
};

void number_map_release(struct number_map *m);
uint32_t *number_map_find(const struct number_map *m, uint64_t number); /* NULL: it has none. Valid until the next put */
/* Its value, 0 if it had none before (then *fresh). Valid until the next put. */
uint32_t *number_map_put(struct number_map *m, uint64_t number, bool *fresh);
/* Every number, in no order: *at = 0 first. False at the end. */
bool number_map_each(const struct number_map *m, size_t *at, uint64_t *number, uint32_t *value);

#endif
