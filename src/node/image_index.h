/* SPDX-License-Identifier: Apache-2.0 */
/* image_index.h - of an image's executables, which a package owns: eight bytes for each, so that
 * the images of all running containers stay small. Made of an inventory; immutable; shared by
 * holding it. */
#ifndef NODE_IMAGE_INDEX_H
#define NODE_IMAGE_INDEX_H

#include "base/err.h"
#include "model/inventory.h"

struct image_index;

MUST enum rmg_rc image_index_new(const struct inventory *inv, struct image_index **out,
				 struct rmg_err *err);
struct image_index *image_index_hold(struct image_index *x);
void image_index_let_go(struct image_index *x); /* NULL too */

enum image_has { IMAGE_HAS_NOT, IMAGE_OWNED, IMAGE_UNOWNED };

/* An executable by its normal path. */
enum image_has image_index_find(const struct image_index *x, struct span path);

size_t image_index_count(const struct image_index *x);

#endif
