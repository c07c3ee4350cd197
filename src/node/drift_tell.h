/* SPDX-License-Identifier: Apache-2.0 */
/* drift_tell.h - what was found changed in a container, told: a finding an event, each once; and
 * the packages that its image does not have as a second use of an image of their own
 * (drift_image.h).
 *
 * Findings go by the name of the source that told of the container, outside of its order; uses are
 * a source of their own, NODE/drift, with its own snapshots. */
#ifndef NODE_DRIFT_TELL_H
#define NODE_DRIFT_TELL_H

#include "base/map.h"
#include "node/containers.h"
#include "node/teller.h"
#include "node/upper.h"
#include "oci/digest.h"

/* A container that is looked at. */
struct watched {
	struct container *container; /* held */
	struct upper *upper;         /* NULL: cannot be looked into */
	uint32_t index;
	VEC(int) wds;
	bool armed, polled, looked, troubled;
	int64_t first_ms, last_ms; /* of what happened since the last look; 0: nothing */
	int64_t not_before_ms;
	bool unsettled;          /* what the last look found is not told yet: more came meanwhile */
	int64_t unsettled_since; /* 0: it is not */

	/* What was told of it. */
	uint64_t state;           /* of the walk that was judged last */
	struct map told;          /* hashes of findings */
	bool told_left_out;       /* that there are more than are told */
	char digest[DIGEST_TEXT]; /* of its second use; "" none */
	bool unsure;              /* the hub may have another one */
};

struct drift_tell {
	struct node *node;
	struct teller teller;
	bool behind; /* what stands at the hub may not be what is: a snapshot is due */
	bool silent;
	int64_t not_before_ms; /* the next snapshot, where the last could not be told */
	/* Whether a container is still as it was walked, after it was read; else nothing is told.
	 */
	bool (*settled)(void *user, struct watched *w, const struct upper_walk *walk);
	void *user;
};

void drift_tell_init(struct drift_tell *t, struct node *n);

/* Judges and tells what a walk found, if it is not what was told already. */
MUST enum rmg_rc drift_tell_of(struct drift_tell *t, struct watched *w,
			       const struct upper_walk *walk, struct rmg_err *err);
void drift_tell_ended(struct drift_tell *t, struct watched *w);

/* All second uses anew, where that is due; holes in v are NULL. */
void drift_tell_all(struct drift_tell *t, struct watched *const *v, size_t n);

#endif
