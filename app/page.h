/* SPDX-License-Identifier: Apache-2.0 */
/* What our pages share: one document each that needs nothing from elsewhere, no script, font or image. Tables scroll by themselves on a narrow screen,
 * plots stand below each other there; dark where the reader's screen is, light on paper. Whatever comes from outside goes through html_text(). */
#ifndef RINGFENCE_APP_PAGE_H
#define RINGFENCE_APP_PAGE_H

#include "base/buf.h"

void html_text(struct slice s, struct buf *out); /* escaped: for text and for values in double quotes; control characters are left out */
void html_string(const char *s, struct buf *out);

void page_open(struct slice title, struct buf *out); /* to <body> */
void page_close(struct buf *out);

void page_tiles_open(struct buf *out);
void page_tile(const char *name, const char *value, struct buf *out); /* the value is escaped, the name is ours */
void page_tiles_close(struct buf *out);

void page_section_open(const char *id, const char *title, struct buf *out); /* ours: ASCII */
void page_section_close(struct buf *out);

#endif
