/* SPDX-License-Identifier: Apache-2.0 */
#include "app/demo_story.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

#define LINES_MAX 60 /* of the story; the rest is in the files */

struct person { /* a number */
	char number[E164_MAX_BYTES + 1];
	const char *kind; /* "" if not known */
	char rule[64], figures[160];
	char phase[16];
	uint32_t episodes, alerts;
	int most;        /* calls a day that its phase allows; -1: any number */
	int64_t day;     /* on which */
	int today;       /* so many were let through */
	uint64_t barred; /* calls that were not */
};

struct story {
	const struct settings *set;
	rd_kafka_t *rk;
	struct sink_file *files;
	int64_t begin_ms;
	struct person *people;
	uint32_t cnt, cap;
	uint32_t lines, hidden;
	uint64_t sent[EVENT_KIND_CNT];
};

static struct person *person_of(struct story *s, const char *number)
{
	for (uint32_t i = 0; i < s->cnt; i++)
		if (strcmp(s->people[i].number, number) == 0)
			return &s->people[i];
	if (s->cnt == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 256;
		s->people = mem_realloc(s->people, s->cap * sizeof *s->people);
	}
	struct person *p = &s->people[s->cnt++];
	*p = (struct person){.kind = "", .most = -1};
	snprintf(p->number, sizeof p->number, "%s", number);
	snprintf(p->phase, sizeof p->phase, "active");
	return p;
}

void story_knows(struct story *s, const char *number, const char *kind)
{
	person_of(s, number)->kind = kind;
}

bool story_lets_call(struct story *s, const char *number, int64_t at_ms)
{
	struct person *p = person_of(s, number);
	int64_t day = utc_day(at_ms);
	if (p->most < 0)
		return true;
	p->today = day == p->day ? p->today : 0;
	p->day = day;
	bool lets = p->today < p->most;
	p->today += lets;
	p->barred += !lets;
	return lets;
}

/* ---- one event ---- */

static const char *text_in(const cJSON *o, const char *name)
{
	const char *t = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));
	return t ? t : "";
}

static int day_of(const struct story *s, const struct message *m)
{
	int64_t t = s->begin_ms;
	if (!time_parse(m->time, &t))
		return 0;
	return (int)((t - s->begin_ms) / DAY_MS) + 1;
}

static bool may_print(struct story *s)
{
	s->hidden += s->lines >= LINES_MAX;
	return s->lines++ < LINES_MAX;
}

static void put_figures(const cJSON *data, char *out, size_t size)
{
	size_t at = 0;
	const cJSON *f;
	out[0] = '\0';
	cJSON_ArrayForEach(f, cJSON_GetObjectItemCaseSensitive(data, "figures")) if (at < size) at +=
		(size_t)snprintf(out + at, size - at, "%s%s = %.6g", at ? ", " : "", f->string, f->valuedouble);
}

static void on_alert(struct story *s, const struct message *m, const cJSON *data)
{
	struct person *p = person_of(s, text_in(data, "number"));
	if (p->alerts++ == 0) {
		snprintf(p->rule, sizeof p->rule, "%s", text_in(data, "rule"));
		put_figures(data, p->figures, sizeof p->figures);
	}
	if (p->alerts == 1 && may_print(s))
		printf("day %3d  %-16s %s: %s\n", day_of(s, m), p->number, text_in(data, "rule"), p->figures);
}

static void on_transition(struct story *s, const struct message *m, const cJSON *data)
{
	struct person *p = person_of(s, text_in(data, "number"));
	const char *to = text_in(data, "to");
	const cJSON *caps = cJSON_GetObjectItemCaseSensitive(data, "caps");
	const cJSON *most = cJSON_GetObjectItemCaseSensitive(caps, "daily_max");
	snprintf(p->phase, sizeof p->phase, "%s", to);
	p->most = cJSON_IsNumber(most) ? most->valueint : -1;
	bool anew = strcmp(text_in(data, "from"), to) == 0; /* a rest begins again: the calls that were on their way */
	p->episodes += strcmp(to, "rest") == 0 && !anew;
	if (anew || !may_print(s))
		return;
	printf("day %3d  %-16s %s -> %s", day_of(s, m), p->number, text_in(data, "from"), to);
	if (strcmp(text_in(data, "reason"), "rule") == 0)
		printf(", by rule %s", text_in(data, "detail"));
	if (cJSON_IsNumber(most))
		printf(", at most %d calls a day", most->valueint);
	if (text_in(data, "until")[0])
		printf(", until %.10s", text_in(data, "until"));
	putchar('\n');
}

static void take(struct story *s, const struct message *m)
{
	const uint32_t prefix = sizeof "dev.ringfence." - 1;
	struct slice type = slice_make(m->type.p + prefix, m->type.len - prefix - 3);
	enum err unwritten = sink_file_write(s->files, m); /* said when the files are closed */
	(void)unwritten;
	for (int k = 0; k < EVENT_KIND_CNT; k++)
		s->sent[k] += slice_is(type, event_type((enum event_kind)k));
	cJSON *data = m->data.p ? cJSON_ParseWithLength(m->data.p, m->data.len) : NULL;
	if (data && slice_is(type, "alert.raised"))
		on_alert(s, m, data);
	else if (data && slice_is(type, "transition"))
		on_transition(s, m, data);
	cJSON_Delete(data);
}

/* ---- the topics ---- */

enum err story_open(const struct settings *set, const char *folder, int64_t begin_ms, struct story **out, struct err_text *why)
{
	rd_kafka_conf_t *conf;
	char text[512];
	struct story *s = mem_zalloc(sizeof *s);
	s->set = set;
	s->begin_ms = begin_ms;
	*out = s;
	enum err e = sink_file_open(folder, &s->files, why);
	if (!e)
		e = kafka_conf_consumer(&set->kafka, "demo-story", "story", &conf, why);
	if (e)
		return e;
	rd_kafka_conf_set(conf, "auto.offset.reset", "earliest", text, sizeof text);
	s->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
	if (!s->rk) {
		rd_kafka_conf_destroy(conf);
		return err_set(why, ERR_CONFIG, "kafka: %s", text);
	}
	rd_kafka_poll_set_consumer(s->rk);
	rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(TOPIC_CNT);
	for (int t = 0; t < TOPIC_CNT; t++)
		if (t != TOPIC_DEAD_LETTERS)
			rd_kafka_topic_partition_list_add(l, set->topics.out.name[t], RD_KAFKA_PARTITION_UA);
	rd_kafka_resp_err_t code = rd_kafka_subscribe(s->rk, l);
	rd_kafka_topic_partition_list_destroy(l);
	return code ? err_set(why, ERR_AWAY, "kafka: %s", rd_kafka_err2str(code)) : ERR_OK;
}

uint32_t story_follow(struct story *s, int wait_ms)
{
	uint32_t n = 0;
	rd_kafka_message_t *rkm;
	while ((rkm = rd_kafka_consumer_poll(s->rk, n ? 0 : wait_ms))) {
		struct message m;
		int t = 0;
		while (!rkm->err && t < TOPIC_CNT - 1 && strcmp(s->set->topics.out.name[t], rd_kafka_topic_name(rkm->rkt)) != 0)
			t++;
		if (!rkm->err && message_from_kafka(rkm, (enum event_topic)t, &m) == ERR_OK) {
			take(s, &m);
			n++;
		}
		rd_kafka_message_destroy(rkm);
	}
	return n;
}

/* ---- the end ---- */

static int by_kind(const void *a, const void *b)
{
	const struct person *x = a, *y = b;
	int c = strcmp(x->kind, y->kind);
	return c ? c : strcmp(x->number, y->number);
}

static void print_caught(const struct story *s)
{
	printf("\nCaught:\n%-16s %-12s %-10s %-8s %-18s %s\n", "number", "is really", "phase now", "episodes", "first alert", "because");
	for (uint32_t i = 0; i < s->cnt; i++) {
		const struct person *p = &s->people[i];
		if (p->alerts || p->episodes)
			printf("%-16s %-12s %-10s %-8u %-10llu %-18s %s\n", p->number, p->kind, p->phase, p->episodes,
			       (unsigned long long)p->barred, p->rule, p->figures);
	}
}

/* Of each kind: how many there are, how many were caught. */
static void print_kinds(const struct story *s)
{
	printf("\nOf each kind:\n");
	for (uint32_t i = 0, n; i < s->cnt; i += n) {
		uint32_t caught = 0;
		for (n = 0; i + n < s->cnt && strcmp(s->people[i + n].kind, s->people[i].kind) == 0; n++)
			caught += s->people[i + n].episodes > 0;
		printf("  %-12s %4u numbers, %u put to rest\n", s->people[i].kind[0] ? s->people[i].kind : "(unknown)", n, caught);
	}
}

void story_end(struct story *s)
{
	if (s->hidden)
		printf("  ... and %u more; all are in the files\n", s->hidden);
	qsort(s->people, s->cnt, sizeof *s->people, by_kind);
	print_caught(s);
	print_kinds(s);
	printf("\nSent:\n");
	for (int k = 0; k < EVENT_KIND_CNT; k++)
		if (s->sent[k])
			printf("  %-16s %6llu on %s\n", event_type((enum event_kind)k), (unsigned long long)s->sent[k],
			       s->set->topics.out.name[event_topic((enum event_kind)k)]);
}

enum err story_close(struct story *s, struct err_text *why)
{
	if (!s)
		return ERR_OK;
	if (s->rk) {
		rd_kafka_consumer_close(s->rk);
		rd_kafka_destroy(s->rk);
	}
	enum err e = sink_file_close(s->files, why);
	free(s->people);
	free(s);
	return e;
}
