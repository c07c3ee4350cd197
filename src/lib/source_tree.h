/* SPDX-License-Identifier: Apache-2.0 */
/* source_tree.h - a folder with all below it as the tar of one layer, made while it is read: the
 * tree as it is, contents only of files that somebody wants.
 *
 * Nothing is followed: every name is opened from its folder's descriptor, without links. Other file
 * systems below are walked where they hold files of their own (a disk, an overlay), and are passed
 * over with a note where they are the kernel's or another machine's. Who is not root sees less:
 * what cannot be read is a note of lost data. */
#ifndef LIB_SOURCE_TREE_H
#define LIB_SOURCE_TREE_H

#include "lib/source.h"

enum tree_kind {
	TREE_ROOT, /* of a file system: all there is */
	/* A layer of an overlay: what that hides of the layers below it is written as OCI's
	 * whiteouts, and files that have only another mode, owner or time are not there. */
	TREE_LAYER,
	TREE_WHOLE, /* a layer that has all that is below it as well: it hides that */
};

/* dir: the folder's descriptor, which stays open. */
MUST enum rmg_rc source_tree_read(struct source *s, int dir, enum tree_kind kind, source_sink *sink,
				  void *user, struct rmg_err *err);

/* The key of a layer that is a folder which does not change: of path, inode and time of birth. */
void source_tree_name(struct source_layer *l, int fd, struct span path);

#endif
