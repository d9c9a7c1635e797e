/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of texts: the named lists of a rule set, read from files, and the `exempt` of a rule. Immutable once made; a look-up is O(1). */
#ifndef RINGFENCE_RULES_LISTS_H
#define RINGFENCE_RULES_LISTS_H

#include "rules/expr.h"

#define LISTS_MAX 64
#define LIST_MAX_BYTES (128u << 20) /* of a file */
#define LIST_ENTRY_MAX 200          /* bytes of an entry */
#define LIST_NAME_MAX 64

/* Open addressing over offsets: 8 bytes a place, at most half of them taken. */
struct text_set {
	const char *base; /* what the offsets are into; borrowed */
	struct text_place {
		uint32_t at;    /* offset + 1; 0: free */
		uint32_t check; /* length in the low 8 bits, above it bits of the hash */
	} * places;
	uint32_t mask, cnt;
};

/* For up to `most` texts of at most LIST_ENTRY_MAX bytes. */
void text_set_init(struct text_set *s, const char *base, uint32_t most, struct arena *a);
void text_set_add(struct text_set *s, struct slice text); /* a part of `base`; again is fine */
bool text_set_has(const struct text_set *s, struct slice text);

/* A list of a rule set. */
struct list {
	struct slice name;
	struct text_set texts;
	const char *file;
	int odd_line; /* the first line that is neither a number nor an account; 0: there is none */
};

/* One entry a line: a number in E.164 ("+15551230000"), "account:NAME", or any other text. Blank lines and what follows a '#' at the beginning or behind white
 * space are left out. Every bad line goes into `problems` with its place; then ERR_CONFIG. */
enum err list_parse(struct slice text, struct slice name, const char *file, struct arena *a, struct list *out,
		    struct buf *problems) MUST_CHECK;
enum err list_load(const char *path, struct slice name, struct arena *a, struct list *out, struct buf *problems) MUST_CHECK;

#define ACCOUNT_PREFIX "account:"

/* Whom a rule spares. */
struct exempt {
	struct text_set own; /* written in the rule */
	const struct list *const *lists;
	uint32_t list_cnt;
};

/* "+15551230000", or "account:NAME". */
bool list_is_number(struct slice text);
bool list_is_account(struct slice text);
bool exempt_covers(const struct exempt *e, const struct expr_input *in);

#endif
