/* SPDX-License-Identifier: Apache-2.0 */
/* map.h - hash table from a 64-bit hash to a 32-bit value (an index), open addressing.
 *
 * For keys that are hashes already. Two keys with one hash are one key; where that matters the
 * value indexes an array whose element is compared, and map_next() goes on to the next one.
 * Zeroed is empty. Memory is the heap's and ends with map_done(). Grows at 3/4 full. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct map_slot { /* 12 bytes: the hub has millions */
	uint64_t key;
	uint32_t value; /* MAP_NONE: free */
} __attribute__((packed, aligned(4)));

struct map {
	struct map_slot *slot;
	size_t n, slots; /* slots is a power of two, or 0 */
};

#define MAP_NONE UINT32_MAX

/* Room for n keys without growing; false where memory ran out. */
MUST bool map_reserve(struct map *m, size_t n);

/* Sets key to value (< MAP_NONE), replacing what it had; false where memory ran out. */
MUST bool map_set(struct map *m, uint64_t key, uint32_t value);

/* Sets key unless it is there; gives what it has then. */
MUST bool map_add(struct map *m, uint64_t key, uint32_t value, uint32_t *have);

/* Adds one more value to key and keeps those before it. */
MUST bool map_add_another(struct map *m, uint64_t key, uint32_t value);

/* The value, MAP_NONE where the key is not there. */
uint32_t map_find(const struct map *m, uint64_t key);

/* All values of a key: at = 0 first; MAP_NONE ends it. Order is that of adding while the map did
 * not grow. */
uint32_t map_next(const struct map *m, uint64_t key, size_t *at);

/* Takes away one value of a key, which must be there. Frees no memory. */
void map_remove(struct map *m, uint64_t key, uint32_t value);

static inline bool map_has(const struct map *m, uint64_t key)
{
	return map_find(m, key) != MAP_NONE;
}

static inline size_t map_bytes(const struct map *m)
{
	return m->slots * sizeof *m->slot;
}

void map_clear(struct map *m); /* keeps the memory */
void map_done(struct map *m);

#endif
