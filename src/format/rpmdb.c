/* SPDX-License-Identifier: Apache-2.0 */
#include "format/rpmdb.h"

#include "format/rpmdb_walk.h"

/* Every header is in the file once, so all of them together cannot be larger than it; twice as
 * much leaves room for pages that are damaged and read again. */
#define BUDGET_TIMES 2

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
