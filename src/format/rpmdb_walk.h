/* SPDX-License-Identifier: Apache-2.0 */
/* rpmdb_walk.h - one walk through a database of rpm: what its three formats share, for rpmdb*.c
 * alone.
 *
 * Borrows file, scratch and sink. A header that is handed out or gathered is paid for first, so
 * that links which lead to the same bytes again and again come to an end: LIMIT_RPM_HEADER_BYTES
 * each, and together a small multiple of the file. */
#ifndef FORMAT_RPMDB_WALK_H
#define FORMAT_RPMDB_WALK_H

#include "format/rpmdb.h"

struct rpmdb {
	struct span file;
	struct arena *scratch;
	const struct rpmdb_sink *sink;
	uint64_t budget; /* bytes of headers that may still be looked at */
	uint8_t *buf;    /* one header is gathered here; reused */
	size_t room, want, n;
};

void rpmdb_lost(struct rpmdb *db, enum rmg_rc rc, const char *what, uint64_t where);

/* Takes n bytes off the budget; false, and told, where that is too much. */
MUST bool rpmdb_afford(struct rpmdb *db, uint64_t n, uint64_t where);

/* Begins to gather a header of n bytes; false, and told, where that is too much. */
MUST bool rpmdb_gather(struct rpmdb *db, uint64_t n, uint64_t where);

/* Adds what fits of a piece; what is gathered is complete when rpmdb_missing() is 0. */
void rpmdb_piece(struct rpmdb *db, struct span piece);

static inline size_t rpmdb_missing(const struct rpmdb *db)
{
	return db->want - db->n;
}

static inline struct span rpmdb_gathered(const struct rpmdb *db)
{
	return span_of(db->buf, db->n);
}

/* One format each, for a file that begins as it should; called by rpmdb_walk(). SQLite's is read
 * by a b-tree walker of ours and not by SQLite: rpmdb_sqlite.c says why. */
bool rpmdb_is_bdb(struct span file);
bool rpmdb_is_ndb(struct span file);
bool rpmdb_is_sqlite(struct span file);
MUST enum rmg_rc rpmdb_walk_bdb(struct rpmdb *db);
MUST enum rmg_rc rpmdb_walk_ndb(struct rpmdb *db);
MUST enum rmg_rc rpmdb_walk_sqlite(struct rpmdb *db);

#endif
