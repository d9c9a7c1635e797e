/* SPDX-License-Identifier: Apache-2.0 */
/* `demo`: the whole story in under a minute. librdkafka's mock cluster stands in for Kafka, the embedded store for Redis; everything between them is
 * the real thing, with the code that `run` runs. Event time is compressed: a hundred days pass in half a minute. */
#include "app/app.h"
#include "app/demo_story.h"
#include "app/generate.h"
#include "app/service.h"
#include "base/log.h"

#include <errno.h>
#include <getopt.h>
#include <librdkafka/rdkafka_mock.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char help[] = "usage: ringfence demo [--out DIR] [--days N] [--numbers N] [--seed N]\n"
			   "\n"
			   "Everything in one process: generated callers, a Kafka stand-in, the real pipeline, a local store. Shows who is "
			   "caught, why, and how a number\n"
			   "rests and walks back. Leaves a folder with the configuration, the rules, the truth about the callers, the "
			   "state and all events as JSON lines.\n"
			   "\n"
			   "  --out DIR      the folder (default ringfence-demo; what an earlier demo left there is replaced)\n"
			   "  --days N       how many days of calls, 1 to 400 (default 100)\n"
			   "  --numbers N    how many callers (default 240)\n"
			   "  --seed N       of the generated calls (default 1)\n"
			   "\n"
			   "example: ringfence demo && less ringfence-demo/transitions.jsonl\n";

#define PARTITIONS 4
#define BACKLOG_MAX 8000 /* records not yet applied: the stand-in keeps only 5 MiB a partition */
#define LONGEST_S 50

static const char rules_text[] = "# The demo's rules: thresholds of published sources, at their critical level.\n"
				 "groups:\n"
				 "  - name: demo\n"
				 "    rules:\n"
				 "      - alert: CallBurstHour\n"
				 "        expr: calls[\"1h\"] > 100 && callee_ratio[\"1h\"] >= 0.5\n"
				 "        labels: {severity: critical}\n"
				 "        action: quarantine\n"
				 "        source: unlimcall.com, what a clean number sustains in an hour; FCC 19-51\n"
				 "      - alert: ShortAnswered6\n"
				 "        expr: short6_ratio[\"24h\"] > 0.15 && answered[\"24h\"] >= 100 && callee_ratio[\"24h\"] >= 0.5\n"
				 "        labels: {severity: critical}\n"
				 "        action: quarantine\n"
				 "        source: Telnyx support 1130707, short-duration calls\n"
				 "      - alert: CallsPerDay\n"
				 "        expr: calls[\"24h\"] > 200 && callee_ratio[\"24h\"] >= 0.5\n"
				 "        labels: {severity: critical}\n"
				 "        action: quarantine\n"
				 "        source: Caller ID Reputation knowledge base\n";

struct options {
	const char *out;
	int64_t days, numbers, seed;
};

struct demo {
	const struct options *o;
	struct arena arena;
	struct settings set;
	rd_kafka_t *rk; /* producer; holds the mock cluster */
	rd_kafka_mock_cluster_t *cluster;
	struct generator *generator;
	struct story *story;
	_Atomic bool stop, reload;
	_Atomic uint64_t records; /* dealt with by the service */
	pthread_t service;
	bool running;
	enum err service_end;
	struct err_text service_why;
	uint64_t produced;
	int64_t begin_ms;
};

static _Atomic bool interrupted;

static void on_interrupt(int number)
{
	(void)number;
	atomic_store(&interrupted, true);
}

/* ---- the stage is set ---- */

static enum err write_text(const char *folder, const char *name, const char *text, struct err_text *why)
{
	char path[1024];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *f = fopen(path, "we");
	bool ok = f && fputs(text, f) >= 0;
	if (f && fclose(f) != 0)
		ok = false;
	return ok ? ERR_OK : err_set(why, ERR_IO, "cannot write %s: %s", path, strerror(errno));
}

static enum err make_folder(const struct demo *d, struct err_text *why)
{
	static const char *const old[] = {"state.lmdb", "state.lmdb-lock", "state.lmdb.owner"};
	const char *folder = d->o->out;
	char path[1024];
	if (mkdir(folder, 0777) != 0 && errno != EEXIST)
		return err_set(why, ERR_IO, "cannot make the folder %s: %s", folder, strerror(errno));
	for (size_t i = 0; i < sizeof old / sizeof old[0]; i++) {
		snprintf(path, sizeof path, "%s/%s", folder, old[i]);
		if (unlink(path) != 0 && errno != ENOENT)
			return err_set(why, ERR_IO, "cannot remove %s: %s", path, strerror(errno));
	}
	return write_text(folder, "rules.yaml", rules_text, why);
}

static enum err make_cluster(struct demo *d, struct err_text *why)
{
	char text[512];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_conf_set(conf, "client.id", "demo", NULL, 0);
	rd_kafka_conf_set(conf, "log_level", "3", NULL, 0);
	rd_kafka_conf_set(conf, "linger.ms", "20", NULL, 0);
	rd_kafka_conf_set(conf, "test.mock.num.brokers", "1", NULL, 0);
	d->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
	if (!d->rk) {
		rd_kafka_conf_destroy(conf);
		return err_set(why, ERR_IO, "the mock cluster cannot be made: %s", text);
	}
	d->cluster = rd_kafka_handle_mock_cluster(d->rk);
	return ERR_OK;
}

static enum err make_topics(struct demo *d, struct err_text *why)
{
	rd_kafka_resp_err_t code = rd_kafka_mock_topic_create(d->cluster, d->set.topics.cdr, PARTITIONS, 1);
	if (!code)
		code = rd_kafka_mock_topic_create(d->cluster, d->set.topics.control, PARTITIONS, 1);
	if (!code)
		code = rd_kafka_mock_topic_create(d->cluster, d->set.topics.relay, PARTITIONS, 1);
	for (int t = 0; t < TOPIC_CNT && !code; t++)
		code = rd_kafka_mock_topic_create(d->cluster, d->set.topics.out.name[t], PARTITIONS, 1);
	return code ? err_set(why, ERR_IO, "the mock cluster cannot make topics: %s", rd_kafka_err2str(code)) : ERR_OK;
}

/* The configuration is a file, so that the verbs that read state work on what the demo leaves. */
static enum err make_config(struct demo *d, struct err_text *why)
{
	char text[1024], path[1024];
	snprintf(text, sizeof text,
		 "deployment: demo\n"
		 "kafka: {brokers: \"%s\", group: ringfence}\n"
		 "topics: {cdr: cdr}\n"
		 "state: {store: embedded, embedded: {path: state.lmdb, map_bytes: 4GiB}}\n"
		 "rules: {files: [rules.yaml]}\n"
		 "log: {level: error}\n",
		 rd_kafka_mock_cluster_bootstraps(d->cluster));
	enum err e = write_text(d->o->out, "ringfence.yaml", text, why);
	snprintf(path, sizeof path, "%s/ringfence.yaml", d->o->out);
	return e ? e : settings_load(path, &d->arena, &d->set) ? err_set(why, ERR_CONFIG, "the demo's configuration was refused") : ERR_OK;
}

static enum err make_callers(struct demo *d, struct err_text *why)
{
	static const uint32_t shares[CALLER_MIX_CNT] = {
		[CALLER_PRIVATE] = 800, [CALLER_BUSINESS] = 150, [CALLER_CALL_CENTRE] = 4, [CALLER_ROBODIALLER] = 12,
		[CALLER_SWEEPER] = 12,  [CALLER_SIM_BOX] = 8,    [CALLER_WANGIRI] = 8,     [CALLER_SLEEPER] = 6};
	struct generate_config c = {.seed = (uint64_t)d->o->seed,
				    .numbers = (uint32_t)d->o->numbers,
				    .start_ms = d->begin_ms,
				    .duration_ms = d->o->days * DAY_MS,
				    .zipf_milli = -1};
	for (int k = 0; k < CALLER_MIX_CNT; k++)
		c.mix_ppm[k] = shares[k] * 1000;
	return generator_new(&c, &d->generator, why);
}

static enum err write_truth(struct demo *d, struct err_text *why)
{
	struct buf b = {0};
	buf_puts(&b, "number,kind\n");
	for (uint32_t i = 0; i < generator_callers(d->generator); i++) {
		struct generated_caller c;
		char number[GENERATED_KEY_BYTES];
		generator_caller(d->generator, i, &c);
		generated_key(c.number, number);
		buf_printf(&b, "%s,%s\n", number, caller_kind_name(c.kind));
		story_knows(d->story, number, caller_kind_name(c.kind));
	}
	buf_put_u8(&b, 0);
	enum err e = write_text(d->o->out, "truth.csv", (const char *)b.data, why);
	buf_release(&b);
	return e;
}

static void *service_main(void *arg)
{
	struct demo *d = arg;
	const struct service_config c = {.quiet = true, .alone = true, .records = &d->records, .stop = &d->stop, .reload = &d->reload};
	d->service_end = service_run(&d->set, &c, &d->service_why);
	return NULL;
}

/* ---- the play ---- */

static void produce(struct demo *d, const struct generated *g, struct buf *b)
{
	char key[GENERATED_KEY_BYTES];
	size_t key_len = generated_key(g->calling, key);
	if (!story_lets_call(d->story, key, generated_end_ms(g)))
		return;
	int32_t partition = partition_of(PARTITION_MURMUR2, slice_make(key, key_len), PARTITIONS);
	buf_reset(b);
	generated_write_json(g, (uint64_t)d->o->seed, b);
	while (rd_kafka_producev(d->rk, RD_KAFKA_V_TOPIC(d->set.topics.cdr), RD_KAFKA_V_PARTITION(partition),
				 RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key, key_len), RD_KAFKA_V_VALUE(b->data, b->len),
				 RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
		rd_kafka_poll(d->rk, 10);
	d->produced++;
}

/* Ahead of the service only so far, and no faster than a person can follow. */
static void hold_back(struct demo *d, struct mono_time from, int64_t end_ms)
{
	double play_s = (double)d->o->days * 0.3;
	for (;;) {
		double day_s = (double)(end_ms - d->begin_ms) / (double)DAY_MS * play_s / (double)d->o->days;
		bool early = mono_seconds_since(from) < day_s;
		if (atomic_load(&interrupted) || (!early && d->produced < atomic_load(&d->records) + BACKLOG_MAX))
			return;
		rd_kafka_poll(d->rk, 0);
		story_follow(d->story, 5);
		fflush(stdout);
	}
}

static bool over(const struct demo *d, struct mono_time from)
{
	return atomic_load(&interrupted) || mono_seconds_since(from) > LONGEST_S || atomic_load(&d->stop);
}

static void play(struct demo *d)
{
	struct mono_time from = mono_now();
	struct generated g;
	struct buf b = {0};
	while (!over(d, from) && generator_next(d->generator, &g)) {
		if (d->produced % 64 == 0)
			hold_back(d, from, generated_end_ms(&g));
		produce(d, &g, &b);
	}
	buf_release(&b);
	rd_kafka_flush(d->rk, 5000);
	while (!over(d, from) && atomic_load(&d->records) < d->produced)
		story_follow(d->story, 50);
}

/* What the service still says while it stops comes too. */
static enum err end_service(struct demo *d, struct err_text *why)
{
	if (!d->running)
		return ERR_OK;
	atomic_store(&d->stop, true);
	pthread_join(d->service, NULL);
	for (int quiet = 0; quiet < 3;)
		quiet = story_follow(d->story, 200) ? 0 : quiet + 1;
	if (d->service_end)
		*why = d->service_why;
	return d->service_end;
}

static void say_end(const struct demo *d)
{
	printf("\n%llu calls of %lld callers over %lld days.\n"
	       "The folder %s holds: ringfence.yaml rules.yaml truth.csv state.lmdb and the events, one CloudEvent a line, in\n"
	       "  alerts.jsonl transitions.jsonl numbers.jsonl advisories.jsonl disputes.jsonl dead-letters.jsonl\n"
	       "Look at the state:  ringfence state dump -c %s/ringfence.yaml\n",
	       (unsigned long long)d->produced, (long long)d->o->numbers, (long long)d->o->days, d->o->out, d->o->out);
}

static enum err set_the_stage(struct demo *d, struct err_text *why)
{
	enum err e = make_folder(d, why);
	if (!e)
		e = make_cluster(d, why);
	if (!e)
		e = make_config(d, why);
	if (!e)
		e = make_topics(d, why);
	if (!e)
		e = make_callers(d, why);
	if (!e)
		e = story_open(&d->set, d->o->out, d->begin_ms, &d->story, why);
	if (!e)
		e = write_truth(d, why);
	if (!e && pthread_create(&d->service, NULL, service_main, d) != 0)
		e = err_set(why, ERR_IO, "cannot start a thread");
	d->running = !e;
	return e;
}

static enum err run(struct demo *d, struct err_text *why)
{
	enum err e = set_the_stage(d, why);
	if (!e) {
		printf("%lld callers, most of them ordinary people, some not. %lld days of calls pass in about %lld seconds.\n\n",
		       (long long)d->o->numbers, (long long)d->o->days, (long long)(d->o->days * 3 / 10));
		play(d);
	}
	enum err ended = end_service(d, why);
	if (!e && !ended) {
		story_end(d->story);
		say_end(d);
	}
	struct err_text text;
	enum err closed = story_close(d->story, &text);
	if (closed && !e && !ended)
		*why = text;
	generator_free(d->generator);
	if (d->rk)
		rd_kafka_destroy(d->rk);
	return e ? e : ended ? ended : closed;
}

static bool take_number(const char *text, int64_t least, int64_t most, int64_t *out)
{
	char *end;
	errno = 0;
	*out = strtoll(text, &end, 10);
	return !errno && *end == '\0' && end != text && *out >= least && *out <= most;
}

int verb_demo(int argc, char **argv)
{
	static const struct option options[] = {{"out", required_argument, NULL, 'o'},     {"days", required_argument, NULL, 'd'},
						{"numbers", required_argument, NULL, 'n'}, {"seed", required_argument, NULL, 's'},
						{"help", no_argument, NULL, 'h'},          {0}};
	struct options o = {.out = "ringfence-demo", .days = 100, .numbers = 240, .seed = 1};
	struct demo d = {.o = &o};
	struct err_text why = {""};
	int option;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'h') {
			fputs(help, stdout);
			return 0;
		}
		if (option == 'o')
			o.out = optarg;
		else if (option == '?' || (option == 'd' && !take_number(optarg, 1, 400, &o.days)) ||
			 (option == 'n' && !take_number(optarg, 10, 100000, &o.numbers)) ||
			 (option == 's' && !take_number(optarg, 0, INT64_MAX, &o.seed)))
			return verb_usage("demo", "an option is not known or its value is out of range");
	}
	if (optind < argc)
		return verb_usage("demo", "it takes no files: '%s'", argv[optind]);
	log_init(LOG_ERROR, false);
	signal(SIGINT, on_interrupt);
	signal(SIGTERM, on_interrupt);
	signal(SIGPIPE, SIG_IGN);
	arena_init(&d.arena, 16 << 10);
	d.begin_ms = wall_now().ms / DAY_MS * DAY_MS - o.days * DAY_MS;
	enum err e = run(&d, &why);
	arena_release(&d.arena);
	return e ? verb_fail(e, &why) : 0;
}
