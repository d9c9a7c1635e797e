/* SPDX-License-Identifier: Apache-2.0 */
/* `rules check`: every error of rule files, and what they say and hardly mean. */
#include "app/settings.h"
#include "app/verb_rules.h"
#include "rules/lint.h"

#include <getopt.h>
#include <stdio.h>

static const char help[] =
	"usage: ringfence rules check [-c FILE] [--strict] FILE...\n"
	"\n"
	"Loads rule files as one set and tells every error with file, line and column. If there is none, it warns of what is legal and\n"
	"hardly meant. Exit 0: no errors; 1: errors, or with --strict warnings.\n"
	"\n"
	"  --strict   warnings fail too\n"
	"  -c FILE    configuration, for its lists (default: there are none)\n"
	"\n"
	"A warning is file:line:column: warning: NAME: RULE: text. The names:\n"
	"\n";

static const char example[] =
	"\n"
	"example: ringfence rules check --strict rules.yaml\n"
	"  rules.yaml:8:15: warning: no-sample: LowAnswer: answer_ratio[\"6h\"] < 0.2 is true of a number without such calls,\n"
	"  for then it is 0; add a minimum like calls[\"6h\"] >= 100\n";

static void print_help(void)
{
	fputs(help, stdout);
	for (int k = 0; k < LINT_CNT; k++)
		printf("  %-16s %s\n", lint_name((enum lint_kind)k), lint_text((enum lint_kind)k));
	fputs(example, stdout);
}

static int check(const struct settings *set, const char *const *files, size_t n, bool strict)
{
	struct rules *r = NULL;
	struct buf said = {0};
	uint32_t warnings = 0;
	enum err e = settings_rules(set, files, n, &r, &said);
	if (!e)
		warnings = rules_lint(r, &said);
	fprintf(stderr, SLICE_FMT, SLICE_ARG(buf_slice(&said)));
	if (!e) {
		printf("%u rule%s, no errors", rules_cnt(r), rules_cnt(r) == 1 ? "" : "s");
		if (warnings)
			printf(", %u warning%s", warnings, warnings == 1 ? "" : "s");
		putchar('\n');
	}
	rules_free(r);
	buf_release(&said);
	return e || (strict && warnings) ? 1 : 0;
}

static int start(const char *config, const char *const *files, size_t n, bool strict)
{
	struct settings set;
	struct arena a;
	arena_init(&a, 16 << 10);
	enum err e = settings_load(config, &a, &set);
	int status = e ? err_exit(e) : check(&set, files, n, strict);
	arena_release(&a);
	return status;
}

int rules_word_check(int argc, char **argv)
{
	static const struct option options[] = {
		{"strict", no_argument, NULL, 's'}, {"config", required_argument, NULL, 'c'}, {"help", no_argument, NULL, 'h'}, {0}};
	const char *config = NULL;
	bool strict = false;
	int o;
	optind = 0;
	while ((o = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
		if (o == 'h') {
			print_help();
			return 0;
		}
		if (o == '?')
			return verb_usage("rules check", "an option is not known or lacks its value");
		if (o == 'c')
			config = optarg;
		strict = strict || o == 's';
	}
	if (optind == argc)
		return verb_usage("rules check", "no file given");
	return start(config, (const char *const *)argv + optind, (size_t)(argc - optind), strict);
}
