/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/ctrd_images.h"

#include <stdio.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/vec.h"
#include "oci/digest.h"
#include "oci/manifest.h"

/* Digests that nothing is called by any more are kept while there are so few. */
enum { MOST_UNNAMED = 10000 };

struct name {
	char *ns, *name;
	struct ctrd_known *known;
};

struct ctrd_images {
	VEC(struct ctrd_known *) known;
	VEC(struct name) names;
	struct map by_digest, by_chain; /* to known */
	struct map by_name;             /* to names */
	struct arena arena;             /* of the documents of one image */
};

enum rmg_rc ctrd_images_new(struct ctrd_images **out, struct rmg_err *err)
{
	struct ctrd_images *t = calloc(1, sizeof *t);

	if (t == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a table of images");
	arena_init(&t->arena, 8 * LIMIT_MANIFEST_BYTES);
	*out = t;
	return RMG_OK;
}

static void free_name(struct name *n)
{
	free(n->ns);
	free(n->name);
}

static void forget_names(struct ctrd_images *t)
{
	VEC_EACH (n, &t->names)
		free_name(n);
	t->names.n = 0;
	map_clear(&t->by_name);
}

void ctrd_images_free(struct ctrd_images *t)
{
	if (t == NULL)
		return;
	forget_names(t);
	VEC_EACH (k, &t->known)
		free(*k);
	VEC_DONE(&t->known);
	VEC_DONE(&t->names);
	map_done(&t->by_digest);
	map_done(&t->by_chain);
	map_done(&t->by_name);
	arena_done(&t->arena);
	free(t);
}

void ctrd_images_round(struct ctrd_images *t)
{
	forget_names(t);
	VEC_EACH (k, &t->known) {
		(*k)->tried = (*k)->said = false;
		(*k)->names = 0;
	}
}

static uint64_t name_key(struct span ns, struct span name)
{
	return hash_mix(hash_span(ns) * 3 + hash_span(name));
}

static struct name *find_name(struct ctrd_images *t, struct span ns, struct span name)
{
	uint64_t key = name_key(ns, name);
	size_t at = 0;
	uint32_t i;

	while ((i = map_next(&t->by_name, key, &at)) != MAP_NONE)
		if (span_is(span_cstr(t->names.v[i].ns), ns) &&
		    span_is(span_cstr(t->names.v[i].name), name))
			return &t->names.v[i];
	return NULL;
}

struct ctrd_known *ctrd_images_at(const struct ctrd_images *t, size_t i)
{
	return i < t->known.n ? t->known.v[i] : NULL;
}

struct ctrd_known *ctrd_images_find(struct ctrd_images *t, struct span ns, struct span name)
{
	const struct name *n = find_name(t, ns, name);

	return n ? n->known : NULL;
}

int ctrd_name_rank(struct span name)
{
	if (span_starts(name, S("sha256:")))
		return 2;
	return span_chr(name, '@') != SIZE_MAX;
}

/* One that another namespace has too is named once. */
static bool is_among(const struct span *list, size_t n, struct span s)
{
	for (size_t i = 0; i < n; i++)
		if (span_is(list[i], s))
			return true;
	return false;
}

/* The CRI's own, which is the configuration's digest, says nothing. */
size_t ctrd_images_names(const struct ctrd_images *t, const struct ctrd_known *k,
			 struct span out[static EVENT_NAMES])
{
	size_t n = 0;

	for (int rank = 0; rank < 2; rank++) {
		for (size_t i = 0; i < t->names.n && n < EVENT_NAMES; i++) {
			struct span name = span_cstr(t->names.v[i].name);

			if (t->names.v[i].known == k && ctrd_name_rank(name) == rank &&
			    !is_among(out, n, name))
				out[n++] = name;
		}
	}
	return n;
}

/* The last one takes the place of the one that goes. */
struct ctrd_known *ctrd_images_forget(struct ctrd_images *t, struct span ns, struct span name)
{
	struct name *n = find_name(t, ns, name), gone;
	uint32_t at, last;

	if (n == NULL)
		return NULL;
	gone = *n;
	at = (uint32_t)(n - t->names.v);
	last = (uint32_t)--t->names.n;
	map_remove(&t->by_name, name_key(ns, name), at);
	if (at != last) {
		uint64_t key;

		*n = t->names.v[last];
		key = name_key(span_cstr(n->ns), span_cstr(n->name));
		map_remove(&t->by_name, key, last);
		/* The key was there a moment ago: there is room. */
		CHECK(map_add_another(&t->by_name, key, at));
	}
	gone.known->names--;
	free_name(&gone);
	return gone.known;
}

static bool add_name(struct ctrd_images *t, struct span ns, struct span name,
		     struct ctrd_known *known)
{
	struct name n = {span_dup(ns), span_dup(name), known};

	if (n.ns && n.name && VEC_PUSH(&t->names, n)) {
		if (map_add_another(&t->by_name, name_key(ns, name), (uint32_t)t->names.n - 1)) {
			known->names++;
			return true;
		}
		t->names.n--;
	}
	free_name(&n);
	return false;
}

/* Digests. */

static uint32_t find_digest(const struct ctrd_images *t, struct span digest)
{
	size_t at = 0;
	uint32_t i;

	while ((i = map_next(&t->by_digest, hash_span(digest), &at)) != MAP_NONE)
		if (span_is(span_cstr(t->known.v[i]->target), digest))
			break;
	return i;
}

struct ctrd_known *ctrd_images_of_chain(struct ctrd_images *t, struct span chain)
{
	size_t at = 0;
	uint32_t i;

	while (chain.n && (i = map_next(&t->by_chain, hash_span(chain), &at)) != MAP_NONE)
		if (span_is(span_cstr(t->known.v[i]->chain), chain))
			return t->known.v[i];
	return NULL;
}

static bool index_known(struct ctrd_images *t, uint32_t i)
{
	const struct ctrd_known *k = t->known.v[i];

	return map_add_another(&t->by_digest, hash_span(span_cstr(k->target)), i) &&
	       (k->chain[0] == '\0' ||
		map_add_another(&t->by_chain, hash_span(span_cstr(k->chain)), i));
}

/* Room again: what nobody calls anything goes. */
static void purge(struct ctrd_images *t)
{
	size_t kept = 0;

	map_clear(&t->by_digest);
	map_clear(&t->by_chain);
	for (size_t i = 0; i < t->known.n; i++) {
		if (t->known.v[i]->names)
			t->known.v[kept++] = t->known.v[i];
		else
			free(t->known.v[i]);
	}
	t->known.n = kept;
	for (size_t i = 0; i < kept; i++)
		CHECK(index_known(t, (uint32_t)i)); /* fewer than there were */
}

static struct ctrd_known *add_digest(struct ctrd_images *t, struct span digest)
{
	struct ctrd_known *k;

	if (t->known.n > t->names.n + MOST_UNNAMED)
		purge(t);
	k = calloc(1, sizeof *k);
	if (k == NULL)
		return NULL;
	snprintf(k->target, sizeof k->target, SPAN_FMT, SPAN_ARG(digest));
	if (VEC_PUSH(&t->known, k)) {
		if (index_known(t, (uint32_t)t->known.n - 1))
			return k;
		t->known.n--;
	}
	free(k);
	return NULL;
}

/* Documents. */

struct looking {
	struct ctrd_images *t;
	struct ctrd *c;
	struct span ns;
};

static enum rmg_rc document(const struct looking *l, struct span digest, struct span *out,
			    struct rmg_err *err)
{
	enum rmg_rc rc =
	    ctrd_document(l->c, l->ns, digest, LIMIT_MANIFEST_BYTES, &l->t->arena, out, err);

	return rc == RMG_OK ? digest_check(digest, *out, "a document", err) : rc;
}

static enum rmg_rc look_config(const struct looking *l, struct span digest, struct ctrd_known *k,
			       struct rmg_err *err)
{
	struct oci_config config;
	struct span bytes;
	char chain[DIGEST_TEXT];
	enum rmg_rc rc = document(l, digest, &bytes, err);

	if (rc == RMG_OK)
		rc = oci_config_parse(bytes, &l->t->arena, &config, err);
	if (rc == RMG_OK && digest_chain(config.diff_ids, config.n_diff_ids, chain))
		memcpy(k->chain, chain, sizeof chain);
	return rc;
}

static enum rmg_rc look_manifest(const struct looking *l, struct span digest, struct span type,
				 struct ctrd_known *k, unsigned depth, struct rmg_err *err)
{
	const struct descriptor *child;
	struct manifest m;
	struct span bytes;
	enum rmg_rc rc = document(l, digest, &bytes, err);

	if (rc == RMG_OK)
		rc = manifest_parse(bytes, type, &l->t->arena, &m, err);
	if (rc != RMG_OK)
		return rc;
	if (m.kind == MANIFEST_INDEX) {
		rc = manifest_select(&m, platform_host(), true, &child, err);
		if (rc != RMG_OK || depth >= LIMIT_INDEX_DEPTH)
			return rc;
		return look_manifest(l, child->digest, child->media_type, k, depth + 1, err);
	}
	if (m.kind != MANIFEST_IMAGE || digest.n >= CTRD_DIGEST || m.config.digest.n >= CTRD_DIGEST)
		return RMG_OK;
	snprintf(k->manifest, sizeof k->manifest, SPAN_FMT, SPAN_ARG(digest));
	snprintf(k->config, sizeof k->config, SPAN_FMT, SPAN_ARG(m.config.digest));
	return look_config(l, m.config.digest, k, err);
}

/* Whether a registry gave it is written at its bytes. What came another way is called imported,
 * whoever did it. */
static enum rmg_rc look_way(const struct looking *l, const struct ctrd_image *image,
			    struct ctrd_known *k, struct rmg_err *err)
{
	enum event_way way = WAY_IMPORT;
	struct ctrd_blob blob = {0};
	enum rmg_rc rc;

	if (k->way == WAY_REGISTRY)
		return RMG_OK;
	rc = ctrd_blob(l->c, l->ns, image->digest, &l->t->arena, &blob, err);
	if (rc != RMG_OK)
		return rc;
	if (blob.pulled)
		way = WAY_REGISTRY;
	else if (span_starts(image->name, S("containerd.io/checkpoint/")))
		way = WAY_CHECKPOINT;
	if (way > k->way) {
		k->way = way;
		k->said = false;
	}
	return RMG_OK;
}

/* What says nothing about the connection only says that it is not to be known here. */
static enum rmg_rc look(struct ctrd_images *t, struct ctrd *c, struct span ns,
			const struct ctrd_image *image, struct ctrd_known *k, struct rmg_err *err)
{
	struct looking l = {t, c, ns};
	struct rmg_err why = {0};
	enum rmg_rc rc;

	rc = look_way(&l, image, k, &why);
	if (rc == RMG_OK && (k->tried || k->chain[0])) {
		arena_reset(&t->arena);
		return RMG_OK;
	}
	if (rc == RMG_OK || rc == RMG_E_NOTFOUND) {
		k->tried = true;
		rc = look_manifest(&l, image->digest, image->media_type, k, 0, &why);
	}
	arena_reset(&t->arena);
	if (rc == RMG_E_NET || rc == RMG_E_STOPPED || rc == RMG_E_NOMEM) {
		if (err)
			*err = why;
		return rc;
	}
	if (k->chain[0] && !map_add_another(&t->by_chain, hash_span(span_cstr(k->chain)),
					    find_digest(t, image->digest)))
		return err_set(err, RMG_E_NOMEM, "no memory for a table of images");
	return RMG_OK;
}

enum rmg_rc ctrd_images_put(struct ctrd_images *t, struct ctrd *c, struct span ns,
			    const struct ctrd_image *image, struct ctrd_known **now,
			    struct ctrd_known **was, struct rmg_err *err)
{
	struct ctrd_known *k;
	enum rmg_rc rc;
	uint32_t i;

	if (!digest_valid(image->digest) || image->digest.n >= CTRD_DIGEST)
		return err_set(err, RMG_E_FORMAT, "containerd names an image by no digest");
	i = find_digest(t, image->digest);
	k = i == MAP_NONE ? add_digest(t, image->digest) : t->known.v[i];
	if (k == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a table of images");
	rc = look(t, c, ns, image, k, err);
	if (rc != RMG_OK)
		return rc;
	*was = ctrd_images_forget(t, ns, image->name);
	*now = k;
	return add_name(t, ns, image->name, k)
		   ? RMG_OK
		   : err_set(err, RMG_E_NOMEM, "no memory for a table of images");
}

void ctrd_known_digests(const struct ctrd_known *k, struct event_image *out)
{
	const char *const all[] = {k->manifest, k->config, k->target};

	out->n_digests = 0;
	out->way = k->way;
	for (size_t i = 0; i < COUNT_OF(all); i++) {
		struct span d = span_cstr(all[i]);
		bool again = false;

		for (size_t n = 0; n < out->n_digests; n++)
			again |= span_is(out->digests[n], d);
		if (d.n && !again)
			out->digests[out->n_digests++] = d;
	}
}
