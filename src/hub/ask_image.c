/* SPDX-License-Identifier: Apache-2.0 */
/* ask_image.c - one image: what it is, its components, and its findings as the database has them
 * now. */
#include "base/rfc3339.h"
#include "hub/alerts.h"
#include "hub/ask_page.h"
#include "hub/judge.h"
#include "hub/profiled.h"

struct about {
	struct jsonw *w;
};

/* What platforms say of it. */
static enum rmg_rc put_said(void *user, const struct said_row *row)
{
	struct jsonw *w = user;

	jsonw_object(w);
	jsonw_put(w, "source", row->source);
	jsonw_put(w, "name", row->key);
	jsonw_put(w, "value", row->value);
	put_time(w, "at", row->at_ms);
	jsonw_object_end(w);
	return RMG_OK;
}

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

/* What was used of it, by the policy's measure. */
struct seen {
	struct profiled p;
	uint64_t least_ms;
	const uint32_t *ids; /* of its components, in the order of the inventory's */
};

static void put_used(struct jsonw *w, const struct seen *s, size_t i)
{
	enum used used = profiled_used(&s->p, s->ids[i], s->least_ms);

	if (used == USED_UNKNOWN)
		jsonw_put_null(w, "used");
	else
		jsonw_put_bool(w, "used", used == USED_YES);
}

static void put_component(struct jsonw *w, const struct component *c, const struct seen *s,
			  size_t i)
{
	uint64_t bytes;

	jsonw_object(w);
	jsonw_put(w, "purl", c->purl);
	jsonw_put(w, "type", c->pkg.type);
	jsonw_put(w, "name", c->pkg.name);
	jsonw_put(w, "version", c->pkg.version);
	jsonw_put(w, "arch", c->pkg.arch);
	jsonw_put(w, "source", c->pkg.src_name);
	jsonw_put(w, "cataloger", c->cataloger);
	put_used(w, s, i);
	if (profiled_bytes(&s->p, s->ids[i], &bytes))
		jsonw_put_u64(w, "bytes", bytes);
	else
		jsonw_put_null(w, "bytes");
	jsonw_object_end(w);
}

/* What a finding is held against. */
struct held {
	struct hub *hub;
	const struct world *world;
	uint32_t image;
	const struct seen *seen;
};

/* The first rule that would tell of a finding wherever the image ran: nothing is known of a place
 * where it does not run yet. */
static const struct rule *rule_anywhere(const struct held *x, const struct finding *f,
					struct span purl)
{
	const struct policy *p = hub_policy(x->hub);
	struct world_finding finding = judge_finding(f);
	int64_t now_ms = hub_now_ms(x->hub), published;
	int64_t age_ms = rfc3339_parse(f->published, &published) ? now_ms - published : -1;

	for (size_t i = 0; i < p->n_rules; i++) {
		const struct rule *r = &p->rules[i];

		if (r->kind != RULE_FINDING || policy_asks_where(r) ||
		    !policy_takes(r, &finding, age_ms))
			continue;
		if (alerts_excepted(hub_alerts(x->hub), x->world, now_ms, x->image, f->id, purl,
				    NULL))
			break;
		return r;
	}
	return NULL;
}

static void put_finding(struct jsonw *w, const struct held *x, const struct inventory *inv,
			const struct finding *f)
{
	const struct rule *r = rule_anywhere(x, f, inv->components[f->component].purl);

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
	jsonw_put(w, "rule", r ? r->name : (struct span){0});
	jsonw_put(w, "admission", r ? span_cstr(policy_admit_name(r->admit)) : (struct span){0});
	put_used(w, x->seen, f->component);
	jsonw_object_end(w);
}

static void put_parts(struct jsonw *w, const struct held *x, const struct inventory *inv,
		      const struct verdict *v)
{
	jsonw_key(w, "components");
	jsonw_array(w);
	for (size_t i = 0; inv && i < inv->n_components; i++)
		put_component(w, &inv->components[i], x->seen, i);
	jsonw_array_end(w);
	jsonw_key(w, "findings");
	jsonw_array(w);
	for (size_t i = 0; v && i < v->n_findings; i++)
		put_finding(w, x, inv, &v->findings[i]);
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

static void put_profile(struct jsonw *w, const struct seen *s)
{
	jsonw_key(w, "profile");
	if (s->p.image == 0) {
		jsonw_null(w);
		return;
	}
	jsonw_object(w);
	put_time(w, "first", s->p.first_ms);
	put_time(w, "last", s->p.last_ms);
	jsonw_put_u64(w, "observed_s", s->p.observed_ms / 1000);
	jsonw_put_u64(w, "wanted_s", s->least_ms / 1000);
	jsonw_put_bool(w, "closed", profiled_is_closed(&s->p, s->least_ms));
	jsonw_put_u64(w, "containers", s->p.containers);
	jsonw_put_u64(w, "executed", s->p.executed.n);
	jsonw_object_end(w);
}

/* Under the read lock. */
static enum rmg_rc put_image(struct jsonw *w, const struct held *x, struct advdb *db,
			     struct rmg_err *err)
{
	const struct world *world = x->world;
	uint32_t id = x->image;
	struct verdict *v = NULL;
	struct inventory *inv = NULL;
	enum rmg_rc rc = RMG_OK;

	put_head(w, world, &world->images.v[id]);
	put_descent(w, world, id);
	put_behind(w, world, id);
	if (db && world->images.v[id].read_ms)
		rc = judge_image(world, db, id, &v, &inv, err);
	if (rc == RMG_OK)
		put_parts(w, x, inv, v);
	if (rc == RMG_OK)
		put_profile(w, x->seen);
	verdict_free(v);
	inventory_free(inv);
	return rc;
}

/* The profile first: who holds the read lock does not wait for the store. */
static enum rmg_rc load_profile(struct hub *h, struct span digest, struct profiled *out,
				struct rmg_err *err)
{
	const struct world *world;
	struct store *st;
	uint32_t id;
	enum rmg_rc rc = hub_read_lock(h, &world, NULL, err);

	if (rc != RMG_OK)
		return rc;
	id = world_image_choose(world, digest);
	hub_read_unlock(h);
	if (id == 0)
		return err_set(err, RMG_E_NOTFOUND, "no image is known by this digest");
	st = hub_store_lock(h, err);
	if (st == NULL)
		return RMG_E_IO;
	rc = profiled_load(out, st, id, err);
	hub_store_unlock(h);
	return rc;
}

static enum rmg_rc put_known(struct hub *h, struct span digest, struct jsonw *w, struct seen *s,
			     uint32_t *id, struct rmg_err *err)
{
	const struct world *world;
	struct advdb *db;
	enum rmg_rc rc = hub_read_lock(h, &world, &db, err);

	if (rc != RMG_OK)
		return rc;
	*id = world_image_choose(world, digest);
	if (s->p.image != *id)
		profiled_done(&s->p); /* the digest means another one by now */
	s->least_ms = (uint64_t)hub_policy(h)->profile_s * 1000;
	s->ids = world->images.v[*id].components;
	jsonw_object(w);
	rc = *id ? put_image(w, &(struct held){h, world, *id, s}, db, err)
		 : err_set(err, RMG_E_NOTFOUND, "no image is known by this digest");
	hub_read_unlock(h);
	return rc;
}

enum rmg_rc ask_image(struct hub *h, struct span digest, struct strbuf *out, struct rmg_err *err)
{
	struct jsonw w = jsonw_of(out);
	struct about about = {&w};
	struct seen seen = {0};
	struct store *st;
	uint32_t id = 0;
	enum rmg_rc rc = load_profile(h, digest, &seen.p, err);

	if (rc == RMG_OK)
		rc = put_known(h, digest, &w, &seen, &id, err);
	profiled_done(&seen.p);
	if (rc != RMG_OK)
		return rc;
	st = hub_store_lock(h, err);
	if (st == NULL)
		return RMG_E_IO;
	jsonw_key(&w, "said");
	jsonw_array(&w);
	rc = store_said_of(st, id, put_said, &w, err);
	jsonw_array_end(&w);
	if (rc == RMG_OK)
		rc = store_image_get(st, id, put_about, &about, err);
	hub_store_unlock(h);
	put_time(&w, "as_of", hub_now_ms(h)); /* last, as in a page */
	jsonw_object_end(&w);
	return rc;
}
