/* SPDX-License-Identifier: Apache-2.0 */
/* profiled.h - the profile of one image content: merged over all containers and nodes that have run
 * it, kept for ever.
 *
 * Packed for its row: used as ids (packed.h); watched as ids, each with the bytes of its files
 * behind it; executed as ascending hashes of eight bytes. Ids are components of the world.
 * Unpacking believes nothing.
 *
 * The window is closed once it has been observed for as long as the policy wants. Only then is a
 * component that was never used called so, and a program that was never executed unprofiled; what
 * is executed after that is not added, so that it stays unprofiled wherever it is started next. */
#ifndef HUB_PROFILED_H
#define HUB_PROFILED_H

#include "hub/packed.h"
#include "model/profile.h"
#include "store/rows.h"

struct keys { /* ascending */
	uint64_t *v;
	size_t n, cap;
};

struct profiled {
	uint32_t image; /* 0: there is none */
	int64_t first_ms, last_ms;
	uint64_t observed_ms, containers;
	struct ids watched, used;
	struct keys bytes; /* beside watched */
	struct keys executed;
};

void profiled_done(struct profiled *p);

/* Replaces what p had; image 0 where nothing is kept. */
MUST enum rmg_rc profiled_load(struct profiled *p, struct store *st, uint32_t image,
			       struct rmg_err *err);
MUST enum rmg_rc profiled_save(const struct profiled *p, struct store *st, struct rmg_err *err);

/* One more telling. ids: what its keys are; 0: no component of the image. */
struct profiled_names {
	const uint32_t *watched, *used; /* beside those of the telling */
};
MUST bool profiled_add(struct profiled *p, const struct profile *told,
		       const struct profiled_names *names, uint64_t least_ms);

bool profiled_is_closed(const struct profiled *p, uint64_t least_ms);

enum used { USED_UNKNOWN, USED_NEVER, USED_YES };
enum used profiled_used(const struct profiled *p, uint32_t component, uint64_t least_ms);
/* The bytes of its files; false: not known. */
MUST bool profiled_bytes(const struct profiled *p, uint32_t component, uint64_t *out);

#endif
