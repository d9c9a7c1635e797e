/* SPDX-License-Identifier: Apache-2.0 */
/* A checked tree as text: for lint, explain and messages. Parameters stand there with their values. */
#ifndef RINGFENCE_RULES_TREE_H
#define RINGFENCE_RULES_TREE_H

#include "rules/ast.h"

/* As it would be written, with no more parentheses than needed. */
void tree_print(const struct node *n, struct buf *out);
/* The same text for conditions that say the same: operands of && and || sorted, each once; a figure on the left of a comparison. */
void tree_print_canonical(const struct node *n, struct buf *out);
/* A value as a literal; what has none as the call that makes it. */
void cel_print(struct cel v, struct buf *out);

/* Its parts, in order of writing, at most TREE_PARTS_INNER and its arguments. Part i, or NULL behind the last. */
const struct node *tree_part(const struct node *n, uint32_t i);
/* Where its text begins: a binary node itself points at its operator. */
const char *tree_begin(const struct node *n);

#endif
