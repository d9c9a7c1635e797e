/* SPDX-License-Identifier: Apache-2.0 */
/* `number dossier`: the audit and documentation package of one number, or the case study of one of its episodes. */
#include "app/app.h"
#include "app/dossier.h"
#include "app/number_verbs.h"
#include "app/peek.h"
#include "base/hash.h"
#include "scoring/places.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const char help[] =
	"usage: ringfence number dossier -c FILE [--episode N] [--account NAME] [--format json|html] [--out FILE] NUMBER\n"
	"\n"
	"The audit and documentation package of a number: calls by day, answer rate, durations, time between calls, hours, geography, "
	"flags,\n"
	"rules that fired with their figures, phases, violations, disputes, health, and the business profile of its account. For a number "
	"that was\n"
	"in quarantine or flagged its history is told; for any other as far as its record remembers.\n"
	"\n"
	"  --episode N     the case study of one episode, finished or going on\n"
	"  --account NAME  whose business profile (key `profiles` of the configuration) goes in; default: the account that its record\n"
	"                  knows, or the only profile there is\n"
	"  --format F      json (default) or html: one page that needs nothing from elsewhere, and prints well\n"
	"  --out FILE      where to; default: standard output. A name that ends in .html means that format\n"
	"\n"
	"example: ringfence number dossier -c ringfence.yaml --out dossier.html +15551230000\n";

struct options {
	const char *config, *account, *format, *out, *number;
	uint32_t episode;
};

struct found {
	struct arena arena;
	struct slice record, history; /* copies */
	struct meta meta;
	bool has_meta;
};

/* Record, history and the clock of the shard, in one read. */
static enum err read_number(const struct peek *r, struct slice number, struct found *f, struct err_text *why)
{
	struct store_shard *h = NULL;
	struct store_read read;
	const struct store_key keys[] = {{number, SPACE_RECORD}, {number, SPACE_HISTORY}};
	if (r->partitions == 0)
		return ERR_OK;
	enum err e = peek_shard(r, partition_of((enum partitioner)r->set.partitioner, number, r->partitions), &h, why);
	if (!e)
		e = r->ops->read_begin(h, keys, 2, why);
	if (!e)
		e = r->ops->read_end(h, &read, why);
	if (!e) {
		f->record = arena_copy(&f->arena, read.values[0]);
		f->history = arena_copy(&f->arena, read.values[1]);
		f->has_meta = read.meta.p != NULL;
		if (f->has_meta)
			e = meta_decode(arena_copy(&f->arena, read.meta), &f->meta, NULL, why);
	}
	if (h)
		r->ops->shard_close(h);
	return e;
}

/* The profile of the account that is asked for or that the record knows, or the only one. ERR_NO: there is none. */
static enum err find_profile(const struct peek *r, struct arena *a, struct profile *p, struct slice *account, struct err_text *why)
{
	const struct config_pairs *all = &r->set.profiles;
	const char *path = NULL;
	for (uint32_t i = 0; i < all->n; i++)
		if (account->len ? slice_is(*account, all->v[i].key) : all->n == 1) {
			path = all->v[i].value;
			*account = slice_of(all->v[i].key);
		}
	if (!path)
		return ERR_NO;
	struct buf problems = {0};
	enum err e = profile_load(path, a, p, &problems);
	if (e)
		err_set(why, ERR_CONFIG, "%.*s", (int)problems.len - 1, (const char *)problems.data);
	buf_release(&problems);
	return e ? ERR_CONFIG : ERR_OK;
}

static enum err write_out(const char *path, const struct buf *b, struct err_text *why)
{
	FILE *f = path ? fopen(path, "w") : stdout;
	if (!f)
		return err_set(why, ERR_IO, "%s cannot be written: %s", path, strerror(errno));
	bool good = fwrite(b->data, 1, b->len, f) == b->len;
	good = (path ? fclose(f) : fflush(f)) == 0 && good;
	return good ? ERR_OK : err_set(why, ERR_IO, "%s cannot be written: %s", path ? path : "standard output", strerror(errno));
}

static void unheard(void *ctx, struct event *e)
{
	(void)ctx;
	(void)e;
}

static enum err write_dossier(const struct peek *r, const struct options *o, struct found *f, const struct subject *s, bool html,
			      struct err_text *why)
{
	struct profile profile;
	struct dossier *d = mem_alloc(sizeof *d);
	struct buf out = {0};
	int64_t as_of_ms = f->has_meta && f->meta.clock_ms > s->clock_ms ? f->meta.clock_ms : s->clock_ms;
	struct dossier_source from = {.number = slice_of(o->number),
				      .history = f->history,
				      .subject = s,
				      .rules = r->rules,
				      .scratch = rules_scratch_new(&r->set.policies, unheard, NULL),
				      .as_of_ms = as_of_ms,
				      .episode = o->episode};
	const struct rules_subject rs = {.key = from.number, .kind = SUBJECT_NUMBER, .state = s->state, .state_len = s->state_len};
	struct rules_view v;
	struct place place;
	if (o->account)
		from.account = slice_of(o->account);
	else if (rules_view(from.scratch, r->rules, &rs, &v) == ERR_OK) /* else dossier_gather says why */
		from.account = arena_copy(&f->arena, v.account);
	place_of(from.number, &place);
	from.zone = policy_zone(&r->set.policies, from.number, from.account, place.zone);
	enum err e = find_profile(r, &f->arena, &profile, &from.account, why);
	from.profile = e ? NULL : &profile;
	if (e == ERR_NO)
		e = ERR_OK;
	if (!e)
		e = dossier_gather(&from, &f->arena, d, why);
	if (!e) {
		if (html)
			dossier_html(d, &out);
		else
			dossier_json(d, &out);
		e = write_out(o->out, &out, why);
	}
	rules_scratch_free(from.scratch);
	buf_release(&out);
	free(d);
	return e;
}

static enum err dossier(const struct options *o, bool html, struct err_text *why)
{
	struct peek r;
	struct found f = {0};
	struct table *t = table_new(0);
	struct subject *s = NULL;
	struct slice number = slice_of(o->number);
	arena_init(&f.arena, 64 << 10);
	enum err e = peek_open(o->config, &r, why);
	if (!e)
		e = read_number(&r, number, &f, why);
	if (!e && !f.record.p)
		e = err_set(why, ERR_NO, "%s is not known: no call of it is remembered", o->number);
	if (!e)
		e = table_load(t, number, hash64(number.p, number.len, 0), f.record, &s, why);
	if (!e)
		e = write_dossier(&r, o, &f, s, html, why);
	table_free(t);
	peek_close(&r);
	arena_release(&f.arena);
	return e;
}

static bool ends_in(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);
	return n >= m && strcmp(name + n - m, end) == 0;
}

int verb_number_dossier(int argc, char **argv)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
						{"episode", required_argument, NULL, 'e'},
						{"account", required_argument, NULL, 'a'},
						{"format", required_argument, NULL, 'f'},
						{"out", required_argument, NULL, 'o'},
						{"help", no_argument, NULL, 'h'},
						{0}};
	struct options o = {0};
	struct err_text why;
	int option;
	while ((option = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
		if (option == 'h') {
			fputs(help, stdout);
			return 0;
		}
		if (option == '?')
			return verb_usage("number dossier", "an option is not known or lacks its value");
		if (option == 'e') {
			char *end;
			unsigned long n = strtoul(optarg, &end, 10);
			if (*end || n == 0 || n > UINT32_MAX || *optarg == '-')
				return verb_usage("number dossier", "--episode %s: a number from 1 on is expected", optarg);
			o.episode = (uint32_t)n;
		}
		o.config = option == 'c' ? optarg : o.config;
		o.account = option == 'a' ? optarg : o.account;
		o.format = option == 'f' ? optarg : o.format;
		o.out = option == 'o' ? optarg : o.out;
	}
	o.number = optind < argc ? argv[optind] : "";
	bool html = o.format ? strcmp(o.format, "html") == 0 : o.out && ends_in(o.out, ".html");
	if (o.format && !html && strcmp(o.format, "json") != 0)
		return verb_usage("number dossier", "--format %s: json or html is expected", o.format);
	if (!o.config)
		return verb_usage("number dossier", "-c FILE is missing");
	if (!e164_valid(slice_of(o.number)))
		return verb_usage("number dossier", "'%s' is not a number in E.164, as in +15551230000", o.number);
	enum err e = dossier(&o, html, &why);
	return e ? verb_fail(e, &why) : 0;
}
