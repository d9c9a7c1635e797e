/* SPDX-License-Identifier: Apache-2.0 */
#include "scoring/store.h"
#include "scoring/redis.h"

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

enum err store_config_check(const struct store_config *c, struct err_text *why)
{
	struct redis_address at;
	return c->kind == STORE_REDIS ? redis_address_parse(c->redis_url, c->redis_password, &at, why) : ERR_OK;
}
