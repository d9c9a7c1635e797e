/* SPDX-License-Identifier: Apache-2.0 */
/* Stored:  hashes of 8 bytes, oldest first, to the end of the section. */
#include "rules/commands_seen.h"

void commands_seen_decode(struct reader *r, struct commands_seen *c)
{
	size_t n = reader_left(r) / 8;
	c->cnt = 0;
	if (n == 0 || n > COMMANDS_SEEN_MAX)
		r->bad = true;
	while (!r->bad && c->cnt < n) {
		uint64_t id = reader_u64(r);
		if (commands_seen_has(c, id))
			r->bad = true;
		c->of[c->cnt++] = id;
	}
	if (r->bad)
		c->cnt = 0;
}

void commands_seen_encode(const struct commands_seen *c, struct buf *out)
{
	for (uint32_t i = 0; i < c->cnt; i++)
		buf_put_u64(out, c->of[i]);
}

bool commands_seen_has(const struct commands_seen *c, uint64_t id)
{
	for (uint32_t i = 0; i < c->cnt; i++)
		if (c->of[i] == id)
			return true;
	return false;
}

void commands_seen_add(struct commands_seen *c, uint64_t id)
{
	if (c->cnt == COMMANDS_SEEN_MAX)
		memmove(c->of, c->of + 1, --c->cnt * sizeof c->of[0]);
	c->of[c->cnt++] = id;
}
