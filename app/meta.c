/* SPDX-License-Identifier: Apache-2.0 */
#include "app/meta.h"

#include "base/hash.h"

#define META_VERSION \
	4 /* 1 knew no limits; 2 knew no hashes of records in Redis (store.h): such a program must not write here any more; 3 knew no commands_again */

void meta_encode(const struct meta *m, const struct relay_marks *marks, struct buf *out)
{
	size_t from = out->len;
	buf_put(out, m->id, COMMIT_ID_BYTES);
	buf_put_u8(out, META_VERSION);
	buf_put_slice(out, m->deployment);
	buf_put_slice(out, m->topic);
	buf_put_varint(out, (uint64_t)m->partition);
	buf_put_varint(out, (uint64_t)m->partitions);
	buf_put_varint(out, m->epoch);
	buf_put_zigzag(out, m->cdr_next);
	buf_put_zigzag(out, m->control_next);
	buf_put_zigzag(out, m->relay_next);
	buf_put_zigzag(out, m->sweep_day);
	buf_put_u64(out, m->topic_id);
	buf_put_zigzag(out, m->cdr_clock_ms);
	buf_put_zigzag(out, m->clock_ms);
	buf_put_zigzag(out, m->produced_ms);
	buf_put_u8(out, m->backfill);
	buf_put_zigzag(out, m->command_ms);
	buf_put_varint(out, m->outbox_next);
#define X(name, text) buf_put_varint(out, m->counts.name);
	META_COUNTS(X)
#undef X
	rules_limits_encode(&m->limits, out);
	relay_marks_encode(marks, out);
	buf_put_u32(out, (uint32_t)hash64(out->data + from, out->len - from, 0));
}

enum err meta_decode(struct slice bytes, struct meta *out, struct relay_marks *marks, struct err_text *why)
{
	*out = (struct meta){0};
	if (bytes.len < COMMIT_ID_BYTES + 5)
		return err_set(why, ERR_CORRUPT, "the shard's meta value is cut off at %u bytes", bytes.len);
	struct reader r = reader_of(bytes.p, bytes.len - 4);
	memcpy(out->id, reader_take(&r, COMMIT_ID_BYTES), COMMIT_ID_BYTES);
	uint8_t version = reader_u8(&r);
	if (version > META_VERSION)
		return err_set(why, ERR_CORRUPT,
			       "the shard's meta value has form %u, this program knows up to %u: it was written by a newer version",
			       version, META_VERSION);
	struct reader sum = reader_of(bytes.p + bytes.len - 4, 4);
	if (reader_u32(&sum) != (uint32_t)hash64(bytes.p, bytes.len - 4, 0))
		return err_set(why, ERR_CORRUPT, "the shard's meta value is damaged (checksum)");
	out->deployment = reader_slice(&r);
	out->topic = reader_slice(&r);
	out->partition = (int32_t)reader_varint(&r);
	out->partitions = (int32_t)reader_varint(&r);
	out->epoch = reader_varint(&r);
	out->cdr_next = reader_zigzag(&r);
	out->control_next = reader_zigzag(&r);
	out->relay_next = reader_zigzag(&r);
	out->sweep_day = (int32_t)reader_zigzag(&r);
	out->topic_id = reader_u64(&r);
	out->cdr_clock_ms = reader_zigzag(&r);
	out->clock_ms = reader_zigzag(&r);
	out->produced_ms = reader_zigzag(&r);
	out->backfill = reader_u8(&r);
	out->command_ms = reader_zigzag(&r);
	out->outbox_next = reader_varint(&r);
#define X(name, text)                                                         \
	if (version >= 4 || &out->counts.name != &out->counts.commands_again) \
		out->counts.name = reader_varint(&r);
	META_COUNTS(X)
#undef X
	if (version >= 2)
		rules_limits_decode(&r, &out->limits);
	if (r.bad || (marks && !relay_marks_decode(&r, marks)))
		return err_set(why, ERR_CORRUPT, "the shard's meta value is damaged (length)");
	return ERR_OK;
}
