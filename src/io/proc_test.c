/* SPDX-License-Identifier: Apache-2.0 */
#include "io/proc.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
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

static void a_process_has_a_beginning_and_children(void **state)
{
	struct timespec now;
	int64_t began_ms = proc_began_ms((unsigned)getpid());
	pid_t child = fork();
	unsigned *pids;
	size_t n = 0;

	(void)state;
	if (child == 0) {
		/* A test that fails does not get as far as ending it. */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		_exit(0);
	}
	assert_int_equal(clock_gettime(CLOCK_BOOTTIME, &now), 0);
	assert_true(began_ms > 0 && began_ms <= now.tv_sec * INT64_C(1000) + 1000);
	assert_int_equal(proc_began_ms(UINT32_MAX), 0);
	pids = proc_tree((unsigned)getpid(), 100, &n);
	assert_non_null(pids);
	assert_int_equal(n, 2);
	assert_int_equal(pids[0], getpid());
	assert_int_equal(pids[1], child);
	free(pids);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
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

/* As a pod has it: links are those of what is mounted, wherever they would lead here. */
static void folders_are_those_of_the_machine(void **state)
{
	char root[] = "/tmp/proc_test.XXXXXX", path[64], link[64];
	struct stat mine, found;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(root));
	snprintf(path, sizeof path, "%s/var-of-test", root);
	snprintf(link, sizeof link, "%s/link-of-test", root);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(symlink("/var-of-test", link), 0);
	assert_int_equal(stat(path, &mine), 0);
	assert_true(proc_open_dir("/link-of-test") < 0);
	assert_int_equal(setenv("RUMMAGE_NODE_HOST_ROOT", root, 1), 0);
	for (size_t i = 0; i < 2; i++) {
		fd = proc_open_dir(i ? "/link-of-test" : "/var-of-test");
		assert_true(fd >= 0);
		assert_int_equal(fstat(fd, &found), 0);
		assert_true(found.st_ino == mine.st_ino);
		close(fd);
	}
	assert_true(proc_open_dir("/../var-of-test/none") < 0);
	unsetenv("RUMMAGE_NODE_HOST_ROOT");
	unlink(link);
	rmdir(path);
	rmdir(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(texts_are_read),
	    cmocka_unit_test(a_namespace_has_a_number),
	    cmocka_unit_test(a_process_is_told_about),
	    cmocka_unit_test(a_process_has_a_beginning_and_children),
	    cmocka_unit_test(folders_are_opened),
	    cmocka_unit_test(folders_are_those_of_the_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
