/* SPDX-License-Identifier: Apache-2.0 */
/* The Kafka sink against a mock cluster: what arrives, what is acknowledged, and what happens when the broker refuses or is away. Every test has topics of its
 * own; the events of a test have one key, so they stand in one partition in the order in which they arrived. */
#include "tests/unit/unit.h"

#include "tests/unit/sinks/mock_kafka.h"

#define NUMBER "+15551230000"
#define API_PRODUCE 0
#define API_INIT_PRODUCER_ID 22

static struct mock_kafka kafka;
static int test_cnt;
static int owner_a, owner_b;

struct fixture {
	char topic[TOPIC_CNT][40];
	struct sink_topics topics;
	struct sink_kafka *sink;
	struct buf acks; /* " a1 b7": owner and number */
};

static int start_kafka(void **state)
{
	(void)state;
	mock_init(&kafka);
	return 0;
}

static int end_kafka(void **state)
{
	(void)state;
	mock_release(&kafka);
	return 0;
}

static void on_ack(void *ctx, void *owner, uint64_t number)
{
	struct fixture *f = ctx;
	buf_printf(&f->acks, " %c%llu", owner == &owner_a ? 'a' : owner == &owner_b ? 'b' : '?', (unsigned long long)number);
}

static void open_sink(struct fixture *f, int partitions, const struct kafka_config *k)
{
	struct err_text why = {""};
	test_cnt++;
	for (int t = 0; t < TOPIC_CNT; t++) {
		snprintf(f->topic[t], sizeof f->topic[t], "test%d-topic%d", test_cnt, t);
		f->topics.name[t] = f->topic[t];
		mock_topic(&kafka, f->topic[t], partitions);
	}
	if (sink_kafka_open(k, &f->topics, "w0", on_ack, f, &f->sink, &why))
		fail_msg("%s", why.text);
}

static void close_sink(struct fixture *f)
{
	sink_kafka_close(f->sink, 0);
	buf_release(&f->acks);
	*f = (struct fixture){0};
}

static struct message message_of(uint64_t number, struct slice data)
{
	static char id[16];
	snprintf(id, sizeof id, "id%llu", (unsigned long long)number);
	return (struct message){.topic = TOPIC_ALERTS,
				.key = SLICE_LIT(NUMBER),
				.id = slice_of(id),
				.type = SLICE_LIT("dev.ringfence.alert.raised.v1"),
				.source = SLICE_LIT("urn:ringfence:test"),
				.subject = SLICE_LIT(NUMBER),
				.time = SLICE_LIT("2024-01-01T00:00:00.000Z"),
				.sequence = SLICE_LIT("7"),
				.data = data};
}

static void send_as(struct fixture *f, void *owner, uint64_t number)
{
	struct err_text why = {""};
	struct message m = message_of(number, SLICE_LIT("{\"a\":1}"));
	if (sink_kafka_send(f->sink, &m, owner, number, &why))
		fail_msg("%s", why.text);
}

static size_t acks(const struct fixture *f)
{
	size_t n = 0;
	for (size_t i = 0; i < f->acks.len; i++)
		n += f->acks.data[i] == ' ';
	return n;
}

static bool polled(struct fixture *f)
{
	sink_kafka_poll(f->sink, 20);
	return true;
}

static void assert_acks(struct fixture *f, const char *expected)
{
	WAIT_FOR(polled(f) && acks(f) >= acks(&(struct fixture){.acks = {(uint8_t *)(uintptr_t)expected, strlen(expected), 0}}));
	buf_put_u8(&f->acks, 0);
	f->acks.len--;
	assert_string_equal((const char *)f->acks.data, expected);
}

/* The ids in the order in which a partition has them, told apart by blanks; waits for as many as expected, then that no more come. */
static void assert_topic(const char *topic, int32_t partition, const char *expected)
{
	struct buf got = {0};
	struct message m;
	rd_kafka_t *reader = mock_reader(&kafka, topic, partition);
	for (;;) {
		rd_kafka_message_t *rkm = mock_read(reader, got.len < strlen(expected) ? MOCK_WAIT_MS : 300);
		if (!rkm)
			break;
		assert_int_equal(message_from_kafka(rkm, TOPIC_ALERTS, &m), ERR_OK);
		buf_printf(&got, "%s" SLICE_FMT, got.len ? " " : "", SLICE_ARG(m.id));
		rd_kafka_message_destroy(rkm);
	}
	rd_kafka_destroy(reader);
	buf_put_u8(&got, 0);
	assert_string_equal((const char *)got.data, expected);
	buf_release(&got);
}

static void refuse(int16_t api, size_t cnt, rd_kafka_resp_err_t code)
{
	rd_kafka_resp_err_t codes[16];
	assert_true(cnt <= 16);
	for (size_t i = 0; i < cnt; i++)
		codes[i] = code;
	rd_kafka_mock_push_request_errors_array(kafka.cluster, api, cnt, codes);
}

/* ---- what arrives ---- */

static const char *text_header(const rd_kafka_message_t *m, const char *name, char out[200])
{
	rd_kafka_headers_t *h = NULL;
	const void *value;
	size_t size;
	out[0] = 0;
	if (!rd_kafka_message_headers(m, &h) && !rd_kafka_header_get_last(h, name, &value, &size))
		snprintf(out, 200, "%.*s", (int)size, (const char *)value);
	return out;
}

/* murmur2 puts this number into partition 7 of 12, as Java's producers do. */
static void event_arrives_in_binary_mode_and_is_acknowledged_once(void **state)
{
	(void)state;
	struct fixture f = {0};
	struct message m;
	char t[200];
	open_sink(&f, 12, &kafka.config);
	send_as(&f, &owner_a, 1);
	assert_acks(&f, " a1");
	rd_kafka_t *reader = mock_reader(&kafka, f.topic[TOPIC_ALERTS], 7);
	rd_kafka_message_t *rkm = mock_read(reader, MOCK_WAIT_MS);
	assert_non_null(rkm);
	assert_string_equal(text_header(rkm, "content-type", t), "application/json");
	assert_string_equal(text_header(rkm, "ce_specversion", t), "1.0");
	assert_int_equal(message_from_kafka(rkm, TOPIC_ALERTS, &m), ERR_OK);
	assert_true(slice_is(m.key, NUMBER) && slice_is(m.id, "id1") && slice_is(m.type, "dev.ringfence.alert.raised.v1"));
	assert_true(slice_is(m.source, "urn:ringfence:test") && slice_is(m.subject, NUMBER) && slice_is(m.sequence, "7"));
	assert_true(slice_is(m.time, "2024-01-01T00:00:00.000Z") && slice_is(m.data, "{\"a\":1}"));
	rd_kafka_message_destroy(rkm);
	rd_kafka_destroy(reader);
	sink_kafka_poll(f.sink, 50);
	assert_int_equal(acks(&f), 1);
	close_sink(&f);
}

static void tombstone_has_no_value_and_keeps_its_headers(void **state)
{
	(void)state;
	struct fixture f = {0};
	struct message m = message_of(1, SLICE_NONE), back;
	struct err_text why;
	open_sink(&f, 1, &kafka.config);
	m.topic = TOPIC_NUMBERS;
	assert_int_equal(sink_kafka_send(f.sink, &m, &owner_a, 1, &why), ERR_OK);
	assert_acks(&f, " a1");
	rd_kafka_t *reader = mock_reader(&kafka, f.topic[TOPIC_NUMBERS], 0);
	rd_kafka_message_t *rkm = mock_read(reader, MOCK_WAIT_MS);
	assert_non_null(rkm);
	assert_null(rkm->payload);
	assert_int_equal(message_from_kafka(rkm, TOPIC_NUMBERS, &back), ERR_OK);
	assert_null(back.data.p);
	assert_true(slice_is(back.id, "id1"));
	rd_kafka_message_destroy(rkm);
	rd_kafka_destroy(reader);
	close_sink(&f);
}

static struct dead_letter dead_letter_of(struct slice value, const rd_kafka_headers_t *h)
{
	return (struct dead_letter){.reason = REASON_BAD_JSON,
				    .detail = SLICE_LIT("at byte 3"),
				    .topic = SLICE_LIT("cdr"),
				    .partition = 5,
				    .offset = INT64_C(9007199254740993),
				    .value = value,
				    .headers = h,
				    .stage = "DECODE"};
}

static void dead_letter_keeps_what_came_and_says_why(void **state)
{
	(void)state;
	struct fixture f = {0};
	struct err_text why;
	char t[200];
	rd_kafka_headers_t *h = rd_kafka_headers_new(1);
	rd_kafka_header_add(h, "trace", -1, "abc", -1);
	struct dead_letter d = dead_letter_of(slice_make("\0{\xff", 3), h);
	open_sink(&f, 1, &kafka.config);
	assert_int_equal(sink_kafka_dead_letter(f.sink, &d, "rf", &owner_a, &why), ERR_OK);
	rd_kafka_headers_destroy(h);
	assert_int_equal(sink_kafka_dead_letters_open(f.sink, &owner_a), 1);
	assert_int_equal(sink_kafka_dead_letters_open(f.sink, &owner_b), 0);
	WAIT_FOR(polled(&f) && sink_kafka_dead_letters_open(f.sink, &owner_a) == 0);
	assert_int_equal(acks(&f), 0); /* counted apart from events */
	rd_kafka_t *reader = mock_reader(&kafka, f.topic[TOPIC_DEAD_LETTERS], 0);
	rd_kafka_message_t *m = mock_read(reader, MOCK_WAIT_MS);
	assert_non_null(m);
	assert_null(m->key); /* as it came: without */
	assert_int_equal(m->len, 3);
	assert_memory_equal(m->payload, "\0{\xff", 3);
	assert_string_equal(text_header(m, "trace", t), "abc");
	assert_string_equal(text_header(m, "__connect.errors.topic", t), "cdr");
	assert_string_equal(text_header(m, "__connect.errors.partition", t), "5");
	assert_string_equal(text_header(m, "__connect.errors.offset", t), "9007199254740993");
	assert_string_equal(text_header(m, "__connect.errors.connector.name", t), "rf");
	assert_string_equal(text_header(m, "__connect.errors.stage", t), "DECODE");
	assert_non_null(strstr(text_header(m, "__connect.errors.exception.message", t), ": at byte 3"));
	assert_string_equal(text_header(m, "ringfence.error.code", t), reason_code(REASON_BAD_JSON));
	rd_kafka_message_destroy(m);
	rd_kafka_destroy(reader);
	close_sink(&f);
}

static void dead_letter_without_bytes_keeps_empty_and_absent_apart(void **state)
{
	(void)state;
	struct fixture f = {0};
	struct err_text why;
	struct dead_letter empty = dead_letter_of(SLICE_LIT(""), NULL), absent = dead_letter_of(SLICE_NONE, NULL);
	open_sink(&f, 1, &kafka.config);
	assert_int_equal(sink_kafka_dead_letter(f.sink, &empty, "rf", &owner_a, &why), ERR_OK);
	assert_int_equal(sink_kafka_dead_letter(f.sink, &absent, "rf", &owner_a, &why), ERR_OK);
	WAIT_FOR(polled(&f) && sink_kafka_dead_letters_open(f.sink, &owner_a) == 0);
	rd_kafka_t *reader = mock_reader(&kafka, f.topic[TOPIC_DEAD_LETTERS], 0);
	rd_kafka_message_t *first = mock_read(reader, MOCK_WAIT_MS), *second = mock_read(reader, MOCK_WAIT_MS);
	assert_true(first && second);
	assert_non_null(first->payload);
	assert_int_equal(first->len, 0);
	assert_null(second->payload);
	rd_kafka_message_destroy(first);
	rd_kafka_message_destroy(second);
	rd_kafka_destroy(reader);
	close_sink(&f);
}

/* ---- refusals ---- */

/* Refused outright, so librdkafka gives them back; what is sent meanwhile stands behind them. */
static void refused_events_are_sent_again_in_order(void **state)
{
	(void)state;
	struct fixture f = {0};
	open_sink(&f, 1, &kafka.config);
	send_as(&f, &owner_a, 1);
	assert_acks(&f, " a1");
	refuse(API_PRODUCE, 1, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	for (uint64_t n = 2; n <= 5; n++)
		send_as(&f, n % 2 ? (void *)&owner_a : (void *)&owner_b, n);
	struct mono_time from = mono_now();
	while (mono_seconds_since(from) < 0.3)
		sink_kafka_poll(f.sink, 20);
	send_as(&f, &owner_a, 6);
	assert_acks(&f, " a1 b2 a3 b4 a5 a6");
	assert_topic(f.topic[TOPIC_ALERTS], 0, "id1 id2 id3 id4 id5 id6");
	assert_true(mono_seconds_since(from) >= 0.5); /* the backoff */
	close_sink(&f);
}

/* librdkafka tries these again by itself. */
static void passing_error_of_the_broker_changes_nothing(void **state)
{
	(void)state;
	struct fixture f = {0};
	open_sink(&f, 1, &kafka.config);
	refuse(API_PRODUCE, 3, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
	for (uint64_t n = 1; n <= 5; n++)
		send_as(&f, &owner_a, n);
	assert_acks(&f, " a1 a2 a3 a4 a5");
	assert_topic(f.topic[TOPIC_ALERTS], 0, "id1 id2 id3 id4 id5");
	close_sink(&f);
}

static void events_wait_while_the_broker_is_away(void **state)
{
	(void)state;
	struct fixture f = {0};
	open_sink(&f, 1, &kafka.config);
	send_as(&f, &owner_a, 1);
	assert_acks(&f, " a1");
	rd_kafka_mock_broker_set_down(kafka.cluster, 1);
	for (uint64_t n = 2; n <= 5; n++)
		send_as(&f, &owner_a, n);
	for (int i = 0; i < 20; i++)
		sink_kafka_poll(f.sink, 20);
	assert_int_equal(acks(&f), 1);
	rd_kafka_mock_broker_set_up(kafka.cluster, 1);
	assert_acks(&f, " a1 a2 a3 a4 a5");
	assert_topic(f.topic[TOPIC_ALERTS], 0, "id1 id2 id3 id4 id5");
	close_sink(&f);
}

/* The first producer is done for before it could send anything. */
static void producer_is_made_anew_after_a_fatal_error(void **state)
{
	(void)state;
	struct fixture f = {0};
	refuse(API_INIT_PRODUCER_ID, 1, RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED);
	open_sink(&f, 1, &kafka.config);
	for (uint64_t n = 1; n <= 3; n++)
		send_as(&f, &owner_a, n);
	assert_acks(&f, " a1 a2 a3");
	assert_topic(f.topic[TOPIC_ALERTS], 0, "id1 id2 id3");
	close_sink(&f);
}

/* ---- sizes ---- */

#define SMALL_BYTES 2000

static struct kafka_config small(void)
{
	static const struct config_pair pairs[] = {{"message.max.bytes", "2000"}};
	struct kafka_config k = kafka.config;
	k.properties = (struct config_pairs){pairs, 1};
	return k;
}

static void event_that_is_too_large_holds_up_its_own_key_alone(void **state)
{
	(void)state;
	struct fixture f = {0};
	struct kafka_config k = small();
	struct err_text why;
	char big[2 * SMALL_BYTES];
	memset(big, ' ', sizeof big);
	struct message large = message_of(1, slice_make(big, sizeof big)), other;
	open_sink(&f, 1, &k);
	assert_int_equal(sink_kafka_send(f.sink, &large, &owner_a, 1, &why), ERR_OK);
	send_as(&f, &owner_a, 2);
	other = message_of(3, SLICE_LIT("{}"));
	other.key = other.subject = SLICE_LIT("+15551230009");
	assert_int_equal(sink_kafka_send(f.sink, &other, &owner_b, 3, &why), ERR_OK);
	assert_acks(&f, " b3");
	assert_topic(f.topic[TOPIC_ALERTS], 0, "id3");
	for (struct mono_time from = mono_now(); mono_seconds_since(from) < 1.2;) /* over two attempts */
		polled(&f);
	assert_acks(&f, " b3");
	close_sink(&f);
}

static void dead_letter_that_is_too_large_is_cut_and_says_so(void **state)
{
	(void)state;
	struct fixture f = {0};
	struct kafka_config k = small();
	struct err_text why;
	char big[5000], t[200];
	memset(big, 'x', sizeof big);
	struct dead_letter d = dead_letter_of(slice_make(big, sizeof big), NULL);
	open_sink(&f, 1, &k);
	assert_int_equal(sink_kafka_dead_letter(f.sink, &d, "rf", &owner_a, &why), ERR_OK);
	WAIT_FOR(polled(&f) && sink_kafka_dead_letters_open(f.sink, &owner_a) == 0);
	rd_kafka_t *reader = mock_reader(&kafka, f.topic[TOPIC_DEAD_LETTERS], 0);
	rd_kafka_message_t *m = mock_read(reader, MOCK_WAIT_MS);
	assert_non_null(m);
	assert_int_equal(m->len, 1250);
	assert_string_equal(text_header(m, "ringfence.error.whole_bytes", t), "5000");
	rd_kafka_message_destroy(m);
	rd_kafka_destroy(reader);
	close_sink(&f);
}

static void full_queue_is_told_and_sending_goes_on_later(void **state)
{
	(void)state;
	static const struct config_pair pairs[] = {{"queue.buffering.max.messages", "3"}};
	struct fixture f = {0};
	struct kafka_config k = kafka.config;
	struct err_text why = {""};
	k.properties = (struct config_pairs){pairs, 1};
	open_sink(&f, 1, &k);
	for (uint64_t n = 1; n <= 3; n++)
		send_as(&f, &owner_a, n);
	struct message m = message_of(4, SLICE_LIT("{}"));
	struct dead_letter d = dead_letter_of(SLICE_LIT("x"), NULL);
	assert_int_equal(sink_kafka_send(f.sink, &m, &owner_a, 4, &why), ERR_LIMIT);
	assert_int_equal(sink_kafka_dead_letter(f.sink, &d, "rf", &owner_a, &why), ERR_LIMIT);
	assert_int_equal(sink_kafka_dead_letters_open(f.sink, &owner_a), 0);
	assert_acks(&f, " a1 a2 a3");
	send_as(&f, &owner_a, 4);
	assert_acks(&f, " a1 a2 a3 a4");
	assert_topic(f.topic[TOPIC_ALERTS], 0, "id1 id2 id3 id4");
	close_sink(&f);
}

/* ---- owners ---- */

static void forgotten_owner_hears_nothing_more(void **state)
{
	(void)state;
	struct fixture f = {0};
	struct err_text why;
	struct dead_letter d = dead_letter_of(SLICE_LIT("x"), NULL);
	open_sink(&f, 1, &kafka.config);
	send_as(&f, &owner_a, 1);
	send_as(&f, &owner_b, 2);
	assert_int_equal(sink_kafka_dead_letter(f.sink, &d, "rf", &owner_a, &why), ERR_OK);
	sink_kafka_forget(f.sink, &owner_a);
	assert_int_equal(sink_kafka_dead_letters_open(f.sink, &owner_a), 0);
	send_as(&f, &owner_a, 3); /* a new owner at the old address */
	assert_acks(&f, " b2 a3");
	close_sink(&f);
}

static void forgotten_event_that_waits_is_not_sent_again(void **state)
{
	(void)state;
	struct fixture f = {0};
	open_sink(&f, 1, &kafka.config);
	send_as(&f, &owner_b, 1);
	assert_acks(&f, " b1");
	refuse(API_PRODUCE, 1, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	send_as(&f, &owner_a, 2);
	struct mono_time from = mono_now();
	while (mono_seconds_since(from) < 0.3)
		sink_kafka_poll(f.sink, 20);
	sink_kafka_forget(f.sink, &owner_a);
	send_as(&f, &owner_b, 3);
	assert_acks(&f, " b1 b3");
	assert_topic(f.topic[TOPIC_ALERTS], 0, "id1 id3");
	close_sink(&f);
}

static void close_waits_for_what_is_under_way(void **state)
{
	(void)state;
	struct fixture f = {0};
	open_sink(&f, 1, &kafka.config);
	for (uint64_t n = 1; n <= 3; n++)
		send_as(&f, &owner_a, n);
	sink_kafka_close(f.sink, MOCK_WAIT_MS);
	assert_true(slice_is(buf_slice(&f.acks), " a1 a2 a3"));
	buf_release(&f.acks);
	assert_topic(f.topic[TOPIC_ALERTS], 0, "id1 id2 id3");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(event_arrives_in_binary_mode_and_is_acknowledged_once),
		cmocka_unit_test(tombstone_has_no_value_and_keeps_its_headers),
		cmocka_unit_test(dead_letter_keeps_what_came_and_says_why),
		cmocka_unit_test(dead_letter_without_bytes_keeps_empty_and_absent_apart),
		cmocka_unit_test(refused_events_are_sent_again_in_order),
		cmocka_unit_test(passing_error_of_the_broker_changes_nothing),
		cmocka_unit_test(events_wait_while_the_broker_is_away),
		cmocka_unit_test(producer_is_made_anew_after_a_fatal_error),
		cmocka_unit_test(event_that_is_too_large_holds_up_its_own_key_alone),
		cmocka_unit_test(dead_letter_that_is_too_large_is_cut_and_says_so),
		cmocka_unit_test(full_queue_is_told_and_sending_goes_on_later),
		cmocka_unit_test(forgotten_owner_hears_nothing_more),
		cmocka_unit_test(forgotten_event_that_waits_is_not_sent_again),
		cmocka_unit_test(close_waits_for_what_is_under_way),
	};
	return cmocka_run_group_tests(tests, start_kafka, end_kafka);
}
