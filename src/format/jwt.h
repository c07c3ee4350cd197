/* SPDX-License-Identifier: Apache-2.0 */
/* jwt.h - signed JSON web tokens (RFC 7519): compact JWS (RFC 7515), the keys of an issuer as a JWK
 * Set (RFC 7517, 7518, 8037), signatures by OpenSSL, and the claims that say whom it is for.
 *
 * In this order: jwt_parse(), jwks_verify(), jwt_check(), then the claims. A token is hostile until
 * jwks_verify() said RMG_OK, and its claims are not even parsed before jwt_check(). RFC 8725 is
 * followed: RS256, PS256, ES256, ES384 and EdDSA (Ed25519) and nothing else ("none" and symmetric
 * ones are not known here), an algorithm serves only keys of its kind, and what "crit" asks for is
 * refused. RSA keys below 2048 bits, points off their curve, keys for other uses are in a set but
 * verify nothing, and the failure says why. Bounded by LIMIT_JWT_BYTES, LIMIT_JWKS_BYTES and
 * LIMIT_JWKS_KEYS. A jwt borrows the token; a parsed set is read by any number of threads. */
#ifndef FORMAT_JWT_H
#define FORMAT_JWT_H

#include "format/json.h"

enum jwt_alg { JWT_RS256, JWT_PS256, JWT_ES256, JWT_ES384, JWT_EDDSA };

struct jwt {
	enum jwt_alg alg;
	struct span kid;         /* "" none */
	struct span signed_part; /* header "." payload, as sent */
	struct span payload, signature;
	json *claims; /* an object, from jwt_check() on */
	struct json_doc header_doc, claims_doc;
	uint8_t *bytes;
};

/* The three parts and the header. RMG_E_FORMAT, RMG_E_LIMIT; RMG_E_UNSUPPORTED: another algorithm,
 * an extension that we must know, a "typ" that is not an access or identity token's. out is ended
 * with jwt_done() only after RMG_OK. */
MUST enum rmg_rc jwt_parse(struct span token, struct jwt *out, struct rmg_err *err);
void jwt_done(struct jwt *t);

struct jwks;

/* The object with "keys". Keys that we cannot use are no failure of the set. */
MUST enum rmg_rc jwks_parse(struct span bytes, struct jwks **out, struct rmg_err *err);
void jwks_free(struct jwks *set);
size_t jwks_usable(const struct jwks *set); /* keys that could verify something */

/* RMG_OK: one of the keys made the signature. RMG_E_AUTH: the key that the token names did not, or
 * may not. RMG_E_NOTFOUND: the token names a key that is not there, or none, and no key made it:
 * a newer set may have it. */
MUST enum rmg_rc jwks_verify(const struct jwks *set, const struct jwt *t, struct rmg_err *err);

struct jwt_want {
	struct span issuer, audience; /* compared byte by byte */
	int64_t now_s;
	uint32_t grace_s; /* by how much clocks may differ */
};

/* Parses the claims: iss and aud as wanted, exp there and not past, nbf and iat not to come, sub
 * there and clean text. RMG_E_AUTH with the reason. */
MUST enum rmg_rc jwt_check(struct jwt *t, const struct jwt_want *want, struct rmg_err *err);
struct span jwt_subject(const struct jwt *t);

/* A claim by name or by path: "groups", "realm_access.roles", "https://example.org/roles": at each
 * step a member with the whole rest as its name goes before one with its part up to the next dot.
 * NULL: absent. */
json *jwt_claim(const struct jwt *t, struct span path);

#endif
