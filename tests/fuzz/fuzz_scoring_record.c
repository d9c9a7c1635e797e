/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes are refused as a record, or are a subject that encodes, decodes again and encodes to the same bytes. Every input is tried
 * three times: as it is, with its checksum put right, and with those of its blocks put right, without which nothing behind the checksum would ever be reached. */
#include "base/hash.h"
#include "scoring/scoring.h"
#include "scoring/store.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try(struct slice bytes)
{
	struct subject s, again;
	struct buf one = {0}, two = {0};
	struct err_text why = {""};
	if (record_decode(bytes, &s, &why)) {
		if (!why.text[0])
			abort();
		return;
	}
	record_encode(&s, &one);
	if (record_decode(buf_slice(&one), &again, &why))
		abort();
	record_encode(&again, &two);
	if (!slice_eq(buf_slice(&one), buf_slice(&two)))
		abort();
	if (s.calls != again.calls || s.clock_ms != again.clock_ms || s.state_len != again.state_len)
		abort();
	subject_release(&s);
	subject_release(&again);
	buf_release(&one);
	buf_release(&two);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf b = {0};
	try(slice_make(data, size));
	buf_put(&b, data, size);
	buf_put_u32(&b, (uint32_t)hash64(data, size, 0));
	try(buf_slice(&b));
	for (uint32_t at = 0; size % STORE_BLOCK_BYTES == 0 && at < size;
	     at += STORE_BLOCK_BYTES) { /* a record in blocks: each has its own */
		uint32_t sum = (uint32_t)hash64(b.data + at, STORE_BLOCK_BYTES - 4, at / STORE_BLOCK_BYTES);
		for (int i = 0; i < 4; i++)
			b.data[at + STORE_BLOCK_BYTES - 4 + (uint32_t)i] = (uint8_t)(sum >> 8 * i);
	}
	try(slice_make(b.data, size));
	buf_release(&b);
	return 0;
}
