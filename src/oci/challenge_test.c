/* SPDX-License-Identifier: Apache-2.0 */
/* Headers as registries send them, and the shapes that RFC 9110, 11.6.1 allows. */
#include "oci/challenge.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void headers(void **state)
{
	static const struct {
		const char *text;
		enum challenge_scheme scheme;
		const char *realm, *service, *scope;
	} rows[] = {
	    {"Bearer "
	     "realm=\"https://auth.example/token\",service=\"reg\",scope=\"repository:a/b:pull\"",
	     CHALLENGE_BEARER, "https://auth.example/token", "reg", "repository:a/b:pull"},
	    {"bearer Realm = \"https://x/t\" , Service = reg", CHALLENGE_BEARER, "https://x/t",
	     "reg", ""},
	    {"Basic realm=\"Registry Realm\"", CHALLENGE_BASIC, "Registry Realm", "", ""},
	    {"Basic", CHALLENGE_BASIC, "", "", ""},
	    {"Basic realm=\"a\", Bearer realm=\"https://b\"", CHALLENGE_BEARER, "https://b", "",
	     ""},
	    {"Bearer realm=\"https://b\", Basic realm=\"a\"", CHALLENGE_BEARER, "https://b", "",
	     ""},
	    {"Negotiate, Basic realm=\"a,b=c \\\"q\\\"\"", CHALLENGE_BASIC, "a,b=c \"q\"", "", ""},
	    {"Negotiate YIIabc==", CHALLENGE_NONE, "", "", ""},
	    {"Bearer", CHALLENGE_NONE, "", "", ""},
	    {"Bearer realm=\"unended", CHALLENGE_BEARER, "unended", "", ""},
	    {"", CHALLENGE_NONE, "", "", ""},
	    {",,,", CHALLENGE_NONE, "", "", ""},
	    {"=", CHALLENGE_NONE, "", "", ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct arena a;
		struct challenge c = {0};

		arena_init(&a, 65536);
		challenge_parse(span_cstr(rows[i].text), &a, &c);
		assert_int_equal(c.scheme, rows[i].scheme);
		assert_true(span_is(c.realm, span_cstr(rows[i].realm)));
		assert_true(span_is(c.service, span_cstr(rows[i].service)));
		assert_true(span_is(c.scope, span_cstr(rows[i].scope)));
		arena_done(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(headers)};

	return cmocka_run_group_tests_name("challenge", tests, NULL, NULL);
}
