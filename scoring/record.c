/* SPDX-License-Identifier: Apache-2.0 */
#include "scoring/items.h"

#include "base/hash.h"

#define RECORD_VERSION 1

/* A run of items of one stream: stream (1 byte), number of items (varint), the items. */
static void put_run(const struct items *it, enum stream stream, struct buf *out)
{
	int64_t ms = 0;
	buf_put_u8(out, (uint8_t)stream);
	buf_put_varint(out, it->cnt[stream]);
	for (uint32_t i = 0; i < it->cnt[stream]; i++)
		items_put(it, stream, i, &ms, out);
}

void record_encode(const struct subject *s, struct buf *out)
{
	size_t from = out->len;
	struct items it;
	items_open(&it, s);
	buf_put_u8(out, RECORD_VERSION);
	items_put_head(&it, out);
	for (int i = 0; i < STREAM_CNT; i++)
		if (it.cnt[i])
			put_run(&it, (enum stream)i, out);
	buf_put_u32(out, (uint32_t)hash64(out->data + from, out->len - from, 0));
}

static bool get_run(struct items_in *in, struct reader *r)
{
	uint8_t stream = reader_u8(r);
	uint64_t n = reader_varint(r);
	int64_t ms = 0;
	if (r->bad || stream >= STREAM_CNT)
		return false;
	for (; n > 0; n--)
		if (!items_get(in, (enum stream)stream, &ms, 0, r))
			return false;
	return !r->bad;
}

static bool get_all(struct items_in *in, struct reader *r)
{
	if (!items_get_head(in, r))
		return false;
	while (reader_left(r) > 0)
		if (!get_run(in, r))
			return false;
	return items_finish(in);
}

enum err record_decode_in(struct slab *m, struct slice bytes, struct subject *s, struct err_text *why)
{
	struct items_in in = {.slab = m, .s = s};
	*s = (struct subject){0};
	if (bytes.len < 6)
		return err_set(why, ERR_CORRUPT, "the record is cut off at %u bytes", bytes.len);
	struct reader r = reader_of(bytes.p, bytes.len - 4), sum = reader_of(bytes.p + bytes.len - 4, 4);
	uint8_t version = reader_u8(&r);
	if (version > RECORD_VERSION)
		return err_set(why, ERR_CORRUPT, "the record has form %u, this program knows up to %u: a newer version wrote it", version,
			       RECORD_VERSION);
	if (reader_u32(&sum) != (uint32_t)hash64(bytes.p, bytes.len - 4, 0))
		return err_set(why, ERR_CORRUPT, "the record is damaged (checksum)");
	if (get_all(&in, &r))
		return ERR_OK;
	subject_drop(m, s);
	return err_set(why, ERR_CORRUPT, "the record is damaged (contents)");
}

enum err record_decode(struct slice bytes, struct subject *s, struct err_text *why)
{
	return record_decode_in(NULL, bytes, s, why);
}
