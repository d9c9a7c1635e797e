/* SPDX-License-Identifier: Apache-2.0 */
/* Input that cannot be used, kept with its reason: as a Kafka message whose key, value and headers are the original ones, or as a line. */
#include "sinks/dead_letter.h"

#include "base/utf8.h"
#include "sinks/crypto.h"
#include "sinks/json.h"

#include <stdio.h>

/* The same place gives the same id, also when the record is read again. */
static char *place_id(const struct dead_letter *d, char out[EVENT_ID_BYTES])
{
	struct buf b = {0};
	buf_puts(&b, "dead-letter.1");
	buf_put_slice(&b, d->topic);
	buf_put_zigzag(&b, d->partition);
	buf_put_zigzag(&b, d->offset);
	hash128_hex(hash128(b.data, b.len, 0), out);
	buf_release(&b);
	return out;
}

/* `name`: the bytes as text, or `name`_base64 if they are not UTF-8. Absent bytes are null. */
static void write_bytes(struct json *j, const char *name, const char *name_base64, struct slice bytes)
{
	if (!bytes.p || utf8_valid(bytes)) {
		json_key(j, name);
		json_text(j, bytes);
		return;
	}
	struct buf text = {0};
	base64_put(&text, bytes);
	json_key(j, name_base64);
	json_text(j, buf_slice(&text));
	buf_release(&text);
}

static void write_data(struct json *j, const struct dead_letter *d)
{
	json_key(j, "data");
	json_open(j, '{');
	json_key(j, "code");
	json_string(j, reason_code(d->reason));
	json_key(j, "reason");
	json_string(j, reason_text(d->reason));
	json_key(j, "detail");
	json_text(j, d->detail.len ? d->detail : SLICE_NONE);
	json_key(j, "stage");
	json_string(j, d->stage);
	json_key(j, "topic");
	json_text(j, d->topic);
	json_key(j, "partition");
	json_int(j, d->partition);
	json_key(j, "offset");
	json_int(j, d->offset);
	write_bytes(j, "key", "key_base64", d->key);
	write_bytes(j, "value", "value_base64", d->value);
	json_close(j, '}');
}

/* No `subject`, `time` and `sequence`: a record that cannot be read has no number, no event time and no place among a number's events. */
void dead_letter_line(const struct dead_letter *d, const char *deployment, struct buf *out)
{
	char id[EVENT_ID_BYTES];
	struct buf source = {0};
	struct json j;
	buf_printf(&source, "urn:ringfence:%s", deployment);
	json_init_buf(&j, out);
	json_open(&j, '{');
	json_key(&j, "specversion");
	json_string(&j, "1.0");
	json_key(&j, "id");
	json_string(&j, place_id(d, id));
	json_key(&j, "source");
	json_text(&j, buf_slice(&source));
	json_key(&j, "type");
	json_string(&j, "dev.ringfence.dead-letter.v1");
	json_key(&j, "datacontenttype");
	json_string(&j, "application/json");
	write_data(&j, d);
	json_close(&j, '}');
	buf_release(&source);
}

static void add(rd_kafka_headers_t *h, const char *name, struct slice value)
{
	/* -1: as long as its NUL says; the value may be empty but is never null */
	rd_kafka_header_add(h, name, -1, value.p ? value.p : "", (ssize_t)value.len);
}

static void add_number(rd_kafka_headers_t *h, const char *name, int64_t v)
{
	char t[24];
	snprintf(t, sizeof t, "%lld", (long long)v);
	add(h, name, slice_of(t));
}

rd_kafka_headers_t *dead_letter_headers(const struct dead_letter *d, const char *group)
{
	rd_kafka_headers_t *h = d->headers ? rd_kafka_headers_copy(d->headers) : rd_kafka_headers_new(8);
	struct buf message = {0};
	buf_puts(&message, reason_text(d->reason));
	if (d->detail.len) {
		buf_puts(&message, ": ");
		buf_put(&message, d->detail.p, d->detail.len);
	}
	add(h, "__connect.errors.topic", d->topic);
	add_number(h, "__connect.errors.partition", d->partition);
	add_number(h, "__connect.errors.offset", d->offset);
	add(h, "__connect.errors.connector.name", slice_of(group));
	add(h, "__connect.errors.stage", slice_of(d->stage));
	add(h, "__connect.errors.exception.message", buf_slice(&message));
	add(h, "ringfence.error.code", slice_of(reason_code(d->reason)));
	buf_release(&message);
	return h;
}
