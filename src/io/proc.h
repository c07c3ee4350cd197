/* SPDX-License-Identifier: Apache-2.0 */
/* proc.h - what the kernel says of a process of this machine (proc(5)): short texts, bounded.
 *
 * Processes come and go: what cannot be read is no failure, but "it is not there". */
#ifndef IO_PROC_H
#define IO_PROC_H

#include <rummage.h>

#include "base/span.h"

enum { PROC_TEXT_BYTES = 8192 }; /* cgroup, status, cmdline; mountinfo is longer */

/* Up to size bytes of /proc/PID/NAME; what is beyond is left out. pid 0 is ourselves. */
MUST bool proc_read(unsigned pid, const char *name, char *buf, size_t size, struct span *out);

/* All of it, up to max bytes, malloc'ed; false also where it is longer. */
MUST bool proc_read_all(unsigned pid, const char *name, size_t max, struct span *out);

/* The number in "pid:[4026531836]", where /proc/PID/ns/NAME points; 0: not there. */
uint64_t proc_namespace(unsigned pid, const char *name);

/* Whether a process is in a user namespace that a user made, or is that user's own. */
bool proc_belongs(unsigned pid, uint32_t user);

/* When a process began: milliseconds since the machine did (CLOCK_BOOTTIME), to ten of them; 0: not
 * there. Its own start, not that of the program that it runs. */
int64_t proc_began_ms(unsigned pid);

/* A process and all that come of it, the first first: at most as many as most. Malloc'ed; NULL: no
 * memory. */
unsigned *proc_tree(unsigned first, size_t most, size_t *n);

/* Of a process: its name as the kernel has it, cut to what fits, any bytes replaced that are not
 * clean; the one that started it (0: none); the user that it acts as. */
struct proc_about {
	char name[64];
	unsigned parent;
	uint32_t user;
	int seccomp; /* 0: off, 1: strict, 2: a filter; -1: not known */
};
MUST bool proc_about(unsigned pid, struct proc_about *out);

/* A folder by its path on this machine, also from inside of a container that has the machine's root
 * mounted at $RUMMAGE_NODE_HOST_ROOT, or sees its processes: through the root of the first one. -1:
 * errno says why. */
MUST int proc_open_dir(const char *path);

#endif
