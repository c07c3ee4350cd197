/* SPDX-License-Identifier: Apache-2.0 */
/* store.h - what the hub knows, kept for ever: one schema, two back ends.
 *
 *     store (typed rows, this folder) --statements.def--> struct backend --> sqlite.c | pg.c
 *
 * "sqlite:FILE" (write-ahead log, one file) or "postgresql://..." (libpq, prepared, pipelined).
 * A statement is one row of statements.def, in the SQL that both understand ($1, $2, ... in order
 * of appearance; BIGINT, TEXT, BLOB/BYTEA). Opening migrates forward, step by step, each in its own
 * transaction; a schema of a newer Rummage is refused.
 *
 * A struct store is one connection and belongs to one thread at a time; open one per thread. All
 * writes stand between store_begin() and store_commit() (RMG_E_ARG elsewhere): what is not
 * committed has not happened. After a failure inside a transaction only store_rollback() is of use;
 * a failed commit has rolled back. PostgreSQL may tell the failure of one write at a later one, or
 * at the commit. RMG_E_IO: the disk, the server or the connection; store_lost() tells whether to
 * open anew. A commit that a lost connection cut off may have happened: look before doing it again.
 *
 * A callback may not use the store that calls it; another one it may. Its spans live until it
 * returns. Texts are made UTF-8 without NULs ('?' for what is not); those that rows are found by
 * have LIMIT_STORE_KEY_BYTES at most, and a longer one is RMG_E_LIMIT, which does not end the
 * transaction. Times are milliseconds since 1970; 0 is "not yet". */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <rummage.h>

#include "base/err.h"
#include "base/span.h"

struct store;

MUST enum rmg_rc store_open(const char *url, struct store **out, struct rmg_err *err);
void store_close(struct store *st);

/* What is there, without making or changing any of it. */
struct store_state {
	int64_t schema, newest; /* 0: none yet; and the one that this Rummage knows */
	bool may_write;         /* where there is none yet: may make it */
	int64_t now_ms;         /* by its server's clock; 0: it has none of its own */
};
MUST enum rmg_rc store_look(const char *url, struct store_state *out, struct rmg_err *err);
bool store_lost(struct store *st); /* also where the peer has hung up since it was used last */

MUST enum rmg_rc store_begin(struct store *st, struct rmg_err *err);
/* For reading only: all that is read until the end is of one moment, whatever others write. */
MUST enum rmg_rc store_begin_reading(struct store *st, struct rmg_err *err);
MUST enum rmg_rc store_commit(struct store *st, struct rmg_err *err);
void store_rollback(struct store *st);

/* Commits where rc, what was done since store_begin(), is RMG_OK; else takes it back. Gives rc, or
 * why the commit failed. */
MUST enum rmg_rc store_end(struct store *st, enum rmg_rc rc, struct rmg_err *err);

/* The one hub that evaluates and sends. SQLite: a lock on the file's neighbour, held as long as
 * the store is open. PostgreSQL: a session's advisory lock, gone with the connection, so that one
 * that was cut off can no longer write as the leader: its transactions end with it.
 * RMG_OK and *leads. A peer that went silent is noticed within ten seconds on both sides, and a
 * transaction that idles for a minute is ended. */
MUST enum rmg_rc store_lead(struct store *st, bool *leads, struct rmg_err *err);

/* Deletes what is older than told (0: keep), and then gives space back: some of it in one short
 * transaction, so that who writes beside it does not wait for long. *more: call again. */
struct store_keep {
	int64_t uses_before_ms;    /* ended uses, and the lineage of them stays */
	int64_t outbox_before_ms;  /* delivered messages */
	int64_t changes_before_ms; /* the stream of changes */
};
MUST enum rmg_rc store_compact(struct store *st, const struct store_keep *keep, bool *more,
			       struct rmg_err *err);

/* What it takes on disk. */
MUST enum rmg_rc store_size(struct store *st, uint64_t *bytes, struct rmg_err *err);

#endif
