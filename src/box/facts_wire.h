/* SPDX-License-Identifier: Apache-2.0 */
/* facts_wire.h - the facts of a layer as bytes and back (facts.proto).
 *
 * What comes back is as hostile as the image: a worker may have been taken over, a cache file may
 * be anybody's. Unpacking therefore checks everything that code behind it relies on: indexes,
 * counts that must agree, paths that must be normal, text that must be clean UTF-8 within its
 * limits. */
#ifndef BOX_FACTS_WIRE_H
#define BOX_FACTS_WIRE_H

#include "base/err.h"
#include "model/facts.h"

/* malloc'ed bytes, the caller's to free(). */
MUST enum rmg_rc facts_pack(const struct facts *f, struct span *out, struct rmg_err *err);

/* Facts in a's memory; RMG_E_FORMAT where the message is not what a worker may say. */
MUST enum rmg_rc facts_unpack(struct span bytes, struct arena *a, struct facts **out,
			      struct rmg_err *err);

#endif
