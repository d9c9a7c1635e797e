/* SPDX-License-Identifier: Apache-2.0 */
/* A command from the command line: put on the control topic, and waited for until it is applied. Shared by `number` and `disputes`. */
#ifndef RINGFENCE_APP_CONTROL_PUT_H
#define RINGFENCE_APP_CONTROL_PUT_H

#include "app/peek.h"

#define CONTROL_FIELDS_MAX 8

struct control_command {
	const char *command; /* its verb: "release" */
	const char *number;
	const char *by; /* NULL: "cli" */
	const char *id; /* NULL: a random one */
	struct control_field {
		const char *name, *value; /* a value of NULL: the field is left out */
	} fields[CONTROL_FIELDS_MAX];
	uint32_t field_cnt;
	bool add, remove; /* "add": true */
	int64_t wait_ms;  /* how long until it is said to be queued */
};

/* What goes on the topic. */
void control_text(const struct control_command *c, struct buf *json);
/* Whether the service would take it: what it refuses is not put there. */
enum err control_check(const struct control_command *c, struct err_text *why) MUST_CHECK;
/* Says on standard output whether it was applied or is queued. */
enum err control_put(const struct peek *r, const struct control_command *c, struct err_text *why) MUST_CHECK;

#endif
