/* SPDX-License-Identifier: Apache-2.0 */
/* ask_cached.c - what lies on machines: from memory, and when it was used last there, from the
 * store. */
#include "base/hash.h"
#include "base/map.h"
#include "base/vec.h"
#include "hub/ask_page.h"
#include "hub/packed.h"

/* A machine, and what is known of one image on it. */
struct machine {
	uint32_t place;   /* any place of it */
	uint32_t running; /* uses */
	int64_t ended_ms; /* the last of them that ended; 0 none did */
};

struct cached {
	const struct ask *q;
	const struct world *w;
	struct store *st;
	struct page page;
	VEC(struct machine) machines; /* of the image whose turn it is */
	struct map by_name;
	struct ids slots;
};

static bool same_machine(const struct place *a, const struct place *b)
{
	return span_is(a->node, b->node) && span_is(a->cluster, b->cluster);
}

/* NULL: no memory. */
static struct machine *machine_of(struct cached *c, uint32_t place)
{
	const struct place *p = place_of(c->w, place);
	uint64_t key = hash_mix(hash_span(p->node) * 3 + hash_span(p->cluster));
	struct machine *m;
	size_t at = 0;
	uint32_t i;

	while ((i = map_next(&c->by_name, key, &at)) != MAP_NONE)
		if (same_machine(place_of(c->w, c->machines.v[i].place), p))
			return &c->machines.v[i];
	m = VEC_ADD(&c->machines);
	if (m == NULL || !map_add_another(&c->by_name, key, (uint32_t)c->machines.n - 1))
		return NULL;
	*m = (struct machine){.place = place};
	return m;
}

static enum rmg_rc take_ended(void *user, uint32_t place, int64_t ended_ms)
{
	struct cached *c = user;
	struct machine *m;

	if (place == 0 || place >= c->w->places.n)
		return RMG_OK;
	m = machine_of(c, place);
	if (m == NULL)
		return RMG_E_NOMEM;
	m->ended_ms = MAX_OF(m->ended_ms, ended_ms);
	return RMG_OK;
}

/* Where an image lies, where it runs, and where it ran. */
static enum rmg_rc look(struct cached *c, uint32_t image, struct rmg_err *err)
{
	const struct world_image *i = &c->w->images.v[image];

	c->slots.n = c->machines.n = 0;
	map_clear(&c->by_name);
	for (uint32_t slot = i->first_cached; slot; slot = c->w->uses.v[slot].next)
		if (!VEC_PUSH(&c->slots, slot))
			return err_set(err, RMG_E_NOMEM, "no memory for the answer");
	ids_sort(&c->slots);
	for (uint32_t slot = i->first_use; slot; slot = c->w->uses.v[slot].next) {
		struct machine *m = machine_of(c, c->w->uses.v[slot].place);

		if (m == NULL)
			return err_set(err, RMG_E_NOMEM, "no memory for the answer");
		m->running++;
	}
	return store_use_ended_of_image(c->st, image, take_ended, c, err);
}

static void put_names(struct jsonw *w, struct span names)
{
	struct span name;

	jsonw_key(w, "names");
	jsonw_array(w);
	while (span_next(&names, ' ', &name))
		if (name.n)
			jsonw_str(w, name);
	jsonw_array_end(w);
}

/* Whether its name means another image in the registry; null: nobody knows. */
static void put_stale(struct cached *c, const struct world_use *u)
{
	uint32_t id = world_tag_of(c->w, world_use_ref(c->w, u));
	enum tag_means means = id ? world_tag_means(c->w, &c->w->tags.v[id], u->image) : TAG_UNSURE;

	if (means == TAG_UNSURE)
		jsonw_put_null(&c->page.w, "stale");
	else
		jsonw_put_bool(&c->page.w, "stale", means == TAG_OTHER);
}

static void put_item(struct cached *c, const struct world_use *u, const struct machine *m)
{
	const struct world_image *i = &c->w->images.v[u->image];
	struct jsonw *w = &c->page.w;

	jsonw_object(w);
	jsonw_put(w, "cluster", place_of(c->w, u->place)->cluster);
	jsonw_put(w, "node", place_of(c->w, u->place)->node);
	jsonw_put(w, "runtime", world_use_runtime(c->w, u));
	jsonw_put(w, "image", i->digest);
	jsonw_put(w, "ref", world_use_ref(c->w, u));
	put_names(w, world_use_name(c->w, u));
	if (i->size_bytes)
		jsonw_put_u64(w, "size", i->size_bytes);
	else
		jsonw_put_null(w, "size");
	put_time(w, "since", u->began_ms);
	jsonw_put_u64(w, "running", m->running);
	put_time(w, "last_used", m->ended_ms);
	put_stale(c, u);
	put_time(w, "read", i->read_ms);
	jsonw_put_bool(w, "complete", i->complete);
	if (i->read_ms)
		put_counts(w, "findings", &i->counts);
	else
		jsonw_put_null(w, "findings");
	jsonw_put_u64(w, "kev", i->counts.kev);
	jsonw_put_u64(w, "fixable", i->counts.fixable);
	jsonw_object_end(w);
}

static enum rmg_rc list_image(struct cached *c, uint32_t image, struct rmg_err *err)
{
	enum rmg_rc rc = look(c, image, err);

	for (size_t n = 0; rc == RMG_OK && n < c->slots.n && !c->page.more; n++) {
		const struct world_use *u = &c->w->uses.v[c->slots.v[n]];
		const struct machine *m;

		if (!ask_place(c->q, place_of(c->w, u->place)))
			continue;
		m = machine_of(c, u->place);
		if (m == NULL)
			return err_set(err, RMG_E_NOMEM, "no memory for the answer");
		if (!(c->q->unused_only && m->running) && page_at(&c->page, image, c->slots.v[n]))
			put_item(c, u, m);
	}
	return rc;
}

static bool is_vulnerable(const struct world_counts *counts)
{
	for (size_t i = 0; i < COUNT_OF(counts->by_severity); i++)
		if (counts->by_severity[i])
			return true;
	return false;
}

static bool is_asked(const struct cached *c, uint32_t image)
{
	const struct world_image *i = &c->w->images.v[image];

	return i->n_cached && (!c->q->vulnerable_only || is_vulnerable(&i->counts)) &&
	       ask_severe(c->q, &i->counts) && ask_image_is(c->q, c->w, image);
}

/* Under both locks. */
static enum rmg_rc answer(struct cached *c, struct rmg_err *err)
{
	enum rmg_rc rc = RMG_OK;

	for (uint64_t id = MAX_OF(c->page.from[0], UINT64_C(1));
	     id < c->w->images.n && rc == RMG_OK && !c->page.more; id++)
		if (is_asked(c, (uint32_t)id))
			rc = list_image(c, (uint32_t)id, err);
	jsonw_array_end(&c->page.w);
	return rc;
}

enum rmg_rc ask_cached(struct hub *h, const struct ask *q, struct strbuf *out, struct rmg_err *err)
{
	struct cached c = {.q = q};
	struct advdb *db = NULL;
	enum rmg_rc rc = ask_check_severity(q, err);

	if (rc == RMG_OK)
		rc = page_begin(&c.page, q, out, err);
	if (rc != RMG_OK)
		return rc;
	c.st = hub_store_lock(h, err);
	if (c.st == NULL)
		return RMG_E_IO;
	rc = hub_read_lock(h, &c.w, &db, err);
	if (rc == RMG_OK) {
		rc = answer(&c, err);
		page_end(&c.page, db, hub_now_ms(h));
		hub_read_unlock(h);
	}
	hub_store_unlock(h);
	VEC_DONE(&c.machines);
	VEC_DONE(&c.slots);
	map_done(&c.by_name);
	return rc;
}
