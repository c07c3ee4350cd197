/* SPDX-License-Identifier: Apache-2.0 */
/* curl_tls.h - whom a transfer of libcurl trusts and what it shows of itself; for this folder. */
#ifndef IO_CURL_TLS_H
#define IO_CURL_TLS_H

#include <curl/curl.h>

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

#endif
