/* SPDX-License-Identifier: Apache-2.0 */
#include "io/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/notify_test_XXXXXX";

static void put(const char *name)
{
	char path[200];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("x", f);
	fclose(f);
}

static void changed_files_are_named(void **state)
{
	struct rmg_err err = {0};
	const char *const *paths;
	struct notify *n = NULL;
	char path[200];
	size_t count;
	bool all;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/osv", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(notify_open(dir, &n, &err), RMG_OK);
	assert_int_equal(notify_wait(n, 0, 10, &paths, &count, &all, &err), RMG_OK);
	assert_true(count == 0 && !all);

	put("osv/a.json");
	assert_int_equal(notify_wait(n, 1000, 10, &paths, &count, &all, &err), RMG_OK);
	assert_int_equal(count, 1);
	assert_false(all);
	assert_string_equal(paths[0], "osv/a.json");

	snprintf(path, sizeof path, "%s/osv/a.json", dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(notify_wait(n, 1000, 10, &paths, &count, &all, &err), RMG_OK);
	assert_int_equal(count, 1);

	/* A folder that comes later may have files already. */
	snprintf(path, sizeof path, "%s/osv/npm", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(notify_wait(n, 1000, 10, &paths, &count, &all, &err), RMG_OK);
	assert_true(all);
	put("osv/npm/b.json");
	assert_int_equal(notify_wait(n, 1000, 10, &paths, &count, &all, &err), RMG_OK);
	assert_true(count == 1 && !all);
	assert_string_equal(paths[0], "osv/npm/b.json");
	notify_close(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(changed_files_are_named)};
	int failed = cmocka_run_group_tests_name("notify", tests, NULL, NULL);
	char command[100];

	snprintf(command, sizeof command, "rm -rf %s", dir);
	return system(command) == 0 ? failed : 1;
}
