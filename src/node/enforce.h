/* SPDX-License-Identifier: Apache-2.0 */
/* enforce.h - programs that are not let run: the kernel asks before it starts a file of a container
 * (fanotify's FAN_OPEN_EXEC_PERM), and the start waits for the answer.
 *
 * What was judged before is answered at once. What was not is judged by threads of their own, and
 * let run where that takes longer than LIMIT_EXEC_ANSWER_MS: an answer that does not come stops
 * the container. Whatever becomes of this program, the kernel lets everything run that waits when
 * its descriptor is gone: enforce_check() takes it away where answers have stopped. */
#ifndef NODE_ENFORCE_H
#define NODE_ENFORCE_H

#include "node/exec_tell.h"

struct enforce;

struct enforce_opts {
	struct node *node;
	struct exec_subjects *subjects;
	struct exec_memory *memory;
	/* Something odd was started, or was not let run. Takes x over. Any thread. */
	void (*seen)(void *user, struct exec_seen *x);
	void *user;
};

MUST enum rmg_rc enforce_start(const struct enforce_opts *opts, struct enforce **out,
			       struct rmg_err *err);
void enforce_stop(struct enforce *e);

/* From now on, or no longer, permission is asked for what lies on these mounts. */
bool enforce_mark(struct enforce *e, struct exec_subject *s, bool on);

/* Now and then, by another thread. False: it has been given up. */
bool enforce_check(struct enforce *e);

/* Answers, and those that came too late; the slowest answer to what was judged before, in
 * microseconds, of 99 in 100. */
struct enforce_figures {
	uint64_t asked, known, refused, late;
	unsigned p99_us;
};
void enforce_figures(struct enforce *e, struct enforce_figures *out);

#endif
