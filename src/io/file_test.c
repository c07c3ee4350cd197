/* SPDX-License-Identifier: Apache-2.0 */
#include "io/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/file_test-XXXXXX");
	return mkdtemp(dir) ? 0 : 1;
}

static int teardown(void **state)
{
	char *path = file_join(dir, "a");

	(void)state;
	unlink(path);
	free(path);
	return rmdir(dir);
}

static void test_write_replaces_whole(void **state)
{
	char *path = file_join(dir, "a");
	struct rmg_err err = {0};
	struct span got;
	struct file_writer w;

	(void)state;
	assert_int_equal(file_write(path, S("one"), &err), RMG_OK);
	assert_int_equal(file_read(path, 100, &got, &err), RMG_OK);
	assert_true(span_is(got, S("one")));
	file_free(&got);

	assert_int_equal(file_writer_open(&w, path, &err), RMG_OK);
	file_writer_put(&w, S("not committed"));
	file_writer_done(&w);
	assert_int_equal(file_read(path, 100, &got, &err), RMG_OK);
	assert_true(span_is(got, S("one")));
	file_free(&got);
	assert_int_equal(file_read(path, 2, &got, &err), RMG_E_LIMIT);
	free(path);
}

static void test_leftover_of_a_killed_writer_goes(void **state)
{
	char *path = file_join(dir, "a");
	char *left = file_join(dir, "a.tmp-abcdef");
	char *other = file_join(dir, "a.tmp-abcdefg");
	struct rmg_err err = {0};
	FILE *f = fopen(left, "w");

	(void)state;
	assert_non_null(f);
	fclose(f);
	f = fopen(other, "w");
	assert_non_null(f);
	fclose(f);
	assert_int_equal(file_write(path, S("x"), &err), RMG_OK);
	assert_false(file_exists(left));
	assert_true(file_exists(other));
	unlink(other);
	free(left);
	free(other);
	free(path);
}

static void test_full_disk_is_said(void **state)
{
	struct rmg_err err = {0};
	struct file_writer w = {.fd = -1};
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	if (full == NULL)
		skip();
	w.fd = fileno(full);
	file_writer_put(&w, S("x"));
	w.path = dir;
	assert_int_equal(file_writer_commit(&w, &err), RMG_E_IO);
	assert_non_null(strstr(err.msg, "No space left"));
	fclose(full);
}

static void test_map_and_kinds(void **state)
{
	char *path = file_join(dir, "a");
	struct rmg_err err = {0};
	struct file_map m;
	struct span got;

	(void)state;
	assert_int_equal(file_write(path, S("mapped"), &err), RMG_OK);
	assert_int_equal(file_map(path, &m, &err), RMG_OK);
	assert_true(span_is(m.bytes, S("mapped")));
	file_unmap(&m);
	assert_int_equal(file_write(path, S(""), &err), RMG_OK);
	assert_int_equal(file_map(path, &m, &err), RMG_OK);
	assert_int_equal(m.bytes.n, 0);
	file_unmap(&m);
	assert_int_equal(file_read(dir, 100, &got, &err), RMG_E_IO);
	assert_int_equal(file_read("/nonexistent/x", 100, &got, &err), RMG_E_NOTFOUND);
	free(path);
}

static void test_lock_excludes(void **state)
{
	char *path = file_join(dir, "a");
	struct rmg_err err = {0};
	int fd, again = -1;

	(void)state;
	assert_int_equal(file_lock(path, false, &fd, &err), RMG_OK);
	assert_int_equal(file_lock(path, false, &again, &err), RMG_E_NOTFOUND);
	file_unlock(&fd);
	assert_int_equal(file_lock(path, false, &again, &err), RMG_OK);
	file_unlock(&again);
	free(path);
}

static void test_mkdirs(void **state)
{
	char *a = file_join(dir, "x"), *b = file_join(a, "y");
	struct rmg_err err = {0};

	(void)state;
	assert_int_equal(file_mkdirs(b, &err), RMG_OK);
	assert_int_equal(file_mkdirs(b, &err), RMG_OK);
	assert_int_equal(file_mkdirs("/proc/self/no", &err), RMG_E_IO);
	rmdir(b);
	rmdir(a);
	free(a);
	free(b);
}

static void test_xdg_folders(void **state)
{
	char buf[256];

	(void)state;
	setenv("XDG_CACHE_HOME", "/c", 1);
	assert_true(file_cache_dir(buf, sizeof buf));
	assert_string_equal(buf, "/c/rummage");
	assert_false(file_cache_dir(buf, 5));
	setenv("XDG_STATE_HOME", "relative", 1);
	setenv("HOME", "/h", 1);
	assert_true(file_state_dir(buf, sizeof buf));
	assert_string_equal(buf, geteuid() == 0 ? "/var/lib/rummage" : "/h/.local/state/rummage");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_write_replaces_whole),
	    cmocka_unit_test(test_leftover_of_a_killed_writer_goes),
	    cmocka_unit_test(test_full_disk_is_said),
	    cmocka_unit_test(test_map_and_kinds),
	    cmocka_unit_test(test_lock_excludes),
	    cmocka_unit_test(test_mkdirs),
	    cmocka_unit_test(test_xdg_folders),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
