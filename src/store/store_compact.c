/* SPDX-License-Identifier: Apache-2.0 */
/* store_compact.c - retention. Short transactions, so that nobody waits for long. */
#include "store/backend.h"
#include "store/store.h"

enum { ROWS_AT_ONCE = 2000 };

static enum rmg_rc count(void *user, const struct cols *c)
{
	(void)c;
	++*(size_t *)user;
	return RMG_OK;
}

/* Some of the old rows, in one transaction; sql tells each that it took. before: what hangs on
 * them, or SQL_COUNT. */
static enum rmg_rc delete_old(struct store *st, enum sql before, enum sql sql, int64_t before_ms,
			      bool *more, struct rmg_err *err)
{
	enum rmg_rc rc = before_ms > 0 ? store_begin(st, err) : RMG_OK;
	size_t n = 0;

	*more = false;
	if (rc != RMG_OK || before_ms <= 0)
		return rc;
	if (before != SQL_COUNT)
		rc = store_write(st, before, WITH(v_int(before_ms), v_int(ROWS_AT_ONCE)), err);
	if (rc == RMG_OK)
		rc = store_read(st, sql, WITH(v_int(before_ms), v_int(ROWS_AT_ONCE)), count, &n,
				err);
	*more = n == ROWS_AT_ONCE;
	return store_end(st, rc, err);
}

enum rmg_rc store_compact(struct store *st, const struct store_keep *keep, bool *more,
			  struct rmg_err *err)
{
	enum rmg_rc rc =
	    delete_old(st, SQL_COMPACT_CHANGES, SQL_COMPACT_USES, keep->uses_before_ms, more, err);

	if (rc == RMG_OK && !*more)
		rc = delete_old(st, SQL_COUNT, SQL_COMPACT_OUTBOX, keep->outbox_before_ms, more,
				err);
	if (rc == RMG_OK && !*more)
		rc = delete_old(st, SQL_COUNT, SQL_COMPACT_STREAM, keep->changes_before_ms, more,
				err);
	return rc == RMG_OK && !*more ? st->backend->shrink(st, more, err) : rc;
}
