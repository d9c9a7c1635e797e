/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of one table: blocks of any size, packed densely, nothing from the heap once warm. One thread.
 *
 * A movable block begins with its home: the address of the one pointer that points to it. When a block is given back, the last block of its size
 * class moves into the hole and its home is set, so a class has no holes and its empty pages serve other classes. Millions of histories that grow
 * step by step therefore leave no waste behind. Without a slab (NULL) all come from the heap. A fixed block never moves; given back, it waits in a list for the next of its size. */
#ifndef RINGFENCE_SCORING_SLAB_H
#define RINGFENCE_SCORING_SLAB_H

#include <stddef.h>
#include <stdint.h>

struct slab;

struct slab *slab_new(void);
void slab_free(struct slab *m);
void slab_clear(struct slab *m); /* every block at once; pages are kept */

/* A movable block, not zeroed but for its home; *home = the block. Only *home may point to it, and only until the next take or give. */
void *slab_take(struct slab *m, size_t bytes, void **home);
void slab_give(struct slab *m, void *block, size_t bytes);
void *slab_take_fixed(struct slab *m, size_t bytes);
void slab_give_fixed(struct slab *m, void *block, size_t bytes);

int64_t slab_bytes(const struct slab *m); /* in blocks that are taken */
int64_t slab_held(const struct slab *m);  /* got from the heap */

#endif
