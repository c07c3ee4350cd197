/* SPDX-License-Identifier: Apache-2.0 */
/* arena.h - memory that is given back all at once, with a cap.
 *
 * Running out (of the cap or of the machine) is sticky: every later request returns NULL, and
 * arena_rc() says RMG_E_LIMIT or RMG_E_NOMEM. Memory is not zeroed unless said.
 * Built with -Darena=malloc each allocation is a malloc of its own, so that ASan sees overruns. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <rummage.h>

#include "base/span.h"

struct arena_block;

struct arena {
	struct arena_block *blocks; /* the newest first */
	uint8_t *at, *end;          /* what is free in the newest */
	size_t used_bytes, cap_bytes;
	enum rmg_rc rc;
};

/* Cannot fail; takes no memory until it is asked for some. */
void arena_init(struct arena *a, size_t cap_bytes);
void arena_done(struct arena *a); /* accepts a zeroed arena; it may be initialised again */

/* Forgets everything but keeps one block for the next use. */
void arena_reset(struct arena *a);

static inline enum rmg_rc arena_rc(const struct arena *a)
{
	return a->rc;
}

/* Aligned for any object; n may be 0. NULL once the arena has failed. */
MUST void *arena_alloc(struct arena *a, size_t n);
MUST void *arena_zalloc(struct arena *a, size_t n);

/* count objects of each bytes, zeroed; the product is checked. */
MUST void *arena_array(struct arena *a, size_t count, size_t each);

/* Not aligned: for bytes only. */
MUST void *arena_bytes(struct arena *a, size_t n);

/* A copy; the empty span once the arena has failed. */
struct span arena_dup(struct arena *a, struct span s);

/* A NUL-terminated copy, NULL once the arena has failed. NULs inside s stay. */
MUST char *arena_cstr(struct arena *a, struct span s);

/* The parts joined without anything between them. */
struct span arena_join(struct arena *a, const struct span *parts, size_t n);

#define ARENA_NEW(a, type) ((type *)arena_zalloc((a), sizeof(type)))
#define ARENA_ARRAY(a, count, type) ((type *)arena_array((a), (count), sizeof(type)))
#define ARENA_JOIN(a, ...)                                                                         \
	arena_join((a), (const struct span[]){__VA_ARGS__},                                        \
		   COUNT_OF(((const struct span[]){__VA_ARGS__})))

#endif
