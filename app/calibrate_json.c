/* SPDX-License-Identifier: Apache-2.0 */
/* The report of calibrate for programs. Its fields are a public interface: they may become more, and do not change. */
#include "app/calibrate.h"
#include "sinks/json.h"

static void put_value(struct json *j, struct value v)
{
	switch (v.type) {
	case VALUE_INT:
		json_int(j, v.i);
		break;
	case VALUE_DOUBLE:
		json_double(j, v.d);
		break;
	case VALUE_BOOL:
		json_bool(j, v.b);
		break;
	case VALUE_STRING:
		json_text(j, v.s);
		break;
	}
}

static void put_uint(struct json *j, const char *key, uint64_t v)
{
	json_key(j, key);
	json_uint(j, v);
}

static void put_share(struct json *j, const char *key, uint64_t part, uint64_t all)
{
	json_key(j, key);
	json_double(j, share_of(part, all));
}

static void put_spread(struct json *j, const char *key, const struct spread *s)
{
	json_key(j, key);
	if (s->cnt == 0) {
		json_null(j);
		return;
	}
	json_open(j, '{');
	put_uint(j, "median", spread_quantile(s, 500));
	put_uint(j, "p90", spread_quantile(s, 900));
	json_close(j, '}');
}

static void put_kinds(struct json *j, const struct calibrate *x, const struct trial *t)
{
	json_key(j, "kinds");
	json_open(j, '{');
	for (uint32_t k = 0; k < x->truth->kind_cnt; k++) {
		if (x->truth->numbers[k] == 0)
			continue;
		json_key_slice(j, x->truth->kinds[k]);
		json_open(j, '{');
		put_uint(j, "numbers", t->kinds[k]);
		put_share(j, "share", t->kinds[k], x->truth->numbers[k]);
		json_close(j, '}');
	}
	json_close(j, '}');
}

static void put_example(struct json *j, const struct calibrate *x, const struct program *p, const struct example *e)
{
	json_open(j, '{');
	json_key(j, "number");
	json_text(j, e->number);
	if (x->truth) {
		json_key(j, "kind");
		json_text(j, x->truth->kinds[e->kind]);
	}
	json_key(j, "time");
	json_time(j, e->time_ms);
	put_uint(j, "calls", e->calls);
	json_key(j, "figures");
	json_open(j, '{');
	for (uint32_t i = 0; i < p->figure_cnt; i++) {
		json_key_slice(j, p->figures[i].text);
		put_value(j, e->figures[i]);
	}
	json_close(j, '}');
	json_close(j, '}');
}

/* The members of an object that is open. */
static void put_trial(struct json *j, const struct calibrate *x, uint32_t trial)
{
	const struct trial *t = &x->trials[trial];
	put_uint(j, "numbers", t->numbers);
	put_share(j, "numbers_share", t->numbers, x->callers.cnt);
	put_uint(j, "calls", t->calls);
	put_share(j, "calls_share", t->calls, x->calls);
	put_uint(j, "calls_after", t->calls - t->calls_before);
	put_share(j, "calls_after_share", t->calls - t->calls_before, x->calls);
	put_spread(j, "calls_until", &t->calls_until);
	put_spread(j, "seconds_until", &t->seconds_until);
	json_key(j, "first");
	json_time(j, t->first_ms);
	put_uint(j, "errors", t->errors);
	if (x->truth)
		put_kinds(j, x, t);
	json_key(j, "examples");
	json_open(j, '[');
	for (uint32_t i = 0; i < t->example_cnt; i++)
		put_example(j, x, &x->trying->rules[trial].program, &t->examples[i]);
	json_close(j, ']');
}

static void put_ladder(struct json *j, const struct calibrate *x, uint32_t ladder)
{
	struct rules_ladder l = rules_ladder(x->rules, ladder);
	json_open(j, '{');
	json_key(j, "param");
	json_text(j, l.param);
	json_key(j, "steps");
	json_open(j, '[');
	for (uint32_t step = 0; step < l.step_cnt; step++) {
		json_open(j, '{');
		json_key(j, "value");
		put_value(j, rules_ladder_step(x->rules, ladder, step));
		json_key(j, "in_force");
		json_bool(j, step == l.in_force);
		put_trial(j, x, x->ladder_trial[ladder] + step);
		json_close(j, '}');
	}
	json_close(j, ']');
	json_close(j, '}');
}

static void put_rule(struct json *j, const struct calibrate *x, uint32_t rule)
{
	const struct rule *r = &x->rules->rules[rule];
	char for_text[TIME_TEXT_BYTES];
	json_open(j, '{');
	json_key(j, "rule");
	json_text(j, r->name);
	json_key(j, "group");
	json_text(j, r->group);
	json_key(j, "severity");
	json_text(j, r->severity);
	json_key(j, "file");
	json_string(j, r->file);
	json_key(j, "line");
	json_int(j, r->line);
	json_key(j, "expr");
	json_text(j, r->expr);
	json_key(j, "for");
	json_string(j, r->for_ms ? duration_format(r->for_ms, for_text) : "0s");
	json_key(j, "mode");
	json_string(j, r->shadow ? "shadow" : "enforce");
	json_key(j, "source");
	json_text(j, r->source);
	json_key(j, "in_force");
	json_open(j, '{');
	put_uint(j, "alone", x->trials[x->in_force[rule]].alone);
	put_trial(j, x, x->in_force[rule]);
	json_close(j, '}');
	json_key(j, "ladders");
	json_open(j, '[');
	for (uint32_t l = 0; l < rules_ladder_cnt(x->rules); l++)
		if (rules_ladder(x->rules, l).rule == rule)
			put_ladder(j, x, l);
	json_close(j, ']');
	json_close(j, '}');
}

/* Pairs of rules in force that caught a number in common, by their places in `rules`. */
static void put_overlap(struct json *j, const struct calibrate *x)
{
	json_key(j, "overlap");
	if (!x->overlap) {
		json_null(j);
		return;
	}
	json_open(j, '[');
	for (uint32_t a = 0; a < rules_cnt(x->rules); a++)
		for (uint32_t b = a + 1; b < rules_cnt(x->rules); b++) {
			if (!calibrate_both(x, a, b))
				continue;
			json_open(j, '{');
			put_uint(j, "a", a);
			put_uint(j, "b", b);
			put_uint(j, "both", calibrate_both(x, a, b));
			json_key(j, "jaccard");
			json_double(j, calibrate_jaccard(x, a, b));
			json_close(j, '}');
		}
	json_close(j, ']');
}

static void put_truth(struct json *j, const struct truth *t)
{
	json_key(j, "kinds");
	json_open(j, '{');
	for (uint32_t k = 0; k < t->kind_cnt; k++) {
		if (t->numbers[k] == 0)
			continue;
		json_key_slice(j, t->kinds[k]);
		json_uint(j, t->numbers[k]);
	}
	json_close(j, '}');
}

void calibrate_json(const struct calibrate *x, struct buf *out)
{
	struct json j;
	json_init_buf(&j, out);
	json_open(&j, '{');
	put_uint(&j, "version", 1);
	put_uint(&j, "records", x->sums.records);
	put_uint(&j, "calls", x->calls);
	put_uint(&j, "numbers", x->callers.cnt);
	put_uint(&j, "dead_letters", x->sums.counts.dead_letters);
	json_key(&j, "clock_last");
	json_time(&j, x->sums.last_ms);
	if (x->truth)
		put_truth(&j, x->truth);
	json_key(&j, "rules");
	json_open(&j, '[');
	for (uint32_t i = 0; i < rules_cnt(x->rules); i++)
		put_rule(&j, x, i);
	json_close(&j, ']');
	put_overlap(&j, x);
	json_close(&j, '}');
	buf_put_u8(out, '\n');
}
