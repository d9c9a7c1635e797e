/* SPDX-License-Identifier: Apache-2.0 */
/* The history of a number: what happened to it, kept beside its record in a value of its own that no CDR loads (DESIGN section 5, "second key").
 *
 * The rules stage only ever appends: history_add() during a turn, and the bytes go out with the turn (struct rules_subject). Where the next byte
 * goes stands in the record (struct history_head). Who reads it (dossier, `state check`) reads the whole value: history_read(). */
#ifndef RINGFENCE_RULES_HISTORY_H
#define RINGFENCE_RULES_HISTORY_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "rules/case_study.h"
#include "schemas/event.h"

#define HISTORY_BYTES_MAX (16 << 10) /* of one number */
#define HISTORY_TEXT_MAX 200         /* of one text; a longer one is cut between two characters */
#define HISTORY_DAYS 160             /* of daily totals: the newest are kept, whatever else happens */
#define HISTORY_FIGURES_MAX 16       /* of one entry; what has no room is left out */

/* The kinds: enum, number as stored, name in JSON. A number is never used again for something else. */
#define HISTORY_KINDS(X)                       \
	X(TRANSITION, 1, "transition")         \
	X(VIOLATION, 2, "violation")           \
	X(ADVISORY, 3, "advisory")             \
	X(ALERT_RAISED, 4, "alert_raised")     \
	X(ALERT_RESOLVED, 5, "alert_resolved") \
	X(FLAG_OPENED, 6, "flag_opened")       \
	X(FLAG_CLEARED, 7, "flag_cleared")     \
	X(NOTE, 8, "note")                     \
	X(COMPLAINT, 9, "complaint")           \
	X(DISPUTE, 10, "dispute")              \
	X(CHECK, 11, "check")                  \
	X(SNAPSHOT, 12, "snapshot")

enum history_kind {
#define X(n, number, name) HISTORY_##n = (number),
	HISTORY_KINDS(X)
#undef X
};

const char *history_kind_name(enum history_kind k); /* NULL: none of these */

/* Totals of one local day. Stored saturated: 2^24 calls, answered calls and seconds, 2^16 judged, 2^8 unknown. */
struct history_day {
	int64_t day; /* since 1970-01-01 */
	int64_t calls, answered, talk_s;
	int64_t judged, unknown; /* calls judged by a phase; of these to contacts not known */
};

struct history_figures {
	const struct event_figure *of;
	uint32_t cnt;
};

/* Texts are borrowed; an absent one is stored as empty. Days are local, counted from 1970-01-01. */
struct history_entry {
	int64_t time_ms;
	enum history_kind kind;
	union {
		struct {
			enum phase from, to;
			struct slice reason, detail, by; /* as in the event; `by`: whose command */
			int64_t until_ms;                /* TIME_NONE: none */
			int64_t episode;
		} transition;
		struct {
			enum phase phase;
			struct slice policy;
			int64_t day;
			struct value limit, value;
			struct slice consequence;
		} violation;
		struct {
			struct slice topic, detail;
		} advisory;
		struct {
			struct slice rule, severity, mode, source;
			int64_t since_ms;
			struct history_figures figures; /* what made it fire; of a resolution none */
		} alert;
		struct {
			struct slice provider, carrier, label, by, source, note;
			int64_t since_ms; /* cleared: when it was opened. Opened: the time of the entry */
		} flag;
		struct {
			struct slice text, by;
		} note;
		struct {
			struct slice provider, by, note;
		} complaint;
		struct {
			struct slice step, target, state, outcome, by, note;
			int64_t due_ms; /* TIME_NONE: none */
		} dispute;
		struct {
			struct slice carrier, device, result, by;
		} check;
		struct {
			int64_t episode;
			int64_t health, maturity, connection, engagement, sentiment; /* -1: too little data */
			struct history_figures figures;
		} snapshot;
	};
};

/* ---- writing ---- */

/* Where the next entry goes; a part of the record. All zero: there is no history yet. */
struct history_head {
	uint32_t entry_cnt; /* entries ever: what is not found any more was overwritten */
	uint32_t segment;   /* segments begun; the present one is the newest */
	uint16_t used;      /* bytes of the present segment */
	uint8_t slot;       /* its place */
	uint8_t pinned;     /* the place that is not overwritten: where the episode began; HISTORY_SEGMENTS: none */
	uint16_t finished;  /* episodes that ended: rows written into the table */
	int32_t told_day;   /* local days up to this one have their entry, if they had calls */
};

#define HISTORY_SEGMENTS 4
#define FLAG_OF_RULES "ringfence" /* the provider of flags that rules open: they begin no history */

static inline bool history_in_episode(enum phase p)
{
	return p == PHASE_REST || p == PHASE_LIMITED || p == PHASE_MODERATE;
}
#define HISTORY_SECTION_MAX 144 /* bytes of the record, with every counter at its limit; about 15 in quiet times, 60 in an episode */

bool history_head_plain(const struct history_head *h); /* nothing to store */
void history_head_decode(struct reader *r, struct history_head *h);
void history_head_encode(const struct history_head *h, struct buf *out);

/* One write into the value: these bytes at this place, whatever stands there. */
struct history_write {
	uint32_t offset;
	uint32_t from, len; /* in the bytes of the turn's writes */
};

/* Entries of one turn, not yet placed: whether they are kept is known at its end. */
#define HISTORY_STAGED_MAX 160
#define HISTORY_STAGED_DAYS 80
struct history_stage {
	struct buf bytes; /* encoded entries */
	struct history_staged {
		uint32_t from, len;
	} of[HISTORY_STAGED_MAX];
	uint32_t cnt, lost; /* lost: more than HISTORY_STAGED_MAX */
	struct history_day days[HISTORY_STAGED_DAYS];
	uint32_t day_cnt;
	bool keep;    /* one of them is kept in any case */
	bool has_row; /* an episode ended: its row, and the place of that */
	uint8_t row[CASE_ROW_BYTES];
	uint32_t row_at;
	struct buf text; /* scratch of case studies */
	/* after history_place: */
	struct buf placed;
	struct history_write writes[HISTORY_STAGED_MAX + HISTORY_STAGED_DAYS + 1];
	uint32_t write_cnt;
};

void history_stage_reset(struct history_stage *s);
void history_stage_release(struct history_stage *s);
void history_stage_entry(struct history_stage *s, const struct history_entry *e);
void history_stage_day(struct history_stage *s, const struct history_day *d); /* behind those of this turn; the last of a day counts */
void history_stage_row(struct history_stage *s, const struct case_row *row, uint32_t finished_before);
struct slice history_cut(struct slice text, uint32_t max); /* between two characters */
/* Gives every staged entry its place. `begins`: an episode begins with them, and its first segment is kept until another begins. */
void history_place(struct history_stage *s, struct history_head *h, bool begins);

struct turn;
/* Appends an entry to the number's history. It is kept if the number is in an episode or has a flag from outside when the turn ends, else forgotten
 * again, so it may be called for anything, before the transition that it leads to too. Transitions from and into an episode, such flags cleared, notes
 * and checks are always kept. Copies what it needs. Nothing happens for a subject that is no number, or is not managed. */
void history_add(struct turn *t, const struct history_entry *e);
/* Days that are over, as the record tells them, once each: at every turn of a number in an episode. Today too, when its episode ends. */
void history_tell_days(struct turn *t);
void history_tell_today(struct turn *t);
/* What the record remembers of the days before an episode. */
void history_tell_past_days(struct turn *t, int64_t at_ms);
void history_turn_end(struct turn *t); /* before the state is encoded */

/* ---- reading ---- */

struct history {
	const struct history_entry *entries; /* oldest first; owned by the arena, texts by the value */
	uint32_t cnt;
	const struct history_day *days; /* ascending; at most HISTORY_DAYS */
	uint32_t day_cnt;
	uint32_t dropped;         /* entries that were overwritten by newer ones */
	uint32_t unknown;         /* of kinds that this version does not know: left out */
	struct history_head head; /* as far as the value tells: entry_cnt, segment, used, slot */
};

/* ERR_CORRUPT: damaged, or of a newer version; what could be read is in *out all the same. */
enum err history_read(struct slice value, struct arena *a, struct history *out, struct err_text *why) MUST_CHECK;

#endif
