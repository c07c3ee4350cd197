/* SPDX-License-Identifier: Apache-2.0 */
/* hub_place.c - places, distributions, and the images that digests and references mean. */
#include "base/err.h"
#include "hub/hub_inside.h"

enum rmg_rc tx_place(struct tx *tx, const struct place *p, uint32_t *id)
{
	struct place_row row;
	bool made;

	if (world_place(tx->w, p, id, &made) != RMG_OK)
		return tx_no_memory(tx);
	if (!made || tx->st == NULL)
		return RMG_OK;
	row = tx->w->places.v[*id];
	return store_place_put(tx->st, &row, tx->err);
}

enum rmg_rc tx_os(struct tx *tx, const struct os *os, uint32_t *id)
{
	struct os_row row;
	bool made;

	*id = 0;
	if (os->id.n == 0 && os->id_like.n == 0)
		return RMG_OK;
	if (world_os(tx->w, os, id, &made) != RMG_OK)
		return tx_no_memory(tx);
	if (!made || tx->st == NULL)
		return RMG_OK;
	row = (struct os_row){.id = *id, .os = tx->w->oses.v[*id]};
	return store_os_put(tx->st, &row, tx->err);
}

enum rmg_rc tx_alias(struct tx *tx, struct span digest, const char *kind, uint32_t image)
{
	struct alias_row row = {.digest = digest, .kind = span_cstr(kind), .image = image};
	bool made;

	if (digest.n == 0)
		return RMG_OK;
	if (world_alias(tx->w, digest, image, &made) != RMG_OK)
		return tx_no_memory(tx);
	/* What an event called it, an inventory knows better. */
	if (tx->st == NULL || (!made && kind[0] == 0))
		return RMG_OK;
	return store_alias_put(tx->st, &row, tx->err);
}

static enum rmg_rc make_image(struct tx *tx, struct span digest, struct span ref, uint32_t *id)
{
	struct image_row row = {.digest = digest, .ref = ref, .seen_ms = tx->now_ms};

	if (world_image_add(tx->w, &row, id) != RMG_OK)
		return tx_no_memory(tx);
	row.id = *id;
	return tx->st ? store_image_put(tx->st, &row, tx->err) : RMG_OK;
}

/* A digest that means one image says more than one that means several (an index). */
static uint32_t best_of(const struct world *w, const struct event_image *e)
{
	uint32_t any = 0;

	for (size_t i = 0; i < e->n_digests; i++) {
		uint32_t first = world_image_of(w, e->digests[i], 0);

		if (first && world_image_of(w, e->digests[i], 1) == 0)
			return first;
		if (first && any == 0)
			any = world_image_choose(w, e->digests[i]);
	}
	return any;
}

/* Digests that nobody knows become names of the image; those that mean another image stay that. */
static enum rmg_rc add_names(struct tx *tx, const struct event_image *e, uint32_t image)
{
	enum rmg_rc rc = RMG_OK;

	for (size_t i = 0; i < e->n_digests && rc == RMG_OK; i++)
		if (world_image_of(tx->w, e->digests[i], 0) == 0)
			rc = tx_alias(tx, e->digests[i], "", image);
	return rc;
}

enum rmg_rc tx_image(struct tx *tx, const struct event_image *e, uint32_t *id)
{
	struct event_image meant = *e;
	uint32_t tag = e->n_digests ? 0 : world_tag_of(tx->w, e->ref);
	enum rmg_rc rc = RMG_OK;

	*id = 0;
	if (tag)
		meant.digests[meant.n_digests++] = tx->w->tags.v[tag].digest;
	if (meant.n_digests == 0)
		return RMG_OK;
	*id = best_of(tx->w, &meant);
	if (*id == 0)
		rc = make_image(tx, meant.digests[0], meant.ref, id);
	return rc == RMG_OK ? add_names(tx, &meant, *id) : rc;
}
