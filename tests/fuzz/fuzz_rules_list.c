/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes are refused as a list with a problem told, or are a list that has what its lines say. */
#include "rules/lists.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a;
	struct list l;
	struct buf problems = {0};
	arena_init(&a, 16 << 10);
	struct slice text = arena_copy(&a, slice_make(data, size));
	enum err e = list_parse(text.p ? text : SLICE_LIT(""), SLICE_LIT("l"), "f", &a, &l, &problems);
	if ((e != ERR_OK) != (problems.len > 0))
		abort();
	if (l.texts.cnt > l.texts.mask / 2 + 1)
		abort();
	/* a line without blanks and comments is in the list as it stands */
	const char *eol = size ? memchr(data, '\n', size) : NULL;
	struct slice first = slice_make(data, eol ? (size_t)(eol - (const char *)data) : size);
	bool plain = first.len > 0 && first.len <= LIST_ENTRY_MAX;
	for (uint32_t i = 0; i < first.len; i++)
		plain = plain && first.p[i] > ' ' && first.p[i] != '#';
	if (e == ERR_OK && plain && !text_set_has(&l.texts, first))
		abort();
	arena_release(&a);
	buf_release(&problems);
	return 0;
}
