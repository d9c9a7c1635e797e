/* SPDX-License-Identifier: Apache-2.0 */
#include "scoring/marks.h"

#include "base/arena.h"
#include "scoring/features.h"

#include <stdlib.h>

struct marks *marks_new(int64_t base_ms)
{
	struct marks *m = mem_zalloc(sizeof *m);
	m->base_ms = base_ms;
	distinct_init(&m->flagged);
	return m;
}

void marks_free(struct marks *m)
{
	if (!m)
		return;
	distinct_release(&m->flagged);
	free(m);
}

int64_t marks_bytes(const struct marks *m)
{
	return m ? (int64_t)sizeof *m + distinct_bytes(&m->flagged) : 0;
}

void marks_add_flag(struct marks *m, int64_t ms)
{
	uint32_t at = m->flag_cnt;
	if (at == FLAGS_MAX) {
		if (ms <= m->flag_ms[0])
			return;
		memmove(m->flag_ms, m->flag_ms + 1, (--at) * sizeof *m->flag_ms);
	}
	m->flag_cnt = (uint16_t)(at + 1);
	for (; at > 0 && m->flag_ms[at - 1] > ms; at--)
		m->flag_ms[at] = m->flag_ms[at - 1];
	m->flag_ms[at] = ms;
}

static uint32_t relative(const struct marks *m, int64_t ms)
{
	return ms <= m->base_ms ? 0 : ms - m->base_ms >= UINT32_MAX ? UINT32_MAX : (uint32_t)(ms - m->base_ms);
}

void marks_add_flagged(struct marks *m, uint64_t number, int64_t ms)
{
	if (ms - m->base_ms > UINT32_MAX) {
		int64_t by = ms - WINDOW_MAX_MS - 1 - m->base_ms;
		distinct_shift(&m->flagged, by > UINT32_MAX ? UINT32_MAX : (uint32_t)by);
		m->base_ms += by;
	}
	if (number && ms > m->base_ms)
		distinct_add(&m->flagged, number, relative(m, ms));
}

uint64_t marks_flags(const struct marks *m, int64_t edge_ms, int64_t as_of_ms)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < m->flag_cnt; i++)
		n += m->flag_ms[i] > edge_ms && m->flag_ms[i] <= as_of_ms;
	return n;
}

uint64_t marks_flagged(const struct marks *m, int64_t edge_ms)
{
	return distinct_count(&m->flagged, relative(m, edge_ms));
}
