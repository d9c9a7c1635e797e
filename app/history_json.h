/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGFENCE_APP_HISTORY_JSON_H
#define RINGFENCE_APP_HISTORY_JSON_H

#include "rules/history.h"
#include "sinks/json.h"

/* {"time":"...","kind":"transition","from":"active",...}: the fields of its kind, by the table of rules/history_fields.h. */
void history_entry_write(struct json *j, const struct history_entry *e);
/* A finished episode: {"episode":1,"outcome":"recovered",...}; with its number in front if that is there. */
void case_row_write(struct json *j, struct slice number, const struct case_row *r);
double case_row_days(const struct case_row *r); /* two digits, cut off */

#endif
