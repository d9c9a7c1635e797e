/* SPDX-License-Identifier: Apache-2.0 */
/* The Kafka sink: at least once, each message until its topic has acknowledged it.
 *
 * DESIGN     Every message handed over becomes an `entry`: one allocation with its own copy of the bytes, in a list in order of sending.
 *            librdkafka borrows key and value from the entry (no RD_KAFKA_MSG_F_COPY: one copy, not two) and the delivery report brings the
 *            entry back. An entry is
 *                under way   librdkafka has it
 *                waiting     it was refused, or stands behind a refused one of its key; in the waiting list of its topic, in order of sending
 *            A topic that refused something is tried again after a backoff, the whole waiting list in order.
 *
 * GUARANTEES What is acknowledged is reported once. What is not is sent again for ever, over a fatal error of the producer too: the producer is
 *            made anew and everything not acknowledged goes out again in the old order. Receivers see repeats with the same id.
 *            Order per key holds through all that librdkafka repeats by itself (idempotent producer, and message.timeout.ms = 0, so nothing gives up
 *            while Kafka is away). It is broken only where the broker refuses one message outright and takes a later one of the same key
 *            that was already under way; `sequence` tells the order then.
 *            Memory: the entries. Their ceiling is the caller's (the ceiling of the outbox), and librdkafka's queue.buffering.max.*, beyond which sending
 *            says ERR_LIMIT.
 *
 * THREADS    All of it runs on the caller's thread; callbacks come out of sink_kafka_poll() and sink_kafka_close().
 *
 * ALTERNATIVES enable.gapless.guarantee keeps order per key over refusals too, but one message that the broker refuses for good (too large) then
 *            holds up every topic of the worker. Events have ids and a sequence, so the lesser evil is a message out of place. */
#include "sinks/binding.h"
#include "sinks/dead_letter.h"

#include "base/log.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

#define BACKOFF_FIRST_NS INT64_C(500000000)
#define BACKOFF_MOST_NS INT64_C(30000000000)
#define REOPEN_NS INT64_C(1000000000) /* after a fatal error, between attempts to make a producer */
#define HELD_SLOTS 4096               /* power of two */
#define CUT_LEAST_BYTES 1024          /* a dead letter is not cut below this */

struct entry {
	struct entry *prev, *next;           /* list of all, in order of sending */
	struct entry *wait_prev, *wait_next; /* waiting list of its topic */
	struct sink_kafka *sink;
	void *owner; /* NULL: forgotten */
	uint64_t number, order;
	enum event_topic topic;
	bool waiting, dead_letter;
	uint32_t slot;               /* of held[] */
	struct message m;            /* event: slices into bytes */
	struct slice key, value;     /* what is produced: slices into bytes */
	rd_kafka_headers_t *headers; /* dead letter: owned, a copy goes out each time */
	uint8_t bytes[];
};

struct topic_state {
	struct entry *first, *last; /* waiting */
	int64_t retry_ns;           /* not before */
	int64_t backoff_ns;         /* the next one */
	struct log_limit limit;
};

struct owner_count {
	const void *owner;
	uint64_t dead_letters;
};

struct sink_kafka {
	rd_kafka_t *rk;             /* NULL while it could not be made anew */
	struct kafka_config config; /* borrowed strings */
	char *suffix;               /* owned */
	char *name[TOPIC_CNT];      /* owned */
	sink_acked *acked;
	void *ctx;
	struct entry *first, *last;
	struct topic_state topic[TOPIC_CNT];
	uint32_t held[HELD_SLOTS];    /* waiting entries by hash of topic and key: does a new message have to stand behind one? */
	uint32_t refused[HELD_SLOTS]; /* the pass over waiting entries in which one was refused again: those behind it stay */
	uint32_t pass;
	uint64_t order, waiting_cnt;
	struct owner_count *owners;
	size_t owner_cnt, owner_cap;
	struct buf scratch;
	bool fatal; /* the producer is done for; poll makes a new one */
	int64_t reopen_ns;
	struct log_limit fatal_limit;
};

/* ---- owners: how many dead letters each still has open ---- */

static struct owner_count *owner_find(const struct sink_kafka *s, const void *owner)
{
	for (size_t i = 0; i < s->owner_cnt; i++)
		if (s->owners[i].owner == owner)
			return &s->owners[i];
	return NULL;
}

static void owner_add(struct sink_kafka *s, const void *owner)
{
	struct owner_count *o = owner_find(s, owner);
	if (!o) {
		if (s->owner_cnt == s->owner_cap) {
			s->owner_cap = s->owner_cap ? 2 * s->owner_cap : 16;
			s->owners = mem_realloc(s->owners, s->owner_cap * sizeof *s->owners);
		}
		o = &s->owners[s->owner_cnt++];
		*o = (struct owner_count){.owner = owner};
	}
	o->dead_letters++;
}

/* ---- entries ---- */

static struct entry *entry_new(struct sink_kafka *s, enum event_topic topic, size_t bytes, void *owner, uint64_t number)
{
	struct entry *e = mem_alloc(sizeof *e + bytes);
	*e = (struct entry){.sink = s, .owner = owner, .number = number, .order = ++s->order, .topic = topic, .prev = s->last};
	if (s->last)
		s->last->next = e;
	else
		s->first = e;
	s->last = e;
	return e;
}

static void entry_free(struct entry *e)
{
	struct sink_kafka *s = e->sink;
	assert(!e->waiting);
	*(e->prev ? &e->prev->next : &s->first) = e->next;
	*(e->next ? &e->next->prev : &s->last) = e->prev;
	if (e->headers)
		rd_kafka_headers_destroy(e->headers);
	free(e);
}

static uint32_t slot_of(enum event_topic topic, struct slice key)
{
	return (uint32_t)hash64(key.p, key.len, (uint64_t)topic) & (HELD_SLOTS - 1);
}

/* Into the waiting list of its topic, at its place in the order of sending (mostly the end). */
static void wait_add(struct entry *e)
{
	struct topic_state *t = &e->sink->topic[e->topic];
	struct entry *after = t->last;
	while (after && after->order > e->order)
		after = after->wait_prev;
	e->wait_prev = after;
	e->wait_next = after ? after->wait_next : t->first;
	*(e->wait_prev ? &e->wait_prev->wait_next : &t->first) = e;
	*(e->wait_next ? &e->wait_next->wait_prev : &t->last) = e;
	e->waiting = true;
	e->sink->held[e->slot]++;
	e->sink->waiting_cnt++;
}

static void wait_remove(struct entry *e)
{
	struct topic_state *t = &e->sink->topic[e->topic];
	*(e->wait_prev ? &e->wait_prev->wait_next : &t->first) = e->wait_next;
	*(e->wait_next ? &e->wait_next->wait_prev : &t->last) = e->wait_prev;
	e->wait_prev = e->wait_next = NULL;
	e->waiting = false;
	e->sink->held[e->slot]--;
	e->sink->waiting_cnt--;
}

/* ---- refusals ---- */

/* A dead letter that its topic finds too large is cut in half, and says so: the reason arrives, and the shard is not held up for ever. */
static bool cut(struct entry *e)
{
	if (!e->dead_letter || e->value.len <= CUT_LEAST_BYTES)
		return false;
	char t[24];
	const void *value;
	size_t size;
	if (rd_kafka_header_get_last(e->headers, "ringfence.error.whole_bytes", &value, &size)) {
		snprintf(t, sizeof t, "%u", e->value.len);
		rd_kafka_header_add(e->headers, "ringfence.error.whole_bytes", -1, t, -1);
	}
	e->value.len /= 2;
	return true;
}

static void refused(struct entry *e, rd_kafka_resp_err_t why)
{
	struct sink_kafka *s = e->sink;
	struct topic_state *t = &s->topic[e->topic];
	uint64_t held;
	if (log_limit_pass(&t->limit, 30, &held))
		log_warn("sinks", "topic %s refused %s: %s; tried again until it is taken%s (%llu more since the last such line)",
			 s->name[e->topic], e->dead_letter ? "a dead letter" : "an event", rd_kafka_err2str(why),
			 why != RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ? ""
			 : e->dead_letter ? ", cut in half each time (ringfence.error.whole_bytes says how long it was)"
					  : ": raise max.message.bytes of the topic and message.max.bytes under kafka.properties",
			 (unsigned long long)held);
	if (why == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE && cut(e))
		t->retry_ns = mono_now().ns;
	else if (!t->first || mono_now().ns >= t->retry_ns) {
		if (t->backoff_ns < BACKOFF_FIRST_NS)
			t->backoff_ns = BACKOFF_FIRST_NS;
		t->retry_ns = mono_now().ns + t->backoff_ns;
		t->backoff_ns = t->backoff_ns < BACKOFF_MOST_NS / 2 ? 2 * t->backoff_ns : BACKOFF_MOST_NS;
	}
	wait_add(e);
}

/* ---- producing ---- */

static rd_kafka_resp_err_t produce(struct entry *e)
{
	struct sink_kafka *s = e->sink;
	rd_kafka_headers_t *h = e->dead_letter ? rd_kafka_headers_copy(e->headers) : binding_headers(&e->m);
	/* librdkafka takes void *, and reads only */
	rd_kafka_vu_t v[] = {
		{.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = s->name[e->topic]},
		{.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {.ptr = (void *)(uintptr_t)e->key.p, .size = e->key.len}},
		{.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {.ptr = (void *)(uintptr_t)e->value.p, .size = e->value.len}},
		{.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = h},
		{.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = e},
	};
	rd_kafka_error_t *error = rd_kafka_produceva(s->rk, v, sizeof v / sizeof *v);
	if (!error)
		return RD_KAFKA_RESP_ERR_NO_ERROR;
	rd_kafka_resp_err_t code = rd_kafka_error_code(error);
	if (rd_kafka_error_is_fatal(error) || code == RD_KAFKA_RESP_ERR__FATAL)
		s->fatal = true;
	rd_kafka_error_destroy(error);
	rd_kafka_headers_destroy(h);
	return code;
}

/* A new entry goes out, or waits: behind an older one of its key, or for a producer. False: the queue is full, the entry is gone. */
static bool start(struct entry *e)
{
	struct sink_kafka *s = e->sink;
	e->slot = slot_of(e->topic, e->key);
	if (!s->rk || s->fatal || s->held[e->slot] > 0) {
		wait_add(e);
		return true;
	}
	rd_kafka_resp_err_t code = produce(e);
	if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
		entry_free(e);
		return false;
	}
	if (code && s->fatal)
		wait_add(e);
	else if (code)
		refused(e, code);
	return true;
}

static void delivered(rd_kafka_t *rk, const rd_kafka_message_t *rkm, void *opaque)
{
	struct entry *e = rkm->_private;
	struct sink_kafka *s = opaque;
	(void)rk;
	if (rkm->err && rd_kafka_fatal_error(s->rk, NULL, 0))
		s->fatal = true;
	if (!e->owner) {
		entry_free(e);
		return;
	}
	if (rkm->err) {
		if (s->fatal)
			wait_add(e);
		else
			refused(e, rkm->err);
		return;
	}
	void *owner = e->owner;
	uint64_t number = e->number;
	bool dead_letter = e->dead_letter;
	s->topic[e->topic].backoff_ns = BACKOFF_FIRST_NS;
	entry_free(e);
	if (dead_letter)
		owner_find(s, owner)->dead_letters--;
	else
		s->acked(s->ctx, owner, number);
}

/* What waits at a topic whose time has come, in order; what stands behind one that is refused again stays behind it. */
static void retry_topic(struct sink_kafka *s, struct topic_state *t, int64_t now_ns)
{
	if (!t->first || now_ns < t->retry_ns)
		return;
	struct entry *last = t->last;
	s->pass++;
	for (struct entry *e = t->first, *next; e && !s->fatal; e = next) {
		next = e == last ? NULL : e->wait_next;
		if (s->refused[e->slot] == s->pass)
			continue;
		wait_remove(e);
		rd_kafka_resp_err_t code = produce(e);
		if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL || s->fatal) {
			wait_add(e);
			return;
		}
		if (code) {
			s->refused[e->slot] = s->pass;
			refused(e, code);
		}
	}
}

/* ---- the producer ---- */

static bool has_property(const struct kafka_config *k, const char *a, const char *b)
{
	for (uint32_t i = 0; i < k->properties.n; i++)
		if (strcmp(k->properties.v[i].key, a) == 0 || strcmp(k->properties.v[i].key, b) == 0)
			return true;
	return false;
}

static enum err producer_open(struct sink_kafka *s, struct err_text *why)
{
	rd_kafka_conf_t *conf = NULL;
	char detail[512];
	enum err e = kafka_conf_producer(&s->config, s->suffix, &conf, why);
	if (e)
		return e;
	rd_kafka_conf_set_dr_msg_cb(conf, delivered);
	rd_kafka_conf_set_opaque(conf, s);
	char bytes[16];
	snprintf(bytes, sizeof bytes, "%d", SINK_MESSAGE_BYTES);
	if ((!has_property(&s->config, "message.max.bytes", "message.max.bytes") &&
	     rd_kafka_conf_set(conf, "message.max.bytes", bytes, detail, sizeof detail)) ||
	    rd_kafka_conf_set(conf, "partitioner", "murmur2_random", detail, sizeof detail) ||
	    rd_kafka_conf_set(conf, "enable.idempotence", "true", detail, sizeof detail) ||
	    (!has_property(&s->config, "message.timeout.ms", "delivery.timeout.ms") &&
	     rd_kafka_conf_set(conf, "message.timeout.ms", "0", detail, sizeof detail))) {
		rd_kafka_conf_destroy(conf);
		return err_set(why, ERR_CONFIG, "the producer of the event topics: %s", detail);
	}
	s->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, detail, sizeof detail);
	if (!s->rk) {
		rd_kafka_conf_destroy(conf);
		return err_set(why, ERR_CONFIG, "the producer of the event topics: %s; look under kafka.properties", detail);
	}
	return ERR_OK;
}

/* After a fatal error: nothing is with librdkafka any more; everything waits and goes out again in the old order. */
static void producer_reopen(struct sink_kafka *s)
{
	struct err_text why;
	uint64_t held;
	if (s->rk) {
		char text[256];
		rd_kafka_resp_err_t code = rd_kafka_fatal_error(s->rk, text, sizeof text);
		if (log_limit_pass(&s->fatal_limit, 10, &held))
			log_warn("sinks", "the producer failed for good (%s: %s): made anew, what is not acknowledged is sent again",
				 rd_kafka_err2name(code), text);
		rd_kafka_destroy(s->rk); /* no delivery report comes out of this: reports are served by poll alone */
		s->rk = NULL;
		for (struct entry *e = s->first, *next; e; e = next) {
			next = e->next;
			if (e->waiting)
				continue;
			if (e->owner)
				wait_add(e);
			else
				entry_free(e);
		}
	}
	if (mono_now().ns < s->reopen_ns)
		return;
	s->reopen_ns = mono_now().ns + REOPEN_NS;
	if (producer_open(s, &why)) {
		if (log_limit_pass(&s->fatal_limit, 10, &held))
			log_error("sinks", "%s", why.text);
		return;
	}
	s->fatal = false;
	for (int t = 0; t < TOPIC_CNT; t++)
		s->topic[t].retry_ns = 0;
}

/* ---- the front door ---- */

enum err sink_kafka_open(const struct kafka_config *k, const struct sink_topics *topics, const char *suffix, sink_acked *acked, void *ctx,
			 struct sink_kafka **out, struct err_text *why)
{
	struct sink_kafka *s = mem_zalloc(sizeof *s);
	s->config = *k;
	s->suffix = mem_strdup(suffix);
	s->acked = acked;
	s->ctx = ctx;
	for (int t = 0; t < TOPIC_CNT; t++)
		s->name[t] = mem_strdup(topics->name[t]);
	enum err e = producer_open(s, why);
	if (e) {
		sink_kafka_close(s, 0);
		return e;
	}
	*out = s;
	return ERR_OK;
}

void sink_kafka_close(struct sink_kafka *s, int64_t drain_ms)
{
	if (!s)
		return;
	int64_t end_ns = mono_now().ns + drain_ms * 1000000;
	while (s->first && mono_now().ns < end_ns)
		sink_kafka_poll(s, 20);
	if (s->rk) {
		sink_kafka_poll(s, 0);
		rd_kafka_destroy(s->rk);
	}
	while (s->first) {
		if (s->first->waiting)
			wait_remove(s->first);
		entry_free(s->first);
	}
	for (int t = 0; t < TOPIC_CNT; t++)
		free(s->name[t]);
	free(s->suffix);
	free(s->owners);
	buf_release(&s->scratch);
	free(s);
}

enum err sink_kafka_send(struct sink_kafka *s, const struct message *m, void *owner, uint64_t number, struct err_text *why)
{
	buf_reset(&s->scratch);
	message_encode(m, &s->scratch);
	struct entry *e = entry_new(s, m->topic, s->scratch.len, owner, number);
	memcpy(e->bytes, s->scratch.data, s->scratch.len);
	enum err bad = message_decode(slice_make(e->bytes, s->scratch.len), &e->m);
	assert(!bad && owner);
	(void)bad;
	e->key = e->m.key;
	e->value = e->m.data;
	if (!start(e))
		return err_set(why, ERR_LIMIT, "the queue of the producer is full");
	return ERR_OK;
}

static struct slice take(uint8_t **at, struct slice s)
{
	if (!s.p)
		return SLICE_NONE;
	if (s.len)
		memcpy(*at, s.p, s.len);
	struct slice copy = slice_make(*at, s.len);
	*at += s.len;
	return copy;
}

enum err sink_kafka_dead_letter(struct sink_kafka *s, const struct dead_letter *d, const char *group, void *owner, struct err_text *why)
{
	struct entry *e = entry_new(s, TOPIC_DEAD_LETTERS, (size_t)d->key.len + d->value.len + 1, owner, 0);
	uint8_t *at = e->bytes;
	assert(owner);
	e->key = take(&at, d->key);
	e->value = take(&at, d->value);
	e->dead_letter = true;
	e->headers = dead_letter_headers(d, group);
	if (!start(e))
		return err_set(why, ERR_LIMIT, "the queue of the producer is full");
	owner_add(s, owner);
	return ERR_OK;
}

/* How long poll may sleep: not past the next moment something waits for. */
static int sleep_ms(const struct sink_kafka *s, int wait_ms, int64_t now_ns)
{
	for (int t = 0; t < TOPIC_CNT && s->waiting_cnt > 0; t++) {
		if (!s->topic[t].first)
			continue;
		int64_t ms = (s->topic[t].retry_ns - now_ns) / 1000000 + 1;
		if (ms < wait_ms)
			wait_ms = ms < 1 ? 1 : (int)ms;
	}
	return wait_ms;
}

void sink_kafka_poll(struct sink_kafka *s, int wait_ms)
{
	if (s->fatal)
		producer_reopen(s);
	if (!s->rk) {
		struct timespec ts = {.tv_nsec = (wait_ms < 50 ? wait_ms : 50) * 1000000L};
		if (wait_ms > 0)
			nanosleep(&ts, NULL);
		return;
	}
	int64_t now_ns = mono_now().ns;
	for (int t = 0; t < TOPIC_CNT && s->waiting_cnt > 0; t++)
		retry_topic(s, &s->topic[t], now_ns);
	rd_kafka_poll(s->rk, sleep_ms(s, wait_ms, now_ns));
	/* a fatal error with nothing under way has no delivery report to tell */
	if (!s->fatal && rd_kafka_fatal_error(s->rk, NULL, 0))
		s->fatal = true;
}

uint64_t sink_kafka_dead_letters_open(const struct sink_kafka *s, const void *owner)
{
	const struct owner_count *o = owner_find(s, owner);
	return o ? o->dead_letters : 0;
}

void sink_kafka_forget(struct sink_kafka *s, void *owner)
{
	for (struct entry *e = s->first, *next; e; e = next) {
		next = e->next;
		if (e->owner != owner)
			continue;
		e->owner = NULL;
		if (e->waiting) {
			wait_remove(e);
			entry_free(e);
		}
	}
	struct owner_count *o = owner_find(s, owner);
	if (o)
		*o = s->owners[--s->owner_cnt];
}
