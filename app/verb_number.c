/* SPDX-License-Identifier: Apache-2.0 */
/* `number`: read one number; put a command about it on the control topic. */
#include "app/app.h"
#include "app/control_put.h"
#include "app/dump.h"
#include "app/number_verbs.h"
#include "app/peek.h"
#include "sinks/json.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const char help[] =
	"usage: ringfence number show -c FILE NUMBER\n"
	"       ringfence number dossier -c FILE [--episode N] [--format json|html] [--out FILE] NUMBER\n"
	"       ringfence number list -c FILE [--phase P | --finished] [--format table|csv|json]\n"
	"       ringfence number may-call -c FILE NUMBER CALLED\n"
	"       ringfence number contacts -c FILE NUMBER\n"
	"       ringfence number COMMAND -c FILE [--note TEXT] [--by NAME] [--id ID] [--wait D] [what it needs] NUMBER\n"
	"\n"
	"NUMBER is E.164, as in +15551230000.\n"
	"\n"
	"  show         the number as stored: lifetime, phase, open flags and alerts, dispute steps, test calls, its figures over 1h, 24h, "
	"7d and\n"
	"               31d, its health with reasons, as JSON\n"
	"  dossier      the audit and documentation package of a number, or the case study of an episode, as JSON or as a page\n"
	"  list         the numbers that are not active, or those of a phase; the episodes that ended\n"
	"  may-call     may it call that number now, and if not why\n"
	"  contacts     whom it knows (these four each with --help of its own)\n"
	"\n"
	"commands:\n"
	"  quarantine   puts the number to rest, whatever the rules say\n"
	"  release      ends its quarantine: back to active\n"
	"  flag         opens a flag: --provider, --carrier, --label, --source\n"
	"  clear        closes the flags that match --provider, --carrier, --label; what is left out matches any\n"
	"  complaint    counts a complaint: --provider\n"
	"  contact      --called NUMBER with --add or --remove: whom it knows, whatever its calls say\n"
	"  check        keeps the result of a test call: --carrier, --device, --result\n"
	"  note         puts --note into its history\n"
	"  forget       erases the number: record, contacts, history, and its entry on the topic of numbers\n"
	"\n"
	"  --note TEXT  why; becomes the detail of the transition, and stands in the history\n"
	"  --by NAME    who (default: the user's name)\n"
	"  --id ID      of the command: the same id gives the same event ids, and is applied once (default: random)\n"
	"  --wait D     how long to wait until it is applied (default 10s); after that it is said to be queued, and how far its shard is\n"
	"\n"
	"example: ringfence number release -c ringfence.yaml --note 'a false alarm: the clinic recalls its patients' +15551230000\n"
	"example: ringfence number flag -c ringfence.yaml --provider Hiya --carrier 'AT&T' --label 'Spam Risk' +15551230000\n";

struct options {
	const char *config, *number;
	struct control_command command;
};

/* ---- show ---- */

static const char *const windows[] = {"1h", "24h", "7d", "31d"};
#define WINDOWS 4

/* {"calls":{"1h":3,...},...}: every feature that has a window. */
static void write_figures(struct json *j, const struct subject *s)
{
	struct figure_key keys[FEATURE_CNT * WINDOWS];
	struct value values[FEATURE_CNT * WINDOWS];
	uint64_t filled[(FEATURE_CNT * WINDOWS + 63) / 64] = {0};
	struct figures f = {.keys = keys, .filled = filled, .values = values};
	uint8_t of = s->kind == SUBJECT_NUMBER ? OF_NUMBER : s->kind == SUBJECT_BLOCK ? OF_COHORT | OF_BLOCK : OF_COHORT;
	for (int k = 0; k < FEATURE_CNT; k++)
		for (int w = 0; w < WINDOWS && feature_info((enum feature)k)->windowed && (feature_info((enum feature)k)->of & of); w++) {
			keys[f.n] = (struct figure_key){.feature = (enum feature)k};
			bool ok = duration_parse(slice_of(windows[w]), &keys[f.n++].window_ms);
			(void)ok;
		}
	figures_reset(&f, s, s->clock_ms);
	json_key(j, "figures");
	json_open(j, '{');
	for (uint32_t i = 0; i < f.n; i++) {
		if (i % WINDOWS == 0) {
			json_key(j, feature_info(keys[i].feature)->name);
			json_open(j, '{');
		}
		struct value v = figure_get(&f, i);
		json_key(j, windows[i % WINDOWS]);
		json_value(j, &v);
		if (i % WINDOWS == WINDOWS - 1)
			json_close(j, '}');
	}
	json_close(j, '}');
}

static const char *const health_names[HEALTH_PARTS] = {"health", "maturity", "connection", "engagement", "sentiment"};

static void write_reasons(struct json *j, const struct subject *s)
{
	struct health_reason reasons[HEALTH_REASONS_MAX];
	uint32_t n = health_reasons(s, s->clock_ms, reasons);
	json_key(j, "reasons");
	json_open(j, '[');
	for (uint32_t i = 0; i < n; i++) {
		json_open(j, '{');
		json_key(j, "part");
		json_text(j, slice_of(health_names[reasons[i].part]));
		json_key(j, "figure");
		json_text(j, slice_of(reasons[i].figure));
		json_key(j, "value");
		json_value(j, &reasons[i].value);
		json_key(j, "points");
		json_double(j, reasons[i].points);
		json_key(j, "most");
		json_double(j, reasons[i].most);
		json_key(j, "words");
		json_text(j, slice_of(reasons[i].words));
		json_close(j, '}');
	}
	json_close(j, ']');
}

/* {"health":62,"maturity":..,"reasons":[{"part","figure","value","points","most","words"},...]}: of a number, as of its clock. */
static void write_health(struct json *j, const struct subject *s)
{
	struct health h;
	if (s->kind != SUBJECT_NUMBER)
		return;
	health_of(s, s->clock_ms, &h);
	json_key(j, "health");
	json_open(j, '{');
	for (int i = 0; i < HEALTH_PARTS; i++) {
		json_key(j, health_names[i]);
		json_int(j, h.of[i]);
	}
	write_reasons(j, s);
	json_close(j, '}');
}

static enum err print_subject(const struct peek *r, struct slice key, struct slice record, struct err_text *why)
{
	struct table *t = table_new(0);
	struct subject *s;
	struct buf out = {0};
	struct dump *d = dump_new(&r->set, r->rules);
	enum err e = table_load(t, key, hash64(key.p, key.len, 0), record, &s, why);
	if (!e)
		e = dump_subject_open(d, s, &out, why);
	if (!e) {
		struct json j = {.out = &out};
		write_figures(&j, s);
		write_health(&j, s);
		buf_puts(&out, "}\n");
		fwrite(out.data, 1, out.len, stdout);
	}
	dump_free(d);
	table_free(t);
	buf_release(&out);
	return e;
}

static enum err not_known(const struct options *o, struct err_text *why)
{
	return err_set(why, ERR_NO, "%s is not known: no call of it is remembered", o->number);
}

static enum err show(const struct peek *r, const struct options *o, struct err_text *why)
{
	struct store_shard *h = NULL;
	struct store_read read;
	struct slice number = slice_of(o->number);
	struct store_key key = {number, SPACE_RECORD};
	if (r->partitions == 0)
		return not_known(o, why);
	enum err e = peek_shard(r, partition_of((enum partitioner)r->set.partitioner, number, r->partitions), &h, why);
	if (!e)
		e = r->ops->read_begin(h, &key, 1, why);
	if (!e)
		e = r->ops->read_end(h, &read, why);
	if (!e)
		e = read.values[0].p ? print_subject(r, number, read.values[0], why) : not_known(o, why);
	if (h)
		r->ops->shard_close(h);
	return e;
}

/* ---- the verb ---- */

/* The options that become fields of a command, and which commands take them. */
static const struct taken {
	const char *option, *commands;
} taken[] = {
	{"note", " quarantine release flag clear complaint contact check note "},
	{"provider", " flag clear complaint "},
	{"carrier", " flag clear check "},
	{"label", " flag clear "},
	{"source", " flag "},
	{"device", " check "},
	{"result", " check "},
	{"called", " contact "},
};
#define TAKEN (sizeof taken / sizeof taken[0])
static const char *const commands[] = {"quarantine", "release", "flag", "clear", "complaint", "contact", "check", "note", "forget"};

static const char not_reached[] = "  what is erased here still stands, until their retention ends, in the topics of CDRs, commands, "
				  "copies, alerts, transitions, advisories\n"
				  "  and disputes, in what webhooks were sent, in logs (log.mask_numbers), and in counts of accounts, "
				  "trunks and blocks; a call of the number that\n"
				  "  comes later begins a new record\n";

static int run(const struct options *o, const char *what)
{
	struct peek r;
	struct err_text why;
	enum err e = peek_open(o->config, &r, &why);
	if (!e)
		e = strcmp(what, "show") == 0 ? show(&r, o, &why) : control_put(&r, &o->command, &why);
	if (!e && strcmp(what, "forget") == 0)
		fputs(not_reached, stdout);
	peek_close(&r);
	return e ? verb_fail(e, &why) : 0;
}

/* 0: go on; else the exit status, less one. */
static int read_options(int argc, char **argv, struct options *o)
{
	static const struct option options[] = {{"note", required_argument, NULL, 0},     {"provider", required_argument, NULL, 1},
						{"carrier", required_argument, NULL, 2},  {"label", required_argument, NULL, 3},
						{"source", required_argument, NULL, 4},   {"device", required_argument, NULL, 5},
						{"result", required_argument, NULL, 6},   {"called", required_argument, NULL, 7},
						{"add", no_argument, NULL, '+'},          {"remove", no_argument, NULL, '-'},
						{"config", required_argument, NULL, 'c'}, {"by", required_argument, NULL, 'b'},
						{"id", required_argument, NULL, 'i'},     {"wait", required_argument, NULL, 'w'},
						{"help", no_argument, NULL, 'h'},         {0}};
	struct control_command *c = &o->command;
	int option;
	while ((option = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
		if (option == 'h') {
			fputs(help, stdout);
			return 1;
		}
		if (option == '?')
			return 1 + verb_usage("number", "an option is not known or lacks its value");
		if (option == 'w' && strcmp(optarg, "0s") != 0 && !duration_parse(slice_of(optarg), &c->wait_ms))
			return 1 + verb_usage("number", "--wait %s is not a duration, as in 10s", optarg);
		if (option == 'w' && strcmp(optarg, "0s") == 0)
			c->wait_ms = 0;
		o->config = option == 'c' ? optarg : o->config;
		c->add = c->add || option == '+';
		c->remove = c->remove || option == '-';
		c->by = option == 'b' ? optarg : c->by;
		c->id = option == 'i' ? optarg : c->id;
		if (option >= 0 && option < (int)TAKEN)
			c->fields[option].value = optarg;
	}
	return 0;
}

/* NULL: the command may have what it was given. */
static const char *not_taken(const struct options *o, const char *what)
{
	char word[32];
	snprintf(word, sizeof word, " %s ", what);
	for (size_t i = 0; i < TAKEN; i++)
		if (o->command.fields[i].value && !strstr(taken[i].commands, word))
			return taken[i].option;
	return NULL;
}

static bool is_command(const char *what)
{
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
		if (strcmp(what, commands[i]) == 0)
			return true;
	return false;
}

int verb_number(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "dossier") == 0)
		return verb_number_dossier(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "list") == 0)
		return verb_number_list(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "may-call") == 0)
		return verb_number_may_call(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "contacts") == 0)
		return verb_number_contacts(argc - 1, argv + 1);
	struct options o = {.command = {.by = getenv("USER"), .wait_ms = 10 * SECOND_MS, .field_cnt = TAKEN}};
	for (size_t i = 0; i < TAKEN; i++)
		o.command.fields[i].name = taken[i].option;
	int done = read_options(argc, argv, &o);
	if (done)
		return done - 1;
	const char *what = optind < argc ? argv[optind] : "", *odd = NULL;
	o.number = o.command.number = optind + 1 < argc ? argv[optind + 1] : "";
	o.command.command = what;
	if (strcmp(what, "show") != 0 && !is_command(what))
		return verb_usage("number", "say what: show, dossier, list, may-call, contacts, quarantine, release, flag, clear, "
					    "complaint, contact, check, note "
					    "or forget");
	if (!o.config)
		return verb_usage("number", "-c FILE is missing");
	if (!e164_valid(slice_of(o.number)))
		return verb_usage("number", "'%s' is not a number in E.164, as in +15551230000", o.number);
	if ((odd = not_taken(&o, what)))
		return verb_usage("number", "number %s takes no --%s", what, odd);
	struct err_text why;
	if (is_command(what) && control_check(&o.command, &why))
		return verb_usage("number", "%s", why.text);
	return run(&o, what);
}
