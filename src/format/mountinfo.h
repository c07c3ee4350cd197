/* SPDX-License-Identifier: Apache-2.0 */
/* mountinfo.h - the mounts of a process, from the text of /proc/PID/mountinfo (proc(5)), and the
 * folders that an overlay is made of, from its options.
 *
 * Pure; spans of a row are the text's, still escaped as the kernel writes them (\040 for a space).
 * Who runs in a container may mount under any name: a row is no better than what it says. */
#ifndef FORMAT_MOUNTINFO_H
#define FORMAT_MOUNTINFO_H

#include "base/arena.h"
#include "base/span.h"

struct mount_row {
	uint64_t id, parent, major, minor;
	struct span root, point; /* escaped */
	struct span options;     /* of this mount: "rw,nosuid" */
	struct span fs, source;  /* "overlay", ... */
	struct span super;       /* options of the file system, escaped */
};

/* The next row; lines that are none are passed over. False at the end. */
bool mount_next(struct span *text, struct mount_row *out);

/* The row that is mounted on top of a path ("/"), which is written as the kernel escapes it. */
bool mount_at(struct span text, struct span point, struct mount_row *out);
/* The row of an id, as statx(2) has it. */
bool mount_of(struct span text, uint64_t id, struct mount_row *out);

/* Whether a list of options has one: "ro", "noexec". */
bool mount_has(struct span options, struct span option);

/* Without the escapes. The empty span once the arena has failed, and for what is no path: a NUL in
 * it, no byte at all. */
struct span mount_path(struct arena *a, struct span escaped);

/* What an overlay lies over, the lowest last as the options have it, and where changes go. Folders
 * of data alone ("::") are not layers. Relative paths stay so. */
struct overlay_dirs {
	struct span *lower;
	size_t n_lower;
	struct span upper; /* "" where it is read-only */
};

/* False where these are not an overlay's options, or more layers than LIMIT_LAYERS. Memory is the
 * arena's. */
bool overlay_dirs(struct arena *a, struct span super, struct overlay_dirs *out);

#endif
