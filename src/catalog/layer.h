/* SPDX-License-Identifier: Apache-2.0 */
/* layer.h - one layer's tar, in pieces as they come, to facts: the tree, executables, packages.
 *
 * Pure: bytes in, facts out (OCI image-spec, layer.md). Files are held one at a time and only where
 * a cataloger wants them. Whatever cannot be read is a note of lost data in the facts; a return
 * code other than RMG_OK is memory that ran out. Bounds: LIMIT_LAYER_ENTRIES,
 * LIMIT_FILE_HELD_BYTES, or less. */
#ifndef CATALOG_LAYER_H
#define CATALOG_LAYER_H

#include "catalog/catalog.h"

/* What a file is that the kernel, a shell or a runtime can start, by its first bytes and its name.
 */
bool exec_format_of(struct span path, struct span head, enum exec_format *format,
		    struct span *arch);

/* Whether the content of a file matters: it is an executable, or a cataloger wants it. Of what is
 * no executable a cataloger's wants() must know by the first 4 KiB: a root file system gives no
 * more. */
bool layer_wants(const struct catalog_select *s, const struct cat_file *f);

struct layer_reader;

/* limits NULL: those of base/limits.h. */
MUST enum rmg_rc layer_reader_new(struct facts_builder *facts, const struct scan_limits *limits,
				  struct layer_reader **out);
void layer_reader_free(struct layer_reader *l);

MUST enum rmg_rc layer_feed(struct layer_reader *l, struct span bytes);

/* After the last byte. why: NULL, or what ended the stream before its end; it becomes a note:
 * layer-limit for RMG_E_LIMIT, else layer-damaged. */
MUST enum rmg_rc layer_finish(struct layer_reader *l, const struct rmg_err *why);

#endif
