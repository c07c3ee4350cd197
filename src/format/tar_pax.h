/* SPDX-License-Identifier: Apache-2.0 */
/* tar_pax.h - what a PAX header says of the entry that follows it; for tar.c.
 *
 * POSIX.1-2017 pax(1) "pax Extended Header"; keys of GNU tar (sparse files) and star (attributes).
 * Spans lie in the records that were given. Only the sparse map is allocated, in the caller's. */
#ifndef FORMAT_TAR_PAX_H
#define FORMAT_TAR_PAX_H

#include <rummage.h>

#include "base/span.h"
#include "format/tar_sparse.h"

struct tar_pax {
	struct span path, link;
	struct span major, minor, name, size, map, count; /* GNU.sparse.* */
	uint64_t stored_bytes, uid, gid;
	bool has_stored, has_uid, has_gid, has_capability;
};

/* Reads the records of one header into a zeroed struct; damage is set where some of it could not be
 * understood, what could was read. RMG_E_FORMAT: its size is no number, and so nobody knows where
 * the next header is. */
MUST enum rmg_rc tar_pax_read(struct span records, struct tar_pax *out, struct tar_sparse *sparse,
			      const char **damage);

/* Of a global header: whether its records are whole, and whether one would change what is in the
 * archive if it were believed. */
MUST bool tar_pax_is_whole(struct span records, bool *meddles);

enum tar_pax_sparse {
	TAR_PAX_DENSE,
	TAR_PAX_SPARSE_HERE, /* versions 0.0 and 0.1: the map is in the header */
	TAR_PAX_SPARSE_DATA  /* version 1.0: it stands before the content */
};

enum tar_pax_sparse tar_pax_sparse(const struct tar_pax *pax, const struct tar_sparse *sparse);

/* The map of versions 0.0 and 0.1 checked against its count. */
MUST enum rmg_rc tar_pax_map(const struct tar_pax *pax, struct tar_sparse *sparse);

#endif
