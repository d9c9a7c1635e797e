/* SPDX-License-Identifier: Apache-2.0 */
/* Kafka clients as base/kafka.h makes them: their settings read back, and against librdkafka's mock cluster. The mock knows no
 * CreateTopics and makes every topic that it is asked for, so making topics is for the tests with a real broker. */
#include "tests/unit/unit.h"

#include "base/kafka.h"

#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PAIRS(...)                                                                                                                        \
	(struct config_pairs)                                                                                                             \
	{                                                                                                                                 \
		(const struct config_pair[]){__VA_ARGS__}, sizeof((const struct config_pair[]){__VA_ARGS__}) / sizeof(struct config_pair) \
	}
#define WAIT_MS 10000

static struct kafka_config config(struct config_pairs properties)
{
	return (struct kafka_config){
		.brokers = "127.0.0.1:1", .group = "rf", .client_id = "ringfence", .queue_bytes = 8 << 20, .properties = properties};
}

static rd_kafka_conf_t *consumer_conf(struct config_pairs properties)
{
	struct kafka_config c = config(properties);
	struct err_text why = {""};
	rd_kafka_conf_t *conf = NULL;
	enum err e = kafka_conf_consumer(&c, "rf.webhook.oncall", "w0", &conf, &why);
	if (e)
		fail_msg("%s", why.text);
	return conf;
}

static rd_kafka_conf_t *producer_conf(struct config_pairs properties)
{
	struct kafka_config c = config(properties);
	struct err_text why = {""};
	rd_kafka_conf_t *conf = NULL;
	enum err e = kafka_conf_producer(&c, "w0", &conf, &why);
	if (e)
		fail_msg("%s", why.text);
	return conf;
}

static void refused(struct config_pairs properties, bool consumer, const char *say)
{
	struct kafka_config c = config(properties);
	struct err_text why = {""};
	rd_kafka_conf_t *conf = NULL;
	enum err e = consumer ? kafka_conf_consumer(&c, "g", "w0", &conf, &why) : kafka_conf_producer(&c, "w0", &conf, &why);
	assert_int_equal(e, ERR_CONFIG);
	assert_null(conf);
	if (!strstr(why.text, say) || strncmp(why.text, "kafka.properties: ", 18) != 0)
		fail_msg("\"%s\" does not say \"%s\"", why.text, say);
}

static void assert_setting(const rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char got[4096] = "";
	size_t size = sizeof got;
	if (rd_kafka_conf_get(conf, name, got, &size))
		fail_msg("%s is not set", name);
	if (strcmp(got, value) != 0)
		fail_msg("%s is \"%s\", not \"%s\"", name, got, value);
}

static void assert_settings(rd_kafka_conf_t *conf, struct config_pairs want)
{
	for (uint32_t i = 0; i < want.n; i++)
		assert_setting(conf, want.v[i].key, want.v[i].value);
	rd_kafka_conf_destroy(conf);
}

/* ---- settings ---- */

static void consumer_has_what_correctness_rests_on(void **state)
{
	(void)state;
	assert_settings(consumer_conf((struct config_pairs){0}),
			PAIRS({"bootstrap.servers", "127.0.0.1:1"}, {"group.id", "rf.webhook.oncall"}, {"client.id", "ringfence-w0"},
			      {"enable.auto.commit", "true"}, {"auto.commit.interval.ms", "5000"}, {"enable.auto.offset.store", "false"},
			      {"auto.offset.reset", "error"}, {"isolation.level", "read_committed"}, {"enable.partition.eof", "true"},
			      {"partition.assignment.strategy", "cooperative-sticky"}, {"allow.auto.create.topics", "false"},
			      {"check.crcs", "true"}, {"queued.max.messages.kbytes", "8192"}, {"fetch.message.max.bytes", "1048576"},
			      {"statistics.interval.ms", "0"}));
}

static void producer_has_what_correctness_rests_on(void **state)
{
	(void)state;
	assert_settings(producer_conf((struct config_pairs){0}),
			PAIRS({"client.id", "ringfence-w0"}, {"acks", "-1"}, {"enable.idempotence", "true"}, {"linger.ms", "5"},
			      {"compression.type", "lz4"}, {"partitioner", "murmur2_random"}, {"allow.auto.create.topics", "false"}));
}

static void users_property_wins_over_ours(void **state)
{
	(void)state;
	struct config_pairs p = PAIRS({"linger.ms", "50"}, {"compression.codec", "zstd"}, {"queued.max.messages.kbytes", "100"},
				      {"socket.keepalive.enable", "false"});
	assert_settings(producer_conf(p), PAIRS({"linger.ms", "50"}, {"compression.type", "zstd"}, {"socket.keepalive.enable", "false"}));
	assert_settings(consumer_conf(p), PAIRS({"queued.max.messages.kbytes", "100"}, {"socket.keepalive.enable", "false"}));
}

static void property_of_a_topic_is_taken(void **state)
{
	(void)state;
	assert_settings(producer_conf(PAIRS({"message.timeout.ms", "1234"})), PAIRS({"message.timeout.ms", "1234"}));
}

static void long_value_is_kept_whole(void **state)
{
	(void)state;
	char pem[3000];
	memset(pem, 'A', sizeof pem - 1);
	pem[sizeof pem - 1] = 0;
	assert_settings(consumer_conf(PAIRS({"ssl.ca.pem", pem})), PAIRS({"ssl.ca.pem", pem}));
}

static void instance_id_gets_the_name_of_the_worker(void **state)
{
	(void)state;
	char longest[248] = "", longer[249] = "";
	memset(longest, 'x', 246); /* and "-w0": 249 */
	memset(longer, 'x', 247);
	assert_settings(consumer_conf(PAIRS({"group.instance.id", "host1"})), PAIRS({"group.instance.id", "host1-w0"}));
	rd_kafka_conf_destroy(consumer_conf(PAIRS({"group.instance.id", longest})));
	refused(PAIRS({"group.instance.id", longer}), true, "250 characters long");
	rd_kafka_conf_destroy(producer_conf(PAIRS({"group.instance.id", longer})));
}

static void unknown_property_is_refused_with_its_name(void **state)
{
	(void)state;
	for (int consumer = 0; consumer < 2; consumer++) {
		refused(PAIRS({"linger.ms", "5"}, {"lingre.ms", "5"}), consumer, "\"lingre.ms\"");
		refused(PAIRS({"session.timeout.ms", "soon"}), consumer, "session.timeout.ms");
	}
}

static void reserved_property_is_refused_with_the_reason(void **state)
{
	(void)state;
	static const char *const names[] = {"group.id",
					    "bootstrap.servers",
					    "metadata.broker.list",
					    "client.id",
					    "enable.auto.commit",
					    "auto.commit.enable",
					    "enable.auto.offset.store",
					    "auto.offset.reset",
					    "enable.partition.eof",
					    "partition.assignment.strategy",
					    "enable.idempotence",
					    "acks",
					    "request.required.acks",
					    "partitioner",
					    "delivery.report.only.error",
					    "allow.auto.create.topics",
					    "transactional.id"};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		assert_non_null(kafka_property_reserved(names[i]));
		for (int consumer = 0; consumer < 2; consumer++) {
			refused(PAIRS({names[i], "1"}), consumer, names[i]);
			refused(PAIRS({names[i], "1"}), consumer, kafka_property_reserved(names[i]));
		}
	}
	assert_null(kafka_property_reserved("linger.ms"));
	assert_null(kafka_property_reserved("isolation.level"));
}

static void check_says(const char *name, const char *value, const char *say)
{
	struct err_text why = {""};
	assert_int_equal(kafka_property_check(name, value, &why), ERR_CONFIG);
	if (!strstr(why.text, say))
		fail_msg("%s=%s: \"%s\" does not say \"%s\"", name, value, why.text, say);
}

static void property_is_checked_without_a_client(void **state)
{
	(void)state;
	struct err_text why;
	assert_int_equal(kafka_property_check("linger.ms", "5", &why), ERR_OK);
	assert_int_equal(kafka_property_check("session.timeout.ms", "6000", &why), ERR_OK);
	assert_int_equal(kafka_property_check("message.timeout.ms", "5000", &why), ERR_OK); /* of a topic */
	check_says("session.timeout.ms", "soon", "session.timeout.ms");
	check_says("linger.ms", "9000000", "range");
	check_says("enable.idempotence", "true", kafka_property_reserved("enable.idempotence"));
}

static void unknown_property_is_told_the_nearest_that_is_known(void **state)
{
	(void)state;
	check_says("lingre.ms", "5", "did you mean linger.ms?");                  /* an alias */
	check_says("sasl.usrname", "x", "did you mean sasl.username?");           /* without a default */
	check_says("mesage.timeout.ms", "5", "did you mean message.timeout.ms?"); /* of a topic */
	struct err_text why = {""};
	assert_int_equal(kafka_property_check("zzzzzzzzzzzzzzzzzzzzzzzz", "5", &why), ERR_CONFIG);
	assert_null(strstr(why.text, "did you mean"));
}

/* ---- on the mock cluster ---- */

static rd_kafka_t *client_new(rd_kafka_type_t kind, rd_kafka_conf_t *conf)
{
	char text[512] = "";
	rd_kafka_t *rk = rd_kafka_new(kind, conf, text, sizeof text);
	if (!rk)
		fail_msg("%s", text);
	return rk;
}

static rd_kafka_t *mock_producer(rd_kafka_mock_cluster_t **cluster)
{
	rd_kafka_t *rk = client_new(RD_KAFKA_PRODUCER, producer_conf(PAIRS({"test.mock.num.brokers", "1"})));
	*cluster = rd_kafka_handle_mock_cluster(rk);
	assert_non_null(*cluster);
	return rk;
}

/* A client of each kind is made while standard error goes into a file. Returns what was said. */
static const char *said_when_made(rd_kafka_conf_t *consumer, rd_kafka_conf_t *producer)
{
	static char said[8192];
	FILE *f = tmpfile();
	assert_non_null(f);
	int keep = dup(STDERR_FILENO);
	dup2(fileno(f), STDERR_FILENO);
	rd_kafka_t *a = client_new(RD_KAFKA_CONSUMER, consumer), *b = client_new(RD_KAFKA_PRODUCER, producer);
	rd_kafka_destroy(a);
	rd_kafka_destroy(b);
	dup2(keep, STDERR_FILENO);
	close(keep);
	rewind(f);
	said[fread(said, 1, sizeof said - 1, f)] = 0;
	fclose(f);
	assert_non_null(strstr(said, "level=info stage=kafka msg=\"MOCK: ")); /* the log does come through */
	return said;
}

static void property_of_the_other_kind_is_taken_in_silence(void **state)
{
	(void)state;
	struct config_pairs p = PAIRS({"test.mock.num.brokers", "1"}, {"linger.ms", "7"}, {"message.timeout.ms", "5000"},
				      {"fetch.wait.max.ms", "50"}, {"session.timeout.ms", "6000"});
	const char *said = said_when_made(consumer_conf(p), producer_conf(p));
	if (strstr(said, "CONFWARN"))
		fail_msg("%s", said);
}

/* As the relay's producer is made; beside it a property that deserves its warning. */
static void experimental_guarantee_of_the_relay_is_no_warning_but_others_are(void **state)
{
	(void)state;
	char text[256] = "";
	struct config_pairs p = PAIRS({"test.mock.num.brokers", "1"}, {"topic.metadata.refresh.fast.cnt", "3"});
	rd_kafka_conf_t *producer = producer_conf(p);
	assert_int_equal(rd_kafka_conf_set(producer, "enable.gapless.guarantee", "true", text, sizeof text), RD_KAFKA_CONF_OK);
	const char *said = said_when_made(consumer_conf(p), producer);
	if (strstr(said, "gapless") || !strstr(said, "level=warn stage=kafka msg=\"CONFWARN: ") ||
	    !strstr(said, "topic.metadata.refresh.fast.cnt is deprecated"))
		fail_msg("%s", said);
}

/* A producer that was not told turns it on when it is made, so the conf before that does not tell. */
static void producer_once_made_does_not_make_topics_by_asking(void **state)
{
	(void)state;
	rd_kafka_mock_cluster_t *cluster;
	rd_kafka_t *rk = mock_producer(&cluster);
	assert_setting(rd_kafka_conf(rk), "allow.auto.create.topics", "false");
	rd_kafka_destroy(rk);
}

static void partition_count_is_that_of_the_topic(void **state)
{
	(void)state;
	rd_kafka_mock_cluster_t *cluster;
	rd_kafka_t *rk = mock_producer(&cluster);
	struct err_text why = {""};
	int32_t n = -1;
	assert_int_equal(rd_kafka_mock_topic_create(cluster, "cdr", 3, 1), 0);
	assert_int_equal(kafka_partition_count(rk, "cdr", WAIT_MS, &n, &why), ERR_OK);
	assert_int_equal(n, 3);
	rd_kafka_destroy(rk);
}

static void partition_count_tells_a_missing_topic_from_a_forbidden_one(void **state)
{
	(void)state;
	rd_kafka_mock_cluster_t *cluster;
	rd_kafka_t *rk = mock_producer(&cluster);
	struct err_text why = {""};
	int32_t n = -1;
	rd_kafka_mock_topic_set_error(cluster, "gone", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	rd_kafka_mock_topic_set_error(cluster, "secret", RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	rd_kafka_mock_topic_set_error(cluster, "young", RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE);
	assert_int_equal(kafka_partition_count(rk, "gone", WAIT_MS, &n, &why), ERR_OK);
	assert_int_equal(n, 0);
	assert_int_equal(kafka_partition_count(rk, "secret", WAIT_MS, &n, &why), ERR_CONFIG);
	assert_non_null(strstr(why.text, "secret"));
	assert_int_equal(kafka_partition_count(rk, "young", WAIT_MS, &n, &why), ERR_AWAY);
	assert_non_null(strstr(why.text, "young"));
	rd_kafka_destroy(rk);
}

static void broker_that_is_away_is_an_error_to_retry(void **state)
{
	(void)state;
	rd_kafka_t *rk = client_new(RD_KAFKA_PRODUCER, producer_conf(PAIRS({"log_level", "0"})));
	struct err_text why = {""};
	int32_t n = -1;
	assert_int_equal(err_class(kafka_partition_count(rk, "cdr", 200, &n, &why)), ERR_CLASS_RETRY);
	assert_int_equal(n, 0);
	assert_non_null(strstr(why.text, "cdr"));
	assert_int_equal(err_class(kafka_topic_create(rk, "ringfence.alerts", 3, &(struct kafka_topic){0}, 200, &why)), ERR_CLASS_RETRY);
	assert_non_null(strstr(why.text, "ringfence.alerts"));
	rd_kafka_destroy(rk);
}

static void topic_with_an_impossible_count_is_refused(void **state)
{
	(void)state;
	rd_kafka_mock_cluster_t *cluster;
	rd_kafka_t *rk = mock_producer(&cluster);
	struct err_text why = {""};
	assert_int_equal(kafka_topic_create(rk, "ringfence.alerts", -5, &(struct kafka_topic){0}, WAIT_MS, &why), ERR_CONFIG);
	assert_non_null(strstr(why.text, "ringfence.alerts"));
	rd_kafka_destroy(rk);
}

struct report {
	int32_t partition;
	bool came;
};

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	struct report *r = m->_private;
	(void)rk, (void)opaque;
	if (m->err)
		fail_msg("%s", rd_kafka_err2str(m->err));
	*r = (struct report){m->partition, true};
}

static int32_t partition_of(rd_kafka_t *rk, const char *key)
{
	struct report r = {-1, false};
	assert_int_equal(rd_kafka_producev(rk, RD_KAFKA_V_TOPIC("keys"), RD_KAFKA_V_KEY(key, strlen(key)), RD_KAFKA_V_VALUE("v", 1),
					   RD_KAFKA_V_OPAQUE(&r), RD_KAFKA_V_END),
			 0);
	for (int i = 0; i < 100 && !r.came; i++)
		rd_kafka_poll(rk, 100);
	assert_true(r.came);
	return r.partition;
}

/* The vectors are of Java's and kafkajs's murmur2. */
static void key_goes_to_the_partition_java_gives_it(void **state)
{
	(void)state;
	rd_kafka_conf_t *conf = producer_conf(PAIRS({"test.mock.num.brokers", "1"}));
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	rd_kafka_t *rk = client_new(RD_KAFKA_PRODUCER, conf);
	assert_int_equal(rd_kafka_mock_topic_create(rd_kafka_handle_mock_cluster(rk), "keys", 12, 1), 0);
	assert_int_equal(partition_of(rk, "+15551230000"), 7);
	assert_int_equal(partition_of(rk, "+442071838750"), 3);
	assert_int_equal(partition_of(rk, "kafka"), 4);
	assert_int_equal(partition_of(rk, "1234"), 0);
	assert_int_equal(partition_of(rk, "34"), 6);
	rd_kafka_destroy(rk);
}

static rd_kafka_resp_err_t next_is(rd_kafka_t *rk, int64_t *offset)
{
	rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, WAIT_MS);
	assert_non_null(m);
	rd_kafka_resp_err_t code = m->err;
	*offset = m->offset;
	rd_kafka_message_destroy(m);
	return code;
}

static void assign_at(rd_kafka_t *rk, int64_t offset)
{
	rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(l, "keys", 0)->offset = offset;
	assert_int_equal(rd_kafka_assign(rk, l), 0);
	rd_kafka_topic_partition_list_destroy(l);
}

static void consumer_tells_the_end_and_a_gap(void **state)
{
	(void)state;
	int64_t offset = -1;
	rd_kafka_conf_t *conf = producer_conf(PAIRS({"test.mock.num.brokers", "1"}));
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	rd_kafka_t *producer = client_new(RD_KAFKA_PRODUCER, conf);
	rd_kafka_mock_cluster_t *cluster = rd_kafka_handle_mock_cluster(producer);
	assert_int_equal(rd_kafka_mock_topic_create(cluster, "keys", 1, 1), 0);
	assert_int_equal(partition_of(producer, "a"), 0);
	struct kafka_config c = config((struct config_pairs){0});
	struct err_text why;
	c.brokers = rd_kafka_mock_cluster_bootstraps(cluster);
	assert_int_equal(kafka_conf_consumer(&c, "g", "w0", &conf, &why), ERR_OK);
	rd_kafka_t *consumer = client_new(RD_KAFKA_CONSUMER, conf);
	rd_kafka_poll_set_consumer(consumer);
	assign_at(consumer, 0);
	assert_int_equal(next_is(consumer, &offset), 0);
	assert_int_equal(offset, 0);
	assert_int_equal(next_is(consumer, &offset), RD_KAFKA_RESP_ERR__PARTITION_EOF);
	assert_int_equal(offset, 1);
	assign_at(consumer, 1000);
	assert_int_equal(next_is(consumer, &offset), RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET);
	rd_kafka_consumer_close(consumer);
	rd_kafka_destroy(consumer);
	rd_kafka_destroy(producer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(consumer_has_what_correctness_rests_on),
		cmocka_unit_test(producer_has_what_correctness_rests_on),
		cmocka_unit_test(users_property_wins_over_ours),
		cmocka_unit_test(property_of_a_topic_is_taken),
		cmocka_unit_test(long_value_is_kept_whole),
		cmocka_unit_test(instance_id_gets_the_name_of_the_worker),
		cmocka_unit_test(unknown_property_is_refused_with_its_name),
		cmocka_unit_test(reserved_property_is_refused_with_the_reason),
		cmocka_unit_test(property_is_checked_without_a_client),
		cmocka_unit_test(unknown_property_is_told_the_nearest_that_is_known),
		cmocka_unit_test(property_of_the_other_kind_is_taken_in_silence),
		cmocka_unit_test(experimental_guarantee_of_the_relay_is_no_warning_but_others_are),
		cmocka_unit_test(producer_once_made_does_not_make_topics_by_asking),
		cmocka_unit_test(partition_count_is_that_of_the_topic),
		cmocka_unit_test(partition_count_tells_a_missing_topic_from_a_forbidden_one),
		cmocka_unit_test(broker_that_is_away_is_an_error_to_retry),
		cmocka_unit_test(topic_with_an_impossible_count_is_refused),
		cmocka_unit_test(key_goes_to_the_partition_java_gives_it),
		cmocka_unit_test(consumer_tells_the_end_and_a_gap),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
