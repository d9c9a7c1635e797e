/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/lists.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/utf8.h"

#define PROBLEMS_MAX 20 /* told of one list */

/* ---- a set ---- */

void text_set_init(struct text_set *s, const char *base, uint32_t most, struct arena *a)
{
	uint32_t places = 8;
	while (places / 2 < most)
		places *= 2;
	*s = (struct text_set){.base = base, .places = arena_zalloc(a, places * sizeof *s->places), .mask = places - 1};
}

/* Its place, or the free one where it would stand. */
static struct text_place *find(const struct text_set *s, struct slice text, uint32_t *check)
{
	uint64_t h = hash64(text.p, text.len, 0);
	*check = ((uint32_t)(h >> 32) & ~UINT32_C(0xff)) | text.len;
	for (uint32_t i = (uint32_t)h & s->mask;; i = (i + 1) & s->mask) {
		struct text_place *p = &s->places[i];
		if (p->at == 0 || (p->check == *check && memcmp(s->base + p->at - 1, text.p, text.len) == 0))
			return p;
	}
}

void text_set_add(struct text_set *s, struct slice text)
{
	uint32_t check;
	struct text_place *p = find(s, text, &check);
	if (p->at)
		return;
	*p = (struct text_place){(uint32_t)(text.p - s->base) + 1, check};
	s->cnt++;
}

bool text_set_has(const struct text_set *s, struct slice text)
{
	uint32_t check;
	return s->cnt && text.len > 0 && text.len <= LIST_ENTRY_MAX && find(s, text, &check)->at;
}

/* ---- a list from a file ---- */

bool list_is_number(struct slice s)
{
	if (s.len < 3 || s.len > E164_MAX_BYTES || s.p[0] != '+' || s.p[1] == '0')
		return false;
	for (uint32_t i = 1; i < s.len; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return true;
}

bool list_is_account(struct slice s)
{
	uint32_t n = sizeof ACCOUNT_PREFIX - 1;
	return s.len > n && memcmp(s.p, ACCOUNT_PREFIX, n) == 0;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The line less its comment and the white space around. */
static struct slice entry_of(struct slice line)
{
	const char *p = line.p, *end = line.p + line.len;
	while (p < end && blank(*p))
		p++;
	for (const char *q = p; q < end; q++)
		if (*q == '#' && (q == p || blank(q[-1])))
			end = q;
	while (end > p && blank(end[-1]))
		end--;
	return slice_make(p, (size_t)(end - p));
}

/* What is wrong with an entry, or NULL. */
static const char *entry_problem(struct slice s)
{
	if (s.len > LIST_ENTRY_MAX)
		return "longer than 200 bytes";
	for (uint32_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return "a control character stands in it";
	if (!utf8_valid(s))
		return "not UTF-8";
	if (s.p[0] == '+' && !list_is_number(s))
		return "a number is '+' and 2 to 15 digits, without blanks, the first not 0";
	if (slice_is(s, ACCOUNT_PREFIX))
		return "the name of the account is missing";
	return NULL;
}

static uint32_t lines_of(struct slice text)
{
	uint32_t n = 1;
	for (const char *p = text.p, *end = text.p + text.len; p < end && (p = memchr(p, '\n', (size_t)(end - p))); p++)
		n++;
	return n;
}

enum err list_parse(struct slice text, struct slice name, const char *file, struct arena *a, struct list *out, struct buf *problems)
{
	static const char mark[] = "\xef\xbb\xbf";
	uint32_t bad = 0;
	int line = 1;
	*out = (struct list){.name = arena_copy(a, name), .file = arena_copy(a, slice_of(file)).p};
	if (text.len >= 3 && memcmp(text.p, mark, 3) == 0)
		text = slice_make(text.p + 3, text.len - 3);
	const char *end = text.p + text.len;
	text_set_init(&out->texts, text.p, lines_of(text), a);
	for (const char *p = text.p; p < end; line++) {
		const char *eol = memchr(p, '\n', (size_t)(end - p));
		eol = eol ? eol : end;
		struct slice s = entry_of(slice_make(p, (size_t)(eol - p)));
		const char *problem = s.len ? entry_problem(s) : NULL;
		if (problem && bad++ < PROBLEMS_MAX)
			buf_printf(problems, "%s:%d:%d: %s\n", file, line, (int)(s.p - p) + 1, problem);
		if (s.len && !problem) {
			text_set_add(&out->texts, s);
			if (out->odd_line == 0 && !list_is_number(s) && !list_is_account(s))
				out->odd_line = line;
		}
		p = eol + 1;
	}
	if (bad > PROBLEMS_MAX)
		buf_printf(problems, "%s: %u more bad lines\n", file, bad - PROBLEMS_MAX);
	return bad ? ERR_CONFIG : ERR_OK;
}

enum err list_load(const char *path, struct slice name, struct arena *a, struct list *out, struct buf *problems)
{
	struct slice text;
	struct err_text why;
	*out = (struct list){.name = arena_copy(a, name)}; /* rules may name it, what they say of it is checked all the same */
	if (!file_read(path, LIST_MAX_BYTES, a, &text, &why))
		return list_parse(text, name, path, a, out, problems);
	buf_printf(problems, "%s\n", why.text);
	return ERR_CONFIG;
}

/* ---- exempt ---- */

static bool exempts(const struct exempt *e, struct slice text)
{
	if (text_set_has(&e->own, text))
		return true;
	for (uint32_t i = 0; i < e->list_cnt; i++)
		if (text_set_has(&e->lists[i]->texts, text))
			return true;
	return false;
}

bool exempt_covers(const struct exempt *e, const struct expr_input *in)
{
	char account[LIST_ENTRY_MAX] = ACCOUNT_PREFIX;
	const uint32_t n = sizeof ACCOUNT_PREFIX - 1;
	if (exempts(e, in->number))
		return true;
	if (in->account.len == 0 || in->account.len > sizeof account - n)
		return false;
	memcpy(account + n, in->account.p, in->account.len);
	return exempts(e, slice_make(account, n + in->account.len));
}
