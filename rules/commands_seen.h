/* SPDX-License-Identifier: Apache-2.0 */
/* Which commands a number has had: the newest 16 ids, as hashes, in its record, so that one that comes again changes nothing.
 *
 * WHY IN THE RECORD. A ring per shard would be written with every commit, and what it still knows would depend on the commands of other numbers: the same
 * input of a number could then give another record. Here it is a function of the number's own commands, and costs nothing to numbers without any.
 *
 * PRECISION. 64 bits: two ids of one number's newest 16 are taken for one with a chance below 10^-17. A command that comes again behind 16 others of its number
 * is applied again. */
#ifndef RINGFENCE_RULES_COMMANDS_SEEN_H
#define RINGFENCE_RULES_COMMANDS_SEEN_H

#include "base/buf.h"

#define COMMANDS_SEEN_MAX 16

struct commands_seen {
	uint64_t of[COMMANDS_SEEN_MAX]; /* oldest first, none twice */
	uint32_t cnt;
};

void commands_seen_decode(struct reader *r, struct commands_seen *c); /* r->bad: it does not hold together */
void commands_seen_encode(const struct commands_seen *c, struct buf *out);
bool commands_seen_has(const struct commands_seen *c, uint64_t id);
void commands_seen_add(struct commands_seen *c, uint64_t id); /* one that it does not have */

#endif
