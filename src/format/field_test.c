/* SPDX-License-Identifier: Apache-2.0 */
/* Expectations: RFC 9110, 8.8.3, 12.4.2, 12.5.3 (its own examples) and 13.1.2. */
#include "format/field.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static bool takes(const char *value)
{
	return field_accepts(span_cstr(value), S("gzip"));
}

static void what_is_named_is_taken(void **state)
{
	(void)state;
	assert_true(takes("gzip"));
	assert_true(takes("compress, gzip"));
	assert_true(takes("GZip"));
	assert_true(takes("x-gzip"));
	assert_true(takes("*"));
	assert_true(takes("compress;q=0.5, gzip;q=1.0"));
	assert_true(takes("gzip;q=1.0, identity; q=0.5, *;q=0"));
	assert_true(takes("gzip ; q=0.001"));
	assert_true(takes("br , \t gzip;level=0"));
	assert_true(takes("deflate, *;q=0.1"));
}

static void what_is_not_named_or_weighs_nothing_is_not(void **state)
{
	(void)state;
	assert_false(takes(NULL));
	assert_false(takes(""));
	assert_false(takes("identity"));
	assert_false(takes("br, zstd, deflate"));
	assert_false(takes("gzip;q=0"));
	assert_false(takes("gzip; Q=0.000"));
	assert_false(takes("*;q=0"));
	assert_false(takes("*, gzip;q=0."));
	assert_false(takes("gzip;q=0, *"));
	assert_false(takes("gzipped"));
	assert_false(takes("gzip gzip"));
	assert_false(takes(";,;=,,q=0"));
}

static bool has(const char *value)
{
	return field_has_tag(span_cstr(value), S("W/\"xyz,zy\""));
}

static void a_tag_is_found_weakly(void **state)
{
	(void)state;
	assert_true(has("\"xyz,zy\""));
	assert_true(has("W/\"xyz,zy\""));
	assert_true(has("\"a\", W/\"xyz,zy\""));
	assert_true(has("  \"a\",, ,\"b\"\"xyz,zy\""));
	assert_true(has("*"));
	assert_true(has(" * "));
	assert_true(field_has_tag(S("W/\"1\""), S("\"1\"")));
}

static void what_is_no_tag_or_another_is_not(void **state)
{
	(void)state;
	assert_false(has(NULL));
	assert_false(has(""));
	assert_false(has("\"xyz\""));
	assert_false(has("xyz,zy"));
	assert_false(has("\"xyz,zy"));
	assert_false(has("w/\"xyz,zy\""));
	assert_false(has("*, \"a\""));
	assert_false(has("a \"xyz,zy\""));
	assert_false(has("W/"));
	assert_false(has("W/W/\"xyz,zy\""));
	assert_false(has("\"XYZ,zy\""));
	assert_false(has("\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_named_is_taken),
	    cmocka_unit_test(what_is_not_named_or_weighs_nothing_is_not),
	    cmocka_unit_test(a_tag_is_found_weakly),
	    cmocka_unit_test(what_is_no_tag_or_another_is_not),
	};

	return cmocka_run_group_tests_name("field", tests, NULL, NULL);
}
