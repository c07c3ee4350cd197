/* SPDX-License-Identifier: Apache-2.0 */
#include "node/profile_mark.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/limits.h"

/* Of <linux/fanotify.h>, which an older C library's header has no names for. */
#ifndef FAN_MARK_EVICTABLE
#define FAN_MARK_EVICTABLE 0x00000200
#endif
#ifndef FAN_MARK_IGNORE
#define FAN_MARK_IGNORE 0x00000400
#endif
#ifndef STATX_BASIC_STATS
#define STATX_BASIC_STATS 0x7ffU
#endif

enum { IGNORE = FAN_MARK_ADD | FAN_MARK_IGNORE | FAN_MARK_IGNORED_SURV_MODIFY };

bool profile_mark(int group, const char *path, bool on)
{
	return fanotify_mark(group, (on ? FAN_MARK_ADD : FAN_MARK_REMOVE) | FAN_MARK_FILESYSTEM,
			     FAN_OPEN | FAN_OPEN_EXEC, AT_FDCWD, path) == 0;
}

/* Taking away what was not asked for changes nothing, and fails where there is no mark. */
bool profile_is_marked(int group, const char *path)
{
	return fanotify_mark(group, FAN_MARK_REMOVE | FAN_MARK_FILESYSTEM, FAN_ACCESS, AT_FDCWD,
			     path) == 0;
}

void profile_ignore_file(int group, int fd, bool executed)
{
	uint64_t mask = executed ? FAN_OPEN | FAN_OPEN_EXEC : FAN_OPEN;

	if (fanotify_mark(group, IGNORE | FAN_MARK_EVICTABLE, mask, fd, NULL) != 0)
		(void)fanotify_mark(
		    group, FAN_MARK_ADD | FAN_MARK_IGNORED_MASK | FAN_MARK_IGNORED_SURV_MODIFY,
		    mask, fd, NULL);
}

/* The folder of what is open, by the container's own names. */
static int open_folder(unsigned pid, int fd)
{
	struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
			       .resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_IN_ROOT};
	char name[64], path[LIMIT_PATH_BYTES_MAX];
	ssize_t n;
	int root, folder;

	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	n = readlink(name, path, sizeof path - 1);
	if (n <= 0 || (size_t)n == sizeof path - 1)
		return -1;
	while (n > 1 && path[n - 1] != '/')
		n--;
	path[n] = '\0';
	snprintf(name, sizeof name, "/proc/%u/root", pid);
	root = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -1;
	folder = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
	close(root);
	return folder;
}

bool profile_ignore_folder(int group, unsigned pid, int fd, uint64_t device)
{
	int folder = open_folder(pid, fd);
	struct stat st;
	bool good;

	if (folder < 0)
		return false;
	good = fstat(folder, &st) == 0 && st.st_dev == device &&
	       fanotify_mark(group, IGNORE | FAN_MARK_EVICTABLE,
			     FAN_OPEN | FAN_OPEN_EXEC | FAN_EVENT_ON_CHILD, folder, ".") == 0;
	close(folder);
	return good;
}
