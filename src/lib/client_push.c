/* SPDX-License-Identifier: Apache-2.0 */
/* client_push.c - what is put into a repository (distribution-spec 1.1, "Push"): blobs by POST and
 * one PUT, then the manifest. */
#include <inttypes.h>

#include "base/limits.h"
#include "lib/client_place.h"
#include "oci/digest.h"
#include "oci/registry.h"

static enum rmg_rc no_url(const struct arena *arena, struct rmg_err *err)
{
	return err_set(err, arena_rc(arena), "no memory for a URL");
}

static enum rmg_rc is_there(struct place *p, struct span digest, bool *there, struct arena *arena,
			    struct rmg_err *err)
{
	char *path = registry_blob_url(S(""), p->repository, digest, arena);
	struct place_request r = {.method = "HEAD", .path = path};
	enum rmg_rc rc = path ? place_ask(p, &r, err) : no_url(arena, err);

	*there = rc == RMG_OK;
	return rc == RMG_E_NOTFOUND ? RMG_OK : rc;
}

/* What the registry says to have got is what was sent. */
static enum rmg_rc check_said(struct span said, struct span digest, const char *what,
			      struct rmg_err *err)
{
	if (said.n == 0 || span_is(said, digest))
		return RMG_OK;
	return err_set(err, RMG_E_NET,
		       "%s was sent as " SPAN_FMT ", and the registry says it is " SPAN_FMT, what,
		       SPAN_ARG(digest), SPAN_ARG(span_head(said, 80)));
}

/* One try. *r is the request that failed, if one did. */
static enum rmg_rc upload(struct place *p, struct span digest, struct span bytes,
			  struct arena *arena, struct place_request *r, struct rmg_err *err)
{
	/* libcurl would call a POST a form. */
	*r = (struct place_request){.method = "POST",
				    .path = registry_upload_url(S(""), p->repository, arena),
				    .content = "Content-Type:",
				    .arena = arena};
	char *path;
	enum rmg_rc rc = r->path ? place_ask(p, r, err) : no_url(arena, err);

	if (rc == RMG_OK)
		rc = registry_upload_path(registry_api_host(p->host), r->location, digest, arena,
					  &path, err);
	if (rc != RMG_OK)
		return rc;
	*r = (struct place_request){.method = "PUT",
				    .path = path,
				    .content = "Content-Type: application/octet-stream",
				    .body = bytes,
				    .once = true,
				    .arena = arena};
	rc = place_ask(p, r, err);
	return rc == RMG_OK ? check_said(r->digest, digest, "a blob", err) : rc;
}

/* Whether to begin anew. A registry that lost an upload that it had begun says 404. */
static bool try_again(const struct place_request *r, enum rmg_rc rc, unsigned tries)
{
	if (!r->once || (rc != RMG_E_NET && rc != RMG_E_NOTFOUND))
		return false;
	if (r->may_retry && r->status != 0)
		return tries < REGISTRY_ATTEMPTS;
	return (r->may_retry || r->status == 404) && tries < REGISTRY_BROKEN_ATTEMPTS;
}

static enum rmg_rc put_blob(struct place *p, struct span digest, struct span bytes, bool *sent,
			    struct arena *arena, struct rmg_err *err)
{
	enum rmg_rc rc;

	for (unsigned tries = 1;; tries++) {
		struct place_request r = {0};
		bool there = false;

		arena_reset(arena);
		/* Asked each time: the answer may be all that was lost. */
		rc = is_there(p, digest, &there, arena, err);
		if (rc != RMG_OK || there)
			return rc;
		rc = upload(p, digest, bytes, arena, &r, err);
		if (rc == RMG_OK)
			*sent = true;
		if (rc == RMG_OK || !try_again(&r, rc, tries))
			break;
		rc = place_pause(p, registry_pause_s(tries, r.pause_s), err);
		if (rc != RMG_OK)
			return rc;
	}
	if (rc != RMG_OK && rc != RMG_E_STOPPED)
		err_add(err, "upload of %" PRIu64 " bytes", (uint64_t)bytes.n);
	return rc;
}

enum rmg_rc client_put_blob(struct client *c, struct span digest, struct span bytes, bool *sent,
			    struct rmg_err *err)
{
	struct arena arena;
	bool ignored = false;
	enum rmg_rc rc;

	arena_init(&arena, KIB(256));
	if (sent)
		*sent = false;
	rc = put_blob(client_registry(c), digest, bytes, sent ? sent : &ignored, &arena, err);
	arena_done(&arena);
	return rc;
}

enum rmg_rc client_put_manifest(struct client *c, struct span name, struct span media_type,
				struct span bytes, struct rmg_err *err)
{
	struct place *p = client_registry(c);
	char digest[DIGEST_TEXT];
	struct arena arena;
	struct place_request r = {.method = "PUT", .body = bytes, .arena = &arena};
	enum rmg_rc rc;

	arena_init(&arena, KIB(256));
	r.path = registry_manifest_url(S(""), p->repository, name, &arena);
	r.content = arena_cstr(&arena, ARENA_JOIN(&arena, S("Content-Type: "), media_type));
	rc = r.path && r.content ? place_ask(p, &r, err) : no_url(&arena, err);
	digest_text_of(bytes, digest);
	if (rc == RMG_OK)
		rc = check_said(r.digest, span_cstr(digest), "the manifest", err);
	arena_done(&arena);
	return rc;
}
