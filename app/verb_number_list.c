/* SPDX-License-Identifier: Apache-2.0 */
/* `number list`: the numbers of all shards by phase, and the table of finished episodes. Reads the store, changes nothing. */
#include "app/app.h"
#include "app/history_json.h"
#include "app/number_verbs.h"
#include "app/peek.h"
#include "scoring/scoring.h"
#include "sinks/json.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const char help[] =
	"usage: ringfence number list -c FILE [--phase P] [--format table|csv|json]\n"
	"       ringfence number list -c FILE --finished [--format table|csv|json]\n"
	"\n"
	"  --phase P     numbers in this phase: aging, rest, limited, moderate or active. Without it: all that are not active\n"
	"  --finished    episodes that ended, the last 8 of each number that is still remembered, and what became of all of them\n"
	"  --format F    table (default), csv with a header, or json: one object a line\n"
	"\n"
	"Sorted by number. A list for switches that shall block what rests:\n"
	"\n"
	"example: ringfence number list -c ringfence.yaml --phase rest --format csv\n";

enum format { TABLE, CSV, JSON };

struct row {
	struct slice number;
	enum phase phase;
	uint32_t episode, flags, alerts;
	int64_t since_ms, until_ms;
};

struct finished {
	struct slice number;
	struct case_row of;
};

struct list {
	const struct peek *peek;
	struct rules_scratch *scratch;
	struct arena arena;
	int phase;        /* -1: all but active */
	int64_t clock_ms; /* of the shard */
	struct row *rows;
	size_t cnt, cap;
	struct finished *ended;
	size_t ended_cnt, ended_cap;
	uint64_t unreadable;
};

#define GROW(array, cap, need)                                                   \
	do {                                                                     \
		if ((cap) < (need)) {                                            \
			(cap) = (need) + (need) / 2;                             \
			(array) = mem_realloc((array), (cap) * sizeof *(array)); \
		}                                                                \
	} while (0)

/* ---- collecting ---- */

static void take(struct list *l, struct slice number, const struct subject *s)
{
	struct rules_view v;
	const struct rules_subject rs = {.key = number, .kind = SUBJECT_NUMBER, .state = s->state, .state_len = s->state_len};
	rules_scratch_reset(l->scratch);
	if (rules_view(l->scratch, l->peek->rules, &rs, &v)) {
		l->unreadable++;
		return;
	}
	bool ended = subject_expired(s, l->clock_ms, l->peek->set.keep_ms) && !rules_view_holds(&v);
	if (ended || (l->phase < 0 ? v.phase == PHASE_ACTIVE : v.phase != (enum phase)l->phase))
		return;
	GROW(l->rows, l->cap, l->cnt + 1);
	l->rows[l->cnt++] = (struct row){.number = arena_copy(&l->arena, number),
					 .phase = v.phase,
					 .episode = v.episode,
					 .flags = v.open_flag_cnt,
					 .alerts = v.open_alert_cnt,
					 .since_ms = v.phase_since_ms,
					 .until_ms = v.until_ms};
}

static enum err take_record(void *ctx, struct slice key, struct slice value, int64_t number)
{
	struct list *l = ctx;
	struct subject s;
	struct err_text why;
	(void)number;
	if (subject_kind_of(key) != SUBJECT_NUMBER)
		return ERR_OK;
	if (record_decode(value, &s, &why)) {
		l->unreadable++;
		fprintf(stderr, "ringfence: the record of " SLICE_FMT " is left out: %s\n", SLICE_ARG(key), why.text);
		return ERR_OK;
	}
	take(l, key, &s);
	subject_release(&s);
	return ERR_OK;
}

static enum err take_history(void *ctx, struct slice key, struct slice value, int64_t number)
{
	struct list *l = ctx;
	struct case_row rows[CASE_ROWS];
	uint32_t damaged = 0, n = case_rows_read(value, rows, &damaged);
	(void)number;
	l->unreadable += damaged;
	if (n == 0)
		return ERR_OK;
	struct slice own = arena_copy(&l->arena, key);
	GROW(l->ended, l->ended_cap, l->ended_cnt + n);
	for (uint32_t i = 0; i < n; i++)
		l->ended[l->ended_cnt++] = (struct finished){own, rows[i]};
	return ERR_OK;
}

static enum err collect(struct list *l, bool finished, struct err_text *why)
{
	const struct store_ops *ops = l->peek->ops;
	enum err e = ERR_OK;
	for (int32_t i = 0; i < l->peek->partitions && !e; i++) {
		struct store_shard *h = NULL;
		struct meta m;
		bool found = false;
		e = peek_shard(l->peek, i, &h, why);
		if (!e)
			e = peek_meta(l->peek, h, &m, &found, why);
		l->clock_ms = found ? m.clock_ms : TIME_NONE;
		if (!e && found)
			e = finished ? ops->values(h, SPACE_HISTORY, take_history, l, why)
				     : ops->values(h, SPACE_RECORD, take_record, l, why);
		if (h)
			ops->shard_close(h);
	}
	return e;
}

/* ---- numbers ---- */

static int by_number(const void *a, const void *b)
{
	return slice_cmp(((const struct row *)a)->number, ((const struct row *)b)->number);
}

static const char *short_time(int64_t ms, char out[TIME_TEXT_BYTES])
{
	if (ms == TIME_NONE)
		return "";
	time_format(ms, out);
	return out;
}

static void print_row(const struct row *r, enum format format)
{
	char since[TIME_TEXT_BYTES], until[TIME_TEXT_BYTES];
	if (format == JSON) {
		struct buf b = {0};
		struct json j;
		json_init_buf(&j, &b);
		json_open(&j, '{');
		json_key(&j, "number");
		json_text(&j, r->number);
		json_key(&j, "phase");
		json_string(&j, phase_name(r->phase));
		json_key(&j, "episode");
		json_uint(&j, r->episode);
		json_key(&j, "since");
		json_time(&j, r->since_ms);
		json_key(&j, "until");
		json_time(&j, r->until_ms);
		json_key(&j, "open_flags");
		json_uint(&j, r->flags);
		json_key(&j, "open_alerts");
		json_uint(&j, r->alerts);
		json_close(&j, '}');
		buf_put_u8(&b, '\n');
		fwrite(b.data, 1, b.len, stdout);
		buf_release(&b);
		return;
	}
	short_time(r->since_ms, since);
	short_time(r->until_ms, until);
	if (format == CSV)
		printf(SLICE_FMT ",%s,%u,%s,%s,%u,%u\n", SLICE_ARG(r->number), phase_name(r->phase), r->episode,
		       r->since_ms == TIME_NONE ? "" : since, r->until_ms == TIME_NONE ? "" : until, r->flags, r->alerts);
	else
		printf("%-17.*s %-9s %7u  %-16.16s  %-16.16s %6u %7u\n", SLICE_ARG(r->number), phase_name(r->phase), r->episode,
		       r->since_ms == TIME_NONE ? "" : since, r->until_ms == TIME_NONE ? "" : until, r->flags, r->alerts);
}

static void print_numbers(struct list *l, enum format format)
{
	if (l->cnt)
		qsort(l->rows, l->cnt, sizeof *l->rows, by_number);
	if (format == CSV)
		puts("number,phase,episode,since,until,open_flags,open_alerts");
	else if (format == TABLE)
		printf("%-17s %-9s %7s  %-16s  %-16s %6s %7s\n", "number", "phase", "episode", "since (UTC)", "until (UTC)", "flags",
		       "alerts");
	for (size_t i = 0; i < l->cnt; i++)
		print_row(&l->rows[i], format);
	if (format == TABLE)
		printf("%zu numbers\n", l->cnt);
}

/* ---- finished episodes ---- */

static int by_number_and_episode(const void *a, const void *b)
{
	const struct finished *x = a, *y = b;
	int c = slice_cmp(x->number, y->number);
	return c ? c : (x->of.episode > y->of.episode) - (x->of.episode < y->of.episode);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

struct summary {
	uint64_t episodes, numbers, recovered, released, relapsed, again; /* again: recovered, and quarantined another time since */
	double median_days;                                               /* of those that recovered; 0: none did */
};

static struct summary sum_up(const struct list *l)
{
	struct summary s = {.episodes = l->ended_cnt};
	double *days = mem_alloc((l->ended_cnt + 1) * sizeof *days);
	for (size_t i = 0; i < l->ended_cnt; i++) {
		const struct finished *f = &l->ended[i];
		bool last = i + 1 == l->ended_cnt || !slice_eq(l->ended[i + 1].number, f->number);
		s.numbers += last;
		s.released += f->of.outcome == CASE_RELEASED;
		s.relapsed += f->of.outcome == CASE_RELAPSED;
		if (f->of.outcome == CASE_RECOVERED) {
			days[s.recovered++] = case_row_days(&f->of);
			s.again += !last;
		}
	}
	if (s.recovered) {
		qsort(days, s.recovered, sizeof *days, by_value);
		s.median_days = (days[(s.recovered - 1) / 2] + days[s.recovered / 2]) / 2;
	}
	free(days);
	return s;
}

static double share(uint64_t part, uint64_t all)
{
	return all ? (double)part / (double)all : 0;
}

static void print_finished_json(const struct finished *f)
{
	struct buf b = {0};
	struct json j;
	json_init_buf(&j, &b);
	case_row_write(&j, f->number, &f->of);
	buf_put_u8(&b, '\n');
	fwrite(b.data, 1, b.len, stdout);
	buf_release(&b);
}

static const char *score(int v, char out[8])
{
	if (v < 0)
		return "";
	snprintf(out, 8, "%d", v);
	return out;
}

static void print_finished_row(const struct finished *f, enum format format)
{
	char began[TIME_TEXT_BYTES], ended[TIME_TEXT_BYTES], before[8], after[8];
	const struct case_row *r = &f->of;
	const char *outcome = case_outcome_name(r->outcome) ? case_outcome_name(r->outcome) : "?";
	time_format(r->began_ms, began);
	time_format(r->ended_ms, ended);
	if (format == CSV)
		printf(SLICE_FMT ",%u,%s,%s,%s,%s,%.2f,%u,%u,%u,%s,%s\n", SLICE_ARG(f->number), r->episode, outcome,
		       case_reason_name(r->reason), began, ended, case_row_days(r), r->violations, r->sent, r->answered,
		       score(r->health_before, before), score(r->health_after, after));
	else
		printf("%-17.*s %7u  %-9s  %-9s  %-10.10s  %-10.10s %7.1f %10u %4u/%-4u %4s > %-4s\n", SLICE_ARG(f->number), r->episode,
		       outcome, case_reason_name(r->reason), began, ended, case_row_days(r), r->violations, r->answered, r->sent,
		       r->health_before < 0 ? "?" : score(r->health_before, before),
		       r->health_after < 0 ? "?" : score(r->health_after, after));
}

static void print_summary(const struct summary *s, enum format format)
{
	if (format == JSON)
		printf("{\"summary\":{\"episodes\":%llu,\"numbers\":%llu,\"recovered\":%llu,\"released\":%llu,\"relapsed\":%llu,"
		       "\"recovered_and_again\":%llu,\"median_days\":%.2f,\"relapse_rate\":%.4f}}\n",
		       (unsigned long long)s->episodes, (unsigned long long)s->numbers, (unsigned long long)s->recovered,
		       (unsigned long long)s->released, (unsigned long long)s->relapsed, (unsigned long long)s->again, s->median_days,
		       share(s->relapsed, s->recovered + s->relapsed));
	else if (format == TABLE)
		printf("%llu episodes of %llu numbers ended: %llu recovered (median %.1f days; %llu of them quarantined again since), %llu "
		       "released "
		       "by command,\n%llu relapsed, %.1f %% of those that were not released\n",
		       (unsigned long long)s->episodes, (unsigned long long)s->numbers, (unsigned long long)s->recovered, s->median_days,
		       (unsigned long long)s->again, (unsigned long long)s->released, (unsigned long long)s->relapsed,
		       100 * share(s->relapsed, s->recovered + s->relapsed));
}

static void print_finished(struct list *l, enum format format)
{
	if (l->ended_cnt)
		qsort(l->ended, l->ended_cnt, sizeof *l->ended, by_number_and_episode);
	if (format == CSV)
		puts("number,episode,outcome,reason,began,ended,days,violations,disputes_sent,disputes_answered,health_before,health_"
		     "after");
	else if (format == TABLE)
		printf("%-17s %7s  %-9s  %-9s  %-10s  %-10s %7s %10s %9s %11s\n", "number", "episode", "outcome", "reason", "began",
		       "ended", "days", "violations", "disputes", "health");
	for (size_t i = 0; i < l->ended_cnt; i++)
		if (format == JSON)
			print_finished_json(&l->ended[i]);
		else
			print_finished_row(&l->ended[i], format);
	struct summary s = sum_up(l);
	print_summary(&s, format);
}

/* ---- the verb ---- */

static void unheard(void *ctx, struct event *e)
{
	(void)ctx;
	(void)e;
}

static int run(const char *config, int phase, bool finished, enum format format)
{
	struct peek p;
	struct err_text why;
	enum err e = peek_open(config, &p, &why);
	struct list l = {.peek = &p, .phase = phase};
	arena_init(&l.arena, 64 << 10);
	if (!e) {
		l.scratch = rules_scratch_new(&p.set.policies, unheard, NULL);
		e = collect(&l, finished, &why);
	}
	if (!e && finished)
		print_finished(&l, format);
	else if (!e)
		print_numbers(&l, format);
	if (!e && fflush(stdout) != 0)
		e = err_set(&why, ERR_IO, "cannot write to standard output");
	if (!e && l.unreadable)
		e = err_set(&why, ERR_CORRUPT, "%llu records cannot be read and are left out", (unsigned long long)l.unreadable);
	rules_scratch_free(l.scratch);
	arena_release(&l.arena);
	free(l.rows);
	free(l.ended);
	peek_close(&p);
	return e ? verb_fail(e, &why) : 0;
}

static int phase_of(const char *name)
{
	for (int i = 0; i < PHASE_CNT; i++)
		if (strcmp(name, phase_name((enum phase)i)) == 0)
			return i;
	return -1;
}

int verb_number_list(int argc, char **argv)
{
	static const char *const formats[] = {"table", "csv", "json"};
	static const struct option options[] = {{"config", required_argument, NULL, 'c'}, {"phase", required_argument, NULL, 'p'},
						{"finished", no_argument, NULL, 'e'},     {"format", required_argument, NULL, 'f'},
						{"help", no_argument, NULL, 'h'},         {0}};
	const char *config = NULL;
	int option, phase = -1, format = TABLE;
	bool finished = false;
	while ((option = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
		if (option == 'h') {
			fputs(help, stdout);
			return 0;
		}
		if (option == '?')
			return verb_usage("number list", "an option is not known or lacks its value");
		if (option == 'p' && (phase = phase_of(optarg)) < 0)
			return verb_usage("number list", "--phase %s: aging, rest, limited, moderate or active is expected", optarg);
		for (format = option == 'f' ? JSON : format; option == 'f' && format >= 0 && strcmp(optarg, formats[format]) != 0;)
			format--;
		if (format < 0)
			return verb_usage("number list", "--format %s: table, csv or json is expected", optarg);
		config = option == 'c' ? optarg : config;
		finished = finished || option == 'e';
	}
	if (optind < argc)
		return verb_usage("number list", "'%s' is not expected", argv[optind]);
	if (!config)
		return verb_usage("number list", "-c FILE is missing");
	if (finished && phase >= 0)
		return verb_usage("number list", "--phase is of numbers, --finished of episodes that ended: give one of them");
	return run(config, phase, finished, (enum format)format);
}
