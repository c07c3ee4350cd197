/* SPDX-License-Identifier: Apache-2.0 */
/* auth.h - who calls: by bearer token, by client certificate, or by an identity provider's token.
 *
 * Tokens are 32 random bytes as text; the store keeps their SHA-256 and they are compared by it, so
 * that time tells nothing. A certificate that the client CA vouches for is who "cert:NAME" among
 * the tokens says. OIDC: a JWT that verifies against the issuer's keys (oidc.h). An address that
 * keeps failing is made to wait; the memory for that is bounded. */
#ifndef SERVE_AUTH_H
#define SERVE_AUTH_H

#include "hub/hub.h"
#include "io/server.h"
#include "serve/oidc.h"

enum role { ROLE_NONE, ROLE_READER, ROLE_AGENT, ROLE_OPERATOR, ROLE_ADMIN };

struct caller {
	enum role role;
	char name[128];               /* for the audit log */
	char cluster[256], node[256]; /* an agent's place; "" any */
};

struct auth;
MUST enum rmg_rc auth_open(struct hub *hub, const struct oidc *oidc, struct auth **out,
			   struct rmg_err *err);
void auth_close(struct auth *a);

/* Reads the tokens anew: after one was made or taken back, and now and then for other hubs' sake.
 */
MUST enum rmg_rc auth_reload(struct auth *a, struct rmg_err *err);

/* 200: out says who. 401: nobody; 403: somebody unknown; 429: too often, *retry_s. */
unsigned auth_who(struct auth *a, const struct server_request *r, struct caller *out,
		  unsigned *retry_s);

/* A new token for row (its hash is filled); text gets it, once. */
enum { TOKEN_TEXT = 64 };
MUST enum rmg_rc auth_make_token(struct token_row *row, char text[TOKEN_TEXT], struct rmg_err *err);

bool role_of(struct span name, enum role *out);
const char *role_name(enum role r);

#endif
