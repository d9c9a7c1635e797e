/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes up to the first NUL are refused as a pattern, or match what follows or not, within what text and steps allow. */
#include "rules/regex.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a;
	struct err_text why = {""};
	struct regex_scratch s = {0};
	const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
	size_t n = nul ? (size_t)(nul - data) : size;
	size_t text = nul ? size - n - 1 : 0;
	const int64_t most = (int64_t)(text + 1) * (REGEX_STEPS_MAX / 4 + 2);
	int64_t budget = most;
	arena_init(&a, 64 << 10);
	const struct regex *r = regex_compile(slice_make(data, n), &a, &why);
	if (r ? false : !why.text[0])
		abort();
	if (r) {
		(void)regex_match(r, slice_make(nul ? nul + 1 : data, text), &s, &budget);
		if (budget < 0)
			abort();
	}
	regex_scratch_release(&s);
	arena_release(&a);
	return 0;
}
