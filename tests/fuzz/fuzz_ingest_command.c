/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes are refused as a command with a text that says why, or are one that has all it needs. */
#include "base/utf8.h"
#include "ingest/ingest.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arena arena;
	struct command c;
	if (!arena.block_bytes)
		arena_init(&arena, 65536);
	arena_reset(&arena);
	decode_command(slice_make(data, size), 1700000000000, &arena, &c);
	if (c.reason != REASON_OK) {
		if (c.why.len == 0)
			abort();
		return 0;
	}
	if (c.verb >= COMMAND_CNT || c.id.len == 0 || c.id.len > 256 || c.time_ms < 0 || c.time_ms > 1700000000000 + 5 * MINUTE_MS)
		abort();
	if (c.number.len ? !e164_valid(c.number) : c.account.len == 0)
		abort();
	if (!utf8_valid(c.id) || !utf8_valid(c.note) || c.note.len > 4096)
		abort();
	return 0;
}
