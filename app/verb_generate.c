/* SPDX-License-Identifier: Apache-2.0 */
/* `generate`: the generator's records into a file, a pipe or a topic, and the truth beside them. */
#include "app/app.h"
#include "app/generate.h"
#include "base/kafka.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define WRITE_BYTES (1u << 20)
#define PPM 1000000u
#define NUMBERS_BY_DEFAULT 1000u

static const char help_top[] =
	"usage: ringfence generate [options]\n"
	"\n"
	"Makes seeded, realistic CDRs with named kinds of callers. The same seed and options give the same bytes everywhere.\n"
	"\n"
	"where to\n"
	"  --out FILE        .jsonl, .ndjson or .csv; - (the default) is standard output\n"
	"  --format F        json or csv, if the name does not say it\n"
	"  --truth FILE      number,kind,account of every caller (default: FILE.truth.csv beside --out FILE)\n"
	"  --topic NAME      produces to Kafka, keyed by calling number; with --brokers LIST (default 127.0.0.1:9092).\n"
	"                    Records carry the time of producing; event time is in the CDR\n"
	"\n"
	"how many, how long\n"
	"  --count N         calls; k, M and G may stand behind (default: 100k, or all that fall into the duration)\n"
	"  --numbers N       callers (default: one for 50 calls, 100 to 1M)\n"
	"  --start TIME      event time begins here (default 2025-01-06T00:00:00Z, a Monday)\n"
	"  --duration D      event time covers this: 6h, 10d, 13w (default: what the count takes at the natural pace, about 9 calls\n"
	"                    a caller and day). With --count and --duration the pace is changed to fit, within some percent\n"
	"  --seed N          another seed, another world (default 1)\n"
	"\n"
	"who calls\n"
	"  --mix K=S,K=S...  shares of the kinds among the callers, in any unit; kinds not named are left out\n";

static const char help_rest[] =
	"  --zipf S          within a kind the activity of callers goes by rank^-S, 0 to 3 (default: log-normal)\n"
	"  --plain           ordinary callers only, at a constant pace, for benches: fastest. --zipf is 0.99 by default\n"
	"\n"
	"what goes wrong (shares from 0 to 1, or 5%; each adds to the output and does not reshuffle the rest)\n"
	"  --late S          calls that come one minute to six hours after their time\n"
	"  --very-late S     calls that come seven hours to 40 days after it, as far as the duration allows\n"
	"  --duplicates S    records that come twice: half within seconds, half within three days; on top of --count\n"
	"                    (those behind 128 newer calls of their number count as calls: that far back Ringfence tells them apart)\n"
	"  --broken S        unusable records: cut, noise, without or with a bad caller, without start_time, with a bad field, too long\n"
	"                    (over 1 MiB: a rare one); on top of --count\n"
	"\n"
	"A sleeper's silence is longer than 31 days if the duration is 34 days or more.\n"
	"\n"
	"examples\n"
	"  ringfence generate --count 1M --numbers 20k --out cdrs.jsonl\n"
	"  ringfence generate --seed 7 --numbers 500 --duration 60d --out two-months.csv\n"
	"  ringfence generate --count 200k --mix private=95,robodialler=2,campaign=3 --late 2% --duplicates 0.5% --broken 0.1% --out "
	"mixed.jsonl\n"
	"  ringfence generate --count 10M --numbers 1M --plain --zipf 0.99 --out bench.jsonl\n"
	"  ringfence generate --count 1M --topic cdr --brokers 127.0.0.1:9092\n";

static void print_help(void)
{
	fputs(help_top, stdout);
	for (int k = 0; k < CALLER_MIX_CNT; k++)
		printf("      %-12s %s\n", caller_kind_name((enum caller_kind)k), caller_kind_text((enum caller_kind)k));
	fputs(help_rest, stdout);
}

struct run {
	struct generate_config config;
	const char *out, *format, *truth, *topic, *brokers;
	bool csv;
	struct generator *generator;
	struct buf buf;
	int fd;
	rd_kafka_t *producer;
	rd_kafka_topic_t *handle;
	uint64_t records, calls, duplicates, broken, too_large, undelivered;
	rd_kafka_resp_err_t undelivered_why;
	bool terminal;
	struct mono_time begun, said;
};

/* ---- options ---- */

/* Digits with at most `places` behind the point, as a whole number of 10^-places. Digits further behind are refused. */
static bool parse_decimal(const char *s, const char *end, int places, uint64_t *v)
{
	bool point = false, any = false;
	*v = 0;
	for (; s < end; s++) {
		if (*s == '.' && !point) {
			point = true;
			continue;
		}
		if (!isdigit((unsigned char)*s) || *v > UINT64_MAX / 100 || (point && places-- == 0))
			return false;
		*v = *v * 10 + (uint64_t)(*s - '0');
		any = true;
	}
	while (places-- > 0) {
		if (*v > UINT64_MAX / 100)
			return false;
		*v *= 10;
	}
	return any;
}

static bool parse_count(const char *s, uint64_t *v)
{
	size_t n = strlen(s);
	const char *units = "kMG", *unit = n ? strchr(units, s[n - 1]) : NULL;
	uint64_t factor = 1;
	for (const char *u = units; unit && u <= unit; u++)
		factor *= 1000;
	if (!parse_decimal(s, s + n - (unit != NULL), unit ? 3 : 0, v) || *v > UINT64_MAX / factor)
		return false;
	*v = unit ? *v * (factor / 1000) : *v;
	return true;
}

static bool parse_share(const char *s, uint32_t *ppm)
{
	size_t n = strlen(s);
	bool percent = n > 0 && s[n - 1] == '%';
	uint64_t v;
	if (!parse_decimal(s, s + n - percent, percent ? 4 : 6, &v) || v > PPM)
		return false;
	*ppm = (uint32_t)v;
	return true;
}

/* "private=95,robodialler=5" */
static bool parse_mix(const char *s, uint32_t mix[CALLER_MIX_CNT])
{
	while (*s) {
		const char *end = s + strcspn(s, ","), *equals = memchr(s, '=', (size_t)(end - s));
		enum caller_kind k;
		uint64_t v;
		if (!equals || !caller_kind_find(slice_make(s, (size_t)(equals - s)), &k) || !parse_decimal(equals + 1, end, 4, &v) ||
		    v > UINT32_MAX)
			return false;
		mix[k] = (uint32_t)v;
		s = *end ? end + 1 : end;
	}
	return true;
}

static bool parse_numbers(const char *s, uint32_t *n)
{
	uint64_t v;
	bool ok = parse_count(s, &v) && v > 0 && v <= GENERATE_NUMBERS_MAX;
	*n = ok ? (uint32_t)v : 0;
	return ok;
}

static bool parse_zipf(const char *s, int32_t *milli)
{
	uint64_t v;
	bool ok = parse_decimal(s, s + strlen(s), 3, &v) && v <= 3000;
	*milli = ok ? (int32_t)v : 0;
	return ok;
}

enum option_id {
	SEED,
	COUNT,
	NUMBERS,
	START,
	DURATION,
	MIX,
	LATE,
	VERY_LATE,
	DUPLICATES,
	BROKEN,
	ZIPF,
	PLAIN,
	FORMAT,
	OUT,
	TRUTH,
	TOPIC,
	BROKERS,
	HELP
};

static bool take_option(struct run *r, int id, const char *v)
{
	struct generate_config *c = &r->config;
	switch (id) {
	case SEED:
		return parse_count(v, &c->seed);
	case COUNT:
		return parse_count(v, &c->calls) && c->calls > 0 && c->calls <= GENERATE_CALLS_MAX;
	case NUMBERS:
		return parse_numbers(v, &c->numbers);
	case START:
		return time_parse(slice_of(v), &c->start_ms);
	case DURATION:
		return duration_parse(slice_of(v), &c->duration_ms);
	case MIX:
		return parse_mix(v, c->mix_ppm);
	case LATE:
		return parse_share(v, &c->late_ppm);
	case VERY_LATE:
		return parse_share(v, &c->very_late_ppm);
	case DUPLICATES:
		return parse_share(v, &c->duplicate_ppm);
	case BROKEN:
		return parse_share(v, &c->broken_ppm);
	case ZIPF:
		return parse_zipf(v, &c->zipf_milli);
	case PLAIN:
		c->plain = true;
		return true;
	case FORMAT:
		r->format = v;
		return strcmp(v, "json") == 0 || strcmp(v, "csv") == 0;
	case OUT:
		r->out = v;
		return true;
	case TRUTH:
		r->truth = v;
		return true;
	case TOPIC:
		r->topic = v;
		return *v != '\0';
	default:
		r->brokers = v;
		return *v != '\0';
	}
}

static bool ends_with(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);
	return n >= m && strcmp(s + n - m, suffix) == 0;
}

/* What the options leave open. False: said why. */
static bool complete(struct run *r)
{
	struct generate_config *c = &r->config;
	if (r->topic && r->out)
		return verb_usage("generate", "--topic and --out: one of them") == 0;
	if (r->topic && r->format && strcmp(r->format, "csv") == 0)
		return verb_usage("generate", "a topic holds JSON, not csv") == 0;
	if (!r->out)
		r->out = "-";
	bool by_name = ends_with(r->out, ".jsonl") || ends_with(r->out, ".ndjson") || ends_with(r->out, ".csv");
	by_name = by_name || r->topic || strcmp(r->out, "-") == 0 || strncmp(r->out, "/dev/", 5) == 0; /* JSON */
	if (!by_name && !r->format)
		return verb_usage("generate", "%s: cannot tell the format by the name: .jsonl, .ndjson or .csv, or say --format", r->out) ==
		       0;
	r->csv = r->format ? strcmp(r->format, "csv") == 0 : ends_with(r->out, ".csv");
	if (!c->calls && !c->duration_ms)
		c->calls = 100000;
	if (!c->numbers) {
		uint64_t n = c->calls ? c->calls / 50 : NUMBERS_BY_DEFAULT;
		c->numbers = (uint32_t)(n < 100 ? 100 : n > 1000000 ? 1000000 : n);
	}
	return true;
}

/* ---- where to: a file ---- */

static enum err write_all(int fd, struct buf *b, const char *path, struct err_text *why)
{
	for (size_t at = 0; at < b->len;) {
		ssize_t n = write(fd, b->data + at, b->len - at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(why, ERR_IO, "%s: cannot write: %s", path, strerror(errno));
		at += (size_t)n;
	}
	buf_reset(b);
	return ERR_OK;
}

static enum err open_file(const char *path, int *fd, struct err_text *why)
{
	*fd = strcmp(path, "-") == 0 ? dup(STDOUT_FILENO) : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	return *fd < 0 ? err_set(why, ERR_IO, "%s: cannot write: %s", path, strerror(errno)) : ERR_OK;
}

static enum err close_file(int fd, const char *path, struct err_text *why)
{
	return close(fd) != 0 ? err_set(why, ERR_IO, "%s: cannot write: %s", path, strerror(errno)) : ERR_OK;
}

static enum err write_truth(const struct run *r, const char *path, struct err_text *why)
{
	struct buf b = {0};
	struct generated_caller c;
	char key[GENERATED_KEY_BYTES], account[GENERATED_ACCOUNT_BYTES];
	int fd;
	enum err e = open_file(path, &fd, why);
	if (e)
		return e;
	buf_puts(&b, "number,kind,account\n");
	for (uint32_t i = 0; i < generator_callers(r->generator) && !e; i++) {
		generator_caller(r->generator, i, &c);
		(void)generated_key(c.number, key);
		buf_printf(&b, "%s,%s,%s\n", key, caller_kind_name(c.kind), generated_account(c.account, account));
		if (b.len >= WRITE_BYTES)
			e = write_all(fd, &b, path, why);
	}
	if (!e)
		e = write_all(fd, &b, path, why);
	enum err closed = close_file(fd, path, e ? NULL : why);
	buf_release(&b);
	return e ? e : closed;
}

/* ---- where to: a topic ---- */

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	struct run *r = opaque;
	(void)rk;
	if (m->err) {
		r->undelivered++;
		r->undelivered_why = m->err;
	}
}

static enum err open_topic(struct run *r, struct err_text *why)
{
	static const struct config_pair pairs[] = {{"queue.buffering.max.kbytes", "131072"}, {"queue.buffering.max.messages", "500000"}};
	const struct kafka_config c = {
		.brokers = r->brokers, .client_id = "ringfence", .properties = {pairs, sizeof pairs / sizeof pairs[0]}};
	rd_kafka_conf_t *conf;
	char text[512];
	int32_t partitions;
	enum err e = kafka_conf_producer(&c, "generate", &conf, why);
	if (e)
		return e;
	rd_kafka_conf_set_opaque(conf, r);
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	r->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
	if (!r->producer) {
		rd_kafka_conf_destroy(conf);
		return err_set(why, ERR_CONFIG, "cannot make a producer: %s", text);
	}
	e = kafka_partition_count(r->producer, r->topic, 15000, &partitions, why);
	if (e)
		return e;
	if (partitions == 0)
		return err_set(why, ERR_NOT_FOUND,
			       "the topic %s does not exist at %s: make it first, with as many partitions as you want shards", r->topic,
			       r->brokers);
	r->handle = rd_kafka_topic_new(r->producer, r->topic, NULL);
	return r->handle ? ERR_OK : err_set(why, ERR_CONFIG, "topic %s: %s", r->topic, rd_kafka_err2str(rd_kafka_last_error()));
}

/* One that the broker would not take for its size is left out and counted. */
static enum err produce(struct run *r, const struct generated *record, struct err_text *why)
{
	char key[GENERATED_KEY_BYTES];
	size_t key_len = generated_key(record->calling, key);
	while (rd_kafka_produce(r->handle, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, r->buf.data, r->buf.len, key, key_len, NULL) != 0) {
		rd_kafka_resp_err_t err = rd_kafka_last_error();
		if (err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
			r->too_large++;
			break;
		}
		if (err != RD_KAFKA_RESP_ERR__QUEUE_FULL)
			return err_set(why, ERR_AWAY, "topic %s: cannot produce: %s", r->topic, rd_kafka_err2str(err));
		rd_kafka_poll(r->producer, 100);
	}
	buf_reset(&r->buf);
	if (r->records % 1024 == 0)
		rd_kafka_poll(r->producer, 0);
	return r->undelivered ? err_set(why, ERR_AWAY, "topic %s at %s: not delivered: %s", r->topic, r->brokers,
					rd_kafka_err2str(r->undelivered_why))
			      : ERR_OK;
}

static enum err close_topic(struct run *r, enum err e, struct err_text *why)
{
	if (r->producer && !e) {
		while (rd_kafka_flush(r->producer, 1000) == RD_KAFKA_RESP_ERR__TIMED_OUT && !r->undelivered)
			continue; /* ends: message.timeout.ms */
		if (r->undelivered)
			e = err_set(why, ERR_AWAY, "topic %s at %s: %llu records not delivered: %s", r->topic, r->brokers,
				    (unsigned long long)r->undelivered, rd_kafka_err2str(r->undelivered_why));
	}
	if (r->handle)
		rd_kafka_topic_destroy(r->handle);
	if (r->producer) {
		rd_kafka_purge(r->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
		rd_kafka_destroy(r->producer);
	}
	return e;
}

/* ---- the run ---- */

static void say(struct run *r, bool last)
{
	double s = mono_seconds_since(r->begun);
	if (!r->terminal || (!last && mono_seconds_since(r->said) < 0.25))
		return;
	r->said = mono_now();
	fprintf(stderr, "\r%llu calls, %llu duplicates, %llu broken; %.2f M records/s%s", (unsigned long long)r->calls,
		(unsigned long long)r->duplicates, (unsigned long long)r->broken, (double)r->records / (s > 0 ? s : 1) / 1e6,
		last ? "\n" : "");
}

static void count(struct run *r, const struct generated *g)
{
	r->records++;
	if (g->breakage)
		r->broken++;
	else if (g->duplicate)
		r->duplicates++;
	else
		r->calls++;
}

static enum err write_records(struct run *r, struct err_text *why)
{
	struct generated g;
	enum err e = ERR_OK;
	if (r->csv) {
		buf_puts(&r->buf, generated_csv_header);
		buf_put_u8(&r->buf, '\n');
	}
	while (!e && generator_next(r->generator, &g)) {
		count(r, &g);
		if (r->csv)
			generated_write_csv(&g, r->config.seed, &r->buf);
		else
			generated_write_json(&g, r->config.seed, &r->buf);
		if (r->topic) {
			e = produce(r, &g, why);
		} else {
			buf_put_u8(&r->buf, '\n');
			if (r->buf.len >= WRITE_BYTES)
				e = write_all(r->fd, &r->buf, r->out, why);
		}
		if (r->terminal && r->records % 16384 == 0)
			say(r, false);
	}
	return e || r->topic ? e : write_all(r->fd, &r->buf, r->out, why);
}

static enum err write_output(struct run *r, struct err_text *why)
{
	enum err e = r->topic ? open_topic(r, why) : open_file(r->out, &r->fd, why);
	if (!e)
		e = write_records(r, why);
	if (r->topic)
		e = close_topic(r, e, why);
	else if (r->fd >= 0 && close_file(r->fd, r->out, e ? NULL : why) && !e)
		e = ERR_IO;
	if (!e)
		say(r, true);
	if (r->too_large)
		fprintf(stderr, "ringfence generate: %llu broken records were too long for the producer (message.max.bytes) and left out\n",
			(unsigned long long)r->too_large);
	return e;
}

static enum err run_all(struct run *r, struct err_text *why)
{
	char beside[4096];
	r->begun = r->said = mono_now();
	enum err e = generator_new(&r->config, &r->generator, why);
	if (!e && !r->truth && !r->topic && strcmp(r->out, "-") != 0 && strncmp(r->out, "/dev/", 5) != 0) {
		snprintf(beside, sizeof beside, "%s.truth.csv", r->out);
		r->truth = beside;
	}
	if (!e && r->truth)
		e = write_truth(r, r->truth, why);
	if (!e)
		e = write_output(r, why);
	generator_free(r->generator);
	buf_release(&r->buf);
	return e;
}

int verb_generate(int argc, char **argv)
{
	static const struct option options[] = {{"seed", required_argument, NULL, SEED},
						{"count", required_argument, NULL, COUNT},
						{"numbers", required_argument, NULL, NUMBERS},
						{"start", required_argument, NULL, START},
						{"duration", required_argument, NULL, DURATION},
						{"mix", required_argument, NULL, MIX},
						{"late", required_argument, NULL, LATE},
						{"very-late", required_argument, NULL, VERY_LATE},
						{"duplicates", required_argument, NULL, DUPLICATES},
						{"broken", required_argument, NULL, BROKEN},
						{"zipf", required_argument, NULL, ZIPF},
						{"plain", no_argument, NULL, PLAIN},
						{"format", required_argument, NULL, FORMAT},
						{"out", required_argument, NULL, OUT},
						{"truth", required_argument, NULL, TRUTH},
						{"topic", required_argument, NULL, TOPIC},
						{"brokers", required_argument, NULL, BROKERS},
						{"help", no_argument, NULL, HELP},
						{0}};
	struct run r = {.config = {.seed = 1, .start_ms = GENERATE_START_MS, .zipf_milli = -1}, .brokers = "127.0.0.1:9092", .fd = -1};
	struct err_text why;
	int o, which = 0;
	while ((o = getopt_long(argc, argv, "", options, &which)) != -1) {
		if (o == HELP) {
			print_help();
			return 0;
		}
		if (o == '?')
			return 2;
		if (!take_option(&r, o, optarg))
			return verb_usage("generate", "--%s: '%s' is not a value of it", options[which].name, optarg);
	}
	if (optind < argc)
		return verb_usage("generate", "'%s' is not an option; the file goes behind --out", argv[optind]);
	if (!complete(&r))
		return 2;
	r.terminal = isatty(STDERR_FILENO) && !(strcmp(r.out, "-") == 0 && isatty(STDOUT_FILENO));
	enum err e = run_all(&r, &why);
	return e ? verb_fail(e, &why) : 0;
}
