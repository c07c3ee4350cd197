/* SPDX-License-Identifier: Apache-2.0 */
/* notify.h - which files below a folder changed (inotify(7)), so that nobody needs to look at all.
 *
 * A change counts when the file was closed after writing, was moved here, or has gone. Folders made
 * later are watched too. Where the kernel lost track (its queue ran over, a folder could not be
 * watched, a new folder came that may have had files already) all is said to have changed. */
#ifndef IO_NOTIFY_H
#define IO_NOTIFY_H

#include <rummage.h>

#include "base/err.h"

struct notify;
MUST enum rmg_rc notify_open(const char *dir, struct notify **out, struct rmg_err *err);
void notify_close(struct notify *n);

/* Waits at most ms for a change, then until none has come for settle_ms. paths (relative to dir,
 * count of them) live until the next call; *all: look at everything. Nothing changed: count 0 and
 * not all. */
MUST enum rmg_rc notify_wait(struct notify *n, unsigned ms, unsigned settle_ms,
			     const char *const **paths, size_t *count, bool *all,
			     struct rmg_err *err);

#endif
