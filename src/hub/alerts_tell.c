/* SPDX-License-Identifier: Apache-2.0 */
/* alerts_tell.c - what was decided becomes messages in the outbox, one a sink and kind.
 *
 * What a sink makes something of its own of (an incident, an issue) is not counted only: for such a
 * sink a message that would list too many becomes several, which go as one.
 *
 * A sink that was told something within the policy's group time, or too often within the minute, or
 * that has quiet hours now, is not told but has the message held: in the outbox, in state "held",
 * with the time at which it may go. What is held and due becomes one message. An alert that ended
 * while its message was held is told as resolved: never lost, never stale. */
#include "base/limits.h"
#include "base/rfc3339.h"
#include "format/sha256.h"
#include "hub/alerts_inside.h"
#include "hub/audit.h"

enum {
	MINUTE_MS = 60000,
	URGENT_GROUP_MS = 500,
	HELD_AT_MOST_MS = 90000000 /* a day and an hour */
};

static const char *const no_sinks[] = {NULL};

static const char *const *sinks_of(const struct call *c)
{
	return c->env->sinks ? c->env->sinks : no_sinks;
}

/* Sinks, and when they may be told. */

static struct sink_state *sink_of(struct alerts *a, const char *name)
{
	struct sink_state s = {0};

	VEC_EACH (have, &a->sinks) {
		if (strcmp(have->name, name) == 0)
			return have;
	}
	s.name = strdup(name);
	if (s.name == NULL)
		return NULL;
	if (!VEC_PUSH(&a->sinks, s)) {
		free(s.name);
		return NULL;
	}
	return &a->sinks.v[a->sinks.n - 1];
}

/* 0: now. A clock that went back makes nobody wait. */
static int64_t pace_due(const struct policy *p, const struct pace *s, int64_t group_ms, int64_t now)
{
	int64_t due = 0;

	if (s->told_ms && now >= s->told_ms && now < s->told_ms + group_ms)
		due = s->told_ms + group_ms;
	if (s->in_minute >= p->max_per_minute && now >= s->minute_ms &&
	    now < s->minute_ms + MINUTE_MS)
		due = MAX_OF(due, s->minute_ms + MINUTE_MS);
	return due;
}

static void pace_told(struct pace *s, int64_t now)
{
	if (now < s->minute_ms || now >= s->minute_ms + MINUTE_MS) {
		s->minute_ms = now;
		s->in_minute = 0;
	}
	s->in_minute++;
	s->told_ms = now;
}

static void hold_until(struct alerts *a, int64_t due)
{
	if (a->held_due_ms == 0 || due < a->held_due_ms)
		a->held_due_ms = due;
}

/* Messages. */

struct slice { /* of notices that were picked, or of items */
	size_t from, n;
};

struct teller {
	struct call *c;
	char at[RFC3339_BYTES], audit[AUDIT_HEAD_BYTES];
	VEC(uint32_t) picked, written; /* notices of the messages; of the one that json holds */
	VEC(struct message_item) items;
	struct arena arena; /* of the items of one message */
	struct strbuf json;
	char id[80];
};

static enum rmg_rc teller_init(struct teller *t, struct call *c)
{
	struct audit_head head;
	enum rmg_rc rc;

	*t = (struct teller){.c = c, .json = strbuf_of(LIMIT_MESSAGE_BYTES)};
	arena_init(&t->arena, GIB(1));
	c->items = &t->arena;
	rfc3339_text(c->env->now_ms, t->at);
	rc = audit_head(c->env->store, &head, c->err);
	if (rc == RMG_OK)
		audit_head_text(&head, t->audit);
	return rc;
}

static void teller_done(struct teller *t)
{
	VEC_DONE(&t->picked);
	VEC_DONE(&t->written);
	VEC_DONE(&t->items);
	arena_done(&t->arena);
	strbuf_done(&t->json);
	t->c->items = &t->c->a->scratch;
}

static const char *kind_says(enum message_kind kind)
{
	switch (kind) {
	case MESSAGE_FIRED:
	case MESSAGE_FIRING:
		return "";
	case MESSAGE_REOPENED:
		return "again: ";
	case MESSAGE_WORSENED:
		return "worse: ";
	case MESSAGE_ESCALATED:
		return "still in use: ";
	case MESSAGE_RESOLVED:
		return "resolved: ";
	case MESSAGE_TEST:
		break;
	}
	return "test: ";
}

/* One advisory in many images has a title of its own; else the worst alert's speaks for all. */
static void put_title(struct strbuf *out, enum message_kind kind, const struct message_item *items,
		      size_t n, uint64_t all)
{
	bool one_advisory = items[0].advisory.n != 0;

	strbuf_puts(out, kind_says(kind));
	for (size_t i = 1; i < n; i++)
		one_advisory = one_advisory && span_is(items[i].advisory, items[0].advisory);
	if (all == 1)
		strbuf_put(out, items[0].title);
	else if (one_advisory)
		strbuf_printf(out, SPAN_FMT " in %llu images", SPAN_ARG(items[0].advisory),
			      (unsigned long long)all);
	else
		strbuf_printf(out, "%llu alerts, the worst: " SPAN_FMT, (unsigned long long)all,
			      SPAN_ARG(items[0].title));
}

static bool is_urgent(const struct message_item *item)
{
	return item->kev || span_is(item->severity, S("critical"));
}

/* Items as a message of the id t->id, into t->json. */
static enum rmg_rc write_message(struct teller *t, enum message_kind kind, struct slice s,
				 uint64_t left_out)
{
	const char *link = t->c->env->link;
	struct strbuf title = strbuf_of(KIB(64));
	struct message m = {
	    .kind = kind,
	    .id = span_cstr(t->id),
	    .at = span_cstr(t->at),
	    .severity = t->items.v[s.from].severity,
	    .link = span_cstr(link ? link : ""),
	    .audit = span_cstr(t->audit),
	    .items = t->items.v + s.from,
	    .n_items = s.n,
	    .items_left_out = left_out,
	};

	put_title(&title, kind, m.items, m.n_items, m.n_items + left_out);
	m.title = strbuf_span(&title);
	strbuf_clear(&t->json);
	message_write(&m, &t->json);
	strbuf_done(&title);
	return strbuf_rc(&t->json) == RMG_OK ? RMG_OK : call_no_memory(t->c);
}

/* due: 0 now, else held until then. pace NULL: it goes with one that was counted. */
static enum rmg_rc put_outbox(struct teller *t, const struct sink_state *s, struct pace *pace,
			      int64_t due)
{
	struct call *c = t->c;
	struct outbox_row row = {
	    .sink = span_cstr(s->name),
	    .dedupe = span_cstr(t->id),
	    .message = strbuf_span(&t->json),
	    .state = due ? S("held") : S("waiting"),
	    .created_ms = c->env->now_ms,
	    .next_ms = due ? due : c->env->now_ms,
	};
	bool added;

	if (due)
		hold_until(c->a, due);
	else if (pace)
		pace_told(pace, c->env->now_ms);
	return store_outbox_add(c->env->store, &row, &added, c->err);
}

/* From notices. */

static int notice_cmp(const void *a, const void *b)
{
	const struct notice *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->severity != y->severity)
		return x->severity > y->severity ? -1 : 1;
	if (x->kev != y->kev)
		return x->kev ? -1 : 1;
	if (x->epss_permille != y->epss_permille)
		return x->epss_permille > y->epss_permille ? -1 : 1;
	return (x->alert > y->alert) - (x->alert < y->alert);
}

bool rule_tells(const struct policy *p, uint16_t rule, const char *sink)
{
	const struct rule *r = rule < p->n_rules ? &p->rules[rule] : NULL;

	if (r == NULL || r->n_sinks == 0)
		return true;
	for (size_t i = 0; i < r->n_sinks; i++) {
		if (span_is(r->sinks[i], span_cstr(sink)))
			return true;
	}
	return false;
}

static void hash_u64(struct sha256 *h, uint64_t n)
{
	sha256_put(h, span_of(&n, sizeof n));
}

/* PREFIX/ and half of the hash. */
static void set_id(struct teller *t, const char *prefix, const uint8_t hash[SHA256_BYTES])
{
	size_t n = (size_t)snprintf(t->id, sizeof t->id, "%s/", prefix);

	for (size_t i = 0; i < 16; i++)
		snprintf(t->id + n + 2 * i, 3, "%02x", hash[i]);
}

/* The same decision has the same id: alert, opening, what, and which of several. */
static bool name_message(struct teller *t, const uint32_t *picked, size_t n_picked)
{
	const struct notice *notices = t->c->a->notices.v, *first = &notices[picked[0]];
	struct sha256 *h;
	uint8_t hash[SHA256_BYTES];

	if (n_picked == 1) {
		snprintf(t->id, sizeof t->id, "%u/%u/%s/%llu", first->alert, first->opening,
			 message_kind_name((enum message_kind)first->kind),
			 (unsigned long long)first->detail);
		return true;
	}
	h = sha256_new();
	if (h == NULL)
		return false;
	for (size_t i = 0; i < n_picked; i++) {
		const struct notice *n = &notices[picked[i]];

		hash_u64(h, (uint64_t)n->alert << 32 | n->opening);
		hash_u64(h, n->kind);
		hash_u64(h, n->detail);
	}
	sha256_end(h, hash);
	sha256_free(h);
	set_id(t, "group", hash);
	return true;
}

static enum rmg_rc write_picked(struct teller *t, struct slice s)
{
	struct alerts *a = t->c->a;
	const uint32_t *picked = t->picked.v + s.from;
	size_t n = MIN_OF(s.n, (size_t)MESSAGE_ITEMS);

	/* Mostly all sinks are told the same. */
	if (t->written.n == s.n && memcmp(t->written.v, picked, s.n * sizeof *picked) == 0)
		return RMG_OK;
	t->items.n = t->written.n = 0;
	arena_reset(&t->arena);
	for (size_t i = 0; i < n; i++) {
		struct message_item *item = notice_item(t->c, &a->notices.v[picked[i]]);

		if (item == NULL || !VEC_PUSH(&t->items, *item))
			return call_no_memory(t->c);
	}
	if (!name_message(t, picked, s.n) || !VEC_RESERVE(&t->written, s.n))
		return call_no_memory(t->c);
	memcpy(t->written.v, picked, s.n * sizeof *picked);
	t->written.n = s.n;
	return write_message(t, (enum message_kind)a->notices.v[picked[0]].kind,
			     (struct slice){0, n}, s.n - n);
}

static bool takes_each(const struct call *c, const char *sink)
{
	const char *const *each = c->env->sinks_each;

	while (each && *each && strcmp(*each, sink) != 0)
		each++;
	return each && *each;
}

/* Of n that are told to a sink what goes into the next message. */
static struct slice next_slice(const struct call *c, const char *sink, struct slice s, size_t n)
{
	size_t from = s.from + s.n, left = n - from;

	return (struct slice){from,
			      takes_each(c, sink) ? MIN_OF(left, (size_t)MESSAGE_ITEMS) : left};
}

/* Which of a sink's messages a notice goes into: what presses waits for no other; what quiet hours
 * hold waits for their end. */
enum lane { AT_ONCE, SOON, LATER };

/* Got worse just now, and badly or by somebody's doing: told within the second. */
static bool presses(const struct call *c, const struct notice *n)
{
	const struct policy *p = c->env->policy;
	enum rule_kind kind = n->rule < p->n_rules ? p->rules[n->rule].kind : RULE_FINDING;

	return n->kind <= MESSAGE_WORSENED &&
	       (n->kev || n->severity == SEV_CRITICAL || kind == RULE_ROLLBACK ||
		kind == RULE_DRIFT || kind == RULE_EXEC || kind == RULE_ENTERED ||
		kind == RULE_NO_REGISTRY);
}

static enum lane lane_of(const struct call *c, const struct notice *n, bool quiet, bool together)
{
	if (quiet && !n->kev && n->severity != SEV_CRITICAL)
		return LATER;
	return presses(c, n) && !together ? AT_ONCE : SOON;
}

struct telling {
	struct sink_state *s;
	int64_t due[3]; /* by lane; 0 now */
	bool quiet;
};

/* Of the notices from first to end those of a lane. */
static enum rmg_rc tell_lane(struct teller *t, const struct telling *x, size_t first, size_t end,
			     enum lane lane)
{
	const struct notice *notices = t->c->a->notices.v;
	struct pace *pace = lane == AT_ONCE ? &x->s->urgent : &x->s->all;
	bool together = x->due[SOON] == 0;
	struct slice s = {0};
	enum rmg_rc rc = RMG_OK;

	t->picked.n = 0;
	for (size_t i = first; i < end; i++) {
		if (lane_of(t->c, &notices[i], x->quiet, together) != lane ||
		    !rule_tells(t->c->env->policy, notices[i].rule, x->s->name))
			continue;
		if (!VEC_PUSH(&t->picked, (uint32_t)i))
			return call_no_memory(t->c);
	}
	while (s.from + s.n < t->picked.n && rc == RMG_OK) {
		s = next_slice(t->c, x->s->name, s, t->picked.n);
		rc = write_picked(t, s);
		if (rc == RMG_OK)
			rc = put_outbox(t, x->s, s.from ? NULL : pace, x->due[lane]);
	}
	return rc;
}

static enum rmg_rc tell_sink(struct teller *t, const char *name)
{
	struct alerts *a = t->c->a;
	const struct policy *p = t->c->env->policy;
	struct telling x = {.s = sink_of(a, name)};
	int64_t now = t->c->env->now_ms, quiet = policy_quiet_until(p, now);
	int64_t group_ms = (int64_t)p->group_s * 1000;
	enum rmg_rc rc = RMG_OK;
	size_t end;

	if (x.s == NULL)
		return call_no_memory(t->c);
	/* Once: what is told now is told together. */
	x.quiet = quiet != 0;
	x.due[AT_ONCE] = pace_due(p, &x.s->urgent, MIN_OF(group_ms, URGENT_GROUP_MS), now);
	x.due[SOON] = pace_due(p, &x.s->all, group_ms, now);
	x.due[LATER] = MAX_OF(quiet, x.due[SOON]);
	for (size_t i = 0; i < a->notices.n && rc == RMG_OK; i = end) {
		for (end = i; end < a->notices.n && a->notices.v[end].kind == a->notices.v[i].kind;)
			end++;
		for (int lane = AT_ONCE; lane <= LATER && rc == RMG_OK; lane++)
			rc = tell_lane(t, &x, i, end, (enum lane)lane);
	}
	return rc;
}

enum rmg_rc alerts_flush(struct alerts *a, const struct alerts_env *env, struct rmg_err *err)
{
	struct call c = call_of(a, env, err);
	const char *const *sinks = sinks_of(&c);
	struct teller t;
	enum rmg_rc rc;

	a->rules_of = 0;
	if (a->notices.n == 0) {
		arena_reset(&a->scratch);
		return RMG_OK;
	}
	qsort(a->notices.v, a->notices.n, sizeof *a->notices.v, notice_cmp);
	rc = teller_init(&t, &c);
	for (size_t i = 0; sinks[i] && rc == RMG_OK; i++)
		rc = tell_sink(&t, sinks[i]);
	teller_done(&t);
	a->notices.n = 0;
	arena_reset(&a->scratch);
	return rc;
}

/* What is held. */

struct held {
	uint64_t id;
	const char *sink; /* of the policy's; NULL: there is none of this name any more */
	struct message *m;
};

struct holder {
	struct call *c;
	VEC(struct held) v;
	int64_t next_ms; /* of what may not go yet; 0: nothing */
};

static const char *sink_named(const struct call *c, struct span name)
{
	const char *const *sinks = sinks_of(c);

	for (size_t i = 0; sinks[i]; i++) {
		if (span_is(name, span_cstr(sinks[i])))
			return sinks[i];
	}
	return NULL;
}

static enum rmg_rc see_held(void *user, const struct outbox_row *row)
{
	struct holder *h = user;

	if (h->next_ms == 0 || row->next_ms < h->next_ms)
		h->next_ms = row->next_ms;
	return RMG_OK;
}

enum rmg_rc held_load(struct call *c)
{
	struct holder h = {.c = c};
	enum rmg_rc rc = store_outbox_each(c->env->store, S("held"), see_held, &h, c->err);

	c->a->held_due_ms = h.next_ms;
	return rc;
}

static bool message_is_urgent(const struct message *m)
{
	for (size_t i = 0; i < m->n_items; i++) {
		if (is_urgent(&m->items[i]))
			return true;
	}
	return false;
}

static enum rmg_rc take_held(void *user, const struct outbox_row *row)
{
	struct holder *h = user;
	int64_t now = h->c->env->now_ms, quiet = policy_quiet_until(h->c->env->policy, now);
	struct held x = {.id = row->id, .sink = sink_named(h->c, row->sink)};
	enum rmg_rc rc;

	if (row->next_ms > now && row->next_ms <= now + HELD_AT_MOST_MS)
		return see_held(h, row);
	rc = message_parse(row->message, &x.m, h->c->err);
	if (rc != RMG_OK)
		return rc;
	if (quiet && !message_is_urgent(x.m)) {
		message_free(x.m);
		h->next_ms = h->next_ms ? MIN_OF(h->next_ms, quiet) : quiet;
		return RMG_OK;
	}
	if (VEC_PUSH(&h->v, x))
		return RMG_OK;
	message_free(x.m);
	return call_no_memory(h->c);
}

/* What an item is told as by now. */
static enum message_kind kind_now(const struct alerts *a, const struct message *m,
				  const struct message_item *item)
{
	bool ended = item->alert && alerts_by_id(a, (uint32_t)item->alert) == NULL;

	return ended && m->kind != MESSAGE_TEST ? MESSAGE_RESOLVED : m->kind;
}

static int item_cmp(const void *a, const void *b)
{
	const struct message_item *x = a, *y = b;
	enum adv_severity of_x = SEV_UNKNOWN, of_y = SEV_UNKNOWN;

	(void)!severity_of(x->severity, &of_x);
	(void)!severity_of(y->severity, &of_y);
	if (of_x != of_y)
		return of_x > of_y ? -1 : 1;
	if (x->kev != y->kev)
		return x->kev ? -1 : 1;
	return (x->alert > y->alert) - (x->alert < y->alert);
}

/* The items of a kind from all that is held for a sink; an alert that ended is one of them once. */
static enum rmg_rc gather(struct teller *t, struct holder *h, const char *sink,
			  enum message_kind kind, uint64_t *left_out)
{
	struct map seen = {0};
	bool ok = true;

	t->items.n = 0;
	*left_out = 0;
	VEC_EACH (x, &h->v) {
		if (x->sink != sink)
			continue;
		*left_out += x->m->kind == kind ? x->m->items_left_out : 0;
		for (size_t i = 0; ok && i < x->m->n_items; i++) {
			const struct message_item *item = &x->m->items[i];
			uint64_t id = hash_mix(item->alert);

			if (kind_now(t->c->a, x->m, item) != kind ||
			    (item->alert && map_has(&seen, id)))
				continue;
			ok = map_set(&seen, id, 0) && VEC_PUSH(&t->items, *item);
		}
	}
	map_done(&seen);
	return ok ? RMG_OK : call_no_memory(t->c);
}

static bool name_held(struct teller *t, struct holder *h, const char *sink, enum message_kind kind,
		      size_t from)
{
	struct sha256 *hash = sha256_new();
	uint8_t out[SHA256_BYTES];

	if (hash == NULL)
		return false;
	hash_u64(hash, kind);
	VEC_EACH (x, &h->v) {
		if (x->sink == sink)
			sha256_put(hash, x->m->id);
	}
	if (from)
		hash_u64(hash, from);
	sha256_end(hash, out);
	sha256_free(hash);
	set_id(t, "held", out);
	return true;
}

static enum rmg_rc release_kind(struct teller *t, struct holder *h, struct sink_state *s,
				const char *sink, enum message_kind kind)
{
	struct slice x = {0};
	uint64_t left_out;
	enum rmg_rc rc = gather(t, h, sink, kind, &left_out);

	if (t->items.n)
		qsort(t->items.v, t->items.n, sizeof *t->items.v, item_cmp);
	while (x.from + x.n < t->items.n && rc == RMG_OK) {
		size_t listed;

		x = next_slice(t->c, sink, x, t->items.n);
		listed = MIN_OF(x.n, (size_t)MESSAGE_ITEMS);
		if (!name_held(t, h, sink, kind, x.from))
			return call_no_memory(t->c);
		rc = write_message(t, kind, (struct slice){x.from, listed},
				   x.from ? 0 : left_out + x.n - listed);
		if (rc == RMG_OK)
			rc = put_outbox(t, s, x.from ? NULL : &s->all, 0);
	}
	return rc;
}

static enum rmg_rc release_sink(struct teller *t, struct holder *h, const char *sink)
{
	struct sink_state *s = sink_of(t->c->a, sink);
	enum rmg_rc rc = s ? RMG_OK : call_no_memory(t->c);

	for (int kind = MESSAGE_FIRED; kind <= MESSAGE_TEST && rc == RMG_OK; kind++)
		rc = release_kind(t, h, s, sink, (enum message_kind)kind);
	return rc;
}

static enum rmg_rc mark_released(struct holder *h)
{
	const struct alerts_env *env = h->c->env;
	enum rmg_rc rc = RMG_OK;

	for (size_t i = 0; i < h->v.n && rc == RMG_OK; i++) {
		const struct held *x = &h->v.v[i];
		struct outbox_row row = {
		    .id = x->id,
		    .state = x->sink ? S("sent") : S("dead"),
		    .done_ms = env->now_ms,
		    .error = x->sink ? S("held, and told with others") : S("no such sink"),
		};

		rc = store_outbox_update(env->store, &row, h->c->err);
	}
	return rc;
}

static enum rmg_rc release_all(struct call *c, struct holder *h)
{
	const char *const *sinks = sinks_of(c);
	struct teller t;
	enum rmg_rc rc = h->v.n ? teller_init(&t, c) : RMG_OK;

	if (h->v.n == 0)
		return RMG_OK;
	for (size_t i = 0; sinks[i] && rc == RMG_OK; i++)
		rc = release_sink(&t, h, sinks[i]);
	teller_done(&t);
	return rc == RMG_OK ? mark_released(h) : rc;
}

enum rmg_rc held_release(struct call *c)
{
	struct alerts *a = c->a;
	struct holder h = {.c = c};
	int64_t now = c->env->now_ms;
	enum rmg_rc rc;

	if (a->held_due_ms == 0 ||
	    (a->held_due_ms > now && a->held_due_ms <= now + HELD_AT_MOST_MS))
		return RMG_OK;
	rc = store_outbox_each(c->env->store, S("held"), take_held, &h, c->err);
	if (rc == RMG_OK)
		rc = release_all(c, &h);
	if (rc == RMG_OK)
		a->held_due_ms = h.next_ms;
	VEC_EACH (x, &h.v)
		message_free(x->m);
	VEC_DONE(&h.v);
	return rc;
}
