/* SPDX-License-Identifier: Apache-2.0 */
/* server_tls.h - who is at the other end of a TLS session of the HTTP server (GnuTLS, which
 * libmicrohttpd speaks), and certificates for a server that was given none (OpenSSL). */
#ifndef IO_SERVER_TLS_H
#define IO_SERVER_TLS_H

#include <rummage.h>

#include "base/err.h"
#include "base/strbuf.h"

/* The first DNS name of the peer's certificate, else its common name, where its chain leads to what
 * the server trusts and it is for clients; "" in every other case. */
void server_tls_peer(void *session, char *name, size_t size);

/* A self-signed certificate and its key (P-256), valid for ten years for these DNS names and
 * addresses (NULL-terminated), as PEM. */
MUST enum rmg_rc server_tls_make(const char *const *names, struct strbuf *cert, struct strbuf *key,
				 struct rmg_err *err);

/* "SHA256:AB:CD:..." of a PEM certificate: what a person compares. */
MUST enum rmg_rc server_tls_fingerprint(struct span cert, char *out, size_t size,
					struct rmg_err *err);

#endif
