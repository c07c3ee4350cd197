/* SPDX-License-Identifier: Apache-2.0 */
/* exec_mark.h - tells the kernel which of a container's mounts it is to tell of, or to ask about:
 * its own file system, and all else that is mounted there and can hold a program. */
#ifndef NODE_EXEC_MARK_H
#define NODE_EXEC_MARK_H

#include "node/exec_subject.h"

/* mask: FAN_OPEN_EXEC or FAN_OPEN_EXEC_PERM. False: not even its own file system. */
bool exec_mark(int group, struct exec_subjects *t, struct exec_subject *s, uint64_t mask, bool on);

#endif
