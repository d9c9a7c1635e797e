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
	assert(!"a store of no kind");
	return NULL;
}
