/* SPDX-License-Identifier: Apache-2.0 */
/* The newest test calls of a number: which carrier and device showed what ("check across carriers", "multiple devices"), kept in its record. Older
 * ones, and those there is no room for, stand in its history alone. */
#ifndef RINGFENCE_RULES_CHECKLIST_H
#define RINGFENCE_RULES_CHECKLIST_H

#include "base/buf.h"
#include "base/clock.h"

#define CHECKS_MAX 16
#define CHECKS_BYTES_MAX 200 /* of all, as stored */
#define CHECK_CARRIER_MAX 40 /* bytes; so the newest always fits */
#define CHECK_DEVICE_MAX 40
#define CHECK_RESULT_MAX 80

struct check_result {
	struct slice carrier, device, result; /* borrowed; the device may be empty */
	int64_t time_ms;
};

struct checklist {
	struct check_result of[CHECKS_MAX]; /* oldest first; one of each carrier and device */
	uint32_t cnt;
};

void checklist_decode(struct reader *r, struct checklist *c); /* r->bad: it does not hold together. Texts borrow */
void checklist_encode(const struct checklist *c, struct buf *out);
/* In place of an earlier one of that carrier and device; the oldest go for it. Texts within CHECK_..._MAX. */
void checklist_add(struct checklist *c, const struct check_result *result);

#endif
