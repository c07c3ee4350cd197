/* SPDX-License-Identifier: Apache-2.0 */
/* hub_tag_hints.c - what a registry says by itself (watch/hook.h): the references in use that it
 * may be of are asked for at once, and nothing else changes. */
#include <stdlib.h>

#include "base/hash.h"
#include "base/limits.h"
#include "hub/hub_tags_inside.h"
#include "model/ref.h"
#include "oci/reference.h"

/* A reference that somebody may ask for, and that a hint is of. */
struct hinted {
	struct span ref;
	const struct hook *hook;
	bool exact; /* its host is the hint's, or the hint has none */
	bool used, here;
};

struct hinting {
	struct wanting *x;
	struct span node;
	bool own;
	const struct hook *hooks;
	size_t n;
	bool *has_exact;    /* by hint */
	struct map by_name; /* of repository and tag, to hints */
	struct map by_ref;  /* to found */
	VEC(struct hinted) found;
	struct arena a, one;
};

static uint64_t name_hash(struct span repository, struct span tag)
{
	return path_child(hash_span(repository), hash_span(tag));
}

/* Whether a hint says more than another that a reference is of: by its host, or as the later one.
 */
static bool is_better(const struct hook *a, bool exact, const struct hinted *than)
{
	return exact == than->exact ? a > than->hook : exact;
}

static bool add_found(struct hinting *t, struct span ref, const struct hook *hook, bool exact)
{
	struct hinted new = {.ref = ref, .hook = hook, .exact = exact};
	size_t at = 0;
	uint32_t i;

	while ((i = map_next(&t->by_ref, hash_span(ref), &at)) != MAP_NONE) {
		struct hinted *f = &t->found.v[i];

		if (!span_is(f->ref, ref))
			continue;
		if (is_better(hook, exact, f)) {
			f->hook = hook;
			f->exact = exact;
		}
		return true;
	}
	new.ref = arena_dup(&t->a, ref);
	if (new.ref.n == 0 || !VEC_PUSH(&t->found, new))
		return false;
	return map_add_another(&t->by_ref, hash_span(ref), (uint32_t)t->found.n - 1);
}

static bool look_at_ref(struct hinting *t, struct span ref)
{
	struct reference r;
	struct rmg_err err;
	size_t at = 0;
	uint32_t i;

	arena_reset(&t->one);
	if (!ref_is_movable(ref) || reference_parse(ref, &t->one, &r, &err) != RMG_OK)
		return true;
	while ((i = map_next(&t->by_name, name_hash(r.repository, r.tag), &at)) != MAP_NONE) {
		const struct hook *h = &t->hooks[i];
		bool exact = h->host.n == 0 || span_is(h->host, r.host);

		if (!span_is(h->repository, r.repository) || !span_is(h->tag, r.tag))
			continue;
		t->has_exact[i] |= exact;
		if (!add_found(t, ref, h, exact))
			return false;
	}
	return true;
}

static bool look_at_base(void *user, struct span ref)
{
	return look_at_ref(user, ref);
}

/* What was asked for before, what a registry once answered, and what others stand on. */
static bool look_at_refs(struct hinting *t)
{
	const struct tag_asks *asks = t->x->h->tag_asks;
	const struct world *w = t->x->w;
	bool good = true;

	for (size_t i = 0; good && i < t->n; i++)
		good = map_add_another(
		    &t->by_name, name_hash(t->hooks[i].repository, t->hooks[i].tag), (uint32_t)i);
	for (size_t i = 0; good && asks && i < asks->v.n; i++)
		good = look_at_ref(t, span_cstr(asks->v.v[i].ref));
	for (size_t i = 1; good && i < w->tags.n; i++)
		if (w->tags.v[i].registry)
			good = look_at_ref(t, w->tags.v[i].ref);
	return good && hub_base_refs(t->x->h, w, look_at_base, t);
}

static void mark_used(struct hinting *t, uint64_t ref_hash, struct span ref, bool here)
{
	size_t at = 0;
	uint32_t i;

	while ((i = map_next(&t->by_ref, ref_hash, &at)) != MAP_NONE) {
		if (ref.n && !span_is(t->found.v[i].ref, ref))
			continue;
		t->found.v[i].used = true;
		t->found.v[i].here |= here;
	}
}

static bool mark_base(void *user, struct span ref)
{
	mark_used(user, hash_span(ref), ref, false);
	return true;
}

/* Of what runs, lies somewhere, would run when it starts, or is stood on. */
static void look_at_uses(struct hinting *t)
{
	const struct world *w = t->x->w;

	for (size_t i = 1; i < w->uses.n; i++) {
		const struct world_use *u = &w->uses.v[i];
		struct span ref = u->id ? world_use_ref(w, u) : (struct span){0};

		if (ref.n)
			mark_used(t, hash_span(ref), ref,
				  t->own && span_is(t->node, w->places.v[u->place].place.node));
	}
	for (size_t i = 1; i < w->workloads.n; i++)
		for (size_t k = 0; k < w->workloads.v[i].n_refs; k++)
			mark_used(t, w->workloads.v[i].refs[k], (struct span){0}, false);
	(void)hub_base_refs(t->x->h, w, mark_base, t);
}

static void give_hinted(struct hinting *t, struct tag_ask *a, const struct hinted *f,
			const struct world_tag *tag)
{
	a->claimed = f->hook->digest.n ? hash_span(f->hook->digest) : 0;
	a->claimed_by = t->x->node;
	a->tries = 0;
	tag_ask_give(t->x, a, f->ref, NULL, tag);
}

/* What the registry has said already is not asked again: who sends a hint may send it twice. */
static size_t ask_hinted(struct hinting *t)
{
	const struct world *w = t->x->w;
	size_t taken = 0;

	VEC_EACH (f, &t->found) {
		uint32_t id = world_tag_of(w, f->ref);
		const struct world_tag *tag = id ? &w->tags.v[id] : NULL;
		struct tag_ask *a = tag_ask_find(t->x->h->tag_asks, f->ref);
		bool same = tag && tag->registry && span_is(tag->digest, f->hook->digest);

		if (!f->used || (!f->exact && t->has_exact[f->hook - t->hooks]))
			continue;
		taken++;
		if (same && (a == NULL || a->claimed == 0))
			continue;
		a = tag_ask_of(t->x->h, f->ref);
		if (a == NULL)
			continue;
		if ((t->x->all || f->here) &&
		    tag_may_ask(t->x->h->tag_asks, a, TAG_AT_ONCE, t->x->now_ms))
			give_hinted(t, a, f, tag);
		else
			a->hinted = true;
	}
	return taken;
}

size_t hub_tags_hinted(struct hub *h, const struct hooks *hooks, const struct hub_asker *by)
{
	struct wanting x = {.h = h,
			    .node = hash_span(by->node),
			    .now_ms = hub_now_ms(h),
			    .all = by->all,
			    .fn = by->fn,
			    .user = by->user};
	struct hinting t = {
	    .x = &x, .node = by->node, .own = by->own, .hooks = hooks->v, .n = hooks->n};
	struct rmg_err err;
	size_t taken = 0;

	t.has_exact = calloc(t.n + 1, sizeof *t.has_exact);
	arena_init(&t.a, MIB(64));
	arena_init(&t.one, KIB(64));
	if (t.n && t.has_exact && hub_read_lock(h, &x.w, NULL, &err) == RMG_OK) {
		pthread_mutex_lock(&h->tagging);
		if (look_at_refs(&t) && t.found.n) {
			look_at_uses(&t);
			taken = ask_hinted(&t);
		}
		pthread_mutex_unlock(&h->tagging);
		hub_read_unlock(h);
	}
	free(t.has_exact);
	map_done(&t.by_name);
	map_done(&t.by_ref);
	VEC_DONE(&t.found);
	arena_done(&t.a);
	arena_done(&t.one);
	return taken;
}
