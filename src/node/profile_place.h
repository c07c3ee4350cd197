/* SPDX-License-Identifier: Apache-2.0 */
/* profile_place.h - one container's own file system while what is opened in it is heard of: from
 * its mount on, which is before its first program starts, to its end. What is opened before it is
 * known which container it is, or before its image has been read, waits.
 *
 * What counts as using a file: that a process of the container opened it to read, executed it or
 * has it mapped. Looking at its attributes does not (nobody opens for that), nor does opening
 * folders. What others open does not count: this process and all that reach the file system from
 * outside, through another mount than the container's own. Nor what package managers open, who read
 * of all packages to verify them; what they run and have mapped does. */
#ifndef NODE_PROFILE_PLACE_H
#define NODE_PROFILE_PLACE_H

#include "base/map.h"
#include "base/vec.h"
#include "node/containers.h"
#include "node/usage.h"

struct touch {                 /* a file that was opened */
	uint64_t path, source; /* source: what it was compiled from; 0: nothing */
	uint64_t mount;        /* through which */
	bool executed;
};

struct profile_place {
	uint64_t device;
	char *path;        /* of it on this machine, or through its container's first process */
	bool on_host;      /* the former */
	bool seen;         /* in the machine's mounts, when they were read last */
	int64_t marked_ms; /* since the machine began; 0: it was there before */
	int64_t since_ms;  /* when it was seen first */
	bool idle;         /* it is not marked: nobody's */

	struct container *container; /* held; NULL: not known yet */
	struct usage *usage;         /* its image's; the owner's */
	bool looked;                 /* at what it had running and waiting */
	bool whole;                  /* nothing of it was missed */
	bool lost;                   /* something was, also before it was known whose it is */
	VEC(uint64_t) mounts;        /* by which its processes reach it */
	VEC(struct touch) waiting;
	struct map waits; /* keys of those */

	/* What was opened and told nothing. */
	int64_t second_ms, paused_ms; /* paused_ms: until when; 0 not */
	unsigned useless, pauses;
};

MUST struct profile_place *profile_place_new(uint64_t device, const char *path, bool on_host);
void profile_place_free(struct profile_place *p); /* NULL too */

/* It is this container's, whose image is u. *early: it is seen since before its first program. */
void profile_place_give(struct profile_place *p, struct container *c, struct usage *u, bool *early);

bool profile_place_has_mount(const struct profile_place *p, uint64_t mount);

/* Whether what waits can be counted. */
static inline bool profile_place_is_ready(const struct profile_place *p)
{
	return p->container && p->usage && p->usage->index;
}

void profile_place_forget(struct profile_place *p); /* what waits */

/* False: too much waits already. */
MUST bool profile_place_wait(struct profile_place *p, const struct touch *t);

/* Of a place that is ready. False: the image has no such file. */
bool profile_place_count(struct profile_place *p, const struct touch *t);
/* What waited. */
void profile_place_count_waiting(struct profile_place *p);
/* All that processes of the container run and have mapped now. */
void profile_place_look(struct profile_place *p);
void profile_place_look_at(struct profile_place *p, unsigned pid);

/* path: absolute, or in the container without the first slash. */
struct touch profile_touch(struct span path, uint64_t mount, bool executed);

/* Whether a process is a package manager's. */
bool profile_is_manager(unsigned pid);

#endif
