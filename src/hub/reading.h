/* SPDX-License-Identifier: Apache-2.0 */
/* reading.h - an inventory as bytes: how a hub that does not lead hands it, by the store's inbox,
 * to the one that does.
 *
 * All that hub_image_put() looks at is in it, byte by byte (paths are not always text). Who unpacks
 * believes nothing: a count, a text or a number that cannot be is RMG_E_FORMAT, as is what another
 * version packed differently. */
#ifndef HUB_READING_H
#define HUB_READING_H

#include "hub/hub.h"
#include "model/inventory.h"

void reading_pack(const struct hub_reading *r, struct strbuf *out);

/* out->inventory is *inv, which the caller frees; spans of both are of packed. */
MUST enum rmg_rc reading_unpack(struct span packed, struct inventory **inv, struct hub_reading *out,
				struct rmg_err *err);

#endif
