/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/lib.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void texts_are_clean(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 16);
	assert_string_equal(lib_text(&a, S("")), "");
	assert_string_equal(lib_text(&a, S("a\0b\033[1m\xff")), "a?b?[1m?");
	assert_string_equal(lib_text(&a, S("\xc3\xa9")), "\xc3\xa9");
	arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(texts_are_clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
