/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes are refused as the sections of disputes, test calls and ids, or are what encodes, decodes again and encodes to the same bytes, in no
 * more than its bound. */
#include "rules/checklist.h"
#include "rules/commands_seen.h"
#include "rules/dispute.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROUND(type, decode, encode, most)                                           \
	do {                                                                        \
		static struct type a, b;                                            \
		struct buf one = {0}, two = {0};                                    \
		struct reader r = reader_of(data + 1, size - 1);                    \
		decode(&r, &a);                                                     \
		if (r.bad || reader_left(&r))                                       \
			return 0;                                                   \
		encode(&a, &one);                                                   \
		r = reader_of(one.data, one.len);                                   \
		decode(&r, &b);                                                     \
		if (r.bad || reader_left(&r) || one.len > (most))                   \
			abort();                                                    \
		encode(&b, &two);                                                   \
		if (one.len != two.len || memcmp(one.data, two.data, one.len) != 0) \
			abort();                                                    \
		buf_release(&one);                                                  \
		buf_release(&two);                                                  \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	if (data[0] % 3 == 0)
		ROUND(disputes, disputes_decode, disputes_encode, DISPUTES_BYTES_MAX);
	else if (data[0] % 3 == 1)
		ROUND(checklist, checklist_decode, checklist_encode, CHECKS_BYTES_MAX);
	else
		ROUND(commands_seen, commands_seen_decode, commands_seen_encode, COMMANDS_SEEN_MAX * 8);
	return 0;
}
