/* SPDX-License-Identifier: Apache-2.0 */
/* eol.h - when a distribution's release stops getting security fixes for everybody. */
#ifndef MODEL_EOL_H
#define MODEL_EOL_H

#include "model/inventory.h"

/* "YYYY-MM-DD", "" where it is not known. Static memory. */
struct span eol_of(const struct os *os);

#endif
