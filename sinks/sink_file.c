/* SPDX-License-Identifier: Apache-2.0 */
/* The six files of `replay --out`: one structured CloudEvent a line. */
#include "sinks/sinks.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#define FILE_BUFFER_BYTES (256u << 10)

struct sink_file {
	FILE *file[TOPIC_CNT];
	char *buffer[TOPIC_CNT]; /* owned; stdio's */
	char *folder;            /* owned */
	struct buf line;         /* scratch */
	int failed;              /* errno of the first write that failed, 0: none */
	enum event_topic failed_topic;
};

/* Makes the folder and those above it; what fails above shows at the last one. */
static int make_folder(const char *folder)
{
	char *path = mem_strdup(folder);
	for (char *p = path + 1; *path && *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		(void)mkdir(path, 0777);
		*p = '/';
	}
	int failed = mkdir(path, 0777) < 0 && errno != EEXIST ? errno : 0;
	free(path);
	return failed;
}

static void release(struct sink_file *s)
{
	for (int t = 0; t < TOPIC_CNT; t++) {
		if (s->file[t])
			fclose(s->file[t]);
		free(s->buffer[t]);
	}
	buf_release(&s->line);
	free(s->folder);
	free(s);
}

enum err sink_file_open(const char *folder, struct sink_file **out, struct err_text *why)
{
	int failed = make_folder(folder);
	if (failed)
		return err_set(why, ERR_IO, "cannot make the folder %s: %s", folder, strerror(failed));
	struct sink_file *s = mem_zalloc(sizeof *s);
	s->folder = mem_strdup(folder);
	for (int t = 0; t < TOPIC_CNT; t++) {
		struct buf path = {0};
		buf_printf(&path, "%s/%s", folder, event_topic_file((enum event_topic)t));
		s->file[t] = fopen((const char *)path.data, "we");
		if (!s->file[t]) {
			enum err e = err_set(why, ERR_IO, "cannot write %s: %s", (const char *)path.data, strerror(errno));
			buf_release(&path);
			release(s);
			return e;
		}
		buf_release(&path);
		s->buffer[t] = mem_alloc(FILE_BUFFER_BYTES);
		setvbuf(s->file[t], s->buffer[t], _IOFBF, FILE_BUFFER_BYTES);
	}
	*out = s;
	return ERR_OK;
}

static enum err fail(struct sink_file *s, enum event_topic topic)
{
	if (!s->failed) {
		s->failed = errno ? errno : EIO;
		s->failed_topic = topic;
	}
	return ERR_IO;
}

/* After a failure nothing more is written: a file with a hole would look whole. */
static enum err write_line(struct sink_file *s, enum event_topic topic)
{
	if (s->failed)
		return ERR_IO;
	buf_put_u8(&s->line, '\n');
	errno = 0;
	if (fwrite(s->line.data, 1, s->line.len, s->file[topic]) != s->line.len)
		return fail(s, topic);
	return ERR_OK;
}

enum err sink_file_write(struct sink_file *s, const struct message *m)
{
	buf_reset(&s->line);
	message_structured(m, &s->line);
	return write_line(s, m->topic);
}

enum err sink_file_dead_letter(struct sink_file *s, const struct dead_letter *d, const char *deployment)
{
	buf_reset(&s->line);
	dead_letter_line(d, deployment, &s->line);
	return write_line(s, TOPIC_DEAD_LETTERS);
}

enum err sink_file_close(struct sink_file *s, struct err_text *why)
{
	enum err e = ERR_OK;
	if (!s)
		return ERR_OK;
	for (int t = 0; t < TOPIC_CNT; t++) {
		errno = 0;
		if (fclose(s->file[t]) != 0)
			(void)fail(s, (enum event_topic)t);
		s->file[t] = NULL;
	}
	if (s->failed)
		e = err_set(why, ERR_IO, "cannot write %s/%s: %s; the files of this run are not whole", s->folder,
			    event_topic_file(s->failed_topic), strerror(s->failed));
	release(s);
	return e;
}
