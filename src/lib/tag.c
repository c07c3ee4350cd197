/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/tag.h"

#include "base/limits.h"
#include "base/strbuf.h"
#include "lib/client.h"
#include "oci/digest.h"
#include "oci/manifest.h"

struct resolving {
	struct client *client;
	struct arena *a;
	struct tag_answer *out;
};

struct span tag_host(struct span ref, struct arena *a)
{
	struct reference r;

	return reference_parse(ref, a, &r, NULL) == RMG_OK ? r.host : (struct span){0};
}

static bool is_among(const struct span *list, size_t n, struct span s)
{
	for (size_t i = 0; i < n; i++)
		if (span_is(list[i], s))
			return true;
	return false;
}

static bool add(struct event_image *image, struct span digest)
{
	if (is_among(image->digests, image->n_digests, digest))
		return true;
	if (image->n_digests == EVENT_DIGESTS)
		return false;
	image->digests[image->n_digests++] = digest;
	return true;
}

static enum rmg_rc collect(void *user, struct span bytes, struct rmg_err *err)
{
	struct strbuf *b = user;

	strbuf_put(b, bytes);
	return strbuf_rc(b) == RMG_OK ? RMG_OK
				      : err_set(err, strbuf_rc(b), "too much for a document");
}

/* Of a manifest alone nobody says the platform but its configuration. */
static enum rmg_rc read_platform(struct resolving *r, const struct descriptor *d,
				 struct platform *out, struct rmg_err *err)
{
	struct source_layer blob = {.digest = d->digest, .size_bytes = d->size_bytes};
	struct strbuf body = strbuf_of(LIMIT_MANIFEST_BYTES);
	struct oci_config config;
	enum rmg_rc rc = client_blob(r->client, &blob, collect, &body, err);

	if (rc == RMG_OK)
		rc = digest_check(d->digest, strbuf_span(&body), "a configuration", err);
	if (rc == RMG_OK)
		rc = oci_config_parse(strbuf_span(&body), r->a, &config, err);
	if (rc == RMG_OK)
		*out = config.platform;
	strbuf_done(&body);
	return rc;
}

static enum rmg_rc read_image(struct resolving *r, const struct manifest *m, struct platform *p,
			      struct rmg_err *err)
{
	enum rmg_rc rc = p->os.n ? RMG_OK : read_platform(r, &m->config, p, err);

	if (rc == RMG_OK && m->kind == MANIFEST_IMAGE && p->os.n)
		(void)add(&r->out->image, m->config.digest);
	return rc;
}

/* This machine's platform, or the first that there is. */
static const struct descriptor *choose(const struct manifest *index)
{
	const struct descriptor *d = NULL;

	if (manifest_select(index, platform_host(), true, &d, NULL) == RMG_OK)
		return d;
	for (size_t i = 0; i < index->n_children; i++)
		if (descriptor_is_image(&index->children[i]))
			return &index->children[i];
	return NULL;
}

/* An index that has more than can be told is told by its digest alone. */
static enum rmg_rc read_index(struct resolving *r, const struct manifest *index, struct platform *p,
			      struct rmg_err *err)
{
	const struct descriptor *d = choose(index);
	struct client_document doc;
	struct manifest m;
	bool whole = true;
	enum rmg_rc rc;

	if (d == NULL || descriptor_is_index(d))
		return RMG_OK;
	*p = d->platform;
	rc = client_manifest(r->client, d->digest, r->a, &doc, err);
	if (rc == RMG_OK)
		rc = manifest_parse(doc.bytes, doc.media_type, r->a, &m, err);
	if (rc == RMG_OK)
		rc = read_image(r, &m, p, err);
	if (rc != RMG_OK || r->out->image.n_digests < 2)
		return rc;
	whole = add(&r->out->image, d->digest);
	for (size_t i = 0; whole && i < index->n_children; i++) {
		whole = !descriptor_is_index(&index->children[i]);
		if (whole && descriptor_is_image(&index->children[i]))
			whole = add(&r->out->image, index->children[i].digest);
	}
	if (!whole)
		r->out->image.n_digests = 1;
	return RMG_OK;
}

static enum rmg_rc read_document(struct resolving *r, const struct client_document *doc,
				 struct rmg_err *err)
{
	struct platform p = {0};
	struct manifest m;
	enum rmg_rc rc = manifest_parse(doc->bytes, doc->media_type, r->a, &m, err);

	if (rc == RMG_OK)
		rc = m.kind == MANIFEST_INDEX ? read_index(r, &m, &p, err)
					      : read_image(r, &m, &p, err);
	if (rc == RMG_OK && r->out->image.n_digests > 1)
		r->out->image.platform =
		    span_cstr(platform_text(platform_normal(p), r->out->platform));
	return rc;
}

static enum rmg_rc ask(struct resolving *r, const struct reference *ref, const struct span *known,
		       size_t n_known, struct rmg_err *err)
{
	struct client_tag tag;
	struct client_document doc;
	enum rmg_rc rc = client_tag(r->client, ref->tag, r->a, &tag, err);

	r->out->limit = tag.limit;
	r->out->retry_s = tag.retry_s;
	r->out->gone = tag.gone;
	r->out->busy = tag.status == 0 || tag.status == 429 || tag.status >= 500;
	if (rc == RMG_OK && tag.digest.n)
		(void)add(&r->out->image, tag.digest);
	if (rc != RMG_OK || (tag.digest.n && is_among(known, n_known, tag.digest)))
		return rc;
	rc = client_manifest(r->client, tag.digest.n ? tag.digest : ref->tag, r->a, &doc, err);
	if (rc == RMG_OK)
		(void)add(&r->out->image, doc.digest);
	return rc == RMG_OK ? read_document(r, &doc, err) : rc;
}

enum rmg_rc tag_resolve(const struct rmg_opts *opts, struct span ref, const struct span *known,
			size_t n_known, struct arena *a, struct tag_answer *out,
			struct rmg_err *err)
{
	struct resolving r = {.a = a, .out = out};
	struct reference parsed;
	enum rmg_rc rc = reference_parse(ref, a, &parsed, err);

	*out = (struct tag_answer){.image.ref = ref};
	if (rc == RMG_OK && (parsed.tag.n == 0 || parsed.digest.n))
		rc = err_set(err, RMG_E_ARG, SPAN_FMT " names no tag", SPAN_ARG(ref));
	if (rc == RMG_OK)
		rc = client_new(opts, &parsed, &r.client, err);
	if (rc == RMG_OK)
		rc = ask(&r, &parsed, known, n_known, err);
	client_free(r.client);
	if (rc == RMG_OK && arena_rc(a) != RMG_OK)
		rc = err_set(err, arena_rc(a), "no memory for a tag");
	return rc;
}
