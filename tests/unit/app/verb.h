/* SPDX-License-Identifier: Apache-2.0 */
/* A verb run in this process: its exit status, and what it wrote. */
#ifndef RINGFENCE_TESTS_APP_VERB_H
#define RINGFENCE_TESTS_APP_VERB_H

#include "tests/unit/unit.h"

#include "app/app.h"
#include "base/buf.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct verb_said {
	char *out, *err; /* owned */
	int status;
};

static inline char *verb_text(FILE *f)
{
	struct buf b = {0};
	rewind(f);
	for (int c; (c = fgetc(f)) != EOF;)
		buf_put_u8(&b, (uint8_t)c);
	buf_put_u8(&b, 0);
	fclose(f);
	return (char *)b.data;
}

static inline struct verb_said verb_said(int (*verb)(int argc, char **argv), char **argv)
{
	FILE *out = tmpfile(), *err = tmpfile();
	int argc = 0, old_out, old_err;
	struct verb_said s;
	assert_true(out && err);
	while (argv[argc])
		argc++;
	fflush(stdout);
	fflush(stderr);
	old_out = dup(STDOUT_FILENO);
	old_err = dup(STDERR_FILENO);
	dup2(fileno(out), STDOUT_FILENO);
	dup2(fileno(err), STDERR_FILENO);
	optind = 0;
	s.status = verb(argc, argv);
	fflush(stdout);
	fflush(stderr);
	dup2(old_out, STDOUT_FILENO);
	dup2(old_err, STDERR_FILENO);
	close(old_out);
	close(old_err);
	s.out = verb_text(out);
	s.err = verb_text(err);
	return s;
}

static inline void verb_forget(struct verb_said *s)
{
	free(s->out);
	free(s->err);
}

#endif
