/* SPDX-License-Identifier: Apache-2.0 */
/* source_storage.c - crio:NAME, an image in the store that CRI-O, Podman and Buildah share, read
 * from disk: nobody needs to listen.
 *
 * Such a store has no blobs: a layer was unpacked into a folder, and of its tar all is kept that is
 * not a file's content (tar-split). The two together give the tar's own bytes, which the diff_id
 * vouches for. Where they do not, or nothing was kept, the folder is read as it is. */
#include "lib/source_storage.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "lib/source_tree.h"
#include "lib/split_layer.h"
#include "lib/storage.h"
#include "oci/digest.h"
#include "oci/reference.h"

enum { TRIES = 3 };

static struct stored *stored_of(struct source *s)
{
	return (struct stored *)s;
}

/* Which stores. */

static bool is_folder(const char *path)
{
	struct stat st;

	return path && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* root NULL: where the settings say. */
static enum rmg_rc open_stores(struct stored *d, const char *root, struct rmg_err *err)
{
	struct arena *a = &d->source.arena;
	struct cstore_conf conf = {0};
	enum rmg_rc rc = RMG_OK;

	if (root)
		conf.graph_root = arena_dup(a, span_cstr(root));
	else
		rc = storage_settings(a, &conf, err);
	if (rc != RMG_OK)
		return rc;
	d->stores = ARENA_ARRAY(a, conf.n_stores + 1, struct storage);
	if (d->stores == NULL)
		return err_set(err, arena_rc(a), "no memory for stores");
	rc = storage_open(conf.graph_root, conf.driver, a, &d->stores[0], err);
	d->n_stores = rc == RMG_OK;
	for (size_t i = 0; rc == RMG_OK && i < conf.n_stores; i++) {
		struct rmg_err why;

		if (storage_open(conf.stores[i], conf.driver, a, &d->stores[d->n_stores], &why) ==
		    RMG_OK)
			d->n_stores++;
		else
			source_note(&d->source, NOTE_INFO, "image-store", conf.stores[i], "%s",
				    why.msg);
	}
	return rc;
}

/* Which image. */

static struct span name_of(struct source *s, const struct cstore_image *i, struct span want)
{
	struct reference a, b;

	for (size_t k = 0; k < i->n_names; k++)
		if (reference_parse(i->names[k], &s->arena, &a, NULL) == RMG_OK &&
		    reference_parse(want, &s->arena, &b, NULL) == RMG_OK &&
		    span_is(a.repository, b.repository) && span_is(a.tag, b.tag))
			return i->names[k];
	return i->n_names ? i->names[0] : (struct span){0};
}

static enum rmg_rc find_image(struct stored *d, struct span want, const struct storage **store,
			      const struct cstore_image **out, struct rmg_err *err)
{
	enum rmg_rc rc = RMG_E_NOTFOUND;

	for (size_t i = 0; rc == RMG_E_NOTFOUND && i < d->n_stores; i++) {
		*store = &d->stores[i];
		rc = cstore_find(d->stores[i].images, d->stores[i].n_images, want, &d->source.arena,
				 out, err);
	}
	if (rc != RMG_OK)
		err_add(err, "the store " SPAN_FMT, SPAN_ARG(d->stores[0].root));
	return rc;
}

static enum rmg_rc fetch(struct source *s, const struct descriptor *d, bool manifest,
			 struct span *out, struct rmg_err *err)
{
	const struct stored *from = stored_of(s);
	struct span name = manifest ? ARENA_JOIN(&s->arena, S("manifest-"), d->digest) : d->digest;

	return storage_document(from->store, from->image, name, &s->arena, out, err);
}

/* The index that the manifest was chosen from is kept beside it, where there was one. */
static void find_index(struct stored *d)
{
	struct source *s = &d->source;
	struct span text;
	char digest[DIGEST_TEXT];

	for (size_t i = 0; i < d->image->n_data; i++) {
		struct span name = d->image->data[i], want = span_from(name, 9);
		struct manifest m;

		if (!span_starts(name, S("manifest-")) || span_is(want, s->manifest_digest) ||
		    storage_document(d->store, d->image, name, &s->arena, &text, NULL) != RMG_OK ||
		    !span_is(span_cstr(digest_text_of(text, digest)), want) ||
		    manifest_parse(text, S(""), &s->arena, &m, NULL) != RMG_OK ||
		    m.kind != MANIFEST_INDEX)
			continue;
		for (size_t k = 0; k < m.n_children; k++)
			if (span_is(m.children[k].digest, s->manifest_digest))
				s->index_digest = want;
	}
}

static enum rmg_rc take_image(struct stored *d, struct rmg_err *err)
{
	struct source *s = &d->source;
	char digest[DIGEST_TEXT];
	struct span text;
	enum rmg_rc rc = storage_document(d->store, d->image, S("manifest"), &s->arena, &text, err);

	if (rc != RMG_OK)
		return rc == RMG_E_NOTFOUND
			   ? err_set(err, RMG_E_FORMAT, "the store keeps no manifest of it")
			   : rc;
	digest_text_of(text, digest);
	rc = source_resolve(s, text, S(""), arena_dup(&s->arena, span_cstr(digest)), fetch, err);
	if (rc == RMG_OK && s->index_digest.n == 0)
		find_index(d);
	return rc;
}

/* Its layers. */

static const struct cstore_layer *find_layer(const struct stored *d, struct span id,
					     const struct storage **store)
{
	for (size_t i = 0; i < d->n_stores; i++) {
		const struct cstore_layer *l = storage_layer(&d->stores[i], id);

		*store = &d->stores[i];
		if (l)
			return l;
	}
	return NULL;
}

static void read_as_folder(struct source *s, size_t i)
{
	struct stored_layer *at = &stored_of(s)->layers[i];

	s->layers[i].synthetic = true;
	s->layers[i].unpacked = false;
	source_tree_name(&s->layers[i], at->dir, at->path);
}

static void open_layer(struct stored *d, size_t i, const struct storage *store, struct span id)
{
	struct stored_layer *at = &d->layers[i];

	at->whole = strcmp(store->driver, "vfs") == 0;
	at->dir = storage_folder(store, id, &d->source.arena, &at->path);
	if (at->dir < 0) {
		(void)err_os(&at->why, RMG_E_FORMAT, "the folder of a layer, " SPAN_FMT,
			     SPAN_ARG(at->path));
		return;
	}
	at->record = storage_record(store, id);
	d->source.layers[i].unpacked = true;
	if (at->record >= 0)
		return;
	source_note(&d->source, NOTE_WARN, "layer-folder", S(""),
		    "layer %zu is read from the folder that it was unpacked into: what its tar was "
		    "like is not kept, and no digest vouches for it",
		    i);
	read_as_folder(&d->source, i);
}

enum rmg_rc stored_layers(struct stored *d, struct rmg_err *err)
{
	size_t n = d->source.n_layers;

	d->layers = ARENA_ARRAY(&d->source.arena, n, struct stored_layer);
	if (d->layers == NULL)
		return err_set(err, arena_rc(&d->source.arena), "no memory for layers");
	d->n_layers = n;
	for (size_t i = 0; i < n; i++)
		d->layers[i].dir = d->layers[i].record = -1;
	return RMG_OK;
}

/* From the topmost down to the one without a parent. */
static enum rmg_rc open_layers(struct stored *d, struct rmg_err *err)
{
	struct span id = d->image->layer;
	const struct storage *store;
	size_t i = d->source.n_layers;
	enum rmg_rc rc = stored_layers(d, err);

	while (rc == RMG_OK && id.n && i > 0) {
		const struct cstore_layer *l = find_layer(d, id, &store);

		if (l == NULL)
			return err_set(err, RMG_E_FORMAT,
				       "its layer " SPAN_FMT " is not in the store", SPAN_ARG(id));
		open_layer(d, --i, store, id);
		id = l->parent;
	}
	if (rc == RMG_OK && (i > 0 || id.n))
		rc = err_set(err, RMG_E_FORMAT, "the store keeps %s layers than the manifest's %zu",
			     i > 0 ? "fewer" : "more", d->source.n_layers);
	return rc;
}

static void close_all(struct stored *d)
{
	for (size_t i = 0; i < d->n_layers; i++) {
		if (d->layers[i].dir >= 0)
			close(d->layers[i].dir);
		if (d->layers[i].record >= 0)
			close(d->layers[i].record);
	}
	for (size_t i = 0; i < d->n_stores; i++)
		storage_close(&d->stores[i]);
	d->n_layers = d->n_stores = 0;
}

static enum rmg_rc open_once(struct stored *d, const char *root, struct span want,
			     struct rmg_err *err)
{
	struct source *s = &d->source;
	enum rmg_rc rc = open_stores(d, root, err);

	if (rc == RMG_OK)
		rc = find_image(d, want, &d->store, &d->image, err);
	if (rc != RMG_OK)
		return rc;
	s->name = name_of(s, d->image, want);
	rc = take_image(d, err);
	return rc == RMG_OK ? open_layers(d, err) : rc;
}

static bool changed(const struct stored *d)
{
	bool any = false;

	for (size_t i = 0; i < d->n_stores; i++)
		any |= storage_changed(&d->stores[i]);
	return any;
}

/* What was opened while the store was written may be half of each time. */
enum rmg_rc stored_open_at(struct source *s, const char *root, const char *name,
			   struct rmg_err *err)
{
	struct stored *d = stored_of(s);
	enum rmg_rc rc = RMG_OK;

	for (unsigned i = 0; i < TRIES; i++) {
		rc = open_once(d, root, span_cstr(name), err);
		if (rc == RMG_OK || !changed(d))
			break;
		close_all(d);
		s->n_layers = s->n_annotations = 0;
		s->index_digest = (struct span){0};
	}
	return rc;
}

enum rmg_rc stored_open(struct source *s, const char *name, struct rmg_err *err)
{
	const char *asked = s->env.opts->engine;

	return stored_open_at(s, is_folder(asked) ? asked : NULL, name, err);
}

enum rmg_rc stored_read(struct source *s, size_t i, source_sink *sink, void *user,
			struct rmg_err *err)
{
	const struct stored_layer *at = &stored_of(s)->layers[i];

	if (at->dir < 0)
		return err_set(err, at->why.rc, "%s", at->why.msg);
	if (s->layers[i].unpacked)
		return split_layer_read(s, at->record, at->dir, sink, user, err);
	return source_tree_read(s, at->dir, at->whole ? TREE_WHOLE : TREE_LAYER, sink, user, err);
}

bool stored_other_way(struct source *s, size_t i, const struct rmg_err *why)
{
	if (!s->layers[i].unpacked || stored_of(s)->layers[i].dir < 0)
		return false;
	source_note(s, NOTE_WARN, "layer-folder", S(""),
		    "layer %zu is read from the folder that it was unpacked into, and no digest "
		    "vouches for it: its tar cannot be made again (%s)",
		    i, why->msg);
	read_as_folder(s, i);
	return true;
}

void stored_close(struct source *s)
{
	close_all(stored_of(s));
}

const struct source_ops source_crio = {
    .scheme = "crio",
    .open = stored_open,
    .read_layer = stored_read,
    .other_way = stored_other_way,
    .close = stored_close,
    .bytes = sizeof(struct stored),
};
