/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"
#include "base/buf.h"

#include <errno.h>
#include <stdio.h>

enum err file_read(const char *path, size_t most_bytes, struct arena *a, struct slice *out, struct err_text *why)
{
	FILE *f = fopen(path, "rb");
	if (!f)
		return err_set(why, ERR_IO, "%s: cannot be opened: %s", path, strerror(errno));
	struct buf b = {0};
	enum err e = ERR_OK;
	size_t n;
	/* In pieces, for the size of a pipe or of a file that grows is not known before. */
	while ((n = fread(buf_reserve(&b, 4096), 1, 4096, f)) > 0 && b.len <= most_bytes)
		b.len += n;
	if (ferror(f))
		e = err_set(why, ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
	else if (b.len > most_bytes)
		e = err_set(why, ERR_LIMIT, "%s: longer than %zu bytes, the most that is read", path, most_bytes);
	else
		*out = arena_copy(a, slice_make(b.data, b.len));
	fclose(f);
	buf_release(&b);
	return e;
}

const char *file_beside(const char *folder, const char *path, struct arena *a)
{
	size_t n = strlen(folder);
	if (path[0] == '/' || path[0] == '\0' || n == 0)
		return arena_copy(a, slice_of(path)).p;
	return arena_printf(a, "%s%s%s", folder, folder[n - 1] == '/' ? "" : "/", path).p;
}

const char *file_folder(const char *path, struct arena *a)
{
	const char *cut = strrchr(path, '/');
	size_t len = cut == path ? 1 : cut ? (size_t)(cut - path) : 0;
	return arena_copy(a, slice_make(path, len)).p;
}
