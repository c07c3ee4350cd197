/* SPDX-License-Identifier: Apache-2.0 */
/* A folder as conmon leaves it: ID/userdata/pidfile. */
#include "node/store_life.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* As long as containers/storage makes them: a short one may stand in the name of any group. */
#define ID "5f1c2b7e9d3a48606f1b2c7d8e9a0b3c4d5e6f708192a3b4c5d6e7f8091a2b3c"

struct place {
	char path[64];
	struct lives lives;
};

static int begin(void **state)
{
	struct place *p = calloc(1, sizeof *p);

	snprintf(p->path, sizeof p->path, "/tmp/store-life-XXXXXX");
	assert_non_null(mkdtemp(p->path));
	p->lives.run = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	p->lives.names = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	*state = p;
	return 0;
}

static int end(void **state)
{
	struct place *p = *state;

	(void)unlinkat(p->lives.run, ID "/userdata/pidfile", 0);
	(void)unlinkat(p->lives.run, ID "/userdata", AT_REMOVEDIR);
	(void)unlinkat(p->lives.run, ID, AT_REMOVEDIR);
	(void)rmdir(p->path);
	lives_done(&p->lives);
	close(p->lives.run);
	close(p->lives.names);
	free(p);
	return 0;
}

/* Written age_s seconds ago. */
static void write_number(struct place *p, pid_t pid, int age_s)
{
	struct timespec times[2];
	char text[16];
	int n = snprintf(text, sizeof text, "%d", (int)pid), fd;

	(void)mkdirat(p->lives.run, ID, 0700);
	(void)mkdirat(p->lives.run, ID "/userdata", 0700);
	fd = openat(p->lives.run, ID "/userdata/pidfile", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_int_equal(write(fd, text, (size_t)n), n);
	clock_gettime(CLOCK_REALTIME, &times[0]);
	times[0].tv_sec -= age_s;
	times[1] = times[0];
	assert_int_equal(futimens(fd, times), 0);
	close(fd);
}

static pid_t start(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		/* A test that fails does not get as far as ending it. */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	return pid;
}

static void kill_and_wait(struct life *it, pid_t pid)
{
	struct pollfd gone = {.fd = it->process, .events = POLLIN};

	kill(pid, SIGKILL);
	assert_int_equal(poll(&gone, 1, 30000), 1);
	waitpid(pid, NULL, 0);
}

static void test_begin_and_end(void **state)
{
	struct place *p = *state;
	struct life *it = lives_see(&p->lives, S(ID));
	pid_t first = start(), second;
	bool again = false;

	assert_false(life_look(&p->lives, it, p->path, &again));
	assert_false(again);
	write_number(p, first, 0);
	assert_true(life_look(&p->lives, it, p->path, &again));
	assert_true(again && it->pid == (unsigned)first && it->began_ms > 0);
	assert_false(life_look(&p->lives, it, p->path, &again));
	assert_false(life_ended(it));
	kill_and_wait(it, first);
	assert_true(life_ended(it));
	/* The file still has the number of the one that ended. */
	assert_false(life_ended(it) || life_look(&p->lives, it, p->path, &again));
	second = start();
	write_number(p, second, 0);
	assert_true(life_look(&p->lives, it, p->path, &again));
	assert_ptr_equal(lives_see(&p->lives, S(ID)), it);
	kill_and_wait(it, second);
}

static void test_a_number_that_went_on(void **state)
{
	struct place *p = *state;
	struct life *it = lives_see(&p->lives, S(ID));
	pid_t other = start();
	bool again = false;

	write_number(p, other, 60);
	assert_false(life_look(&p->lives, it, p->path, &again));
	assert_int_equal(it->process, -1);
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	write_number(p, other, 0);
	assert_false(life_look(&p->lives, it, p->path, &again));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_begin_and_end, begin, end),
	    cmocka_unit_test_setup_teardown(test_a_number_that_went_on, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
