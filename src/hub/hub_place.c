/* SPDX-License-Identifier: Apache-2.0 */
/* hub_place.c - places, distributions, and the images that digests and references mean. */
#include "base/err.h"
#include "base/limits.h"
#include "format/jsonw.h"
#include "hub/hub_inside.h"

/* Followers give the same number, whatever the place came with. */
static enum rmg_rc tell_place(struct tx *tx, const struct place_row *row)
{
	struct strbuf b = strbuf_of(LIMIT_JSON_BYTES);
	struct jsonw w = jsonw_of(&b);
	enum rmg_rc rc;

	jsonw_object(&w);
	jsonw_put_u64(&w, "place", row->id);
	jsonw_put(&w, "cluster", row->place.cluster);
	jsonw_put(&w, "node", row->place.node);
	jsonw_put(&w, "namespace", row->place.ns);
	jsonw_object_end(&w);
	rc = strbuf_rc(&b) == RMG_OK ? tx_tell(tx, "place", strbuf_span(&b)) : tx_no_memory(tx);
	strbuf_done(&b);
	return rc;
}

enum rmg_rc tx_place(struct tx *tx, const struct place *p, uint32_t *id)
{
	struct place_row row;
	enum rmg_rc rc;
	bool made;

	if (world_place(tx->w, p, id, &made) != RMG_OK)
		return tx_no_memory(tx);
	if (!made || tx->st == NULL)
		return RMG_OK;
	row = tx->w->places.v[*id];
	rc = store_place_put(tx->st, &row, tx->err);
	return rc == RMG_OK ? tell_place(tx, &row) : rc;
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

static enum rmg_rc make_image(struct tx *tx, const struct event_image *e, uint32_t *id)
{
	struct image_row row = {
	    .digest = e->digests[0], .ref = e->ref, .platform = e->platform, .seen_ms = tx->now_ms};

	if (world_image_add(tx->w, &row, id) != RMG_OK)
		return tx_no_memory(tx);
	row.id = *id;
	return tx->st ? store_image_put(tx->st, &row, tx->err) : RMG_OK;
}

/* A digest that means one image says more than one that means several (an index). */
static uint32_t best_of(const struct world *w, const struct event_image *e, bool *sure)
{
	uint32_t any = 0;

	for (size_t i = 0; i < e->n_digests; i++) {
		uint32_t first = world_image_of(w, e->digests[i], 0);

		*sure = first && world_image_of(w, e->digests[i], 1) == 0;
		if (*sure)
			return first;
		if (first && any == 0)
			any = world_image_choose(w, e->digests[i]);
	}
	return any;
}

/* What was declared, or heard of, by this digest alone, and nobody has read. */
static bool is_digest_only(const struct world *w, struct span digest, uint32_t image)
{
	uint32_t only = world_image_of(w, digest, 0);

	return only && only != image && world_image_of(w, digest, 1) == 0 &&
	       w->images.v[only].read_ms == 0 && span_is(w->images.v[only].digest, digest);
}

/* Digests that nobody knows become names of the image, and so do those that stand for something
 * that nobody has read: it turned out to be this. Those that mean another image stay that. */
static enum rmg_rc add_names(struct tx *tx, const struct event_image *e, uint32_t image)
{
	enum rmg_rc rc = RMG_OK;

	for (size_t i = 0; i < e->n_digests && rc == RMG_OK; i++) {
		bool turned_out = is_digest_only(tx->w, e->digests[i], image);

		if (turned_out || world_image_of(tx->w, e->digests[i], 0) == 0)
			rc = tx_alias(tx, e->digests[i], "", image);
		if (rc == RMG_OK && turned_out)
			rc = tx_merge(tx, &e->digests[i], 1, image);
	}
	return rc;
}

static enum rmg_rc find_or_make(struct tx *tx, const struct event_image *e, uint32_t *id,
				bool *sure)
{
	*id = best_of(tx->w, e, sure);
	if (tx->image_id && *id && !*sure)
		*id = tx->image_id < tx->w->images.n ? tx->image_id : *id;
	if (*id)
		return RMG_OK;
	*sure = true;
	return make_image(tx, e, id);
}

enum rmg_rc tx_image(struct tx *tx, const struct event_image *e, uint32_t *id)
{
	struct event_image meant = *e;
	uint32_t tag = e->n_digests ? 0 : world_tag_of(tx->w, e->ref);
	enum rmg_rc rc;
	bool sure;

	*id = 0;
	if (tag)
		meant.digests[meant.n_digests++] = tx->w->tags.v[tag].digest;
	if (meant.n_digests == 0)
		return RMG_OK;
	rc = find_or_make(tx, &meant, id, &sure);
	tx->chosen = *id;
	return rc == RMG_OK && sure ? add_names(tx, &meant, *id) : rc;
}
