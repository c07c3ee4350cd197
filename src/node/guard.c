/* SPDX-License-Identifier: Apache-2.0 */
#include "node/guard.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/fanotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

enum { LOOK_MS = 250, BUF_BYTES = 8192, MOST_FDS = 1 << 16 };

/* What both see. */
struct shared {
	atomic_ullong beats;
	atomic_bool watched, gave_up;
};

struct guard {
	struct shared *shared;
	int group, alive[2]; /* a pipe whose end is ours alone: we are there */
	pid_t pid;
};

/* The guard: it is forked, and takes nothing but calls to the kernel. */

static void let(int group, int fd)
{
	const struct fanotify_response r = {.fd = fd, .response = FAN_ALLOW};

	(void)!write(group, &r, sizeof r);
}

/* What nobody has read yet. */
static void let_unread(int group)
{
	_Alignas(struct fanotify_event_metadata) char buf[BUF_BYTES];
	const struct fanotify_event_metadata *m;
	ssize_t n;

	while ((n = read(group, buf, sizeof buf)) > 0)
		for (m = (const void *)buf; FAN_EVENT_OK(m, n); m = FAN_EVENT_NEXT(m, n))
			if (m->fd >= 0) {
				let(group, m->fd);
				close(m->fd);
			}
}

/* A question that somebody has read is known to the kernel by the number of his descriptor. */
static void let_all(int group)
{
	(void)fanotify_mark(group, FAN_MARK_FLUSH | FAN_MARK_FILESYSTEM, 0, AT_FDCWD, NULL);
	(void)fanotify_mark(group, FAN_MARK_FLUSH | FAN_MARK_MOUNT, 0, AT_FDCWD, NULL);
	let_unread(group);
	for (int fd = 0; fd < MOST_FDS; fd++)
		let(group, fd);
}

static void close_others(int group, int alive)
{
	struct rlimit most = {MOST_FDS, MOST_FDS};

	(void)getrlimit(RLIMIT_NOFILE, &most);
	for (int fd = 3; (rlim_t)fd < most.rlim_cur && fd < MOST_FDS; fd++)
		if (fd != group && fd != alive)
			close(fd);
}

static void guard(struct shared *s, int group, int alive)
{
	struct pollfd p = {alive, POLLIN, 0};
	unsigned long long seen = 0;
	int64_t since = clock_tick_ms();

	setsid(); /* what stops us is not to stop it */
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	close_others(group, alive);
	while (poll(&p, 1, LOOK_MS) <= 0) {
		unsigned long long beats = atomic_load(&s->beats);
		int64_t now = clock_tick_ms();

		if (atomic_load(&s->gave_up)) {
			let_unread(group);
			since = now;
		} else if (beats != seen || !atomic_load(&s->watched)) {
			since = now;
		} else if (now - since >= GUARD_MS) {
			atomic_store(&s->gave_up, true);
			let_all(group);
		}
		seen = beats;
	}
}

/* Ours. */

static enum rmg_rc open_parts(struct guard *g, struct rmg_err *err)
{
	void *p = mmap(NULL, sizeof *g->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);

	if (p == MAP_FAILED)
		return err_set(err, RMG_E_NOMEM, "no memory for the guard of programs that start");
	g->shared = p;
	g->group = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_NONBLOCK |
				     FAN_UNLIMITED_QUEUE | FAN_UNLIMITED_MARKS,
				 O_RDONLY | O_LARGEFILE | O_CLOEXEC);
	if (g->group < 0)
		return err_os(err, RMG_E_UNSUPPORTED, "be asked by the kernel (fanotify)");
	if (pipe2(g->alive, O_CLOEXEC) != 0)
		return err_os(err, RMG_E_IO, "make a pipe");
	return RMG_OK;
}

enum rmg_rc guard_start(struct guard **out, struct rmg_err *err)
{
	struct guard *g = calloc(1, sizeof *g);
	enum rmg_rc rc;

	if (g == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for the guard of programs that start");
	g->group = g->alive[0] = g->alive[1] = -1;
	rc = open_parts(g, err);
	if (rc == RMG_OK) {
		g->pid = fork();
		if (g->pid == 0) {
			guard(g->shared, g->group, g->alive[0]);
			_exit(0);
		}
		if (g->pid < 0)
			rc = err_os(err, RMG_E_NOMEM, "start the guard of programs that start");
	}
	if (rc != RMG_OK) {
		guard_stop(g);
		return rc;
	}
	close(g->alive[0]);
	g->alive[0] = -1;
	*out = g;
	return RMG_OK;
}

void guard_stop(struct guard *g)
{
	if (g == NULL)
		return;
	for (int i = 0; i < 2; i++)
		if (g->alive[i] >= 0)
			close(g->alive[i]);
	if (g->group >= 0)
		close(g->group);
	if (g->pid > 0)
		(void)waitpid(g->pid, NULL, 0);
	if (g->shared)
		munmap(g->shared, sizeof *g->shared);
	free(g);
}

int guard_group(const struct guard *g)
{
	return g->group;
}

void guard_beat(struct guard *g)
{
	atomic_fetch_add(&g->shared->beats, 1);
	atomic_store(&g->shared->watched, true);
}

void guard_let_go(struct guard *g)
{
	atomic_store(&g->shared->watched, false);
	let_all(g->group);
}

bool guard_gave_up(const struct guard *g)
{
	return atomic_load(&g->shared->gave_up);
}

void guard_again(struct guard *g)
{
	atomic_store(&g->shared->gave_up, false);
}
