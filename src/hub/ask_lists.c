/* SPDX-License-Identifier: Apache-2.0 */
/* ask_lists.c - images, workloads, what sleeps, and what is not covered: all from memory. */
#include "hub/ask_page.h"

/* Whether an image has any finding of this severity or above; "" is any image. */
static bool severe(const struct world_counts *c, struct span severity, bool *known)
{
	enum adv_severity least;

	*known = severity.n == 0 || severity_of(severity, &least);
	if (severity.n == 0 || !*known)
		return *known;
	for (unsigned s = least; s <= SEV_CRITICAL; s++)
		if (c->by_severity[s])
			return true;
	return false;
}

static enum rmg_rc check_severity(const struct ask *q, struct rmg_err *err)
{
	struct world_counts none = {0};
	bool known;

	(void)severe(&none, q->severity, &known);
	if (known)
		return RMG_OK;
	return err_set(err, RMG_E_ARG, "\"severity\" is negligible, low, medium, high or critical");
}

static void put_image(struct jsonw *w, const struct world *world, uint32_t id)
{
	const struct world_image *i = &world->images.v[id];
	const struct os *os = &world->oses.v[i->os];

	jsonw_object(w);
	jsonw_put(w, "digest", i->digest);
	jsonw_put(w, "ref", i->ref);
	jsonw_put(w, "platform", i->platform);
	jsonw_key(w, "os");
	if (i->os) {
		jsonw_object(w);
		jsonw_put(w, "id", os->id);
		jsonw_put(w, "version_id", os->version_id);
		jsonw_object_end(w);
	} else {
		jsonw_null(w);
	}
	jsonw_put_bool(w, "complete", i->complete);
	put_time(w, "created", i->created_ms);
	put_time(w, "seen", i->seen_ms);
	put_time(w, "read", i->read_ms);
	jsonw_put_u64(w, "uses", i->n_uses);
	jsonw_put_u64(w, "cached", i->n_cached);
	jsonw_put_u64(w, "components", i->n_components);
	if (i->read_ms)
		put_counts(w, "findings", &i->counts);
	else
		jsonw_put_null(w, "findings");
	jsonw_put_u64(w, "kev", i->counts.kev);
	jsonw_put_u64(w, "fixable", i->counts.fixable);
	jsonw_object_end(w);
}

static bool image_asked(const struct ask *q, const struct world *w, uint32_t id)
{
	const struct world_image *i = &w->images.v[id];
	bool known;

	if ((q->running_only && i->n_uses == 0) ||
	    !ask_image_place(q, w, id, q->running_only ? ASK_RUNNING : ASK_ANY))
		return false;
	if (q->image.n && !span_is(q->image, i->digest) && !span_is(q->image, i->ref)) {
		uint32_t other;
		bool alias = false;

		for (size_t n = 0; (other = world_image_of(w, q->image, n)) != 0; n++)
			alias |= other == id;
		if (!alias)
			return false;
	}
	return severe(&i->counts, q->severity, &known);
}

enum rmg_rc ask_images(struct hub *h, const struct ask *q, struct strbuf *out, struct rmg_err *err)
{
	struct page p;
	struct advdb *db;
	const struct world *w;
	enum rmg_rc rc = check_severity(q, err);

	if (rc == RMG_OK)
		rc = page_begin(&p, q, out, err);
	if (rc == RMG_OK)
		rc = hub_read_lock(h, &w, &db, err);
	if (rc != RMG_OK)
		return rc;
	for (uint32_t id = 1; id < w->images.n && !p.more; id++)
		if (image_asked(q, w, id) && page_at(&p, id, 0))
			put_image(&p.w, w, id);
	jsonw_array_end(&p.w);
	page_end(&p, db, hub_now_ms(h));
	hub_read_unlock(h);
	return RMG_OK;
}

static void take_worse(struct world_counts *worst, const struct world_counts *c)
{
	for (size_t s = 0; s < COUNT_OF(worst->by_severity); s++)
		worst->by_severity[s] = MAX_OF(worst->by_severity[s], c->by_severity[s]);
	worst->kev = MAX_OF(worst->kev, c->kev);
	worst->fixable = MAX_OF(worst->fixable, c->fixable);
}

/* The counts of what a workload runs, or would run: of several images each kind's most. */
static struct world_counts counts_of(const struct world *w, uint32_t workload)
{
	const struct world_workload *l = &w->workloads.v[workload];
	struct world_counts worst = {0};

	for (uint32_t i = 0; i < l->n_would_run; i++)
		take_worse(&worst, &w->images.v[l->would_run[i]].counts);
	if (l->n_would_run == 0)
		take_worse(&worst, &w->images.v[l->last_image].counts);
	for (uint32_t u = l->first_use; u; u = w->uses.v[u].next_of_workload)
		take_worse(&worst, &w->images.v[w->uses.v[u].image].counts);
	return worst;
}

static uint32_t image_of_workload(const struct world *w, const struct world_workload *l)
{
	if (l->first_use && w->uses.v[l->first_use].image)
		return w->uses.v[l->first_use].image;
	return l->n_would_run ? l->would_run[0] : l->last_image;
}

static const char *state_of(const struct world *w, uint32_t id)
{
	const struct world_workload *l = &w->workloads.v[id];

	return l->n_uses ? "running" : world_dormant(w, id) ? "dormant" : "gone";
}

static void put_workload_row(struct jsonw *w, const struct world *world, uint32_t id)
{
	const struct world_workload *l = &world->workloads.v[id];
	struct world_counts counts = counts_of(world, id);
	uint32_t image = image_of_workload(world, l);

	jsonw_object(w);
	jsonw_put_u64(w, "id", id);
	jsonw_put(w, "cluster", place_of(world, l->place)->cluster);
	jsonw_put(w, "namespace", place_of(world, l->place)->ns);
	put_workload(w, world, id);
	jsonw_put_cstr(w, "state", state_of(world, id));
	jsonw_put_bool(w, "declared", l->declared);
	jsonw_put_bool(w, "suspended", l->suspended);
	jsonw_put(w, "schedule", l->schedule);
	jsonw_put_u64(w, "uses", l->n_uses);
	jsonw_put(w, "image", image ? world->images.v[image].digest : (struct span){0});
	jsonw_put(w, "ref", image ? world->images.v[image].ref : (struct span){0});
	put_counts(w, "findings", &counts);
	jsonw_put_u64(w, "kev", counts.kev);
	jsonw_put_u64(w, "fixable", counts.fixable);
	put_time(w, "first", l->first_ms);
	put_time(w, "since", l->last_ms);
	jsonw_object_end(w);
}

/* dormant: 1 only those, 0 all. */
static enum rmg_rc list_workloads(struct hub *h, const struct ask *q, bool dormant,
				  struct strbuf *out, struct rmg_err *err)
{
	struct page p;
	struct advdb *db;
	const struct world *w;
	bool known;
	enum rmg_rc rc = check_severity(q, err);

	if (rc == RMG_OK)
		rc = page_begin(&p, q, out, err);
	if (rc == RMG_OK)
		rc = hub_read_lock(h, &w, &db, err);
	if (rc != RMG_OK)
		return rc;
	for (uint32_t id = 1; id < w->workloads.n && !p.more; id++) {
		const struct world_workload *l = &w->workloads.v[id];
		struct world_counts counts;

		if ((dormant && !world_dormant(w, id)) || (q->running_only && l->n_uses == 0) ||
		    !ask_place(q, place_of(w, l->place)) || !ask_workload(q, w, id))
			continue;
		counts = counts_of(w, id);
		if (severe(&counts, q->severity, &known) && page_at(&p, id, 0))
			put_workload_row(&p.w, w, id);
	}
	jsonw_array_end(&p.w);
	page_end(&p, db, hub_now_ms(h));
	hub_read_unlock(h);
	return RMG_OK;
}

enum rmg_rc ask_workloads(struct hub *h, const struct ask *q, struct strbuf *out,
			  struct rmg_err *err)
{
	return list_workloads(h, q, q->dormant_only, out, err);
}

enum rmg_rc ask_dormant(struct hub *h, const struct ask *q, struct strbuf *out, struct rmg_err *err)
{
	return list_workloads(h, q, true, out, err);
}

/* Why an image that is in use is not known in full; NULL where it is. */
static const char *reason_of(const struct world *w, uint32_t image)
{
	const struct world_image *i = &w->images.v[image];

	if (image == 0)
		return "no digest: the runtime named the image by a reference that nobody has "
		       "resolved";
	if (i->read_ms == 0)
		return "unread: nobody has said yet what is in this image";
	if (!i->complete)
		return "incomplete: part of this image could not be read; its notes say what";
	return NULL;
}

struct coverage {
	uint64_t total, matched;
};

static void put_uncovered(struct jsonw *w, const struct world *world, const struct world_use *u,
			  const char *reason)
{
	jsonw_object(w);
	put_use(w, world, u);
	jsonw_put_cstr(w, "reason", reason);
	jsonw_object_end(w);
}

static void put_coverage(struct jsonw *w, const struct coverage *c)
{
	jsonw_put_u64(w, "total", c->total);
	jsonw_put_u64(w, "matched", c->matched);
	jsonw_key(w, "coverage");
	jsonw_real(w, c->total ? (double)c->matched / (double)c->total : 1.0, 6);
}

enum rmg_rc ask_coverage(struct hub *h, const struct ask *q, struct strbuf *out,
			 struct rmg_err *err)
{
	struct coverage c = {0};
	struct page p;
	struct advdb *db;
	const struct world *w;
	enum rmg_rc rc = page_begin(&p, q, out, err);

	if (rc == RMG_OK)
		rc = hub_read_lock(h, &w, &db, err);
	if (rc != RMG_OK)
		return rc;
	for (uint32_t slot = 1; slot < w->uses.n; slot++) {
		const struct world_use *u = &w->uses.v[slot];
		const char *reason;

		if (u->id == 0 || u->cached || !ask_place(q, place_of(w, u->place)) ||
		    !ask_workload(q, w, u->workload))
			continue;
		c.total++;
		reason = reason_of(w, u->image);
		if (reason == NULL)
			c.matched++;
		else if (page_at(&p, slot, 0))
			put_uncovered(&p.w, w, u, reason);
	}
	jsonw_array_end(&p.w);
	put_coverage(&p.w, &c);
	page_end(&p, db, hub_now_ms(h));
	hub_read_unlock(h);
	return RMG_OK;
}
