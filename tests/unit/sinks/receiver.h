/* SPDX-License-Identifier: Apache-2.0 */
/* A web server of a test: a thread on a loopback port that answers by a script and keeps what it was sent. */
#ifndef RINGFENCE_TESTS_SINKS_RECEIVER_H
#define RINGFENCE_TESTS_SINKS_RECEIVER_H

#include "tests/unit/unit.h"

#include "base/arena.h"
#include "base/clock.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum how {
	ANSWER,     /* the status, an empty body */
	KEEP,       /* the same, and the connection stays */
	HANG,       /* never a byte */
	HANG_UP,    /* closes at once */
	INTERIM,    /* 103, then closes */
	ENDLESS,    /* the status, then body until the other side has enough */
	LONG_HEAD,  /* the status, then headers until the other side has enough */
	CUT_SHORT,  /* the status, half of the promised body, closes */
	RETRY_DATE, /* the status, Retry-After: the date two seconds from now */
};

struct answer {
	int status;
	enum how how;
	const char *headers; /* "Name: value\r\n", may be NULL */
};

#define REQUESTS_MAX 512

struct request {
	char *text; /* owned: request line, headers */
	char *body; /* owned */
	int64_t at_ns;
};

struct receiver {
	int fd, port;
	pthread_t thread;
	_Atomic bool stop;
	_Atomic int always; /* a status for all requests the script does not reach */
	const struct answer *script;
	int script_cnt;
	pthread_mutex_t mutex; /* of what follows */
	struct request request[REQUESTS_MAX];
	int cnt, connections;
};

static inline bool receiver_readable(struct receiver *r, int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	while (!atomic_load(&r->stop))
		if (poll(&p, 1, 20) > 0)
			return true;
	return false;
}

static inline void receiver_put(int fd, const char *text)
{
	ssize_t unused = send(fd, text, strlen(text), MSG_NOSIGNAL);
	(void)unused;
}

/* Reads one request; false: the other side is gone. */
static inline bool receiver_take(struct receiver *r, int fd, struct request *out)
{
	static const char length[] = "\r\nContent-Length:";
	char *text = mem_zalloc(65536);
	size_t have = 0, need = 0;
	char *end = NULL;
	while (!end || have < need) {
		ssize_t n = receiver_readable(r, fd) ? recv(fd, text + have, 65535 - have, 0) : 0;
		if (n <= 0) {
			free(text);
			return false;
		}
		have += (size_t)n;
		end = end ? end : strstr(text, "\r\n\r\n");
		const char *l = end ? strcasestr(text, length) : NULL;
		if (l)
			need = (size_t)(end + 4 - text) + (size_t)atoi(l + sizeof length - 1);
	}
	*end = 0;
	*out = (struct request){.text = text, .body = mem_strdup(end + 4), .at_ns = mono_now().ns};
	return true;
}

static inline void receiver_date(char *out, size_t size)
{
	time_t at = (time_t)(wall_now().ms / 1000) + 2;
	struct tm tm;
	gmtime_r(&at, &tm);
	strftime(out, size, "Retry-After: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm);
}

/* True: the connection stays. */
static inline bool receiver_answer(struct receiver *r, int fd, const struct answer *a)
{
	char head[512], date[80] = "", block[4096];
	char c;
	memset(block, 'x', sizeof block);
	if (a->how == RETRY_DATE)
		receiver_date(date, sizeof date);
	snprintf(head, sizeof head, "HTTP/1.1 %d Said\r\n%s%s", a->how == INTERIM ? 103 : a->status, a->headers ? a->headers : "", date);
	switch (a->how) {
	case HANG:
		while (receiver_readable(r, fd) && recv(fd, &c, 1, 0) > 0)
			;
		return false;
	case HANG_UP:
		return false;
	case INTERIM:
		receiver_put(fd, head);
		receiver_put(fd, "\r\n");
		return false;
	case ENDLESS:
		receiver_put(fd, head);
		receiver_put(fd, "Content-Length: 1000000000\r\n\r\n");
		while (!atomic_load(&r->stop) && send(fd, block, sizeof block, MSG_NOSIGNAL) > 0)
			;
		return false;
	case LONG_HEAD:
		receiver_put(fd, head);
		while (!atomic_load(&r->stop) && send(fd, "A: 0123456789\r\n", 15, MSG_NOSIGNAL) > 0)
			;
		return false;
	case CUT_SHORT:
		receiver_put(fd, head);
		receiver_put(fd, "Content-Length: 100\r\n\r\nhalf");
		return false;
	case ANSWER:
	case KEEP:
	case RETRY_DATE:
		receiver_put(fd, head);
		receiver_put(fd, a->how == KEEP ? "Content-Length: 0\r\n\r\n" : "Connection: close\r\nContent-Length: 0\r\n\r\n");
		return a->how == KEEP;
	}
	return false;
}

static inline void receiver_serve(struct receiver *r, int fd)
{
	struct request q;
	bool stays = true;
	while (stays && receiver_take(r, fd, &q)) {
		pthread_mutex_lock(&r->mutex);
		int i = r->cnt;
		if (i == REQUESTS_MAX)
			abort();
		r->request[i] = q;
		r->cnt++;
		pthread_mutex_unlock(&r->mutex);
		struct answer rest = {.status = atomic_load(&r->always)};
		stays = receiver_answer(r, fd, i < r->script_cnt ? &r->script[i] : &rest);
	}
}

static inline void *receiver_main(void *arg)
{
	struct receiver *r = arg;
	while (receiver_readable(r, r->fd)) {
		int fd = accept(r->fd, NULL, NULL);
		pthread_mutex_lock(&r->mutex);
		r->connections++;
		pthread_mutex_unlock(&r->mutex);
		receiver_serve(r, fd);
		close(fd);
	}
	return NULL;
}

static inline void receiver_init(struct receiver *r, const struct answer *script, int script_cnt)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof a;
	*r = (struct receiver){.script = script, .script_cnt = script_cnt};
	atomic_store(&r->always, 200);
	pthread_mutex_init(&r->mutex, NULL);
	r->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(r->fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(r->fd, 16), 0);
	assert_int_equal(getsockname(r->fd, (struct sockaddr *)&a, &len), 0);
	r->port = ntohs(a.sin_port);
	assert_int_equal(pthread_create(&r->thread, NULL, receiver_main, r), 0);
}

static inline void receiver_release(struct receiver *r)
{
	atomic_store(&r->stop, true);
	pthread_join(r->thread, NULL);
	close(r->fd);
	for (int i = 0; i < r->cnt; i++) {
		free(r->request[i].text);
		free(r->request[i].body);
	}
	pthread_mutex_destroy(&r->mutex);
}

static inline int receiver_cnt(struct receiver *r)
{
	pthread_mutex_lock(&r->mutex);
	int n = r->cnt;
	pthread_mutex_unlock(&r->mutex);
	return n;
}

static inline int receiver_connections(struct receiver *r)
{
	pthread_mutex_lock(&r->mutex);
	int n = r->connections;
	pthread_mutex_unlock(&r->mutex);
	return n;
}

/* Request i, which has come: it stays as it is until release. */
static inline const struct request *receiver_request(struct receiver *r, int i)
{
	assert_true(i < receiver_cnt(r));
	return &r->request[i];
}

/* A header's value; "" if there is none. */
static inline const char *request_header(const struct request *q, const char *name, char *out, size_t size)
{
	char start[64];
	snprintf(start, sizeof start, "\r\n%s: ", name);
	const char *at = strcasestr(q->text, start);
	snprintf(out, size, "%.*s", at ? (int)strcspn(at + strlen(start), "\r") : 0, at ? at + strlen(start) : "");
	return out;
}

#endif
