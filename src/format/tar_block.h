/* SPDX-License-Identifier: Apache-2.0 */
/* tar_block.h - one 512-byte header block of a tar archive taken apart; for tar.c.
 *
 * POSIX.1-2017 pax(1) "ustar Interchange Format" and "pax Extended Header", GNU tar's manual
 * appendix D, star(4). Nothing is allocated, spans lie inside the block. */
#ifndef FORMAT_TAR_BLOCK_H
#define FORMAT_TAR_BLOCK_H

#include <rummage.h>

#include "base/span.h"

enum { TAR_BLOCK = 512 };

enum tar_block_kind {
	TAR_BLOCK_BAD, /* its checksum is wrong */
	TAR_BLOCK_ZERO,
	TAR_BLOCK_V7,
	TAR_BLOCK_USTAR,
	TAR_BLOCK_STAR,
	TAR_BLOCK_GNU
};

enum tar_block_kind tar_block_kind(struct span block);

/* Octal digits among blanks and NULs, or base 256; nothing at all is 0. False for other bytes,
 * negative numbers and those beyond 2^63-1. */
MUST bool tar_number(struct span field, uint64_t *out);

struct tar_fields {
	struct span name, prefix, link; /* up to the first NUL */
	uint8_t letter;
	uint64_t mode, uid, gid, size;
	bool size_good, rest_good; /* the numbers could be read */
};

void tar_fields_read(struct span block, enum tar_block_kind kind, struct tar_fields *out);

/* What old GNU archives say of a sparse file in the header itself, and in the blocks that follow it
 * while more is set. Pairs of offset and length: entry() gives them until it returns false. */
enum { TAR_SPARSE_HEAD = 4, TAR_SPARSE_EXTENSION = 21 };

struct tar_sparse_block {
	struct span entries; /* 24 bytes each */
	bool more;
};

struct tar_sparse_block tar_sparse_head(struct span block, struct span *real_size);
struct tar_sparse_block tar_sparse_extension(struct span block);
bool tar_sparse_entry(struct tar_sparse_block *b, struct span *offset, struct span *length);

#endif
