/* SPDX-License-Identifier: Apache-2.0 */
/* ask_runs.c - who runs what a query names.
 *
 * The query is taken for what it looks like: a digest (of an image; else of an executable), a
 * package URL, an absolute path, name@version, an advisory's id (or an alias of one); else an
 * image's reference or repository. It gives a set of images, each with what matched; the images'
 * uses are the answer: running, lying on a node, or to be run by a workload that sleeps. Order:
 * image, then kind of use, then use. */
#include <stdlib.h>

#include "base/vec.h"
#include "hub/ask_page.h"
#include "hub/packed.h"
#include "hub/world_inside.h"
#include "model/purl.h"
#include "model/ref.h"

enum { MATCHED_SHOWN = 20 };
enum kind_of_use { RUNNING, CACHED, DORMANT };

struct path_found {
	uint32_t image;
	struct span path;
};

struct row {
	enum kind_of_use kind;
	uint32_t id;   /* what orders: the use's row, the workload */
	uint32_t what; /* slot of the use; the workload */
};

struct runs {
	struct hub *hub;
	const struct ask *q;
	const struct world *w;
	struct advdb *db;
	struct arena arena;
	uint32_t advisory;        /* of the query; 0 none */
	bool failed;              /* no memory */
	VEC(uint32_t) components; /* that match, ascending */
	struct bits matching;     /* the same */
	struct ids images;        /* that match, ascending, each once */
	VEC(struct path_found) paths;
	VEC(struct row) rows; /* of one image */
	struct page page;
	uint64_t totals[3], n_images;
};

static enum rmg_rc no_memory(struct rmg_err *err)
{
	return err_set(err, RMG_E_NOMEM, "no memory for the answer");
}

/* Executables are in the store; they are asked for before the world is locked. */
static enum rmg_rc take_executable(void *user, const struct executable_row *row)
{
	struct runs *r = user;
	struct path_found f = {row->image, arena_dup(&r->arena, row->executable->path)};

	return VEC_PUSH(&r->paths, f) && VEC_PUSH(&r->images, row->image) ? RMG_OK : RMG_E_NOMEM;
}

static enum rmg_rc ask_store(struct runs *r, struct rmg_err *err)
{
	struct span q = r->q->query;
	uint8_t sha256[32];
	bool hash = span_starts(q, S("sha256:")) && q.n == 71 &&
		    span_unhex(span_from(q, 7), sha256, sizeof sha256);
	bool path = span_starts(q, S("/")) && q.n > 1;
	struct store *st;
	enum rmg_rc rc;

	if (!hash && !path)
		return RMG_OK;
	st = hub_store_lock(r->hub, err);
	if (st == NULL)
		return RMG_E_IO;
	rc = hash ? store_executables_by_sha256(st, sha256, take_executable, r, err)
		  : store_executables_by_path(st, span_from(q, 1), take_executable, r, err);
	hub_store_unlock(r->hub);
	return rc;
}

static bool add_image(void *user, uint32_t image)
{
	struct runs *r = user;

	r->failed = !VEC_PUSH(&r->images, image);
	return !r->failed;
}

static enum rmg_rc images_of_components(struct runs *r, struct rmg_err *err)
{
	if (r->components.n == 0)
		return RMG_OK;
	if (!bits_new(&r->matching, r->w->components.n))
		return no_memory(err);
	for (size_t i = 0; i < r->components.n; i++)
		bits_set(&r->matching, r->components.v[i]);
	if (world_images_with(r->w, r->components.v, r->components.n, add_image, r) != RMG_OK ||
	    r->failed)
		return no_memory(err);
	return RMG_OK;
}

struct span ask_canonical(struct advdb *db, struct span id)
{
	for (uint32_t i = 0; db && i < db->n_cards; i++) {
		struct adv_card card;
		struct span alias;

		if (!advdb_card(db, i, &card))
			continue;
		if (span_is_icase(card.id, id))
			return card.canonical;
		for (uint32_t k = 0; k < card.n_aliases; k++)
			if (advdb_alias(db, &card, k, &alias) && span_is_icase(alias, id))
				return card.canonical;
	}
	return (struct span){0};
}

/* "CVE-2024-3094", "GHSA-...": letters, a dash, and no character of another kind of query. */
static bool looks_like_advisory(struct span q)
{
	return q.n > 4 && is_alpha(q.p[0]) && span_chr(q, '-') != SIZE_MAX &&
	       span_chr(q, '/') == SIZE_MAX && span_chr(q, '@') == SIZE_MAX &&
	       (span_chr(q, ':') == SIZE_MAX || span_starts(q, S("RHSA-")) ||
		span_starts(q, S("RLSA-")) || span_starts(q, S("ALSA-")));
}

static enum rmg_rc by_advisory(struct runs *r, bool *known, struct rmg_err *err)
{
	uint32_t id = world_advisory_of(r->w, r->q->query);
	const struct world_advisory *a;

	if (id == 0) {
		struct span canonical = ask_canonical(r->db, r->q->query);

		*known = canonical.n != 0;
		id = canonical.n ? world_advisory_of(r->w, canonical) : 0;
	} else {
		*known = true;
	}
	if (id == 0)
		return RMG_OK;
	r->advisory = id;
	a = &r->w->advisories.v[id];
	for (uint32_t i = 0; i < a->n; i++)
		if (!VEC_PUSH(&r->components, a->components[i]))
			return no_memory(err);
	return images_of_components(r, err);
}

struct wanted {
	struct span type, ns, name, version; /* empty: any */
};

static bool component_is(const struct world_component *c, const struct wanted *want)
{
	bool named = span_is_icase(c->name, want->name) ||
		     (c->src_name.n && span_is_icase(c->src_name, want->name));

	return named && (want->type.n == 0 || span_is(c->type, want->type)) &&
	       (want->ns.n == 0 || c->ns.n == 0 || span_is_icase(c->ns, want->ns)) &&
	       (want->version.n == 0 || span_is(c->version, want->version) ||
		span_is(c->src_version, want->version));
}

static enum rmg_rc by_package(struct runs *r, const struct wanted *want, struct rmg_err *err)
{
	for (uint32_t i = 1; i < r->w->components.n; i++)
		if (component_is(&r->w->components.v[i], want) && !VEC_PUSH(&r->components, i))
			return no_memory(err);
	return images_of_components(r, err);
}

static enum rmg_rc by_digest(struct runs *r, struct rmg_err *err)
{
	uint32_t image;

	for (size_t n = 0; (image = world_image_of(r->w, r->q->query, n)) != 0; n++)
		if (!VEC_PUSH(&r->images, image))
			return no_memory(err);
	return RMG_OK;
}

/* "app" and "team/app" name every tag of it; "app:1.9" that one. */
static bool ref_is(struct span ref, struct span q)
{
	struct span pinned, digest, repository, tag;

	if (span_is(ref, q))
		return true;
	if (span_cut(ref, '@', &pinned, &digest) && span_is(pinned, q))
		return true;
	ref_cut(ref, &repository, &tag);
	return span_is(repository, q) || (span_ends(repository, q) && repository.n > q.n &&
					  repository.p[repository.n - q.n - 1] == '/');
}

static bool image_is_named(const struct runs *r, uint32_t id)
{
	const struct world *w = r->w;
	const struct world_image *image = &w->images.v[id];

	if (ref_is(image->ref, r->q->query))
		return true;
	for (uint32_t u = image->first_use; u; u = w->uses.v[u].next)
		if (ref_is(world_use_ref(w, &w->uses.v[u]), r->q->query))
			return true;
	return false;
}

static enum rmg_rc by_reference(struct runs *r, struct rmg_err *err)
{
	for (uint32_t i = 1; i < r->w->images.n; i++)
		if (image_is_named(r, i) && !VEC_PUSH(&r->images, i))
			return no_memory(err);
	return RMG_OK;
}

static enum rmg_rc find(struct runs *r, struct rmg_err *err)
{
	struct span q = r->q->query, name, version;
	struct purl purl;
	bool known = false;
	enum rmg_rc rc = RMG_OK;

	if (span_starts(q, S("pkg:"))) {
		if (!purl_parse(q, &r->arena, &purl))
			return err_set(err, RMG_E_ARG, "this is not a package URL");
		return by_package(r, &(struct wanted){purl.type, purl.ns, purl.name, purl.version},
				  err);
	}
	if (span_starts(q, S("sha256:")))
		return by_digest(r, err);
	if (span_starts(q, S("/")))
		return RMG_OK;
	if (looks_like_advisory(q)) {
		rc = by_advisory(r, &known, err);
		if (rc != RMG_OK || known)
			return rc;
	}
	if (span_rcut(q, '@', &name, &version) && name.n && !span_starts(version, S("sha256:")))
		return by_package(r, &(struct wanted){.name = name, .version = version}, err);
	if (span_rcut(q, '@', &name, &version)) {
		uint32_t image;

		for (size_t n = 0; (image = world_image_of(r->w, version, n)) != 0; n++)
			if (!VEC_PUSH(&r->images, image))
				return no_memory(err);
		return RMG_OK;
	}
	return by_reference(r, err);
}

static int by_kind_and_id(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

static bool add_uses(struct runs *r, uint32_t slot, enum kind_of_use kind)
{
	const struct world *w = r->w;

	for (; slot; slot = w->uses.v[slot].next) {
		const struct world_use *u = &w->uses.v[slot];
		struct row row = {kind, u->id, slot};

		if (!ask_place(r->q, place_of(w, u->place)) || !ask_workload(r->q, w, u->workload))
			continue;
		r->totals[kind]++;
		if (!VEC_PUSH(&r->rows, row))
			return false;
	}
	return true;
}

static bool add_dormant(struct runs *r, uint32_t image)
{
	const struct world *w = r->w;
	uint32_t at = 0, id;

	while ((id = world_would_next(w, image, &at)) != 0) {
		const struct world_workload *l = &w->workloads.v[id];
		struct row row = {DORMANT, id, id};

		if (!world_dormant(w, id) || !ask_place(r->q, place_of(w, l->place)) ||
		    !ask_workload(r->q, w, id))
			continue;
		r->totals[DORMANT]++;
		if (!VEC_PUSH(&r->rows, row))
			return false;
	}
	return true;
}

static bool add_rows(struct runs *r, uint32_t image)
{
	const struct world_image *i = &r->w->images.v[image];
	bool running = !r->q->dormant_only, dormant = !r->q->running_only;

	r->rows.n = 0;
	return (!running || add_uses(r, i->first_use, RUNNING)) &&
	       (!running || !dormant || add_uses(r, i->first_cached, CACHED)) &&
	       (!dormant || add_dormant(r, image));
}

static void put_matched(struct runs *r, uint32_t image)
{
	const struct world_image *i = &r->w->images.v[image];
	size_t shown = 0;

	jsonw_key(&r->page.w, "matched");
	jsonw_array(&r->page.w);
	for (uint32_t k = 0; r->matching.n && k < i->n_components && shown < MATCHED_SHOWN; k++) {
		if (bits_has(&r->matching, i->components[k])) {
			jsonw_str(&r->page.w, r->w->components.v[i->components[k]].purl);
			shown++;
		}
	}
	for (size_t k = 0; k < r->paths.n && shown < MATCHED_SHOWN; k++) {
		if (r->paths.v[k].image == image) {
			jsonw_str(&r->page.w, r->paths.v[k].path);
			shown++;
		}
	}
	jsonw_array_end(&r->page.w);
}

static void put_severity(struct runs *r, uint32_t image)
{
	struct world_finding f;

	if (r->advisory == 0 || !world_finding_of(r->w, image, r->advisory, &f))
		return;
	jsonw_put(&r->page.w, "advisory", r->w->advisories.v[r->advisory].id);
	jsonw_put_cstr(&r->page.w, "severity", severity_name((enum adv_severity)f.severity));
	jsonw_put_cstr(&r->page.w, "status", status_name((enum adv_status)f.status));
	jsonw_put_bool(&r->page.w, "kev", f.kev);
	jsonw_put_bool(&r->page.w, "fixable", f.fixable);
}

static void put_dormant(struct jsonw *w, const struct world *world, uint32_t image, uint32_t id)
{
	const struct world_workload *l = &world->workloads.v[id];

	jsonw_put(w, "image", world->images.v[image].digest);
	jsonw_put(w, "ref", world->images.v[image].ref);
	put_place(w, place_of(world, l->place));
	put_workload(w, world, id);
	jsonw_put_null(w, "container");
	jsonw_put_null(w, "name");
	jsonw_put_cstr(w, "state", "dormant");
	put_time(w, "since", l->last_ms);
	put_behind_refs(w, world, image);
}

static void put_row(struct runs *r, uint32_t image, const struct row *row)
{
	jsonw_object(&r->page.w);
	if (row->kind == DORMANT)
		put_dormant(&r->page.w, r->w, image, row->what);
	else
		put_use(&r->page.w, r->w, &r->w->uses.v[row->what]);
	put_severity(r, image);
	put_matched(r, image);
	jsonw_object_end(&r->page.w);
}

/* All images are gone through for the totals, which the first page alone has; only rows of this
 * page are written. */
static enum rmg_rc put_images(struct runs *r, struct rmg_err *err)
{
	for (size_t i = 0; i < r->images.n; i++) {
		uint32_t image = r->images.v[i];

		if (r->page.more && !r->page.first)
			break;
		if (image < r->page.from[0]) /* earlier pages had it */
			continue;
		if (!add_rows(r, image))
			return no_memory(err);
		r->n_images += r->rows.n != 0;
		if (r->page.more)
			continue;
		if (r->rows.n)
			qsort(r->rows.v, r->rows.n, sizeof *r->rows.v, by_kind_and_id);
		for (size_t k = 0; k < r->rows.n && !r->page.more; k++) {
			const struct row *row = &r->rows.v[k];

			if (page_at(&r->page, image, (uint64_t)row->kind << 32 | row->id))
				put_row(r, image, row);
		}
	}
	return RMG_OK;
}

static void put_totals(struct runs *r)
{
	struct jsonw *w = &r->page.w;

	jsonw_array_end(w);
	jsonw_key(w, "totals");
	jsonw_object(w);
	jsonw_put_u64(w, "running", r->totals[RUNNING]);
	jsonw_put_u64(w, "cached", r->totals[CACHED]);
	jsonw_put_u64(w, "dormant", r->totals[DORMANT]);
	jsonw_put_u64(w, "images", r->n_images);
	jsonw_object_end(w);
}

static enum rmg_rc answer(struct runs *r, struct strbuf *out, struct rmg_err *err)
{
	enum rmg_rc rc = find(r, err);

	if (rc == RMG_OK)
		rc = page_begin(&r->page, r->q, out, err);
	if (rc != RMG_OK)
		return rc;
	ids_sort(&r->images);
	rc = put_images(r, err);
	if (rc == RMG_OK) {
		if (r->page.first)
			put_totals(r);
		else
			jsonw_array_end(&r->page.w);
		page_end(&r->page, r->db, hub_now_ms(r->hub));
	}
	return rc;
}

enum rmg_rc ask_who_runs(struct hub *h, const struct ask *q, struct strbuf *out,
			 struct rmg_err *err)
{
	struct runs r = {.hub = h, .q = q};
	enum rmg_rc rc;

	arena_init(&r.arena, 64 << 20);
	rc = ask_store(&r, err);
	if (rc == RMG_OK)
		rc = hub_read_lock(h, &r.w, &r.db, err);
	if (rc == RMG_OK) {
		rc = answer(&r, out, err);
		hub_read_unlock(h);
	}
	bits_free(&r.matching);
	VEC_DONE(&r.components);
	VEC_DONE(&r.images);
	VEC_DONE(&r.paths);
	VEC_DONE(&r.rows);
	arena_done(&r.arena);
	return rc;
}
