/* SPDX-License-Identifier: Apache-2.0 */
/* Files as a source. Bytes pass from the file through an unpacker into a chunk; records are decoded in place from the chunk, which is refilled
 * when it holds no whole line any more. Memory: the chunk, whatever the size of the file. */
#include "ingest/decode.h"

#include "base/utf8.h"
#include "base/yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define CHUNK_BYTES (4u << 20)
#define PACKED_BYTES (256u << 10)
#define CSV_COLUMNS_MAX 128

enum packing { PLAIN, GZIP, ZSTD };

struct file_source {
	char *path;
	struct ingest_config config;
	int fd;
	enum packing packing;
	bool csv, eof, skipping; /* skipping: the rest of a line that was too long */
	int64_t done, all;
	char *chunk;
	size_t cap, from, to; /* unread bytes of the chunk */
	uint64_t line;
	/* unpacking */
	uint8_t *packed;
	size_t packed_from, packed_to;
	z_stream z;
	bool z_open, frame_open;
	ZSTD_DStream *zstd;
	/* CSV: the field of each column, NULL if it is skipped */
	const struct field *columns[CSV_COLUMNS_MAX];
	size_t column_cnt;
};

static bool ends_with(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);
	return n >= m && strcmp(s + n - m, suffix) == 0;
}

/* ---- bytes ---- */

static enum err read_some(struct file_source *s, void *to, size_t max, size_t *n, struct err_text *why)
{
	ssize_t got;
	do
		got = read(s->fd, to, max);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return err_set(why, ERR_IO, "%s: cannot read: %s", s->path, strerror(errno));
	s->done += got;
	*n = (size_t)got;
	return ERR_OK;
}

static enum err refill_packed(struct file_source *s, struct err_text *why)
{
	size_t n = 0;
	if (s->packed_from < s->packed_to)
		return ERR_OK;
	enum err e = read_some(s, s->packed, PACKED_BYTES, &n, why);
	s->packed_from = 0;
	s->packed_to = n;
	return e;
}

static enum err broken(const struct file_source *s, const char *what, struct err_text *why)
{
	return err_set(why, ERR_IO, "%s: cannot unpack, near byte %lld: %s", s->path, (long long)s->done, what);
}

static enum err read_gzip(struct file_source *s, void *to, size_t max, size_t *n, struct err_text *why)
{
	*n = 0;
	while (*n == 0) {
		enum err e = refill_packed(s, why);
		if (e)
			return e;
		if (s->packed_to == 0)
			return s->frame_open ? broken(s, "the file breaks off", why) : ERR_OK;
		s->z.next_in = s->packed + s->packed_from;
		s->z.avail_in = (uInt)(s->packed_to - s->packed_from);
		s->z.next_out = to;
		s->z.avail_out = (uInt)max;
		s->frame_open = true;
		int r = inflate(&s->z, Z_NO_FLUSH);
		s->packed_from = s->packed_to - s->z.avail_in;
		*n = max - s->z.avail_out;
		if (r == Z_STREAM_END) { /* another member may follow */
			s->frame_open = false;
			inflateReset(&s->z);
		} else if (r != Z_OK && r != Z_BUF_ERROR) {
			return broken(s, s->z.msg ? s->z.msg : "bad gzip data", why);
		}
	}
	return ERR_OK;
}

static enum err read_zstd(struct file_source *s, void *to, size_t max, size_t *n, struct err_text *why)
{
	ZSTD_outBuffer out = {to, max, 0};
	while (out.pos == 0) {
		enum err e = refill_packed(s, why);
		if (e)
			return e;
		*n = 0;
		bool at_end = s->packed_to == 0;
		if (at_end && !s->frame_open)
			return ERR_OK;
		ZSTD_inBuffer in = {s->packed, s->packed_to, s->packed_from};
		size_t r = ZSTD_decompressStream(s->zstd, &out, &in);
		if (ZSTD_isError(r))
			return broken(s, ZSTD_getErrorName(r), why);
		if (at_end && out.pos == 0 && r != 0) /* it had nothing more in its buffer either */
			return broken(s, "the file breaks off", why);
		s->frame_open = r != 0;
		s->packed_from = in.pos;
	}
	*n = out.pos;
	return ERR_OK;
}

/* Moves what is unread to the front and reads more behind it. */
static enum err refill(struct file_source *s, struct err_text *why)
{
	size_t n = 0;
	enum err e;
	memmove(s->chunk, s->chunk + s->from, s->to - s->from);
	s->to -= s->from;
	s->from = 0;
	if (s->eof || s->to == s->cap)
		return ERR_OK;
	if (s->packing == GZIP)
		e = read_gzip(s, s->chunk + s->to, s->cap - s->to, &n, why);
	else if (s->packing == ZSTD)
		e = read_zstd(s, s->chunk + s->to, s->cap - s->to, &n, why);
	else
		e = read_some(s, s->chunk + s->to, s->cap - s->to, &n, why);
	s->eof = n == 0;
	s->to += n;
	return e;
}

/* ---- lines ---- */

/* The end of the line or CSV row that begins at `from`: its newline, or NULL. In CSV a newline inside quotes does not count; a quote in the
 * middle of a cell without quotes is a letter like others, as in csv_cell(). */
static const char *line_end(const struct file_source *s)
{
	const char *p = s->chunk + s->from, *end = s->chunk + s->to;
	if (!s->csv)
		return memchr(p, '\n', (size_t)(end - p));
	for (bool quoted = false, begins = true; p < end; p++) {
		if (*p == '\n' && !quoted)
			return p;
		if (*p == '"' && (quoted || begins))
			quoted = !quoted;
		begins = *p == ',' || *p == '"'; /* a quote behind the closing one opens again: it was a doubled one */
	}
	return NULL;
}

/* The next line that the chunk holds whole, without its line end. False: none. A line that fills the chunk is cut, its rest is skipped. */
static bool take_line(struct file_source *s, struct slice *line)
{
	for (;;) {
		const char *nl = line_end(s);
		bool full = s->from == 0 && s->to == s->cap;
		if (!nl && !full && !(s->eof && s->from < s->to))
			return false;
		const char *p = s->chunk + s->from, *end = nl ? nl : s->chunk + s->to;
		bool skipped = s->skipping;
		s->skipping = !nl && full;
		s->from = nl ? (size_t)(nl + 1 - s->chunk) : s->to;
		if (skipped)
			continue;
		if (s->line++ == 0 && end - p >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
			p += 3; /* a byte order mark, as spreadsheets write it */
		if (end > p && end[-1] == '\r')
			end--;
		*line = slice_make(p, (size_t)(end - p));
		return true;
	}
}

/* ---- CSV ---- */

/* The next cell of a row; quotes are taken off. False: the row is malformed. */
static bool csv_cell(const char **at, const char *end, struct arena *a, struct slice *cell, bool *more)
{
	const char *p = *at;
	if (p < end && *p == '"') {
		const char *from = ++p;
		bool doubled = false;
		for (; p < end && !(*p == '"' && (p + 1 == end || p[1] != '"')); p++)
			if (*p == '"') {
				doubled = true;
				p++;
			}
		if (p >= end)
			return false;
		*cell = slice_make(from, (size_t)(p++ - from));
		if (doubled) {
			char *o = arena_alloc(a, cell->len), *q = o;
			for (uint32_t i = 0; i < cell->len; i++) {
				*q++ = cell->p[i];
				i += cell->p[i] == '"';
			}
			*cell = slice_make(o, (size_t)(q - o));
		}
		if (p < end && *p != ',')
			return false;
	} else {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		const char *stop = comma ? comma : end;
		*cell = slice_make(p, (size_t)(stop - p));
		p = stop;
	}
	*more = p < end;
	*at = p + *more;
	return true;
}

static void decode_csv(const struct file_source *s, struct slice row, struct arena *a, struct cdr *c)
{
	const char *p = row.p, *end = row.p + row.len;
	size_t i = 0;
	bool more = true;
	cdr_clear(c);
	c->payload = row;
	if ((int64_t)row.len > s->config.max_record_bytes)
		c->reason = REASON_TOO_LONG;
	else if (!utf8_valid(row))
		c->reason = REASON_BAD_ROW;
	for (; more && c->reason == REASON_OK; i++) {
		struct slice cell;
		if (i == s->column_cnt || !csv_cell(&p, end, a, &cell, &more))
			c->reason = REASON_BAD_ROW;
		else if (cell.len && s->columns[i] && !field_set_text(s->columns[i], cell, c))
			c->reason = REASON_BAD_FIELD;
	}
	if (c->reason == REASON_OK && i != s->column_cnt)
		c->reason = REASON_BAD_ROW;
	cdr_normalise(c, a);
}

static enum err bad_column(const struct file_source *s, struct slice name, struct err_text *why)
{
	const char *names[128];
	size_t n;
	const struct field *f = field_table(&n);
	for (size_t i = 0; i < n; i++)
		names[i] = f[i].name;
	const char *near = nearest_name(name, names, n);
	return err_set(why, ERR_INPUT, "%s:1: the column '" SLICE_FMT "' is not a field of the canonical CDR%s%s%s", s->path,
		       SLICE_ARG(name), near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static enum err read_header(struct file_source *s, struct err_text *why)
{
	struct slice row, name;
	struct arena a;
	bool more = true;
	enum err e = ERR_OK;
	while (!e && !take_line(s, &row)) {
		if (s->eof)
			return err_set(why, ERR_INPUT, "%s: the file is empty, a header of column names was expected", s->path);
		e = refill(s, why);
	}
	if (e)
		return e;
	arena_init(&a, 4096);
	const char *p = row.p, *end = row.p + row.len;
	while (!e && more) {
		if (!csv_cell(&p, end, &a, &name, &more) || s->column_cnt == CSV_COLUMNS_MAX) {
			e = err_set(why, ERR_INPUT, "%s:1: the header is malformed or has more than %d columns", s->path, CSV_COLUMNS_MAX);
			break;
		}
		const struct field *f = field_find(name);
		if (!f && !(name.len > 11 && memcmp(name.p, "attributes.", 11) == 0))
			e = bad_column(s, name, why);
		for (size_t i = 0; f && f->type != FIELD_SKIP && i < s->column_cnt; i++)
			if (s->columns[i] == f)
				e = err_set(why, ERR_INPUT, "%s:1: the column '%s' stands there twice", s->path, f->name);
		s->columns[s->column_cnt++] = f && f->type != FIELD_SKIP ? f : NULL;
	}
	arena_release(&a);
	return e;
}

/* ---- the interface ---- */

static enum err open_fd(struct file_source *s, struct err_text *why)
{
	struct stat st;
	if (strcmp(s->path, "-") == 0) {
		s->fd = dup(STDIN_FILENO);
		s->all = -1;
		return ERR_OK;
	}
	s->fd = open(s->path, O_RDONLY | O_CLOEXEC);
	if (s->fd < 0 || fstat(s->fd, &st) != 0)
		return err_set(why, ERR_IO, "%s: cannot open: %s", s->path, strerror(errno));
	s->all = S_ISREG(st.st_mode) ? (int64_t)st.st_size : -1;
	return ERR_OK;
}

static enum err by_suffix(struct file_source *s, struct err_text *why)
{
	char name[4096];
	snprintf(name, sizeof name, "%s", s->path);
	if (strcmp(name, "-") == 0)
		return ERR_OK;
	if (ends_with(name, ".gz"))
		s->packing = GZIP;
	else if (ends_with(name, ".zst"))
		s->packing = ZSTD;
	if (s->packing != PLAIN)
		*strrchr(name, '.') = '\0';
	s->csv = ends_with(name, ".csv");
	if (s->csv || ends_with(name, ".jsonl") || ends_with(name, ".ndjson"))
		return ERR_OK;
	return err_set(why, ERR_USAGE, "%s: cannot tell its format by its name: .jsonl, .ndjson or .csv, and .gz or .zst behind it",
		       s->path);
}

enum err file_source_open(const char *path, const struct ingest_config *c, struct file_source **out, struct err_text *why)
{
	struct file_source *s = mem_zalloc(sizeof *s);
	s->fd = -1;
	s->path = mem_strdup(path);
	s->config = *c;
	s->cap = (size_t)c->max_record_bytes + 2 > CHUNK_BYTES ? (size_t)c->max_record_bytes + 2 : CHUNK_BYTES;
	s->chunk = mem_alloc(s->cap);
	enum err e = by_suffix(s, why);
	if (!e)
		e = open_fd(s, why);
	if (!e && s->packing != PLAIN) {
		s->packed = mem_alloc(PACKED_BYTES);
		if (s->packing == ZSTD)
			s->zstd = ZSTD_createDStream();
		else
			s->z_open = inflateInit2(&s->z, 15 + 32) == Z_OK;
	}
	if (!e && s->csv)
		e = read_header(s, why);
	if (e) {
		file_source_close(s);
		return e;
	}
	*out = s;
	return ERR_OK;
}

void file_source_close(struct file_source *s)
{
	if (!s)
		return;
	if (s->fd >= 0)
		close(s->fd);
	if (s->z_open)
		inflateEnd(&s->z);
	ZSTD_freeDStream(s->zstd);
	free(s->packed);
	free(s->chunk);
	free(s->path);
	free(s);
}

static bool blank_line(struct slice line)
{
	uint32_t i = 0;
	while (i < line.len && (line.p[i] == ' ' || line.p[i] == '\t'))
		i++;
	return i == line.len;
}

enum err file_source_read(struct file_source *s, struct arena *a, struct cdr *out, size_t max, size_t *n, struct err_text *why)
{
	struct slice line;
	*n = 0;
	for (;;) {
		while (*n < max && take_line(s, &line)) {
			if (blank_line(line))
				continue;
			struct cdr *c = &out[(*n)++];
			if (s->csv)
				decode_csv(s, line, a, c);
			else
				decode_json(line, &s->config, a, c);
		}
		if (*n > 0 || (s->eof && s->from == s->to))
			return ERR_OK; /* the chunk is refilled only when nothing points into it */
		enum err e = refill(s, why);
		if (e)
			return e;
	}
}

void file_source_progress(const struct file_source *s, int64_t *done, int64_t *all)
{
	*done = s->done;
	*all = s->all;
}
