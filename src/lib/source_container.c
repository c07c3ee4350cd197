/* SPDX-License-Identifier: Apache-2.0 */
/* source_container.c - container:ID, the files of a running container, by any runtime: the layers
 * of the overlay that its root file system is, and over them what was written since it started. The
 * runtime is not asked.
 *
 * A layer of the image lies in a folder that does not change; its facts are kept under what names
 * the folder (path, inode and time of birth). The container's own folder is read each time. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "format/cgroup.h"
#include "io/proc.h"
#include "lib/container_root.h"
#include "lib/source_tree.h"

enum { SHORT_ID = 12 };

struct container {
	struct source source;
	int *dirs; /* one a layer, the lowest first; -1: could not be opened, why says it */
	struct rmg_err *why;
};

static enum rmg_rc read_folder(struct source *s, size_t i, source_sink *sink, void *user,
			       struct rmg_err *err)
{
	const struct container *c = (const struct container *)s;

	if (c->dirs[i] < 0)
		return err_set(err, c->why[i].rc, "%s", c->why[i].msg);
	return source_tree_read(s, c->dirs[i], TREE_LAYER, sink, user, err);
}

static void close_container(struct source *s)
{
	struct container *c = (struct container *)s;

	for (size_t i = 0; c->dirs && i < s->n_layers; i++)
		if (c->dirs[i] >= 0)
			close(c->dirs[i]);
	free(c->dirs);
	free(c->why);
}

/* Which process. */

/* Every process is asked for its cgroups: a container's own names are not known here. */
static bool has_id(unsigned pid, struct span id)
{
	char buf[PROC_TEXT_BYTES];
	struct span text;
	struct cgroup_walk w;
	struct cgroup_name name;

	if (!proc_read(pid, "cgroup", buf, sizeof buf, &text))
		return false;
	w = cgroup_walk(text);
	while (cgroup_next(&w, &name))
		if (span_is(name.id, id) ||
		    (name.is_hex && id.n >= SHORT_ID && span_starts(name.id, id)))
			return true;
	return false;
}

static enum rmg_rc find_process(struct span id, unsigned *pid, struct rmg_err *err)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	uint64_t number;
	bool found = false;

	if (d == NULL)
		return err_os(err, RMG_E_IO, "list processes");
	while (!found && (e = readdir(d)) != NULL) {
		found = span_u64(span_cstr(e->d_name), 10, UINT32_MAX, &number) &&
			has_id((unsigned)number, id);
		if (found)
			*pid = (unsigned)number;
	}
	closedir(d);
	if (!found)
		return err_set(err, RMG_E_NOTFOUND,
			       "no running container has the id '" SPAN_FMT
			       "': %d digits or all of it; docker:NAME and others are for images",
			       SPAN_ARG(id), SHORT_ID);
	return RMG_OK;
}

/* Its layers. */

/* A folder as who mounted it named it. */
static void open_layer(struct container *c, size_t i, struct span path, bool lies_still)
{
	struct source_layer *l = &c->source.layers[i];
	const char *name;

	l->synthetic = true;
	l->media_type = S("application/x-tar");
	name = arena_cstr(&c->source.arena, path);
	c->dirs[i] = name ? proc_open_dir(name) : -1;
	if (c->dirs[i] < 0)
		(void)err_os(&c->why[i], RMG_E_FORMAT, "the folder of a layer, " SPAN_FMT,
			     SPAN_ARG(path));
	else if (lies_still)
		source_tree_name(l, c->dirs[i], path);
}

static enum rmg_rc open_layers(struct container *c, const struct overlay_dirs *dirs, bool changes,
			       struct rmg_err *err)
{
	struct source *s = &c->source;
	size_t n = dirs->n_lower + (changes && dirs->upper.n);

	c->dirs = calloc(n, sizeof *c->dirs);
	c->why = calloc(n, sizeof *c->why);
	s->layers = ARENA_ARRAY(&s->arena, n, struct source_layer);
	if (c->dirs == NULL || c->why == NULL || s->layers == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for %zu layers", n);
	for (size_t i = 0; i < n; i++)
		c->dirs[i] = -1;
	s->n_layers = n;
	for (size_t i = 0; i < dirs->n_lower; i++)
		open_layer(c, i, dirs->lower[dirs->n_lower - 1 - i], true);
	if (n > dirs->n_lower) {
		open_layer(c, n - 1, dirs->upper, false);
		s->layers[n - 1].created_by = S("written in the container");
	}
	return RMG_OK;
}

static enum rmg_rc open_process(struct container *c, unsigned pid, bool changes,
				struct rmg_err *err)
{
	struct container_root root;
	enum rmg_rc rc = container_root_of(pid, &c->source.arena, &root, err);

	return rc == RMG_OK ? open_layers(c, &root.dirs, changes, err) : rc;
}

static enum rmg_rc open_any(struct source *s, const char *rest, bool changes, struct rmg_err *err)
{
	struct span id = span_cstr(rest), number;
	uint64_t pid64 = 0;
	unsigned pid = 0;
	enum rmg_rc rc = RMG_OK;

	if (span_starts(id, S("pid="))) {
		number = span_from(id, 4);
		if (!span_u64(number, 10, UINT32_MAX, &pid64))
			return err_set(err, RMG_E_ARG, "'%s': a number was expected", rest);
		pid = (unsigned)pid64;
	} else {
		rc = find_process(id, &pid, err);
	}
	return rc == RMG_OK ? open_process((struct container *)s, pid, changes, err) : rc;
}

static enum rmg_rc open_container(struct source *s, const char *rest, struct rmg_err *err)
{
	return open_any(s, rest, true, err);
}

static enum rmg_rc open_image(struct source *s, const char *rest, struct rmg_err *err)
{
	return open_any(s, rest, false, err);
}

const struct source_ops source_container = {
    .scheme = "container",
    .open = open_container,
    .read_layer = read_folder,
    .close = close_container,
    .bytes = sizeof(struct container),
};

/* What the container was started from, without what was written since. */
const struct source_ops source_container_image = {
    .scheme = "container-image",
    .open = open_image,
    .read_layer = read_folder,
    .close = close_container,
    .bytes = sizeof(struct container),
};
