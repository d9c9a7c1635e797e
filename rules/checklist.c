/* SPDX-License-Identifier: Apache-2.0 */
/* Stored:  count (varint); of each, oldest first: carrier, device, result (length and text), time (zig-zag, ms) */
#include "rules/checklist.h"

#include <assert.h>

#define CHECK_BYTES 10 /* of one less its texts: three lengths, the time (7 bytes until the year 10000) */
_Static_assert(1 + CHECK_BYTES + CHECK_CARRIER_MAX + CHECK_DEVICE_MAX + CHECK_RESULT_MAX <= CHECKS_BYTES_MAX, "the newest fits");
_Static_assert(CHECK_RESULT_MAX < 128, "a length has one byte");

static uint32_t bytes_of(const struct check_result *c)
{
	return CHECK_BYTES + c->carrier.len + c->device.len + c->result.len;
}

static bool same_call(const struct check_result *a, const struct check_result *b)
{
	return slice_eq(a->carrier, b->carrier) && slice_eq(a->device, b->device);
}

void checklist_decode(struct reader *r, struct checklist *c)
{
	uint64_t n = reader_varint(r);
	uint32_t bytes = 1;
	c->cnt = 0;
	if (n == 0 || n > CHECKS_MAX)
		r->bad = true;
	while (!r->bad && c->cnt < n) {
		struct check_result *o = &c->of[c->cnt];
		*o = (struct check_result){.carrier = reader_slice(r), .device = SLICE_NONE};
		o->device = reader_slice(r);
		o->result = reader_slice(r);
		o->time_ms = reader_zigzag(r);
		bytes += bytes_of(o);
		if (o->carrier.len > CHECK_CARRIER_MAX || o->device.len > CHECK_DEVICE_MAX || o->result.len > CHECK_RESULT_MAX ||
		    o->time_ms < 0 || o->time_ms >= YEAR_10000_MS || bytes > CHECKS_BYTES_MAX)
			r->bad = true;
		for (uint32_t i = 0; i < c->cnt; i++)
			r->bad = r->bad || same_call(&c->of[i], o);
		c->cnt++;
	}
	if (r->bad)
		c->cnt = 0;
}

void checklist_encode(const struct checklist *c, struct buf *out)
{
	size_t from = out->len;
	buf_put_varint(out, c->cnt);
	for (uint32_t i = 0; i < c->cnt; i++) {
		buf_put_slice(out, c->of[i].carrier);
		buf_put_slice(out, c->of[i].device);
		buf_put_slice(out, c->of[i].result);
		buf_put_zigzag(out, c->of[i].time_ms);
	}
	assert(out->len - from <= CHECKS_BYTES_MAX);
	(void)from;
}

static void drop(struct checklist *c, uint32_t at)
{
	c->cnt--;
	memmove(&c->of[at], &c->of[at + 1], (c->cnt - at) * sizeof c->of[0]);
}

void checklist_add(struct checklist *c, const struct check_result *result)
{
	uint32_t bytes = 1 + bytes_of(result);
	for (uint32_t i = c->cnt; i-- > 0;)
		if (same_call(&c->of[i], result))
			drop(c, i);
	for (uint32_t i = 0; i < c->cnt; i++)
		bytes += bytes_of(&c->of[i]);
	while (c->cnt == CHECKS_MAX || bytes > CHECKS_BYTES_MAX) {
		bytes -= bytes_of(&c->of[0]);
		drop(c, 0);
	}
	c->of[c->cnt++] = *result;
}
