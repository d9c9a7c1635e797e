/* SPDX-License-Identifier: Apache-2.0 */
/* `run`: the service. */
#include "app/app.h"
#include "app/service.h"
#include "base/log.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>

static const char help[] =
	"usage: ringfence run -c FILE [--accept-gap]\n"
	"\n"
	"The service: reads CDRs from Kafka, keeps statistics and phases in the store, says alerts and transitions on "
	"topics and webhooks.\n"
	"\n"
	"  -c FILE        configuration; `ringfence config reference` lists all keys\n"
	"  --accept-gap   where a stored position is no longer in its topic (retention, or the topic was made anew), go "
	"on at the nearest offset in\n"
	"                 place of stopping\n"
	"\n"
	"SIGTERM, SIGINT   finish the cycle, commit, hand over events, leave the group, exit 0\n"
	"SIGHUP            load rule files and lists anew (so does a change of one, rules.watch); bad ones leave the old in force\n"
	"\n"
	"example: ringfence run -c ringfence.yaml\n";

static _Atomic bool stop, reload;

static void on_signal(int number)
{
	if (number == SIGHUP)
		atomic_store(&reload, true);
	else
		atomic_store(&stop, true);
}

static void catch_signals(void)
{
	struct sigaction a = {.sa_handler = on_signal};
	sigemptyset(&a.sa_mask);
	sigaction(SIGTERM, &a, NULL);
	sigaction(SIGINT, &a, NULL);
	sigaction(SIGHUP, &a, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int run(const char *config, bool accept_gap)
{
	struct arena a;
	struct settings set;
	struct err_text why;
	catch_signals();
	arena_init(&a, 16 << 10);
	enum err e = settings_load(config, &a, &set);
	if (!e) {
		const struct service_config c = {.accept_gap = accept_gap, .stop = &stop, .reload = &reload};
		log_init((enum log_level)set.log.level, set.log.mask_numbers);
		e = service_run(&set, &c, &why);
		if (e)
			verb_fail(e, &why);
		else
			log_info("app", "ended in good order");
	}
	arena_release(&a);
	return err_exit(e);
}

int verb_run(int argc, char **argv)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'}, {"accept-gap", no_argument, NULL, 'g'}, {"help", no_argument, NULL, 'h'}, {0}};
	const char *config = NULL;
	bool accept_gap = false;
	int o;
	while ((o = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
		if (o == 'h') {
			fputs(help, stdout);
			return 0;
		}
		if (o == '?')
			return verb_usage("run", "an option is not known or lacks its value");
		if (o == 'c')
			config = optarg;
		accept_gap = accept_gap || o == 'g';
	}
	if (!config)
		return verb_usage("run", "-c FILE is missing");
	return run(config, accept_gap);
}
