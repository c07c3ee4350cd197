/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/rounds.h"

#include <stdio.h>

#include "base/clock.h"

enum { STEP_MS = 500, LONGEST_MS = 10000, REST_MS = 200 };

unsigned rounds_pause_ms(unsigned failed)
{
	return MIN_OF(failed, (unsigned)(LONGEST_MS / STEP_MS)) * STEP_MS;
}

static void tell(const struct rounds *r, const char *text)
{
	if (r->opts->warn)
		r->opts->warn(r->opts->user, text);
}

static void tell_end(const struct rounds *r)
{
	char text[64];

	snprintf(text, sizeof text, "%s answers again", r->who);
	tell(r, text);
}

void rounds_run(const struct rounds *r, struct rmg_err *err)
{
	const struct watch_opts *o = r->opts;
	struct rmg_err own = {0}, *why = err ? err : &own;
	unsigned failed = 0;

	while (!(o->stop && o->stop(o->user))) {
		enum rmg_rc rc = r->subscribe(r->user, why);

		if (rc == RMG_OK)
			rc = r->snapshot(r->user, why);
		if (rc != RMG_OK) {
			if (failed++ == 0 && rc != RMG_E_STOPPED)
				tell(r, why->msg);
			(void)clock_rest(rounds_pause_ms(failed), o->stop, o->user);
			continue;
		}
		if (failed)
			tell_end(r);
		failed = 0;
		r->follow(r->user, why);
		(void)clock_rest(REST_MS, o->stop, o->user);
	}
}
