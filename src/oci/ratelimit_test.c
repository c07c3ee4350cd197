/* SPDX-License-Identifier: Apache-2.0 */
/* Fields as registries send them: Docker Hub's from its documentation, GitHub's and GitLab's from
 * theirs, the others from draft-ietf-httpapi-ratelimit-headers 03 and 10. */
#include "oci/ratelimit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define NOW_MS INT64_C(1795000000000)

static void expect(struct ratelimit_fields f, bool known, uint64_t left, unsigned window_s,
		   unsigned reset_s)
{
	struct ratelimit r = ratelimit_of(&f, NOW_MS);

	assert_int_equal(r.known, known);
	assert_int_equal(r.left, left);
	assert_int_equal(r.window_s, window_s);
	assert_int_equal(r.reset_s, reset_s);
}

#define FIELDS(...) ((struct ratelimit_fields){__VA_ARGS__})

static void registries(void **state)
{
	(void)state;
	expect(FIELDS(.limit = S("100;w=21600"), .remaining = S("76;w=21600")), true, 76, 21600, 0);
	expect(FIELDS(.limit = S("100;w=21600"), .remaining = S("0")), true, 0, 21600, 0);
	/* GitHub: a moment; GitLab: the same under the other names. */
	expect(FIELDS(.limit = S("5000"), .remaining = S("4999"), .reset = S("1795000030")), true,
	       4999, 0, 30);
	expect(FIELDS(.remaining = S("1"), .reset = S("1794999999")), true, 1, 0, 0);
	expect(FIELDS(.limit = S("10"), .remaining = S("9"), .reset = S("50")), true, 9, 0, 50);
	expect(FIELDS(.together = S("limit=100, remaining=50, reset=50")), true, 50, 0, 50);
	expect(FIELDS(.together = S("limit=100,remaining=x"), .policy = S("100;w=60")), false, 0,
	       60, 0);
	expect(
	    FIELDS(.together = S("\"default\";r=50;t=30"), .policy = S("\"default\";q=100;w=10")),
	    true, 50, 10, 30);
	expect(FIELDS(.limit = S("100, 100;w=10")), false, 0, 0, 0);
}

static void lies(void **state)
{
	(void)state;
	expect(FIELDS(.remaining = S("")), false, 0, 0, 0);
	expect(FIELDS(.remaining = S("many")), false, 0, 0, 0);
	expect(FIELDS(.remaining = S("-1;w=60")), false, 0, 60, 0);
	expect(FIELDS(.remaining = S("99999999999999999999")), false, 0, 0, 0);
	expect(FIELDS(.remaining = S(" 7 ; w = 60")), true, 7, 60, 0);
	expect(FIELDS(.remaining = S("7;w=4000000000")), true, 7, 86400, 0);
	expect(FIELDS(.remaining = S("7"), .reset = S("999999")), true, 7, 0, 86400);
	expect(FIELDS(.remaining = S(";;;=;w")), false, 0, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(registries), cmocka_unit_test(lies)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
