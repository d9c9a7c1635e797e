/* SPDX-License-Identifier: Apache-2.0 */
/* Calls and commands of a rule test. A template becomes canonical JSON, which is decoded as any other: what a test sends is what a producer could
 * send. */
#include "app/rule_test.h"
#include "sinks/json.h"

#include <stdlib.h>

#define HASHES_MAX 9
#define TALK_MS MINUTE_MS

struct maker {
	const struct test_file *file;
	const struct rule_test *test;
	const struct test_records *records; /* being expanded */
	uint32_t entry;                     /* its place in its list */
	struct where where;
	const char *list;
	struct arena *a;
	struct buf *problems;
	bool failed;
};

static void problem(struct maker *m, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void problem(struct maker *m, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	if (m->failed) /* one template, many calls: the first says it */
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	buf_printf(m->problems, "%s:%d:%d: %s: %s\n", m->file->path, m->where.line, m->where.column, m->list, text);
	m->failed = true;
}

static struct slice in_turn(const struct cycle *c, uint32_t i)
{
	return c->cnt ? c->v[i % c->cnt] : SLICE_NONE;
}

/* ---- numbers ---- */

/* The '#'s of a pattern become the digits of i, scattered: each i below 10^cnt has its own, and none follows the one before it, for a dialler that
 * counts up is another matter (vary). */
static struct slice fill_hashes(struct maker *m, struct slice pattern, uint32_t hashes, uint32_t i)
{
	static const uint64_t steps[HASHES_MAX + 1] = {1, 7, 37, 617, 6181, 61803, 618033, 6180339, 61803399, 618033989};
	uint64_t room = 1, value;
	for (uint32_t k = 0; k < hashes && k < HASHES_MAX; k++)
		room *= 10;
	if (hashes > HASHES_MAX)
		problem(m, "more than %d '#' in " SLICE_FMT, HASHES_MAX, SLICE_ARG(pattern));
	else if (i >= room)
		problem(m, SLICE_FMT " has room for %llu numbers, and there are more calls: write more '#'", SLICE_ARG(pattern),
			(unsigned long long)room);
	if (m->failed)
		return pattern;
	char *text = (char *)(uintptr_t)arena_copy(m->a, pattern).p; /* ours */
	value = i * steps[hashes] % room;
	for (uint32_t k = pattern.len; k-- > 0;)
		if (text[k] == '#') {
			text[k] = (char)('0' + value % 10);
			value /= 10;
		}
	return slice_make(text, pattern.len);
}

/* The number i further on. */
static struct slice count_up(struct maker *m, struct slice number, uint32_t i)
{
	char *text = (char *)(uintptr_t)arena_copy(m->a, number).p;
	for (uint32_t k = number.len; k-- > 0 && i > 0;) {
		if (text[k] < '0' || text[k] > '9')
			break;
		uint32_t sum = (uint32_t)(text[k] - '0') + i;
		text[k] = (char)('0' + sum % 10);
		i = sum / 10;
	}
	if (i > 0)
		problem(m, "vary: there is no number so far behind " SLICE_FMT, SLICE_ARG(number));
	return slice_make(text, number.len);
}

static struct slice number_of(struct maker *m, const struct cycle *c, bool vary, uint32_t i)
{
	struct slice t = in_turn(c, i);
	uint32_t hashes = 0;
	for (uint32_t k = 0; k < t.len; k++)
		hashes += t.p[k] == '#';
	if (!t.p)
		return t;
	if (vary && (hashes || c->cnt > 1))
		problem(m, "vary goes with one plain number, not with '#' or a list");
	return hashes ? fill_hashes(m, t, hashes, i / c->cnt) : vary ? count_up(m, t, i) : t;
}

/* ---- a call ---- */

static void put_text(struct json *j, const char *key, struct slice s)
{
	if (!s.p)
		return;
	json_key(j, key);
	json_text(j, s);
}

static void put_int(struct json *j, const char *key, int64_t v)
{
	json_key(j, key);
	json_int(j, v);
}

static void put_times(struct maker *m, struct json *j, uint32_t i, bool answered)
{
	const struct test_records *r = m->records;
	int64_t every_ms = r->every_ms < 0 ? m->test->interval_ms : r->every_ms;
	int64_t start_ms = m->test->start_ms + r->at_ms + i * every_ms;
	int64_t ring_ms = r->ring_cnt ? r->ring_ms[i % r->ring_cnt] : 0;
	int64_t talk_ms = !answered ? 0 : r->talk_cnt ? r->talk_ms[i % r->talk_cnt] : TALK_MS;
	put_int(j, "start_time", start_ms);
	if (answered)
		put_int(j, "answer_time", start_ms + ring_ms);
	put_int(j, "end_time", start_ms + ring_ms + talk_ms);
	put_int(j, "duration_ms", ring_ms + talk_ms);
	if (answered)
		put_int(j, "billable_ms", talk_ms);
	if (r->ring_cnt)
		put_int(j, "ring_ms", ring_ms);
}

static struct slice write_call(struct maker *m, uint32_t i)
{
	const struct test_records *r = m->records;
	struct slice disposition = r->disposition.cnt ? in_turn(&r->disposition, i) : SLICE_LIT("ANSWERED");
	struct json j;
	bool named = false;
	json_init_arena(&j, m->a, 512);
	json_open(&j, '{');
	put_text(&j, "calling_number", number_of(m, &r->from, r->vary_from, i));
	put_text(&j, "called_number", number_of(m, &r->to, r->vary_to, i));
	put_text(&j, "disposition", disposition);
	put_times(m, &j, i, slice_is(disposition, "ANSWERED"));
	for (uint32_t k = 0; k < r->field_cnt; k++) {
		const struct test_field *f = &r->fields[k];
		struct slice value = in_turn(&f->values, i);
		named |= strcmp(f->name, "record_id") == 0;
		if (value.p && f->number) {
			json_key(&j, f->name);
			json_raw(&j, value);
		} else {
			put_text(&j, f->name, value);
		}
	}
	if (!named)
		put_text(&j, "record_id", arena_printf(m->a, "%u-%u", m->entry, i));
	json_close(&j, '}');
	return json_slice(&j);
}

/* ---- all calls ---- */

struct arrival {
	int64_t ms;
	uint32_t place;
	struct cdr cdr;
};

static int by_arrival(const void *a, const void *b)
{
	const struct arrival *x = a, *y = b;
	if (x->ms != y->ms)
		return x->ms < y->ms ? -1 : 1;
	return (x->place > y->place) - (x->place < y->place);
}

static void make_calls(struct maker *m, const struct ingest_config *config, struct arrival *out, uint32_t *n)
{
	for (uint32_t i = 0; i < m->records->count && !m->failed; i++) {
		struct arrival *to = &out[*n];
		decode_json(write_call(m, i), config, m->a, &to->cdr);
		if (to->cdr.reason != REASON_OK)
			problem(m, "call %u of these cannot be used: %s (%s)", i + 1, reason_text((enum reason)to->cdr.reason),
				reason_code((enum reason)to->cdr.reason));
		to->ms = to->cdr.event_ms + m->records->delay_ms;
		to->place = (*n)++;
	}
}

enum err rule_test_cdrs(const struct test_file *f, const struct rule_test *t, const struct ingest_config *config, struct arena *a,
			struct cdr **out, size_t *n, struct buf *problems)
{
	struct maker m = {.file = f, .test = t, .a = a, .problems = problems, .list = "input_records"};
	uint64_t all = 0;
	uint32_t cnt = 0;
	enum err e = ERR_OK;
	for (uint32_t i = 0; i < t->record_cnt; i++)
		all += t->records[i].count;
	if (all > TEST_CALLS_MAX) {
		buf_printf(problems, "%s:%d:%d: a test has at most %d calls\n", f->path, t->where.line, t->where.column, TEST_CALLS_MAX);
		return ERR_CONFIG;
	}
	struct arrival *calls = mem_alloc((all + 1) * sizeof *calls);
	for (uint32_t i = 0; i < t->record_cnt; i++) {
		m.failed = false;
		m.records = &t->records[i];
		m.where = m.records->where;
		m.entry = i;
		make_calls(&m, config, calls, &cnt);
		e = m.failed ? ERR_CONFIG : e;
	}
	qsort(calls, cnt, sizeof *calls, by_arrival);
	*out = arena_alloc(a, (cnt + 1) * sizeof **out);
	for (*n = 0; *n < cnt; (*n)++)
		(*out)[*n] = calls[*n].cdr;
	free(calls);
	return e;
}

/* ---- commands ---- */

static void make_command(struct maker *m, const struct test_command *c, uint32_t i, struct command *out)
{
	int64_t every_ms = c->every_ms < 0 ? m->test->interval_ms : c->every_ms;
	struct json j;
	json_init_arena(&j, m->a, 256);
	json_open(&j, '{');
	put_text(&j, "id", arena_printf(m->a, "command-%u-%u", m->entry, i));
	put_int(&j, "time", m->test->start_ms + c->at_ms + i * every_ms);
	for (uint32_t k = 0; k < c->field_cnt; k++)
		put_text(&j, c->fields[k].name, in_turn(&c->fields[k].values, i));
	json_close(&j, '}');
	decode_command(json_slice(&j), TIME_NONE, m->a, out);
	if (out->reason != REASON_OK)
		problem(m, "this command cannot be used: " SLICE_FMT, SLICE_ARG(out->why));
}

/* `offset` is the place in the file until the commands are sorted. */
static int by_time(const void *a, const void *b)
{
	const struct command *x = a, *y = b;
	if (x->time_ms != y->time_ms)
		return x->time_ms < y->time_ms ? -1 : 1;
	return (x->offset > y->offset) - (x->offset < y->offset);
}

enum err rule_test_commands(const struct test_file *f, const struct rule_test *t, struct arena *a, struct command **out, size_t *n,
			    struct buf *problems)
{
	struct maker m = {.file = f, .test = t, .a = a, .problems = problems, .list = "input_commands"};
	uint64_t all = 0;
	enum err e = ERR_OK;
	for (uint32_t i = 0; i < t->command_cnt; i++)
		all += t->commands[i].count;
	if (all > TEST_CALLS_MAX) {
		buf_printf(problems, "%s:%d:%d: a test has at most %d commands\n", f->path, t->where.line, t->where.column, TEST_CALLS_MAX);
		return ERR_CONFIG;
	}
	*out = arena_alloc(a, (all + 1) * sizeof **out);
	*n = 0;
	for (m.entry = 0; m.entry < t->command_cnt; m.entry++) {
		m.failed = false;
		m.where = t->commands[m.entry].where;
		for (uint32_t i = 0; i < t->commands[m.entry].count && !m.failed; i++) {
			make_command(&m, &t->commands[m.entry], i, &(*out)[*n]);
			(*out)[*n].offset = (int64_t)*n;
			++*n;
		}
		e = m.failed ? ERR_CONFIG : e;
	}
	qsort(*out, *n, sizeof **out, by_time);
	return e;
}
