/* SPDX-License-Identifier: Apache-2.0 */
/* Rule tests run through the pipeline, once a test: one shard, state in memory, time up to the last eval_time. What it says is kept, and each check
 * looks at what was said by its eval_time: events carry the time that they are of, so nothing has to be stopped on the way. */
#include "app/rule_test.h"
#include "app/replay.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define NEAR 1e-9 /* of a double: what writing it in decimal loses */

/* ---- what was said ---- */

struct said {
	enum event_kind kind;
	int64_t time_ms;
	char *subject; /* owned */
	cJSON *data;   /* owned */
};

/* An alert that fires at a time. */
struct firing {
	const struct said *said; /* the event that said so last */
	bool taken;              /* by an entry of exp_alerts */
};

struct running {
	const struct test_file *file;
	const struct rule_test *test;
	struct said *said;
	uint32_t said_cnt, said_cap;
	struct firing *firing; /* of the check being made */
	uint32_t firing_cnt, firing_cap;
	struct buf *out; /* differences */
	bool headed;     /* the check has its line already */
	uint32_t differences;
	uint64_t dead_letters;
};

static void hear(void *ctx, const struct message *m)
{
	struct running *r = ctx;
	const uint32_t prefix = sizeof "dev.ringfence." - 1;
	struct said s = {.kind = EVENT_KIND_CNT};
	struct slice type = slice_make(m->type.p + prefix, m->type.len - prefix - 3); /* less ".v1" */
	for (int k = 0; k < EVENT_KIND_CNT; k++)
		if (slice_is(type, event_type((enum event_kind)k)))
			s.kind = (enum event_kind)k;
	if (!m->data.p || s.kind == EVENT_NUMBER || !time_parse(m->time, &s.time_ms))
		return;
	s.subject = strndup(m->subject.p, m->subject.len);
	s.data = cJSON_ParseWithLength(m->data.p, m->data.len);
	if (r->said_cnt == r->said_cap) {
		r->said_cap = r->said_cap ? 2 * r->said_cap : 64;
		r->said = mem_realloc(r->said, r->said_cap * sizeof *r->said);
	}
	r->said[r->said_cnt++] = s;
}

static const char *field(const struct said *s, const char *name)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(s->data, name));
	return text ? text : "";
}

static const cJSON *map_of(const struct said *s, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(s->data, name);
}

/* ---- differences ---- */

static void put_head(struct running *r, struct where w, const char *what, struct slice name, int64_t at_ms)
{
	char at[TIME_TEXT_BYTES];
	if (r->headed)
		return;
	r->headed = true;
	buf_printf(r->out, "  %s:%d:%d: %s " SLICE_FMT " at %s\n", r->file->path, w.line, w.column, what, SLICE_ARG(name),
		   at_ms ? duration_format(at_ms, at) : "0s");
}

static void differ(struct running *r, const char *subject, const char *what, const char *expected, const char *got)
{
	buf_printf(r->out, "    %s%s%s\n      expected: %s\n      got:      %s\n", subject, what[0] ? " " : "", what, expected, got);
	r->differences++;
}

/* ---- pairs ---- */

/* A scalar of JSON as text; numbers as they were written. Valid until the next call with this buffer. */
static const char *scalar_text(const cJSON *v, char out[64])
{
	if (cJSON_IsString(v))
		return v->valuestring;
	if (cJSON_IsBool(v))
		return cJSON_IsTrue(v) ? "true" : "false";
	if (!cJSON_IsNumber(v))
		return "(none)";
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(out, 64, "%.*g", digits, v->valuedouble);
		if (strtod(out, NULL) == v->valuedouble)
			break;
	}
	return out;
}

static bool is_equal(const cJSON *got, struct slice expected)
{
	char text[64], *end;
	if (!got)
		return false;
	if (!cJSON_IsNumber(got))
		return slice_is(expected, scalar_text(got, text));
	double d = strtod(expected.p, &end); /* texts of YAML are terminated */
	return expected.len && *end == '\0' && fabs(d - got->valuedouble) <= NEAR * fmax(1, fabs(d));
}

static void print_json_pairs(const cJSON *map, struct buf *out)
{
	const cJSON *v;
	char text[64];
	bool first = true;
	buf_put_u8(out, '{');
	cJSON_ArrayForEach(v, map)
	{
		buf_printf(out, "%s%s: %s", first ? "" : ", ", v->string, scalar_text(v, text));
		first = false;
	}
	buf_put_u8(out, '}');
}

/* A rule without the label has a severity all the same. Terminated. */
static void print_labels(const struct said *s, struct buf *out)
{
	print_json_pairs(map_of(s, "labels"), out);
	if (!cJSON_GetObjectItemCaseSensitive(map_of(s, "labels"), "severity"))
		buf_printf(out, ", severity %s", field(s, "severity"));
	buf_put_u8(out, 0);
}

static void print_pairs(const struct test_pairs *p, struct buf *out)
{
	buf_put_u8(out, '{');
	for (uint32_t i = 0; i < p->cnt; i++)
		buf_printf(out, "%s" SLICE_FMT ": " SLICE_FMT, i ? ", " : "", SLICE_ARG(p->v[i].name), SLICE_ARG(p->v[i].value));
	buf_put_u8(out, '}');
	buf_put_u8(out, 0);
}

static const cJSON *pair_of(const struct said *s, const char *map, struct slice name)
{
	const cJSON *v;
	cJSON_ArrayForEach(v, map_of(s, map)) if (slice_is(name, v->string)) return v;
	/* a rule without this label has a severity all the same */
	return strcmp(map, "labels") == 0 && slice_is(name, "severity") ? map_of(s, "severity") : NULL;
}

/* All pairs are the same; figures: those that are expected are. */
static bool same_pairs(const struct said *s, const char *map, const struct test_pairs *p)
{
	uint32_t own = 0;
	if (!p->given)
		return true;
	for (uint32_t i = 0; i < p->cnt; i++) {
		if (!is_equal(pair_of(s, map, p->v[i].name), p->v[i].value))
			return false;
		own += cJSON_GetObjectItemCaseSensitive(map_of(s, map), p->v[i].name.p) != NULL;
	}
	return strcmp(map, "figures") == 0 || (int)own == cJSON_GetArraySize(map_of(s, map));
}

static bool same_alert(const struct said *s, const struct expected_alert *e)
{
	return (!e->number.p || slice_is(e->number, s->subject)) && (!e->alert.p || slice_is(e->alert, field(s, "rule"))) &&
	       same_pairs(s, "labels", &e->labels) && same_pairs(s, "annotations", &e->annotations) &&
	       same_pairs(s, "figures", &e->figures);
}

static void show_pairs(struct running *r, const struct said *s, const char *map, const struct test_pairs *p)
{
	struct buf expected = {0}, got = {0};
	if (same_pairs(s, map, p))
		return;
	print_pairs(p, &expected);
	if (strcmp(map, "labels") == 0) {
		print_labels(s, &got);
	} else {
		print_json_pairs(map_of(s, map), &got);
		buf_put_u8(&got, 0);
	}
	differ(r, s->subject, map, (const char *)expected.data, (const char *)got.data);
	buf_release(&expected);
	buf_release(&got);
}

static void show_figures(struct running *r, const struct said *s, const struct test_pairs *p)
{
	char text[64], expected[128];
	for (uint32_t i = 0; i < p->cnt; i++) {
		const cJSON *got = pair_of(s, "figures", p->v[i].name);
		snprintf(expected, sizeof expected, SLICE_FMT, SLICE_ARG(p->v[i].value));
		if (!is_equal(got, p->v[i].value))
			differ(r, s->subject, p->v[i].name.p, expected,
			       got ? scalar_text(got, text) : "(the rule does not name this figure)");
	}
}

/* ---- alert_rule_test ---- */

static bool same_instance(const struct said *a, const struct said *b)
{
	return strcmp(a->subject, b->subject) == 0 && strcmp(field(a, "rule"), field(b, "rule")) == 0 &&
	       strcmp(field(a, "severity"), field(b, "severity")) == 0 && cJSON_Compare(map_of(a, "labels"), map_of(b, "labels"), true);
}

static void put_firing(struct running *r, const struct said *s)
{
	uint32_t i = 0;
	while (i < r->firing_cnt && !same_instance(r->firing[i].said, s))
		i++;
	if (s->kind == EVENT_ALERT_RESOLVED) {
		if (i < r->firing_cnt)
			memmove(&r->firing[i], &r->firing[i + 1], (--r->firing_cnt - i) * sizeof *r->firing);
		return;
	}
	if (i == r->firing_cnt && r->firing_cnt++ == r->firing_cap) {
		r->firing_cap = r->firing_cap ? 2 * r->firing_cap : 64;
		r->firing = mem_realloc(r->firing, r->firing_cap * sizeof *r->firing);
	}
	r->firing[i] = (struct firing){.said = s};
}

static bool is_any(struct slice alert)
{
	return slice_is(alert, "*");
}

static void find_firing(struct running *r, struct slice alert, int64_t at_ms)
{
	r->firing_cnt = 0;
	for (uint32_t i = 0; i < r->said_cnt; i++) {
		const struct said *s = &r->said[i];
		if (s->kind <= EVENT_ALERT_RESOLVED && s->time_ms <= at_ms && (is_any(alert) || slice_is(alert, field(s, "rule"))))
			put_firing(r, s);
	}
}

static struct firing *find_like(struct running *r, const struct expected_alert *e, bool exactly)
{
	for (uint32_t i = 0; i < r->firing_cnt; i++) {
		struct firing *f = &r->firing[i];
		if (!f->taken && (exactly ? same_alert(f->said, e)
					  : (!e->number.p || slice_is(e->number, f->said->subject)) &&
						    (!e->alert.p || slice_is(e->alert, field(f->said, "rule")))))
			return f;
	}
	return NULL;
}

static void show_expected(struct running *r, const struct alert_test *t, const struct expected_alert *e, struct firing *f)
{
	put_head(r, t->where, "alert", t->alert, t->at_ms);
	if (!f) {
		differ(r, e->number.p ? e->number.p : "any number", e->alert.p ? e->alert.p : "", "firing", "not firing");
		return;
	}
	f->taken = true;
	show_pairs(r, f->said, "labels", &e->labels);
	show_pairs(r, f->said, "annotations", &e->annotations);
	show_figures(r, f->said, &e->figures);
}

/* First every entry takes the alert that it describes; what is left is compared by its number. */
static void check_alert(struct running *r, const struct alert_test *t)
{
	r->headed = false;
	find_firing(r, t->alert, r->test->start_ms + t->at_ms);
	bool *met = mem_zalloc(t->expected_cnt + 1);
	for (uint32_t i = 0; i < t->expected_cnt; i++) {
		struct firing *f = find_like(r, &t->expected[i], true);
		met[i] = f != NULL;
		if (f)
			f->taken = true;
	}
	for (uint32_t i = 0; i < t->expected_cnt; i++)
		if (!met[i])
			show_expected(r, t, &t->expected[i], find_like(r, &t->expected[i], false));
	free(met);
	for (uint32_t i = 0; i < r->firing_cnt; i++)
		if (!r->firing[i].taken) {
			struct buf labels = {0};
			put_head(r, t->where, "alert", t->alert, t->at_ms);
			buf_puts(&labels, "firing, labels ");
			print_labels(r->firing[i].said, &labels);
			differ(r, r->firing[i].said->subject, is_any(t->alert) ? field(r->firing[i].said, "rule") : "", "not firing",
			       (const char *)labels.data);
			buf_release(&labels);
		}
}

/* ---- transition_test ---- */

static void check_word(struct running *r, const struct transition_test *t, const char *what, struct slice expected, const char *got)
{
	if (!expected.p || slice_is(expected, got))
		return;
	put_head(r, t->where, "phase of", t->number, t->at_ms);
	differ(r, t->number.p, what, expected.p, got);
}

static void check_transition(struct running *r, const struct transition_test *t)
{
	const struct said *last = NULL;
	static const char none[] = "(no transition)";
	r->headed = false;
	for (uint32_t i = 0; i < r->said_cnt; i++) {
		const struct said *s = &r->said[i];
		if (s->kind == EVENT_TRANSITION && s->time_ms <= r->test->start_ms + t->at_ms && slice_is(t->number, s->subject))
			last = s;
	}
	check_word(r, t, "phase", t->phase, last ? field(last, "to") : phase_name(PHASE_ACTIVE));
	check_word(r, t, "from", t->from, last ? field(last, "from") : none);
	check_word(r, t, "to", t->to, last ? field(last, "to") : none);
	check_word(r, t, "reason", t->reason, last ? field(last, "reason") : none);
}

/* ---- a test ---- */

static int64_t end_of(const struct rule_test *t)
{
	int64_t last_ms = 0;
	for (uint32_t i = 0; i < t->alert_cnt; i++)
		last_ms = t->alerts[i].at_ms > last_ms ? t->alerts[i].at_ms : last_ms;
	for (uint32_t i = 0; i < t->transition_cnt; i++)
		last_ms = t->transitions[i].at_ms > last_ms ? t->transitions[i].at_ms : last_ms;
	return t->start_ms + last_ms;
}

/* `config`: with records and commands. */
static enum err replay_test(struct running *r, const struct settings *set, struct rules *rules, struct replay_config config,
			    struct err_text *why)
{
	struct pipeline p;
	struct replay *replay = NULL;
	struct replay_sums sums;
	config.partitions = 1;
	config.until_ms = end_of(r->test);
	config.any_time = true;
	config.event = hear;
	config.event_ctx = r;
	enum err e = pipeline_init(&p, set, true, why);
	p.files = true;
	if (!e) {
		pipeline_set_rules(&p, rules_share(rules));
		e = replay_open(&p, &config, &replay, why);
	}
	if (!e)
		e = replay_run(replay, why);
	if (!e) {
		replay_sums(replay, &sums);
		r->dead_letters = sums.counts.dead_letters;
	}
	enum err closed = replay_close(replay, NULL);
	pipeline_release(&p);
	return e ? e : closed;
}

static void forget(struct running *r)
{
	for (uint32_t i = 0; i < r->said_cnt; i++) {
		free(r->said[i].subject);
		cJSON_Delete(r->said[i].data);
	}
	free(r->said);
	free(r->firing);
}

static enum err run_test(const struct settings *set, const struct test_file *f, const struct rule_test *t, struct rules *rules,
			 struct rule_test_sums *sums, struct buf *out, struct buf *problems)
{
	struct buf differences = {0};
	struct running r = {.file = f, .test = t, .out = &differences};
	struct arena a;
	struct cdr *cdrs;
	struct command *commands;
	struct replay_config config = {.records = NULL};
	struct err_text why;
	arena_init(&a, 256 << 10);
	enum err e = rule_test_cdrs(f, t, &set->input, &a, &cdrs, &config.record_cnt, problems);
	if (!e)
		e = rule_test_commands(f, t, &a, &commands, &config.command_cnt, problems);
	if (!e) {
		config.records = cdrs;
		config.commands = commands;
	}
	if (!e && (e = replay_test(&r, set, rules, config, &why)))
		buf_printf(problems, "%s:%d:%d: %s\n", f->path, t->where.line, t->where.column, why.text);
	for (uint32_t i = 0; i < t->alert_cnt && !e; i++)
		check_alert(&r, &t->alerts[i]);
	for (uint32_t i = 0; i < t->transition_cnt && !e; i++)
		check_transition(&r, &t->transitions[i]);
	if (!e) {
		sums->tests++;
		sums->failed += r.differences > 0;
		sums->checks += t->alert_cnt + t->transition_cnt;
		buf_printf(out, "%s %s:%d: " SLICE_FMT "\n", r.differences ? "FAIL" : "ok  ", f->path, t->where.line,
			   SLICE_ARG(t->name.p ? t->name : SLICE_LIT("(no name)")));
		buf_put(out, differences.data, differences.len);
		if (r.dead_letters)
			buf_printf(out, "  note: %llu of its calls and commands could not be used (dead letters)\n",
				   (unsigned long long)r.dead_letters);
	}
	forget(&r);
	buf_release(&differences);
	arena_release(&a);
	return e;
}

/* ---- a file ---- */

struct names {
	const char **v;
	uint32_t n;
	const struct test_file *file;
	struct buf *problems;
};

static enum err check_name(const struct names *k, struct slice alert, struct where w)
{
	for (uint32_t i = 0; i < k->n; i++)
		if (slice_is(alert, k->v[i]))
			return ERR_OK;
	const char *near = nearest_name(alert, k->v, k->n);
	buf_printf(k->problems, "%s:%d:%d: alertname: no rule has the name " SLICE_FMT "%s%s%s\n", k->file->path, w.line, w.column,
		   SLICE_ARG(alert), near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
	return ERR_CONFIG;
}

static enum err check_names_of(const struct names *k, const struct alert_test *t)
{
	enum err e = is_any(t->alert) ? ERR_OK : check_name(k, t->alert, t->name_where);
	for (uint32_t i = 0; i < t->expected_cnt; i++)
		if (t->expected[i].alert.p && check_name(k, t->expected[i].alert, t->expected[i].alert_where))
			e = ERR_CONFIG;
	return e;
}

/* Names that no rule has. */
static enum err check_names(const struct test_file *f, const struct rules *rules, struct arena *a, struct buf *problems)
{
	struct names k = {.n = rules_cnt(rules), .file = f, .problems = problems};
	enum err e = ERR_OK;
	k.v = arena_alloc(a, (k.n + 1) * sizeof *k.v);
	for (uint32_t i = 0; i < k.n; i++)
		k.v[i] = arena_copy(a, rules_name(rules, i)).p;
	for (uint32_t i = 0; i < f->test_cnt; i++)
		for (uint32_t n = 0; n < f->tests[i].alert_cnt; n++)
			if (check_names_of(&k, &f->tests[i].alerts[n]))
				e = ERR_CONFIG;
	return e;
}

enum err rule_test_run(const struct settings *set, const char *path, struct rule_test_sums *sums, struct buf *out, struct buf *problems)
{
	struct arena a;
	struct test_file f;
	struct rules *rules = NULL;
	struct err_text why;
	arena_init(&a, 64 << 10);
	enum err e = rule_test_file_read(path, &a, &f, problems);
	if (!e)
		e = settings_rules(set, f.rule_files, f.rule_file_cnt, &rules, problems);
	if (!e && (e = relay_check_rules(set, rules, &why)))
		buf_printf(problems, "%s: %s\n", path, why.text);
	if (!e)
		e = check_names(&f, rules, &a, problems);
	for (uint32_t i = 0; i < f.test_cnt && !e; i++)
		e = run_test(set, &f, &f.tests[i], rules, sums, out, problems);
	rules_free(rules);
	arena_release(&a);
	return e;
}
