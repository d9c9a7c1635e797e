/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines on standard error, one line an event, logfmt: ts level stage msg. Safe from every thread.
 * A phone number goes into a log only through log_number(), which masks it when asked to. */
#ifndef RINGFENCE_BASE_LOG_H
#define RINGFENCE_BASE_LOG_H

#include "base/clock.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

void log_init(enum log_level least, bool mask_numbers);

/* `stage`: app, ingest, scoring, rules, sinks. The text has no newline; control characters in it are replaced. */
void log_line(enum log_level level, const char *stage, const char *fmt, ...) PRINTF_LIKE(3, 4);

#define log_debug(stage, ...) log_line(LOG_DEBUG, stage, __VA_ARGS__)
#define log_info(stage, ...) log_line(LOG_INFO, stage, __VA_ARGS__)
#define log_warn(stage, ...) log_line(LOG_WARN, stage, __VA_ARGS__)
#define log_error(stage, ...) log_line(LOG_ERROR, stage, __VA_ARGS__)

/* Lets a message of one place through at most every `every_s` seconds and counts what it held back.
 * Start from {0}; not shared between threads. True: log now, *held says how many were not. */
struct log_limit {
	int64_t next_ns;
	uint64_t held;
};
bool log_limit_pass(struct log_limit *l, double every_s, uint64_t *held);

#define LOG_NUMBER_BYTES 40
/* "+15551230000", or "+1555*****00" when numbers are masked. Returns `out`. */
const char *log_number(struct slice number, char out[LOG_NUMBER_BYTES]);

#endif
