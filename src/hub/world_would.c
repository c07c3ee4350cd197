/* SPDX-License-Identifier: Apache-2.0 */
/* world_would.c - which images a declared workload's words mean, and would run. */
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
	bool read = world_digest_read(w, digest);

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

/* A workload that would run an image stands in its list. */

static void would_remove(struct world *w, uint32_t at)
{
	struct world_index *x = w->index;
	struct world_would *gone = &x->would.v[at];

	if (gone->next)
		x->would.v[gone->next].prev = gone->prev;
	if (gone->prev)
		x->would.v[gone->prev].next = gone->next;
	else
		w->images.v[gone->image].first_would = gone->next;
	gone->next = x->free_would;
	x->free_would = at;
}

static void would_forget(struct world *w, struct world_workload *l)
{
	for (uint32_t i = 0; i < l->n_would_run; i++)
		would_remove(w, l->would_at[i]);
	free(l->would_run);
	free(l->refs);
	l->would_run = l->would_at = NULL;
	l->refs = NULL;
	l->n_would_run = l->n_refs = 0;
}

/* What is added stands first in its image's list. */
static bool would_already(const struct world *w, uint32_t id, uint32_t image)
{
	return w->index->would.v[w->images.v[image].first_would].workload == id;
}

static uint32_t would_add(struct world *w, uint32_t id, uint32_t image)
{
	struct world_index *x = w->index;
	uint32_t at = x->free_would, *head = &w->images.v[image].first_would;

	if (at)
		x->free_would = x->would.v[at].next;
	else if (VEC_ADD(&x->would))
		at = (uint32_t)x->would.n - 1;
	else
		return 0;
	x->would.v[at] = (struct world_would){.workload = id, .image = image, .next = *head};
	if (*head)
		x->would.v[*head].prev = at;
	*head = at;
	return at;
}

static enum rmg_rc would_set(struct world *w, uint32_t id, const uint32_t *images, size_t n_images,
			     const uint64_t *refs, size_t n_refs)
{
	struct world_workload *l = &w->workloads.v[id];
	uint32_t *would = malloc((n_images + 1) * 2 * sizeof *would);
	uint64_t *waits = malloc((n_refs + 1) * sizeof *waits);

	if (would == NULL || waits == NULL) {
		free(would);
		free(waits);
		return RMG_E_NOMEM;
	}
	would_forget(w, l);
	l->would_run = would;
	l->would_at = would + n_images + 1;
	l->refs = waits;
	for (size_t i = 0; i < n_images; i++) {
		uint32_t at;

		if (would_already(w, id, images[i]))
			continue;
		at = would_add(w, id, images[i]);
		if (at == 0)
			return RMG_E_NOMEM;
		l->would_at[l->n_would_run] = at;
		l->would_run[l->n_would_run++] = images[i];
	}
	for (size_t i = 0; i < n_refs; i++)
		waits[l->n_refs++] = refs[i];
	return RMG_OK;
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
		rc = would_set(w, id, m.images.v, m.images.n, m.refs.v, m.refs.n);
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

bool world_dormant(const struct world *w, uint32_t workload)
{
	const struct world_workload *l = &w->workloads.v[workload];

	return l->declared && l->removed_ms == 0 && l->n_uses == 0;
}

uint32_t world_would_next(const struct world *w, uint32_t image, uint32_t *at)
{
	*at = *at ? w->index->would.v[*at].next : w->images.v[image].first_would;
	return *at ? w->index->would.v[*at].workload : 0;
}
