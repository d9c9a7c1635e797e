/* SPDX-License-Identifier: Apache-2.0 */
/* `replay`: the whole pipeline over files. */
#include "app/app.h"
#include "app/dump.h"
#include "app/dump_histories.h"
#include "app/progress.h"
#include "app/replay.h"
#include "app/shard.h"
#include "sinks/json.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const char help[] =
	"usage: ringfence replay [-c FILE] [--rules F]... [--control F] [--out DIR] [--dump FILE [--histories]] [--until TIME]\n"
	"                        [--partitions P] [--any-time] FILE...\n"
	"\n"
	"Runs files of canonical CDRs, in the order given, through the whole pipeline: windows, rules, phases, events. State is kept in\n"
	"memory, time is event time, nothing outside is touched. The same input gives the same output, however fast it runs.\n"
	"\n"
	"  -c FILE          configuration (default: the defaults)\n"
	"  --rules F        a rule file; may be given many times; in place of those of the configuration\n"
	"  --control F      commands, one JSON object a line, merged in by their time\n"
	"  --out DIR        writes alerts.jsonl transitions.jsonl numbers.jsonl disputes.jsonl advisories.jsonl dead-letters.jsonl\n"
	"                   (CloudEvents, one a line) and summary.json there; without it only the summary goes to standard output\n"
	"  --dump FILE      writes every subject there, as `state dump --subjects` prints it\n"
	"  --histories      and behind them the histories of numbers that were in quarantine or flagged\n"
	"  --until TIME     lets every shard's time go on to TIME, RFC 3339 or epoch ms (default: it stops at its last CDR or command)\n"
	"  --partitions P   shards, as partitions of a topic (default 1)\n"
	"  --any-time       do not refuse CDRs more than 400 days after the newest so far\n"
	"\n"
	"Files: .jsonl .ndjson .csv, and .gz or .zst behind them; - is JSON lines on standard input.\n"
	"\n"
	"example: ringfence replay --rules rules.yaml --out out --dump subjects.jsonl cdrs.jsonl.zst\n";

#define RULE_FILES_MAX 64

struct options {
	const char *config, *control, *out, *dump;
	const char *rules[RULE_FILES_MAX];
	size_t rule_cnt;
	int64_t until_ms;
	int32_t partitions;
	bool any_time, histories;
};

/* ---- what is left behind ---- */

static void write_summary(const struct replay_sums *sums, struct buf *out)
{
	struct json j;
	json_init_buf(&j, out);
	json_open(&j, '{');
	json_key(&j, "records");
	json_uint(&j, sums->records);
#define X(name, text)        \
	json_key(&j, #name); \
	json_uint(&j, sums->counts.name);
	META_COUNTS(X)
#undef X
	json_key(&j, "subjects");
	json_uint(&j, sums->subjects);
	json_key(&j, "clock_first");
	json_time(&j, sums->first_ms);
	json_key(&j, "clock_last");
	json_time(&j, sums->last_ms);
	json_key(&j, "by_kind");
	json_open(&j, '{');
	for (int k = 0; k < EVENT_KIND_CNT; k++) {
		json_key(&j, event_type((enum event_kind)k));
		json_uint(&j, sums->events[k]);
	}
	json_close(&j, '}');
	json_close(&j, '}');
	buf_put_u8(out, '\n');
}

static enum err write_file(const char *path, const struct buf *b, struct err_text *why)
{
	FILE *f = fopen(path, "we");
	bool ok = f && fwrite(b->data, 1, b->len, f) == b->len;
	if (f && fclose(f) != 0)
		ok = false;
	return ok ? ERR_OK : err_set(why, ERR_IO, "cannot write %s: %s", path, strerror(errno));
}

static enum err leave_summary(const struct options *o, const struct replay *r, struct err_text *why)
{
	struct replay_sums sums;
	struct buf text = {0}, path = {0};
	enum err e = ERR_OK;
	replay_sums(r, &sums);
	write_summary(&sums, &text);
	if (o->out) {
		buf_printf(&path, "%s/summary.json", o->out);
		e = write_file((const char *)path.data, &text, why);
	}
	fwrite(text.data, 1, text.len, stdout);
	buf_release(&text);
	buf_release(&path);
	return e;
}

static enum err leave_histories(const struct pipeline *p, const struct replay *r, FILE *f, struct err_text *why)
{
	struct dump_histories *d = dump_histories_new();
	struct shard *s;
	enum err e = ERR_OK;
	for (int32_t i = 0; !e && (s = replay_shard(r, i)); i++)
		e = dump_histories_add(d, p->ops, s->handle, why);
	if (!e)
		e = dump_histories_print(d, f, why);
	dump_histories_free(d);
	return e;
}

static enum err leave_dump(const struct options *o, const struct pipeline *p, const struct replay *r, struct err_text *why)
{
	FILE *f = fopen(o->dump, "we");
	if (!f)
		return err_set(why, ERR_IO, "cannot write %s: %s", o->dump, strerror(errno));
	struct dump *d = dump_new(p->settings, p->rules);
	struct shard *s;
	struct subject *sub;
	for (int32_t i = 0; (s = replay_shard(r, i)); i++) {
		uint64_t at = 0;
		while ((sub = table_each(shard_subjects(s), &at)))
			dump_add(d, sub, shard_meta(s)->clock_ms);
	}
	enum err e = dump_print(d, f, why);
	dump_free(d);
	if (!e && o->histories)
		e = leave_histories(p, r, f, why);
	if (fclose(f) != 0 && !e)
		e = err_set(why, ERR_IO, "cannot write %s: %s", o->dump, strerror(errno));
	return e;
}

/* ---- the verb ---- */

static enum err run(const struct options *o, struct pipeline *p, char **files, int file_cnt, struct err_text *why)
{
	struct progress progress = progress_begin();
	const struct replay_config config = {.partitions = o->partitions,
					     .files = (const char *const *)files,
					     .file_cnt = (size_t)file_cnt,
					     .control = o->control,
					     .out = o->out,
					     .until_ms = o->until_ms,
					     .any_time = o->any_time,
					     .progress = progress_show,
					     .progress_ctx = &progress};
	struct replay *r = NULL;
	enum err e = replay_open(p, &config, &r, why);
	if (e)
		return e;
	e = replay_run(r, why);
	progress_end(&progress);
	if (!e)
		e = leave_summary(o, r, why);
	if (!e && o->dump)
		e = leave_dump(o, p, r, why);
	struct err_text closing;
	enum err closed = replay_close(r, &closing);
	if (!e && closed)
		*why = closing;
	return e ? e : closed;
}

static enum err load_rules(const struct options *o, const struct settings *set, struct pipeline *p)
{
	struct buf problems = {0};
	struct rules *rules = NULL;
	enum err e =
		o->rule_cnt ? settings_rules(set, o->rules, o->rule_cnt, &rules, &problems) : settings_load_rules(set, &rules, &problems);
	struct err_text why;
	if (e)
		fprintf(stderr, SLICE_FMT, SLICE_ARG(buf_slice(&problems)));
	else if ((e = relay_check_rules(set, rules, &why))) {
		verb_fail(e, &why);
		rules_free(rules);
	} else
		pipeline_set_rules(p, rules);
	buf_release(&problems);
	return e;
}

static int start(const struct options *o, char **files, int file_cnt)
{
	struct arena a;
	struct settings set;
	struct pipeline p;
	struct err_text why;
	arena_init(&a, 16 << 10);
	enum err e = settings_load(o->config, &a, &set);
	set.store.kind = STORE_MEMORY;
	if (!e) {
		e = pipeline_init(&p, &set, true, &why);
		p.files = true;
		p.no_history = !o->histories;
		if (e)
			verb_fail(e, &why);
		else if (!(e = load_rules(o, &set, &p)) && (e = run(o, &p, files, file_cnt, &why)))
			verb_fail(e, &why);
		pipeline_release(&p);
	}
	arena_release(&a);
	return err_exit(e);
}

static const struct option options[] = {{"rules", required_argument, NULL, 'r'},
					{"control", required_argument, NULL, 'C'},
					{"out", required_argument, NULL, 'o'},
					{"dump", required_argument, NULL, 'd'},
					{"until", required_argument, NULL, 'u'},
					{"partitions", required_argument, NULL, 'p'},
					{"any-time", no_argument, NULL, 'a'},
					{"config", required_argument, NULL, 'c'},
					{"histories", no_argument, NULL, 'H'},
					{"help", no_argument, NULL, 'h'},
					{0}};

/* One option; false: wrong, *status is set. */
static bool take_option(struct options *o, int option, int *status)
{
	char *end;
	switch (option) {
	case 'c':
		o->config = optarg;
		return true;
	case 'r':
		if (o->rule_cnt < RULE_FILES_MAX) {
			o->rules[o->rule_cnt++] = optarg;
			return true;
		}
		*status = verb_usage("replay", "more than %d rule files", RULE_FILES_MAX);
		return false;
	case 'C':
		o->control = optarg;
		return true;
	case 'o':
		o->out = optarg;
		return true;
	case 'd':
		o->dump = optarg;
		return true;
	case 'a':
		o->any_time = true;
		return true;
	case 'H':
		o->histories = true;
		return true;
	case 'u':
		if (time_parse(slice_of(optarg), &o->until_ms))
			return true;
		*status = verb_usage("replay", "--until %s is not a time: RFC 3339 or epoch milliseconds", optarg);
		return false;
	case 'p':
		o->partitions = (int32_t)strtol(optarg, &end, 10);
		if (*end == '\0' && o->partitions >= 1 && o->partitions <= 4096)
			return true;
		*status = verb_usage("replay", "--partitions %s is not a number from 1 to 4096", optarg);
		return false;
	default:
		*status = verb_usage("replay", "an option is not known or lacks its value");
		return false;
	}
}

int verb_replay(int argc, char **argv)
{
	struct options o = {.until_ms = TIME_NONE, .partitions = 1};
	int option, status;
	while ((option = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
		if (option == 'h') {
			fputs(help, stdout);
			return 0;
		}
		if (!take_option(&o, option, &status))
			return status;
	}
	if (optind == argc)
		return verb_usage("replay", "no file given");
	if (o.histories && !o.dump)
		return verb_usage("replay", "--histories goes into the file of --dump, which is missing");
	return start(&o, argv + optind, argc - optind);
}
