/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/container_root.h"

#include <stdlib.h>

#include "base/limits.h"
#include "io/proc.h"

/* Where an overlay is mounted for the machine itself: a runtime with many layers mounts them by
 * names that are relative to the folder above that of the container ("HOME/ID/merged"). */
static bool home_of(const struct mount_row *root, struct arena *a, struct span *out)
{
	struct span text, rest;
	struct mount_row row;
	bool found = false;

	if (!proc_read_all(1, "mountinfo", LIMIT_MOUNTS_BYTES, &text))
		return false;
	rest = text;
	while (!found && mount_next(&rest, &row)) {
		if (row.major != root->major || row.minor != root->minor)
			continue;
		*out = span_dirname(span_dirname(mount_path(a, row.point)));
		found = out->n != 0;
	}
	free((void *)(uintptr_t)text.p);
	return found;
}

static bool make_absolute(struct overlay_dirs *d, const struct mount_row *root, struct arena *a)
{
	struct span home = {0};

	for (size_t i = 0; i <= d->n_lower; i++) {
		struct span *dir = i < d->n_lower ? &d->lower[i] : &d->upper;

		if (dir->n == 0 || dir->p[0] == '/')
			continue;
		if (home.n == 0 && !home_of(root, a, &home))
			return false;
		*dir = ARENA_JOIN(a, home, S("/"), *dir);
	}
	return arena_rc(a) == RMG_OK;
}

static enum rmg_rc read_root(struct span text, struct arena *a, struct container_root *out,
			     struct rmg_err *err)
{
	struct mount_row row;

	if (!mount_at(text, S("/"), &row) || !span_is(row.fs, S("overlay")))
		return err_set(err, RMG_E_UNSUPPORTED,
			       "its root file system is no overlay: what is changed in it cannot "
			       "be told from the image");
	if (!overlay_dirs(a, row.super, &out->dirs) || !make_absolute(&out->dirs, &row, a))
		return err_set(err, RMG_E_UNSUPPORTED,
			       "the layers of its root file system are not known");
	out->major = (uint32_t)row.major;
	out->minor = (uint32_t)row.minor;
	out->read_only = mount_has(row.options, S("ro")) || out->dirs.upper.n == 0;
	return RMG_OK;
}

enum rmg_rc container_root_of(unsigned pid, struct arena *a, struct container_root *out,
			      struct rmg_err *err)
{
	struct span text;
	enum rmg_rc rc;

	if (!proc_read_all(pid, "mountinfo", LIMIT_MOUNTS_BYTES, &text))
		return err_set(err, RMG_E_NOTFOUND, "process %u is not there", pid);
	rc = read_root(text, a, out, err);
	free((void *)(uintptr_t)text.p);
	return rc;
}
