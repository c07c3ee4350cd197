/* SPDX-License-Identifier: Apache-2.0 */
/* exec_tell.h - odd programs that were started in containers, told: each file, as it was, once for
 * each container; LIMIT_EXEC_FINDINGS of them, the rest is counted. What could not be told waits.
 * One source, NODE/execs. One thread. */
#ifndef NODE_EXEC_TELL_H
#define NODE_EXEC_TELL_H

#include "node/exec_judge.h"
#include "node/teller.h"

struct exec_seen {
	struct exec_subject *subject; /* held */
	struct exec_verdict verdict;
	int fd; /* of the file; -1: it could not be kept */
	unsigned pid;
	int64_t at_ms;
	bool refused;
	bool late; /* it was let run since judging it took too long */
	uint32_t user;
	char ancestry[400]; /* "sh(12) < sleep(1)"; "" they have gone */
};

/* Of a process that starts a file now, while it is still there. */
void exec_seen_fill(struct exec_seen *x, unsigned pid);
void exec_seen_done(struct exec_seen *x); /* closes, lets go */

struct exec_tell {
	struct node *node;
	struct teller teller;
	VEC(struct event) waiting; /* texts are the arena's */
	struct arena arena;
	bool behind;
	int64_t not_before_ms;
	uint64_t lost;         /* for want of room */
	int64_t answers_ms;    /* when they were told last */
	uint64_t asked;        /* by then */
	struct span unrefused; /* why nothing is refused any more; "" it is */
	bool told_unrefused;
};

void exec_tell_init(struct exec_tell *t, struct node *n);
void exec_tell_done(struct exec_tell *t);

/* Reads all of the file. */
void exec_tell_of(struct exec_tell *t, struct exec_seen *x);
/* How answers to the kernel come, and why they have stopped ("": they have not), where programs may
 * be refused. Told now and then, where it is news. */
bool exec_tell_wants_answers(const struct exec_tell *t);
void exec_tell_answers(struct exec_tell *t, const struct event_answers *a);
void exec_tell_unrefused(struct exec_tell *t, struct span why);

/* What waits goes; to be called now and then also where nothing does. */
void exec_tell_flush(struct exec_tell *t);

#endif
