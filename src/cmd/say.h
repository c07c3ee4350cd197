/* SPDX-License-Identifier: Apache-2.0 */
/* say.h - what goes to standard error: "rummage: what: why", and a line with what to do. */
#ifndef CMD_SAY_H
#define CMD_SAY_H

#include "base/err.h"
#include "cmd/options.h"

/* what may be NULL; advice NULL: what the kind of failure suggests. Returns EXIT_NOT_DONE. */
int say_failure(const char *what, const struct rmg_err *err, const char *advice);

/* A line of ours: "rummage: ..." . */
void say(const char *fmt, ...) PRINTF(1, 2);

/* A mistake in how the program was called. Returns EXIT_NOT_DONE. */
int say_usage(const char *verb, const char *fmt, ...) PRINTF(2, 3);

/* A line of the log of what runs for long: "2026-11-24T12:00:00Z warn text" on standard error; a
 * service manager's journal has its own time and loses nothing by ours. options: whether it is to
 * be quiet. */
void say_log(void *options, const char *level, const char *text);

#endif
