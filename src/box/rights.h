/* SPDX-License-Identifier: Apache-2.0 */
/* rights.h - what a long-running process of ours gives up at its start: capabilities that it does
 * not need, for itself and for what it starts. */
#ifndef BOX_RIGHTS_H
#define BOX_RIGHTS_H

#include <stdint.h>

#include "base/err.h"

#define RIGHT(cap) (UINT64_C(1) << (cap)) /* a CAP_... of <linux/capability.h> */

/* Keeps those alone, of those that there are, and no new ones by exec (no_new_privs). Before any
 * thread is started. */
MUST enum rmg_rc rights_keep(uint64_t caps, struct rmg_err *err);

#endif
