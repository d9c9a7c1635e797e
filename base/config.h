/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration from one table: a row per key feeds parser, range check, `config reference`, `config print` and the JSON
 * Schema. A row says where in a plain struct the value goes. */
#ifndef RINGFENCE_BASE_CONFIG_H
#define RINGFENCE_BASE_CONFIG_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/yaml.h"

enum config_type {
	CONFIG_STRING,     /* const char *; "" if the default is "" */
	CONFIG_PATH,       /* const char *, made relative to the file's folder */
	CONFIG_SECRET,     /* const char *; never printed. Key `x` is also taken as `x_file`, a path whose content (less the
	                    last newline) is the value */
	CONFIG_INT,        /* int64_t */
	CONFIG_DOUBLE,     /* double */
	CONFIG_BYTES,      /* int64_t: "64MiB", "1GiB", "500kB", "1000" */
	CONFIG_DURATION,   /* int64_t ms: "5s", "1h30m"; "0s" where min is 0 */
	CONFIG_BOOL,       /* bool */
	CONFIG_ENUM,       /* int: index into `choices` ("redis|embedded|memory") */
	CONFIG_STRINGS,    /* struct config_strings */
	CONFIG_PATHS,      /* struct config_strings, each relative to the file's folder */
	CONFIG_PAIRS,      /* struct config_pairs: free keys, scalar values (librdkafka properties) */
	CONFIG_PATH_PAIRS, /* struct config_pairs: free keys, paths, each relative to the file's folder */
	CONFIG_LIST,       /* struct config_list of `items` */
};

struct config_strings {
	const char *const *v;
	uint32_t n;
};

struct config_pairs {
	struct config_pair {
		const char *key, *value;
	} const *v;
	uint32_t n;
};

struct config_list {
	const void *v; /* n structs of item_bytes each */
	uint32_t n;
};

struct config_key {
	const char *path; /* "state.redis.url"; in an item table: without the list's own path */
	enum config_type type;
	size_t offset;
	int64_t min, max;    /* INT, BYTES, DURATION (ms); both 0: no check; max < min: no upper
	                                   bound. STRING, SECRET, lists: min 1 = must not be empty */
	const char *dflt;    /* as text; NULL: the key must be given. STRINGS, PATHS: "a,b"; PAIRS, PATH_PAIRS, LIST: "" (or NULL) */
	const char *unit;    /* for the reference, may be NULL */
	const char *choices; /* ENUM */
	const char *help;    /* one or two sentences */
	const struct config_key *items; /* LIST: table of an item, ended by path == NULL */
	size_t item_bytes;
};

/* Reads `path` into `out` by `table` (ended by path == NULL). "${NAME}" in any scalar is the environment variable NAME (an
 * unset one is an error; "$${" is a plain "${"). Unknown keys, bad values and missing keys are all reported at once in `problems`, one
 * a line: "ringfence.yaml:12:3: state.stroe: unknown key; did you mean state.store?". Strings live in `a`. */
enum err config_load(const char *path, const struct config_key *table, void *out, struct arena *a, struct buf *problems) MUST_CHECK;
/* The same from text; `folder` is what paths are relative to. */
enum err config_parse(struct slice text, const char *name, const char *folder, const struct config_key *table, void *out, struct arena *a,
		      struct buf *problems) MUST_CHECK;
/* Only the defaults; keys that must be given are left zero. */
void config_defaults(const struct config_key *table, void *out, struct arena *a);

/* A problem found after loading, in the same form: looks up where `path` ("topics.cdr", "sinks[1].url") stands in `file`, or else the group it
 * would stand in. `file` NULL: there is no place to name. */
void config_problem(const char *file, const char *path, struct buf *problems, const char *fmt, ...) PRINTF_LIKE(4, 5);

void config_print(const struct config_key *table, const void *values, struct buf *yaml); /* effective values, secrets as "(secret)" */
void config_reference(const struct config_key *table, struct buf *markdown);             /* a table of all keys */
void config_schema(const struct config_key *table, const char *title, struct buf *json); /* JSON Schema 2020-12 */

#endif
