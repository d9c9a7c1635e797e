/* SPDX-License-Identifier: Apache-2.0 */
/* The sweep of records that ended (DESIGN section 7, "Expiry").
 *
 * Each stored record stands in the list of a day: the one on which it might have ended (38 days after its last call) when it was listed. It is listed with
 * its first commit, and calls that come later leave it there. A list whose day has passed by the shard's clock is taken in slices. What has ended is deleted;
 * what lives on (newer calls, an episode, an open flag, a firing alert) moves to a later list. A record that ended counts as absent before it is swept, so
 * how far the sweep has come shows nowhere in figures. The day on which it was first seen is kept for a year.
 *
 * Where the table is the store (files) there are no lists: a hand goes round the table, and what ended becomes a shell that
 * holds its first day, for a year. */
#include "app/shard.h"

#define HAND_CELLS 4 /* of the table, per CDR */

static enum err take_key(void *ctx, struct slice key, struct slice value, int64_t day)
{
	struct shard *s = ctx;
	(void)value;
	(void)day;
	if (s->sweep_cnt < SWEEP_MAX)
		s->sweep[s->sweep_cnt++] = arena_copy(&s->sweep_arena, key);
	return ERR_OK;
}

enum err sweep_look(struct shard *s, bool *found, struct err_text *why)
{
	enum err e = ERR_OK;
	*found = false;
	if (s->meta.clock_ms == TIME_NONE)
		return ERR_OK;
	if (s->meta.sweep_day < 0) /* nothing was listed before this shard's first commit */
		s->meta.sweep_day = utc_day(s->meta.clock_ms);
	arena_reset(&s->sweep_arena);
	for (s->sweep_cnt = 0; s->meta.sweep_day < utc_day(s->meta.clock_ms) && s->sweep_cnt == 0 && !e;) {
		e = s->pipe->ops->day(s->handle, s->meta.sweep_day, SWEEP_MAX, take_key, s, why);
		if (!e && s->sweep_cnt == 0)
			s->meta.sweep_day++; /* swept; kept with the next commit */
	}
	*found = s->sweep_cnt > 0;
	return e;
}

static void move(struct shard *s, struct slice key, int32_t to)
{
	if (s->day_cnt == s->day_cap) {
		s->day_cap = s->day_cap ? 2 * s->day_cap : SWEEP_MAX;
		s->days = mem_realloc(s->days, s->day_cap * sizeof *s->days);
	}
	s->days[s->day_cnt++] = (struct store_day){key, s->meta.sweep_day, to};
	s->changed = true;
}

static void sweep_one(struct shard *s, struct slice key)
{
	uint64_t hash = hash64(key.p, key.len, 0);
	struct subject *sub = table_find(s->table, key, hash);
	if (!sub) { /* the list knew it longer than the store, or its record cannot be read */
		move(s, key, -1);
		return;
	}
	if (subject_has_ended(s, sub, s->meta.clock_ms)) {
		first_seen_keep(&s->first_seen, hash, subject_first_day(sub), subject_end_day(sub, s->pipe->settings->keep_ms));
		move(s, key, -1);
		timers_set(&s->timers, key, hash, TIME_NONE);
		histories_end(s, sub);
		s->gone[s->gone_cnt++] = key;
		s->meta.counts.expired++;
		table_remove(s->table, sub);
		return;
	}
	int32_t day = subject_end_day(sub, s->pipe->settings->keep_ms);
	if (day <= s->meta.sweep_day)
		day = utc_day(s->meta.clock_ms) + SWEEP_HELD_DAYS;
	move(s, key, day);
	sub->listed = true;
}

void sweep_apply(struct shard *s)
{
	for (uint32_t i = 0; i < s->sweep_cnt; i++)
		sweep_one(s, s->sweep[i]);
}

static void sweep_resident_one(struct shard *s, struct subject *sub)
{
	int64_t keep_ms = s->pipe->settings->keep_ms, clock_ms = s->meta.clock_ms;
	int32_t end_day = subject_end_day(sub, keep_ms);
	if (sub->dirty || !subject_has_ended(s, sub, clock_ms))
		return;
	histories_end(s, sub);
	if (utc_day(clock_ms) - end_day > SEEN_KEPT_DAYS)
		table_remove(s->table, sub);
	else
		table_shell(s->table, sub, subject_end_ms(sub, keep_ms) - keep_ms);
}

/* With each CDR the hand goes on by some cells, two subjects or so: what ended is gone before twice as many as live on can gather. */
void sweep_resident(struct shard *s)
{
	int64_t clock_ms = s->meta.clock_ms;
	if (clock_ms == TIME_NONE)
		return;
	if (s->hand_from_ms == TIME_NONE)
		s->hand_from_ms = clock_ms + s->pipe->settings->keep_ms; /* nothing ends before that */
	if (clock_ms < s->hand_from_ms)
		return;
	uint64_t mask = table_cells(s->table) - 1;
	for (uint64_t visit = (uint64_t)HAND_CELLS * s->batch.cnt; visit > 0; visit--) {
		struct subject *sub = table_cell(s->table, s->hand++ & mask);
		if (sub)
			sweep_resident_one(s, sub);
	}
}
