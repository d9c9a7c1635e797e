/* SPDX-License-Identifier: Apache-2.0 */
/* The service: workers, webhooks, the status line, reload. Used by `run` and by `demo`. */
#ifndef RINGFENCE_APP_SERVICE_H
#define RINGFENCE_APP_SERVICE_H

#include "app/pipeline.h"

struct service_config {
	bool accept_gap;
	bool quiet;                  /* no status lines */
	bool alone;                  /* nobody else can be in the group: it is not looked at (the demo's broker cannot tell) */
	_Atomic uint64_t *records;   /* kept up to date: records dealt with; may be NULL */
	_Atomic bool *stop, *reload; /* set from outside: end in good order; load the rules anew */
};

/* Runs until *stop. Waits for Kafka and the store where they are away at start. The pipeline is initialised here and released at the end. */
enum err service_run(struct settings *set, const struct service_config *c, struct err_text *why) MUST_CHECK;

#endif
