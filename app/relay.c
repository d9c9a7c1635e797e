/* SPDX-License-Identifier: Apache-2.0 */
#include "app/relay.h"

#include "base/hash.h"

#include <assert.h>
#include <stdlib.h>

#define COPIES_VERSION 1
#define FACTS_VERSION 2 /* with their causes */
#define BLOCK_DIGITS 3  /* a block is a number without its last three */
#define SOURCES_MAX 65536

/* ---- which copies ---- */

static struct slice key_of(struct arena *a, struct slice prefix, struct slice name)
{
	char *p = arena_alloc(a, prefix.len + name.len);
	memcpy(p, prefix.p, prefix.len);
	memcpy(p + prefix.len, name.p, name.len);
	return slice_make(p, prefix.len + name.len);
}

struct slice relay_block_key(struct slice number, struct arena *a)
{
	if (number.len < 3 + BLOCK_DIGITS)
		return SLICE_NONE;
	return key_of(a, SLICE_LIT("block:"), slice_make(number.p, number.len - BLOCK_DIGITS));
}

struct slice relay_account_key(struct slice tenant, struct slice account, struct arena *a)
{
	if (!account.len)
		return SLICE_NONE;
	if (tenant.len)
		return arena_printf(a, "account:" SLICE_FMT "/" SLICE_FMT, SLICE_ARG(tenant), SLICE_ARG(account));
	return key_of(a, SLICE_LIT("account:"), account);
}

struct slice relay_trunk_key(struct slice trunk, struct arena *a)
{
	return trunk.len ? key_of(a, SLICE_LIT("trunk:"), trunk) : SLICE_NONE;
}

static void add(struct copy *out, uint32_t *n, enum copy_kind kind, struct slice key, const struct cdr *c, uint64_t caller)
{
	if (!key.len)
		return;
	out[*n] = (struct copy){.kind = (uint8_t)kind,
				.offset = c->offset,
				.ordinal = kind,
				.key = key,
				.key_hash = slice_eq(key, c->callee) ? c->callee_hash : hash64(key.p, key.len, 0),
				.caller = caller,
				.event_ms = c->event_ms};
	++*n;
}

bool relay_any(const struct settings *set)
{
	return set->relay.called != RELAY_CALLED_OFF || set->relay.account || set->relay.trunk || set->relay.block;
}

/* A CDR makes at most one copy of a kind: the kind is its ordinal, whichever kinds are on. */
/* `managed`: where accounts say who is, it is not known of a called number, and it gets its copies. */
static bool wants_called(const struct settings *set, const struct rules *rules, struct slice called)
{
	const struct policies *p = &set->policies;
	if (!called.len || set->relay.called == RELAY_CALLED_OFF)
		return false;
	return set->relay.called == RELAY_CALLED_ALL || p->managed.accounts.n || policy_manages(p, rules, called, SLICE_NONE);
}

uint32_t relay_copies(const struct settings *set, const struct rules *rules, const struct cdr *c, struct arena *a,
		      struct copy out[RELAY_COPIES_MAX])
{
	uint32_t n = 0;
	bool counts = c->use == CDR_COUNT;
	if (wants_called(set, rules, c->called_number))
		add(out, &n, COPY_CALLED, c->called_number, c, counts ? c->caller_hash : 0);
	if (set->relay.block && c->called_number.len)
		add(out, &n, COPY_CALLED_BLOCK, relay_block_key(c->called_number, a), c, counts ? c->caller_hash : 0);
	if (!counts)
		return n;
	uint32_t cohorts = n;
	uint64_t caller = number_pack(c->calling_number);
	if (set->relay.account)
		add(out, &n, COPY_ACCOUNT, relay_account_key(c->tenant_id, c->account_id, a), c, caller);
	if (set->relay.trunk)
		add(out, &n, COPY_TRUNK, relay_trunk_key(c->ingress_trunk, a), c, caller);
	if (set->relay.block)
		add(out, &n, COPY_BLOCK, relay_block_key(c->calling_number, a), c, caller);
	if (n > cohorts)
		facts_of(c, &out[cohorts].facts);
	for (uint32_t i = cohorts + 1; i < n; i++)
		out[i].facts = out[cohorts].facts;
	return n;
}

/* Calls received by a block come with its own kind of copies: they need no switch besides. */
static enum err check_cohort_rules(const struct settings *set, const struct rules *rules, struct err_text *why)
{
	const bool on[SUBJECT_KINDS] = {true, set->relay.account, set->relay.trunk, set->relay.block};
	for (uint32_t i = 0; i < rules_cnt(rules); i++) {
		enum subject_kind kind = rules_kind(rules, i);
		if (!on[kind])
			return err_set(
				why, ERR_CONFIG,
				"the rule " SLICE_FMT
				" is on %s, and relay.%s is off: nothing is known of them then. Set relay.%s to true, or take the rule out",
				SLICE_ARG(rules_name(rules, i)), subject_kind_plural(kind), subject_kind_name(kind),
				subject_kind_name(kind));
	}
	return ERR_OK;
}

enum err relay_check_rules(const struct settings *set, const struct rules *rules, struct err_text *why)
{
	uint32_t n;
	const struct figure_key *keys = rules_figures(rules, &n);
	for (uint32_t i = 0; i < n; i++) {
		enum feature f = keys[i].feature == FEATURE_BASELINE ? keys[i].base : keys[i].feature;
		const struct feature_info *info = feature_info(f);
		bool received = f == FEATURE_INCOMING || f == FEATURE_IN_PARTIES || f == FEATURE_IN_OUT_RATIO;
		if (received && set->relay.called == RELAY_CALLED_OFF)
			return err_set(why, ERR_CONFIG,
				       "a rule asks for '%s', and relay.called is off: calls received are not known then. Set relay.called "
				       "to managed or all, "
				       "or take the rule out",
				       info->name);
		if (!(info->of & OF_NUMBER))
			return err_set(why, ERR_CONFIG, "a rule asks for '%s', which only accounts, trunks and blocks have", info->name);
	}
	return check_cohort_rules(set, rules, why);
}

bool relay_apply(const struct copy *c, struct table *t, struct subject *sub, int64_t allowed_lateness_ms, int64_t clock_ms)
{
	bool late;
	switch ((enum copy_kind)c->kind) {
	case COPY_CALLED:
	case COPY_CALLED_BLOCK:
		subject_add_incoming(t, sub, c->event_ms, c->caller, clock_ms);
		return false;
	case COPY_ACCOUNT:
	case COPY_TRUNK:
	case COPY_BLOCK:
		return subject_add_copy(t, sub, &c->facts, c->caller, allowed_lateness_ms, &late) == CALL_APPLIED;
	case COPY_FLAG:
		subject_add_flag(t, sub, c->event_ms);
		return true;
	case COPY_FLAGGED:
		subject_add_flagged(t, sub, c->caller, c->event_ms);
		return true;
	case COPY_KIND_CNT:
		break;
	}
	return false;
}

/* ---- causes ---- */

void cause_encode(const struct cause *c, struct buf *out)
{
	buf_put_u8(out, (uint8_t)c->kind);
	if (c->kind == CAUSE_CDR) {
		buf_put_varint(out, (uint64_t)c->partition);
		buf_put_zigzag(out, c->offset);
		buf_put_slice(out, c->record_id);
	} else if (c->kind == CAUSE_TIMER) {
		buf_put_slice(out, slice_of(c->timer));
		buf_put_zigzag(out, c->due_ms);
	} else {
		buf_put_slice(out, c->command);
	}
}

bool cause_decode(struct slice bytes, struct slice cdr_topic, struct arena *a, struct cause *out)
{
	struct reader r = reader_of(bytes.p, bytes.len);
	uint8_t kind = reader_u8(&r);
	*out = (struct cause){.kind = (enum cause_kind)kind};
	if (kind == CAUSE_CDR) {
		out->topic = cdr_topic;
		out->partition = (int32_t)reader_varint(&r);
		out->offset = reader_zigzag(&r);
		out->record_id = reader_slice(&r);
	} else if (kind == CAUSE_TIMER) {
		out->timer = arena_copy(a, reader_slice(&r)).p;
		out->due_ms = reader_zigzag(&r);
	} else {
		out->command = reader_slice(&r);
	}
	return !r.bad && kind <= CAUSE_COMMAND && (kind != CAUSE_TIMER || out->timer);
}

/* ---- packing ---- */

void relay_pack_begin(struct relay_pack *p, bool facts, uint64_t source, int32_t partition)
{
	buf_reset(&p->bytes);
	p->cnt = 0;
	p->last_offset = 0;
	buf_put_u8(&p->bytes, facts ? FACTS_VERSION : COPIES_VERSION);
	buf_put_u8(&p->bytes, facts);
	buf_put_u64(&p->bytes, source);
	buf_put_varint(&p->bytes, (uint64_t)partition);
	p->count_at = p->bytes.len;
	buf_put_u32(&p->bytes, 0);
}

void relay_pack_add(struct relay_pack *p, const struct copy *c)
{
	struct buf *b = &p->bytes;
	buf_put_u8(b, c->kind);
	buf_put_zigzag(b, c->offset - p->last_offset);
	p->last_offset = c->offset;
	buf_put_varint(b, c->ordinal);
	buf_put_slice(b, c->key);
	buf_put_u64(b, c->caller);
	if (c->kind == COPY_ACCOUNT || c->kind == COPY_TRUNK || c->kind == COPY_BLOCK)
		facts_encode(&c->facts, b);
	else
		buf_put_zigzag(b, c->event_ms);
	if (COPY_IS_FACT(c->kind))
		buf_put_slice(b, c->cause);
	p->cnt++;
}

struct slice relay_pack_end(struct relay_pack *p)
{
	if (p->cnt == 0)
		return SLICE_NONE;
	for (int i = 0; i < 4; i++)
		p->bytes.data[p->count_at + (size_t)i] = (uint8_t)(p->cnt >> (8 * i));
	return buf_slice(&p->bytes);
}

/* ---- unpacking ---- */

bool relay_open(struct slice bytes, struct relay_message *out)
{
	struct reader r = reader_of(bytes.p, bytes.len);
	uint8_t version = reader_u8(&r);
	*out = (struct relay_message){.facts = reader_u8(&r), .causes = version == FACTS_VERSION};
	if (version != COPIES_VERSION && !(version == FACTS_VERSION && out->facts))
		return false;
	out->source = reader_u64(&r);
	out->partition = (int32_t)reader_varint(&r);
	out->cnt = reader_u32(&r);
	out->rest = r;
	return !r.bad && out->partition >= 0 && out->cnt <= bytes.len;
}

bool relay_next(struct relay_message *m, struct copy *out)
{
	struct reader *r = &m->rest;
	*out = (struct copy){.source = m->source, .partition = m->partition, .kind = reader_u8(r)};
	out->offset = m->last_offset + reader_zigzag(r);
	m->last_offset = out->offset;
	out->ordinal = reader_varint(r);
	out->key = reader_slice(r);
	out->key_hash = hash64(out->key.p, out->key.len, 0);
	out->caller = reader_u64(r);
	if (out->kind >= COPY_KIND_CNT || COPY_IS_FACT(out->kind) != m->facts || out->key.len == 0)
		return false;
	if (out->kind == COPY_ACCOUNT || out->kind == COPY_TRUNK || out->kind == COPY_BLOCK) {
		if (!facts_decode(r, &out->facts))
			return false;
		out->event_ms = out->facts.end_ms;
	} else {
		out->event_ms = reader_zigzag(r);
		out->cause = m->causes ? reader_slice(r) : SLICE_NONE;
	}
	return !r->bad;
}

/* ---- sources ---- */

static int order(const struct relay_seen *a, uint64_t source, int32_t partition, uint8_t kind)
{
	if (a->source != source)
		return a->source < source ? -1 : 1;
	if (a->partition != partition)
		return a->partition < partition ? -1 : 1;
	return (a->kind > kind) - (a->kind < kind);
}

/* Where (source, partition, kind) stands or would stand. */
static uint32_t place(const struct relay_marks *m, uint64_t source, int32_t partition, uint8_t kind)
{
	uint32_t lo = 0, hi = m->cnt;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (order(&m->v[mid], source, partition, kind) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool relay_mark(struct relay_marks *m, const struct copy *c)
{
	uint32_t i = place(m, c->source, c->partition, c->kind);
	struct relay_seen *s = i < m->cnt ? &m->v[i] : NULL;
	if (s && order(s, c->source, c->partition, c->kind) == 0) {
		if (c->offset < s->offset || (c->offset == s->offset && c->ordinal <= s->ordinal))
			return false;
		s->offset = c->offset;
		s->ordinal = c->ordinal;
		return true;
	}
	if (m->cnt == m->cap) {
		m->cap = m->cap ? 2 * m->cap : 16;
		m->v = mem_realloc(m->v, m->cap * sizeof *m->v);
	}
	memmove(m->v + i + 1, m->v + i, (m->cnt - i) * sizeof *m->v);
	m->v[i] = (struct relay_seen){c->source, c->partition, c->kind, c->offset, c->ordinal};
	m->cnt++;
	return true;
}

void relay_marks_encode(const struct relay_marks *m, struct buf *out)
{
	buf_put_varint(out, m->cnt);
	for (uint32_t i = 0; i < m->cnt; i++) {
		const struct relay_seen *s = &m->v[i];
		bool same = i > 0 && m->v[i - 1].source == s->source;
		buf_put_u8(out, (uint8_t)(s->kind | (same ? 0x80 : 0)));
		if (!same)
			buf_put_u64(out, s->source);
		buf_put_varint(out, (uint64_t)s->partition);
		buf_put_zigzag(out, s->offset);
		buf_put_varint(out, s->ordinal);
	}
}

bool relay_marks_decode(struct reader *r, struct relay_marks *out)
{
	uint64_t n = reader_varint(r), source = 0;
	*out = (struct relay_marks){0};
	if (n > SOURCES_MAX)
		r->bad = true;
	if (r->bad || n == 0)
		return !r->bad;
	out->cap = (uint32_t)n;
	out->v = mem_zalloc(n * sizeof *out->v);
	for (; out->cnt < n && !r->bad; out->cnt++) {
		uint8_t kind = reader_u8(r);
		if (!(kind & 0x80))
			source = reader_u64(r);
		struct relay_seen *s = &out->v[out->cnt];
		s->source = source;
		s->kind = kind & 0x7f;
		s->partition = (int32_t)reader_varint(r);
		s->offset = reader_zigzag(r);
		s->ordinal = reader_varint(r);
	}
	if (!r->bad)
		return true;
	free(out->v);
	*out = (struct relay_marks){0};
	return false;
}
