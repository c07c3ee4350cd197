/* SPDX-License-Identifier: Apache-2.0 */
/* A token, a newline, a key set. Parts lie in their bounds, a set has no more usable keys than it
 * may hold, and what verifies once verifies again and no longer after its signature was cut. */
#include "base/limits.h"
#include "base/utf8.h"
#include "format/jwt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_claims(struct jwt *t)
{
	const struct jwt_want want = {S("joe"), S("hub"), 1300819379, 60};

	if (jwt_check(t, &want, NULL) == RMG_OK) {
		CHECK(jwt_subject(t).n && utf8_is_clean(jwt_subject(t)));
		CHECK(json_is_object(t->claims));
	}
	(void)jwt_claim(t, S("realm_access.roles"));
}

static void check_signature(struct jwt *t, struct span bytes)
{
	struct jwks *set;
	struct rmg_err err = {0};
	enum rmg_rc rc;

	if (jwks_parse(bytes, &set, &err) != RMG_OK) {
		CHECK(err.msg[0]);
		return;
	}
	CHECK(jwks_usable(set) <= LIMIT_JWKS_KEYS);
	rc = jwks_verify(set, t, NULL);
	CHECK(rc == jwks_verify(set, t, NULL));
	CHECK(rc == RMG_OK || rc == RMG_E_AUTH || rc == RMG_E_NOTFOUND);
	if (rc == RMG_OK) {
		t->signature.n--;
		CHECK(jwks_verify(set, t, NULL) != RMG_OK);
	}
	jwks_free(set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span token = span_of(data, size), set = {0};
	struct rmg_err err = {0};
	struct jwt t;

	if (size > 1 << 16)
		return 0;
	span_cut(token, '\n', &token, &set);
	if (jwt_parse(token, &t, &err) != RMG_OK) {
		CHECK(err.msg[0]);
		return 0;
	}
	CHECK(t.signed_part.p == token.p && t.signed_part.n < token.n);
	CHECK(t.payload.n + t.signature.n < token.n && t.signature.n);
	check_signature(&t, set);
	check_claims(&t);
	jwt_done(&t);
	return 0;
}
