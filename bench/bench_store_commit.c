/* SPDX-License-Identifier: Apache-2.0 */
/* Commits of 5,000 records of 640 bytes over 200,000 keys, one shard.
 *   bench_store_commit memory | embedded FILE | redis URL
 * Timed: "commit" = a read of the meta alone, commit_begin, commit_end: nothing overlaps. "write" = commit_begin only, what the shard's thread pays.
 * "read" = a read of 5,000 records. Not timed: opening, the first commit. The store is left full: give a file or database to throw away. */
#include "base/arena.h"
#include "base/clock.h"
#include "scoring/store.h"

#include <stdio.h>
#include <stdlib.h>

#define KEYS 200000
#define CYCLE 5000
#define CYCLES 60
#define RECORD_BYTES 640

static char names[KEYS][16], record[RECORD_BYTES];
static struct store_put changes[CYCLE];
static struct store_key keys[CYCLE];

static void must(enum err e, const struct err_text *why)
{
	if (e) {
		fprintf(stderr, "bench_store_commit: %s\n", why->text);
		exit(err_exit(e));
	}
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void report(const char *store, const char *what, double *ms, int n)
{
	double sum = 0;
	for (int i = 0; i < n; i++)
		sum += ms[i];
	qsort(ms, (size_t)n, sizeof *ms, by_value);
	printf("bench_store_%s_%s %.2f ms p50 %.2f p99 %.2f n %d (%.0f records/s)\n", what, store, sum / n, ms[n / 2], ms[n * 99 / 100], n,
	       CYCLE * n / sum * 1000);
}

static void read_now(const struct store_ops *ops, struct store_shard *h, size_t n, struct store_read *r)
{
	struct err_text why;
	must(ops->read_begin(h, keys, n, &why), &why);
	must(ops->read_end(h, r, &why), &why);
}

static void cycles(const struct store_ops *ops, struct store_shard *h)
{
	static double commit[CYCLES], write[CYCLES], read[CYCLES];
	struct err_text why;
	struct store_read r;
	for (int i = 0; i <= CYCLES; i++) {
		uint8_t meta[64] = {(uint8_t)(i + 1), 1};
		struct store_commit c = {.puts = changes, .put_cnt = CYCLE, .meta = slice_make(meta, sizeof meta)};
		for (int k = 0; k < CYCLE; k++) {
			keys[k] = (struct store_key){slice_of(names[rand() % KEYS]), SPACE_RECORD};
			changes[k] = (struct store_put){.at = keys[k], .value = {record, RECORD_BYTES}};
		}
		struct mono_time from = mono_now();
		read_now(ops, h, 0, &r);
		if (r.meta.p)
			memcpy(c.expect, r.meta.p, COMMIT_ID_BYTES);
		struct mono_time begin = mono_now();
		must(ops->commit_begin(h, &c, &why), &why);
		double begun_ms = mono_seconds_since(begin) * 1000;
		must(ops->commit_end(h, &why), &why);
		double commit_ms = mono_seconds_since(from) * 1000;
		from = mono_now();
		read_now(ops, h, CYCLE, &r);
		if (i) {
			commit[i - 1] = commit_ms;
			write[i - 1] = begun_ms;
			read[i - 1] = mono_seconds_since(from) * 1000;
		}
	}
	report(ops->name, "commit", commit, CYCLES);
	report(ops->name, "write", write, CYCLES);
	report(ops->name, "read", read, CYCLES);
}

int main(int argc, char **argv)
{
	struct store_config c = {.redis_password = "", .redis_timeout_ms = 10000, .map_bytes = INT64_C(8) << 30};
	struct store *s;
	struct store_shard *h;
	struct err_text why;
	c.kind = argc < 2 ? STORE_MEMORY : argv[1][0] == 'r' ? STORE_REDIS : argv[1][0] == 'e' ? STORE_EMBEDDED : STORE_MEMORY;
	c.redis_url = argc > 2 ? argv[2] : "redis://127.0.0.1:6379/0";
	c.path = argc > 2 ? argv[2] : "bench.lmdb";
	for (int i = 0; i < KEYS; i++)
		snprintf(names[i], sizeof names[i], "+1555%07d", i);
	for (int i = 0; i < RECORD_BYTES; i++)
		record[i] = (char)rand();
	const struct store_ops *ops = store_ops((enum store_kind)c.kind);
	must(ops->open(&c, false, &s, &why), &why);
	must(ops->shard_open(s, "bench", 0, &h, &why), &why);
	cycles(ops, h);
	ops->shard_close(h);
	ops->close(s);
	return 0;
}
