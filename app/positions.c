/* SPDX-License-Identifier: Apache-2.0 */
#include "app/positions.h"

#include "app/peek.h"

#include <ctype.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define KAFKA_WAIT_MS 10000

struct wish {
	struct slice topic;
	int32_t partition;
	int64_t offset;
};

static bool read_count(struct slice s, int64_t most, int64_t *out)
{
	int64_t n = 0;
	for (uint32_t i = 0; i < s.len; i++) {
		if (!isdigit((unsigned char)s.p[i]) || n > (most - 9) / 10)
			return false;
		n = 10 * n + (s.p[i] - '0');
	}
	*out = n;
	return s.len > 0;
}

static enum err read_wish(const char *text, const struct peek *p, struct wish *out, struct err_text *why)
{
	const struct settings *set = &p->set;
	const char *equals = strrchr(text, '=');
	const char *colon = equals ? memrchr(text, ':', (size_t)(equals - text)) : NULL;
	int64_t partition = 0;
	if (!colon || !read_count(slice_make(colon + 1, (size_t)(equals - colon - 1)), INT32_MAX, &partition) ||
	    !read_count(slice_of(equals + 1), INT64_MAX, &out->offset))
		return err_set(why, ERR_USAGE, "--set %s: wanted is TOPIC:PARTITION=OFFSET, as in %s:0=1234", text, set->topics.cdr);
	out->topic = slice_make(text, (size_t)(colon - text));
	out->partition = (int32_t)partition;
	if (!slice_is(out->topic, set->topics.cdr) && !slice_is(out->topic, set->topics.control) &&
	    !slice_is(out->topic, set->topics.relay))
		return err_set(why, ERR_USAGE, "--set %s: positions are kept of the topics %s, %s and %s", text, set->topics.cdr,
			       set->topics.control, set->topics.relay);
	if (out->partition >= p->partitions)
		return err_set(why, ERR_USAGE, "--set %s: this deployment has %d shards, from 0", text, p->partitions);
	return ERR_OK;
}

/* ---- nobody owns a shard ---- */

static enum err look_for_members(const struct settings *set, rd_kafka_t *rk, struct err_text *why)
{
	const struct rd_kafka_group_list *list = NULL;
	enum err e = ERR_OK;
	rd_kafka_resp_err_t code = rd_kafka_list_groups(rk, set->kafka.group, &list, KAFKA_WAIT_MS);
	if (code)
		e = err_set(why, ERR_AWAY,
			    "kafka: members of the group %s: %s. If you know that no process of this deployment runs, --unasked goes on "
			    "without "
			    "asking",
			    set->kafka.group, rd_kafka_err2str(code));
	for (int i = 0; list && i < list->group_cnt && !e; i++)
		if (list->groups[i].member_cnt > 0)
			e = err_set(why, ERR_LOCKED,
				    "the group %s has %d members (the first: %s at %s): stop them before positions are set; one that was "
				    "killed "
				    "leaves "
				    "when its session times out",
				    set->kafka.group, list->groups[i].member_cnt, list->groups[i].members[0].client_id,
				    list->groups[i].members[0].client_host);
	if (list)
		rd_kafka_group_list_destroy(list);
	return e;
}

static enum err check_unowned(const struct settings *set, struct err_text *why)
{
	rd_kafka_conf_t *conf;
	char text[512];
	enum err e = kafka_conf_producer(&set->kafka, "admin", &conf, why);
	if (e)
		return e;
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
	if (!rk) {
		rd_kafka_conf_destroy(conf);
		return err_set(why, ERR_CONFIG, "kafka: %s", text);
	}
	e = look_for_members(set, rk, why);
	rd_kafka_destroy(rk);
	return e;
}

/* ---- a shard ---- */

static void say(const struct wish *w, int64_t before)
{
	fprintf(stderr, SLICE_FMT ":%d: ", SLICE_ARG(w->topic), w->partition);
	if (before == TIME_NONE)
		fprintf(stderr, "not begun");
	else
		fprintf(stderr, "%lld", (long long)before);
	fprintf(stderr, " -> %lld\n", (long long)w->offset);
}

/* Going back makes the shard another source, as when a topic is made anew: what is counted again here counts again where its copies go. */
static void apply_wish(const struct settings *set, const struct wish *w, struct meta *m)
{
	bool cdr = slice_is(w->topic, set->topics.cdr);
	int64_t *at = cdr ? &m->cdr_next : slice_is(w->topic, set->topics.control) ? &m->control_next : &m->relay_next;
	if (cdr && *at != TIME_NONE && w->offset < *at)
		m->topic_id = hash64(&m->topic_id, sizeof m->topic_id, 0) | 1;
	if (cdr)
		m->produced_ms = TIME_NONE; /* the record before the new position is not the one that was counted last */
	say(w, *at);
	*at = w->offset;
}

/* A new commit id: a process that owns the shard after all is fenced, and takes it anew. */
static enum err put_meta(const struct store_ops *ops, struct store_shard *h, struct meta *m, const struct relay_marks *marks,
			 struct err_text *why)
{
	struct store_commit commit = {0};
	struct buf bytes = {0};
	memcpy(commit.expect, m->id, COMMIT_ID_BYTES);
	if (getrandom(m->id, COMMIT_ID_BYTES, 0) != COMMIT_ID_BYTES)
		return err_set(why, ERR_IO, "getrandom gave no bytes");
	meta_encode(m, marks, &bytes);
	commit.meta = buf_slice(&bytes);
	enum err e = ops->commit_begin(h, &commit, why);
	if (!e)
		e = ops->commit_end(h, why);
	buf_release(&bytes);
	return e;
}

static enum err set_shard(const struct peek *p, struct store *store, int32_t partition, const struct wish *wishes, size_t n,
			  struct err_text *why)
{
	struct store_shard *h = NULL;
	struct store_read read = {0};
	struct relay_marks marks = {0};
	struct meta m;
	enum err e = p->ops->shard_open(store, p->set.topics.cdr, partition, &h, why);
	if (!e)
		e = p->ops->read_begin(h, NULL, 0, why);
	if (!e)
		e = p->ops->read_end(h, &read, why);
	if (!e && !read.meta.p)
		e = err_set(why, ERR_NO, "the shard %s:%d has no state yet: kafka.start says where it begins", p->set.topics.cdr,
			    partition);
	if (!e)
		e = meta_decode(read.meta, &m, &marks, why);
	for (size_t i = 0; i < n && !e; i++)
		if (wishes[i].partition == partition)
			apply_wish(&p->set, &wishes[i], &m);
	if (!e)
		e = put_meta(p->ops, h, &m, &marks, why);
	free(marks.v);
	if (h)
		p->ops->shard_close(h);
	return e;
}

static bool wanted(const struct wish *wishes, size_t n, int32_t partition)
{
	for (size_t i = 0; i < n; i++)
		if (wishes[i].partition == partition)
			return true;
	return false;
}

static enum err set_all(struct peek *p, const struct wish *wishes, size_t n, struct err_text *why)
{
	struct store *store = NULL;
	p->ops->close(p->store); /* read only; a file is one handle's */
	p->store = NULL;
	enum err e = p->ops->open(&p->set.store, false, &store, why);
	for (int32_t i = 0; i < p->partitions && !e; i++)
		if (wanted(wishes, n, i))
			e = set_shard(p, store, i, wishes, n, why);
	if (store)
		p->ops->close(store);
	return e;
}

enum err positions_set(const char *config, const char *const *set, size_t n, bool unasked, struct err_text *why)
{
	struct peek p;
	enum err e = peek_open(config, &p, why);
	struct wish *wishes = mem_zalloc(n * sizeof *wishes);
	for (size_t i = 0; i < n && !e; i++)
		e = read_wish(set[i], &p, &wishes[i], why);
	if (!e && !unasked)
		e = check_unowned(&p.set, why);
	if (!e)
		e = set_all(&p, wishes, n, why);
	free(wishes);
	peek_close(&p);
	return e;
}
