/* SPDX-License-Identifier: Apache-2.0 */
/* A webhook: a thread that reads the event topics in a consumer group of its own and posts each event to a URL.
 *
 * DESIGN
 *   Kafka is the buffer: an event's offset is stored only after its delivery, so a receiver that is away for a day gets the day's events when it is
 *   back, and no shard ever waits for it. One event is under way at a time, which keeps the order of a number's events. While one is tried
 *   again all partitions are paused, those that a rebalance brings meanwhile too, and the consumer is polled, so that the group keeps us.
 *
 * GUARANTEES
 *   At least once, the same id and the same bytes each time. An event comes twice when its answer was lost, when its partition went to another process
 *   while it was under way, and after a crash (up to 5 s of events, the interval at which Kafka gets the offsets).
 *
 * OUTCOMES
 *   2xx                          delivered
 *   410                          the receiver does not want this any more: the sink stops, its position stays
 *   408, 429, 5xx, no answer     tried again for ever: retry_first, doubling with jitter up to retry_most, or as Retry-After says (at most a day)
 *   all others, 3xx too          refused: logged, counted, passed over (redirects are never followed)
 *   What is no CloudEvent is logged, counted, passed over; a tombstone says nothing to a person and is passed over.
 *
 * BOUNDS
 *   Memory: librdkafka's queue (QUEUE_KBYTES and one fetch on top), one body, and the stash: what had left the queue when the pause began.
 *   Stop: within drain_ms, whether receiver and Kafka answer or not. */
#include "sinks/sinks.h"

#include "base/log.h"
#include "sinks/crypto.h"
#include "sinks/http.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#define POLL_MS 100
#define RETRY_AFTER_MOST_MS DAY_MS
#define QUEUE_KBYTES "4096"
#define LOG_EVERY_S 30.0
#define SECRET_LEAST_BYTES 24 /* Standard Webhooks */
#define SECRET_MOST_BYTES 64
#define LEAVE_MS 10000          /* leaving the group on our own account (410) */
#define LEAVE_SHARE_MOST_MS 500 /* of drain_ms, kept for leaving the group */
#define ID_BYTES_MAX 256

struct webhook {
	struct webhook_config config;      /* numbers and switches; its strings are not looked at after the start */
	char *name, *origin;               /* owned; the origin stands for the URL in logs */
	struct buf key;                    /* of the signature */
	const char *topic_name[TOPIC_CNT]; /* borrowed */
	bool wanted[TOPIC_CNT];
	rd_kafka_t *rk;
	struct http *http;
	pthread_t thread;
	_Atomic bool stop;
	_Atomic int64_t stop_ns; /* monotonic: everything has ended by then */
	_Atomic uint64_t delivered, retried, refused, skipped;
	_Atomic bool disabled;
	/* the thread's own */
	bool failing; /* said once, and once again when it is back */
	struct log_limit limit;
	struct buf body, signature;
	const rd_kafka_message_t *current; /* under way */
	bool lost;                         /* its partition has been taken away */
	bool paused;
	bool left;                  /* the group; else the client cannot be destroyed in a moment */
	bool assigned;              /* the group has answered once */
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
	if (out->len < SECRET_LEAST_BYTES || out->len > SECRET_MOST_BYTES)
		return err_set(why, ERR_CONFIG,
			       "the secret has %zu bytes behind whsec_, not %d to %d: openssl rand -base64 32 makes a good one",
			       (size_t)out->len, SECRET_LEAST_BYTES, SECRET_MOST_BYTES);
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

/* ---- one request ---- */

enum outcome { DELIVERED, TRY_AGAIN, REFUSED, GONE, CUT_OFF };

static enum outcome outcome_of(const struct http_answer *a)
{
	if (a->cut_off)
		return CUT_OFF;
	if (a->status >= 200 && a->status < 300)
		return DELIVERED;
	if (a->status == 410)
		return GONE;
	if (a->status == 0 || a->status == 408 || a->status == 429 || a->status >= 500)
		return TRY_AGAIN;
	return REFUSED;
}

static enum outcome post(struct webhook *w, const struct message *m, struct http_answer *answer)
{
	char timestamp[24];
	int64_t now_s = wall_now().ms / 1000; /* of this attempt */
	struct http_header h[4] = {{"Content-Type", SLICE_LIT("application/cloudevents+json; charset=UTF-8")}};
	uint32_t n = 1;
	if (w->config.preset == PRESET_STANDARD_WEBHOOKS) {
		snprintf(timestamp, sizeof timestamp, "%lld", (long long)now_s);
		buf_reset(&w->signature);
		if (!sign(buf_slice(&w->key), m->id, now_s, buf_slice(&w->body), &w->signature)) {
			*answer = (struct http_answer){.said = {"HMAC-SHA256 failed: out of memory"}};
			return TRY_AGAIN;
		}
		h[n++] = (struct http_header){"webhook-id", m->id};
		h[n++] = (struct http_header){"webhook-timestamp", slice_of(timestamp)};
		h[n++] = (struct http_header){"webhook-signature", buf_slice(&w->signature)};
	}
	http_post(w->http, h, n, buf_slice(&w->body), answer);
	return outcome_of(answer);
}

/* ---- reading ---- */

static void take_error(struct webhook *w, const rd_kafka_message_t *m)
{
	uint64_t held;
	char text[256] = "";
	if (m->err == RD_KAFKA_RESP_ERR__FATAL) {
		rd_kafka_resp_err_t code = rd_kafka_fatal_error(w->rk, text, sizeof text);
		log_error("sinks", "webhook %s: kafka: %s: %s; it is not called any more, a restart tries again", w->name,
			  rd_kafka_err2name(code), text);
		atomic_store(&w->disabled, true);
	} else if (m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF && log_limit_pass(&w->limit, LOG_EVERY_S, &held))
		log_warn("sinks", "webhook %s: kafka: %s", w->name, rd_kafka_message_errstr(m));
}

static void poll_consumer(struct webhook *w, int wait_ms)
{
	rd_kafka_message_t *m = rd_kafka_consumer_poll(w->rk, wait_ms);
	if (!m)
		return;
	if (m->err) {
		take_error(w, m);
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
		poll_consumer(w, POLL_MS);
	if (w->stash_cnt == 0)
		return NULL;
	rd_kafka_message_t *m = w->stash[0];
	memmove(w->stash, w->stash + 1, --w->stash_cnt * sizeof(rd_kafka_message_t *));
	return m;
}

static bool is_in(const rd_kafka_topic_partition_list_t *parts, const rd_kafka_message_t *m)
{
	for (int i = 0; i < parts->cnt; i++)
		if (parts->elems[i].partition == m->partition && strcmp(parts->elems[i].topic, rd_kafka_topic_name(m->rkt)) == 0)
			return true;
	return false;
}

/* What is not ours any more will be delivered by its new owner; ours would come after, and set the position back. */
static void drop_lost(struct webhook *w, const rd_kafka_topic_partition_list_t *parts)
{
	size_t kept = 0;
	for (size_t i = 0; i < w->stash_cnt; i++) {
		if (is_in(parts, w->stash[i]))
			rd_kafka_message_destroy(w->stash[i]);
		else
			w->stash[kept++] = w->stash[i];
	}
	w->stash_cnt = kept;
	w->lost |= w->current && is_in(parts, w->current);
}

/* On the webhook's thread, out of poll_consumer() and kafka_leave(). */
static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *parts, void *ctx)
{
	struct webhook *w = ctx;
	rd_kafka_error_t *error;
	w->assigned = true;
	if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
		error = rd_kafka_incremental_assign(rk, parts);
		if (!error && w->paused)
			rd_kafka_pause_partitions(rk, parts);
	} else {
		drop_lost(w, parts);
		error = rd_kafka_incremental_unassign(rk, parts);
	}
	if (error)
		log_warn("sinks", "webhook %s: kafka: %s", w->name, rd_kafka_error_string(error));
	rd_kafka_error_destroy(error);
}

static void set_paused(struct webhook *w, bool paused)
{
	rd_kafka_topic_partition_list_t *all = NULL;
	w->paused = paused;
	if (rd_kafka_assignment(w->rk, &all) == RD_KAFKA_RESP_ERR_NO_ERROR && all) {
		if (paused)
			rd_kafka_pause_partitions(w->rk, all);
		else
			rd_kafka_resume_partitions(w->rk, all);
	}
	if (all)
		rd_kafka_topic_partition_list_destroy(all);
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

static void wait_for_retry(struct webhook *w, int64_t pause_ms, int64_t asked_ms)
{
	int64_t wait_ms = with_jitter(pause_ms), now_ns = mono_now().ns;
	if (asked_ms > wait_ms)
		wait_ms = asked_ms < RETRY_AFTER_MOST_MS ? asked_ms : RETRY_AFTER_MOST_MS;
	int64_t until_ns = now_ns + wait_ms * 1000000;
	while (now_ns < until_ns && !w->lost && !atomic_load(&w->stop) && !atomic_load(&w->disabled)) {
		int64_t left_ms = (until_ns - now_ns) / 1000000 + 1;
		poll_consumer(w, left_ms < POLL_MS ? (int)left_ms : POLL_MS);
		now_ns = mono_now().ns;
	}
}

static void say_failing(struct webhook *w, const struct http_answer *a)
{
	if (!w->failing)
		log_warn("sinks", "webhook %s: %s: %s; events wait in their topics and are tried again", w->name, w->origin, a->said.text);
	w->failing = true;
}

static void say_back(struct webhook *w)
{
	if (w->failing)
		log_info("sinks", "webhook %s is back", w->name);
	w->failing = false;
}

/* True: done with this event. */
static bool settle(struct webhook *w, const struct message *m, enum outcome o, const struct http_answer *a)
{
	switch (o) {
	case DELIVERED:
		say_back(w);
		atomic_fetch_add(&w->delivered, 1);
		return true;
	case REFUSED:
		say_back(w);
		log_warn("sinks", "webhook %s refused the event " SLICE_FMT ": %s; it is passed over", w->name, SLICE_ARG(m->id),
			 a->said.text);
		atomic_fetch_add(&w->refused, 1);
		return true;
	case GONE:
		log_error("sinks", "webhook %s answered 410 Gone: it is not called any more; its position stays, a restart tries again",
			  w->name);
		atomic_fetch_add(&w->refused, 1);
		atomic_store(&w->disabled, true);
		return false;
	case TRY_AGAIN:
		say_failing(w, a);
		atomic_fetch_add(&w->retried, 1);
		return false;
	case CUT_OFF:
		return false;
	}
	return false;
}

/* True: done with this event, its offset may be stored. False: stopped, or its partition went to another process. */
static bool deliver(struct webhook *w, const struct message *m)
{
	int64_t pause_ms = w->config.retry_first_ms;
	struct http_answer answer;
	enum outcome o;
	buf_reset(&w->body);
	message_structured(m, &w->body);
	while ((o = post(w, m, &answer)) == TRY_AGAIN) {
		(void)settle(w, m, o, &answer);
		if (!w->paused)
			set_paused(w, true);
		wait_for_retry(w, pause_ms, answer.retry_after_ms);
		if (w->lost || atomic_load(&w->stop) || atomic_load(&w->disabled))
			break;
		pause_ms = 2 * pause_ms < w->config.retry_most_ms ? 2 * pause_ms : w->config.retry_most_ms;
	}
	if (w->paused)
		set_paused(w, false);
	return o != TRY_AGAIN && settle(w, m, o, &answer);
}

/* The id goes into a header, and into the signed text, whose parts a dot divides. */
static bool id_is_plain(struct slice id)
{
	for (uint32_t i = 0; i < id.len; i++)
		if (id.p[i] <= ' ' || id.p[i] > '~' || id.p[i] == '.')
			return false;
	return id.len <= ID_BYTES_MAX;
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

static void handle(struct webhook *w, const rd_kafka_message_t *rkm)
{
	struct message m;
	bool done = true;
	w->current = rkm;
	w->lost = false;
	if (message_from_kafka(rkm, topic_of(w, rd_kafka_topic_name(rkm->rkt)), &m) != ERR_OK || !id_is_plain(m.id)) {
		log_warn("sinks", "webhook %s: %s:%d, offset %lld is no CloudEvent in binary mode with JSON data: passed over", w->name,
			 rd_kafka_topic_name(rkm->rkt), rkm->partition, (long long)rkm->offset);
		atomic_fetch_add(&w->skipped, 1);
	} else if (m.data.p)
		done = deliver(w, &m);
	if (done)
		pass(w, rkm);
	w->current = NULL;
}

static void *webhook_main(void *arg)
{
	struct webhook *w = arg;
	sigset_t pipe_only; /* a receiver that hangs up is an error of that request, nothing more */
	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe_only, NULL);
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
	/* commits what was delivered; if the group cannot be left in time, the offsets are those of the last commit */
	w->left = kafka_leave(w->rk, on_rebalance, w, LEAVE_MS, &w->stop_ns);
	return NULL;
}

/* ---- life ---- */

static const char *const topic_words[TOPIC_CNT] = {[TOPIC_ALERTS] = "alerts",
						   [TOPIC_TRANSITIONS] = "transitions",
						   [TOPIC_ADVISORIES] = "advisories",
						   [TOPIC_NUMBERS] = "numbers",
						   [TOPIC_DISPUTES] = "disputes"};

static bool is_word(const char *word)
{
	for (int t = 0; t < TOPIC_CNT; t++)
		if (topic_words[t] && strcmp(word, topic_words[t]) == 0)
			return true;
	return false;
}

static bool is_wanted(const struct webhook_config *c, enum event_topic t)
{
	if (c->topics.n == 0)
		return t == TOPIC_ALERTS || t == TOPIC_TRANSITIONS;
	for (uint32_t i = 0; i < c->topics.n; i++)
		if (topic_words[t] && strcmp(c->topics.v[i], topic_words[t]) == 0)
			return true;
	return false;
}

enum err webhook_check(const struct webhook_config *c, const char **key, struct err_text *why)
{
	struct buf bytes = {0};
	const char *problem = http_url_problem(c->url, c->allow_private);
	*key = "url";
	if (problem)
		return err_set(why, ERR_CONFIG, "%s", problem);
	*key = "topics";
	for (uint32_t i = 0; i < c->topics.n; i++)
		if (!is_word(c->topics.v[i]))
			return err_set(why, ERR_CONFIG, "%s is not one of alerts, transitions, advisories, numbers, disputes",
				       c->topics.v[i]);
	*key = "secret";
	if (c->preset != PRESET_STANDARD_WEBHOOKS)
		return ERR_OK;
	if (!c->secret || !c->secret[0])
		return err_set(why, ERR_CONFIG, "standard-webhooks signs with a secret: give secret or secret_file");
	enum err e = secret_bytes(c->secret, &bytes, why);
	secret_release(&bytes);
	return e;
}

static enum err consumer_open(struct webhook *w, const struct kafka_config *k, struct err_text *why)
{
	static const struct {
		const char *name, *value;
	} own[] = {
		{"auto.offset.reset", "earliest"},
		{"enable.partition.eof", "false"},
		{"queued.max.messages.kbytes", QUEUE_KBYTES},
	};
	rd_kafka_conf_t *conf;
	struct buf group = {0};
	char text[512];
	bool bad = false;
	buf_printf(&group, "%s.webhook.%s", k->group, w->name);
	enum err e = kafka_conf_consumer(k, (const char *)group.data, w->name, &conf, why);
	buf_release(&group);
	if (e)
		return e;
	for (size_t i = 0; i < sizeof own / sizeof own[0] && !bad; i++)
		bad = rd_kafka_conf_set(conf, own[i].name, own[i].value, text, sizeof text) != RD_KAFKA_CONF_OK;
	rd_kafka_conf_set_opaque(conf, w);
	rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
	if (bad || !(w->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text))) {
		rd_kafka_conf_destroy(conf);
		return err_set(why, ERR_CONFIG, "webhook %s: kafka: %s", w->name, text);
	}
	rd_kafka_poll_set_consumer(w->rk);
	return ERR_OK;
}

static enum err subscribe(struct webhook *w, struct err_text *why)
{
	rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(TOPIC_CNT);
	for (int t = 0; t < TOPIC_CNT; t++)
		if (w->wanted[t])
			rd_kafka_topic_partition_list_add(l, w->topic_name[t], RD_KAFKA_PARTITION_UA);
	rd_kafka_resp_err_t code = rd_kafka_subscribe(w->rk, l);
	rd_kafka_topic_partition_list_destroy(l);
	return code ? err_set(why, ERR_CONFIG, "webhook %s: cannot subscribe: %s", w->name, rd_kafka_err2str(code)) : ERR_OK;
}

static void webhook_free(struct webhook *w)
{
	if (w->rk) /* nothing calls back any more, for nobody polls */
		kafka_consumer_end(w->rk, w->left, w->assigned);
	http_close(w->http);
	secret_release(&w->key);
	buf_release(&w->body);
	buf_release(&w->signature);
	free(w->stash);
	free(w->name);
	free(w->origin);
	free(w);
}

enum err webhook_start(const struct webhook_config *c, const struct kafka_config *k, const struct sink_topics *topics, struct webhook **out,
		       struct err_text *why)
{
	const char *key;
	struct err_text detail;
	enum err e = webhook_check(c, &key, &detail);
	if (e)
		return err_set(why, e, "webhook %s: %s: %s", c->name, key, detail.text);
	struct webhook *w = mem_zalloc(sizeof *w);
	atomic_init(&w->stop_ns, INT64_MAX);
	w->config = *c;
	w->name = mem_strdup(c->name);
	w->origin = http_url_origin(c->url);
	for (int t = 0; t < TOPIC_CNT; t++) {
		w->topic_name[t] = topics->name[t];
		w->wanted[t] = is_wanted(c, (enum event_topic)t);
	}
	const struct http_config h = {.url = c->url, .allow_private = c->allow_private, .timeout_ms = c->timeout_ms};
	e = http_open(&h, &w->http, why);
	if (!e && c->preset == PRESET_STANDARD_WEBHOOKS)
		e = secret_bytes(c->secret, &w->key, why);
	if (!e)
		e = consumer_open(w, k, why);
	if (!e)
		e = subscribe(w, why);
	if (!e && strncmp(c->url, "http://", 7) == 0 && !c->allow_private)
		log_warn("sinks", "webhook %s: %s is not encrypted", w->name, w->origin);
	if (!e && pthread_create(&w->thread, NULL, webhook_main, w) != 0)
		e = err_set(why, ERR_IO, "webhook %s: cannot start its thread", w->name);
	if (e) {
		webhook_free(w);
		return e;
	}
	*out = w;
	return ERR_OK;
}

void webhook_stop_begin(struct webhook *w, int64_t drain_ms)
{
	int64_t end_ns = mono_now().ns + drain_ms * 1000000;
	int64_t leave_ms = drain_ms / 4 < LEAVE_SHARE_MOST_MS ? drain_ms / 4 : LEAVE_SHARE_MOST_MS;
	if (atomic_load(&w->stop))
		return;
	atomic_store(&w->stop_ns, end_ns);
	atomic_store(&w->stop, true);
	http_cut(w->http, end_ns - leave_ms * 1000000);
}

void webhook_stop(struct webhook *w, int64_t drain_ms)
{
	if (!w)
		return;
	webhook_stop_begin(w, drain_ms);
	pthread_join(w->thread, NULL);
	webhook_free(w);
}

void webhook_counts(const struct webhook *w, struct webhook_counts *out)
{
	*out = (struct webhook_counts){.delivered = atomic_load(&w->delivered),
				       .retried = atomic_load(&w->retried),
				       .refused = atomic_load(&w->refused),
				       .skipped = atomic_load(&w->skipped),
				       .disabled = atomic_load(&w->disabled)};
}
