/* SPDX-License-Identifier: Apache-2.0 */
/* A CDR goes to the shard of its calling number, with its place in that shard as its offset: the ids of events are those of a topic that was
 * produced in this order. A record without a usable caller goes to shard 0. */
#include "app/replay.h"

#include <stdlib.h>

#define RECORDS 4096 /* read at once */

struct replay {
	struct pipeline *pipe;
	struct replay_config config;
	struct outlet outlet;
	struct sink_file *sink;
	struct shard **shards;
	int64_t *next; /* offset of the next record of each shard */
	struct cdr *cdrs;
	struct arena arena, commands_arena;
	const struct command *commands;
	size_t command_cnt;
	size_t *command_at; /* per shard: its next one is here or behind */
	bool in_turn; /* shards send each other copies: a shard's records are applied before another's come, so that copies are there in time */
	int64_t bytes_before, bytes_all;
	uint64_t records;
	uint64_t events[EVENT_KIND_CNT];
};

/* ---- the outlet: files ---- */

static void count_event(struct replay *r, const struct message *m)
{
	const uint32_t prefix = sizeof "dev.ringfence." - 1;
	struct slice type = slice_make(m->type.p + prefix, m->type.len - prefix - 3); /* less ".v1" */
	for (int k = 0; k < EVENT_KIND_CNT; k++)
		if (slice_is(type, event_type((enum event_kind)k)))
			r->events[k]++;
}

static enum err outlet_send(void *ctx, void *owner, uint64_t number, const struct message *m, struct err_text *why)
{
	struct replay *r = ctx;
	count_event(r, m);
	if (r->config.event)
		r->config.event(r->config.event_ctx, m);
	if (r->sink && sink_file_write(r->sink, m))
		return err_set(why, ERR_IO, "cannot write the event files in %s", r->config.out);
	for (int32_t i = 0; i < r->config.partitions; i++)
		if (shard_owner(r->shards[i]) == owner)
			shard_acked(r->shards[i], number);
	return ERR_OK;
}

static enum err outlet_dead_letter(void *ctx, void *owner, const struct dead_letter *d, struct err_text *why)
{
	struct replay *r = ctx;
	(void)owner;
	if (r->sink && sink_file_dead_letter(r->sink, d, r->pipe->settings->deployment))
		return err_set(why, ERR_IO, "cannot write the event files in %s", r->config.out);
	return ERR_OK;
}

static uint64_t outlet_open_cnt(void *ctx, const void *owner)
{
	(void)ctx;
	(void)owner;
	return 0;
}

static void outlet_poll(void *ctx, int wait_ms)
{
	(void)ctx;
	(void)wait_ms;
}

static enum err outlet_copy(void *ctx, int32_t partition, const struct copy *c, struct err_text *why)
{
	struct replay *r = ctx;
	return shard_copy(r->shards[partition], c, why);
}

/* ---- commands ---- */

/* Hands a shard its next commands, as many as it lets wait. A command without a number goes to shard 0, which refuses it. */
static void give_commands(struct replay *r, int32_t i)
{
	const struct settings *set = r->pipe->settings;
	struct shard *s = r->shards[i];
	for (; r->command_at[i] < r->command_cnt; r->command_at[i]++) {
		const struct command *c = &r->commands[r->command_at[i]];
		int32_t at = c->number.len ? partition_of((enum partitioner)set->partitioner, c->number, r->config.partitions) : 0;
		if (at == i && !shard_command(s, c->payload, shard_control_read(s), TIME_NONE))
			return;
	}
}

/* ---- records ---- */

/* Applies what the shard was given. */
static enum err step(struct replay *r, int32_t i, struct err_text *why)
{
	struct shard *s = r->shards[i];
	enum err e = ERR_OK;
	while (!e && !shard_batch_done(s)) {
		give_commands(r, i);
		e = pipeline_step(s, (struct wall_time){0}, why);
	}
	if (!e)
		shard_batch_reset(s);
	return e;
}

static enum err step_all(struct replay *r, struct err_text *why)
{
	enum err e = ERR_OK;
	for (int32_t i = 0; i < r->config.partitions && !e; i++)
		e = step(r, i, why);
	return e;
}

static int32_t shard_of(const struct replay *r, const struct cdr *c)
{
	if (c->reason != REASON_OK || c->use == CDR_WITHHELD)
		return 0;
	return partition_of((enum partitioner)r->pipe->settings->partitioner, c->calling_number, r->config.partitions);
}

static void give_record(struct replay *r, int32_t i, struct cdr *c)
{
	const struct settings *set = r->pipe->settings;
	c->offset = r->next[i]++;
	if (c->reason == REASON_OK && !c->record_id.p)
		cdr_set_id(c, arena_printf(&r->arena, "%s-%d-%lld", set->topics.cdr, i, (long long)c->offset));
	bool added = shard_add_decoded(r->shards[i], c);
	(void)added; /* a batch holds as many as are read at once */
}

static size_t batch_max(const struct replay *r)
{
	int64_t max = r->pipe->settings->run.batch_records;
	return max < RECORDS ? (size_t)max : RECORDS;
}

/* The first `n` of r->cdrs, through to their ends. */
static enum err apply_records(struct replay *r, size_t n, struct err_text *why)
{
	enum err e = ERR_OK;
	int32_t last = 0;
	for (size_t i = 0; i < n && !e; i++) {
		int32_t to = shard_of(r, &r->cdrs[i]);
		if (to != last && r->in_turn)
			e = step(r, last, why);
		give_record(r, to, &r->cdrs[i]);
		last = to;
	}
	if (!e)
		e = step_all(r, why);
	r->records += n;
	return e;
}

static enum err read_records(struct replay *r, struct err_text *why)
{
	size_t max = batch_max(r);
	enum err e = ERR_OK;
	for (size_t at = 0, n; at < r->config.record_cnt && !e; at += n) {
		n = r->config.record_cnt - at < max ? r->config.record_cnt - at : max;
		arena_reset(&r->arena);
		memcpy(r->cdrs, r->config.records + at, n * sizeof *r->cdrs);
		e = apply_records(r, n, why);
	}
	return e;
}

static enum err read_file(struct replay *r, const char *path, struct err_text *why)
{
	struct file_source *source;
	size_t n, max = batch_max(r);
	int64_t done = 0, all;
	enum err e = file_source_open(path, &r->pipe->settings->input, &source, why);
	if (e)
		return e;
	do {
		arena_reset(&r->arena);
		e = file_source_read(source, &r->arena, r->cdrs, max, &n, why);
		if (!e)
			e = apply_records(r, n, why);
		file_source_progress(source, &done, &all);
		if (r->config.progress)
			r->config.progress(r->config.progress_ctx, r->bytes_before + done, r->bytes_all, r->records);
	} while (!e && n > 0);
	r->bytes_before += done;
	file_source_close(source);
	return e;
}

/* The size of all files; -1 if one is a pipe. A file that is not there is found now, not after an hour. */
static enum err measure(struct replay *r, struct err_text *why)
{
	for (size_t i = 0; i < r->config.file_cnt; i++) {
		struct file_source *source;
		int64_t done, all;
		if (strcmp(r->config.files[i], "-") == 0) {
			r->bytes_all = -1;
			continue;
		}
		enum err e = file_source_open(r->config.files[i], &r->pipe->settings->input, &source, why);
		if (e)
			return e;
		file_source_progress(source, &done, &all);
		if (r->bytes_all >= 0)
			r->bytes_all = all < 0 ? -1 : r->bytes_all + all;
		file_source_close(source);
	}
	return ERR_OK;
}

enum err replay_run(struct replay *r, struct err_text *why)
{
	enum err e = measure(r, why);
	for (size_t i = 0; i < r->config.file_cnt && !e; i++)
		e = read_file(r, r->config.files[i], why);
	if (!e)
		e = read_records(r, why);
	for (int32_t i = 0; i < r->config.partitions && !e; i++)
		do {
			give_commands(r, i);
			e = pipeline_finish(r->shards[i], TIME_NONE, why);
		} while (!e && r->command_at[i] < r->command_cnt);
	for (int32_t i = 0; i < r->config.partitions && !e && r->config.until_ms != TIME_NONE; i++)
		e = pipeline_finish(r->shards[i], r->config.until_ms, why);
	return e;
}

/* ---- life ---- */

static enum err take_shards(struct replay *r, struct err_text *why)
{
	enum err e = ERR_OK;
	for (int32_t i = 0; i < r->config.partitions && !e; i++) {
		e = shard_take(r->pipe, &r->outlet, i, r->config.partitions, &r->shards[i], why);
		if (!e)
			e = shard_start(r->shards[i], 0, 0, 0, why);
	}
	return e;
}

enum err replay_open(struct pipeline *p, const struct replay_config *c, struct replay **out, struct err_text *why)
{
	struct replay *r = mem_zalloc(sizeof *r);
	enum err e = ERR_OK;
	r->pipe = p;
	r->config = *c;
	r->in_turn = c->partitions > 1 && relay_any(p->settings);
	r->outlet = (struct outlet){.send = outlet_send,
				    .dead_letter = outlet_dead_letter,
				    .dead_letters_open = outlet_open_cnt,
				    .poll = outlet_poll,
				    .copy = outlet_copy,
				    .ctx = r};
	r->shards = mem_zalloc((size_t)c->partitions * sizeof(struct shard *));
	r->next = mem_zalloc((size_t)c->partitions * sizeof *r->next);
	r->command_at = mem_zalloc((size_t)c->partitions * sizeof *r->command_at);
	r->cdrs = mem_alloc(RECORDS * sizeof *r->cdrs);
	arena_init(&r->arena, 256 << 10);
	arena_init(&r->commands_arena, 64 << 10);
	p->any_time = c->any_time;
	r->commands = c->commands;
	r->command_cnt = c->command_cnt;
	if (c->control) {
		struct command *commands = NULL;
		e = command_file_read(c->control, &r->commands_arena, &commands, &r->command_cnt, why);
		r->commands = commands;
	}
	if (!e && c->out)
		e = sink_file_open(c->out, &r->sink, why);
	if (!e)
		e = take_shards(r, why);
	if (e) {
		enum err closed = replay_close(r, NULL);
		(void)closed;
		return e;
	}
	*out = r;
	return ERR_OK;
}

enum err replay_close(struct replay *r, struct err_text *why)
{
	struct err_text unused;
	if (!r)
		return ERR_OK;
	for (int32_t i = 0; i < r->config.partitions; i++)
		shard_drop(r->shards[i]);
	enum err e = sink_file_close(r->sink, why ? why : &unused);
	free(r->shards);
	free(r->next);
	free(r->command_at);
	free(r->cdrs);
	arena_release(&r->arena);
	arena_release(&r->commands_arena);
	free(r);
	return e;
}

struct shard *replay_shard(const struct replay *r, int32_t i)
{
	return i < r->config.partitions ? r->shards[i] : NULL;
}

void replay_sums(const struct replay *r, struct replay_sums *out)
{
	*out = (struct replay_sums){.records = r->records, .first_ms = TIME_NONE, .last_ms = TIME_NONE};
	memcpy(out->events, r->events, sizeof out->events);
	for (int32_t i = 0; i < r->config.partitions; i++) {
		const struct meta *m = shard_meta(r->shards[i]);
		out->subjects += shard_living(r->shards[i]);
#define X(name, text) out->counts.name += m->counts.name;
		META_COUNTS(X)
#undef X
		if (m->clock_ms == TIME_NONE)
			continue;
		if (out->first_ms == TIME_NONE || m->clock_ms < out->first_ms)
			out->first_ms = m->clock_ms;
		if (m->clock_ms > out->last_ms)
			out->last_ms = m->clock_ms;
	}
}
