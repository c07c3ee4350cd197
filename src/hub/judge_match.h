/* SPDX-License-Identifier: Apache-2.0 */
/* judge_match.h - components of the world put before match.h, in batches of one distribution each.
 */
#ifndef HUB_JUDGE_MATCH_H
#define HUB_JUDGE_MATCH_H

#include "hub/world.h"

/* A finding whose advisory has no number yet; id is the database's text. */
struct found {
	struct span id;
	struct world_finding finding; /* advisory is 0 */
};

/* Called once for each component, with nothing where nothing was found. */
typedef enum rmg_rc found_fn(void *user, uint32_t component, const struct found *found, size_t n);

/* The components' order is changed, so that those of one distribution stand together. */
MUST enum rmg_rc match_components(const struct world *w, struct advdb *db, uint32_t *components,
				  size_t n, found_fn *fn, void *user, struct rmg_err *err);

/* How much of the array one batch takes. */
enum { MATCH_BATCH = 1024 };

/* What match.h needs of a component; spans are the world's. */
void component_of_world(const struct world *w, uint32_t id, struct component *out);

#endif
