/* SPDX-License-Identifier: Apache-2.0 */
/* guard.h - who lets programs run where we stand still: a process of its own, which holds the
 * kernel's questions (fanotify's group) too.
 *
 * Whoever answers says so by guard_beat(). Where that stops (a stopped process, a machine that
 * swaps) the guard takes all marks away within GUARD_MS and lets everything run that waits; it goes
 * on watching, and guard_again() begins anew. It ends with us, however that comes about: then the
 * kernel lets everything run by itself. To be started before any thread, while little memory is
 * used: it is a fork. */
#ifndef NODE_GUARD_H
#define NODE_GUARD_H

#include <rummage.h>

#include <stdbool.h>

#include "base/err.h"

enum { GUARD_MS = 2000 };

struct guard;

/* RMG_E_UNSUPPORTED: the kernel asks nobody. */
MUST enum rmg_rc guard_start(struct guard **out, struct rmg_err *err);
void guard_stop(struct guard *g);

int guard_group(const struct guard *g); /* to be asked by; the guard's */

/* Any thread. */
void guard_beat(struct guard *g);
void guard_let_go(struct guard *g); /* nobody answers any more: all marks go, all is let run */
bool guard_gave_up(const struct guard *g);
void guard_again(struct guard *g); /* it may be marked again */

#endif
