/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes are refused as a section of state, or are a state that encodes, decodes again and encodes to the same bytes. */
#include "rules/state.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct state a, b;
	struct buf one = {0}, two = {0};
	if (size == 0 || size > 2 * STATE_BYTES_MAX || state_decode(data, (uint32_t)size, &a, NULL))
		return 0;
	state_settle(&a);
	state_encode(&a, &one);
	if (state_decode(one.data, (uint32_t)one.len, &b, NULL))
		abort();
	state_encode(&b, &two);
	if (one.len != two.len || (one.len && memcmp(one.data, two.data, one.len) != 0))
		abort();
	buf_release(&one);
	buf_release(&two);
	return 0;
}
