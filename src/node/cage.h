/* SPDX-License-Identifier: Apache-2.0 */
/* cage.h - the control group of the worker processes that read images (cgroups(7)): at most so much
 * of a processor and of memory, and the disks after everybody else.
 *
 * Below the group that this process is in, of version 2 where that has the controller, else of
 * version 1, each by itself:
 *
 *     1   GROUP/rummage/PID                  for each of cpu, memory, blkio
 *     2   GROUP/rummage-scan, and this process moves to GROUP/rummage-agent first: a group with
 *         processes hands no controllers down. Only where nobody else is in GROUP.
 *
 * Under systemd that takes Delegate=yes. What was left by a process that is gone is taken away. */
#ifndef NODE_CAGE_H
#define NODE_CAGE_H

#include "base/err.h"
#include "base/span.h"

struct cage_limits {
	unsigned cpu_percent; /* of one processor; 0: as much as there is */
	uint64_t memory_bytes;
};

struct cage;

/* Before rights are given up: the uppermost groups are root's who may write anywhere. RMG_E_IO and
 * the like: there is none, err says why; that is no reason not to read images. */
MUST enum rmg_rc cage_open(const struct cage_limits *limits, struct cage **out,
			   struct rmg_err *err);
/* The same with another root folder and other texts of /proc/self/cgroup and mountinfo. */
MUST enum rmg_rc cage_open_in(const char *root, struct span groups, struct span mounts,
			      const struct cage_limits *limits, struct cage **out,
			      struct rmg_err *err);
/* What is limited, as "cpu, memory, io". */
const char *cage_limits_what(const struct cage *c);
/* Any thread. A process that is gone already is no failure. */
MUST bool cage_put(const struct cage *c, int pid);
void cage_close(struct cage *c);

#endif
