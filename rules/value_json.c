/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/value_json.h"

#include "rules/cel_time.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define JSON_DEPTH_MAX 64
#define TIMESTAMP_URL "type.googleapis.com/google.protobuf.Timestamp"
#define DURATION_URL "type.googleapis.com/google.protobuf.Duration"

static enum err read_value(const cJSON *json, struct arena *a, int depth, struct cel *out, struct err_text *why);

bool value_json_hide_nuls(char *line)
{
	if (!utf8_valid(slice_of(line)))
		return false;
	char *to = line;
	for (const char *p = line; *p;) {
		if (strncmp(p, "\\u0000", 6) == 0) {
			*to++ = (char)0xc0;
			*to++ = (char)0x80;
			p += 6;
		} else {
			if (*p == '\\' && p[1]) /* what it escapes is not the beginning of another */
				*to++ = *p++;
			*to++ = *p++;
		}
	}
	*to = '\0';
	return true;
}

struct slice value_json_text(const char *text, struct arena *a)
{
	char *out = arena_alloc(a, strlen(text) + 1);
	uint32_t n = 0;
	for (const char *p = text; *p; n++) {
		bool nul = (unsigned char)p[0] == 0xc0 && (unsigned char)p[1] == 0x80;
		out[n] = nul ? '\0' : *p;
		p += nul ? 2 : 1;
	}
	return (struct slice){out, n};
}

static enum err bad(struct err_text *why, const char *kind)
{
	return err_set(why, ERR_INPUT, "%s: not a value of that kind", kind);
}

static enum err read_int(const cJSON *v, bool is_signed, struct cel *out)
{
	char *end;
	*out = (struct cel){.type = is_signed ? CEL_INT : CEL_UINT};
	if (cJSON_IsNumber(v) && v->valuedouble == floor(v->valuedouble) && fabs(v->valuedouble) <= 0x1p53 &&
	    (is_signed || v->valuedouble >= 0)) {
		out->i = (int64_t)v->valuedouble;
		return ERR_OK;
	}
	if (!cJSON_IsString(v) || !*v->valuestring || strspn(v->valuestring, "-0123456789") != strlen(v->valuestring) ||
	    (!is_signed && *v->valuestring == '-'))
		return ERR_INPUT;
	errno = 0;
	if (is_signed)
		out->i = strtoll(v->valuestring, &end, 10);
	else
		out->u = strtoull(v->valuestring, &end, 10);
	return errno || *end ? ERR_INPUT : ERR_OK;
}

static enum err read_double(const cJSON *v, struct cel *out)
{
	static const struct {
		const char *text;
		double d;
	} words[] = {{"NaN", (double)NAN}, {"Infinity", (double)INFINITY}, {"-Infinity", -(double)INFINITY}};
	if (cJSON_IsNumber(v)) {
		*out = cel_double(v->valuedouble);
		return ERR_OK;
	}
	for (size_t i = 0; cJSON_IsString(v) && i < 3; i++)
		if (strcmp(v->valuestring, words[i].text) == 0) {
			*out = cel_double(words[i].d);
			return ERR_OK;
		}
	return ERR_INPUT;
}

static int base64_digit(char c)
{
	return c >= 'A' && c <= 'Z'   ? c - 'A'
	       : c >= 'a' && c <= 'z' ? c - 'a' + 26
	       : c >= '0' && c <= '9' ? c - '0' + 52
	       : c == '+' || c == '-' ? 62
	       : c == '/' || c == '_' ? 63
				      : -1;
}

static enum err read_bytes(const cJSON *v, struct arena *a, struct cel *out)
{
	if (!cJSON_IsString(v))
		return ERR_INPUT;
	size_t len = strlen(v->valuestring);
	char *bytes = arena_alloc(a, len + 1);
	uint32_t n = 0, bits = 0, group = 0;
	while (len > 0 && v->valuestring[len - 1] == '=')
		len--;
	for (size_t i = 0; i < len; i++) {
		int d = base64_digit(v->valuestring[i]);
		if (d < 0)
			return ERR_INPUT;
		group = group << 6 | (uint32_t)d;
		bits += 6;
		if (bits >= 8)
			bytes[n++] = (char)(group >> (bits -= 8));
	}
	*out = (struct cel){.type = CEL_BYTES, .n = n, .p = bytes};
	return ERR_OK;
}

static enum err read_list(const cJSON *v, struct arena *a, int depth, struct cel *out, struct err_text *why)
{
	const cJSON *values = cJSON_GetObjectItemCaseSensitive(v, "values"), *item;
	uint32_t n = 0;
	if (!cJSON_IsObject(v) || (values && !cJSON_IsArray(values)))
		return bad(why, "listValue");
	struct cel *items = arena_alloc(a, ((size_t)cJSON_GetArraySize(values) + 1) * sizeof *items);
	cJSON_ArrayForEach(item, values)
	{
		enum err e = read_value(item, a, depth, &items[n++], why);
		if (e)
			return e;
	}
	*out = (struct cel){.type = CEL_LIST, .n = n, .items = items};
	return ERR_OK;
}

static enum err read_map(const cJSON *v, struct arena *a, int depth, struct cel *out, struct err_text *why)
{
	const cJSON *entries = cJSON_GetObjectItemCaseSensitive(v, "entries"), *item;
	if (!cJSON_IsObject(v) || (entries && !cJSON_IsArray(entries)))
		return bad(why, "mapValue");
	struct cel *items = arena_alloc(a, ((size_t)cJSON_GetArraySize(entries) + 1) * 2 * sizeof *items);
	struct cel map = {.type = CEL_MAP, .n = 0, .items = items};
	int64_t budget = 1000000;
	cJSON_ArrayForEach(item, entries)
	{
		struct cel *key = &items[2 * map.n];
		enum err e = read_value(cJSON_GetObjectItemCaseSensitive(item, "key"), a, depth, key, why);
		if (!e)
			e = read_value(cJSON_GetObjectItemCaseSensitive(item, "value"), a, depth, key + 1, why);
		if (e)
			return e;
		if (!cel_is_key(key->type) || cel_find(map, *key, &budget) || budget < 0)
			return err_set(why, ERR_INPUT, "mapValue: a key is a bool, an int, a uint or a string, and stands there once");
		map.n++;
	}
	*out = map;
	return ERR_OK;
}

static enum err read_type(const cJSON *v, struct cel *out)
{
	for (uint32_t t = CEL_NULL; cJSON_IsString(v) && t < CEL_DYN; t++)
		if (strcmp(v->valuestring, cel_type_name(t)) == 0) {
			*out = (struct cel){.type = CEL_TYPE, .i = t};
			return ERR_OK;
		}
	return ERR_INPUT;
}

static enum err read_time(const cJSON *v, struct cel *out)
{
	const cJSON *url = cJSON_GetObjectItemCaseSensitive(v, "@type"), *text = cJSON_GetObjectItemCaseSensitive(v, "value");
	if (!cJSON_IsString(url) || !cJSON_IsString(text))
		return ERR_INPUT;
	struct slice s = slice_of(text->valuestring);
	if (strcmp(url->valuestring, TIMESTAMP_URL) == 0)
		return cel_timestamp_parse(s, out) ? ERR_OK : ERR_INPUT;
	return strcmp(url->valuestring, DURATION_URL) == 0 && cel_duration_parse(s, out) ? ERR_OK : ERR_INPUT;
}

static enum err read_string(const cJSON *v, struct arena *a, struct cel *out)
{
	if (!cJSON_IsString(v))
		return ERR_INPUT;
	*out = cel_string(value_json_text(v->valuestring, a));
	return utf8_valid(cel_slice(*out)) ? ERR_OK : ERR_INPUT;
}

static enum err read_value(const cJSON *json, struct arena *a, int depth, struct cel *out, struct err_text *why)
{
	const cJSON *v = cJSON_IsObject(json) ? json->child : NULL;
	enum err e = ERR_INPUT;
	if (!v || v->next)
		return err_set(why, ERR_INPUT, "a value is an object with one key, like {\"int64Value\": \"1\"}");
	if (depth > JSON_DEPTH_MAX)
		return err_set(why, ERR_LIMIT, "a value is nested more than %d deep", JSON_DEPTH_MAX);
	const char *kind = v->string;
	if (strcmp(kind, "nullValue") == 0) {
		*out = (struct cel){.type = CEL_NULL};
		e = ERR_OK;
	} else if (strcmp(kind, "boolValue") == 0 && cJSON_IsBool(v)) {
		*out = cel_bool(cJSON_IsTrue(v));
		e = ERR_OK;
	} else if (strcmp(kind, "int64Value") == 0 || strcmp(kind, "uint64Value") == 0) {
		e = read_int(v, *kind == 'i', out);
	} else if (strcmp(kind, "doubleValue") == 0) {
		e = read_double(v, out);
	} else if (strcmp(kind, "stringValue") == 0) {
		e = read_string(v, a, out);
	} else if (strcmp(kind, "bytesValue") == 0) {
		e = read_bytes(v, a, out);
	} else if (strcmp(kind, "listValue") == 0) {
		return read_list(v, a, depth + 1, out, why);
	} else if (strcmp(kind, "mapValue") == 0) {
		return read_map(v, a, depth + 1, out, why);
	} else if (strcmp(kind, "typeValue") == 0) {
		e = read_type(v, out);
	} else if (strcmp(kind, "objectValue") == 0) {
		e = read_time(v, out);
	}
	return e ? bad(why, kind) : ERR_OK;
}

enum err value_from_json(const cJSON *json, struct arena *a, struct cel *out, struct err_text *why)
{
	return read_value(json, a, 0, out, why);
}

/* ---- writing ---- */

void value_json_put_string(struct slice s, struct buf *out)
{
	buf_puts(out, "\"");
	for (const char *p = s.p, *end = s.p + s.len; p < end;) {
		uint32_t code = utf8_next(&p, end);
		char c[4];
		if (code == '"' || code == '\\')
			buf_printf(out, "\\%c", (char)code);
		else if (code < 0x20 || code == 0x7f)
			buf_printf(out, "\\u%04x", code);
		else
			buf_put(out, c, utf8_put(c, code));
	}
	buf_puts(out, "\"");
}

static void put_base64(struct slice s, struct buf *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	for (uint32_t i = 0; i < s.len; i += 3) {
		uint32_t group = 0;
		for (uint32_t k = 0; k < 3; k++)
			group = group << 8 | (i + k < s.len ? (unsigned char)s.p[i + k] : 0);
		char four[4] = {digits[group >> 18], digits[group >> 12 & 63], i + 1 < s.len ? digits[group >> 6 & 63] : '=',
				i + 2 < s.len ? digits[group & 63] : '='};
		buf_put(out, four, 4);
	}
}

/* The shortest that reads back unchanged. */
static void put_double(double d, struct buf *out)
{
	char text[32];
	int precision = 0;
	if (!isfinite(d)) {
		buf_puts(out, isnan(d) ? "\"NaN\"" : d > 0 ? "\"Infinity\"" : "\"-Infinity\"");
		return;
	}
	do
		snprintf(text, sizeof text, "%.*g", ++precision, d);
	while (precision < 17 && strtod(text, NULL) != d);
	buf_puts(out, text);
}

static void put_items(struct cel v, struct buf *out)
{
	bool map = v.type == CEL_MAP;
	buf_puts(out, map ? "{\"entries\":[" : "{\"values\":[");
	for (uint32_t i = 0; i < v.n; i++) {
		if (i)
			buf_puts(out, ",");
		if (map) {
			buf_puts(out, "{\"key\":");
			value_to_json(v.items[2 * i], out);
			buf_puts(out, ",\"value\":");
			value_to_json(v.items[2 * i + 1], out);
			buf_puts(out, "}");
		} else {
			value_to_json(v.items[i], out);
		}
	}
	buf_puts(out, "]}");
}

static void put_time(struct cel v, struct buf *out)
{
	char text[CEL_TIME_TEXT_BYTES];
	bool stamp = v.type == CEL_TIMESTAMP;
	if (stamp)
		cel_timestamp_format(v, text);
	else
		cel_duration_format(v, text);
	buf_printf(out, "{\"@type\":\"%s\",\"value\":\"%s\"}", stamp ? TIMESTAMP_URL : DURATION_URL, text);
}

void value_to_json(struct cel v, struct buf *out)
{
	static const char *const kinds[] = {[CEL_NULL] = "nullValue",   [CEL_BOOL] = "boolValue",        [CEL_INT] = "int64Value",
					    [CEL_UINT] = "uint64Value", [CEL_DOUBLE] = "doubleValue",    [CEL_STRING] = "stringValue",
					    [CEL_BYTES] = "bytesValue", [CEL_LIST] = "listValue",        [CEL_MAP] = "mapValue",
					    [CEL_TYPE] = "typeValue",   [CEL_TIMESTAMP] = "objectValue", [CEL_DURATION] = "objectValue"};
	buf_printf(out, "{\"%s\":", kinds[v.type]);
	switch (v.type) {
	case CEL_BOOL:
		buf_puts(out, v.b ? "true" : "false");
		break;
	case CEL_INT:
		buf_printf(out, "\"%lld\"", (long long)v.i);
		break;
	case CEL_UINT:
		buf_printf(out, "\"%llu\"", (unsigned long long)v.u);
		break;
	case CEL_DOUBLE:
		put_double(v.d, out);
		break;
	case CEL_STRING:
		value_json_put_string(cel_slice(v), out);
		break;
	case CEL_BYTES:
		buf_puts(out, "\"");
		put_base64(cel_slice(v), out);
		buf_puts(out, "\"");
		break;
	case CEL_LIST:
	case CEL_MAP:
		put_items(v, out);
		break;
	case CEL_TYPE:
		buf_printf(out, "\"%s\"", cel_type_name((uint32_t)v.i));
		break;
	case CEL_TIMESTAMP:
	case CEL_DURATION:
		put_time(v, out);
		break;
	default:
		buf_puts(out, "null");
	}
	buf_puts(out, "}");
}
