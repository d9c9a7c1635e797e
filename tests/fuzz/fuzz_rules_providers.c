/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes are refused as a table of providers, with a reason, or are one that answers for any flag with steps that it has. */
#include "rules/providers.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const texts[] = {"", "Hiya", "AT&T", "hiya", "Scam Likely", "*"};
	struct providers p;
	struct arena a;
	struct buf problems = {0};
	if (size > 16384)
		return 0;
	arena_init(&a, 4096);
	enum err e = providers_parse(slice_make(data, size), "f", &a, &p, &problems);
	if ((e != ERR_OK) != (problems.len > 0))
		abort();
	for (int i = 0; !e && i < 6 * 6 * 6; i++) {
		const struct event_flag f = {
			.provider = slice_of(texts[i % 6]), .carrier = slice_of(texts[i / 6 % 6]), .label = slice_of(texts[i / 36])};
		struct flag_answer answer = providers_on_flag(&p, &f);
		if (answer.steps >> p.cnt || (answer.policy == FLAG_POLICY_RECORD && answer.steps))
			abort();
	}
	arena_release(&a);
	buf_release(&problems);
	return 0;
}
