/* SPDX-License-Identifier: Apache-2.0 */
/* feed.h - publishers' advisories in, an advisory database out.
 *
 * feed_build() reads a folder of publishers' files (docs/advdb-format.md, feed/places.c), or the
 * small starter set when there is none, and replaces the database whole or not at all.
 * feed_update() first brings a folder of the cache up to date from the publishers, fetching what
 * changed only. A record that cannot be read is skipped, counted and warned of with its file's
 * name. A file that holds a whole feed and cannot be read ends feed_build(); in feed_update() the
 * last good copy stays in use. */
#ifndef FEED_FEED_H
#define FEED_FEED_H

#include <rummage.h>

#include "base/err.h"
#include "io/file.h"

/* RMG_E_ARG where opts->feeds or ->urls name a feed that there is not: it would never be fetched.
 * The two below ask it first. */
MUST enum rmg_rc feed_check_names(const struct rmg_db_opts *opts, struct rmg_err *err);

/* opts->out is set. */
MUST enum rmg_rc feed_build(const char *dir, const struct rmg_db_opts *opts, struct rmg_err *err);

/* opts->out and opts->cache_dir are set. */
MUST enum rmg_rc feed_update(const struct rmg_db_opts *opts, bool *changed, struct rmg_err *err);

/* Whether the publishers can be reached: each is asked for the head of one of its files. why: of
 * status 0, no answer. Nothing is fetched. */
typedef void feed_reach_fn(void *user, const char *feed, const char *url, unsigned status,
			   const struct rmg_err *why);
MUST enum rmg_rc feed_reach(const struct rmg_db_opts *opts, feed_reach_fn *fn, void *user,
			    struct rmg_err *err);

/* A database on its way to its place, wherever it comes from: between these two the caller writes
 * it. Folders are made; it takes the old one's place once what lies on the disk has been read again
 * and found whole. Ends with file_writer_done(). */
MUST enum rmg_rc feed_place_open(struct file_writer *w, const char *path, struct rmg_err *err);
MUST enum rmg_rc feed_place_commit(struct file_writer *w, struct rmg_err *err);

#endif
