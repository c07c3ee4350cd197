/* SPDX-License-Identifier: Apache-2.0 */
/* hub_base.c - what images stand on, and whether that is still what its reference means.
 *
 * An image stands on another one whose layers are the first of its own, and so on each reference
 * that ever meant that; and on the reference that it names as its base itself. It is behind where
 * the reference means something else now, by whoever's word: what the reference means may stand
 * below it all the same (it was built anew), or be it. Known by layers is only what was read; where
 * an image alone says what it stands on, a registry has to have said what that is for the image's
 * platform before it can be behind. */
#include "base/err.h"
#include "base/hash.h"
#include "base/limits.h"
#include "format/json.h"
#include "format/jsonw.h"
#include "hub/hub_inside.h"
#include "model/ref.h"
#include "oci/digest.h"

enum { MOST_LAYERS = 512 };

/* References that meant an image, newest first, each once. */
struct meaning {
	struct arena arena;
	VEC(struct tag_row) v;
};

static void meaning_init(struct meaning *m)
{
	*m = (struct meaning){0};
	arena_init(&m->arena, MIB(4));
}

static void meaning_done(struct meaning *m)
{
	VEC_DONE(&m->v);
	arena_done(&m->arena);
}

static bool has_ref(const struct meaning *m, struct span ref)
{
	for (size_t i = 0; i < m->v.n; i++)
		if (span_is(m->v.v[i].ref, ref))
			return true;
	return false;
}

static enum rmg_rc keep_meaning(void *user, const struct tag_row *row)
{
	struct meaning *m = user;
	struct tag_row copy = *row;

	if (!ref_is_movable(row->ref) || has_ref(m, row->ref))
		return RMG_OK;
	copy.ref = arena_dup(&m->arena, row->ref);
	copy.digest = arena_dup(&m->arena, row->digest);
	copy.source = (struct span){0};
	if (arena_rc(&m->arena) != RMG_OK || !VEC_PUSH(&m->v, copy))
		return RMG_E_NOMEM;
	return m->v.n < LIMIT_BASE_TAGS ? RMG_OK : RMG_E_STOPPED;
}

static enum rmg_rc find_meaning(struct tx *tx, uint32_t image, struct meaning *m)
{
	meaning_init(m);
	return store_tag_of_image(tx->st, image, keep_meaning, m, tx->err);
}

/* Rows. */

static struct base_row row_of(const struct world_base *b)
{
	return (struct base_row){.image = b->image,
				 .parent = b->parent,
				 .layers = b->layers,
				 .ref = b->ref,
				 .how = b->how,
				 .was = b->was,
				 .now = b->now,
				 .since_ms = b->since_ms};
}

static enum rmg_rc tell(struct tx *tx, const struct base_row *b)
{
	struct jsonw j = jsonw_of(&tx->text);

	strbuf_clear(&tx->text);
	jsonw_object(&j);
	jsonw_put_u64(&j, "image", b->image);
	jsonw_put(&j, "digest", tx->w->images.v[b->image].digest);
	jsonw_put(&j, "ref", b->ref);
	jsonw_put(&j, "how", b->how);
	jsonw_put_u64(&j, "parent", b->parent);
	jsonw_put_u64(&j, "layers", b->layers);
	jsonw_put(&j, "from", b->was);
	jsonw_put(&j, "to", b->now);
	jsonw_put_u64(&j, "since_ms", (uint64_t)b->since_ms);
	jsonw_object_end(&j);
	if (strbuf_rc(&tx->text) != RMG_OK)
		return tx_no_memory(tx);
	return tx_tell(tx, "base", strbuf_span(&tx->text));
}

static enum rmg_rc put(struct tx *tx, const struct base_row *row)
{
	uint32_t id;
	enum rmg_rc rc = store_base_put(tx->st, row, tx->err);

	if (rc == RMG_OK && world_base_set(tx->w, row, &id) != RMG_OK)
		rc = tx_no_memory(tx);
	if (rc == RMG_OK)
		rc = tell(tx, row);
	return rc == RMG_OK ? tx_touch(tx, row->image) : rc;
}

/* Whether any image that a digest means is what a tag means now. */
static bool is_still(const struct world *w, const struct world_tag *t, struct span digest)
{
	uint32_t image;

	if (span_is(t->digest, digest))
		return true;
	for (size_t nth = 0; (image = world_image_of(w, digest, nth)) != 0; nth++)
		if (world_digest_means(w, t->digest, image))
			return true;
	return false;
}

static bool is_behind(const struct world *w, const struct base_row *b)
{
	uint32_t id = world_tag_of(w, b->ref);
	const struct world_tag *t = &w->tags.v[id];

	if (id == 0 || is_still(w, t, b->was) || b->parent == b->image)
		return false;
	if (b->parent)
		return world_tag_means(w, t, b->parent) != TAG_SAME;
	return t->registry && world_tag_image(w, t, w->images.v[b->image].platform) != 0;
}

/* Against what its reference means; force: something else of it is new. */
static enum rmg_rc check(struct tx *tx, struct base_row *b, bool force)
{
	uint32_t tag = world_tag_of(tx->w, b->ref);
	struct span now = tx->w->tags.v[tag].digest;
	bool behind;

	/* An image of the reference itself is what it means or meant, whatever it was made of. */
	if (tag && b->parent != b->image && world_digest_means(tx->w, now, b->image)) {
		b->parent = b->image;
		force = true;
	}
	behind = is_behind(tx->w, b);
	if (!behind)
		now = (struct span){0};
	if (!force && span_is(now, b->now))
		return RMG_OK;
	b->now = now;
	b->since_ms = behind ? tx->w->tags.v[tag].since_ms : 0;
	return put(tx, b);
}

static size_t count_bases(const struct world *w, uint32_t image)
{
	size_t n = 0;

	for (uint32_t b = w->images.v[image].first_base; b; b = w->bases.v[b].next)
		n++;
	return n;
}

/* Whether what is known is the better word: of two meanings of one reference that an image stands
 * on, what it means now; else the one with more layers. */
static bool is_better(const struct world *w, const struct world_base *have,
		      const struct base_row *new)
{
	uint32_t id = world_tag_of(w, have->ref);
	const struct world_tag *t = &w->tags.v[id];

	if (have->parent == new->parent || have->parent == have->image || new->parent == 0)
		return true;
	if (id && have->parent && world_digest_means(w, t->digest, have->parent))
		return true;
	if (id && world_digest_means(w, t->digest, new->parent))
		return false;
	return have->layers >= new->layers;
}

static enum rmg_rc link(struct tx *tx, struct base_row *b)
{
	uint32_t id = world_base_of(tx->w, b->image, b->ref);

	if (id && is_better(tx->w, &tx->w->bases.v[id], b))
		return RMG_OK;
	if (id == 0 && count_bases(tx->w, b->image) >= LIMIT_BASES)
		return RMG_OK;
	return check(tx, b, true);
}

/* Those who begin with an image's layers. */

struct derived {
	VEC(struct base_row) v;
	const struct world *w;
};

static enum rmg_rc keep_derived(void *user, uint32_t image, uint32_t layers)
{
	struct derived *d = user;
	struct base_row row = {.image = image, .layers = layers, .how = S("layers")};

	if (image >= d->w->images.n)
		return RMG_OK;
	return VEC_PUSH(&d->v, row) ? RMG_OK : RMG_E_NOMEM;
}

static enum rmg_rc take_chain(void *user, const struct alias_row *row)
{
	*(uint64_t *)user = hash_span(row->digest);
	return RMG_E_STOPPED;
}

/* An image that was its own reference once is not built on it. */
static enum rmg_rc link_one(struct tx *tx, uint32_t parent, const struct meaning *m,
			    const struct base_row *derived)
{
	struct meaning own;
	enum rmg_rc rc = find_meaning(tx, derived->image, &own);

	for (size_t i = 0; i < m->v.n && rc == RMG_OK; i++) {
		struct base_row b = *derived;

		b.parent = parent;
		b.ref = m->v.v[i].ref;
		b.was = m->v.v[i].digest;
		if (!has_ref(&own, b.ref))
			rc = link(tx, &b);
	}
	meaning_done(&own);
	return rc;
}

static bool all_linked(const struct world *w, uint32_t parent, const struct meaning *m,
		       uint32_t image)
{
	for (size_t i = 0; i < m->v.n; i++) {
		uint32_t id = world_base_of(w, image, m->v.v[i].ref);

		if (id == 0 || w->bases.v[id].parent != parent)
			return false;
	}
	return true;
}

static enum rmg_rc link_derived(struct tx *tx, uint32_t parent, uint64_t chain)
{
	struct derived d = {.w = tx->w};
	struct meaning m;
	enum rmg_rc rc = find_meaning(tx, parent, &m);

	if (rc == RMG_OK && m.v.n)
		rc = store_prefix_of(tx->st, chain, keep_derived, &d, tx->err);
	for (size_t i = 0; i < d.v.n && rc == RMG_OK; i++)
		if (!all_linked(tx->w, parent, &m, d.v.v[i].image))
			rc = link_one(tx, parent, &m, &d.v.v[i]);
	VEC_DONE(&d.v);
	meaning_done(&m);
	return rc;
}

/* All that stand on a reference, anew; force: what it means is better known. */
static enum rmg_rc check_ref(struct tx *tx, struct span ref, bool force)
{
	enum rmg_rc rc = RMG_OK;
	struct ids ids = {0};
	size_t at = 0;
	uint32_t id;

	while (rc == RMG_OK && (id = world_base_next(tx->w, ref, &at)) != 0)
		if (!VEC_PUSH(&ids, id))
			rc = tx_no_memory(tx);
	for (size_t i = 0; i < ids.n && rc == RMG_OK; i++) {
		struct base_row b = row_of(&tx->w->bases.v[ids.v[i]]);

		rc = check(tx, &b, false);
		if (rc == RMG_OK && force && b.now.n)
			rc = tx_touch(tx, b.image);
	}
	VEC_DONE(&ids);
	return rc;
}

enum rmg_rc tx_base_tag(struct tx *tx, uint32_t tag)
{
	const struct world *w = tx->w;
	enum rmg_rc rc = RMG_OK;
	uint32_t image;

	if (tx->st == NULL)
		return RMG_OK;
	for (size_t nth = 0;
	     rc == RMG_OK && (image = world_image_of(w, w->tags.v[tag].digest, nth)) != 0; nth++) {
		uint64_t chain = 0;

		if (w->images.v[image].read_ms == 0)
			continue;
		rc = store_alias_chain(tx->st, image, take_chain, &chain, tx->err);
		if (rc == RMG_OK && chain)
			rc = link_derived(tx, image, chain);
	}
	return rc == RMG_OK ? check_ref(tx, w->tags.v[tag].ref, false) : rc;
}

/* What was read. */

struct below {
	uint64_t chain;
	struct span text; /* chain[] */
	char chars[DIGEST_TEXT];
};

/* The chains of its first layers, from the first one on; how many there are. */
static size_t find_chains(const struct span *diff_ids, size_t n, struct below *out)
{
	struct span two[2];
	size_t k = 0;

	for (; k < n && k < MOST_LAYERS; k++) {
		two[0] = k ? out[k - 1].text : diff_ids[0];
		two[1] = diff_ids[k];
		if (!digest_chain(two, k ? 2 : 1, out[k].chars))
			break;
		out[k].text = span_cstr(out[k].chars);
		out[k].chain = hash_span(out[k].text);
	}
	return k;
}

static enum rmg_rc link_below(struct tx *tx, uint32_t image, const struct below *x, uint32_t layers)
{
	struct base_row b = {.image = image, .layers = layers, .how = S("layers")};
	enum rmg_rc rc = RMG_OK;
	uint32_t parent;

	for (size_t nth = 0; rc == RMG_OK && (parent = world_image_of(tx->w, x->text, nth)) != 0;
	     nth++) {
		struct meaning m;

		if (parent == image || tx->w->images.v[parent].read_ms == 0)
			continue;
		rc = find_meaning(tx, parent, &m);
		if (rc == RMG_OK && m.v.n)
			rc = link_one(tx, parent, &m, &b);
		meaning_done(&m);
	}
	return rc;
}

static enum rmg_rc link_layers(struct tx *tx, uint32_t image, const struct span *diff_ids, size_t n)
{
	struct below *chains = calloc(MOST_LAYERS, sizeof *chains);
	size_t have = chains ? find_chains(diff_ids, n, chains) : 0;
	enum rmg_rc rc = chains ? RMG_OK : tx_no_memory(tx);

	for (size_t k = have; k > 0 && rc == RMG_OK; k--) {
		const struct below *x = &chains[k - 1];

		if (k == n) {
			rc = link_derived(tx, image, x->chain);
			continue;
		}
		rc = store_prefix_put(tx->st, x->chain, image, (uint32_t)k, tx->err);
		if (rc == RMG_OK)
			rc = link_below(tx, image, x, (uint32_t)k);
	}
	free(chains);
	return rc;
}

/* By its own word, or by what its reader had read before. */
static enum rmg_rc link_said(struct tx *tx, uint32_t image, const struct base_image *base)
{
	uint32_t parent = base->digest.n ? world_image_choose(tx->w, base->digest) : 0;
	struct base_row b = {.image = image,
			     .parent = parent != image ? parent : 0,
			     .layers = base->layers,
			     .ref = base->name,
			     .how = span_cstr(base->how),
			     .was = base->digest};
	struct meaning own;
	enum rmg_rc rc;

	if (!base->known || base->digest.n == 0 || base->digest.n > LIMIT_STORE_KEY_BYTES ||
	    base->name.n == 0 || base->name.n > LIMIT_STORE_KEY_BYTES ||
	    !ref_is_movable(base->name) || world_base_of(tx->w, image, base->name))
		return RMG_OK;
	rc = find_meaning(tx, image, &own);
	if (rc == RMG_OK && !has_ref(&own, b.ref))
		rc = link(tx, &b);
	meaning_done(&own);
	return rc;
}

enum rmg_rc tx_base_read(struct tx *tx, uint32_t image, const struct span *diff_ids, size_t n,
			 const struct base_image *base)
{
	struct meaning m;
	enum rmg_rc rc = link_layers(tx, image, diff_ids, n);

	if (rc == RMG_OK)
		rc = link_said(tx, image, base);
	if (rc != RMG_OK)
		return rc;
	rc = find_meaning(tx, image, &m);
	for (size_t i = 0; i < m.v.n && rc == RMG_OK; i++)
		rc = check_ref(tx, m.v.v[i].ref, true);
	meaning_done(&m);
	return rc;
}

/* Following. */

static uint64_t number(json *root, const char *key)
{
	uint64_t n;

	return json_get_u64(root, key, &n) ? n : 0;
}

enum rmg_rc tx_base_follow(struct tx *tx, struct span body)
{
	struct json_doc doc = {0};
	enum rmg_rc rc = json_parse(&doc, body, LIMIT_MESSAGE_BYTES, tx->err);
	uint64_t image = number(doc.root, "image"), parent = number(doc.root, "parent");
	struct base_row b = {.image = (uint32_t)image,
			     .parent = (uint32_t)parent,
			     .layers = (uint32_t)number(doc.root, "layers"),
			     .ref = json_get_str(doc.root, "ref"),
			     .how = json_get_str(doc.root, "how"),
			     .was = json_get_str(doc.root, "from"),
			     .now = json_get_str(doc.root, "to"),
			     .since_ms = (int64_t)number(doc.root, "since_ms")};
	uint32_t id;

	if (rc == RMG_OK &&
	    (image == 0 || image >= tx->w->images.n || parent >= tx->w->images.n || b.ref.n == 0))
		rc = err_set(tx->err, RMG_E_DB, "the stream of changes is damaged");
	if (rc == RMG_OK && world_base_set(tx->w, &b, &id) != RMG_OK)
		rc = tx_no_memory(tx);
	json_done(&doc);
	return rc;
}

/* What is to be asked for, and to be read. */

static bool used_base(const struct world *w, const struct world_base *b)
{
	return b->image && world_is_used(w, b->image);
}

bool hub_base_refs(const struct hub *h, const struct world *w, hub_ref_fn *fn, void *user)
{
	const char *const *own = h->opts.bases;
	struct map seen = {0}; /* hashes of references */
	bool good = true;

	for (size_t i = 0; good && own && own[i]; i++)
		good =
		    map_set(&seen, hash_span(span_cstr(own[i])), 1) && fn(user, span_cstr(own[i]));
	for (size_t i = 1; good && i < w->bases.n; i++) {
		const struct world_base *b = &w->bases.v[i];

		if (!map_has(&seen, hash_span(b->ref)) && used_base(w, b))
			good = map_set(&seen, hash_span(b->ref), 1) && fn(user, b->ref);
	}
	map_done(&seen);
	return good;
}

struct wanting {
	const struct world *w;
	hub_base_fn *fn;
	void *user;
};

/* Read is what its registry says, once. */
static bool want(void *user, struct span ref)
{
	struct wanting *x = user;
	uint32_t tag = world_tag_of(x->w, ref);
	const struct world_tag *t = &x->w->tags.v[tag];

	if (tag == 0 || !t->registry || t->gone_ms || world_digest_read(x->w, t->digest))
		return true;
	return x->fn(x->user, ref, t->digest);
}

enum rmg_rc hub_bases_wanted(struct hub *h, hub_base_fn *fn, void *user, struct rmg_err *err)
{
	struct wanting x = {.fn = fn, .user = user};
	enum rmg_rc rc = hub_read_lock(h, &x.w, NULL, err);

	if (rc != RMG_OK)
		return rc;
	(void)hub_base_refs(h, x.w, want, &x);
	hub_read_unlock(h);
	return RMG_OK;
}
