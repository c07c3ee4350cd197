/* SPDX-License-Identifier: Apache-2.0 */
#include "base/last_keys.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { MOST = 5 };

static void the_last_are_known_and_the_oldest_goes(void **state)
{
	struct last_keys r = {0};

	(void)state;
	assert_false(last_keys_has(&r, 0));
	for (uint64_t key = 0; key < 4 * MOST; key++) {
		assert_true(last_keys_add(&r, MOST, key));
		for (uint64_t old = 0; old <= key; old++)
			assert_int_equal(last_keys_has(&r, old), key - old < MOST);
		assert_false(last_keys_has(&r, key + 1));
	}
	last_keys_done(&r);
}

static void what_is_known_takes_no_room(void **state)
{
	struct last_keys r = {0};

	(void)state;
	for (uint64_t key = 0; key < MOST; key++)
		for (int again = 0; again < 3; again++)
			assert_true(last_keys_add(&r, MOST, key));
	for (uint64_t key = 0; key < MOST; key++)
		assert_true(last_keys_has(&r, key));
	last_keys_done(&r);
	last_keys_done(&r);
	assert_false(last_keys_has(&r, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_last_are_known_and_the_oldest_goes),
	    cmocka_unit_test(what_is_known_takes_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
