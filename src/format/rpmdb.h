/* SPDX-License-Identifier: Apache-2.0 */
/* rpmdb.h - the headers in a database of installed rpm packages, whichever of rpm's three formats
 * it has: Berkeley DB hash ("Packages", rpm to 4.15), ndb ("Packages.db", SUSE) or SQLite
 * ("rpmdb.sqlite", Fedora 33 on).
 *
 * Works on the whole file as a span; a header that lies in one piece is handed out where it is,
 * others are gathered in scratch. Every header that cannot be had is told, and the walk goes on.
 * Damaged or hostile links can make no loop and no quadratic work: all gathered bytes together
 * are bounded by a small multiple of the file's. */
#ifndef FORMAT_RPMDB_H
#define FORMAT_RPMDB_H

#include "base/arena.h"

struct rpmdb_sink {
	void *user;
	/* One header, for rpm_header_read(); valid during the call. */
	void (*header)(void *user, struct span blob);
	/* Something could not be read: what, and the number of its page, slot or block. */
	void (*lost)(void *user, enum rmg_rc rc, const char *what, uint64_t where);
};

/* Fails where the file is no such database at all, or memory ran out; headers that are lost do not
 * make it fail. */
MUST enum rmg_rc rpmdb_walk(struct span file, struct arena *scratch, const struct rpmdb_sink *sink);

/* One format each, for a file that begins as it should; called by rpmdb_walk(). SQLite's is read
 * by a b-tree walker of ours and not by SQLite: rpmdb_sqlite.c says why. */
struct rpmdb;
bool rpmdb_is_bdb(struct span file);
bool rpmdb_is_ndb(struct span file);
bool rpmdb_is_sqlite(struct span file);
MUST enum rmg_rc rpmdb_walk_bdb(struct rpmdb *db);
MUST enum rmg_rc rpmdb_walk_ndb(struct rpmdb *db);
MUST enum rmg_rc rpmdb_walk_sqlite(struct rpmdb *db);

/* What the three share: one walk. */
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

#endif
