/* SPDX-License-Identifier: Apache-2.0 */
/* The document against the table that it is made of; tests/test_hub_api.py holds it against the
 * standard and against what the hub does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/limits.h"
#include "format/json.h"
#include "serve/api.h"

static struct server_response answer;
static struct json_doc doc;

static int begin(void **state)
{
	struct rmg_err err = {0};

	(void)state;
	answer.body = strbuf_of(MIB(1));
	api_openapi(NULL, NULL, &answer);
	assert_int_equal(strbuf_rc(&answer.body), RMG_OK);
	if (json_parse(&doc, strbuf_span(&answer.body), MIB(1), &err) != RMG_OK)
		fail_msg("%s", err.msg);
	return 0;
}

static int end(void **state)
{
	(void)state;
	json_done(&doc);
	strbuf_done(&answer.body);
	return 0;
}

static json *operation(const struct route *r)
{
	char method[8] = "";

	for (size_t i = 0; r->method[i] && i + 1 < sizeof method; i++)
		method[i] = (char)to_lower((uint8_t)r->method[i]);
	return json_get(json_get(json_get(doc.root, "paths"), r->path), method);
}

/* What "#/components/KIND/NAME" means, or the value itself. */
static json *meant(json *v)
{
	struct span ref = json_get_str(v, "$ref"), name;
	json *at = doc.root;

	if (ref.n == 0)
		return v;
	assert_true(span_starts(ref, S("#/")));
	ref = span_from(ref, 2);
	while (span_next(&ref, '/', &name)) {
		at = json_get_span(at, name);
		if (at == NULL)
			fail_msg("%.*s is not there", SPAN_ARG(json_get_str(v, "$ref")));
	}
	return at;
}

static json *response(const struct route *r, const char *status)
{
	return meant(json_get(json_get(operation(r), "responses"), status));
}

static void says(const struct route *r, const char *status, const char *header)
{
	json *of = response(r, status), *named;

	if (of == NULL)
		fail_msg("%s: no %s", r->name, status);
	assert_true(json_get_str(of, "description").n != 0);
	named = header ? json_get(json_get(of, "headers"), header) : NULL;
	if (header && json_get_str(meant(named), "description").n == 0)
		fail_msg("%s: no %s of %s", r->name, header, status);
}

static void says_not(const struct route *r, const char *status)
{
	if (response(r, status))
		fail_msg("%s: says %s", r->name, status);
}

static void every_row_is_an_operation(void **state)
{
	const struct route *r;

	(void)state;
	for (size_t i = 0; (r = route_at(i)) != NULL; i++) {
		json *of = operation(r);

		assert_true(span_is(json_get_str(of, "operationId"), span_cstr(r->name)));
		assert_true(span_is(json_get_str(of, "summary"), span_cstr(r->what)));
		assert_int_equal(json_get(of, "requestBody") != NULL, r->max_body != 0);
		says(r, r->need == NEED_SECRET ? "202" : "200", "Cache-Control");
		says(r, "400", NULL);
	}
}

static void who_may_is_said(void **state)
{
	const struct route *r;

	(void)state;
	for (size_t i = 0; (r = route_at(i)) != NULL; i++) {
		if (r->need == NEED_NOTHING) {
			says_not(r, "401");
			says_not(r, "403");
			says_not(r, "429");
			assert_null(json_get(operation(r), "security"));
			continue;
		}
		if (r->need == NEED_SECRET)
			says_not(r, "401");
		else
			says(r, "401", "WWW-Authenticate");
		says(r, "403", "WWW-Authenticate");
		says(r, "429", "Retry-After");
		assert_non_null(json_get(operation(r), "security"));
	}
}

static bool has_parameter(const struct route *r, struct span name, const char *in, bool must)
{
	struct json_iter it = json_iter(json_get(operation(r), "parameters"));

	while (json_next(&it))
		if (span_is(json_get_str(it.value, "name"), name) &&
		    span_is(json_get_str(it.value, "in"), span_cstr(in)) &&
		    json_get_bool(it.value, "required") == must)
			return true;
	return false;
}

static void what_has_not_changed_is_said(void **state)
{
	const struct route *r;

	(void)state;
	for (size_t i = 0; (r = route_at(i)) != NULL; i++) {
		bool get = strcmp(r->method, "GET") == 0, stream = r->fn == api_changes;

		assert_int_equal(has_parameter(r, S("If-None-Match"), "header", false),
				 get && !stream);
		assert_int_equal(has_parameter(r, S("Last-Event-ID"), "header", false), stream);
		if (!get || stream) {
			says_not(r, "304");
			continue;
		}
		says(r, "304", "ETag");
		says(r, "304", "Vary");
		assert_null(json_get(response(r, "304"), "content"));
		says(r, "200", "ETag");
		says(r, "200", "Vary");
		says(r, "200", "Content-Encoding");
	}
}

static void parameters_are_those_of_the_row(void **state)
{
	const struct route *r;

	(void)state;
	for (size_t i = 0; (r = route_at(i)) != NULL; i++) {
		struct span left = span_cstr(r->query), name;
		bool must;

		while (route_parameter(&left, &name, &must))
			assert_true(has_parameter(r, name, "query", must));
		if (strchr(r->path, '{'))
			says(r, "404", NULL);
	}
}

static void errors_are_of_one_form(void **state)
{
	json *all = json_get(json_get(doc.root, "components"), "responses");

	(void)state;
	for (struct json_iter it = json_iter(all); json_next(&it);) {
		json *content = json_get(json_get(it.value, "content"), "application/json");

		if (content == NULL) /* 304 */
			continue;
		assert_non_null(
		    json_get(json_get(meant(json_get(content, "schema")), "properties"), "error"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_row_is_an_operation),
	    cmocka_unit_test(who_may_is_said),
	    cmocka_unit_test(what_has_not_changed_is_said),
	    cmocka_unit_test(parameters_are_those_of_the_row),
	    cmocka_unit_test(errors_are_of_one_form),
	};

	return cmocka_run_group_tests_name("openapi", tests, begin, end);
}
