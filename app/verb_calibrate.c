/* SPDX-License-Identifier: Apache-2.0 */
/* `calibrate`: whom rules would have caught at each step of their ladders. */
#include "app/app.h"
#include "app/calibrate.h"
#include "app/progress.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static const char help_top[] =
	"usage: ringfence calibrate [--rules F]... [--truth FILE] [--out DIR] [--json FILE] [--html FILE] [-c FILE] [--any-time] FILE...\n"
	"\n"
	"Runs past CDRs, in the order given, past every rule at every step of its ladders, in one pass: whom would it have caught, how "
	"soon,\n"
	"whom nobody else catches? Nothing acts and nothing is written but the reports. A ladder is steps of a parameter in the rule "
	"file:\n"
	"\n"
	"    - alert: CallBurstHour\n"
	"      expr: calls[\"1h\"] > T && callee_ratio[\"1h\"] >= 0.5\n"
	"      params: {T: 40}\n"
	"      ladder: {T: [10, 20, 40, 80]}\n"
	"\n"
	"A rule without ladders is tried as it is; of several ladders each is tried by itself, the other parameters being as loaded.\n"
	"\n"
	"  --rules F       a rule file; may be given many times; in place of those of the configuration\n"
	"  --truth FILE    number,kind,... with a header line, as `generate` writes it: the table by kind shows whom each step catches\n"
	"                  rightly and whom wrongly; examples are the first of each kind\n"
	"  --out DIR       writes calibrate.json and calibrate.html there\n"
	"  --json FILE     the report for programs; - is standard output, in place of the table\n"
	"  --html FILE     one page with plots, which needs nothing from elsewhere\n"
	"  -c FILE         configuration, for its rules, lists, lateness and relay (default: the defaults)\n"
	"  --any-time      do not refuse CDRs more than 400 days after the newest so far\n"
	"\n";

static const char help_rest[] =
	"The table has a line for each step; * marks the value in force.\n"
	"  numbers, of all        caught at least once; their share of all numbers that called\n"
	"  their calls            share of all calls that these numbers made\n"
	"  after catch            share of all calls that these made after they were caught: what acting at once could have stopped\n"
	"  calls until caught     calls a number had made by then, the median and what 90 % do not exceed; beyond 128 within 1 %\n"
	"  time to median         from when the number was first seen\n"
	"  first catch            the earliest of all\n"
	"Below: for the value in force the first numbers caught, with the figures of that moment; how far rules catch the same numbers.\n"
	"\n"
	"A number is caught when the alert would have been raised: `for`, `when` and `exempt` are heeded, by timer too, as in replay. Not\n"
	"heeded are the limit of groups (each number counts) and phases (every number stays active, so `phase` is \"active\").\n"
	"\n"
	"Files: .jsonl .ndjson .csv, and .gz or .zst behind them; - is JSON lines on standard input.\n"
	"\n"
	"example, with shipped rules and made calls:\n"
	"  ringfence rules packs volume > rules.yaml\n"
	"  ringfence generate --count 1M --out past.jsonl\n"
	"  ringfence calibrate --rules rules.yaml --truth past.jsonl.truth.csv --html calibrate.html past.jsonl\n";

#define RULE_FILES_MAX 64

struct options {
	const char *config, *truth, *out, *json, *html;
	const char *rules[RULE_FILES_MAX];
	size_t rule_cnt;
	bool any_time;
};

/* ---- reports ---- */

static enum err write_file(const char *path, const struct buf *b, struct err_text *why)
{
	FILE *f = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
	bool ok = f && fwrite(b->data, 1, b->len, f) == b->len;
	if (f && (f == stdout ? fflush(f) : fclose(f)) != 0)
		ok = false;
	return ok ? ERR_OK : err_set(why, ERR_IO, "cannot write %s: %s", path, strerror(errno));
}

static enum err leave(const struct calibrate *x, const char *path, void (*report)(const struct calibrate *x, struct buf *out),
		      struct err_text *why)
{
	struct buf b = {0};
	report(x, &b);
	enum err e = write_file(path, &b, why);
	buf_release(&b);
	return e;
}

static enum err leave_beside(const struct calibrate *x, const char *folder, const char *name,
			     void (*report)(const struct calibrate *x, struct buf *out), struct err_text *why)
{
	struct buf path = {0};
	buf_printf(&path, "%s/%s", folder, name);
	buf_put_u8(&path, 0);
	enum err e = leave(x, (const char *)path.data, report, why);
	buf_release(&path);
	return e;
}

static enum err leave_all(const struct options *o, const struct calibrate *x, struct err_text *why)
{
	enum err e = ERR_OK;
	bool table = !(o->json && strcmp(o->json, "-") == 0) && !(o->html && strcmp(o->html, "-") == 0);
	if (o->out)
		e = leave_beside(x, o->out, "calibrate.json", calibrate_json, why);
	if (!e && o->out)
		e = leave_beside(x, o->out, "calibrate.html", calibrate_html, why);
	if (!e && o->json)
		e = leave(x, o->json, calibrate_json, why);
	if (!e && o->html)
		e = leave(x, o->html, calibrate_html, why);
	if (!e && table)
		e = leave(x, "-", calibrate_table, why);
	return e;
}

/* What cannot be written is found now, not after the pass. */
static enum err check_places(const struct options *o, struct err_text *why)
{
	const char *const paths[] = {o->json, o->html};
	if (o->out && mkdir(o->out, 0777) != 0 && errno != EEXIST)
		return err_set(why, ERR_IO, "cannot make the folder %s: %s", o->out, strerror(errno));
	for (size_t i = 0; i < 2; i++) {
		FILE *f = paths[i] && strcmp(paths[i], "-") != 0 ? fopen(paths[i], "ae") : NULL;
		if (paths[i] && strcmp(paths[i], "-") != 0 && !f)
			return err_set(why, ERR_IO, "cannot write %s: %s", paths[i], strerror(errno));
		if (f)
			fclose(f);
	}
	return ERR_OK;
}

/* ---- the run ---- */

static enum err run(const struct options *o, const struct settings *set, struct rules *rules, struct truth *truth, char **files,
		    int file_cnt, struct err_text *why)
{
	struct progress progress = progress_begin();
	const struct replay_config config = {.partitions = 1,
					     .files = (const char *const *)files,
					     .file_cnt = (size_t)file_cnt,
					     .until_ms = TIME_NONE,
					     .any_time = o->any_time,
					     .progress = progress_show,
					     .progress_ctx = &progress};
	struct calibrate *x = NULL;
	enum err e = check_places(o, why);
	if (!e)
		e = calibrate_new(rules, truth, &x, why);
	if (!e)
		e = calibrate_run(x, set, &config, why);
	progress_end(&progress);
	if (!e)
		e = leave_all(o, x, why);
	calibrate_free(x);
	return e;
}

static enum err load_rules(const struct options *o, const struct settings *set, struct rules **out)
{
	struct buf problems = {0};
	struct err_text why;
	enum err e = o->rule_cnt ? settings_rules(set, o->rules, o->rule_cnt, out, &problems) : settings_load_rules(set, out, &problems);
	if (e) {
		fprintf(stderr, SLICE_FMT, SLICE_ARG(buf_slice(&problems)));
	} else {
		e = relay_check_rules(set, *out, &why);
		if (!e && rules_cnt(*out) == 0)
			e = err_set(&why, ERR_USAGE,
				    "calibrate: there is no rule: name rule files with --rules, or a configuration that has some with -c");
		if (e)
			verb_fail(e, &why);
	}
	buf_release(&problems);
	return e;
}

static int start(const struct options *o, char **files, int file_cnt)
{
	struct arena a;
	struct settings set;
	struct err_text why;
	struct rules *rules = NULL;
	struct truth truth = {0};
	arena_init(&a, 16 << 10);
	enum err e = settings_load(o->config, &a, &set);
	if (!e) {
		set.store.kind = STORE_MEMORY;
		e = load_rules(o, &set, &rules);
		if (!e && o->truth && (e = truth_load(o->truth, &truth, &why)))
			verb_fail(e, &why);
		if (!e && (e = run(o, &set, rules, o->truth ? &truth : NULL, files, file_cnt, &why)))
			verb_fail(e, &why);
	}
	truth_release(&truth);
	rules_free(rules);
	arena_release(&a);
	return err_exit(e);
}

/* ---- the command line ---- */

static const struct option options[] = {
	{"rules", required_argument, NULL, 'r'}, {"truth", required_argument, NULL, 't'}, {"out", required_argument, NULL, 'o'},
	{"json", required_argument, NULL, 'j'},  {"html", required_argument, NULL, 'H'},  {"config", required_argument, NULL, 'c'},
	{"any-time", no_argument, NULL, 'a'},    {"help", no_argument, NULL, 'h'},        {0}};

/* One option; false: wrong, *status is set. */
static bool take_option(struct options *o, int option, int *status)
{
	switch (option) {
	case 'c':
		o->config = optarg;
		return true;
	case 'r':
		if (o->rule_cnt < RULE_FILES_MAX) {
			o->rules[o->rule_cnt++] = optarg;
			return true;
		}
		*status = verb_usage("calibrate", "more than %d rule files", RULE_FILES_MAX);
		return false;
	case 't':
		o->truth = optarg;
		return true;
	case 'o':
		o->out = optarg;
		return true;
	case 'j':
		o->json = optarg;
		return true;
	case 'H':
		o->html = optarg;
		return true;
	case 'a':
		o->any_time = true;
		return true;
	default:
		*status = verb_usage("calibrate", "an option is not known or lacks its value");
		return false;
	}
}

int verb_calibrate(int argc, char **argv)
{
	struct options o = {0};
	int option, status;
	while ((option = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
		if (option == 'h') {
			fputs(help_top, stdout);
			fputs(help_rest, stdout);
			return 0;
		}
		if (!take_option(&o, option, &status))
			return status;
	}
	if (optind == argc)
		return verb_usage("calibrate", "no file given");
	return start(&o, argv + optind, argc - optind);
}
