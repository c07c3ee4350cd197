/* SPDX-License-Identifier: Apache-2.0 */
/* store_compact.c - retention. Short transactions, so that nobody waits for long. */
#include "store/backend.h"
#include "store/store.h"

enum { ROWS_AT_ONCE = 5000 };

static enum rmg_rc count(void *user, const struct cols *c)
{
	(void)c;
	++*(size_t *)user;
	return RMG_OK;
}

/* Some of the old rows; sql tells each that it took. before: what hangs on them, or SQL_COUNT. */
static enum rmg_rc delete_some(struct store *st, enum sql before, enum sql sql, int64_t before_ms,
			       size_t *n, struct rmg_err *err)
{
	enum rmg_rc rc = store_begin(st, err);

	*n = 0;
	if (rc != RMG_OK)
		return rc;
	if (before != SQL_COUNT)
		rc = store_write(st, before, WITH(v_int(before_ms), v_int(ROWS_AT_ONCE)), err);
	if (rc == RMG_OK)
		rc =
		    store_read(st, sql, WITH(v_int(before_ms), v_int(ROWS_AT_ONCE)), count, n, err);
	if (rc == RMG_OK)
		return store_commit(st, err);
	store_rollback(st);
	return rc;
}

static enum rmg_rc delete_old(struct store *st, enum sql before, enum sql sql, int64_t before_ms,
			      struct rmg_err *err)
{
	enum rmg_rc rc = RMG_OK;
	size_t n = before_ms > 0 ? ROWS_AT_ONCE : 0;

	while (rc == RMG_OK && n == ROWS_AT_ONCE)
		rc = delete_some(st, before, sql, before_ms, &n, err);
	return rc;
}

enum rmg_rc store_compact(struct store *st, const struct store_keep *keep, struct rmg_err *err)
{
	enum rmg_rc rc =
	    delete_old(st, SQL_COMPACT_CHANGES, SQL_COMPACT_USES, keep->uses_before_ms, err);

	if (rc == RMG_OK)
		rc = delete_old(st, SQL_COUNT, SQL_COMPACT_OUTBOX, keep->outbox_before_ms, err);
	if (rc == RMG_OK)
		rc = delete_old(st, SQL_COUNT, SQL_COMPACT_STREAM, keep->changes_before_ms, err);
	return rc == RMG_OK ? st->backend->shrink(st, err) : rc;
}
