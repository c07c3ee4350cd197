/* SPDX-License-Identifier: Apache-2.0 */
/* curl_pin.c - one certificate that is trusted by its fingerprint. libcurl itself pins public keys;
 * what servers show to people, and what people compare, is the certificate's. */
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <string.h>

#include "base/span.h"
#include "io/curl_tls.h"

enum { SHA256_BYTES = 32 };

/* The session's struct is handed over as it is, so it must be the library that we know. */
static bool is_openssl(void)
{
	const char *name = curl_version_info(CURLVERSION_NOW)->ssl_version;

	return name && (strncmp(name, "OpenSSL/", 8) == 0 || strncmp(name, "quictls/", 8) == 0);
}

enum rmg_rc curl_pin_parse(const char *text, uint8_t sha256[32], struct rmg_err *err)
{
	struct span rest = span_cstr(text);
	size_t n = 0;

	if (span_starts_icase(rest, S("SHA256:")))
		rest = span_from(rest, 7);
	while (rest.n >= 2 && n < SHA256_BYTES) {
		if (!span_unhex(span_head(rest, 2), &sha256[n], 1))
			break;
		n++;
		rest = span_from(rest, 2);
		if (rest.n && rest.p[0] == ':')
			rest = span_from(rest, 1);
	}
	if (n != SHA256_BYTES || rest.n)
		return err_set(err, RMG_E_ARG,
			       "a fingerprint is SHA256: and 32 bytes in hexadecimal: "
			       "SHA256:AB:CD:...");
	if (!is_openssl())
		return err_set(err, RMG_E_UNSUPPORTED,
			       "this libcurl cannot trust a certificate by its fingerprint; give "
			       "the certificate itself");
	return RMG_OK;
}

static int verify(X509_STORE_CTX *store, void *user)
{
	const struct curl_pin *pin = user;
	const X509 *cert = X509_STORE_CTX_get0_cert(store);
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (cert && X509_digest(cert, EVP_sha256(), digest, &n) == 1 && n == SHA256_BYTES &&
	    memcmp(digest, pin->sha256, SHA256_BYTES) == 0) {
		X509_STORE_CTX_set_error(store, X509_V_OK);
		return 1;
	}
	X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
	pin->other(pin->user);
	return 0;
}

static CURLcode on_context(CURL *c, void *context, void *user)
{
	(void)c;
	SSL_CTX_set_cert_verify_callback(context, verify, user);
	return CURLE_OK;
}

void curl_pin_set(CURL *c, const struct curl_pin *pin)
{
	curl_easy_setopt(c, CURLOPT_SSL_CTX_FUNCTION, on_context);
	curl_easy_setopt(c, CURLOPT_SSL_CTX_DATA, (void *)(uintptr_t)pin);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
}
