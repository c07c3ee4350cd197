/* SPDX-License-Identifier: Apache-2.0 */
#include "format/rpmdb_walk.h"

#include "base/limits.h"

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
