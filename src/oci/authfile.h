/* SPDX-License-Identifier: Apache-2.0 */
/* authfile.h - credentials as docker's config.json and containers-auth.json(5) keep them.
 *
 * Pure: bytes in, what to do out. Running a credential helper is the caller's. Values are copied
 * into the arena; they are secrets and never go into a message. */
#ifndef OCI_AUTHFILE_H
#define OCI_AUTHFILE_H

#include <rummage.h>

#include "base/arena.h"
#include "base/err.h"

struct credentials {
	struct span username, password; /* both "" where there are none */
	struct span identity_token;     /* an OAuth2 refresh token instead of a password */
};

struct authfile {
	struct credentials found; /* in the file itself */
	struct span helper;       /* "ecr-login": ask docker-credential-ecr-login first; "" */
	struct span server;       /* what to ask the helper for */
};

/* Looks for HOST/REPOSITORY: a helper for the host, then entries from the longest matching path to
 * the host alone, then the general helper. Nothing found is RMG_OK with all of it empty. */
MUST enum rmg_rc authfile_find(struct span bytes, struct span host, struct span repository,
			       struct arena *arena, struct authfile *out, struct rmg_err *err);

/* What "docker-credential-X get" prints: ServerURL, Username, Secret; the user <token> means that
 * the secret is an identity token. */
MUST enum rmg_rc authfile_helper_answer(struct span bytes, struct arena *arena,
					struct credentials *out, struct rmg_err *err);

/* The name that config.json uses for a host: docker.io has one of its own. */
struct span authfile_server(struct span host);

#endif
