/* SPDX-License-Identifier: Apache-2.0 */
/* The dossier of a number: the audit and documentation package of the remediation guide, from its record and its history; and the same of one
 * episode, its case study. dossier.c gathers, dossier_json.c and dossier_html.c (with dossier_parts.c) write. */
#ifndef RINGFENCE_APP_DOSSIER_H
#define RINGFENCE_APP_DOSSIER_H

#include "app/profile.h"
#include "app/settings.h"
#include "rules/rules.h"
#include "scoring/exact.h"

#define DOSSIER_DAYS_MAX 800
#define DOSSIER_WINDOWS 3 /* 24h, 7d, 31d */
#define DOSSIER_BINS 5    /* of talk time */
#define DOSSIER_GAPS 7    /* of the time from one call to the next */

struct dossier_day {
	int64_t day; /* local, since 1970-01-01 */
	int64_t calls, answered, talk_s;
	int64_t spread; /* so many calls may belong to a day beside it */
	bool told;      /* from the history; else from the record */
	bool partly;    /* the record does not remember its morning any more */
};

struct dossier_region {
	uint16_t region;
	uint32_t calls, answered;
};

/* Figures of one window, as the features of these names. */
struct dossier_window {
	const char *name;
	int64_t calls, answered, callees, regions, abandoned, blocked, incoming;
	double answer_ratio, avg_talk_s, gap_mean_s, gap_cv, off_hours_ratio, callee_ratio;
	int64_t talk[DOSSIER_BINS]; /* answered calls by talk time: to 6 s, to 10, to 60, to 120, longer */
};

/* Everything that is shown. Slices are borrowed from what dossier_gather() was given, and from the arena. */
struct dossier {
	struct slice number, account;
	const struct profile *profile; /* NULL: none */
	int64_t as_of_ms;
	uint16_t zone;
	/* the record */
	const struct subject *subject;
	struct rules_view view;
	struct health health;
	struct health_reason reasons[HEALTH_REASONS_MAX];
	uint32_t reason_cnt;
	struct dossier_window windows[DOSSIER_WINDOWS];
	struct dossier_day *days; /* ascending, without gaps */
	uint32_t day_cnt;
	struct exact_call exact[EXACT_CALLS_MAX];
	uint32_t exact_cnt;
	uint32_t hours[24]; /* starts of the exact calls, in the number's zone */
	uint32_t gaps[DOSSIER_GAPS];
	struct dossier_region *to; /* by calls, then region */
	uint32_t to_cnt;
	/* the history */
	struct history history;
	bool damaged; /* a part of the history could not be read: damage says why */
	struct err_text damage;
	struct case_row rows[CASE_ROWS];
	uint32_t row_cnt;
	/* one episode alone: its case study. 0: all */
	uint32_t episode;
	int64_t from_ms, to_ms; /* entries of it; TIME_NONE: no bound */
};

extern const char *const dossier_talk_names[DOSSIER_BINS]; /* "to 6 s" */
extern const char *const dossier_gap_names[DOSSIER_GAPS];  /* "<5 s" */

struct dossier_source {
	struct slice number, account, history; /* history: as stored; absent: none */
	uint16_t zone;                         /* of its days (places.h) */
	const struct subject *subject;
	const struct rules *rules;
	struct rules_scratch *scratch; /* what the view borrows from */
	const struct profile *profile;
	int64_t as_of_ms;
	uint32_t episode; /* 0: all */
};

/* ERR_CORRUPT: the rules' part of the record cannot be read. ERR_NO: the episode is not in the history. */
enum err dossier_gather(const struct dossier_source *from, struct arena *a, struct dossier *out, struct err_text *why) MUST_CHECK;

/* Whether an entry belongs to what is shown. */
bool dossier_shows(const struct dossier *d, const struct history_entry *e);
/* The row of the finished episode that is shown; NULL: all are, or it goes on. */
const struct case_row *dossier_row(const struct dossier *d);

void dossier_json(const struct dossier *d, struct buf *out); /* one object and a newline */
void dossier_html(const struct dossier *d, struct buf *out);

/* ---- shared by the writers ---- */

void dossier_day_text(int64_t day, char out[TIME_TEXT_BYTES]);                           /* "2026-03-01" */
void dossier_region_text(uint16_t region, char out[TIME_TEXT_BYTES]);                    /* "+1 212", "+44", "unknown" */
void dossier_local_text(const struct dossier *d, int64_t ms, char out[TIME_TEXT_BYTES]); /* "2026-03-01 14:05", in the number's zone */

#endif
