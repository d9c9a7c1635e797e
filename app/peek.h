/* SPDX-License-Identifier: Apache-2.0 */
/* The stored state seen from outside: for verbs that look and do not own a shard. Opens the store of a configuration for reading. */
#ifndef RINGFENCE_APP_PEEK_H
#define RINGFENCE_APP_PEEK_H

#include "app/meta.h"
#include "app/pipeline.h"
#include "app/settings.h"
#include "rules/rules.h"

struct peek {
	struct arena arena; /* settings, and what was read last */
	struct settings set;
	const struct store_ops *ops;
	struct store *store;
	struct rules *rules;
	int32_t partitions; /* 0: nothing has run with this store yet */
};

/* Loads configuration and rules, opens the store. Rules that cannot be loaded are an error: alerts are named by them. */
enum err peek_open(const char *config, struct peek *r, struct err_text *why) MUST_CHECK;
void peek_close(struct peek *r);

/* The meta of one shard, slices borrowed from `h` until its next read. *found: the shard has state. */
enum err peek_meta(const struct peek *r, struct store_shard *h, struct meta *out, bool *found, struct err_text *why) MUST_CHECK;
enum err peek_shard(const struct peek *r, int32_t partition, struct store_shard **out, struct err_text *why) MUST_CHECK;

/* What `claim` keeps of a deployment: its CDR topic and partition count. */
struct slice deployment_mark(struct arena *a, const char *topic, int32_t partitions);
bool deployment_read(struct slice mark, struct slice *topic, int32_t *partitions);
/* Leaves that mark in the store, or finds the one that is there to be another: ERR_FOREIGN. `partitions_now`: of the CDR topic. */
enum err deployment_claim(const struct pipeline *p, int32_t partitions_now, struct err_text *why) MUST_CHECK;

#endif
