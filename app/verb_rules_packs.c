/* SPDX-License-Identifier: Apache-2.0 */
/* `rules packs`: the rules that are shipped, and where their thresholds come from. */
#include "app/verb_rules.h"
#include "rules/packs.h"
#include "rules/ruleset.h"

#include <stdio.h>

static const char help[] =
	"usage: ringfence rules packs [NAME]\n"
	"\n"
	"Without a name: the shipped packs, and of each alert its severities with their thresholds, the grade of its sources and the "
	"sources.\n"
	"With a name: the file of that pack, as it is. Where the program is installed, the files are in share/ringfence/packs.\n"
	"\n"
	"Grades: A regulation, standard, or a carrier's or vendor's own binding or product documentation; B guidance of carriers, vendors "
	"or\n"
	"the industry; C one company's blog or help page. Behind a threshold: P published for this measure, ~ published for a "
	"neighbouring\n"
	"measure or setting, O our own starting point, to be calibrated.\n"
	"\n"
	"All are in shadow mode: they alert, marked as shadow, and put nobody to rest.\n"
	"\n"
	"example: ringfence rules packs volume > volume.yaml\n";

static struct slice annotation(const struct rule *r, const char *name)
{
	for (uint32_t i = 0; i < r->annotation_cnt; i++)
		if (slice_is(r->annotations[i].name, name))
			return r->annotations[i].value;
	return SLICE_LIT("");
}

/* "warning 40 ~": the letter stands in brackets at the end of the annotation. Rules that differ in whom they look at alone are told once. */
static void put_severity(const struct rule *r, struct buf *out)
{
	struct slice threshold = annotation(r, "threshold");
	struct buf one = {0};
	buf_printf(&one, SLICE_FMT, SLICE_ARG(r->severity));
	for (uint32_t i = 0; i < r->param_cnt; i++) {
		struct cel v = r->params[i].value;
		if (v.type == CEL_INT)
			buf_printf(&one, " %lld", (long long)v.i);
		else if (v.type == CEL_DOUBLE)
			buf_printf(&one, " %g", v.d);
	}
	if (threshold.len > 3)
		buf_printf(&one, " %c", threshold.p[threshold.len - 2]);
	if (!out->len || !memmem(out->data, out->len, one.data, one.len))
		buf_printf(out, "%s" SLICE_FMT, out->len ? ", " : "", SLICE_ARG(buf_slice(&one)));
	buf_release(&one);
}

/* The rules of one alert stand together; their sources are the same. */
static uint32_t print_alert(const struct rules *r, uint32_t i)
{
	const struct rule *first = &r->rules[i];
	struct buf severities = {0};
	for (; i < r->cnt && slice_eq(r->rules[i].name, first->name); i++)
		put_severity(&r->rules[i], &severities);
	struct slice s = buf_slice(&severities), grade = annotation(first, "grade");
	printf("  %-18.*s %-33.*s %-8.*s " SLICE_FMT "\n", (int)first->name.len, first->name.p, (int)s.len, s.p, (int)grade.len, grade.p,
	       SLICE_ARG(first->source));
	buf_release(&severities);
	return i;
}

/* The comment behind the licence. */
static struct slice title_of(struct slice text)
{
	const char *from = memchr(text.p, '\n', text.len), *end;
	if (!from || text.p + text.len - from < 3)
		return SLICE_LIT("");
	from += sizeof "\n# " - 1;
	end = memchr(from, '\n', (size_t)(text.p + text.len - from));
	return slice_make(from, end ? (size_t)(end - from) : 0);
}

static int list(void)
{
	struct buf problems = {0};
	int status = 0;
	for (size_t p = 0; p < rule_pack_cnt; p++) {
		struct rules *r;
		struct slice title = title_of(rule_packs[p].text);
		if (rules_parse(rule_packs[p].text, rule_packs[p].name, &r, &problems)) {
			fprintf(stderr, SLICE_FMT, SLICE_ARG(buf_slice(&problems)));
			buf_reset(&problems);
			status = 2;
			continue;
		}
		printf("%s%s (%u rules). " SLICE_FMT "\n", p ? "\n" : "", rule_packs[p].name, rules_cnt(r), SLICE_ARG(title));
		for (uint32_t i = 0; i < r->cnt;)
			i = print_alert(r, i);
		rules_free(r);
	}
	buf_release(&problems);
	return status;
}

int rules_word_packs(int argc, char **argv)
{
	if (argc == 1)
		return list();
	if (strcmp(argv[1], "--help") == 0) {
		fputs(help, stdout);
		return 0;
	}
	if (argc > 2 || argv[1][0] == '-')
		return verb_usage("rules packs", "the name of one pack, or nothing, is expected");
	for (size_t i = 0; i < rule_pack_cnt; i++)
		if (strcmp(argv[1], rule_packs[i].name) == 0) {
			fwrite(rule_packs[i].text.p, 1, rule_packs[i].text.len, stdout);
			return 0;
		}
	return verb_usage("rules packs", "there is no pack %s; without a name they are listed", argv[1]);
}
