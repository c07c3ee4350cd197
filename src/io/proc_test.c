/* SPDX-License-Identifier: Apache-2.0 */
#include "io/proc.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void texts_are_read(void **state)
{
	char buf[PROC_TEXT_BYTES];
	struct span text, all;

	(void)state;
	assert_true(proc_read((unsigned)getpid(), "status", buf, sizeof buf, &text));
	assert_true(span_starts(text, S("Name:")));
	assert_true(proc_read(0, "status", buf, 4, &text));
	assert_true(span_is(text, S("Name")));
	assert_false(proc_read((unsigned)getpid(), "no-such-text", buf, sizeof buf, &text));
	assert_true(proc_read_all(0, "maps", 1 << 24, &all));
	assert_true(all.n > 100);
	free((void *)(uintptr_t)all.p);
	assert_false(proc_read_all(0, "maps", 100, &all));
	assert_false(proc_read_all(0, "no-such-text", 100, &all));
}

static void a_namespace_has_a_number(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(stat("/proc/self/ns/mnt", &st), 0);
	assert_int_equal(proc_namespace((unsigned)getpid(), "mnt"), st.st_ino);
	assert_int_equal(proc_namespace((unsigned)getpid(), "none"), 0);
}

static void a_process_is_told_about(void **state)
{
	struct proc_about about;

	(void)state;
	assert_true(proc_about((unsigned)getpid(), &about));
	assert_string_equal(about.name, "proc_test");
	assert_int_equal(about.parent, getppid());
	assert_int_equal(about.user, geteuid());
	assert_true(about.seccomp >= -1 && about.seccomp <= 2);
	assert_false(proc_about(UINT32_MAX, &about));
}

static void folders_are_opened(void **state)
{
	int fd = proc_open_dir("/proc");

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_true(proc_open_dir("/proc/version") < 0);
	assert_true(proc_open_dir("/no/such/folder") < 0);
	assert_true(proc_open_dir("relative/none") < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(texts_are_read),
	    cmocka_unit_test(a_namespace_has_a_number),
	    cmocka_unit_test(a_process_is_told_about),
	    cmocka_unit_test(folders_are_opened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
