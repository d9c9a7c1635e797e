/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the history of a number, and as its head in the record: nothing is read outside of them, and what is read holds together. */
#include "rules/history.h"
#include "rules/history_fields.h"

#include <stdlib.h>

static void hold(bool what)
{
	if (!what)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arena a;
	struct history h;
	struct case_row rows[CASE_ROWS];
	struct history_head head;
	struct episode e;
	struct err_text why;
	uint32_t damaged = 0;
	if (size > 2 * HISTORY_BYTES_MAX)
		return 0;
	if (!a.block_bytes)
		arena_init(&a, 1 << 20);
	arena_reset(&a);
	(void)!history_read(slice_make(data, size), &a, &h, &why);
	for (uint32_t i = 0; i < h.cnt; i++)
		hold(history_kind_name(h.entries[i].kind) != NULL);
	hold(case_rows_read(slice_make(data, size), rows, &damaged) + damaged <= CASE_ROWS);
	struct reader r = reader_of(data, size);
	history_head_decode(&r, &head);
	episode_decode(&r, &e);
	if (!r.bad) {
		struct history_stage s = {0};
		const struct history_entry note = {.time_ms = 1, .kind = HISTORY_NOTE, .note = {SLICE_LIT("x"), SLICE_LIT("y")}};
		hold(head.slot < HISTORY_SEGMENTS && e.detail_len <= CASE_DETAIL_MAX);
		history_stage_entry(&s, &note);
		history_place(&s, &head, size % 2);
		for (uint32_t i = 0; i < s.write_cnt; i++)
			hold(s.writes[i].offset + s.writes[i].len <= HISTORY_BYTES_MAX);
		history_stage_release(&s);
	}
	return 0;
}
