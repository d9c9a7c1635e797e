/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes are refused as a rule file with a problem told, or are a rule set. Expressions are reached through the file. */
#include "rules/rules.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rules *r = NULL;
	struct buf problems = {0};
	enum err e = rules_parse(slice_make(data, size), "f", &r, &problems);
	if (e ? problems.len == 0 || r : problems.len > 0 || !r)
		abort();
	rules_free(r);
	buf_release(&problems);
	return 0;
}
