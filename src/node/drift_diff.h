/* SPDX-License-Identifier: Apache-2.0 */
/* drift_diff.h - what a container's files are now against those of its image, as findings: packages
 * that came, went or are of another version; executables that are new, other, or gone; other files
 * that a package of the image owns and that are not as it left them.
 *
 * Pure. Identity of a package is its name, version and architecture, not its package URL, which
 * follows from what the container calls its distribution. What could not be read of the container
 * makes nothing be gone. LIMIT_DRIFT_FINDINGS at most, the weightiest first. */
#ifndef NODE_DRIFT_DIFF_H
#define NODE_DRIFT_DIFF_H

#include "base/err.h"
#include "model/inventory.h"
#include "node/upper.h"

struct drift_finding {
	const char *kind; /* "package", "exec", "file": of struct event_change */
	struct span path, purl, was_purl, text;
	bool hashed; /* sha256 is of the file as it is now */
	uint8_t sha256[32];
};

struct drift_sides {
	const struct inventory *image, *now;
	/* Files that hide one of the image, and who owns each by either inventory. */
	const struct upper_change *changes;
	const struct asked_path *image_owners, *now_owners;
	size_t n_changes;
	/* The bytes of a changed file; NULL: nobody hashes. */
	bool (*hash)(void *user, struct span path, uint8_t sha256[32]);
	void *user;
};

struct drift_found {
	VEC(struct drift_finding) v;
	VEC(uint32_t) components; /* of now: those that the image does not have */
	size_t left_out;
	struct arena arena;
};

MUST enum rmg_rc drift_diff(const struct drift_sides *s, struct drift_found *out,
			    struct rmg_err *err);
void drift_found_done(struct drift_found *f);

#endif
