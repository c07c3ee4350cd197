/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/client.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/strbuf.h"
#include "lib/client_place.h"
#include "oci/digest.h"
#include "oci/registry.h"

enum { PLACES_MAX = 8 };

struct client {
	const struct rmg_opts *opts;
	struct arena arena;
	struct place places[PLACES_MAX];
	size_t n_places;
	size_t first; /* which one answered for the manifest */
};

/* "HOST[:PORT][/PATH]", the path before the repository's name. */
static enum rmg_rc add_mirror(struct client *c, struct span mirror, const struct reference *ref,
			      struct rmg_err *err)
{
	struct span host = mirror, path;
	struct span repository = ref->repository;

	if (span_starts(host, S("https://")))
		host = span_from(host, 8);
	host = span_rtrim_chr(host, '/');
	if (span_cut(host, '/', &host, &path))
		repository = ARENA_JOIN(&c->arena, path, S("/"), ref->repository);
	if (c->n_places == PLACES_MAX - 1)
		return err_set(err, RMG_E_LIMIT, "more than %d mirrors", PLACES_MAX - 1);
	return place_init(&c->places[c->n_places++], c->opts, host, repository, true, err);
}

static enum rmg_rc add_places(struct client *c, const struct reference *ref, struct rmg_err *err)
{
	const char *const *m = c->opts->mirrors;
	struct span host, mirror;
	enum rmg_rc rc = RMG_OK;

	for (; rc == RMG_OK && m && *m; m++) {
		if (!span_cut(span_cstr(*m), '=', &host, &mirror) || mirror.n == 0)
			return err_set(err, RMG_E_ARG, "'%s' is no mirror: HOST=MIRROR", *m);
		if (span_is(host, ref->host))
			rc = add_mirror(c, mirror, ref, err);
	}
	if (rc == RMG_OK)
		rc = place_init(&c->places[c->n_places++], c->opts, ref->host, ref->repository,
				false, err);
	return rc;
}

enum rmg_rc client_new(const struct rmg_opts *opts, const struct reference *ref,
		       struct client **out, struct rmg_err *err)
{
	struct client *c = calloc(1, sizeof *c);
	enum rmg_rc rc;

	if (c == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a registry");
	c->opts = opts;
	arena_init(&c->arena, MIB(4));
	rc = add_places(c, ref, err);
	if (rc != RMG_OK) {
		client_free(c);
		return rc;
	}
	*out = c;
	return RMG_OK;
}

void client_free(struct client *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->n_places; i++)
		place_done(&c->places[i]);
	arena_done(&c->arena);
	free(c);
}

struct place *client_registry(struct client *c)
{
	return &c->places[c->n_places - 1];
}

void client_pushes(struct client *c)
{
	c->first = c->n_places - 1;
	client_registry(c)->push = true;
}

struct document {
	struct strbuf body;
	uint64_t got;
};

static bool collect(void *user, const struct http_response *resp, struct span bytes)
{
	struct document *d = user;

	(void)resp;
	d->got += bytes.n;
	strbuf_put(&d->body, bytes);
	return strbuf_rc(&d->body) == RMG_OK;
}

static enum rmg_rc check_document(struct span name, const struct place_request *r,
				  struct arena *arena, struct client_document *doc,
				  struct rmg_err *err)
{
	char digest[DIGEST_TEXT];
	enum rmg_rc rc = RMG_OK;

	if (digest_valid(name))
		rc = digest_check(name, doc->bytes, "manifest", err);
	if (rc != RMG_OK)
		return rc;
	doc->digest = arena_dup(arena, span_cstr(digest_text_of(doc->bytes, digest)));
	if (span_starts(r->digest, S("sha256:")) && !span_is(r->digest, doc->digest))
		return err_set(err, RMG_E_FORMAT,
			       "the registry says the manifest is " SPAN_FMT ", but sent %s",
			       SPAN_ARG(r->digest), digest);
	return RMG_OK;
}

static enum rmg_rc manifest_from(struct place *p, struct span name, struct arena *arena,
				 struct client_document *out, struct rmg_err *err)
{
	struct document d = {.body = strbuf_of(LIMIT_MANIFEST_BYTES)};
	struct client_document doc = {0};
	char *path = registry_manifest_url(S(""), p->repository, name, arena);
	struct place_request r = {
	    .path = path,
	    .accept = "Accept: " MANIFEST_ACCEPT,
	    .sink = collect,
	    .user = &d,
	    .arena = arena,
	    .progress = &d.got,
	};
	enum rmg_rc rc;

	if (path == NULL)
		return err_set(err, arena_rc(arena), "no memory for a URL");
	for (unsigned attempt = 0;; attempt++) {
		strbuf_clear(&d.body);
		r.broken_before = attempt;
		rc = place_ask(p, &r, err);
		/* One that broke off is asked for again, whole. */
		if (rc != RMG_E_NET || d.body.n == 0 || attempt + 1 == REGISTRY_BROKEN_ATTEMPTS)
			break;
	}
	if (rc == RMG_OK) {
		doc.bytes = arena_dup(arena, strbuf_span(&d.body));
		doc.media_type = r.content_type;
		rc = check_document(name, &r, arena, &doc, err);
	}
	if (rc == RMG_OK && arena_rc(arena) != RMG_OK)
		rc = err_set(err, arena_rc(arena), "no memory for a manifest");
	if (rc == RMG_OK)
		*out = doc;
	strbuf_done(&d.body);
	return rc;
}

enum rmg_rc client_manifest(struct client *c, struct span name, struct arena *arena,
			    struct client_document *out, struct rmg_err *err)
{
	enum rmg_rc rc = RMG_E_NOTFOUND;

	/* What the registry itself says is the last word, and the message. */
	for (size_t i = c->first; i < c->n_places; i++) {
		rc = manifest_from(&c->places[i], name, arena, out, err);
		if (rc == RMG_OK)
			c->first = i;
		if (rc == RMG_OK || rc == RMG_E_STOPPED || rc == RMG_E_NOMEM)
			return rc;
	}
	return rc;
}

static enum rmg_rc digest_from(struct place *p, struct span name, struct arena *arena,
			       struct span *out, struct rmg_err *err)
{
	char *path = registry_manifest_url(S(""), p->repository, name, arena);
	struct place_request r = {
	    .method = "HEAD", .path = path, .accept = "Accept: " MANIFEST_ACCEPT, .arena = arena};
	enum rmg_rc rc =
	    path ? place_ask(p, &r, err) : err_set(err, arena_rc(arena), "no memory for a URL");

	if (rc == RMG_OK)
		*out = digest_valid(r.digest) ? r.digest : (struct span){0};
	return rc;
}

enum rmg_rc client_digest(struct client *c, struct span name, struct arena *arena, struct span *out,
			  struct rmg_err *err)
{
	enum rmg_rc rc = RMG_E_NOTFOUND;

	for (size_t i = c->first; i < c->n_places; i++) {
		rc = digest_from(&c->places[i], name, arena, out, err);
		if (rc == RMG_OK || rc == RMG_E_STOPPED || rc == RMG_E_NOMEM)
			return rc;
	}
	return rc;
}

/* An answer to HEAD has no body: who says that there is nothing, the registry or something before
 * it, is asked once more. */
static enum rmg_rc ask_tag(struct place *p, struct place_request *r, struct rmg_err *err)
{
	enum rmg_rc rc = place_ask(p, r, err);

	if (rc != RMG_E_NOTFOUND)
		return rc;
	r->method = NULL;
	rc = place_ask(p, r, err);
	return rc == RMG_OK
		   ? err_set(err, RMG_E_NET, SPAN_FMT " answers GET, but 404 to HEAD of the same",
			     SPAN_ARG(p->host))
		   : rc;
}

static enum rmg_rc tag_from(struct place *p, struct span name, struct arena *arena,
			    struct client_tag *out, struct rmg_err *err)
{
	char *path = registry_manifest_url(S(""), p->repository, name, arena);
	struct place_request r = {.method = "HEAD",
				  .path = path,
				  .accept = "Accept: " MANIFEST_ACCEPT,
				  .arena = arena,
				  .once = true};
	enum rmg_rc rc =
	    path ? ask_tag(p, &r, err) : err_set(err, arena_rc(arena), "no memory for a URL");

	*out = (struct client_tag){
	    .limit = r.limit, .status = r.status, .retry_s = r.pause_s, .gone = r.unknown};
	if (rc == RMG_OK && digest_valid(r.digest))
		out->digest = r.digest;
	return rc;
}

enum rmg_rc client_tag(struct client *c, struct span name, struct arena *arena,
		       struct client_tag *out, struct rmg_err *err)
{
	enum rmg_rc rc = RMG_E_NOTFOUND;

	for (size_t i = c->first; i < c->n_places; i++) {
		rc = tag_from(&c->places[i], name, arena, out, err);
		if (rc == RMG_OK || rc == RMG_E_STOPPED || rc == RMG_E_NOMEM)
			return rc;
	}
	return rc;
}

enum rmg_rc client_page(struct client *c, const char *path, struct arena *arena,
			struct client_page *out, struct rmg_err *err)
{
	struct document d = {.body = strbuf_of(LIMIT_LISTING_BYTES)};
	struct place_request r = {.path = path,
				  .accept = "Accept: application/json",
				  .max_bytes = LIMIT_LISTING_BYTES,
				  .sink = collect,
				  .user = &d,
				  .arena = arena,
				  .once = true};
	enum rmg_rc rc = place_ask(client_registry(c), &r, err);

	*out = (struct client_page){.status = r.status, .retry_s = r.pause_s, .gone = r.unknown};
	if (rc == RMG_OK) {
		out->bytes = arena_dup(arena, strbuf_span(&d.body));
		out->link = r.link;
	}
	strbuf_done(&d.body);
	if (rc == RMG_OK && arena_rc(arena) != RMG_OK)
		rc = err_set(err, arena_rc(arena), "no memory for what a registry lists");
	return rc;
}

struct transfer {
	source_sink *sink;
	void *user;
	enum rmg_rc rc; /* of the sink */
	struct rmg_err why;
	uint64_t done;  /* bytes that the sink has */
	uint64_t first; /* where the wanted bytes begin in the blob */
	bool whole;     /* a range was asked for and all is sent */
};

/* An answer to a range begins there, or with the whole blob, of which the first part is passed
 * over. */
static bool take(void *user, const struct http_response *resp, struct span bytes)
{
	struct transfer *t = user;
	uint64_t want = t->first + t->done;
	uint64_t at = (resp->status == 206 ? resp->range_first : 0) + resp->passed;

	t->whole = resp->status != 206;
	if (at < want)
		bytes = span_from(bytes, (size_t)MIN_OF(want - at, (uint64_t)bytes.n));
	if (bytes.n == 0)
		return true;
	t->rc = t->sink(t->user, bytes, &t->why);
	t->done += bytes.n;
	return t->rc == RMG_OK;
}

/* What the sink said, over what was made of that on the way. */
static enum rmg_rc sink_failed(const struct transfer *t, struct rmg_err *err)
{
	if (err && t->why.rc != RMG_OK)
		*err = t->why;
	return t->rc;
}

/* A transfer broke off. Whether to take it up again: where this attempt brought something, not
 * where the last ones all ended at one byte. */
static bool take_up(const struct transfer *t, uint64_t before, uint64_t want, unsigned *resumes)
{
	return t->rc == RMG_OK && t->done > before && t->done < want &&
	       ++*resumes < REGISTRY_RESUMES;
}

static void gave_up(const struct transfer *t, uint64_t before, uint64_t want, struct rmg_err *err)
{
	if (t->rc == RMG_OK && t->done == before)
		err_add(err, "%d attempts ended at byte %" PRIu64 " of %" PRIu64,
			REGISTRY_BROKEN_ATTEMPTS, t->first + t->done, t->first + want);
}

static enum rmg_rc too_long(uint64_t size, struct rmg_err *err)
{
	return err_set(
	    err, RMG_E_FORMAT,
	    "the registry sends more than the %" PRIu64 " bytes that the manifest promises", size);
}

/* Goes on where it broke off, as long as each try brings something. */
static enum rmg_rc blob_from(struct place *p, const struct source_layer *blob, struct transfer *t,
			     struct rmg_err *err)
{
	char *path;
	struct arena arena;
	enum rmg_rc rc = RMG_E_NET;

	arena_init(&arena, KIB(64));
	path = registry_blob_url(S(""), p->repository, blob->digest, &arena);
	for (unsigned resumes = 0; path;) {
		uint64_t before = t->done;
		struct place_request r = {
		    .path = path,
		    .range_first = t->done,
		    .broken_before = resumes ? 1 : 0,
		    .max_bytes = blob->size_bytes + 1,
		    .sink = take,
		    .user = t,
		    .progress = &t->done,
		};

		rc = place_ask(p, &r, err);
		if (t->rc != RMG_OK)
			rc = sink_failed(t, err);
		else if (rc == RMG_E_LIMIT)
			rc = too_long(blob->size_bytes, err);
		else if (rc == RMG_E_NET && take_up(t, before, blob->size_bytes, &resumes))
			continue;
		else if (rc == RMG_E_NET)
			gave_up(t, before, blob->size_bytes, err);
		break;
	}
	arena_done(&arena);
	return rc;
}

/* Foreign layers: the manifest says where else. Only https, without credentials, and the digest is
 * checked like any other. */
static enum rmg_rc blob_from_url(struct client *c, struct span url, const struct source_layer *blob,
				 struct transfer *t, struct rmg_err *err)
{
	struct http_opts opts = {
	    .stall_s = c->opts->stall_seconds, .stop = c->opts->stop, .user = c->opts->user};
	struct http_request req = {.max_bytes = blob->size_bytes + 1, .sink = take, .user = t};
	struct http_response resp;
	struct arena arena;
	struct http *h = NULL;
	enum rmg_rc rc;

	if (!span_starts(url, S("https://")))
		return err_set(err, RMG_E_UNSUPPORTED,
			       "a foreign layer is at " SPAN_FMT ", not at https", SPAN_ARG(url));
	arena_init(&arena, KIB(64));
	req.url = arena_cstr(&arena, url);
	rc = req.url ? http_new(&opts, &h, err) : err_set(err, RMG_E_NOMEM, "no memory for a URL");
	if (rc == RMG_OK)
		rc = http_do(h, &req, &resp, err);
	if (rc == RMG_OK && (resp.status < 200 || resp.status > 299))
		rc = http_status_err(&req, &resp, err);
	http_free(h);
	arena_done(&arena);
	return t->rc != RMG_OK ? sink_failed(t, err) : rc;
}

enum rmg_rc client_blob(struct client *c, const struct source_layer *blob, source_sink *sink,
			void *user, struct rmg_err *err)
{
	struct transfer t = {.sink = sink, .user = user};
	enum rmg_rc rc = RMG_E_NOTFOUND;

	for (size_t i = c->first; i < c->n_places; i++) {
		rc = blob_from(&c->places[i], blob, &t, err);
		if (rc == RMG_OK || t.rc != RMG_OK || rc == RMG_E_STOPPED || rc == RMG_E_NOMEM)
			return rc;
	}
	for (size_t i = 0; rc == RMG_E_NOTFOUND && blob->foreign && i < blob->n_urls; i++)
		rc = blob_from_url(c, blob->urls[i], blob, &t, err);
	return rc;
}

/* A server that does not know ranges begins with the whole blob. */
static bool without_ranges(const struct transfer *t, enum rmg_rc rc)
{
	return t->whole || rc == RMG_E_LIMIT;
}

enum rmg_rc client_range(struct client *c, struct span digest, uint64_t first, uint64_t last,
			 source_sink *sink, void *user, struct rmg_err *err)
{
	struct transfer t = {.sink = sink, .user = user, .first = first};
	struct place *p = &c->places[c->first];
	uint64_t want = last - first + 1, before;
	unsigned resumes = 0;
	struct arena arena;
	enum rmg_rc rc = RMG_E_NET;
	char *path;

	arena_init(&arena, KIB(64));
	path = registry_blob_url(S(""), p->repository, digest, &arena);
	do {
		struct place_request r = {
		    .path = path,
		    .range_first = first + t.done,
		    .broken_before = resumes ? 1 : 0,
		    .range_last = last,
		    .max_bytes = want - t.done,
		    .sink = take,
		    .user = &t,
		    .progress = &t.done,
		};

		before = t.done;
		rc =
		    path ? place_ask(p, &r, err) : err_set(err, RMG_E_NOMEM, "no memory for a URL");
	} while (rc == RMG_E_NET && take_up(&t, before, want, &resumes));
	if (rc == RMG_E_NET)
		gave_up(&t, before, want, err);
	arena_done(&arena);
	if (t.rc != RMG_OK)
		return sink_failed(&t, err);
	if (without_ranges(&t, rc) || (rc == RMG_OK && t.done != want))
		return err_set(err, RMG_E_UNSUPPORTED, "the registry does not give parts of blobs");
	return rc;
}
