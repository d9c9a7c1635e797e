/* SPDX-License-Identifier: Apache-2.0 */
/* Inside scoring: which called numbers answered, of numbers that outgrew the exact calls. */
#ifndef RINGFENCE_SCORING_CONTACTS_H
#define RINGFENCE_SCORING_CONTACTS_H

#include "scoring/distinct.h"
#include "scoring/features.h"

struct ledger {
	struct recent answered; /* called numbers by the last call that they answered; the exact calls' are in */
	int64_t lost_ms;        /* largest such time among those that had to make room; TIME_NONE: none had to */
};

void ledger_init(struct ledger *l);
void ledger_release(struct ledger *l);
int64_t ledger_bytes(const struct ledger *l);
/* Idempotent, in any order. `ms`: after the base. */
void ledger_add(struct ledger *l, uint64_t called, uint32_t ms, uint8_t page, int64_t base_ms);
/* Many, as items without a page; answered_ms is after the base. */
void ledger_add_all(struct ledger *l, const struct contact *c, uint32_t n, int64_t base_ms);

#endif
