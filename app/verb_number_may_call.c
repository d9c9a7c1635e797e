/* SPDX-License-Identifier: Apache-2.0 */
/* `number may-call`: the question before a call. `number contacts`: whom a number knows. */
#include "app/app.h"
#include "app/number_verbs.h"
#include "app/peek.h"
#include "rules/life.h"
#include "rules/may_call.h"
#include "sinks/json.h"

#include <getopt.h>
#include <stdio.h>

static const char may_call_help[] =
	"usage: ringfence number may-call -c FILE [--at TIME] NUMBER CALLED\n"
	"\n"
	"May the number call CALLED now? Answered from its stored record, as one JSON object on standard output; exit 0: it may, 1: it may "
	"not.\n"
	"\n"
	"  allowed           true or false\n"
	"  policy            which policy forbids it: no_calls, daily_cap, unknown_contact; null\n"
	"  phase, day        where the number stands; its local day\n"
	"  calls, left       judged calls of that day; how many are left before the cap, null if there is none\n"
	"  known             CALLED is a known contact\n"
	"  share_in_danger   it may, but with it the day's share of new contacts is above policy\n"
	"  changes           when the answer may be another by itself (midnight, the end of the phase), or null\n"
	"\n"
	"  --at TIME         RFC 3339 or epoch ms, in place of now\n"
	"\n"
	"example: ringfence number may-call -c ringfence.yaml +15551230000 +12125550100\n";

static const char contacts_help[] =
	"usage: ringfence number contacts -c FILE NUMBER\n"
	"\n"
	"Whom the number knows, as one JSON object on standard output. In an episode those that were frozen at quarantine: the newest by "
	"number, of the\n"
	"others only how many. Else those that answered it in the last 31 days. Beside them what commands added or removed.\n"
	"\n"
	"example: ringfence number contacts -c ringfence.yaml +15551230000\n";

struct asked {
	const char *config, *number, *called;
	int64_t at_ms;
};

typedef enum err answer_it(const struct peek *r, const struct asked *a, const struct subject *sub, struct buf *out, bool *no,
			   struct err_text *why);

/* ---- the stored record ---- */

static enum err read_record(const struct peek *r, struct slice number, struct store_shard **h, struct slice *record, struct err_text *why)
{
	struct store_key key = {number, SPACE_RECORD};
	struct store_read read;
	enum err e = peek_shard(r, partition_of((enum partitioner)r->set.partitioner, number, r->partitions), h, why);
	if (!e)
		e = r->ops->read_begin(*h, &key, 1, why);
	if (!e)
		e = r->ops->read_end(*h, &read, why);
	*record = e ? SLICE_NONE : read.values[0];
	return e;
}

/* A number of which nothing is stored is an active one. */
static enum err with_record(const struct peek *r, const struct asked *a, answer_it *answer, struct buf *out, bool *no, struct err_text *why)
{
	struct store_shard *h = NULL;
	struct slice record = SLICE_NONE;
	struct subject sub = {.clock_ms = TIME_NONE, .first_seen_ms = TIME_NONE, .kind = SUBJECT_NUMBER};
	enum err e = r->partitions ? read_record(r, slice_of(a->number), &h, &record, why) : ERR_OK;
	if (!e && record.p)
		e = record_decode(record, &sub, why);
	if (!e)
		e = answer(r, a, &sub, out, no, why);
	if (!e && record.p)
		subject_release(&sub);
	if (h)
		r->ops->shard_close(h);
	return e;
}

static void unheard(void *ctx, struct event *e)
{
	(void)ctx;
	(void)e;
}

static struct rules_subject subject_of(const struct asked *a, const struct subject *sub)
{
	return (struct rules_subject){.key = slice_of(a->number), .kind = SUBJECT_NUMBER, .state = sub->state, .state_len = sub->state_len};
}

/* ---- may it call ---- */

static void write_answer(struct json *j, const struct asked *a, const struct may_call *m)
{
	int64_t year;
	int month, day;
	char text[40];
	days_to_civil(m->day, &year, &month, &day);
	snprintf(text, sizeof text, "%04d-%02d-%02d", (int)year, month, day);
	json_open(j, '{');
	json_key(j, "number");
	json_string(j, a->number);
	json_key(j, "called");
	json_string(j, a->called);
	json_key(j, "allowed");
	json_bool(j, m->allowed);
	json_key(j, "policy");
	if (m->policy)
		json_string(j, m->policy);
	else
		json_null(j);
	json_key(j, "phase");
	json_string(j, phase_name(m->phase));
	json_key(j, "day");
	json_string(j, text);
	json_key(j, "calls");
	json_int(j, m->calls);
	json_key(j, "left");
	if (m->left >= 0)
		json_int(j, m->left);
	else
		json_null(j);
	json_key(j, "known");
	json_bool(j, m->known);
	json_key(j, "share_in_danger");
	json_bool(j, m->share_in_danger);
	json_key(j, "changes");
	json_time(j, m->changes_ms);
	json_close(j, '}');
}

static enum err answer_may_call(const struct peek *r, const struct asked *a, const struct subject *sub, struct buf *out, bool *no,
				struct err_text *why)
{
	struct rules_scratch *s = rules_scratch_new(&r->set.policies, unheard, NULL);
	struct rules_subject rs = subject_of(a, sub);
	struct slice called = slice_of(a->called);
	struct may_call m;
	enum err e = rules_may_call(s, r->rules, &rs, called, number_pack(called), a->at_ms, &m, why);
	if (!e) {
		struct json j;
		json_init_buf(&j, out);
		write_answer(&j, a, &m);
		*no = !m.allowed;
	}
	rules_scratch_free(s);
	return e;
}

/* ---- contacts ---- */

static void write_packed(struct json *j, uint64_t called)
{
	char text[NUMBER_TEXT_BYTES];
	if (number_unpack(called, text))
		json_string(j, text);
	else
		json_null(j); /* no number: only a hash of it was kept */
}

static void write_listed(struct json *j, const struct contacts *c)
{
	json_key(j, "by_command");
	json_open(j, '[');
	for (uint32_t i = 0; i < c->listed_cnt; i++) {
		json_open(j, '{');
		json_key(j, "called");
		write_packed(j, c->listed[i].called);
		json_key(j, "known");
		json_bool(j, !c->listed[i].removed);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void write_frozen(struct json *j, const struct contacts *c)
{
	json_key(j, "known");
	json_open(j, '[');
	for (uint32_t i = 0; i < c->cnt; i++)
		write_packed(j, c->exact[i]);
	json_close(j, ']');
	json_key(j, "others");
	json_uint(j, c->print_cnt);
	json_key(j, "incomplete");
	json_bool(j, c->incomplete);
}

static void write_answered(struct json *j, const struct subject *sub, int64_t at_ms)
{
	struct contact found[CONTACTS_MAX];
	struct contact_rest rest = {.complete = true};
	int64_t as_of_ms = at_ms > sub->clock_ms ? at_ms : sub->clock_ms;
	uint32_t n = sub->history ? subject_contacts(sub, as_of_ms, found, CONTACTS_MAX, &rest) : 0;
	json_key(j, "known");
	json_open(j, '[');
	for (uint32_t i = 0; i < n; i++)
		write_packed(j, found[i].called);
	json_close(j, ']');
	json_key(j, "others");
	json_uint(j, rest.more);
	json_key(j, "incomplete");
	json_bool(j, !rest.complete);
}

static enum err answer_contacts(const struct peek *r, const struct asked *a, const struct subject *sub, struct buf *out, bool *no,
				struct err_text *why)
{
	struct rules_scratch *s = rules_scratch_new(&r->set.policies, unheard, NULL);
	struct rules_subject rs = subject_of(a, sub);
	struct rules_view v;
	enum err e = rules_view(s, r->rules, &rs, &v);
	(void)no;
	if (e) {
		rules_scratch_free(s);
		return err_set(why, e, "the state of %s cannot be read", a->number);
	}
	struct json j;
	json_init_buf(&j, out);
	json_open(&j, '{');
	json_key(&j, "number");
	json_string(&j, a->number);
	json_key(&j, "phase");
	json_string(&j, phase_name(v.phase));
	if (v.phase == PHASE_ACTIVE || v.phase == PHASE_AGING)
		write_answered(&j, sub, a->at_ms);
	else
		write_frozen(&j, v.contacts);
	write_listed(&j, v.contacts);
	json_close(&j, '}');
	rules_scratch_free(s);
	return ERR_OK;
}

/* ---- the verbs ---- */

static int run(const struct asked *a, answer_it *answer)
{
	struct peek r;
	struct err_text why;
	struct buf out = {0};
	bool no = false;
	enum err e = peek_open(a->config, &r, &why);
	if (!e)
		e = with_record(&r, a, answer, &out, &no, &why);
	if (!e)
		printf("%.*s\n", (int)out.len, (const char *)out.data);
	buf_release(&out);
	peek_close(&r);
	return e ? verb_fail(e, &why) : no;
}

/* 0: go on; else the exit status, less one. */
static int read_options(int argc, char **argv, const char *help, struct asked *a)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'}, {"at", required_argument, NULL, 'a'}, {"help", no_argument, NULL, 'h'}, {0}};
	int option;
	a->at_ms = wall_now().ms;
	while ((option = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
		if (option == 'h')
			fputs(help, stdout);
		if (option == 'h')
			return 1;
		if (option == '?')
			return 1 + verb_usage("number", "an option is not known or lacks its value");
		if (option == 'c')
			a->config = optarg;
		if (option == 'a' && !time_parse(slice_of(optarg), &a->at_ms))
			return 1 + verb_usage("number", "--at %s is not a time: RFC 3339 or epoch milliseconds", optarg);
	}
	a->number = optind < argc ? argv[optind] : "";
	a->called = optind + 1 < argc ? argv[optind + 1] : "";
	if (!a->config)
		return 1 + verb_usage("number", "-c FILE is missing");
	if (!e164_valid(slice_of(a->number)))
		return 1 + verb_usage("number", "'%s' is not a number in E.164, as in +15551230000", a->number);
	return 0;
}

int verb_number_may_call(int argc, char **argv)
{
	struct asked a = {0};
	int done = read_options(argc, argv, may_call_help, &a);
	if (done)
		return done - 1;
	if (!a.called[0])
		return verb_usage("number", "say whom it would call: number may-call NUMBER CALLED");
	return run(&a, answer_may_call);
}

int verb_number_contacts(int argc, char **argv)
{
	struct asked a = {0};
	int done = read_options(argc, argv, contacts_help, &a);
	return done ? done - 1 : run(&a, answer_contacts);
}
