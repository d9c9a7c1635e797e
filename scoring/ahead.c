/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that a call will touch, asked for ahead of it.
 *
 * DESIGN
 *   A call of a subject with a deep history touches some fifty lines of the cache, nearly all of them cold when there are many subjects, and most are found
 *   only by pointers that are cold themselves. So the way is gone in stages, a few records apart, for all subjects of a record side by side:
 *
 *     0  the cell of the index            3  the newest calls, the deep part
 *     1  the subject                      4  the ends of the list of pieces, the sketch's registers
 *     2  the head of its history          5, 6  the lanes, the pieces that the merging hand comes to
 *
 *   These are hints: they change nothing, and what moved in between is merely not there in time. */
#include "scoring/subject.h"

#define LINE 64
#define FEW 12   /* newest calls of a subject with few: the pass over them brings the others */
#define TAGS 128 /* newest values looked for */

static inline void ask(const void *p, size_t bytes)
{
	uintptr_t end = (uintptr_t)p + bytes;
	for (uintptr_t at = (uintptr_t)p & ~(uintptr_t)(LINE - 1); at < end; at += LINE)
		__builtin_prefetch((const void *)at);
}

/* ---- the deep part ---- */

static void ask_pieces(const struct pieces *p, struct ahead *a)
{
	if (!p->cap)
		return;
	if (p->unused != NO_PIECE)
		ask(piece_at(p, p->unused), 1);
	if (p->oldest != NO_PIECE)
		ask(piece_at(p, p->oldest), 1);
	if (p->newest != NO_PIECE)
		ask(piece_at(p, p->newest), sizeof(struct piece));
	a->place = p->hand == NO_PIECE ? p->newest : p->hand;
	if (a->place != NO_PIECE)
		ask(piece_at(p, a->place), 1);
}

/* The next piece that the hand comes to; the one before it is here. */
static void ask_next(const struct pieces *p, struct ahead *a)
{
	if (a->place >= p->cap)
		return;
	a->place = piece_at(p, a->place)->older;
	if (a->place < p->cap)
		ask(piece_at(p, a->place), 1);
}

/* The newest values, with their tags: of many more are not worth it. */
static void ask_newest(const struct recent *r)
{
	uint32_t few = r->cnt < TAGS ? r->cnt : TAGS;
	if (!r->cnt)
		return;
	ask(recent_tags(r) + r->cnt - few, few + 1);
	ask(r->seen + r->cnt - 1, 2 * sizeof *r->seen);
}

static void ask_distinct(const struct distinct *d, uint64_t value)
{
	const struct recent *r = &d->recent;
	uint8_t rank;
	if (!value || !r->cnt)
		return;
	ask_newest(r);
	ask(r->seen, 1);
	if (d->sketch) {
		ask(sketch_at(d->sketch, sketch_place(value, &rank)).cnt, d->sketch->register_bytes / 2);
		ask(d->sketch->dirty, 1);
	}
}

/* ---- calls made ---- */

/* Values and starts of deep calls are looked for from the newest on. */
static void ask_deep(const struct calls *h)
{
	const struct deep *d = h->deep;
	uint32_t newest = h->from + (uint32_t)h->cnt;
	ask(d, offsetof(struct deep, start));
	ask(d->tag[TAG_CALLEE] + h->from, h->cnt + 1u);
	ask(d->tag[TAG_CALLEE_MORE] + newest, 1);
	ask(d->tag[TAG_REGION] + newest, 1);
	if (h->has_callers)
		ask(d->tag[TAG_CALLER] + h->from, h->cnt + 1u);
}

static void ask_calls(const struct calls *h)
{
	uint32_t newest = h->from + (uint32_t)h->cnt, few = h->deep ? 1 : FEW, from = h->cnt > few ? newest - few : h->from;
	ask(h->call + from, (newest + 1 - from) * sizeof *h->call);
	ask(h->call + h->from, 1);
	ask((const char *)h + calls_block_bytes(h->cap, h->has_callers) - h->cap, h->cnt + 1u);
	if (h->has_callers)
		ask((const char *)(h->call + h->cap) + from * sizeof(uint64_t), (newest + 1 - from) * sizeof(uint64_t));
	if (h->deep)
		ask_deep(h);
}

static void ask_lanes(const struct lanes *l, struct ahead *a)
{
	const uint64_t values[2] = {a->callee, a->caller};
	uint8_t rank;
	ask(l->lane, l->cnt * sizeof *l->lane);
	for (int which = 0; which < 2; which++)
		if (values[which] && l->sketch[which]) {
			ask(l->sketch[which]->lane, l->cnt * sizeof *l->sketch[which]->lane);
			ask(l->sketch[which]->lapse[sketch_place(values[which], &rank) / (SKETCH_REGISTERS / LANE_GROUPS)], 1);
		}
}

static void ahead_made(const struct calls *h, struct ahead *a, uint32_t stage)
{
	const struct deep *d;
	if (stage == 3)
		ask_calls(h);
	else if ((d = h->deep) && stage == 4) {
		ask_pieces(&d->pieces, a);
		ask_distinct(&d->callees, a->callee);
		ask_distinct(&d->callers, a->caller);
		ask_newest(&d->regions);
		ask(d->start + d->start_from, 1);
		ask(d->start + d->start_from + h->cnt, 1);
		if (d->lanes)
			ask(d->lanes, sizeof *d->lanes);
	} else if (d) {
		ask_next(&d->pieces, a);
		if (stage == 5 && d->lanes)
			ask_lanes(d->lanes, a);
	}
}

/* ---- calls received ---- */

static void ahead_received(const struct received *r, struct ahead *a, uint32_t stage)
{
	const struct received_deep *d;
	if (stage == 3) {
		ask(r->call, (r->cnt + 1u) * sizeof *r->call);
		if (r->deep)
			ask(r->deep, sizeof *r->deep);
	} else if ((d = r->deep) && stage == 4) {
		ask_pieces(&d->pieces, a);
		if (r->cnt)
			ask_distinct(&d->parties, r->call[0].party);
	} else if (d) {
		ask_next(&d->pieces, a);
	}
}

void subject_ahead(struct ahead *a, uint32_t stage)
{
	const struct subject *s = a->subject;
	if (stage == 1) {
		ask(s, sizeof *s + 16);
	} else if (stage == 2) { /* both: what it takes when stored is counted with its first change in a cycle */
		ask(s->history, sizeof *s->history);
		ask(s->received, sizeof *s->received);
	} else if (a->received && s->received) {
		ahead_received(s->received, a, stage);
	} else if (!a->received && s->history) {
		ahead_made(s->history, a, stage);
	}
}
