/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over CDRs for all rules at all steps of their ladders.
 *
 * DESIGN. rules_choose() makes one rule set of all trials: a trial is a rule as loaded or at a step of a ladder. The CDRs run through the pipeline with a
 * rule set that is empty, so each is scored once and no rule acts; after each CDR the conditions of all trials are asked as one chain (rules_try_all). There is
 * no second evaluator, and none of what an alert needs but this: a number is caught by a trial once, at the moment at which its first alert would be raised.
 *
 * `for` is kept to the letter: what is true begins to wait, is asked again at every call and by timer, every interval and when `for` runs out, as of that
 * time and before later CDRs are applied; what is false once begins anew. `when` and `exempt` are part of the condition.
 *
 * GUARANTEES. The numbers caught by a trial are those for which `replay` of that rule alone, with that value, says alert.raised. But: `limit` of groups
 * holds nothing back here, a number may have more than 64 alerts, and it stays in phase `active` whatever catches it.
 *
 * Memory: per number that called 12 to 32 bytes, per number at which a condition was ever true a bit a trial and 48 bytes, per alert that waits 40 bytes,
 * per trial its sums. What the pipeline itself remembers of numbers is many times that.
 *
 * ALTERNATIVES. The set of all trials as rules of the pipeline: the machine of alerts would decide, but a number has at most 64 of them, their state would
 * be written at every call, and quarantines of one step would change what the next one sees. */
#include "app/calibrate.h"

#include "app/shard.h"
#include "scoring/facts.h"

#include <assert.h>
#include <stdlib.h>

#define RESET_EVERY 1024 /* evaluations between two resets of the machine's memory */

/* ---- a catch ---- */

static uint64_t *caught_of(const struct calibrate *x, uint32_t suspect)
{
	return x->caught + (size_t)suspect * x->words;
}

static bool is_caught(const struct calibrate *x, uint32_t suspect, uint32_t trial)
{
	return caught_of(x, suspect)[trial / 64] >> (trial % 64) & 1;
}

static bool wants_example(const struct calibrate *x, const struct trial *t, uint32_t kind)
{
	if (!x->truth)
		return t->example_cnt < EXAMPLES_PLAIN;
	for (uint32_t i = 0; i < t->example_cnt; i++)
		if (t->examples[i].kind == kind)
			return false;
	return t->example_cnt < EXAMPLES_MAX;
}

/* The figures are those of the evaluation that caught it. */
static void add_example(struct calibrate *x, uint32_t trial, const struct suspect *s, int64_t now_ms)
{
	struct trial *t = &x->trials[trial];
	const struct program *p = &x->trying->rules[trial].program;
	uint32_t kind = x->truth ? truth_kind(x->truth, s->number) : 0;
	if (!wants_example(x, t, kind))
		return;
	struct example *e = &t->examples[t->example_cnt++];
	*e = (struct example){.number = arena_copy(&x->arena, slice_make(s->key, s->key_len)),
			      .time_ms = now_ms,
			      .calls = s->calls,
			      .kind = kind,
			      .figures = arena_alloc(&x->arena, (p->figure_cnt + 1) * sizeof *e->figures)};
	for (uint32_t i = 0; i < p->figure_cnt; i++) {
		e->figures[i] = figure_get(x->figures, p->figure_slots[i]);
		if (e->figures[i].type == VALUE_STRING)
			e->figures[i].s = arena_copy(&x->arena, e->figures[i].s);
	}
}

static void catch (struct calibrate *x, uint32_t trial, uint32_t suspect, const struct subject *sub, int64_t now_ms)
{
	struct trial *t = &x->trials[trial];
	const struct suspect *s = &x->suspects[suspect];
	int64_t known_ms = sub->first_seen_ms == TIME_NONE || now_ms < sub->first_seen_ms ? 0 : now_ms - sub->first_seen_ms;
	caught_of(x, suspect)[trial / 64] |= UINT64_C(1) << (trial % 64);
	t->numbers++;
	t->calls_before += s->calls;
	if (t->first_ms == TIME_NONE || now_ms < t->first_ms)
		t->first_ms = now_ms;
	spread_add(&t->calls_until, s->calls);
	spread_add(&t->seconds_until, (uint64_t)(known_ms / SECOND_MS));
	add_example(x, trial, s, now_ms);
}

/* ---- one evaluation ---- */

static uint32_t suspect_new(struct calibrate *x, const struct subject *sub, uint64_t number)
{
	bool fresh;
	if (x->suspect_cnt == x->suspect_cap) {
		x->suspect_cap = x->suspect_cap ? 2 * x->suspect_cap : 256;
		x->suspects = mem_realloc(x->suspects, x->suspect_cap * sizeof *x->suspects);
		x->caught = mem_realloc(x->caught, (size_t)x->suspect_cap * x->words * sizeof *x->caught);
	}
	uint32_t i = x->suspect_cnt++;
	struct suspect *s = &x->suspects[i];
	*s = (struct suspect){.number = number, .calls = sub->calls, .key_len = sub->key_len};
	assert(sub->key_len <= sizeof s->key);
	memcpy(s->key, sub->key, sub->key_len);
	memset(caught_of(x, i), 0, x->words * sizeof *x->caught);
	*number_map_put(&x->suspect_of, number, &fresh) = i + 1;
	return i;
}

/* Points figures and conditions at a subject at a time. */
static void ask(struct calibrate *x, const struct subject *sub, const struct cdr *c, int64_t now_ms)
{
	struct rules_subject rs = {.key = subject_key(sub), .kind = SUBJECT_NUMBER, .due_ms = TIME_NONE};
	if (rules_need_place(x->trying))
		subject_set_place(&rs, rs.key);
	if (++x->evaluations % RESET_EVERY == 0)
		rules_scratch_reset(x->scratch);
	figures_reset(x->figures, sub, now_ms);
	rules_try(x->scratch, x->trying, &rs, x->figures, c, now_ms);
}

static uint32_t find_pending(const struct calibrate *x, uint32_t suspect, uint32_t trial)
{
	uint32_t at = x->suspects[suspect].pending;
	while (at && x->pendings.of[at - 1].trial != trial)
		at = x->pendings.of[at - 1].next;
	return at - 1; /* UINT32_MAX: none */
}

/* A condition is true: its number is caught, or waits. */
static void on_true(struct calibrate *x, uint32_t trial, uint32_t suspect, const struct subject *sub, int64_t now_ms)
{
	int64_t for_ms = rules_for_ms(x->trying, trial);
	uint32_t *head = &x->suspects[suspect].pending;
	if (is_caught(x, suspect, trial))
		return;
	if (for_ms == 0) {
		catch (x, trial, suspect, sub, now_ms);
		return;
	}
	uint32_t i = find_pending(x, suspect, trial);
	if (i == UINT32_MAX) {
		i = pendings_open(&x->pendings, trial, suspect, head);
		x->pendings.of[i].since_ms = now_ms;
	}
	struct pending *p = &x->pendings.of[i];
	p->seen = x->evaluations;
	if (now_ms - p->since_ms >= for_ms) {
		catch (x, trial, suspect, sub, now_ms);
		pendings_close(&x->pendings, i, head);
	} else {
		pendings_set_due(&x->pendings, i,
				 rules_pending_due(x->trying, trial, p->since_ms, x->clock_ms > now_ms ? x->clock_ms : now_ms));
	}
}

/* What waited and was not true now waits no more. */
static void drop_false(struct calibrate *x, uint32_t suspect)
{
	uint32_t next, *head = &x->suspects[suspect].pending;
	for (uint32_t at = *head; at; at = next) {
		next = x->pendings.of[at - 1].next;
		if (x->pendings.of[at - 1].seen != x->evaluations)
			pendings_close(&x->pendings, at - 1, head);
	}
}

static void judge_call(struct calibrate *x, const struct subject *sub, const struct cdr *c, uint64_t number, uint32_t suspect)
{
	int64_t now_ms = sub->clock_ms;
	ask(x, sub, c, now_ms);
	rules_try_all(x->scratch, x->trying, SUBJECT_NUMBER);
	for (uint32_t i = 0; (i = rules_try_next(x->scratch, x->trying, i)) < x->trial_cnt; i++) {
		if (suspect == UINT32_MAX)
			suspect = suspect_new(x, sub, number);
		on_true(x, i, suspect, sub, now_ms);
	}
	if (suspect != UINT32_MAX && x->suspects[suspect].pending)
		drop_false(x, suspect);
}

/* ---- the pipeline's hooks ---- */

static void applied(void *ctx, struct figures *none, const struct subject *sub, const struct cdr *c, bool late)
{
	struct calibrate *x = ctx;
	uint64_t number = number_pack(subject_key(sub));
	(void)none;
	(void)late;
	x->calls++;
	if (sub->calls == 1) { /* the first of its record, of which a number can have more than one */
		bool fresh;
		(void)number_map_put(&x->callers, number, &fresh);
	}
	const uint32_t *known = number_map_find(&x->suspect_of, number);
	uint32_t suspect = known ? *known - 1 : UINT32_MAX;
	if (known)
		x->suspects[suspect].calls++;
	if (c->event_ms >= sub->clock_ms - x->lateness_ms) /* else rules are not asked */
		judge_call(x, sub, c, number, suspect);
}

/* One alert that waits, at the time of its timer. */
static void fire(struct calibrate *x, uint32_t i)
{
	struct pending *p = &x->pendings.of[i];
	struct suspect *s = &x->suspects[p->suspect];
	struct slice key = slice_make(s->key, s->key_len);
	const struct subject *sub = table_find(x->table, key, key_hash(key));
	int64_t due_ms = p->due_ms;
	bool holds = false;
	if (sub) {
		ask(x, sub, NULL, due_ms);
		holds = rules_try_one(x->scratch, x->trying, p->trial);
	}
	if (holds && due_ms - p->since_ms < rules_for_ms(x->trying, p->trial)) {
		pendings_set_due(&x->pendings, i, rules_pending_due(x->trying, p->trial, p->since_ms, due_ms));
		return;
	}
	if (holds)
		catch (x, p->trial, p->suspect, sub, due_ms);
	pendings_close(&x->pendings, i, &s->pending);
}

static void passing(void *ctx, struct shard *shard, int64_t to_ms)
{
	struct calibrate *x = ctx;
	x->table = shard_subjects(shard);
	x->clock_ms = to_ms;
	for (uint32_t i; (i = pendings_first(&x->pendings)) != UINT32_MAX && x->pendings.of[i].due_ms <= to_ms;)
		fire(x, i);
}

/* ---- sums at the end ---- */

static void count_overlap(struct calibrate *x, const uint32_t *rules, uint32_t n)
{
	size_t width = rules_cnt(x->rules);
	if (n == 1)
		x->trials[x->in_force[rules[0]]].alone++;
	for (uint32_t a = 0; a < n && x->overlap; a++)
		for (uint32_t b = a + 1; b < n; b++)
			x->overlap[rules[a] * width + rules[b]]++;
}

static void sum_suspect(struct calibrate *x, uint32_t suspect, uint32_t *rules)
{
	const struct suspect *s = &x->suspects[suspect];
	uint32_t kind = x->truth ? truth_kind(x->truth, s->number) : 0, n = 0;
	for (uint32_t i = 0; i < x->trial_cnt; i++) {
		struct trial *t = &x->trials[i];
		if (!is_caught(x, suspect, i))
			continue;
		t->calls += s->calls;
		if (t->kinds)
			t->kinds[kind]++;
		if (x->in_force[t->of.rule] == i)
			rules[n++] = t->of.rule;
	}
	count_overlap(x, rules, n);
}

static void sum_all(struct calibrate *x)
{
	uint32_t *rules = mem_alloc((x->trial_cnt + 1) * sizeof *rules), value;
	uint64_t number;
	for (uint32_t i = 0; i < x->suspect_cnt; i++)
		sum_suspect(x, i, rules);
	for (uint32_t i = 0; i < x->trial_cnt; i++)
		x->trials[i].errors = rules_scratch_errors(x->scratch, x->trying, i);
	for (size_t at = 0; x->truth && number_map_each(&x->callers, &at, &number, &value);)
		x->truth->numbers[truth_kind(x->truth, number)]++;
	free(rules);
}

/* ---- the pass ---- */

static enum err run_replay(struct calibrate *x, struct pipeline *p, const struct replay_config *c, struct err_text *why)
{
	struct replay *r = NULL;
	struct mono_time begun = mono_now();
	enum err e = replay_open(p, c, &r, why);
	if (!e)
		e = replay_run(r, why);
	x->seconds = mono_seconds_since(begun);
	if (!r)
		return e;
	replay_sums(r, &x->sums);
	enum err closed = replay_close(r, NULL);
	(void)closed; /* no files are written */
	if (!e)
		sum_all(x);
	return e;
}

enum err calibrate_run(struct calibrate *x, const struct settings *set, const struct replay_config *c, struct err_text *why)
{
	struct pipeline p;
	struct rules *none = NULL;
	struct buf problems = {0};
	struct settings own = *set;
	/* Rules on cohorts are refused: their copies would be three quarters of the work. */
	own.relay.account = own.relay.trunk = own.relay.block = false;
	assert(c->partitions == 1 && x->calls == 0);
	enum err e = pipeline_init(&p, &own, true, why);
	if (!e) {
		p.files = true;
		p.applied = applied;
		p.passing = passing;
		p.applied_ctx = x;
		x->lateness_ms = set->time.allowed_lateness_ms;
		e = rules_load(NULL, 0, &none, &problems);
		assert(!e);
		pipeline_set_rules(&p, none);
		e = run_replay(x, &p, c, why);
	}
	pipeline_release(&p);
	buf_release(&problems);
	return e;
}

/* ---- what is tried ---- */

static void add_trial(struct calibrate *x, uint32_t rule, uint32_t ladder, uint32_t step)
{
	x->trials[x->trial_cnt++] = (struct trial){.of = {.rule = rule, .ladder = ladder, .step = step}, .first_ms = TIME_NONE};
}

/* As loaded, if no ladder has its value as a step; then every step of every ladder. */
static void add_rule(struct calibrate *x, uint32_t rule, uint32_t *ladder)
{
	uint32_t first = *ladder, n = x->rules->rules[rule].ladder_cnt;
	x->in_force[rule] = UINT32_MAX;
	for (uint32_t l = first, at = x->trial_cnt; l < first + n; l++) {
		struct rules_ladder of = rules_ladder(x->rules, l);
		if (of.in_force < of.step_cnt && x->in_force[rule] == UINT32_MAX)
			x->in_force[rule] = at + of.in_force;
		at += of.step_cnt;
	}
	if (x->in_force[rule] == UINT32_MAX) {
		x->in_force[rule] = x->trial_cnt;
		add_trial(x, rule, RULES_AS_LOADED, 0);
	}
	for (; *ladder < first + n; ++*ladder) {
		uint32_t steps = rules_ladder(x->rules, *ladder).step_cnt;
		x->ladder_trial[*ladder] = x->trial_cnt;
		for (uint32_t step = 0; step < steps; step++)
			add_trial(x, rule, *ladder, step);
	}
}

static void add_rules(struct calibrate *x)
{
	uint32_t rules = rules_cnt(x->rules), ladders = rules_ladder_cnt(x->rules), ladder = 0;
	size_t most = rules;
	for (uint32_t i = 0; i < ladders; i++)
		most += rules_ladder(x->rules, i).step_cnt;
	x->trials = mem_alloc((most + 1) * sizeof *x->trials);
	x->in_force = mem_alloc((rules + 1) * sizeof *x->in_force);
	x->ladder_trial = mem_alloc((ladders + 1) * sizeof *x->ladder_trial);
	for (uint32_t i = 0; i < rules; i++)
		add_rule(x, i, &ladder);
}

enum err calibrate_new(struct rules *rules, struct truth *truth, struct calibrate **out, struct err_text *why)
{
	struct calibrate *x = mem_zalloc(sizeof *x);
	policies_init(&x->policies); /* no number has a phase */
	size_t width = rules_cnt(rules);
	for (uint32_t i = 0; i < rules_cnt(rules); i++)
		if (rules_kind(rules, i) != SUBJECT_NUMBER) {
			free(x);
			return err_set(why, ERR_CONFIG,
				       "the rule " SLICE_FMT " is on %s, and calibrate counts numbers: leave the file that has it out",
				       SLICE_ARG(rules_name(rules, i)), subject_kind_plural(rules_kind(rules, i)));
		}
	x->rules = rules_share(rules);
	x->truth = truth;
	arena_init(&x->arena, 16 << 10);
	add_rules(x);
	struct rules_choice *choices = mem_alloc((x->trial_cnt + 1) * sizeof *choices);
	for (uint32_t i = 0; i < x->trial_cnt; i++) {
		choices[i] = x->trials[i].of;
		if (truth)
			x->trials[i].kinds = mem_zalloc(truth->kind_cnt * sizeof *x->trials[i].kinds);
	}
	enum err e = rules_choose(rules, choices, x->trial_cnt, &x->trying, why);
	free(choices);
	if (e) {
		calibrate_free(x);
		return e;
	}
	x->words = x->trial_cnt / 64 + 1;
	x->scratch = rules_scratch_new(&x->policies, NULL, NULL);
	x->figures = rules_scratch_figures(x->scratch, x->trying);
	if (width <= OVERLAP_RULES_MAX)
		x->overlap = mem_zalloc((width * width + 1) * sizeof *x->overlap);
	*out = x;
	return ERR_OK;
}

void calibrate_free(struct calibrate *x)
{
	if (!x)
		return;
	for (uint32_t i = 0; i < x->trial_cnt; i++) {
		spread_release(&x->trials[i].calls_until);
		spread_release(&x->trials[i].seconds_until);
		free(x->trials[i].kinds);
	}
	free(x->trials);
	free(x->in_force);
	free(x->ladder_trial);
	number_map_release(&x->suspect_of);
	number_map_release(&x->callers);
	free(x->suspects);
	free(x->caught);
	pendings_release(&x->pendings);
	free(x->overlap);
	arena_release(&x->arena);
	rules_scratch_free(x->scratch);
	rules_free(x->trying);
	rules_free(x->rules);
	free(x);
}
