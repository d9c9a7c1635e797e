/* SPDX-License-Identifier: Apache-2.0 */
/* The section of the record that rules own.
 *
 *   version  1 byte: 1
 *   then sections in order of type, each at most once: type (1 byte), length (varint of two bytes), content
 *
 *   type 1  phase    phase (1 byte: 0 active, 1 aging, 2 rest, 3 limited, 4 moderate), episode (varint), longest window (varint),
 *                    which times follow (1 byte: 1 since, 2 until, 4 hold), the times (zig-zag varints, ms)
 *   type 2  alerts   count (varint); of each: name, fingerprint (8), flags (1 byte: 1 firing, 2 shadow, 4 condition is false, 8 rule is gone),
 *                    severity, since (zig-zag), then as varints behind since: due, said if firing, condition false since, rule gone since
 *
 *   type 3  flags    count (varint); of each: provider, carrier, label, by, since (zig-zag)
 *   type 4  life     life.c
 *   type 5  contacts life.c
 *   type 6  disputes the dispute calendar (dispute.c)
 *   type 7  checks   the newest test calls (checklist.c)
 *   type 8  account  its name
 *   type 9  history  where the next entry of the history goes (history.c), and the episode that goes on, in figures (case_study.c)
 *   type 10 commands the ids of the newest commands (commands_seen.h)
 *
 * Example, a number in its first rest with the alert firing that put it there (54 bytes; test_state.c pins it):
 *
 *   01                                                                 version
 *   01 9300  02 01 80dddb01 03 80d08fa59863 80f085cd9e63               rest, episode 1, 1 h, since and until
 *   02 a000  01 04 "Many" 8877665544332211 01 04 "high" 80d08fa59863 e0a712 00
 *
 * and a flag, behind these (48 bytes):
 *
 *   03 ad00  01 04 "Hiya" 08 "T-Mobile" 09 "Spam Risk" 08 "reporter" 80d08fa59863
 *
 * GUARANTEES. Equal states give equal bytes. Any bytes either decode to a state that holds together (alerts and flags sorted, none twice, times in
 * order) or are refused. Phase, alerts and flags take at most ALERTING_BYTES_MAX: an alert is opened only if it has room even when each of its times takes the most
 * bytes that it can in 100 years; so names of 17 bytes (with the severity) allow ALERTS_MAX, longer ones fewer. Flags take at most
 * FLAGS_BYTES_MAX of that, so no number of them keeps rules from raising alerts: FLAGS_OPEN_MAX of them if their texts have 49 bytes each. */
#include "rules/state.h"

#include <assert.h>

#define STATE_VERSION 1
#define PHASE_BYTES_MAX 64 /* of the phase section and all heads */
#define ALERT_BYTES 46     /* of an alert less its name and severity */
#define FLAG_BYTES 15      /* of a flag less its texts: their lengths (two bytes for the label), the time */

enum section {
	SECTION_PHASE = 1,
	SECTION_ALERTS,
	SECTION_FLAGS,
	SECTION_LIFE,
	SECTION_CONTACTS,
	SECTION_DISPUTES,
	SECTION_CHECKS,
	SECTION_ACCOUNT,
	SECTION_HISTORY,
	SECTION_COMMANDS
};
enum { PHASE_SINCE = 1, PHASE_UNTIL = 2, PHASE_HOLD = 4 };
enum { ALERT_FIRING = 1, ALERT_SHADOW = 2, ALERT_FALSE = 4, ALERT_GONE = 8 };

/* phases are stored by number */
_Static_assert(LIFE_BYTES_MAX + CONTACTS_BYTES_MAX + DISPUTES_BYTES_MAX + CHECKS_BYTES_MAX + ACCOUNT_BYTES_MAX + HISTORY_SECTION_MAX + 18 <=
		       LIFE_PARTS_MAX,
	       "they have room");
_Static_assert(PHASE_ACTIVE == 0 && PHASE_AGING == 1 && PHASE_REST == 2 && PHASE_LIMITED == 3 && PHASE_MODERATE == 4, "stored");

static void state_init(struct state *s)
{
	s->phase = (struct phase_state){.phase = PHASE_ACTIVE, .since_ms = TIME_NONE, .until_ms = TIME_NONE, .hold_ms = TIME_NONE};
	s->alert_cnt = s->open_cnt = 0;
	s->flag_cnt = s->flag_bytes = 0;
	s->room_bytes = ALERTING_BYTES_MAX - PHASE_BYTES_MAX;
	life_init(&s->life);
	s->contacts.cnt = s->contacts.print_cnt = s->contacts.listed_cnt = 0;
	s->contacts.incomplete = false;
	s->account = SLICE_NONE;
	s->disputes.cnt = s->checks.cnt = s->commands.cnt = 0;
	s->history = (struct history_head){0};
	s->episode = (struct episode){0};
	s->changed = false;
}

static uint32_t alert_bytes(struct slice name, struct slice severity)
{
	return ALERT_BYTES + name.len + severity.len;
}

static int alert_order(const struct alert *x, const struct alert *y)
{
	int c = slice_cmp(x->name, y->name);
	return c ? c : (x->fingerprint > y->fingerprint) - (x->fingerprint < y->fingerprint);
}

static uint32_t flag_bytes(const struct event_flag *f)
{
	return FLAG_BYTES + f->provider.len + f->carrier.len + f->label.len + f->by.len;
}

static int flag_order(const struct event_flag *x, const struct event_flag *y)
{
	int c = slice_cmp(x->provider, y->provider);
	c = c ? c : slice_cmp(x->carrier, y->carrier);
	return c ? c : slice_cmp(x->label, y->label);
}

/* Active from the start: not stored. */
static bool phase_plain(const struct phase_state *p)
{
	return p->phase == PHASE_ACTIVE && p->episode == 0 && p->since_ms == TIME_NONE;
}

/* ---- decode ---- */

static void decode_phase(struct reader *r, struct phase_state *p)
{
	uint8_t phase = reader_u8(r);
	uint64_t episode = reader_varint(r), longest = reader_varint(r);
	uint8_t times = reader_u8(r);
	if (times & PHASE_SINCE)
		p->since_ms = reader_zigzag(r);
	if (times & PHASE_UNTIL)
		p->until_ms = reader_zigzag(r);
	if (times & PHASE_HOLD)
		p->hold_ms = reader_zigzag(r);
	if (phase >= PHASE_CNT || episode > UINT32_MAX || longest > WINDOW_MAX_MS || times > 7)
		r->bad = true;
	p->phase = (enum phase)phase;
	p->episode = (uint32_t)episode;
	p->longest_ms = (int64_t)longest;
	if (phase == PHASE_ACTIVE ? (times & PHASE_UNTIL) != 0 : p->until_ms <= p->since_ms || p->since_ms == TIME_NONE)
		r->bad = true;
	if (phase_plain(p))
		r->bad = true;
}

static int64_t read_behind(struct reader *r, int64_t since_ms)
{
	int64_t t = 0;
	uint64_t ms = reader_varint(r);
	if (ms > INT64_MAX || __builtin_add_overflow(since_ms, (int64_t)ms, &t))
		r->bad = true;
	return t;
}

static bool name_holds(struct slice name)
{
	for (uint32_t i = 0; i < name.len; i++) {
		char c = name.p[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (i > 0 && c >= '0' && c <= '9')))
			return false;
	}
	return name.len > 0 && name.len <= RULE_NAME_MAX;
}

static void decode_alert(struct reader *r, struct alert *a)
{
	*a = (struct alert){.said_ms = TIME_NONE, .keep_ms = TIME_NONE, .gone_ms = TIME_NONE, .rule = UINT32_MAX};
	a->name = reader_slice(r);
	a->fingerprint = reader_u64(r);
	uint8_t flags = reader_u8(r);
	a->severity = reader_slice(r);
	a->since_ms = reader_zigzag(r);
	a->due_ms = read_behind(r, a->since_ms);
	a->firing = flags & ALERT_FIRING;
	a->shadow = flags & ALERT_SHADOW;
	if (flags & ALERT_FIRING)
		a->said_ms = read_behind(r, a->since_ms);
	if (flags & ALERT_FALSE)
		a->keep_ms = read_behind(r, a->since_ms);
	if (flags & ALERT_GONE)
		a->gone_ms = read_behind(r, a->since_ms);
	if (r->bad || flags > 15 || (flags & (ALERT_FIRING | ALERT_FALSE)) == ALERT_FALSE || a->due_ms == a->since_ms ||
	    !name_holds(a->name) || a->severity.len > RULE_SEVERITY_MAX)
		r->bad = true;
}

static void decode_alerts(struct reader *r, struct state *s)
{
	uint64_t n = reader_varint(r);
	if (n == 0 || n > ALERTS_MAX)
		r->bad = true;
	for (; s->alert_cnt < n && !r->bad; s->alert_cnt++) {
		struct alert *a = &s->alerts[s->alert_cnt];
		decode_alert(r, a);
		uint32_t takes = alert_bytes(a->name, a->severity);
		if (takes > s->room_bytes || (s->alert_cnt > 0 && alert_order(a - 1, a) >= 0))
			r->bad = true;
		else
			s->room_bytes -= takes;
	}
	s->open_cnt = s->alert_cnt;
}

static void decode_flag(struct reader *r, struct event_flag *f)
{
	f->provider = reader_slice(r);
	f->carrier = reader_slice(r);
	f->label = reader_slice(r);
	f->by = reader_slice(r);
	f->since_ms = reader_zigzag(r);
	if (f->provider.len > FLAG_PROVIDER_MAX || f->carrier.len > FLAG_CARRIER_MAX || f->label.len > FLAG_LABEL_MAX ||
	    f->by.len > FLAG_BY_MAX)
		r->bad = true;
}

/* Of one more flag. */
static bool flag_fits(const struct state *s, const struct event_flag *f)
{
	uint32_t takes = flag_bytes(f);
	return s->flag_cnt < FLAGS_OPEN_MAX && s->flag_bytes + takes <= FLAGS_BYTES_MAX && takes <= s->room_bytes;
}

static void flag_insert(struct state *s, uint32_t at, const struct event_flag *f)
{
	memmove(&s->flags[at + 1], &s->flags[at], (s->flag_cnt - at) * sizeof *f);
	s->flags[at] = *f;
	s->flag_cnt++;
	s->flag_bytes += flag_bytes(f);
	s->room_bytes -= flag_bytes(f);
}

static void decode_flags(struct reader *r, struct state *s)
{
	uint64_t n = reader_varint(r);
	if (n == 0 || n > FLAGS_OPEN_MAX)
		r->bad = true;
	while (s->flag_cnt < n && !r->bad) {
		struct event_flag f;
		decode_flag(r, &f);
		if (r->bad || !flag_fits(s, &f) || (s->flag_cnt > 0 && flag_order(&s->flags[s->flag_cnt - 1], &f) >= 0))
			r->bad = true;
		else
			flag_insert(s, s->flag_cnt, &f);
	}
}

static void decode_history(struct reader *r, struct state *s)
{
	history_head_decode(r, &s->history);
	episode_decode(r, &s->episode);
}

static void decode_account(struct reader *r, struct state *s)
{
	size_t len = reader_left(r);
	const uint8_t *p = reader_take(r, len);
	if (!p || len == 0 || len > ACCOUNT_BYTES_MAX)
		r->bad = true;
	else
		s->account = slice_make(p, len);
}

/* The head of a section as section_begin and section_end write it, so that what is read never grows when it is written. */
static struct reader read_section(struct reader *r, uint8_t *type)
{
	*type = reader_u8(r);
	unsigned low = reader_u8(r), high = reader_u8(r), len = (low & 0x7f) | high << 7;
	const uint8_t *p = reader_take(r, len);
	if (low < 0x80 || high > 0x7f || !p)
		r->bad = true;
	return p ? reader_of(p, len) : reader_of(r->end, 0);
}

enum err state_decode(const uint8_t *bytes, uint32_t len, struct state *s, struct err_text *why)
{
	uint8_t last = 0;
	state_init(s);
	if (len == 0)
		return ERR_OK;
	struct reader r = reader_of(bytes, len);
	uint8_t version = reader_u8(&r);
	if (version > STATE_VERSION)
		return err_set(why, ERR_CORRUPT, "the state of rules has form %u, this program knows up to %u: a newer version wrote it",
			       version, STATE_VERSION);
	if (version != STATE_VERSION || len > STATE_BYTES_MAX || reader_left(&r) == 0)
		r.bad = true;
	while (!r.bad && reader_left(&r) > 0) {
		uint8_t type;
		struct reader in = read_section(&r, &type);
		if (type == SECTION_PHASE && type > last)
			decode_phase(&in, &s->phase);
		else if (type == SECTION_ALERTS && type > last)
			decode_alerts(&in, s);
		else if (type == SECTION_FLAGS && type > last)
			decode_flags(&in, s);
		else if (type == SECTION_LIFE && type > last)
			life_decode(&in, &s->life);
		else if (type == SECTION_CONTACTS && type > last)
			contacts_decode(&in, &s->contacts);
		else if (type == SECTION_DISPUTES && type > last)
			disputes_decode(&in, &s->disputes);
		else if (type == SECTION_CHECKS && type > last)
			checklist_decode(&in, &s->checks);
		else if (type == SECTION_ACCOUNT && type > last)
			decode_account(&in, s);
		else if (type == SECTION_HISTORY && type > last)
			decode_history(&in, s);
		else if (type == SECTION_COMMANDS && type > last)
			commands_seen_decode(&in, &s->commands);
		else
			r.bad = true;
		r.bad = r.bad || in.bad || reader_left(&in) > 0;
		last = type;
	}
	if (!r.bad)
		return ERR_OK;
	state_init(s);
	return err_set(why, ERR_CORRUPT, "the state of rules is damaged");
}

/* ---- encode ---- */

static size_t section_begin(struct buf *out, enum section type)
{
	buf_put_u8(out, (uint8_t)type);
	buf_put(out, "\0", 2); /* room for a length of two bytes: 16,383 is enough */
	return out->len;
}

static void section_end(struct buf *out, size_t from)
{
	size_t n = out->len - from;
	assert(n <= STATE_BYTES_MAX);
	out->data[from - 2] = (uint8_t)(n | 0x80);
	out->data[from - 1] = (uint8_t)(n >> 7);
}

static void encode_phase(const struct phase_state *p, struct buf *out)
{
	int times = (p->since_ms != TIME_NONE ? PHASE_SINCE : 0) | (p->until_ms != TIME_NONE ? PHASE_UNTIL : 0) |
		    (p->hold_ms != TIME_NONE ? PHASE_HOLD : 0);
	size_t at = section_begin(out, SECTION_PHASE);
	buf_put_u8(out, (uint8_t)p->phase);
	buf_put_varint(out, p->episode);
	buf_put_varint(out, (uint64_t)p->longest_ms);
	buf_put_u8(out, (uint8_t)times);
	if (times & PHASE_SINCE)
		buf_put_zigzag(out, p->since_ms);
	if (times & PHASE_UNTIL)
		buf_put_zigzag(out, p->until_ms);
	if (times & PHASE_HOLD)
		buf_put_zigzag(out, p->hold_ms);
	section_end(out, at);
}

static void put_behind(struct buf *out, int64_t since_ms, int64_t t)
{
	assert(t >= since_ms);
	buf_put_varint(out, (uint64_t)(t - since_ms));
}

static void encode_alert(const struct alert *a, struct buf *out)
{
	int flags = (a->firing ? ALERT_FIRING : 0) | (a->shadow ? ALERT_SHADOW : 0) | (a->keep_ms != TIME_NONE ? ALERT_FALSE : 0) |
		    (a->gone_ms != TIME_NONE ? ALERT_GONE : 0);
	buf_put_slice(out, a->name);
	buf_put_u64(out, a->fingerprint);
	buf_put_u8(out, (uint8_t)flags);
	buf_put_slice(out, a->severity);
	buf_put_zigzag(out, a->since_ms);
	put_behind(out, a->since_ms, a->due_ms);
	if (flags & ALERT_FIRING)
		put_behind(out, a->since_ms, a->said_ms);
	if (flags & ALERT_FALSE)
		put_behind(out, a->since_ms, a->keep_ms);
	if (flags & ALERT_GONE)
		put_behind(out, a->since_ms, a->gone_ms);
}

static void encode_flags(const struct state *s, struct buf *out)
{
	size_t at = section_begin(out, SECTION_FLAGS);
	buf_put_varint(out, s->flag_cnt);
	for (uint32_t i = 0; i < s->flag_cnt; i++) {
		const struct event_flag *f = &s->flags[i];
		buf_put_slice(out, f->provider);
		buf_put_slice(out, f->carrier);
		buf_put_slice(out, f->label);
		buf_put_slice(out, f->by);
		buf_put_zigzag(out, f->since_ms);
	}
	section_end(out, at);
}

/* Nothing but this account. */
bool state_is_account(const uint8_t *bytes, uint32_t len, struct slice account)
{
	return account.len && len == account.len + 4 && bytes[1] == SECTION_ACCOUNT && memcmp(bytes + 4, account.p, account.len) == 0;
}

static void encode_disputes(const struct state *s, struct buf *out)
{
	if (s->disputes.cnt) {
		size_t at = section_begin(out, SECTION_DISPUTES);
		disputes_encode(&s->disputes, out);
		section_end(out, at);
	}
	if (s->checks.cnt) {
		size_t at = section_begin(out, SECTION_CHECKS);
		checklist_encode(&s->checks, out);
		section_end(out, at);
	}
}

/* What an episode adds, and the account. */
static void encode_life_parts(const struct state *s, struct buf *out)
{
	if (!life_is_plain(&s->life)) {
		size_t at = section_begin(out, SECTION_LIFE);
		life_encode(&s->life, out);
		section_end(out, at);
	}
	if (!contacts_are_plain(&s->contacts)) {
		size_t at = section_begin(out, SECTION_CONTACTS);
		contacts_encode(&s->contacts, out);
		section_end(out, at);
	}
	encode_disputes(s, out);
	if (s->account.len) {
		size_t at = section_begin(out, SECTION_ACCOUNT);
		buf_put(out, s->account.p, s->account.len);
		section_end(out, at);
	}
	if (!history_head_plain(&s->history)) {
		size_t at = section_begin(out, SECTION_HISTORY);
		history_head_encode(&s->history, out);
		episode_encode(&s->episode, out);
		section_end(out, at);
	}
	if (s->commands.cnt) {
		size_t at = section_begin(out, SECTION_COMMANDS);
		commands_seen_encode(&s->commands, out);
		section_end(out, at);
	}
}

static bool is_plain(const struct state *s)
{
	return phase_plain(&s->phase) && s->alert_cnt == 0 && s->flag_cnt == 0 && life_is_plain(&s->life) &&
	       contacts_are_plain(&s->contacts) && s->account.len == 0 && history_head_plain(&s->history) &&
	       s->disputes.cnt + s->checks.cnt + s->commands.cnt == 0;
}

void state_encode(const struct state *s, struct buf *out)
{
	size_t from = out->len;
	if (is_plain(s))
		return;
	buf_put_u8(out, STATE_VERSION);
	if (!phase_plain(&s->phase))
		encode_phase(&s->phase, out);
	if (s->alert_cnt) {
		size_t at = section_begin(out, SECTION_ALERTS);
		buf_put_varint(out, s->alert_cnt);
		for (uint32_t i = 0; i < s->alert_cnt; i++)
			encode_alert(&s->alerts[i], out);
		section_end(out, at);
	}
	if (s->flag_cnt)
		encode_flags(s, out);
	assert(out->len - from <= ALERTING_BYTES_MAX);
	encode_life_parts(s, out);
	assert(out->len - from <= STATE_BYTES_MAX);
	(void)from;
}

/* ---- alerts ---- */

struct alert *state_open(struct state *s, struct slice name, struct slice severity)
{
	uint32_t takes = alert_bytes(name, severity);
	if (s->open_cnt == ALERTS_MAX || takes > s->room_bytes)
		return NULL;
	assert(s->alert_cnt < 2 * ALERTS_MAX); /* as many are over as were opened beyond ALERTS_MAX */
	struct alert *a = &s->alerts[s->alert_cnt++];
	*a = (struct alert){.name = name, .severity = severity, .said_ms = TIME_NONE, .keep_ms = TIME_NONE, .gone_ms = TIME_NONE};
	s->open_cnt++;
	s->room_bytes -= takes;
	s->changed = true;
	return a;
}

void state_close(struct state *s, struct alert *a)
{
	a->over = true;
	s->open_cnt--;
	s->room_bytes += alert_bytes(a->name, a->severity);
	s->changed = true;
}

void state_settle(struct state *s)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < s->alert_cnt; i++)
		if (!s->alerts[i].over)
			s->alerts[n++] = s->alerts[i];
	s->alert_cnt = n;
	assert(n == s->open_cnt);
	for (uint32_t i = 1; i < n; i++) { /* all but the new ones are in order; qsort might allocate */
		struct alert a = s->alerts[i];
		uint32_t at = i;
		for (; at > 0 && alert_order(&s->alerts[at - 1], &a) > 0; at--)
			s->alerts[at] = s->alerts[at - 1];
		s->alerts[at] = a;
	}
}

/* ---- flags ---- */

bool state_flag_open(struct state *s, const struct event_flag *flag)
{
	uint32_t at = 0;
	while (at < s->flag_cnt && flag_order(&s->flags[at], flag) < 0)
		at++;
	if (at < s->flag_cnt && flag_order(&s->flags[at], flag) == 0)
		return true;
	if (!flag_fits(s, flag))
		return false;
	flag_insert(s, at, flag);
	s->changed = true;
	return true;
}

static bool text_matches(struct slice wanted, struct slice text)
{
	return !wanted.p || slice_eq(wanted, text);
}

bool state_flag_matches(const struct event_flag *match, const struct event_flag *flag)
{
	return text_matches(match->provider, flag->provider) && text_matches(match->carrier, flag->carrier) &&
	       text_matches(match->label, flag->label);
}

void state_flag_close(struct state *s, const struct event_flag *match)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < s->flag_cnt; i++) {
		struct event_flag f = s->flags[i];
		if (state_flag_matches(match, &f)) {
			s->flag_bytes -= flag_bytes(&f);
			s->room_bytes += flag_bytes(&f);
			s->changed = true;
		} else {
			s->flags[n++] = f;
		}
	}
	s->flag_cnt = n;
}

/* ---- what it comes to ---- */

int64_t state_due(const struct state *s)
{
	int64_t due = s->phase.until_ms, life = life_due(&s->life, s->phase.until_ms);
	if (life != TIME_NONE && (due == TIME_NONE || life < due))
		due = life;
	int64_t dispute = disputes_due(&s->disputes);
	if (dispute != TIME_NONE && (due == TIME_NONE || dispute < due))
		due = dispute;
	for (uint32_t i = 0; i < s->alert_cnt; i++)
		if (!s->alerts[i].over && (due == TIME_NONE || s->alerts[i].due_ms < due))
			due = s->alerts[i].due_ms;
	return due;
}

uint32_t state_firing(const struct state *s, struct slice *names)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < s->alert_cnt; i++)
		if (s->alerts[i].firing && (n == 0 || !slice_eq(names[n - 1], s->alerts[i].name)))
			names[n++] = s->alerts[i].name;
	return n;
}
