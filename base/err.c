/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <stdio.h>

static const struct {
	const char *name;
	enum err_class class;
	int exit;
	const char *meaning;
} table[] = {
#define X(code, class, exit, text) [ERR_##code] = {#code, ERR_CLASS_##class, exit, text},
	ERR_TABLE(X)
#undef X
};

enum err_class err_class(enum err e)
{
	return table[e].class;
}

int err_exit(enum err e)
{
	return table[e].exit;
}

const char *err_name(enum err e)
{
	return table[e].name;
}

const char *err_meaning(enum err e)
{
	return table[e].meaning;
}

enum err err_set(struct err_text *t, enum err e, const char *fmt, ...)
{
	if (t) {
		va_list ap;
		va_start(ap, fmt);
		vsnprintf(t->text, sizeof t->text, fmt, ap);
		va_end(ap);
	}
	return e;
}
