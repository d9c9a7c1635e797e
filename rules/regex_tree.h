/* SPDX-License-Identifier: Apache-2.0 */
/* A pattern as a tree: what regex_parse.c makes and regex.c turns into steps. */
#ifndef RINGFENCE_RULES_REGEX_TREE_H
#define RINGFENCE_RULES_REGEX_TREE_H

#include "rules/regex.h"

struct regex_range {
	uint32_t from, to;
};

enum regex_kind { KIND_EMPTY, KIND_CLASS, KIND_ASSERT, KIND_JOIN, KIND_OR, KIND_REPEAT };
enum regex_assertion { ASSERT_TEXT_BEGIN, ASSERT_TEXT_END, ASSERT_LINE_BEGIN, ASSERT_LINE_END, ASSERT_WORD, ASSERT_NOT_WORD };

struct regex_tree {
	enum regex_kind kind;
	struct regex_range *ranges; /* class: sorted, apart */
	uint32_t range_cnt;
	enum regex_assertion assertion;
	int32_t least, most; /* repeat; most -1: any */
	struct regex_tree *a, *b;
};

/* The tree lives in `a`; NULL: `why` says what is wrong and where. */
const struct regex_tree *regex_parse(struct slice pattern, struct arena *a, struct err_text *why);

#endif
