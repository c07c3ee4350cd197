/* SPDX-License-Identifier: Apache-2.0 */
/* sha256.h - SHA-256 (FIPS 180-4) by OpenSSL, which uses the processor's own instructions. */
#ifndef FORMAT_SHA256_H
#define FORMAT_SHA256_H

#include "base/span.h"

enum { SHA256_BYTES = 32 };

struct sha256; /* a hash being computed */

struct sha256 *sha256_new(void); /* NULL: no memory */
void sha256_free(struct sha256 *h);
void sha256_begin(struct sha256 *h); /* starts anew; a new one has begun */
void sha256_put(struct sha256 *h, struct span bytes);
void sha256_end(struct sha256 *h, uint8_t out[SHA256_BYTES]);

void sha256_of(struct span bytes, uint8_t out[SHA256_BYTES]);

/* HMAC (RFC 2104). */
void sha256_hmac(struct span key, struct span bytes, uint8_t out[SHA256_BYTES]);

#endif
