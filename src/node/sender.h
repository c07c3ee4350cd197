/* SPDX-License-Identifier: Apache-2.0 */
/* sender.h - takes a node's events into the spool and from there to the hub, on a thread of its
 * own, in the order in which they came.
 *
 * What is put has been written to a file when sender_put() returns. While the hub is away or busy
 * it is asked again, with a growing pause of no fixed length and not before it said; what it
 * refuses for good is left out, and said. Said too: that it is away, and that it is back. */
#ifndef NODE_SENDER_H
#define NODE_SENDER_H

#include "node/hubline.h"
#include "node/node.h"

struct sender_opts {
	struct node *node;
	const struct hubline_opts *hub;                 /* its stop and user are not used */
	const char *dir;                                /* of the spool */
	uint64_t max_bytes;                             /* of the spool; 0: LIMIT_SPOOL_BYTES */
	void (*answered)(void *user, struct span body); /* what the hub says to events */
	void *user;
};

struct sender;
MUST enum rmg_rc sender_open(const struct sender_opts *opts, struct sender **out,
			     struct rmg_err *err);
/* What is in the spool then has a moment to leave; what does not stays for the next time. */
void sender_close(struct sender *s);

/* Any thread. */
MUST enum rmg_rc sender_put(struct sender *s, const struct event *e, size_t n, struct rmg_err *err);

/* The hub did not answer when it was told something last. */
bool sender_away(struct sender *s);

/* How much detail was left out since this was asked last; 0 while there is more to be sent. */
uint64_t sender_lost(struct sender *s);

#endif
