/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens and keys: those of RFC 7515 appendix A and RFC 8037 appendix A, and some that PyJWT and
 * the cryptography package made; what they refuse, or the RFC that is named forbids, is bad. */
#include "format/jwt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

#include "../tests/sample.h"
#include "format/jwt_base64.h"

static const struct jwt_want want = {S("https://id.example.org"), S("rummage"), 1900000000, 60};

/* Where a sample is refused, or not at all. */
enum step { STEP_PARSE, STEP_SET, STEP_VERIFY, STEP_CLAIMS, STEP_END };

struct result {
	enum step step;
	struct rmg_err err;
};

static enum step run(struct span token, struct span keys, const struct jwt_want *w,
		     struct rmg_err *err)
{
	enum step step = STEP_PARSE;
	struct jwks *set = NULL;
	struct jwt t;

	if (jwt_parse(token, &t, err) != RMG_OK)
		return step;
	step = STEP_SET;
	if (jwks_parse(keys, &set, err) == RMG_OK) {
		step = STEP_VERIFY;
		if (jwks_verify(set, &t, err) == RMG_OK)
			step = jwt_check(&t, w, err) == RMG_OK ? STEP_END : STEP_CLAIMS;
	}
	jwks_free(set);
	jwt_done(&t);
	return step;
}

static struct result sample(const char *name, const struct jwt_want *w)
{
	struct result r = {0};
	struct span token, keys, bytes = sample_read("format/jwt", name);

	assert_true(span_cut(bytes, '\n', &token, &keys));
	r.step = run(token, keys, w, &r.err);
	sample_free(bytes);
	return r;
}

static void good_ones_are_taken(void **state)
{
	static const char *const names[] = {"ok-rs256", "ok-ps256",  "ok-es256", "ok-es384",
					    "ok-eddsa", "ok-no-kid", "ok-at-jwt"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct result r = sample(names[i], &want);

		if (r.step != STEP_END)
			fail_msg("%s: %s", names[i], r.err.msg);
	}
}

static void the_rfcs_examples_verify(void **state)
{
	(void)state;
	/* They verify; as claims they have no subject or are none. */
	assert_int_equal(sample("ok-rfc7515-a2", &want).step, STEP_CLAIMS);
	assert_int_equal(sample("ok-rfc7515-a3", &want).step, STEP_CLAIMS);
	assert_int_equal(sample("ok-rfc8037-a4", &want).step, STEP_CLAIMS);
}

static void bad_ones_are_refused_with_the_reason(void **state)
{
	static const struct {
		const char *name;
		enum step step;
		enum rmg_rc rc;
		const char *says;
	} rows[] = {
	    {"bad-two-parts", STEP_PARSE, RMG_E_FORMAT, "three parts"},
	    {"bad-five-parts", STEP_PARSE, RMG_E_FORMAT, "base64url"},
	    {"bad-padding", STEP_PARSE, RMG_E_FORMAT, "base64url"},
	    {"bad-trailing-bits", STEP_PARSE, RMG_E_FORMAT, "base64url"},
	    {"bad-header-array", STEP_PARSE, RMG_E_FORMAT, "not an object"},
	    {"bad-alg-twice", STEP_PARSE, RMG_E_FORMAT, "twice"},
	    {"bad-rfc7515-a5-none", STEP_PARSE, RMG_E_FORMAT, "three parts"},
	    {"bad-none", STEP_PARSE, RMG_E_UNSUPPORTED, "\"none\""},
	    {"bad-hs256", STEP_PARSE, RMG_E_UNSUPPORTED, "\"HS256\""},
	    {"bad-hs256-oct", STEP_PARSE, RMG_E_UNSUPPORTED, "\"HS256\""},
	    {"bad-rs512", STEP_PARSE, RMG_E_UNSUPPORTED, "\"RS512\""},
	    {"bad-crit", STEP_PARSE, RMG_E_UNSUPPORTED, "crit"},
	    {"bad-typ-logout", STEP_PARSE, RMG_E_UNSUPPORTED, "logout+jwt"},
	    {"bad-set-not-json", STEP_SET, RMG_E_FORMAT, "JSON"},
	    {"bad-set-no-keys", STEP_SET, RMG_E_FORMAT, "without \"keys\""},
	    {"bad-key-not-there", STEP_VERIFY, RMG_E_NOTFOUND, "no key \"gone\""},
	    {"bad-key-of-another", STEP_VERIFY, RMG_E_AUTH, "not that of key \"rs\""},
	    {"bad-payload-changed", STEP_VERIFY, RMG_E_AUTH, "not that of key \"rs\""},
	    {"bad-es256-as-der", STEP_VERIFY, RMG_E_AUTH, "not that of key \"p2\""},
	    {"bad-alg-of-another-kind", STEP_VERIFY, RMG_E_AUTH, "\"p2\" is not for RS256"},
	    {"bad-alg-the-key-excludes", STEP_VERIFY, RMG_E_AUTH, "\"rs\" is not for RS256"},
	    {"bad-rsa-1024", STEP_VERIFY, RMG_E_AUTH, "below 2048 bits"},
	    {"bad-exponent-one", STEP_VERIFY, RMG_E_AUTH, "not an RSA key"},
	    {"bad-key-for-encryption", STEP_VERIFY, RMG_E_AUTH, "another use"},
	    {"bad-key-ops", STEP_VERIFY, RMG_E_AUTH, "another use"},
	    {"bad-point-off-curve", STEP_VERIFY, RMG_E_AUTH, "not on its curve"},
	    {"bad-point-short", STEP_VERIFY, RMG_E_AUTH, "curve's length"},
	    {"bad-claims-array", STEP_CLAIMS, RMG_E_FORMAT, "not an object"},
	    {"bad-sub-twice", STEP_CLAIMS, RMG_E_FORMAT, "twice"},
	    {"bad-issuer", STEP_CLAIMS, RMG_E_AUTH, "another issuer"},
	    {"bad-audience", STEP_CLAIMS, RMG_E_AUTH, "another audience"},
	    {"bad-no-sub", STEP_CLAIMS, RMG_E_AUTH, "no subject"},
	    {"bad-sub-control", STEP_CLAIMS, RMG_E_AUTH, "no subject"},
	    {"bad-no-exp", STEP_CLAIMS, RMG_E_AUTH, "never expires"},
	    {"bad-exp-text", STEP_CLAIMS, RMG_E_AUTH, "not a time"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct result r = sample(rows[i].name, &want);

		if (r.step != rows[i].step || r.err.rc != rows[i].rc ||
		    strstr(r.err.msg, rows[i].says) == NULL)
			fail_msg("%s: step %d, code %d: %s", rows[i].name, r.step, r.err.rc,
				 r.err.msg);
	}
}

/* Of 1700000000 (nbf, iat) to 2000000000.5 (exp). */
static void clocks_may_differ_by_the_grace(void **state)
{
	static const struct {
		int64_t now_s;
		const char *says;
	} rows[] = {
	    {1699999939, "not valid yet"},
	    {1699999940, ""},
	    {2000000000, ""},
	    {2000000060, ""},
	    {2000000061, "has expired"},
	    {INT64_MAX, "has expired"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct jwt_want then = want;
		struct result r;

		then.now_s = rows[i].now_s;
		r = sample("ok-es256", &then);
		assert_int_equal(r.step, rows[i].says[0] ? STEP_CLAIMS : STEP_END);
		assert_non_null(strstr(r.err.msg, rows[i].says));
	}
}

static void claims_are_found_by_name_and_by_path(void **state)
{
	struct span token, keys, bytes = sample_read("format/jwt", "ok-rs256");
	struct rmg_err err;
	struct jwt t;

	(void)state;
	assert_true(span_cut(bytes, '\n', &token, &keys));
	assert_int_equal(jwt_parse(token, &t, &err), RMG_OK);
	assert_true(span_is(t.kid, S("rs")));
	assert_int_equal(jwt_check(&t, &want, &err), RMG_OK);
	assert_true(span_is(jwt_subject(&t), S("alice")));
	assert_int_equal(json_len(jwt_claim(&t, S("groups"))), 2);
	assert_int_equal(json_len(jwt_claim(&t, S("realm_access.roles"))), 1);
	assert_true(span_is(json_str(jwt_claim(&t, S("https://example.org/roles"))), S("viewer")));
	assert_null(jwt_claim(&t, S("realm_access.none")));
	assert_null(jwt_claim(&t, S("sub.x")));
	assert_null(jwt_claim(&t, S("")));
	jwt_done(&t);
	sample_free(bytes);
}

static void sizes_are_bounded(void **state)
{
	static uint8_t big[16 * 1024 + 1];
	struct rmg_err err;
	struct jwks *set;
	struct jwt t;

	(void)state;
	memset(big, 'A', sizeof big);
	big[4] = big[8] = '.';
	assert_int_equal(jwt_parse(span_of(big, sizeof big), &t, &err), RMG_E_LIMIT);
	memset(big, ',', sizeof big);
	memcpy(big, "{\"keys\":[", 9);
	for (size_t i = 0; i < 65; i++)
		memcpy(big + 9 + 3 * i, "{},", 3);
	memcpy(big + 9 + 3 * 65 - 1, "]}", 2);
	assert_int_equal(jwks_parse(span_of(big, 9 + 3 * 65 + 1), &set, &err), RMG_E_LIMIT);
	memcpy(big + 9 + 3 * 64 - 1, "]}", 2);
	assert_int_equal(jwks_parse(span_of(big, 9 + 3 * 64 + 1), &set, &err), RMG_OK);
	assert_int_equal(jwks_usable(set), 0);
	jwks_free(set);
}

/* RFC 4648 section 10, without padding, and what section 3 lets a decoder refuse. */
static void base64url_is_strict(void **state)
{
	static const struct {
		const char *text, *bytes;
	} rows[] = {
	    {"", ""},           {"Zg", "f"},          {"Zm8", "fo"},          {"Zm9v", "foo"},
	    {"Zm9vYg", "foob"}, {"Zm9vYmE", "fooba"}, {"Zm9vYmFy", "foobar"}, {"_-8", "\xff\xef"},
	    {"Zg==", NULL},     {"Z", NULL},          {"Zm9vY", NULL},        {"Zh", NULL},
	    {"Zm9", NULL},      {"/+8", NULL},        {"Zm 9v", NULL},        {"Zm9v\n", NULL},
	};
	uint8_t out[JWT_BASE64_BYTES(16)];
	size_t n;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		bool good = jwt_base64_decode(span_cstr(rows[i].text), out, &n);

		assert_int_equal(good, rows[i].bytes != NULL);
		if (good)
			assert_true(span_is(span_of(out, n), span_cstr(rows[i].bytes)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(good_ones_are_taken),
	    cmocka_unit_test(the_rfcs_examples_verify),
	    cmocka_unit_test(bad_ones_are_refused_with_the_reason),
	    cmocka_unit_test(clocks_may_differ_by_the_grace),
	    cmocka_unit_test(claims_are_found_by_name_and_by_path),
	    cmocka_unit_test(sizes_are_bounded),
	    cmocka_unit_test(base64url_is_strict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
