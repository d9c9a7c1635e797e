/* SPDX-License-Identifier: Apache-2.0 */
#include "app/control_put.h"

#include "sinks/json.h"

#include <stdio.h>
#include <sys/random.h>
#include <time.h>

void control_text(const struct control_command *c, struct buf *json)
{
	struct json j;
	char id[33];
	uint64_t random[2] = {0};
	json_init_buf(&j, json);
	if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
		random[0] = (uint64_t)mono_now().ns;
	snprintf(id, sizeof id, "%016llx%016llx", (unsigned long long)random[0], (unsigned long long)random[1]);
	json_open(&j, '{');
	json_key(&j, "id");
	json_string(&j, c->id ? c->id : id);
	json_key(&j, "time");
	json_time(&j, wall_now().ms);
	json_key(&j, "command");
	json_string(&j, c->command);
	json_key(&j, "number");
	json_string(&j, c->number);
	json_key(&j, "by");
	json_string(&j, c->by ? c->by : "cli");
	for (uint32_t i = 0; i < c->field_cnt; i++)
		if (c->fields[i].value) {
			json_key(&j, c->fields[i].name);
			json_string(&j, c->fields[i].value);
		}
	if (c->add || c->remove) {
		json_key(&j, c->add ? "add" : "remove");
		json_bool(&j, true);
	}
	json_close(&j, '}');
}

enum err control_check(const struct control_command *c, struct err_text *why)
{
	struct buf text = {0};
	struct arena a;
	struct command decoded;
	arena_init(&a, 16 << 10);
	control_text(c, &text);
	decode_command(buf_slice(&text), TIME_NONE, &a, &decoded);
	enum err e = decoded.reason == REASON_OK ? ERR_OK : err_set(why, ERR_USAGE, SLICE_FMT, SLICE_ARG(decoded.why));
	arena_release(&a);
	buf_release(&text);
	return e;
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

static enum err produce(rd_kafka_t *rk, const struct settings *set, const struct control_command *c, struct slice text,
			struct report *report, int32_t *partition, struct err_text *why)
{
	int32_t partitions = 0;
	enum err e = kafka_partition_count(rk, set->topics.control, 10000, &partitions, why);
	if (e)
		return e;
	if (partitions == 0)
		return err_set(why, ERR_CONFIG, "the topic %s does not exist at %s: it is made when `ringfence run` starts",
			       set->topics.control, set->kafka.brokers);
	*partition = partition_of((enum partitioner)set->partitioner, slice_of(c->number), partitions);
	rd_kafka_resp_err_t code = rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(set->topics.control), RD_KAFKA_V_PARTITION(*partition),
						     RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(c->number, strlen(c->number)),
						     RD_KAFKA_V_VALUE((void *)(uintptr_t)text.p, text.len), RD_KAFKA_V_END);
	for (int i = 0; i < 300 && !code && !report->done; i++)
		rd_kafka_poll(rk, 100);
	if (!code && !report->done)
		code = RD_KAFKA_RESP_ERR__TIMED_OUT;
	code = code ? code : report->err;
	return code ? err_set(why, ERR_AWAY, "the command was not put on %s: %s", set->topics.control, rd_kafka_err2str(code)) : ERR_OK;
}

static enum err put(const struct settings *set, const struct control_command *c, struct report *report, int32_t *partition,
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
	control_text(c, &text);
	e = produce(rk, set, c, buf_slice(&text), report, partition, why);
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

enum err control_put(const struct peek *r, const struct control_command *c, struct err_text *why)
{
	struct report report = {0};
	struct progress p;
	int32_t partition = 0;
	enum err e = put(&r->set, c, &report, &partition, why);
	if (e)
		return e;
	bool done = applied(r, partition, report.offset, c->wait_ms, &p);
	printf("%s %s: %s (%s:%d, offset %lld)\n", c->command, c->number, done ? "applied" : "queued, not applied yet",
	       r->set.topics.control, partition, (long long)report.offset);
	if (!done)
		print_queued(&p, report.offset);
	return ERR_OK;
}
