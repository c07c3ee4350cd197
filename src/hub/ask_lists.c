/* SPDX-License-Identifier: Apache-2.0 */
/* ask_lists.c - images, workloads, what sleeps, and what is not covered: all from memory. */
#include "hub/ask_page.h"
#include "hub/world_inside.h"

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
	put_descent(w, world, id);
	put_behind(w, world, id);
	jsonw_object_end(w);
}

static bool mark(void *user, uint32_t image)
{
	bits_set(user, image);
	return true;
}

/* Images that have a component of which the advisory is, whoever runs them. */
static enum rmg_rc images_of_advisory(const struct world *w, struct advdb *db, struct span id,
				      struct bits *out, struct rmg_err *err)
{
	uint32_t at = world_advisory_of(w, id);
	struct span canonical = at ? (struct span){0} : ask_canonical(db, id);
	const struct world_advisory *a;

	if (canonical.n)
		at = world_advisory_of(w, canonical);
	a = &w->advisories.v[at];
	if (!bits_new(out, w->images.n) ||
	    (at && world_images_with(w, a->components, a->n, mark, out) != RMG_OK))
		return err_set(err, RMG_E_NOMEM, "no memory for the answer");
	return RMG_OK;
}

static bool image_asked(const struct ask *q, const struct world *w, uint32_t id)
{
	const struct world_image *i = &w->images.v[id];

	return (!q->running_only || i->n_uses) && (!q->behind_only || image_is_behind(w, id)) &&
	       ask_image_place(q, w, id, q->running_only ? ASK_RUNNING : ASK_ANY) &&
	       ask_image_is(q, w, id) && ask_severe(q, &i->counts);
}

enum rmg_rc ask_images(struct hub *h, const struct ask *q, struct strbuf *out, struct rmg_err *err)
{
	struct page p;
	struct advdb *db;
	const struct world *w;
	struct bits having = {0};
	bool any = q->advisory.n == 0;
	enum rmg_rc rc = ask_check_severity(q, err);

	if (rc == RMG_OK)
		rc = page_begin(&p, q, out, err);
	if (rc == RMG_OK)
		rc = hub_read_lock(h, &w, &db, err);
	if (rc != RMG_OK)
		return rc;
	if (!any)
		rc = images_of_advisory(w, db, q->advisory, &having, err);
	for (uint32_t id = 1; rc == RMG_OK && id < w->images.n && !p.more; id++)
		if ((any || bits_has(&having, id)) && image_asked(q, w, id) && page_at(&p, id, 0))
			put_image(&p.w, w, id);
	jsonw_array_end(&p.w);
	page_end(&p, db, hub_now_ms(h));
	hub_read_unlock(h);
	bits_free(&having);
	return rc;
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
	enum rmg_rc rc = ask_check_severity(q, err);

	if (rc == RMG_OK)
		rc = page_begin(&p, q, out, err);
	if (rc == RMG_OK)
		rc = hub_read_lock(h, &w, &db, err);
	if (rc != RMG_OK)
		return rc;
	for (uint32_t id = 1; id < w->workloads.n && !p.more; id++) {
		const struct world_workload *l = &w->workloads.v[id];
		struct world_counts counts;

		if (l->of || (dormant && !world_dormant(w, id)) ||
		    (q->running_only && l->n_uses == 0) || !ask_place(q, place_of(w, l->place)) ||
		    !ask_workload(q, w, id))
			continue;
		counts = counts_of(w, id);
		if (ask_severe(q, &counts) && page_at(&p, id, 0))
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

/* Nodes of clusters. */

enum { AGENT_MS = 600000 };

/* Whether a machine speaks for itself; a cluster's manager may be on it and speak for all. */
static bool has_agent(const struct world *w, const struct world_node *n, int64_t now_ms)
{
	const struct place *at = place_of(w, n->place);

	for (uint32_t i = 1; i < w->sources.n; i++) {
		const struct place *p = place_of(w, w->sources.v[i].place);

		if (i != n->source && span_is(p->node, at->node) &&
		    span_is(p->cluster, at->cluster) &&
		    now_ms - w->sources.v[i].heard_ms < AGENT_MS)
			return true;
	}
	return false;
}

static const char *lack_of(const struct world_node *n, bool agent)
{
	if (!span_is(n->state, S("ready")))
		return "its cluster does not reach it: what runs there is not known";
	if (!agent)
		return "no agent: what runs there is told by its cluster's manager alone";
	return "";
}

static void put_node(struct jsonw *w, const struct world *world, const struct world_node *n,
		     int64_t now_ms)
{
	const struct place *p = place_of(world, n->place);
	bool agent = has_agent(world, n, now_ms);

	jsonw_object(w);
	jsonw_put(w, "cluster", p->cluster);
	jsonw_put(w, "node", p->node);
	jsonw_put(w, "availability", n->availability);
	jsonw_put(w, "state", n->state);
	jsonw_put_bool(w, "agent", agent);
	put_time(w, "since", n->since_ms);
	jsonw_put(w, "source", world->sources.v[n->source].name);
	jsonw_put_cstr(w, "reason", lack_of(n, agent));
	jsonw_object_end(w);
}

static void put_nodes(struct jsonw *w, const struct world *world, const struct ask *q,
		      int64_t now_ms)
{
	jsonw_key(w, "nodes");
	jsonw_array(w);
	for (size_t i = 0; i < world->nodes.n; i++) {
		const struct world_node *n = &world->nodes.v[i];

		if (n->source && ask_place(q, place_of(world, n->place)))
			put_node(w, world, n, now_ms);
	}
	jsonw_array_end(w);
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
	put_nodes(&p.w, w, q, hub_now_ms(h));
	put_coverage(&p.w, &c);
	page_end(&p, db, hub_now_ms(h));
	hub_read_unlock(h);
	return RMG_OK;
}
