/* SPDX-License-Identifier: Apache-2.0 */
/* world_size.c - what the parts of the world take: arrays as long as they are used, tables whole.
 * What a text that is kept for one use alone takes is not counted, nor what the allocator adds. */
#include "hub/world.h"
#include "hub/world_inside.h"

#define VEC_BYTES(vec) ((vec)->n * sizeof *(vec)->v)

static size_t of_workloads(const struct world *w)
{
	const struct world_index *x = w->index;
	size_t bytes = VEC_BYTES(&w->workloads) + map_bytes(&x->workloads) + VEC_BYTES(&x->would);

	for (size_t i = 0; i < w->workloads.n; i++) {
		const struct world_workload *l = &w->workloads.v[i];

		bytes += l->labels.n + l->images.n + l->schedule.n +
			 l->n_would_run * (sizeof *l->would_run + sizeof *l->would_at) +
			 l->n_refs * sizeof *l->refs;
	}
	return bytes;
}

static size_t of_images(const struct world *w)
{
	const struct world_index *x = w->index;

	return VEC_BYTES(&w->images) + VEC_BYTES(&x->alias) + map_bytes(&x->aliases) +
	       VEC_BYTES(&w->descents) + map_bytes(&w->prefixes) +
	       (w->n_pairs + x->n_offsets + x->n_postings) * sizeof(uint32_t) + VEC_BYTES(&x->tail);
}

static size_t of_components(const struct world *w)
{
	const struct world_index *x = w->index;
	size_t bytes = VEC_BYTES(&w->components) + map_bytes(&x->components) + VEC_BYTES(&x->names);

	for (size_t i = 0; i < w->components.n; i++)
		bytes += w->components.v[i].n_findings * sizeof *w->components.v[i].findings;
	return bytes;
}

static size_t of_advisories(const struct world *w)
{
	const struct world_index *x = w->index;
	size_t bytes = VEC_BYTES(&w->advisories) + map_bytes(&x->advisories) +
		       VEC_BYTES(&x->stamp) + VEC_BYTES(&x->worst);

	for (size_t i = 0; i < w->advisories.n; i++)
		bytes += w->advisories.v[i].cap * sizeof *w->advisories.v[i].components;
	return bytes;
}

void world_sizes(const struct world *w, size_t bytes[WORLD_PARTS])
{
	const struct world_index *x = w->index;

	bytes[WORLD_USES] = VEC_BYTES(&w->uses) + map_bytes(&x->uses) +
			    VEC_BYTES(&x->names_of_uses.v) + map_bytes(&x->names_of_uses.by_hash) +
			    x->names_of_uses.bytes;
	bytes[WORLD_WORKLOADS] = of_workloads(w);
	bytes[WORLD_PLACES] = VEC_BYTES(&w->places) + map_bytes(&x->places) + VEC_BYTES(&w->nodes) +
			      VEC_BYTES(&w->sources) + map_bytes(&x->sources);
	bytes[WORLD_TAGS] = VEC_BYTES(&w->tags) + map_bytes(&x->tags);
	bytes[WORLD_IMAGES] = of_images(w);
	bytes[WORLD_COMPONENTS] = of_components(w);
	bytes[WORLD_ADVISORIES] = of_advisories(w);
	bytes[WORLD_TEXTS] = w->arena.used_bytes + VEC_BYTES(&x->text) + map_bytes(&x->texts);
}
