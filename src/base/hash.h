/* SPDX-License-Identifier: Apache-2.0 */
/* hash.h - 64-bit hashes for tables and for sets of paths that must stay small.
 *
 * Not cryptographic: who controls an image controls its file lists as well, so a made collision
 * gains nothing. The values are stored (layer facts, advisory database): changing them changes
 * the versions of both formats. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/span.h"

uint64_t hash_span(struct span s);

/* Spreads the bits of one word (a bijection). */
static inline uint64_t hash_mix(uint64_t x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93u;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93u;
	x ^= x >> 32;
	return x;
}

/* A path's hash is made of its folder's and its name's, so that a folder that turns out to be
 * reached through a symbolic link can be hashed again without knowing the names in it.
 * The root folder ("") is PATH_ROOT. */
#define PATH_ROOT UINT64_C(0x9e3779b97f4a7c15)

static inline uint64_t path_child(uint64_t folder, uint64_t name_hash)
{
	return hash_mix(folder * 3 + name_hash);
}

/* A normal path: no leading or trailing slash, no "." or "..", no empty component. */
uint64_t path_hash(struct span path);

#endif
