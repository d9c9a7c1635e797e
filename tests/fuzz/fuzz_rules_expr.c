/* SPDX-License-Identifier: Apache-2.0 */
/* Any text is refused as an expression with a problem told, or is a program that ends with a value of its type or an error with a text. The first
 * eight bytes are the figures' seed. */
#include "rules/rules.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t seed;

static void fill(struct figures *f, uint32_t slot)
{
	uint64_t v = (seed ^ slot) * 6364136223846793005u;
	struct value *to = &f->values[slot];
	*to = (struct value){.type = feature_info(f->keys[slot].feature)->type};
	if (to->type == VALUE_DOUBLE)
		to->d = (double)(v >> 40) / 1000;
	else if (to->type == VALUE_INT)
		to->i = (int64_t)(v >> (v & 63));
	else
		to->b = v & 1;
	f->filled[slot / 64] |= UINT64_C(1) << (slot % 64);
}

static void run(const struct rules *r)
{
	struct figures f = {.fill = fill};
	struct value v, again;
	struct err_text why = {""};
	f.keys = rules_figures(r, &f.n);
	f.filled = calloc(f.n / 64 + 1, sizeof *f.filled);
	f.values = calloc(f.n + 1, sizeof *f.values);
	bool ok = rules_value(r, 0, &f, NULL, &v, &why);
	if (!ok && !why.text[0])
		abort();
	if (rules_value(r, 0, &f, NULL, &again, &why) != ok || (ok && v.type != again.type))
		abort();
	free(f.filled);
	free(f.values);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rules *r = NULL;
	struct buf problems = {0};
	if (size < 8)
		return 0;
	memcpy(&seed, data, 8);
	char *text = malloc(size - 8 + 1);
	memcpy(text, data + 8, size - 8);
	text[size - 8] = '\0';
	const char *list[] = {text};
	if (rules_expressions(list, 1, &r, &problems)) {
		if (problems.len == 0 || r)
			abort();
	} else {
		run(r);
		rules_free(r);
	}
	buf_release(&problems);
	free(text);
	return 0;
}
