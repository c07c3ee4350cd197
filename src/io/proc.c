/* SPDX-License-Identifier: Apache-2.0 */
#include "io/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/env.h"
#include "base/utf8.h"
#include "base/vec.h"

static int open_text(unsigned pid, const char *name)
{
	char path[64];

	if (pid)
		snprintf(path, sizeof path, "/proc/%u/%s", pid, name);
	else
		snprintf(path, sizeof path, "/proc/self/%s", name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* As much as comes, up to size. */
static bool fill(int fd, char *buf, size_t size, size_t *have)
{
	while (*have < size) {
		ssize_t n = read(fd, buf + *have, size - *have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0;
		*have += (size_t)n;
	}
	return true;
}

bool proc_read(unsigned pid, const char *name, char *buf, size_t size, struct span *out)
{
	int fd = open_text(pid, name);
	size_t n = 0;
	bool good;

	if (fd < 0)
		return false;
	good = fill(fd, buf, size, &n);
	close(fd);
	if (good)
		*out = span_of(buf, n);
	return good;
}

bool proc_read_all(unsigned pid, const char *name, size_t max, struct span *out)
{
	size_t cap = 32768, n = 0;
	char *buf = malloc(cap), *more;
	int fd = open_text(pid, name);
	bool good = fd >= 0 && buf && fill(fd, buf, cap, &n);

	while (good && n == cap) {
		more = cap < max ? realloc(buf, cap * 2) : NULL;
		good = more != NULL;
		if (!good)
			break;
		buf = more;
		cap *= 2;
		good = fill(fd, buf, cap, &n);
	}
	if (fd >= 0)
		close(fd);
	if (!good || n > max) {
		free(buf);
		return false;
	}
	*out = span_of(buf, n);
	return true;
}

uint64_t proc_namespace(unsigned pid, const char *name)
{
	char path[64], target[64];
	struct span inside, after;
	uint64_t number = 0;
	ssize_t n;

	snprintf(path, sizeof path, "/proc/%u/ns/%s", pid, name);
	n = readlink(path, target, sizeof target);
	if (n > 0 && span_cut(span_of(target, (size_t)n), '[', &inside, &after) &&
	    span_u64(span_rtrim_chr(after, ']'), 10, UINT64_MAX, &number))
		return number;
	return 0;
}

static struct span value_of(struct span line, struct span key)
{
	return span_starts(line, key) ? span_trim(span_from(line, key.n)) : (struct span){0};
}

/* The second of "real, effective, saved, of the file system". */
static void take_user(struct span ids, uint32_t *out)
{
	struct span id;
	uint64_t n;

	if (span_word(&ids, &id) && span_word(&ids, &id) && span_u64(id, 10, UINT32_MAX, &n))
		*out = (uint32_t)n;
}

static void take_line(struct span line, struct proc_about *out)
{
	struct span name = value_of(line, S("Name:")), parent = value_of(line, S("PPid:"));
	struct span users = value_of(line, S("Uid:")), seccomp = value_of(line, S("Seccomp:"));
	uint64_t n;

	if (name.n) {
		snprintf(out->name, sizeof out->name, SPAN_FMT, SPAN_ARG(name));
		utf8_clean_cstr(out->name, sizeof out->name);
	}
	if (parent.n && span_u64(parent, 10, UINT32_MAX, &n))
		out->parent = (unsigned)n;
	if (users.n)
		take_user(users, &out->user);
	if (seccomp.n && span_u64(seccomp, 10, 2, &n))
		out->seccomp = (int)n;
}

bool proc_about(unsigned pid, struct proc_about *out)
{
	char buf[PROC_TEXT_BYTES];
	struct span text, line;

	if (!proc_read(pid, "status", buf, sizeof buf, &text))
		return false;
	*out = (struct proc_about){.seccomp = -1};
	while (span_next(&text, '\n', &line))
		take_line(line, out);
	return out->name[0] != '\0';
}

bool proc_belongs(unsigned pid, uint32_t user)
{
	struct proc_about about;
	char path[64];
	uid_t owner = 0;
	int fd;
	bool good;

	if (proc_about(pid, &about) && about.user == user)
		return true;
	snprintf(path, sizeof path, "/proc/%u/ns/user", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	good = ioctl(fd, NS_GET_OWNER_UID, &owner) == 0 && owner == user;
	close(fd);
	return good;
}

/* The twenty-second word; the second is a name in brackets, with anything in it. */
int64_t proc_began_ms(unsigned pid)
{
	enum { AFTER_NAME = 20 };
	char buf[PROC_TEXT_BYTES / 4];
	struct span text, name, word = {0};
	long per_second = sysconf(_SC_CLK_TCK);
	uint64_t ticks;

	if (!proc_read(pid, "stat", buf, sizeof buf, &text) ||
	    !span_rcut(text, ')', &name, &text) || per_second <= 0)
		return 0;
	for (int i = 0; i < AFTER_NAME; i++)
		if (!span_word(&text, &word))
			return 0;
	return span_u64(word, 10, INT64_MAX / 1000, &ticks) ? (int64_t)ticks * 1000 / per_second
							    : 0;
}

struct pids {
	unsigned *v;
	size_t n, cap;
};

/* Those that a process started, behind what pids has. */
static void add_children(unsigned pid, size_t most, struct pids *pids)
{
	char buf[PROC_TEXT_BYTES / 2], name[64];
	struct span text, word;
	uint64_t child;

	snprintf(name, sizeof name, "task/%u/children", pid);
	if (!proc_read(pid, name, buf, sizeof buf, &text))
		return;
	while (pids->n < most && span_word(&text, &word))
		if (span_u64(word, 10, INT32_MAX, &child) && !VEC_PUSH(pids, (unsigned)child))
			return;
}

unsigned *proc_tree(unsigned first, size_t most, size_t *n)
{
	struct pids pids = {0};

	if (!VEC_PUSH(&pids, first))
		return NULL;
	for (size_t i = 0; i < pids.n; i++)
		add_children(pids.v[i], most, &pids);
	*n = pids.n;
	return pids.v;
}

/* Links on the way are the machine's too, where the kernel knows how to take them so (openat2(2)).
 */
static int open_below(const char *root, const char *path, int how)
{
	struct open_how in = {.flags = (unsigned)how, .resolve = RESOLVE_IN_ROOT};
	int top = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC), fd, why;

	if (top < 0)
		return -1;
	fd = (int)syscall(SYS_openat2, top, path, &in, sizeof in);
	if (fd < 0 && errno == ENOSYS)
		fd = openat(top, path + strspn(path, "/"), how);
	why = errno;
	close(top);
	errno = why;
	return fd;
}

int proc_open_dir(const char *path)
{
	const int how = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	int fd = open(path, how), why = errno;
	const char *mounted = env_get("RUMMAGE_NODE_HOST_ROOT");

	if (fd >= 0 || why != ENOENT || path[0] != '/')
		return fd;
	if (mounted)
		fd = open_below(mounted, path, how);
	if (fd < 0)
		fd = open_below("/proc/1/root", path, how);
	if (fd < 0)
		errno = why;
	return fd;
}
