/* SPDX-License-Identifier: Apache-2.0 */
/* world_image.c - images, the digests that mean them, and which of them have a component. */
#include "hub/world.h"

#include "hub/world_inside.h"

/* The tail is put into the rows where it has grown to a part of them, or to so many pairs. */
enum { TAIL_PART = 10, TAIL_PAIRS = 20000 };

size_t ids_find(const uint32_t *ids, size_t n, uint32_t id)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (ids[mid] < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low < n && ids[low] == id ? low : SIZE_MAX;
}

uint32_t world_image_of(const struct world *w, struct span digest, size_t nth)
{
	const struct world_index *x = w->index;
	uint64_t hash = hash_span(digest);
	size_t at = 0;
	uint32_t id;

	while ((id = map_next(&x->aliases, hash, &at)) != MAP_NONE)
		if (span_is(x->alias.v[id].digest, digest) && nth-- == 0)
			return x->alias.v[id].image;
	return 0;
}

bool world_digest_means(const struct world *w, struct span digest, uint32_t image)
{
	uint32_t other;

	for (size_t nth = 0; (other = world_image_of(w, digest, nth)) != 0; nth++)
		if (other == image)
			return true;
	return false;
}

bool world_digest_read(const struct world *w, struct span digest)
{
	uint32_t image;

	for (size_t nth = 0; (image = world_image_of(w, digest, nth)) != 0; nth++)
		if (w->images.v[image].read_ms)
			return true;
	return false;
}

enum rmg_rc world_alias(struct world *w, struct span digest, uint32_t image, bool *made)
{
	struct world_index *x = w->index;
	struct span kept;
	uint32_t have;

	for (size_t nth = 0; (have = world_image_of(w, digest, nth)) != 0; nth++) {
		*made = have != image;
		if (have == image)
			return RMG_OK;
	}
	*made = true;
	kept = world_intern(w, digest);
	if (!VEC_RESERVE(&x->alias, x->alias.n + 1) ||
	    !map_add_another(&x->aliases, hash_span(digest), (uint32_t)x->alias.n))
		return RMG_E_NOMEM;
	x->alias.v[x->alias.n++] = (struct world_alias){kept, image};
	return arena_rc(&w->arena);
}

static void image_set(struct world *w, struct world_image *i, const struct image_row *row)
{
	i->digest = world_intern(w, row->digest);
	i->platform = world_intern(w, row->platform);
	i->ref = world_intern(w, row->ref);
	i->os = row->os;
	i->created_ms = row->created_ms;
	i->seen_ms = row->seen_ms;
	i->read_ms = row->read_ms;
	i->complete = row->complete;
	i->size_bytes = row->size_bytes;
}

enum rmg_rc world_image_add(struct world *w, const struct image_row *row, uint32_t *id)
{
	*id = (uint32_t)w->images.n;
	if (VEC_ADD(&w->images) == NULL)
		return RMG_E_NOMEM;
	image_set(w, &w->images.v[*id], row);
	return arena_rc(&w->arena);
}

enum rmg_rc world_image_read(struct world *w, uint32_t image, const struct image_row *row,
			     const uint32_t *components, size_t n)
{
	struct world_index *x = w->index;
	struct world_image *i = &w->images.v[image];
	uint32_t *copy = malloc((n + 1) * sizeof *copy);

	if (copy == NULL || (!i->in_tail && !VEC_PUSH(&x->tail, image))) {
		free(copy);
		return RMG_E_NOMEM;
	}
	if (n)
		memcpy(copy, components, n * sizeof *copy);
	image_set(w, i, row);
	if (i->in_tail)
		x->tail_pairs -= i->n_components;
	i->in_tail = true;
	x->tail_pairs += n;
	w->n_pairs += n - i->n_components;
	free(i->components);
	i->components = copy;
	i->n_components = (uint32_t)n;
	if (!x->loading && x->tail_pairs > x->n_postings / TAIL_PART + TAIL_PAIRS)
		world_index_tidy(w);
	return arena_rc(&w->arena);
}

enum rmg_rc world_image_revision(struct world *w, uint32_t image, struct span revision)
{
	w->images.v[image].revision = world_intern(w, revision);
	return arena_rc(&w->arena);
}

void world_said(struct world *w, const struct said_row *row)
{
	w->images.v[row->image].said = true;
	w->images.v[row->image].denied |= span_is(row->key, S(EVENT_DENY));
}

void world_said_none(struct world *w, uint32_t image)
{
	w->images.v[image].said = w->images.v[image].denied = false;
}

enum rmg_rc world_descent(struct world *w, const struct descent_row *row)
{
	struct world_image *i = &w->images.v[row->image];
	struct descent_row *d;

	if (w->descents.n == 0 && VEC_ADD(&w->descents) == NULL)
		return RMG_E_NOMEM;
	if (i->descent == 0) {
		if (VEC_ADD(&w->descents) == NULL)
			return RMG_E_NOMEM;
		i->descent = (uint32_t)w->descents.n - 1;
	}
	d = &w->descents.v[i->descent];
	*d = *row;
	d->how = world_intern(w, row->how);
	d->container = world_intern(w, row->container);
	d->said = world_intern(w, row->said);
	return arena_rc(&w->arena);
}

const struct descent_row *world_descent_of(const struct world *w, uint32_t image)
{
	static const struct descent_row none;
	uint32_t i = w->images.v[image].descent;

	return i ? &w->descents.v[i] : &none;
}

/* How many images have each component, then where the images of each begin. */
static void count_rows(const struct world *w, uint32_t *offsets, size_t n)
{
	for (size_t id = 1; id < w->images.n; id++) {
		const struct world_image *i = &w->images.v[id];

		for (uint32_t k = 0; k < i->n_components; k++)
			offsets[i->components[k] + 1]++;
	}
	for (size_t c = 1; c < n; c++)
		offsets[c] += offsets[c - 1];
}

/* Images in order, so that each row ascends. offsets move to the rows' ends, and back by one. */
static void fill_rows(const struct world *w, uint32_t *offsets, size_t n, uint32_t *postings)
{
	for (uint32_t id = 1; id < w->images.n; id++) {
		const struct world_image *i = &w->images.v[id];

		for (uint32_t k = 0; k < i->n_components; k++)
			postings[offsets[i->components[k]]++] = id;
	}
	memmove(offsets + 1, offsets, (n - 1) * sizeof *offsets);
	offsets[0] = 0;
}

void world_index_tidy(struct world *w)
{
	struct world_index *x = w->index;
	size_t n = w->components.n + 1, pairs = w->n_pairs;
	uint32_t *offsets, *postings;

	if (pairs > UINT32_MAX - 1)
		return;
	offsets = calloc(n, sizeof *offsets);
	postings = malloc((pairs + 1) * sizeof *postings);
	if (offsets == NULL || postings == NULL) {
		free(offsets);
		free(postings);
		return;
	}
	count_rows(w, offsets, n);
	fill_rows(w, offsets, n, postings);
	free(x->offsets);
	free(x->postings);
	x->offsets = offsets;
	x->postings = postings;
	x->n_offsets = (uint32_t)n;
	x->n_postings = pairs;
	VEC_EACH (id, &x->tail)
		w->images.v[*id].in_tail = false;
	x->tail.n = x->tail_pairs = 0;
}

static void mark_rows(const struct world *w, const uint32_t *components, size_t n,
		      struct bits *images)
{
	const struct world_index *x = w->index;

	for (size_t i = 0; i < n; i++) {
		uint32_t c = components[i];

		if (c + 1 >= x->n_offsets)
			continue;
		for (uint32_t k = x->offsets[c]; k < x->offsets[c + 1]; k++)
			if (!w->images.v[x->postings[k]].in_tail)
				bits_set(images, x->postings[k]);
	}
}

/* Against each component one by one, or where they are many by a bit each. */
static enum rmg_rc mark_tail(const struct world *w, const uint32_t *components, size_t n,
			     struct bits *images)
{
	struct bits wanted;

	if (w->index->tail.n == 0)
		return RMG_OK;
	if (!bits_new(&wanted, w->components.n))
		return RMG_E_NOMEM;
	for (size_t i = 0; i < n; i++)
		bits_set(&wanted, components[i]);
	VEC_EACH (id, &w->index->tail) {
		const struct world_image *i = &w->images.v[*id];

		for (uint32_t k = 0; k < i->n_components; k++)
			if (bits_has(&wanted, i->components[k])) {
				bits_set(images, *id);
				break;
			}
	}
	bits_free(&wanted);
	return RMG_OK;
}

enum rmg_rc world_images_with(const struct world *w, const uint32_t *components, size_t n,
			      world_image_fn *fn, void *user)
{
	struct bits images;
	enum rmg_rc rc;

	if (!bits_new(&images, w->images.n))
		return RMG_E_NOMEM;
	mark_rows(w, components, n, &images);
	rc = mark_tail(w, components, n, &images);
	for (size_t i = 0; rc == RMG_OK && i <= images.n / 64; i++) {
		for (uint64_t left = images.word[i]; left; left &= left - 1) {
			uint32_t id = (uint32_t)(i * 64) + (uint32_t)__builtin_ctzll(left);

			if (!fn(user, id))
				goto out;
		}
	}
out:
	bits_free(&images);
	return rc;
}
