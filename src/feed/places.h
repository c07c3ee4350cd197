/* SPDX-License-Identifier: Apache-2.0 */
/* places.h - which file of a folder of feeds belongs to which feed (docs/advdb-format.md).
 *
 * A folder that is not there has no files; one that cannot be read is an error, never an empty
 * one. Names that no feed knows are passed over. */
#ifndef FEED_PLACES_H
#define FEED_PLACES_H

#include "feed/input.h"

enum feed_name {
#define X(name, url) FEED_##name,
#include "feed/feed.def"
#undef X
	FEEDS,
};

extern const char *const feed_names[FEEDS];
extern feed_read_fn *const feed_readers[FEEDS];

typedef enum rmg_rc place_fn(void *user, enum feed_name feed, const struct feed_file *file,
			     struct rmg_err *err);

/* Calls for each file of one feed below dir, in no order; what fn returns but RMG_OK ends it. */
MUST enum rmg_rc places_walk(const char *dir, enum feed_name feed, const struct rmg_db_opts *opts,
			     place_fn *fn, void *user, struct rmg_err *err);

/* Whether a path below dir is a record of OSV's, the files that are many, and its name in there. Of
 * another file the feed is to be walked. */
MUST bool places_is_record(const char *path, const struct rmg_db_opts *opts);

#endif
