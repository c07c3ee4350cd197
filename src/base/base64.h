/* SPDX-License-Identifier: Apache-2.0 */
/* base64.h - base64 (RFC 4648, 4) with its padding, strict: nothing between, no bits left over. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/strbuf.h"

void base64_put(struct strbuf *out, struct span bytes);

/* The bytes that text stands for; false where it is no base64, or needs more than size. */
MUST bool base64_bytes(struct span text, uint8_t *out, size_t size, size_t *n);

#endif
