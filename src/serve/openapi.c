/* SPDX-License-Identifier: Apache-2.0 */
/* openapi.c - the table of routes as an OpenAPI 3.0 document. */
#include <stdio.h>

#include "base/limits.h"
#include "format/jsonw.h"
#include "serve/api.h"
#include "serve/shape.h"

/* What parameters are, wherever they stand; others are texts. */
static const struct number {
	const char *name;
	uint64_t least, most;
} numbers[] = {
    {"limit", 1, 1000},
    {"id", 1, INT64_MAX},
    {"after", 0, INT64_MAX},
};

static void put_schema(struct jsonw *w, struct span name, bool must)
{
	const struct number *n = numbers;

	while (n < numbers + COUNT_OF(numbers) && !span_is(name, span_cstr(n->name)))
		n++;
	jsonw_key(w, "schema");
	jsonw_object(w);
	if (n < numbers + COUNT_OF(numbers)) {
		jsonw_put_cstr(w, "type", "integer");
		jsonw_put_u64(w, "minimum", n->least);
		jsonw_put_u64(w, "maximum", n->most);
	} else if (span_is(name, S("severity"))) {
		shape_put_words(w, S("|negligible|low|medium|high|critical"));
	} else {
		jsonw_put_cstr(w, "type", "string");
		if (must)
			jsonw_put_u64(w, "minLength", 1);
	}
	jsonw_object_end(w);
}

static void put_parameter(struct jsonw *w, struct span name, const char *in, bool must)
{
	jsonw_object(w);
	jsonw_put(w, "name", name);
	jsonw_put_cstr(w, "in", in);
	jsonw_put_bool(w, "required", must);
	put_schema(w, name, must);
	jsonw_object_end(w);
}

static bool is_get(const struct route *r)
{
	return strcmp(r->method, "GET") == 0;
}

static bool is_stream(const struct route *r)
{
	return r->fn == api_changes;
}

static void put_parameters(struct jsonw *w, const struct route *r)
{
	const char *brace = strchr(r->path, '{');
	struct span left = span_cstr(r->query), name;
	bool must;

	jsonw_key(w, "parameters");
	jsonw_array(w);
	if (brace)
		put_parameter(w, span_of(brace + 1, strlen(brace) - 2), "path", true);
	while (route_parameter(&left, &name, &must))
		put_parameter(w, name, "query", must);
	if (is_stream(r))
		put_parameter(w, S("Last-Event-ID"), "header", false);
	else if (is_get(r))
		put_parameter(w, S("If-None-Match"), "header", false);
	jsonw_array_end(w);
}

/* shape: members, or "#Name"; NULL: text or bytes. */
static void put_content(struct jsonw *w, const char *type, const char *shape)
{
	jsonw_key(w, "content");
	jsonw_object(w);
	jsonw_key_span(w, span_cstr(type));
	jsonw_object(w);
	jsonw_key(w, "schema");
	if (shape) {
		shape_put(w, shape);
	} else {
		jsonw_object(w);
		jsonw_put_cstr(w, "type", "string");
		jsonw_object_end(w);
	}
	jsonw_object_end(w);
	jsonw_object_end(w);
}

/* Headers of answers, described once. */
static const struct header {
	const char *name, *what;
} headers[] = {
    {"WWW-Authenticate", "Bearer, and the error where a token was shown (RFC 6750, 3)."},
    {"Retry-After", "Seconds after which the same request may do."},
    {"ETag", "Weak: what the answer says, but for the moment at which it was asked for."},
    {"Vary", "Accept-Encoding."},
    {"Content-Encoding", "gzip, where the request takes that and it pays."},
    {"Cache-Control", "no-cache: ask with If-None-Match; no-store where there is no ETag."},
};

/* Answers that several questions have, described once. */
static const struct reply {
	unsigned status;
	const char *name, *what;
	const char *headers; /* names, apart by spaces */
} replies[] = {
    {304, "NotModified", "As If-None-Match has it.", "ETag Vary Cache-Control"},
    {400, "BadRequest", "The request is not right; the error says what.", ""},
    {401, "Unauthorized", "No token, or one that is not known or has expired.", "WWW-Authenticate"},
    {403, "Forbidden", "The caller is known and may not.", "WWW-Authenticate"},
    {404, "NotFound", "There is no such thing.", ""},
    {408, "Slow", "The request took too long to arrive.", ""},
    {413, "TooLarge", "The body, or what was asked for, is too large.", ""},
    {422, "Unsupported", "Understood, and not supported.", ""},
    {429, "TooOften", "Too many requests, or too many unknown tokens from this address.",
     "Retry-After"},
    {503, "NotNow", "Not now; try again.", "Retry-After"},
};

/* Whether a question may be answered so. */
static bool replies_so(const struct route *r, unsigned status)
{
	switch (status) {
	case 304:
		return is_get(r) && !is_stream(r);
	case 401:
		return r->need != NEED_NOTHING && r->need != NEED_SECRET;
	case 403:
	case 429:
		return r->need != NEED_NOTHING;
	case 404:
		return strchr(r->path, '{') || r->fn == api_timeline || r->fn == api_difference;
	case 408:
	case 422:
		return r->max_body != 0;
	case 413:
	case 503:
		return r->fn != api_health && r->fn != api_openapi;
	default:
		return true;
	}
}

static void put_ref(struct jsonw *w, const char *kind, const char *name)
{
	char text[64];

	snprintf(text, sizeof text, "#/components/%s/%s", kind, name);
	jsonw_object(w);
	jsonw_put_cstr(w, "$ref", text);
	jsonw_object_end(w);
}

static void put_header_refs(struct jsonw *w, const char *names)
{
	struct span left = span_cstr(names), name;
	char text[32];

	if (left.n == 0)
		return;
	jsonw_key(w, "headers");
	jsonw_object(w);
	while (span_word(&left, &name)) {
		snprintf(text, sizeof text, SPAN_FMT, SPAN_ARG(name));
		jsonw_key(w, text);
		put_ref(w, "headers", text);
	}
	jsonw_object_end(w);
}

static void put_answer(struct jsonw *w, const struct route *r)
{
	jsonw_key(w, r->need == NEED_SECRET ? "202" : "200");
	jsonw_object(w);
	jsonw_put_cstr(w, "description", r->what);
	put_header_refs(w, is_get(r) && !is_stream(r) ? "ETag Vary Content-Encoding Cache-Control"
						      : "Cache-Control");
	put_content(w, route_type(r), shape_answered(r->name));
	jsonw_object_end(w);
}

static void put_responses(struct jsonw *w, const struct route *r)
{
	char key[8];

	jsonw_key(w, "responses");
	jsonw_object(w);
	put_answer(w, r);
	for (size_t i = 0; i < COUNT_OF(replies); i++) {
		if (!replies_so(r, replies[i].status))
			continue;
		snprintf(key, sizeof key, "%u", replies[i].status);
		jsonw_key(w, key);
		put_ref(w, "responses", replies[i].name);
	}
	jsonw_object_end(w);
}

static void put_raw(struct jsonw *w, const char *key, const char *json)
{
	jsonw_key(w, key);
	strbuf_puts(w->out, json);
	w->comma = true;
}

static void put_body(struct jsonw *w, const struct route *r)
{
	const char *sent = shape_sent(r->name);

	jsonw_key(w, "requestBody");
	jsonw_object(w);
	jsonw_put_bool(w, "required",
		       r->fn != api_events &&
			   (r->fn == api_hooks || sent == NULL || *sent != '\0'));
	if (r->fn == api_events)
		put_content(w, "application/x-ndjson", "#Event"); /* one a line */
	else
		put_content(w, sent ? "application/json" : "application/octet-stream", sent);
	jsonw_object_end(w);
}

static void put_operation(struct jsonw *w, const struct route *r)
{
	static const char *const needs[] = {"no token", "reader", "agent",
					    "operator", "admin",  "the secret of hooks"};
	char method[8];

	for (size_t i = 0; i < sizeof method; i++) {
		method[i] = r->method[i];
		if (method[i] >= 'A' && method[i] <= 'Z')
			method[i] = (char)(method[i] - 'A' + 'a');
		if (method[i] == '\0')
			break;
	}
	jsonw_key(w, method);
	jsonw_object(w);
	jsonw_put_cstr(w, "operationId", r->name);
	jsonw_put_cstr(w, "summary", r->what);
	jsonw_put_cstr(w, "x-role", needs[r->need]);
	put_parameters(w, r);
	if (r->max_body)
		put_body(w, r);
	put_responses(w, r);
	if (r->need == NEED_SECRET)
		put_raw(w, "security", "[{\"hook\":[]}]");
	else if (r->need != NEED_NOTHING)
		put_raw(w, "security", "[{\"token\":[]}]");
	jsonw_object_end(w);
}

/* Rows of one path stand together in the document, wherever they stand in the table. */
static bool first_of_path(const struct route *r)
{
	for (const struct route *other = route_at(0); other < r; other++)
		if (strcmp(other->path, r->path) == 0)
			return false;
	return true;
}

static void put_paths(struct jsonw *w)
{
	const struct route *r, *other;

	jsonw_key(w, "paths");
	jsonw_object(w);
	for (size_t i = 0; (r = route_at(i)) != NULL; i++) {
		if (!first_of_path(r))
			continue;
		jsonw_key_span(w, span_cstr(r->path));
		jsonw_object(w);
		for (size_t k = i; (other = route_at(k)) != NULL; k++)
			if (strcmp(other->path, r->path) == 0)
				put_operation(w, other);
		jsonw_object_end(w);
	}
	jsonw_object_end(w);
}

static void put_components(struct jsonw *w)
{
	jsonw_key(w, "components");
	jsonw_object(w);
	put_raw(
	    w, "securitySchemes",
	    "{\"token\":{\"type\":\"http\",\"scheme\":\"bearer\",\"description\":\"A token of the "
	    "hub or of its identity provider. Without one, a client certificate counts, where a "
	    "token called cert:NAME gives it a "
	    "role.\"},\"hook\":{\"type\":\"apiKey\",\"in\":\"query\",\"name\":\"secret\","
	    "\"description\":\"The secret of the hub's file; or in the field Authorization, or as "
	    "GitHub's signature.\"}}");
	jsonw_key(w, "schemas");
	jsonw_object(w);
	shape_put_named(w);
	jsonw_object_end(w);
	jsonw_key(w, "headers");
	jsonw_object(w);
	for (size_t i = 0; i < COUNT_OF(headers); i++) {
		jsonw_key(w, headers[i].name);
		jsonw_object(w);
		jsonw_put_cstr(w, "description", headers[i].what);
		put_raw(w, "schema", "{\"type\":\"string\"}");
		jsonw_object_end(w);
	}
	jsonw_object_end(w);
	jsonw_key(w, "responses");
	jsonw_object(w);
	for (size_t i = 0; i < COUNT_OF(replies); i++) {
		jsonw_key(w, replies[i].name);
		jsonw_object(w);
		jsonw_put_cstr(w, "description", replies[i].what);
		put_header_refs(w, replies[i].headers);
		if (replies[i].status != 304)
			put_content(w, "application/json", "#Error");
		jsonw_object_end(w);
	}
	jsonw_object_end(w);
	jsonw_object_end(w);
}

void api_openapi(struct api *api, const struct call *c, struct server_response *out)
{
	struct jsonw w = jsonw_of(&out->body);

	(void)api;
	(void)c;
	jsonw_object(&w);
	jsonw_put_cstr(&w, "openapi", "3.0.3");
	jsonw_key(&w, "info");
	jsonw_object(&w);
	jsonw_put_cstr(&w, "title", "Rummage hub");
	jsonw_put_cstr(&w, "version", "1");
	jsonw_put_cstr(&w, "description",
		       "HEAD is answered wherever GET is. Another method than those of a path is "
		       "405 with Allow; a path that is not here is 404; a parameter that is not "
		       "here is 400.");
	jsonw_object_end(&w);
	put_paths(&w);
	put_components(&w);
	jsonw_object_end(&w);
}
