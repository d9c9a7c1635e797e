/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/binding.h"

#include <strings.h>

static void add(rd_kafka_headers_t *h, const char *name, struct slice value)
{
	if (value.p)
		rd_kafka_header_add(h, name, -1, value.p, (ssize_t)value.len);
}

rd_kafka_headers_t *binding_headers(const struct message *m)
{
	rd_kafka_headers_t *h = rd_kafka_headers_new(8);
	add(h, "content-type", SLICE_LIT("application/json"));
	add(h, "ce_specversion", SLICE_LIT("1.0"));
	add(h, "ce_id", m->id);
	add(h, "ce_source", m->source);
	add(h, "ce_type", m->type);
	add(h, "ce_subject", m->subject);
	add(h, "ce_time", m->time);
	add(h, "ce_sequence", m->sequence);
	return h;
}

static struct slice header(const rd_kafka_headers_t *h, const char *name)
{
	const void *value;
	size_t size;
	if (!h || rd_kafka_header_get_last(h, name, &value, &size) || !value)
		return SLICE_NONE;
	return slice_make(value, size);
}

/* Absent counts as JSON, as in CloudEvents. "application/json; charset=UTF-8" passes, "application/cloudevents+json" (structured mode) does not. */
static bool is_json(struct slice content_type)
{
	static const char json[] = "application/json";
	size_t n = sizeof json - 1;
	return !content_type.p || (content_type.len >= n && strncasecmp(content_type.p, json, n) == 0 &&
				   (content_type.len == n || content_type.p[n] == ';' || content_type.p[n] == ' '));
}

enum err message_from_kafka(const rd_kafka_message_t *rkm, enum event_topic topic, struct message *out)
{
	rd_kafka_headers_t *h = NULL;
	if (rd_kafka_message_headers(rkm, &h))
		return ERR_INPUT;
	struct message m = {
		.topic = topic,
		.id = header(h, "ce_id"),
		.type = header(h, "ce_type"),
		.source = header(h, "ce_source"),
		.subject = header(h, "ce_subject"),
		.time = header(h, "ce_time"),
		.sequence = header(h, "ce_sequence"),
	};
	if (rkm->key)
		m.key = slice_make(rkm->key, rkm->key_len);
	if (rkm->payload && rkm->len)
		m.data = slice_make(rkm->payload, rkm->len);
	if (!is_json(header(h, "content-type")) || !slice_is(header(h, "ce_specversion"), "1.0") || m.id.len == 0 || m.type.len == 0 ||
	    m.source.len == 0)
		return ERR_INPUT;
	*out = m;
	return ERR_OK;
}
