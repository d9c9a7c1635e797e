/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/sinks.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[] = "/tmp/ringfence-sink-file-XXXXXX";

static const struct message message = {
	.topic = TOPIC_TRANSITIONS,
	.key = SLICE_LIT("+1"),
	.id = SLICE_LIT("i"),
	.type = SLICE_LIT("t"),
	.source = SLICE_LIT("s"),
	.data = SLICE_LIT("{\"a\":1}"),
};

static char *path_of(const char *folder, const char *name)
{
	static char path[512];
	snprintf(path, sizeof path, "%s/%s/%s", root, folder, name);
	return path;
}

static long size_of(const char *folder, const char *name)
{
	struct stat st;
	return stat(path_of(folder, name), &st) ? -1 : (long)st.st_size;
}

static struct sink_file *open_in(const char *folder)
{
	struct sink_file *s = NULL;
	struct err_text why = {""};
	assert_int_equal(sink_file_open(path_of(folder, ""), &s, &why), ERR_OK);
	return s;
}

static void all_six_files_are_there_without_events(void **state)
{
	(void)state;
	struct err_text why;
	assert_int_equal(sink_file_close(open_in("a/b"), &why), ERR_OK);
	for (int t = 0; t < TOPIC_CNT; t++)
		assert_int_equal(size_of("a/b", event_topic_file((enum event_topic)t)), 0);
}

static void lines_go_into_the_file_of_their_topic_and_old_ones_are_gone(void **state)
{
	(void)state;
	const struct dead_letter d = {.reason = REASON_BAD_JSON, .topic = SLICE_LIT("f"), .value = SLICE_LIT("x"), .stage = "DECODE"};
	struct err_text why;
	struct sink_file *s = NULL;
	for (int round = 0; round < 2; round++) {
		s = open_in("c");
		for (int i = 0; i < 2; i++)
			assert_int_equal(sink_file_write(s, &message), ERR_OK);
		assert_int_equal(sink_file_dead_letter(s, &d, "demo"), ERR_OK);
		assert_int_equal(sink_file_close(s, &why), ERR_OK);
	}
	char text[1024] = "";
	FILE *f = fopen(path_of("c", "transitions.jsonl"), "r");
	assert_non_null(f);
	size_t n = fread(text, 1, sizeof text - 1, f);
	fclose(f);
	text[n] = '\0';
	const char *line = "{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"s\",\"type\":\"t\",\"datacontenttype\":\"application/json\","
			   "\"data\":{\"a\":1}}\n";
	assert_int_equal(n, 2 * strlen(line));
	assert_memory_equal(text, line, strlen(line));
	assert_memory_equal(text + strlen(line), line, strlen(line));
	assert_true(size_of("c", "dead-letters.jsonl") > 0);
	assert_int_equal(size_of("c", "alerts.jsonl"), 0);
}

static void folder_that_cannot_be_made_is_an_error(void **state)
{
	(void)state;
	struct sink_file *s = NULL;
	struct err_text why = {""};
	int fd = open(path_of("", "plain"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(sink_file_open(path_of("plain", "x"), &s, &why), ERR_IO);
	assert_non_null(strstr(why.text, "plain/x"));
	assert_int_equal(sink_file_open(path_of("plain", ""), &s, &why), ERR_IO);
}

/* RLIMIT_FSIZE stands in for a full disk. */
static void full_disk_is_reported_at_close(void **state)
{
	(void)state;
	struct rlimit old, small;
	struct err_text why = {""};
	struct sink_file *s = open_in("d");
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = (struct rlimit){.rlim_cur = 1000, .rlim_max = old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	enum err at_write = ERR_OK;
	for (int i = 0; i < 100; i++) /* fits into the buffer: nothing is known before close */
		at_write = sink_file_write(s, &message);
	enum err at_close = sink_file_close(s, &why);

	s = open_in("e");
	enum err later = ERR_OK;
	for (int i = 0; i < 20000 && !later; i++)
		later = sink_file_write(s, &message);
	enum err at_second_close = sink_file_close(s, NULL);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(at_write, ERR_OK);
	assert_int_equal(at_close, ERR_IO);
	assert_non_null(strstr(why.text, "transitions.jsonl"));
	assert_int_equal(later, ERR_IO);
	assert_int_equal(at_second_close, ERR_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_six_files_are_there_without_events),
		cmocka_unit_test(lines_go_into_the_file_of_their_topic_and_old_ones_are_gone),
		cmocka_unit_test(folder_that_cannot_be_made_is_an_error),
		cmocka_unit_test(full_disk_is_reported_at_close),
	};
	signal(SIGXFSZ, SIG_IGN);
	if (!mkdtemp(root))
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	char command[128];
	snprintf(command, sizeof command, "rm -rf %s", root);
	return system(command) || failed;
}
