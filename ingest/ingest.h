/* SPDX-License-Identifier: Apache-2.0 */
/* Ingest: bytes in, canonical CDRs and commands out. Knows Kafka and files as sources, formats, E.164; knows no statistics.
 * Decoding never fails as a whole: a record that cannot be used has a `reason`. */
#ifndef RINGFENCE_INGEST_INGEST_H
#define RINGFENCE_INGEST_INGEST_H

#include "base/arena.h"
#include "base/err.h"
#include "schemas/cdr.h"

struct ingest_config {
	int format;               /* enum input_format */
	int64_t max_record_bytes; /* a longer one is a dead letter too_long */
};

enum input_format { INPUT_JSON };

/* ---- one record ---- */

/* Decodes one canonical JSON record into *out and normalises it. Sets payload and reason; not offset and produced_ms.
 * Strings are slices into `payload` where they have no escapes, else into `a`. Allocates nothing else. Unknown fields are skipped. A
 * field that is null counts as absent. Field names and types: interop section 13. Enum values that are not known are UNKNOWN. No payload at all
 * (p == NULL, a tombstone) is NO_VALUE, an empty one BAD_JSON. */
void decode_json(struct slice payload, const struct ingest_config *c, struct arena *a, struct cdr *out);

/* The rest of decoding, common to all formats: checks E.164, event time, disposition, talk and ring time, hashes, use, reason
 * (DESIGN section 7). `out` holds what was received. */
void cdr_normalise(struct cdr *out, struct arena *a);

/* For a record without an id: the source makes one (topic-partition-offset). Sets record_id and id_hash. */
void cdr_set_id(struct cdr *c, struct slice id);

/* Disposition from an explicit one, answer time, SIP status, Q.850 cause (interop section 12). */
enum disposition disposition_of(const struct cdr *c);

/* E.164: '+', first digit not 0, 2 to 15 digits. */
bool e164_valid(struct slice s);

/* ---- files (replay, features, calibrate) ---- */

struct file_source;

/* By suffix: .jsonl .ndjson canonical JSON, .csv with a header of canonical names; .gz and .zst around either; "-" is JSON lines on
 * standard input. */
enum err file_source_open(const char *path, const struct ingest_config *c, struct file_source **out, struct err_text *why) MUST_CHECK;
void file_source_close(struct file_source *s);

/* The next up to `max` records in file order, decoded. Their bytes live in the source's chunk and in `a`, valid until the next call.
 * *n == 0: end of the file. Blank lines are no records. A file that breaks off or cannot be unpacked is ERR_IO with file and place. */
enum err file_source_read(struct file_source *s, struct arena *a, struct cdr *out, size_t max, size_t *n, struct err_text *why) MUST_CHECK;
/* Bytes of the file read so far and in all (packed size; all is -1 for a pipe): for progress. */
void file_source_progress(const struct file_source *s, int64_t *done, int64_t *all);

/* ---- commands (DESIGN section 11) ---- */

/* clang-format off */
#define COMMANDS(X)                       \
	X(QUARANTINE, "quarantine")       \
	X(RELEASE, "release")             \
	X(FLAG, "flag")                   \
	X(CLEAR, "clear")                 \
	X(COMPLAINT, "complaint")         \
	X(NOTE, "note")                   \
	X(CONTACT, "contact")             \
	X(CHECK, "check")                 \
	X(DISPUTE_SENT, "dispute-sent")   \
	X(DISPUTE_REPLY, "dispute-reply") \
	X(FORGET, "forget")
/* clang-format on */

enum command_verb {
#define X(n, name) COMMAND_##n,
	COMMANDS(X)
#undef X
		COMMAND_CNT
};

struct command {
	enum reason reason; /* not OK: a dead letter, `why` says what is wrong; only payload and offset are valid besides */
	struct slice why;
	enum command_verb verb;
	struct slice id, number, account, by;
	int64_t time_ms;
	struct slice provider, carrier, label, source, note, called, device, result, step, outcome;
	bool remove; /* contact: remove in place of add */
	struct slice payload;
	int64_t offset, produced_ms;
};

/* Strings are copied into `a`. A command that does not hold to schemas/command.schema.json has reason BAD_COMMAND, no payload at all
 * (p == NULL) NO_VALUE. With `produced_ms` given (not TIME_NONE), a time more than 5 min after it is IN_FUTURE. */
void decode_command(struct slice payload, int64_t produced_ms, struct arena *a, struct command *out);

/* All commands of a `--control` file (JSON lines), in order, copied into `a`. */
enum err command_file_read(const char *path, struct arena *a, struct command **out, size_t *n, struct err_text *why) MUST_CHECK;

/* ---- keying ---- */

enum partitioner { PARTITION_MURMUR2, PARTITION_CRC32 };
int32_t partition_of(enum partitioner p, struct slice key, int32_t count);

#endif
