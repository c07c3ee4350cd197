/* SPDX-License-Identifier: Apache-2.0 */
/* world_would.c - which images a declared workload's words mean. */
#include "format/json.h"
#include "hub/world.h"
#include "hub/world_inside.h"

static uint32_t weight(const struct world_image *i)
{
	return i->counts.by_severity[SEV_CRITICAL] * 1000 + i->counts.by_severity[SEV_HIGH];
}

static bool is_better(const struct world_image *a, const struct world_image *b)
{
	if ((a->read_ms != 0) != (b->read_ms != 0))
		return a->read_ms != 0;
	if (weight(a) != weight(b))
		return weight(a) > weight(b);
	return a < b; /* the older one: its number is lower */
}

uint32_t world_image_choose(const struct world *w, struct span digest)
{
	uint32_t best = 0, id;

	for (size_t nth = 0; (id = world_image_of(w, digest, nth)) != 0; nth++)
		if (best == 0 || is_better(&w->images.v[id], &w->images.v[best]))
			best = id;
	return best;
}

struct meant {
	VEC(uint32_t) images;
	VEC(uint64_t) refs;
};

/* An index may mean any of its images; a workload would run whichever its node has. */
static bool add_digest(const struct world *w, struct meant *m, struct span digest, bool *known)
{
	uint32_t id;
	bool read = false;

	for (size_t nth = 0; (id = world_image_of(w, digest, nth)) != 0; nth++)
		read |= w->images.v[id].read_ms != 0;
	for (size_t nth = 0; (id = world_image_of(w, digest, nth)) != 0; nth++) {
		*known = true;
		if (read && w->images.v[id].read_ms == 0)
			continue;
		if (!VEC_PUSH(&m->images, id))
			return false;
	}
	return true;
}

static bool add_meaning(const struct world *w, struct meant *m, json *image)
{
	struct span ref = json_get_str(image, "ref");
	bool known = false;
	uint32_t tag;

	for (struct json_iter it = json_iter(json_get(image, "digests")); json_next(&it) && !known;)
		if (!add_digest(w, m, json_str(it.value), &known))
			return false;
	if (known || ref.n == 0)
		return true;
	tag = world_tag_of(w, ref);
	return VEC_PUSH(&m->refs, hash_span(ref)) &&
	       (tag == 0 || add_digest(w, m, w->tags.v[tag].digest, &known));
}

enum rmg_rc world_workload_resolve(struct world *w, uint32_t id)
{
	const struct world_workload *l = &w->workloads.v[id];
	struct span images = l->declared && l->removed_ms == 0 ? l->images : (struct span){0};
	struct json_doc doc = {0};
	struct meant m = {0};
	enum rmg_rc rc = RMG_OK;

	if (images.n)
		rc = json_parse(&doc, images, images.n, NULL);
	for (struct json_iter it = json_iter(doc.root); rc == RMG_OK && json_next(&it);)
		if (!add_meaning(w, &m, it.value))
			rc = RMG_E_NOMEM;
	if (rc == RMG_OK)
		rc = world_workload_would(w, id, m.images.v, m.images.n, m.refs.v, m.refs.n);
	VEC_DONE(&m.images);
	VEC_DONE(&m.refs);
	json_done(&doc);
	return rc == RMG_E_FORMAT ? RMG_E_DB : rc;
}

static bool has_unmet(const struct world *w, const struct world_workload *l)
{
	for (uint32_t i = 0; i < l->n_refs; i++)
		if (!map_has(&w->index->tags, l->refs[i]))
			return true;
	return false;
}

bool world_unmet_refs(const struct world *w, uint32_t workload, world_ref_fn *fn, void *user)
{
	const struct world_workload *l = &w->workloads.v[workload];
	struct json_doc doc = {0};
	bool good = true;

	if (!l->declared || l->removed_ms || !has_unmet(w, l))
		return true;
	if (json_parse(&doc, l->images, l->images.n, NULL) != RMG_OK)
		good = false;
	for (struct json_iter it = json_iter(doc.root); good && json_next(&it);) {
		struct span ref = json_get_str(it.value, "ref");
		struct meant m = {0};

		if (!add_meaning(w, &m, it.value))
			good = false;
		else if (m.images.n == 0 && m.refs.n)
			good = fn(user, ref);
		VEC_DONE(&m.images);
		VEC_DONE(&m.refs);
	}
	json_done(&doc);
	return good;
}
