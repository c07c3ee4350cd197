/* SPDX-License-Identifier: Apache-2.0 */
/* pem.h - whether files of certificates and keys (PEM, RFC 7468) are such: told where they are
 * named, not where the first connection needs them. */
#ifndef IO_PEM_H
#define IO_PEM_H

#include <rummage.h>

#include "base/err.h"

/* A file of one certificate at least, each of them sound. */
MUST enum rmg_rc pem_certificates(const char *path, struct rmg_err *err);

/* ... of which the first belongs to the key in the other file. A key that wants a password is none.
 */
MUST enum rmg_rc pem_pair(const char *certificate, const char *key, struct rmg_err *err);

/* Until when the first certificate of a file is good, in seconds since 1970. */
MUST enum rmg_rc pem_ends(const char *path, int64_t *out_s, struct rmg_err *err);

/* Whether it is for a name. */
MUST enum rmg_rc pem_is_for(const char *path, const char *host, bool *out, struct rmg_err *err);

#endif
