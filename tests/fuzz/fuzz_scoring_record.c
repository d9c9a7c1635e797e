/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes are refused as a record, or are a subject that encodes, decodes again and encodes to the same bytes. Every input is tried twice: as it
 * is, and with its checksum put right, without which nothing behind the checksum would ever be reached. */
#include "base/hash.h"
#include "scoring/scoring.h"

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
	buf_release(&b);
	return 0;
}
