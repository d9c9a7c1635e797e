/* SPDX-License-Identifier: Apache-2.0 */
#include "app/peek.h"

#include <stdio.h>
#include <stdlib.h>

struct slice deployment_mark(struct arena *a, const char *topic, int32_t partitions)
{
	return arena_printf(a, "%s %d", topic, partitions);
}

bool deployment_read(struct slice mark, struct slice *topic, int32_t *partitions)
{
	const char *blank = mark.len ? memchr(mark.p, ' ', mark.len) : NULL;
	if (!blank)
		return false;
	char text[16] = "";
	*topic = slice_make(mark.p, (size_t)(blank - mark.p));
	snprintf(text, sizeof text, "%.*s", (int)(mark.p + mark.len - blank - 1), blank + 1);
	*partitions = (int32_t)strtol(text, NULL, 10);
	return *partitions > 0;
}

/* The store remembers which topic this deployment reads: a renamed one would begin from nothing, in silence. */
enum err deployment_claim(const struct pipeline *p, int32_t partitions_now, struct err_text *why)
{
	const struct settings *set = p->settings;
	struct arena a;
	struct slice now, topic;
	int32_t partitions;
	arena_init(&a, 512);
	struct slice mark = deployment_mark(&a, set->topics.cdr, partitions_now);
	enum err e = p->ops->claim(p->store, set->deployment, mark, &a, &now, why);
	if (!e && !slice_eq(now, mark)) {
		if (!deployment_read(now, &topic, &partitions))
			e = err_set(why, ERR_CORRUPT, "the store's mark of the deployment %s cannot be read", set->deployment);
		else if (!slice_is(topic, set->topics.cdr))
			e = err_set(why, ERR_FOREIGN,
				    "the deployment %s keeps the state of the topic " SLICE_FMT
				    ", the configuration names %s: set topics.cdr back, or give "
				    "the new topic a deployment name of its own",
				    set->deployment, SLICE_ARG(topic), set->topics.cdr);
		else
			e = err_set(why, ERR_FOREIGN,
				    "the topic %s has %d partitions, its state was made with %d: numbers would move between shards. Go "
				    "back to %d partitions, or "
				    "publish into a new topic of %d partitions and start a new deployment on it",
				    set->topics.cdr, partitions_now, partitions, partitions, partitions_now);
	}
	arena_release(&a);
	return e;
}

static enum err load_rules(struct peek *r, struct err_text *why)
{
	struct buf problems = {0};
	enum err e = settings_load_rules(&r->set, &r->rules, &problems);
	if (e)
		err_set(why, e, SLICE_FMT, SLICE_ARG(buf_slice(&problems)));
	buf_release(&problems);
	return e;
}

static enum err find_partitions(struct peek *r, struct err_text *why)
{
	struct slice mark, topic;
	enum err e = r->ops->claim(r->store, r->set.deployment, SLICE_NONE, &r->arena, &mark, why);
	if (!e && !deployment_read(mark, &topic, &r->partitions))
		r->partitions = 0;
	return e;
}

enum err peek_open(const char *config, struct peek *r, struct err_text *why)
{
	*r = (struct peek){0};
	arena_init(&r->arena, 16 << 10);
	enum err e = settings_load(config, &r->arena, &r->set);
	if (e)
		return err_set(why, e, "%s cannot be used", config);
	if (r->set.store.kind == STORE_MEMORY)
		return err_set(why, ERR_CONFIG,
			       "%s keeps its state in memory (state.store: memory): nothing of it can be read from outside", config);
	e = load_rules(r, why);
	r->ops = store_ops((enum store_kind)r->set.store.kind);
	if (!e)
		e = r->ops->open(&r->set.store, true, &r->store, why);
	return e ? e : find_partitions(r, why);
}

void peek_close(struct peek *r)
{
	if (r->store)
		r->ops->close(r->store);
	rules_free(r->rules);
	arena_release(&r->arena);
}

enum err peek_shard(const struct peek *r, int32_t partition, struct store_shard **out, struct err_text *why)
{
	return r->ops->shard_open(r->store, r->set.topics.cdr, partition, out, why);
}

enum err peek_meta(const struct peek *r, struct store_shard *h, struct meta *out, bool *found, struct err_text *why)
{
	struct store_read read;
	enum err e = r->ops->read_begin(h, NULL, 0, why);
	if (!e)
		e = r->ops->read_end(h, &read, why);
	if (e)
		return e;
	*found = read.meta.p != NULL;
	return *found ? meta_decode(read.meta, out, NULL, why) : ERR_OK;
}
