/* SPDX-License-Identifier: Apache-2.0 */
/* challenge.h - the WWW-Authenticate header (RFC 9110, 11.6.1) as registries use it: "Bearer" with
 * realm, service and scope (distribution's token specification), or "Basic".
 *
 * One header may hold several challenges; the best that we can answer is taken, Bearer before
 * Basic. Quoted strings lose their quotes and backslashes, in the arena that is given. */
#ifndef OCI_CHALLENGE_H
#define OCI_CHALLENGE_H

#include <rummage.h>

#include "base/arena.h"

enum challenge_scheme { CHALLENGE_NONE, CHALLENGE_BASIC, CHALLENGE_BEARER };

struct challenge {
	enum challenge_scheme scheme;
	struct span realm, service, scope;
};

/* Merges a header into *c: a better scheme replaces a worse one; what is not understood does not
 * count. Running out of memory shows in the arena. */
void challenge_parse(struct span header, struct arena *arena, struct challenge *c);

#endif
