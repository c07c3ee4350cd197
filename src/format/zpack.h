/* SPDX-License-Identifier: Apache-2.0 */
/* zpack.h - whole buffers as one zstd frame each (RFC 8878): packed for themselves, or as a patch,
 * which says only what differs from another buffer that the reader has too.
 *
 * A patch is a frame whose matches reach back into the other buffer, as if that stood before its
 * first byte (zstd --patch-from). Frames carry their size and a checksum. Results are malloc'ed.
 * Streams, and what comes from images, are codec.h's. */
#ifndef FORMAT_ZPACK_H
#define FORMAT_ZPACK_H

#include <rummage.h>

#include "base/err.h"
#include "base/span.h"

MUST enum rmg_rc zpack(struct span bytes, struct span *out, struct rmg_err *err);

/* Takes some 150 MB of tables beside both buffers and the result. */
MUST enum rmg_rc zpack_patch(struct span from, struct span to, struct span *out,
			     struct rmg_err *err);

/* What a patch makes of from: not more than max bytes (RMG_E_LIMIT). RMG_E_FORMAT: it is damaged,
 * or was made against something else. */
MUST enum rmg_rc zpack_unpatch(struct span from, struct span patch, size_t max, struct span *out,
			       struct rmg_err *err);

#endif
