/* SPDX-License-Identifier: Apache-2.0 */
/* world_base.c - references that images stand on. */
#include "hub/world_inside.h"

uint32_t world_base_of(const struct world *w, uint32_t image, struct span ref)
{
	uint32_t id = w->images.v[image].first_base;

	while (id && !span_is(w->bases.v[id].ref, ref))
		id = w->bases.v[id].next;
	return id;
}

uint32_t world_base_next(const struct world *w, struct span ref, size_t *at)
{
	uint32_t id;

	while ((id = map_next(&w->bases_of_ref, hash_span(ref), at)) != MAP_NONE)
		if (span_is(w->bases.v[id].ref, ref))
			return id;
	return 0;
}

bool world_is_used(const struct world *w, uint32_t image)
{
	uint32_t at = 0, workload;

	if (w->images.v[image].first_use)
		return true;
	while ((workload = world_would_next(w, image, &at)) != 0)
		if (world_dormant(w, workload))
			return true;
	return false;
}

static uint32_t make(struct world *w, const struct base_row *row)
{
	struct world_image *i = &w->images.v[row->image];
	struct world_base *b;
	uint32_t id;

	if (w->bases.n == 0 && VEC_ADD(&w->bases) == NULL)
		return 0;
	id = (uint32_t)w->bases.n;
	b = VEC_ADD(&w->bases);
	if (b == NULL || !map_add_another(&w->bases_of_ref, hash_span(row->ref), id))
		return 0;
	b->image = row->image;
	b->ref = world_intern(w, row->ref);
	b->next = i->first_base;
	i->first_base = id;
	return id;
}

enum rmg_rc world_base_set(struct world *w, const struct base_row *row, uint32_t *id)
{
	struct world_base *b;

	*id = world_base_of(w, row->image, row->ref);
	if (*id == 0)
		*id = make(w, row);
	if (*id == 0)
		return RMG_E_NOMEM;
	b = &w->bases.v[*id];
	b->parent = row->parent;
	b->layers = row->layers;
	b->how = world_intern(w, row->how);
	b->was = world_intern(w, row->was);
	b->now = world_intern(w, row->now);
	b->since_ms = row->since_ms;
	return arena_rc(&w->arena);
}
