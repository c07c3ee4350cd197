/* SPDX-License-Identifier: Apache-2.0 */
#include "node/installing.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/attr.h"

/* Of dpkg, and of rpm where it is and was. apk's is of another kind (flock(2)), which cannot be
 * asked without being taken. */
static const char *const locks[] = {"var/lib/dpkg/lock", "usr/lib/sysimage/rpm/.rpm.lock",
				    "var/lib/rpm/.rpm.lock"};

/* Nothing that a container puts there makes this wait: what is no file is not asked. */
static bool is_held(int root, const char *path)
{
	struct open_how how = {.flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
			       .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
	int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
	struct stat st;
	bool held;

	if (fd < 0)
		return false;
	held = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && fcntl(fd, F_GETLK, &lock) == 0 &&
	       lock.l_type != F_UNLCK;
	close(fd);
	return held;
}

bool installing_below(int root)
{
	for (size_t i = 0; i < COUNT_OF(locks); i++)
		if (is_held(root, locks[i]))
			return true;
	return false;
}

bool installing_in(unsigned pid)
{
	char path[64];
	bool at_work;
	int root;

	snprintf(path, sizeof path, "/proc/%u/root", pid);
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return false;
	at_work = installing_below(root);
	close(root);
	return at_work;
}
