/* SPDX-License-Identifier: Apache-2.0 */
/* archive.h - the members of a tar that holds an image (docker save, oci-archive): where each
 * begins.
 *
 * Who wrote the archive is not trusted, so its headers are read by the worker, as is its
 * compression, where it has one (it is unpacked into a file without a name first). What comes back
 * are names, offsets and sizes, checked here to lie inside the file; contents are then read in
 * place. Names are normal paths (model/facts.h); of two members with one name the later counts, as
 * in tar. */
#ifndef LIB_ARCHIVE_H
#define LIB_ARCHIVE_H

#include <rummage.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/map.h"

enum { ARCHIVE_MEMBERS_MAX = 200000 };

struct archive_member {
	struct span name;
	uint64_t offset, size_bytes;
	bool link, symbolic;
	struct span target; /* of a link, as stored */
};

struct archive {
	int fd;
	uint64_t size_bytes;
	struct archive_member *members; /* the arena's */
	size_t n;
	struct map names; /* hash of a name to an index of members, later ones first */
};

/* An archive with fd -1 may be closed. */
MUST enum rmg_rc archive_open(const char *path, const struct rmg_opts *opts, struct arena *arena,
			      struct archive *out, struct rmg_err *err);

/* The same of an open file, which the archive owns from then on, also on failure. */
MUST enum rmg_rc archive_open_fd(int fd, const struct rmg_opts *opts, struct arena *arena,
				 struct archive *out, struct rmg_err *err);
void archive_close(struct archive *a);

/* The file called name, links inside the archive followed; NULL where there is none. */
const struct archive_member *archive_find(const struct archive *a, struct span name);

/* A new file without a name, in the cache folder or else where temporary files go; RMG_E_IO. */
MUST enum rmg_rc archive_spool(const struct rmg_opts *opts, int *fd, struct rmg_err *err);

#endif
