/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/shape.h"

#include <string.h>

#include "base/err.h"

static const struct {
	const char *name, *members;
} shapes[] = {
#define SHAPE(name, members) {#name, members},
#define ROUTE(route, sent, answered)
#include "serve/shape.def"
#undef SHAPE
#undef ROUTE
};

static const struct {
	const char *route, *sent, *answered;
} routes[] = {
#define SHAPE(name, members)
#define ROUTE(route, sent, answered) {#route, sent, answered},
#include "serve/shape.def"
#undef SHAPE
#undef ROUTE
};

const char *shape_sent(const char *route)
{
	for (size_t i = 0; i < COUNT_OF(routes); i++)
		if (strcmp(routes[i].route, route) == 0)
			return routes[i].sent;
	return NULL;
}

const char *shape_answered(const char *route)
{
	for (size_t i = 0; i < COUNT_OF(routes); i++)
		if (strcmp(routes[i].route, route) == 0)
			return routes[i].answered;
	return NULL;
}

/* Types. */

static const struct simple {
	const char *name, *type, *key, *value; /* one more member, or NULL */
	bool null;
} simple[] = {
    {"text", "string", NULL, NULL, true},
    {"word", "string", NULL, NULL, false},
    {"string", "string", NULL, NULL, false},
    {"time", "string", "format", "date-time", true},
    {"moment", "string", "format", "date-time", false},
    {"digest", "string", "pattern", "^sha256:[0-9a-f]{64}$", false},
    {"bool", "boolean", NULL, NULL, false},
    {"count", "integer", NULL, NULL, false},
    {"number", "number", NULL, NULL, false},
};

static bool put_simple(struct jsonw *w, struct span type, bool null)
{
	const struct simple *s = simple;

	while (s < simple + COUNT_OF(simple) && !span_is(type, span_cstr(s->name)))
		s++;
	if (s == simple + COUNT_OF(simple))
		return false;
	jsonw_put_cstr(w, "type", s->type);
	if (strcmp(s->name, "word") == 0)
		jsonw_put_u64(w, "minLength", 1);
	if (s->key)
		jsonw_put_cstr(w, s->key, s->value);
	if (strcmp(s->name, "count") == 0)
		jsonw_put_u64(w, "minimum", 0);
	if (s->null || null)
		jsonw_put_bool(w, "nullable", true);
	return true;
}

void shape_put_words(struct jsonw *w, struct span words)
{
	struct span word;

	jsonw_put_cstr(w, "type", "string");
	jsonw_key(w, "enum");
	jsonw_array(w);
	while (span_next(&words, '|', &word))
		jsonw_str(w, word);
	jsonw_array_end(w);
}

static void put_ref(struct jsonw *w, struct span name)
{
	struct strbuf ref = strbuf_of(200);

	strbuf_printf(&ref, "#/components/schemas/" SPAN_FMT, SPAN_ARG(name));
	jsonw_put(w, "$ref", strbuf_span(&ref));
	strbuf_done(&ref);
}

static void put_members(struct jsonw *w, struct span members);

/* In place: a reference cannot be null, nor anything else, beside itself. */
static void put_shape_or_null(struct jsonw *w, struct span name)
{
	for (size_t i = 0; i < COUNT_OF(shapes); i++)
		if (span_is(name, span_cstr(shapes[i].name)))
			put_members(w, span_cstr(shapes[i].members));
	jsonw_put_bool(w, "nullable", true);
}

static void put_type(struct jsonw *w, struct span type)
{
	bool null = span_ends(type, S("?")), array = span_starts(type, S("["));
	struct span name = span_head(type, type.n - null);

	if (array)
		name = span_head(span_from(type, 1), type.n - 2);
	jsonw_object(w);
	if (array) {
		jsonw_put_cstr(w, "type", "array");
		jsonw_key(w, "items");
		put_type(w, name);
	} else if (span_starts(name, S("#")) && null) {
		put_shape_or_null(w, span_from(name, 1));
	} else if (span_starts(name, S("#"))) {
		put_ref(w, span_from(name, 1));
	} else if (span_is(name, S("map"))) {
		jsonw_put_cstr(w, "type", "object");
		jsonw_key(w, "additionalProperties");
		put_type(w, S("string"));
	} else if (!span_is(name, S("any")) && !put_simple(w, name, null)) {
		shape_put_words(w, name);
	}
	jsonw_object_end(w);
}

/* Objects. */

static void put_member(struct jsonw *w, struct span member)
{
	struct span name, type;

	CHECK(span_cut(member, ':', &name, &type));
	jsonw_key_span(w, span_head(name, name.n - span_ends(name, S("!"))));
	put_type(w, type);
}

static void put_required(struct jsonw *w, struct span members)
{
	struct span member, name, type;
	bool any = false;

	while (span_word(&members, &member)) {
		if (!span_cut(member, ':', &name, &type) || !span_ends(name, S("!")))
			continue;
		if (!any) {
			jsonw_key(w, "required");
			jsonw_array(w);
		}
		any = true;
		jsonw_str(w, span_head(name, name.n - 1));
	}
	if (any)
		jsonw_array_end(w);
}

static void put_members(struct jsonw *w, struct span members)
{
	struct span left = members, member;

	jsonw_put_cstr(w, "type", "object");
	jsonw_key(w, "properties");
	jsonw_object(w);
	while (span_word(&left, &member))
		put_member(w, member);
	jsonw_object_end(w);
	put_required(w, members);
}

void shape_put(struct jsonw *w, const char *members)
{
	struct strbuf page = strbuf_of(1 << 16);
	struct span text = span_cstr(members), item;

	if (span_starts(text, S("*"))) {
		text = span_from(text, 1);
		CHECK(span_word(&text, &item));
		strbuf_printf(
		    &page, "items!:[#" SPAN_FMT "] next!:text as_of!:time database:text" SPAN_FMT,
		    SPAN_ARG(item), SPAN_ARG(text));
		text = strbuf_span(&page);
	}
	jsonw_object(w);
	if (span_starts(text, S("#")))
		put_ref(w, span_from(text, 1));
	else
		put_members(w, text);
	jsonw_object_end(w);
	strbuf_done(&page);
}

void shape_put_named(struct jsonw *w)
{
	for (size_t i = 0; i < COUNT_OF(shapes); i++) {
		jsonw_key(w, shapes[i].name);
		shape_put(w, shapes[i].members);
	}
}
