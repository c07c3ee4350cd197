/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/api.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/limits.h"
#include "format/field.h"
#include "format/gzipw.h"
#include "format/jsonw.h"
#include "format/sha256.h"

/* Below this, one packet has room for all of it. */
enum { PACK_FROM_BYTES = 1200, TAG_BYTES = 16 };

/* What is known of a request from its head on. */
struct admitted {
	const struct route *route;
	struct call call;
};
_Static_assert(sizeof(struct admitted) <= API_NOTE_BYTES, "the note has room");

static struct admitted *admitted_of(const struct server_request *r)
{
	return server_note(r);
}

void api_error(struct server_response *out, unsigned status, const char *fmt, ...)
{
	struct jsonw w;
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	strbuf_done(&out->body);
	out->status = status;
	out->etag[0] = '\0';
	out->body = strbuf_of(KIB(8));
	w = jsonw_of(&out->body);
	jsonw_object(&w);
	jsonw_put_cstr(&w, "error", text);
	jsonw_object_end(&w);
}

static unsigned status_of(enum rmg_rc rc)
{
	switch (rc) {
	case RMG_OK:
		return 200;
	case RMG_E_ARG:
	case RMG_E_FORMAT:
		return 400;
	case RMG_E_AUTH:
		return 403;
	case RMG_E_NOTFOUND:
		return 404;
	case RMG_E_LIMIT:
		return 413;
	case RMG_E_UNSUPPORTED:
		return 422;
	case RMG_E_NOMEM:
	case RMG_E_IO:
	case RMG_E_NET:
	case RMG_E_DB:
	case RMG_E_STOPPED:
		return 503;
	case RMG_E_SANDBOX:
		return 500;
	}
	return 500;
}

void api_fail(struct server_response *out, enum rmg_rc rc, const struct rmg_err *err)
{
	api_error(out, status_of(rc), "%s", err->msg[0] ? err->msg : "it could not be done");
	if (out->status == 503)
		snprintf(out->retry_after, sizeof out->retry_after, "1");
}

struct asked {
	const struct route *route;
	struct server_response *out;
};

static bool known(void *user, const char *name, const char *value)
{
	struct asked *a = user;

	(void)value;
	if (route_takes(a->route, name))
		return true;
	api_error(a->out, 400, "no parameter is called \"%.40s\" here", name);
	return false;
}

/* An unknown parameter is an error, since a misspelt filter that is not applied is a wrong answer;
 * as is one that must be there and is not. */
static bool query_good(const struct route *route, const struct server_request *r,
		       struct server_response *out)
{
	struct asked asked = {route, out};
	struct span left = span_cstr(route->query), name;
	bool must;

	while (route_parameter(&left, &name, &must)) {
		char key[32];
		const char *value;

		if (!must)
			continue;
		snprintf(key, sizeof key, SPAN_FMT, SPAN_ARG(name));
		value = server_query(r, key);
		if (value == NULL || *value == '\0') {
			api_error(out, 400, "the parameter \"%s\" is missing", key);
			return false;
		}
	}
	return server_each_query(r, known, &asked);
}

/* The moment of asking, which alone would make each answer another one, stands at the end of it. */
static struct span without_moment(struct span body)
{
	size_t comma = span_rchr(body, ',');
	struct span last = comma == SIZE_MAX ? (struct span){0} : span_from(body, comma);

	if ((span_starts(last, S(",\"as_of\":\"")) || span_starts(last, S(",\"timestamp\":\""))) &&
	    span_ends(last, S("\"}")))
		return span_head(body, comma);
	return body;
}

/* Weak (RFC 9110, 8.8.1): packed or not, and asked for now or later, it says the same. */
static void put_tag(struct server_response *out)
{
	uint8_t hash[SHA256_BYTES];
	struct strbuf tag = strbuf_of(sizeof out->etag - 1);

	sha256_of(without_moment(strbuf_span(&out->body)), hash);
	strbuf_puts(&tag, "W/\"");
	strbuf_hex(&tag, hash, TAG_BYTES);
	strbuf_puts(&tag, "\"");
	snprintf(out->etag, sizeof out->etag, "%s", strbuf_cstr(&tag));
	strbuf_done(&tag);
}

void api_dress(struct server_response *out, struct span if_none_match, struct span accept_encoding)
{
	size_t n = out->body.n;

	if (out->status != 200 || out->more || strbuf_rc(&out->body) != RMG_OK)
		return;
	put_tag(out);
	snprintf(out->vary, sizeof out->vary, "Accept-Encoding");
	if (field_has_tag(if_none_match, span_cstr(out->etag))) {
		out->status = 304;
		strbuf_done(&out->body);
	} else if (n >= PACK_FROM_BYTES && field_accepts(accept_encoding, S("gzip")) &&
		   gzipw_pack(&out->body, n - n / 4)) {
		snprintf(out->content_encoding, sizeof out->content_encoding, "gzip");
	}
}

/* RFC 6750, 3: why this is refused, in words of the standard. */
static void challenge(struct server_response *out, const char *error)
{
	snprintf(out->www_authenticate, sizeof out->www_authenticate,
		 "Bearer realm=\"rummage\"%s%s%s", error ? ", error=\"" : "", error ? error : "",
		 error ? "\"" : "");
}

void api_later(struct server_response *out, unsigned status, unsigned seconds, const char *why)
{
	api_error(out, status, "%s: wait %u s", why, seconds);
	snprintf(out->retry_after, sizeof out->retry_after, "%u", seconds);
}

static void nobody(const struct server_peer *peer, struct server_response *out)
{
	if (peer->name[0])
		api_error(out, 401,
			  "the certificate of \"%.100s\" gives no role here; or send a token: "
			  "Authorization: Bearer ...",
			  peer->name);
	else
		api_error(out, 401, "who are you? send a token: Authorization: Bearer ...");
	challenge(out, NULL);
}

/* Knows the caller and lets him, or out says why not. */
static bool admit(struct api *api, const struct route *route, struct call *c,
		  struct server_response *out)
{
	const struct server_peer *peer = server_peer(c->request);
	const struct login login = {
	    .address = peer->address,
	    .certificate = peer->name,
	    .authorization = span_cstr(server_header(c->request, "Authorization")),
	    .now_ms = hub_now_ms(api->hub),
	    .tick_ms = clock_tick_ms(),
	};
	struct rmg_err why = {0};
	unsigned retry_s = 1;

	if (route->need == NEED_NOTHING ||
	    (route->fn == api_metrics && atomic_load(&api->open_metrics)))
		return true;
	if (route->need == NEED_SECRET)
		return api_hooks_admit(api, c, out);
	switch (auth_who(api->auth, &login, &c->caller, &retry_s, &why)) {
	case AUTH_GOOD:
		if (route_lets(route, c->caller.role))
			return true;
		if (c->caller.role == ROLE_NONE)
			api_error(out, 403, "this login is given no role here");
		else
			api_error(out, 403, "the role \"%s\" may not do this",
				  role_name(c->caller.role));
		challenge(out, "insufficient_scope");
		return false;
	case AUTH_NOBODY:
		nobody(peer, out);
		return false;
	case AUTH_UNKNOWN:
		api_error(out, 401, "this token is not taken: %s", why.msg);
		challenge(out, "invalid_token");
		return false;
	case AUTH_TOO_OFTEN:
		api_later(out, 429, retry_s, "too many requests");
		return false;
	case AUTH_NOT_NOW:
		api_later(out, 503, 5, why.msg);
		return false;
	}
	return false;
}

bool api_admit(void *user, struct server_request *r, uint64_t *max_body,
	       struct server_response *out)
{
	struct admitted *a = admitted_of(r);
	char allow[ROUTE_ALLOW];

	a->call.request = r;
	a->route = route_of(server_method(r), server_path(r), &a->call.param, allow);
	if (a->route) {
		*max_body = a->route->max_body;
		return admit(user, a->route, &a->call, out) && query_good(a->route, r, out);
	}
	api_error(out, allow[0] ? 405 : 404,
		  allow[0] ? "not with this method" : "nothing is here; see /api/v1/openapi.json");
	snprintf(out->allow, sizeof out->allow, "%s", allow);
	return false;
}

void api_handle(void *user, const struct server_request *r, struct server_response *out)
{
	const struct admitted *a = admitted_of(r);

	out->status = 200;
	out->body = strbuf_of(MIB(256));
	a->route->fn(user, &a->call, out);
	if (strcmp(a->route->method, "GET") == 0)
		api_dress(out, span_cstr(server_header(r, "If-None-Match")),
			  span_cstr(server_header(r, "Accept-Encoding")));
}
