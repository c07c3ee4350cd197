/* SPDX-License-Identifier: Apache-2.0 */
/* hub_other.c - what registries' own scanners are asked about, and what they answered. It is kept
 * beside the image and changes nothing that we know of it. */
#include "base/err.h"
#include "base/limits.h"
#include "format/json.h"
#include "hub/hub_inside.h"
#include "oci/digest.h"

/* The references of an image's uses, or of who would run it; one after the other where they differ
 * from the one before. */
static bool each_ref(const struct world *w, uint32_t image, hub_used_fn *fn, void *user)
{
	struct span last = {0};

	for (uint32_t u = w->images.v[image].first_use; u; u = w->uses.v[u].next) {
		struct span ref = world_use_ref(w, &w->uses.v[u]);

		if (ref.n == 0 || span_is(ref, last))
			continue;
		last = ref;
		if (!fn(user, image, ref))
			return false;
	}
	return last.n || w->images.v[image].ref.n == 0 || fn(user, image, w->images.v[image].ref);
}

enum rmg_rc hub_used_each(struct hub *h, hub_used_fn *fn, void *user, struct rmg_err *err)
{
	const struct world *w;
	enum rmg_rc rc = hub_read_lock(h, &w, NULL, err);

	if (rc != RMG_OK)
		return rc;
	for (uint32_t id = 1; id < w->images.n; id++)
		if (w->images.v[id].read_ms && world_is_used(w, id) && !each_ref(w, id, fn, user))
			break;
	hub_read_unlock(h);
	return RMG_OK;
}

static enum rmg_rc take_manifest(void *user, const struct image_row *row)
{
	struct strbuf *out = user;
	struct json_doc doc = {0};

	if (json_parse(&doc, row->about, LIMIT_MESSAGE_BYTES, NULL) == RMG_OK)
		strbuf_put(out, json_get_str(doc.root, "manifest"));
	json_done(&doc);
	return strbuf_rc(out);
}

enum rmg_rc hub_manifest_of(struct hub *h, uint32_t image, struct strbuf *out, struct rmg_err *err)
{
	struct store *st = hub_store_lock(h, err);
	enum rmg_rc rc;

	if (st == NULL)
		return RMG_E_IO;
	strbuf_clear(out);
	rc = store_image_get(st, image, take_manifest, out, err);
	hub_store_unlock(h);
	if (rc == RMG_OK && !digest_valid(strbuf_span(out)))
		rc = err_set(err, RMG_E_NOTFOUND, "the image's manifest is not known");
	return rc;
}

enum rmg_rc hub_other_put(struct hub *h, uint32_t image, struct span source, struct span report,
			  struct rmg_err *err)
{
	struct other_row row = {.image = image, .source = source, .report = report};
	struct tx tx;
	enum rmg_rc rc = tx_begin(&tx, h, err);

	if (rc != RMG_OK)
		return rc;
	row.at_ms = tx.now_ms;
	return tx_end(&tx, h->leads ? store_other_put(tx.st, &row, err) : RMG_OK);
}
