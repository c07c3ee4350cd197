/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/ctrd_find.h"

#include <stdio.h>

#include "base/env.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "oci/digest.h"
#include "oci/reference.h"

struct finding {
	struct source *s;
	struct ctrd *c;
	struct span name; /* what is looked for, without its namespace */
	bool digest;
	struct ctrd_found *out;
};

enum rmg_rc ctrd_find_document(struct source *s, struct ctrd *c, struct span ns, struct span digest,
			       struct span *out, struct rmg_err *err)
{
	return ctrd_document(c, ns, digest, LIMIT_MANIFEST_BYTES, &s->arena, out, err);
}

/* RMG_E_NOTFOUND here only means: look elsewhere. */
static enum rmg_rc miss(void)
{
	return RMG_E_NOTFOUND;
}

static void take_image(struct finding *f, struct span ns, const struct ctrd_image *image)
{
	*f->out = (struct ctrd_found){.ns = ns,
				      .name = image->name,
				      .descriptor = {.media_type = image->media_type,
						     .digest = image->digest,
						     .size_bytes = image->size_bytes}};
}

static enum rmg_rc by_name(struct finding *f, struct span ns, struct rmg_err *err)
{
	struct reference r;
	struct ctrd_image image;
	enum rmg_rc rc = ctrd_image(f->c, ns, f->name, &f->s->arena, &image, err);

	/* "busybox" is how people write docker.io/library/busybox:latest. */
	if (rc == RMG_E_NOTFOUND && reference_parse(f->name, &f->s->arena, &r, NULL) == RMG_OK)
		rc = ctrd_image(f->c, ns, reference_text(&r, &f->s->arena), &f->s->arena, &image,
				err);
	if (rc == RMG_OK)
		take_image(f, ns, &image);
	return rc;
}

/* Whether a configuration is an image's; what cannot be read is none of it. */
static bool has_config(struct finding *f, struct span ns, struct span digest, struct span type,
		       unsigned depth)
{
	struct span bytes;
	struct manifest m;

	if (depth > LIMIT_INDEX_DEPTH ||
	    ctrd_find_document(f->s, f->c, ns, digest, &bytes, NULL) != RMG_OK ||
	    manifest_parse(bytes, type, &f->s->arena, &m, NULL) != RMG_OK)
		return false;
	if (m.kind == MANIFEST_IMAGE)
		return span_is(m.config.digest, f->name);
	for (size_t i = 0; m.kind == MANIFEST_INDEX && i < m.n_children; i++)
		if (has_config(f, ns, m.children[i].digest, m.children[i].media_type, depth + 1))
			return true;
	return false;
}

/* The CRI names an image by its configuration as well, so that few have to be read. */
static enum rmg_rc by_digest(struct finding *f, struct span ns, struct rmg_err *err)
{
	struct ctrd_image *images = NULL;
	size_t n = 0;
	enum rmg_rc rc = ctrd_images(f->c, ns, &f->s->arena, &images, &n, err);

	if (rc != RMG_OK)
		return rc;
	for (int way = 0; way < 2; way++)
		for (size_t i = 0; i < n; i++) {
			bool hit =
			    way == 0 ? span_is(images[i].digest, f->name) ||
					   span_is(images[i].name, f->name)
				     : has_config(f, ns, images[i].digest, images[i].media_type, 0);

			if (!hit)
				continue;
			take_image(f, ns, &images[i]);
			/* A name that somebody gave says more. */
			for (size_t k = 0; k < n; k++)
				if (span_is(images[k].digest, images[i].digest) &&
				    !span_starts(images[k].name, S("sha256:")))
					take_image(f, ns, &images[k]);
			return RMG_OK;
		}
	return miss();
}

/* A manifest of an index, say. */
static enum rmg_rc by_content(struct finding *f, struct span ns, struct rmg_err *err)
{
	struct span bytes;
	struct manifest m;
	enum rmg_rc rc = ctrd_find_document(f->s, f->c, ns, f->name, &bytes, err);

	if (rc == RMG_E_LIMIT ||
	    (rc == RMG_OK && manifest_parse(bytes, S(""), &f->s->arena, &m, NULL) != RMG_OK))
		return miss();
	if (rc == RMG_OK)
		*f->out = (struct ctrd_found){.ns = ns,
					      .descriptor = {.media_type = m.media_type,
							     .digest = f->name,
							     .size_bytes = bytes.n}};
	return rc;
}

static enum rmg_rc by_snapshot(struct finding *f, struct span ns, struct rmg_err *err)
{
	struct span parent;
	enum rmg_rc rc =
	    ctrd_snapshot_parent(f->c, ns, S("overlayfs"), f->name, &f->s->arena, &parent, err);

	if (rc == RMG_OK)
		*f->out = (struct ctrd_found){.ns = ns, .chain = f->name};
	return rc;
}

static enum rmg_rc in_namespace(struct finding *f, struct span ns, struct rmg_err *err)
{
	static enum rmg_rc (*const ways[])(struct finding *, struct span, struct rmg_err *) = {
	    by_digest,
	    by_content,
	    by_snapshot,
	};
	enum rmg_rc rc = RMG_E_NOTFOUND;

	if (!f->digest)
		return by_name(f, ns, err);
	for (size_t i = 0; rc == RMG_E_NOTFOUND && i < COUNT_OF(ways); i++)
		rc = ways[i](f, ns, err);
	return rc;
}

static bool has(const struct span *list, size_t n, struct span s)
{
	for (size_t i = 0; i < n; i++)
		if (span_is(list[i], s))
			return true;
	return false;
}

/* People's own first, then Kubernetes', then whatever there is. */
static enum rmg_rc in_all(struct finding *f, const struct span *all, size_t n, struct rmg_err *err)
{
	static const char *const first[] = {"default", "k8s.io"};
	enum rmg_rc rc = RMG_E_NOTFOUND;

	for (size_t i = 0; rc == RMG_E_NOTFOUND && i < COUNT_OF(first); i++)
		if (has(all, n, span_cstr(first[i])))
			rc = in_namespace(f, span_cstr(first[i]), err);
	for (size_t i = 0; rc == RMG_E_NOTFOUND && i < n; i++)
		if (!span_is(all[i], S("default")) && !span_is(all[i], S("k8s.io")))
			rc = in_namespace(f, all[i], err);
	return rc;
}

static enum rmg_rc not_found(const struct finding *f, const struct span *all, size_t n,
			     struct rmg_err *err)
{
	struct strbuf list = strbuf_of(200);
	enum rmg_rc rc;

	for (size_t i = 0; i < n; i++) {
		strbuf_puts(&list, i ? ", " : "");
		strbuf_put(&list, all[i]);
	}
	rc = err_set(err, RMG_E_NOTFOUND,
		     "containerd has no image '" SPAN_FMT
		     "' in its namespaces (%s): pull it first, or let it be read from its registry "
		     "with registry:NAME",
		     SPAN_ARG(f->name), n ? strbuf_cstr(&list) : "there are none");
	strbuf_done(&list);
	return rc;
}

enum rmg_rc ctrd_find(struct source *s, struct ctrd *c, const char *reference,
		      struct ctrd_found *out, struct rmg_err *err)
{
	struct finding f = {.s = s, .c = c, .name = span_cstr(reference), .out = out};
	const char *only = env_get("CONTAINERD_NAMESPACE"); /* as ctr and nerdctl have it */
	struct span *all = NULL, ns, rest;
	uint8_t sha256[32];
	size_t n = 0;
	enum rmg_rc rc = ctrd_namespaces(c, &s->arena, &all, &n, err);

	if (rc != RMG_OK)
		return rc;
	if (span_cut(f.name, '/', &ns, &rest) && has(all, n, ns)) {
		f.name = rest;
		all = ARENA_NEW(&s->arena, struct span);
		if (all == NULL)
			return err_set(err, arena_rc(&s->arena), "no memory for a name");
		all[0] = ns;
		n = 1;
		only = NULL;
	}
	f.digest = digest_sha256(f.name, sha256);
	if (only)
		rc = in_namespace(&f, span_cstr(only), err);
	else
		rc = in_all(&f, all, n, err);
	return rc == RMG_E_NOTFOUND ? not_found(&f, all, n, err) : rc;
}
