/* SPDX-License-Identifier: Apache-2.0 */
/* hub_profile.c - what of an image was used, as nodes tell it, into the store. Memory has no part
 * in it, so that any hub on the store takes it, whether it leads or not. */
#include <stdlib.h>

#include "base/err.h"
#include "base/hash.h"
#include "hub/hub_inside.h"
#include "hub/profiled.h"

struct telling {
	const struct profile *told;
	uint32_t image;
	uint32_t *watched, *used; /* beside told's keys */
};

static bool map_components(const struct world *w, uint32_t image, struct map *out)
{
	const struct world_image *i = &w->images.v[image];

	for (uint32_t k = 0; k < i->n_components; k++) {
		const struct world_component *c = &w->components.v[i->components[k]];

		if (!map_set(out, hash_span(c->purl), i->components[k]))
			return false;
	}
	return true;
}

static uint32_t id_of(const struct map *ids, uint64_t key)
{
	uint32_t id = map_find(ids, key);

	return id == MAP_NONE ? 0 : id;
}

static bool name_keys(struct telling *t, const struct world *w)
{
	const struct profile *p = t->told;
	struct map ids = {0};
	bool good = map_components(w, t->image, &ids);

	t->watched = calloc(p->n_watched + 1, sizeof *t->watched);
	t->used = calloc(p->n_used + 1, sizeof *t->used);
	good = good && t->watched && t->used;
	for (size_t i = 0; good && i < p->n_watched; i++)
		t->watched[i] = id_of(&ids, p->watched[i].component);
	for (size_t i = 0; good && i < p->n_used; i++)
		t->used[i] = id_of(&ids, p->used[i]);
	map_done(&ids);
	return good;
}

/* Which image, and which of its components: before anything is written. */
static enum rmg_rc find(struct hub *h, struct telling *t, struct rmg_err *err)
{
	const struct world *w;
	enum rmg_rc rc = hub_read_lock(h, &w, NULL, err);

	if (rc != RMG_OK)
		return rc;
	t->image = world_image_choose(w, t->told->image);
	if (t->image == 0 || w->images.v[t->image].read_ms == 0)
		rc = err_set(err, RMG_E_NOTFOUND, "nobody has read this image yet");
	else if (!name_keys(t, w))
		rc = err_set(err, RMG_E_NOMEM, "no memory for a profile");
	hub_read_unlock(h);
	return rc;
}

static enum rmg_rc copy_out(const struct profiled *p, const struct telling *t, uint64_t least_ms,
			    struct hub_profiled *out, struct rmg_err *err)
{
	out->closed = profiled_is_closed(p, least_ms);
	if (!out->closed || !t->told->asks)
		return RMG_OK;
	out->executed = calloc(p->executed.n + 1, sizeof *out->executed);
	if (out->executed == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a profile");
	out->n_executed = p->executed.n;
	if (p->executed.n)
		memcpy(out->executed, p->executed.v, p->executed.n * sizeof *out->executed);
	return RMG_OK;
}

static enum rmg_rc put(struct tx *tx, const struct telling *t, struct hub_profiled *out)
{
	const uint64_t least_ms = (uint64_t)tx->h->policy->profile_s * 1000;
	const struct profiled_names names = {t->watched, t->used};
	struct profile told = *t->told;
	struct profiled p = {0};
	enum rmg_rc rc = store_profile_hold(tx->st, tx->err);

	told.to_ms = MIN_OF(told.to_ms, tx->now_ms); /* a clock that is ahead observes nothing */
	told.from_ms = MIN_OF(told.from_ms, told.to_ms);
	if (rc == RMG_OK)
		rc = profiled_load(&p, tx->st, t->image, tx->err);
	p.image = t->image;
	if (rc == RMG_OK && !profiled_add(&p, &told, &names, least_ms))
		rc = tx_no_memory(tx);
	if (rc == RMG_OK)
		rc = profiled_save(&p, tx->st, tx->err);
	if (rc == RMG_OK)
		rc = copy_out(&p, t, least_ms, out, tx->err);
	profiled_done(&p);
	return rc;
}

enum rmg_rc hub_profile_put(struct hub *h, const struct profile *told, struct hub_profiled *out,
			    struct rmg_err *err)
{
	struct telling t = {.told = told};
	struct tx tx;
	enum rmg_rc rc = find(h, &t, err);

	*out = (struct hub_profiled){0};
	if (rc == RMG_OK)
		rc = tx_begin(&tx, h, err);
	if (rc == RMG_OK) {
		tx.apart = true;
		rc = tx_end(&tx, put(&tx, &t, out));
	}
	free(t.watched);
	free(t.used);
	return rc;
}
