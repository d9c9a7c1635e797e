/* SPDX-License-Identifier: Apache-2.0 */
/* A plain event becomes a CloudEvent.
 *
 * DESIGN     struct event is what the rules decided. message_build() writes its `data` once, as JSON text, and from then on nobody
 *            looks into it: the outbox keeps the text, the Kafka sink sends it as the value, a webhook wraps it in the structured form.
 *            The time fields, figures and caps are written by one function per kind; to add a kind, add its row in schemas/event.h, its
 *            struct, and one function in write_kind().
 *
 * GUARANTEES Equal events give equal bytes: nothing here reads a clock, a locale or a random number. The id depends on nothing but the
 *            named parts (DESIGN section 3, invariant 3), so an event decided again after a crash has the id it had before. `sequence`
 *            and `time` are not in the id: both follow from the cause.
 *
 * STORED     The bytes of message_encode() are in the store, the bytes that event_id() hashes are behind ids that consumers keep.
 *            Both are versioned; golden tests hold them still. */
#include "sinks/json.h"
#include "sinks/sinks.h"

#include <assert.h>
#include <stdlib.h>

/* ---- id ----
 *
 *   1 | kind u8 | subject | fingerprint u64 | step | episode varint | cause | ordinal varint
 *   cause: 0 | topic | partition zigzag | offset zigzag   (CDR)
 *          1 | kind | due ms zigzag                       (timer)
 *          2 | id                                         (command)
 *
 * Texts are a length and bytes, so no two different lists of parts read the same. */

#define ID_VERSION 1

/* Kinds have numbers of their own here: the enum may be reordered, ids may not change. */
static uint8_t id_kind(enum event_kind k)
{
	switch (k) {
	case EVENT_ALERT_RAISED:
		return 1;
	case EVENT_ALERT_FIRING:
		return 2;
	case EVENT_ALERT_RESOLVED:
		return 3;
	case EVENT_TRANSITION:
		return 4;
	case EVENT_VIOLATION:
		return 5;
	case EVENT_ADVISORY:
		return 6;
	case EVENT_CASE_STUDY:
		return 7;
	case EVENT_NUMBER:
		return 8;
	case EVENT_DISPUTE:
		return 9;
	case EVENT_KIND_CNT:
		break;
	}
	assert(false && "a kind of event without a number");
	return 0;
}

static void put_cause_id(struct buf *b, const struct cause *c)
{
	switch (c->kind) {
	case CAUSE_CDR:
		buf_put_u8(b, 0);
		buf_put_slice(b, c->topic);
		buf_put_zigzag(b, c->partition);
		buf_put_zigzag(b, c->offset);
		return;
	case CAUSE_TIMER:
		buf_put_u8(b, 1);
		buf_put_slice(b, slice_of(c->timer));
		buf_put_zigzag(b, c->due_ms);
		return;
	case CAUSE_COMMAND:
		buf_put_u8(b, 2);
		buf_put_slice(b, c->command);
		return;
	}
	assert(false && "a cause of no kind");
}

char *event_id(const struct event *e, char out[EVENT_ID_BYTES])
{
	struct buf b = {0};
	buf_put_u8(&b, ID_VERSION);
	buf_put_u8(&b, id_kind(e->kind));
	buf_put_slice(&b, e->subject);
	buf_put_u64(&b, e->fingerprint);
	buf_put_slice(&b, slice_of(e->step));
	buf_put_varint(&b, e->episode);
	put_cause_id(&b, &e->cause);
	buf_put_varint(&b, e->ordinal);
	hash128_hex(hash128(b.data, b.len, 0), out);
	buf_release(&b);
	return out;
}

/* ---- data ---- */

static void write_cause(struct json *j, const struct cause *c)
{
	json_key(j, "cause");
	json_open(j, '{');
	switch (c->kind) {
	case CAUSE_CDR:
		json_key(j, "topic");
		json_text(j, c->topic);
		json_key(j, "partition");
		json_int(j, c->partition);
		json_key(j, "offset");
		json_int(j, c->offset);
		json_key(j, "record_id");
		json_text(j, c->record_id);
		break;
	case CAUSE_TIMER:
		json_key(j, "timer");
		json_string(j, c->timer);
		json_key(j, "due");
		json_time(j, c->due_ms);
		break;
	case CAUSE_COMMAND:
		json_key(j, "command");
		json_text(j, c->command);
		break;
	}
	json_close(j, '}');
}

static void write_pairs(struct json *j, const char *key, const struct event_pair *pairs, uint32_t n)
{
	json_key(j, key);
	json_open(j, '{');
	for (uint32_t i = 0; i < n; i++) {
		json_key_slice(j, pairs[i].name);
		json_text(j, pairs[i].value);
	}
	json_close(j, '}');
}

static void write_alert(struct json *j, const struct event_alert *a)
{
	json_key(j, "rule");
	json_text(j, a->rule);
	json_key(j, "severity");
	json_text(j, a->severity);
	json_key(j, "mode");
	json_text(j, a->mode);
	json_key(j, "expr");
	json_text(j, a->expr);
	json_key(j, "since");
	json_time(j, a->since_ms);
	json_key(j, "figures");
	json_open(j, '{');
	for (uint32_t i = 0; i < a->figure_cnt; i++) {
		json_key_slice(j, a->figures[i].text);
		json_value(j, &a->figures[i].value);
	}
	json_close(j, '}');
	write_pairs(j, "labels", a->labels, a->label_cnt);
	write_pairs(j, "annotations", a->annotations, a->annotation_cnt);
	json_key(j, "rule_source");
	json_text(j, a->rule_source);
}

static void write_cap(struct json *j, const char *key, int32_t v)
{
	json_key(j, key);
	if (v < 0)
		json_null(j);
	else
		json_int(j, v);
}

static void write_caps(struct json *j, const struct event_caps *c)
{
	json_key(j, "caps");
	if (c->daily_min < 0 && c->daily_max < 0 && c->known_contacts_only < 0 && c->min_talk_s < 0 && c->new_contact_share_max < 0) {
		json_null(j);
		return;
	}
	json_open(j, '{');
	write_cap(j, "daily_min", c->daily_min);
	write_cap(j, "daily_max", c->daily_max);
	json_key(j, "known_contacts_only");
	if (c->known_contacts_only < 0)
		json_null(j);
	else
		json_bool(j, c->known_contacts_only != 0);
	write_cap(j, "min_talk_s", c->min_talk_s);
	json_key(j, "new_contact_share_max");
	if (c->new_contact_share_max < 0)
		json_null(j);
	else
		json_double(j, c->new_contact_share_max);
	json_close(j, '}');
}

static void write_transition(struct json *j, const struct event_transition *t)
{
	json_key(j, "from");
	json_string(j, phase_name(t->from));
	json_key(j, "to");
	json_string(j, phase_name(t->to));
	json_key(j, "reason");
	json_string(j, t->reason);
	json_key(j, "detail");
	json_text(j, t->detail);
	json_key(j, "until");
	json_time(j, t->until_ms);
	write_caps(j, &t->caps);
}

static void write_violation(struct json *j, const struct event_violation *v)
{
	json_key(j, "phase");
	json_string(j, phase_name(v->phase));
	json_key(j, "policy");
	json_string(j, v->policy);
	json_key(j, "day");
	json_text(j, v->day);
	json_key(j, "limit");
	json_value(j, &v->limit);
	json_key(j, "value");
	json_value(j, &v->value);
	json_key(j, "consequence");
	json_text(j, v->consequence);
}

static void write_dispute(struct json *j, const struct event_dispute *d)
{
	json_key(j, "step");
	json_text(j, d->step);
	json_key(j, "target");
	json_text(j, d->target);
	json_key(j, "state");
	json_string(j, d->state);
	json_key(j, "due");
	json_time(j, d->due_ms);
	json_key(j, "note");
	json_text(j, d->note);
	if (d->outcome.p) {
		json_key(j, "outcome");
		json_text(j, d->outcome);
	}
}

static void write_today(struct json *j, const struct event_number *n)
{
	json_key(j, "today");
	if (!n->today.p) {
		json_null(j);
		return;
	}
	json_open(j, '{');
	json_key(j, "day");
	json_text(j, n->today);
	json_key(j, "calls");
	json_int(j, n->today_calls);
	write_cap(j, "left", n->today_left);
	json_close(j, '}');
}

/* A text that was left out is null. */
void event_flags_write(struct json *j, const struct event_flag *flags, uint32_t n)
{
	json_key(j, "flags");
	json_open(j, '[');
	for (uint32_t i = 0; i < n; i++) {
		const struct event_flag *f = &flags[i];
		const struct event_pair texts[] = {{SLICE_LIT("provider"), f->provider},
						   {SLICE_LIT("carrier"), f->carrier},
						   {SLICE_LIT("label"), f->label},
						   {SLICE_LIT("by"), f->by}};
		json_open(j, '{');
		for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
			json_key_slice(j, texts[k].name);
			json_text(j, texts[k].value.len ? texts[k].value : SLICE_NONE);
		}
		json_key(j, "since");
		json_time(j, f->since_ms);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void write_number(struct json *j, const struct event_number *n)
{
	const struct {
		const char *name;
		int32_t value;
	} parts[] = {{"health", n->health},
		     {"health_maturity", n->maturity},
		     {"health_connection", n->connection},
		     {"health_engagement", n->engagement},
		     {"health_sentiment", n->sentiment}};
	json_key(j, "phase");
	json_string(j, phase_name(n->phase));
	json_key(j, "phase_since");
	json_time(j, n->phase_since_ms);
	json_key(j, "until");
	json_time(j, n->until_ms);
	write_caps(j, &n->caps);
	write_today(j, n);
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		json_key(j, parts[i].name);
		json_int(j, parts[i].value);
	}
	if (n->contacts_incomplete) {
		json_key(j, "contacts_incomplete");
		json_bool(j, true);
	}
	event_flags_write(j, n->flags, n->flag_cnt);
	json_key(j, "open_alerts");
	json_open(j, '[');
	for (uint32_t i = 0; i < n->open_alert_cnt; i++)
		json_text(j, n->open_alerts[i]);
	json_close(j, ']');
}

/* The numbers that the shard of the cohort knows: one part. A shard that answers for its own numbers would say another (`parts`). */
static void write_cohort_numbers(struct json *j, const struct event_advisory *a)
{
	json_open(j, '{');
	json_key(j, "rule");
	json_text(j, a->rule);
	json_key(j, "mode");
	json_text(j, a->mode);
	json_key(j, "part");
	json_int(j, 1);
	json_key(j, "parts");
	json_int(j, 1);
	json_key(j, "numbers");
	json_open(j, '[');
	for (uint32_t i = 0; i < a->number_cnt; i++) {
		const struct event_cohort_number *n = &a->numbers[i];
		json_open(j, '{');
		json_key(j, "number");
		json_text(j, n->number);
		json_key(j, "flagged");
		json_bool(j, n->flagged);
		json_key(j, "calls");
		json_int(j, n->calls);
		json_key(j, "last");
		json_time(j, n->last_ms);
		json_close(j, '}');
	}
	json_close(j, ']');
	json_close(j, '}');
}

static void write_advisory(struct json *j, const struct event_advisory *a)
{
	json_key(j, "topic");
	json_string(j, a->topic);
	json_key(j, "detail");
	if (a->number_cnt)
		write_cohort_numbers(j, a);
	else if (a->detail_json.p)
		json_raw(j, a->detail_json);
	else
		json_text(j, a->detail);
}

static void write_kind(struct json *j, const struct event *e)
{
	switch (e->kind) {
	case EVENT_ALERT_RAISED:
	case EVENT_ALERT_FIRING:
	case EVENT_ALERT_RESOLVED:
		write_alert(j, &e->alert);
		return;
	case EVENT_TRANSITION:
		write_transition(j, &e->transition);
		return;
	case EVENT_NUMBER:
		write_number(j, &e->number);
		return;
	case EVENT_ADVISORY:
		write_advisory(j, &e->advisory);
		return;
	case EVENT_VIOLATION:
		write_violation(j, &e->violation);
		return;
	case EVENT_DISPUTE:
		write_dispute(j, &e->dispute);
		return;
	case EVENT_CASE_STUDY:
		json_key(j, "study");
		json_raw(j, e->case_study.study);
		return;
	case EVENT_KIND_CNT:
		return;
	}
}

static struct slice write_data(const struct event *e, struct arena *a)
{
	struct json j;
	json_init_arena(&j, a, 1024);
	json_open(&j, '{');
	if (e->subject_kind == SUBJECT_NUMBER) {
		json_key(&j, "number");
		json_text(&j, e->subject);
	} else if ((int)e->subject_kind == SUBJECT_NONE) {
		json_key(&j, "number");
		json_null(&j);
	} else {
		json_key(&j, "cohort");
		json_string(&j, subject_kind_name(e->subject_kind));
		json_key(&j, "key");
		json_text(&j, e->subject);
	}
	json_key(&j, "episode");
	json_uint(&j, e->episode);
	write_cause(&j, &e->cause);
	write_kind(&j, e);
	json_close(&j, '}');
	return json_slice(&j);
}

void message_build(const struct event *e, const char *deployment, struct arena *a, struct message *out)
{
	char *id = arena_alloc(a, EVENT_ID_BYTES), *time = arena_alloc(a, TIME_TEXT_BYTES);
	struct slice subject = arena_copy(a, e->subject);
	*out = (struct message){
		.topic = event_topic(e->kind),
		.key = subject,
		.id = slice_of(event_id(e, id)),
		.type = arena_printf(a, "dev.ringfence.%s.v1", event_type(e->kind)),
		.source = arena_printf(a, "urn:ringfence:%s", deployment),
		.subject = subject,
		.time = slice_of(time_format(e->time_ms, time)),
		.sequence = arena_printf(a, "%llu", (unsigned long long)e->sequence),
	};
	if (e->kind != EVENT_NUMBER || !e->number.tombstone)
		out->data = write_data(e, a);
}

/* ---- outbox entry ----
 *
 *   1 | topic u8 | key | id | type | source | subject | time | sequence | data
 *   each text: 0 if absent, else its length + 1 as varint and its bytes
 *
 *   01 01 0d "+15551230000" 21 "4f…" 1c "dev.ringfence.transition.v1" 15 "urn:ringfence:demo…" … */

#define ENCODE_VERSION 1

/* The topic has a number of its own here, as above. */
static const uint8_t topic_code[TOPIC_CNT] = {
	[TOPIC_ALERTS] = 0,  [TOPIC_TRANSITIONS] = 1, [TOPIC_ADVISORIES] = 2,
	[TOPIC_NUMBERS] = 3, [TOPIC_DISPUTES] = 4,    [TOPIC_DEAD_LETTERS] = 5,
};

static void put_text(struct buf *b, struct slice s)
{
	buf_put_varint(b, s.p ? (uint64_t)s.len + 1 : 0);
	buf_put(b, s.p, s.len);
}

static struct slice read_text(struct reader *r)
{
	uint64_t len = reader_varint(r);
	if (len == 0)
		return SLICE_NONE;
	if (len - 1 > reader_left(r) || len - 1 > UINT32_MAX) {
		r->bad = true;
		return SLICE_NONE;
	}
	const uint8_t *p = reader_take(r, (size_t)(len - 1));
	return p ? slice_make(p, (size_t)(len - 1)) : SLICE_NONE;
}

void message_encode(const struct message *m, struct buf *out)
{
	buf_put_u8(out, ENCODE_VERSION);
	buf_put_u8(out, topic_code[m->topic]);
	put_text(out, m->key);
	put_text(out, m->id);
	put_text(out, m->type);
	put_text(out, m->source);
	put_text(out, m->subject);
	put_text(out, m->time);
	put_text(out, m->sequence);
	put_text(out, m->data);
}

enum err message_decode(struct slice bytes, struct message *out)
{
	struct reader r = reader_of(bytes.p, bytes.len);
	struct message m = {0};
	if (reader_u8(&r) != ENCODE_VERSION)
		return ERR_CORRUPT;
	uint8_t code = reader_u8(&r);
	while (m.topic < TOPIC_CNT && topic_code[m.topic] != code)
		m.topic++;
	m.key = read_text(&r);
	m.id = read_text(&r);
	m.type = read_text(&r);
	m.source = read_text(&r);
	m.subject = read_text(&r);
	m.time = read_text(&r);
	m.sequence = read_text(&r);
	m.data = read_text(&r);
	if (r.bad || reader_left(&r) > 0 || m.topic == TOPIC_CNT || !m.key.p || !m.id.p || !m.type.p || !m.source.p)
		return ERR_CORRUPT;
	*out = m;
	return ERR_OK;
}

/* ---- structured form ---- */

static void write_attribute(struct json *j, const char *name, struct slice value)
{
	if (!value.p)
		return;
	json_key(j, name);
	json_text(j, value);
}

void message_structured(const struct message *m, struct buf *out)
{
	struct json j;
	json_init_buf(&j, out);
	json_open(&j, '{');
	json_key(&j, "specversion");
	json_string(&j, "1.0");
	write_attribute(&j, "id", m->id);
	write_attribute(&j, "source", m->source);
	write_attribute(&j, "type", m->type);
	write_attribute(&j, "subject", m->subject);
	write_attribute(&j, "time", m->time);
	json_key(&j, "datacontenttype");
	json_string(&j, "application/json");
	write_attribute(&j, "sequence", m->sequence);
	json_key(&j, "data");
	if (m->data.p)
		json_raw(&j, m->data);
	else
		json_null(&j);
	json_close(&j, '}');
}
