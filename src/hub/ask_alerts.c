/* SPDX-License-Identifier: Apache-2.0 */
/* ask_alerts.c - what fires. Open alerts are ordered in memory, worst first; their texts are read
 * from the store for the page that is shown. Resolved ones are the store's alone, oldest first. */
#include <stdlib.h>

#include "base/vec.h"
#include "hub/alerts.h"
#include "hub/ask_page.h"

struct listed {
	uint32_t rank, id, uses;
};

struct listing {
	struct hub *hub;
	const struct ask *q;
	struct page page;
	VEC(struct listed) open;
	uint32_t uses;  /* of the row that is being written */
	uint32_t image; /* the one that resolved alerts are asked of */
	enum adv_severity least;
};

static enum rmg_rc check(const struct ask *q, enum adv_severity *least, struct rmg_err *err)
{
	static const char *const states[] = {"",           "open",    "firing", "acknowledged",
					     "suppressed", "resolved"};
	bool known = false;

	*least = SEV_UNKNOWN;
	if (q->severity.n && !severity_of(q->severity, least))
		return err_set(err, RMG_E_ARG,
			       "\"severity\" is negligible, low, medium, high or critical");
	for (size_t i = 0; i < COUNT_OF(states); i++)
		known |= span_is(q->state, span_cstr(states[i]));
	if (!known)
		return err_set(err, RMG_E_ARG,
			       "\"state\" is open, firing, acknowledged, suppressed or resolved");
	if (span_is(q->state, S("resolved")) && ask_names_place(q))
		return err_set(err, RMG_E_ARG,
			       "where a resolved alert was is not known any more: it cannot be "
			       "asked for by cluster, node, namespace or workload");
	return RMG_OK;
}

static uint32_t uses_of(const struct world *w, const struct alert *a)
{
	if (a->image)
		return w->images.v[a->image].n_uses;
	return a->workload ? w->workloads.v[a->workload].n_uses : 0;
}

static bool place_fits(const struct ask *q, const struct world *w, const struct alert *a)
{
	if (!ask_names_place(q))
		return true;
	if (a->workload && ask_workload(q, w, a->workload) &&
	    ask_place(q, place_of(w, w->workloads.v[a->workload].place)))
		return true;
	return a->image && ask_image_place(q, w, a->image, ASK_WOULD);
}

static bool fits(const struct listing *l, const struct world *w, const struct alert *a)
{
	const struct ask *q = l->q;
	bool any_open = q->state.n == 0 || span_is(q->state, S("open"));

	if (a->severity < l->least ||
	    (!any_open &&
	     !span_is(q->state, span_cstr(alert_state_name((enum alert_state)a->state)))))
		return false;
	if (q->advisory.n &&
	    (a->advisory == 0 || !span_is_icase(q->advisory, w->advisories.v[a->advisory].id)))
		return false;
	if (q->image.n && (a->image == 0 || (!span_is(q->image, w->images.v[a->image].digest) &&
					     world_image_choose(w, q->image) != a->image)))
		return false;
	return place_fits(q, w, a);
}

static int by_rank(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;

	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

static enum rmg_rc gather(struct listing *l, struct rmg_err *err)
{
	const struct world *w;
	const struct alert *a;
	enum rmg_rc rc = hub_read_lock(l->hub, &w, NULL, err);

	if (rc != RMG_OK)
		return rc;
	for (size_t i = 0; rc == RMG_OK && (a = alerts_at(hub_alerts(l->hub), i)) != NULL; i++) {
		uint32_t rank = (uint32_t)(SEV_CRITICAL - a->severity) * 2 + !a->kev;
		struct listed row = {rank, a->id, uses_of(w, a)};

		if (fits(l, w, a) && !VEC_PUSH(&l->open, row))
			rc = err_set(err, RMG_E_NOMEM, "no memory for the answer");
	}
	hub_read_unlock(l->hub);
	if (l->open.n)
		qsort(l->open.v, l->open.n, sizeof *l->open.v, by_rank);
	return rc;
}

static void put_alert(struct jsonw *w, const struct alert_row *row, int64_t now_ms)
{
	int64_t since = row->opened_ms ? row->opened_ms : row->first_ms;
	int64_t to = row->resolved_ms ? row->resolved_ms : now_ms;

	jsonw_put_u64(w, "id", row->id);
	jsonw_put(w, "key", row->key);
	jsonw_put(w, "state", row->state);
	jsonw_put(w, "severity", row->severity);
	jsonw_put(w, "rule", row->rule);
	jsonw_put(w, "advisory", row->advisory);
	jsonw_put(w, "title", row->title);
	jsonw_put_bool(w, "kev", row->kev);
	jsonw_put_bool(w, "fixable", row->fixable);
	jsonw_key(w, "epss");
	jsonw_real(w, row->epss_permille / 1000.0, 3);
	put_time(w, "first", row->first_ms);
	put_time(w, "opened", row->opened_ms);
	put_time(w, "changed", row->changed_ms);
	put_time(w, "resolved", row->resolved_ms);
	jsonw_put_u64(w, "times_opened", row->times_opened);
	jsonw_put_u64(w, "escalation", row->escalation);
	jsonw_put_u64(w, "days", to > since ? (uint64_t)(to - since) / 86400000 : 0);
	put_time(w, "until", row->until_ms);
	jsonw_put(w, "by", row->by);
	jsonw_put(w, "reason", row->reason);
	jsonw_key(w, "details");
	if (row->details.n) {
		strbuf_put(w->out, row->details);
		w->comma = true;
	} else {
		jsonw_null(w);
	}
}

static enum rmg_rc put_row(void *user, const struct alert_row *row)
{
	struct listing *l = user;
	struct jsonw *w = &l->page.w;

	if (l->q->rule.n && !span_is(l->q->rule, row->rule))
		return RMG_OK;
	jsonw_object(w);
	put_alert(w, row, hub_now_ms(l->hub));
	jsonw_put_u64(w, "uses", l->uses);
	jsonw_object_end(w);
	return RMG_OK;
}

static enum rmg_rc put_open(struct listing *l, struct store *st, struct rmg_err *err)
{
	enum rmg_rc rc = gather(l, err);

	for (size_t i = 0; rc == RMG_OK && i < l->open.n && !l->page.more; i++) {
		const struct listed *row = &l->open.v[i];

		if (!page_at(&l->page, row->rank, row->id))
			continue;
		l->uses = row->uses;
		rc = store_alert_get(st, row->id, put_row, l, err);
		if (rc == RMG_E_NOTFOUND)
			rc = RMG_OK; /* what memory knows is on disk a moment later */
	}
	return rc;
}

static enum rmg_rc next_resolved(void *user, const struct alert_row *row)
{
	struct listing *l = user;
	enum adv_severity severity = SEV_UNKNOWN;

	if (l->page.more)
		return RMG_E_STOPPED;
	if (!span_is(row->state, S("resolved")) ||
	    (severity_of(row->severity, &severity) && severity < l->least) ||
	    (l->q->advisory.n && !span_is_icase(l->q->advisory, row->advisory)) ||
	    (l->q->image.n && (row->image == 0 || row->image != l->image)) ||
	    !page_at(&l->page, 0, row->id))
		return RMG_OK;
	return put_row(l, row);
}

static enum rmg_rc put_resolved(struct listing *l, struct store *st, struct rmg_err *err)
{
	const struct world *w;
	enum rmg_rc rc = l->q->image.n ? hub_read_lock(l->hub, &w, NULL, err) : RMG_OK;

	if (rc == RMG_OK && l->q->image.n) {
		l->image = world_image_choose(w, l->q->image);
		hub_read_unlock(l->hub);
	}
	return rc == RMG_OK ? store_alert_each(st, next_resolved, l, err) : rc;
}

enum rmg_rc ask_alerts(struct hub *h, const struct ask *q, struct strbuf *out, struct rmg_err *err)
{
	struct listing l = {.hub = h, .q = q};
	struct store *st;
	enum rmg_rc rc = check(q, &l.least, err);

	if (rc == RMG_OK)
		rc = page_begin(&l.page, q, out, err);
	if (rc != RMG_OK)
		return rc;
	st = hub_store_lock(h, err);
	if (st == NULL)
		return RMG_E_IO;
	rc = span_is(q->state, S("resolved")) ? put_resolved(&l, st, err) : put_open(&l, st, err);
	hub_store_unlock(h);
	jsonw_array_end(&l.page.w);
	page_end(&l.page, NULL, hub_now_ms(h));
	VEC_DONE(&l.open);
	return rc;
}

struct one {
	struct listing listing;
	uint32_t image, workload;
};

static enum rmg_rc put_one(void *user, const struct alert_row *row)
{
	struct one *o = user;

	o->image = row->image;
	o->workload = row->workload;
	put_alert(&o->listing.page.w, row, hub_now_ms(o->listing.hub));
	return RMG_OK;
}

static enum rmg_rc put_log(void *user, const struct alert_log_row *row)
{
	struct one *o = user;
	struct jsonw *w = &o->listing.page.w;

	jsonw_object(w);
	put_time(w, "at", row->at_ms);
	jsonw_put(w, "what", row->what);
	jsonw_put(w, "by", row->by);
	jsonw_put(w, "text", row->text);
	jsonw_object_end(w);
	return RMG_OK;
}

enum { USES_SHOWN = 1000 };

static void put_uses(struct one *o, const struct world *w)
{
	struct jsonw *j = &o->listing.page.w;
	uint32_t n = 0, at = 0, id;

	jsonw_key(j, "uses");
	jsonw_array(j);
	for (uint32_t u = o->image ? w->images.v[o->image].first_use : 0; u && n < USES_SHOWN;
	     u = w->uses.v[u].next, n++) {
		jsonw_object(j);
		put_use(j, w, &w->uses.v[u]);
		jsonw_object_end(j);
	}
	while (o->image && n < USES_SHOWN && (id = world_would_next(w, o->image, &at)) != 0) {
		if (!world_dormant(w, id))
			continue;
		n++;
		jsonw_object(j);
		put_place(j, place_of(w, w->workloads.v[id].place));
		put_workload(j, w, id);
		jsonw_put_cstr(j, "state", "dormant");
		jsonw_object_end(j);
	}
	jsonw_array_end(j);
	jsonw_put_u64(j, "uses_total", o->image ? w->images.v[o->image].n_uses : 0);
	if (o->image) {
		jsonw_put(j, "image", w->images.v[o->image].digest);
		jsonw_put(j, "ref", w->images.v[o->image].ref);
	}
	put_workload(j, w, o->workload);
}

enum rmg_rc ask_alert(struct hub *h, uint32_t id, struct strbuf *out, struct rmg_err *err)
{
	struct one o = {.listing.hub = h};
	struct jsonw *w = &o.listing.page.w;
	struct store *st = hub_store_lock(h, err);
	const struct world *world;
	enum rmg_rc rc;

	if (st == NULL)
		return RMG_E_IO;
	*w = jsonw_of(out);
	jsonw_object(w);
	rc = store_alert_get(st, id, put_one, &o, err);
	if (rc == RMG_E_NOTFOUND)
		rc = err_set(err, rc, "no alert has this id");
	if (rc == RMG_OK) {
		jsonw_key(w, "log");
		jsonw_array(w);
		rc = store_alert_log_each(st, id, put_log, &o, err);
		jsonw_array_end(w);
	}
	hub_store_unlock(h);
	if (rc == RMG_OK)
		rc = hub_read_lock(h, &world, NULL, err);
	if (rc != RMG_OK)
		return rc;
	put_uses(&o, world);
	hub_read_unlock(h);
	jsonw_object_end(w);
	return RMG_OK;
}
