/* SPDX-License-Identifier: Apache-2.0 */
/* worker_path.h - where rummage-parse is: as given, else $RUMMAGE_WORKER, else beside this program
 * or library, else where it was installed. */
#ifndef LIB_WORKER_PATH_H
#define LIB_WORKER_PATH_H

#include "base/err.h"

/* malloc'ed. RMG_E_NOTFOUND says where it was looked for. */
MUST enum rmg_rc worker_path(const char *given, char **out, struct rmg_err *err);

#endif
