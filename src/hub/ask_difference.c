/* SPDX-License-Identifier: Apache-2.0 */
/* ask_difference.c - what an image has that another one has not, item by item. */
#include "base/limits.h"
#include "hub/ask_page.h"
#include "hub/difference.h"

struct asked {
	const struct world *w;
	struct jsonw *out;
	uint32_t left;
};

static void put_hash(struct jsonw *w, const char *key, const uint8_t *sha256)
{
	struct strbuf hex = strbuf_of(80);

	if (sha256 == NULL)
		return;
	strbuf_hex(&hex, sha256, 32);
	jsonw_put(w, key, strbuf_span(&hex));
	strbuf_done(&hex);
}

static void put_item(void *user, const struct difference_item *item)
{
	struct asked *a = user;

	if (a->left == 0)
		return;
	a->left--;
	jsonw_object(a->out);
	jsonw_put_cstr(a->out, "kind", item->executable ? "executable" : "package");
	jsonw_put(a->out, "was", item->was);
	jsonw_put(a->out, "now", item->now);
	put_hash(a->out, "was_sha256", item->was_sha256);
	put_hash(a->out, "now_sha256", item->now_sha256);
	jsonw_object_end(a->out);
}

static enum rmg_rc find_one(const struct world *w, struct span digest, uint32_t *out,
			    struct rmg_err *err)
{
	*out = world_image_choose(w, digest);
	if (*out == 0)
		return err_set(err, RMG_E_NOTFOUND, "no image is known by this digest");
	if (w->images.v[*out].read_ms == 0)
		return err_set(err, RMG_E_NOTFOUND, "nobody has read this image yet");
	return RMG_OK;
}

static enum rmg_rc find_both(const struct world *w, const struct ask *q, uint32_t *was,
			     uint32_t *now, struct rmg_err *err)
{
	enum rmg_rc rc = find_one(w, q->image, now, err);
	uint32_t parent;

	if (rc != RMG_OK || q->against.n)
		return rc == RMG_OK ? find_one(w, q->against, was, err) : rc;
	parent = world_descent_of(w, *now)->parent;
	if (parent == 0)
		return err_set(err, RMG_E_NOTFOUND,
			       "no parent of this image is known: say another as \"against\"");
	return find_one(w, w->images.v[parent].digest, was, err);
}

static enum rmg_rc answer(struct store *st, const struct world *w, const struct ask *q,
			  int64_t now_ms, struct strbuf *out, struct rmg_err *err)
{
	struct jsonw j = jsonw_of(out);
	struct asked a = {w, &j, LIMIT_DIFFERENCE_ITEMS};
	uint32_t was, now, counts[DESCENT_COUNTS];
	uint64_t all = 0;
	enum rmg_rc rc = find_both(w, q, &was, &now, err);

	if (rc != RMG_OK)
		return rc;
	jsonw_object(&j);
	jsonw_put(&j, "image", w->images.v[now].digest);
	jsonw_put(&j, "against", w->images.v[was].digest);
	jsonw_key(&j, "items");
	jsonw_array(&j);
	rc = difference_of(st, w, was, now, counts, put_item, &a, err);
	jsonw_array_end(&j);
	for (size_t i = 0; i < DESCENT_COUNTS; i++)
		all += counts[i];
	put_difference(&j, "difference", counts);
	jsonw_put_u64(&j, "left_out", all - MIN_OF(all, (uint64_t)LIMIT_DIFFERENCE_ITEMS));
	put_time(&j, "as_of", now_ms); /* last, as in a page */
	jsonw_object_end(&j);
	return rc;
}

enum rmg_rc ask_difference(struct hub *h, const struct ask *q, struct strbuf *out,
			   struct rmg_err *err)
{
	const struct world *w;
	struct store *st = hub_store_lock(h, err);
	enum rmg_rc rc;

	if (st == NULL)
		return RMG_E_IO;
	rc = hub_read_lock(h, &w, NULL, err);
	if (rc == RMG_OK) {
		rc = answer(st, w, q, hub_now_ms(h), out, err);
		hub_read_unlock(h);
	}
	hub_store_unlock(h);
	return rc;
}
