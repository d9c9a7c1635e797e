/* SPDX-License-Identifier: Apache-2.0 */
/* `config`: validate, show, document. */
#include "app/app.h"
#include "app/profile.h"
#include "app/relay.h"

#include <getopt.h>
#include <stdio.h>

static const char help[] = "usage: ringfence config check -c FILE\n"
			   "       ringfence config print [-c FILE]\n"
			   "       ringfence config reference\n"
			   "       ringfence config schema\n"
			   "\n"
			   "  check        reads the configuration, the rule files and business profiles it names; every mistake with its "
			   "line; exit 2 if there is one\n"
			   "  print        the effective values of all keys as YAML, secrets hidden\n"
			   "  reference    a table of all keys, in Markdown\n"
			   "  schema       a JSON Schema of the configuration, for editors\n"
			   "\n"
			   "example: ringfence config check -c ringfence.yaml\n";

static enum err check_rules(const struct settings *set)
{
	struct buf problems = {0};
	struct rules *rules = NULL;
	enum err e = settings_load_rules(set, &rules, &problems);
	struct err_text why;
	if (e)
		fprintf(stderr, SLICE_FMT, SLICE_ARG(buf_slice(&problems)));
	else if ((e = relay_check_rules(set, rules, &why)))
		verb_fail(e, &why);
	rules_free(rules);
	buf_release(&problems);
	return e;
}

static enum err check_profiles(const struct settings *set, struct arena *a)
{
	struct buf problems = {0};
	enum err worst = ERR_OK;
	for (uint32_t i = 0; i < set->profiles.n; i++) {
		struct profile p;
		enum err e = profile_load(set->profiles.v[i].value, a, &p, &problems);
		worst = e ? e : worst;
	}
	fprintf(stderr, SLICE_FMT, SLICE_ARG(buf_slice(&problems)));
	buf_release(&problems);
	return worst;
}

static int check(const char *config)
{
	struct arena a;
	struct settings set;
	arena_init(&a, 16 << 10);
	enum err e = settings_load(config, &a, &set);
	if (!e)
		e = check_rules(&set);
	if (!e)
		e = check_profiles(&set, &a);
	if (!e)
		printf("%s: good\n", config);
	arena_release(&a);
	return err_exit(e);
}

static int print(const char *config)
{
	struct arena a;
	struct settings set;
	struct buf b = {0};
	arena_init(&a, 16 << 10);
	enum err e = settings_load(config, &a, &set);
	if (!e)
		config_print(settings_table, &set, &b);
	fwrite(b.data, 1, b.len, stdout);
	buf_release(&b);
	arena_release(&a);
	return err_exit(e);
}

int verb_config(int argc, char **argv)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'}, {"help", no_argument, NULL, 'h'}, {0}};
	const char *config = NULL;
	struct buf b = {0};
	int o;
	while ((o = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
		if (o == 'h') {
			fputs(help, stdout);
			return 0;
		}
		if (o == '?')
			return verb_usage("config", "an option is not known or lacks its value");
		config = optarg;
	}
	const char *what = optind < argc ? argv[optind] : "";
	if (!config && optind + 1 < argc)
		config = argv[optind + 1];
	if (strcmp(what, "check") == 0)
		return config ? check(config) : verb_usage("config", "-c FILE is missing");
	if (strcmp(what, "print") == 0)
		return print(config);
	if (strcmp(what, "reference") == 0)
		config_reference(settings_table, &b);
	else if (strcmp(what, "schema") == 0)
		config_schema(settings_table, "Configuration of Ringfence", &b);
	else
		return verb_usage("config", "say what: check, print, reference or schema");
	fwrite(b.data, 1, b.len, stdout);
	buf_release(&b);
	return 0;
}
