/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz.h - a reader's input without files, and the database made of it; for fuzz targets and tests.
 */
#ifndef FEED_FUZZ_H
#define FEED_FUZZ_H

#include "feed/input.h"
#include "format/sha256.h"

struct fuzz {
	struct input in;
	struct advdb_builder *b;
};

static inline bool fuzz_begin(struct fuzz *f, const char *feed, size_t size)
{
	struct adv_source source = {.name = span_cstr(feed)};

	if (size > 1 << 16 || advdb_builder_new(&f->b) != RMG_OK)
		return false;
	input_init(&f->in, f->b, NULL, feed);
	f->in.source = advdb_add_source(f->b, &source);
	return true;
}

/* What was taken in as a database; it must open. */
static inline bool fuzz_open(struct fuzz *f, struct advdb *db)
{
	struct span file;

	if (advdb_builder_done(f->b, S("2026-01-01T00:00:00Z"), sha256_of, &file, NULL, NULL) !=
	    RMG_OK)
		return false;
	CHECK(advdb_of(file, db, NULL) == RMG_OK);
	return true;
}

static inline void fuzz_end(struct fuzz *f)
{
	input_done(&f->in);
	advdb_builder_free(f->b);
}

#endif
