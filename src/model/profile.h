/* SPDX-License-Identifier: Apache-2.0 */
/* profile.h - what of an image was used in its containers, as who watched them tells it: what is
 * new since it told last. Plain data, all spans and arrays borrowed.
 *
 * Components are named by the hash of their package URL, programs by the hash of their path: eight
 * bytes each, the same for readers of any version, and in any order of rows. What was used and what
 * was executed is sent once; sending it again changes nothing.
 * from_ms to to_ms is a time in which a container was watched that had been watched since before
 * its first program started, and nothing of it was missed; both 0: there was none. Where such times
 * of several nodes overlap they count once. */
#ifndef MODEL_PROFILE_H
#define MODEL_PROFILE_H

#include "base/span.h"

struct profile_part {
	uint64_t component; /* hash_span() of its purl */
	uint64_t bytes;     /* of its files */
};

struct profile {
	struct span image; /* a digest of it */
	int64_t from_ms, to_ms;
	uint64_t containers;                /* that are watched now and were not before */
	const struct profile_part *watched; /* components whose files are known; once each time that
					       a node begins to watch the image */
	const uint64_t *used;               /* hash_span() of their purls */
	const uint64_t *executed;           /* path_hash() */
	size_t n_watched, n_used, n_executed;
	bool asks; /* what is executed, as far as is known */
};

#endif
