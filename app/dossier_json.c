/* SPDX-License-Identifier: Apache-2.0 */
/* A dossier as JSON. Entries of the history are written by the table of their fields, so a new kind needs nothing here. */
#include "app/dossier.h"
#include "app/history_json.h"
#include "scoring/places.h"
#include "sinks/json.h"
#include "sinks/sinks.h"

static void put_text(struct json *j, const char *key, struct slice s)
{
	json_key(j, key);
	json_text(j, s);
}

static void put_int(struct json *j, const char *key, int64_t v)
{
	json_key(j, key);
	json_int(j, v);
}

static void put_double(struct json *j, const char *key, double v)
{
	json_key(j, key);
	json_double(j, v);
}

static void put_time(struct json *j, const char *key, int64_t ms)
{
	json_key(j, key);
	json_time(j, ms);
}

static void put_profile(struct json *j, const struct profile *p)
{
	json_key(j, "profile");
	if (!p) {
		json_null(j);
		return;
	}
	json_open(j, '{');
	put_text(j, "name", p->name);
	put_text(j, "website", p->website);
	put_text(j, "address", p->address);
	json_key(j, "years");
	if (p->years < 0)
		json_null(j);
	else
		json_int(j, p->years);
	put_text(j, "purpose", p->purpose);
	put_text(j, "opt_in", p->opt_in);
	json_key(j, "licences");
	json_open(j, '[');
	for (uint32_t i = 0; i < p->licence_cnt; i++)
		json_text(j, p->licences[i]);
	json_close(j, ']');
	json_key(j, "contact");
	json_open(j, '{');
	put_text(j, "name", p->contact_name);
	put_text(j, "email", p->contact_email);
	put_text(j, "phone", p->contact_phone);
	json_close(j, '}');
	json_close(j, '}');
}

static void put_window(struct json *j, const struct dossier_window *w)
{
	json_key(j, w->name);
	json_open(j, '{');
	put_int(j, "calls", w->calls);
	put_int(j, "answered", w->answered);
	put_double(j, "answer_ratio", w->answer_ratio);
	put_double(j, "avg_talk_s", w->avg_talk_s);
	put_int(j, "callees", w->callees);
	put_double(j, "callee_ratio", w->callee_ratio);
	put_int(j, "regions", w->regions);
	put_double(j, "gap_mean_s", w->gap_mean_s);
	put_double(j, "gap_cv", w->gap_cv);
	put_double(j, "off_hours_ratio", w->off_hours_ratio);
	put_int(j, "abandoned", w->abandoned);
	put_int(j, "blocked", w->blocked);
	put_int(j, "incoming", w->incoming);
	json_key(j, "talk");
	json_open(j, '{');
	for (int i = 0; i < DOSSIER_BINS; i++)
		put_int(j, dossier_talk_names[i], w->talk[i]);
	json_close(j, '}');
	json_close(j, '}');
}

static void put_days(struct json *j, const struct dossier *d)
{
	char text[TIME_TEXT_BYTES];
	json_key(j, "days");
	json_open(j, '[');
	for (uint32_t i = 0; i < d->day_cnt; i++) {
		const struct dossier_day *day = &d->days[i];
		dossier_day_text(day->day, text);
		json_open(j, '{');
		json_key(j, "day");
		json_string(j, text);
		put_int(j, "calls", day->calls);
		put_int(j, "answered", day->answered);
		put_int(j, "talk_s", day->talk_s);
		json_key(j, "from");
		json_string(j, day->told ? "history" : "record");
		if (day->spread)
			put_int(j, "spread", day->spread);
		if (day->partly) {
			json_key(j, "partly");
			json_bool(j, true);
		}
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void put_exact(struct json *j, const struct dossier *d)
{
	char text[TIME_TEXT_BYTES];
	json_key(j, "newest_calls");
	json_open(j, '{');
	put_int(j, "calls", d->exact_cnt);
	put_time(j, "from", d->exact_cnt ? d->exact[0].start_ms : TIME_NONE);
	put_time(j, "to", d->exact_cnt ? d->exact[d->exact_cnt - 1].start_ms : TIME_NONE);
	json_key(j, "hours");
	json_open(j, '[');
	for (int i = 0; i < 24; i++)
		json_uint(j, d->hours[i]);
	json_close(j, ']');
	json_key(j, "gaps");
	json_open(j, '{');
	for (int i = 0; i < DOSSIER_GAPS; i++)
		put_int(j, dossier_gap_names[i], d->gaps[i]);
	json_close(j, '}');
	json_key(j, "regions");
	json_open(j, '[');
	for (uint32_t i = 0; i < d->to_cnt; i++) {
		dossier_region_text(d->to[i].region, text);
		json_open(j, '{');
		json_key(j, "region");
		json_string(j, text);
		put_int(j, "calls", d->to[i].calls);
		put_int(j, "answered", d->to[i].answered);
		json_close(j, '}');
	}
	json_close(j, ']');
	json_close(j, '}');
}

static void put_health(struct json *j, const char *key, int64_t health)
{
	json_key(j, key);
	if (health < 0)
		json_null(j);
	else
		json_int(j, health);
}

static void put_health_now(struct json *j, const struct dossier *d)
{
	static const char *const names[HEALTH_PARTS] = {"health", "maturity", "connection", "engagement", "sentiment"};
	json_key(j, "health");
	json_open(j, '{');
	for (int i = 0; i < HEALTH_PARTS; i++)
		put_health(j, names[i], d->health.of[i]);
	json_key(j, "reasons");
	json_open(j, '[');
	for (uint32_t i = 0; i < d->reason_cnt; i++) {
		const struct health_reason *r = &d->reasons[i];
		json_open(j, '{');
		json_key(j, "part");
		json_string(j, names[r->part]);
		json_key(j, "figure");
		json_string(j, r->figure);
		json_key(j, "points");
		json_double(j, r->points);
		json_key(j, "words");
		json_string(j, r->words);
		json_close(j, '}');
	}
	json_close(j, ']');
	json_close(j, '}');
}

static void put_episodes(struct json *j, const struct dossier *d)
{
	json_key(j, "finished");
	json_open(j, '[');
	for (uint32_t i = 0; i < d->row_cnt; i++)
		if (!d->episode || d->rows[i].episode == d->episode)
			case_row_write(j, SLICE_NONE, &d->rows[i]);
	json_close(j, ']');
}

static void put_history(struct json *j, const struct dossier *d)
{
	json_key(j, "history");
	json_open(j, '[');
	for (uint32_t i = 0; i < d->history.cnt; i++)
		if (dossier_shows(d, &d->history.entries[i]))
			history_entry_write(j, &d->history.entries[i]);
	json_close(j, ']');
	put_int(j, "history_dropped", d->history.dropped);
	json_key(j, "history_damage");
	json_text(j, d->damaged ? slice_of(d->damage.text) : SLICE_NONE);
}

static void put_now(struct json *j, const struct dossier *d)
{
	json_key(j, "phase");
	json_string(j, phase_name(d->view.phase));
	put_time(j, "phase_since", d->view.phase_since_ms);
	put_time(j, "until", d->view.until_ms);
	put_int(j, "episode", d->view.episode);
	event_flags_write(j, d->view.open_flags, d->view.open_flag_cnt);
	json_key(j, "open_alerts");
	json_open(j, '[');
	for (uint32_t i = 0; i < d->view.open_alert_cnt; i++)
		json_text(j, d->view.open_alerts[i]);
	json_close(j, ']');
	put_time(j, "first_seen", d->subject->first_seen_ms);
	json_key(j, "lifetime");
	json_open(j, '{');
	put_int(j, "calls", (int64_t)d->subject->calls);
	put_int(j, "answered", (int64_t)d->subject->answered);
	put_int(j, "talk_s", (int64_t)(d->subject->talk_ms / 1000));
	put_time(j, "since", d->subject->since_ms);
	json_close(j, '}');
}

void dossier_json(const struct dossier *d, struct buf *out)
{
	struct json j;
	json_init_buf(&j, out);
	json_open(&j, '{');
	put_text(&j, "number", d->number);
	put_time(&j, "as_of", d->as_of_ms);
	put_text(&j, "account", d->account.len ? d->account : SLICE_NONE);
	json_key(&j, "zone");
	json_string(&j, d->zone ? zone_name(d->zone) : "UTC");
	if (d->episode)
		put_int(&j, "of_episode", d->episode);
	put_profile(&j, d->profile);
	put_now(&j, d);
	json_key(&j, "windows");
	json_open(&j, '{');
	for (int i = 0; i < DOSSIER_WINDOWS; i++)
		put_window(&j, &d->windows[i]);
	json_close(&j, '}');
	put_health_now(&j, d);
	put_days(&j, d);
	put_exact(&j, d);
	put_episodes(&j, d);
	put_history(&j, d);
	json_close(&j, '}');
	buf_put_u8(out, '\n');
}
