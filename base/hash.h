/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes. hash128 goes into stored state and event ids: its values are part of the stored form and never change. */
#ifndef RINGFENCE_BASE_HASH_H
#define RINGFENCE_BASE_HASH_H

#include "base/slice.h"

#include <stdint.h>

struct hash128 {
	uint64_t hi, lo;
};

/* MurmurHash3_x64_128 (Austin Appleby, public domain algorithm), little-endian reads, 64-bit seed. */
struct hash128 hash128(const void *data, size_t len, uint64_t seed);

static inline uint64_t hash64(const void *data, size_t len, uint64_t seed)
{
	return hash128(data, len, seed).lo;
}

/* 32 hex digits and a NUL. */
void hash128_hex(struct hash128 h, char out[33]);

/* Kafka's default partitioner (Java, kafkajs): murmur2 with seed 0x9747b28c. Partition = (h & 0x7fffffff) % count. */
uint32_t hash_murmur2(const void *data, size_t len);
/* CRC-32 (IEEE), librdkafka's own partitioner. Partition = h % count. */
uint32_t hash_crc32(const void *data, size_t len);

#endif
