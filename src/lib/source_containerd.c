/* SPDX-License-Identifier: Apache-2.0 */
/* source_containerd.c - containerd:[NAMESPACE/]NAME, an image in containerd's own store.
 *
 * Manifests and configuration are asked for over its socket; layers are read where the store has
 * them on disk, else over the socket too. A layer that is not in the store (it was let go once it
 * was unpacked, or comes piece by piece as files are used) is read from the snapshot that was made
 * of it: a folder, as a tar of our own, which no digest can vouch for. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/env.h"
#include "base/limits.h"
#include "io/proc.h"
#include "lib/ctrd_find.h"
#include "lib/extent.h"
#include "lib/source_image.h"
#include "lib/source_tree.h"
#include "oci/digest.h"

struct containerd {
	struct source source;
	struct ctrd *ask; /* while it is opened */
	struct grpc_opts grpc;
	struct span ns;
	int blobs; /* the folder of the store's sha256 blobs; -1: it is not to be had */
	int *dirs; /* one a layer: its snapshot's folder; -1: it is in the store */
};

static struct containerd *containerd_of(struct source *s)
{
	return (struct containerd *)s;
}

static const char *address_of(const struct source *s)
{
	const char *where =
	    s->env.opts->engine ? s->env.opts->engine : env_get("CONTAINERD_ADDRESS");

	return where ? where : CTRD_SOCKET;
}

static enum rmg_rc fetch(struct source *s, const struct descriptor *d, bool manifest,
			 struct span *out, struct rmg_err *err)
{
	struct containerd *c = containerd_of(s);
	enum rmg_rc rc = ctrd_find_document(s, c->ask, c->ns, d->digest, out, err);

	if (rc == RMG_E_NOTFOUND && manifest)
		return err_set(err, rc,
			       "containerd has not pulled the image for this platform (--platform "
			       "says another)");
	return rc;
}

/* Where the store keeps its files, where these can be seen from here. */
static enum rmg_rc find_blobs(struct containerd *c, struct rmg_err *err)
{
	struct arena *a = &c->source.arena;
	struct span root = {0};
	const char *path;
	enum rmg_rc rc =
	    ctrd_plugin_root(c->ask, S("io.containerd.content.v1"), S("content"), a, &root, err);

	if (rc == RMG_E_UNSUPPORTED)
		return RMG_OK;
	if (rc != RMG_OK || root.n == 0)
		return rc;
	path = arena_cstr(a, ARENA_JOIN(a, root, S("/blobs/sha256")));
	c->blobs = path ? proc_open_dir(path) : -1;
	return RMG_OK;
}

/* Snapshots. */

/* The snapshotter that this image was unpacked by, and what it calls all layers together. */
static enum rmg_rc snapshot_of(struct containerd *c, struct span *snapshotter, struct span *name,
			       struct rmg_err *err)
{
	struct source *s = &c->source;
	struct ctrd_blob blob;
	char chain[DIGEST_TEXT];
	enum rmg_rc rc = ctrd_blob(c->ask, c->ns, s->config_digest, &s->arena, &blob, err);

	if (rc != RMG_OK)
		return rc;
	if (!digest_chain(s->config.diff_ids, s->config.n_diff_ids, chain))
		return err_set(err, RMG_E_FORMAT, "its configuration names no layers");
	*name = arena_dup(&s->arena, span_cstr(chain));
	*snapshotter = S("overlayfs");
	for (size_t i = 0; i < blob.n_snapshots; i++)
		if (span_is(blob.snapshots[i].value, *name))
			*snapshotter = blob.snapshots[i].key;
	return RMG_OK;
}

static enum rmg_rc folders_of(struct containerd *c, struct span snapshotter, struct span name,
			      struct span **folders, size_t *n, struct rmg_err *err)
{
	enum rmg_rc rc = ctrd_snapshot_folders(c->ask, c->ns, snapshotter, name, &c->source.arena,
					       folders, n, err);

	if (rc != RMG_OK)
		err_add(err, "the snapshot by %.*s", SPAN_ARG(snapshotter));
	return rc;
}

static enum rmg_rc open_folder(struct containerd *c, size_t i, struct span path,
			       struct rmg_err *err)
{
	struct source_layer *l = &c->source.layers[i];
	const char *name = arena_cstr(&c->source.arena, path);

	c->dirs[i] = name ? proc_open_dir(name) : -1;
	if (c->dirs[i] < 0)
		return err_os(err, RMG_E_IO, "the snapshot's folder " SPAN_FMT, SPAN_ARG(path));
	l->synthetic = true;
	if (l->media_type.n == 0)
		l->media_type = S("application/x-tar");
	source_tree_name(l, c->dirs[i], path);
	return RMG_OK;
}

static enum rmg_rc no_dirs(struct containerd *c, struct rmg_err *err)
{
	c->dirs = malloc((c->source.n_layers + 1) * sizeof *c->dirs);
	if (c->dirs == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for layers");
	for (size_t i = 0; i < c->source.n_layers; i++)
		c->dirs[i] = -1;
	return RMG_OK;
}

/* absent[i]: layer i is not in the store. */
static enum rmg_rc use_snapshots(struct containerd *c, const bool *absent, struct rmg_err *err)
{
	struct source *s = &c->source;
	struct span snapshotter = {0}, name = {0}, *folders = NULL;
	size_t n = 0;
	enum rmg_rc rc = snapshot_of(c, &snapshotter, &name, err);

	if (rc == RMG_OK)
		rc = folders_of(c, snapshotter, name, &folders, &n, err);
	if (rc == RMG_OK && n != s->n_layers)
		rc = err_set(err, RMG_E_UNSUPPORTED,
			     "the snapshot by " SPAN_FMT " has %zu folders for %zu layers",
			     SPAN_ARG(snapshotter), n, s->n_layers);
	for (size_t i = 0; rc == RMG_OK && i < n; i++)
		if (absent[i])
			rc = open_folder(c, i, folders[n - 1 - i], err);
	return rc;
}

/* A layer without bytes and without a snapshot stays the layer's own trouble. */
static enum rmg_rc find_layers(struct containerd *c, struct rmg_err *err)
{
	struct source *s = &c->source;
	bool *absent = ARENA_ARRAY(&s->arena, s->n_layers, bool), any = false;
	struct rmg_err why = {0};
	enum rmg_rc rc = no_dirs(c, err);

	if (absent == NULL)
		return err_set(err, arena_rc(&s->arena), "no memory for layers");
	for (size_t i = 0; rc == RMG_OK && i < s->n_layers; i++) {
		struct ctrd_blob blob;

		rc = ctrd_blob(c->ask, c->ns, s->layers[i].digest, &s->arena, &blob, err);
		absent[i] = rc == RMG_E_NOTFOUND;
		any |= absent[i];
		if (absent[i])
			rc = RMG_OK;
	}
	if (rc != RMG_OK || !any)
		return rc;
	rc = use_snapshots(c, absent, &why);
	if (rc == RMG_E_NET || rc == RMG_E_STOPPED || rc == RMG_E_NOMEM) {
		if (err)
			*err = why;
		return rc;
	}
	if (rc != RMG_OK)
		source_note(s, NOTE_WARN, "containerd-snapshot", S(""),
			    "layers are not in the store, and cannot be read from their "
			    "snapshots: %s",
			    why.msg);
	return RMG_OK;
}

/* Nothing but a snapshot is there any more: its layers have no names. */
static enum rmg_rc open_chain(struct containerd *c, struct span chain, struct rmg_err *err)
{
	struct source *s = &c->source;
	struct span *folders = NULL;
	size_t n = 0;
	enum rmg_rc rc = folders_of(c, S("overlayfs"), chain, &folders, &n, err);

	if (rc != RMG_OK)
		return rc;
	s->layers = ARENA_ARRAY(&s->arena, n, struct source_layer);
	if (s->layers == NULL)
		return err_set(err, arena_rc(&s->arena), "no memory for %zu layers", n);
	s->n_layers = n;
	rc = no_dirs(c, err);
	for (size_t i = 0; rc == RMG_OK && i < n; i++)
		rc = open_folder(c, i, folders[n - 1 - i], err);
	return rc;
}

static enum rmg_rc open_image(struct containerd *c, const char *rest, struct rmg_err *err)
{
	struct source *s = &c->source;
	struct ctrd_found found;
	enum rmg_rc rc = ctrd_find(s, c->ask, rest, &found, err);

	if (rc != RMG_OK)
		return rc;
	c->ns = found.ns;
	s->name = found.name;
	if (found.descriptor.digest.n == 0)
		return open_chain(c, found.chain, err);
	rc = source_resolve_from(s, &found.descriptor, fetch, err);
	if (rc == RMG_OK)
		rc = find_blobs(c, err);
	return rc == RMG_OK ? find_layers(c, err) : rc;
}

static enum rmg_rc open_containerd(struct source *s, const char *rest, struct rmg_err *err)
{
	struct containerd *c = containerd_of(s);
	enum rmg_rc rc;

	c->blobs = -1;
	c->grpc = (struct grpc_opts){
	    .socket = address_of(s), .stop = s->env.opts->stop, .user = s->env.opts->user};
	rc = ctrd_open(&c->grpc, &c->ask, err);
	if (rc == RMG_OK)
		rc = open_image(c, rest, err);
	if (rc == RMG_E_NET || rc == RMG_E_AUTH)
		err_add(err, "containerd (is it running, and may you use its socket? "
			     "CONTAINERD_ADDRESS)");
	ctrd_close(c->ask);
	c->ask = NULL;
	return rc;
}

/* Reading. */

struct passing {
	source_sink *sink;
	void *user;
};

static enum rmg_rc pass(void *user, struct span bytes, struct rmg_err *err)
{
	const struct passing *p = user;

	return p->sink(p->user, bytes, err);
}

static enum rmg_rc read_remotely(struct containerd *c, const struct source_layer *l,
				 source_sink *sink, void *user, struct rmg_err *err)
{
	struct passing p = {sink, user};
	struct ctrd *own = NULL; /* several layers are read at a time */
	enum rmg_rc rc = ctrd_open(&c->grpc, &own, err);

	if (rc == RMG_OK)
		rc = ctrd_blob_read(own, c->ns, l->digest, pass, &p, err);
	ctrd_close(own);
	/* Only this layer's trouble. */
	if (rc == RMG_E_NOTFOUND)
		return err_set(err, RMG_E_FORMAT,
			       "its bytes are not in containerd's store: it was not pulled, or let "
			       "go");
	return rc;
}

static bool find_on_disk(const struct containerd *c, const struct source_layer *l,
			 struct extent *out)
{
	char name[DIGEST_TEXT];
	struct stat st;

	if (c->blobs < 0 || l->digest.n != 71 || !digest_valid(l->digest))
		return false;
	snprintf(name, sizeof name, SPAN_FMT, SPAN_ARG(span_from(l->digest, 7)));
	out->fd = openat(c->blobs, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (out->fd < 0)
		return false;
	out->owned = true;
	if (fstat(out->fd, &st) == 0 && S_ISREG(st.st_mode)) {
		out->size_bytes = (uint64_t)st.st_size;
		return true;
	}
	extent_close(out);
	return false;
}

static enum rmg_rc read_layer(struct source *s, size_t i, source_sink *sink, void *user,
			      struct rmg_err *err)
{
	struct containerd *c = containerd_of(s);
	const struct source_layer *l = &s->layers[i];
	struct extent e = {.fd = -1};
	enum rmg_rc rc;

	if (c->dirs[i] >= 0)
		return source_tree_read(s, c->dirs[i], TREE_LAYER, sink, user, err);
	if (!find_on_disk(c, l, &e))
		return read_remotely(c, l, sink, user, err);
	rc = extent_read(&e, s, sink, user, err);
	extent_close(&e);
	return rc;
}

static void close_containerd(struct source *s)
{
	struct containerd *c = containerd_of(s);

	ctrd_close(c->ask);
	if (c->blobs >= 0)
		close(c->blobs);
	for (size_t i = 0; c->dirs && i < s->n_layers; i++)
		if (c->dirs[i] >= 0)
			close(c->dirs[i]);
	free(c->dirs);
}

const struct source_ops source_containerd = {
    .scheme = "containerd",
    .open = open_containerd,
    .read_layer = read_layer,
    .close = close_containerd,
    .bytes = sizeof(struct containerd),
};
