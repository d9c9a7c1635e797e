/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes are a record with a reason, or a usable one: what it says is in range, and decoding it again gives the same. Oracle: cJSON takes
 * what we take (it takes more; and it knows no number of more than 63 characters, so long runs are left out). */
#include "ingest/decode.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool has_long_number(const uint8_t *data, size_t size)
{
	size_t run = 0;
	for (size_t i = 0; i < size && run < 60; i++)
		run = data[i] && strchr("0123456789.eE+-", data[i]) ? run + 1 : 0;
	return run == 60;
}

static void check(const struct cdr *c)
{
	if (c->start_ms < 0 || c->start_ms >= YEAR_10000_MS || c->event_ms < 0 || c->talk_ms < 0)
		abort();
	if (c->use == CDR_COUNT && !e164_valid(c->calling_number))
		abort();
	if (c->called_number.p && !e164_valid(c->called_number))
		abort();
	if (!c->answered && c->talk_ms)
		abort();
	if (c->account_id.len + c->tenant_id.len > 190 || c->ingress_trunk.len > 180 || c->record_id.len > 256)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct ingest_config config = {INPUT_JSON, 65536};
	static struct arena arena;
	struct cdr c, again;
	if (!arena.block_bytes)
		arena_init(&arena, 65536);
	arena_reset(&arena);
	decode_json(slice_make(data, size), &config, &arena, &c);
	decode_json(slice_make(data, size), &config, &arena, &again);
	if (c.reason != again.reason)
		abort();
	if (c.reason == REASON_BAD_JSON || c.reason == REASON_TOO_LONG)
		return 0;
	if (!has_long_number(data, size)) {
		cJSON *tree = cJSON_ParseWithLength((const char *)data, size);
		if (!cJSON_IsObject(tree))
			abort();
		cJSON_Delete(tree);
	}
	if (c.reason == REASON_OK) {
		check(&c);
		if (c.event_ms != again.event_ms || c.callee_hash != again.callee_hash || c.id_hash != again.id_hash)
			abort();
	}
	return 0;
}
