/* SPDX-License-Identifier: Apache-2.0 */
/* A record over 2 KiB.
 *
 *   block 0   version (1 or 2) · form 2 (1) · blocks (1) · pages (1) · their block numbers in order (1 each) · head (items_head.c) · 0... · checksum
 *   block n   stream (1) · items (varint) · items (items.c) · 0... · checksum
 *   checksum  low 32 bits of hash64 of the block before it, with the block's number as seed
 *
 * DESIGN
 *   A page is a run of neighbouring items of one stream in one block. An item remembers its page, a part that changes marks the page it is in, and only
 *   marked pages are coded again. A page that overflows is cut in two; one that has room takes in its neighbour. The bytes are kept beside the
 *   subject (the image), so blocks without a change are neither coded nor compared.
 *
 *   What one call changes: the head; the page of the newest call; the page of the call that leaves the exact ones; the one or two where the merging
 *   hand is. Last sightings and sketches change all over, but they can be made again from the exact calls: so only some of their pages are
 *   written with each call, in turn, each of them at least once in so many calls as there are such pages, which are far fewer than 128. */
#include "scoring/blocks.h"

#include "base/hash.h"

#include <assert.h>
#include <stdlib.h>

#define FORM_BLOCKS 2
#define HEAD_BYTES 4
#define LAZY_BLOCKS 5 /* sightings and sketches wait for the next call when so many other blocks are written */

static uint32_t checksum(const uint8_t *block, uint32_t number)
{
	return (uint32_t)hash64(block, BLOCK_PAYLOAD, number);
}

static void put_checksum(uint8_t *block, uint32_t number)
{
	uint32_t sum = checksum(block, number);
	for (int i = 0; i < BLOCK_SUM_BYTES; i++)
		block[BLOCK_PAYLOAD + i] = (uint8_t)(sum >> 8 * i);
}

void image_free(struct image *im)
{
	if (!im)
		return;
	free(im->bytes);
	buf_release(&im->page);
	free(im);
}

int64_t image_bytes(const struct image *im)
{
	return im ? (int64_t)(sizeof *im + im->cap * BLOCK_BYTES) : 0;
}

static bool bit(const uint64_t *bits, uint32_t i)
{
	return bits[i / 64] >> i % 64 & 1;
}

static int bits_set(const uint64_t bits[2])
{
	return __builtin_popcountll(bits[0]) + __builtin_popcountll(bits[1]);
}

static void set_bit(uint64_t *bits, uint32_t i)
{
	bits[i / 64] |= UINT64_C(1) << i % 64;
}

/* ---- what changed ---- */

static void gather(struct image *im, uint64_t dirty[2])
{
	im->dirty[0] |= dirty[0];
	im->dirty[1] |= dirty[1];
	dirty[0] = dirty[1] = 0;
}

static void gather_distinct(struct image *im, struct distinct *d)
{
	gather(im, d->recent.dirty);
	if (d->sketch)
		gather(im, d->sketch->dirty);
}

static void gather_all(struct image *im, struct subject *s)
{
	if (s->history && s->history->deep) {
		struct deep *d = s->history->deep;
		gather(im, d->pieces.dirty);
		gather(im, d->regions.dirty);
		gather_distinct(im, &d->callees);
		gather_distinct(im, &d->callers);
		gather(im, d->ledger.answered.dirty);
	}
	if (s->received && s->received->deep) {
		gather(im, s->received->deep->pieces.dirty);
		gather_distinct(im, &s->received->deep->parties);
	}
	if (s->marks)
		gather_distinct(im, &s->marks->flagged);
}

/* Made again from the exact calls when a record is read. */
static bool is_lazy(uint8_t stream)
{
	return (stream >= STREAM_CALLEES && stream <= STREAM_REGIONS) || stream == STREAM_CONTACTS;
}

/* Keeps the marks of streams that tell their changes; all pages of the others are coded again. */
static bool tells_changes(const struct subject *s, uint8_t stream)
{
	if (stream == STREAM_CALLS)
		return s->history->deep != NULL;
	return is_lazy(stream) || stream == STREAM_PARTIES || stream == STREAM_PARTIES_SKETCH || stream == STREAM_FLAGGED ||
	       stream == STREAM_FLAGGED_SKETCH;
}

/* Which pages are written this time. */
static void choose(struct image *im, struct subject *s, uint64_t write[2])
{
	uint8_t lazy[BLOCKS_MAX];
	uint32_t n = 0, all = s->history && s->history->deep && s->history->deep->late_unstored;
	uint64_t calls = s->calls - im->calls;
	write[0] = write[1] = 0;
	for (uint32_t i = 0; i < im->pages; i++) {
		uint8_t page = im->order[i];
		if (is_lazy(im->stream[page]) && !all)
			lazy[n++] = page;
		else if (bit(im->dirty, page) || !tells_changes(s, im->stream[page]))
			set_bit(write, page);
	}
	for (uint32_t i = 0, left = calls > n ? n : (uint32_t)calls; i < n && left > 0; i++) {
		uint8_t page = lazy[(s->calls + i) % n];
		if (bit(im->dirty, page)) {
			set_bit(write, page);
			left--;
		}
	}
	if (all)
		s->history->deep->late_unstored = false;
	im->calls = s->calls;
}

/* ---- pages ---- */

struct pager {
	const struct items *it;
	struct image *im;
	uint64_t write[2];   /* pages to code */
	uint64_t used[2];    /* blocks taken, in the new order */
	uint64_t touched[2]; /* blocks whose bytes differ from before */
	uint64_t done[2];    /* pages that are in `order` */
	uint8_t order[BLOCKS_MAX];
	uint32_t pages;
	bool full;
	bool may_wait;   /* one call came: sightings and sketches may be written with the next */
	struct buf page; /* being filled */
};

static uint8_t *page_of(struct pager *p, enum stream stream, uint32_t i)
{
	uint8_t *at = items_page(p->it, stream, i);
	return at ? at : &p->im->unpaged[stream == STREAM_FLAGS ? 0 : stream == STREAM_STATE ? 1 : 2][i];
}

static uint8_t take_block(struct pager *p)
{
	for (uint32_t i = 1; i < BLOCKS_MAX; i++)
		if (!bit(p->used, i)) {
			set_bit(p->used, i);
			return (uint8_t)i;
		}
	p->full = true;
	return 0;
}

static void give_block(struct pager *p, uint8_t page)
{
	p->used[page / 64] &= ~(UINT64_C(1) << page % 64);
}

static void need_blocks(struct image *im, uint32_t blocks)
{
	if (blocks > im->cap) {
		im->cap = blocks + blocks / 4 < BLOCKS_MAX ? blocks + blocks / 4 : BLOCKS_MAX;
		im->bytes = mem_realloc(im->bytes, im->cap * BLOCK_BYTES);
	}
	for (; im->blocks < blocks; im->blocks++) {
		memset(im->bytes + im->blocks * BLOCK_BYTES, 0, BLOCK_PAYLOAD);
		put_checksum(im->bytes + im->blocks * BLOCK_BYTES, im->blocks);
	}
}

static void write_block(struct pager *p, uint8_t number, const uint8_t *bytes, uint32_t len)
{
	struct image *im = p->im;
	if (number >= im->blocks) {
		for (uint32_t i = im->blocks; i <= number; i++)
			set_bit(p->touched, i);
		need_blocks(im, number + 1u);
	}
	uint8_t *block = im->bytes + number * BLOCK_BYTES;
	im->fill[number] = (uint16_t)len;
	if (memcmp(block, bytes, len) == 0) {
		uint32_t zero = len;
		while (zero < BLOCK_PAYLOAD && block[zero] == 0)
			zero++;
		if (zero == BLOCK_PAYLOAD)
			return;
	}
	memcpy(block, bytes, len);
	memset(block + len, 0, BLOCK_PAYLOAD - len);
	put_checksum(block, number);
	set_bit(p->touched, number);
}

/* The items [from, to) that were put are a page. */
static void close_page(struct pager *p, enum stream stream, uint8_t number, uint32_t from, uint32_t to)
{
	uint8_t head[HEAD_BYTES] = {(uint8_t)stream, (uint8_t)((to - from) | 0x80), (uint8_t)((to - from) >> 7)};
	memcpy(p->page.data, head, 3);
	for (uint32_t i = from; i < to; i++)
		*page_of(p, stream, i) = number;
	p->im->stream[number] = (uint8_t)stream;
	p->order[p->pages++] = number;
	set_bit(p->done, number);
	p->im->dirty[number / 64] &= ~(UINT64_C(1) << number % 64);
	write_block(p, number, p->page.data, (uint32_t)p->page.len);
}

static void open_page(struct pager *p)
{
	buf_reset(&p->page);
	buf_put(&p->page, "\0\0\0", 3);
}

/* Codes items from `from` on into the page `number` and as many new ones as they need; stops before `to`. Returns the fill of the last page, which
 * is left open, and where it begins. */
static uint8_t fill_pages(struct pager *p, enum stream stream, uint8_t number, uint32_t *from, uint32_t at, uint32_t to, int64_t *ms)
{
	for (; at < to && !p->full; at++) {
		size_t before = p->page.len;
		items_put(p->it, stream, at, ms, &p->page);
		if (p->page.len <= BLOCK_PAYLOAD)
			continue;
		p->page.len = before;
		close_page(p, stream, number, *from, at);
		number = take_block(p);
		open_page(p);
		*ms = 0;
		*from = at;
		at--;
	}
	return number;
}

struct run { /* neighbouring items of one page, with those behind them that have none yet */
	uint32_t to;
	uint8_t page;
	bool fresh; /* holds items without a page */
};

static struct run run_at(struct pager *p, enum stream stream, uint32_t from)
{
	uint32_t n = p->it->cnt[stream];
	struct run r = {.to = from};
	for (; r.to < n; r.to++) {
		uint8_t page = *page_of(p, stream, r.to);
		assert(page == 0 || (p->im->fill[page] && p->im->stream[page] == stream));
		if (page && r.page && page != r.page)
			break;
		r.page = page ? page : r.page;
		r.fresh = r.fresh || !page;
	}
	if (bit(p->done, r.page)) { /* its items do not lie together: these move */
		r.page = 0;
		r.fresh = true;
	}
	return r;
}

/* Two pages that together take no more become one. Pieces only shrink; sketches grow. */
static uint32_t roomy(enum stream stream)
{
	return stream == STREAM_CALLS || stream == STREAM_RECEIVED ? BLOCK_PAYLOAD : BLOCK_PAYLOAD * 9 / 10;
}

static bool is_written(const struct pager *p, enum stream stream, const struct run *r)
{
	if (is_lazy((uint8_t)stream) && p->may_wait && r->page && bits_set(p->touched) >= LAZY_BLOCKS)
		return false;
	return r->page == 0 || bit(p->write, r->page) || (r->fresh && !is_lazy((uint8_t)stream));
}

/* From a page that has to be coded on: it, and neighbours that it has room for. Returns where the next run begins. */
static uint32_t code_run(struct pager *p, enum stream stream, uint32_t from, struct run r)
{
	int64_t ms = 0;
	uint32_t at = from;
	uint8_t number = r.page ? r.page : take_block(p);
	open_page(p);
	for (;;) {
		number = fill_pages(p, stream, number, &from, at, r.to, &ms);
		at = r.to;
		if (p->full || at == p->it->cnt[stream])
			break;
		r = run_at(p, stream, at);
		if (r.page == 0 || (!is_written(p, stream, &r) && p->page.len + p->im->fill[r.page] > roomy(stream)))
			break;
		give_block(p, r.page);
	}
	if (!p->full)
		close_page(p, stream, number, from, at);
	return at;
}

static void page_stream(struct pager *p, enum stream stream)
{
	for (uint32_t from = 0; from < p->it->cnt[stream] && !p->full;) {
		struct run r = run_at(p, stream, from);
		bool write = is_written(p, stream, &r);
		if (!write && r.to < p->it->cnt[stream]) { /* a next page that is written may be taken in */
			struct run next = run_at(p, stream, r.to);
			write = next.page && is_written(p, stream, &next) &&
				p->im->fill[r.page] + p->im->fill[next.page] <= roomy(stream) && !r.fresh;
		}
		if (write) {
			from = code_run(p, stream, from, r);
			continue;
		}
		p->order[p->pages++] = r.page;
		set_bit(p->done, r.page);
		from = r.to;
	}
}

static void write_head(struct pager *p)
{
	struct buf *b = &p->page;
	buf_reset(b);
	buf_put_u8(b, record_version(p->it->s));
	buf_put_u8(b, FORM_BLOCKS);
	buf_put_u8(b, (uint8_t)(p->im->blocks - 1));
	buf_put_u8(b, (uint8_t)p->pages);
	buf_put(b, p->order, p->pages);
	items_put_head(p->it, b);
	assert(b->len <= BLOCK_PAYLOAD);
	write_block(p, 0, b->data, (uint32_t)b->len);
}

/* Pages that their streams left, or gave up, are free. */
static void keep_order(struct pager *p)
{
	struct image *im = p->im;
	uint64_t kept[2] = {1, 0};
	memcpy(im->order, p->order, p->pages);
	im->pages = p->pages;
	for (int k = 0; k < 3; k++) { /* items that went */
		static const uint8_t streams[] = {STREAM_FLAGS, STREAM_STATE, STREAM_ORDER};
		uint32_t cnt = p->it->cnt[streams[k]];
		memset(im->unpaged[k] + cnt, 0, UNPAGED_MAX - cnt);
	}
	for (uint32_t i = 0; i < p->pages; i++)
		set_bit(kept, p->order[i]);
	for (uint32_t i = 1; i < BLOCKS_MAX; i++)
		if (!bit(kept, i)) {
			im->fill[i] = 0;
			im->dirty[i / 64] &= ~(UINT64_C(1) << i % 64);
		}
}

static void forget_pages(struct pager *p)
{
	for (int st = 0; st < STREAM_CNT; st++)
		for (uint32_t i = 0; i < p->it->cnt[st]; i++)
			*page_of(p, (enum stream)st, i) = 0;
}

/* A page that takes in new items has changed. */
static void mark_fresh(struct pager *p)
{
	for (int st = 0; st < STREAM_CNT; st++)
		for (uint32_t from = 0; is_lazy((uint8_t)st) && from < p->it->cnt[st];) {
			struct run r = run_at(p, (enum stream)st, from);
			if (r.fresh && r.page)
				set_bit(p->im->dirty, r.page);
			from = r.to;
		}
}

static bool page_all(struct pager *p, struct subject *s)
{
	struct image *im = p->im;
	p->used[0] = 1;
	p->used[1] = 0;
	for (uint32_t i = 0; i < im->pages; i++)
		set_bit(p->used, im->order[i]);
	p->pages = 0;
	p->done[0] = p->done[1] = 0;
	gather_all(im, s);
	mark_fresh(p);
	p->may_wait = s->calls - im->calls <= 1 && im->stored && !(s->history && s->history->deep && s->history->deep->late_unstored);
	choose(im, s, p->write);
	for (int st = 0; st < STREAM_CNT && !p->full; st++)
		page_stream(p, (enum stream)st);
	if (p->full)
		return false;
	need_blocks(im, 1);
	write_head(p);
	keep_order(p);
	return true;
}

/* All anew, in the least room. */
static bool page_anew(struct pager *p, struct subject *s)
{
	struct image *im = p->im;
	forget_pages(p);
	im->pages = im->blocks = 0;
	memset(im->fill, 0, sizeof im->fill);
	memset(im->dirty, 0, sizeof im->dirty);
	p->full = false;
	im->stored = false;
	return page_all(p, s);
}

bool blocks_encode(struct subject *s, uint16_t *changed, uint16_t *changed_cnt)
{
	struct items it;
	struct pager p = {.it = &it};
	bool fresh = !s->image, done;
	items_open(&it, s);
	if (fresh)
		s->image = mem_zalloc(sizeof *s->image);
	p.im = s->image;
	p.page = p.im->page;
	done = (!fresh && page_all(&p, s)) || page_anew(&p, s);
	s->image->page = p.page;
	*changed_cnt = 0;
	for (uint32_t i = 0; done && i < s->image->blocks; i++)
		if (bit(p.touched, i) || !s->image->stored)
			changed[(*changed_cnt)++] = (uint16_t)i;
	return done;
}

/* ---- reading ---- */

bool blocks_check(struct slice bytes)
{
	const uint8_t *p = (const uint8_t *)bytes.p;
	if (bytes.len % BLOCK_BYTES != 0 || bytes.len > BLOCKS_MAX * BLOCK_BYTES || bytes.len / BLOCK_BYTES != p[2] + 1u)
		return false;
	for (uint32_t i = 0; i < bytes.len / BLOCK_BYTES; i++) {
		struct reader sum = reader_of(p + i * BLOCK_BYTES + BLOCK_PAYLOAD, BLOCK_SUM_BYTES);
		if (reader_u32(&sum) != checksum(p + i * BLOCK_BYTES, i))
			return false;
	}
	return true;
}

static bool is_zero(struct reader *r)
{
	uint8_t all = 0;
	while (reader_left(r) > 0)
		all |= reader_u8(r);
	return all == 0;
}

static bool get_page(struct items_in *in, struct image *im, struct slice bytes, uint8_t number)
{
	struct reader r = reader_of(bytes.p + number * BLOCK_BYTES, BLOCK_PAYLOAD);
	uint8_t stream = reader_u8(&r);
	uint64_t n = reader_varint(&r);
	int64_t ms = 0;
	if (r.bad || stream >= STREAM_CNT || n == 0)
		return false;
	for (; n > 0; n--) {
		uint32_t i = in->have[stream];
		if (stream == STREAM_FLAGS || stream == STREAM_STATE || stream == STREAM_ORDER)
			im->unpaged[stream == STREAM_FLAGS ? 0 : stream == STREAM_STATE ? 1 : 2][i % UNPAGED_MAX] = number;
		if (!items_get(in, (enum stream)stream, &ms, number, &r))
			return false;
	}
	im->stream[number] = stream;
	im->fill[number] = (uint16_t)(BLOCK_PAYLOAD - reader_left(&r));
	return is_zero(&r);
}

static bool get_pages(struct items_in *in, struct image *im, struct slice bytes)
{
	struct reader r = reader_of(bytes.p + HEAD_BYTES, BLOCK_PAYLOAD - HEAD_BYTES);
	uint64_t seen[2] = {1, 0};
	im->pages = (uint8_t)bytes.p[3];
	im->blocks = bytes.len / BLOCK_BYTES;
	const uint8_t *order = reader_take(&r, im->pages);
	if (!order || im->pages >= BLOCKS_MAX || !items_get_head(in, &r) || !is_zero(&r))
		return false;
	memcpy(im->order, order, im->pages);
	for (uint32_t i = 0; i < im->pages; i++) {
		if (order[i] >= im->blocks || bit(seen, order[i]) || !get_page(in, im, bytes, order[i]))
			return false;
		set_bit(seen, order[i]);
	}
	return items_finish(in);
}

bool blocks_decode(struct items_in *in, struct slice bytes, bool keep_image)
{
	struct image *im = mem_zalloc(sizeof *im);
	bool good = get_pages(in, im, bytes);
	if (!good || !keep_image) {
		image_free(im);
		return good;
	}
	im->cap = im->blocks;
	im->bytes = mem_alloc(bytes.len);
	memcpy(im->bytes, bytes.p, bytes.len);
	im->stored = true;
	im->calls = in->s->calls;
	in->s->image = im;
	return true;
}
