/* SPDX-License-Identifier: Apache-2.0 */
/* Which row a request is for, and who may ask it. */
#include "serve/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void goes_to(const char *method, const char *path, const char *name, const char *param)
{
	char allow[ROUTE_ALLOW];
	const char *got;
	const struct route *r = route_of(method, path, &got, allow);

	if (r == NULL)
		fail_msg("%s %s goes nowhere", method, path);
	assert_string_equal(r->name, name);
	assert_string_equal(got, param);
}

static void goes_nowhere(const char *method, const char *path, const char *allowed)
{
	char allow[ROUTE_ALLOW];
	const char *param;

	assert_null(route_of(method, path, &param, allow));
	assert_string_equal(allow, allowed);
}

static void a_path_and_a_method_are_a_row(void **state)
{
	(void)state;
	goes_to("GET", "/healthz", "health", "");
	goes_to("GET", "/api/v1/alerts", "alerts", "");
	goes_to("GET", "/api/v1/alerts/7", "alert", "7");
	goes_to("POST", "/api/v1/alerts/7", "alert_act", "7");
	goes_to("GET", "/api/v1/audit", "audit", "");
	goes_to("GET", "/api/v1/audit/verify", "audit_verify", "");
	goes_to("DELETE", "/api/v1/tokens/a/b c", "tokens_delete", "a/b c");
	goes_to("PUT", "/api/v1/facts/sha256:00", "facts_put", "sha256:00");
	goes_to("POST", "/api/v1/facts/missing", "facts_missing", "");
}

static void head_is_asked_of_get(void **state)
{
	(void)state;
	goes_to("HEAD", "/api/v1/images", "images", "");
	goes_to("HEAD", "/api/v1/images/sha256:00", "image", "sha256:00");
	goes_nowhere("HEAD", "/api/v1/events", "POST");
}

static void what_is_not_there_says_what_is(void **state)
{
	(void)state;
	goes_nowhere("GET", "/", "");
	goes_nowhere("GET", "", "");
	goes_nowhere("GET", "/healthz/", "");
	goes_nowhere("GET", "/api/v1/alerts/", "");
	goes_nowhere("GET", "/api/v1/Alerts", "");
	goes_nowhere("get", "/api/v1/alerts", "GET, HEAD");
	goes_nowhere("PUT", "/api/v1/tokens", "GET, HEAD, POST");
	goes_nowhere("OPTIONS", "/api/v1/alerts/7", "GET, HEAD, POST");
	goes_nowhere("PUT", "/api/v1/facts/missing", "POST");
	goes_nowhere("", "/healthz", "GET, HEAD");
}

static void no_two_rows_are_for_one_request(void **state)
{
	char allow[ROUTE_ALLOW];
	const struct route *r;
	const char *param;

	(void)state;
	for (size_t i = 0; (r = route_at(i)) != NULL; i++) {
		assert_ptr_equal(route_of(r->method, r->path, &param, allow), r);
		assert_true(strlen(r->what) > 10);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(r->name, route_at(k)->name);
	}
}

static void each_role_may_its_own(void **state)
{
	static const struct {
		const char *method, *path;
		bool may[5]; /* none, reader, agent, operator, admin */
	} rows[] = {
	    {"GET", "/healthz", {true, true, true, true, true}},
	    {"GET", "/api/v1/alerts", {false, true, false, true, true}},
	    {"GET", "/metrics", {false, true, false, true, true}},
	    {"POST", "/api/v1/events", {false, false, true, false, true}},
	    {"GET", "/api/v1/wanted", {false, false, true, false, true}},
	    {"POST", "/api/v1/exceptions", {false, false, false, true, true}},
	    {"GET", "/api/v1/tokens", {false, false, false, false, true}},
	    {"DELETE", "/api/v1/tokens/x", {false, false, false, false, true}},
	};
	char allow[ROUTE_ALLOW];
	const char *param;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct route *r = route_of(rows[i].method, rows[i].path, &param, allow);

		assert_non_null(r);
		for (int role = ROLE_NONE; role <= ROLE_ADMIN; role++)
			assert_int_equal(route_lets(r, (enum role)role), rows[i].may[role]);
	}
}

static void parameters_are_known_whole(void **state)
{
	struct route r = {.query = "query! cluster limit"};
	struct span left = span_cstr(r.query), name;
	bool must;

	(void)state;
	assert_true(route_takes(&r, "query"));
	assert_true(route_takes(&r, "limit"));
	assert_false(route_takes(&r, "query!"));
	assert_false(route_takes(&r, "clust"));
	assert_false(route_takes(&r, "clusters"));
	assert_false(route_takes(&r, ""));
	assert_true(route_parameter(&left, &name, &must));
	assert_true(span_is(name, S("query")) && must);
	assert_true(route_parameter(&left, &name, &must));
	assert_true(span_is(name, S("cluster")) && !must);
	assert_true(route_parameter(&left, &name, &must));
	assert_false(route_parameter(&left, &name, &must));
	r.query = "";
	assert_false(route_takes(&r, ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_path_and_a_method_are_a_row),
	    cmocka_unit_test(head_is_asked_of_get),
	    cmocka_unit_test(what_is_not_there_says_what_is),
	    cmocka_unit_test(no_two_rows_are_for_one_request),
	    cmocka_unit_test(each_role_may_its_own),
	    cmocka_unit_test(parameters_are_known_whole),
	};

	return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
