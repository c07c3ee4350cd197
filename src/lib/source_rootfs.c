/* SPDX-License-Identifier: Apache-2.0 */
/* source_rootfs.c - rootfs:DIR, a root file system in a folder. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "lib/source_tree.h"

struct rootfs {
	struct source source;
	int dir;
};

static enum rmg_rc read_tree(struct source *s, size_t i, source_sink *sink, void *user,
			     struct rmg_err *err)
{
	const struct rootfs *r = (const struct rootfs *)s;

	(void)i;
	return source_tree_read(s, r->dir, TREE_ROOT, sink, user, err);
}

static enum rmg_rc open_tree(struct source *s, const char *rest, struct rmg_err *err)
{
	struct rootfs *r = (struct rootfs *)s;

	r->dir = open(rest, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dir < 0)
		return err_os(err, errno == ENOENT ? RMG_E_NOTFOUND : RMG_E_IO, "%s", rest);
	s->name = arena_dup(&s->arena, span_cstr(rest));
	s->layers = ARENA_NEW(&s->arena, struct source_layer);
	if (s->layers == NULL)
		return err_set(err, arena_rc(&s->arena), "no memory for a layer");
	s->n_layers = 1;
	s->layers->synthetic = true;
	s->layers->media_type = S("application/x-tar");
	return RMG_OK;
}

static void close_tree(struct source *s)
{
	struct rootfs *r = (struct rootfs *)s;

	if (r->dir > 0)
		close(r->dir);
}

const struct source_ops source_rootfs = {
    .scheme = "rootfs",
    .open = open_tree,
    .read_layer = read_tree,
    .close = close_tree,
    .bytes = sizeof(struct rootfs),
};
