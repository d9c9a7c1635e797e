/* SPDX-License-Identifier: Apache-2.0 */
/* Sinks: events out. Plain events become CloudEvents, wait in the outbox, go to Kafka topics; webhooks read those topics in consumer
 * groups of their own, so that no receiver can hold up a shard (DESIGN sections 3 and 10). */
#ifndef RINGFENCE_SINKS_SINKS_H
#define RINGFENCE_SINKS_SINKS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/config.h"
#include "base/err.h"
#include "base/kafka.h"
#include "schemas/cdr.h"
#include "schemas/event.h"

#define SINK_MESSAGE_BYTES \
	(16                \
	 << 20) /* the largest message that the sink produces unless kafka.properties says else; what its dead-letter topic is made for */

/* ---- an event as a message ---- */

/* A CloudEvent ready to go: what the outbox keeps and what is produced. */
struct message {
	enum event_topic topic;
	struct slice key;    /* the subject */
	struct slice id;     /* 32 hex digits */
	struct slice type;   /* "dev.ringfence.transition.v1" */
	struct slice source; /* "urn:ringfence:<deployment>" */
	struct slice subject;
	struct slice time;     /* RFC 3339 */
	struct slice sequence; /* decimal */
	struct slice data;     /* JSON object; p == NULL: a tombstone */
};

#define EVENT_ID_BYTES 33 /* 32 hex digits and a NUL */

/* From kind, subject, fingerprint, step, episode, cause and ordinal (DESIGN section 3, invariant 3): no dot, no blank, ASCII. */
char *event_id(const struct event *e, char out[EVENT_ID_BYTES]);

/* Builds the message in `a`; `deployment` names the source. */
void message_build(const struct event *e, const char *deployment, struct arena *a, struct message *out);

/* "flags": [...], as it stands in the `number` event and in `state dump`. */
struct json;
void event_flags_write(struct json *j, const struct event_flag *flags, uint32_t n);

/* The outbox entry: versioned bytes. Decoding borrows from `bytes`. */
void message_encode(const struct message *m, struct buf *out);
enum err message_decode(struct slice bytes, struct message *out) MUST_CHECK;

/* One structured CloudEvent, minified, without a newline: a line of `replay --out`, the body of a webhook. A tombstone has "data":null. */
void message_structured(const struct message *m, struct buf *out);

/* A message of one of our topics, read back from its ce_ headers and value; borrows from `rkm`. ERR_INPUT: it is not a CloudEvent in binary mode
 * with JSON data. */
enum err message_from_kafka(const rd_kafka_message_t *rkm, enum event_topic topic, struct message *out) MUST_CHECK;

/* ---- dead letters ---- */

struct dead_letter {
	enum reason reason;
	struct slice detail; /* what exactly; may be empty */
	struct slice topic;  /* where it came from: topic or file */
	int32_t partition;
	int64_t offset;
	struct slice key, value;           /* original bytes */
	const rd_kafka_headers_t *headers; /* original headers, borrowed; NULL if none */
	const char *stage;                 /* "DECODE", "VALIDATE" */
};

/* One JSON line for `dead-letters.jsonl`: a structured CloudEvent of type dev.ringfence.dead-letter.v1, the bytes as data.value (or value_base64 if
 * not UTF-8). */
void dead_letter_line(const struct dead_letter *d, const char *deployment, struct buf *out);

/* ---- Kafka sink: one per worker, used by that worker's thread alone ---- */

struct sink_topics {
	const char *name[TOPIC_CNT];
};

struct sink_kafka;

/* Called from sink_kafka_poll for each message that its topic has acknowledged. `owner` and `number` are as sent. */
typedef void sink_acked(void *ctx, void *owner, uint64_t number);

enum err sink_kafka_open(const struct kafka_config *k, const struct sink_topics *topics, const char *suffix, sink_acked *acked, void *ctx,
			 struct sink_kafka **out, struct err_text *why) MUST_CHECK;
/* Waits up to `drain_ms` for what is under way. */
void sink_kafka_close(struct sink_kafka *s, int64_t drain_ms);

/* Hands a message to the producer (binary mode: ce_ headers, JSON data). ERR_LIMIT: its queue is full, poll and try again. A message that the broker
 * refused is sent again by poll after a backoff until it is acknowledged or its owner forgotten: order per key is kept. */
enum err sink_kafka_send(struct sink_kafka *s, const struct message *m, void *owner, uint64_t number, struct err_text *why) MUST_CHECK;
enum err sink_kafka_dead_letter(struct sink_kafka *s, const struct dead_letter *d, const char *group, void *owner,
				struct err_text *why) MUST_CHECK;
/* Serves acknowledgements, waiting at most `wait_ms` for the first. */
void sink_kafka_poll(struct sink_kafka *s, int wait_ms);
/* Dead letters of this owner that are not yet acknowledged. */
uint64_t sink_kafka_dead_letters_open(const struct sink_kafka *s, const void *owner);
/* The owner is gone: its acknowledgements are no longer reported. */
void sink_kafka_forget(struct sink_kafka *s, void *owner);

/* ---- relay: copies and facts for other shards; one per worker, used by that worker's thread alone ---- */

struct sink_relay;
#define RELAY_COPIES UINT64_MAX          /* in place of an outbox number: copies, awaited before the commit */
#define RELAY_MESSAGE_BYTES (512u << 10) /* a sender packs up to about this */

enum err sink_relay_open(const struct kafka_config *k, const char *topic, const char *suffix, sink_acked *acked, void *ctx,
			 struct sink_relay **out, struct err_text *why) MUST_CHECK;
void sink_relay_close(struct sink_relay *s);
/* One packed message to one partition; copied. ERR_LIMIT: its queue is full, poll and try again. ERR_AWAY: this owner's cycle has to begin anew. */
enum err sink_relay_send(struct sink_relay *s, int32_t partition, struct slice bytes, void *owner, uint64_t number,
			 struct err_text *why) MUST_CHECK;
/* Until all copies of this owner are acknowledged. ERR_AWAY: they were not; the cycle has to begin anew. */
enum err sink_relay_await(struct sink_relay *s, void *owner, int64_t wait_ms, struct err_text *why) MUST_CHECK;
void sink_relay_poll(struct sink_relay *s, int wait_ms);
void sink_relay_forget(struct sink_relay *s, void *owner);

/* ---- file sink: replay and the demo ---- */

struct sink_file; /* the six .jsonl files of DESIGN section 11 in one folder */
enum err sink_file_open(const char *folder, struct sink_file **out,
			struct err_text *why) MUST_CHECK; /* makes the folder, empties the files */
enum err sink_file_write(struct sink_file *s, const struct message *m) MUST_CHECK;
enum err sink_file_dead_letter(struct sink_file *s, const struct dead_letter *d, const char *deployment) MUST_CHECK;
enum err sink_file_close(struct sink_file *s, struct err_text *why) MUST_CHECK;

/* ---- webhooks ---- */

enum sink_kind { SINK_KAFKA, SINK_WEBHOOK };
enum webhook_preset { PRESET_STANDARD_WEBHOOKS, PRESET_CLOUDEVENTS };

struct webhook_config {
	const char *name;
	int kind;   /* enum sink_kind; rows of kind kafka change nothing yet */
	int preset; /* enum webhook_preset */
	const char *url;
	const char *secret;           /* whsec_ + base64, or plain bytes */
	bool allow_private;           /* loopback, private and link-local addresses */
	int64_t timeout_ms;           /* one request */
	int64_t retry_first_ms;       /* 1 s, then doubling with jitter ... */
	int64_t retry_most_ms;        /* ... up to 5 min */
	struct config_strings topics; /* which of alerts, transitions, advisories, numbers, disputes; empty = alerts and transitions */
};

struct webhook; /* a thread with a consumer of its own, group "<group>.webhook.<name>"; borrows the names of the topics until it has stopped */

/* What can be told without connecting. ERR_CONFIG: *key is the one to blame ("url"), `why` says what is wrong with it. */
enum err webhook_check(const struct webhook_config *c, const char **key, struct err_text *why) MUST_CHECK;
enum err webhook_start(const struct webhook_config *c, const struct kafka_config *k, const struct sink_topics *topics, struct webhook **out,
		       struct err_text *why) MUST_CHECK;
/* Asks it to end within `drain_ms`, and returns at once: many end side by side. The first call counts. */
void webhook_stop_begin(struct webhook *w, int64_t drain_ms);
/* The same, and waits: lets the request under way end, commits, leaves the group; all within `drain_ms`, then gives up what is left of it. */
void webhook_stop(struct webhook *w, int64_t drain_ms);

struct webhook_counts {
	uint64_t delivered; /* events */
	uint64_t retried;   /* attempts that are made again */
	uint64_t refused;   /* events passed over for the receiver's answer; 410 counts too */
	uint64_t skipped;   /* messages that are no CloudEvents */
	bool disabled;      /* 410, or Kafka has thrown the group member out for good: it has ended by itself */
};
void webhook_counts(const struct webhook *w, struct webhook_counts *out);

/* Standard Webhooks: "v1," + base64(HMAC-SHA256(secret, id.timestamp.body)). `secret` as configured. ERR_CONFIG if whsec_ holds no base64. */
enum err webhook_sign(const char *secret, struct slice id, int64_t timestamp_s, struct slice body, struct buf *out,
		      struct err_text *why) MUST_CHECK;

#endif
