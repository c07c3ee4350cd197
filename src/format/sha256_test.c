/* SPDX-License-Identifier: Apache-2.0 */
/* sha256_test.c - the examples that NIST publishes with FIPS 180-4. */
#include "format/sha256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void hex_is(const uint8_t got[SHA256_BYTES], const char *want)
{
	char text[2 * SHA256_BYTES + 1];

	for (int i = 0; i < SHA256_BYTES; i++)
		snprintf(text + 2 * i, 3, "%02x", got[i]);
	assert_string_equal(text, want);
}

static void of(const char *text, const char *want)
{
	uint8_t got[SHA256_BYTES];

	sha256_of(span_cstr(text), got);
	hex_is(got, want);
}

static void published(void **state)
{
	(void)state;
	of("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	of("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	   "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void in_pieces(void **state)
{
	struct sha256 *h = sha256_new();
	uint8_t got[SHA256_BYTES];

	(void)state;
	assert_non_null(h);
	for (int i = 0; i < 2; i++) { /* the second time, begun anew */
		for (int k = 0; k < 1000000; k += 1000) {
			uint8_t a[1000];

			memset(a, 'a', sizeof a);
			sha256_put(h, span_of(a, sizeof a));
		}
		sha256_end(h, got);
		hex_is(got, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
		sha256_begin(h);
	}
	sha256_free(h);
	sha256_free(NULL);
}

/* RFC 4231, 4.3. */
static void keyed(void **state)
{
	uint8_t got[SHA256_BYTES];

	(void)state;
	sha256_hmac(S("Jefe"), S("what do ya want for nothing?"), got);
	hex_is(got, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(published),
	    cmocka_unit_test(in_pieces),
	    cmocka_unit_test(keyed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
