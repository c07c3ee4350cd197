/* SPDX-License-Identifier: Apache-2.0 */
/* purl.h - package URLs, ECMA-427: pkg:TYPE/NAMESPACE/NAME@VERSION?QUALIFIERS#SUBPATH.
 *
 * What is built is canonical: the type's own case rules (golang and npm names are lower-cased, so
 * a purl is a name to show and to exchange, never the key that packages are matched by), segments
 * percent-encoded, qualifiers sorted. All that is returned is the arena's. Running out of memory
 * gives an empty span, and the arena says so. */
#ifndef MODEL_PURL_H
#define MODEL_PURL_H

#include "model/inventory.h"

/* A purl taken apart and decoded; qualifiers stay encoded, "a=b&c=d". */
struct purl {
	struct span type, ns, name, version, qualifiers, subpath;
};

/* os gives operating-system packages their namespace and distro; NULL or empty: unknown. */
struct span purl_of(const struct pkg *p, const struct os *os, struct arena *a);

/* False where it is not a purl, or memory ran out. */
MUST bool purl_parse(struct span text, struct arena *a, struct purl *out);

/* Whether packages of this purl type come from a distribution's package manager. */
bool purl_is_os(struct span type);

/* A name as PEP 503 writes it: lower case, runs of "-_." become one "-". */
struct span purl_pypi_name(struct span name, struct arena *a);

#endif
