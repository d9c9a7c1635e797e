/* SPDX-License-Identifier: Apache-2.0 */
#include "scoring/store.h"

#include <assert.h>

const struct store_ops *store_ops(enum store_kind k)
{
	switch (k) {
	case STORE_REDIS:
		return &store_redis;
	case STORE_EMBEDDED:
		return &store_embedded;
	case STORE_MEMORY:
		return &store_memory;
	}
	assert(false && "a store of no kind"); /* clang takes a literal as a bool for a mistake */
	return NULL;
}
