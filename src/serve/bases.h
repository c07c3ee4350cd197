/* SPDX-License-Identifier: Apache-2.0 */
/* bases.h - reads base images from their registries, so that it can be said what building anew on
 * them would change: what images in use stand on, and what the hub is told to follow, each once a
 * digest, one at a time, while this hub leads. What cannot be read is tried again later and later.
 */
#ifndef SERVE_BASES_H
#define SERVE_BASES_H

#include "serve/parts.h"

struct bases;
MUST enum rmg_rc bases_start(struct env *env, struct bases **out, struct rmg_err *err);
void bases_stop(struct bases *b);

#endif
