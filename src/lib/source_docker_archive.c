/* SPDX-License-Identifier: Apache-2.0 */
/* source_docker_archive.c - docker-archive:FILE[:TAG]. manifest.json lists the images of the
 * archive: the member with each one's configuration, its names, and the members that are its
 * layers, uncompressed as docker and podman write them, or as they were in a registry (other
 * tools). The configuration's diff_ids are what can be checked then. */
#include "lib/source_docker_archive.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/strbuf.h"
#include "format/json.h"
#include "format/sha256.h"
#include "oci/digest.h"
#include "oci/reference.h"

static struct docker_archive *archive_of(struct source *s)
{
	return (struct docker_archive *)s;
}

static enum rmg_rc load(struct source *s, struct span name, struct span *out, struct rmg_err *err)
{
	struct archive *a = &archive_of(s)->layout.archive;
	const struct archive_member *m = archive_find(a, name);
	struct extent e;

	if (m == NULL)
		return err_set(err, RMG_E_FORMAT, SPAN_FMT " is not in the archive",
			       SPAN_ARG(name));
	e = (struct extent){.fd = a->fd, .offset = m->offset, .size_bytes = m->size_bytes};
	return extent_load(&e, LIMIT_MANIFEST_BYTES, &s->arena, out, err);
}

/* A name of the archive and one that is asked for: the same tag of the same repository, or, where
 * only a tag is asked for, that tag. */
static bool is_called(struct source *s, struct span name, struct span want)
{
	struct reference a, b;

	if (reference_parse(name, &s->arena, &a, NULL) != RMG_OK)
		return span_is(name, want);
	if (span_is(a.tag, want))
		return true;
	return reference_parse(want, &s->arena, &b, NULL) == RMG_OK && span_is(a.host, b.host) &&
	       span_is(a.repository, b.repository) && span_is(a.tag, b.tag);
}

static bool image_is_called(struct source *s, json *image, struct span want, struct span *name)
{
	struct json_iter it = json_iter(json_get(image, "RepoTags"));
	bool found = want.n == 0;

	while (json_next(&it)) {
		struct span one = json_str(it.value);

		if (want.n == 0 ? name->n == 0 : is_called(s, one, want)) {
			*name = arena_dup(&s->arena, one);
			found = true;
		}
	}
	return found;
}

static enum rmg_rc choose(struct source *s, json *list, struct span want, json **out,
			  struct rmg_err *err)
{
	struct json_iter it = json_iter(list);
	struct strbuf names = strbuf_of(300);
	json *found = NULL;
	size_t n = 0;
	enum rmg_rc rc = RMG_OK;

	while (json_next(&it)) {
		struct span name = {0};

		if (image_is_called(s, it.value, want, &name)) {
			found = it.value;
			s->name = name;
			n++;
		}
		name = json_str(json_at(json_get(it.value, "RepoTags"), 0));
		if (name.n)
			strbuf_printf(&names, "%s" SPAN_FMT, names.n ? ", " : "", SPAN_ARG(name));
	}
	if (n == 0)
		rc = err_set(err, RMG_E_NOTFOUND,
			     "the archive has no image%s" SPAN_FMT "; there is: %s",
			     want.n ? " called " : "", SPAN_ARG(want),
			     names.n ? strbuf_cstr(&names) : "none with a name");
	else if (n > 1)
		rc = err_set(err, RMG_E_ARG,
			     "the archive has %zu images: %s; name one after the path", n,
			     strbuf_cstr(&names));
	strbuf_done(&names);
	*out = found;
	return rc;
}

static enum rmg_rc take_config(struct source *s, struct span name, struct rmg_err *err)
{
	char digest[DIGEST_TEXT];
	uint8_t sum[32];
	struct span bytes = {0};
	enum rmg_rc rc = load(s, name, &bytes, err);

	if (rc != RMG_OK)
		return rc;
	sha256_of(bytes, sum);
	s->config_digest = arena_dup(&s->arena, span_cstr(digest_text(sum, digest)));
	return oci_config_parse(bytes, &s->arena, &s->config, err);
}

static enum rmg_rc take_layers(struct source *s, json *list, struct rmg_err *err)
{
	struct docker_archive *a = archive_of(s);
	struct json_iter it = json_iter(list);
	size_t n = json_len(list);

	if (!json_is_array(list) || n > LIMIT_LAYERS)
		return err_set(err, RMG_E_FORMAT,
			       "manifest.json: no list of layers, or more than %" PRIu64,
			       LIMIT_LAYERS);
	s->layers = ARENA_ARRAY(&s->arena, n, struct source_layer);
	a->layers = ARENA_ARRAY(&s->arena, n, const struct archive_member *);
	for (size_t i = 0; s->layers && a->layers && json_next(&it); i++) {
		a->layers[i] = archive_find(&a->layout.archive, json_str(it.value));
		if (a->layers[i] == NULL)
			return err_set(err, RMG_E_FORMAT,
				       "layer %zu, " SPAN_FMT ", is not in the archive", i,
				       SPAN_ARG(json_str(it.value)));
		s->layers[i] = (struct source_layer){
		    .media_type = S("application/vnd.docker.image.rootfs.diff.tar"),
		    .size_bytes = a->layers[i]->size_bytes,
		};
		s->n_layers = i + 1;
	}
	return RMG_OK;
}

static enum rmg_rc resolve_old(struct source *s, struct span want, struct rmg_err *err)
{
	struct json_doc doc = {0};
	struct span bytes;
	json *image = NULL;
	enum rmg_rc rc = load(s, S("manifest.json"), &bytes, err);

	if (rc == RMG_OK)
		rc = json_parse(&doc, bytes, LIMIT_MANIFEST_BYTES, err);
	if (rc == RMG_OK && !json_is_array(doc.root))
		rc = err_set(err, RMG_E_FORMAT, "manifest.json is no list of images");
	if (rc == RMG_OK)
		rc = choose(s, doc.root, want, &image, err);
	if (rc == RMG_OK)
		rc = take_config(s, json_get_str(image, "Config"), err);
	if (rc == RMG_OK)
		rc = take_layers(s, json_get(image, "Layers"), err);
	json_done(&doc);
	return rc == RMG_OK ? source_finish(s, err) : rc;
}

enum rmg_rc docker_archive_resolve(struct source *s, struct span want, bool prefer_layout,
				   struct rmg_err *err)
{
	struct docker_archive *a = archive_of(s);
	bool old = archive_find(&a->layout.archive, S("manifest.json")) != NULL;
	bool layout = archive_find(&a->layout.archive, S("index.json")) != NULL;

	a->as_layout = layout && (prefer_layout || !old);
	if (!old && !layout)
		return err_set(err, RMG_E_FORMAT,
			       "no image is in it: neither manifest.json nor index.json");
	return a->as_layout ? layout_resolve(s, want, err) : resolve_old(s, want, err);
}

enum rmg_rc docker_archive_read(struct source *s, size_t i, source_sink *sink, void *user,
				struct rmg_err *err)
{
	struct docker_archive *a = archive_of(s);
	struct extent e = {.fd = a->layout.archive.fd};

	if (a->as_layout)
		return layout_read(s, i, sink, user, err);
	e.offset = a->layers[i]->offset;
	e.size_bytes = a->layers[i]->size_bytes;
	return extent_read(&e, s, sink, user, err);
}

static enum rmg_rc open_file(struct source *s, const char *rest, struct rmg_err *err)
{
	struct span want;
	enum rmg_rc rc = layout_open_archive(s, rest, &want, err);

	return rc == RMG_OK ? docker_archive_resolve(s, want, false, err) : rc;
}

const struct source_ops source_docker_archive = {
    .scheme = "docker-archive",
    .open = open_file,
    .read_layer = docker_archive_read,
    .close = layout_close,
    .bytes = sizeof(struct docker_archive),
};

/* A bare path: an archive of either kind, whose kind becomes the source's. */
static enum rmg_rc open_any(struct source *s, const char *rest, struct rmg_err *err)
{
	struct docker_archive *a = archive_of(s);
	const struct archive *in = &a->layout.archive;
	enum rmg_rc rc;

	layout_begin(s);
	rc = archive_open(rest, s->env.opts, &s->arena, &a->layout.archive, err);
	if (rc != RMG_OK)
		return rc;
	a->as_layout = archive_find(in, S("oci-layout")) && archive_find(in, S("index.json"));
	s->kind = a->as_layout ? S("oci-archive") : S("docker-archive");
	return docker_archive_resolve(s, S(""), a->as_layout, err);
}

const struct source_ops source_any_archive = {
    .scheme = "archive",
    .open = open_any,
    .read_layer = docker_archive_read,
    .close = layout_close,
    .bytes = sizeof(struct docker_archive),
};
