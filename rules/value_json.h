/* SPDX-License-Identifier: Apache-2.0 */
/* Values in the JSON form of cel.expr.Value, for `rules eval`: {"int64Value": "1"}, {"listValue": {"values": [...]}}; times as objectValue. */
#ifndef RINGFENCE_RULES_VALUE_JSON_H
#define RINGFENCE_RULES_VALUE_JSON_H

#include "base/buf.h"
#include "base/err.h"
#include "rules/value.h"

struct cJSON;

/* cJSON ends a text at a NUL. So each \u0000 of a line of JSON is written as the bytes C0 80, which are in no UTF-8 text, before it is parsed, and
 * value_json_text() gives the text with its NULs back. False: the line is not UTF-8. */
bool value_json_hide_nuls(char *line);
struct slice value_json_text(const char *text, struct arena *a);

/* The value lives in `a`. */
enum err value_from_json(const struct cJSON *json, struct arena *a, struct cel *out, struct err_text *why) MUST_CHECK;
void value_to_json(struct cel v, struct buf *out);
void value_json_put_string(struct slice s, struct buf *out); /* in quotes; bytes that are not UTF-8 become U+FFFD */

#endif
