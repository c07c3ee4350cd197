/* SPDX-License-Identifier: Apache-2.0 */
/* enforce.h - programs that are not let run: the kernel asks before it starts a file of a container
 * (fanotify's FAN_OPEN_EXEC_PERM), and the start waits for the answer.
 *
 * What was judged before is answered at once. What was not is judged by threads of their own, and
 * let run where that takes longer than LIMIT_EXEC_ANSWER_MS: an answer that does not come stops
 * the container. Where this program stands still its guard lets everything run (guard.h); where it
 * has ended, the kernel does. */
#ifndef NODE_ENFORCE_H
#define NODE_ENFORCE_H

#include "node/exec_tell.h"

struct enforce;

struct enforce_opts {
	struct node *node; /* with a guard */
	struct exec_subjects *subjects;
	struct exec_memory *memory;
	/* Something odd was started, or was not let run. Takes x over. Any thread. */
	void (*seen)(void *user, struct exec_seen *x);
	void *user;
};

MUST enum rmg_rc enforce_start(const struct enforce_opts *opts, struct enforce **out,
			       struct rmg_err *err);
void enforce_let_go(struct enforce *e); /* what waits runs, and no more is asked about */
void enforce_stop(struct enforce *e);

/* From now on, or no longer, permission is asked for what lies on these mounts. */
bool enforce_mark(struct enforce *e, struct exec_subject *s, bool on);

/* Now and then, by another thread. */
enum enforce_state {
	ENFORCING,
	ENFORCE_GAVE_UP, /* answers had stopped: nothing is marked any more */
	ENFORCE_AGAIN,   /* what was marked is to be marked anew */
};
enum enforce_state enforce_check(struct enforce *e);

/* Counted from the start on; of_late: how long answers took since that was asked last. A time is
 * that from when the kernel's question was read to when its answer was written. One thread. */
void enforce_figures(struct enforce *e, bool of_late, struct event_answers *out);

#endif
