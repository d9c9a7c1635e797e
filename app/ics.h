/* SPDX-License-Identifier: Apache-2.0 */
/* Dispute steps as an iCalendar file (RFC 5545): one event each. */
#ifndef RINGFENCE_APP_ICS_H
#define RINGFENCE_APP_ICS_H

#include "app/dispute_list.h"

void ics_write(const struct dispute_list *l, const char *deployment, struct buf *out);

#endif
