/* SPDX-License-Identifier: Apache-2.0 */
/* process.h - runs a helper program: a little text in, a little text out, and an end to it.
 *
 * Found through PATH, no shell. Its standard error goes nowhere. It is killed when it takes longer
 * than timeout_ms or writes more than max_bytes. */
#ifndef IO_PROCESS_H
#define IO_PROCESS_H

#include <rummage.h>

#include "base/err.h"
#include "base/strbuf.h"

/* RMG_OK: it ran to its end, *status is its exit status, out what it wrote (a strbuf of the
 * caller's, with its maximum). RMG_E_NOTFOUND: there is no such program. */
MUST enum rmg_rc process_run(const char *const *argv, struct span input, unsigned timeout_ms,
			     struct strbuf *out, int *status, struct rmg_err *err);

/* The same without an input, and with these variables ("NAME=VALUE", NULL-terminated) too. */
MUST enum rmg_rc process_run_env(const char *const *argv, const char *const *extra,
				 unsigned timeout_ms, struct strbuf *out, int *status,
				 struct rmg_err *err);

/* When a process of this machine began, in milliseconds since 1970; 0 where that is not to be seen.
 */
int64_t process_began_ms(unsigned pid);

#endif
