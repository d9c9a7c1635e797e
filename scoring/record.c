/* SPDX-License-Identifier: Apache-2.0 */
/* The stored form of a subject.
 *
 *   offset  bytes  what
 *   0       1      version (1)
 *   1       ...    sections: type (1 byte), length (varint), content
 *   end-4   4      checksum: low 32 bits of hash64 of all before it, little-endian
 *
 *   type 1  head     clock, first_seen, since (zig-zag varints); calls, answered, late, talk_ms, sequence (varints)
 *   type 2  calls    count; per call, newest first: end (zig-zag, from the one before), callee (8), id hash (4), talk, lasted, flags
 *                    then, if 128 were exceeded: pieces and sketch
 *   type 3  state    the rules stage's own bytes
 *
 * Example: a subject with one answered call takes about 70 bytes.
 * Sections come in order of type; an unknown type, a wrong length, or bytes left over refuse the record: it is kept aside, never overwritten. */
#include "base/hash.h"
#include "scoring/calls.h"
#include "scoring/scoring.h"

#include <stdlib.h>

#define RECORD_VERSION 1
enum section { SECTION_HEAD = 1, SECTION_CALLS, SECTION_STATE };

/* A section's length is known when it is written: three bytes of room, a fixed-width varint. */
static size_t section_begin(struct buf *out, enum section type)
{
	buf_put_u8(out, (uint8_t)type);
	buf_put(out, "\x80\x80\0", 3);
	return out->len;
}

static void section_end(struct buf *out, size_t from)
{
	size_t n = out->len - from;
	out->data[from - 3] = (uint8_t)(n | 0x80);
	out->data[from - 2] = (uint8_t)(n >> 7 | 0x80);
	out->data[from - 1] = (uint8_t)(n >> 14);
}

static void encode_deep(const struct deep *d, int64_t clock_ms, struct buf *out)
{
	int64_t before = clock_ms;
	buf_put_varint(out, d->piece_cnt);
	buf_put_varint(out, d->compact_at); /* a reload must not change when pieces merge: same input, same figures */
	buf_put_varint(out, d->late_merged);
	buf_put_varint(out, d->coarsened);
	for (uint32_t i = d->piece_cnt; i-- > 0; before = d->pieces[i].first_ms) {
		const struct piece *p = &d->pieces[i];
		buf_put_zigzag(out, before - p->last_ms);
		buf_put_varint(out, (uint64_t)(p->last_ms - p->first_ms));
		buf_put_varint(out, p->calls);
		buf_put_varint(out, p->answered);
		buf_put_varint(out, p->short6);
		buf_put_varint(out, p->talk_ms);
	}
	for (int r = 0; r < SKETCH_REGISTERS; r++) {
		int64_t last = clock_ms;
		for (int i = 0; i < SKETCH_DEPTH && d->sketch[r][i].rank; last = d->sketch[r][i++].ms) {
			if (d->sketch[r][i].ms <= clock_ms - WINDOW_MAX_MS)
				break;
			buf_put_u8(out, d->sketch[r][i].rank);
			buf_put_zigzag(out, last - d->sketch[r][i].ms);
		}
		buf_put_u8(out, 0);
	}
}

void calls_encode(const struct calls *h, int64_t clock_ms, struct buf *out)
{
	int64_t before = clock_ms;
	buf_put_varint(out, h->cnt);
	for (int i = h->cnt - 1; i >= 0; before = h->call[i--].end_ms) {
		const struct call *c = &h->call[i];
		buf_put_zigzag(out, before - c->end_ms);
		buf_put_u64(out, c->callee);
		buf_put_u32(out, c->id_hash);
		buf_put_varint(out, c->talk_ms);
		buf_put_varint(out, c->lasted_ms);
		buf_put_varint(out, c->flags);
	}
	buf_put_u8(out, h->deep != NULL);
	if (h->deep)
		encode_deep(h->deep, clock_ms, out);
}

static void decode_deep(struct reader *r, int64_t clock_ms, struct deep *d)
{
	int64_t before = clock_ms;
	uint64_t n = reader_varint(r), compact_at = reader_varint(r);
	d->late_merged = reader_varint(r);
	d->coarsened = reader_varint(r);
	if (n > 4 * PIECES_MAX || compact_at > 8 * PIECES_MAX || compact_at <= n)
		r->bad = true;
	if (r->bad)
		return;
	d->piece_cnt = d->piece_cap = (uint32_t)n;
	d->compact_at = (uint32_t)compact_at;
	d->pieces = mem_zalloc((d->piece_cap + 1) * sizeof *d->pieces);
	for (uint32_t i = d->piece_cnt; i-- > 0 && !r->bad;) {
		struct piece *p = &d->pieces[i];
		p->last_ms = (int64_t)((uint64_t)before - (uint64_t)reader_zigzag(r));
		p->first_ms = (int64_t)((uint64_t)p->last_ms - reader_varint(r));
		p->calls = (uint32_t)reader_varint(r);
		p->answered = (uint32_t)reader_varint(r);
		p->short6 = (uint32_t)reader_varint(r);
		p->talk_ms = reader_varint(r);
		before = p->first_ms;
		r->bad = r->bad || p->first_ms > p->last_ms || p->answered > p->calls || p->short6 > p->answered;
	}
	for (int k = 0; k < SKETCH_REGISTERS && !r->bad; k++) {
		int64_t last = clock_ms;
		for (int i = 0;; i++) {
			uint8_t rank = reader_u8(r);
			if (!rank)
				break;
			if (i == SKETCH_DEPTH || rank > 57) {
				r->bad = true;
				break;
			}
			last = (int64_t)((uint64_t)last - (uint64_t)reader_zigzag(r));
			d->sketch[k][i] = (struct sketch_entry){last, rank};
		}
	}
}

struct calls *calls_decode(struct reader *r, int64_t clock_ms)
{
	struct calls *h = calls_new();
	int64_t before = clock_ms;
	uint64_t n = reader_varint(r);
	if (n > CALLS_EXACT)
		r->bad = true;
	if (!r->bad) {
		h->cnt = h->cap = (uint16_t)n;
		h->call = mem_zalloc((n + 1) * sizeof *h->call);
	}
	for (int i = h->cnt - 1; i >= 0 && !r->bad; i--) {
		struct call *c = &h->call[i];
		c->end_ms = (int64_t)((uint64_t)before - (uint64_t)reader_zigzag(r));
		c->callee = reader_u64(r);
		c->id_hash = reader_u32(r);
		c->talk_ms = (uint32_t)reader_varint(r);
		c->lasted_ms = (uint32_t)reader_varint(r);
		c->flags = (uint32_t)reader_varint(r);
		r->bad = r->bad || c->end_ms > before || (c->flags & 0xff) > DISPOSITION_NETWORK || c->flags > 0x1ff;
		before = c->end_ms;
	}
	if (!r->bad && reader_u8(r)) {
		h->deep = mem_zalloc(sizeof *h->deep);
		decode_deep(r, clock_ms, h->deep);
	}
	if (!r->bad)
		return h;
	calls_free(h);
	return NULL;
}

void record_encode(const struct subject *s, struct buf *out)
{
	size_t from = out->len, at;
	buf_put_u8(out, RECORD_VERSION);
	at = section_begin(out, SECTION_HEAD);
	buf_put_zigzag(out, s->clock_ms);
	buf_put_zigzag(out, s->first_seen_ms);
	buf_put_zigzag(out, s->since_ms);
	buf_put_varint(out, s->calls);
	buf_put_varint(out, s->answered);
	buf_put_varint(out, s->late);
	buf_put_varint(out, s->talk_ms);
	buf_put_varint(out, s->sequence);
	section_end(out, at);
	at = section_begin(out, SECTION_CALLS);
	calls_encode(s->history, s->clock_ms, out);
	section_end(out, at);
	if (s->state_len) {
		at = section_begin(out, SECTION_STATE);
		buf_put(out, s->state, s->state_len);
		section_end(out, at);
	}
	buf_put_u32(out, (uint32_t)hash64(out->data + from, out->len - from, 0));
}

static void decode_head(struct reader *r, struct subject *s)
{
	s->clock_ms = reader_zigzag(r);
	s->first_seen_ms = reader_zigzag(r);
	s->since_ms = reader_zigzag(r);
	s->calls = reader_varint(r);
	s->answered = reader_varint(r);
	s->late = reader_varint(r);
	s->talk_ms = reader_varint(r);
	s->sequence = reader_varint(r);
}

static void decode_section(struct subject *s, uint8_t type, struct slice content, bool *bad)
{
	struct reader r = reader_of(content.p, content.len);
	if (type == SECTION_HEAD) {
		decode_head(&r, s);
	} else if (type == SECTION_CALLS && !s->history) {
		s->history = calls_decode(&r, s->clock_ms);
	} else if (type == SECTION_STATE && !s->state && content.len) {
		s->state = mem_alloc(content.len);
		memcpy(s->state, reader_take(&r, content.len), content.len);
		s->state_len = content.len;
	} else {
		*bad = true;
	}
	*bad = *bad || r.bad || reader_left(&r) > 0;
}

void subject_release(struct subject *s)
{
	calls_free(s->history);
	free(s->state);
	s->history = NULL;
	s->state = NULL;
}

enum err record_decode(struct slice bytes, struct subject *s, struct err_text *why)
{
	*s = (struct subject){0};
	if (bytes.len < 6)
		return err_set(why, ERR_CORRUPT, "the record is cut off at %u bytes", bytes.len);
	struct reader r = reader_of(bytes.p, bytes.len - 4), sum = reader_of(bytes.p + bytes.len - 4, 4);
	uint8_t version = reader_u8(&r), last = 0;
	if (version > RECORD_VERSION)
		return err_set(why, ERR_CORRUPT, "the record has form %u, this program knows up to %u: a newer version wrote it", version,
			       RECORD_VERSION);
	if (reader_u32(&sum) != (uint32_t)hash64(bytes.p, bytes.len - 4, 0))
		return err_set(why, ERR_CORRUPT, "the record is damaged (checksum)");
	bool bad = false;
	while (!bad && !r.bad && reader_left(&r) > 0) {
		uint8_t type = reader_u8(&r);
		struct slice content = reader_slice(&r);
		if (r.bad || type <= last)
			bad = true;
		else
			decode_section(s, type, content, &bad);
		last = type;
	}
	if (!bad && !r.bad && s->history)
		return ERR_OK;
	subject_release(s);
	return err_set(why, ERR_CORRUPT, "the record is damaged (contents)");
}
