/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <stddef.h>
#include <time.h>

enum { STEP_MS = 100 };

static int64_t ms_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_ms(void)
{
	return ms_of(CLOCK_REALTIME);
}

int64_t clock_tick_ms(void)
{
	return ms_of(CLOCK_MONOTONIC);
}

int64_t clock_tick_s(void)
{
	return clock_tick_ms() / 1000;
}

double clock_tick_exact_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

void clock_sleep_ms(unsigned ms)
{
	struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

	nanosleep(&t, NULL);
}

bool clock_rest(uint64_t ms, bool (*stop)(void *user), void *user)
{
	for (uint64_t slept = 0; slept < ms; slept += STEP_MS) {
		if (stop && stop(user))
			return false;
		clock_sleep_ms(STEP_MS);
	}
	return true;
}
