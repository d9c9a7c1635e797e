/* SPDX-License-Identifier: Apache-2.0 */
/* A connection to Redis: address, login, what an error answer means, and a writer of RESP. Used by store_redis.c alone. */
#ifndef RINGFENCE_SCORING_REDIS_H
#define RINGFENCE_SCORING_REDIS_H

#include "base/buf.h"
#include "base/err.h"

#include <hiredis/hiredis.h>

struct redis_address {
	bool is_unix;
	char host[256]; /* or the path of the socket */
	int port, db;
	char user[128], password[512]; /* "" = none */
	char text[288];                /* for messages: never with user or password */
};

/* redis://[user[:password]@]host[:port][/db] or unix:///path[?db=N]; user and password may be percent-encoded. */
enum err redis_address_parse(const char *url, const char *password, struct redis_address *out, struct err_text *why) MUST_CHECK;

/* Connects and logs in. No wait, for the connection or later for an answer, is longer than `timeout_ms`. Returns owned: redisFree. */
enum err redis_open(const struct redis_address *a, int64_t timeout_ms, redisContext **out, struct err_text *why) MUST_CHECK;

/* The same, but to the node of a cluster that serves `key`: follows MOVED. Without a cluster that is the address itself. */
enum err redis_open_for(const struct redis_address *a, int64_t timeout_ms, struct slice key, redisContext **out,
			struct err_text *why) MUST_CHECK;

/* Hands all of `out` to the socket. */
enum err redis_send(redisContext *c, const struct buf *out, struct err_text *why) MUST_CHECK;

/* The next answer, owned: freeReplyObject. An answer that is an error is returned as one, and *out is NULL. `doing` names the command. */
enum err redis_answer(redisContext *c, const char *doing, redisReply **out, struct err_text *why) MUST_CHECK;
/* The next answer as it is, an error too. */
enum err redis_raw_answer(redisContext *c, const char *doing, redisReply **out, struct err_text *why) MUST_CHECK;

/* What an error answer means for us. `otherwise`: for words that are not in the table. */
enum err redis_refused(const char *doing, const char *words, enum err otherwise, struct err_text *why);

/* ---- RESP, written straight into a buffer: no allocation per command ---- */

static inline void resp_size(struct buf *b, char kind, uint64_t n)
{
	uint8_t digits[20], *p = buf_reserve(b, 24);
	size_t k = 0, at = 0;
	do
		digits[k++] = (uint8_t)('0' + n % 10);
	while (n /= 10);
	p[at++] = (uint8_t)kind;
	while (k)
		p[at++] = digits[--k];
	p[at++] = '\r';
	p[at++] = '\n';
	b->len += at;
}

/* A command of `n` words follows, its name counted. */
static inline void resp_command(struct buf *b, size_t n)
{
	resp_size(b, '*', n);
}

static inline void resp_word(struct buf *b, const void *p, size_t len)
{
	resp_size(b, '$', len);
	buf_reserve(b, len + 2);
	buf_put(b, p, len);
	buf_put(b, "\r\n", 2);
}

#define resp_name(b, literal) resp_word(b, literal, sizeof(literal) - 1)

/* A word of two parts: a shard's prefix and what stands behind it. */
static inline void resp_pair(struct buf *b, struct slice a, struct slice z)
{
	resp_size(b, '$', (size_t)a.len + z.len);
	buf_put(b, a.p, a.len);
	buf_put(b, z.p, z.len);
	buf_put(b, "\r\n", 2);
}

void resp_integer(struct buf *b, int64_t v); /* as a word */

#endif
