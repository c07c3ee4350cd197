/* SPDX-License-Identifier: Apache-2.0 */
/* A lock as dpkg takes it, by a process of its own. */
#include "node/installing.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/attr.h"

static const char *const folders[] = {"/var", "/var/lib", "/var/lib/dpkg"};

static void path_of(const char *folder, const char *name, char buf[128])
{
	(void)snprintf(buf, 128, "%s%s", folder, name);
}

/* Holds the lock until it is told to end. */
static pid_t holder(const char *path, int go[2])
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int told[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(told), 0);
	assert_int_equal(pipe(go), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int fd = open(path, O_RDWR | O_CLOEXEC);

		if (fd < 0 || fcntl(fd, F_SETLK, &lock) != 0 || write(told[1], "x", 1) != 1)
			_exit(1);
		close(go[1]);
		_exit(read(go[0], &c, 1) < 0);
	}
	close(go[0]);
	assert_int_equal(read(told[0], &c, 1), 1);
	close(told[0]);
	close(told[1]);
	return pid;
}

static void a_lock_is_seen_while_it_is_held(void **state)
{
	char folder[] = "/tmp/installing_test.XXXXXX", path[128];
	int root, go[2], status;
	pid_t pid;

	(void)state;
	assert_non_null(mkdtemp(folder));
	root = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_false(installing_below(root));
	for (size_t i = 0; i < COUNT_OF(folders); i++) {
		path_of(folder, folders[i], path);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	path_of(folder, "/var/lib/dpkg/lock", path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_false(installing_below(root)); /* and does not wait */
	assert_int_equal(unlink(path), 0);
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_false(installing_below(root));
	pid = holder(path, go);
	assert_true(installing_below(root));
	close(go[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_false(installing_below(root));
	assert_int_equal(unlink(path), 0);
	for (size_t i = COUNT_OF(folders); i-- > 0;) {
		path_of(folder, folders[i], path);
		assert_int_equal(rmdir(path), 0);
	}
	close(root);
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_lock_is_seen_while_it_is_held)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
