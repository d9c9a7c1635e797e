/* SPDX-License-Identifier: Apache-2.0 */
/* Canonical CDRs as JSON, of about 350 bytes, into the normalised `struct cdr`: our flat scanner beside cJSON.
 *   bench_ingest_decode_json [ROUNDS]
 * Timed, in CPU time of the thread: "scanner" = decode_json(). "cjson" = cJSON_ParseWithLength(), its items put into the same struct by the same field
 * table, cdr_normalise(), cJSON_Delete(). "cjson_tree" = parsing and deleting alone. Batches of 1,000 records, each batch by the three in turn, so that a
 * machine that drifts does so for all of them. The ratio is the median of the batches' own ratios. Not timed: making the records, the first round,
 * comparing what both decoders gave (they must agree, or the bench fails). The records of a batch are warm in the cache, as after a fetch. */
#include "app/generate.h"
#include "ingest/decode.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BATCH 1000
#define BATCHES 20

static const struct ingest_config config = {.format = INPUT_JSON, .max_record_bytes = 1 << 20};
static struct buf text;
static struct slice records[BATCH * BATCHES];
static struct cdr cdrs[BATCH];
static struct arena arena;

enum way { SCANNER, CJSON, CJSON_TREE, WAYS };
static const char *const way_names[] = {"scanner", "cjson", "cjson_tree"};

static void make_records(void)
{
	const struct generate_config c = {
		.seed = 1, .calls = BATCH * BATCHES, .numbers = 100000, .start_ms = GENERATE_START_MS, .zipf_milli = -1, .plain = true};
	struct generator *g;
	struct err_text why;
	struct generated r;
	size_t at[BATCH * BATCHES + 1] = {0}, n = 0;
	if (generator_new(&c, &g, &why)) {
		fprintf(stderr, "bench_ingest_decode_json: %s\n", why.text);
		exit(2);
	}
	while (n < BATCH * BATCHES && generator_next(g, &r)) {
		generated_write_json(&r, c.seed, &text);
		at[++n] = text.len;
	}
	generator_free(g);
	if (n < BATCH * BATCHES) {
		fprintf(stderr, "bench_ingest_decode_json: the generator gave %zu records, not %d\n", n, BATCH * BATCHES);
		exit(2);
	}
	for (size_t i = 0; i < n; i++)
		records[i] = slice_make(text.data + at[i], at[i + 1] - at[i]);
}

/* The decoder that one would write with cJSON. The strings of *c borrow from the tree. */
static void from_tree(const cJSON *tree, struct slice payload, struct cdr *c)
{
	const cJSON *item;
	cdr_clear(c);
	c->payload = payload;
	bool wrong = false;
	cJSON_ArrayForEach(item, tree)
	{
		const struct field *f = field_find(slice_of(item->string));
		if (!f)
			continue;
		if (cJSON_IsString(item))
			wrong |= !field_set_text(f, slice_of(item->valuestring), c);
		else if (cJSON_IsNumber(item))
			wrong |= !field_set_number(f, (int64_t)item->valuedouble, c);
	}
	c->reason = !tree ? REASON_BAD_JSON : wrong ? REASON_BAD_FIELD : REASON_OK;
	cdr_normalise(c, &arena);
}

static void decode_one(enum way way, struct slice r, struct cdr *c)
{
	if (way == SCANNER) {
		decode_json(r, &config, &arena, c);
		return;
	}
	cJSON *tree = cJSON_ParseWithLength(r.p, r.len);
	if (way == CJSON)
		from_tree(tree, r, c);
	cJSON_Delete(tree);
}

static double cpu_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* ns of CPU a record */
static double time_batch(enum way way, const struct slice *r)
{
	arena_reset(&arena);
	double from = cpu_ns();
	for (int i = 0; i < BATCH; i++)
		decode_one(way, r[i], &cdrs[i]);
	return (cpu_ns() - from) / BATCH;
}

static void must_agree(struct slice r)
{
	struct cdr a, b;
	cJSON *tree = cJSON_ParseWithLength(r.p, r.len);
	decode_json(r, &config, &arena, &a);
	from_tree(tree, r, &b);
	if (a.reason || b.reason || a.caller_hash != b.caller_hash || a.callee_hash != b.callee_hash || a.id_hash != b.id_hash ||
	    a.event_ms != b.event_ms || a.start_ms != b.start_ms || a.talk_ms != b.talk_ms || a.ring_ms != b.ring_ms ||
	    a.disposition != b.disposition || a.stir_attest != b.stir_attest || !slice_eq(a.account_id, b.account_id)) {
		fprintf(stderr, "bench_ingest_decode_json: the two decoders differ on " SLICE_FMT "\n", SLICE_ARG(r));
		exit(1);
	}
	cJSON_Delete(tree);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void report(const char *what, const char *unit, double *v, int n, bool more_is_better)
{
	double sum = 0;
	for (int i = 0; i < n; i++)
		sum += v[i];
	qsort(v, (size_t)n, sizeof *v, by_value);
	printf("bench_ingest_decode_json_%s %.2f %s p50 %.2f p99 %.2f n %d\n", what, more_is_better ? v[n / 2] : sum / n, unit, v[n / 2],
	       v[more_is_better ? n / 100 : n * 99 / 100], n);
}

static void run(int rounds, double *ns[WAYS], double *ratio)
{
	for (int round = -1; round < rounds; round++)
		for (int b = 0; b < BATCHES; b++) {
			double t[WAYS];
			for (int w = 0; w < WAYS; w++)
				t[w] = time_batch((enum way)w, records + b * BATCH);
			for (int w = 0; round >= 0 && w < WAYS; w++)
				ns[w][round * BATCHES + b] = t[w];
			if (round >= 0)
				ratio[round * BATCHES + b] = t[CJSON] / t[SCANNER];
		}
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 50;
	if (rounds < 1 || rounds > 100000) {
		fputs("usage: bench_ingest_decode_json [ROUNDS]\n", stderr);
		return 2;
	}
	int n = rounds * BATCHES;
	double *ns[WAYS], *ratio = mem_zalloc(sizeof(double) * (size_t)n);
	arena_init(&arena, 64 << 10);
	make_records();
	for (int i = 0; i < BATCH * BATCHES; i++)
		must_agree(records[i]);
	for (int w = 0; w < WAYS; w++)
		ns[w] = mem_zalloc(sizeof(double) * (size_t)n);
	run(rounds, ns, ratio);
	for (int w = 0; w < WAYS; w++) {
		report(way_names[w], "ns/record", ns[w], n, false);
		free(ns[w]);
	}
	report("ratio", "times", ratio, n, true);
	free(ratio);
	buf_release(&text);
	arena_release(&arena);
	return 0;
}
