/* SPDX-License-Identifier: Apache-2.0 */
/* Webhooks between a mock Kafka and misbehaving receivers. A group takes three seconds to come together at the mock, so all scenes start at once, each with
 * a receiver, a webhook and topics of its own; a test then waits for what its scene must come to. */
#include "tests/unit/unit.h"

#include "tests/unit/sinks/mock_kafka.h"
#include "tests/unit/sinks/receiver.h"

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define TIMEOUT_MS 400 /* of a request, in every scene but those that stop one */
#define LONG_MS (10 * MINUTE_MS)

struct scene {
	const char *name;
	const struct answer *script;
	int script_cnt;
	int partitions;
	int preset;
	const char *host; /* "127.0.0.1" */
	bool private_refused;
	int64_t timeout_ms, retry_first_ms;
	/* set up by start() */
	char topic[TOPIC_CNT][64];
	struct sink_topics topics;
	struct receiver receiver;
	struct webhook *webhook;
};

#define SCRIPT(...) \
	.script = (const struct answer[]){__VA_ARGS__}, .script_cnt = sizeof((const struct answer[]){__VA_ARGS__}) / sizeof(struct answer)

enum { FAILING, HANGING, GONE, BUSY, MOVED, ODD, LOUD, ADDRESS, ORDER, BARE, STOP_REQUEST, STOP_WAIT, TWO, SCENE_CNT };

static struct mock_kafka kafka;
static struct scene scenes[SCENE_CNT] = {
	[FAILING] = {.name = "failing", SCRIPT({500, ANSWER, NULL})},
	[HANGING] = {.name = "hanging", SCRIPT({200, KEEP, NULL}, {0, HANG, NULL}, {0, HANG_UP, NULL}, {0, INTERIM, NULL})},
	[GONE] = {.name = "gone", SCRIPT({200, ANSWER, NULL}, {410, ANSWER, NULL})},
	[BUSY] = {.name = "busy",
		  SCRIPT({429, ANSWER, "Retry-After: 1\r\n"}, {503, ANSWER, NULL}, {0, HANG_UP, NULL}, {408, RETRY_DATE, NULL})},
	[MOVED] = {.name = "moved", SCRIPT({302, ANSWER, "Location: /elsewhere\r\n"}, {404, ANSWER, "Retry-After: 100\r\n"})},
	[ODD] = {.name = "odd"},
	[LOUD] = {.name = "loud", SCRIPT({200, ENDLESS, NULL}, {200, LONG_HEAD, NULL}, {200, CUT_SHORT, NULL}, {500, ENDLESS, NULL})},
	[ADDRESS] = {.name = "address", .host = "localhost", .private_refused = true},
	[ORDER] = {.name = "order",
		   .partitions = 4,
		   SCRIPT({200, KEEP, NULL}, {500, KEEP, NULL}, {500, ANSWER, NULL}, {200, KEEP, NULL}, {0, HANG_UP, NULL})},
	[BARE] = {.name = "bare", .preset = PRESET_CLOUDEVENTS},
	[STOP_REQUEST] = {.name = "stop_request", SCRIPT({0, HANG, NULL}), .timeout_ms = LONG_MS},
	[STOP_WAIT] = {.name = "stop_wait", SCRIPT({500, ANSWER, NULL}), .retry_first_ms = LONG_MS},
	[TWO] = {.name = "two", .partitions = 4},
};

static struct webhook *start_webhook(struct scene *s, struct receiver *r, const struct kafka_config *k)
{
	struct err_text why = {""};
	char url[80];
	struct webhook *w = NULL;
	snprintf(url, sizeof url, "http://%s:%d/hook", s->host ? s->host : "127.0.0.1", r->port);
	const struct webhook_config c = {.name = s->name,
					 .kind = SINK_WEBHOOK,
					 .preset = s->preset,
					 .url = url,
					 .secret = s->preset == PRESET_STANDARD_WEBHOOKS ? SECRET : "",
					 .allow_private = !s->private_refused,
					 .timeout_ms = s->timeout_ms ? s->timeout_ms : TIMEOUT_MS,
					 .retry_first_ms = s->retry_first_ms ? s->retry_first_ms : 10,
					 .retry_most_ms = s->retry_first_ms ? s->retry_first_ms : 100};
	if (webhook_start(&c, k, &s->topics, &w, &why))
		fail_msg("%s", why.text);
	return w;
}

static void start(struct scene *s, struct mock_kafka *k)
{
	for (int t = 0; t < TOPIC_CNT; t++) {
		snprintf(s->topic[t], sizeof s->topic[t], "%s-%d", s->name, t);
		s->topics.name[t] = s->topic[t];
		mock_topic(k, s->topic[t], s->partitions ? s->partitions : 1);
	}
	receiver_init(&s->receiver, s->script, s->script_cnt);
	s->webhook = start_webhook(s, &s->receiver, &k->config);
}

static void end(struct scene *s)
{
	webhook_stop(s->webhook, 5000);
	s->webhook = NULL;
}

static void send_event(struct scene *s, const char *id)
{
	mock_event(&kafka, s->topic[TOPIC_ALERTS], "+15551230000", id, "{\"number\":\"+15551230000\"}");
}

static int start_all(void **state)
{
	(void)state;
	mock_init(&kafka);
	for (int i = 0; i < SCENE_CNT; i++)
		start(&scenes[i], &kafka);
	send_event(&scenes[BUSY], "b1"); /* takes four seconds */
	return 0;
}

static int end_all(void **state)
{
	(void)state;
	for (int i = 0; i < SCENE_CNT; i++)
		if (scenes[i].webhook)
			webhook_stop_begin(scenes[i].webhook, 5000);
	for (int i = 0; i < SCENE_CNT; i++) {
		end(&scenes[i]);
		receiver_release(&scenes[i].receiver);
	}
	mock_release(&kafka);
	return 0;
}

static struct webhook_counts counts(const struct scene *s)
{
	struct webhook_counts c;
	webhook_counts(s->webhook, &c);
	return c;
}

static void assert_counts(const struct scene *s, uint64_t delivered, uint64_t retried, uint64_t refused, uint64_t skipped)
{
	struct webhook_counts c = counts(s);
	assert_int_equal(c.delivered, delivered);
	assert_int_equal(c.retried, retried);
	assert_int_equal(c.refused, refused);
	assert_int_equal(c.skipped, skipped);
}

/* The ids of the requests, in order, told apart by blanks. */
static void assert_ids(struct scene *s, const char *expected)
{
	struct buf got = {0};
	char id[64];
	for (int i = 0; i < receiver_cnt(&s->receiver); i++)
		buf_printf(&got, "%s%s", i ? " " : "", request_header(receiver_request(&s->receiver, i), "webhook-id", id, sizeof id));
	buf_put_u8(&got, 0);
	assert_string_equal((const char *)got.data, expected);
	buf_release(&got);
}

static int64_t committed(const struct scene *s, enum event_topic t)
{
	char group[64];
	snprintf(group, sizeof group, "rf.webhook.%s", s->name);
	return mock_committed(&kafka, group, s->topic[t], 0);
}

static double gap_ms(struct scene *s, int i)
{
	return (double)(receiver_request(&s->receiver, i + 1)->at_ns - receiver_request(&s->receiver, i)->at_ns) / 1e6;
}

/* ---- outcomes ---- */

static void assert_signed(const struct request *q)
{
	struct buf want = {0};
	struct err_text why;
	char id[64], timestamp[32], signature[128];
	request_header(q, "webhook-id", id, sizeof id);
	request_header(q, "webhook-timestamp", timestamp, sizeof timestamp);
	int64_t at_s = atoll(timestamp), now_s = wall_now().ms / 1000;
	assert_in_range(at_s, now_s - 60, now_s);
	assert_int_equal(webhook_sign(SECRET, slice_of(id), at_s, slice_of(q->body), &want, &why), ERR_OK);
	buf_put_u8(&want, 0);
	assert_string_equal(request_header(q, "webhook-signature", signature, sizeof signature), (const char *)want.data);
	buf_release(&want);
}

static void answer_500_is_tried_again_with_the_same_id_and_bytes(void **state)
{
	(void)state;
	struct scene *s = &scenes[FAILING];
	char type[64];
	send_event(s, "f1");
	WAIT_FOR(counts(s).delivered == 1);
	assert_ids(s, "f1 f1");
	assert_counts(s, 1, 1, 0, 0);
	const struct request *first = receiver_request(&s->receiver, 0), *second = receiver_request(&s->receiver, 1);
	assert_string_equal(first->body, second->body);
	assert_string_equal(
		first->body,
		"{\"specversion\":\"1.0\",\"id\":\"f1\",\"source\":\"urn:ringfence:test\",\"type\":\"dev.ringfence.alert.raised.v1\","
		"\"subject\":\"+15551230000\",\"time\":\"2024-01-01T00:00:00.000Z\",\"datacontenttype\":\"application/json\","
		"\"sequence\":\"7\",\"data\":{\"number\":\"+15551230000\"}}");
	assert_string_equal(request_header(first, "Content-Type", type, sizeof type), "application/cloudevents+json; charset=UTF-8");
	assert_memory_equal(first->text, "POST /hook HTTP/1.1", 19);
	assert_signed(first);
	assert_signed(second);
	end(s);
	assert_int_equal(committed(s, TOPIC_ALERTS), 1);
}

/* An answer of the request before must not count for one that never came. */
static void receiver_that_hangs_or_hangs_up_is_tried_again(void **state)
{
	(void)state;
	struct scene *s = &scenes[HANGING];
	send_event(s, "h1");
	send_event(s, "h2");
	WAIT_FOR(counts(s).delivered == 2);
	assert_ids(s, "h1 h2 h2 h2 h2");
	assert_counts(s, 2, 3, 0, 0);
	assert_true(gap_ms(s, 1) >= TIMEOUT_MS - 1);
}

static void answer_410_stops_the_sink_and_keeps_its_position(void **state)
{
	(void)state;
	struct scene *s = &scenes[GONE];
	send_event(s, "g1");
	send_event(s, "g2");
	send_event(s, "g3");
	WAIT_FOR(counts(s).disabled);
	end(s);
	assert_ids(s, "g1 g2");
	assert_int_equal(committed(s, TOPIC_ALERTS), 1);
}

/* Retry-After is obeyed, and is not remembered for later answers. */
static void retry_after_is_obeyed_in_seconds_and_as_a_date(void **state)
{
	(void)state;
	struct scene *s = &scenes[BUSY]; /* its event was sent at the start */
	WAIT_FOR(counts(s).delivered == 1);
	assert_ids(s, "b1 b1 b1 b1 b1");
	assert_true(gap_ms(s, 0) >= 999);
	assert_true(gap_ms(s, 1) < 900);
	assert_true(gap_ms(s, 2) < 900);
	assert_true(gap_ms(s, 3) >= 900); /* two seconds less the part of the running one */
}

static void redirect_and_404_are_passed_over(void **state)
{
	(void)state;
	struct scene *s = &scenes[MOVED];
	send_event(s, "m1");
	send_event(s, "m2");
	send_event(s, "m3");
	WAIT_FOR(counts(s).delivered == 1);
	assert_ids(s, "m1 m2 m3");
	assert_counts(s, 1, 0, 2, 0);
	for (int i = 0; i < 3; i++)
		assert_memory_equal(receiver_request(&s->receiver, i)->text, "POST /hook ", 11);
	end(s);
	assert_int_equal(committed(s, TOPIC_ALERTS), 3);
}

static rd_kafka_headers_t *structured_headers(void)
{
	struct message m = {.id = SLICE_LIT("o1"), .type = SLICE_LIT("t"), .source = SLICE_LIT("s")};
	rd_kafka_headers_t *h = binding_headers(&m);
	rd_kafka_header_remove(h, "content-type");
	rd_kafka_header_add(h, "content-type", -1, "application/cloudevents+json", -1);
	return h;
}

/* Only alerts and transitions are read unless topics says otherwise. */
static void what_is_no_event_is_passed_over(void **state)
{
	(void)state;
	struct scene *s = &scenes[ODD];
	const char *t = s->topic[TOPIC_TRANSITIONS];
	mock_produce(&kafka, t, "k", "no headers", rd_kafka_headers_new(1));
	mock_produce(&kafka, t, "k", "{}", structured_headers());
	mock_event(&kafka, t, "k", "o2\r\nX-Evil: 1", "{}");
	mock_event(&kafka, t, "k", "o.3", "{}");
	mock_event(&kafka, t, "k", "o4", NULL);
	mock_event(&kafka, s->topic[TOPIC_ADVISORIES], "k", "o5", "{}");
	mock_event(&kafka, t, "k", "o6", "{}");
	WAIT_FOR(counts(s).delivered == 1);
	assert_ids(s, "o6");
	assert_counts(s, 1, 0, 0, 4);
	end(s);
	assert_int_equal(committed(s, TOPIC_TRANSITIONS), 6);
	assert_int_equal(committed(s, TOPIC_ADVISORIES), -1);
}

static void status_decides_whatever_follows_it(void **state)
{
	(void)state;
	struct scene *s = &scenes[LOUD];
	send_event(s, "l1");
	send_event(s, "l2");
	send_event(s, "l3");
	send_event(s, "l4");
	WAIT_FOR(counts(s).delivered == 4);
	assert_ids(s, "l1 l2 l3 l4 l4");
	assert_counts(s, 4, 1, 0, 0);
	assert_true(gap_ms(s, 0) < TIMEOUT_MS); /* cut off for its size, not for its time */
	assert_true(gap_ms(s, 1) < TIMEOUT_MS);
}

static void name_of_a_private_address_is_never_connected(void **state)
{
	(void)state;
	struct scene *s = &scenes[ADDRESS];
	send_event(s, "a1");
	WAIT_FOR(counts(s).retried >= 3);
	assert_int_equal(receiver_connections(&s->receiver), 0);
	assert_int_equal(counts(s).delivered, 0);
	end(s);
	assert_int_equal(committed(s, TOPIC_ALERTS), -1);
}

static void order_of_a_number_holds_over_failures(void **state)
{
	(void)state;
	struct scene *s = &scenes[ORDER];
	int next[5] = {0};
	char id[64], number[32];
	for (int i = 0; i < 40; i++) {
		snprintf(number, sizeof number, "+1555123000%d", i % 5);
		snprintf(id, sizeof id, "%d-%d", i % 5, i / 5);
		mock_event(&kafka, s->topic[TOPIC_ALERTS], number, id, "{}");
	}
	WAIT_FOR(counts(s).delivered == 40);
	assert_int_equal(receiver_cnt(&s->receiver), 43);
	for (int i = 0; i < 43; i++) {
		const struct request *q = receiver_request(&s->receiver, i);
		request_header(q, "webhook-id", id, sizeof id);
		int n = id[0] - '0', k = atoi(id + 2);
		assert_true(n >= 0 && n <= 4);
		assert_true(k == next[n] || k + 1 == next[n]); /* the next one, or the last one again */
		next[n] = k + 1;
	}
}

static void preset_cloudevents_has_no_signature(void **state)
{
	(void)state;
	struct scene *s = &scenes[BARE];
	send_event(s, "c1");
	WAIT_FOR(counts(s).delivered == 1);
	assert_null(strcasestr(receiver_request(&s->receiver, 0)->text, "webhook-"));
	assert_non_null(strstr(receiver_request(&s->receiver, 0)->body, "\"id\":\"c1\""));
}

/* ---- stopping ---- */

static double stop_ms(struct webhook *w, int64_t drain_ms)
{
	struct mono_time from = mono_now();
	webhook_stop(w, drain_ms);
	return 1000 * mono_seconds_since(from);
}

static void stop_cuts_off_a_request_in_time(void **state)
{
	(void)state;
	struct scene *s = &scenes[STOP_REQUEST];
	send_event(s, "s1");
	WAIT_FOR(receiver_cnt(&s->receiver) == 1);
	double ms = stop_ms(s->webhook, 800);
	s->webhook = NULL;
	assert_true(ms >= 590); /* until then it might have been answered */
	assert_true(ms < 1200);
	assert_int_equal(committed(s, TOPIC_ALERTS), -1);
}

static void stop_does_not_wait_for_a_retry(void **state)
{
	(void)state;
	struct scene *s = &scenes[STOP_WAIT];
	send_event(s, "w1");
	WAIT_FOR(counts(s).retried == 1);
	double ms = stop_ms(s->webhook, 5000);
	s->webhook = NULL;
	assert_true(ms < 2500);
	assert_ids(s, "w1");
	assert_int_equal(committed(s, TOPIC_ALERTS), -1);
}

/* The second process gets half of the partitions although the first one is trying again, and delivers what is in them; nothing is lost or out of order. */
static void second_process_takes_over_while_the_first_retries(void **state)
{
	(void)state;
	struct scene *s = &scenes[TWO];
	struct receiver other;
	bool seen[40] = {false};
	char id[64], number[32];
	atomic_store(&s->receiver.always, 500);
	for (int i = 0; i < 40; i++) {
		snprintf(number, sizeof number, "+1555123%04d", i);
		snprintf(id, sizeof id, "t%d", i);
		mock_event(&kafka, s->topic[TOPIC_ALERTS], number, id, "{}");
	}
	WAIT_FOR(counts(s).retried >= 2);
	receiver_init(&other, NULL, 0);
	struct webhook *w = start_webhook(s, &other, &kafka.config);
	WAIT_FOR(receiver_cnt(&other) >= 5);
	assert_int_equal(counts(s).delivered, 0);
	atomic_store(&s->receiver.always, 200);
	struct webhook_counts c;
	WAIT_FOR((webhook_counts(w, &c), c.delivered + counts(s).delivered) >= 40);
	for (int i = 0; i < receiver_cnt(&other); i++)
		seen[atoi(request_header(receiver_request(&other, i), "webhook-id", id, sizeof id) + 1)] = true;
	for (int i = (int)counts(s).retried; i < receiver_cnt(&s->receiver); i++)
		seen[atoi(request_header(receiver_request(&s->receiver, i), "webhook-id", id, sizeof id) + 1)] = true;
	for (int i = 0; i < 40; i++)
		assert_true(seen[i]);
	webhook_stop(w, 5000);
	receiver_release(&other);
}

/* A Kafka of its own, for it is taken away. */
static void stop_in_time_when_kafka_is_away(void **state)
{
	(void)state;
	static struct mock_kafka away;
	static struct scene s = {.name = "away"};
	mock_init(&away);
	start(&s, &away);
	mock_event(&away, s.topic[TOPIC_ALERTS], "k", "x1", "{}");
	WAIT_FOR(counts(&s).delivered == 1);
	rd_kafka_mock_broker_set_down(away.cluster, 1);
	double ms = stop_ms(s.webhook, 1000);
	assert_true(ms < 2000);
	receiver_release(&s.receiver);
	mock_release(&away);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answer_500_is_tried_again_with_the_same_id_and_bytes),
		cmocka_unit_test(receiver_that_hangs_or_hangs_up_is_tried_again),
		cmocka_unit_test(answer_410_stops_the_sink_and_keeps_its_position),
		cmocka_unit_test(retry_after_is_obeyed_in_seconds_and_as_a_date),
		cmocka_unit_test(redirect_and_404_are_passed_over),
		cmocka_unit_test(what_is_no_event_is_passed_over),
		cmocka_unit_test(status_decides_whatever_follows_it),
		cmocka_unit_test(name_of_a_private_address_is_never_connected),
		cmocka_unit_test(order_of_a_number_holds_over_failures),
		cmocka_unit_test(preset_cloudevents_has_no_signature),
		cmocka_unit_test(stop_cuts_off_a_request_in_time),
		cmocka_unit_test(stop_does_not_wait_for_a_retry),
		cmocka_unit_test(second_process_takes_over_while_the_first_retries),
		cmocka_unit_test(stop_in_time_when_kafka_is_away),
	};
	return cmocka_run_group_tests(tests, start_all, end_all);
}
