/* SPDX-License-Identifier: Apache-2.0 */
/* say.h - what goes to standard error: "rummage: what: why", and a line with what to do. */
#ifndef CMD_SAY_H
#define CMD_SAY_H

#include "base/err.h"

/* what may be NULL; advice NULL: what the kind of failure suggests. Returns EXIT_NOT_DONE. */
int say_failure(const char *what, const struct rmg_err *err, const char *advice);

/* A line of ours: "rummage: ..." . */
void say(const char *fmt, ...) PRINTF(1, 2);

/* A mistake in how the program was called. Returns EXIT_NOT_DONE. */
int say_usage(const char *verb, const char *fmt, ...) PRINTF(2, 3);

#endif
