/* SPDX-License-Identifier: Apache-2.0 */
#include "format/rpmdb.h"

#include "base/limits.h"

/* Every header is in the file once, so all of them together cannot be larger than it; twice as
 * much leaves room for pages that are damaged and read again. */
#define BUDGET_TIMES 2

void rpmdb_lost(struct rpmdb *db, enum rmg_rc rc, const char *what, uint64_t where)
{
	db->sink->lost(db->sink->user, rc, what, where);
}

bool rpmdb_afford(struct rpmdb *db, uint64_t n, uint64_t where)
{
	if (n > LIMIT_RPM_HEADER_BYTES || n > db->budget) {
		rpmdb_lost(db, RMG_E_LIMIT, "header larger than the database allows", where);
		return false;
	}
	db->budget -= n;
	return true;
}

bool rpmdb_gather(struct rpmdb *db, uint64_t n, uint64_t where)
{
	size_t room = MAX_OF((size_t)n, MIN_OF(db->room, LIMIT_RPM_HEADER_BYTES / 2) * 2);

	if (!rpmdb_afford(db, n, where))
		return false;
	if (n > db->room) {
		uint8_t *buf = arena_bytes(db->scratch, room);

		if (buf == NULL) {
			rpmdb_lost(db, arena_rc(db->scratch), "no memory for a header", where);
			return false;
		}
		db->buf = buf;
		db->room = room;
	}
	db->want = (size_t)n;
	db->n = 0;
	return true;
}

void rpmdb_piece(struct rpmdb *db, struct span piece)
{
	size_t n = MIN_OF(piece.n, rpmdb_missing(db));

	if (n == 0)
		return;
	memcpy(db->buf + db->n, piece.p, n);
	db->n += n;
}

enum rmg_rc rpmdb_walk(struct span file, struct arena *scratch, const struct rpmdb_sink *sink)
{
	struct rpmdb db = {
	    .file = file,
	    .scratch = scratch,
	    .sink = sink,
	    .budget = (uint64_t)file.n * BUDGET_TIMES,
	};

	if (rpmdb_is_sqlite(file))
		return rpmdb_walk_sqlite(&db);
	if (rpmdb_is_ndb(file))
		return rpmdb_walk_ndb(&db);
	if (rpmdb_is_bdb(file))
		return rpmdb_walk_bdb(&db);
	return RMG_E_FORMAT;
}
