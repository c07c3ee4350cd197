/* SPDX-License-Identifier: Apache-2.0 */
#include "node/idle.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* linux/ioprio.h is not everywhere; the numbers are the kernel's ABI. */
enum { WHO_PROCESS = 1, CLASS_IDLE = 3, CLASS_SHIFT = 13, LOWEST = 19 };

void idle_from_now_on(void)
{
	struct sched_param none = {0};

	/* Of Linux all three are of a thread, and inherited. */
	(void)setpriority(PRIO_PROCESS, 0, LOWEST);
	(void)sched_setscheduler(0, SCHED_IDLE, &none);
	(void)syscall(SYS_ioprio_set, WHO_PROCESS, 0, CLASS_IDLE << CLASS_SHIFT);
}
