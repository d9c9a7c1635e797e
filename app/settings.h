/* SPDX-License-Identifier: Apache-2.0 */
/* The effective configuration of the program: one plain struct, filled from the table in settings.c. Each module gets only its own part. */
#ifndef RINGFENCE_APP_SETTINGS_H
#define RINGFENCE_APP_SETTINGS_H

#include "base/config.h"
#include "base/kafka.h"
#include "ingest/ingest.h"
#include "rules/rules.h"
#include "scoring/store.h"
#include "sinks/sinks.h"

enum time_idle { TIME_IDLE_WALL, TIME_IDLE_OFF };
enum keying { KEYING_REFUSE, KEYING_WARN };
enum relay_called { RELAY_CALLED_OFF, RELAY_CALLED_MANAGED, RELAY_CALLED_ALL };

struct settings {
	const char *file; /* where it was read from; NULL: the defaults */
	const char *deployment;
	struct kafka_config kafka;
	struct {
		const char *cdr, *control, *relay;
		bool create;
		struct sink_topics out;
	} topics;
	struct {
		int called; /* enum relay_called */
		bool account, trunk, block;
	} relay;
	struct ingest_config input;
	int partitioner; /* enum partitioner: input.partitioner */
	int keying;      /* enum keying: input.keying */
	struct store_config store;
	int64_t keep_ms;     /* state.keep */
	int64_t cache_bytes; /* state.cache_bytes: all shards of the process together */
	struct config_strings rule_files;
	struct config_pairs rule_lists; /* names and paths */
	struct config_pairs profiles;   /* accounts and paths of their business profiles */
	bool rules_watch;
	const char *disputes_file; /* "": the table that is built in */
	struct policy policy;      /* the policy `default` */
	struct {
		struct config_list named, assigned, contacts; /* as written: struct policy_keys, policy_assign_keys, policy_contact_keys */
		struct config_strings aging_steps, managed_numbers, managed_prefixes, managed_accounts, emergency, test_numbers;
		struct config_pairs number_zones, account_zones;
		bool none_managed;
	} life;
	struct policies policies; /* made of these */
	struct {
		int idle;                    /* enum time_idle */
		int64_t idle_lag_ms;         /* 5 min */
		int64_t allowed_lateness_ms; /* 6 h */
	} time;
	struct {
		int64_t workers;
		int64_t batch_records;   /* 5000 */
		int64_t changed_records; /* a cycle ends early at this many changed records */
		int64_t changed_bytes;
		int64_t timers;
		int64_t drain_ms;
		int64_t status_ms;                    /* the status line of run */
		int64_t outbox_entries, outbox_bytes; /* a shard pauses at either, acknowledged ones gone */
		bool webhooks;                        /* run the webhook sinks in this process */
	} run;
	struct {
		int level; /* enum log_level */
		bool mask_numbers;
	} log;
	struct config_list sinks; /* struct webhook_config */
};

extern const struct config_key settings_table[];

/* Loads and checks everything that can be checked without connecting. `path` NULL: the defaults. Problems go to standard error. */
enum err settings_load(const char *path, struct arena *a, struct settings *out) MUST_CHECK;

/* Loads the rule files that it names. Problems one a line with their place: of a file that cannot be read, where the configuration names it. */
enum err settings_load_rules(const struct settings *s, struct rules **out, struct buf *problems) MUST_CHECK;
/* The rule set of the configuration: of the files in `paths` in place of its own, with its lists. */
enum err settings_rules(const struct settings *set, const char *const *paths, size_t n, struct rules **out,
			struct buf *problems) MUST_CHECK;

#endif
