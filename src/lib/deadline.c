/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/deadline.h"

#include <inttypes.h>

#include "base/clock.h"
#include "lib/lib.h"

static bool asked(const struct deadline *d)
{
	return d->given.stop && d->given.stop(d->given.user);
}

static bool over(const struct deadline *d)
{
	return d->given.max_seconds && clock_tick_exact_ms() >= d->ends_ms;
}

static bool stop(void *user)
{
	const struct deadline *d = user;

	return over(d) || asked(d);
}

static void progress(void *user, const struct rmg_progress *now)
{
	const struct deadline *d = user;

	d->given.progress(d->given.user, now);
}

void deadline_init(struct deadline *d, struct rmg_opts *opts)
{
	*d = (struct deadline){.given = *opts, .left_ms = (double)opts->max_seconds * 1e3};
	if (opts->max_seconds == 0)
		return;
	opts->stop = stop;
	opts->progress = opts->progress ? progress : NULL;
	opts->user = d;
}

void deadline_begin(struct deadline *d)
{
	d->ends_ms = clock_tick_exact_ms() + d->left_ms;
}

void deadline_pause(struct deadline *d)
{
	double left = d->ends_ms - clock_tick_exact_ms();

	d->left_ms = left > 0 ? left : 0;
}

bool deadline_passed(const struct deadline *d)
{
	return over(d) && !asked(d);
}

enum rmg_rc deadline_err(const struct deadline *d, const char *what, struct rmg_err *err)
{
	return err_set(
	    err, RMG_E_LIMIT,
	    "%s within the %" PRIu64
	    " seconds that an image may take (max-seconds): allow more, or find out what "
	    "is slow",
	    what, d->given.max_seconds);
}
