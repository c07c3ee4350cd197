/* SPDX-License-Identifier: Apache-2.0 */
/* difference.h - what one image has that another has not: packages by what they are called,
 * executables by their path.
 *
 * Packages are told in the order of their names, then executables in that of their paths. Both
 * images were read; executables come from the store. Linear but for sorting. */
#ifndef HUB_DIFFERENCE_H
#define HUB_DIFFERENCE_H

#include "base/strbuf.h"
#include "hub/world.h"

struct difference_item {
	bool executable;
	/* A package's URL, or a path; "": it came, it went. */
	struct span was, now;
	const uint8_t *was_sha256, *now_sha256; /* of executables; NULL */
};
typedef void difference_fn(void *user, const struct difference_item *item);

/* counts: packages that came, went, are of another version; executables that came, went, have
 * other content. fn may be NULL. */
MUST enum rmg_rc difference_of(struct store *st, const struct world *w, uint32_t was, uint32_t now,
			       uint32_t counts[DESCENT_COUNTS], difference_fn *fn, void *user,
			       struct rmg_err *err);

/* "packages +1 -0 ~2, executables +3 -0 ~0" */
void difference_text(const uint32_t counts[DESCENT_COUNTS], struct strbuf *out);

#endif
