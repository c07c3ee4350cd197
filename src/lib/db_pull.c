/* SPDX-License-Identifier: Apache-2.0 */
/* db_pull.c - the advisory database from a registry: by patches from the one that is here, or
 * whole. */
#include "base/clock.h"
#include "base/limits.h"
#include "base/rfc3339.h"
#include "feed/feed.h"
#include "format/zpack.h"
#include "io/file.h"
#include "lib/db_blob.h"
#include "lib/db_remote_inside.h"
#include "vuln/advdb_fold.h"

enum { MANIFEST_ARENA = 32 << 20, AGAIN_MS = 300 * 1000, AGAIN_MAX_MS = 3600 * 1000 };

/* The database at the place where the new one is to be. */
struct local {
	struct file_map map;
	char digest[DIGEST_TEXT]; /* "": there is none that can be read */
};

struct pull {
	struct db_remote *r;
	struct client *client;
	struct arena arena;
	struct artifact artifact;
	struct local local;
};

static void local_open(struct local *l, const char *path)
{
	struct advdb db;

	*l = (struct local){0};
	if (file_map(path, &l->map, NULL) != RMG_OK)
		return;
	if (advdb_of(l->map.bytes, &db, NULL) == RMG_OK)
		db_digest(&db, l->digest);
}

static void local_close(struct local *l)
{
	file_unmap(&l->map);
}

static void drop(struct span *s)
{
	free((void *)(uintptr_t)s->p);
	*s = (struct span){0};
}

/* What has been written is the database that the manifest is about. */
static enum rmg_rc check_identity(const struct pull *p, const char *path, struct rmg_err *err)
{
	const struct artifact *a = &p->artifact;
	char digest[DIGEST_TEXT];
	struct file_map map;
	struct advdb db;
	enum rmg_rc rc = file_map(path, &map, err);

	if (rc != RMG_OK)
		return rc;
	rc = advdb_of(map.bytes, &db, err);
	if (rc == RMG_OK && (!span_is(a->database, span_cstr(db_digest(&db, digest))) ||
			     !span_is(a->built, db.built)))
		rc = err_set(
		    err, RMG_E_FORMAT,
		    "it is not the database that the manifest is about, but %s, built " SPAN_FMT,
		    digest, SPAN_ARG(span_head(db.built, 40)));
	file_unmap(&map);
	return rc;
}

static enum rmg_rc put_in_place(struct pull *p, struct file_writer *w, struct rmg_err *err)
{
	enum rmg_rc rc = RMG_OK;

	if (w->rc == RMG_OK) /* else commit tells */
		rc = check_identity(p, w->temp, err);
	return rc == RMG_OK ? feed_place_commit(w, err) : rc;
}

static enum rmg_rc write_piece(void *user, struct span bytes, struct rmg_err *err)
{
	struct file_writer *w = user;

	file_writer_put(w, bytes);
	/* What is wrong commit says best. */
	return w->rc == RMG_OK ? RMG_OK : file_writer_commit(w, err);
}

static enum rmg_rc take_whole(struct pull *p, struct rmg_err *err)
{
	const struct artifact *a = &p->artifact;
	struct db_blob blob = {a->digest, a->size_bytes};
	struct file_writer w;
	enum rmg_rc rc = feed_place_open(&w, p->r->opts.out, err);

	if (rc != RMG_OK)
		return rc;
	rc = db_blob_unpack(p->client, &p->r->opts, &blob, a->bytes, write_piece, &w, err);
	if (rc == RMG_OK)
		rc = put_in_place(p, &w, err);
	file_writer_done(&w);
	return rc;
}

/* Folded, from one database to the next. */
static enum rmg_rc apply(struct pull *p, const struct artifact_patch *patch, struct span *folded,
			 struct rmg_err *err)
{
	struct db_blob blob = {patch->digest, patch->size_bytes};
	struct span bytes = {0}, next = {0};
	enum rmg_rc rc = db_blob_get(p->client, &p->r->opts, &blob, &bytes, err);

	if (rc == RMG_OK)
		rc = zpack_unpatch(*folded, bytes, LIMIT_DB_FILE_BYTES, &next, err);
	drop(&bytes);
	if (rc != RMG_OK)
		return rc;
	drop(folded);
	*folded = next;
	return RMG_OK;
}

static enum rmg_rc write_whole(struct pull *p, struct span file, struct rmg_err *err)
{
	struct file_writer w;
	enum rmg_rc rc = feed_place_open(&w, p->r->opts.out, err);

	if (rc != RMG_OK)
		return rc;
	file_writer_put(&w, file);
	rc = put_in_place(p, &w, err);
	file_writer_done(&w);
	return rc;
}

static enum rmg_rc take_patches(struct pull *p, const struct artifact_patch *const *way, size_t n,
				struct rmg_err *err)
{
	struct span folded = {0}, file = {0};
	enum rmg_rc rc = advdb_fold(p->local.map.bytes, &folded, err);

	for (size_t i = 0; rc == RMG_OK && i < n; i++)
		rc = apply(p, way[i], &folded, err);
	if (rc == RMG_OK)
		rc = advdb_unfold(folded, &file, err);
	drop(&folded);
	if (rc == RMG_OK)
		rc = write_whole(p, file, err);
	drop(&file);
	return rc;
}

/* Not of this machine, and not for want of an answer. */
static bool is_of_content(enum rmg_rc rc)
{
	return rc == RMG_E_FORMAT || rc == RMG_E_LIMIT || rc == RMG_E_DB || rc == RMG_E_UNSUPPORTED;
}

static enum rmg_rc take(struct pull *p, struct rmg_err *err)
{
	const struct artifact_patch *way[ARTIFACT_PATCHES];
	size_t n =
	    p->local.digest[0] ? artifact_way(&p->artifact, span_cstr(p->local.digest), way) : 0;
	struct rmg_err why = {0};
	enum rmg_rc rc = n ? take_patches(p, way, n, &why) : RMG_E_NOTFOUND;

	if (rc == RMG_OK)
		return rc;
	if (n && !is_of_content(rc) && rc != RMG_E_NOTFOUND && rc != RMG_E_NOMEM)
		return err_set(err, rc, "%s", why.msg);
	if (n)
		db_remote_warn(p->r, "the whole database is fetched instead of what changed", &why);
	return take_whole(p, err);
}

/* Whether something of this digest has been judged before; *rc is how. */
static bool is_known(const struct pull *p, struct span manifest, enum rmg_rc *rc,
		     struct rmg_err *err)
{
	const struct db_remote *r = p->r;

	if (manifest.n == 0)
		return false;
	if (span_is(manifest, span_cstr(r->seen.manifest)) &&
	    strcmp(r->seen.database, p->local.digest) == 0) {
		*rc = RMG_OK;
		return true;
	}
	if (!span_is(manifest, span_cstr(r->refused.manifest)) ||
	    clock_tick_ms() >= r->refused.again_ms)
		return false;
	if (err)
		*err = r->refused.why;
	*rc = r->refused.why.rc;
	return true;
}

static enum rmg_rc check_artifact(const struct pull *p, struct rmg_err *err)
{
	const struct artifact *a = &p->artifact;
	int64_t built_ms = 0;
	char last[RFC3339_BYTES];

	if (a->format != ADVDB_VERSION)
		return err_set(err, RMG_E_DB,
			       "the advisory database has format %llu, this program reads %d",
			       (unsigned long long)a->format, ADVDB_VERSION);
	if (rfc3339_parse(a->built, &built_ms) && built_ms < p->r->built_ms)
		return err_set(err, RMG_E_DB,
			       "an older database, built " SPAN_FMT
			       ", than the one that came from there before, built %s",
			       SPAN_ARG(a->built), rfc3339_text(p->r->built_ms, last));
	return RMG_OK;
}

static void keep_text(char buf[DIGEST_TEXT], struct span s)
{
	s = span_head(s, DIGEST_TEXT - 1);
	memcpy(buf, s.p, s.n);
	buf[s.n] = '\0';
}

static void remember(struct pull *p, struct span manifest)
{
	struct db_remote *r = p->r;

	keep_text(r->seen.manifest, manifest);
	keep_text(r->seen.database, p->artifact.database);
	r->refused = (struct db_refused){0};
	if (!rfc3339_parse(p->artifact.built, &r->built_ms))
		r->built_ms = 0;
}

static void refuse(struct db_remote *r, struct span manifest, const struct rmg_err *why)
{
	struct db_refused *f = &r->refused;
	int64_t pause_ms;

	if (!span_is(manifest, span_cstr(f->manifest)))
		*f = (struct db_refused){0};
	keep_text(f->manifest, manifest);
	f->why = *why;
	pause_ms = (int64_t)AGAIN_MS << MIN_OF(f->times++, 4u);
	f->again_ms = clock_tick_ms() + MIN_OF(pause_ms, (int64_t)AGAIN_MAX_MS);
}

static enum rmg_rc judge(struct pull *p, const struct client_document *doc, bool *changed,
			 struct rmg_err *err)
{
	enum rmg_rc rc = artifact_parse(doc->bytes, doc->media_type, &p->arena, &p->artifact, err);

	if (rc == RMG_OK)
		rc = check_artifact(p, err);
	if (rc == RMG_OK && !span_is(p->artifact.database, span_cstr(p->local.digest))) {
		rc = take(p, err);
		*changed = rc == RMG_OK;
	}
	if (rc == RMG_OK)
		remember(p, doc->digest);
	else if (is_of_content(rc))
		refuse(p->r, doc->digest, err);
	return rc;
}

static enum rmg_rc run(struct pull *p, bool *changed, struct rmg_err *err)
{
	struct span name = db_remote_name(p->r), now = {0};
	struct client_document doc;
	enum rmg_rc rc = RMG_OK;

	if (p->r->seen.manifest[0] || p->r->refused.manifest[0])
		rc = client_digest(p->client, name, &p->arena, &now, err);
	if (rc != RMG_OK || is_known(p, now, &rc, err))
		return rc;
	rc = client_manifest(p->client, name, &p->arena, &doc, err);
	if (rc != RMG_OK || is_known(p, doc.digest, &rc, err))
		return rc;
	return judge(p, &doc, changed, err);
}

enum rmg_rc db_remote_pull(struct db_remote *r, bool *changed, struct rmg_err *err)
{
	struct pull p = {.r = r};
	struct rmg_err own = {0};
	enum rmg_rc rc;

	/* A client of its own each time: what it holds of secrets grows with its life. */
	err = err ? err : &own;
	*changed = false;
	arena_init(&p.arena, MANIFEST_ARENA);
	local_open(&p.local, r->opts.out);
	rc = client_new(&r->registry, &r->ref, &p.client, err);
	if (rc == RMG_OK)
		rc = run(&p, changed, err);
	client_free(p.client);
	local_close(&p.local);
	arena_done(&p.arena);
	return rc;
}
