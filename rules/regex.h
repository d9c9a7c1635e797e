/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns of matches(): the syntax of RE2, less Unicode classes, in time linear in the text. */
#ifndef RINGFENCE_RULES_REGEX_H
#define RINGFENCE_RULES_REGEX_H

#include "base/arena.h"
#include "base/err.h"

#define REGEX_BYTES_MAX 1024
#define REGEX_STEPS_MAX 2000 /* of the compiled form: a{1000} needs 1,000 */
#define REGEX_REPEAT_MAX 1000
#define REGEX_DEPTH_MAX 50

struct regex;

/* Compiles into `a`; NULL: `why` says what is wrong and where. */
const struct regex *regex_compile(struct slice pattern, struct arena *a, struct err_text *why);

/* Memory of a match, kept from one to the next. */
struct regex_scratch {
	uint32_t *words;
	uint32_t cap;
};

void regex_scratch_release(struct regex_scratch *s);

/* Whether the pattern matches anywhere in the text. What it costs is taken from *budget; once that is below zero the answer means nothing. */
bool regex_match(const struct regex *r, struct slice text, struct regex_scratch *s, int64_t *budget);

#endif
