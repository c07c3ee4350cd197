/* SPDX-License-Identifier: Apache-2.0 */
/* tree.h - which files of which layer show once all layers lie on top of each other.
 *
 * Works on hashes of paths (base/hash.h). A file of a layer shows unless a higher layer has a file,
 * a whiteout or a folder at its path, or a file, a whiteout or an opaque mark at a folder above it
 * (OCI image-spec, layer.md). A folder that a layer does not make itself, and whose path goes
 * through a symbolic link of it or of a lower layer, is where the link leads: so containerd and
 * Docker unpack. LIMIT_LINK_DEPTH bounds that. Linear in the number of entries times their
 * depth. */
#ifndef MODEL_TREE_H
#define MODEL_TREE_H

#include "model/facts.h"

struct tree;

/* facts: n layers, the lowest first, NULL where one could not be read; they must outlive the tree.
 */
MUST enum rmg_rc tree_new(const struct facts *const *facts, size_t n, struct tree **out);
void tree_free(struct tree *t);

/* The hash of a file's path, after links, of layer i: dir is an index into its dirs. */
uint64_t tree_path(const struct tree *t, size_t i, uint32_t dir, uint64_t name_hash);

/* Whether that file of that layer shows. */
bool tree_shows(const struct tree *t, size_t i, uint32_t dir, uint64_t name_hash);

/* Whether files that layer i has in dir can show. */
bool tree_dir_shows(const struct tree *t, size_t i, uint32_t dir);

/* Whether something of a layer above i takes the place of a path that layer i has. */
bool tree_covered(const struct tree *t, size_t i, struct span path);

/* The hash of a folder as somebody writes it, after the image's symbolic links. */
uint64_t tree_folder(const struct tree *t, struct span path);

/* Calls back with each folder from path up to the root: its hash; false ends it. */
typedef bool tree_up_fn(void *user, uint64_t hash);
void tree_up(const struct tree *t, struct span path, tree_up_fn *fn, void *user);

#endif
