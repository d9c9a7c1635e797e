/* SPDX-License-Identifier: Apache-2.0 */
/* `rules test`: unit tests of rules in virtual time. */
#include "app/rule_test.h"
#include "app/verb_rules.h"

#include <getopt.h>
#include <stdio.h>

static const char help[] =
	"usage: ringfence rules test [-c FILE] FILE...\n"
	"\n"
	"Runs files of unit tests, in the shape of promtool's: calls go through the whole pipeline, in memory and in the time of the "
	"test,\n"
	"and what fires, and where numbers stand, is compared with what is expected. No clock is read: the same files, the same answer.\n"
	"Exit 0: all passed; 1: a test failed, and its difference is shown; 2: a file cannot be used.\n"
	"\n"
	"  -c FILE   configuration, for its lists, policy and relay (default: the defaults)\n"
	"\n"
	"  rule_files: [rules.yaml]            # from the folder of this file; * and ? stand for what they do in a shell\n"
	"  tests:\n"
	"    - name: a dialler is put to rest\n"
	"      interval: 1m                    # `every` of records that do not say it; 1m\n"
	"      start_timestamp: 2026-01-05T12:00:00Z    # the default; at, eval_time count from here\n"
	"      input_records:\n"
	"        - from: \"+15551230000\"        # the calling number\n"
	"          to: \"+1555987####\"          # other digits for # at each call, not one after the other\n"
	"          at: 0s                      # when the first begins; 0s\n"
	"          every: 20s\n"
	"          count: 150                  # 1\n"
	"          disposition: [ANSWERED, ANSWERED, NO_ANSWER]    # in turn; ANSWERED\n"
	"          talk: 4s                    # of those answered; 1m\n"
	"          ring: 9s                    # 0s\n"
	"      input_commands:                 # as on the control topic; at, every, count as above\n"
	"        - {at: 40d, command: release, number: \"+15551230000\", note: it was ours}\n"
	"      alert_rule_test:\n"
	"        - eval_time: 1h\n"
	"          alertname: Robodialer\n"
	"          exp_alerts:                 # all that fire then; none, if it is not there\n"
	"            - number: \"+15551230000\"\n"
	"              exp_labels: {severity: critical}             # all labels; not compared, if it is not there\n"
	"              exp_annotations: {summary: many short calls} # likewise\n"
	"              exp_figures: {'calls[\"1h\"]': 100}            # some of the figures of the event that said so last\n"
	"      transition_test:\n"
	"        - {number: \"+15551230000\", eval_time: 1h, from: active, to: rest, reason: rule}    # its last transition by then\n"
	"        - {number: \"+15551230000\", eval_time: 31d, phase: limited}\n"
	"\n"
	"exp_alerts: [\"+15551230000\", ...] names numbers alone. alertname: \"*\" is all rules together; an entry of exp_alerts may have "
	"an\n"
	"alertname of its own. from, to, talk, ring, disposition and fields may be lists, taken in turn "
	"by\n"
	"the calls; null is a call without it. vary: called_number (calling_number) counts up by one from call to call. delay: 2h lets "
	"calls\n"
	"arrive later than they ended. Fields of the canonical CDR go through as they are: account_id, ingress_trunk, release_party,\n"
	"sip_status, sip_reason, q850_cause, stir_attest, stir_verstat and more.\n"
	"\n"
	"example: ringfence rules test tests/*_test.yaml\n";

static int test(const char *config, char **files, int n)
{
	struct rule_test_sums sums = {0};
	struct buf out = {0}, problems = {0};
	struct settings set;
	struct arena a;
	int status = 0;
	arena_init(&a, 16 << 10);
	if (settings_load(config, &a, &set)) {
		arena_release(&a);
		return 2;
	}
	set.store.kind = STORE_MEMORY;
	for (int i = 0; i < n; i++) {
		if (rule_test_run(&set, files[i], &sums, &out, &problems))
			status = 2;
		printf(SLICE_FMT, SLICE_ARG(buf_slice(&out)));
		fflush(stdout);
		fprintf(stderr, SLICE_FMT, SLICE_ARG(buf_slice(&problems)));
		buf_reset(&out);
		buf_reset(&problems);
	}
	printf("%u test%s, %u check%s: %u passed, %u failed\n", sums.tests, sums.tests == 1 ? "" : "s", sums.checks,
	       sums.checks == 1 ? "" : "s", sums.tests - sums.failed, sums.failed);
	buf_release(&out);
	buf_release(&problems);
	arena_release(&a);
	return status ? status : sums.failed ? 1 : 0;
}

int rules_word_test(int argc, char **argv)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'}, {"help", no_argument, NULL, 'h'}, {0}};
	const char *config = NULL;
	int o;
	optind = 0;
	while ((o = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
		if (o == 'h') {
			fputs(help, stdout);
			return 0;
		}
		if (o != 'c')
			return verb_usage("rules test", "an option is not known or lacks its value");
		config = optarg;
	}
	if (optind == argc)
		return verb_usage("rules test", "no file given");
	return test(config, argv + optind, argc - optind);
}
