/* SPDX-License-Identifier: Apache-2.0 */
/* container_root.h - the overlay that a process has for its root file system, as the kernel tells
 * it: where its layers lie on this machine, and where changes go. */
#ifndef LIB_CONTAINER_ROOT_H
#define LIB_CONTAINER_ROOT_H

#include "base/err.h"
#include "format/mountinfo.h"

struct container_root {
	struct overlay_dirs dirs; /* absolute paths of this machine */
	uint32_t major, minor;    /* of the merged file system */
	bool read_only;
};

/* Memory is a's. RMG_E_NOTFOUND: no such process; RMG_E_UNSUPPORTED: its root is something else. */
MUST enum rmg_rc container_root_of(unsigned pid, struct arena *a, struct container_root *out,
				   struct rmg_err *err);

#endif
