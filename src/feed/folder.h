/* SPDX-License-Identifier: Apache-2.0 */
/* folder.h - a folder of publishers' files that is kept up with: after a change only the files that
 * changed are read again, and the database is laid out anew from what is held in memory.
 *
 *     feed_folder_open --> feed_folder_refresh --> feed_folder_database --> advdb_of, advdb_diff
 *                                 ^-------------- a file changed ---------------'
 *
 * What comes out is, byte for byte, what a new folder of the same files gives; but where a file
 * that was good is broken now, what it said before stays. Holds about three bytes of memory for
 * each of the database (150 MB for all feeds). Belongs to one thread at a time; opts' strings are
 * borrowed. Bounds are those of the readers (feed/input.h). */
#ifndef FEED_FOLDER_H
#define FEED_FOLDER_H

#include <rummage.h>

#include "base/err.h"
#include "base/span.h"
#include "vuln/advdb_build.h"

struct feed_folder;

/* Reads nothing yet. Of opts feeds, ecosystems, stop, progress, warn and user count; may be NULL.
 */
MUST enum rmg_rc feed_folder_open(const char *dir, const struct rmg_db_opts *opts,
				  struct feed_folder **out, struct rmg_err *err);
void feed_folder_close(struct feed_folder *f);

struct feed_refresh {
	uint32_t files;       /* known now */
	uint32_t read, gone;  /* since the last time: new or changed, removed */
	uint32_t failed;      /* could not be read: what they said before, if anything, stays */
	struct rmg_err first; /* of these failures, naming its file */
};

/* Takes in what changed. paths (below dir, n of them): only these are looked at, if all of them are
 * OSV records; NULL: all files are, by size, time and inode.
 * RMG_OK also where files failed: see out->failed. RMG_E_NOTFOUND: the folder holds no feed, and
 * what was known stays. After RMG_E_STOPPED, RMG_E_IO and RMG_E_LIMIT a part of the changes is
 * taken in, the next call takes the rest; after RMG_E_NOMEM the folder is to be closed. */
MUST enum rmg_rc feed_folder_refresh(struct feed_folder *f, const char *const *paths, size_t n,
				     struct feed_refresh *out, struct rmg_err *err);

/* The database of what is known: malloc'ed, the caller's. RMG_E_NOTFOUND: no rule at all. */
MUST enum rmg_rc feed_folder_database(struct feed_folder *f, struct span *out,
				      struct advdb_counts *counts, struct rmg_err *err);

#endif
