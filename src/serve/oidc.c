/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/oidc.h"

#include <pthread.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "format/jwt.h"
#include "io/file.h"
#include "io/http.h"
#include "oci/reference.h"

#define DISCOVERY "/.well-known/openid-configuration" /* OpenID Connect Discovery 1.0 section 4 */

enum {
	GRACE_S = 60,
	AGAIN_S = 60,           /* between two requests for the keys */
	FRESH_S = 3600,         /* keys are asked for anew: one may have been taken back */
	KEYS_MAX_S = 24 * 3600, /* and without an answer are not believed for longer */
	CONNECT_S = 5,
	FETCH_S = 15,
};

struct given {
	struct span value;
	const char *role;
	unsigned rank;
};

struct oidc {
	struct arena texts;
	struct span issuer, audience, claim;
	const char *file, *url, *ca_file; /* file and url NULL: by discovery */
	struct given *roles;
	size_t n_roles;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t ended; /* a fetch */
	bool fetching, tried;
	int64_t tried_s, fetched_s;
	struct jwks *keys;  /* NULL: none yet */
	struct rmg_err why; /* the last fetch failed */
};

/* In order of what they may do. */
static bool rank_of(const char *role, unsigned *out)
{
	static const char *const names[] = {"reader", "agent", "operator", "admin"};

	for (unsigned i = 0; i < COUNT_OF(names); i++) {
		if (strcmp(role, names[i]) == 0) {
			*out = i;
			return true;
		}
	}
	return false;
}

/* https, or http to this machine. */
static bool url_is_good(struct span url)
{
	bool secure = span_starts(url, S("https://"));
	struct span host = span_from(url, secure ? 8 : 7);

	if (!secure && !span_starts(url, S("http://")))
		return false;
	for (size_t i = 0; i < url.n; i++)
		if (url.p[i] <= ' ' || url.p[i] >= 0x7f || url.p[i] == '\\')
			return false;
	host = span_head(host, MIN_OF(span_chr(host, '/'), span_chr(host, '?')));
	return host.n && span_chr(host, '@') == SIZE_MAX && (secure || host_is_loopback(host));
}

static bool too_late(void *user)
{
	return clock_tick_s() >= *(const int64_t *)user;
}

static bool collect(void *user, const struct http_response *resp, struct span bytes)
{
	struct strbuf *body = user;

	(void)resp;
	strbuf_put(body, bytes);
	return strbuf_rc(body) == RMG_OK;
}

/* No redirects: an issuer says where its documents are. */
static enum rmg_rc get(struct http *h, const char *url, struct strbuf *body, struct rmg_err *err)
{
	static const char *const headers[] = {"Accept: application/json", NULL};
	const struct http_request req = {.url = url,
					 .headers = headers,
					 .no_redirect = true,
					 .max_bytes = LIMIT_JWKS_BYTES,
					 .sink = collect,
					 .user = body};
	struct http_response resp;
	enum rmg_rc rc;

	strbuf_clear(body);
	rc = http_do(h, &req, &resp, err);
	if (rc == RMG_OK && resp.status != 200)
		rc = http_status_err(&req, &resp, err);
	return rc;
}

static enum rmg_rc keys_place(const struct oidc *o, struct json_doc *doc, struct span bytes,
			      struct strbuf *url, struct rmg_err *err)
{
	enum rmg_rc rc = json_parse(doc, bytes, LIMIT_JWKS_BYTES, err);
	struct span place;

	if (rc != RMG_OK)
		return rc;
	place = json_get_str(doc->root, "jwks_uri");
	/* Section 4.3: else one issuer could speak for another. */
	if (!span_is(json_get_str(doc->root, "issuer"), o->issuer))
		return err_set(err, RMG_E_FORMAT, "the document is of another issuer");
	if (!url_is_good(place))
		return err_set(err, RMG_E_FORMAT, "its jwks_uri is not https");
	strbuf_put(url, place);
	return strbuf_rc(url);
}

static enum rmg_rc discover(const struct oidc *o, struct http *h, struct strbuf *body,
			    struct strbuf *url, struct rmg_err *err)
{
	struct json_doc doc = {0};
	enum rmg_rc rc;

	strbuf_put(url, span_rtrim_chr(o->issuer, '/'));
	strbuf_puts(url, DISCOVERY);
	rc = get(h, strbuf_cstr(url), body, err);
	strbuf_clear(url);
	if (rc == RMG_OK)
		rc = keys_place(o, &doc, strbuf_span(body), url, err);
	json_done(&doc);
	if (rc != RMG_OK)
		err_add(err, "what the issuer says of itself");
	return rc;
}

static enum rmg_rc fetch_url(const struct oidc *o, struct strbuf *body, struct rmg_err *err)
{
	int64_t deadline_s = clock_tick_s() + FETCH_S;
	const struct http_opts opts = {.ca_file = o->ca_file,
				       .connect_s = CONNECT_S,
				       .stall_s = CONNECT_S,
				       .stop = too_late,
				       .user = &deadline_s};
	struct strbuf url = strbuf_of(LIMIT_JWT_BYTES);
	struct http *h;
	enum rmg_rc rc = http_new(&opts, &h, err);

	if (rc != RMG_OK)
		return rc;
	if (o->url)
		strbuf_puts(&url, o->url);
	else
		rc = discover(o, h, body, &url, err);
	if (rc == RMG_OK)
		rc = get(h, strbuf_cstr(&url), body, err);
	strbuf_done(&url);
	http_free(h);
	return rc;
}

static enum rmg_rc fetch_file(const struct oidc *o, struct strbuf *body, struct rmg_err *err)
{
	struct span bytes;
	enum rmg_rc rc = file_read(o->file, LIMIT_JWKS_BYTES, &bytes, err);

	if (rc != RMG_OK)
		return rc;
	strbuf_put(body, bytes);
	file_free(&bytes);
	return strbuf_rc(body);
}

static enum rmg_rc fetch(const struct oidc *o, struct jwks **out, struct rmg_err *err)
{
	struct strbuf body = strbuf_of(LIMIT_JWKS_BYTES);
	struct jwks *set = NULL;
	enum rmg_rc rc = o->file ? fetch_file(o, &body, err) : fetch_url(o, &body, err);

	if (rc == RMG_OK)
		rc = jwks_parse(strbuf_span(&body), &set, err);
	if (rc == RMG_OK && jwks_usable(set) == 0)
		rc = err_set(err, RMG_E_FORMAT, "none of the keys can be used");
	strbuf_done(&body);
	if (rc == RMG_OK)
		*out = set;
	else
		jwks_free(set);
	return rc;
}

/* Either way: callers' times come a little out of order, and a clock may be set back. */
static bool within(int64_t since_s, int64_t now_s, int64_t span_s)
{
	return (now_s < since_s ? since_s - now_s : now_s - since_s) < span_s;
}

/* With the lock, which is let go of meanwhile: true where a fetch has ended since. */
static bool refresh(struct oidc *o, int64_t now_s)
{
	struct jwks *set = NULL;
	struct rmg_err why = {0};

	if (o->fetching) {
		while (o->fetching)
			pthread_cond_wait(&o->ended, &o->lock);
		return true;
	}
	if (o->tried && within(o->tried_s, now_s, AGAIN_S))
		return false;
	o->fetching = o->tried = true;
	o->tried_s = now_s;
	pthread_mutex_unlock(&o->lock);
	if (fetch(o, &set, &why) != RMG_OK)
		set = NULL;
	pthread_mutex_lock(&o->lock);
	if (set) {
		jwks_free(o->keys);
		o->keys = set;
		o->fetched_s = now_s;
	}
	o->why = why;
	o->fetching = false;
	pthread_cond_broadcast(&o->ended);
	return true;
}

static enum rmg_rc by_keys(const struct oidc *o, const struct jwt *t, int64_t now_s,
			   struct rmg_err *err)
{
	if (o->keys == NULL || !within(o->fetched_s, now_s, KEYS_MAX_S))
		return err_set(err, RMG_E_NET, "no keys of %.*s: %s", SPAN_ARG(o->issuer),
			       o->why.msg);
	return jwks_verify(o->keys, t, err);
}

static enum rmg_rc verify(struct oidc *o, const struct jwt *t, int64_t now_s, struct rmg_err *err)
{
	enum rmg_rc rc;

	pthread_mutex_lock(&o->lock);
	if (o->keys == NULL || (!o->fetching && !within(o->fetched_s, now_s, FRESH_S)))
		refresh(o, now_s);
	rc = by_keys(o, t, now_s, err);
	if (rc == RMG_E_NOTFOUND && refresh(o, now_s))
		rc = by_keys(o, t, now_s, err);
	pthread_mutex_unlock(&o->lock);
	return rc;
}

/* Values are compared whole: a group's name may have spaces. */
static void weigh(const struct oidc *o, json *value, const struct given **best)
{
	for (size_t i = 0; json_is_str(value) && i < o->n_roles; i++) {
		const struct given *g = &o->roles[i];

		if (span_is(json_str(value), g->value) &&
		    (*best == NULL || g->rank > (*best)->rank))
			*best = g;
	}
}

static enum rmg_rc speak(const struct oidc *o, const struct jwt *t, char *subject, size_t size,
			 const char **role, struct rmg_err *err)
{
	struct span sub = jwt_subject(t);
	json *claim = jwt_claim(t, o->claim);
	const struct given *best = NULL;

	weigh(o, claim, &best);
	if (json_is_array(claim))
		for (struct json_iter it = json_iter(claim); json_next(&it);)
			weigh(o, it.value, &best);
	/* Cut off it could be somebody else's. */
	if (sub.n >= size)
		return err_set(err, RMG_E_AUTH, "the token's subject is longer than %zu bytes",
			       size - 1);
	memcpy(subject, sub.p, sub.n);
	subject[sub.n] = '\0';
	if (best == NULL)
		return err_set(err, RMG_E_NOTFOUND, "\"%.*s\" of the token gives no role here",
			       SPAN_ARG(o->claim));
	*role = best->role;
	return RMG_OK;
}

enum rmg_rc oidc_check(struct oidc *o, struct span token, int64_t now_s, char *subject, size_t size,
		       const char **role, struct rmg_err *err)
{
	const struct jwt_want want = {o->issuer, o->audience, now_s, GRACE_S};
	struct jwt t;
	bool good = false;
	enum rmg_rc rc = jwt_parse(token, &t, err);

	if (rc == RMG_OK) {
		rc = verify(o, &t, now_s, err);
		if (rc == RMG_OK)
			rc = jwt_check(&t, &want, err);
		good = rc == RMG_OK;
		if (good)
			rc = speak(o, &t, subject, size, role, err);
		jwt_done(&t);
	}
	if (rc == RMG_OK || (good && rc == RMG_E_NOTFOUND) || rc == RMG_E_NOMEM || rc == RMG_E_NET)
		return rc;
	if (err)
		err->rc = RMG_E_AUTH;
	return RMG_E_AUTH;
}

static enum rmg_rc copy_roles(struct oidc *o, const struct oidc_opts *opts, struct rmg_err *err)
{
	o->roles = ARENA_ARRAY(&o->texts, opts->n_roles, struct given);
	for (size_t i = 0; o->roles && i < opts->n_roles; i++) {
		struct given *g = &o->roles[o->n_roles++];

		if (!rank_of(opts->roles[i].role, &g->rank))
			return err_set(err, RMG_E_ARG, "there is no role \"%s\"",
				       opts->roles[i].role);
		g->value = arena_dup(&o->texts, span_cstr(opts->roles[i].value));
		g->role = arena_cstr(&o->texts, span_cstr(opts->roles[i].role));
	}
	return RMG_OK;
}

static enum rmg_rc copy_opts(struct oidc *o, const struct oidc_opts *opts, struct rmg_err *err)
{
	struct span jwks = span_cstr(opts->jwks);
	bool url = span_has(jwks, S("://"));
	char *place = jwks.n ? arena_cstr(&o->texts, jwks) : NULL;
	enum rmg_rc rc = copy_roles(o, opts, err);

	o->issuer = arena_dup(&o->texts, span_cstr(opts->issuer));
	o->audience = arena_dup(&o->texts, span_cstr(opts->audience));
	o->claim = arena_dup(&o->texts, span_cstr(opts->claim ? opts->claim : "groups"));
	o->ca_file = opts->ca_file ? arena_cstr(&o->texts, span_cstr(opts->ca_file)) : NULL;
	*(url ? &o->url : &o->file) = place;
	if (rc == RMG_OK && arena_rc(&o->texts) != RMG_OK)
		rc = err_set(err, arena_rc(&o->texts), "no memory for the identity provider");
	return rc;
}

static enum rmg_rc check_opts(const struct oidc_opts *opts, struct rmg_err *err)
{
	struct span jwks = span_cstr(opts->jwks);

	if (span_cstr(opts->issuer).n == 0 || span_cstr(opts->audience).n == 0)
		return err_set(err, RMG_E_ARG, "an issuer and an audience are needed");
	if (jwks.n == 0 && !url_is_good(span_cstr(opts->issuer)))
		return err_set(err, RMG_E_ARG, "the issuer is not a URL with https");
	if (span_has(jwks, S("://")) && !url_is_good(jwks))
		return err_set(err, RMG_E_ARG, "the URL of the keys is not one with https");
	return RMG_OK;
}

enum rmg_rc oidc_open(const struct oidc_opts *opts, struct oidc **out, struct rmg_err *err)
{
	enum rmg_rc rc = check_opts(opts, err);
	struct oidc *o;

	if (rc != RMG_OK)
		return rc;
	o = calloc(1, sizeof *o);
	if (o == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for the identity provider");
	arena_init(&o->texts, MIB(1));
	pthread_mutex_init(&o->lock, NULL);
	pthread_cond_init(&o->ended, NULL);
	rc = copy_opts(o, opts, err);
	/* A file that cannot be read is found out now; a provider may come up after us. */
	if (rc == RMG_OK && o->file) {
		struct jwks *set = NULL;

		rc = fetch(o, &set, err);
		jwks_free(set);
	}
	if (rc == RMG_OK)
		*out = o;
	else
		oidc_close(o);
	return rc;
}

void oidc_close(struct oidc *o)
{
	if (o == NULL)
		return;
	jwks_free(o->keys);
	arena_done(&o->texts);
	pthread_cond_destroy(&o->ended);
	pthread_mutex_destroy(&o->lock);
	free(o);
}
