/* SPDX-License-Identifier: Apache-2.0 */
/* base_image.h - which image this one was built on, and what each layer is for.
 *
 * By the longest chain of layers that an image seen before had as a whole; else by the OCI base
 * annotations, which are claims; else unknown, never a guess. How it is known is said:
 *
 * "chain"    of blob digests, which we computed ourselves over the bytes that were read.
 * "diff-id"  of diff_ids, for the same layers compressed in another way. The worker computed them,
 *            and the configuration agrees. A hostile layer that takes over its worker can have it
 *            say a clean base's diff_ids: all that it gains is this name and the word "base" on
 *            its own layers. Facts and findings do not depend on them (cache.h), and who decides
 *            by the base image should ask for "chain".
 * "annotation", "label": what the image says of itself. */
#ifndef LIB_BASE_IMAGE_H
#define LIB_BASE_IMAGE_H

#include "lib/layers.h"
#include "model/inventory.h"

/* Fills inv->base and the layers' origins, and remembers this image for those built on it. */
void base_image_find(struct inventory *inv, const struct source *s,
		     const struct layer_result *layers, struct cache *cache);

#endif
