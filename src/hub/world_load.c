/* SPDX-License-Identifier: Apache-2.0 */
/* world_load.c - the world from the store's rows. */
#include "base/err.h"
#include "format/json.h"
#include "hub/packed.h"
#include "hub/world.h"
#include "hub/world_inside.h"

struct loading {
	struct world *w;
	struct ids components;
	enum rmg_rc rc; /* why a callback stopped */
	const char *what;
};

/* Ids index arrays: those of the store must be the ones that are given again in the same order. */
static enum rmg_rc check_id(struct loading *l, enum rmg_rc rc, uint32_t id, uint32_t want)
{
	if (rc == RMG_OK && id != want)
		rc = RMG_E_DB;
	if (rc != RMG_OK)
		l->rc = rc;
	return rc == RMG_OK ? RMG_OK : RMG_E_STOPPED;
}

static enum rmg_rc on_place(void *user, const struct place_row *row)
{
	struct loading *l = user;
	uint32_t id;
	bool made;
	enum rmg_rc rc = world_place(l->w, &row->place, &id, &made);

	return check_id(l, rc, id, row->id);
}

static enum rmg_rc on_os(void *user, const struct os_row *row)
{
	struct loading *l = user;
	uint32_t id;
	bool made;
	enum rmg_rc rc = world_os(l->w, &row->os, &id, &made);

	return check_id(l, rc, id, row->id);
}

static enum rmg_rc on_component(void *user, const struct component_row *row)
{
	struct loading *l = user;
	uint32_t id = 0;
	bool made;
	enum rmg_rc rc = row->os < l->w->oses.n ? world_component(l->w, row, &id, &made) : RMG_E_DB;

	return check_id(l, rc, id, row->id);
}

/* The one thing that is asked of what an image says of itself. */
static enum rmg_rc load_revision(struct world *w, uint32_t id, struct span about)
{
	struct json_doc doc = {0};
	enum rmg_rc rc;

	if (about.n == 0 || span_starts(about, S("{\"revision\":null")))
		return RMG_OK;
	rc = json_parse(&doc, about, about.n, NULL);
	if (rc == RMG_OK)
		rc = world_image_revision(w, id, json_get_str(doc.root, "revision"));
	json_done(&doc);
	return rc;
}

static enum rmg_rc on_image(void *user, const struct image_row *row)
{
	struct loading *l = user;
	struct world *w = l->w;
	uint32_t id = 0;
	enum rmg_rc rc = row->os < w->oses.n ? world_image_add(w, row, &id) : RMG_E_DB;

	if (rc == RMG_OK && row->read_ms)
		rc = ids_unpack(row->components, (uint32_t)w->components.n - 1, &l->components);
	if (rc == RMG_OK && row->read_ms)
		rc = world_image_read(w, id, row, l->components.v, l->components.n);
	if (rc == RMG_OK)
		rc = load_revision(w, id, row->about);
	return check_id(l, rc == RMG_E_FORMAT ? RMG_E_DB : rc, id, row->id);
}

static enum rmg_rc on_alias(void *user, const struct alias_row *row)
{
	struct loading *l = user;
	bool made;
	enum rmg_rc rc = row->image < l->w->images.n
			     ? world_alias(l->w, row->digest, row->image, &made)
			     : RMG_E_DB;

	return check_id(l, rc, 0, 0);
}

static enum rmg_rc on_descent(void *user, const struct descent_row *row)
{
	struct loading *l = user;
	enum rmg_rc rc = row->image < l->w->images.n && row->parent < l->w->images.n
			     ? world_descent(l->w, row)
			     : RMG_E_DB;

	return check_id(l, rc, 0, 0);
}

static enum rmg_rc on_base(void *user, const struct base_row *row)
{
	struct loading *l = user;
	uint32_t id;
	enum rmg_rc rc = row->image < l->w->images.n && row->parent < l->w->images.n
			     ? world_base_set(l->w, row, &id)
			     : RMG_E_DB;

	return check_id(l, rc, 0, 0);
}

static enum rmg_rc on_said(void *user, const struct said_row *row)
{
	struct loading *l = user;

	if (row->image >= l->w->images.n)
		return check_id(l, RMG_E_DB, 0, 0);
	world_said(l->w, row);
	return RMG_OK;
}

static enum rmg_rc on_tag(void *user, const struct tag_row *row)
{
	struct loading *l = user;
	uint32_t id;
	bool moved;

	return check_id(l, world_tag(l->w, row, &id, &moved), 0, 0);
}

static enum rmg_rc on_source(void *user, const struct source_row *row)
{
	struct loading *l = user;
	struct world_source *s;
	uint32_t id, place = 0;
	bool made;
	enum rmg_rc rc = world_source(l->w, row->source, &id, &made);

	if (rc == RMG_OK)
		rc = world_place(l->w, &row->place, &place, &made);
	if (rc != RMG_OK)
		return check_id(l, rc, 0, 0);
	if (made) /* a place without a row would shift the numbers of all that follow */
		return check_id(l, RMG_E_DB, 0, 0);
	s = &l->w->sources.v[id];
	s->place = place;
	s->epoch = row->epoch;
	s->seq = row->seq;
	s->heard_ms = row->heard_ms;
	return RMG_OK;
}

static enum rmg_rc on_workload(void *user, const struct workload_row *row)
{
	struct loading *l = user;
	uint32_t id = 0;
	bool made;
	enum rmg_rc rc = row->place < l->w->places.n
			     ? world_workload(l->w, row->place, row->kind, row->name, &id, &made)
			     : RMG_E_DB;

	if (rc == RMG_OK)
		rc = world_workload_set(l->w, id, row);
	if (rc == RMG_OK)
		rc = world_workload_resolve(l->w, id);
	return check_id(l, rc, id, row->id);
}

static enum rmg_rc on_use(void *user, const struct use_row *row)
{
	struct loading *l = user;
	struct world *w = l->w;
	uint32_t source, slot;
	bool made;
	enum rmg_rc rc =
	    row->image < w->images.n && row->workload < w->workloads.n && row->place < w->places.n
		? world_source(w, row->source, &source, &made)
		: RMG_E_DB;

	if (rc == RMG_OK)
		rc = world_use_begin(w, row, source, &slot);
	return check_id(l, rc, 0, 0);
}

/* What a workload that does not run now ran last. */
static enum rmg_rc on_last(void *user, const struct use_row *row)
{
	struct loading *l = user;

	if (event_is_changes(row->container))
		return RMG_OK;
	if (!row->cached && row->image < l->w->images.n)
		l->w->workloads.v[row->workload].last_image = row->image;
	return RMG_E_STOPPED;
}

static enum rmg_rc load_last(struct loading *l, struct store *st, struct rmg_err *err)
{
	enum rmg_rc rc = RMG_OK;

	for (uint32_t id = 1; id < l->w->workloads.n && rc == RMG_OK; id++)
		if (l->w->workloads.v[id].last_image == 0)
			rc = store_use_of_workload(st, id, on_last, l, err);
	return rc;
}

static enum rmg_rc load_rows(struct loading *l, struct store *st, struct rmg_err *err)
{
	enum rmg_rc rc;

#define LOAD(each, fn)                                                                             \
	l->what = #each;                                                                           \
	rc = store_##each(st, fn, l, err);                                                         \
	if (rc != RMG_OK || l->rc != RMG_OK)                                                       \
		return rc;
	LOAD(place_each, on_place)
	LOAD(os_each, on_os)
	LOAD(component_each, on_component)
	LOAD(image_each, on_image)
	LOAD(alias_each, on_alias)
	LOAD(descent_each, on_descent)
	LOAD(base_each, on_base)
	LOAD(said_each, on_said)
	LOAD(tag_meant_each, on_tag)
	LOAD(tag_current_each, on_tag)
	LOAD(source_each, on_source)
	LOAD(workload_each, on_workload)
	LOAD(use_open_each, on_use)
#undef LOAD
	l->what = "uses";
	rc = store_use_last_id(st, &l->w->last_use_id, err);
	return rc == RMG_OK ? load_last(l, st, err) : rc;
}

enum rmg_rc world_load(struct world *w, struct store *st, struct rmg_err *err)
{
	struct loading l = {.w = w};
	enum rmg_rc rc;

	w->index->loading = true;
	rc = load_rows(&l, st, err);
	w->index->loading = false;
	VEC_DONE(&l.components);
	if (rc != RMG_OK)
		return rc;
	if (l.rc == RMG_E_DB)
		return err_set(err, l.rc, "the store is damaged: %s", l.what);
	if (l.rc != RMG_OK)
		return err_set(err, l.rc, "no memory for what the store has");
	world_index_tidy(w);
	return RMG_OK;
}
