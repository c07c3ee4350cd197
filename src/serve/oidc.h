/* SPDX-License-Identifier: Apache-2.0 */
/* oidc.h - bearer tokens of an identity provider: JWT (RFC 7519) signed by a key of its JWKS
 * (RFC 7517); RS256, PS256, ES256, ES384, EdDSA; "none" and symmetric algorithms are refused.
 *
 * Issuer, audience and expiry (a minute of grace) are checked. The keys come from a file or from
 * the provider's jwks_uri, are kept, and are asked for again when a token names one that is not
 * there, at most once a minute, and after an hour; without an answer they are believed for a day.
 * Documents come by https, or by http from this machine, without redirects. */
#ifndef SERVE_OIDC_H
#define SERVE_OIDC_H

#include <rummage.h>

#include "base/err.h"
#include "base/span.h"

struct oidc_role { /* a value of the role claim and what it gives: "reader", ... */
	const char *value, *role;
};

struct oidc_opts {
	const char *issuer, *audience;
	const char *jwks;  /* a file, or a URL; NULL: by the issuer's discovery document */
	const char *claim; /* text or texts, as jwt_claim() finds it; NULL: "groups" */
	const char *ca_file;
	const struct oidc_role *roles;
	size_t n_roles;
};

struct oidc;
/* Copies opts. A file of keys is read now, a provider is asked when the first token comes. */
MUST enum rmg_rc oidc_open(const struct oidc_opts *opts, struct oidc **out, struct rmg_err *err);
void oidc_close(struct oidc *o);

/* Whom the token speaks for: subject and the highest role that its claim gives. RMG_E_AUTH where it
 * is not good, RMG_E_NOTFOUND where it is and its claim gives no role (the subject is filled in),
 * RMG_E_NET where no keys were to be had (err says why). A subject that does not fit is refused,
 * not cut. From any thread; may wait for the provider, some 15 seconds at most. */
MUST enum rmg_rc oidc_check(struct oidc *o, struct span token, int64_t now_s, char *subject,
			    size_t size, const char **role, struct rmg_err *err);

#endif
