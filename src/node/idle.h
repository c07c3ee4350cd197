/* SPDX-License-Identifier: Apache-2.0 */
/* idle.h - reading images takes what nobody else wants. */
#ifndef NODE_IDLE_H
#define NODE_IDLE_H

/* From now on this thread, and the threads and processes that it starts, take the processor and the
 * disks only while nobody else does (SCHED_IDLE, nice 19, the idle class of ioprio_set(2)). What
 * the kernel does not allow is left as it is. */
void idle_from_now_on(void);

#endif
