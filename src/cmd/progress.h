/* SPDX-License-Identifier: Apache-2.0 */
/* progress.h - bars on standard error, one a line, while that is a terminal. Safe from any thread.
 */
#ifndef CMD_PROGRESS_H
#define CMD_PROGRESS_H

#include <rummage.h>

struct progress;

/* Draws nothing unless on; NULL where memory ran out, which every function accepts. */
struct progress *progress_new(bool on);
void progress_free(struct progress *p); /* removes the bars */

/* owner tells apart calls of the library that run side by side. */
void progress_put(struct progress *p, unsigned owner, const struct rmg_progress *now);

/* Removes all bars, so that something else can be written; they come back with the next put. */
void progress_clear(struct progress *p);

/* Whether bars make sense: standard error is a terminal that can move its cursor. */
bool progress_possible(void);

#endif
