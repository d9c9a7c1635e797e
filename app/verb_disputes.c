/* SPDX-License-Identifier: Apache-2.0 */
/* `disputes`: the dispute calendar, read from the store; what was sent and answered, put on the control topic. */
#include "app/app.h"
#include "app/control_put.h"
#include "app/dispute_list.h"
#include "app/ics.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const char help[] =
	"usage: ringfence disputes list -c FILE [--number N] [--state S] [--due-before TIME] [--format table|json|csv]\n"
	"       ringfence disputes sent -c FILE [--note TEXT] [--by NAME] [--id ID] [--wait D] NUMBER STEP\n"
	"       ringfence disputes reply -c FILE --outcome TEXT [--note TEXT] [--by NAME] [--id ID] [--wait D] NUMBER STEP\n"
	"       ringfence disputes ics -c FILE [--number N] [--state S] [--due-before TIME]\n"
	"\n"
	"NUMBER is E.164, as in +15551230000. STEP is what list shows: the id of a provider, as in hiya.\n"
	"\n"
	"  list               the steps of all numbers, by due time; json: one object a line\n"
	"  sent               the dispute was sent: it is asked again if no reply is recorded in the provider's follow-up days\n"
	"  reply              there was a reply\n"
	"  ics                the steps as an iCalendar file on standard output, one event each; a later file updates the same events\n"
	"\n"
	"  --number N         of this number alone\n"
	"  --state S          planned, due, sent, follow_up_due, answered, closed, or open: the first four (list: open is the default)\n"
	"  --due-before TIME  due or to be asked again before then: epoch milliseconds or RFC 3339\n"
	"  --outcome TEXT     accepted, refused, pending (they look at it: asked again later), withdrawn (closed), or other words\n"
	"  --note TEXT        stands in the event and the history\n"
	"  --by NAME          who (default: the user's name)\n"
	"  --id ID            of the command: one that comes again changes nothing (default: random)\n"
	"  --wait D           how long to wait until it is applied (default 10s); after that it is said to be queued\n"
	"\n"
	"example: ringfence disputes list -c ringfence.yaml --due-before 2026-02-01T00:00:00Z\n"
	"example: ringfence disputes reply -c ringfence.yaml --outcome accepted --note 'label removed, ticket 4711' +15551230000 hiya\n";

struct options {
	const char *config, *format, *state, *due_before;
	struct dispute_filter filter;
	struct control_command command;
	const char *step, *outcome, *note;
};

static const char *const formats[] = {[DISPUTES_TABLE] = "table", [DISPUTES_JSON] = "json", [DISPUTES_CSV] = "csv"};

/* ---- what is done ---- */

static enum err print(const struct peek *r, const struct options *o, bool ics, struct err_text *why)
{
	struct dispute_list l = {0};
	struct buf out = {0};
	enum dispute_format format = DISPUTES_TABLE;
	for (int i = 0; o->format && i < 3; i++)
		format = strcmp(o->format, formats[i]) == 0 ? (enum dispute_format)i : format;
	enum err e = dispute_list_read(r, &o->filter, &l, why);
	if (!e && ics)
		ics_write(&l, r->set.deployment, &out);
	else if (!e)
		dispute_list_write(&l, format, &out);
	if (!e && ((out.len && fwrite(out.data, 1, out.len, stdout) != out.len) || fflush(stdout) != 0))
		e = err_set(why, ERR_IO, "cannot write to standard output");
	if (!e && l.damaged)
		e = err_set(why, ERR_CORRUPT, "%llu records cannot be read (above)", (unsigned long long)l.damaged);
	dispute_list_release(&l);
	buf_release(&out);
	return e;
}

static int run(struct options *o, const char *what)
{
	struct peek r;
	struct err_text why;
	bool ics = strcmp(what, "ics") == 0;
	enum err e = peek_open(o->config, &r, &why);
	if (!e)
		e = o->command.command ? control_put(&r, &o->command, &why) : print(&r, o, ics, &why);
	peek_close(&r);
	return e ? verb_fail(e, &why) : 0;
}

/* ---- options ---- */

/* 0: go on; else the exit status, less one. */
static int read_options(int argc, char **argv, struct options *o)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},  {"number", required_argument, NULL, 'N'},
						{"state", required_argument, NULL, 's'},   {"due-before", required_argument, NULL, 'd'},
						{"format", required_argument, NULL, 'f'},  {"note", required_argument, NULL, 'n'},
						{"outcome", required_argument, NULL, 'o'}, {"by", required_argument, NULL, 'b'},
						{"id", required_argument, NULL, 'i'},      {"wait", required_argument, NULL, 'w'},
						{"help", no_argument, NULL, 'h'},          {0}};
	int option;
	while ((option = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
		if (option == 'h') {
			fputs(help, stdout);
			return 1;
		}
		if (option == '?')
			return 1 + verb_usage("disputes", "an option is not known or lacks its value");
		if (option == 'w' && strcmp(optarg, "0s") != 0 && !duration_parse(slice_of(optarg), &o->command.wait_ms))
			return 1 + verb_usage("disputes", "--wait %s is not a duration, as in 10s", optarg);
		if (option == 'w' && strcmp(optarg, "0s") == 0)
			o->command.wait_ms = 0;
		o->config = option == 'c' ? optarg : o->config;
		o->filter.number = option == 'N' ? optarg : o->filter.number;
		o->state = option == 's' ? optarg : o->state;
		o->due_before = option == 'd' ? optarg : o->due_before;
		o->format = option == 'f' ? optarg : o->format;
		o->note = option == 'n' ? optarg : o->note;
		o->outcome = option == 'o' ? optarg : o->outcome;
		o->command.by = option == 'b' ? optarg : o->command.by;
		o->command.id = option == 'i' ? optarg : o->command.id;
	}
	return 0;
}

static bool read_states(struct options *o)
{
	for (int i = 0; i < STEP_STATE_CNT; i++)
		if (strcmp(o->state, step_state_name((enum step_state)i)) == 0) {
			o->filter.states = UINT32_C(1) << i;
			return true;
		}
	o->filter.states = STEPS_OPEN;
	return strcmp(o->state, "open") == 0;
}

/* 0: the options fit; else an exit status. */
static int check_look(struct options *o, bool ics)
{
	bool known = !o->format;
	for (int i = 0; i < 3 && o->format; i++)
		known = known || strcmp(o->format, formats[i]) == 0;
	if (o->note || o->outcome || o->command.id)
		return verb_usage("disputes", "--note, --outcome and --id belong to disputes sent and reply");
	if (!known)
		return verb_usage("disputes", "--format %s is not one of table, json, csv", o->format);
	if (ics && o->format)
		return verb_usage("disputes", "ics takes no --format");
	o->filter.states = ics ? STEPS_ANY : STEPS_OPEN;
	if (o->state && !read_states(o))
		return verb_usage("disputes", "--state %s is not one of planned, due, sent, follow_up_due, answered, closed, open",
				  o->state);
	o->filter.due_before_ms = TIME_NEVER;
	if (o->due_before && !time_parse(slice_of(o->due_before), &o->filter.due_before_ms))
		return verb_usage("disputes", "--due-before %s is not a time: epoch milliseconds or RFC 3339", o->due_before);
	if (o->filter.number && !e164_valid(slice_of(o->filter.number)))
		return verb_usage("disputes", "'%s' is not a number in E.164, as in +15551230000", o->filter.number);
	return 0;
}

static int check_command(struct options *o, bool reply, int argc, char **argv)
{
	struct control_command *c = &o->command;
	struct err_text why;
	if (o->filter.number || o->state || o->due_before || o->format)
		return verb_usage("disputes", "--number, --state, --due-before and --format belong to disputes list and ics");
	if (optind + 2 >= argc)
		return verb_usage("disputes", "say of which NUMBER and which STEP");
	c->command = reply ? "dispute-reply" : "dispute-sent";
	c->number = argv[optind + 1];
	c->fields[0] = (struct control_field){"step", argv[optind + 2]};
	c->fields[1] = (struct control_field){"outcome", o->outcome};
	c->fields[2] = (struct control_field){"note", o->note};
	c->field_cnt = 3;
	if (!e164_valid(slice_of(c->number)))
		return verb_usage("disputes", "'%s' is not a number in E.164, as in +15551230000", c->number);
	if (reply != (o->outcome != NULL))
		return verb_usage("disputes", reply ? "--outcome is missing" : "--outcome belongs to disputes reply");
	return control_check(c, &why) ? verb_usage("disputes", "%s", why.text) : 0;
}

int verb_disputes(int argc, char **argv)
{
	struct options o = {.command = {.by = getenv("USER"), .wait_ms = 10 * SECOND_MS}};
	int done = read_options(argc, argv, &o);
	if (done)
		return done - 1;
	const char *what = optind < argc ? argv[optind] : "";
	bool list = strcmp(what, "list") == 0, ics = strcmp(what, "ics") == 0;
	bool sent = strcmp(what, "sent") == 0, reply = strcmp(what, "reply") == 0;
	if (!list && !ics && !sent && !reply)
		return verb_usage("disputes", "say what: list, sent, reply or ics");
	if (!o.config)
		return verb_usage("disputes", "-c FILE is missing");
	int bad = list || ics ? check_look(&o, ics) : check_command(&o, reply, argc, argv);
	return bad ? bad : run(&o, what);
}
