/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"
#include "ingest/ingest.h"

int32_t partition_of(enum partitioner p, struct slice key, int32_t count)
{
	uint32_t h = p == PARTITION_CRC32 ? hash_crc32(key.p, key.len) : hash_murmur2(key.p, key.len) & 0x7fffffff;
	return (int32_t)(h % (uint32_t)count);
}
