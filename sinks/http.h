/* SPDX-License-Identifier: Apache-2.0 */
/* One POST after another to one URL. Private to sinks. */
#ifndef RINGFENCE_SINKS_HTTP_H
#define RINGFENCE_SINKS_HTTP_H

#include "base/err.h"
#include "base/slice.h"

#include <stdint.h>

struct http_config {
	const char *url; /* borrowed until http_open returns */
	bool allow_private;
	int64_t timeout_ms; /* of connecting, and of a whole request */
};

struct http_header {
	const char *name;
	struct slice value; /* no control characters: the caller's word */
};

struct http_answer {
	int status;             /* 200 and above; 0: none came */
	bool cut_off;           /* http_cut: nobody knows whether it has arrived */
	int64_t retry_after_ms; /* 0: not asked for */
	struct err_text said;   /* what happened, for a log; holds no secret of the URL */
};

struct http;

/* What is wrong with `url`, NULL if nothing; static text. */
const char *http_url_problem(const char *url, bool allow_private);
/* "https://example.org:8443": scheme, host and port. Path, query and user often hold a secret and belong in no log. Returns owned. */
char *http_url_origin(const char *url);

enum err http_open(const struct http_config *c, struct http **out, struct err_text *why) MUST_CHECK;
void http_close(struct http *h);

void http_post(struct http *h, const struct http_header *headers, uint32_t header_cnt, struct slice body, struct http_answer *out);
/* From any thread: a request that is under way at that moment of the monotonic clock, or begun later, is cut off. */
void http_cut(struct http *h, int64_t at_ns);

#endif
