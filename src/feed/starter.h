/* SPDX-License-Identifier: Apache-2.0 */
/* starter.h - the small set of well-known advisories that ships inside the program, so that a first
 * scan finds something before any update. data/starter.tsv, embedded by the build. */
#ifndef FEED_STARTER_H
#define FEED_STARTER_H

#include "base/span.h"

struct span starter_text(void);

#endif
