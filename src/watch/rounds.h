/* SPDX-License-Identifier: Apache-2.0 */
/* rounds.h - the rounds in which a watcher goes on until it is stopped: subscribe, take a snapshot,
 * follow what has come since; and again, after whatever ended it.
 *
 * Where the first two fail, the next round comes after a pause, longer each time. The trouble is
 * told once, and its end. */
#ifndef WATCH_ROUNDS_H
#define WATCH_ROUNDS_H

#include "watch/watch.h"

struct rounds {
	const struct watch_opts *opts;
	const char *who; /* "the engine" */
	enum rmg_rc (*subscribe)(void *user, struct rmg_err *err);
	enum rmg_rc (*snapshot)(void *user, struct rmg_err *err);
	/* Until the stream breaks, or was silent for long: that is no alarm. */
	void (*follow)(void *user, struct rmg_err *err);
	void *user;
};

void rounds_run(const struct rounds *r, struct rmg_err *err);

/* After so many failures, one after the other. */
unsigned rounds_pause_ms(unsigned failed);

#endif
