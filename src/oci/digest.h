/* SPDX-License-Identifier: Apache-2.0 */
/* digest.h - content digests as text: OCI image-spec, descriptor.md, "Digests".
 *
 * "sha256:" and 64 lower-case hexadecimal digits is what everybody writes and what is verified
 * here; other algorithms are known by form and refused by name where bytes have to be checked. */
#ifndef OCI_DIGEST_H
#define OCI_DIGEST_H

#include <rummage.h>

#include "base/err.h"
#include "base/span.h"

enum { DIGEST_TEXT = 72 }; /* "sha256:" + 64 + NUL */

/* algorithm ":" encoded, by the grammar and the length that the algorithm asks for. */
bool digest_valid(struct span text);

/* The 32 bytes of a valid sha256 digest; false for anything else. */
MUST bool digest_sha256(struct span text, uint8_t out[32]);

const char *digest_text(const uint8_t sha256[32], char buf[DIGEST_TEXT]);

/* Of bytes, as text. */
const char *digest_text_of(struct span bytes, char buf[DIGEST_TEXT]);

/* What n layers on each other are called by their diff_ids (OCI image-spec, config.md, "Layer
 * ChainID"); false where there are none, or one of them is no sha256 digest. */
MUST bool digest_chain(const struct span *diff_ids, size_t n, char out[DIGEST_TEXT]);

/* RMG_OK where bytes have this digest; what names them in the failure. */
MUST enum rmg_rc digest_check(struct span text, struct span bytes, const char *what,
			      struct rmg_err *err);

#endif
