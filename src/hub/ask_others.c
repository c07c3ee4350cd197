/* SPDX-License-Identifier: Apache-2.0 */
/* ask_others.c - our findings on an image against those of its registry's own scanner.
 *
 * Two findings are one where one names the other's advisory, by its id or an alias, and they are of
 * one package, by the name of the component or of what it was built from. Where only they have one,
 * the reason is the first that holds: the image has no such component as we read it; the database
 * knows no such advisory; ours takes another version; or what ours says of it. */
#include "base/hash.h"
#include "base/limits.h"
#include "base/map.h"
#include "hub/alerts.h"
#include "hub/ask_page.h"
#include "hub/judge.h"
#include "oci/other.h"

struct source {
	struct span name;
	int64_t at_ms;
	struct other_report report;
	size_t both, ours, theirs;
};

struct others {
	struct hub *hub;
	const struct world *w;
	struct advdb *db;
	uint32_t image;
	struct arena arena;
	VEC(struct source) sources;
	struct map known; /* hashes of ids and aliases of the database, of those that were asked */
	const struct inventory *inv;
	const struct verdict *verdict;
	struct jsonw w_out;
};

static enum rmg_rc keep(void *user, const struct other_row *row)
{
	struct others *o = user;
	struct source s = {.name = arena_dup(&o->arena, row->source), .at_ms = row->at_ms};

	if (other_read(row->report, &o->arena, &s.report, NULL) != RMG_OK)
		return arena_rc(&o->arena); /* another version wrote it */
	return VEC_PUSH(&o->sources, s) ? arena_rc(&o->arena) : RMG_E_NOMEM;
}

static uint64_t id_hash(struct span id)
{
	uint64_t h = 1469598103934665603u;

	for (size_t i = 0; i < id.n; i++)
		h = (h ^ (uint64_t)(id.p[i] >= 'a' && id.p[i] <= 'z' ? id.p[i] - 32 : id.p[i])) *
		    1099511628211u;
	return h;
}

/* All that they name, then which of it the database has: one way through its cards. */
static bool find_known(struct others *o)
{
	struct map asked = {0};
	bool good = true;

	for (size_t s = 0; s < o->sources.n && good; s++)
		for (size_t i = 0; i < o->sources.v[s].report.n && good; i++)
			good = map_set(&asked, id_hash(o->sources.v[s].report.v[i].id), 1);
	for (uint32_t i = 0; good && asked.n && o->db && i < o->db->n_cards; i++) {
		struct adv_card card;
		struct span alias;

		if (!advdb_card(o->db, i, &card))
			continue;
		if (map_has(&asked, id_hash(card.id)))
			good = map_set(&o->known, id_hash(card.id), 1);
		if (good && map_has(&asked, id_hash(card.canonical)))
			good = map_set(&o->known, id_hash(card.canonical), 1);
		for (uint32_t k = 0; good && k < card.n_aliases; k++)
			if (advdb_alias(o->db, &card, k, &alias) && map_has(&asked, id_hash(alias)))
				good = map_set(&o->known, id_hash(alias), 1);
	}
	map_done(&asked);
	return good;
}

/* Maven's and Go's names have their group before them, in whichever way. */
static bool of_package(const struct pkg *p, struct span name)
{
	return span_is(p->name, name) || span_is(p->src_name, name) ||
	       (p->ns.n && span_ends(name, p->name) && span_starts(name, p->ns));
}

static bool is_one(const struct others *o, const struct finding *f, const struct other_finding *t)
{
	bool same = span_is_icase(f->id, t->id);

	for (size_t i = 0; i < f->n_aliases && !same; i++)
		same = span_is_icase(f->aliases[i], t->id);
	return same && of_package(&o->inv->components[f->component].pkg, t->package);
}

static const char *reason_of(const struct others *o, const struct other_finding *t,
			     struct strbuf *text)
{
	const struct component *c = NULL;

	for (size_t i = 0; i < o->inv->n_components; i++) {
		const struct component *at = &o->inv->components[i];

		if (of_package(&at->pkg, t->package) &&
		    (c == NULL || span_is(at->pkg.version, t->version)))
			c = at;
	}
	strbuf_clear(text);
	if (c == NULL)
		return "the image has no such component, as it was read here";
	if (!span_is(c->pkg.version, t->version) && t->version.n) {
		strbuf_printf(text, "here it is " SPAN_FMT, SPAN_ARG(c->pkg.version));
		return strbuf_cstr(text);
	}
	if (!map_has(&o->known, id_hash(t->id)))
		return "the advisory database does not know it";
	return "our advisory does not take this version";
}

static void put(struct others *o, const struct source *s, const char *said, const struct finding *f,
		const struct other_finding *t, const char *reason)
{
	struct jsonw *w = &o->w_out;
	const struct component *c = f ? &o->inv->components[f->component] : NULL;

	jsonw_object(w);
	jsonw_put_cstr(w, "said", said);
	jsonw_put(w, "id", f ? f->id : t->id);
	jsonw_put(w, "package", c ? c->purl : t->package);
	jsonw_put(w, "version", c ? c->pkg.version : t->version);
	jsonw_put_cstr(w, "severity", f ? severity_name(f->severity) : "");
	jsonw_put(w, "their_severity", t ? t->severity : (struct span){0});
	jsonw_put(w, "fixed", f && f->n_fixed ? f->fixed[0] : t ? t->fixed : (struct span){0});
	jsonw_put_bool(w, "excepted",
		       f && alerts_excepted(hub_alerts(o->hub), o->w, hub_now_ms(o->hub), o->image,
					    f->id, c->purl, NULL));
	jsonw_put_cstr(w, "reason", reason);
	jsonw_put(w, "source", s->name);
	jsonw_object_end(w);
}

/* Theirs by the hash of the id, so that two long lists are not held against each other. */
static bool put_source_items(struct others *o, struct source *s)
{
	const struct other_report *r = &s->report;
	struct strbuf text = strbuf_of(KIB(4));
	struct map by_id = {0};
	uint8_t *taken = calloc(r->n + 1, 1);
	bool good = taken != NULL;

	for (size_t i = 0; i < r->n && good; i++)
		good = map_add_another(&by_id, id_hash(r->v[i].id), (uint32_t)i);
	for (size_t i = 0; good && i < o->verdict->n_findings; i++) {
		const struct finding *f = &o->verdict->findings[i];
		const struct other_finding *t = NULL;

		for (size_t k = 0; k <= f->n_aliases; k++) {
			size_t at = 0;
			uint32_t j;

			while ((j = map_next(&by_id, id_hash(k ? f->aliases[k - 1] : f->id),
					     &at)) != MAP_NONE)
				if (is_one(o, f, &r->v[j])) {
					taken[j] = 1;
					t = &r->v[j];
				}
		}
		s->both += t != NULL;
		s->ours += t == NULL;
		put(o, s, t ? "both" : "ours", f, t, "");
	}
	for (size_t i = 0; good && i < r->n; i++)
		if (!taken[i]) {
			s->theirs++;
			put(o, s, "theirs", NULL, &r->v[i], reason_of(o, &r->v[i], &text));
		}
	map_done(&by_id);
	strbuf_done(&text);
	free(taken);
	return good;
}

static void put_source(struct jsonw *w, const struct source *s)
{
	jsonw_object(w);
	jsonw_put(w, "source", s->name);
	jsonw_put(w, "scanner", s->report.scanner);
	jsonw_put(w, "version", s->report.version);
	jsonw_put(w, "generated", s->report.generated);
	put_time(w, "asked", s->at_ms);
	jsonw_put_bool(w, "ready", s->report.ready);
	jsonw_put_u64(w, "both", s->both);
	jsonw_put_u64(w, "ours", s->ours);
	jsonw_put_u64(w, "theirs", s->theirs);
	jsonw_put_u64(w, "left_out", s->report.left_out);
	jsonw_object_end(w);
}

/* Where it was not scanned yet nothing is compared. */
static enum rmg_rc compare(struct others *o, struct rmg_err *err)
{
	const struct world_image *im = &o->w->images.v[o->image];
	struct jsonw *w = &o->w_out;
	bool good = find_known(o);

	jsonw_object(w);
	jsonw_put(w, "image", im->digest);
	jsonw_put(w, "ref", im->ref);
	jsonw_key(w, "items");
	jsonw_array(w);
	for (size_t i = 0; i < o->sources.n && good; i++)
		if (o->verdict && o->sources.v[i].report.ready)
			good = put_source_items(o, &o->sources.v[i]);
	jsonw_array_end(w);
	jsonw_key(w, "sources");
	jsonw_array(w);
	for (size_t i = 0; i < o->sources.n; i++)
		put_source(w, &o->sources.v[i]);
	jsonw_array_end(w);
	put_time(w, "as_of", hub_now_ms(o->hub)); /* last, as in a page */
	jsonw_object_end(w);
	return good ? RMG_OK : err_set(err, RMG_E_NOMEM, "no memory for the answer");
}

static enum rmg_rc answer(struct others *o, const struct ask *q, struct store *st,
			  struct rmg_err *err)
{
	struct verdict *v = NULL;
	struct inventory *inv = NULL;
	enum rmg_rc rc = RMG_OK;

	o->image = world_image_choose(o->w, q->image);
	if (o->image == 0)
		return err_set(err, RMG_E_NOTFOUND, "no image is known by this digest");
	rc = store_other_of(st, o->image, keep, o, err);
	if (rc == RMG_OK && o->db && o->w->images.v[o->image].read_ms)
		rc = judge_image(o->w, o->db, o->image, &v, &inv, err);
	o->verdict = v;
	o->inv = inv;
	if (rc == RMG_OK)
		rc = compare(o, err);
	verdict_free(v);
	inventory_free(inv);
	return rc;
}

enum rmg_rc ask_others(struct hub *h, const struct ask *q, struct strbuf *out, struct rmg_err *err)
{
	struct others o = {.hub = h, .w_out = jsonw_of(out)};
	struct store *st = hub_store_lock(h, err);
	enum rmg_rc rc;

	if (st == NULL)
		return RMG_E_IO;
	arena_init(&o.arena, LIMIT_WORLD_BYTES);
	rc = hub_read_lock(h, &o.w, &o.db, err);
	if (rc == RMG_OK) {
		rc = answer(&o, q, st, err);
		hub_read_unlock(h);
	}
	hub_store_unlock(h);
	VEC_DONE(&o.sources);
	map_done(&o.known);
	arena_done(&o.arena);
	return rc;
}
