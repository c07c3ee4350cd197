/* SPDX-License-Identifier: Apache-2.0 */
/* drift_image.h - what was changed in a container, as an image of its own: the packages that the
 * container's image does not have, and the container's distribution, in one layer. A second use
 * stands for it (EVENT_CHANGES), so that it is judged, found and alerted of as everything else is,
 * and ends with the container. It has no digest of its own: it is named by the hash of what is in
 * it. */
#ifndef NODE_DRIFT_IMAGE_H
#define NODE_DRIFT_IMAGE_H

#include "node/drift_diff.h"
#include "oci/digest.h"

struct drift_image {
	struct facts_builder *builder;
	struct facts *facts;   /* of its one layer */
	struct inventory *inv; /* NULL: there is nothing to judge */
	char digest[DIGEST_TEXT];
};

/* out is ended by the caller, also after a failure. */
MUST enum rmg_rc drift_image_make(const struct inventory *now, const struct drift_found *found,
				  struct span ref, struct drift_image *out, struct rmg_err *err);
void drift_image_done(struct drift_image *i);

#endif
