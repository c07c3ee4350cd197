/* SPDX-License-Identifier: Apache-2.0 */
/* extent.h - a piece of an open file: a blob in a folder, or a member of an archive.
 *
 * Read with pread only, so that threads may share the descriptor. A file that is shorter than it
 * was is RMG_E_IO. */
#ifndef LIB_EXTENT_H
#define LIB_EXTENT_H

#include "lib/source.h"

struct extent {
	int fd;
	bool owned; /* fd is closed by extent_close() */
	uint64_t offset, size_bytes;
};

/* A regular file below a folder; links may not lead out of it. RMG_E_NOTFOUND, RMG_E_IO. */
MUST enum rmg_rc extent_below(int dir, const char *name, struct extent *out, struct rmg_err *err);
/* The same of anything, with open(2)'s flags and its failures. */
MUST int extent_open_below(int dir, const char *name, int flags);

void extent_close(struct extent *e);

/* What is left of up to n bytes at an offset; 0 at the end of the file. */
MUST enum rmg_rc extent_pread(int fd, uint8_t *p, size_t n, uint64_t offset, size_t *got,
			      struct rmg_err *err);

/* All bytes to sink; polls s for the user's wish to stop. */
MUST enum rmg_rc extent_read(const struct extent *e, struct source *s, source_sink *sink,
			     void *user, struct rmg_err *err);

/* All bytes into the arena; above max_bytes is RMG_E_LIMIT. */
MUST enum rmg_rc extent_load(const struct extent *e, uint64_t max_bytes, struct arena *arena,
			     struct span *out, struct rmg_err *err);

#endif
