/* SPDX-License-Identifier: Apache-2.0 */
/* Expected: containerd's rules for what runs on what (platforms, "Normalization"). */
#include "oci/platform.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct platform parsed(const char *text)
{
	struct platform p = {0};

	if (platform_parse(span_cstr(text), &p, NULL) != RMG_OK)
		fail_msg("%s", text);
	return p;
}

static void normal_forms(void **state)
{
	static const struct {
		const char *text, *normal;
	} rows[] = {
	    {"linux/amd64", "linux/amd64"},       {"linux/x86_64", "linux/amd64"},
	    {"linux/arm64/v8", "linux/arm64"},    {"linux/aarch64", "linux/arm64"},
	    {"linux/arm64/8", "linux/arm64"},     {"linux/arm", "linux/arm/v7"},
	    {"linux/arm/6", "linux/arm/v6"},      {"linux/armhf", "linux/arm/v7"},
	    {"linux/armel", "linux/arm/v6"},      {"linux/amd64/v1", "linux/amd64"},
	    {"linux/amd64/v3", "linux/amd64/v3"}, {"linux/i386", "linux/386"},
	    {"windows/amd64", "windows/amd64"},   {"arm64", "linux/arm64"},
	};
	char buf[PLATFORM_TEXT];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_string_equal(platform_text(parsed(rows[i].text), buf), rows[i].normal);
}

static void refused(void **state)
{
	static const char *const rows[] = {"", "/", "linux/", "linux//v8", "a/b/c/d", "linux/a b"};
	struct platform p;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_int_equal(platform_parse(span_cstr(rows[i]), &p, NULL), RMG_E_ARG);
}

static void ranks(void **state)
{
	(void)state;
	assert_int_equal(platform_rank(parsed("linux/amd64"), parsed("linux/amd64/v1")), 0);
	assert_int_equal(platform_rank(parsed("linux/amd64"), parsed("linux/amd64/v2")), -1);
	assert_int_equal(platform_rank(parsed("linux/amd64/v3"), parsed("linux/amd64")), 2);
	assert_int_equal(platform_rank(parsed("linux/amd64"), parsed("linux/arm64")), -1);
	assert_int_equal(platform_rank(parsed("linux/amd64"), parsed("windows/amd64")), -1);
	assert_int_equal(platform_rank(parsed("linux/arm/v7"), parsed("linux/arm")), 0);
	assert_int_equal(platform_rank(parsed("linux/arm/v7"), parsed("linux/arm/v6")), 1);
	assert_int_equal(platform_rank(parsed("linux/arm/v7"), parsed("linux/arm/v5")), 2);
	assert_int_equal(platform_rank(parsed("linux/arm/v6"), parsed("linux/arm/v7")), -1);
	assert_int_equal(platform_rank(parsed("linux/arm64"), parsed("linux/arm64/v8")), 0);
	assert_int_equal(platform_rank(parsed("linux/arm64/v9"), parsed("linux/arm64")), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(normal_forms),
	    cmocka_unit_test(refused),
	    cmocka_unit_test(ranks),
	};

	return cmocka_run_group_tests_name("platform", tests, NULL, NULL);
}
