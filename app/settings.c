/* SPDX-License-Identifier: Apache-2.0 */
/* All keys of the configuration, and what must hold between them. */
#include "app/policies.h"

#include "base/file.h"
#include "base/log.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define ROW(path_, type_, member, dflt_, ...)                                                                                  \
	{                                                                                                                      \
		.path = path_, .type = CONFIG_##type_, .offset = offsetof(struct settings, member), .dflt = dflt_, __VA_ARGS__ \
	}
#define SINK(path_, type_, member, dflt_, ...)                                                                                       \
	{                                                                                                                            \
		.path = path_, .type = CONFIG_##type_, .offset = offsetof(struct webhook_config, member), .dflt = dflt_, __VA_ARGS__ \
	}
#define NOT_EMPTY .min = 1, .max = 0

#define LIST_NAME_BYTES_MAX 64

#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

static const struct config_key sink_table[] = {
	SINK("name", STRING, name, NULL, NOT_EMPTY,
	     .help = "Name of the sink, in logs and in the name of its consumer group. Letters, digits, `.`, `_`, `-`."),
	SINK("kind", ENUM, kind, NULL, .choices = "kafka|webhook",
	     .help = "`webhook` posts events to a URL. `kafka` stands for the event topics, which are always written."),
	SINK("preset", ENUM, preset, "standard-webhooks", .choices = "standard-webhooks|cloudevents",
	     .help = "What a webhook posts: a CloudEvent signed as Standard Webhooks say, or the bare structured CloudEvent."),
	SINK("url", STRING, url, "", .help = "Where a webhook posts to: `http://` or `https://`. Redirects are not followed."),
	SINK("secret", SECRET, secret, "", .help = "Signing secret of a webhook: `whsec_` and base64, or plain bytes."),
	SINK("allow_private", BOOL, allow_private, "false",
	     .help = "Lets a webhook reach loopback, private and link-local addresses, which are refused otherwise."),
	SINK("timeout", DURATION, timeout_ms, "15s", .min = 100, .max = 5 * MINUTE_MS, .help = "How long one request may take."),
	SINK("retry_first", DURATION, retry_first_ms, "1s", .min = 10, .max = HOUR_MS,
	     .help = "Pause after the first failure; it doubles, with jitter, at each further one."),
	SINK("retry_most", DURATION, retry_most_ms, "5m", .min = 10, .max = DAY_MS, .help = "The longest pause between two tries."),
	SINK("topics", STRINGS, topics, "",
	     .help = "Which events a webhook gets: `alerts`, `transitions`, `advisories`, `numbers`, `disputes`. Empty: alerts and "
		     "transitions."),
	{.path = NULL},
};

const struct config_key settings_table[] = {
	ROW("deployment", STRING, deployment, "ringfence", NOT_EMPTY,
	    .help = "Name of this deployment, in the `source` of every event and as the owner of the stored state. All replicas share it, "
		    "no "
		    "other deployment does. Letters, digits, `.`, `_`, `-`."),

	ROW("kafka.brokers", STRING, kafka.brokers, "127.0.0.1:9092", NOT_EMPTY, .help = "Brokers to begin with: `host:port,host:port`."),
	ROW("kafka.group", STRING, kafka.group, "ringfence", NOT_EMPTY,
	    .help = "Consumer group; processes of one group share the shards. A webhook reads in `<group>.webhook.<name>`."),
	ROW("kafka.client_id", STRING, kafka.client_id, "ringfence", NOT_EMPTY,
	    .help = "Client id towards the brokers; each client of a process appends what it is for."),
	ROW("kafka.properties", PAIRS, kafka.properties, "",
	    .help = "Any property of librdkafka, as `name: value`: security, timeouts, fetch sizes. Wins over Ringfence's own, but for the "
		    "few "
		    "that correctness rests on."),
	ROW("kafka.start", ENUM, kafka.start, "earliest", .choices = "earliest|latest",
	    .help = "Where the CDR topic begins on the very first start; afterwards the stored position decides."),
	ROW("kafka.queue_bytes", BYTES, kafka.queue_bytes, "64MiB", .min = MIB, .max = GIB,
	    .help = "How much one consumer may hold fetched and not yet read, shared out to the partitions of the CDR and control topics; "
		    "at least 1 MiB each."),

	ROW("topics.cdr", STRING, topics.cdr, "cdr", NOT_EMPTY, .help = "The topic of CDRs, keyed by calling number."),
	ROW("topics.control", STRING, topics.control, "ringfence.control", NOT_EMPTY,
	    .help = "The topic of commands, with as many partitions as the CDR topic."),
	ROW("topics.relay", STRING, topics.relay, "ringfence.relay", NOT_EMPTY,
	    .help = "The topic of copies between shards (internal), with as many partitions as the CDR topic."),
	ROW("topics.create", BOOL, topics.create, "true",
	    .help = "Makes missing topics of Ringfence's own at start, with the CDR topic's partition count."),
	ROW("topics.alerts", STRING, topics.out.name[TOPIC_ALERTS], "ringfence.alerts", NOT_EMPTY,
	    .help = "Alerts: raised, still firing, resolved."),
	ROW("topics.transitions", STRING, topics.out.name[TOPIC_TRANSITIONS], "ringfence.transitions", NOT_EMPTY,
	    .help = "Every phase change and violation."),
	ROW("topics.advisories", STRING, topics.out.name[TOPIC_ADVISORIES], "ringfence.advisories", NOT_EMPTY,
	    .help = "Advice, and case studies of finished episodes."),
	ROW("topics.numbers", STRING, topics.out.name[TOPIC_NUMBERS], "ringfence.numbers", NOT_EMPTY,
	    .help = "The present state of each number that is not plainly active (compacted)."),
	ROW("topics.disputes", STRING, topics.out.name[TOPIC_DISPUTES], "ringfence.disputes", NOT_EMPTY, .help = "Dispute steps."),
	ROW("topics.dead_letters", STRING, topics.out.name[TOPIC_DEAD_LETTERS], "ringfence.dead-letters", NOT_EMPTY,
	    .help = "Input that could not be used: original bytes, reason in headers."),

	ROW("relay.called", ENUM, relay.called, "managed", .choices = "off|managed|all",
	    .help = "Copies for the called number: its incoming calls. `managed`: of numbers that `managed` covers by list or prefix; of "
		    "all, if it names "
		    "accounts."),
	ROW("relay.account", BOOL, relay.account, "true",
	    .help = "Copies for the account of the calling number: its statistics as a cohort."),
	ROW("relay.trunk", BOOL, relay.trunk, "true", .help = "Copies for the ingress trunk."),
	ROW("relay.block", BOOL, relay.block, "true",
	    .help = "Copies for the thousand-number blocks of the calling and the called number."),

	ROW("input.format", ENUM, input.format, "json", .choices = "json", .help = "Form of the records on the CDR topic."),
	ROW("input.max_record_bytes", BYTES, input.max_record_bytes, "1MiB", .min = 256, .max = 64 * MIB,
	    .help = "A longer record is a dead letter `too_long`."),
	ROW("input.partitioner", ENUM, partitioner, "murmur2", .choices = "murmur2|crc32",
	    .help = "How the producers of the CDR topic choose a partition: `murmur2` as Java and kafkajs, `crc32` as librdkafka by "
		    "default."),
	ROW("keying", ENUM, keying, "refuse", .choices = "refuse|warn",
	    .help = "What to do if more than 1 % of the first 10,000 records are not on the partition of their calling number: stop, or "
		    "warn and go on."),

	ROW("state.store", ENUM, store.kind, "redis", .choices = "redis|embedded|memory",
	    .help = "Where state and positions are kept: Redis, one local file (single process), or nowhere (tests)."),
	ROW("state.redis.url", STRING, store.redis_url, "redis://127.0.0.1:6379/0", NOT_EMPTY,
	    .help = "`redis://[user[:password]@]host[:port][/db]` or `unix:///path[?db=N]`."),
	ROW("state.redis.password", SECRET, store.redis_password, "", .help = "Password of Redis; wins over one in the URL."),
	ROW("state.redis.timeout", DURATION, store.redis_timeout_ms, "5s", .min = 50, .max = 10 * MINUTE_MS,
	    .help = "How long connecting and each answer may take before Redis counts as away."),
	ROW("state.embedded.path", PATH, store.path, "ringfence.lmdb", NOT_EMPTY, .help = "File of the embedded store."),
	ROW("state.embedded.map_bytes", BYTES, store.map_bytes, "64GiB", .min = MIB, .max = 16384 * GIB,
	    .help = "Largest size of that file. Address space, not memory or disk."),
	ROW("state.cache_bytes", BYTES, cache_bytes, "1GiB", .min = MIB, .max = 16384 * GIB,
	    .help = "Memory for records in front of the store, all shards of the process together."),
	ROW("state.keep", DURATION, keep_ms, "38d", .min = 32 * DAY_MS, .max = 400 * DAY_MS,
	    .help = "A record ends this long after its last call, made or received: 31 days of window, the rest for disorder."),

	ROW("rules.files", PATHS, rule_files, "", .help = "Rule files. None: nothing fires, figures and phases go on."),

	ROW("rules.watch", BOOL, rules_watch, "true",
	    .help = "Loads rule files and lists anew when one of them has changed, as SIGHUP does; looked at each second."),
	ROW("rules.lists", PATH_PAIRS, rule_lists, "",
	    .help = "Lists that rules may name, as `name: file`: one number (`+15551230000`), `account:NAME` or other text a line, `#` for "
		    "comments. Read "
		    "with the rules, and again with them."),

	ROW("disputes.file", PATH, disputes_file, "",
	    .help = "Providers with whom labels are disputed, and what a flag leads to. Empty: the table that is built in "
		    "(`rules/providers.yaml`). Read "
		    "with the rules, and again with them."),

	ROW("profiles", PATH_PAIRS, profiles, "",
	    .help = "Business profiles for dossiers, as `ACCOUNT: file`: a YAML file with name, website, address, years, purpose, opt_in, "
		    "licences, contact."),

	POLICY_ROWS(ROW, "policy.", policy),
	AGING_ROWS(ROW, policy),
	ROW("aging.steps", STRINGS, life.aging_steps, "5:10,10:20,14:30",
	    .help = "Calls a day of an ageing number, as `to day:calls`: on days 1 to 5 ten, to day 10 twenty, to day 14, the last, "
		    "thirty. Days are "
		    "local; the first own call is on day 1. Of every policy."),
	ROW("policies", LIST, life.named, "", .items = policy_table, .item_bytes = sizeof(struct policy_keys),
	    .help = "Named policies beside `default`, which is `policy` and `aging`. A key that one leaves out has the default shown "
		    "here."),
	ROW("assign", LIST, life.assigned, "", .items = assign_table, .item_bytes = sizeof(struct policy_assign_keys),
	    .help = "Which numbers live by which policy: the first entry that covers a number decides; none: `default`."),
	ROW("managed.numbers", STRINGS, life.managed_numbers, "",
	    .help = "Managed numbers: only these have all phases, disputes and dossiers; any other number that is quarantined rests and is "
		    "active "
		    "again. `+15551230000`, or `list:NAME` of rules.lists. All three empty: every number is managed."),
	ROW("managed.prefixes", STRINGS, life.managed_prefixes, "", .help = "Managed: numbers that begin so, as in `+1555123`."),
	ROW("managed.accounts", STRINGS, life.managed_accounts, "", .help = "Managed: numbers whose own CDRs name one of these accounts."),
	ROW("managed.none", BOOL, life.none_managed, "false", .help = "No number is managed."),
	ROW("zones.numbers", PAIRS, life.number_zones, "",
	    .help = "Time zones of numbers, as `+15551230000: America/Phoenix`. Calendar days go by it; else by the account's, else by the "
		    "prefix, "
		    "else UTC."),
	ROW("zones.accounts", PAIRS, life.account_zones, "", .help = "Time zones of accounts, as `ACME: Australia/Lord_Howe`."),
	ROW("emergency_numbers", STRINGS, life.emergency, "911,112,999,000",
	    .help = "Called numbers that are never judged, as CDRs have them, E.164 or not; or `list:NAME`."),
	ROW("test_numbers", STRINGS, life.test_numbers, "",
	    .help = "Phones on several carriers that a flagged number calls to see what they show: not judged. `+15551230000`, or "
		    "`list:NAME`."),
	ROW("contacts", LIST, life.contacts, "", .items = contact_table, .item_bytes = sizeof(struct policy_contact_keys),
	    .help = "Known contacts by list, for numbers in rehabilitation, besides those that answered."),

	ROW("time.idle", ENUM, time.idle, "wall", .choices = "wall|off",
	    .help = "Lets timers of a partition without new records run by wall time; `off` keeps its clock at the last CDR (backfills)."),
	ROW("time.idle_lag", DURATION, time.idle_lag_ms, "5m", .min = 0, .max = DAY_MS,
	    .help = "How far that wall time stays behind, so that slow CDRs still come before the timers."),
	ROW("time.allowed_lateness", DURATION, time.allowed_lateness_ms, "6h", .min = 0, .max = 31 * DAY_MS,
	    .help = "A CDR this much older than its number's clock still has rules evaluated; an older one is only counted in."),

	ROW("run.workers", INT, run.workers, "1", .min = 1, .max = 256,
	    .help = "Threads; each owns shards, a consumer and store connections of its own."),
	ROW("run.batch_records", INT, run.batch_records, "5000", .min = 1, .max = 1000000,
	    .help = "A cycle polls at most this many records."),
	ROW("run.changed_records", INT, run.changed_records, "5000", .min = 1, .max = 1000000,
	    .help = "A cycle ends early once it changed this many subjects."),
	ROW("run.changed_bytes", BYTES, run.changed_bytes, "4MiB", .min = 64 * KIB, .max = GIB,
	    .help = "A cycle ends early once its changed records are this large."),
	ROW("run.timers", INT, run.timers, "1000", .min = 1, .max = 1000000, .help = "A cycle ends early once it fired this many timers."),
	ROW("run.drain", DURATION, run.drain_ms, "20s", .min = 0, .max = HOUR_MS,
	    .help = "At SIGTERM: how long events under way and webhook requests may take to end. Stay below the grace period of what runs "
		    "it."),
	ROW("run.status", DURATION, run.status_ms, "5s", .min = 0, .max = HOUR_MS,
	    .help = "How often the status line is written; `0s`: never."),
	ROW("run.outbox_entries", INT, run.outbox_entries, "10000", .min = 1, .max = 10000000,
	    .help = "A shard pauses while this many of its events are not acknowledged by their topic."),
	ROW("run.outbox_bytes", BYTES, run.outbox_bytes, "64MiB", .min = MIB, .max = 16 * GIB,
	    .help = "A shard pauses while its events not acknowledged are this large."),
	ROW("run.webhooks", BOOL, run.webhooks, "true", .help = "Runs the webhook sinks in this process; `false` leaves them to another."),

	ROW("log.level", ENUM, log.level, "info", .choices = "debug|info|warn|error",
	    .help = "The least important lines that are written."),
	ROW("log.mask_numbers", BOOL, log.mask_numbers, "false", .help = "Writes phone numbers into logs as `+1555*****00`."),

	ROW("sinks", LIST, sinks, "", .items = sink_table, .item_bytes = sizeof(struct webhook_config),
	    .help = "Where events go besides their topics."),
	{.path = NULL},
};

/* ---- what must hold between keys ---- */

/* What is being checked: `problem` writes one line with its place. */
struct check {
	const char *file; /* NULL: defaults */
	const struct settings *s;
	struct buf problems;
};

bool plain_name(const char *s, size_t most)
{
	size_t n = 0;
	for (; s[n]; n++)
		if (!isalnum((unsigned char)s[n]) && !strchr("._-", s[n]))
			return false;
	return n > 0 && n <= most;
}

static void check_topics(struct check *c)
{
	const struct settings *s = c->s;
	const struct {
		const char *key, *name;
	} t[] = {
		{"topics.cdr", s->topics.cdr},
		{"topics.control", s->topics.control},
		{"topics.relay", s->topics.relay},
		{"topics.alerts", s->topics.out.name[TOPIC_ALERTS]},
		{"topics.transitions", s->topics.out.name[TOPIC_TRANSITIONS]},
		{"topics.advisories", s->topics.out.name[TOPIC_ADVISORIES]},
		{"topics.numbers", s->topics.out.name[TOPIC_NUMBERS]},
		{"topics.disputes", s->topics.out.name[TOPIC_DISPUTES]},
		{"topics.dead_letters", s->topics.out.name[TOPIC_DEAD_LETTERS]},
	};
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		if (!plain_name(t[i].name, 249) || strcmp(t[i].name, ".") == 0 || strcmp(t[i].name, "..") == 0)
			config_problem(c->file, t[i].key, &c->problems,
				       "\"%.80s\" is no topic name: letters, digits, '.', '_', '-', at most 249", t[i].name);
		for (size_t j = 0; j < i; j++)
			if (strcmp(t[i].name, t[j].name) == 0)
				config_problem(c->file, t[i].key, &c->problems, "the same topic as %s (%s): each needs its own", t[j].key,
					       t[i].name);
	}
}

static void check_store(struct check *c)
{
	struct err_text why;
	if (store_config_check(&c->s->store, &why))
		config_problem(c->file, "state.redis.url", &c->problems, "%s", why.text);
}

static void check_properties(struct check *c)
{
	const struct config_pairs *p = &c->s->kafka.properties;
	struct err_text why;
	for (uint32_t i = 0; i < p->n; i++) {
		char key[160];
		snprintf(key, sizeof key, "kafka.properties.%.120s", p->v[i].key);
		if (kafka_property_check(p->v[i].key, p->v[i].value, &why))
			config_problem(c->file, key, &c->problems, "%s", why.text);
	}
}

static bool is_sink_topic(const char *name)
{
	static const char *const names[] = {"alerts", "transitions", "advisories", "numbers", "disputes"};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static void check_webhook(struct check *c, const struct webhook_config *w, uint32_t i)
{
	char key[40];
	const char *blamed;
	struct err_text why;
	size_t said = c->problems.len;
	snprintf(key, sizeof key, "sinks[%u].url", i);
	if (!w->url[0])
		config_problem(c->file, key, &c->problems, "missing: a webhook needs one, as in https://example.org/hook");
	else if (strncmp(w->url, "http://", 7) != 0 && strncmp(w->url, "https://", 8) != 0)
		config_problem(c->file, key, &c->problems, "must begin with http:// or https://");
	snprintf(key, sizeof key, "sinks[%u].secret", i);
	if (w->preset == PRESET_STANDARD_WEBHOOKS && !w->secret[0])
		config_problem(c->file, key, &c->problems, "missing: standard-webhooks signs with it; give secret or secret_file");
	snprintf(key, sizeof key, "sinks[%u].retry_most", i);
	if (w->retry_most_ms < w->retry_first_ms)
		config_problem(c->file, key, &c->problems, "must not be shorter than retry_first");
	if (c->problems.len == said && webhook_check(w, &blamed, &why)) {
		snprintf(key, sizeof key, "sinks[%u].%s", i, blamed);
		config_problem(c->file, key, &c->problems, "%s", why.text);
	}
}

static void check_sink(struct check *c, const struct webhook_config *all, uint32_t i)
{
	const struct webhook_config *w = &all[i];
	char key[40];
	snprintf(key, sizeof key, "sinks[%u].name", i);
	if (!plain_name(w->name, 100))
		config_problem(c->file, key, &c->problems, "\"%.80s\" is no name: letters, digits, '.', '_', '-', at most 100", w->name);
	for (uint32_t j = 0; j < i; j++)
		if (strcmp(all[j].name, w->name) == 0)
			config_problem(c->file, key, &c->problems, "\"%.80s\" is the name of sinks[%u] already", w->name, j);
	if (w->kind == SINK_WEBHOOK)
		check_webhook(c, w, i);
	else if (w->url[0] || w->secret[0]) {
		snprintf(key, sizeof key, "sinks[%u].kind", i);
		config_problem(c->file, key, &c->problems, "url and secret are for kind webhook");
	}
	for (uint32_t t = 0; t < w->topics.n; t++) {
		snprintf(key, sizeof key, "sinks[%u].topics[%u]", i, t);
		if (!is_sink_topic(w->topics.v[t]))
			config_problem(c->file, key, &c->problems,
				       "\"%.80s\" is not one of alerts, transitions, advisories, numbers, disputes", w->topics.v[t]);
	}
}

static void check_lists(struct check *c)
{
	const struct config_pairs *l = &c->s->rule_lists;
	for (uint32_t i = 0; i < l->n; i++)
		if (!plain_name(l->v[i].key, LIST_NAME_BYTES_MAX))
			config_problem(c->file, "rules.lists", &c->problems,
				       "\"%.80s\" is no name: letters, digits, '.', '_', '-', at most %d", l->v[i].key,
				       LIST_NAME_BYTES_MAX);
}

static void check_sizes(struct check *c)
{
	const struct settings *s = c->s;
	if (s->input.max_record_bytes > s->kafka.queue_bytes)
		config_problem(c->file, "kafka.queue_bytes", &c->problems, "must not be below input.max_record_bytes (%lld)",
			       (long long)s->input.max_record_bytes);
	if (!plain_name(s->deployment, 100))
		config_problem(c->file, "deployment", &c->problems, "\"%.80s\" is no name: letters, digits, '.', '_', '-', at most 100",
			       s->deployment);
}

enum err settings_load(const char *path, struct arena *a, struct settings *out)
{
	struct check c = {.file = path, .s = out};
	enum err e = ERR_OK;
	memset(out, 0, sizeof *out);
	if (path)
		e = config_load(path, settings_table, out, a, &c.problems);
	else
		config_defaults(settings_table, out, a);
	out->file = path ? arena_copy(a, slice_of(path)).p : NULL;
	if (!e) { /* after problems, values may be missing */
		check_sizes(&c);
		check_topics(&c);
		check_store(&c);
		check_properties(&c);
		check_lists(&c);
		policies_read(out, a, &c.problems);
		const struct webhook_config *sinks = out->sinks.v;
		for (uint32_t i = 0; i < out->sinks.n; i++)
			check_sink(&c, sinks, i);
		e = c.problems.len ? ERR_CONFIG : ERR_OK;
	}
	if (c.problems.len)
		fprintf(stderr, "%.*s", (int)c.problems.len, (const char *)c.problems.data);
	buf_release(&c.problems);
	return e;
}

enum err settings_rules(const struct settings *set, const char *const *paths, size_t n, struct rules **out, struct buf *problems)
{
	uint32_t cnt = set->rule_lists.n;
	struct rules_list_file *lists = mem_alloc((cnt + 1) * sizeof *lists);
	for (uint32_t i = 0; i < cnt; i++)
		lists[i] = (struct rules_list_file){set->rule_lists.v[i].key, set->rule_lists.v[i].value};
	const struct rules_files f = {
		.paths = paths, .cnt = n, .lists = lists, .list_cnt = cnt, .disputes = set->disputes_file[0] ? set->disputes_file : NULL};
	enum err e = rules_load_files(&f, out, problems);
	free(lists);
	return e;
}

/* Whether a file that the configuration names can be read; if not, that is a problem there: rules_load knows nothing of the configuration. */
static bool can_read(const struct settings *s, const char *key, const char *path, struct buf *problems)
{
	struct arena a;
	struct slice text;
	struct err_text why;
	arena_init(&a, 64 << 10);
	enum err e = file_read(path, YAML_MAX_BYTES, &a, &text, &why);
	if (e)
		config_problem(s->file, key, problems, "%s", why.text);
	arena_release(&a);
	return e == ERR_OK;
}

enum err settings_load_rules(const struct settings *s, struct rules **out, struct buf *problems)
{
	bool ok = !s->disputes_file[0] || can_read(s, "disputes.file", s->disputes_file, problems);
	for (uint32_t i = 0; i < s->rule_files.n; i++) {
		char key[40];
		snprintf(key, sizeof key, "rules.files[%u]", i);
		ok = can_read(s, key, s->rule_files.v[i], problems) && ok;
	}
	return ok ? settings_rules(s, s->rule_files.v, s->rule_files.n, out, problems) : ERR_CONFIG;
}
