/* SPDX-License-Identifier: Apache-2.0 */
/* The business profile of an account: what analytics providers and carriers ask for when a number is disputed. A YAML file, named in the configuration
 * (`profiles: {ACME: acme.yaml}`):
 *
 *   name: Acme Clinics Inc.
 *   website: https://acme.example
 *   address: 1 Main Street, Springfield, IL 62701, USA
 *   years: 12
 *   purpose: Appointment reminders to patients of our clinics.
 *   opt_in: Patients agree in writing at their first visit; STOP by text or voice ends it.
 *   licences:
 *     - Illinois health facility 12345
 *   contact: {name: Ann Lee, email: ann@acme.example, phone: "+13125550100"}
 *
 * Strict: a key that is not known is an error, with its place. Only `name` must be there. */
#ifndef RINGFENCE_APP_PROFILE_H
#define RINGFENCE_APP_PROFILE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define PROFILE_LICENCES_MAX 32
#define PROFILE_TEXT_MAX 2000

struct profile {
	struct slice name, website, address, purpose, opt_in; /* absent: not given */
	struct slice contact_name, contact_email, contact_phone;
	int64_t years; /* in business; -1: not given */
	struct slice licences[PROFILE_LICENCES_MAX];
	uint32_t licence_cnt;
};

/* Texts live in `a`. ERR_CONFIG: every problem goes into `problems`, one a line: "acme.yaml:3:1: ...". */
enum err profile_load(const char *path, struct arena *a, struct profile *out, struct buf *problems) MUST_CHECK;
enum err profile_parse(struct slice text, const char *name, struct arena *a, struct profile *out, struct buf *problems) MUST_CHECK;

#endif
