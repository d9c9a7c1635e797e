/* SPDX-License-Identifier: Apache-2.0 */
/* Each partition has its own queue, cut loose from the consumer's: a shard that is paused is simply not read, and librdkafka's bounds on
 * fetched bytes hold it back. What arrives between the assignment and the cut comes through the consumer's queue and is stashed in order. */
#include "ingest/source_kafka.h"

#include "base/arena.h"
#include "base/log.h"

#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define ROUND_TRIP_MS 10000
#define LEAVE_MS 10000

struct feed {
	rd_kafka_queue_t *queue;
	rd_kafka_message_t **stash; /* came before the queue was cut loose */
	size_t stash_cnt, stash_cap;
	bool at_end;
	int64_t proof,
		proof_ms; /* offset and timestamp of the record before the first: fetched to see that it is the one; TIME_NONE: seen, or not to be */
};

struct part {
	int32_t partition;
	bool mine, started, accept_gap;
	struct feed feeds[SOURCE_TOPICS];
};

struct source {
	rd_kafka_t *rk;
	rd_kafka_t
		*asker; /* for questions about offsets: on the consumer's connection they would wait behind a fetch that waits for data */
	const char *topics[SOURCE_TOPICS];
	struct source_hooks hooks;
	struct part *parts;
	size_t part_cnt;
	int wake;      /* eventfd: a queue became non-empty */
	bool assigned; /* the group has answered once */
	bool down;     /* no broker is connected, as the consumer last said */
	enum err fatal;
	struct err_text why;
};

static struct part *part_of(const struct source *s, int32_t partition)
{
	for (size_t i = 0; i < s->part_cnt; i++)
		if (s->parts[i].partition == partition)
			return &s->parts[i];
	return NULL;
}

static struct part *part_add(struct source *s, int32_t partition)
{
	struct part *p = part_of(s, partition);
	if (p)
		return p;
	s->parts = mem_realloc(s->parts, (s->part_cnt + 1) * sizeof *s->parts);
	p = &s->parts[s->part_cnt++];
	*p = (struct part){.partition = partition};
	return p;
}

static rd_kafka_topic_partition_list_t *all_topics(const struct source *s, int32_t partition, const int64_t *offsets)
{
	rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(SOURCE_TOPICS);
	for (int t = 0; t < SOURCE_TOPICS; t++)
		rd_kafka_topic_partition_list_add(l, s->topics[t], partition)->offset = offsets ? offsets[t] : RD_KAFKA_OFFSET_INVALID;
	return l;
}

static void drop_error(rd_kafka_error_t *error, const char *what, int32_t partition)
{
	if (!error)
		return;
	log_warn("ingest", "%s partition %d: %s", what, partition, rd_kafka_error_string(error));
	rd_kafka_error_destroy(error);
}

static void feed_clear(struct feed *f)
{
	for (size_t i = 0; i < f->stash_cnt; i++)
		rd_kafka_message_destroy(f->stash[i]);
	free(f->stash);
	if (f->queue)
		rd_kafka_queue_destroy(f->queue);
	*f = (struct feed){.proof = TIME_NONE};
}

void source_stop(struct source *s, int32_t partition)
{
	struct part *p = part_of(s, partition);
	if (!p || !p->started)
		return;
	p->started = false;
	for (int t = 0; t < SOURCE_TOPICS; t++)
		feed_clear(&p->feeds[t]);
	rd_kafka_topic_partition_list_t *l = all_topics(s, partition, NULL);
	drop_error(rd_kafka_incremental_unassign(s->rk, l), "unassign", partition);
	rd_kafka_topic_partition_list_destroy(l);
}

/* Adds the partitions of every topic to `l` if they are assigned, and forgets their queues. */
static void let_go(struct source *s, struct part *p, rd_kafka_topic_partition_list_t *l)
{
	for (int t = 0; t < SOURCE_TOPICS; t++) {
		feed_clear(&p->feeds[t]);
		if (p->started)
			rd_kafka_topic_partition_list_add(l, s->topics[t], p->partition);
	}
	p->started = false;
}

/* Cooperative: `list` is what is added or taken away. Nothing is assigned here but the empty list, which answers the group. What is taken away is given up
 * in one call: after the first one the group may be through with this consumer, and a second call would wait for an answer for ever. */
static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list, void *opaque)
{
	struct source *s = opaque;
	s->assigned = true;
	bool lost = rd_kafka_assignment_lost(rk);
	rd_kafka_topic_partition_list_t *gone = rd_kafka_topic_partition_list_new(list->cnt + 1);
	for (int i = 0; i < list->cnt; i++) {
		int32_t partition = list->elems[i].partition;
		struct part *p = part_add(s, partition);
		if (err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
			p->mine = true;
			s->hooks.given(s->hooks.ctx, partition);
		} else if (p->mine) {
			p->mine = false;
			s->hooks.taken(s->hooks.ctx, partition, lost);
			let_go(s, part_of(s, partition), gone);
		}
	}
	if (err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
		drop_error(rd_kafka_incremental_assign(rk, gone), "assign", -1);
	else
		drop_error(rd_kafka_incremental_unassign(rk, gone), "unassign", -1);
	rd_kafka_topic_partition_list_destroy(gone);
}

/* On the thread that polls. */
static void on_error(rd_kafka_t *rk, int err, const char *reason, void *opaque)
{
	struct source *s = opaque;
	(void)rk;
	if (err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
		s->down = true;
	else if (err != RD_KAFKA_RESP_ERR__FATAL)
		log_debug("ingest", "kafka: %s", reason);
}

bool source_down(struct source *s)
{
	bool down = s->down;
	s->down = false;
	return down;
}

static enum err asker_open(const struct kafka_config *k, const char *suffix, rd_kafka_t **out, struct err_text *why)
{
	rd_kafka_conf_t *conf;
	char name[64], text[512];
	snprintf(name, sizeof name, "%s-ask", suffix);
	enum err e = kafka_conf_producer(k, name, &conf, why);
	if (e)
		return e;
	*out = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
	if (*out)
		return ERR_OK;
	rd_kafka_conf_destroy(conf);
	return err_set(why, ERR_CONFIG, "kafka: %s", text);
}

enum err source_open(const struct kafka_config *k, const char *const topics[SOURCE_TOPICS], const char *suffix,
		     const struct source_hooks *hooks, struct source **out, struct err_text *why)
{
	rd_kafka_conf_t *conf;
	char text[512];
	enum err e = kafka_conf_consumer(k, k->group, suffix, &conf, why);
	if (e)
		return e;
	struct source *s = mem_zalloc(sizeof *s);
	*s = (struct source){.hooks = *hooks, .wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
	memcpy(s->topics, topics, sizeof s->topics);
	rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
	rd_kafka_conf_set_error_cb(conf, on_error);
	rd_kafka_conf_set_opaque(conf, s);
	s->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
	if (!s->rk) {
		rd_kafka_conf_destroy(conf);
		source_close(s);
		return err_set(why, ERR_CONFIG, "kafka: %s", text);
	}
	e = asker_open(k, suffix, &s->asker, why);
	if (e) {
		source_close(s);
		return e;
	}
	rd_kafka_poll_set_consumer(s->rk);
	uint64_t one = 1;
	rd_kafka_queue_t *q = rd_kafka_queue_get_consumer(s->rk);
	rd_kafka_queue_io_event_enable(q, s->wake, &one, sizeof one);
	rd_kafka_queue_destroy(q);
	rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(l, topics[SOURCE_CDR], RD_KAFKA_PARTITION_UA);
	rd_kafka_resp_err_t err = rd_kafka_subscribe(s->rk, l);
	rd_kafka_topic_partition_list_destroy(l);
	*out = s;
	if (!err)
		return ERR_OK;
	source_close(s);
	return err_set(why, ERR_CONFIG, "cannot subscribe to %s: %s", topics[SOURCE_CDR], rd_kafka_err2str(err));
}

void source_close(struct source *s)
{
	if (!s)
		return;
	if (s->rk) {
		for (size_t i = 0; i < s->part_cnt; i++)
			for (int t = 0; t < SOURCE_TOPICS; t++)
				feed_clear(&s->parts[i].feeds[t]);
		rd_kafka_queue_t *q = rd_kafka_queue_get_consumer(s->rk);
		rd_kafka_queue_io_event_enable(q, -1, NULL, 0); /* the client may outlive `wake` */
		rd_kafka_queue_destroy(q);
		bool left = kafka_leave(s->rk, on_rebalance, s, LEAVE_MS, NULL);
		if (!left)
			log_warn("ingest", "the group was not left within %d s: it waits for the end of this member's session",
				 LEAVE_MS / 1000);
		kafka_consumer_end(s->rk, left, s->assigned);
	}
	if (s->asker)
		rd_kafka_destroy(s->asker);
	close(s->wake);
	free(s->parts);
	free(s);
}

/* A message of the consumer's own queue: an error, or one that came before the cut. */
static void stray(struct source *s, rd_kafka_message_t *m)
{
	if (m->err && m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
		if (rd_kafka_fatal_error(s->rk, s->why.text, sizeof s->why.text))
			s->fatal = ERR_AWAY;
		else
			log_warn("ingest", "kafka: %s", rd_kafka_message_errstr(m));
		rd_kafka_message_destroy(m);
		return;
	}
	struct part *p = part_of(s, m->partition);
	int t = 0;
	while (t < SOURCE_TOPICS - 1 && strcmp(rd_kafka_topic_name(m->rkt), s->topics[t]) != 0)
		t++;
	if (!p || !p->started) {
		rd_kafka_message_destroy(m);
		return;
	}
	struct feed *f = &p->feeds[t];
	if (f->stash_cnt == f->stash_cap) {
		f->stash_cap = f->stash_cap ? 2 * f->stash_cap : 64;
		f->stash = mem_realloc(f->stash, f->stash_cap * sizeof(rd_kafka_message_t *));
	}
	f->stash[f->stash_cnt++] = m;
}

enum err source_poll(struct source *s, int wait_ms, struct err_text *why)
{
	if (wait_ms > 0) {
		struct pollfd fd = {.fd = s->wake, .events = POLLIN};
		poll(&fd, 1, wait_ms);
	}
	uint64_t drained;
	ssize_t unused = read(s->wake, &drained, sizeof drained);
	(void)unused;
	rd_kafka_message_t *m;
	while ((m = rd_kafka_consumer_poll(s->rk, 0)))
		stray(s, m);
	if (s->fatal)
		return err_set(why, s->fatal, "kafka: %s", s->why.text);
	return ERR_OK;
}

/* ---- starting at an offset ---- */

static int64_t nearest(int64_t offset, int64_t low, int64_t high)
{
	return offset < low ? low : offset > high ? high : offset;
}

static enum err gap(const struct source *s, int t, int32_t partition, int64_t offset, int64_t low, int64_t high, struct err_text *why)
{
	return err_set(why, ERR_GAP,
		       "%s:%d: the stored position is offset %lld, but the topic holds %lld to %lld: %s. To go on at offset %lld and "
		       "accept the gap, start "
		       "once with --accept-gap",
		       s->topics[t], partition, (long long)offset, (long long)low, (long long)high,
		       offset < low ? "retention removed records that were never read" : "the topic was made anew, or lost records",
		       (long long)nearest(offset, low, high));
}

static enum err check_range(struct source *s, int t, int32_t partition, int64_t *offset, bool accept_gap, struct err_text *why)
{
	int64_t low, high;
	rd_kafka_resp_err_t err = rd_kafka_query_watermark_offsets(s->asker, s->topics[t], partition, &low, &high, ROUND_TRIP_MS);
	if (err)
		return err_set(why, ERR_AWAY, "kafka: offsets of %s:%d: %s", s->topics[t], partition, rd_kafka_err2str(err));
	if (*offset == RD_KAFKA_OFFSET_BEGINNING)
		*offset = low;
	if (*offset == RD_KAFKA_OFFSET_END)
		*offset = high;
	if (*offset >= low && *offset <= high)
		return ERR_OK;
	if (!accept_gap)
		return gap(s, t, partition, *offset, low, high, why);
	log_warn("ingest", "%s:%d: going on at offset %lld in place of %lld: the gap was accepted", s->topics[t], partition,
		 (long long)nearest(*offset, low, high), (long long)*offset);
	*offset = nearest(*offset, low, high);
	return ERR_OK;
}

enum err source_start(struct source *s, int32_t partition, int64_t offsets[SOURCE_TOPICS], int64_t before_ms, bool accept_gap,
		      struct err_text *why)
{
	struct part *p = part_of(s, partition);
	int64_t from[SOURCE_TOPICS], stored = offsets[SOURCE_CDR];
	if (!p || !p->mine)
		return err_set(why, ERR_FENCED, "partition %d is not assigned any more", partition);
	source_stop(s, partition);
	for (int t = 0; t < SOURCE_TOPICS; t++) {
		enum err e = check_range(s, t, partition, &offsets[t], accept_gap, why);
		if (e)
			return e;
		from[t] = offsets[t];
	}
	bool prove = before_ms != TIME_NONE && stored > 0 && offsets[SOURCE_CDR] == stored;
	from[SOURCE_CDR] -= prove; /* retention may have taken it: then the first that comes is the one at the position */
	rd_kafka_topic_partition_list_t *l = all_topics(s, partition, from);
	rd_kafka_error_t *error = rd_kafka_incremental_assign(s->rk, l);
	rd_kafka_topic_partition_list_destroy(l);
	if (error) {
		err_set(why, ERR_AWAY, "kafka: cannot assign partition %d: %s", partition, rd_kafka_error_string(error));
		rd_kafka_error_destroy(error);
		return ERR_AWAY;
	}
	uint64_t one = 1;
	p->started = true;
	for (int t = 0; t < SOURCE_TOPICS; t++) {
		p->feeds[t].queue = rd_kafka_queue_get_partition(s->rk, s->topics[t], partition);
		rd_kafka_queue_forward(p->feeds[t].queue, NULL);
		rd_kafka_queue_io_event_enable(p->feeds[t].queue, s->wake, &one, sizeof one);
	}
	p->accept_gap = accept_gap;
	p->feeds[SOURCE_CDR].proof = prove ? stored - 1 : TIME_NONE;
	p->feeds[SOURCE_CDR].proof_ms = before_ms;
	return ERR_OK;
}

/* ---- reading ---- */

/* Retention overtook the reader, or the topic was made anew under it. */
static enum err overtaken(struct source *s, int t, const rd_kafka_message_t *m, struct err_text *why)
{
	int64_t low = -1, high = -1;
	rd_kafka_resp_err_t err = rd_kafka_query_watermark_offsets(s->asker, s->topics[t], m->partition, &low, &high, ROUND_TRIP_MS);
	if (err)
		return err_set(why, ERR_AWAY, "kafka: offsets of %s:%d: %s", s->topics[t], m->partition, rd_kafka_err2str(err));
	return gap(s, t, m->partition, m->offset, low, high, why);
}

/* Errors come as messages: the end of a partition, a gap, or something that passes. Keeps only records; returns how many. */
static size_t keep_records(struct source *s, int t, struct feed *f, rd_kafka_message_t **m, size_t n, enum err *e, struct err_text *why)
{
	size_t kept = 0;
	for (size_t i = 0; i < n; i++) {
		if (!m[i]->err) {
			f->at_end = false;
			m[kept++] = m[i];
			continue;
		}
		if (m[i]->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
			f->at_end = true;
		else if (m[i]->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || m[i]->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE)
			*e = overtaken(s, t, m[i], why);
		else
			log_warn("ingest", "kafka: %s", rd_kafka_message_errstr(m[i]));
		rd_kafka_message_destroy(m[i]);
	}
	return kept;
}

/* The record before the stored position is the one that was counted, or the topic was made anew and has grown beyond it since. */
static enum err check_proof(const struct source *s, const struct part *p, const rd_kafka_message_t *m, int64_t want_ms,
			    struct err_text *why)
{
	const char *topic = s->topics[SOURCE_CDR];
	int64_t ms = rd_kafka_message_timestamp(m, NULL);
	char is[TIME_TEXT_BYTES], was[TIME_TEXT_BYTES];
	if (ms == want_ms)
		return ERR_OK;
	time_format(ms < 0 ? 0 : ms, is);
	time_format(want_ms, was);
	if (p->accept_gap) {
		log_warn("ingest", "%s:%d: the record at offset %lld is of %s, the one counted there was of %s: accepted", topic,
			 p->partition, (long long)m->offset, is, was);
		return ERR_OK;
	}
	return err_set(
		why, ERR_GAP,
		"%s:%d: the record at offset %lld is of %s, but the one that was counted there was of %s: the topic was made anew. To "
		"count all that it holds now, set "
		"the position back (ringfence state positions --set %s:%d=0); to go on at offset %lld, start once with --accept-gap",
		topic, p->partition, (long long)m->offset, is, was, topic, p->partition, (long long)m->offset + 1);
}

/* Takes the proof from the front of what was fetched. */
static enum err take_proof(const struct source *s, struct part *p, rd_kafka_message_t **m, size_t *n, struct err_text *why)
{
	struct feed *f = &p->feeds[SOURCE_CDR];
	enum err e = ERR_OK;
	if (f->proof == TIME_NONE || *n == 0)
		return ERR_OK;
	if (m[0]->offset == f->proof) {
		e = check_proof(s, p, m[0], f->proof_ms, why);
		rd_kafka_message_destroy(m[0]);
		memmove(m, m + 1, --*n * sizeof *m);
	}
	f->proof = TIME_NONE;
	return e;
}

enum err source_fetch(struct source *s, int32_t partition, enum source_topic t, rd_kafka_message_t **out, size_t max, size_t *n,
		      struct err_text *why)
{
	struct part *p = part_of(s, partition);
	enum err e = ERR_OK;
	*n = 0;
	if (!p || !p->started)
		return ERR_OK;
	struct feed *f = &p->feeds[t];
	size_t got = f->stash_cnt < max ? f->stash_cnt : max;
	if (got > 0) {
		memcpy(out, f->stash, got * sizeof *out);
		memmove(f->stash, f->stash + got, (f->stash_cnt - got) * sizeof *out);
		f->stash_cnt -= got;
	}
	if (got < max) {
		ssize_t more = rd_kafka_consume_batch_queue(f->queue, 0, out + got, max - got);
		if (more > 0)
			got += (size_t)more;
	}
	*n = keep_records(s, (int)t, f, out, got, &e, why);
	return e || t != SOURCE_CDR ? e : take_proof(s, p, out, n, why);
}

bool source_at_end(const struct source *s, int32_t partition, enum source_topic t)
{
	const struct part *p = part_of(s, partition);
	return p && p->started && p->feeds[t].at_end && p->feeds[t].stash_cnt == 0 && rd_kafka_queue_length(p->feeds[t].queue) == 0;
}

enum err source_control_ends(struct source *s, const int32_t *partitions, int64_t *ends, size_t n, struct err_text *why)
{
	rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new((int)n);
	for (size_t i = 0; i < n; i++)
		rd_kafka_topic_partition_list_add(l, s->topics[SOURCE_CONTROL], partitions[i])->offset = RD_KAFKA_OFFSET_END;
	rd_kafka_resp_err_t err = rd_kafka_offsets_for_times(s->asker, l, ROUND_TRIP_MS);
	for (size_t i = 0; i < n && !err; i++) {
		err = l->elems[i].err;
		ends[i] = l->elems[i].offset;
	}
	rd_kafka_topic_partition_list_destroy(l);
	return err ? err_set(why, ERR_AWAY, "kafka: ends of %s: %s", s->topics[SOURCE_CONTROL], rd_kafka_err2str(err)) : ERR_OK;
}

void source_follow(struct source *s, int32_t partition, const int64_t next[SOURCE_TOPICS])
{
	rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(SOURCE_TOPICS);
	for (int t = 0; t < SOURCE_TOPICS; t++)
		if (next[t] >= 0)
			rd_kafka_topic_partition_list_add(l, s->topics[t], partition)->offset = next[t];
	if (l->cnt)
		(void)rd_kafka_offsets_store(s->rk, l);
	rd_kafka_topic_partition_list_destroy(l);
}

int64_t source_lag(const struct source *s, int32_t partition, int64_t next)
{
	int64_t low, high;
	if (next < 0 || rd_kafka_get_watermark_offsets(s->rk, s->topics[SOURCE_CDR], partition, &low, &high) || high < 0)
		return -1;
	return high > next ? high - next : 0;
}

enum err source_count(struct source *s, int timeout_ms, int32_t *cdr, struct err_text *why)
{
	return kafka_partition_count(s->asker, s->topics[SOURCE_CDR], timeout_ms, cdr, why);
}
