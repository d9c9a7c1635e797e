/* SPDX-License-Identifier: Apache-2.0 */
/* What rules on cohorts say: what set it off, and which numbers are meant.
 *
 * CAUSE. A copy of a CDR names that CDR by topic, partition and offset; its record id is not copied, so it is null in the event. A fact carries what set it
 * off at its sender: a CDR, a timer, a command. Because one cause may bring both a copy and facts, of several numbers, to one cohort, the kind of the fact and its
 * number are part of the ids.
 *
 * NUMBERS. A rule on a cohort may not quarantine; when it begins to fire, its numbers are named. Named are those that the record of the cohort knows: the
 * last 64 flagged, the callers of its newest 128 calls, the 64 seen last (scoring/cohort.c), at most 100 of them. DESIGN section 8 has every shard
 * name those of its own numbers that match: that needs the numbers of each cohort in each shard, which no record keeps yet. Here would be the place to
 * send that question, a fact to every shard; `part` and `parts` of the advisory are there for the answers. */
#include "app/shard.h"

#define NAMED_MAX 100

void cohort_cause(struct shard *s, const struct copy *c)
{
	struct slice topic = slice_of(s->pipe->settings->topics.cdr);
	s->step = NULL;
	if (!COPY_IS_FACT(c->kind)) {
		s->cause = (struct cause){.kind = CAUSE_CDR, .topic = topic, .partition = c->partition, .offset = c->offset};
		return;
	}
	s->step = arena_printf(&s->arena, "%s %llx", c->kind == COPY_FLAG ? "flag" : "flagged", (unsigned long long)c->caller).p;
	if (!cause_decode(c->cause, topic, &s->arena, &s->cause)) /* of an older version */
		s->cause = (struct cause){.kind = CAUSE_TIMER, .timer = "fact", .due_ms = c->event_ms};
}

/* The numbers as texts, in the cycle's arena. A number of which only a hash was kept has no name. */
static uint32_t name_numbers(struct shard *s, const struct subject *sub, int64_t edge_ms, struct event_cohort_number **out)
{
	struct cohort_number found[NAMED_MAX];
	uint32_t n = subject_numbers(sub, edge_ms, found, NAMED_MAX), cnt = 0;
	*out = arena_alloc(&s->arena, (n + 1) * sizeof **out);
	for (uint32_t i = 0; i < n; i++) {
		char text[NUMBER_TEXT_BYTES];
		uint32_t len = number_unpack(found[i].number, text);
		if (len)
			(*out)[cnt++] = (struct event_cohort_number){.number = arena_copy(&s->arena, slice_make(text, len)),
								     .flagged = found[i].flagged_ms != TIME_NONE,
								     .calls = found[i].calls,
								     .last_ms = found[i].last_ms};
	}
	return cnt;
}

void cohort_advise(struct shard *s, const struct subject *sub)
{
	uint32_t said = s->said_cnt;
	for (uint32_t i = 0; i < said; i++) {
		const struct event raised = s->said[i]; /* the list may move */
		struct event_cohort_number *numbers;
		if (raised.kind != EVENT_ALERT_RAISED)
			continue;
		uint32_t n = name_numbers(s, sub, raised.time_ms - raised.alert.longest_ms, &numbers);
		if (n == 0)
			continue;
		struct event e = raised;
		e.kind = EVENT_ADVISORY;
		e.advisory = (struct event_advisory){.topic = "cohort_numbers",
						     .rule = raised.alert.rule,
						     .mode = raised.alert.mode,
						     .numbers = numbers,
						     .number_cnt = n};
		shard_say(s, &e);
	}
}
