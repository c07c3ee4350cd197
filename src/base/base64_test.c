/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* RFC 4648, 10. */
static const char *const vectors[][2] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
};

static void published(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(vectors); i++) {
		struct strbuf out = strbuf_of(100);
		uint8_t bytes[16];
		size_t n = 99;

		base64_put(&out, span_cstr(vectors[i][0]));
		assert_string_equal(strbuf_cstr(&out), vectors[i][1]);
		assert_true(base64_bytes(span_cstr(vectors[i][1]), bytes, sizeof bytes, &n));
		assert_true(span_is(span_of(bytes, n), span_cstr(vectors[i][0])));
		strbuf_done(&out);
	}
}

static void what_is_none_is_refused(void **state)
{
	static const char *const bad[] = {"Z",        "Zg",   "Zg=",    "Zh==",  "Zm9=", "====",
					  "Zg==Zg==", "Z*==", "Zm9v\n", "Zm 9v", "Zm-_", "=g=="};
	uint8_t bytes[16];
	size_t n;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_false(base64_bytes(span_cstr(bad[i]), bytes, sizeof bytes, &n));
	assert_false(base64_bytes(S("Zm9vYmFy"), bytes, 5, &n));
	assert_true(base64_bytes(S("Zm9vYmFy"), bytes, 6, &n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(published),
	    cmocka_unit_test(what_is_none_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
