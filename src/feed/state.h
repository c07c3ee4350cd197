/* SPDX-License-Identifier: Apache-2.0 */
/* state.h - when each feed was last brought up to date: DIR/fetched.tsv, "feed<TAB>time" a line.
 *
 * db update keeps it in its folder of the cache; a folder that was copied from there still tells.
 */
#ifndef FEED_STATE_H
#define FEED_STATE_H

#include <rummage.h>

#include "base/err.h"
#include "base/span.h"

#define FEED_TIME_BYTES 24 /* 2026-08-16T00:00:00Z */

struct feed_state {
	struct span text; /* malloc'ed */
};

/* A missing file is an empty state. */
MUST enum rmg_rc feed_state_read(struct feed_state *s, const char *dir, struct rmg_err *err);
bool feed_state_find(const struct feed_state *s, const char *feed, struct span *time);
void feed_state_done(struct feed_state *s);

/* Writes the file anew: what it said, with these feeds at this time. */
MUST enum rmg_rc feed_state_write(const struct feed_state *s, const char *dir,
				  const char *const *feeds, size_t n, const char *time,
				  struct rmg_err *err);

/* Seconds since 1970 as RFC 3339 in UTC; buf has FEED_TIME_BYTES. */
void feed_time(int64_t seconds, char *buf);

/* The time that a database which is made now carries; SOURCE_DATE_EPOCH sets it. */
void feed_built_now(char *buf);

#endif
