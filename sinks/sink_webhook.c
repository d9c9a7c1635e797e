/* SPDX-License-Identifier: Apache-2.0 */
/* A webhook: a thread that reads the event topics in a consumer group of its own and posts each event to a URL.
 *
 * DESIGN
 *   Kafka is the buffer: an event's offset is stored only after its delivery, so a receiver that is away for a day gets the day's events when it is
 *   back, and no shard ever waits for it. One event is under way at a time, which keeps the order of a number's events.
 *
 * OUTCOMES
 *   2xx                          delivered
 *   410                          the receiver does not want this any more: the sink stops, its position stays
 *   408, 429, 5xx, no answer     tried again for ever: retry_first, doubling with jitter up to retry_most, or as Retry-After says
 *   all others, 3xx too          refused: logged, counted, passed over (redirects are never followed)
 *
 * ADDRESSES
 *   Checked on the socket address that is about to be connected, after name resolution, so DNS cannot change its mind in between. Proxies of the
 *   environment are not used: their address would be the one that is checked. */
#include "sinks/sinks.h"

#include "base/log.h"
#include "sinks/crypto.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#define POLL_MS 200
#define RESPONSE_BYTES_MAX (64 << 10)
#define RETRY_AFTER_MOST_MS HOUR_MS
#define QUEUE_KBYTES "4096"
#define LOG_EVERY_S 30.0

struct webhook {
	struct webhook_config config;
	char *name, *url; /* owned */
	struct buf key;   /* of the signature */
	const char *topic_name[TOPIC_CNT];
	bool wanted[TOPIC_CNT];
	rd_kafka_t *rk;
	CURL *curl;
	pthread_t thread;
	_Atomic bool stop;
	_Atomic int64_t stop_ns; /* monotonic: requests under way are cut off then */
	_Atomic uint64_t delivered, retried, refused;
	_Atomic bool disabled;
	bool failing; /* said once, and once again when it is back */
	struct log_limit limit;
	struct buf body, signature;
	size_t response_bytes;
	bool address_refused;
	rd_kafka_message_t **stash; /* came while another one was tried again */
	size_t stash_cnt, stash_cap;
};

/* ---- signature ---- */

static enum err secret_bytes(const char *secret, struct buf *out, struct err_text *why)
{
	static const char prefix[] = "whsec_";
	buf_reset(out);
	if (strncmp(secret, prefix, sizeof prefix - 1) != 0) {
		buf_puts(out, secret);
		return ERR_OK;
	}
	if (!base64_read(slice_of(secret + sizeof prefix - 1), out) || out->len == 0)
		return err_set(why, ERR_CONFIG, "the secret begins with whsec_, but what follows is not base64");
	return ERR_OK;
}

static bool sign(struct slice key, struct slice id, int64_t timestamp_s, struct slice body, struct buf *out)
{
	struct buf text = {0};
	uint8_t mac[SHA256_BYTES];
	buf_put(&text, id.p, id.len);
	buf_printf(&text, ".%lld.", (long long)timestamp_s);
	buf_put(&text, body.p, body.len);
	bool ok = hmac_sha256(key, buf_slice(&text), mac);
	if (ok) {
		buf_puts(out, "v1,");
		base64_put(out, slice_make(mac, sizeof mac));
	}
	buf_release(&text);
	return ok;
}

enum err webhook_sign(const char *secret, struct slice id, int64_t timestamp_s, struct slice body, struct buf *out, struct err_text *why)
{
	struct buf key = {0};
	enum err e = secret_bytes(secret, &key, why);
	if (!e && !sign(buf_slice(&key), id, timestamp_s, body, out))
		e = err_set(why, ERR_MEMORY, "HMAC-SHA256 failed");
	secret_release(&key);
	return e;
}

/* ---- addresses ---- */

static bool private_v4(uint32_t a)
{
	static const struct {
		uint32_t net, bits;
	} nets[] = {
		{0x00000000, 8},                                                                         /* this network */
		{0x0a000000, 8},                                                                         /* private */
		{0x64400000, 10},                                                                        /* carrier-grade NAT */
		{0x7f000000, 8},                                                                         /* loopback */
		{0xa9fe0000, 16},                                                                        /* link-local, cloud metadata */
		{0xac100000, 12}, {0xc0000000, 24}, {0xc0a80000, 16}, {0xc6120000, 15}, {0xe0000000, 3}, /* multicast and above */
	};
	for (size_t i = 0; i < sizeof nets / sizeof nets[0]; i++)
		if ((a ^ nets[i].net) >> (32 - nets[i].bits) == 0)
			return true;
	return false;
}

static bool private_address(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET)
		return private_v4(ntohl(((const struct sockaddr_in *)(const void *)sa)->sin_addr.s_addr));
	if (sa->sa_family != AF_INET6)
		return true;
	const uint8_t *b = ((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr.s6_addr;
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, nat64[12] = {0, 0x64, 0xff, 0x9b}, none[12];
	if (memcmp(b, mapped, 12) == 0 || memcmp(b, nat64, 12) == 0 || memcmp(b, none, 12) == 0)
		return private_v4((uint32_t)b[12] << 24 | (uint32_t)b[13] << 16 | (uint32_t)b[14] << 8 | b[15]);
	return (b[0] & 0xfe) == 0xfc || (b[0] == 0xfe && (b[1] & 0x80) != 0) || b[0] == 0xff;
}

static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct webhook *w = ctx;
	(void)purpose;
	if (!w->config.allow_private && private_address(&a->addr)) {
		w->address_refused = true;
		return CURL_SOCKET_BAD;
	}
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* ---- one request ---- */

enum outcome { DELIVERED, TRY_AGAIN, REFUSED, GONE, CUT_OFF };

static size_t swallow(char *p, size_t size, size_t n, void *ctx)
{
	struct webhook *w = ctx;
	(void)p;
	w->response_bytes += size * n;
	return w->response_bytes > RESPONSE_BYTES_MAX ? 0 : size * n; /* cut off: the status has been read and decides */
}

static int on_progress(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	struct webhook *w = ctx;
	(void)a;
	(void)b;
	(void)c;
	(void)d;
	return atomic_load(&w->stop) && mono_now().ns > atomic_load(&w->stop_ns);
}

static struct curl_slist *add_header(struct curl_slist *l, struct buf *line, const char *name, struct slice value)
{
	buf_reset(line);
	buf_printf(line, "%s: " SLICE_FMT, name, SLICE_ARG(value));
	return curl_slist_append(l, (const char *)line->data);
}

static struct curl_slist *headers(struct webhook *w, const struct message *m)
{
	struct buf line = {0};
	char timestamp[24];
	int64_t now_s = wall_now().ms / 1000;
	struct curl_slist *l = curl_slist_append(NULL, "Content-Type: application/cloudevents+json; charset=UTF-8");
	l = curl_slist_append(l, "Expect:");
	l = curl_slist_append(l, "User-Agent: ringfence/" RINGFENCE_VERSION);
	if (w->config.preset == PRESET_STANDARD_WEBHOOKS) {
		snprintf(timestamp, sizeof timestamp, "%lld", (long long)now_s);
		buf_reset(&w->signature);
		if (!sign(buf_slice(&w->key), m->id, now_s, buf_slice(&w->body), &w->signature))
			log_error("sinks", "webhook %s: HMAC-SHA256 failed, the event goes out without a signature", w->name);
		l = add_header(l, &line, "webhook-id", m->id);
		l = add_header(l, &line, "webhook-timestamp", slice_of(timestamp));
		l = add_header(l, &line, "webhook-signature", buf_slice(&w->signature));
	}
	buf_release(&line);
	return l;
}

static enum outcome outcome_of(long status)
{
	if (status >= 200 && status < 300)
		return DELIVERED;
	if (status == 410)
		return GONE;
	if (status == 0 || status == 408 || status == 429 || status >= 500)
		return TRY_AGAIN;
	return REFUSED;
}

/* *after_ms: what Retry-After asks, 0 if nothing. `said`: what happened, for the log. */
static enum outcome post(struct webhook *w, const struct message *m, int64_t *after_ms, struct err_text *said)
{
	long status = 0;
	curl_off_t after_s = 0;
	struct curl_slist *l = headers(w, m);
	w->response_bytes = 0;
	w->address_refused = false;
	curl_easy_setopt(w->curl, CURLOPT_HTTPHEADER, l);
	curl_easy_setopt(w->curl, CURLOPT_POSTFIELDS, w->body.data);
	curl_easy_setopt(w->curl, CURLOPT_POSTFIELDSIZE, (long)w->body.len);
	CURLcode code = curl_easy_perform(w->curl);
	curl_easy_getinfo(w->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(w->curl, CURLINFO_RETRY_AFTER, &after_s);
	curl_slist_free_all(l);
	*after_ms = after_s > 0 ? (int64_t)after_s * 1000 : 0;
	if (code == CURLE_ABORTED_BY_CALLBACK)
		return CUT_OFF;
	if (code && !(code == CURLE_WRITE_ERROR && status)) {
		(void)err_set(said, ERR_AWAY, "%s",
			      w->address_refused ? "its address is private, loopback or link-local; allow_private: true would allow it"
						 : curl_easy_strerror(code));
		return TRY_AGAIN;
	}
	(void)err_set(said, ERR_AWAY, "it answered %ld", status);
	return outcome_of(status);
}

static CURL *curl_new(struct webhook *w)
{
	CURL *c = curl_easy_init();
	if (!c)
		return NULL;
	curl_easy_setopt(c, CURLOPT_URL, w->url);
	curl_easy_setopt(c, CURLOPT_POST, 1L);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)w->config.timeout_ms);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)w->config.timeout_ms);
	curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, w);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, swallow);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, w);
	curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(c, CURLOPT_XFERINFODATA, w);
	curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	return c;
}

/* ---- reading ---- */

static void take_message(struct webhook *w, rd_kafka_message_t *m)
{
	if (!m)
		return;
	if (m->err) {
		uint64_t held;
		if (m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF && log_limit_pass(&w->limit, LOG_EVERY_S, &held))
			log_warn("sinks", "webhook %s: kafka: %s", w->name, rd_kafka_message_errstr(m));
		rd_kafka_message_destroy(m);
		return;
	}
	if (w->stash_cnt == w->stash_cap) {
		w->stash_cap = w->stash_cap ? 2 * w->stash_cap : 16;
		w->stash = mem_realloc(w->stash, w->stash_cap * sizeof(rd_kafka_message_t *));
	}
	w->stash[w->stash_cnt++] = m;
}

static rd_kafka_message_t *next_message(struct webhook *w)
{
	if (w->stash_cnt == 0)
		take_message(w, rd_kafka_consumer_poll(w->rk, POLL_MS));
	if (w->stash_cnt == 0)
		return NULL;
	rd_kafka_message_t *m = w->stash[0];
	memmove(w->stash, w->stash + 1, --w->stash_cnt * sizeof(rd_kafka_message_t *));
	return m;
}

/* Nothing more is fetched while one event is tried again; the group still hears from us. */
static void set_paused(struct webhook *w, bool paused)
{
	rd_kafka_topic_partition_list_t *all = NULL;
	if (rd_kafka_assignment(w->rk, &all) == RD_KAFKA_RESP_ERR_NO_ERROR && all) {
		if (paused)
			rd_kafka_pause_partitions(w->rk, all);
		else
			rd_kafka_resume_partitions(w->rk, all);
	}
	if (all)
		rd_kafka_topic_partition_list_destroy(all);
}

static bool still_ours(struct webhook *w, const rd_kafka_message_t *m)
{
	rd_kafka_topic_partition_list_t *all = NULL;
	bool ours = false;
	if (rd_kafka_assignment(w->rk, &all) == RD_KAFKA_RESP_ERR_NO_ERROR && all)
		ours = rd_kafka_topic_partition_list_find(all, rd_kafka_topic_name(m->rkt), m->partition) != NULL;
	if (all)
		rd_kafka_topic_partition_list_destroy(all);
	return ours;
}

/* False: stop, or the event's partition went to another process, which will deliver it. */
static bool wait_for_retry(struct webhook *w, const rd_kafka_message_t *m, int64_t wait_ms)
{
	int64_t until_ns = mono_now().ns + wait_ms * 1000000;
	set_paused(w, true);
	while (!atomic_load(&w->stop) && mono_now().ns < until_ns) {
		int64_t left_ms = (until_ns - mono_now().ns) / 1000000 + 1;
		take_message(w, rd_kafka_consumer_poll(w->rk, left_ms < POLL_MS ? (int)left_ms : POLL_MS));
	}
	set_paused(w, false);
	return !atomic_load(&w->stop) && still_ours(w, m);
}

/* ---- delivery ---- */

/* Half to whole of the pause, so that many senders do not knock together. */
static int64_t with_jitter(int64_t ms)
{
	uint32_t r = 0;
	if (getrandom(&r, sizeof r, 0) != (ssize_t)sizeof r)
		r = (uint32_t)mono_now().ns;
	return ms / 2 + (int64_t)((double)r / 4294967296.0 * (double)(ms - ms / 2));
}

static void say_failing(struct webhook *w, const struct err_text *said)
{
	if (!w->failing)
		log_warn("sinks", "webhook %s: %s: %s; events wait in their topics and are tried again", w->name, w->url, said->text);
	w->failing = true;
}

/* True: done with this event, its offset may be stored. */
static bool deliver(struct webhook *w, const rd_kafka_message_t *rkm, const struct message *m)
{
	int64_t pause_ms = w->config.retry_first_ms, after_ms;
	struct err_text said;
	buf_reset(&w->body);
	message_structured(m, &w->body);
	for (;;) {
		switch (post(w, m, &after_ms, &said)) {
		case DELIVERED:
			if (w->failing)
				log_info("sinks", "webhook %s is back", w->name);
			w->failing = false;
			atomic_fetch_add(&w->delivered, 1);
			return true;
		case REFUSED:
			log_warn("sinks", "webhook %s refused the event " SLICE_FMT ": %s; it is passed over", w->name, SLICE_ARG(m->id),
				 said.text);
			atomic_fetch_add(&w->refused, 1);
			return true;
		case GONE:
			log_error("sinks",
				  "webhook %s answered 410 Gone: it is not called any more; its position stays, a restart tries again",
				  w->name);
			atomic_fetch_add(&w->refused, 1);
			atomic_store(&w->disabled, true);
			return false;
		case CUT_OFF:
			return false;
		case TRY_AGAIN:
			break;
		}
		say_failing(w, &said);
		atomic_fetch_add(&w->retried, 1);
		int64_t wait_ms = with_jitter(pause_ms);
		if (after_ms > wait_ms)
			wait_ms = after_ms < RETRY_AFTER_MOST_MS ? after_ms : RETRY_AFTER_MOST_MS;
		if (!wait_for_retry(w, rkm, wait_ms))
			return false;
		pause_ms = 2 * pause_ms < w->config.retry_most_ms ? 2 * pause_ms : w->config.retry_most_ms;
	}
}

static void pass(struct webhook *w, const rd_kafka_message_t *m)
{
	rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(l, rd_kafka_topic_name(m->rkt), m->partition)->offset = m->offset + 1;
	(void)rd_kafka_offsets_store(w->rk, l); /* fails if the partition has gone: then it is another one's */
	rd_kafka_topic_partition_list_destroy(l);
}

static enum event_topic topic_of(const struct webhook *w, const char *name)
{
	int t = 0;
	while (t < TOPIC_CNT - 1 && strcmp(w->topic_name[t], name) != 0)
		t++;
	return (enum event_topic)t;
}

static void handle(struct webhook *w, rd_kafka_message_t *rkm)
{
	struct message m;
	bool done = true;
	if (message_from_kafka(rkm, topic_of(w, rd_kafka_topic_name(rkm->rkt)), &m) != ERR_OK)
		log_warn("sinks", "webhook %s: %s:%d, offset %lld is no CloudEvent in binary mode: passed over", w->name,
			 rd_kafka_topic_name(rkm->rkt), rkm->partition, (long long)rkm->offset);
	else if (m.data.p) /* a tombstone says nothing to a person */
		done = deliver(w, rkm, &m);
	if (done)
		pass(w, rkm);
}

static void *webhook_main(void *arg)
{
	struct webhook *w = arg;
	while (!atomic_load(&w->stop) && !atomic_load(&w->disabled)) {
		rd_kafka_message_t *m = next_message(w);
		if (!m)
			continue;
		handle(w, m);
		rd_kafka_message_destroy(m);
	}
	for (size_t i = 0; i < w->stash_cnt; i++)
		rd_kafka_message_destroy(w->stash[i]);
	w->stash_cnt = 0;
	rd_kafka_consumer_close(w->rk); /* commits what was delivered */
	return NULL;
}

/* ---- life ---- */

enum err webhook_check(const struct webhook_config *c, struct err_text *why)
{
	struct buf key = {0};
	char *host = NULL;
	CURLU *u = curl_url();
	enum err e = ERR_OK;
	if (!u || curl_url_set(u, CURLUPART_URL, c->url, 0) || curl_url_get(u, CURLUPART_HOST, &host, 0))
		e = err_set(why, ERR_CONFIG, "webhook %s: %s is not a URL", c->name, c->url);
	if (!e && strncmp(c->url, "http://", 7) != 0 && strncmp(c->url, "https://", 8) != 0)
		e = err_set(why, ERR_CONFIG, "webhook %s: the URL must begin with http:// or https://", c->name);
	if (!e && c->preset == PRESET_STANDARD_WEBHOOKS) {
		struct err_text detail;
		if (!c->secret || !c->secret[0])
			e = err_set(why, ERR_CONFIG, "webhook %s: standard-webhooks signs with a secret: give secret or secret_file",
				    c->name);
		else if (secret_bytes(c->secret, &key, &detail))
			e = err_set(why, ERR_CONFIG, "webhook %s: %s", c->name, detail.text);
	}
	secret_release(&key);
	curl_free(host);
	curl_url_cleanup(u);
	return e;
}

static bool is_wanted(const struct webhook_config *c, enum event_topic t)
{
	static const char *const names[TOPIC_CNT] = {[TOPIC_ALERTS] = "alerts",
						     [TOPIC_TRANSITIONS] = "transitions",
						     [TOPIC_ADVISORIES] = "advisories",
						     [TOPIC_NUMBERS] = "numbers",
						     [TOPIC_DISPUTES] = "disputes"};
	if (c->topics.n == 0)
		return t == TOPIC_ALERTS || t == TOPIC_TRANSITIONS;
	for (uint32_t i = 0; i < c->topics.n; i++)
		if (names[t] && strcmp(c->topics.v[i], names[t]) == 0)
			return true;
	return false;
}

static enum err consumer_open(struct webhook *w, const struct kafka_config *k, struct err_text *why)
{
	rd_kafka_conf_t *conf;
	struct buf group = {0};
	char text[512];
	buf_printf(&group, "%s.webhook.%s", k->group, w->name);
	enum err e = kafka_conf_consumer(k, (const char *)group.data, w->name, &conf, why);
	buf_release(&group);
	if (e)
		return e;
	if (rd_kafka_conf_set(conf, "auto.offset.reset", "earliest", text, sizeof text) ||
	    rd_kafka_conf_set(conf, "enable.partition.eof", "false", text, sizeof text) ||
	    rd_kafka_conf_set(conf, "queued.max.messages.kbytes", QUEUE_KBYTES, text, sizeof text) ||
	    !(w->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text))) {
		rd_kafka_conf_destroy(conf);
		return err_set(why, ERR_CONFIG, "webhook %s: kafka: %s", w->name, text);
	}
	rd_kafka_poll_set_consumer(w->rk);
	rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(TOPIC_CNT);
	for (int t = 0; t < TOPIC_CNT; t++)
		if (w->wanted[t])
			rd_kafka_topic_partition_list_add(l, w->topic_name[t], RD_KAFKA_PARTITION_UA);
	rd_kafka_resp_err_t code = rd_kafka_subscribe(w->rk, l);
	rd_kafka_topic_partition_list_destroy(l);
	return code ? err_set(why, ERR_CONFIG, "webhook %s: cannot subscribe: %s", w->name, rd_kafka_err2str(code)) : ERR_OK;
}

static void init_curl(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

static void webhook_free(struct webhook *w)
{
	if (w->rk)
		rd_kafka_destroy(w->rk);
	if (w->curl)
		curl_easy_cleanup(w->curl);
	secret_release(&w->key);
	buf_release(&w->body);
	buf_release(&w->signature);
	free(w->stash);
	free(w->name);
	free(w->url);
	free(w);
}

enum err webhook_start(const struct webhook_config *c, const struct kafka_config *k, const struct sink_topics *topics, struct webhook **out,
		       struct err_text *why)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	enum err e = webhook_check(c, why);
	if (e)
		return e;
	pthread_once(&once, init_curl);
	struct webhook *w = mem_zalloc(sizeof *w);
	w->config = *c;
	w->name = mem_strdup(c->name);
	w->url = mem_strdup(c->url);
	for (int t = 0; t < TOPIC_CNT; t++) {
		w->topic_name[t] = topics->name[t];
		w->wanted[t] = is_wanted(c, (enum event_topic)t);
	}
	w->curl = curl_new(w);
	if (!w->curl)
		e = err_set(why, ERR_MEMORY, "webhook %s: curl cannot be set up", w->name);
	if (!e && c->preset == PRESET_STANDARD_WEBHOOKS)
		e = secret_bytes(c->secret, &w->key, why);
	if (!e)
		e = consumer_open(w, k, why);
	if (!e && strncmp(w->url, "http://", 7) == 0 && !c->allow_private)
		log_warn("sinks", "webhook %s: %s is not encrypted", w->name, w->url);
	if (!e && pthread_create(&w->thread, NULL, webhook_main, w) != 0)
		e = err_set(why, ERR_IO, "webhook %s: cannot start its thread", w->name);
	if (e) {
		webhook_free(w);
		return e;
	}
	*out = w;
	return ERR_OK;
}

void webhook_stop(struct webhook *w, int64_t drain_ms)
{
	if (!w)
		return;
	atomic_store(&w->stop_ns, mono_now().ns + drain_ms * 1000000);
	atomic_store(&w->stop, true);
	pthread_join(w->thread, NULL);
	webhook_free(w);
}

void webhook_counts(const struct webhook *w, struct webhook_counts *out)
{
	*out = (struct webhook_counts){.delivered = atomic_load(&w->delivered),
				       .retried = atomic_load(&w->retried),
				       .refused = atomic_load(&w->refused),
				       .disabled = atomic_load(&w->disabled)};
}
