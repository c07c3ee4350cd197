/* SPDX-License-Identifier: Apache-2.0 */
/* entered.h - for watchers: somebody started a program in a container through its runtime.
 *
 * What the runtime does not say of it is asked of the kernel, where the process is seen from here
 * and is in that container: who had logged in when it was started (a daemon's children have no
 * such user), as whom it runs, what it is. It may have ended by then.
 *
 * A program that is run again and again (a probe that the runtime does not call one) is told once
 * in a while; a terminal is told each time. */
#ifndef WATCH_ENTERED_H
#define WATCH_ENTERED_H

#include "watch/batch.h"

struct entry {
	struct span container; /* as uses of it are told */
	struct span id;        /* as the runtime has it in its cgroup's path */
	struct span exec;      /* the runtime's name for it; "" none */
	struct span command;   /* "" not said */
	struct span user;      /* as whom it was asked to run; "" not said */
	bool terminal;
	uint32_t pid; /* 0 not known */
	int64_t at_ms;
};

enum { ENTERED_REMEMBERED = 1024 };

struct entered {
	struct {
		uint64_t what;
		int64_t at_ms;
	} told[ENTERED_REMEMBERED];
	size_t next;
};

/* Whether a process is in the control group of a container, by the container's id in its path; what
 * cannot be read is in none. */
bool entered_is_in(uint32_t pid, struct span id);

/* Needs room for one event. Texts are copied. */
void entered_say(struct entered *t, struct batch *b, const struct entry *e);

#endif
