/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "app/app.h"
#include "app/generate.h"
#include "ingest/ingest.h"

#include <getopt.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char root[] = "/tmp/ringfence-verb-generate-XXXXXX";
static const struct ingest_config ingest = {.format = INPUT_JSON, .max_record_bytes = 1 << 20};

static char *path_of(const char *name)
{
	static char path[512];
	snprintf(path, sizeof path, "%s/%s", root, name);
	return path;
}

#define VERB(...) run_verb((char *[]){"generate", __VA_ARGS__, NULL})
static int run_verb(char **argv)
{
	int argc = 0;
	while (argv[argc])
		argc++;
	optind = 0;
	return verb_generate(argc, argv);
}

static size_t lines_of(const char *path)
{
	FILE *f = fopen(path, "r");
	size_t n = 0;
	assert_non_null(f);
	for (int c; (c = fgetc(f)) != EOF;)
		n += c == '\n';
	fclose(f);
	return n;
}

static void verb_writes_the_file_and_the_truth_beside_it(void **state)
{
	(void)state;
	char out[600], truth[700];
	snprintf(out, sizeof out, "%s", path_of("b.jsonl"));
	snprintf(truth, sizeof truth, "%s.truth.csv", out);
	assert_int_equal(VERB("--count", "2k", "--numbers", "50", "--mix", "private=9,wangiri=1", "--out", out), 0);
	assert_int_equal(lines_of(out), 2000);
	assert_int_equal(lines_of(truth), 51);
	snprintf(out, sizeof out, "%s", path_of("b.csv"));
	snprintf(truth, sizeof truth, "%s", path_of("t.csv"));
	assert_int_equal(VERB("--count", "100", "--plain", "--zipf", "0.99", "--out", out, "--truth", truth), 0);
	assert_int_equal(lines_of(out), 101);
	assert_int_equal(lines_of(truth), 101);
}

static void verb_refuses_what_it_does_not_understand(void **state)
{
	(void)state;
	assert_int_equal(VERB("--count", "many"), 2);
	assert_int_equal(VERB("--count", "1.5"), 2);
	assert_int_equal(VERB("--late", "101%"), 2);
	assert_int_equal(VERB("--late", "-1"), 2);
	assert_int_equal(VERB("--mix", "robot=1"), 2);
	assert_int_equal(VERB("--duration", "forever"), 2);
	assert_int_equal(VERB("--out", "a.xml"), 2);
	assert_int_equal(VERB("--topic", "cdr", "--format", "csv"), 2);
	assert_int_equal(VERB("somefile.jsonl"), 2);
	assert_int_equal(VERB("--count", "10", "--out", "/nowhere/a.jsonl"), 3);
}

static void write_to_a_full_disk_fails(void **state)
{
	(void)state;
	assert_int_equal(VERB("--count", "10k", "--out", "/dev/full"), 3);
}

/* librdkafka's mock cluster: all records arrive, each on the partition of its key. */
static void topic_gets_all_records_keyed_by_caller(void **state)
{
	(void)state;
	char text[512], key[GENERATED_KEY_BYTES];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_t *owner = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
	rd_kafka_mock_cluster_t *mock = rd_kafka_mock_cluster_new(owner, 1);
	assert_non_null(mock);
	assert_int_equal(rd_kafka_mock_topic_create(mock, "cdr", 3, 1), 0);
	char brokers[256];
	snprintf(brokers, sizeof brokers, "%s", rd_kafka_mock_cluster_bootstraps(mock));
	assert_int_equal(VERB("--count", "3000", "--numbers", "100", "--topic", "cdr", "--brokers", brokers), 0);

	conf = rd_kafka_conf_new();
	rd_kafka_conf_set(conf, "bootstrap.servers", brokers, text, sizeof text);
	rd_kafka_conf_set(conf, "group.id", "test", text, sizeof text);
	rd_kafka_conf_set(conf, "auto.offset.reset", "earliest", text, sizeof text);
	rd_kafka_t *consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
	rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(3);
	for (int32_t p = 0; p < 3; p++)
		rd_kafka_topic_partition_list_add(all, "cdr", p)->offset = RD_KAFKA_OFFSET_BEGINNING;
	assert_int_equal(rd_kafka_assign(consumer, all), 0);
	struct arena a;
	arena_init(&a, 1 << 14);
	size_t n = 0;
	while (n < 3000) {
		rd_kafka_message_t *m = rd_kafka_consumer_poll(consumer, 20000);
		assert_non_null(m);
		assert_int_equal(m->err, 0);
		struct cdr c;
		decode_json(slice_make(m->payload, m->len), &ingest, &a, &c);
		assert_int_equal(c.reason, REASON_OK);
		assert_true(slice_eq(c.calling_number, slice_make(m->key, m->key_len)) && m->key_len < sizeof key);
		assert_int_equal(m->partition, partition_of(PARTITION_MURMUR2, c.calling_number, 3));
		rd_kafka_message_destroy(m);
		arena_reset(&a);
		n++;
	}
	arena_release(&a);
	rd_kafka_topic_partition_list_destroy(all);
	rd_kafka_consumer_close(consumer);
	rd_kafka_destroy(consumer);
	rd_kafka_mock_cluster_destroy(mock);
	rd_kafka_destroy(owner);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verb_writes_the_file_and_the_truth_beside_it),
		cmocka_unit_test(verb_refuses_what_it_does_not_understand),
		cmocka_unit_test(write_to_a_full_disk_fails),
		cmocka_unit_test(topic_gets_all_records_keyed_by_caller),
	};
	if (!mkdtemp(root))
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	char command[128];
	snprintf(command, sizeof command, "rm -rf %s", root);
	return system(command) || failed;
}
