/* SPDX-License-Identifier: Apache-2.0 */
/* jwt_base64.h - base64url without padding (RFC 4648 section 5, as RFC 7515 section 2 wants it).
 *
 * Strict: bytes outside the alphabet, '=', a lone last character and bits that are set behind the
 * last byte are refused, so that no two texts mean the same bytes. */
#ifndef FORMAT_JWT_BASE64_H
#define FORMAT_JWT_BASE64_H

#include "base/span.h"

#define JWT_BASE64_BYTES(chars) ((chars) / 4 * 3 + 2) /* room that so many characters can need */

/* out has room for JWT_BASE64_BYTES(text.n). */
MUST bool jwt_base64_decode(struct span text, uint8_t *out, size_t *n);

#endif
