/* SPDX-License-Identifier: Apache-2.0 */
#include "app/progress.h"

#include <stdio.h>
#include <unistd.h>

struct progress progress_begin(void)
{
	return (struct progress){.begun = mono_now(), .shown = mono_now(), .on = isatty(STDERR_FILENO)};
}

void progress_show(void *progress, int64_t done, int64_t all, uint64_t records)
{
	struct progress *p = progress;
	if (!p->on || mono_seconds_since(p->shown) < 0.2)
		return;
	double seconds = mono_seconds_since(p->begun);
	p->shown = mono_now();
	p->open = true;
	fprintf(stderr, "\r%12llu CDRs  %6.0f k/s", (unsigned long long)records, (double)records / seconds / 1000);
	if (all > 0)
		fprintf(stderr, "  %3d %%", (int)(100 * done / all));
	fputs("   ", stderr);
	fflush(stderr);
}

void progress_end(struct progress *p)
{
	if (p->open)
		fputs("\n", stderr);
	p->open = false;
}
