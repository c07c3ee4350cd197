/* SPDX-License-Identifier: Apache-2.0 */
/* procmaps.h - the files that a process has mapped, from the text of /proc/PID/maps (proc(5)).
 *
 * Pure; the text may be cut anywhere. What has been deleted since, is no file, or has a name with a
 * line feed in it is passed over. */
#ifndef FORMAT_PROCMAPS_H
#define FORMAT_PROCMAPS_H

#include "base/span.h"

/* The next mapped file by its absolute path; a file that is mapped in pieces comes once where they
 * follow each other. False at the end. before: what came last, empty at first. */
bool procmaps_next(struct span *text, struct span *before);

#endif
