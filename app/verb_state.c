/* SPDX-License-Identifier: Apache-2.0 */
/* `state`: what is stored, seen from outside. */
#include "app/app.h"
#include "app/dump.h"
#include "app/dump_histories.h"
#include "app/peek.h"
#include "app/positions.h"
#include "app/state_look.h"

#include <getopt.h>
#include <stdio.h>

static const char help[] =
	"usage: ringfence state dump -c FILE [--subjects] [--histories]\n"
	"       ringfence state positions -c FILE [--set TOPIC:PARTITION=OFFSET]... [--unasked]\n"
	"       ringfence state stats -c FILE\n"
	"       ringfence state check -c FILE\n"
	"\n"
	"Reads the store of a configuration; but for --set nothing is changed, and a service that runs is not disturbed.\n"
	"\n"
	"  dump         one JSON object a line: first each shard, then each subject, sorted. Two equal states give equal bytes.\n"
	"               --subjects leaves out the shards' lines; --histories adds, behind the subjects, the histories of numbers that were "
	"in\n"
	"               quarantine or flagged, a line each\n"
	"  positions    the shards' lines alone: CDRs applied, input positions, counts\n"
	"               --set: a shard reads on from there, also of the topics of commands and copies. Refused while the group has "
	"members;\n"
	"               --unasked does not ask Kafka. Set forward, what lies between is never counted; set back, it is counted again\n"
	"  stats        one JSON object: shards, subjects by kind, bytes, sizes of records, the numbers with the most calls\n"
	"  check        does every record decode, do timers and records agree, are positions sane; each fault is a line on standard\n"
	"               error, a summary goes to standard output; exit 1 if there were faults\n"
	"\n"
	"example: ringfence state dump -c ringfence.yaml --subjects > subjects.jsonl\n";

#define SETS_MAX 1024

struct visit {
	struct dump *dump;
	struct dump_histories *histories; /* NULL: not asked for */
	int64_t clock_ms;                 /* of the shard */
	struct err_text *why;
	uint64_t damaged;
};

/* A record that cannot be read is named and left out; the rest is printed, and the verb fails. */
static enum err take_record(void *ctx, struct slice key, struct slice value, int64_t number)
{
	struct visit *v = ctx;
	struct err_text detail;
	(void)number;
	if (dump_add_record(v->dump, key, value, v->clock_ms, &detail)) {
		v->damaged++;
		fprintf(stderr, "ringfence: the record of " SLICE_FMT " is left out: %s\n", SLICE_ARG(key), detail.text);
	}
	return ERR_OK;
}

static enum err dump_one(const struct peek *r, int32_t partition, bool shards, struct visit *v, struct err_text *why)
{
	struct store_shard *h = NULL;
	struct meta m;
	bool found = false;
	enum err e = peek_shard(r, partition, &h, why);
	if (!e)
		e = peek_meta(r, h, &m, &found, why);
	if (!e && found && shards)
		dump_shard(&r->set, &m, stdout);
	if (v && found)
		v->clock_ms = m.clock_ms;
	if (!e && found && v)
		e = r->ops->values(h, SPACE_RECORD, take_record, v, why);
	if (!e && found && v && v->histories)
		e = dump_histories_add(v->histories, r->ops, h, why);
	if (h)
		r->ops->shard_close(h);
	return e;
}

static enum err dump_all(const struct peek *r, bool shards, bool subjects, bool histories, struct err_text *why)
{
	struct visit v = {.why = why};
	enum err e = ERR_OK;
	if (subjects)
		v.dump = dump_new(&r->set, r->rules);
	if (subjects && histories)
		v.histories = dump_histories_new();
	for (int32_t i = 0; i < r->partitions && !e; i++)
		e = dump_one(r, i, shards, subjects ? &v : NULL, why);
	if (!e && subjects)
		e = dump_print(v.dump, stdout, why);
	if (!e && v.histories)
		e = dump_histories_print(v.histories, stdout, why);
	dump_histories_free(v.histories);
	dump_free(v.dump);
	if (fflush(stdout) != 0 && !e)
		e = err_set(why, ERR_IO, "cannot write to standard output");
	if (!e && v.damaged)
		e = err_set(why, ERR_CORRUPT, "%llu records cannot be read (above)", (unsigned long long)v.damaged);
	return e;
}

struct asked_for {
	const char *config, *sets[SETS_MAX];
	size_t set_cnt;
	bool subjects_only, histories, unasked;
};

/* 0: go on with what is left in argv; else the exit status, less one. */
static int read_options(int argc, char **argv, struct asked_for *a)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
						{"subjects", no_argument, NULL, 's'},
						{"histories", no_argument, NULL, 'H'},
						{"set", required_argument, NULL, 'S'},
						{"unasked", no_argument, NULL, 'u'},
						{"help", no_argument, NULL, 'h'},
						{0}};
	int o;
	while ((o = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
		if (o == 'h')
			fputs(help, stdout);
		if (o == 'h')
			return 1;
		if (o == '?')
			return 1 + verb_usage("state", "an option is not known or lacks its value");
		if (o == 'c')
			a->config = optarg;
		if (o == 'S' && a->set_cnt == SETS_MAX)
			return 1 + verb_usage("state", "at most %d --set at once", SETS_MAX);
		if (o == 'S')
			a->sets[a->set_cnt++] = optarg;
		a->unasked = a->unasked || o == 'u';
		a->subjects_only = a->subjects_only || o == 's';
		a->histories = a->histories || o == 'H';
	}
	return 0;
}

int verb_state(int argc, char **argv)
{
	struct asked_for a = {0};
	int done = read_options(argc, argv, &a);
	if (done)
		return done - 1;
	const char *what = optind < argc ? argv[optind] : "";
	bool dump = strcmp(what, "dump") == 0, positions = strcmp(what, "positions") == 0;
	bool stats = strcmp(what, "stats") == 0, check = strcmp(what, "check") == 0;
	if (!dump && !positions && !stats && !check)
		return verb_usage("state", "say what: dump, positions, stats or check");
	if (!a.config)
		return verb_usage("state", "-c FILE is missing");
	if ((a.set_cnt || a.unasked) && !positions)
		return verb_usage("state", "--set and --unasked belong to state positions");
	if (a.histories && !dump)
		return verb_usage("state", "--histories belongs to state dump");
	struct peek r;
	struct err_text why;
	enum err e = a.set_cnt ? positions_set(a.config, a.sets, a.set_cnt, a.unasked, &why) : ERR_OK;
	if (e)
		return verb_fail(e, &why);
	e = peek_open(a.config, &r, &why);
	if (!e)
		e = stats ? state_stats(&r, &why) : check ? state_check(&r, &why) : dump_all(&r, !a.subjects_only, dump, a.histories, &why);
	peek_close(&r);
	return e ? verb_fail(e, &why) : 0;
}
