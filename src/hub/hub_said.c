/* SPDX-License-Identifier: Apache-2.0 */
/* hub_said.c - what a platform says of an image: that nobody is to run it, which build made it,
 * what another scanner found in it. Each source's last word stands, as a whole. */
#include "base/err.h"
#include "format/jsonw.h"
#include "hub/hub_inside.h"

struct words {
	const struct event *e;
	size_t same, other;
};

static enum rmg_rc compare(void *user, const struct said_row *row)
{
	struct words *x = user;
	bool found = false;

	if (!span_is(row->source, x->e->source))
		return RMG_OK;
	for (size_t i = 0; i < x->e->n_labels && !found; i++)
		found = span_is(row->key, x->e->labels[i].key) &&
			span_is(row->value, x->e->labels[i].value);
	x->same += found;
	x->other += !found;
	return RMG_OK;
}

static enum rmg_rc learn(void *user, const struct said_row *row)
{
	world_said(user, row);
	return RMG_OK;
}

enum rmg_rc tx_said_follow(struct tx *tx, uint32_t image)
{
	struct store *st = tx->st ? tx->st : tx->h->st;

	if (image >= tx->w->images.n)
		return err_set(tx->err, RMG_E_DB, "the stream of changes is damaged");
	world_said_none(tx->w, image);
	return store_said_of(st, image, learn, tx->w, tx->err);
}

static enum rmg_rc tell(struct tx *tx, uint32_t image)
{
	struct jsonw j = jsonw_of(&tx->text);

	strbuf_clear(&tx->text);
	jsonw_object(&j);
	jsonw_put_u64(&j, "image", image);
	jsonw_put(&j, "digest", tx->w->images.v[image].digest);
	jsonw_object_end(&j);
	if (strbuf_rc(&tx->text) != RMG_OK)
		return tx_no_memory(tx);
	return tx_tell(tx, "said", strbuf_span(&tx->text));
}

static enum rmg_rc replace(struct tx *tx, uint32_t image, const struct event *e)
{
	enum rmg_rc rc = store_said_delete(tx->st, image, e->source, tx->err);

	for (size_t i = 0; rc == RMG_OK && i < e->n_labels; i++) {
		const struct said_row row = {.image = image,
					     .source = e->source,
					     .key = e->labels[i].key,
					     .value = e->labels[i].value,
					     .at_ms = e->at_ms ? e->at_ms : tx->now_ms};

		rc = store_said_put(tx->st, &row, tx->err);
	}
	if (rc == RMG_OK)
		rc = tx_said_follow(tx, image);
	return rc == RMG_OK ? tell(tx, image) : rc;
}

/* Nothing is made known for the sake of one of whom nothing is said. */
static bool is_spoken_of(const struct tx *tx, const struct event_image *e)
{
	uint32_t image;

	for (size_t i = 0; i < e->n_digests; i++)
		for (size_t nth = 0; (image = world_image_of(tx->w, e->digests[i], nth)) != 0;
		     nth++)
			if (tx->w->images.v[image].said)
				return true;
	return false;
}

enum rmg_rc tx_said(struct tx *tx, const struct event *e, bool *news)
{
	struct words words = {.e = e};
	uint32_t image;
	enum rmg_rc rc;

	*news = false;
	if (tx->st == NULL || (e->n_labels == 0 && !is_spoken_of(tx, &e->image)))
		return RMG_OK;
	rc = tx_image(tx, &e->image, &image);
	if (rc == RMG_OK && image)
		rc = store_said_of(tx->st, image, compare, &words, tx->err);
	if (rc != RMG_OK || image == 0 || (words.other == 0 && words.same == e->n_labels))
		return rc;
	*news = true;
	return replace(tx, image, e);
}
