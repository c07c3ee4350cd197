/* SPDX-License-Identifier: Apache-2.0 */
/* repeats.h - what need not be kept while the hub is away: a watcher lists everything again and
 * again, and a snapshot that says of no use anything new is not news. It is left out whole; the gap
 * makes the hub ask for one when it is back. One that does say something goes as it is.
 *
 * Begins and ends of uses that stand alone, and all else, pass. One thread at a time. */
#ifndef NODE_REPEATS_H
#define NODE_REPEATS_H

#include "base/vec.h"
#include "model/event.h"
#include "node/spool.h"

struct repeats;
MUST struct repeats *repeats_new(void);
void repeats_free(struct repeats *r);

struct spool_items {
	VEC(struct spool_item) list;
};

/* Appends what of e is to be kept now, with what was held before it; line is e as it is written.
 * What is appended lives until repeats_forget() (line: as long as the caller's). */
MUST enum rmg_rc repeats_take(struct repeats *r, const struct event *e, struct span line, bool away,
			      struct spool_items *out, struct rmg_err *err);
void repeats_forget(struct repeats *r);

/* What was appended last could not be kept: nothing is a repeat until a snapshot was. */
void repeats_doubt(struct repeats *r);

/* What may be lost where there is no room for everything: a snapshot says it again, or it is no
 * more than that somebody is there. */
bool event_is_detail(const struct event *e);

#endif
