/* SPDX-License-Identifier: Apache-2.0 */
/* openapi.c - the table of routes as an OpenAPI 3.0 document. */
#include <stdio.h>

#include "base/limits.h"
#include "format/jsonw.h"
#include "serve/api.h"

static void put_parameter(struct jsonw *w, struct span name, const char *in, bool must, bool number)
{
	jsonw_object(w);
	jsonw_put(w, "name", name);
	jsonw_put_cstr(w, "in", in);
	jsonw_put_bool(w, "required", must);
	jsonw_key(w, "schema");
	jsonw_object(w);
	jsonw_put_cstr(w, "type", number ? "integer" : "string");
	if (number) {
		jsonw_put_u64(w, "minimum", 1);
		jsonw_put_u64(w, "maximum", 1000);
	} else if (must) {
		jsonw_put_u64(w, "minLength", 1);
	}
	jsonw_object_end(w);
	jsonw_object_end(w);
}

static void put_parameters(struct jsonw *w, const struct route *r)
{
	const char *brace = strchr(r->path, '{');
	struct span left = span_cstr(r->query), name;

	jsonw_key(w, "parameters");
	jsonw_array(w);
	if (brace)
		put_parameter(w, span_of(brace + 1, strlen(brace) - 2), "path", true, false);
	while (span_word(&left, &name)) {
		bool must = span_ends(name, S("!"));

		name = span_head(name, name.n - must);
		put_parameter(w, name, "query", must, span_is(name, S("limit")));
	}
	jsonw_array_end(w);
}

static void put_content(struct jsonw *w, const char *type, const char *schema)
{
	jsonw_key(w, "content");
	jsonw_object(w);
	jsonw_key_span(w, span_cstr(type));
	jsonw_object(w);
	jsonw_key(w, "schema");
	jsonw_object(w);
	jsonw_put_cstr(w, schema[0] == '#' ? "$ref" : "type", schema);
	jsonw_object_end(w);
	jsonw_object_end(w);
	jsonw_object_end(w);
}

static const char *type_of(const struct route *r)
{
	return r->fn == api_metrics   ? "text/plain"
	       : r->fn == api_changes ? "text/event-stream"
				      : "application/json";
}

static void put_response(struct jsonw *w, unsigned status, const char *what, const char *type,
			 const char *schema)
{
	char key[8];

	snprintf(key, sizeof key, "%u", status);
	jsonw_key(w, key);
	jsonw_object(w);
	jsonw_put_cstr(w, "description", what);
	if (type)
		put_content(w, type, schema);
	jsonw_object_end(w);
}

static void put_responses(struct jsonw *w, const struct route *r)
{
	static const struct {
		unsigned status;
		const char *what;
	} errors[] = {
	    {400, "The request is not right; the error says what."},
	    {401, "Send a token."},
	    {403, "This caller may not."},
	    {404, "There is no such thing."},
	    {405, "Not with this method."},
	    {413, "The body is too large."},
	    {422, "Understood, and not supported."},
	    {429, "Too many requests."},
	    {503, "Not now; try again."},
	};

	jsonw_key(w, "responses");
	jsonw_object(w);
	put_response(w, 200, r->what, type_of(r),
		     strcmp(type_of(r), "application/json") == 0 ? "object" : "string");
	if (strcmp(r->method, "GET") == 0)
		put_response(w, 304, "As If-None-Match has it.", NULL, NULL);
	for (size_t i = 0; i < COUNT_OF(errors); i++)
		put_response(w, errors[i].status, errors[i].what, "application/json",
			     "#/components/schemas/Error");
	jsonw_object_end(w);
}

static void put_operation(struct jsonw *w, const struct route *r)
{
	static const char *const needs[] = {"no token", "reader", "agent", "operator", "admin"};
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
	if (r->max_body) {
		bool json_body = r->fn != api_events && r->fn != api_facts_put;

		jsonw_key(w, "requestBody");
		jsonw_object(w);
		jsonw_put_bool(w, "required", true);
		put_content(w,
			    json_body             ? "application/json"
			    : r->fn == api_events ? "application/x-ndjson"
						  : "application/octet-stream",
			    json_body ? "object" : "string");
		jsonw_object_end(w);
	}
	put_responses(w, r);
	if (r->need != NEED_NOTHING) {
		jsonw_key(w, "security");
		strbuf_puts(w->out, "[{\"token\":[]}]");
		w->comma = true;
	}
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
	jsonw_object_end(&w);
	put_paths(&w);
	jsonw_key(&w, "components");
	strbuf_puts(&out->body,
		    "{\"securitySchemes\":{\"token\":{\"type\":\"http\",\"scheme\":\"bearer\"}},"
		    "\"schemas\":{\"Error\":{\"type\":\"object\",\"required\":[\"error\"],"
		    "\"properties\":{\"error\":{\"type\":\"string\"}}}}}");
	jsonw_object_end(&w);
}
