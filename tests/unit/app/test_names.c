/* SPDX-License-Identifier: Apache-2.0 */
/* What rules name besides figures, as the pipeline gives it to them. */
#include "app/pipeline.h"
#include "scoring/places.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

static struct buf said;

static enum err send_event(void *ctx, void *owner, uint64_t number, const struct message *m, struct err_text *why)
{
	(void)owner;
	(void)why;
	const char *rule = memmem(m->data.p, m->data.len, "\"rule\":\"", 8);
	assert_non_null(rule);
	rule += 8;
	buf_printf(&said, SLICE_FMT " %.*s\n", SLICE_ARG(m->subject), (int)(strchr(rule, '"') - rule), rule);
	shard_acked(*(struct shard **)ctx, number);
	return ERR_OK;
}

static enum err dead_letter(void *ctx, void *owner, const struct dead_letter *d, struct err_text *why)
{
	(void)ctx;
	(void)owner;
	(void)why;
	fail_msg("a dead letter: %d", d->reason);
	return ERR_OK;
}

static uint64_t none_open(void *ctx, const void *owner)
{
	(void)ctx;
	(void)owner;
	return 0;
}

static void poll_nothing(void *ctx, int wait_ms)
{
	(void)ctx;
	(void)wait_ms;
}

static enum err copy_away(void *ctx, int32_t partition, const struct copy *c, struct err_text *why)
{
	(void)ctx;
	(void)partition;
	(void)c;
	(void)why;
	return ERR_OK;
}

static const char rules_text[] = "groups:\n- name: g\n  rules:\n"
				 "  - {alert: Britain, expr: 'country == \"44\" && region == country'}\n"
				 "  - {alert: Manhattan, expr: 'country == \"1\" && region == \"212\"'}\n"
				 "  - {alert: Luxembourg, expr: 'country == \"352\"'}\n"
				 "  - {alert: Nowhere, expr: 'country == \"\" && region == \"\"'}\n"
				 "  - {alert: Acme, expr: 'account == \"acme\" && trunk == \"t1\"'}\n"
				 "  - {alert: Early, expr: 'true', when: {hours: \"18:00-19:00\", zone: number}}\n";

/* At 2023-11-14T22:30:00Z */
static void call_of(struct shard *s, int i, const char *number, const char *more)
{
	static char text[8][400];
	int n = snprintf(text[i], sizeof text[i], "{\"record_id\":\"r%d\",\"start_time\":1700001000000,\"calling_number\":\"%s\"%s}", i,
			 number, more);
	assert_true(shard_add(s, slice_make(text[i], (size_t)n), SLICE_LIT("k"), NULL, i, INT64_C(1700001000000)));
}

static void rule_names_place_account_and_trunk_of_its_call(void **state)
{
	struct arena arena;
	struct settings set;
	struct pipeline p;
	struct rules *rules = NULL;
	struct buf problems = {0};
	struct err_text why = {""};
	struct shard *s = NULL;
	const struct outlet outlet = {.send = send_event,
				      .dead_letter = dead_letter,
				      .dead_letters_open = none_open,
				      .poll = poll_nothing,
				      .copy = copy_away,
				      .ctx = &s};
	static const struct rules_world world = {.zone_find = zone_find, .zone_offset_s = zone_offset_s};
	(void)state;
	rules_world_set(&world);
	arena_init(&arena, 65536);
	assert_int_equal(settings_load(NULL, &arena, &set), ERR_OK);
	set.store.kind = STORE_MEMORY;
	assert_int_equal(pipeline_init(&p, &set, true, &why), ERR_OK);
	if (rules_parse(slice_of(rules_text), "f", &rules, &problems))
		fail_msg("%.*s", (int)problems.len, (const char *)problems.data);
	assert_true(rules_need_place(rules));
	pipeline_set_rules(&p, rules);
	assert_int_equal(shard_take(&p, &outlet, 0, 1, &s, &why), ERR_OK);
	assert_int_equal(shard_start(s, 0, 0, 0, &why), ERR_OK);
	call_of(s, 0, "+442079460000", "");
	call_of(s, 1, "+12125550100", "");                                                  /* 17:30 there */
	call_of(s, 2, "+13125550100", ",\"account_id\":\"acme\",\"ingress_trunk\":\"t1\""); /* 16:30 */
	call_of(s, 3, "+35220880000", "");
	call_of(s, 4, "+9991234567", "");
	call_of(s, 5, "+12425550100", ",\"account_id\":\"acme\""); /* Bahamas: 17:30 */
	call_of(s, 6, "+5491112345678", "");                       /* Buenos Aires: 19:30 */
	call_of(s, 7, "+19025550100", "");                         /* Nova Scotia: 18:30 */
	while (!shard_batch_done(s))
		assert_int_equal(pipeline_step(s, (struct wall_time){INT64_C(1700001000000)}, &why), ERR_OK);
	shard_batch_reset(s);
	assert_int_equal(pipeline_idle(s, false, (struct wall_time){INT64_C(1700001000000)}, &why), ERR_OK);
	buf_put_u8(&said, 0);
	assert_string_equal((const char *)said.data,
			    "+442079460000 Britain\n+12125550100 Manhattan\n+13125550100 Acme\n+35220880000 Luxembourg\n"
			    "+9991234567 Nowhere\n+19025550100 Early\n");
	shard_drop(s);
	pipeline_release(&p);
	arena_release(&arena);
	buf_release(&said);
	rules_world_set(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(rule_names_place_account_and_trunk_of_its_call)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
