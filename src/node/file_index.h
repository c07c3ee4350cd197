/* SPDX-License-Identifier: Apache-2.0 */
/* file_index.h - whose the files of an image are: eight bytes a file and sixteen a component, so
 * that it can be held while containers of the image run. Made of an inventory that was asked for
 * its files (image_want_files()); immutable; shared by holding it.
 *
 * Paths are known by 44 bits of their hash: of a million files that an image does not have, less
 * than one is taken for one of its hundred thousand. */
#ifndef NODE_FILE_INDEX_H
#define NODE_FILE_INDEX_H

#include "base/err.h"
#include "model/inventory.h"
#include "model/profile.h"

struct file_index;

MUST enum rmg_rc file_index_new(const struct inventory *inv, struct file_index **out,
				struct rmg_err *err);
struct file_index *file_index_hold(struct file_index *x);
void file_index_let_go(struct file_index *x); /* NULL too */
size_t file_index_bytes(const struct file_index *x);

/* Components: named and measured; whether any file of it would tell that it is used. */
size_t file_index_components(const struct file_index *x);
struct profile_part file_index_component(const struct file_index *x, size_t i);
bool file_index_is_watched(const struct file_index *x, size_t i);

/* What opening a file is using: at = 0 first; SIZE_MAX ends it. path: path_hash(). */
size_t file_index_next(const struct file_index *x, uint64_t path, size_t *at);

/* Programs by their paths. SIZE_MAX: it is none of the image's. */
size_t file_index_programs(const struct file_index *x);
size_t file_index_program(const struct file_index *x, uint64_t path);
uint64_t file_index_program_key(const struct file_index *x, size_t i);

/* Whether the image has any such file in a folder. */
bool file_index_has_folder(const struct file_index *x, uint64_t folder);

/* The Python source that a cached compilation (PEP 3147) stands for; false: it is none. buf has
 * room for the path. */
MUST bool file_index_source_of(struct span path, char *buf, size_t size, struct span *out);

#endif
