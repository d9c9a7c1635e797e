/* SPDX-License-Identifier: Apache-2.0 */
/* A bucket as stored: version (1) · entries, 10 bytes each: hash (6), first day (2), day its record ended (2), in order of hash · checksum (4), all
 * little-endian. Two entries take 25 bytes, 64 take 645. Days are cut to 0 .. 65535, that is to the year 2149. */
#include "scoring/seen.h"

#include "base/hash.h"

#define SEEN_VERSION 1
#define ENTRY_BYTES 10
#define HASH_MASK ((UINT64_C(1) << 48) - 1)

uint32_t seen_bucket_of(uint64_t key_hash)
{
	return (uint32_t)(key_hash >> 48) % SEEN_BUCKETS;
}

static uint32_t place(const struct seen_bucket *b, uint64_t hash)
{
	uint32_t i = 0;
	while (i < b->cnt && b->entry[i].hash < hash)
		i++;
	return i;
}

static bool is_at(const struct seen_bucket *b, uint32_t i, uint64_t hash)
{
	return i < b->cnt && b->entry[i].hash == hash;
}

int32_t seen_find(const struct seen_bucket *b, uint64_t key_hash, int32_t today)
{
	uint32_t i = place(b, key_hash & HASH_MASK);
	return is_at(b, i, key_hash & HASH_MASK) && b->entry[i].end_day + SEEN_KEPT_DAYS >= today ? b->entry[i].first_day : -1;
}

static uint16_t day16(int32_t day)
{
	return day < 0 ? 0 : day > UINT16_MAX ? UINT16_MAX : (uint16_t)day;
}

static void take_out(struct seen_bucket *b, uint32_t i)
{
	memmove(b->entry + i, b->entry + i + 1, (--b->cnt - i) * sizeof *b->entry);
}

static void drop_old(struct seen_bucket *b, int32_t today)
{
	for (uint32_t i = b->cnt; i-- > 0;)
		if (b->entry[i].end_day + SEEN_KEPT_DAYS < today)
			take_out(b, i);
}

static uint32_t drop_one(struct seen_bucket *b)
{
	uint32_t oldest = 0;
	if (b->cnt < SEEN_MAX)
		return 0;
	for (uint32_t i = 1; i < b->cnt; i++)
		if (b->entry[i].end_day < b->entry[oldest].end_day)
			oldest = i;
	take_out(b, oldest);
	return 1;
}

uint32_t seen_put(struct seen_bucket *b, uint64_t key_hash, int32_t first_day, int32_t end_day)
{
	struct seen_entry fresh = {.hash = key_hash & HASH_MASK, .first_day = day16(first_day), .end_day = day16(end_day)};
	uint32_t i, gone = 0;
	drop_old(b, end_day);
	i = place(b, fresh.hash);
	if (is_at(b, i, fresh.hash)) {
		struct seen_entry *e = &b->entry[i];
		e->first_day = fresh.first_day < e->first_day ? fresh.first_day : e->first_day;
		e->end_day = fresh.end_day > e->end_day ? fresh.end_day : e->end_day;
		return 0;
	}
	gone = drop_one(b);
	i = place(b, fresh.hash);
	memmove(b->entry + i + 1, b->entry + i, (b->cnt++ - i) * sizeof *b->entry);
	b->entry[i] = fresh;
	return gone;
}

bool seen_remove(struct seen_bucket *b, uint64_t key_hash)
{
	uint32_t i = place(b, key_hash & HASH_MASK);
	if (!is_at(b, i, key_hash & HASH_MASK))
		return false;
	take_out(b, i);
	return true;
}

void seen_encode(const struct seen_bucket *b, struct buf *out)
{
	size_t from = out->len;
	buf_put_u8(out, SEEN_VERSION);
	for (uint32_t i = 0; i < b->cnt; i++) {
		const struct seen_entry *e = &b->entry[i];
		buf_put_u32(out, (uint32_t)e->hash);
		buf_put_u8(out, (uint8_t)(e->hash >> 32));
		buf_put_u8(out, (uint8_t)(e->hash >> 40));
		buf_put_u32(out, e->first_day | (uint32_t)e->end_day << 16);
	}
	buf_put_u32(out, (uint32_t)hash64(out->data + from, out->len - from, 0));
}

enum err seen_decode(struct slice bytes, struct seen_bucket *b, struct err_text *why)
{
	b->cnt = 0;
	if (!bytes.p)
		return ERR_OK;
	if (bytes.len < 5)
		return err_set(why, ERR_CORRUPT, "the bucket of first-seen days is cut off at %u bytes", bytes.len);
	struct reader r = reader_of(bytes.p, bytes.len - 4), sum = reader_of(bytes.p + bytes.len - 4, 4);
	uint8_t version = reader_u8(&r);
	if (version > SEEN_VERSION)
		return err_set(why, ERR_CORRUPT, "the bucket of first-seen days has form %u: a newer version wrote it", version);
	if (reader_u32(&sum) != (uint32_t)hash64(bytes.p, bytes.len - 4, 0) || version == 0 || reader_left(&r) % ENTRY_BYTES != 0 ||
	    reader_left(&r) > SEEN_MAX * ENTRY_BYTES)
		return err_set(why, ERR_CORRUPT, "the bucket of first-seen days is damaged");
	uint32_t n = (uint32_t)(reader_left(&r) / ENTRY_BYTES);
	for (uint32_t i = 0; i < n; i++) {
		struct seen_entry *e = &b->entry[i];
		e->hash = reader_u32(&r);
		e->hash |= (uint64_t)reader_u8(&r) << 32;
		e->hash |= (uint64_t)reader_u8(&r) << 40;
		uint32_t days = reader_u32(&r);
		e->first_day = (uint16_t)days;
		e->end_day = (uint16_t)(days >> 16);
		if (i && e->hash <= e[-1].hash)
			return err_set(why, ERR_CORRUPT, "the bucket of first-seen days is damaged (order)");
	}
	b->cnt = n;
	return ERR_OK;
}
