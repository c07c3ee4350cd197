/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/base_change.h"

#include "hub/packed.h"

/* The advisories of an image, each once. */
static bool gather(const struct world *w, uint32_t image, struct ids *out)
{
	const struct world_image *i = &w->images.v[image];

	for (uint32_t k = 0; k < i->n_components; k++) {
		const struct world_component *c = &w->components.v[i->components[k]];

		for (uint32_t f = 0; f < c->n_findings; f++)
			if (!VEC_PUSH(out, c->findings[f].advisory))
				return false;
	}
	ids_sort(out);
	return true;
}

static void count(struct world_counts *c, const struct world_finding *f)
{
	c->by_severity[MIN_OF(f->severity, SEV_CRITICAL)]++;
	c->kev += f->kev;
	c->fixable += f->fixable;
}

static void compare(const struct world *w, const struct world_base *b, const struct ids *was,
		    const struct ids *now, struct base_change *out)
{
	struct world_finding f, other;

	for (size_t i = 0; i < was->n; i++)
		if (!world_finding_of(w, out->image, was->v[i], &other) &&
		    world_finding_of(w, b->image, was->v[i], &f))
			count(&out->fixes, &f);
	for (size_t i = 0; i < now->n; i++)
		if (!world_finding_of(w, b->image, now->v[i], &other) &&
		    world_finding_of(w, out->image, now->v[i], &f))
			count(&out->brings, &f);
}

enum rmg_rc base_change_of(const struct world *w, const struct world_base *b,
			   struct base_change *out)
{
	struct span platform = w->images.v[b->image].platform;
	uint32_t tag = world_tag_of(w, b->ref);
	struct ids was = {0}, now = {0};
	bool good = true;

	*out = (struct base_change){0};
	if (tag)
		out->image = world_tag_image(w, &w->tags.v[tag], platform);
	out->known = out->image && w->images.v[out->image].read_ms && b->parent &&
		     w->images.v[b->parent].read_ms && w->images.v[b->image].read_ms;
	if (out->known) {
		good = gather(w, b->parent, &was) && gather(w, out->image, &now);
		if (good)
			compare(w, b, &was, &now, out);
	}
	VEC_DONE(&was);
	VEC_DONE(&now);
	return good ? RMG_OK : RMG_E_NOMEM;
}
