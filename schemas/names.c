/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of the enums that other programs read. */
#include "schemas/cdr.h"
#include "schemas/event.h"

const char *reason_code(enum reason r)
{
	static const char *const t[] = {
#define X(n, code, text) code,
		CDR_REASONS(X)
#undef X
	};
	return t[r];
}

const char *reason_text(enum reason r)
{
	static const char *const t[] = {
#define X(n, code, text) text,
		CDR_REASONS(X)
#undef X
	};
	return t[r];
}

const char *disposition_name(enum disposition d)
{
	static const char *const t[] = {
#define X(n) #n,
		CDR_DISPOSITIONS(X)
#undef X
	};
	return t[d];
}

const char *phase_name(enum phase p)
{
	static const char *const t[] = {
#define X(n, name) name,
		PHASES(X)
#undef X
	};
	return t[p];
}

const char *subject_kind_name(enum subject_kind k)
{
	static const char *const t[] = {"number", "account", "trunk", "block"};
	return t[k];
}

const char *subject_kind_plural(enum subject_kind k)
{
	static const char *const t[] = {"numbers", "accounts", "trunks", "blocks"};
	return t[k];
}

const char *event_type(enum event_kind k)
{
	static const char *const t[] = {
#define X(n, topic, type) type,
		EVENT_KINDS(X)
#undef X
	};
	return t[k];
}

enum event_topic event_topic(enum event_kind k)
{
	static const enum event_topic t[] = {
#define X(n, topic, type) TOPIC_##topic,
		EVENT_KINDS(X)
#undef X
	};
	return t[k];
}

const char *event_topic_default(enum event_topic topic)
{
	static const char *const t[] = {
#define X(n, name, file) name,
		EVENT_TOPICS(X)
#undef X
	};
	return t[topic];
}

const char *event_topic_file(enum event_topic topic)
{
	static const char *const t[] = {
#define X(n, name, file) file,
		EVENT_TOPICS(X)
#undef X
	};
	return t[topic];
}
