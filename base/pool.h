/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of some hundred bytes to some ten thousand that live long, come in few sizes and are looked at in no order: the heavy parts of busy subjects. They are
 * cut from huge pages, so that a look costs no walk through page tables. A block given back waits for the next of its size; nothing goes back to the
 * system. Any thread: there is a lock, and such blocks are taken seldom. */
#ifndef RINGFENCE_BASE_POOL_H
#define RINGFENCE_BASE_POOL_H

#include <stddef.h>

#define POOL_BLOCK_MAX ((size_t)64 << 10) /* larger ones come from the heap */

void *pool_take(size_t bytes); /* aligned to a line of the cache, not zeroed; ends the process when there is no memory */
void *pool_take_zeroed(size_t bytes);
void pool_give(void *block, size_t bytes); /* NULL: nothing */

/* Memory of this size to be read at random; zeroed. free() gives it back. */
void *huge_zalloc(size_t bytes);

#endif
