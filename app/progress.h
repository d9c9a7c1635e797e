/* SPDX-License-Identifier: Apache-2.0 */
/* The line of long work over files, on standard error and only if that is a terminal: fits `progress` of struct replay_config. */
#ifndef RINGFENCE_APP_PROGRESS_H
#define RINGFENCE_APP_PROGRESS_H

#include "base/clock.h"

#include <stdbool.h>

struct progress {
	struct mono_time begun, shown;
	bool on, open;
};

struct progress progress_begin(void);
void progress_show(void *progress, int64_t done, int64_t all, uint64_t records); /* five times a second at most */
void progress_end(struct progress *p);                                           /* a line of its own for what comes next */

#endif
