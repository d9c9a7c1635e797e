/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGFENCE_APP_HISTORY_JSON_H
#define RINGFENCE_APP_HISTORY_JSON_H

#include "rules/history.h"
#include "sinks/json.h"

/* {"time":"...","kind":"transition","from":"active",...}: the fields of its kind, by the table of rules/history_fields.h. */
void history_entry_write(struct json *j, const struct history_entry *e);

#endif
