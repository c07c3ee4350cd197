/* SPDX-License-Identifier: Apache-2.0 */
/* ecosystem.h - what an OSV ecosystem's name means: its version order, how its package names are
 * spelt in keys, whose packages it judges. The table is ecosystem.def.
 *
 * Building a database and asking it go through the same two functions, so that both spell alike:
 * key (ecosystem_key(e), ecosystem_name(e, n)). */
#ifndef VULN_ECOSYSTEM_H
#define VULN_ECOSYSTEM_H

#include "base/arena.h"
#include "vuln/vercmp.h"

/* How versions of "Debian:12", "PyPI", "Maven:https://..." are ordered. False: nothing that an
 * image's packages could match, so records of it need not be kept. */
MUST bool ecosystem_order(struct span ecosystem, enum version_order *out);

/* The ecosystem as keys have it: a distribution's whole, a language's without its repository. */
struct span ecosystem_key(struct span ecosystem);

/* The package name as keys have it: PyPI as PEP 503, NuGet, Packagist, Hex, Pub in lower case,
 * SwiftURL without scheme and ".git", all others as they are. Borrows name where nothing changes,
 * else the arena's; empty where memory ran out. */
struct span ecosystem_name(struct span ecosystem, struct span name, struct arena *a);

/* Whether it is a distribution's. */
bool ecosystem_is_os(struct span ecosystem);

/* The i-th language ecosystem that judges packages of a purl type; false at the end. */
MUST bool ecosystem_of_type(struct span type, size_t i, struct span *out);

#endif
