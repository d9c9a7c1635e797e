/* SPDX-License-Identifier: Apache-2.0 */
/* Commands: few, so cJSON does it. Strict in what they need, tolerant of fields they do not know. What is taken here is what
 * schemas/command.schema.json takes (tests/unit/ingest/test_command_schema.c), but for lengths, which are bytes here and characters there. */
#include "base/file.h"
#include "base/utf8.h"
#include "ingest/ingest.h"
#include "schemas/event.h"

#include <cjson/cJSON.h>
#include <stddef.h>

#define COMMAND_AHEAD_MS (5 * MINUTE_MS)

static void refuse(struct command *c, struct arena *a, const char *what)
{
	if (c->reason != REASON_OK)
		return;
	c->reason = REASON_BAD_COMMAND;
	c->why = arena_printf(a, "%s", what);
}

static struct slice text_of(const cJSON *o, const char *name, struct command *c, struct arena *a)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);
	if (!v || cJSON_IsNull(v))
		return SLICE_NONE;
	if (!cJSON_IsString(v) || strlen(v->valuestring) > 4096) {
		c->reason = c->reason ? c->reason : REASON_BAD_COMMAND;
		c->why = arena_printf(a, "'%s' must be a text of at most 4096 bytes", name);
		return SLICE_NONE;
	}
	return arena_copy(a, slice_of(v->valuestring));
}

static void read_time(const cJSON *o, struct command *c, struct arena *a)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, "time");
	bool ok = cJSON_IsString(v) && time_parse(slice_of(v->valuestring), &c->time_ms);
	if (cJSON_IsNumber(v) && v->valuedouble >= 0 && v->valuedouble < (double)YEAR_10000_MS) {
		c->time_ms = (int64_t)v->valuedouble;
		ok = true;
	}
	if (!ok || c->time_ms < 0 || c->time_ms >= YEAR_10000_MS)
		refuse(c, a, "'time' is missing or not a time: epoch milliseconds or RFC 3339");
}

static void read_verb(const cJSON *o, struct command *c, struct arena *a)
{
	static const char *const names[] = {
#define X(n, name) name,
		COMMANDS(X)
#undef X
	};
	struct slice name = text_of(o, "command", c, a);
	for (int i = 0; i < COMMAND_CNT; i++)
		if (name.p && slice_is(name, names[i])) {
			c->verb = (enum command_verb)i;
			return;
		}
	refuse(c, a, "'command' is missing or not known");
}

/* {"remove": true} */
static bool flag_of(const cJSON *o, const char *name, struct command *c, struct arena *a)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);
	if (v && !cJSON_IsNull(v) && !cJSON_IsBool(v)) {
		c->reason = c->reason ? c->reason : REASON_BAD_COMMAND;
		c->why = arena_printf(a, "'%s' must be true or false", name);
	}
	return cJSON_IsTrue(v);
}

/* Nothing but blanks. */
static bool only_blanks(const char *p, const char *end)
{
	while (p < end && memchr(" \t\r\n", *p, 4))
		p++;
	return p == end;
}

/* cJSON's texts end at a NUL: one written as an escape would cut a text silently. */
static bool has_escaped_nul(struct slice s)
{
	return memmem(s.p, s.len, "\\u0000", 6) != NULL;
}

/* What a verb needs of its texts: what a record keeps is bounded. */
struct need {
	enum command_verb verb;
	const char *name;
	size_t at; /* in struct command */
	uint32_t least, most;
};

#define FIELD(verb, name, least, most)                                             \
	{                                                                          \
		COMMAND_##verb, #name, offsetof(struct command, name), least, most \
	}
#define CHECK_BYTES 40

static const struct need needs[] = {
	FIELD(FLAG, provider, 0, FLAG_PROVIDER_MAX),
	FIELD(FLAG, carrier, 0, FLAG_CARRIER_MAX),
	FIELD(FLAG, label, 0, FLAG_LABEL_MAX),
	FIELD(FLAG, by, 0, FLAG_BY_MAX),
	FIELD(CLEAR, provider, 0, FLAG_PROVIDER_MAX),
	FIELD(CLEAR, carrier, 0, FLAG_CARRIER_MAX),
	FIELD(CLEAR, label, 0, FLAG_LABEL_MAX),
	FIELD(NOTE, note, 1, 4096),
	FIELD(CHECK, carrier, 1, CHECK_BYTES),
	FIELD(CHECK, device, 0, CHECK_BYTES),
	FIELD(CHECK, result, 1, 2 * CHECK_BYTES),
	FIELD(DISPUTE_SENT, step, 1, 64),
	FIELD(DISPUTE_REPLY, step, 1, 64),
	FIELD(DISPUTE_REPLY, outcome, 1, 64),
};

static void check_needs(struct command *c, struct arena *a)
{
	for (size_t i = 0; i < sizeof needs / sizeof needs[0] && c->reason == REASON_OK; i++) {
		const struct need *n = &needs[i];
		const struct slice *text = (const struct slice *)((const char *)c + n->at);
		if (n->verb != c->verb || (text->len >= n->least && text->len <= n->most))
			continue;
		c->reason = REASON_BAD_COMMAND;
		c->why = text->len > n->most ? arena_printf(a, "'%s' of this command must be a text of at most %u bytes", n->name, n->most)
					     : arena_printf(a, "'%s' is missing: this command needs it", n->name);
	}
	if (c->verb == COMMAND_CONTACT && !e164_valid(c->called))
		refuse(c, a, "'called' is missing or not E.164: 'contact' needs it");
}

static void read_fields(const cJSON *o, struct command *c, struct arena *a)
{
	c->id = text_of(o, "id", c, a);
	if (!c->id.len || c->id.len > 256)
		refuse(c, a, "'id' is missing or longer than 256 bytes");
	read_time(o, c, a);
	read_verb(o, c, a);
	c->number = text_of(o, "number", c, a);
	c->account = text_of(o, "account", c, a);
	if (!c->number.len && !c->account.len)
		refuse(c, a, "'number' is missing");
	if (c->number.len && !e164_valid(c->number))
		refuse(c, a, "'number' is not E.164");
	c->by = text_of(o, "by", c, a);
	c->provider = text_of(o, "provider", c, a);
	c->carrier = text_of(o, "carrier", c, a);
	c->label = text_of(o, "label", c, a);
	c->source = text_of(o, "source", c, a);
	c->note = text_of(o, "note", c, a);
	c->called = text_of(o, "called", c, a);
	c->device = text_of(o, "device", c, a);
	c->result = text_of(o, "result", c, a);
	c->step = text_of(o, "step", c, a);
	c->outcome = text_of(o, "outcome", c, a);
	bool add = flag_of(o, "add", c, a);
	c->remove = flag_of(o, "remove", c, a);
	if (c->verb == COMMAND_CONTACT && c->remove == add)
		refuse(c, a, "'contact' needs either 'add' or 'remove'");
	check_needs(c, a);
}

void decode_command(struct slice payload, int64_t produced_ms, struct arena *a, struct command *c)
{
	*c = (struct command){.payload = payload, .produced_ms = produced_ms};
	const char *end = NULL;
	if (!payload.p) {
		c->reason = REASON_NO_VALUE;
		return;
	}
	cJSON *o = payload.len <= 65536 ? cJSON_ParseWithLengthOpts(payload.p, payload.len, &end, false) : NULL;
	if (!cJSON_IsObject(o) || !only_blanks(end, payload.p + payload.len))
		refuse(c, a, "not a JSON object of at most 64 KiB");
	else if (!utf8_valid(payload) || has_escaped_nul(payload))
		refuse(c, a, "a text is not UTF-8, or holds a NUL character");
	else
		read_fields(o, c, a);
	cJSON_Delete(o);
	if (c->reason == REASON_OK && produced_ms != TIME_NONE && c->time_ms > produced_ms + COMMAND_AHEAD_MS) {
		c->reason = REASON_IN_FUTURE;
		c->why = SLICE_LIT("'time' is more than 5 minutes after the command was published");
	}
}

enum err command_file_read(const char *path, struct arena *a, struct command **out, size_t *n, struct err_text *why)
{
	struct slice text;
	enum err e = file_read(path, 64u << 20, a, &text, why);
	if (e)
		return e;
	size_t cap = 1;
	for (uint32_t i = 0; i < text.len; i++)
		cap += text.p[i] == '\n';
	*out = arena_alloc(a, cap * sizeof **out);
	*n = 0;
	for (const char *p = text.p, *end = text.p + text.len; p < end;) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		struct slice line = slice_make(p, (size_t)((nl ? nl : end) - p));
		p += line.len + 1;
		if (line.len == 0 || (line.len == 1 && line.p[0] == '\r'))
			continue;
		decode_command(line, TIME_NONE, a, &(*out)[*n]);
		(*out)[*n].offset = (int64_t)*n;
		++*n;
	}
	return ERR_OK;
}
