/* SPDX-License-Identifier: Apache-2.0 */
/* upper.h - what was written in a container since it started: the folder that its overlay writes
 * to, against the layers below it.
 *
 * A walk looks at every name there (stat); a file's bytes are compared with those of the file that
 * it hides, once for each of its states: what has the same bytes was touched, not changed. Nothing
 * is followed, and nothing outside of the layers is opened. Bounded by LIMIT_UPPER_FILES names and
 * LIMIT_UPPER_FOLDERS folders that are watched; what is beyond is said. */
#ifndef NODE_UPPER_H
#define NODE_UPPER_H

#include "lib/container_root.h"
#include "lib/lib.h"

struct upper;

/* root and wants (lib_wants_new()) outlive it. */
MUST enum rmg_rc upper_open(const struct container_root *root, const struct catalog_select *wants,
			    struct upper **out, struct rmg_err *err);
void upper_close(struct upper *u);

enum upper_what {
	UPPER_PLAIN, /* no business of ours: as the image has it, or new and nothing to look into */
	UPPER_NEW,   /* reading the image would look into it, and the image has no such file */
	UPPER_CHANGED, /* the image has other bytes there */
	UPPER_GONE,    /* the image has something there */
};

/* A file that hides one of the image. */
struct upper_change {
	struct span path;
	enum upper_what what; /* UPPER_CHANGED, UPPER_GONE */
};

struct upper_walk {
	uint64_t state; /* of all that is not plain: another number where anything of it changed */
	size_t n_files;
	bool cut; /* there is more than the limit */
	VEC(struct upper_change) changes;
	struct arena arena;
};

/* watch: called with each folder's descriptor before it is listed (inotify can be told of it);
 * false: no more of them. NULL: none. out is made here, and ended by the caller. RMG_E_STOPPED. */
struct upper_opts {
	bool (*watch)(void *user, int folder);
	bool (*stop)(void *user);
	void *user;
};
MUST enum rmg_rc upper_look(struct upper *u, const struct upper_opts *opts, struct upper_walk *out,
			    struct rmg_err *err);
void upper_walk_done(struct upper_walk *w);

/* The SHA-256 of a changed file's bytes; false where it cannot be read, or is longer than
 * LIMIT_HASHED_BYTES. */
MUST bool upper_hash(const struct upper *u, struct span path, uint8_t sha256[32]);

/* What a file of the container's own file system, at a normal path, is against its image; fd has it
 * open. UPPER_PLAIN: it is the image's, or has the same bytes. Any thread. */
MUST enum upper_what upper_of_file(const struct upper *u, struct span path, int fd);

/* The same where it has been deleted: whatever is there now does not count. */
MUST enum upper_what upper_of_deleted(const struct upper *u, struct span path, int fd);

#endif
