/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/digest.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ONE "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define TWO "sha256:2222222222222222222222222222222222222222222222222222222222222222"
#define THREE "sha256:3333333333333333333333333333333333333333333333333333333333333333"

/* Computed by hashlib, by the formula of the image specification. */
static void test_chain(void **state)
{
	const struct span ids[] = {S(ONE), S(TWO), S(THREE)};
	const struct span bad[] = {S(ONE), S("sha512:00")};
	char out[DIGEST_TEXT];

	(void)state;
	assert_true(digest_chain(ids, 1, out));
	assert_string_equal(out, ONE);
	assert_true(digest_chain(ids, 3, out));
	assert_string_equal(out, "sha256:50127c0d6b338be78246434b4bce23ec"
				 "f75e505158ea0bbd15effeb162fbf3ec");
	assert_false(digest_chain(ids, 0, out));
	assert_false(digest_chain(bad, 2, out));
}

static void test_form(void **state)
{
	uint8_t sha256[32];

	(void)state;
	assert_true(digest_valid(S(ONE)));
	assert_true(digest_sha256(S(TWO), sha256));
	assert_int_equal(sha256[0], 0x22);
	assert_false(digest_valid(S("sha256:22")));
	assert_false(digest_valid(S("sha256")));
	assert_false(digest_sha256(S("blake3:0123"), sha256));
	assert_true(digest_valid(S("blake3:0123")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_chain),
	    cmocka_unit_test(test_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
