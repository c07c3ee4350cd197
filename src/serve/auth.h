/* SPDX-License-Identifier: Apache-2.0 */
/* auth.h - who calls: by bearer token, by client certificate, or by an identity provider's token.
 *
 * Tokens are 32 random bytes as text; the store keeps their SHA-256 and they are compared by it, so
 * that time tells nothing. A certificate that the client CA vouches for is who "cert:NAME" among
 * the tokens says; a token that is shown decides alone. OIDC: a JWT that verifies against the
 * issuer's keys (oidc.h). Where unknown tokens keep coming from an address, they are told to wait;
 * good ones are taken meanwhile, since behind a balancer everybody has one address. The memory for
 * that is bounded. */
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
/* The provider (NULL: none) is the auth's from now on, whether it opens or not. */
MUST enum rmg_rc auth_open(struct hub *hub, struct oidc *provider, struct auth **out,
			   struct rmg_err *err);
void auth_close(struct auth *a);

/* Reads the tokens anew: after one was made or taken back, and now and then for other hubs' sake.
 */
MUST enum rmg_rc auth_reload(struct auth *a, struct rmg_err *err);

/* Another provider; the old one ends with the last request that asks it. */
MUST enum rmg_rc auth_provider(struct auth *a, struct oidc *provider, struct rmg_err *err);

struct login {                             /* what a request shows of who sends it */
	const char *address, *certificate; /* "" none */
	struct span authorization;         /* the header field */
	int64_t now_ms;                    /* what tokens' ends are held against */
	int64_t tick_ms;                   /* by a clock that only goes forward */
};

enum auth_said {
	AUTH_GOOD,      /* out says who; his role may be none */
	AUTH_NOBODY,    /* no token is shown, and no certificate that means anything here */
	AUTH_UNKNOWN,   /* the token is not known, or not good: why says more */
	AUTH_TOO_OFTEN, /* after *retry_s */
	AUTH_NOT_NOW,   /* the provider's keys are not to be had: why says more */
};
enum auth_said auth_who(struct auth *a, const struct login *l, struct caller *out,
			unsigned *retry_s, struct rmg_err *why);

/* The same for who shows no token, but what its question alone takes (good: it is right); his rate
 * is that of name. */
enum auth_said auth_other(struct auth *a, const struct login *l, const char *name, bool good,
			  unsigned *retry_s);

/* A new token for row (its hash is filled); text gets it, once. */
enum { TOKEN_TEXT = 64 };
MUST enum rmg_rc auth_make_token(struct token_row *row, char text[TOKEN_TEXT], struct rmg_err *err);

bool role_of(struct span name, enum role *out);
const char *role_name(enum role r);

#endif
