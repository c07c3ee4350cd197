/* SPDX-License-Identifier: Apache-2.0 */
/* hub_descent.c - how images came to be where they are, and what those are based on that no
 * registry has.
 *
 * The parent is the image of the container that it was made of; else the one that the runtime
 * names; else the one whose layers are the first of its own, which is found by their chain: each
 * image that was read is known by it. What an image says of its layers is a claim; nothing but this
 * rests on it. */
#include "base/err.h"
#include "base/hash.h"
#include "base/limits.h"
#include "format/json.h"
#include "format/jsonw.h"
#include "hub/difference.h"
#include "hub/hub_inside.h"
#include "model/way.h"
#include "oci/digest.h"

enum { MOST_ASKED = 256, MOST_LAYERS = 512 };

/* The image that only a digest was known of, and that was read under another of its digests. */
static uint32_t known_as(const struct world *w, uint32_t image)
{
	const struct world_image *i = &w->images.v[image];
	uint32_t other = image && i->read_ms == 0 ? world_image_choose(w, i->digest) : 0;

	return other && w->images.v[other].read_ms ? other : image;
}

static uint32_t by_layers(const struct world *w, uint32_t image, const struct span *diff_ids,
			  size_t n)
{
	char chain[DIGEST_TEXT];
	uint32_t other;

	while (n-- > 1) {
		if (!digest_chain(diff_ids, n, chain))
			return 0;
		for (size_t nth = 0; (other = world_image_of(w, span_cstr(chain), nth)) != 0; nth++)
			if (other != image && w->images.v[other].read_ms)
				return other;
	}
	return 0;
}

static bool same(const struct descent_row *a, const struct descent_row *b)
{
	return a->way == b->way && a->parent == b->parent && a->counted == b->counted &&
	       span_is(a->how, b->how) && span_is(a->container, b->container) &&
	       span_is(a->said, b->said) && memcmp(a->counts, b->counts, sizeof a->counts) == 0;
}

static enum rmg_rc tell(struct tx *tx, const struct descent_row *d)
{
	const struct world *w = tx->w;
	struct jsonw j = jsonw_of(&tx->text);

	strbuf_clear(&tx->text);
	jsonw_object(&j);
	jsonw_put_u64(&j, "image", d->image);
	jsonw_put(&j, "digest", w->images.v[d->image].digest);
	jsonw_put_cstr(&j, "origin", way_name(d->way));
	jsonw_put(&j, "parent", d->parent ? w->images.v[d->parent].digest : (struct span){0});
	jsonw_object_end(&j);
	if (strbuf_rc(&tx->text) != RMG_OK)
		return tx_no_memory(tx);
	return tx_tell(tx, "descent", strbuf_span(&tx->text));
}

/* Its texts may be those of what memory has. */
static enum rmg_rc keep(struct tx *tx, const struct descent_row *d)
{
	enum rmg_rc rc;

	if (same(d, world_descent_of(tx->w, d->image)))
		return RMG_OK;
	rc = store_descent_put(tx->st, d, tx->err);
	if (rc == RMG_OK && world_descent(tx->w, d) != RMG_OK)
		rc = tx_no_memory(tx);
	if (rc == RMG_OK)
		rc = tell(tx, d);
	return rc == RMG_OK ? tx_touch(tx, d->image) : rc;
}

static enum rmg_rc count(struct tx *tx, struct descent_row *d)
{
	const struct world *w = tx->w;
	enum rmg_rc rc;

	d->parent = known_as(w, d->parent);
	if (d->parent == 0 || !w->images.v[d->parent].read_ms || !w->images.v[d->image].read_ms)
		return RMG_OK;
	rc = difference_of(tx->st, w, d->parent, d->image, d->counts, NULL, NULL, tx->err);
	d->counted = rc == RMG_OK;
	return rc;
}

static void find_parent(const struct tx *tx, struct descent_row *d, const struct span *diff_ids,
			size_t n)
{
	uint32_t parent;

	if (span_is(d->how, S("container")))
		return;
	parent = d->said.n ? world_image_choose(tx->w, d->said) : 0;
	if (parent && parent != d->image) {
		d->parent = parent;
		d->how = S("runtime");
		return;
	}
	parent = by_layers(tx->w, d->image, diff_ids, n);
	if (parent) {
		d->parent = parent;
		d->how = S("layers");
	}
}

/* The image of the container that it was made of, if that still runs. */
static void of_container(const struct tx *tx, struct descent_row *d, uint32_t source)
{
	uint32_t slot = world_use_of(tx->w, source, d->container, false);
	uint32_t image = slot ? tx->w->uses.v[slot].image : 0;

	if (image == 0 || image == d->image)
		return;
	d->parent = image;
	d->how = S("container");
}

/* Layers, as the store has them of what was read. */

struct layers {
	struct arena arena;
	struct span diff_ids[MOST_LAYERS];
	size_t n;
};

static enum rmg_rc take_layers(void *user, const struct image_row *row)
{
	struct layers *l = user;
	struct json_doc doc = {0};

	if (json_parse(&doc, row->about, LIMIT_MESSAGE_BYTES, NULL) != RMG_OK)
		return RMG_OK;
	for (struct json_iter it = json_iter(json_get(doc.root, "layers"));
	     l->n < COUNT_OF(l->diff_ids) && json_next(&it);)
		l->diff_ids[l->n++] = arena_dup(&l->arena, json_get_str(it.value, "diff_id"));
	json_done(&doc);
	return arena_rc(&l->arena);
}

/* The parent once more, and the difference where that is new. */
static enum rmg_rc look_again(struct tx *tx, const struct descent_row *was)
{
	struct layers *l = calloc(1, sizeof *l);
	struct descent_row d = *was;
	enum rmg_rc rc = l ? RMG_OK : tx_no_memory(tx);

	if (l == NULL)
		return rc;
	arena_init(&l->arena, LIMIT_MESSAGE_BYTES);
	if (tx->w->images.v[d.image].read_ms && !span_is(d.how, S("container")))
		rc = store_image_get(tx->st, d.image, take_layers, l, tx->err);
	if (rc == RMG_OK) {
		find_parent(tx, &d, l->diff_ids, l->n);
		if (!d.counted || d.parent != was->parent)
			rc = count(tx, &d);
	}
	if (rc == RMG_OK)
		rc = keep(tx, &d);
	arena_done(&l->arena);
	free(l);
	return rc;
}

enum rmg_rc tx_descent(struct tx *tx, uint32_t image, const struct event_image *e, uint32_t source)
{
	struct descent_row d;

	if (tx->st == NULL || image == 0 || (e->way == WAY_UNKNOWN && e->parent.n == 0))
		return RMG_OK;
	d = *world_descent_of(tx->w, image);
	d.image = image;
	d.way = MAX_OF(d.way, e->way);
	if (e->parent.n)
		d.said = e->parent;
	if (e->container.n && e->way == WAY_COMMIT && d.container.n == 0) {
		d.container = e->container;
		of_container(tx, &d, source);
	}
	if (same(&d, world_descent_of(tx->w, image)) &&
	    image == world_descent_of(tx->w, image)->image)
		return RMG_OK;
	return way_is_local(d.way) ? look_again(tx, &d) : keep(tx, &d);
}

/* What was read. */

/* Whoever has these layers first may be its parent, also if that is read later. */
static enum rmg_rc expect_parents(struct tx *tx, uint32_t image, const struct span *diff_ids,
				  size_t n)
{
	char chain[DIGEST_TEXT];

	for (size_t k = 1; k < n && k < MOST_LAYERS && digest_chain(diff_ids, k, chain); k++) {
		uint64_t hash = hash_span(span_cstr(chain));
		size_t at = 0;
		uint32_t have;

		while ((have = map_next(&tx->w->prefixes, hash, &at)) != MAP_NONE && have != image)
			;
		if (have == MAP_NONE && !map_add_another(&tx->w->prefixes, hash, image))
			return tx_no_memory(tx);
	}
	return RMG_OK;
}

/* Others, whose parent it may be: that wait for one, or for its being read; or whose layers begin
 * with all of its own. */
static enum rmg_rc look_at_others(struct tx *tx, uint32_t image, const char *chain)
{
	enum rmg_rc rc = RMG_OK;
	size_t asked = 0, at = 0;
	uint32_t child;

	for (size_t i = tx->w->descents.n; i > 1 && rc == RMG_OK && asked < MOST_ASKED; i--) {
		const struct descent_row *d = &tx->w->descents.v[i - 1];

		if (!way_is_local(d->way) || d->image == image || d->counted ||
		    (d->parent && known_as(tx->w, d->parent) != image))
			continue;
		asked++;
		rc = look_again(tx, d);
	}
	while (rc == RMG_OK && chain[0] &&
	       (child = map_next(&tx->w->prefixes, hash_span(span_cstr(chain)), &at)) != MAP_NONE)
		if (child != image && way_is_local(world_descent_of(tx->w, child)->way))
			rc = look_again(tx, world_descent_of(tx->w, child));
	return rc;
}

enum rmg_rc tx_descent_read(struct tx *tx, uint32_t image, const struct span *diff_ids, size_t n)
{
	struct descent_row d = *world_descent_of(tx->w, image);
	char chain[DIGEST_TEXT] = "";
	enum rmg_rc rc = RMG_OK;

	if (way_is_local(d.way)) {
		find_parent(tx, &d, diff_ids, n);
		rc = count(tx, &d);
		if (rc == RMG_OK)
			rc = keep(tx, &d);
		if (rc == RMG_OK)
			rc = expect_parents(tx, image, diff_ids, n);
	}
	if (!digest_chain(diff_ids, n, chain))
		chain[0] = '\0';
	return rc == RMG_OK ? look_at_others(tx, image, chain) : rc;
}

/* Following. */

static enum rmg_rc learn(void *user, const struct descent_row *row)
{
	struct world *w = user;

	if (row->image >= w->images.n || row->parent >= w->images.n)
		return RMG_E_DB;
	return world_descent(w, row);
}

enum rmg_rc tx_descent_follow(struct tx *tx, uint32_t image)
{
	return store_descent_get(tx->h->st, image, learn, tx->w, tx->err);
}
