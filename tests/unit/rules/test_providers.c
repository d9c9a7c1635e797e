/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/providers.h"

#include "tests/unit/unit.h"

#include <stdlib.h>

static struct arena arena;
static struct providers p;

static void good(const char *yaml)
{
	struct buf problems = {0};
	arena_reset(&arena);
	if (providers_parse(slice_of(yaml), "p.yaml", &arena, &p, &problems))
		fail_msg("%.*s", (int)problems.len, (const char *)problems.data);
	buf_release(&problems);
}

static void bad(const char *yaml, const char *expected)
{
	struct buf problems = {0};
	arena_reset(&arena);
	assert_int_equal(providers_parse(slice_of(yaml), "p.yaml", &arena, &p, &problems), ERR_CONFIG);
	buf_put_u8(&problems, 0);
	assert_string_equal((const char *)problems.data, expected);
	buf_release(&problems);
}

static struct flag_answer ask(const char *provider, const char *carrier, const char *label)
{
	const struct event_flag f = {.provider = slice_of(provider), .carrier = slice_of(carrier), .label = slice_of(label)};
	return providers_on_flag(&p, &f);
}

static uint32_t bit(const char *id)
{
	uint32_t i = providers_find(&p, slice_of(id));
	assert_true(i != PROVIDER_NONE);
	return UINT32_C(1) << i;
}

static void shipped_table_has_the_order_of_the_guide(void **state)
{
	static const char *const ids[] = {"first_orion", "hiya", "tns", "fcr", "att", "tmobile", "verizon", "fcc", "remediation"};
	struct buf problems = {0};
	(void)state;
	arena_reset(&arena);
	assert_int_equal(providers_parse(providers_shipped, "shipped", &arena, &p, &problems), ERR_OK);
	assert_int_equal(problems.len, 0);
	assert_int_equal(p.cnt, sizeof ids / sizeof ids[0]);
	for (uint32_t i = 0; i < p.cnt; i++) {
		assert_true(slice_is(p.of[i].id, ids[i]));
		assert_in_range(p.of[i].follow_up_days, 7, 10);
		assert_true(i == 0 || p.of[i].day >= p.of[i - 1].day);
		assert_true(p.of[i].contact.p);
	}
	assert_true(p.known.len == 10);
	assert_int_equal(providers_calendar(&p), 0xff); /* all but the service */
	assert_true(p.of[7].if_necessary && p.of[7].kind == PROVIDER_REGULATOR);
	/* "a flag by Hiya on one carrier opens only those" */
	struct flag_answer a = ask("Hiya", "AT&T", "Spam Risk");
	assert_true(a.policy == FLAG_POLICY_DISPUTE && a.steps == (bit("hiya") | bit("att")));
	assert_true(ask("first orion", "t-mobile", "Scam Likely").steps == (bit("first_orion") | bit("tmobile")));
	assert_true(ask("TNS Call Guardian", "VZW", "Telemarketer").steps == bit("tns"));
	assert_true(ask("Nobody", "", "Spam").steps == bit("fcr"));
	for (uint32_t i = 0; i < p.row_cnt; i++)
		assert_true(p.rows[i].policy != FLAG_POLICY_QUARANTINE);
}

static void rows_match_in_order_by_names_and_beginnings(void **state)
{
	(void)state;
	good("providers:\n"
	     "- {id: b, name: Bee, kind: analytics, also: [B Inc, Bees]}\n"
	     "- {id: a, name: A&A, kind: carrier, order: 0}\n"
	     "- {id: r, name: R, kind: registry}\n"
	     "- {id: off, name: Off, kind: service, enabled: false}\n"
	     "flags:\n"
	     "- {provider: bees, carrier: A&A, label: 'Scam*', policy: quarantine, steps: [all]}\n"
	     "- {provider: Bee, label: Spam, policy: record}\n"
	     "- {carrier: Other, policy: dispute, steps: []}\n"
	     "- {label: X, policy: dispute, steps: [carrier, 'off']}\n");
	assert_true(slice_is(p.of[0].id, "b") && slice_is(p.of[1].id, "a") && p.of[2].order == 2); /* of one order as in the file */
	struct flag_answer a = ask("b", "a", "SCAM LIKELY");
	assert_true(a.policy == FLAG_POLICY_QUARANTINE && a.steps == (bit("a") | bit("b") | bit("r")));
	a = ask("B Inc", "zzz", "spam");
	assert_true(a.policy == FLAG_POLICY_RECORD && a.steps == 0);
	a = ask("Bee", "other", "Spam Risk");
	assert_true(a.policy == FLAG_POLICY_DISPUTE && a.steps == 0);
	assert_true(ask("bee", "A&A", "x").steps == (bit("a") | bit("off")));
	assert_true(ask("bee", "", "x").steps == (bit("r") | bit("off"))); /* it names no carrier that is known */
	assert_true(ask("bee", "a", "no row").steps == (bit("a") | bit("b")));
	assert_true(ask("", "", "").steps == bit("r"));
}

static void empty_table_opens_nothing(void **state)
{
	(void)state;
	good("");
	assert_true(p.cnt == 0 && providers_calendar(&p) == 0 && ask("Hiya", "AT&T", "Spam").steps == 0);
	good("providers:\nflags:\n");
	assert_true(p.cnt == 0 && p.row_cnt == 0);
}

static void mistakes_are_all_named_with_their_place(void **state)
{
	(void)state;
	bad("provider: []\n", "p.yaml:1:1: provider: unknown key of a file of providers; did you mean providers?\n");
	bad("providers: 7\nflags: x\n", "p.yaml:1:12: providers: a list is expected\np.yaml:2:8: flags: a list is expected\n");
	bad("providers:\n- 7\n", "p.yaml:2:3: a provider is a map\n");
	bad("providers:\n- {id: Hiya, nane: Hiya, kind: analytic, day: -1, follow_up: 61, order: x, enabled: maybe, also: x}\n",
	    "p.yaml:2:8: id: letters a to z, digits and '_' are expected, at most 16\n"
	    "p.yaml:2:14: nane: unknown key of a provider; did you mean name?\n"
	    "p.yaml:2:32: kind: one of analytics, registry, carrier, regulator, service is expected; did you mean analytics?\n"
	    "p.yaml:2:47: day: a whole number is expected, 0 to 365\n"
	    "p.yaml:2:62: follow_up: a whole number is expected, 1 to 60\n"
	    "p.yaml:2:73: order: a whole number is expected, 0 to 1000000\n"
	    "p.yaml:2:85: enabled: true or false is expected\n"
	    "p.yaml:2:98: also: a list of at most 8 names is expected\n"
	    "p.yaml:2:3: a provider needs the key name\n");
	bad("providers:\n- {id: carrier, name: C, kind: carrier}\n- {id: abcdefghijklmnopq, name: '', kind: registry}\n",
	    "p.yaml:2:8: id: carrier is a word of `steps`\n"
	    "p.yaml:3:8: id: longer than 16 bytes\n"
	    "p.yaml:3:33: name: a text is expected\n");
	bad("providers:\n- {id: a, name: A, kind: carrier, also: [X]}\n- {id: b, name: x, kind: carrier}\n",
	    "p.yaml:3:3: \"x\" is a name of the provider a already\n");
	bad("flags:\n- {policy: quarantin, steps: [hya, [x]], labl: x}\n- {steps: [provider]}\n- {policy: record, steps: [all]}\n"
	    "providers: [{id: hiya, name: Hiya, kind: analytics}]\n",
	    "p.yaml:2:12: policy: one of record, dispute, quarantine is expected; did you mean quarantine?\n"
	    "p.yaml:2:31: steps: hya is no id of a provider, nor provider, carrier or all; did you mean hiya?\n"
	    "p.yaml:2:36: steps: this is no id of a provider, nor provider, carrier or all\n"
	    "p.yaml:2:42: labl: unknown key of a row of flags; did you mean label?\n"
	    "p.yaml:3:3: a row of flags needs the key policy\n"
	    "p.yaml:4:27: steps: policy: record opens none\n");
	bad("providers: [\n", "p.yaml:2:1: not YAML: while parsing a flow node, did not find expected node content (check indentation, "
			      "brackets and quotes)\n");
}

static void more_providers_than_a_record_holds_are_refused(void **state)
{
	struct buf b = {0};
	(void)state;
	buf_puts(&b, "providers:\n");
	for (int i = 0; i <= PROVIDERS_MAX; i++)
		buf_printf(&b, "- {id: p%d, name: P%d, kind: carrier}\n", i, i);
	buf_put_u8(&b, 0);
	bad((const char *)b.data, "p.yaml:16:3: providers: more than 14\n");
	buf_release(&b);
}

static int open_arena(void **state)
{
	(void)state;
	arena_init(&arena, 4096);
	return 0;
}

static int close_arena(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shipped_table_has_the_order_of_the_guide),
		cmocka_unit_test(rows_match_in_order_by_names_and_beginnings),
		cmocka_unit_test(empty_table_opens_nothing),
		cmocka_unit_test(mistakes_are_all_named_with_their_place),
		cmocka_unit_test(more_providers_than_a_record_holds_are_refused),
	};
	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
