/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

static void the_time_of_day_is_the_systems(void **state)
{
	int64_t before = (int64_t)time(NULL), now = clock_ms() / 1000;

	(void)state;
	assert_in_range(now, before, before + 5);
}

static void the_tick_goes_forward(void **state)
{
	int64_t began = clock_tick_ms();
	double exact = clock_tick_exact_ms();

	(void)state;
	clock_sleep_ms(20);
	assert_true(clock_tick_ms() >= began + 20);
	assert_true(clock_tick_exact_ms() >= exact + 20);
	assert_in_range(clock_tick_s(), began / 1000, began / 1000 + 5);
}

static bool at_the_third_time(void *user)
{
	return ++*(int *)user == 3;
}

static void a_rest_ends_with_a_stop(void **state)
{
	int64_t began = clock_tick_ms();
	int asked = 0;

	(void)state;
	assert_false(clock_rest(60000, at_the_third_time, &asked));
	assert_int_equal(asked, 3);
	assert_true(clock_tick_ms() - began < 30000);
	assert_true(clock_rest(1, NULL, NULL));
	assert_true(clock_rest(0, at_the_third_time, &asked));
	assert_int_equal(asked, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_time_of_day_is_the_systems),
	    cmocka_unit_test(the_tick_goes_forward),
	    cmocka_unit_test(a_rest_ends_with_a_stop),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
