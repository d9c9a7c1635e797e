/* SPDX-License-Identifier: Apache-2.0 */
#include "app/app.h"

#include <stdio.h>

int verb_fail(enum err e, const struct err_text *why)
{
	fprintf(stderr, "ringfence: %s\n", why->text);
	return err_exit(e);
}

int verb_usage(const char *verb, const char *fmt, ...)
{
	va_list ap;
	fprintf(stderr, "ringfence %s: ", verb);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "; ringfence %s --help teaches it\n", verb);
	return 2;
}
