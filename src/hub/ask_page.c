/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/ask_page.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/rfc3339.h"
#include "hub/difference.h"
#include "model/way.h"

enum { LIMIT_DEFAULT = 100, LIMIT_MOST = 1000 };

static bool cursor_of(struct span text, uint64_t out[2])
{
	struct span a, b;

	return span_cut(text, '.', &a, &b) && span_u64(a, 10, UINT64_MAX, &out[0]) &&
	       span_u64(b, 10, UINT64_MAX, &out[1]);
}

enum rmg_rc page_begin(struct page *p, const struct ask *q, struct strbuf *out, struct rmg_err *err)
{
	*p = (struct page){.w = jsonw_of(out), .left = q->limit ? q->limit : LIMIT_DEFAULT};
	if (p->left > LIMIT_MOST)
		p->left = LIMIT_MOST;
	p->first = q->cursor.n == 0;
	if (!p->first && !cursor_of(q->cursor, p->from))
		return err_set(err, RMG_E_ARG,
			       "\"cursor\" is what an earlier page gave as \"next\"");
	jsonw_object(&p->w);
	jsonw_key(&p->w, "items");
	jsonw_array(&p->w);
	return RMG_OK;
}

bool page_at(struct page *p, uint64_t a, uint64_t b)
{
	if (p->more || a < p->from[0] || (a == p->from[0] && b < p->from[1]))
		return false;
	if (p->left == 0) {
		p->more = true;
		p->next[0] = a;
		p->next[1] = b;
		return false;
	}
	p->left--;
	return true;
}

void page_end(struct page *p, const struct advdb *db, int64_t now_ms)
{
	char text[64];

	if (p->more) {
		snprintf(text, sizeof text, "%" PRIu64 ".%" PRIu64, p->next[0], p->next[1]);
		jsonw_put_cstr(&p->w, "next", text);
	} else {
		jsonw_put_null(&p->w, "next");
	}
	if (db) {
		struct strbuf digest = strbuf_of(128);

		strbuf_puts(&digest, "sha256:");
		strbuf_hex(&digest, db->sha256, sizeof db->sha256);
		jsonw_put(&p->w, "database", strbuf_span(&digest));
		strbuf_done(&digest);
	}
	put_time(&p->w, "as_of", now_ms);
	jsonw_object_end(&p->w);
}

bool ask_place(const struct ask *q, const struct place *p)
{
	return (q->cluster.n == 0 || span_is(q->cluster, p->cluster)) &&
	       (q->node.n == 0 || span_is(q->node, p->node)) &&
	       (q->ns.n == 0 || span_is(q->ns, p->ns));
}

bool workload_is_named(struct span text, const struct place *p, struct span kind, struct span name)
{
	struct span rest = text, part[3];
	size_t n = 0;

	if (span_is(text, name))
		return true;
	while (n < 3 && span_next(&rest, '/', &part[n]))
		n++;
	if (n == 2)
		return span_is(part[1], name) &&
		       (span_is(part[0], kind) || span_is(part[0], p->ns));
	return n == 3 && span_is(part[0], p->ns) && span_is(part[1], kind) &&
	       span_is(part[2], name);
}

bool ask_workload(const struct ask *q, const struct world *w, uint32_t workload)
{
	const struct world_workload *l;

	if (q->workload.n == 0)
		return true;
	if (workload == 0)
		return false;
	l = &w->workloads.v[workload];
	return workload_is_named(q->workload, place_of(w, l->place), l->kind, l->name);
}

bool ask_names_place(const struct ask *q)
{
	return q->cluster.n + q->node.n + q->ns.n + q->workload.n != 0;
}

static bool any_use(const struct ask *q, const struct world *w, uint32_t slot)
{
	for (; slot; slot = w->uses.v[slot].next)
		if (ask_place(q, place_of(w, w->uses.v[slot].place)) &&
		    ask_workload(q, w, w->uses.v[slot].workload))
			return true;
	return false;
}

bool ask_image_place(const struct ask *q, const struct world *w, uint32_t image, enum ask_use how)
{
	const struct world_image *i = &w->images.v[image];
	uint32_t at = 0, id;

	if (!ask_names_place(q) || any_use(q, w, i->first_use))
		return true;
	while (how != ASK_RUNNING && (id = world_would_next(w, image, &at)) != 0)
		if (ask_workload(q, w, id) && ask_place(q, place_of(w, w->workloads.v[id].place)))
			return true;
	return how == ASK_ANY && any_use(q, w, i->first_cached);
}

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

bool ask_severe(const struct ask *q, const struct world_counts *c)
{
	bool known;

	return severe(c, q->severity, &known);
}

enum rmg_rc ask_check_severity(const struct ask *q, struct rmg_err *err)
{
	struct world_counts none = {0};
	bool known;

	(void)severe(&none, q->severity, &known);
	if (known)
		return RMG_OK;
	return err_set(err, RMG_E_ARG, "\"severity\" is negligible, low, medium, high or critical");
}

bool ask_image_is(const struct ask *q, const struct world *w, uint32_t image)
{
	const struct world_image *i = &w->images.v[image];
	uint32_t other;

	if (q->image.n == 0 || span_is(q->image, i->digest) || span_is(q->image, i->ref))
		return true;
	for (size_t n = 0; (other = world_image_of(w, q->image, n)) != 0; n++)
		if (other == image)
			return true;
	return false;
}

const struct place *place_of(const struct world *w, uint32_t id)
{
	return &w->places.v[id].place;
}

void put_time(struct jsonw *w, const char *key, int64_t ms)
{
	char text[RFC3339_BYTES];

	jsonw_put_cstr(w, key, ms ? rfc3339_text(ms, text) : NULL);
}

void put_counts(struct jsonw *w, const char *key, const struct world_counts *c)
{
	static const enum adv_severity order[] = {SEV_CRITICAL, SEV_HIGH,       SEV_MEDIUM,
						  SEV_LOW,      SEV_NEGLIGIBLE, SEV_UNKNOWN};

	jsonw_key(w, key);
	jsonw_object(w);
	for (size_t i = 0; i < COUNT_OF(order); i++)
		jsonw_put_u64(w, severity_name(order[i]), c->by_severity[order[i]]);
	jsonw_object_end(w);
}

void put_place(struct jsonw *w, const struct place *p)
{
	jsonw_put(w, "cluster", p->cluster);
	jsonw_put(w, "node", p->node);
	jsonw_put(w, "namespace", p->ns);
}

void put_workload(struct jsonw *w, const struct world *world, uint32_t workload)
{
	const struct world_workload *l = &world->workloads.v[workload];
	struct strbuf text = strbuf_of(1 << 16);

	if (workload == 0) {
		jsonw_put_null(w, "workload");
		return;
	}
	strbuf_put(&text, l->kind);
	strbuf_puts(&text, "/");
	strbuf_put(&text, l->name);
	jsonw_put(w, "workload", strbuf_span(&text));
	strbuf_done(&text);
}

void put_use(struct jsonw *w, const struct world *world, const struct world_use *u)
{
	const struct world_image *image = &world->images.v[u->image];
	char buf[WORLD_CONTAINER];

	if (u->image)
		jsonw_put(w, "image", image->digest);
	else
		jsonw_put_null(w, "image");
	jsonw_put(w, "ref", world_use_ref(world, u));
	put_place(w, place_of(world, u->place));
	put_workload(w, world, u->workload);
	if (u->cached)
		jsonw_put_null(w, "container");
	else
		jsonw_put(w, "container", world_use_container(u, buf));
	jsonw_put(w, "name", world_use_name(world, u));
	jsonw_put_cstr(w, "state", u->cached ? "cached" : "running");
	put_time(w, "since", u->began_ms);
	put_behind_refs(w, world, u->image);
}

static void put_counted(struct jsonw *w, const char *key, const uint32_t counts[3])
{
	jsonw_key(w, key);
	jsonw_object(w);
	jsonw_put_u64(w, "came", counts[0]);
	jsonw_put_u64(w, "went", counts[1]);
	jsonw_put_u64(w, "changed", counts[2]);
	jsonw_object_end(w);
}

void put_difference(struct jsonw *w, const char *key, const uint32_t counts[DESCENT_COUNTS])
{
	struct strbuf text = strbuf_of(KIB(1));

	difference_text(counts, &text);
	jsonw_key(w, key);
	jsonw_object(w);
	put_counted(w, "packages", counts);
	put_counted(w, "executables", counts + 3);
	jsonw_put(w, "text", strbuf_span(&text));
	jsonw_object_end(w);
	strbuf_done(&text);
}

void put_descent(struct jsonw *w, const struct world *world, uint32_t image)
{
	const struct descent_row *d = world_descent_of(world, image);

	jsonw_put(w, "origin", span_cstr(way_name(d->way)));
	jsonw_put(w, "made_of", d->container);
	jsonw_key(w, "parent");
	if (d->parent && way_is_local(d->way)) {
		jsonw_object(w);
		jsonw_put(w, "digest", world->images.v[d->parent].digest);
		jsonw_put(w, "ref", world->images.v[d->parent].ref);
		jsonw_put(w, "how", d->how);
		jsonw_object_end(w);
	} else {
		jsonw_null(w);
	}
	if (d->counted)
		put_difference(w, "difference", d->counts);
	else
		jsonw_put_null(w, "difference");
}
