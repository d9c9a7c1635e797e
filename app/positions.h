/* SPDX-License-Identifier: Apache-2.0 */
/* `state positions --set`: where a shard reads on, set by hand while nobody owns it. */
#ifndef RINGFENCE_APP_POSITIONS_H
#define RINGFENCE_APP_POSITIONS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* `set`: n texts "TOPIC:PARTITION=OFFSET", topics of the configuration: CDRs, commands or copies. All are checked before the first is stored. A running
 * owner would be fenced and take the shard again with the new position, having counted what it was about to; so a group with members is refused,
 * unless `unasked` (nobody asks Kafka). Says on standard error what changed. */
enum err positions_set(const char *config, const char *const *set, size_t n, bool unasked, struct err_text *why) MUST_CHECK;

#endif
