/* SPDX-License-Identifier: Apache-2.0 */
/* err.h - how a failure is said: the code is returned, the sentence goes to the caller's buffer.
 *
 * A failure is made once, where it happens; on the way up err_add() puts context in front of it.
 * err may be NULL everywhere. Nothing here allocates, so that running out of memory can be told.
 * Control bytes and broken UTF-8 in arguments are replaced: the text is safe for a terminal. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <rummage.h>

#include "base/attr.h"

/* Both return rc, so that a failure is one line: return err_set(err, RMG_E_FORMAT, "..."). */
enum rmg_rc err_set(struct rmg_err *err, enum rmg_rc rc, const char *fmt, ...) PRINTF(3, 4) COLD;

/* As err_set, with errno remembered and its meaning appended. */
enum rmg_rc err_os(struct rmg_err *err, enum rmg_rc rc, const char *fmt, ...) PRINTF(3, 4) COLD;

/* Puts "context: " in front of the message. */
void err_add(struct rmg_err *err, const char *fmt, ...) PRINTF(2, 3) COLD;

#ifdef __clang_analyzer__
/* It reads one file at a time: here it sees that the code which went in, a failure, comes back. */
static inline enum rmg_rc err_same(enum rmg_rc rc)
{
	if (rc == RMG_OK)
		__builtin_unreachable();
	return rc;
}
#define err_set(err, rc, ...) ((void)err_set(err, rc, __VA_ARGS__), err_same(rc))
#define err_os(err, rc, ...) ((void)err_os(err, rc, __VA_ARGS__), err_same(rc))
#endif

#endif
