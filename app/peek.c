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
