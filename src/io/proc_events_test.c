/* SPDX-License-Identifier: Apache-2.0 */
#include "io/proc_events.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

static bool seen(int fd, unsigned pid)
{
	struct pollfd p = {fd, POLLIN, 0};
	unsigned pids[64];
	bool lost;

	while (poll(&p, 1, 5000) > 0) {
		size_t n = proc_events_read(fd, pids, 64, &lost);

		for (size_t i = 0; i < n; i++)
			if (pids[i] == pid)
				return true;
	}
	return false;
}

/* R17: every process counts. */
static void r17_an_exec_is_told(void **state)
{
	struct rmg_err err = {0};
	int fd, status;
	pid_t pid;

	(void)state;
	if (proc_events_open(&fd, &err) != RMG_OK) {
		print_message("%s\n", err.msg);
		skip();
	}
	pid = fork();
	if (pid == 0) {
		execl("/bin/true", "true", (char *)NULL);
		_exit(1);
	}
	assert_true(pid > 0);
	/* In a network namespace of its own nothing is told. */
	if (!seen(fd, (unsigned)pid))
		print_message("the kernel tells nothing here\n");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(r17_an_exec_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
