/* SPDX-License-Identifier: Apache-2.0 */
/* recent.h - which uses ended lately, by one watcher, and until when it was there to see: a runtime
 * is asked for what happened since, and says some of it twice. A use that was said to its end is
 * not said again.
 *
 * In a file it outlives the process, however that ended: what is remembered is in the kernel's
 * memory at once. A power failure may lose it, which costs a doubt, not a use. One thread. */
#ifndef NODE_RECENT_H
#define NODE_RECENT_H

#include <rummage.h>

#include "base/err.h"
#include "model/event.h"

struct recent;
/* path NULL: in memory alone. A file that is none of ours begins anew. */
MUST enum rmg_rc recent_open(const char *path, struct recent **out, struct rmg_err *err);
void recent_close(struct recent *r);

/* Whether the event is to be said. What is to be said is remembered. */
MUST bool recent_take(struct recent *r, const struct event *e);

void recent_alive(struct recent *r, int64_t now_ms);
int64_t recent_alive_ms(const struct recent *r); /* 0: never yet */

#endif
