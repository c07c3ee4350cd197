/* SPDX-License-Identifier: Apache-2.0 */
/* ask_image.c - one image: what it is, its components, and its findings as the database has them
 * now. */
#include "hub/ask_page.h"
#include "hub/judge.h"

struct about {
	struct jsonw *w;
};

/* What the hub wrote down of layers, labels and notes, as it stands. */
static enum rmg_rc put_about(void *user, const struct image_row *row)
{
	struct about *a = user;

	jsonw_key(a->w, "about");
	if (row->about.n) {
		strbuf_put(a->w->out, row->about);
		a->w->comma = true;
	} else {
		jsonw_null(a->w);
	}
	jsonw_put(a->w, "read_by", row->read_by);
	return RMG_OK;
}

static void put_component(struct jsonw *w, const struct component *c)
{
	jsonw_object(w);
	jsonw_put(w, "purl", c->purl);
	jsonw_put(w, "type", c->pkg.type);
	jsonw_put(w, "name", c->pkg.name);
	jsonw_put(w, "version", c->pkg.version);
	jsonw_put(w, "arch", c->pkg.arch);
	jsonw_put(w, "source", c->pkg.src_name);
	jsonw_put(w, "cataloger", c->cataloger);
	jsonw_object_end(w);
}

static void put_finding(struct jsonw *w, const struct inventory *inv, const struct finding *f)
{
	jsonw_object(w);
	jsonw_put(w, "id", f->id);
	jsonw_put_array(w, "aliases", f->aliases, f->n_aliases);
	jsonw_put(w, "component", inv->components[f->component].purl);
	jsonw_put(w, "installed", inv->components[f->component].pkg.version);
	jsonw_put_array(w, "fixed", f->fixed, f->n_fixed);
	jsonw_put_cstr(w, "status", status_name(f->status));
	jsonw_put_cstr(w, "severity", severity_name(f->severity));
	jsonw_key(w, "epss");
	if (f->has_epss)
		jsonw_real(w, f->epss, 5);
	else
		jsonw_null(w);
	jsonw_put_bool(w, "kev", f->has_kev);
	jsonw_put(w, "published", f->published);
	jsonw_put(w, "summary", f->summary);
	jsonw_put(w, "url", f->url);
	jsonw_put(w, "why", f->why);
	jsonw_put(w, "source", f->source);
	jsonw_object_end(w);
}

static void put_parts(struct jsonw *w, const struct inventory *inv, const struct verdict *v)
{
	jsonw_key(w, "components");
	jsonw_array(w);
	for (size_t i = 0; inv && i < inv->n_components; i++)
		put_component(w, &inv->components[i]);
	jsonw_array_end(w);
	jsonw_key(w, "findings");
	jsonw_array(w);
	for (size_t i = 0; v && i < v->n_findings; i++)
		put_finding(w, inv, &v->findings[i]);
	jsonw_array_end(w);
}

static void put_head(struct jsonw *w, const struct world *world, const struct world_image *i)
{
	jsonw_put(w, "digest", i->digest);
	jsonw_put(w, "ref", i->ref);
	jsonw_put(w, "platform", i->platform);
	jsonw_put(w, "revision", i->revision);
	if (i->os) {
		jsonw_put(w, "os", world->oses.v[i->os].id);
		jsonw_put(w, "os_version", world->oses.v[i->os].version_id);
	}
	jsonw_put_bool(w, "complete", i->complete);
	put_time(w, "created", i->created_ms);
	put_time(w, "seen", i->seen_ms);
	put_time(w, "read", i->read_ms);
	jsonw_put_u64(w, "uses", i->n_uses);
	jsonw_put_u64(w, "cached", i->n_cached);
	put_counts(w, "counts", &i->counts);
}

/* Under the read lock. */
static enum rmg_rc put_image(struct jsonw *w, const struct world *world, struct advdb *db,
			     uint32_t id, struct rmg_err *err)
{
	struct verdict *v = NULL;
	struct inventory *inv = NULL;
	enum rmg_rc rc = RMG_OK;

	put_head(w, world, &world->images.v[id]);
	if (db && world->images.v[id].read_ms)
		rc = judge_image(world, db, id, &v, &inv, err);
	if (rc == RMG_OK)
		put_parts(w, inv, v);
	verdict_free(v);
	inventory_free(inv);
	return rc;
}

enum rmg_rc ask_image(struct hub *h, struct span digest, struct strbuf *out, struct rmg_err *err)
{
	struct jsonw w = jsonw_of(out);
	struct about about = {&w};
	const struct world *world;
	struct store *st;
	struct advdb *db;
	uint32_t id;
	enum rmg_rc rc = hub_read_lock(h, &world, &db, err);

	if (rc != RMG_OK)
		return rc;
	id = world_image_choose(world, digest);
	jsonw_object(&w);
	rc = id ? put_image(&w, world, db, id, err)
		: err_set(err, RMG_E_NOTFOUND, "no image is known by this digest");
	hub_read_unlock(h);
	if (rc != RMG_OK)
		return rc;
	st = hub_store_lock(h, err);
	if (st == NULL)
		return RMG_E_IO;
	rc = store_image_get(st, id, put_about, &about, err);
	hub_store_unlock(h);
	put_time(&w, "as_of", hub_now_ms(h)); /* last, as in a page */
	jsonw_object_end(&w);
	return rc;
}
