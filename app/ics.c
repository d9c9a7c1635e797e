/* SPDX-License-Identifier: Apache-2.0 */
/* DESIGN. A step is a VEVENT, not a VTODO: Google Calendar and Outlook show no to-dos of a file or a subscription, and a reminder that is not seen is none. It
 * takes no time (TRANSPARENT), and stands where the step is due, or asked again; what is closed is CANCELLED, which takes it out of a calendar.
 *
 * GUARANTEES. Equal steps give equal bytes. The UID is of deployment, number, step and round, so a later file updates the entries of an earlier one:
 * SEQUENCE goes up with each change of the step, and DTSTAMP is when that was, in event time. No line is longer than 75 octets, no character is
 * cut. A calendar must not be empty (RFC 5545, 3.6): one without steps holds a time zone. */
#include "app/ics.h"

#define FOLD_AT 75 /* octets, without the line's end */

static void put_time(struct buf *b, int64_t ms)
{
	char t[TIME_TEXT_BYTES];
	time_format(ms, t); /* 2026-01-31T10:00:00.000Z */
	buf_printf(b, "%.4s%.2s%.2sT%.2s%.2s%.2sZ", t, t + 5, t + 8, t + 11, t + 14, t + 17);
}

/* TEXT (RFC 5545, 3.3.11). Control characters have no place in it. */
static void put_text(struct buf *b, struct slice s)
{
	for (uint32_t i = 0; i < s.len; i++) {
		char c = s.p[i];
		if (c == '\n') {
			buf_puts(b, "\\n");
		} else if ((uint8_t)c < 0x20 ? c == '\t' : c != 0x7f) {
			if (c == '\\' || c == ';' || c == ',')
				buf_put_u8(b, '\\');
			buf_put_u8(b, (uint8_t)c);
		}
	}
}

/* A content line of any length, folded. */
static void put_line(struct buf *out, const struct buf *line)
{
	size_t at = 0, room = FOLD_AT;
	while (line->len - at > room) {
		size_t n = room;
		while (n > 1 && (line->data[at + n] & 0xc0) == 0x80)
			n--;
		buf_put(out, line->data + at, n);
		buf_puts(out, "\r\n ");
		at += n;
		room = FOLD_AT - 1; /* the blank counts */
	}
	buf_put(out, line->data + at, line->len - at);
	buf_puts(out, "\r\n");
}

static void property(struct buf *out, struct buf *line, const char *name, struct slice text)
{
	buf_reset(line);
	buf_puts(line, name);
	put_text(line, text);
	put_line(out, line);
}

static void time_property(struct buf *out, struct buf *line, const char *name, int64_t ms)
{
	buf_reset(line);
	buf_puts(line, name);
	put_time(line, ms);
	put_line(out, line);
}

static void put_summary(struct buf *out, struct buf *line, const struct listed_step *s)
{
	static const char *const what[] = {[STEP_PLANNED] = "Dispute with ", [STEP_DUE] = "Dispute with ",   [STEP_SENT] = "Ask again: ",
					   [STEP_FOLLOW_UP] = "Ask again: ", [STEP_ANSWERED] = "Answered: ", [STEP_CLOSED] = "Closed: "};
	struct buf text = {0};
	struct slice target = listed_target(s);
	buf_printf(&text, "%s" SLICE_FMT ", " SLICE_FMT, what[s->step.state], SLICE_ARG(target), SLICE_ARG(s->number));
	property(out, line, "SUMMARY:", buf_slice(&text));
	buf_release(&text);
}

static void put_description(struct buf *out, struct buf *line, const struct listed_step *s)
{
	struct buf text = {0};
	const char *outcome = step_outcome_name(s->step.outcome);
	buf_printf(&text, "Step " SLICE_FMT " of " SLICE_FMT ": %s", SLICE_ARG(s->step.id), SLICE_ARG(s->number),
		   step_state_name(s->step.state));
	if (outcome)
		buf_printf(&text, ", %s", outcome);
	if (s->provider && s->provider->contact.p)
		buf_printf(&text, "\n" SLICE_FMT, SLICE_ARG(s->provider->contact));
	if (s->provider && s->provider->form.p)
		buf_printf(&text, "\n" SLICE_FMT, SLICE_ARG(s->provider->form));
	property(out, line, "DESCRIPTION:", buf_slice(&text));
	buf_release(&text);
}

static bool is_url(struct slice s)
{
	if (s.len < 8 || (memcmp(s.p, "https://", 8) != 0 && memcmp(s.p, "http://", 7) != 0))
		return false;
	for (uint32_t i = 0; i < s.len; i++)
		if ((uint8_t)s.p[i] <= 0x20 || (uint8_t)s.p[i] >= 0x7f)
			return false;
	return true;
}

static void put_event(struct buf *out, struct buf *line, const struct listed_step *s, const char *deployment)
{
	buf_puts(out, "BEGIN:VEVENT\r\n");
	buf_reset(line);
	buf_printf(line, "UID:" SLICE_FMT "-" SLICE_FMT "-%u@%s.ringfence", SLICE_ARG(slice_make(s->number.p + 1, s->number.len - 1)),
		   SLICE_ARG(s->step.id), s->step.round, deployment);
	put_line(out, line);
	time_property(out, line, "DTSTAMP:", s->step.changed_ms);
	buf_printf(out, "SEQUENCE:%u\r\n", s->step.changes);
	time_property(out, line, "DTSTART:", s->step.due_ms);
	buf_puts(out, "DURATION:PT15M\r\n");
	put_summary(out, line, s);
	put_description(out, line, s);
	buf_printf(out, "STATUS:%s\r\n", s->step.state == STEP_CLOSED ? "CANCELLED" : "CONFIRMED");
	buf_puts(out, "CATEGORIES:DISPUTE\r\nTRANSP:TRANSPARENT\r\n");
	if (s->provider && is_url(s->provider->form)) {
		buf_reset(line);
		buf_printf(line, "URL:" SLICE_FMT, SLICE_ARG(s->provider->form));
		put_line(out, line);
	}
	buf_puts(out, "END:VEVENT\r\n");
}

void ics_write(const struct dispute_list *l, const char *deployment, struct buf *out)
{
	struct buf line = {0};
	buf_puts(out, "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Ringfence//disputes//EN\r\nCALSCALE:GREGORIAN\r\n");
	for (size_t i = 0; i < l->cnt; i++)
		put_event(out, &line, &l->steps[i], deployment);
	if (l->cnt == 0)
		buf_puts(out, "BEGIN:VTIMEZONE\r\nTZID:UTC\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nTZOFFSETFROM:+0000\r\n"
			      "TZOFFSETTO:+0000\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n");
	buf_puts(out, "END:VCALENDAR\r\n");
	buf_release(&line);
}
