/* SPDX-License-Identifier: Apache-2.0 */
/* Errors. One table; a function that can fail returns `enum err`, callers branch on its class.
 *
 * The outside world (files, servers, input) is an `enum err`; a bug of ours is an assert.
 * Detail goes into a `struct err_text` that the caller lends: what was being done to what, and what to do about it. */
#ifndef RINGFENCE_BASE_ERR_H
#define RINGFENCE_BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

enum err_class {
	ERR_CLASS_OK,
	ERR_CLASS_RETRY, /* the outside is away: pause, try again, nothing is lost */
	ERR_CLASS_SKIP,  /* this one record cannot be used: dead letter, go on */
	ERR_CLASS_FATAL, /* stop: somebody has to decide something */
};

/*        code             class  exit text */
#define ERR_TABLE(X)                                                           \
	X(OK, OK, 0, "done")                                                   \
	X(NO, FATAL, 1, "the answer is no")                                    \
	X(USAGE, FATAL, 2, "wrong use")                                        \
	X(CONFIG, FATAL, 2, "bad configuration")                               \
	X(INPUT, SKIP, 1, "unusable input")                                    \
	X(NOT_FOUND, SKIP, 1, "not found")                                     \
	X(LIMIT, SKIP, 3, "a stated limit is reached")                         \
	X(MEMORY, FATAL, 3, "out of memory")                                   \
	X(IO, FATAL, 3, "input/output failed")                                 \
	X(AWAY, RETRY, 3, "the other side does not answer")                    \
	X(FENCED, RETRY, 3, "the shard was taken by another process")          \
	X(CORRUPT, FATAL, 3, "stored state is damaged or of a newer version")  \
	X(GAP, FATAL, 3, "input positions do not match what Kafka holds")      \
	X(FOREIGN, FATAL, 2, "the stored state belongs to another deployment") \
	X(LOCKED, FATAL, 3, "held by another process")                         \
	X(STATE, FATAL, 3, "the store refused a write half way")

enum err {
#define X(code, class, exit, text) ERR_##code,
	ERR_TABLE(X)
#undef X
};

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

struct err_text {
	char text[768];
};

enum err_class err_class(enum err e);
int err_exit(enum err e); /* exit status of a verb that ends with it (DESIGN section 11) */
const char *err_name(enum err e);
const char *err_meaning(enum err e);

/* Writes the detail into `t` (may be NULL) and returns `e`, so that `return err_set(t, ERR_IO, ...)` reads well. */
enum err err_set(struct err_text *t, enum err e, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
