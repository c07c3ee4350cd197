/* SPDX-License-Identifier: Apache-2.0 */
/* counted.h - texts that come and go, each kept once and counted, by a number that costs 4 bytes.
 *
 * What containers are called: "main" for a hundred thousand of them, or each its own. 0 is "".
 * Zeroed is empty. Longer texts than 65,535 bytes are cut. */
#ifndef HUB_COUNTED_H
#define HUB_COUNTED_H

#include "base/map.h"
#include "base/span.h"
#include "base/vec.h"

struct counted_text {
	uint8_t *at; /* two bytes of length stand before it; NULL: free */
	uint32_t n;  /* who have it; of a free one the next free one */
};

struct counted {
	VEC(struct counted_text) v;
	struct map by_hash;
	uint32_t free;
	size_t bytes; /* of texts */
};

void counted_done(struct counted *c);

/* One more has it. False where memory ran out. */
MUST bool counted_take(struct counted *c, struct span s, uint32_t *id);
void counted_drop(struct counted *c, uint32_t id); /* one less */

/* It lives until the last one that has it drops it. */
struct span counted_span(const struct counted *c, uint32_t id);

#endif
