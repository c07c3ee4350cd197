/* SPDX-License-Identifier: Apache-2.0 */
/* The worker lies beside this program; what outranks what is that of worker_path.h. */
#include "lib/worker_path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static enum rmg_rc found(const char *given, const char *variable, char **out)
{
	struct rmg_err err = {0};

	*out = NULL;
	assert_int_equal(setenv("RUMMAGE_WORKER", variable, 1), 0);
	return worker_path(given, out, &err);
}

static void an_empty_variable_counts_as_unset(void **state)
{
	struct rmg_err err = {0};
	char *empty, *unset;

	(void)state;
	assert_int_equal(found(NULL, "", &empty), RMG_OK);
	assert_int_equal(unsetenv("RUMMAGE_WORKER"), 0);
	assert_int_equal(worker_path(NULL, &unset, &err), RMG_OK);
	assert_string_equal(empty, unset);
	assert_string_equal(strrchr(empty, '/'), "/rummage-parse");
	free(empty);
	free(unset);
}

static void what_is_given_comes_before_the_variable(void **state)
{
	char *path;

	(void)state;
	assert_int_equal(found("/bin/sh", "/bin/cat", &path), RMG_OK);
	assert_string_equal(path, "/bin/sh");
	free(path);
	assert_int_equal(found(NULL, "/bin/cat", &path), RMG_OK);
	assert_string_equal(path, "/bin/cat");
	free(path);
}

static void a_wrong_one_is_an_error(void **state)
{
	char *path;

	(void)state;
	assert_int_equal(found(NULL, "/nowhere/rummage-parse", &path), RMG_E_NOTFOUND);
	assert_int_equal(found("/nowhere/rummage-parse", "/bin/cat", &path), RMG_E_NOTFOUND);
	assert_null(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_empty_variable_counts_as_unset),
	    cmocka_unit_test(what_is_given_comes_before_the_variable),
	    cmocka_unit_test(a_wrong_one_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
