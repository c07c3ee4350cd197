/* SPDX-License-Identifier: Apache-2.0 */
#include "format/sha256.h"

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

/* OpenSSL's own calls fail only without memory or without the algorithm; both end the program,
 * because a hash that is not one would be taken for a verified digest. */
struct sha256 *sha256_new(void)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (ctx)
		CHECK(EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1);
	return (struct sha256 *)ctx;
}

void sha256_free(struct sha256 *h)
{
	EVP_MD_CTX_free((EVP_MD_CTX *)h);
}

void sha256_begin(struct sha256 *h)
{
	CHECK(EVP_DigestInit_ex((EVP_MD_CTX *)h, NULL, NULL) == 1);
}

void sha256_put(struct sha256 *h, struct span bytes)
{
	CHECK(EVP_DigestUpdate((EVP_MD_CTX *)h, bytes.p, bytes.n) == 1);
}

void sha256_end(struct sha256 *h, uint8_t out[SHA256_BYTES])
{
	CHECK(EVP_DigestFinal_ex((EVP_MD_CTX *)h, out, NULL) == 1);
}

void sha256_of(struct span bytes, uint8_t out[SHA256_BYTES])
{
	CHECK(EVP_Digest(bytes.p, bytes.n, out, NULL, EVP_sha256(), NULL) == 1);
}

void sha256_hmac(struct span key, struct span bytes, uint8_t out[SHA256_BYTES])
{
	static const uint8_t none;

	CHECK(key.n <= INT_MAX && HMAC(EVP_sha256(), key.n ? key.p : &none, (int)key.n,
				       bytes.n ? bytes.p : &none, bytes.n, out, NULL) != NULL);
}
