/* SPDX-License-Identifier: Apache-2.0 */
/* last_keys.h - the hashes that came last, so many at most: for each new one beyond that the oldest
 * is forgotten. Zeroed is empty. Memory is the heap's and ends with last_keys_done(). */
#ifndef BASE_LAST_KEYS_H
#define BASE_LAST_KEYS_H

#include "base/map.h"
#include "base/vec.h"

struct last_keys {
	struct map known;    /* to nothing */
	VEC(uint64_t) order; /* the oldest first, from next on */
	size_t next;
};

/* most: the same each time. False where memory ran out: it is not remembered then. */
MUST bool last_keys_add(struct last_keys *s, size_t most, uint64_t key);
bool last_keys_has(const struct last_keys *s, uint64_t key);
void last_keys_done(struct last_keys *s);

#endif
