/* SPDX-License-Identifier: Apache-2.0 */
#include "io/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/utf8.h"

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

int proc_open_dir(const char *path)
{
	const int how = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	int fd = open(path, how), why = errno;
	char through[4200];

	if (fd >= 0 || why != ENOENT || path[0] != '/')
		return fd;
	if ((size_t)snprintf(through, sizeof through, "/proc/1/root%s", path) < sizeof through)
		fd = open(through, how);
	if (fd < 0)
		errno = why;
	return fd;
}
