/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts that wait for their `for`, by the time of their next evaluation: a heap that knows where each stands, and a list for each number. */
#ifndef RINGFENCE_APP_CALIBRATE_PENDING_H
#define RINGFENCE_APP_CALIBRATE_PENDING_H

#include <stdint.h>

struct pending {
	int64_t since_ms, due_ms;
	uint32_t trial, suspect;
	uint32_t next;    /* of the same suspect, + 1; of a free one: the next free one, + 1 */
	uint32_t heap_at; /* its place in the heap */
	uint64_t seen;    /* the evaluation that last found it true */
};

struct pendings {           /* begins as {0} */
	struct pending *of; /* owned; valid until the next open */
	uint32_t *heap;     /* owned */
	uint32_t cnt, used, cap, free;
};

void pendings_release(struct pendings *p);
/* A new one with everything but its times, in front of list `*head`. Returns its index; pendings_set_due must follow. */
uint32_t pendings_open(struct pendings *p, uint32_t trial, uint32_t suspect, uint32_t *head);
void pendings_set_due(struct pendings *p, uint32_t i, int64_t due_ms);
void pendings_close(struct pendings *p, uint32_t i, uint32_t *head);
/* The one that is due first; UINT32_MAX: none. */
uint32_t pendings_first(const struct pendings *p);

#endif
