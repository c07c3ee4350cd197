/* SPDX-License-Identifier: Apache-2.0 */
/* base_image.h - which image this one was built on, and what each layer is for.
 *
 * By the longest chain of layers, all of whose digests we verified, that an image seen before had
 * as a whole; else by the OCI base annotations, which are claims; else unknown, never a guess. */
#ifndef LIB_BASE_IMAGE_H
#define LIB_BASE_IMAGE_H

#include "lib/layers.h"
#include "model/inventory.h"

/* Fills inv->base and the layers' origins, and remembers this image for those built on it. */
void base_image_find(struct inventory *inv, const struct source *s,
		     const struct layer_result *layers, struct cache *cache);

#endif
