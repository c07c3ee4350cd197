/* SPDX-License-Identifier: Apache-2.0 */
/* pending.c - stands in for src/lib/db.c and src/vuln/match.c until both are there; goes with them.
 */
#include "base/err.h"
#include "lib/lib.h"

#ifdef PENDING_DB
enum rmg_rc rmg_db_open(const char *where, struct rmg_db **out, struct rmg_err *err)
{
	(void)out;
	return err_set(err, RMG_E_UNSUPPORTED, "%s: databases are not in this build yet", where);
}

void rmg_db_free(struct rmg_db *db)
{
	(void)db;
}

void rmg_db_about(const struct rmg_db *db, struct rmg_db_info *out)
{
	(void)db;
	*out = (struct rmg_db_info){0};
}

const struct rmg_db_source *rmg_db_source_at(const struct rmg_db *db, size_t i)
{
	(void)db;
	(void)i;
	return NULL;
}

void rmg_db_default_path(const char *cache_dir, char *buf, size_t n)
{
	snprintf(buf, n, "%s", cache_dir ? cache_dir : "");
}

enum rmg_rc rmg_db_build(const char *dir, const struct rmg_db_opts *opts, struct rmg_err *err)
{
	(void)dir;
	(void)opts;
	return err_set(err, RMG_E_UNSUPPORTED, "databases are not in this build yet");
}

enum rmg_rc rmg_db_update(const struct rmg_db_opts *opts, bool *changed, struct rmg_err *err)
{
	(void)opts;
	(void)changed;
	return err_set(err, RMG_E_UNSUPPORTED, "databases are not in this build yet");
}

enum rmg_rc rmg_db_diff(const struct rmg_db *older, const struct rmg_db *newer, rmg_db_diff_fn *fn,
			void *user, struct rmg_err *err)
{
	(void)older;
	(void)newer;
	(void)fn;
	(void)user;
	return err_set(err, RMG_E_UNSUPPORTED, "databases are not in this build yet");
}
#endif

#ifdef PENDING_MATCH
enum rmg_rc match_inventory(const struct inventory *inv, struct advdb *db, struct verdict **out,
			    struct rmg_err *err)
{
	(void)inv;
	(void)db;
	(void)out;
	return err_set(err, RMG_E_UNSUPPORTED, "matching is not in this build yet");
}

void verdict_free(struct verdict *v)
{
	(void)v;
}
#endif
