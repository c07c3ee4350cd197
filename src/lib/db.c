/* SPDX-License-Identifier: Apache-2.0 */
/* db.c - the advisory database as callers of the library see it: opened, described, built, updated,
 * compared. */
#include <errno.h>
#include <time.h>

#include "base/rfc3339.h"
#include "base/strbuf.h"
#include "feed/feed.h"
#include "io/file.h"
#include "lib/db_remote.h"
#include "lib/lib.h"

#define PATH_MAX_BYTES 4096

void rmg_db_default_path(const char *cache_dir, char *buf, size_t n)
{
	char dir[PATH_MAX_BYTES];
	int len = -1;

	if (cache_dir == NULL && file_cache_dir(dir, sizeof dir))
		cache_dir = dir;
	if (cache_dir)
		len = snprintf(buf, n, "%s/advisories.db", cache_dir);
	if (n && (len < 0 || (size_t)len >= n))
		buf[0] = '\0';
}

/* The path that a caller named, else the user's; RMG_E_ARG where there is no home to put it in. */
static enum rmg_rc path_of(const char *where, const char *cache_dir, char *buf, size_t n,
			   struct rmg_err *err)
{
	if (where == NULL) {
		rmg_db_default_path(cache_dir, buf, n);
		if (buf[0] == '\0')
			return err_set(err, RMG_E_ARG,
				       "no folder for the advisory database: HOME is not set");
		return RMG_OK;
	}
	if (strlen(where) >= n)
		return err_set(err, RMG_E_ARG, "the path of the database is too long");
	memcpy(buf, where, strlen(where) + 1);
	return RMG_OK;
}

static bool fill_sources(struct rmg_db *db)
{
	db->sources = ARENA_ARRAY(&db->arena, db->adv.n_sources + 1, struct rmg_db_source);
	for (uint32_t i = 0; db->sources && i < db->adv.n_sources; i++) {
		struct rmg_db_source *to = &db->sources[db->n_sources];
		struct adv_source source;

		if (!advdb_source(&db->adv, i, &source))
			return false;
		to->name = lib_text(&db->arena, source.name);
		to->fetched = lib_text(&db->arena, source.fetched);
		to->count = source.count;
		to->starter = source.starter;
		db->n_sources++;
	}
	return arena_rc(&db->arena) == RMG_OK;
}

static bool fill(struct rmg_db *db, const char *path)
{
	struct strbuf digest = strbuf_of(80);

	strbuf_puts(&digest, "sha256:");
	strbuf_hex(&digest, db->adv.sha256, sizeof db->adv.sha256);
	db->digest = lib_text(&db->arena, strbuf_span(&digest));
	db->path = lib_text(&db->arena, span_cstr(path));
	db->built = lib_text(&db->arena, db->adv.built);
	strbuf_done(&digest);
	return fill_sources(db);
}

static enum rmg_rc map_db(struct rmg_db *db, const char *path, struct rmg_err *err)
{
	struct file_map map;
	enum rmg_rc rc = file_map(path, &map, err);

	if (rc == RMG_E_NOTFOUND)
		return err_set(err, rc, "there is no database at %s", path);
	if (rc != RMG_OK)
		return rc;
	db->map = (void *)(uintptr_t)map.bytes.p;
	db->map_bytes = map.bytes.n;
	rc = advdb_of(map.bytes, &db->adv, err);
	if (rc != RMG_OK)
		err_add(err, "%s", path);
	else if (!fill(db, path))
		rc = err_set(err, RMG_E_DB, "%s is damaged", path);
	return rc;
}

enum rmg_rc rmg_db_open(const char *where, struct rmg_db **out, struct rmg_err *err)
{
	char path[PATH_MAX_BYTES];
	enum rmg_rc rc = path_of(where, NULL, path, sizeof path, err);
	struct rmg_db *db;

	if (rc != RMG_OK)
		return rc;
	db = calloc(1, sizeof *db);
	if (db == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for the advisory database");
	arena_init(&db->arena, 1 << 20);
	rc = map_db(db, path, err);
	if (rc != RMG_OK) {
		rmg_db_free(db);
		return rc;
	}
	*out = db;
	return RMG_OK;
}

void rmg_db_free(struct rmg_db *db)
{
	struct file_map map;

	if (db == NULL)
		return;
	map.bytes = span_of(db->map, db->map_bytes);
	file_unmap(&map);
	arena_done(&db->arena);
	free(db);
}

void rmg_db_about(const struct rmg_db *db, struct rmg_db_info *out)
{
	int64_t built;

	*out = (struct rmg_db_info){
	    .path = db->path,
	    .built = db->built,
	    .digest = db->digest,
	    .advisories = db->adv.n_cards,
	    .packages = db->adv.n_keys,
	    .rules = db->adv.n_rules,
	    .bytes = db->map_bytes,
	    .n_sources = db->n_sources,
	};
	if (rfc3339_parse(db->adv.built, &built))
		out->age_s = (int64_t)time(NULL) - built / 1000;
	if (out->age_s < 0)
		out->age_s = 0;
}

const struct rmg_db_source *rmg_db_source_at(const struct rmg_db *db, size_t i)
{
	return i < db->n_sources ? &db->sources[i] : NULL;
}

/* What a caller of an older version gave, with this version's defaults behind it and the paths
 * filled in. */
struct db_call {
	struct rmg_db_opts opts;
	char out[PATH_MAX_BYTES], cache[PATH_MAX_BYTES];
};

static enum rmg_rc call_of(const struct rmg_db_opts *opts, struct db_call *call,
			   struct rmg_err *err)
{
	enum rmg_rc rc;

	call->opts = (struct rmg_db_opts)RMG_DB_OPTS;
	if (opts && opts->size)
		memcpy(&call->opts, opts, MIN_OF(opts->size, sizeof call->opts));
	rc = path_of(call->opts.out, call->opts.cache_dir, call->out, sizeof call->out, err);
	if (rc != RMG_OK)
		return rc;
	call->opts.out = call->out;
	if (call->opts.cache_dir == NULL) {
		if (!file_cache_dir(call->cache, sizeof call->cache))
			return err_set(err, RMG_E_ARG, "no folder for the cache: HOME is not set");
		call->opts.cache_dir = call->cache;
	}
	return RMG_OK;
}

enum rmg_rc rmg_db_build(const char *dir, const struct rmg_db_opts *opts, struct rmg_err *err)
{
	struct db_call call;
	enum rmg_rc rc = call_of(opts, &call, err);

	return rc == RMG_OK ? feed_build(dir, &call.opts, err) : rc;
}

enum rmg_rc rmg_db_update(const struct rmg_db_opts *opts, bool *changed, struct rmg_err *err)
{
	struct db_call call;
	enum rmg_rc rc = call_of(opts, &call, err);

	return rc == RMG_OK ? feed_update(&call.opts, changed, err) : rc;
}

enum rmg_rc rmg_db_pull(const char *ref, const struct rmg_db_opts *opts, bool *changed,
			struct rmg_err *err)
{
	struct db_call call;
	struct db_remote *r = NULL;
	bool ignored;
	enum rmg_rc rc = call_of(opts, &call, err);

	if (rc == RMG_OK)
		rc = db_remote_open(ref, &call.opts, &r, err);
	if (rc == RMG_OK)
		rc = db_remote_pull(r, changed ? changed : &ignored, err);
	db_remote_close(r);
	return rc;
}

enum rmg_rc rmg_db_push(const struct rmg_db *db, const char *ref, const struct rmg_db_opts *opts,
			bool *changed, struct rmg_err *err)
{
	struct db_call call;
	struct db_remote *r = NULL;
	bool ignored;
	enum rmg_rc rc = call_of(opts, &call, err);

	if (rc == RMG_OK)
		rc = db_remote_open(ref, &call.opts, &r, err);
	if (rc == RMG_OK)
		rc = db_remote_push(r, &db->adv, changed ? changed : &ignored, err);
	db_remote_close(r);
	return rc;
}

struct diff_call {
	rmg_db_diff_fn *fn;
	void *user;
	struct arena scratch;
	enum rmg_rc rc;
};

static bool on_diff(void *user, const struct adv_key *was, const struct adv_key *is)
{
	struct diff_call *call = user;
	const struct adv_key *key = is ? is : was;
	const char *ecosystem, *name;

	CHECK(key != NULL);
	if (was && is && was->content == is->content) /* EPSS alone */
		return true;
	arena_reset(&call->scratch);
	ecosystem = lib_text(&call->scratch, key->ecosystem);
	name = lib_text(&call->scratch, key->name);
	if (ecosystem == NULL || name == NULL) {
		call->rc = RMG_E_NOMEM;
		return false;
	}
	return call->fn(call->user, ecosystem, name,
			was == NULL  ? "added"
			: is == NULL ? "removed"
				     : "changed");
}

enum rmg_rc rmg_db_diff(const struct rmg_db *older, const struct rmg_db *newer, rmg_db_diff_fn *fn,
			void *user, struct rmg_err *err)
{
	struct advdb was = older->adv,
		     is = newer->adv; /* handles of our own: the flag bad is written */
	struct diff_call call = {.fn = fn, .user = user};

	arena_init(&call.scratch, 1 << 20);
	advdb_diff(&was, &is, on_diff, &call);
	arena_done(&call.scratch);
	if (call.rc != RMG_OK)
		return err_set(err, call.rc, "no memory to compare databases");
	if (was.bad || is.bad)
		return err_set(err, RMG_E_DB, "%s is damaged", was.bad ? older->path : newer->path);
	return RMG_OK;
}
