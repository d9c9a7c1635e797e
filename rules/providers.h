/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a label is disputed with, in which order and when; and what a flag leads to. One YAML file (rules/providers.yaml is built in), read with the rule
 * set, immutable afterwards. */
#ifndef RINGFENCE_RULES_PROVIDERS_H
#define RINGFENCE_RULES_PROVIDERS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "schemas/event.h"

#define PROVIDERS_MAX 14     /* as many as a record has room for, if all have the longest id */
#define PROVIDER_ID_MAX 16   /* bytes; kept in records: an id is never used for somebody else */
#define PROVIDER_NAME_MAX 64 /* bytes */
#define PROVIDER_TEXT_MAX 1000
#define PROVIDER_ALSO_MAX 8
#define FLAG_ROWS_MAX 256

#define PROVIDER_KINDS(X)         \
	X(ANALYTICS, "analytics") \
	X(REGISTRY, "registry")   \
	X(CARRIER, "carrier")     \
	X(REGULATOR, "regulator") \
	X(SERVICE, "service")

enum provider_kind {
#define X(n, name) PROVIDER_##n,
	PROVIDER_KINDS(X)
#undef X
		PROVIDER_KIND_CNT
};
const char *provider_kind_name(enum provider_kind k);

struct provider {
	struct slice id;   /* a-z, 0-9, '_' */
	struct slice name; /* as people write it */
	enum provider_kind kind;
	struct slice contact, form; /* text for people; absent: not known */
	struct slice also[PROVIDER_ALSO_MAX];
	uint32_t also_cnt;      /* other names that flags give it */
	int32_t order;          /* in the calendar: small first, then as in the file */
	int32_t day;            /* its step is due so many days after the first one of its calendar may be */
	int32_t follow_up_days; /* without a reply it is asked again after so many */
	bool if_necessary;      /* due only if another step is open or was refused by then */
	bool enabled;           /* else it is in no calendar by itself; a flag's row may name it */
};

/* What a flag leads to. */
enum flag_policy {
	FLAG_POLICY_RECORD,    /* nothing: it is open, that is all */
	FLAG_POLICY_DISPUTE,   /* its steps are opened */
	FLAG_POLICY_QUARANTINE /* the number is put to rest, and these steps are opened */
};

struct flag_row {
	struct slice provider, carrier,
		label; /* what it matches, letter case aside; absent: any. A label that ends in '*': what begins so */
	enum flag_policy policy;
	uint32_t steps;               /* providers: bit i is of[i] */
	bool of_provider, of_carrier; /* and whom the flag names */
};

struct providers {
	struct provider of[PROVIDERS_MAX]; /* in the order of the calendar */
	uint32_t cnt;
	const struct flag_row *rows; /* the first that matches counts */
	uint32_t row_cnt;
	struct slice known; /* when that was looked up, as text */
};

#define PROVIDER_NONE UINT32_MAX

extern const struct slice providers_shipped; /* the text of rules/providers.yaml */

/* Every problem goes into `problems`, one a line with its place; then ERR_CONFIG. Texts live in `a`. */
enum err providers_parse(struct slice text, const char *name, struct arena *a, struct providers *out, struct buf *problems) MUST_CHECK;
enum err providers_load(const char *path, struct arena *a, struct providers *out, struct buf *problems) MUST_CHECK;

uint32_t providers_find(const struct providers *p, struct slice id);
uint32_t providers_named(const struct providers *p, struct slice text); /* by id, name or other name, letter case aside */
uint32_t providers_calendar(const struct providers *p);                 /* the steps of a quarantine: all that are enabled */

/* What the table says of a flag. Without a row that matches: its steps are whom it names. Where those are asked for and none of them is known: the
 * registries. */
struct flag_answer {
	enum flag_policy policy;
	uint32_t steps; /* providers: bit i is of[i]; none with FLAG_POLICY_RECORD */
};
struct flag_answer providers_on_flag(const struct providers *p, const struct event_flag *f);

#endif
