/* SPDX-License-Identifier: Apache-2.0 */
#include "app/history_json.h"

#include "base/clock.h"
#include "rules/history_fields.h"

#include <stdio.h>

static void write_day(struct json *j, int64_t day)
{
	char text[TIME_TEXT_BYTES], cut[16];
	if (day > 1000000 || day < -1000000) {
		json_null(j);
		return;
	}
	snprintf(cut, sizeof cut, "%.10s", time_format(day * DAY_MS, text));
	json_string(j, cut);
}

static void write_figures(struct json *j, const struct history_figures *f)
{
	json_open(j, '{');
	for (uint32_t i = 0; i < f->cnt; i++) {
		json_key_slice(j, f->of[i].text);
		json_value(j, &f->of[i].value);
	}
	json_close(j, '}');
}

static void write_field(struct json *j, const struct history_entry *e, const struct history_field *f)
{
	const void *at = (const char *)e + f->offset;
	json_key(j, f->name);
	switch ((enum history_field_type)f->type) {
	case FIELD_INT:
		json_int(j, *(const int64_t *)at);
		break;
	case FIELD_DAY:
		write_day(j, *(const int64_t *)at);
		break;
	case FIELD_PHASE:
		json_string(j, phase_name(*(const enum phase *)at));
		break;
	case FIELD_TIME:
		json_time(j, *(const int64_t *)at);
		break;
	case FIELD_TEXT:
		json_text(j, *(const struct slice *)at);
		break;
	case FIELD_VALUE:
		json_value(j, at);
		break;
	case FIELD_FIGURES:
		write_figures(j, at);
		break;
	}
}

void history_entry_write(struct json *j, const struct history_entry *e)
{
	json_open(j, '{');
	json_key(j, "time");
	json_time(j, e->time_ms);
	json_key(j, "kind");
	json_string(j, history_kind_name(e->kind));
	for (uint32_t i = 0; i < history_field_cnt; i++)
		if (history_fields[i].kind == e->kind)
			write_field(j, e, &history_fields[i]);
	json_close(j, '}');
}

void history_day_write(struct json *j, const struct history_day *d)
{
	json_open(j, '{');
	json_key(j, "day");
	write_day(j, d->day);
	json_key(j, "calls");
	json_int(j, d->calls);
	json_key(j, "answered");
	json_int(j, d->answered);
	json_key(j, "talk_s");
	json_int(j, d->talk_s);
	json_key(j, "judged");
	json_int(j, d->judged);
	json_key(j, "unknown");
	json_int(j, d->unknown);
	json_close(j, '}');
}

/* ---- finished episodes ---- */

double case_row_days(const struct case_row *r)
{
	return (double)((r->ended_ms - r->began_ms) / (DAY_MS / 100)) / 100;
}

static void put_health(struct json *j, const char *key, int health)
{
	json_key(j, key);
	if (health < 0)
		json_null(j);
	else
		json_int(j, health);
}

static void put_count(struct json *j, const char *key, uint32_t n)
{
	json_key(j, key);
	json_uint(j, n);
}

void case_row_write(struct json *j, struct slice number, const struct case_row *r)
{
	json_open(j, '{');
	if (number.p) {
		json_key(j, "number");
		json_text(j, number);
	}
	put_count(j, "episode", r->episode);
	json_key(j, "outcome");
	json_string(j, case_outcome_name(r->outcome));
	json_key(j, "reason");
	json_string(j, case_reason_name(r->reason));
	json_key(j, "began");
	json_time(j, r->began_ms);
	json_key(j, "ended");
	json_time(j, r->ended_ms);
	json_key(j, "days");
	json_double(j, case_row_days(r));
	put_count(j, "violations", r->violations);
	put_count(j, "disputes_sent", r->sent);
	put_count(j, "disputes_answered", r->answered);
	put_health(j, "health_before", r->health_before);
	put_health(j, "health_after", r->health_after);
	json_close(j, '}');
}
