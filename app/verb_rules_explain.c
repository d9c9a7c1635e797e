/* SPDX-License-Identifier: Apache-2.0 */
/* `rules explain`: what a rule became and what it needs; with CDRs and a number, what each part of its condition was worth when it fired, or did not. */
#include "app/replay.h"
#include "app/verb_rules.h"
#include "rules/explain.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const char help[] =
	"usage: ringfence rules explain [-c FILE] FILE [RULE] [--cdr FILE... --number N [--all] [--until TIME]]\n"
	"\n"
	"Shows for each rule of a file (or those named RULE) its condition with parameters filled in, the figures and windows that it "
	"needs,\n"
	"its cost in steps, and the compiled program. With CDRs and a number it shows what every part of the condition was worth at the\n"
	"moment when the rule fired last, and at its last evaluation.\n"
	"\n"
	"  --rule NAME    the same as RULE\n"
	"  --cdr FILE     canonical CDRs, as for replay; may be given many times. They run through the whole pipeline\n"
	"  --number N     the calling number\n"
	"  --all          every evaluation, in order\n"
	"  --until TIME   lets time go on to TIME, RFC 3339 or epoch ms (default: it stops at the last CDR)\n"
	"  -c FILE        configuration, for its lists, policy and relay (default: the defaults)\n"
	"\n"
	"Exit 0: done; 1: there is no such rule, or the number made no call.\n"
	"\n"
	"example: ringfence rules explain rules.yaml CallBurstHour --cdr cdrs.jsonl --number +15551230000\n";

#define FILES_MAX 64

struct options {
	const char *config, *rules, *rule, *number;
	const char *cdrs[FILES_MAX];
	size_t cdr_cnt;
	bool all;
	int64_t until_ms;
};

/* A rule that is traced. */
struct followed {
	uint32_t rule;
	struct trace *trace;
	uint64_t evaluations, holds, errors;
	enum trace_state state; /* after the evaluation before */
	int64_t due_ms;         /* by timer it is evaluated then, and not when another alert is due */
	bool fired;
	struct buf at_fire, last; /* what these evaluations looked like */
};

struct explain {
	const struct options *o;
	struct settings set;
	struct rules *rules;
	struct replay *replay;
	struct followed *followed;
	uint32_t cnt;
};

/* ---- one evaluation ---- */

static void print_evaluation(const struct figures *f, const char *what, const struct cdr *c, const struct trace_result *result,
			     struct slice parts, struct buf *out)
{
	char at[TIME_TEXT_BYTES], since[TIME_TEXT_BYTES];
	buf_printf(out, "%s, ", time_format(f->as_of_ms, at));
	if (c)
		buf_printf(out, "call " SLICE_FMT, SLICE_ARG(c->record_id));
	else
		buf_puts(out, what);
	buf_printf(out, ": %s", result->error ? result->error : result->holds ? "true" : "false");
	if (result->gated)
		buf_puts(out, ", for it is outside of its hours (when), or the number is spared (exempt)");
	if (result->state != TRACE_INACTIVE)
		buf_printf(out, ", the alert %s since %s", result->state == TRACE_FIRING ? "fires, true" : "is pending, true",
			   time_format(result->since_ms, since));
	buf_puts(out, "\n");
	buf_put(out, parts.p, parts.len);
}

static void follow(struct explain *x, struct followed *w, const struct figures *f, const struct subject *sub, const struct cdr *c)
{
	struct trace_result result;
	struct buf parts = {0};
	if (!c && sub->kind == SUBJECT_NUMBER && w->due_ms != f->as_of_ms)
		return;
	trace_run(w->trace, shard_scratch(replay_shard(x->replay, 0)), sub->state, sub->state_len, &parts, &result);
	w->evaluations++;
	w->holds += result.holds;
	w->errors += result.error != NULL;
	buf_reset(&w->last);
	print_evaluation(f, sub->kind == SUBJECT_NUMBER ? "timer" : "cohort", c, &result, buf_slice(&parts), &w->last);
	if (result.state == TRACE_FIRING && w->state != TRACE_FIRING) {
		w->fired = true;
		buf_reset(&w->at_fire);
		buf_put(&w->at_fire, w->last.data, w->last.len);
	}
	w->state = result.state;
	w->due_ms = result.due_ms;
	if (x->o->all)
		printf(SLICE_FMT " " SLICE_FMT, SLICE_ARG(rules_name(x->rules, w->rule)), SLICE_ARG(buf_slice(&w->last)));
	buf_release(&parts);
}

/* A CDR so late that it was not evaluated is no evaluation. */
static void applied(void *ctx, struct figures *f, const struct subject *sub, const struct cdr *c, bool late)
{
	struct explain *x = ctx;
	(void)late;
	if (!slice_is(subject_key(sub), x->o->number) || (c && c->event_ms < sub->clock_ms - x->set.time.allowed_lateness_ms))
		return;
	for (uint32_t i = 0; i < x->cnt; i++)
		if (rules_kind(x->rules, x->followed[i].rule) == (enum subject_kind)sub->kind)
			follow(x, &x->followed[i], f, sub, c);
}

/* ---- the CDRs ---- */

static enum err run_cdrs(struct explain *x, struct err_text *why)
{
	struct pipeline p;
	const struct replay_config config = {.partitions = 1, .files = x->o->cdrs, .file_cnt = x->o->cdr_cnt, .until_ms = x->o->until_ms};
	enum err e = pipeline_init(&p, &x->set, true, why);
	p.files = true;
	p.applied = applied;
	p.applied_ctx = x;
	if (!e) {
		pipeline_set_rules(&p, rules_share(x->rules));
		e = replay_open(&p, &config, &x->replay, why);
	}
	if (!e)
		e = replay_run(x->replay, why);
	enum err closed = replay_close(x->replay, NULL);
	pipeline_release(&p);
	return e ? e : closed;
}

static void show_followed(const struct explain *x, const struct followed *w)
{
	const struct rule *rule = &x->rules->rules[w->rule];
	printf(SLICE_FMT " (%s:%d) of %s: evaluated %llu time%s, true %llu, error %llu\n", SLICE_ARG(rule->name), rule->file, rule->line,
	       x->o->number, (unsigned long long)w->evaluations, w->evaluations == 1 ? "" : "s", (unsigned long long)w->holds,
	       (unsigned long long)w->errors);
	if (x->o->all)
		return;
	if (w->fired)
		printf("  fired at " SLICE_FMT, SLICE_ARG(buf_slice(&w->at_fire)));
	else
		puts("  never fired");
	if (!w->fired || !slice_eq(buf_slice(&w->at_fire), buf_slice(&w->last)))
		printf("  last evaluation at " SLICE_FMT, SLICE_ARG(buf_slice(&w->last)));
}

static int trace(struct explain *x)
{
	struct err_text why;
	enum err e = run_cdrs(x, &why);
	if (e)
		return verb_fail(e, &why);
	uint64_t evaluations = 0;
	bool cohorts = false;
	for (uint32_t i = 0; i < x->cnt; i++) {
		evaluations += x->followed[i].evaluations;
		cohorts = cohorts || rules_kind(x->rules, x->followed[i].rule) != SUBJECT_NUMBER;
	}
	if (evaluations == 0) {
		fprintf(stderr,
			"ringfence: %s made no call in these files that rules were asked about; a number is E.164, like +15551230000%s\n",
			x->o->number,
			cohorts ? "; to follow a rule on a cohort, give a key like account:acme, trunk:T7, block:+15551230" : "");
		return 1;
	}
	for (uint32_t i = 0; i < x->cnt; i++)
		show_followed(x, &x->followed[i]);
	return 0;
}

/* ---- the rules ---- */

static bool is_wanted(const struct explain *x, uint32_t rule)
{
	return !x->o->rule || slice_is(rules_name(x->rules, rule), x->o->rule);
}

static int explain_rules(struct explain *x)
{
	struct buf text = {0};
	uint32_t n = rules_cnt(x->rules);
	int status = 0;
	x->followed = mem_zalloc((n + 1) * sizeof *x->followed);
	for (uint32_t i = 0; i < n; i++) {
		if (!is_wanted(x, i))
			continue;
		x->followed[x->cnt++].rule = i;
		rule_explain(x->rules, i, &text);
		buf_puts(&text, "\n");
	}
	printf(SLICE_FMT, SLICE_ARG(buf_slice(&text)));
	for (uint32_t i = 0; i < x->cnt && x->o->number; i++)
		x->followed[i].trace = trace_new(x->rules, x->followed[i].rule);
	if (x->cnt == 0) {
		fprintf(stderr, "ringfence: %s has no rule %s\n", x->o->rules, x->o->rule ? x->o->rule : "at all");
		status = 1;
	} else if (x->o->number) {
		status = trace(x);
	}
	for (uint32_t i = 0; i < x->cnt; i++) {
		trace_free(x->followed[i].trace);
		buf_release(&x->followed[i].at_fire);
		buf_release(&x->followed[i].last);
	}
	free(x->followed);
	buf_release(&text);
	return status;
}

static int explain(const struct options *o)
{
	struct explain x = {.o = o};
	struct buf problems = {0};
	struct arena a;
	struct err_text why;
	int status;
	arena_init(&a, 16 << 10);
	enum err e = settings_load(o->config, &a, &x.set);
	if (!e && (e = settings_rules(&x.set, &o->rules, 1, &x.rules, &problems)))
		fprintf(stderr, SLICE_FMT, SLICE_ARG(buf_slice(&problems)));
	else if (!e && o->number && (e = relay_check_rules(&x.set, x.rules, &why)))
		verb_fail(e, &why);
	x.set.store.kind = STORE_MEMORY;
	status = e ? err_exit(e) : explain_rules(&x);
	rules_free(x.rules);
	buf_release(&problems);
	arena_release(&a);
	return status;
}

/* ---- the word ---- */

static const struct option long_options[] = {{"rule", required_argument, NULL, 'r'},   {"cdr", required_argument, NULL, 'd'},
					     {"number", required_argument, NULL, 'n'}, {"until", required_argument, NULL, 'u'},
					     {"config", required_argument, NULL, 'c'}, {"all", no_argument, NULL, 'a'},
					     {"help", no_argument, NULL, 'h'},         {0}};

/* One option; false: wrong, *status is set. */
static bool take_option(struct options *o, int option, int *status)
{
	switch (option) {
	case 'r':
		o->rule = optarg;
		return true;
	case 'd':
		if (o->cdr_cnt < FILES_MAX) {
			o->cdrs[o->cdr_cnt++] = optarg;
			return true;
		}
		*status = verb_usage("rules explain", "more than %d files of CDRs", FILES_MAX);
		return false;
	case 'n':
		o->number = optarg;
		return true;
	case 'c':
		o->config = optarg;
		return true;
	case 'a':
		o->all = true;
		return true;
	case 'u':
		if (time_parse(slice_of(optarg), &o->until_ms))
			return true;
		*status = verb_usage("rules explain", "--until %s is not a time: RFC 3339 or epoch milliseconds", optarg);
		return false;
	default:
		*status = verb_usage("rules explain", "an option is not known or lacks its value");
		return false;
	}
}

int rules_word_explain(int argc, char **argv)
{
	struct options o = {.until_ms = TIME_NONE};
	int option, status;
	optind = 0;
	while ((option = getopt_long(argc, argv, "c:", long_options, NULL)) != -1) {
		if (option == 'h') {
			fputs(help, stdout);
			return 0;
		}
		if (!take_option(&o, option, &status))
			return status;
	}
	if (optind == argc || argc - optind > 2)
		return verb_usage("rules explain", "one rule file, and at most the name of one rule, is expected");
	o.rules = argv[optind];
	if (argc - optind == 2)
		o.rule = argv[optind + 1];
	if ((o.number != NULL) != (o.cdr_cnt > 0))
		return verb_usage("rules explain", "--cdr and --number go together");
	return explain(&o);
}
