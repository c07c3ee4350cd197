/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base_image.h"

#include "format/sha256.h"

/* What a chain is made of. The two kinds never meet: each begins with its own name. */
enum link_kind { LINK_BLOB, LINK_DIFF_ID };

static const char *const hows[] = {[LINK_BLOB] = "chain", [LINK_DIFF_ID] = "diff-id"};

/* As the ChainID of OCI's image-spec (config.md), but for how it begins. */
static void chain_begin(uint8_t chain[SHA256_BYTES], enum link_kind kind)
{
	sha256_of(span_cstr(hows[kind]), chain);
}

static void chain_add(uint8_t chain[SHA256_BYTES], const uint8_t link[SHA256_BYTES])
{
	uint8_t both[2 * SHA256_BYTES];

	memcpy(both, chain, SHA256_BYTES);
	memcpy(both + SHA256_BYTES, link, SHA256_BYTES);
	sha256_of(span_of(both, sizeof both), chain);
}

/* NULL: nobody computed it over the layer's bytes. */
static const uint8_t *link_of(const struct layer_result *l, enum link_kind kind)
{
	if (l->facts == NULL || l->facts->synthetic || l->diff_wrong)
		return NULL;
	if (kind == LINK_BLOB)
		return l->facts->blob_sha256;
	return l->facts->has_diff ? l->facts->diff_sha256 : NULL;
}

static void find_by_chain(struct inventory *inv, const struct source *s,
			  const struct layer_result *layers, struct cache *cache,
			  enum link_kind kind)
{
	/* A layout's or an archive's tag alone would name nothing. */
	bool named = span_chr(s->name, '/') != SIZE_MAX;
	struct cached_base found,
	    self = {.name = named ? s->name : s->ref, .digest = s->manifest_digest};
	uint8_t chain[SHA256_BYTES];
	bool looking = !inv->base.known;

	chain_begin(chain, kind);
	for (size_t i = 0; i < s->n_layers; i++) {
		const uint8_t *link = link_of(&layers[i], kind);

		if (link == NULL)
			return;
		chain_add(chain, link);
		if (i + 1 == s->n_layers)
			cache_base_put(cache, chain, &self);
		else if (looking && cache_base_get(cache, chain, &inv->arena, &found))
			inv->base = (struct base_image){.known = true,
							.name = found.name,
							.digest = found.digest,
							.how = hows[kind],
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
	find_by_chain(inv, s, layers, cache, LINK_BLOB);
	find_by_chain(inv, s, layers, cache, LINK_DIFF_ID);
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
