/* SPDX-License-Identifier: Apache-2.0 */
#include "node/store_life.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io/process.h"
#include "watch/entered.h"

enum { NAME_BYTES = 512, SLACK_MS = 50 };

static void forget_process(struct life *it)
{
	if (it->process >= 0)
		close(it->process);
	it->process = -1;
	it->pid = 0;
}

void life_done(struct lives *l, struct life *it)
{
	forget_process(it);
	for (size_t i = 0; i < COUNT_OF(it->watches); i++)
		if (it->watches[i] >= 0)
			(void)inotify_rm_watch(l->names, it->watches[i]);
	free(it->id);
	free(it->name);
	*it = l->v.v[--l->v.n];
}

void lives_done(struct lives *l)
{
	while (l->v.n)
		life_done(l, &l->v.v[l->v.n - 1]);
	VEC_DONE(&l->v);
}

struct life *lives_see(struct lives *l, struct span id)
{
	size_t n = l->v.n;
	struct life *it;

	for (size_t i = 0; i < n; i++) {
		size_t k = (l->next + i) % n;

		if (!span_is(span_cstr(l->v.v[k].id), id))
			continue;
		l->v.v[k].round = l->round;
		l->next = k + 1;
		return &l->v.v[k];
	}
	it = VEC_ADD(&l->v);
	if (it == NULL)
		return NULL;
	it->process = it->watches[0] = it->watches[1] = -1;
	it->round = l->round;
	it->id = span_dup(id);
	if (it->id == NULL)
		l->v.n--;
	return it->id ? it : NULL;
}

/* It comes into being with the container's first start, and goes with its end on some versions. */
static void watch(struct lives *l, struct life *it, const char *run_path, bool *again)
{
	static const char *const below[] = {"", "/userdata"};
	char path[4096 + NAME_BYTES];

	for (size_t i = 0; i < COUNT_OF(below); i++) {
		int wd;

		if (it->watches[i] >= 0)
			continue;
		snprintf(path, sizeof path, "%s/%s%s", run_path, it->id, below[i]);
		wd = inotify_add_watch(l->names, path,
				       IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_ONLYDIR);
		it->watches[i] = wd;
		l->unwatched |= wd < 0 && errno == ENOSPC;
		*again |= wd >= 0;
	}
}

/* The number, and the file that it is in as it was before it was read. */
static bool read_number(const struct lives *l, const struct life *it, struct file_id *id,
			uint64_t *pid)
{
	char name[NAME_BYTES], text[32];
	ssize_t n;
	int fd;

	snprintf(name, sizeof name, "%s/userdata/pidfile", it->id);
	if (!file_id_at(l->run, name, id))
		return false;
	fd = openat(l->run, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof text);
	close(fd);
	return n > 0 && span_u64(span_trim(span_of(text, (size_t)n)), 10, INT32_MAX, pid) && *pid;
}

static bool same_file(const struct file_id *a, const struct file_id *b)
{
	return a->inode == b->inode && a->mtime_ns == b->mtime_ns && a->bytes == b->bytes;
}

/* The container's: it was there when its number was written, or the runtime's groups say so. */
static bool is_its(const struct life *it, unsigned pid, int64_t written_ms, int64_t *began)
{
	*began = process_began_ms(pid);
	return *began && (*began <= written_ms + SLACK_MS || entered_is_in(pid, span_cstr(it->id)));
}

void lives_again(struct lives *l)
{
	VEC_EACH (it, &l->v)
		it->watches[0] = it->watches[1] = -1;
	if (l->run >= 0)
		close(l->run);
	l->run = -1;
	l->unwatched = false;
}

bool life_look(struct lives *l, struct life *it, const char *run_path, bool *again)
{
	struct file_id id;
	uint64_t pid = 0;
	int64_t began = 0;
	int fd;

	watch(l, it, run_path, again);
	if (it->process >= 0 || !read_number(l, it, &id, &pid) || same_file(&id, &it->file))
		return false;
	fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	if (fd < 0 && errno != ESRCH)
		return false;
	it->file = id;
	if (fd < 0 || !is_its(it, (unsigned)pid, id.mtime_ns / 1000000, &began)) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	it->process = fd;
	it->pid = (unsigned)pid;
	it->began_ms = began;
	return true;
}

bool life_ended(struct life *it)
{
	struct pollfd p = {.fd = it->process, .events = POLLIN};

	if (it->process < 0 || poll(&p, 1, 0) <= 0)
		return false;
	forget_process(it);
	return true;
}
