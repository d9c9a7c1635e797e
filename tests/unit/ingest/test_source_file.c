/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "ingest/ingest.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

static char folder[] = "/tmp/ringfence-source-XXXXXX";
static struct ingest_config config = {INPUT_JSON, 1 << 20};

static const char *path_of(const char *name)
{
	static char path[256];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	return path;
}

static void write_file(const char *name, const void *bytes, size_t len)
{
	FILE *f = fopen(path_of(name), "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	fclose(f);
}

/* Packs as gzip or zstd (without checksum, as libraries do by default), and leaves out the last `cut` bytes. */
static void write_packed(const char *name, const void *bytes, size_t len, size_t cut)
{
	size_t cap = ZSTD_compressBound(len) + len / 500 + 1000, n;
	uint8_t *to = malloc(cap);
	if (strstr(name, ".zst")) {
		n = ZSTD_compress(to, cap, bytes, len, 1);
		assert_false(ZSTD_isError(n));
	} else {
		z_stream z = {.next_in = (Bytef *)(uintptr_t)bytes, .avail_in = (uInt)len, .next_out = to, .avail_out = (uInt)cap};
		assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
		assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
		n = z.total_out;
		deflateEnd(&z);
	}
	write_file(name, to, n - cut);
	free(to);
}

/* What a file yields, as text: one line a record, "called talk" or its reason; then how it ended. */
static const char *read_all(const char *name, size_t at_once)
{
	static struct buf out;
	struct file_source *s = NULL;
	struct err_text why = {""};
	struct cdr *c = calloc(at_once, sizeof *c);
	struct arena a;
	size_t n = 1;
	arena_init(&a, 4096);
	buf_reset(&out);
	enum err e = file_source_open(name[0] == '-' ? name : path_of(name), &config, &s, &why);
	while (!e && n > 0) {
		arena_reset(&a);
		e = file_source_read(s, &a, c, at_once, &n, &why);
		for (size_t i = 0; i < n; i++) {
			if (c[i].reason)
				buf_printf(&out, "%s\n", reason_code((enum reason)c[i].reason));
			else
				buf_printf(&out, SLICE_FMT " %lld\n", SLICE_ARG(c[i].called_number), (long long)c[i].talk_ms);
		}
	}
	if (e)
		buf_printf(&out, "%s %s", err_name(e), why.text);
	buf_put_u8(&out, 0);
	file_source_close(s);
	arena_release(&a);
	free(c);
	return (const char *)out.data;
}

static const char *yields(const char *name, const char *content)
{
	write_file(name, content, strlen(content));
	return read_all(name, 3);
}

#define LINE(called, ms) \
	"{\"start_time\":1700000000000,\"calling_number\":\"+1555\",\"called_number\":\"" called "\",\"billable_ms\":" #ms "}"

static void json_lines_are_records_with_any_line_end(void **state)
{
	(void)state;
	assert_string_equal(yields("a.jsonl", LINE("+101", 1) "\n" LINE("+102", 2) "\r\n\n \t\n\r\nnonsense\n" LINE("+103", 3) "\n"),
			    "+101 1\n+102 2\nbad_json\n+103 3\n");
	assert_string_equal(yields("a.ndjson", LINE("+101", 1) "\n" LINE("+102", 2)), "+101 1\n+102 2\n"); /* no newline at the end */
	assert_string_equal(yields("a.jsonl", "\xef\xbb\xbf" LINE("+101", 1) "\n"), "+101 1\n");
	assert_string_equal(yields("a.jsonl", ""), "");
	assert_string_equal(yields("a.jsonl", "\n\n"), "");
}

static void csv_has_a_header_in_any_order_and_quotes(void **state)
{
	(void)state;
	assert_string_equal(yields("a.csv", "called_number,start_time,calling_number,billable_ms,attributes.note,codec\n"
					    "+101,1700000000000,+1555,1,,\n"
					    "\"+102\",2023-11-14T22:13:20Z,\"+1555\",\"2\",\"a, \"\"b\"\"\nc\",PCMU\r\n"
					    "+103,1700000000000,+1555,3,12\" rack,\n"
					    "+104,1700000000000,+1555,4.0,x,\n"
					    "+105,1700000000000,+1555,,,\n"),
			    "+101 1\n+102 2\n+103 3\n+104 4\n+105 0\n");
	assert_string_equal(yields("a.csv", "\xef\xbb\xbfstart_time,calling_number\r\n1700000000000,+1555"), " 0\n");
}

static void csv_row_that_does_not_match_is_a_bad_row_and_reading_goes_on(void **state)
{
	(void)state;
	assert_string_equal(yields("a.csv", "start_time,calling_number,called_number\n"
					    "1700000000000,+1555\n"
					    "1700000000000,+1555,+101,x\n"
					    "1700000000000,\"+1555\"x,+101\n"
					    "1700000000000,+1555,+10\xff\n"
					    "soon,+1555,+101\n"
					    ",+1555,+101\n"
					    "1700000000000,,+101\n"
					    "1700000000000,+1555,+101\n"
					    "1700000000000,+1555,\"+102"),
			    "bad_row\nbad_row\nbad_row\nbad_row\nbad_field\nno_start_time\nno_caller\n+101 0\nbad_row\n");
}

static void csv_header_that_is_wrong_names_the_column(void **state)
{
	char expect[512];
	(void)state;
	snprintf(expect, sizeof expect,
		 "INPUT %s:1: the column 'start_tmie' is not a field of the canonical CDR; did you mean 'start_time'?", path_of("a.csv"));
	assert_string_equal(yields("a.csv", "start_tmie,calling_number\n"), expect);
	snprintf(expect, sizeof expect, "INPUT %s:1: the column 'start_time' stands there twice", path_of("a.csv"));
	assert_string_equal(yields("a.csv", "start_time,calling_number,start_time\n"), expect);
	snprintf(expect, sizeof expect, "INPUT %s: the file is empty, a header of column names was expected", path_of("a.csv"));
	assert_string_equal(yields("a.csv", ""), expect);
	assert_non_null(strstr(yields("a.csv", "start_time,\"x\n1,2\n"), "malformed"));
}

static void packed_file_is_as_the_plain_one(void **state)
{
	static const char text[] = LINE("+101", 1) "\n" LINE("+102", 2) "\n";
	static const char csv[] = "start_time,calling_number,called_number\n1,+1555,+101\n";
	(void)state;
	write_packed("a.jsonl.gz", text, sizeof text - 1, 0);
	assert_string_equal(read_all("a.jsonl.gz", 3), "+101 1\n+102 2\n");
	write_packed("a.jsonl.zst", text, sizeof text - 1, 0);
	assert_string_equal(read_all("a.jsonl.zst", 3), "+101 1\n+102 2\n");
	write_packed("a.csv.gz", csv, sizeof csv - 1, 0);
	assert_string_equal(read_all("a.csv.gz", 3), "+101 0\n");
	write_packed("a.csv.zst", csv, sizeof csv - 1, 0);
	assert_string_equal(read_all("a.csv.zst", 3), "+101 0\n");
}

/* Two members or frames one behind the other, as `cat a.gz b.gz` makes them. */
static void packed_files_may_be_joined(void **state)
{
	static const char *const names[] = {"j.jsonl.gz", "j.jsonl.zst"};
	static const char text[] = LINE("+101", 1) "\n";
	char bytes[8192];
	(void)state;
	for (int i = 0; i < 2; i++) {
		write_packed(names[i], text, sizeof text - 1, 0);
		FILE *f = fopen(path_of(names[i]), "rb");
		size_t n = fread(bytes, 1, sizeof bytes / 2, f);
		fclose(f);
		memcpy(bytes + n, bytes, n);
		write_file(names[i], bytes, 2 * n);
		assert_string_equal(read_all(names[i], 3), "+101 1\n+101 1\n");
	}
}

static void packed_file_that_breaks_off_is_an_error_after_what_was_whole(void **state)
{
	static const char *const names[] = {"t.jsonl.gz", "t.jsonl.zst"};
	struct buf text = {0};
	(void)state;
	for (int i = 0; i < 20000; i++)
		buf_printf(&text, "{\"start_time\":%d,\"calling_number\":\"+1555\",\"called_number\":\"+1%d\"}\n", i, 100 + i);
	for (int i = 0; i < 2; i++)
		for (size_t cut = 1; cut < 3000; cut += 997) {
			write_packed(names[i], text.data, text.len, cut);
			const char *out = read_all(names[i], 1000);
			assert_non_null(strstr(out, "+1100 0\n"));
			assert_non_null(strstr(out, "IO "));
			assert_non_null(strstr(out, "breaks off"));
			assert_non_null(strstr(out, path_of(names[i])));
		}
	write_file("t.jsonl.gz", "this is not gzip", 16);
	assert_non_null(strstr(read_all("t.jsonl.gz", 3), "IO "));
	write_file("t.jsonl.zst", "this is not zstd", 16);
	assert_non_null(strstr(read_all("t.jsonl.zst", 3), "IO "));
	buf_release(&text);
}

/* More than a chunk, so that records are moved and what the unpackers hold back is asked for: each record once, in order. */
static void large_file_yields_every_record_once_and_in_order(void **state)
{
	static const char *const names[] = {"l.jsonl", "l.jsonl.gz", "l.jsonl.zst"};
	struct buf text = {0};
	struct cdr c[64];
	struct arena a;
	(void)state;
	arena_init(&a, 4096);
	const int64_t cnt = 120000;
	for (int64_t i = 0; i < cnt; i++)
		buf_printf(&text, "{\"start_time\":%lld,\"calling_number\":\"+15551230000\",\"x\":\"%.*s\"}\n", (long long)i, (int)(i % 40),
			   "0123456789012345678901234567890123456789");
	for (int k = 0; k < 3; k++) {
		struct file_source *s = NULL;
		struct err_text why = {""};
		int64_t next = 0, done, all;
		size_t n = 1;
		if (k == 0)
			write_file(names[k], text.data, text.len);
		else
			write_packed(names[k], text.data, text.len, 0);
		assert_int_equal(file_source_open(path_of(names[k]), &config, &s, &why), ERR_OK);
		while (n > 0) {
			arena_reset(&a);
			if (file_source_read(s, &a, c, 64, &n, &why))
				fail_msg("%s", why.text);
			for (size_t i = 0; i < n; i++)
				if (c[i].reason != REASON_OK || c[i].start_ms != next++)
					fail_msg("%s: record %lld", names[k], (long long)next);
		}
		assert_int_equal(next, cnt);
		file_source_progress(s, &done, &all);
		assert_true(done == all && all > 0);
		file_source_close(s);
	}
	arena_release(&a);
	buf_release(&text);
}

/* A frame whose last block does not fit behind what the chunk holds: all its input is consumed before all its output is out. */
static void zstd_output_held_back_at_the_end_is_not_lost(void **state)
{
	(void)state;
	for (size_t extra = 0; extra < 3; extra++) {
		size_t len = (4u << 20) + 1 + extra * 60000;
		char *text = malloc(len);
		memset(text, ' ', len);
		memcpy(text, LINE("+101", 1) "\n", sizeof LINE("+101", 1));
		memcpy(text + len - sizeof LINE("+102", 2), "\n" LINE("+102", 2), sizeof LINE("+102", 2));
		for (size_t i = 4000; i < len - 4000; i += 1000)
			text[i] = '\n';
		write_packed("h.jsonl.zst", text, len, 0);
		assert_string_equal(read_all("h.jsonl.zst", 3), "+101 1\n+102 2\n");
		free(text);
	}
}

static void line_beyond_the_limit_is_too_long_once_and_the_next_one_is_read(void **state)
{
	static const size_t lengths[] = {300, 1 << 20, (4 << 20) - 1, 4 << 20, (4 << 20) + 1, 9 << 20};
	const struct ingest_config small = {INPUT_JSON, 256}, before = config;
	(void)state;
	config = small;
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		char *text = malloc(lengths[i] + 1000);
		int n = sprintf(text, "%s\n", LINE("+101", 1));
		memset(text + n, 'x', lengths[i]);
		sprintf(text + (size_t)n + lengths[i], "\n%s\n", LINE("+102", 2));
		assert_string_equal(yields("long.jsonl", text), "+101 1\ntoo_long\n+102 2\n");
		text[(size_t)n + lengths[i]] = '\0';
		assert_string_equal(yields("long.jsonl", text), "+101 1\ntoo_long\n");
		free(text);
	}
	config = before;
}

static void file_that_is_not_there_or_of_unknown_kind_is_named(void **state)
{
	char expect[512];
	(void)state;
	snprintf(expect, sizeof expect, "IO %s: cannot open: No such file or directory", path_of("none.jsonl"));
	assert_string_equal(read_all("none.jsonl", 1), expect);
	assert_int_equal(strncmp(read_all("a.txt", 1), "USAGE ", 6), 0);
	assert_int_equal(strncmp(read_all("a.gz", 1), "USAGE ", 6), 0);
}

static void dash_is_json_lines_on_standard_input(void **state)
{
	static const char text[] = LINE("+101", 1) "\n" LINE("+102", 2);
	int ends[2], kept = dup(0);
	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], text, sizeof text - 1), sizeof text - 1);
	close(ends[1]);
	dup2(ends[0], 0);
	close(ends[0]);
	assert_string_equal(read_all("-", 1), "+101 1\n+102 2\n");
	dup2(kept, 0);
	close(kept);
}

static int setup(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
	static const char *const names[] = {"a.jsonl",    "a.ndjson",    "a.csv",       "a.jsonl.gz", "a.jsonl.zst", "a.csv.gz",
					    "a.csv.zst",  "j.jsonl.gz",  "j.jsonl.zst", "t.jsonl.gz", "t.jsonl.zst", "l.jsonl",
					    "l.jsonl.gz", "l.jsonl.zst", "h.jsonl.zst", "long.jsonl"};
	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		unlink(path_of(names[i]));
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_lines_are_records_with_any_line_end),
		cmocka_unit_test(csv_has_a_header_in_any_order_and_quotes),
		cmocka_unit_test(csv_row_that_does_not_match_is_a_bad_row_and_reading_goes_on),
		cmocka_unit_test(csv_header_that_is_wrong_names_the_column),
		cmocka_unit_test(packed_file_is_as_the_plain_one),
		cmocka_unit_test(packed_files_may_be_joined),
		cmocka_unit_test(packed_file_that_breaks_off_is_an_error_after_what_was_whole),
		cmocka_unit_test(large_file_yields_every_record_once_and_in_order),
		cmocka_unit_test(zstd_output_held_back_at_the_end_is_not_lost),
		cmocka_unit_test(line_beyond_the_limit_is_too_long_once_and_the_next_one_is_read),
		cmocka_unit_test(file_that_is_not_there_or_of_unknown_kind_is_named),
		cmocka_unit_test(dash_is_json_lines_on_standard_input),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
