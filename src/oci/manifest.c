/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/manifest.h"

#include "base/limits.h"
#include "format/json.h"
#include "oci/digest.h"
#include "oci/manifest_json.h"

#define OCI "application/vnd.oci.image."
#define DOCKER "application/vnd.docker."

struct span oci_pair_find(const struct oci_pair *pairs, size_t n, const char *key)
{
	struct span want = span_cstr(key);

	for (size_t i = 0; i < n; i++)
		if (span_is(pairs[i].key, want))
			return pairs[i].value;
	return (struct span){0};
}

static bool type_is_index(struct span type)
{
	return span_is(type, S(OCI "index.v1+json")) ||
	       span_is(type, S(DOCKER "distribution.manifest.list.v2+json"));
}

static bool type_is_manifest(struct span type)
{
	return span_is(type, S(OCI "manifest.v1+json")) ||
	       span_is(type, S(DOCKER "distribution.manifest.v2+json"));
}

static bool type_is_schema1(struct span type)
{
	return span_is(type, S(DOCKER "distribution.manifest.v1+json")) ||
	       span_is(type, S(DOCKER "distribution.manifest.v1+prettyjws"));
}

/* "type; charset=utf-8" without its parameters. */
static struct span type_bare(struct span type)
{
	struct span bare, rest;

	return span_trim(span_cut(type, ';', &bare, &rest) ? bare : type);
}

bool descriptor_is_index(const struct descriptor *d)
{
	return type_is_index(d->media_type);
}

/* BuildKit hangs what it says about an image beside it, with a platform of unknown/unknown. */
bool descriptor_is_image(const struct descriptor *d)
{
	struct span kind =
	    oci_pair_find(d->annotations, d->n_annotations, "vnd.docker.reference.type");

	if (kind.n || d->artifact_type.n)
		return false;
	if (span_is(d->platform.os, S("unknown")) || span_is(d->platform.arch, S("unknown")))
		return false;
	return type_is_index(d->media_type) || type_is_manifest(d->media_type);
}

bool layer_type_is_foreign(struct span type)
{
	return span_starts(type, S(OCI "layer.nondistributable.v1.tar")) ||
	       span_starts(type, S(DOCKER "image.rootfs.foreign.diff.tar"));
}

bool layer_type_is_tar(struct span type)
{
	return span_starts(type, S(OCI "layer.v1.tar")) || layer_type_is_foreign(type) ||
	       span_starts(type, S(DOCKER "image.rootfs.diff.tar"));
}

static enum rmg_rc read_urls(json *list, struct arena *arena, struct descriptor *out,
			     struct rmg_err *err)
{
	return oci_json_strings(list, 16, arena, &out->urls, &out->n_urls, err);
}

static enum rmg_rc read_descriptor(json *v, struct arena *arena, struct descriptor *out,
				   struct rmg_err *err)
{
	json *platform = json_get(v, "platform");
	enum rmg_rc rc;

	*out = (struct descriptor){
	    .media_type = arena_dup(arena, json_get_str(v, "mediaType")),
	    .digest = arena_dup(arena, json_get_str(v, "digest")),
	    .artifact_type = arena_dup(arena, json_get_str(v, "artifactType")),
	    .platform =
		{
		    .os = arena_dup(arena, json_get_str(platform, "os")),
		    .arch = arena_dup(arena, json_get_str(platform, "architecture")),
		    .variant = arena_dup(arena, json_get_str(platform, "variant")),
		},
	};
	if (!json_is_object(v) || !digest_valid(out->digest))
		return err_set(err, RMG_E_FORMAT,
			       "a descriptor without a valid digest: '" SPAN_FMT "'",
			       SPAN_ARG(out->digest));
	if (!json_get_u64(v, "size", &out->size_bytes))
		return err_set(err, RMG_E_FORMAT, "descriptor " SPAN_FMT " has no valid size",
			       SPAN_ARG(out->digest));
	rc = read_urls(json_get(v, "urls"), arena, out, err);
	if (rc != RMG_OK)
		return rc;
	return oci_json_pairs(json_get(v, "annotations"), arena, &out->annotations,
			      &out->n_annotations, err);
}

static enum rmg_rc read_children(json *list, size_t max, struct arena *arena, struct manifest *out,
				 struct rmg_err *err)
{
	struct json_iter it = json_iter(list);
	size_t n = json_len(list);

	if (n > max)
		return err_set(err, RMG_E_LIMIT, "%zu descriptors, and %zu are read at most", n,
			       max);
	out->children = ARENA_ARRAY(arena, n, struct descriptor);
	for (size_t i = 0; out->children && json_next(&it); i++) {
		enum rmg_rc rc = read_descriptor(it.value, arena, &out->children[i], err);

		if (rc != RMG_OK) {
			err_add(err, "descriptor %zu", i);
			return rc;
		}
		out->n_children = i + 1;
	}
	return RMG_OK;
}

static enum rmg_rc read_index(json *root, struct arena *arena, struct manifest *out,
			      struct rmg_err *err)
{
	out->kind = MANIFEST_INDEX;
	return read_children(json_get(root, "manifests"), LIMIT_LAYERS, arena, out, err);
}

/* Something that is no image has another type of configuration, or says so itself. */
static bool is_artifact(const struct manifest *m)
{
	struct span type = m->config.media_type;

	return m->artifact_type.n != 0 || !(span_is(type, S(OCI "config.v1+json")) ||
					    span_is(type, S(DOCKER "container.image.v1+json")));
}

static enum rmg_rc read_image(json *root, struct arena *arena, struct manifest *out,
			      struct rmg_err *err)
{
	enum rmg_rc rc = read_descriptor(json_get(root, "config"), arena, &out->config, err);

	if (rc != RMG_OK) {
		err_add(err, "configuration");
		return rc;
	}
	out->kind = is_artifact(out) ? MANIFEST_ARTIFACT : MANIFEST_IMAGE;
	return read_children(json_get(root, "layers"), LIMIT_LAYERS, arena, out, err);
}

/* One document must not be an index to one reader and a manifest to another (image-spec 1.0.2,
 * "Ambiguous documents"), nor contradict what the server calls it. */
static enum rmg_rc check_kind(json *root, struct span served, struct span own, struct rmg_err *err)
{
	bool index = json_get(root, "manifests") != NULL;
	bool image = json_get(root, "layers") != NULL || json_get(root, "config") != NULL;
	struct span type = own.n ? own : served;

	if (type_is_schema1(type) || json_get(root, "fsLayers"))
		return err_set(
		    err, RMG_E_UNSUPPORTED,
		    "the manifest is of Docker's schema 1, given up in 2017: push the image "
		    "again with a current tool");
	if (!json_is_object(root) || index == image)
		return err_set(err, RMG_E_FORMAT,
			       index ? "the document is an index and a manifest at once"
				     : "the document is neither an index nor a manifest");
	if ((index && type_is_manifest(type)) || (image && type_is_index(type)))
		return err_set(err, RMG_E_FORMAT,
			       "the document is not what its media type says: " SPAN_FMT,
			       SPAN_ARG(type));
	if (own.n && (type_is_index(served) || type_is_manifest(served)) && !span_is(served, own))
		return err_set(err, RMG_E_FORMAT,
			       "the document says it is " SPAN_FMT " but is served as " SPAN_FMT,
			       SPAN_ARG(own), SPAN_ARG(served));
	return RMG_OK;
}

static enum rmg_rc read_root(json *root, struct span served, struct arena *arena,
			     struct manifest *out, struct rmg_err *err)
{
	struct span own = json_get_str(root, "mediaType");
	enum rmg_rc rc = check_kind(root, type_bare(served), own, err);

	if (rc != RMG_OK)
		return rc;
	out->media_type = arena_dup(arena, own.n ? own : type_bare(served));
	out->artifact_type = arena_dup(arena, json_get_str(root, "artifactType"));
	rc = oci_json_pairs(json_get(root, "annotations"), arena, &out->annotations,
			    &out->n_annotations, err);
	if (rc != RMG_OK)
		return rc;
	return json_get(root, "manifests") ? read_index(root, arena, out, err)
					   : read_image(root, arena, out, err);
}

enum rmg_rc manifest_parse(struct span bytes, struct span media_type, struct arena *arena,
			   struct manifest *out, struct rmg_err *err)
{
	struct json_doc doc = {0};
	struct manifest m = {0};
	enum rmg_rc rc = json_parse(&doc, bytes, LIMIT_MANIFEST_BYTES, err);

	if (rc == RMG_OK)
		rc = read_root(doc.root, media_type, arena, &m, err);
	json_done(&doc);
	if (rc == RMG_OK && arena_rc(arena) != RMG_OK)
		rc = err_set(err, arena_rc(arena), "no memory for a manifest");
	if (rc == RMG_OK)
		*out = m;
	return rc;
}

/* What there is, for the message: "linux/amd64, linux/arm64". */
static void list_platforms(const struct manifest *index, char *buf, size_t size)
{
	size_t at = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < index->n_children && at + PLATFORM_TEXT + 3 < size; i++) {
		const struct descriptor *d = &index->children[i];
		char one[PLATFORM_TEXT];

		if (!descriptor_is_image(d))
			continue;
		platform_text(d->platform, one);
		at += (size_t)snprintf(buf + at, size - at, "%s%s", at ? ", " : "",
				       one[0] ? one : "(not said)");
	}
}

enum rmg_rc manifest_select(const struct manifest *index, struct platform want, bool any,
			    const struct descriptor **out, struct rmg_err *err)
{
	const struct descriptor *best = NULL, *only = NULL;
	int best_rank = 0;
	size_t images = 0;
	char have[300], asked[PLATFORM_TEXT];

	for (size_t i = 0; i < index->n_children; i++) {
		const struct descriptor *d = &index->children[i];
		int rank = platform_rank(want, d->platform);

		if (!descriptor_is_image(d))
			continue;
		images++;
		only = d;
		if (rank >= 0 && (best == NULL || rank < best_rank)) {
			best = d;
			best_rank = rank;
		}
	}
	/* One image that does not say what it is for, or the only one where nobody asked. */
	if (best == NULL && images == 1 && (any || only->platform.os.n == 0))
		best = only;
	if (best == NULL && images == 0)
		return err_set(err, RMG_E_NOTFOUND, "the index names no image");
	if (best == NULL) {
		list_platforms(index, have, sizeof have);
		return err_set(err, RMG_E_NOTFOUND,
			       "no image for %s; there is: %s (choose with --platform)",
			       platform_text(want, asked), have);
	}
	*out = best;
	return RMG_OK;
}
