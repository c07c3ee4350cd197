/* SPDX-License-Identifier: Apache-2.0 */
/* deadline.h - max_seconds of one image. A deadline stands between the caller and all that polls
 * opts->stop(): past it everything ends as if the caller had asked to stop, and deadline_passed()
 * tells which of the two it was. It counts only while the library works, not between its calls. */
#ifndef LIB_DEADLINE_H
#define LIB_DEADLINE_H

#include <rummage.h>

#include "base/err.h"

struct deadline {
	struct rmg_opts given; /* the caller's */
	double left_ms;        /* of max_seconds, when the clock was last stopped */
	double ends_ms;        /* on clock_tick_exact_ms()'s clock */
};

/* Copies opts, and replaces stop, progress and user in them where there is a max_seconds. */
void deadline_init(struct deadline *d, struct rmg_opts *opts);

void deadline_begin(struct deadline *d);
void deadline_pause(struct deadline *d);

/* The time is over, and the caller has not asked to stop. */
bool deadline_passed(const struct deadline *d);

/* "not read within the 5 seconds that it may take (max-seconds)": RMG_E_LIMIT. */
enum rmg_rc deadline_err(const struct deadline *d, const char *what, struct rmg_err *err);

#endif
