/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes are refused as a bucket of first-seen days, or encode to the same bytes again and take another entry. Each input is tried as it is and with
 * its checksum put right. */
#include "base/hash.h"
#include "scoring/seen.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try(struct slice bytes)
{
	struct seen_bucket b;
	struct buf out = {0};
	struct err_text why = {""};
	if (seen_decode(bytes, &b, &why)) {
		if (!why.text[0] || b.cnt != 0)
			abort();
		return;
	}
	seen_encode(&b, &out);
	if (!slice_eq(buf_slice(&out), bytes) || out.len != SEEN_STORED_BYTES(b.cnt))
		abort();
	seen_put(&b, 42, 20000, 20001);
	if (b.cnt > SEEN_MAX || seen_find(&b, 42, 20001) < 0)
		abort();
	buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf b = {0};
	try(slice_make(data, (uint32_t)size));
	buf_put(&b, data, size);
	buf_put_u32(&b, (uint32_t)hash64(data, size, 0));
	try(buf_slice(&b));
	buf_release(&b);
	return 0;
}
