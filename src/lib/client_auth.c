/* SPDX-License-Identifier: Apache-2.0 */
/* client_auth.c - what a registry wants to know about us: bearer tokens (distribution's token
 * specification, OAuth2 variant for identity tokens) and basic authentication. */
#include <stdio.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "lib/client_place.h"
#include "lib/credentials.h"
#include "oci/registry.h"

enum { RENEW_BEFORE_MS = 5000 };

/* Looked up once, when a registry first asks. */
static enum rmg_rc need_credentials(struct place *p, struct rmg_err *err)
{
	const struct rmg_opts *o = p->opts;
	enum rmg_rc rc;

	if (p->asked_credentials)
		return RMG_OK;
	p->asked_credentials = true;
	if (o->username && !p->mirror) {
		p->credentials.username = span_cstr(o->username);
		p->credentials.password = span_cstr(o->password);
		p->from = S("the command line");
		return RMG_OK;
	}
	rc = credentials_find(p->host, p->repository, &p->arena, &p->credentials, &p->from,
			      &p->helper);
	/* A helper that is not installed should not keep anybody from public images: going on
	 * without, the message is kept for the refusal that may come. */
	if (rc == RMG_E_NOMEM || rc == RMG_E_STOPPED)
		return err_set(err, rc, "%s", p->helper.msg);
	if (rc == RMG_OK)
		p->helper = (struct rmg_err){0};
	return RMG_OK;
}

/* Secrets do not travel in the clear, except to this machine or where the user said so. */
static bool may_send_secrets(const struct place *p, struct span url)
{
	struct span host, rest = url;

	if (span_starts(url, S("https://")) || p->insecure)
		return true;
	if (!span_starts(url, S("http://")))
		return false;
	rest = span_from(rest, 7);
	host = span_head(rest, MIN_OF(span_chr(rest, '/'), rest.n));
	return host_is_loopback(host);
}

static void set_authorization(struct place *p, char *header, uint64_t expires_ms)
{
	free(p->authorization);
	p->authorization = header;
	p->expires_ms = expires_ms;
	p->generation++;
}

/* user:password for a URL, NUL-terminated, where there are any and they may go there. */
static bool secret_for(struct place *p, struct span url, const char **user, const char **password)
{
	if (!credentials_any(&p->credentials) || p->credentials.identity_token.n)
		return false;
	if (!may_send_secrets(p, url))
		return false;
	*user = arena_cstr(&p->arena, p->credentials.username);
	*password = arena_cstr(&p->arena, p->credentials.password);
	return *user && *password;
}

static const char *actions(const struct place *p)
{
	return p->push ? REGISTRY_PUSH : REGISTRY_PULL;
}

static bool collect(void *user, const struct http_response *resp, struct span bytes)
{
	struct strbuf *b = user;

	(void)resp;
	strbuf_put(b, bytes);
	return strbuf_rc(b) == RMG_OK;
}

/* A GET with the password, or a POST of the identity token. */
static enum rmg_rc ask_token(struct place *p, struct http *h, struct strbuf *body,
			     struct rmg_err *err)
{
	static const char *const form_headers[] = {
	    "Content-Type: application/x-www-form-urlencoded", NULL};
	struct http_request req = {.sink = collect, .user = body};
	struct http_response resp;
	const char *user = NULL, *password = NULL;
	enum rmg_rc rc;

	if (p->credentials.identity_token.n && may_send_secrets(p, p->challenge.realm)) {
		req.method = "POST";
		req.url = arena_cstr(&p->arena, p->challenge.realm);
		req.headers = form_headers;
		req.body = span_cstr(registry_token_form(&p->challenge, p->repository, actions(p),
							 p->credentials.identity_token, &p->arena));
		req.no_redirect = true;
	} else {
		req.url = registry_token_url(&p->challenge, p->repository, actions(p), &p->arena);
		if (secret_for(p, p->challenge.realm, &user, &password)) {
			req.username = user;
			req.password = password;
		}
	}
	if (arena_rc(&p->arena) != RMG_OK)
		return err_set(err, arena_rc(&p->arena), "no memory for a token");
	rc = http_do(h, &req, &resp, err);
	if (rc != RMG_OK)
		return rc;
	if (resp.status >= 200 && resp.status <= 299)
		return RMG_OK;
	rc = http_status_err(&req, &resp, err);
	if (rc == RMG_E_AUTH && credentials_any(&p->credentials))
		err_add(err, "the token server refuses the credentials from " SPAN_FMT,
			SPAN_ARG(p->from));
	return rc;
}

static enum rmg_rc take_token(struct place *p, struct span body, struct rmg_err *err)
{
	struct registry_token token = {0};
	struct strbuf header = strbuf_of(KIB(64));
	enum rmg_rc rc = registry_token_parse(body, &p->arena, &token, err);

	if (rc != RMG_OK)
		return rc;
	strbuf_puts(&header, "Authorization: Bearer ");
	strbuf_put(&header, token.token);
	rc = strbuf_rc(&header);
	if (rc != RMG_OK) {
		strbuf_done(&header);
		return err_set(err, rc, "a token too long to be one");
	}
	set_authorization(p, header.p, (uint64_t)clock_tick_ms() + token.expires_s * 1000);
	return RMG_OK;
}

static enum rmg_rc new_token(struct place *p, struct http *h, struct rmg_err *err)
{
	struct strbuf body = strbuf_of(LIMIT_MANIFEST_BYTES);
	enum rmg_rc rc = ask_token(p, h, &body, err);

	if (rc == RMG_OK)
		rc = take_token(p, strbuf_span(&body), err);
	if (rc != RMG_OK)
		err_add(err, "token for " SPAN_FMT, SPAN_ARG(p->host));
	strbuf_done(&body);
	return rc;
}

static enum rmg_rc new_basic(struct place *p, struct rmg_err *err)
{
	struct strbuf plain = strbuf_of(KIB(32)), header = strbuf_of(KIB(64));
	char base[PLACE_BASE];
	enum rmg_rc rc;

	snprintf(base, sizeof base, "%s://" SPAN_FMT, p->plain ? "http" : "https",
		 SPAN_ARG(p->host));
	if (!may_send_secrets(p, span_cstr(base)))
		return err_set(err, RMG_E_AUTH,
			       SPAN_FMT " asks for a password over plain http: none is sent",
			       SPAN_ARG(p->host));
	strbuf_put(&plain, p->credentials.username);
	strbuf_putc(&plain, ':');
	strbuf_put(&plain, p->credentials.password);
	strbuf_puts(&header, "Authorization: Basic ");
	base64_put(&header, strbuf_span(&plain));
	rc = strbuf_rc(&header);
	strbuf_done(&plain);
	if (rc != RMG_OK) {
		strbuf_done(&header);
		return err_set(err, rc, "credentials too long to be some");
	}
	set_authorization(p, header.p, 0);
	return RMG_OK;
}

static enum rmg_rc refused(const struct place *p, struct rmg_err *err)
{
	if (p->helper.rc != RMG_OK)
		return err_set(err, RMG_E_AUTH, SPAN_FMT " wants to know who asks, and %s",
			       SPAN_ARG(p->host), p->helper.msg);
	if (credentials_any(&p->credentials))
		return err_set(err, RMG_E_AUTH, SPAN_FMT " refuses the credentials from " SPAN_FMT,
			       SPAN_ARG(p->host), SPAN_ARG(p->from));
	return err_set(err, RMG_E_AUTH,
		       SPAN_FMT
		       " wants to know who asks: log in (docker login, podman login, skopeo "
		       "login) or give --username and --password-stdin",
		       SPAN_ARG(p->host));
}

enum rmg_rc place_refused(struct place *p, struct rmg_err *err)
{
	enum rmg_rc rc;

	pthread_mutex_lock(&p->lock);
	rc = refused(p, err);
	pthread_mutex_unlock(&p->lock);
	return rc;
}

static void read_challenges(struct place *p, const struct http_response *resp)
{
	struct challenge c = {0};
	struct span header;

	for (size_t i = 0; http_header(resp, "WWW-Authenticate", i, &header); i++)
		challenge_parse(header, &p->arena, &c);
	if (c.scheme == CHALLENGE_NONE)
		return;
	/* The spans point into the answer. */
	c.realm = arena_dup(&p->arena, c.realm);
	c.service = arena_dup(&p->arena, c.service);
	c.scope = arena_dup(&p->arena, c.scope);
	p->challenge = c;
}

static enum rmg_rc answer_challenge(struct place *p, struct http *h, struct rmg_err *err)
{
	if (p->challenge.scheme == CHALLENGE_BEARER)
		return new_token(p, h, err);
	if (p->challenge.scheme == CHALLENGE_BASIC && p->credentials.password.n)
		return new_basic(p, err);
	return refused(p, err);
}

enum rmg_rc place_authenticate(struct place *p, struct http *h, const struct http_response *resp,
			       unsigned generation, struct rmg_err *err)
{
	enum rmg_rc rc = RMG_OK;

	pthread_mutex_lock(&p->lock);
	if (generation == p->generation) {
		read_challenges(p, resp);
		rc = need_credentials(p, err);
		/* The password itself was refused: asking again changes nothing. */
		if (rc == RMG_OK && p->authorization && p->challenge.scheme == CHALLENGE_BASIC)
			rc = refused(p, err);
		else if (rc == RMG_OK)
			rc = answer_challenge(p, h, err);
	}
	pthread_mutex_unlock(&p->lock);
	return rc;
}

enum rmg_rc place_authorization(struct place *p, struct http *h, char **out, unsigned *generation,
				struct rmg_err *err)
{
	enum rmg_rc rc = RMG_OK;

	pthread_mutex_lock(&p->lock);
	if (p->authorization && p->expires_ms &&
	    (uint64_t)clock_tick_ms() + RENEW_BEFORE_MS > p->expires_ms)
		rc = new_token(p, h, err);
	*generation = p->generation;
	*out = p->authorization ? strdup(p->authorization) : NULL;
	if (rc == RMG_OK && p->authorization && *out == NULL)
		rc = err_set(err, RMG_E_NOMEM, "no memory for a header");
	pthread_mutex_unlock(&p->lock);
	return rc;
}
