/* SPDX-License-Identifier: Apache-2.0 */
/* hub_turn.c - who leads, what the others took for the leader, and what they learn from it. */
#include "base/err.h"
#include "base/limits.h"
#include "format/json.h"
#include "hub/hub_inside.h"
#include "watch/event_json.h"

enum { ROWS_AT_ONCE = 256, INBOX_AT_ONCE = 64, BYTES_AT_ONCE = 8 << 20 };

/* Rows are copied first: while the store is being read it takes no other question. */
struct rows {
	struct arena arena;
	VEC(struct stream_row) stream;
	VEC(struct inbox_row) inbox;
	size_t n, bytes;
	bool more; /* these are enough, and there may be others */
};

static void rows_init(struct rows *r)
{
	*r = (struct rows){0};
	arena_init(&r->arena, LIMIT_WORLD_BYTES);
}

static void rows_done(struct rows *r)
{
	VEC_DONE(&r->stream);
	VEC_DONE(&r->inbox);
	arena_done(&r->arena);
}

/* Another row is kept. */
static enum rmg_rc kept(struct rows *r, size_t bytes, size_t max_rows)
{
	r->bytes += bytes;
	r->more = ++r->n == max_rows || r->bytes >= BYTES_AT_ONCE;
	if (arena_rc(&r->arena) != RMG_OK)
		return arena_rc(&r->arena);
	return r->more ? RMG_E_STOPPED : RMG_OK;
}

/* The leader's stream. */

static enum rmg_rc keep_stream(void *user, const struct stream_row *row)
{
	struct rows *r = user;
	struct stream_row copy = *row;

	copy.kind = arena_dup(&r->arena, row->kind);
	copy.body = arena_dup(&r->arena, row->body);
	return VEC_PUSH(&r->stream, copy) ? kept(r, row->body.n, ROWS_AT_ONCE) : RMG_E_NOMEM;
}

/* {"use":N,"image":N,"event":{...}}, as hub_event.c writes it. */
static bool cut_event(struct span body, uint32_t *use, uint32_t *image, struct span *event)
{
	struct json_doc doc = {0};
	size_t at = span_find(body, S(",\"event\":"));
	uint64_t u = 0, i = 0;
	bool good = at != SIZE_MAX && json_parse(&doc, body, body.n, NULL) == RMG_OK &&
		    json_get_u64(doc.root, "use", &u) && json_get_u64(doc.root, "image", &i) &&
		    u <= UINT32_MAX && i <= UINT32_MAX;

	json_done(&doc);
	if (!good)
		return false;
	*use = (uint32_t)u;
	*image = (uint32_t)i;
	*event = span_from(span_head(body, body.n - 1), at + 9);
	return true;
}

static enum rmg_rc follow_event(struct tx *tx, struct span body)
{
	struct hub_result r = {0};
	struct arena arena;
	struct event e;
	enum rmg_rc rc;

	if (!cut_event(body, &tx->use_id, &tx->image_id, &body))
		return err_set(tx->err, RMG_E_DB, "the stream of changes is damaged");
	arena_init(&arena, LIMIT_JSON_BYTES);
	rc = event_parse(body, &arena, &e, tx->err);
	if (rc == RMG_OK)
		rc = tx_event(tx, &e, &r);
	tx->use_id = tx->image_id = 0;
	arena_done(&arena);
	return rc;
}

struct learning {
	struct tx *tx;
	struct ids fresh;
	uint32_t image;
	enum rmg_rc rc;
};

static enum rmg_rc learn_os(void *user, const struct os_row *row)
{
	struct learning *l = user;
	uint32_t id;
	bool made;

	l->rc = world_os(l->tx->w, &row->os, &id, &made);
	return l->rc;
}

static enum rmg_rc learn_component(void *user, const struct component_row *row)
{
	struct learning *l = user;
	uint32_t id = 0;
	bool made;

	if (row->os >= l->tx->w->oses.n)
		l->rc = RMG_E_DB;
	else
		l->rc = world_component(l->tx->w, row, &id, &made);
	if (l->rc == RMG_OK && !VEC_PUSH(&l->fresh, id))
		l->rc = RMG_E_NOMEM;
	return l->rc;
}

static enum rmg_rc learn_image(void *user, const struct image_row *row)
{
	struct learning *l = user;
	struct world *w = l->tx->w;
	struct ids ids = {0};
	uint32_t id = row->id;

	if (row->os >= w->oses.n || row->id > w->images.n)
		l->rc = RMG_E_DB;
	else if (row->id == w->images.n)
		l->rc = world_image_add(w, row, &id);
	if (l->rc == RMG_OK)
		l->rc = ids_unpack(row->components, (uint32_t)w->components.n - 1, &ids);
	if (l->rc == RMG_OK)
		l->rc = world_image_read(w, id, row, ids.v, ids.n);
	VEC_DONE(&ids);
	return l->rc;
}

static enum rmg_rc learn_rows(struct learning *l)
{
	struct store *st = l->tx->h->st;
	struct rmg_err *err = l->tx->err;
	enum rmg_rc rc = store_os_each(st, learn_os, l, err);

	if (rc == RMG_OK && l->rc == RMG_OK)
		rc = store_component_after(st, (uint32_t)l->tx->w->components.n - 1,
					   learn_component, l, err);
	if (rc == RMG_OK && l->rc == RMG_OK)
		rc = store_image_get(st, l->image, learn_image, l, err);
	return rc == RMG_OK ? l->rc : rc;
}

static enum rmg_rc learn_names(struct learning *l, json *body)
{
	struct span digests[4] = {0};
	struct tx *tx = l->tx;
	enum rmg_rc rc = RMG_OK;
	size_t n = 0;

	for (struct json_iter it = json_iter(json_get(body, "digests"));
	     n < COUNT_OF(digests) && json_next(&it);)
		digests[n++] = json_str(it.value);
	for (size_t i = 0; i < n && rc == RMG_OK; i++)
		rc = tx_alias(tx, digests[i], "", l->image);
	if (rc == RMG_OK && tx->env.db)
		rc = judge_components(tx->w, tx->env.db, l->fresh.v, l->fresh.n, tx->err);
	if (rc == RMG_OK && judge_counts(tx->w, l->image) != RMG_OK)
		rc = tx_no_memory(tx);
	return rc == RMG_OK ? tx_merge(tx, digests, n, l->image) : rc;
}

static enum rmg_rc follow_image(struct tx *tx, struct span body, int64_t at_ms)
{
	struct learning l = {.tx = tx};
	struct json_doc doc = {0};
	uint64_t id = 0;
	enum rmg_rc rc = json_parse(&doc, body, LIMIT_MESSAGE_BYTES, tx->err);

	if (rc == RMG_OK && (!json_get_u64(doc.root, "image", &id) || id > UINT32_MAX))
		rc = err_set(tx->err, RMG_E_DB, "the stream of changes is damaged");
	l.image = (uint32_t)id;
	if (rc == RMG_OK)
		rc = learn_rows(&l);
	if (rc == RMG_OK)
		rc = learn_names(&l, doc.root);
	if (rc == RMG_OK)
		rc = tx_alias(tx, json_get_str(doc.root, "chain"), "", l.image);
	if (rc == RMG_OK && json_get_str(doc.root, "tag").n)
		rc = tx_tag(tx, json_get_str(doc.root, "tag"), json_get_str(doc.root, "digest"),
			    (struct span){0}, at_ms);
	VEC_DONE(&l.fresh);
	json_done(&doc);
	return rc;
}

static enum rmg_rc follow_of_image(struct tx *tx, struct span body,
				   enum rmg_rc follow(struct tx *tx, uint32_t image))
{
	struct json_doc doc = {0};
	uint64_t id = 0;
	enum rmg_rc rc = json_parse(&doc, body, LIMIT_MESSAGE_BYTES, tx->err);

	if (rc == RMG_OK && (!json_get_u64(doc.root, "image", &id) || id > UINT32_MAX))
		rc = err_set(tx->err, RMG_E_DB, "the stream of changes is damaged");
	json_done(&doc);
	return rc == RMG_OK ? follow(tx, (uint32_t)id) : rc;
}

static enum rmg_rc follow_place(struct tx *tx, struct span body)
{
	struct json_doc doc = {0};
	struct place place;
	uint32_t id;
	enum rmg_rc rc = json_parse(&doc, body, LIMIT_MESSAGE_BYTES, tx->err);

	place = (struct place){
	    .cluster = json_get_str(doc.root, "cluster"),
	    .node = json_get_str(doc.root, "node"),
	    .ns = json_get_str(doc.root, "namespace"),
	};
	if (rc == RMG_OK)
		rc = tx_place(tx, &place, &id);
	json_done(&doc);
	return rc;
}

static enum rmg_rc follow_pod(struct tx *tx, struct span body)
{
	struct json_doc doc = {0};
	uint64_t pod = 0, is = 0;
	enum rmg_rc rc = json_parse(&doc, body, LIMIT_MESSAGE_BYTES, tx->err);

	if (rc == RMG_OK &&
	    (!json_get_u64(doc.root, "pod", &pod) || !json_get_u64(doc.root, "is", &is) ||
	     pod >= tx->w->workloads.n || is >= tx->w->workloads.n))
		rc = err_set(tx->err, RMG_E_DB, "the stream of changes is damaged");
	json_done(&doc);
	return rc == RMG_OK ? tx_pod_is(tx, (uint32_t)pod, (uint32_t)is) : rc;
}

static enum rmg_rc follow_alert(struct tx *tx, struct span body)
{
	struct json_doc doc = {0};
	struct alerts_env env = tx->env;
	uint64_t id = 0;
	enum rmg_rc rc = json_parse(&doc, body, LIMIT_MESSAGE_BYTES, tx->err);

	env.store = tx->h->st;
	if (rc == RMG_OK && (!json_get_u64(doc.root, "id", &id) || id > UINT32_MAX))
		rc = err_set(tx->err, RMG_E_DB, "the stream of changes is damaged");
	json_done(&doc);
	return rc == RMG_OK ? alerts_follow(tx->h->alerts, &env, (uint32_t)id, tx->err) : rc;
}

static enum rmg_rc follow_row(struct tx *tx, const struct stream_row *row, bool *alerts)
{
	if (span_is(row->kind, S("event")))
		return follow_event(tx, row->body);
	if (span_is(row->kind, S("image")))
		return follow_image(tx, row->body, row->at_ms);
	if (span_is(row->kind, S("descent")))
		return follow_of_image(tx, row->body, tx_descent_follow);
	if (span_is(row->kind, S("said")))
		return follow_of_image(tx, row->body, tx_said_follow);
	if (span_is(row->kind, S("base")))
		return tx_base_follow(tx, row->body);
	if (span_is(row->kind, S("place")))
		return follow_place(tx, row->body);
	if (span_is(row->kind, S("pod")))
		return follow_pod(tx, row->body);
	if (span_is(row->kind, S("alert")))
		return follow_alert(tx, row->body);
	*alerts |= span_is(row->kind, S("exception"));
	return RMG_OK;
}

static enum rmg_rc alerts_anew(struct hub *h, struct tx *tx)
{
	struct alerts *a;
	struct alerts_env env = tx->env;
	enum rmg_rc rc = alerts_new(&a);

	if (rc != RMG_OK)
		return tx_no_memory(tx);
	env.store = h->st;
	rc = alerts_load(a, &env, tx->err);
	if (rc != RMG_OK) {
		alerts_free(a);
		return rc;
	}
	alerts_free(h->alerts);
	h->alerts = a;
	h->alerts_due = true;
	return RMG_OK;
}

/* In one piece, so that nobody sees half of it. What cannot be followed is loaded; a store that
 * went away in the middle leaves half of a row, of which nobody is told. */
static enum rmg_rc follow_rows(struct hub *h, const struct rows *r, bool *alerts,
			       struct rmg_err *err)
{
	struct tx tx;
	enum rmg_rc rc = RMG_OK;

	hub_write_lock(h);
	tx_follow(&tx, h, err);
	for (size_t i = 0; i < r->stream.n && rc == RMG_OK; i++) {
		if (r->stream.v[i].seq != h->stream_seq + 1)
			rc = err_set(err, RMG_E_DB, "rows of the stream are gone");
		else
			rc = follow_row(&tx, &r->stream.v[i], alerts);
		h->stream_seq = r->stream.v[i].seq;
	}
	tx_done(&tx);
	h->stale |= rc != RMG_OK;
	if (rc != RMG_OK && !store_lost(h->st))
		rc = hub_load(h, err);
	hub_write_unlock(h);
	return rc;
}

enum rmg_rc hub_follow(struct hub *h, struct rmg_err *err)
{
	bool alerts = false, more = true;
	enum rmg_rc rc = RMG_OK;
	struct tx tx;

	while (rc == RMG_OK && more) {
		struct rows r;

		rows_init(&r);
		rc = store_stream_each(h->st, h->stream_seq, ROWS_AT_ONCE, keep_stream, &r, err);
		more = r.more;
		if (rc == RMG_OK && r.stream.n)
			rc = follow_rows(h, &r, &alerts, err);
		rows_done(&r);
	}
	if (rc != RMG_OK || !alerts)
		return rc;
	hub_write_lock(h);
	tx_follow(&tx, h, err);
	rc = alerts_anew(h, &tx);
	h->stale |= rc != RMG_OK; /* the row that said so is not read again */
	tx_done(&tx);
	hub_write_unlock(h);
	return rc;
}

/* Leading. */

static enum rmg_rc learn_source(void *user, const struct source_row *row)
{
	struct learning *l = user;
	struct world_source *s;
	uint32_t id;
	bool made;

	l->rc = world_source(l->tx->w, row->source, &id, &made);
	if (l->rc != RMG_OK)
		return l->rc;
	s = &l->tx->w->sources.v[id];
	s->epoch = row->epoch;
	s->seq = row->seq;
	s->heard_ms = row->heard_ms;
	return RMG_OK;
}

/* How far each source has come is not in the stream. */
static enum rmg_rc sources_anew(struct tx *tx)
{
	struct learning l = {.tx = tx};
	enum rmg_rc rc = store_source_each(tx->h->st, learn_source, &l, tx->err);

	return rc == RMG_OK && l.rc != RMG_OK ? tx_no_memory(tx) : rc;
}

/* From following to leading: all that was written is known, and ids go on where they were. */
static enum rmg_rc begin_to_lead(struct hub *h, struct rmg_err *err)
{
	uint32_t last;
	struct tx tx;
	enum rmg_rc rc = hub_follow(h, err);

	if (rc == RMG_OK)
		rc = store_use_last_id(h->st, &last, err);
	if (rc != RMG_OK)
		return rc;
	hub_write_lock(h);
	tx_follow(&tx, h, err);
	rc = last == h->world->last_use_id ? sources_anew(&tx) : hub_load(h, err);
	tx.w = tx.env.world = h->world;
	if (rc == RMG_OK)
		rc = alerts_anew(h, &tx);
	tx_done(&tx);
	h->leads = rc == RMG_OK;
	hub_write_unlock(h);
	return rc;
}

static enum rmg_rc lead_or_follow(struct hub *h, struct rmg_err *err)
{
	bool leads = false;
	enum rmg_rc rc;

	pthread_mutex_lock(&h->writing);
	rc = hub_ready(h, err);
	if (rc == RMG_OK)
		rc = store_lead(h->st, &leads, err);
	if (rc == RMG_OK && !leads)
		h->leads = false;
	if (rc == RMG_OK && leads && !h->leads)
		rc = begin_to_lead(h, err);
	else if (rc == RMG_OK && !leads)
		rc = hub_follow(h, err);
	pthread_mutex_unlock(&h->writing);
	return rc;
}

/* The inbox. */

static enum rmg_rc keep_inbox(void *user, const struct inbox_row *row)
{
	struct rows *r = user;
	struct inbox_row copy = *row;

	copy.kind = arena_dup(&r->arena, row->kind);
	copy.body = arena_dup(&r->arena, row->body);
	return VEC_PUSH(&r->inbox, copy) ? kept(r, row->body.n, INBOX_AT_ONCE) : RMG_E_NOMEM;
}

/* Lines that a hub wrote; one that another version wrote and this one does not know is left out. */
static enum rmg_rc take_events(struct tx *tx, struct span lines)
{
	enum rmg_rc rc = RMG_OK;
	struct arena arena;
	struct span line;

	arena_init(&arena, LIMIT_JSON_BYTES);
	while (rc == RMG_OK && span_next(&lines, '\n', &line)) {
		struct hub_result r = {0};
		struct event e;

		arena_reset(&arena);
		r.applied = APPLIED_REFUSED;
		if (event_parse(line, &arena, &e, NULL) == RMG_OK) {
			r.applied = APPLIED;
			rc = tx_event_in_order(tx, &e, &r);
		}
		hub_count_event(tx->h, &r);
	}
	arena_done(&arena);
	return rc;
}

bool hub_is_row_fault(enum rmg_rc rc)
{
	return rc == RMG_E_FORMAT || rc == RMG_E_LIMIT || rc == RMG_E_ARG;
}

static enum rmg_rc take_row(struct tx *tx, const struct inbox_row *row)
{
	enum rmg_rc rc = RMG_OK;

	if (row->id == tx->h->spoilt)
		rc = RMG_OK;
	else if (span_is(row->kind, S("events")))
		rc = take_events(tx, row->body);
	else if (span_is(row->kind, S("image")))
		rc = tx_image_put(tx, row->body);
	else if (span_is(row->kind, S("facts")))
		rc = tx_facts_disagree(tx, row->body);
	else if (span_is(row->kind, S("alert")))
		rc = tx_act(tx, row->body);
	else if (span_is(row->kind, S("exception")))
		rc = alerts_exceptions(tx->h->alerts, &tx->env, tx->err);
	/* Of the row's own making: what is behind it must not wait for ever. Next time it is left
	 * out. */
	if (hub_is_row_fault(rc)) {
		tx->h->spoilt = row->id;
		if (tx->err)
			tx->h->untold = *tx->err;
	}
	return rc == RMG_OK ? store_inbox_delete(tx->st, row->id, tx->err) : rc;
}

static enum rmg_rc take_rows(struct hub *h, bool *more, struct rmg_err *err)
{
	uint64_t spoilt;
	struct rows r;
	struct tx tx;
	enum rmg_rc rc = tx_begin(&tx, h, err);

	if (rc != RMG_OK)
		return rc;
	if (!h->leads) { /* any more: the connection was another one */
		*more = false;
		return tx_end(&tx, RMG_OK);
	}
	spoilt = h->spoilt;
	rows_init(&r);
	rc = store_inbox_each(tx.st, INBOX_AT_ONCE, keep_inbox, &r, err);
	*more = r.more;
	for (size_t i = 0; i < r.inbox.n && rc == RMG_OK; i++) {
		rc = take_row(&tx, &r.inbox.v[i]);
		if (r.inbox.v[i].id == spoilt) { /* gone for good before another one fails */
			*more = true;
			break;
		}
	}
	rc = tx_end(&tx, rc == RMG_OK ? tx_settle(&tx) : rc);
	rows_done(&r);
	return rc;
}

static enum rmg_rc see_row(void *user, const struct inbox_row *row)
{
	(void)row;
	*(bool *)user = true;
	return RMG_E_STOPPED;
}

enum rmg_rc hub_inbox_waits(struct tx *tx, bool *waits)
{
	*waits = false;
	return store_inbox_each(tx->st, 1, see_row, waits, tx->err);
}

enum rmg_rc hub_take_inbox(struct hub *h, struct rmg_err *err)
{
	bool more = true;
	enum rmg_rc rc = RMG_OK;

	while (rc == RMG_OK && more)
		rc = take_rows(h, &more, err);
	return rc;
}

static enum rmg_rc tick(struct hub *h, struct rmg_err *err)
{
	struct tx tx;
	enum rmg_rc rc = tx_begin(&tx, h, err);

	if (rc != RMG_OK)
		return rc;
	if (!h->leads)
		return tx_end(&tx, RMG_OK);
	rc = tx_missed_tick(&tx);
	if (rc == RMG_OK)
		rc = alerts_tick(h->alerts, &tx.env, err);
	return tx_end(&tx, rc == RMG_OK ? tx_settle(&tx) : rc);
}

/* A row that was left out is told of once, whoever came upon it. */
static enum rmg_rc tell_row_fault(struct hub *h, enum rmg_rc rc, struct rmg_err *err)
{
	pthread_mutex_lock(&h->writing);
	if (rc == RMG_OK && h->untold.rc != RMG_OK) {
		rc = h->untold.rc;
		if (err)
			*err = h->untold;
	}
	h->untold = (struct rmg_err){0};
	pthread_mutex_unlock(&h->writing);
	return rc;
}

enum rmg_rc hub_turn(struct hub *h, bool *leads, struct rmg_err *err)
{
	enum rmg_rc rc = lead_or_follow(h, err);

	*leads = h->leads;
	if (rc != RMG_OK || !*leads)
		return rc;
	rc = tell_row_fault(h, hub_take_inbox(h, err), err);
	return rc == RMG_OK ? tick(h, err) : rc;
}
