/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/api.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/hash.h"
#include "base/limits.h"
#include "format/jsonw.h"

static const struct route routes[] = {
#define X(name, method, path, need, max_body, query, what)                                         \
	{#name, method, path, NEED_##need, max_body, api_##name, query, what},
#include "serve/route.def"
#undef X
};

const struct route *route_at(size_t i)
{
	return i < COUNT_OF(routes) ? &routes[i] : NULL;
}

/* "/api/v1/alerts/{id}" takes "/api/v1/alerts/7": *param is what stands for the braces. What is
 * last may hold slashes ("sha256:..." does not, a name may). */
static bool path_takes(const char *pattern, const char *path, const char **param)
{
	const char *brace = strchr(pattern, '{');
	size_t n = brace ? (size_t)(brace - pattern) : 0;

	*param = "";
	if (brace == NULL)
		return strcmp(pattern, path) == 0;
	if (strncmp(pattern, path, n) != 0 || path[n] == '\0')
		return false;
	*param = path + n;
	return true;
}

/* *other: the path is known, with another method. Rows without braces come before those with. */
static const struct route *route_of(const char *method, const char *path, const char **param,
				    bool *other)
{
	*other = false;
	for (int braces = 0; braces < 2; braces++) {
		for (size_t i = 0; i < COUNT_OF(routes); i++) {
			if ((strchr(routes[i].path, '{') != NULL) != braces ||
			    !path_takes(routes[i].path, path, param))
				continue;
			if (strcmp(routes[i].method, method) == 0)
				return &routes[i];
			*other = true;
		}
		if (*other)
			return NULL;
	}
	return NULL;
}

uint64_t api_max_body(void *user, const char *method, const char *path)
{
	const char *param;
	bool other;
	const struct route *r = route_of(method, path, &param, &other);

	(void)user;
	return r ? r->max_body : 0;
}

static bool caller_may(enum need need, enum role role)
{
	switch (need) {
	case NEED_NOTHING:
		return true;
	case NEED_READ:
		return role == ROLE_READER || role == ROLE_OPERATOR || role == ROLE_ADMIN;
	case NEED_SPEAK:
		return role == ROLE_AGENT || role == ROLE_ADMIN;
	case NEED_OPERATE:
		return role == ROLE_OPERATOR || role == ROLE_ADMIN;
	case NEED_ADMIN:
		return role == ROLE_ADMIN;
	}
	return false;
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
	struct span left = span_cstr(a->route->query), word;

	(void)value;
	while (span_word(&left, &word))
		if (span_is(span_head(word, word.n - span_ends(word, S("!"))), span_cstr(name)))
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

	while (span_word(&left, &name)) {
		char key[32];
		const char *value;

		if (!span_ends(name, S("!")))
			continue;
		snprintf(key, sizeof key, SPAN_FMT, SPAN_ARG(span_head(name, name.n - 1)));
		value = server_query(r, key);
		if (value == NULL || *value == '\0') {
			api_error(out, 400, "the parameter \"%s\" is missing", key);
			return false;
		}
	}
	return server_each_query(r, known, &asked);
}

/* The answer without the moment of asking, which alone makes it another one. */
static uint64_t hash_of(struct span body)
{
	static const char key[] = "\"as_of\":\"";
	size_t at = span_find(body, span_of(key, sizeof key - 1)), n;
	struct span rest;

	if (at == SIZE_MAX)
		return hash_span(body);
	rest = span_from(body, at + sizeof key - 1);
	n = MIN_OF(span_chr(rest, '"'), rest.n);
	return hash_mix(hash_span(span_head(body, at)) * 3 + hash_span(span_from(rest, n)));
}

/* An answer that has not changed is not sent again. */
static void tag(const struct server_request *r, struct server_response *out)
{
	const char *have = server_header(r, "If-None-Match");

	if (out->status != 200 || out->more || strcmp(server_method(r), "GET") != 0 ||
	    strbuf_rc(&out->body) != RMG_OK)
		return;
	snprintf(out->etag, sizeof out->etag, "\"%016" PRIx64 "\"",
		 hash_of(strbuf_span(&out->body)));
	if (have && strcmp(have, out->etag) == 0) {
		out->status = 304;
		strbuf_done(&out->body);
		out->body = strbuf_of(1);
	}
}

static bool admit(struct api *api, const struct route *route, struct call *c,
		  struct server_response *out)
{
	unsigned retry_s = 1, status;

	if (route->need == NEED_NOTHING || (api->open_metrics && route->fn == api_metrics))
		return true;
	status = auth_who(api->auth, c->request, &c->caller, &retry_s);
	if (status == 200 && caller_may(route->need, c->caller.role))
		return true;
	if (status == 429) {
		api_error(out, 429, "too many requests: wait %u s", retry_s);
		snprintf(out->retry_after, sizeof out->retry_after, "%u", retry_s);
	} else if (status == 401) {
		api_error(out, 401, "who are you? send a token: Authorization: Bearer ...");
		snprintf(out->www_authenticate, sizeof out->www_authenticate,
			 "Bearer realm=\"rummage\"");
	} else if (status == 403) {
		api_error(out, 403, "this token or certificate is not known here, or has expired");
	} else {
		api_error(out, 403, "the role \"%s\" may not do this", role_name(c->caller.role));
	}
	return false;
}

void api_handle(void *user, const struct server_request *r, struct server_response *out)
{
	struct api *api = user;
	struct call c = {.request = r};
	bool other;
	const struct route *route = route_of(server_method(r), server_path(r), &c.param, &other);

	if (route == NULL) {
		api_error(out, other ? 405 : 404,
			  other ? "not with this method"
				: "nothing is here; see "
				  "/api/v1/openapi.json");
		return;
	}
	if (!admit(api, route, &c, out) || !query_good(route, r, out))
		return;
	out->status = 200;
	out->body = strbuf_of(MIB(256));
	route->fn(api, &c, out);
	tag(r, out);
}
