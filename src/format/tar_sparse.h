/* SPDX-License-Identifier: Apache-2.0 */
/* tar_sparse.h - where the bytes of a sparse file belong: gathered from any of the four formats,
 * checked, then walked; for tar.c.
 *
 * GNU tar's manual, "Storing Sparse Files". Zeroed is empty; memory is the heap's, bounded by the
 * input that fills it. */
#ifndef FORMAT_TAR_SPARSE_H
#define FORMAT_TAR_SPARSE_H

#include <rummage.h>

#include "base/span.h"
#include "base/vec.h"

struct tar_sparse {
	VEC(uint64_t) numbers; /* offset, length, offset, length ... in ascending order */
	size_t at;             /* while walking: the pair that pos is before or in */
	uint64_t pos;
	/* While parsing a map of version 1.0: */
	uint64_t number, wanted, text_bytes;
	bool digits;
};

void tar_sparse_done(struct tar_sparse *s);
void tar_sparse_clear(struct tar_sparse *s);

/* Appends a number of the map: RMG_E_FORMAT where it exceeds 2^63-1, RMG_E_NOMEM. */
MUST enum rmg_rc tar_sparse_add(struct tar_sparse *s, uint64_t number);

/* The whole of a comma-separated map (version 0.1). */
MUST enum rmg_rc tar_sparse_commas(struct tar_sparse *s, struct span map);

/* One block of a map of version 1.0, which stands before the file's bytes; done after its last one.
 * RMG_E_LIMIT beyond LIMIT_PAX_BYTES of such text. */
MUST enum rmg_rc tar_sparse_block(struct tar_sparse *s, struct span block, bool *done);

/* Pairs ascend without overlap, end within size, and their lengths add up to stored. */
MUST bool tar_sparse_fits(const struct tar_sparse *s, uint64_t size, uint64_t stored);

/* From pos on: how many bytes of file (true) or hole (false) come next; 0 at size. */
bool tar_sparse_run(struct tar_sparse *s, uint64_t size, uint64_t *n);

#endif
