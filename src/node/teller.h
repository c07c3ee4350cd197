/* SPDX-License-Identifier: Apache-2.0 */
/* teller.h - what one source of this machine says, numbered here: whatever was left out or put in
 * on the way, the hub sees no gap that is none. A teller's epoch is above every one before it on
 * this machine, whatever became of the clock. It begins with a snapshot, which its caller says.
 * One thread. */
#ifndef NODE_TELLER_H
#define NODE_TELLER_H

#include "node/node.h"

enum { SOURCE_BYTES = 512 };

struct teller {
	struct node *node;
	char source[SOURCE_BYTES];
	uint64_t epoch, seq;
	int64_t said_ms; /* when it said something last, by the clock that only goes forward */
};

void teller_init(struct teller *t, struct node *n, struct span source);

/* In order. Their source, epoch and seq are set here, in copies. *resync: a snapshot is asked for,
 * now or since it was said last. */
MUST enum rmg_rc teller_say(struct teller *t, const struct event *e, size_t n, bool *resync,
			    struct rmg_err *err);

/* Says that the source is there, where it has been quiet for so long that somebody may wonder.
 * true: a snapshot is asked for, since it was asked last. */
MUST bool teller_beat(struct teller *t);
MUST bool teller_asked(struct teller *t); /* the same alone */

#endif
