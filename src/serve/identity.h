/* SPDX-License-Identifier: Apache-2.0 */
/* identity.h - who the hub is to others, and who its first admin is. */
#ifndef SERVE_IDENTITY_H
#define SERVE_IDENTITY_H

#include "serve/parts.h"

struct identity {
	struct span cert, key, client_ca; /* PEM; without cert: plain HTTP */
	bool is_own;                      /* made by the hub itself: hub.crt of its folder */
};

/* "127.0.0.1:80", "localhost:80": nobody else can ask there. */
bool serve_is_local(const char *listen);

/* The certificate that the options name, else, where others can ask, the hub's own of state_dir,
 * made where it is not there. */
MUST enum rmg_rc identity_read(const struct serve_opts *o, struct identity *out,
			       struct rmg_err *err);
void identity_free(struct identity *x);

/* Whoever starts the first hub on a store is its admin: a token in a file that only he can read. */
MUST enum rmg_rc identity_first_token(const struct env *env, struct hub *hub, struct rmg_err *err);

#endif
