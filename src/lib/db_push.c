/* SPDX-License-Identifier: Apache-2.0 */
/* db_push.c - the advisory database into a registry: the whole, a patch from the one that the tag
 * meant so far, and a manifest that carries on the patches before it. */
#include "base/limits.h"
#include "base/rfc3339.h"
#include "base/strbuf.h"
#include "format/sha256.h"
#include "format/zpack.h"
#include "lib/db_blob.h"
#include "lib/db_remote_inside.h"
#include "vuln/advdb_fold.h"

enum { MANIFEST_ARENA = 32 << 20 };

struct push {
	struct db_remote *r;
	const struct advdb *db;
	struct client *client;
	struct arena arena;
	bool was_there; /* old is what the tag means so far */
	struct artifact old, new;
};

static void drop(struct span *s)
{
	free((void *)(uintptr_t)s->p);
	*s = (struct span){0};
}

static struct span keep_digest(struct push *p, struct span bytes)
{
	char digest[DIGEST_TEXT];

	return arena_dup(&p->arena, span_cstr(digest_text_of(bytes, digest)));
}

/* A damaged database must not be spread. */
static enum rmg_rc check_ours(const struct push *p, struct rmg_err *err)
{
	const struct advdb *db = p->db;
	int64_t ms;
	enum rmg_rc rc;

	if (p->r->ref.digest.n)
		return err_set(err, RMG_E_ARG,
			       "what is pushed gets the digest that it has: name a tag");
	if (db->bytes.n > LIMIT_DB_FILE_BYTES)
		return err_set(err, RMG_E_LIMIT, "a database of %zu bytes would not be pulled",
			       db->bytes.n);
	if (!rfc3339_parse(db->built, &ms))
		return err_set(err, RMG_E_DB, "the database does not say when it was built");
	rc = advdb_verify(db, sha256_of, err);
	return rc == RMG_OK ? advdb_check(db, err) : rc;
}

/* What the tag means so far. */
static enum rmg_rc look(struct push *p, struct rmg_err *err)
{
	struct client_document doc;
	enum rmg_rc rc = client_manifest(p->client, p->r->ref.tag, &p->arena, &doc, err);

	if (rc == RMG_E_NOTFOUND)
		return RMG_OK;
	if (rc != RMG_OK)
		return rc;
	rc = artifact_parse(doc.bytes, doc.media_type, &p->arena, &p->old, err);
	if (rc != RMG_OK)
		err_add(err, "it is there already, and is not replaced");
	p->was_there = rc == RMG_OK;
	return rc;
}

static void describe(struct push *p)
{
	char digest[DIGEST_TEXT];

	p->new = (struct artifact){
	    .database = arena_dup(&p->arena, span_cstr(db_digest(p->db, digest))),
	    .built = p->db->built,
	    .format = ADVDB_VERSION,
	    .bytes = p->db->bytes.n,
	    .advisories = p->db->n_cards,
	    .packages = p->db->n_keys,
	};
}

static enum rmg_rc put_blob(struct push *p, struct span bytes, struct span *digest,
			    uint64_t *size_bytes, struct rmg_err *err)
{
	struct rmg_progress now = {.verb = "upload", .total = MAX_OF(bytes.n, 1u)};
	enum rmg_rc rc;

	*digest = keep_digest(p, bytes);
	*size_bytes = bytes.n;
	if (arena_rc(&p->arena) != RMG_OK)
		return err_set(err, arena_rc(&p->arena), "no memory for a digest");
	now.name = arena_cstr(&p->arena, span_head(span_from(*digest, 7), 12));
	if (p->r->opts.progress && now.name)
		p->r->opts.progress(p->r->opts.user, &now);
	rc = client_put_blob(p->client, *digest, bytes, NULL, err);
	now.done = now.total;
	if (p->r->opts.progress && now.name)
		p->r->opts.progress(p->r->opts.user, &now);
	return rc;
}

static enum rmg_rc put_whole(struct push *p, struct rmg_err *err)
{
	struct span packed = {0};
	enum rmg_rc rc = zpack(p->db->bytes, &packed, err);

	if (rc == RMG_OK && packed.n > LIMIT_DB_PACKED_BYTES)
		rc = err_set(err, RMG_E_LIMIT, "the database is too large, packed");
	if (rc == RMG_OK)
		rc = put_blob(p, packed, &p->new.digest, &p->new.size_bytes, err);
	drop(&packed);
	return rc;
}

static enum rmg_rc collect(void *user, struct span bytes, struct rmg_err *err)
{
	struct strbuf *b = user;

	strbuf_put(b, bytes);
	return strbuf_rc(b) == RMG_OK ? RMG_OK
				      : err_set(err, strbuf_rc(b), "no memory for a database");
}

/* The database that the tag means so far, folded. */
static enum rmg_rc fold_old(struct push *p, struct span *out, struct rmg_err *err)
{
	struct db_blob blob = {p->old.digest, p->old.size_bytes};
	struct strbuf bytes = strbuf_of(p->old.bytes);
	char digest[DIGEST_TEXT];
	struct advdb db;
	enum rmg_rc rc =
	    db_blob_unpack(p->client, &p->r->opts, &blob, p->old.bytes, collect, &bytes, err);

	if (rc == RMG_OK)
		rc = advdb_of(strbuf_span(&bytes), &db, err);
	if (rc == RMG_OK)
		rc = advdb_verify(&db, sha256_of, err);
	if (rc == RMG_OK && !span_is(p->old.database, span_cstr(db_digest(&db, digest))))
		rc = err_set(err, RMG_E_FORMAT, "it is another database than its manifest says");
	if (rc == RMG_OK)
		rc = advdb_fold(strbuf_span(&bytes), out, err);
	strbuf_done(&bytes);
	return rc;
}

static enum rmg_rc make_patch(struct push *p, struct span *out, struct rmg_err *err)
{
	struct span from = {0}, to = {0};
	enum rmg_rc rc = fold_old(p, &from, err);

	if (rc == RMG_OK)
		rc = advdb_fold(p->db->bytes, &to, err);
	if (rc == RMG_OK)
		rc = zpack_patch(from, to, out, err);
	drop(&from);
	drop(&to);
	return rc;
}

/* The patches that led to the old database lead on from there, as far as all of the way is shorter
 * than the whole. */
static void carry_on(struct push *p)
{
	uint64_t bytes = p->new.patches[0].size_bytes;

	for (size_t i = 0; i < p->old.n_patches && p->new.n_patches < ARTIFACT_PATCHES; i++) {
		const struct artifact_patch *old = &p->old.patches[i];

		bytes += old->size_bytes;
		if (bytes >= p->new.size_bytes)
			return;
		/* Who has what is pushed now, for it was there before, goes nowhere. */
		if (!span_is(old->from, p->new.database))
			p->new.patches[p->new.n_patches++] = *old;
	}
}

static enum rmg_rc put_patch(struct push *p, struct rmg_err *err)
{
	struct artifact_patch patch = {.from = p->old.database, .to = p->new.database};
	struct span bytes = {0};
	enum rmg_rc rc = make_patch(p, &bytes, err);

	if (rc == RMG_OK && bytes.n < p->new.size_bytes) {
		rc = put_blob(p, bytes, &patch.digest, &patch.size_bytes, err);
		if (rc == RMG_OK) {
			p->new.patches[p->new.n_patches++] = patch;
			carry_on(p);
		}
	}
	drop(&bytes);
	return rc;
}

static enum rmg_rc put_manifest(struct push *p, struct rmg_err *err)
{
	struct strbuf text = strbuf_of(LIMIT_MANIFEST_BYTES);
	enum rmg_rc rc;

	artifact_write(&p->new, &text);
	rc = strbuf_rc(&text);
	if (rc == RMG_OK)
		rc = client_put_manifest(p->client, p->r->ref.tag, S(ARTIFACT_MANIFEST),
					 strbuf_span(&text), err);
	else
		err_set(err, rc, "no memory for a manifest");
	strbuf_done(&text);
	return rc;
}

/* A patch saves others a download, and is nothing to fail for; the registry may have cleared away
 * one that was carried on, and then takes no manifest that names it. */
static enum rmg_rc put_all(struct push *p, struct rmg_err *err)
{
	struct rmg_err why = {0};
	enum rmg_rc rc = put_whole(p, err);

	if (rc == RMG_OK && p->was_there && p->old.format == ADVDB_VERSION) {
		rc = put_patch(p, &why);
		if (rc == RMG_E_STOPPED)
			return err_set(err, rc, "stopped");
		if (rc != RMG_OK)
			db_remote_warn(p->r, "no patch from the database before", &why);
		rc = RMG_OK;
	}
	if (rc == RMG_OK)
		rc = client_put_blob(p->client, S(ARTIFACT_EMPTY_DIGEST), S(ARTIFACT_EMPTY), NULL,
				     err);
	if (rc != RMG_OK)
		return rc;
	if (p->new.n_patches && put_manifest(p, &why) == RMG_OK)
		return RMG_OK;
	p->new.n_patches = 0;
	return put_manifest(p, err);
}

static void warn_of_older(const struct push *p)
{
	struct rmg_err why = {0};
	int64_t was = 0, is = 0;

	if (!rfc3339_parse(p->old.built, &was) || !rfc3339_parse(p->new.built, &is) || is >= was)
		return;
	err_set(&why, RMG_E_DB, "built " SPAN_FMT ", the one there so far " SPAN_FMT,
		SPAN_ARG(p->new.built), SPAN_ARG(p->old.built));
	db_remote_warn(p->r, "an older database: a hub that took the newer one keeps it", &why);
}

static enum rmg_rc run(struct push *p, bool *changed, struct rmg_err *err)
{
	enum rmg_rc rc;

	client_pushes(p->client);
	rc = look(p, err);
	if (rc != RMG_OK)
		return rc;
	describe(p);
	if (p->was_there && span_is(p->old.database, p->new.database))
		return RMG_OK;
	if (p->was_there)
		warn_of_older(p);
	rc = put_all(p, err);
	*changed = rc == RMG_OK;
	return rc;
}

enum rmg_rc db_remote_push(struct db_remote *r, const struct advdb *db, bool *changed,
			   struct rmg_err *err)
{
	struct push p = {.r = r, .db = db};
	enum rmg_rc rc = check_ours(&p, err);

	*changed = false;
	if (rc != RMG_OK)
		return rc;
	arena_init(&p.arena, MANIFEST_ARENA);
	rc = client_new(&r->registry, &r->ref, &p.client, err);
	if (rc == RMG_OK)
		rc = run(&p, changed, err);
	client_free(p.client);
	arena_done(&p.arena);
	return rc;
}
