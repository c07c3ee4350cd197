/* SPDX-License-Identifier: Apache-2.0 */
/* admission_cert.h - the certificate by which a cluster knows its webhook: given, or made here and
 * made anew after ADMISSION_CERT_DAYS; and the cluster's configurations of webhooks, in whose
 * caBundle each replica's certificate stands, the newest first, ADMISSION_BUNDLE at most. One
 * thread. */
#ifndef SERVE_ADMISSION_CERT_H
#define SERVE_ADMISSION_CERT_H

#include "serve/parts.h"

enum { ADMISSION_CERT_DAYS = 180, ADMISSION_BUNDLE = 8 };

struct admission_cert;
MUST enum rmg_rc admission_cert_open(struct env *env, struct admission_cert **out,
				     struct rmg_err *err);
void admission_cert_close(struct admission_cert *c);

struct span admission_cert_pem(const struct admission_cert *c);
struct span admission_cert_key(const struct admission_cert *c);

/* The name of the cluster whose webhook this is. */
struct span admission_cert_cluster(const struct admission_cert *c);

/* Its address; NULL: none is watched. */
const char *admission_cert_address(const struct admission_cert *c);

/* Looks after both; true: the certificate is another one now. */
bool admission_cert_look(struct admission_cert *c);

/* A bundle with this certificate first: those of others stay as far as there is room. False: it was
 * there already, or does not fit. */
MUST bool admission_bundle_add(struct span bundle, struct span cert, struct strbuf *out);

#endif
