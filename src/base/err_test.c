/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_errors_say_where(void **state)
{
	struct rmg_err err = {0};
	char long_text[2000];

	(void)state;
	assert_int_equal(err_set(&err, RMG_E_FORMAT, "bad %s", "\x1b[31m\xff"), RMG_E_FORMAT);
	assert_string_equal(err.msg, "bad ?[31m?");
	assert_int_equal(err.rc, RMG_E_FORMAT);
	err_add(&err, "layer %d", 3);
	assert_string_equal(err.msg, "layer 3: bad ?[31m?");
	errno = ENOENT;
	assert_int_equal(err_os(&err, RMG_E_IO, "open %s", "x"), RMG_E_IO);
	assert_string_equal(err.msg, "open x: No such file or directory");
	assert_int_equal(err.os_errno, ENOENT);
	memset(long_text, 'x', sizeof long_text - 1);
	long_text[sizeof long_text - 1] = 0;
	assert_int_equal(err_set(&err, RMG_E_ARG, "%s", long_text), RMG_E_ARG);
	err_add(&err, "%s", long_text);
	assert_int_equal(strlen(err.msg), sizeof err.msg - 1);
	assert_int_equal(err_set(NULL, RMG_E_ARG, "x"), RMG_E_ARG);
	err_add(NULL, "x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_errors_say_where),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
