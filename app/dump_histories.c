/* SPDX-License-Identifier: Apache-2.0 */
#include "app/dump_histories.h"

#include "app/history_json.h"

#include <stdlib.h>

struct one {
	struct slice number, value; /* owned by the arena */
};

struct dump_histories {
	struct arena arena, scrap;
	struct one *all;
	size_t cnt, cap;
};

struct dump_histories *dump_histories_new(void)
{
	struct dump_histories *d = mem_zalloc(sizeof *d);
	arena_init(&d->arena, 256 << 10);
	arena_init(&d->scrap, 64 << 10);
	return d;
}

void dump_histories_free(struct dump_histories *d)
{
	if (!d)
		return;
	arena_release(&d->arena);
	arena_release(&d->scrap);
	free(d->all);
	free(d);
}

static enum err take(void *ctx, struct slice key, struct slice value, int64_t number)
{
	struct dump_histories *d = ctx;
	(void)number;
	if (d->cnt == d->cap) {
		d->cap = d->cap ? 2 * d->cap : 256;
		d->all = mem_realloc(d->all, d->cap * sizeof *d->all);
	}
	d->all[d->cnt++] = (struct one){arena_copy(&d->arena, key), arena_copy(&d->arena, value)};
	return ERR_OK;
}

enum err dump_histories_add(struct dump_histories *d, const struct store_ops *ops, struct store_shard *h, struct err_text *why)
{
	return ops->values(h, SPACE_HISTORY, take, d, why);
}

static int by_number(const void *a, const void *b)
{
	return slice_cmp(((const struct one *)a)->number, ((const struct one *)b)->number);
}

static bool write_one(struct dump_histories *d, const struct one *o, struct buf *line, struct err_text *why)
{
	struct history h;
	struct case_row rows[CASE_ROWS];
	struct json j;
	uint32_t damaged = 0, n = case_rows_read(o->value, rows, &damaged);
	arena_reset(&d->scrap);
	enum err e = history_read(o->value, &d->scrap, &h, why);
	json_init_buf(&j, line);
	json_open(&j, '{');
	json_key(&j, "history");
	json_text(&j, o->number);
	json_key(&j, "entries");
	json_open(&j, '[');
	for (uint32_t i = 0; i < h.cnt; i++)
		history_entry_write(&j, &h.entries[i]);
	json_close(&j, ']');
	json_key(&j, "dropped");
	json_uint(&j, h.dropped);
	json_key(&j, "finished");
	json_open(&j, '[');
	for (uint32_t i = 0; i < n; i++)
		case_row_write(&j, SLICE_NONE, &rows[i]);
	json_close(&j, ']');
	json_close(&j, '}');
	buf_put_u8(line, '\n');
	return !e && damaged == 0;
}

enum err dump_histories_print(struct dump_histories *d, FILE *to, struct err_text *why)
{
	struct buf line = {0};
	struct err_text detail;
	uint64_t damaged = 0;
	bool written = true;
	if (d->cnt)
		qsort(d->all, d->cnt, sizeof *d->all, by_number);
	for (size_t i = 0; i < d->cnt && written; i++) {
		buf_reset(&line);
		damaged += !write_one(d, &d->all[i], &line, &detail);
		written = fwrite(line.data, 1, line.len, to) == line.len;
	}
	buf_release(&line);
	if (!written)
		return err_set(why, ERR_IO, "cannot write the histories");
	return damaged ? err_set(why, ERR_CORRUPT, "%llu histories cannot be read whole", (unsigned long long)damaged) : ERR_OK;
}
