/* SPDX-License-Identifier: Apache-2.0 */
/* Copies and facts from other shards: read, unpacked, and put in order.
 *
 * DESIGN. What waits is applied by kind: first those for cohorts that get many copies (trunks, accounts, blocks of callers), then those for subjects that get
 *   few, facts last. So a cohort is changed, and written, in one cycle, where in order of arrival it would be in each cycle that the inbox takes: a quarter fewer
 *   records, and those the large ones.
 *
 * GUARANTEES. A mark is kept per source and kind, and copies of one kind stay in order of arrival; so a crash between two kinds loses and repeats nothing,
 *   though the position of the topic moves only when all of the inbox is applied. Which copies for different subjects come first is chance anyway, as is
 *   whether a call made or one received comes first to a block. */
#include "app/shard.h"

#include "base/log.h"

#include <assert.h>

static void inbox_add(struct shard *s, const struct copy *c)
{
	if (s->inbox_cnt == s->inbox_cap) {
		s->inbox_cap = s->inbox_cap ? 2 * s->inbox_cap : 4096;
		s->inbox = mem_realloc(s->inbox, s->inbox_cap * sizeof *s->inbox);
		s->inbox_order = mem_realloc(s->inbox_order, s->inbox_cap * sizeof *s->inbox_order);
	}
	s->inbox[s->inbox_cnt++] = *c;
}

/* Nobody but a shard writes there: a message that cannot be read is one of a newer version, or damage, and is said. */
bool shard_relay_room(const struct shard *s)
{
	return s->inbox_cnt < COPIES_WAITING_MAX;
}

void shard_relay(struct shard *s, struct slice payload, int64_t offset)
{
	struct relay_message m;
	struct copy c = {0};
	payload = arena_copy(&s->inbox_arena, payload);
	bool good = relay_open(payload, &m);
	for (uint32_t i = 0; good && i < m.cnt; i++) {
		good = relay_next(&m, &c);
		if (good)
			inbox_add(s, &c);
	}
	if (!good)
		log_error("ingest",
			  "%s:%d: the message at offset %lld cannot be read (damaged, or of a newer version): what follows in it is passed "
			  "over",
			  s->pipe->settings->topics.relay, s->meta.partition, (long long)offset);
	inbox_add(s, &(struct copy){.kind = COPY_KIND_CNT, .offset = offset + 1});
}

void inbox_put_in_order(struct shard *s)
{
	static const uint8_t turn[COPY_KIND_CNT + 1] = {[COPY_TRUNK] = 0,  [COPY_ACCOUNT] = 1, [COPY_BLOCK] = 2,   [COPY_CALLED_BLOCK] = 3,
							[COPY_CALLED] = 4, [COPY_FLAG] = 5,    [COPY_FLAGGED] = 6, [COPY_KIND_CNT] = 7};
	uint32_t at[COPY_KIND_CNT + 1] = {0}, next = s->inbox_at;
	if (s->inbox_ordered == s->inbox_cnt)
		return;
	assert(s->inbox_at == 0); /* it is filled when it is empty only */
	for (uint32_t i = 0; i < s->inbox_cnt; i++)
		at[turn[s->inbox[i].kind]]++;
	for (uint32_t k = 0; k <= COPY_KIND_CNT; k++) {
		uint32_t n = at[k];
		at[k] = next;
		next += n;
	}
	for (uint32_t i = 0; i < s->inbox_cnt; i++)
		s->inbox_order[at[turn[s->inbox[i].kind]]++] = i;
	s->inbox_ordered = s->inbox_cnt;
}
