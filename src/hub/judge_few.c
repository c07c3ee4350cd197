/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/judge_inside.h"

/* How much of all pairs of images and components may be gone over before the other way is shorter.
 */
enum { PART = 4, PAIRS_AT_LEAST = 64 };

struct few {
	struct telling *t;
	struct spread *spread; /* by image, of the advisory of this round */
	uint32_t round;
	struct ids advisories;
	VEC(uint32_t) hit; /* images of this round */
	VEC(struct change) changes;
	uint32_t *order; /* changes by image */
};

static bool copy_touched(struct few *f)
{
	const struct judgement *j = f->t->j;

	if (!VEC_RESERVE(&f->advisories, j->touched.n + 1))
		return false;
	if (j->touched.n)
		memcpy(f->advisories.v, j->touched.v, j->touched.n * sizeof *j->touched.v);
	f->advisories.n = j->touched.n;
	ids_sort(&f->advisories);
	return true;
}

/* How many steps this way takes. */
static size_t cost_of(const struct few *f)
{
	const struct world *w = f->t->w;
	const struct world_index *x = w->index;
	size_t cost = 0;

	for (size_t i = 0; i < f->advisories.n; i++) {
		const struct world_advisory *advisory = &w->advisories.v[f->advisories.v[i]];

		for (uint32_t k = 0; k < advisory->n; k++) {
			uint32_t c = advisory->components[k];

			cost += 1 + x->tail.n;
			if (c + 1 < x->n_offsets)
				cost += x->offsets[c + 1] - x->offsets[c];
		}
	}
	return cost;
}

static void mark(struct few *f, uint32_t image, const struct world_finding *was,
		 const struct world_finding *is)
{
	struct spread *s = &f->spread[image];
	bool had = s->was_round == f->round, has = s->is_round == f->round;

	if (!had && !has)
		f->hit.v[f->hit.n++] = image;
	take_worst(was, &had, &s->was);
	take_worst(is, &has, &s->is);
	if (had)
		s->was_round = f->round;
	if (has)
		s->is_round = f->round;
}

static void mark_images(struct few *f, uint32_t component, const struct world_finding *was,
			const struct world_finding *is)
{
	const struct world *w = f->t->w;
	const struct world_index *x = w->index;

	if (component + 1 < x->n_offsets)
		for (uint32_t k = x->offsets[component]; k < x->offsets[component + 1]; k++)
			if (!w->images.v[x->postings[k]].in_tail)
				mark(f, x->postings[k], was, is);
	for (size_t k = 0; k < x->tail.n; k++) {
		const struct world_image *i = &w->images.v[x->tail.v[k]];

		if (ids_find(i->components, i->n_components, component) != SIZE_MAX)
			mark(f, x->tail.v[k], was, is);
	}
}

static void mark_advisory(struct few *f, uint32_t advisory)
{
	const struct world *w = f->t->w;
	const struct world_advisory *a = &w->advisories.v[advisory];

	f->round++;
	f->hit.n = 0;
	for (uint32_t k = 0; k < a->n; k++) {
		struct sides s = sides_of(f->t, a->components[k]);
		const struct world_finding *was = finding_find(s.were, s.n_were, advisory);
		const struct world_finding *is = finding_find(s.are, s.n_are, advisory);

		if (was || is)
			mark_images(f, a->components[k], was, is);
	}
}

static bool keep_changes(struct few *f, uint32_t advisory)
{
	if (!VEC_RESERVE(&f->changes, f->changes.n + f->hit.n + 1))
		return false;
	VEC_EACH (image, &f->hit) {
		const struct spread *s = &f->spread[*image];

		f->changes.v[f->changes.n++] = (struct change){
		    .image = *image,
		    .advisory = advisory,
		    .had = s->was_round == f->round,
		    .has = s->is_round == f->round,
		    .was = s->was,
		    .is = s->is,
		};
	}
	return true;
}

/* By image; advisories stay in order. */
static bool sort_changes(struct few *f)
{
	size_t images = f->t->w->images.n;
	uint32_t *first = calloc(images + 1, sizeof *first);

	f->order = malloc((f->changes.n + 1) * sizeof *f->order);
	if (first == NULL || f->order == NULL) {
		free(first);
		return false;
	}
	VEC_EACH (x, &f->changes)
		first[x->image + 1]++;
	for (size_t i = 1; i <= images; i++)
		first[i] += first[i - 1];
	for (size_t i = 0; i < f->changes.n; i++)
		f->order[first[f->changes.v[i].image]++] = (uint32_t)i;
	free(first);
	return true;
}

static bool tell_sorted(struct few *f)
{
	struct telling *t = f->t;

	for (size_t i = 0; i < f->changes.n && t->rc == RMG_OK;) {
		uint32_t image = f->changes.v[f->order[i]].image;

		t->changes.n = 0;
		for (; i < f->changes.n && f->changes.v[f->order[i]].image == image; i++)
			if (!VEC_PUSH(&t->changes, f->changes.v[f->order[i]]))
				return false;
		if (!tell_changes(t, image, t->changes.v, t->changes.n))
			return true; /* t->rc says why */
	}
	return true;
}

static bool run(struct few *f)
{
	size_t images = f->t->w->images.n;

	f->spread = calloc(images, sizeof *f->spread);
	if (f->spread == NULL || !VEC_RESERVE(&f->hit, images))
		return false;
	VEC_EACH (a, &f->advisories) {
		mark_advisory(f, *a);
		if (!keep_changes(f, *a))
			return false;
	}
	return f->changes.n < UINT32_MAX && sort_changes(f) && tell_sorted(f);
}

static bool fits(const struct few *f, size_t more)
{
	return cost_of(f) + more <= f->t->w->n_pairs / PART + PAIRS_AT_LEAST;
}

/* The lists of advisories do not have yet what the changed components are given. */
bool few_fits(struct telling *t, bool *yes)
{
	const struct world_index *x = t->w->index;
	struct few f = {.t = t};
	bool good = copy_touched(&f);
	size_t more = 0;

	VEC_EACH (c, &t->j->changed)
		if (c->component + 1 < x->n_offsets)
			more += (x->offsets[c->component + 1] - x->offsets[c->component]) *
				(size_t)c->n_touched;
	*yes = good && fits(&f, more);
	VEC_DONE(&f.advisories);
	return good;
}

enum rmg_rc tell_few(struct telling *t, bool *few)
{
	struct few f = {.t = t};
	bool good = copy_touched(&f);

	*few = good && fits(&f, 0);
	if (good && *few)
		good = run(&f);
	VEC_DONE(&f.advisories);
	VEC_DONE(&f.hit);
	VEC_DONE(&f.changes);
	free(f.spread);
	free(f.order);
	return good ? RMG_OK : RMG_E_NOMEM;
}
