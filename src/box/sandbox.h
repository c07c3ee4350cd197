/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox.h - what the worker gives up before it sees the first byte of an image (docs/SANDBOX.md).
 *
 * Two steps, because a thread must be made in between: what is for the whole process or inherited
 * by threads (uid, capabilities, rlimits, Landlock), then the seccomp list, for all threads at
 * once. Neither can be undone. */
#ifndef BOX_SANDBOX_H
#define BOX_SANDBOX_H

#include "base/err.h"

struct sandbox {
	bool off;     /* asked for: nothing is given up, and the level says "none" */
	int landlock; /* ABI in force; 0: the kernel has none */
	bool seccomp;
	char level[32]; /* "seccomp+landlock/7", "seccomp", "none" */
};

/* no_new_privs, not dumpable, no capabilities, another uid where we are root, rlimits, an empty
 * Landlock ruleset with every right that this kernel knows. */
MUST enum rmg_rc sandbox_enter(struct sandbox *s, struct rmg_err *err);

/* The list of system calls; any other one kills the process. Fills level. */
MUST enum rmg_rc sandbox_seal(struct sandbox *s, struct rmg_err *err);

#endif
