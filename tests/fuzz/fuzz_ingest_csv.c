/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes behind a name ending in .csv, .csv.gz or .csv.zst are records, each usable or with a reason, or an error told; never more records
 * than lines. The first byte chooses the suffix. The bytes stay in memory: the name is a link to a file descriptor. */
#include "ingest/ingest.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const suffixes[] = {".csv", ".csv.gz", ".csv.zst", ".jsonl"};
static char names[4][64];
static int fd = -1;

static void remove_links(void)
{
	char folder[64];
	for (int i = 0; i < 4; i++)
		unlink(names[i]);
	snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(names[0], '/') - names[0]), names[0]);
	rmdir(folder);
}

static void make_links(void)
{
	static char folder[] = "/tmp/ringfence-fuzz-XXXXXX";
	char target[64];
	fd = memfd_create("input", 0);
	snprintf(target, sizeof target, "/proc/%d/fd/%d", (int)getpid(), fd);
	if (fd < 0 || !mkdtemp(folder))
		abort();
	for (int i = 0; i < 4; i++) {
		snprintf(names[i], sizeof names[i], "%s/f%s", folder, suffixes[i]);
		if (symlink(target, names[i]))
			abort();
	}
	atexit(remove_links);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct ingest_config config = {INPUT_JSON, 4096};
	static struct arena arena;
	struct file_source *s = NULL;
	struct err_text why = {""};
	struct cdr c[16];
	size_t n = 1, records = 0, lines = 1;
	if (fd < 0)
		make_links();
	if (!arena.block_bytes)
		arena_init(&arena, 65536);
	int kind = size ? data[0] & 3 : 0;
	if (ftruncate(fd, 0) || (size > 1 && pwrite(fd, data + 1, size - 1, 0) != (ssize_t)(size - 1)))
		abort();
	for (size_t i = 1; i < size; i++)
		lines += data[i] == '\n';
	enum err e = file_source_open(names[kind], &config, &s, &why);
	while (!e && n > 0) {
		arena_reset(&arena);
		e = file_source_read(s, &arena, c, 16, &n, &why);
		records += n;
		for (size_t i = 0; i < n; i++)
			if (c[i].reason >= REASON_CNT ||
			    (c[i].reason == REASON_OK && c[i].use == CDR_COUNT && !e164_valid(c[i].calling_number)))
				abort();
	}
	file_source_close(s);
	if ((e && !why.text[0]) || ((kind == 0 || kind == 3) && records > lines))
		abort();
	return 0;
}
