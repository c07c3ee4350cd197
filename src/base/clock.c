/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <time.h>

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
