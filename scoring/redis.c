/* SPDX-License-Identifier: Apache-2.0 */
#include "scoring/redis.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>

#define HOPS_MAX 5 /* MOVED answers followed in a row */

/* ---- address ---- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* [from, to) percent-decoded; false: too long, or a broken escape. */
static bool part(const char *from, const char *to, bool decode, char *out, size_t cap)
{
	size_t n = 0;
	for (; from < to; from++) {
		char c = *from;
		if (decode && c == '%') {
			int hi = to - from > 2 ? hex_digit(from[1]) : -1, lo = hi < 0 ? -1 : hex_digit(from[2]);
			if (lo < 0)
				return false;
			c = (char)(hi * 16 + lo);
			from += 2;
		}
		if (n + 1 >= cap || c == '\0')
			return false;
		out[n++] = c;
	}
	out[n] = '\0';
	return true;
}

/* Digits up to the end of the text. */
static bool number(const char *p, int most, int *out)
{
	long v = 0;
	if (!*p)
		return false;
	for (; *p; p++) {
		if (*p < '0' || *p > '9')
			return false;
		v = v * 10 + (*p - '0');
		if (v > most)
			return false;
	}
	*out = (int)v;
	return true;
}

static bool parse_unix(const char *p, struct redis_address *a)
{
	const char *query = strchr(p, '?'), *end = query ? query : p + strlen(p);
	if (*p != '/' || end - p > 107) /* sun_path */
		return false;
	a->is_unix = true;
	if (query && (strncmp(query, "?db=", 4) != 0 || !number(query + 4, 1 << 20, &a->db)))
		return false;
	return part(p, end, false, a->host, sizeof a->host);
}

/* host[:port], an IPv6 address in brackets. */
static bool parse_host(const char *p, const char *end, struct redis_address *a)
{
	const char *host_end = end, *port = NULL;
	char digits[8];
	if (*p == '[') {
		host_end = memchr(p, ']', (size_t)(end - p));
		if (!host_end)
			return false;
		p++;
		if (host_end + 1 < end) {
			if (host_end[1] != ':')
				return false;
			port = host_end + 2;
		}
	} else {
		const char *colon = memchr(p, ':', (size_t)(end - p));
		if (colon) {
			host_end = colon;
			port = colon + 1;
		}
	}
	if (port && (!part(port, end, false, digits, sizeof digits) || !number(digits, 65535, &a->port)))
		return false;
	return host_end > p && part(p, host_end, false, a->host, sizeof a->host);
}

static bool parse_tcp(const char *p, struct redis_address *a)
{
	const char *slash = strchr(p, '/'), *end = slash ? slash : p + strlen(p);
	const char *at = memrchr(p, '@', (size_t)(end - p));
	if (slash && slash[1] && !number(slash + 1, 1 << 20, &a->db))
		return false;
	if (at) {
		const char *colon = memchr(p, ':', (size_t)(at - p));
		if (!part(p, colon ? colon : at, true, a->user, sizeof a->user) ||
		    (colon && !part(colon + 1, at, true, a->password, sizeof a->password)))
			return false;
		p = at + 1;
	}
	return parse_host(p, end, a);
}

static void name_address(struct redis_address *a)
{
	if (a->is_unix)
		snprintf(a->text, sizeof a->text, "%s", a->host);
	else
		snprintf(a->text, sizeof a->text, strchr(a->host, ':') ? "[%s]:%d" : "%s:%d", a->host, a->port);
}

enum err redis_address_parse(const char *url, const char *password, struct redis_address *out, struct err_text *why)
{
	bool ok = false;
	*out = (struct redis_address){.port = 6379};
	if (strncmp(url, "rediss://", 9) == 0)
		return err_set(why, ERR_CONFIG,
			       "rediss:// (TLS) is not built in: the packaged client library has none. Use redis:// or "
			       "unix:// to a sidecar that speaks TLS (stunnel, envoy, haproxy)");
	if (strncmp(url, "redis://", 8) == 0)
		ok = parse_tcp(url + 8, out);
	else if (strncmp(url, "unix://", 7) == 0)
		ok = parse_unix(url + 7, out);
	if (!ok) /* the URL may hold a password: it is not repeated */
		return err_set(why, ERR_CONFIG,
			       "cannot be read: write redis://[user[:password]@]host[:port][/db] or unix:///path[?db=N]; "
			       "special characters in user or password as %%XX; a socket's path has at most 107 bytes");
	if (password && *password && !part(password, password + strlen(password), false, out->password, sizeof out->password))
		return err_set(why, ERR_CONFIG, "the password is longer than %zu bytes", sizeof out->password - 1);
	name_address(out);
	return ERR_OK;
}

/* ---- answers ---- */

static const struct {
	const char *begins;
	enum err err;
	const char *advice;
} refusals[] = {
	{"LOADING", ERR_AWAY, "it is reading its data from disk and will serve again"},
	{"READONLY", ERR_AWAY, "it is a replica: after a failover it may become master again, else name the master in state.redis.url"},
	{"BUSY ", ERR_AWAY, "a script of another client blocks it: end that with SCRIPT KILL"},
	{"TRYAGAIN", ERR_AWAY, "a slot of the cluster is being moved"},
	{"CLUSTERDOWN", ERR_AWAY, "the cluster does not serve all slots: see CLUSTER INFO"},
	{"MASTERDOWN", ERR_AWAY, "it is a replica that has lost its master"},
	{"NOREPLICAS", ERR_AWAY, "fewer replicas are in touch than its min-replicas-to-write asks for"},
	{"MISCONF", ERR_AWAY, "it refuses writes as long as it cannot save: look at its log and disk"},
	{"MOVED", ERR_AWAY, "the shard's slot was moved to another node of the cluster, where it is looked for when it is taken again"},
	{"ASK", ERR_AWAY, "the shard's slot is being moved to another node of the cluster"},
	{"OOM", ERR_AWAY, "it is full: raise its maxmemory or give it a database of its own; nothing was written, the shard waits"},
	{"ERR max number of clients", ERR_AWAY, "raise its maxclients: each shard has a connection"},
	{"NOAUTH", ERR_CONFIG, "set state.redis.password (or user and password in state.redis.url)"},
	{"WRONGPASS", ERR_CONFIG, "check state.redis.password and the user in state.redis.url"},
	{"NOPERM", ERR_CONFIG, "its ACL does not let this user do that: it needs ~rf:* and +@read +@write +@transaction +@keyspace +info"},
	{"WRONGTYPE", ERR_CORRUPT, "another program has written into the keys rf:{...}: give Ringfence a database of its own"},
};

enum err redis_refused(const char *doing, const char *words, enum err otherwise, struct err_text *why)
{
	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
		if (strncmp(words, refusals[i].begins, strlen(refusals[i].begins)) == 0)
			return err_set(why, refusals[i].err, "Redis answers %s with '%.200s': %s", doing, words, refusals[i].advice);
	return err_set(why, otherwise, "Redis answers %s with '%.200s'", doing, words);
}

static enum err gone(const redisContext *c, const char *doing, struct err_text *why)
{
	bool late = c->err == REDIS_ERR_IO && (errno == EAGAIN || errno == EWOULDBLOCK);
#ifdef REDIS_ERR_TIMEOUT
	late = late || c->err == REDIS_ERR_TIMEOUT;
#endif
	return err_set(why, ERR_AWAY, "the connection to Redis is gone (%s): %s", doing,
		       late ? "no answer within state.redis.timeout" : c->errstr);
}

enum err redis_raw_answer(redisContext *c, const char *doing, redisReply **out, struct err_text *why)
{
	void *r = NULL;
	*out = NULL;
	if (redisGetReply(c, &r) != REDIS_OK || !r)
		return gone(c, doing, why);
	*out = r;
	return ERR_OK;
}

static enum err answer_or(redisContext *c, const char *doing, enum err otherwise, redisReply **out, struct err_text *why)
{
	enum err e = redis_raw_answer(c, doing, out, why);
	if (e || (*out)->type != REDIS_REPLY_ERROR)
		return e;
	e = redis_refused(doing, (*out)->str, otherwise, why);
	freeReplyObject(*out);
	*out = NULL;
	return e;
}

enum err redis_answer(redisContext *c, const char *doing, redisReply **out, struct err_text *why)
{
	return answer_or(c, doing, ERR_STATE, out, why);
}

/* Not through hiredis, which copies all of it into a buffer that grows anew each time: a commit is a megabyte. Its own output buffer stays empty. */
enum err redis_send(redisContext *c, const struct buf *out, struct err_text *why)
{
	for (size_t at = 0; at < out->len;) {
		ssize_t n = send(c->fd, out->data + at, out->len - at, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			c->err = REDIS_ERR_IO;
			snprintf(c->errstr, sizeof c->errstr, "%s", strerror(errno));
			return gone(c, "sending", why);
		}
		at += (size_t)n;
	}
	return ERR_OK;
}

void resp_integer(struct buf *b, int64_t v)
{
	char text[24];
	int n = snprintf(text, sizeof text, "%lld", (long long)v);
	resp_word(b, text, (size_t)n);
}

/* ---- connecting ---- */

static enum err login(redisContext *c, const struct redis_address *a, struct err_text *why)
{
	struct buf out = {0};
	redisReply *r;
	enum err e = ERR_OK;
	if (*a->password) {
		resp_command(&out, *a->user ? 3 : 2);
		resp_name(&out, "AUTH");
		if (*a->user)
			resp_word(&out, a->user, strlen(a->user));
		resp_word(&out, a->password, strlen(a->password));
	}
	if (a->db) {
		resp_command(&out, 2);
		resp_name(&out, "SELECT");
		resp_integer(&out, a->db);
	}
	if (out.len)
		e = redis_send(c, &out, why);
	if (!e && *a->password) {
		e = answer_or(c, "AUTH", ERR_CONFIG, &r, why);
		freeReplyObject(r);
	}
	if (!e && a->db) {
		e = answer_or(c, "SELECT", ERR_CONFIG, &r, why);
		freeReplyObject(r);
	}
	buf_release(&out);
	return e;
}

/* hiredis writes without MSG_NOSIGNAL: a server that goes away must be an error, not the end of the process. */
static void ignore_sigpipe(void)
{
	struct sigaction now;
	if (sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_DFL)
		signal(SIGPIPE, SIG_IGN);
}

enum err redis_open(const struct redis_address *a, int64_t timeout_ms, redisContext **out, struct err_text *why)
{
	struct timeval tv = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
	enum err e = ERR_OK;
	*out = NULL;
	ignore_sigpipe();
	redisContext *c = a->is_unix ? redisConnectUnixWithTimeout(a->host, tv) : redisConnectWithTimeout(a->host, a->port, tv);
	if (!c)
		return err_set(why, ERR_MEMORY, "no memory for a connection to Redis");
	if (c->err || redisSetTimeout(c, tv) != REDIS_OK || (!a->is_unix && redisEnableKeepAlive(c) != REDIS_OK))
		e = err_set(why, ERR_AWAY, "Redis at %s cannot be reached: %s. Is it running, and is state.redis.url right?", a->text,
			    c->errstr);
	if (!e)
		e = login(c, a, why);
	if (e)
		redisFree(c);
	else
		*out = c;
	return e;
}

/* "MOVED 3999 127.0.0.1:6381"; an empty host is the one asked. */
static bool follow(const char *words, struct redis_address *a)
{
	const char *host = strrchr(words, ' '), *colon = strrchr(words, ':');
	if (!host || !colon || colon < ++host || !number(colon + 1, 65535, &a->port))
		return false;
	if (colon > host && !part(host, colon, false, a->host, sizeof a->host))
		return false;
	a->is_unix = colon > host ? false : a->is_unix;
	name_address(a);
	return true;
}

enum err redis_open_for(const struct redis_address *a, int64_t timeout_ms, struct slice key, redisContext **out, struct err_text *why)
{
	struct redis_address at = *a;
	struct buf ask = {0};
	bool again = true;
	enum err e = ERR_OK;
	*out = NULL;
	resp_command(&ask, 2);
	resp_name(&ask, "EXISTS");
	resp_word(&ask, key.p, key.len);
	for (int hops = 0; !e && again; hops++) {
		redisReply *r = NULL;
		again = false;
		e = redis_open(&at, timeout_ms, out, why);
		if (!e)
			e = redis_send(*out, &ask, why);
		if (!e)
			e = redis_raw_answer(*out, "EXISTS", &r, why);
		if (!e && r->type == REDIS_REPLY_ERROR) {
			again = strncmp(r->str, "MOVED ", 6) == 0 && hops < HOPS_MAX && follow(r->str, &at);
			if (!again)
				e = redis_refused("EXISTS", r->str, ERR_STATE, why);
		}
		freeReplyObject(r);
		if ((e || again) && *out) {
			redisFree(*out);
			*out = NULL;
		}
	}
	buf_release(&ask);
	return e;
}
