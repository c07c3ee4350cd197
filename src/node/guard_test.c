/* SPDX-License-Identifier: Apache-2.0 */
#include "node/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"

enum { LONGEST_MS = 60000, STEP_MS = 20 };

static bool gives_up(struct guard *g, int64_t ms)
{
	int64_t began = clock_tick_ms();

	while (!guard_gave_up(g) && clock_tick_ms() - began < ms)
		clock_sleep_ms(STEP_MS);
	return guard_gave_up(g);
}

static void who_stands_still_is_given_up(void **state)
{
	struct guard *g = NULL;
	enum rmg_rc rc = guard_start(&g, NULL);

	(void)state;
	if (rc == RMG_E_UNSUPPORTED)
		skip(); /* not root, or a kernel that asks nobody */
	assert_int_equal(rc, RMG_OK);
	assert_true(guard_group(g) >= 0);
	guard_beat(g);
	assert_true(gives_up(g, LONGEST_MS));
	guard_again(g);
	guard_beat(g);
	assert_true(gives_up(g, LONGEST_MS));
	guard_stop(g);
}

static void who_has_ended_is_not(void **state)
{
	struct guard *g = NULL;

	(void)state;
	if (guard_start(&g, NULL) == RMG_E_UNSUPPORTED)
		skip();
	guard_beat(g);
	guard_let_go(g);
	assert_false(gives_up(g, GUARD_MS + GUARD_MS / 2));
	guard_stop(g);
	guard_stop(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(who_stands_still_is_given_up),
	    cmocka_unit_test(who_has_ended_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
