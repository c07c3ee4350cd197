/* SPDX-License-Identifier: Apache-2.0 */
/* curl_tls.h - whom a transfer of libcurl trusts and what it shows of itself; for this folder. */
#ifndef IO_CURL_TLS_H
#define IO_CURL_TLS_H

#include <curl/curl.h>

#include "base/err.h"

/* PEM files; NULL: the system's authorities, no certificate. */
static inline void curl_tls(CURL *c, const char *ca_file, const char *client_cert,
			    const char *client_key)
{
	if (ca_file)
		curl_easy_setopt(c, CURLOPT_CAINFO, ca_file);
	if (client_cert)
		curl_easy_setopt(c, CURLOPT_SSLCERT, client_cert);
	if (client_key)
		curl_easy_setopt(c, CURLOPT_SSLKEY, client_key);
}

/* Instead of authorities and names, one certificate: by the SHA-256 of its DER. */
struct curl_pin {
	const uint8_t *sha256;
	void (*other)(void *user); /* another one was shown, and is refused */
	void *user;
};

/* "SHA256:AB:CD:...", as it is shown to people; RMG_E_UNSUPPORTED where libcurl cannot do it. */
MUST enum rmg_rc curl_pin_parse(const char *text, uint8_t sha256[32], struct rmg_err *err);
void curl_pin_set(CURL *c, const struct curl_pin *pin); /* pin is borrowed */

#endif
