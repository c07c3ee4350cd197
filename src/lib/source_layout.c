/* SPDX-License-Identifier: Apache-2.0 */
/* source_layout.c - OCI image-layout in a folder (oci-dir:PATH[:TAG|@DIGEST]) or in a tar
 * (oci-archive:FILE[:TAG|@DIGEST]): index.json names manifests, blobs/ALGORITHM/HEX hold the bytes.
 */
#include "lib/source_layout.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "oci/digest.h"
#include "oci/reference.h"

static struct layout *layout_of(struct source *s)
{
	return (struct layout *)s;
}

static enum rmg_rc archive_member(const struct layout *l, const char *name, struct extent *out,
				  struct rmg_err *err)
{
	const struct archive_member *m = archive_find(&l->archive, span_cstr(name));

	if (m == NULL)
		return err_set(err, RMG_E_NOTFOUND, "%s is not in the archive", name);
	*out =
	    (struct extent){.fd = l->archive.fd, .offset = m->offset, .size_bytes = m->size_bytes};
	return RMG_OK;
}

static enum rmg_rc find(const struct layout *l, const char *name, struct extent *out,
			struct rmg_err *err)
{
	return l->dir >= 0 ? extent_below(l->dir, name, out, err)
			   : archive_member(l, name, out, err);
}

static enum rmg_rc find_blob(const struct layout *l, struct span digest, struct extent *out,
			     struct rmg_err *err)
{
	struct span algorithm, encoded;
	char name[300];

	if (!digest_valid(digest) || !span_cut(digest, ':', &algorithm, &encoded))
		return err_set(err, RMG_E_FORMAT, "no valid digest");
	snprintf(name, sizeof name, "blobs/" SPAN_FMT "/" SPAN_FMT, SPAN_ARG(algorithm),
		 SPAN_ARG(encoded));
	return find(l, name, out, err);
}

static enum rmg_rc fetch(struct source *s, const struct descriptor *d, bool manifest,
			 struct span *out, struct rmg_err *err)
{
	struct extent e = {.fd = -1};
	enum rmg_rc rc = find_blob(layout_of(s), d->digest, &e, err);

	(void)manifest;
	if (rc == RMG_OK)
		rc = extent_load(&e, LIMIT_MANIFEST_BYTES, &s->arena, out, err);
	extent_close(&e);
	return rc;
}

/* What a layout calls an image: a tag, or a whole name as docker and containerd write it. */
static bool is_called(struct source *s, const struct descriptor *d, struct span want)
{
	struct span ref =
	    oci_pair_find(d->annotations, d->n_annotations, "org.opencontainers.image.ref.name");
	struct span full =
	    oci_pair_find(d->annotations, d->n_annotations, "io.containerd.image.name");
	struct reference a, b;

	if (ref.n && span_is(ref, want))
		return true;
	if (full.n == 0)
		full = ref;
	return reference_parse(full, &s->arena, &a, NULL) == RMG_OK &&
	       reference_parse(want, &s->arena, &b, NULL) == RMG_OK && span_is(a.host, b.host) &&
	       span_is(a.repository, b.repository) && span_is(a.tag, b.tag);
}

static void list_names(const struct manifest *index, char *buf, size_t size)
{
	size_t at = 0;

	snprintf(buf, size, "nothing with a name");
	for (size_t i = 0; i < index->n_children && at + 1 < size; i++) {
		const struct descriptor *d = &index->children[i];
		struct span name = oci_pair_find(d->annotations, d->n_annotations,
						 "org.opencontainers.image.ref.name");

		if (name.n)
			at += (size_t)snprintf(buf + at, size - at, "%s" SPAN_FMT, at ? ", " : "",
					       SPAN_ARG(span_head(name, 60)));
	}
}

/* Of several that fit, the one for the platform, as if the layout's index had named only them. */
static enum rmg_rc choose_platform(struct source *s, const struct manifest *index, struct span want,
				   const struct descriptor **out, struct rmg_err *err)
{
	struct manifest some = *index;
	struct platform p;
	char names[256];
	enum rmg_rc rc = source_platform(s, &p, err);

	if (rc != RMG_OK)
		return rc;
	some.children = ARENA_ARRAY(&s->arena, index->n_children, struct descriptor);
	some.n_children = 0;
	if (some.children == NULL)
		return err_set(err, arena_rc(&s->arena), "no memory for an index");
	for (size_t i = 0; i < index->n_children; i++)
		if (want.n == 0 || is_called(s, &index->children[i], want))
			some.children[some.n_children++] = index->children[i];
	rc = manifest_select(&some, p, false, out, err);
	if (rc == RMG_OK)
		return rc;
	list_names(index, names, sizeof names);
	return err_set(err, RMG_E_ARG, "the layout has several images: %s; name one after the path",
		       names);
}

static enum rmg_rc choose(struct source *s, const struct manifest *index, struct span want,
			  const struct descriptor **out, struct rmg_err *err)
{
	const struct descriptor *found = NULL;
	char names[256];
	size_t images = 0;
	bool digest = digest_valid(want);

	for (size_t i = 0; i < index->n_children; i++) {
		const struct descriptor *d = &index->children[i];

		if (digest ? !span_is(d->digest, want)
			   : (want.n ? !is_called(s, d, want) : !descriptor_is_image(d)))
			continue;
		if (images++ == 0)
			found = d;
	}
	/* Several of one name differ by platform: an index in all but form. */
	if (images == 1 || (images > 1 && digest)) {
		*out = found;
		return RMG_OK;
	}
	if (images > 1)
		return choose_platform(s, index, want, out, err);
	list_names(index, names, sizeof names);
	return err_set(err, RMG_E_NOTFOUND, "the layout has no image%s" SPAN_FMT "; there is: %s",
		       want.n ? " called " : "", SPAN_ARG(want), names);
}

enum rmg_rc layout_resolve(struct source *s, struct span want, struct rmg_err *err)
{
	struct layout *l = layout_of(s);
	struct extent e = {.fd = -1};
	const struct descriptor *d = NULL;
	struct manifest *index = ARENA_NEW(&s->arena, struct manifest);
	struct span bytes;
	enum rmg_rc rc = find(l, "index.json", &e, err);

	if (rc == RMG_OK)
		rc = extent_load(&e, LIMIT_MANIFEST_BYTES, &s->arena, &bytes, err);
	extent_close(&e);
	if (rc == RMG_OK && index == NULL)
		rc = err_set(err, arena_rc(&s->arena), "no memory for an index");
	if (rc == RMG_OK)
		rc = manifest_parse(bytes, S("application/vnd.oci.image.index.v1+json"), &s->arena,
				    index, err);
	if (rc != RMG_OK) {
		err_add(err, "the layout's index");
		return rc;
	}
	rc = choose(s, index, want, &d, err);
	if (rc != RMG_OK)
		return rc;
	s->name = oci_pair_find(d->annotations, d->n_annotations, "io.containerd.image.name");
	if (s->name.n == 0)
		s->name = oci_pair_find(d->annotations, d->n_annotations,
					"org.opencontainers.image.ref.name");
	rc = source_annotate(s, d->annotations, d->n_annotations, err);
	return rc == RMG_OK ? source_resolve_from(s, d, fetch, err) : rc;
}

enum rmg_rc layout_read(struct source *s, size_t i, source_sink *sink, void *user,
			struct rmg_err *err)
{
	const struct source_layer *layer = &s->layers[i];
	struct extent e = {.fd = -1};
	enum rmg_rc rc = find_blob(layout_of(s), layer->digest, &e, err);

	if (rc == RMG_E_NOTFOUND && layer->foreign)
		return err_set(err, rc, "a foreign layer: its bytes are not part of the layout");
	if (rc == RMG_OK)
		rc = extent_read(&e, s, sink, user, err);
	extent_close(&e);
	return rc;
}

void layout_begin(struct source *s)
{
	layout_of(s)->dir = -1;
	layout_of(s)->archive.fd = -1;
}

void layout_close(struct source *s)
{
	struct layout *l = layout_of(s);

	if (l->dir >= 0)
		close(l->dir);
	archive_close(&l->archive);
}

static enum rmg_rc open_dir(struct source *s, const char *rest, struct rmg_err *err)
{
	struct layout *l = layout_of(s);
	struct span want;
	char *path;
	enum rmg_rc rc;

	layout_begin(s);
	rc = source_split_path(s, rest, &path, &want, err);
	if (rc != RMG_OK)
		return rc;
	l->dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (l->dir < 0)
		return err_os(err, RMG_E_IO, "%s", path);
	return layout_resolve(s, want, err);
}

enum rmg_rc layout_open_archive(struct source *s, const char *rest, struct span *want,
				struct rmg_err *err)
{
	char *path;
	enum rmg_rc rc;

	layout_begin(s);
	rc = source_split_path(s, rest, &path, want, err);
	if (rc != RMG_OK)
		return rc;
	return archive_open(path, s->env.opts, &s->arena, &layout_of(s)->archive, err);
}

static enum rmg_rc open_archive(struct source *s, const char *rest, struct rmg_err *err)
{
	struct span want;
	enum rmg_rc rc = layout_open_archive(s, rest, &want, err);

	return rc == RMG_OK ? layout_resolve(s, want, err) : rc;
}

const struct source_ops source_oci_dir = {
    .scheme = "oci-dir",
    .open = open_dir,
    .read_layer = layout_read,
    .close = layout_close,
    .bytes = sizeof(struct layout),
};

const struct source_ops source_oci_archive = {
    .scheme = "oci-archive",
    .open = open_archive,
    .read_layer = layout_read,
    .close = layout_close,
    .bytes = sizeof(struct layout),
};
