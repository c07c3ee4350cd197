/* SPDX-License-Identifier: Apache-2.0 */
/* clock.h - the time of day, and a tick that only goes forward (clock_gettime(2)): durations and
 * deadlines are of the tick, since the time of day is set by people. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

int64_t clock_ms(void); /* since 1970 */

int64_t clock_tick_ms(void);
int64_t clock_tick_s(void);
double clock_tick_exact_ms(void); /* with its fraction, for what is measured */

void clock_sleep_ms(unsigned ms); /* a signal ends it early, which is as well */

/* Sleeps, but not through a stop, which is asked for ten times a second (NULL: never): false where
 * it came. */
bool clock_rest(uint64_t ms, bool (*stop)(void *user), void *user);

#endif
