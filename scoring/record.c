/* SPDX-License-Identifier: Apache-2.0 */
/* The stored form of a subject. Up to 2 KiB it is one part:
 *
 *   offset  bytes  what
 *   0       1      version (1; 2 with a ledger of contacts)
 *   1       1      form (1: one part; 2: blocks, blocks.c)
 *   2       ...    head (items_head.c)
 *   ...     ...    runs, in order of stream: stream (1), number of items (varint), items (items.c)
 *   end-4   4      checksum: low 32 bits of hash64 of all before it, little-endian
 *
 * Example: a number that made one call and received none: 01 01 · head of 35 bytes · 00 01 and the call, 25 bytes · checksum: 70 bytes.
 * A wrong length, order or value, or bytes left over, refuse the record: it is kept aside, never overwritten. A version above 2 is refused by name. */
#include "scoring/blocks.h"

#include "base/hash.h"

#define RECORD_VERSION 2
enum form { FORM_WHOLE = 1, FORM_BLOCKS };

/* A run of items of one stream: stream (1 byte), number of items (varint), the items. */
static void put_run(const struct items *it, enum stream stream, struct buf *out)
{
	buf_put_u8(out, (uint8_t)stream);
	buf_put_varint(out, it->cnt[stream]);
	items_put_all(it, stream, out);
}

void record_encode(const struct subject *s, struct buf *out)
{
	size_t from = out->len;
	struct items it;
	items_open(&it, s);
	buf_put_u8(out, record_version(s));
	buf_put_u8(out, FORM_WHOLE);
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

static bool decode_whole(struct items_in *in, struct slice bytes)
{
	struct reader r = reader_of(bytes.p + 2, bytes.len - 6);
	return get_all(in, &r);
}

static bool is_sound(struct slice bytes, uint8_t form)
{
	if (form == FORM_BLOCKS)
		return blocks_check(bytes);
	struct reader sum = reader_of(bytes.p + bytes.len - 4, 4);
	return reader_u32(&sum) == (uint32_t)hash64(bytes.p, bytes.len - 4, 0);
}

enum err record_decode_in(struct slab *m, struct slice bytes, struct subject *s, struct err_text *why)
{
	struct items_in in = {.slab = m, .s = s};
	*s = (struct subject){0};
	if (bytes.len < 6)
		return err_set(why, ERR_CORRUPT, "the record is cut off at %u bytes", bytes.len);
	uint8_t version = (uint8_t)bytes.p[0], form = (uint8_t)bytes.p[1];
	if (version > RECORD_VERSION)
		return err_set(why, ERR_CORRUPT, "the record has form %u, this program knows up to %u: a newer version wrote it", version,
			       RECORD_VERSION);
	if (!is_sound(bytes, form))
		return err_set(why, ERR_CORRUPT, "the record is damaged (checksum)");
	if (form == FORM_BLOCKS ? blocks_decode(&in, bytes, m != NULL) : form == FORM_WHOLE && decode_whole(&in, bytes))
		return ERR_OK;
	subject_drop(m, s);
	return err_set(why, ERR_CORRUPT, "the record is damaged (contents)");
}

enum err record_decode(struct slice bytes, struct subject *s, struct err_text *why)
{
	return record_decode_in(NULL, bytes, s, why);
}

/* ---- storing ---- */

static bool store_small(struct subject *s, struct buf *out, struct record_put *put)
{
	size_t from = out->len;
	record_encode(s, out);
	if (out->len - from > RECORD_SMALL_BYTES) {
		out->len = from;
		return false;
	}
	bool was_large = s->image && s->image->stored;
	image_free(s->image);
	s->image = NULL;
	*put = (struct record_put){.value = {NULL, (uint32_t)(out->len - from)}, .was_large = was_large};
	return true;
}

/* What is known to be large need not be tried as small. */
static bool may_be_small(const struct subject *s)
{
	return !s->image || s->image->pages * BLOCK_BYTES <= 2 * RECORD_SMALL_BYTES;
}

static void coarsen(struct subject *s)
{
	if (s->history && s->history->deep && s->history->deep->pieces.cnt > 8)
		pieces_coarsen(&s->history->deep->pieces, &s->history->deep->exact, s->history->deep->pieces.cnt * 3u / 4);
	if (s->received && s->received->deep && s->received->deep->pieces.cnt > 8)
		pieces_coarsen(&s->received->deep->pieces, &(struct weight){s->received->cnt, 0, 0},
			       s->received->deep->pieces.cnt * 3u / 4);
}

void record_store(struct table *t, struct subject *s, struct buf *out, uint16_t *block_room, struct record_put *put)
{
	int64_t before = image_bytes(s->image), coarser = 0;
	if (!may_be_small(s) || !store_small(s, out, put)) {
		uint16_t n;
		while (!blocks_encode(s, block_room, &n)) {
			int64_t heap = subject_heap_bytes(s);
			coarsen(s);
			coarser += subject_heap_bytes(s) - heap;
		}
		*put = (struct record_put){.value = slice_make(s->image->bytes, s->image->blocks * BLOCK_BYTES), .large = true};
		if (s->image->stored) {
			put->blocks = block_room;
			put->block_cnt = n;
		}
		s->image->stored = true;
	}
	table_account(t, image_bytes(s->image) - before + coarser);
}
