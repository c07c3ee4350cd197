/* SPDX-License-Identifier: Apache-2.0 */
#include "io/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

extern char **environ;

struct child {
	pid_t pid;
	int in, out; /* our ends; -1: closed */
};

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Ours with these in place of what has their names; NULL: no memory. */
static char **environment(const char *const *extra)
{
	size_t n = 0, n_extra = 0, at = 0;
	char **out;

	while (environ[n])
		n++;
	while (extra[n_extra])
		n_extra++;
	out = calloc(n + n_extra + 1, sizeof *out);
	for (size_t i = 0; out && i < n; i++) {
		size_t name = strcspn(environ[i], "="), k = 0;

		while (extra[k] && strncmp(extra[k], environ[i], name + 1) != 0)
			k++;
		if (extra[k] == NULL)
			out[at++] = environ[i];
	}
	for (size_t i = 0; out && i < n_extra; i++)
		out[at++] = (char *)(uintptr_t)extra[i];
	return out;
}

static int spawn(const char *const *argv, char *const *env, int child_in, int child_out, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none;
	int rc;

	sigemptyset(&none);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, child_in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, child_out, STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	rc = posix_spawnp(pid, argv[0], &actions, &attr, (char *const *)(uintptr_t)argv, env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return rc;
}

static enum rmg_rc start(const char *const *argv, char *const *env, struct child *c,
			 struct rmg_err *err)
{
	int to[2], from[2], rc;

	if (pipe2(to, O_CLOEXEC) != 0)
		return err_os(err, RMG_E_IO, "pipe");
	if (pipe2(from, O_CLOEXEC) != 0) {
		close(to[0]);
		close(to[1]);
		return err_os(err, RMG_E_IO, "pipe");
	}
	rc = spawn(argv, env, to[0], from[1], &c->pid);
	close(to[0]);
	close(from[1]);
	c->in = to[1];
	c->out = from[0];
	if (rc == 0)
		return RMG_OK;
	close_end(&c->in);
	close_end(&c->out);
	errno = rc;
	return err_os(err, rc == ENOENT ? RMG_E_NOTFOUND : RMG_E_IO, "%s", argv[0]);
}

/* The input is short enough for the pipe to take it at once (64 KiB). */
static void give(struct child *c, struct span input)
{
	if (write(c->in, input.p, input.n) < 0)
		(void)0; /* it may not want it: its answer tells */
	close_end(&c->in);
}

static enum rmg_rc take(struct child *c, int64_t end_ms, const char *name, struct strbuf *out,
			struct rmg_err *err)
{
	for (;;) {
		struct pollfd p = {c->out, POLLIN, 0};
		int64_t left = end_ms - clock_tick_ms();
		char piece[4096];
		ssize_t n;

		if (left <= 0)
			return err_set(err, RMG_E_LIMIT, "%s took too long", name);
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		n = read(c->out, piece, sizeof piece);
		if (n == 0)
			return RMG_OK;
		if (n < 0 && errno != EINTR)
			return err_os(err, RMG_E_IO, "read from %s", name);
		if (n > 0)
			strbuf_put(out, span_of(piece, (size_t)n));
		if (strbuf_rc(out) != RMG_OK)
			return err_set(err, RMG_E_LIMIT, "%s wrote too much", name);
	}
}

/* Its output has ended; it is given the rest of the time to end as well. */
static enum rmg_rc reap(struct child *c, int64_t end_ms, const char *name, int *status,
			struct rmg_err *err)
{
	int how;

	for (;;) {
		pid_t got = waitpid(c->pid, &how, WNOHANG);

		if (got < 0 && errno != EINTR)
			return err_os(err, RMG_E_IO, "wait for %s", name);
		if (got == c->pid)
			break;
		if (clock_tick_ms() >= end_ms)
			return err_set(err, RMG_E_LIMIT, "%s took too long", name);
		clock_sleep_ms(2);
	}
	c->pid = 0;
	*status = WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
	return RMG_OK;
}

static enum rmg_rc run(const char *const *argv, char *const *env, struct span input,
		       unsigned timeout_ms, struct strbuf *out, int *status, struct rmg_err *err)
{
	struct child c = {.in = -1, .out = -1};
	int64_t end_ms = clock_tick_ms() + timeout_ms;
	sigset_t pipe_only, old;
	enum rmg_rc rc = start(argv, env, &c, err);

	if (rc != RMG_OK)
		return rc;
	/* A helper that does not read its input must not end us. */
	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe_only, &old);
	give(&c, input);
	while (sigtimedwait(&pipe_only, NULL, &(struct timespec){0}) > 0)
		;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	rc = take(&c, end_ms, argv[0], out, err);
	if (rc == RMG_OK)
		rc = reap(&c, end_ms, argv[0], status, err);
	close_end(&c.out);
	if (c.pid > 0) {
		kill(c.pid, SIGKILL);
		while (waitpid(c.pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	return rc;
}

enum rmg_rc process_run(const char *const *argv, struct span input, unsigned timeout_ms,
			struct strbuf *out, int *status, struct rmg_err *err)
{
	return run(argv, environ, input, timeout_ms, out, status, err);
}

enum rmg_rc process_run_env(const char *const *argv, const char *const *extra, unsigned timeout_ms,
			    struct strbuf *out, int *status, struct rmg_err *err)
{
	char **env = environment(extra);
	enum rmg_rc rc = env ? run(argv, env, (struct span){0}, timeout_ms, out, status, err)
			     : err_set(err, RMG_E_NOMEM, "no memory for an environment");

	free(env);
	return rc;
}

/* proc_pid_stat(5): the 22nd field counts from the machine's start, the name in parentheses before
 * may hold anything. */
int64_t process_began_ms(unsigned pid)
{
	char path[32], text[1024];
	struct timespec up;
	struct span rest, field, after;
	uint64_t ticks = 0;
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "/proc/%u/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof text);
	close(fd);
	if (n <= 0 || !span_rcut(span_of(text, (size_t)n), ')', &field, &after) ||
	    clock_gettime(CLOCK_BOOTTIME, &up) != 0)
		return 0;
	rest = after;
	for (size_t i = 0; i < 20; i++)
		if (!span_word(&rest, &field))
			return 0;
	if (!span_u64(field, 10, UINT32_MAX * UINT64_C(1000), &ticks))
		return 0;
	return clock_ms() - (int64_t)up.tv_sec * 1000 - up.tv_nsec / 1000000 +
	       (int64_t)(ticks * 1000 / (uint64_t)sysconf(_SC_CLK_TCK));
}
