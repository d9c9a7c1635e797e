/* SPDX-License-Identifier: Apache-2.0 */
/* The rule set of the service: loaded at start, and anew on request or when one of its files changed. A set that is refused leaves the old one in force,
 * and is told: in the log, as an event, in a counter. Used by the main thread alone. */
#ifndef RINGFENCE_APP_RELOAD_H
#define RINGFENCE_APP_RELOAD_H

#include "app/pipeline.h"

struct reload {
	const struct settings *set;
	uint64_t seen, loaded; /* what the files were like when last looked at; when last loaded */
	struct mono_time watched_at;
	struct sink_kafka *sink;          /* NULL until there is something to say */
	uint64_t loaded_cnt, refused_cnt; /* reloads since the start */
};

void reload_init(struct reload *r, const struct settings *set);
/* Waits up to `drain_ms` for an event that is under way. */
void reload_release(struct reload *r, int64_t drain_ms);

/* The rules that the settings name, checked against what is switched on. ERR_CONFIG and others: `why` has every mistake with its place. */
enum err reload_load(const struct settings *set, struct rules **out, struct err_text *why) MUST_CHECK;
/* Loads them and gives them to the pipeline, or says why not. */
void reload_now(struct reload *r, struct pipeline *pipe);
/* The same if a file has changed and has stood still since the last look. Called now and then. */
void reload_watch(struct reload *r, struct pipeline *pipe);

#endif
