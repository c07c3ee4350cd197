/* SPDX-License-Identifier: Apache-2.0 */
/* packed.h - ascending ids in few bytes: the first, then differences, as LEB128.
 *
 * An image's components as its row keeps them. Unpacking believes nothing: ids that do not ascend,
 * 0, or one above max are RMG_E_FORMAT. */
#ifndef HUB_PACKED_H
#define HUB_PACKED_H

#include "base/strbuf.h"
#include "base/vec.h"

struct ids {
	uint32_t *v;
	size_t n, cap;
};

/* Ascending, each once. */
void ids_sort(struct ids *ids);

void ids_pack(const uint32_t *ids, size_t n, struct strbuf *out);

/* Replaces what out had; its memory is the caller's. */
MUST enum rmg_rc ids_unpack(struct span packed, uint32_t max, struct ids *out);

#endif
