/* SPDX-License-Identifier: Apache-2.0 */
/* proc_events.h - which processes start another program, from the kernel's process connector
 * (CN_PROC over netlink): every execve(2) of this machine, after it has happened. Needs
 * CAP_NET_ADMIN and the machine's own network and process namespaces. */
#ifndef IO_PROC_EVENTS_H
#define IO_PROC_EVENTS_H

#include <rummage.h>

#include "base/err.h"

/* A descriptor to poll and to close. */
MUST enum rmg_rc proc_events_open(int *fd, struct rmg_err *err);

/* What has come: the processes, n at most as many as there is room for. *lost: the kernel has
 * dropped some. Does not block. */
size_t proc_events_read(int fd, unsigned *pids, size_t room, bool *lost);

#endif
