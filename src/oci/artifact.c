/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/artifact.h"

#include "base/limits.h"
#include "base/rfc3339.h"
#include "format/jsonw.h"
#include "oci/digest.h"
#include "oci/manifest.h"

#define KEY "vnd.rummage.db."
#define CREATED "org.opencontainers.image.created"

static bool is_sha256(struct span digest)
{
	uint8_t sum[32];

	return digest_sha256(digest, sum);
}

static struct span said(const struct manifest *m, const char *key)
{
	return oci_pair_find(m->annotations, m->n_annotations, key);
}

static bool number(const struct manifest *m, const char *key, uint64_t *out)
{
	return span_u64(said(m, key), 10, UINT64_MAX - 1, out);
}

static enum rmg_rc other_thing(const struct manifest *m, struct rmg_err *err)
{
	if (m->kind == MANIFEST_INDEX)
		return err_set(err, RMG_E_FORMAT, "an index of images, no advisory database");
	if (m->kind == MANIFEST_IMAGE)
		return err_set(err, RMG_E_FORMAT, "an image, no advisory database");
	return err_set(
	    err, RMG_E_FORMAT, "an artifact of type '" SPAN_FMT "', no advisory database",
	    SPAN_ARG(span_head(m->artifact_type.n ? m->artifact_type : m->config.media_type, 100)));
}

static void take_patch(const struct descriptor *d, struct artifact *out)
{
	struct artifact_patch p = {
	    .digest = d->digest,
	    .from = oci_pair_find(d->annotations, d->n_annotations, KEY "from"),
	    .to = oci_pair_find(d->annotations, d->n_annotations, KEY "to"),
	    .size_bytes = d->size_bytes,
	};

	if (out->n_patches < ARTIFACT_PATCHES && is_sha256(p.digest) && is_sha256(p.from) &&
	    is_sha256(p.to) && p.size_bytes <= LIMIT_DB_PACKED_BYTES)
		out->patches[out->n_patches++] = p;
}

static enum rmg_rc take_layers(const struct manifest *m, struct artifact *out, struct rmg_err *err)
{
	for (size_t i = 0; i < m->n_children; i++) {
		const struct descriptor *d = &m->children[i];

		if (span_is(d->media_type, S(ARTIFACT_PATCH)))
			take_patch(d, out);
		if (!span_is(d->media_type, S(ARTIFACT_WHOLE)))
			continue;
		if (out->digest.n || !is_sha256(d->digest))
			return err_set(err, RMG_E_FORMAT,
				       out->digest.n ? "it has two whole databases"
						     : "its digest cannot be checked");
		out->digest = d->digest;
		out->size_bytes = d->size_bytes;
	}
	if (out->digest.n == 0)
		return err_set(err, RMG_E_FORMAT, "no layer is the whole database");
	return RMG_OK;
}

static enum rmg_rc take_annotations(const struct manifest *m, struct artifact *out,
				    struct rmg_err *err)
{
	int64_t ms;

	out->database = said(m, KEY "digest");
	out->built = said(m, CREATED);
	if (!is_sha256(out->database) || !rfc3339_parse(out->built, &ms) ||
	    !number(m, KEY "format", &out->format) || !number(m, KEY "bytes", &out->bytes) ||
	    !number(m, KEY "advisories", &out->advisories) ||
	    !number(m, KEY "packages", &out->packages))
		return err_set(err, RMG_E_FORMAT,
			       "the manifest of an advisory database without what it has to say");
	return RMG_OK;
}

enum rmg_rc artifact_parse(struct span bytes, struct span media_type, struct arena *arena,
			   struct artifact *out, struct rmg_err *err)
{
	struct artifact a = {0};
	struct manifest m;
	enum rmg_rc rc = manifest_parse(bytes, media_type, arena, &m, err);

	if (rc != RMG_OK)
		return rc;
	if (m.kind != MANIFEST_ARTIFACT || !span_is(m.artifact_type, S(ARTIFACT_TYPE)))
		return other_thing(&m, err);
	rc = take_annotations(&m, &a, err);
	if (rc == RMG_OK)
		rc = take_layers(&m, &a, err);
	if (rc != RMG_OK)
		return rc;
	if (a.bytes > LIMIT_DB_FILE_BYTES || a.size_bytes > LIMIT_DB_PACKED_BYTES)
		return err_set(err, RMG_E_LIMIT,
			       "the advisory database is larger than what is taken: %llu bytes, "
			       "packed %llu",
			       (unsigned long long)a.bytes, (unsigned long long)a.size_bytes);
	*out = a;
	return RMG_OK;
}

static void put_number(struct jsonw *w, const char *key, uint64_t n)
{
	char text[24];

	snprintf(text, sizeof text, "%llu", (unsigned long long)n);
	jsonw_put_cstr(w, key, text);
}

/* The descriptor stays open. */
static void put_blob(struct jsonw *w, struct span type, struct span digest, uint64_t size)
{
	jsonw_object(w);
	jsonw_put(w, "mediaType", type);
	jsonw_put(w, "digest", digest);
	jsonw_put_u64(w, "size", size);
}

static void put_layers(struct jsonw *w, const struct artifact *a)
{
	jsonw_key(w, "layers");
	jsonw_array(w);
	put_blob(w, S(ARTIFACT_WHOLE), a->digest, a->size_bytes);
	jsonw_key(w, "annotations");
	jsonw_object(w);
	jsonw_put_cstr(w, "org.opencontainers.image.title", "advisories.db.zst");
	jsonw_object_end(w);
	jsonw_object_end(w);
	for (size_t i = 0; i < a->n_patches; i++) {
		const struct artifact_patch *p = &a->patches[i];

		put_blob(w, S(ARTIFACT_PATCH), p->digest, p->size_bytes);
		jsonw_key(w, "annotations");
		jsonw_object(w);
		jsonw_put(w, KEY "from", p->from);
		jsonw_put(w, KEY "to", p->to);
		jsonw_object_end(w);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

void artifact_write(const struct artifact *a, struct strbuf *out)
{
	struct jsonw w = jsonw_of(out);

	jsonw_object(&w);
	jsonw_put_u64(&w, "schemaVersion", 2);
	jsonw_put_cstr(&w, "mediaType", ARTIFACT_MANIFEST);
	jsonw_put_cstr(&w, "artifactType", ARTIFACT_TYPE);
	jsonw_key(&w, "config");
	put_blob(&w, S("application/vnd.oci.empty.v1+json"), S(ARTIFACT_EMPTY_DIGEST),
		 strlen(ARTIFACT_EMPTY));
	jsonw_object_end(&w);
	put_layers(&w, a);
	jsonw_key(&w, "annotations");
	jsonw_object(&w);
	jsonw_put(&w, CREATED, a->built);
	jsonw_put(&w, KEY "digest", a->database);
	put_number(&w, KEY "format", a->format);
	put_number(&w, KEY "bytes", a->bytes);
	put_number(&w, KEY "advisories", a->advisories);
	put_number(&w, KEY "packages", a->packages);
	jsonw_object_end(&w);
	jsonw_object_end(&w);
}

static const struct artifact_patch *patch_from(const struct artifact *a, struct span from)
{
	for (size_t i = 0; i < a->n_patches; i++)
		if (span_is(a->patches[i].from, from))
			return &a->patches[i];
	return NULL;
}

size_t artifact_way(const struct artifact *a, struct span from,
		    const struct artifact_patch *out[ARTIFACT_PATCHES])
{
	uint64_t bytes = 0;
	size_t n = 0;

	while (!span_is(from, a->database)) {
		const struct artifact_patch *p = patch_from(a, from);

		if (p == NULL || n == a->n_patches) /* in a circle */
			return 0;
		out[n++] = p;
		bytes += p->size_bytes;
		from = p->to;
	}
	return bytes < a->size_bytes ? n : 0;
}
