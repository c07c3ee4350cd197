/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base_image.h"

#include "format/sha256.h"

/* ChainID as OCI image-spec config.md defines it, over whatever digests are given. */
static void chain_next(uint8_t chain[32], bool first, const uint8_t link[32])
{
	uint8_t both[64];

	if (first) {
		memcpy(chain, link, 32);
		return;
	}
	memcpy(both, chain, 32);
	memcpy(both + 32, link, 32);
	sha256_of(span_of(both, sizeof both), chain);
}

/* Diff_ids do not depend on the compression, so they come first; blob digests stand in where
 * diff_ids were not computed. */
static const uint8_t *link_of(const struct layer_result *l, bool diff)
{
	if (l->facts == NULL || l->facts->synthetic || l->diff_wrong ||
	    (diff && !l->facts->has_diff))
		return NULL;
	return diff ? l->facts->diff_sha256 : l->facts->blob_sha256;
}

static void find_by_chain(struct inventory *inv, const struct source *s,
			  const struct layer_result *layers, struct cache *cache, bool diff)
{
	/* A layout's or an archive's tag alone would name nothing. */
	bool named = span_chr(s->name, '/') != SIZE_MAX;
	struct cached_base self = {.name = named ? s->name : s->ref, .digest = s->manifest_digest};
	struct cached_base found;
	uint8_t chain[32];

	for (size_t i = 0; i < s->n_layers; i++) {
		const uint8_t *link = link_of(&layers[i], diff);

		if (link == NULL)
			return;
		chain_next(chain, i == 0, link);
		if (i + 1 == s->n_layers)
			cache_base_put(cache, chain, &self);
		else if (i + 1 > inv->base.layers &&
			 cache_base_get(cache, chain, &inv->arena, &found))
			inv->base = (struct base_image){.known = true,
							.name = found.name,
							.digest = found.digest,
							.how = "chain",
							.layers = (uint32_t)i + 1};
	}
}

static struct span said(const struct source *s, const char *key)
{
	struct span value = oci_pair_find(s->annotations, s->n_annotations, key);

	return value.n ? value : oci_pair_find(s->config.labels, s->config.n_labels, key);
}

static void find_by_annotation(struct inventory *inv, const struct source *s)
{
	struct span name = said(s, "org.opencontainers.image.base.name");
	struct span digest = said(s, "org.opencontainers.image.base.digest");
	struct span annotated =
	    oci_pair_find(s->annotations, s->n_annotations, "org.opencontainers.image.base.name");

	if (name.n == 0)
		return;
	inv->base = (struct base_image){.known = true,
					.name = arena_dup(&inv->arena, name),
					.digest = arena_dup(&inv->arena, digest),
					.how = annotated.n ? "annotation" : "label"};
}

/* Steps that bring the packages of what is there already up to date. */
static bool is_patch(struct span step)
{
	static const char *const verbs[] = {
	    "apt-get upgrade",
	    "apt-get -y upgrade",
	    "apt-get dist-upgrade",
	    "apt upgrade",
	    "apt-get -y dist-upgrade",
	    "apt-get upgrade -y",
	    "apk upgrade",
	    "apk -U upgrade",
	    "apk --no-cache upgrade",
	    "yum update",
	    "yum -y update",
	    "dnf upgrade",
	    "dnf -y upgrade",
	    "dnf update",
	    "dnf -y update",
	    "microdnf update",
	    "microdnf upgrade",
	    "tdnf update",
	    "tdnf upgrade",
	    "zypper patch",
	    "zypper update",
	    "zypper up",
	};

	for (size_t i = 0; i < COUNT_OF(verbs); i++)
		if (span_has(step, span_cstr(verbs[i])))
			return true;
	return false;
}

void base_image_find(struct inventory *inv, const struct source *s,
		     const struct layer_result *layers, struct cache *cache)
{
	find_by_chain(inv, s, layers, cache, true);
	find_by_chain(inv, s, layers, cache, false);
	if (!inv->base.known)
		find_by_annotation(inv, s);
	for (size_t i = 0; i < inv->n_layers; i++) {
		struct layer *l = &inv->layers[i];

		if (i < inv->base.layers)
			l->origin = ORIGIN_BASE;
		else if (is_patch(l->created_by))
			l->origin = ORIGIN_PATCH;
		else
			l->origin = inv->base.layers ? ORIGIN_APP : ORIGIN_UNKNOWN;
	}
}
