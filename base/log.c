/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdio.h>
#include <unistd.h>

static enum log_level least_level = LOG_INFO;
static bool mask;

void log_init(enum log_level least, bool mask_numbers)
{
	least_level = least;
	mask = mask_numbers;
}

/* One write(2) a line, so lines of different threads do not mix. */
void log_line(enum log_level level, const char *stage, const char *fmt, ...)
{
	static const char *const names[] = {"debug", "info", "warn", "error"};
	char line[1400], ts[TIME_TEXT_BYTES];
	if (level < least_level)
		return;
	int head = snprintf(line, sizeof line, "ts=%s level=%s stage=%s msg=\"", time_format(wall_now().ms, ts), names[level], stage);
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(line + head, sizeof line - (size_t)head - 2, fmt, ap);
	va_end(ap);
	size_t len = strlen(line);
	for (size_t i = (size_t)head; i < len; i++) {
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = ' ';
		else if (line[i] == '"')
			line[i] = '\'';
	}
	line[len++] = '"';
	line[len++] = '\n';
	ssize_t unused = write(STDERR_FILENO, line, len);
	(void)unused;
}

bool log_limit_pass(struct log_limit *l, double every_s, uint64_t *held)
{
	int64_t now = mono_now().ns;
	if (now < l->next_ns) {
		l->held++;
		return false;
	}
	l->next_ns = now + (int64_t)(every_s * 1e9);
	*held = l->held;
	l->held = 0;
	return true;
}

const char *log_number(struct slice n, char out[LOG_NUMBER_BYTES])
{
	snprintf(out, LOG_NUMBER_BYTES, SLICE_FMT, SLICE_ARG(n));
	if (mask) {
		size_t len = strlen(out);
		for (size_t i = len > 7 ? 5 : 0; i + 2 < len; i++)
			out[i] = '*';
	}
	return out;
}
