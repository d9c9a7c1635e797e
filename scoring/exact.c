/* SPDX-License-Identifier: Apache-2.0 */
#include "scoring/exact.h"

#include "scoring/calls.h"

_Static_assert(EXACT_CALLS_MAX == CALLS_EXACT, "all of them have room");

uint32_t subject_exact_calls(const struct subject *s, struct exact_call out[EXACT_CALLS_MAX])
{
	const struct calls *h = s->history;
	uint32_t n = h ? h->cnt : 0;
	for (uint32_t i = 0; i < n; i++) {
		const struct call *c = &h->call[h->from + i];
		out[i] = (struct exact_call){.start_ms = calls_start_ms(h, c),
					     .end_ms = calls_end_ms(h, c),
					     .callee = c->callee,
					     .talk_ms = c->talk_ms,
					     .region = c->region,
					     .answered = c->flags >> COUNT_ANSWERED & 1};
	}
	return n;
}
