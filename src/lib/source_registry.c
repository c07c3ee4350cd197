/* SPDX-License-Identifier: Apache-2.0 */
/* source_registry.c - registry:HOST/REPOSITORY[:TAG][@DIGEST], by the distribution API. */
#include "base/limits.h"
#include "base/strbuf.h"
#include "format/sha256.h"
#include "lib/client.h"
#include "lib/partial.h"
#include "lib/source_image.h"
#include "oci/digest.h"
#include "oci/reference.h"

struct registry {
	struct source source;
	struct client *client;
};

static struct registry *registry_of(struct source *s)
{
	return (struct registry *)s;
}

static enum rmg_rc collect(void *user, struct span bytes, struct rmg_err *err)
{
	struct strbuf *b = user;

	strbuf_put(b, bytes);
	return strbuf_rc(b) == RMG_OK ? RMG_OK
				      : err_set(err, strbuf_rc(b), "too much for a document");
}

static enum rmg_rc fetch(struct source *s, const struct descriptor *d, bool manifest,
			 struct span *out, struct rmg_err *err)
{
	struct client *client = registry_of(s)->client;
	struct source_layer blob = {.digest = d->digest, .size_bytes = d->size_bytes};
	struct strbuf body = strbuf_of(LIMIT_MANIFEST_BYTES);
	struct client_document doc;
	enum rmg_rc rc;

	if (manifest) {
		rc = client_manifest(client, d->digest, &s->arena, &doc, err);
		if (rc == RMG_OK)
			*out = doc.bytes;
		return rc;
	}
	rc = client_blob(client, &blob, collect, &body, err);
	if (rc == RMG_OK)
		*out = arena_dup(&s->arena, strbuf_span(&body));
	strbuf_done(&body);
	return rc;
}

static void find_partial(struct source *s)
{
	for (size_t i = 0; s->env.opts->partial && i < s->n_layers; i++) {
		struct source_layer *l = &s->layers[i];

		l->synthetic =
		    toc_locate(l->annotations, l->n_annotations, l->size_bytes).kind != TOC_NONE;
	}
}

static enum rmg_rc open_image(struct source *s, const char *rest, struct rmg_err *err)
{
	struct registry *r = registry_of(s);
	struct reference ref;
	struct client_document doc;
	enum rmg_rc rc = reference_parse(span_cstr(rest), &s->arena, &ref, err);

	if (rc != RMG_OK)
		return rc;
	s->name = reference_text(&ref, &s->arena);
	s->ref = ARENA_JOIN(&s->arena, S("registry:"), s->name);
	rc = client_new(s->env.opts, &ref, &r->client, err);
	if (rc == RMG_OK)
		rc = client_manifest(r->client, ref.digest.n ? ref.digest : ref.tag, &s->arena,
				     &doc, err);
	if (rc == RMG_OK)
		rc = source_resolve(s, doc.bytes, doc.media_type, doc.digest, fetch, err);
	if (rc == RMG_OK)
		find_partial(s);
	return rc;
}

/* Hashes what passes: nobody else checks a layer that was to be read in parts. */
struct checked {
	source_sink *sink;
	void *user;
	struct sha256 *sha;
};

static enum rmg_rc pass(void *user, struct span bytes, struct rmg_err *err)
{
	struct checked *c = user;

	sha256_put(c->sha, bytes);
	return c->sink(c->user, bytes, err);
}

static enum rmg_rc read_checked(struct source *s, size_t i, source_sink *sink, void *user,
				struct rmg_err *err)
{
	const struct source_layer *l = &s->layers[i];
	struct checked c = {.sink = sink, .user = user, .sha = sha256_new()};
	uint8_t want[SHA256_BYTES], have[SHA256_BYTES];
	enum rmg_rc rc;

	if (c.sha == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a hash");
	rc = client_blob(registry_of(s)->client, l, pass, &c, err);
	sha256_end(c.sha, have);
	sha256_free(c.sha);
	if (rc == RMG_OK &&
	    (!digest_sha256(l->digest, want) || memcmp(want, have, sizeof want) != 0))
		rc = err_set(err, RMG_E_FORMAT,
			     "its bytes do not have the digest that names it: wrong or incomplete");
	return rc;
}

static enum rmg_rc read_layer(struct source *s, size_t i, source_sink *sink, void *user,
			      struct rmg_err *err)
{
	struct client *client = registry_of(s)->client;
	enum rmg_rc rc;

	if (!s->layers[i].synthetic)
		return client_blob(client, &s->layers[i], sink, user, err);
	rc = partial_read(s, client, i, sink, user, err);
	if (rc != RMG_E_UNSUPPORTED)
		return rc;
	source_note(s, NOTE_INFO, "partial-whole", S(""), "layer " SPAN_FMT " was read whole: %s",
		    SPAN_ARG(span_head(s->layers[i].digest, 19)),
		    err ? err->msg : "it has no parts");
	return read_checked(s, i, sink, user, err);
}

static void close_image(struct source *s)
{
	client_free(registry_of(s)->client);
}

const struct source_ops source_registry = {
    .scheme = "registry",
    .open = open_image,
    .read_layer = read_layer,
    .close = close_image,
    .bytes = sizeof(struct registry),
};
