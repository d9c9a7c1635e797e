/* SPDX-License-Identifier: Apache-2.0 */
/* Small files read whole: configuration, rules, secrets. */
#ifndef RINGFENCE_BASE_FILE_H
#define RINGFENCE_BASE_FILE_H

#include "base/arena.h"
#include "base/err.h"

/* The content of `path` in `a`, NUL-terminated behind len. More than `most_bytes` is ERR_LIMIT; a file that is not there or cannot be read is ERR_IO. */
enum err file_read(const char *path, size_t most_bytes, struct arena *a, struct slice *out, struct err_text *why) MUST_CHECK;

/* `path` as seen from `folder`: unchanged if absolute or empty or if the folder is empty, else "folder/path", in `a`. */
const char *file_beside(const char *folder, const char *path, struct arena *a);
/* The folder of a file: what is before the last '/'; "" if there is none ("/" for a file in the root). In `a`. */
const char *file_folder(const char *path, struct arena *a);

#endif
