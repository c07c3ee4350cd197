/* SPDX-License-Identifier: Apache-2.0 */
/* store_life.h - which containers of a store run: by the file that conmon has written the number of
 * their first process into. A number that went on to another process is not believed: that one
 * began after the file was written. */
#ifndef NODE_STORE_LIFE_H
#define NODE_STORE_LIFE_H

#include "base/err.h"
#include "base/span.h"
#include "base/vec.h"
#include "io/file.h"

struct life {
	char *id, *name; /* name: of what may be started again; NULL: it is nobody's name */
	int process;     /* pidfd; -1: it does not run */
	unsigned pid;
	int64_t began_ms;
	struct file_id file; /* that its number was read from */
	int watches[2];      /* inotify's numbers, of its folder and of userdata in it; -1: none */
	uint32_t round;
};

struct lives {
	VEC(struct life) v;
	int run;   /* DRIVER-containers below the folder of what runs; -1: it is not there */
	int names; /* inotify */
	uint32_t round;
	size_t next;    /* where the next that is seen may be: lists keep their order */
	bool unwatched; /* the kernel watches no more folders */
};

void lives_done(struct lives *l);

/* The one with this id; a new one that does not run where it was not known. NULL: no memory. */
MUST struct life *lives_see(struct lives *l, struct span id);

/* True where it runs and did not, as far as was known. *again: something is watched that was not:
 * it may have been written before. run_path: l->run's. */
MUST bool life_look(struct lives *l, struct life *it, const char *run_path, bool *again);

/* True where it ran and does no longer. */
MUST bool life_ended(struct life *it);
/* What is watched is watched anew: folders go, and come again under their names. */
void lives_again(struct lives *l);
void life_done(struct lives *l, struct life *it);

#endif
