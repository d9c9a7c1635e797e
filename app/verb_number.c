/* SPDX-License-Identifier: Apache-2.0 */
/* `number`: read one number; put a command about it on the control topic. */
#include "app/app.h"
#include "app/dump.h"
#include "app/number_verbs.h"
#include "app/peek.h"
#include "sinks/json.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static const char help[] =
	"usage: ringfence number show -c FILE NUMBER\n"
	"       ringfence number quarantine|release -c FILE [--note TEXT] [--by NAME] [--id ID] [--wait D] NUMBER\n"
	"       ringfence number dossier -c FILE [--episode N] [--format json|html] [--out FILE] NUMBER\n"
	"       ringfence number list -c FILE [--phase P | --finished] [--format table|csv|json]\n"
	"       ringfence number may-call -c FILE NUMBER CALLED\n"
	"       ringfence number contacts -c FILE NUMBER\n"
	"\n"
	"NUMBER is E.164, as in +15551230000.\n"
	"\n"
	"  show         the number as stored: lifetime, phase, open flags and alerts, its figures over 1h, 24h, 7d and 31d, its health "
	"with reasons, as JSON\n"
	"  dossier      the audit and documentation package of a number, or the case study of an episode, as JSON or as a page\n"
	"  list         the numbers that are not active, or those of a phase; the episodes that ended\n"
	"  may-call     may it call that number now, and if not why\n"
	"  contacts     whom it knows (these four each with --help of its own)\n"
	"  quarantine   puts the number to rest, whatever the rules say\n"
	"  release      ends its quarantine: back to active\n"
	"\n"
	"  --note TEXT  why; becomes the detail of the transition\n"
	"  --by NAME    who (default: the user's name)\n"
	"  --id ID      of the command: the same id gives the same event ids (default: random)\n"
	"  --wait D     how long to wait until it is applied (default 10s); after that it is said to be queued, and how far its shard is\n"
	"\n"
	"example: ringfence number release -c ringfence.yaml --note 'a false alarm: the clinic recalls its patients' +15551230000\n";

struct options {
	const char *config, *note, *by, *id, *number;
	int64_t wait_ms;
};

/* ---- show ---- */

static const char *const windows[] = {"1h", "24h", "7d", "31d"};
#define WINDOWS 4

static void write_value(struct json *j, const struct value *v)
{
	if (v->type == VALUE_INT)
		json_int(j, v->i);
	else if (v->type == VALUE_DOUBLE)
		json_double(j, v->d);
	else if (v->type == VALUE_BOOL)
		json_bool(j, v->b);
	else
		json_text(j, v->s);
}

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
		write_value(j, &v);
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
		write_value(j, &reasons[i].value);
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

/* ---- commands ---- */

static void write_command(const struct options *o, const char *command, struct buf *out)
{
	struct json j;
	char id[33];
	uint64_t random[2] = {0};
	json_init_buf(&j, out);
	if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
		random[0] = (uint64_t)mono_now().ns;
	snprintf(id, sizeof id, "%016llx%016llx", (unsigned long long)random[0], (unsigned long long)random[1]);
	json_open(&j, '{');
	json_key(&j, "id");
	json_string(&j, o->id ? o->id : id);
	json_key(&j, "time");
	json_time(&j, wall_now().ms);
	json_key(&j, "command");
	json_string(&j, command);
	json_key(&j, "number");
	json_string(&j, o->number);
	json_key(&j, "by");
	json_string(&j, o->by ? o->by : "cli");
	if (o->note) {
		json_key(&j, "note");
		json_string(&j, o->note);
	}
	json_close(&j, '}');
}

struct report {
	bool done;
	rd_kafka_resp_err_t err;
	int64_t offset;
};

static void delivered(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	struct report *report = opaque;
	(void)rk;
	report->done = true;
	report->err = m->err;
	report->offset = m->offset;
}

static enum err produce(rd_kafka_t *rk, const struct settings *set, const struct options *o, struct slice text, struct report *report,
			int32_t *partition, struct err_text *why)
{
	int32_t partitions = 0;
	enum err e = kafka_partition_count(rk, set->topics.control, 10000, &partitions, why);
	if (e)
		return e;
	if (partitions == 0)
		return err_set(why, ERR_CONFIG, "the topic %s does not exist at %s: it is made when `ringfence run` starts",
			       set->topics.control, set->kafka.brokers);
	*partition = partition_of((enum partitioner)set->partitioner, slice_of(o->number), partitions);
	rd_kafka_resp_err_t code = rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(set->topics.control), RD_KAFKA_V_PARTITION(*partition),
						     RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(o->number, strlen(o->number)),
						     RD_KAFKA_V_VALUE((void *)(uintptr_t)text.p, text.len), RD_KAFKA_V_END);
	for (int i = 0; i < 300 && !code && !report->done; i++)
		rd_kafka_poll(rk, 100);
	if (!code && !report->done)
		code = RD_KAFKA_RESP_ERR__TIMED_OUT;
	code = code ? code : report->err;
	return code ? err_set(why, ERR_AWAY, "the command was not put on %s: %s", set->topics.control, rd_kafka_err2str(code)) : ERR_OK;
}

static enum err put(const struct settings *set, const struct options *o, const char *command, struct report *report, int32_t *partition,
		    struct err_text *why)
{
	rd_kafka_conf_t *conf;
	struct buf text = {0};
	char detail[512];
	enum err e = kafka_conf_producer(&set->kafka, "cli", &conf, why);
	if (e)
		return e;
	rd_kafka_conf_set_dr_msg_cb(conf, delivered);
	rd_kafka_conf_set_opaque(conf, report);
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, detail, sizeof detail);
	if (!rk) {
		rd_kafka_conf_destroy(conf);
		return err_set(why, ERR_CONFIG, "kafka: %s", detail);
	}
	write_command(o, command, &text);
	e = produce(rk, set, o, buf_slice(&text), report, partition, why);
	rd_kafka_destroy(rk);
	buf_release(&text);
	return e;
}

/* What the state said last about the shard of a command. */
struct progress {
	enum err e; /* `why` says why it cannot be told */
	struct err_text why;
	bool found; /* the shard has state */
	int64_t control_next, clock_ms;
};

/* Looks until the shard's stored position has passed the command, at least once. False: not within the time. */
static bool applied(const struct peek *r, int32_t partition, int64_t offset, int64_t wait_ms, struct progress *p)
{
	struct mono_time from = mono_now();
	struct store_shard *h = NULL;
	struct meta m;
	*p = (struct progress){0};
	p->e = peek_shard(r, partition, &h, &p->why);
	while (!p->e) {
		p->e = peek_meta(r, h, &m, &p->found, &p->why);
		p->found = p->found && !p->e;
		p->control_next = p->found ? m.control_next : TIME_NONE;
		p->clock_ms = p->found ? m.clock_ms : TIME_NONE;
		if (p->control_next > offset || mono_seconds_since(from) * 1000 >= (double)wait_ms)
			break;
		struct timespec ts = {.tv_nsec = 50000000};
		nanosleep(&ts, NULL);
	}
	if (h)
		r->ops->shard_close(h);
	return !p->e && p->control_next > offset;
}

/* "the shard's event clock stands at 2026-01-31T10:00:00.000Z, 2h5m behind the wall time" */
static void print_clock(int64_t clock_ms)
{
	char at[TIME_TEXT_BYTES], behind[TIME_TEXT_BYTES];
	int64_t ms = wall_now().ms - clock_ms;
	if (clock_ms == TIME_NONE)
		printf("the shard has read no CDR yet");
	else if (ms < SECOND_MS)
		printf("the shard's event clock is up to date");
	else
		printf("the shard's event clock stands at %s, %s behind the wall time", time_format(clock_ms, at),
		       duration_format(ms - ms % SECOND_MS, behind));
}

/* It is in the topic and will be applied: how far away that is, and what may be in the way. */
static void print_queued(const struct progress *p, int64_t offset)
{
	if (p->e) {
		printf("  how far its shard is cannot be read: %s\n", p->why.text);
	} else if (!p->found || p->control_next == TIME_NONE) {
		printf("  no `ringfence run` has taken its shard yet: it is applied once one has\n");
	} else {
		long long before = (long long)(offset - p->control_next);
		if (before <= 0)
			printf("  it is the next command; ");
		else
			printf("  %lld command%s before it; ", before, before == 1 ? " is" : "s are");
		print_clock(p->clock_ms);
		printf("\n  is `ringfence run` running? A command is applied once the CDRs up to its time are, or all that there are\n");
	}
}

static enum err command(const struct peek *r, const struct options *o, const char *name, struct err_text *why)
{
	struct report report = {0};
	struct progress p;
	int32_t partition = 0;
	enum err e = put(&r->set, o, name, &report, &partition, why);
	if (e)
		return e;
	bool done = applied(r, partition, report.offset, o->wait_ms, &p);
	printf("%s %s: %s (%s:%d, offset %lld)\n", name, o->number, done ? "applied" : "queued, not applied yet", r->set.topics.control,
	       partition, (long long)report.offset);
	if (!done)
		print_queued(&p, report.offset);
	return ERR_OK;
}

/* ---- the verb ---- */

static int run(const struct options *o, const char *what)
{
	struct peek r;
	struct err_text why;
	enum err e = peek_open(o->config, &r, &why);
	if (!e)
		e = strcmp(what, "show") == 0 ? show(&r, o, &why) : command(&r, o, what, &why);
	peek_close(&r);
	return e ? verb_fail(e, &why) : 0;
}

int verb_number(int argc, char **argv)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
						{"note", required_argument, NULL, 'n'},
						{"by", required_argument, NULL, 'b'},
						{"id", required_argument, NULL, 'i'},
						{"wait", required_argument, NULL, 'w'},
						{"help", no_argument, NULL, 'h'},
						{0}};
	struct options o = {.by = getenv("USER"), .wait_ms = 10 * SECOND_MS};
	int option;
	if (argc > 1 && strcmp(argv[1], "dossier") == 0)
		return verb_number_dossier(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "list") == 0)
		return verb_number_list(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "may-call") == 0)
		return verb_number_may_call(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "contacts") == 0)
		return verb_number_contacts(argc - 1, argv + 1);
	while ((option = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
		if (option == 'h') {
			fputs(help, stdout);
			return 0;
		}
		if (option == '?')
			return verb_usage("number", "an option is not known or lacks its value");
		if (option == 'w' && strcmp(optarg, "0s") != 0 && !duration_parse(slice_of(optarg), &o.wait_ms))
			return verb_usage("number", "--wait %s is not a duration, as in 10s", optarg);
		if (option == 'w' && strcmp(optarg, "0s") == 0)
			o.wait_ms = 0;
		o.config = option == 'c' ? optarg : o.config;
		o.note = option == 'n' ? optarg : o.note;
		o.by = option == 'b' ? optarg : o.by;
		o.id = option == 'i' ? optarg : o.id;
	}
	const char *what = optind < argc ? argv[optind] : "";
	o.number = optind + 1 < argc ? argv[optind + 1] : "";
	if (strcmp(what, "show") != 0 && strcmp(what, "quarantine") != 0 && strcmp(what, "release") != 0)
		return verb_usage("number", "say what: show, dossier, list, quarantine or release");
	if (!o.config)
		return verb_usage("number", "-c FILE is missing");
	if (!e164_valid(slice_of(o.number)))
		return verb_usage("number", "'%s' is not a number in E.164, as in +15551230000", o.number);
	return run(&o, what);
}
