/* SPDX-License-Identifier: Apache-2.0 */
/* merge.h - layers to one tree: the inventory of an image from the facts of its layers.
 *
 * Rules: OCI image-spec layer.md (whiteouts, opaque whiteouts hide lower layers only), tar entries
 * that go through a symbolic link of a lower layer land at its target, a file replaces a folder
 * with all that is in it. A package is there while the file that says so is visible. */
#ifndef MODEL_MERGE_H
#define MODEL_MERGE_H

#include "model/inventory.h"

/* layers[0] is the lowest. A NULL entry is a layer that could not be read; the caller has noted
 * why. inv holds target and layers (n of them, with their origins) already; components,
 * executables, os, notes and the unattributed figures are filled in. facts may be freed
 * afterwards. */
MUST enum rmg_rc merge_layers(struct inventory *inv, const struct facts *const *layers, size_t n,
			      struct rmg_err *err);

#endif
