/* SPDX-License-Identifier: Apache-2.0 */
/* base_change.h - what an image would gain by being built again on what its base's reference means
 * now: findings of the old base that the new one has not, and that the image has; and those that
 * the new one brings and the image has not. */
#ifndef HUB_BASE_CHANGE_H
#define HUB_BASE_CHANGE_H

#include "hub/world.h"

struct base_change {
	uint32_t image; /* that the reference means now; 0: nobody knows it */
	bool known;     /* both bases were read, so that what follows can be said */
	struct world_counts fixes, brings;
};

MUST enum rmg_rc base_change_of(const struct world *w, const struct world_base *b,
				struct base_change *out);

#endif
