/* SPDX-License-Identifier: Apache-2.0 */
/* DESIGN
 *   A refusal is about the process, not about a number, and it happens outside of the stream: no shard decides it, so it is in no outbox. It is an
 *   advisory `rules_refused` of subject `rules` that the main thread hands to a producer of its own. Its id is made of what the files hold: all replicas that are
 *   given the same files, and the same process asked again, say it under one id. `time` and `sequence` are those of the newest file.
 *
 * GUARANTEES. At most one event for one content of the files; at least one, unless the process is killed, or ends while Kafka is away for longer than
 * `run.drain`: then the log is all there is. What the shards say is not touched.
 *
 * ALTERNATIVES. Through the outbox of a shard: it would be as safe as other events, but which shard, when none is assigned here, and events of a shard are
 * functions of its input. */
#include "app/reload.h"

#include "base/file.h"
#include "base/log.h"

#include <sys/stat.h>

#define WATCH_S 1.0 /* files are looked at so often; a change is taken once it has stood still that long */
#define LIST_BYTES_MAX (128u << 20)
#define SUBJECT "rules"

static uint64_t file_stamp(const char *path, uint64_t seed)
{
	struct stat st;
	if (stat(path, &st) != 0) /* through symlinks: Kubernetes swaps one to change a whole folder */
		return hash64(path, strlen(path), seed);
	const int64_t is[] = {(int64_t)st.st_dev, (int64_t)st.st_ino, st.st_size, st.st_mtim.tv_sec, st.st_mtim.tv_nsec};
	return hash64(is, sizeof is, seed);
}

static uint32_t file_cnt(const struct settings *set)
{
	return set->rule_files.n + set->rule_lists.n + (set->disputes_file[0] != 0);
}

/* Rule files, then lists, then the table of providers. */
static const char *file_path(const struct settings *set, uint32_t i)
{
	if (i < set->rule_files.n)
		return set->rule_files.v[i];
	i -= set->rule_files.n;
	return i < set->rule_lists.n ? set->rule_lists.v[i].value : set->disputes_file;
}

static uint64_t stamp(const struct settings *set)
{
	uint64_t s = 0;
	for (uint32_t i = 0; i < file_cnt(set); i++)
		s = file_stamp(file_path(set, i), s);
	return s;
}

void reload_init(struct reload *r, const struct settings *set)
{
	*r = (struct reload){.set = set};
	r->seen = r->loaded = stamp(set);
}

void reload_release(struct reload *r, int64_t drain_ms)
{
	sink_kafka_close(r->sink, drain_ms);
	r->sink = NULL;
}

enum err reload_load(const struct settings *set, struct rules **out, struct err_text *why)
{
	struct buf problems = {0};
	enum err e = settings_load_rules(set, out, &problems);
	if (e)
		err_set(why, e, "the rules cannot be used:\n" SLICE_FMT, SLICE_ARG(buf_slice(&problems)));
	buf_release(&problems);
	if (!e && (e = relay_check_rules(set, *out, why)))
		rules_free(*out);
	return e;
}

/* ---- the event ---- */

/* Of what all files hold; one that cannot be read is its path. */
static uint64_t content_hash(const struct settings *set, struct arena *a)
{
	uint64_t h = 0;
	for (uint32_t i = 0; i < file_cnt(set); i++) {
		const char *path = file_path(set, i);
		struct slice text;
		struct err_text why;
		if (file_read(path, LIST_BYTES_MAX, a, &text, &why))
			text = slice_of(path);
		h = hash64(text.p, text.len, h);
	}
	return h;
}

static int64_t newest_ms(const struct settings *set)
{
	int64_t newest = 0;
	struct stat st;
	for (uint32_t i = 0; i < file_cnt(set); i++) {
		if (stat(file_path(set, i), &st) != 0)
			continue;
		int64_t ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
		newest = ms > newest ? ms : newest;
	}
	return newest;
}

static void no_acks(void *ctx, void *owner, uint64_t number)
{
	(void)ctx;
	(void)owner;
	(void)number;
}

static enum err say(struct reload *r, const struct message *m, struct err_text *why)
{
	enum err e = ERR_OK;
	if (!r->sink)
		e = sink_kafka_open(&r->set->kafka, &r->set->topics.out, SUBJECT, no_acks, NULL, &r->sink, why);
	return e ? e : sink_kafka_send(r->sink, m, r, 0, why);
}

static void tell_refused(struct reload *r, const struct err_text *reason)
{
	struct arena a;
	struct message m;
	struct err_text why;
	arena_init(&a, 64 << 10);
	struct event e = {.kind = EVENT_ADVISORY,
			  .subject_kind = SUBJECT_NONE,
			  .subject = SLICE_LIT(SUBJECT),
			  .time_ms = newest_ms(r->set),
			  .step = "rules_refused",
			  .advisory = {.topic = "rules_refused", .detail = slice_of(reason->text)}};
	e.sequence = (uint64_t)e.time_ms;
	e.cause = (struct cause){.kind = CAUSE_COMMAND,
				 .command = arena_printf(&a, "reload-%016llx", (unsigned long long)content_hash(r->set, &a))};
	message_build(&e, r->set->deployment, &a, &m);
	if (say(r, &m, &why))
		log_warn("rules", "the event rules_refused cannot be said: %s", why.text);
	arena_release(&a);
}

/* ---- */

void reload_now(struct reload *r, struct pipeline *pipe)
{
	struct rules *fresh = NULL;
	struct err_text why;
	r->seen = r->loaded = stamp(r->set); /* before they are read: a change meanwhile is a change */
	if (reload_load(r->set, &fresh, &why)) {
		r->refused_cnt++;
		log_error("rules", "reload refused, the old rules stay: %s", why.text);
		tell_refused(r, &why);
		return;
	}
	r->loaded_cnt++;
	log_info("rules", "reloaded: %u rules", rules_cnt(fresh));
	pipeline_set_rules(pipe, fresh);
}

/* A file that is being written is not read half: its change must have stood still from one look to the next. */
void reload_watch(struct reload *r, struct pipeline *pipe)
{
	if (r->sink)
		sink_kafka_poll(r->sink, 0);
	if (!r->set->rules_watch || mono_seconds_since(r->watched_at) < WATCH_S)
		return;
	r->watched_at = mono_now();
	uint64_t before = r->seen;
	r->seen = stamp(r->set);
	if (r->seen == before && r->seen != r->loaded)
		reload_now(r, pipe);
}
