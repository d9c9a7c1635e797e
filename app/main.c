/* SPDX-License-Identifier: Apache-2.0 */
#include "app/app.h"
#include "rules/rules.h"
#include "scoring/places.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *name, *summary;
	int (*run)(int argc, char **argv);
} verbs[] = {
	{"run", "the service: Kafka in, statistics and phases in the store, events out", verb_run},
	{"replay", "the whole pipeline over files of CDRs", verb_replay},
	{"features", "figures of every calling number after each CDR of a file", verb_features},
	{"rules", "check rule files, run their unit tests, explain them, evaluate expressions", verb_rules},
	{"calibrate", "past CDRs through rules at the ladders of their parameters: whom would each step have caught", verb_calibrate},
	{"number", "read one number; commands about it: quarantine, release, flag, ...", verb_number},
	{"disputes", "the dispute calendar: list, sent, reply, iCalendar", verb_disputes},
	{"state", "what is stored: dump, positions, stats, check", verb_state},
	{"config", "check, print, document the configuration", verb_config},
	{"generate", "seeded, realistic CDRs with named kinds of callers, to a file or a topic", verb_generate},
	{"demo", "the whole story in under a minute, on stand-ins for Kafka and Redis", verb_demo},
};
#define VERBS (sizeof verbs / sizeof verbs[0])

static void print_help(FILE *to)
{
	fputs("usage: ringfence VERB [options]\n\nverbs:\n", to);
	for (size_t i = 0; i < VERBS; i++)
		fprintf(to, "  %-10s %s\n", verbs[i].name, verbs[i].summary);
	fputs("\nringfence VERB --help teaches each.\n", to);
}

static uint16_t zone_of(struct slice e164)
{
	struct place p;
	place_of(e164, &p);
	return p.zone;
}

int main(int argc, char **argv)
{
	static const struct rules_world world = {
		.zone_find = zone_find, .zone_offset_s = zone_offset_s, .zone_day_begin_ms = zone_day_begin_ms, .zone_of = zone_of};
	rules_world_set(&world);
	if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		print_help(argc < 2 ? stderr : stdout);
		return argc < 2 ? 2 : 0;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("ringfence " RINGFENCE_VERSION);
		return 0;
	}
	for (size_t i = 0; i < VERBS; i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			return verbs[i].run(argc - 1, argv + 1);
	fprintf(stderr, "ringfence: '%s' is not a verb; ringfence --help lists them\n", argv[1]);
	return 2;
}
