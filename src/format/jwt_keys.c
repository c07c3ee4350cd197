/* SPDX-License-Identifier: Apache-2.0 */
/* jwt_keys.c - keys of a JWK Set, and signatures by them. */
#include "format/jwt.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "base/limits.h"
#include "format/jwt_base64.h"

enum {
	RSA_BITS_MIN = 2048,  /* RFC 7518 section 3.3 */
	RSA_BYTES_MAX = 1024, /* what a signature may cost */
	EXPONENT_BYTES_MAX = 8,
	POINT_BYTES_MAX = 48, /* a coordinate of P-384 */
	DER_BYTES = 2 * (POINT_BYTES_MAX + 3) + 2,
};

enum kind { KIND_NONE, KIND_RSA, KIND_P256, KIND_P384, KIND_ED25519 };

/* How each algorithm is said to OpenSSL, and the one kind of key that it may use. */
static const struct alg {
	const char *name, *digest;
	enum kind kind;
	size_t half_bytes; /* of r and of s */
} algs[] = {
    [JWT_RS256] = {"RS256", "SHA256", KIND_RSA, 0},
    [JWT_PS256] = {"PS256", "SHA256", KIND_RSA, 0},
    [JWT_ES256] = {"ES256", "SHA256", KIND_P256, 32},
    [JWT_ES384] = {"ES384", "SHA384", KIND_P384, 48},
    [JWT_EDDSA] = {"EdDSA", NULL, KIND_ED25519, 0},
};

struct jwk {
	struct span kid, alg; /* "" none */
	enum kind kind;
	EVP_PKEY *key;   /* NULL: refused */
	const char *why; /* it was */
};

struct jwks {
	struct json_doc doc; /* the spans are its */
	struct jwk *keys;
	size_t n;
};

/* A member in base64url of at most max bytes. */
static bool member(json *jwk, const char *name, size_t max, uint8_t *buf, struct span *out)
{
	struct span text = json_get_str(jwk, name);
	size_t n;

	if (text.n == 0 || text.n > (max * 4 + 2) / 3 || !jwt_base64_decode(text, buf, &n) ||
	    n > max)
		return false;
	*out = span_of(buf, n);
	return true;
}

static EVP_PKEY *key_from(const char *type, OSSL_PARAM_BLD *bld)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;

	if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	return key;
}

static EVP_PKEY *rsa_key(struct span n, struct span e)
{
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	BIGNUM *bn_n = BN_bin2bn(n.p, (int)n.n, NULL), *bn_e = BN_bin2bn(e.p, (int)e.n, NULL);
	EVP_PKEY *key = NULL;

	/* An exponent of 1 makes every message its own signature. */
	if (bld && bn_n && bn_e && BN_is_odd(bn_n) && BN_is_odd(bn_e) && !BN_is_one(bn_e) &&
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, bn_n) == 1 &&
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, bn_e) == 1)
		key = key_from("RSA", bld);
	OSSL_PARAM_BLD_free(bld);
	BN_free(bn_n);
	BN_free(bn_e);
	return key;
}

static const char *read_rsa(json *jwk, struct jwk *k)
{
	uint8_t n_buf[JWT_BASE64_BYTES(RSA_BYTES_MAX * 4 / 3 + 4)], e_buf[EXPONENT_BYTES_MAX + 8];
	struct span n, e;

	k->kind = KIND_RSA;
	if (!member(jwk, "n", RSA_BYTES_MAX, n_buf, &n) ||
	    !member(jwk, "e", EXPONENT_BYTES_MAX, e_buf, &e))
		return "an RSA key without n or e, or one too long";
	k->key = rsa_key(n, e);
	if (k->key == NULL)
		return "not an RSA key";
	return EVP_PKEY_get_bits(k->key) < RSA_BITS_MIN ? "an RSA key below 2048 bits" : NULL;
}

static EVP_PKEY *ec_key(const char *group, struct span point)
{
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	EVP_PKEY *key = NULL;

	if (bld &&
	    OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) == 1 &&
	    OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point.p, point.n) == 1)
		key = key_from("EC", bld);
	OSSL_PARAM_BLD_free(bld);
	return key;
}

static bool point_is_good(EVP_PKEY *key)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	bool good = ctx && EVP_PKEY_public_check(ctx) == 1;

	EVP_PKEY_CTX_free(ctx);
	return good;
}

/* Coordinates have the curve's full length (RFC 7518 section 6.2.1.2). */
static const char *read_ec(json *jwk, struct jwk *k)
{
	uint8_t point[1 + 2 * (POINT_BYTES_MAX + 2)] = {4}; /* SEC 1 section 2.3.3: x, y */
	struct span x, y, crv = json_get_str(jwk, "crv");
	size_t bytes = span_is(crv, S("P-384")) ? 48 : 32;

	if (!span_is(crv, S("P-256")) && !span_is(crv, S("P-384")))
		return "a key on a curve that is not known";
	k->kind = bytes == 48 ? KIND_P384 : KIND_P256;
	if (!member(jwk, "x", bytes, point + 1, &x) || x.n != bytes ||
	    !member(jwk, "y", bytes, point + 1 + bytes, &y) || y.n != bytes)
		return "a point without x or y of the curve's length";
	k->key = ec_key(bytes == 48 ? "P-384" : "P-256", span_of(point, 1 + 2 * bytes));
	return k->key && point_is_good(k->key) ? NULL : "a point that is not on its curve";
}

static const char *read_okp(json *jwk, struct jwk *k)
{
	uint8_t buf[34];
	struct span x;

	if (!span_is(json_get_str(jwk, "crv"), S("Ed25519")))
		return "a key on a curve that is not known";
	k->kind = KIND_ED25519;
	if (!member(jwk, "x", 32, buf, &x) || x.n != 32)
		return "an Ed25519 key without x of 32 bytes";
	k->key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x.p, x.n);
	return k->key ? NULL : "not an Ed25519 key";
}

static bool may_verify(json *jwk)
{
	json *use = json_get(jwk, "use"), *ops = json_get(jwk, "key_ops");

	if (use && !span_is(json_str(use), S("sig")))
		return false;
	if (ops == NULL)
		return true;
	if (!json_is_array(ops))
		return false;
	for (struct json_iter it = json_iter(ops); json_next(&it);)
		if (span_is(json_str(it.value), S("verify")))
			return true;
	return false;
}

static const char *read_material(json *jwk, struct jwk *k)
{
	struct span kty = json_get_str(jwk, "kty");

	if (!may_verify(jwk))
		return "a key for another use";
	if (span_is(kty, S("RSA")))
		return read_rsa(jwk, k);
	if (span_is(kty, S("EC")))
		return read_ec(jwk, k);
	if (span_is(kty, S("OKP")))
		return read_okp(jwk, k);
	return "a key of a kind that is not taken";
}

static void read_key(json *jwk, struct jwk *k)
{
	k->kid = json_get_str(jwk, "kid");
	k->alg = json_get_str(jwk, "alg");
	k->why = read_material(jwk, k);
	if (k->why) {
		EVP_PKEY_free(k->key);
		k->key = NULL;
		ERR_clear_error();
	}
}

static enum rmg_rc read_keys(struct jwks *set, struct rmg_err *err)
{
	json *keys = json_get(set->doc.root, "keys");

	if (!json_is_array(keys))
		return err_set(err, RMG_E_FORMAT, "a key set without \"keys\"");
	if (json_len(keys) > LIMIT_JWKS_KEYS)
		return err_set(err, RMG_E_LIMIT, "a key set of %zu keys; at most %zu are read",
			       json_len(keys), (size_t)LIMIT_JWKS_KEYS);
	set->keys = calloc(json_len(keys) + 1, sizeof *set->keys);
	if (set->keys == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a key set");
	for (struct json_iter it = json_iter(keys); json_next(&it);)
		read_key(it.value, &set->keys[set->n++]);
	return RMG_OK;
}

enum rmg_rc jwks_parse(struct span bytes, struct jwks **out, struct rmg_err *err)
{
	struct jwks *set = calloc(1, sizeof *set);
	enum rmg_rc rc;

	if (set == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a key set");
	rc = json_parse(&set->doc, bytes, LIMIT_JWKS_BYTES, err);
	if (rc == RMG_OK)
		rc = read_keys(set, err);
	if (rc == RMG_OK)
		*out = set;
	else
		jwks_free(set);
	return rc;
}

void jwks_free(struct jwks *set)
{
	if (set == NULL)
		return;
	for (size_t i = 0; i < set->n; i++)
		EVP_PKEY_free(set->keys[i].key);
	free(set->keys);
	json_done(&set->doc);
	free(set);
}

size_t jwks_usable(const struct jwks *set)
{
	size_t n = 0;

	for (size_t i = 0; i < set->n; i++)
		n += set->keys[i].key != NULL;
	return n;
}

static size_t der_integer(struct span n, uint8_t *out)
{
	size_t pad;

	while (n.n > 1 && n.p[0] == 0)
		n = span_from(n, 1);
	pad = n.p[0] >> 7;
	out[0] = 2;
	out[1] = (uint8_t)(n.n + pad);
	out[2] = 0;
	memcpy(out + 2 + pad, n.p, n.n);
	return 2 + pad + n.n;
}

/* r and s side by side (RFC 7518 section 3.4) as the DER that OpenSSL wants: X.690, RFC 3279. */
static struct span der_of(struct span raw, uint8_t out[DER_BYTES])
{
	size_t n = der_integer(span_head(raw, raw.n / 2), out + 2);

	n += der_integer(span_from(raw, raw.n / 2), out + 2 + n);
	out[0] = 0x30;
	out[1] = (uint8_t)n;
	return span_of(out, n + 2);
}

/* PS256: the salt is as long as the hash (RFC 7518 section 3.5). */
static bool set_padding(EVP_PKEY_CTX *ctx, enum jwt_alg alg)
{
	if (alg == JWT_RS256)
		return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
	if (alg != JWT_PS256)
		return true;
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
}

static bool made_it(const struct jwk *k, const struct jwt *t)
{
	const struct alg *alg = &algs[t->alg];
	struct span message = t->signed_part, signature = t->signature;
	uint8_t der[DER_BYTES];
	EVP_PKEY_CTX *ctx = NULL; /* the digest's */
	EVP_MD_CTX *md;
	bool good;

	if (alg->half_bytes && signature.n != 2 * alg->half_bytes)
		return false;
	if (alg->half_bytes)
		signature = der_of(signature, der);
	md = EVP_MD_CTX_new();
	good = md &&
	       EVP_DigestVerifyInit_ex(md, &ctx, alg->digest, NULL, NULL, k->key, NULL) == 1 &&
	       set_padding(ctx, t->alg) &&
	       EVP_DigestVerify(md, signature.p, signature.n, message.p, message.n) == 1;
	EVP_MD_CTX_free(md);
	if (!good)
		ERR_clear_error(); /* this thread's TLS would take it for its own */
	return good;
}

static bool fits(const struct jwk *k, enum jwt_alg alg)
{
	return k->key && k->kind == algs[alg].kind &&
	       (k->alg.n == 0 || span_is(k->alg, span_cstr(algs[alg].name)));
}

static enum rmg_rc refuse(const struct jwk *k, const struct jwt *t, struct rmg_err *err)
{
	struct span kid = span_head(t->kid, 60);

	if (k->why)
		return err_set(err, RMG_E_AUTH, "key \"" SPAN_FMT "\" is %s", SPAN_ARG(kid),
			       k->why);
	if (!fits(k, t->alg))
		return err_set(err, RMG_E_AUTH, "key \"" SPAN_FMT "\" is not for %s", SPAN_ARG(kid),
			       algs[t->alg].name);
	return err_set(err, RMG_E_AUTH, "the token's signature is not that of key \"" SPAN_FMT "\"",
		       SPAN_ARG(kid));
}

enum rmg_rc jwks_verify(const struct jwks *set, const struct jwt *t, struct rmg_err *err)
{
	const struct jwk *named = NULL;

	for (size_t i = 0; i < set->n; i++) {
		const struct jwk *k = &set->keys[i];
		bool both = t->kid.n && k->kid.n;

		if (both && !span_is(t->kid, k->kid))
			continue;
		if (fits(k, t->alg) && made_it(k, t))
			return RMG_OK;
		if (both && (named == NULL || fits(k, t->alg)))
			named = k;
	}
	if (named)
		return refuse(named, t, err);
	return err_set(err, RMG_E_NOTFOUND, "the issuer has no key \"" SPAN_FMT "\" for the token",
		       SPAN_ARG(span_head(t->kid, 60)));
}
