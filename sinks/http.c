/* SPDX-License-Identifier: Apache-2.0 */
/* DESIGN     libcurl's multi handle with one transfer: connections are kept, and a request can be cut off at a given moment from another thread
 *            (with the easy interface that takes up to a second).
 * OUTCOME    Once a final status has come, it decides, whatever happens to the rest of the answer: a receiver that has said 200 and then breaks off,
 *            or talks without end, has the event. An interim status (1xx) alone is no answer.
 * ADDRESSES  Checked on the socket address that is about to be connected, after name resolution, so DNS cannot change its mind in between. Proxies of the
 *            environment are not used: their address would be the one that is checked.
 * BOUNDS     An answer, head and body: 64 KiB, cut off beyond. Time: timeout_ms for all of it; a name server that hangs does not lengthen it. */
#include "sinks/http.h"

#include "base/arena.h"
#include "base/clock.h"
#include "sinks/address.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define ANSWER_BYTES_MAX (64 << 10)
#define WAIT_MS 1000 /* curl's own timers wake earlier */

struct http {
	CURL *easy;
	CURLM *multi;
	bool allow_private, address_refused;
	int64_t timeout_ms;
	size_t answer_bytes; /* so far */
	_Atomic int64_t cut_ns;
	char error[CURL_ERROR_SIZE];
};

/* ---- URLs ---- */

const char *http_url_problem(const char *url, bool allow_private)
{
	const char *problem = NULL;
	char *host = NULL;
	CURLU *u = curl_url();
	CURLUcode code = u ? curl_url_set(u, CURLUPART_URL, url, 0) : CURLUE_OUT_OF_MEMORY;
	const char *after = strncmp(url, "http://", 7) == 0 ? url + 7 : strncmp(url, "https://", 8) == 0 ? url + 8 : NULL;
	if (!after)
		problem = "it must begin with http:// or https://";
	else if (code)
		problem = curl_url_strerror(code);
	else if (after[0] == '/' || curl_url_get(u, CURLUPART_HOST, &host, 0) ||
		 !host[0]) /* curl would take "https:///hook" for the host hook */
		problem = "it names no host";
	else if (!allow_private && address_text_is_private(host))
		problem = "its address is private, loopback or link-local; allow_private: true would allow it";
	curl_free(host);
	curl_url_cleanup(u);
	return problem;
}

char *http_url_origin(const char *url)
{
	char *scheme = NULL, *host = NULL, *port = NULL, text[512] = "its URL";
	CURLU *u = curl_url();
	if (u && !curl_url_set(u, CURLUPART_URL, url, 0) && !curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) &&
	    !curl_url_get(u, CURLUPART_HOST, &host, 0)) {
		(void)curl_url_get(u, CURLUPART_PORT, &port, 0);
		snprintf(text, sizeof text, "%s://%s%s%s", scheme, host, port ? ":" : "", port ? port : "");
	}
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(u);
	return mem_strdup(text);
}

/* ---- callbacks of curl ---- */

static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct http *h = ctx;
	(void)purpose;
	if (!h->allow_private && address_is_private(&a->addr)) {
		h->address_refused = true;
		return CURL_SOCKET_BAD;
	}
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* Head and body alike. */
static size_t swallow(char *p, size_t size, size_t n, void *ctx)
{
	struct http *h = ctx;
	(void)p;
	h->answer_bytes += size * n;
	return h->answer_bytes > ANSWER_BYTES_MAX ? 0 : size * n;
}

/* ---- life ---- */

static void init_curl(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

static void set_options(struct http *h, const char *url)
{
	CURL *c = h->easy;
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_POST, 1L);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)h->timeout_ms);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)h->timeout_ms);
#if LIBCURL_VERSION_NUM >= 0x075700
	curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L); /* else the end of a timed-out request waits for the resolver's thread */
#endif
	curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, h);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, swallow);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, h);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, swallow);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, h);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, h->error);
}

enum err http_open(const struct http_config *c, struct http **out, struct err_text *why)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, init_curl);
	struct http *h = mem_zalloc(sizeof *h);
	h->allow_private = c->allow_private;
	h->timeout_ms = c->timeout_ms;
	atomic_store(&h->cut_ns, INT64_MAX);
	h->easy = curl_easy_init();
	h->multi = curl_multi_init();
	if (!h->easy || !h->multi) {
		http_close(h);
		return err_set(why, ERR_MEMORY, "curl cannot be set up");
	}
	set_options(h, c->url);
	*out = h;
	return ERR_OK;
}

void http_close(struct http *h)
{
	if (!h)
		return;
	if (h->easy)
		curl_easy_cleanup(h->easy);
	if (h->multi)
		curl_multi_cleanup(h->multi);
	free(h);
}

/* ---- a request ---- */

void http_cut(struct http *h, int64_t at_ns)
{
	atomic_store(&h->cut_ns, at_ns);
	curl_multi_wakeup(h->multi);
}

/* False: cut off. */
static bool perform(struct http *h, CURLcode *code)
{
	int running = 1, queued;
	CURLMcode multi_code = curl_multi_add_handle(h->multi, h->easy);
	int64_t left_ms = 1;
	while (!multi_code && running) {
		left_ms = (atomic_load(&h->cut_ns) - mono_now().ns) / 1000000;
		if (left_ms <= 0)
			break;
		multi_code = curl_multi_perform(h->multi, &running);
		if (!multi_code && running)
			multi_code = curl_multi_poll(h->multi, NULL, 0, (int)(left_ms < WAIT_MS ? left_ms : WAIT_MS), NULL);
	}
	*code = CURLE_FAILED_INIT; /* the multi handle itself failed */
	for (CURLMsg *m; (m = curl_multi_info_read(h->multi, &queued)) != NULL;)
		if (m->msg == CURLMSG_DONE)
			*code = m->data.result;
	return left_ms > 0;
}

static struct curl_slist *head(const struct http_header *headers, uint32_t n)
{
	char line[1024];
	struct curl_slist *l = curl_slist_append(NULL, "Expect:");
	l = curl_slist_append(l, "User-Agent: ringfence/" RINGFENCE_VERSION);
	for (uint32_t i = 0; i < n; i++) {
		snprintf(line, sizeof line, "%s: " SLICE_FMT, headers[i].name, SLICE_ARG(headers[i].value));
		l = curl_slist_append(l, line);
	}
	return l;
}

static void tell(struct http *h, CURLcode code, struct http_answer *out)
{
	if (out->status)
		(void)err_set(&out->said, ERR_AWAY, "it answered %d", out->status);
	else if (h->address_refused)
		(void)err_set(&out->said, ERR_AWAY, "its address is private, loopback or link-local; allow_private: true would allow it");
	else
		(void)err_set(&out->said, ERR_AWAY, "%s", h->error[0] ? h->error : curl_easy_strerror(code));
}

void http_post(struct http *h, const struct http_header *headers, uint32_t header_cnt, struct slice body, struct http_answer *out)
{
	long status = 0;
	curl_off_t after_s = 0;
	CURLcode code;
	struct curl_slist *l = head(headers, header_cnt);
	h->answer_bytes = 0;
	h->address_refused = false;
	h->error[0] = 0;
	*out = (struct http_answer){0};
	curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, l);
	curl_easy_setopt(h->easy, CURLOPT_POSTFIELDS, body.p);
	curl_easy_setopt(h->easy, CURLOPT_POSTFIELDSIZE, (long)body.len);
	out->cut_off = !perform(h, &code);
	curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(h->easy, CURLINFO_RETRY_AFTER, &after_s);
	curl_multi_remove_handle(h->multi, h->easy);
	curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(l);
	out->status = status >= 200 ? (int)status : 0;
	if (out->status && after_s > 0)
		out->retry_after_ms = after_s < INT32_MAX ? (int64_t)after_s * 1000 : INT64_C(1000) * INT32_MAX;
	if (out->status)
		out->cut_off = false;
	tell(h, code, out);
}
