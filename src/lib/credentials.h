/* SPDX-License-Identifier: Apache-2.0 */
/* credentials.h - who we are to a registry, from the places where docker, podman and skopeo keep
 * it: $REGISTRY_AUTH_FILE, $XDG_RUNTIME_DIR/containers/auth.json, ~/.config/containers/auth.json,
 * $DOCKER_CONFIG/config.json or ~/.docker/config.json; the first that knows the repository. Helpers
 * (docker-credential-NAME) are run with a limit of CREDENTIALS_HELPER_MS. Of what none of them knows
 * a cluster's own registry has the service account's token (own_registry.h).
 *
 * The values live in the arena. A file that cannot be read is a failure: going on without it would
 * end in a "denied" that nobody understands. */
#ifndef LIB_CREDENTIALS_H
#define LIB_CREDENTIALS_H

#include "oci/authfile.h"

enum { CREDENTIALS_HELPER_MS = 60000 };

/* out is all empty where nobody knows any; *from says where they come from, for messages. */
MUST enum rmg_rc credentials_find(struct span host, struct span repository, struct arena *arena,
				  struct credentials *out, struct span *from, struct rmg_err *err);

static inline bool credentials_any(const struct credentials *c)
{
	return c->password.n || c->username.n || c->identity_token.n;
}

#endif
