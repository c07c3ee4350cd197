/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/overlay_mark.h"

#include <errno.h>
#include <stdio.h>
#include <sys/sysmacros.h>
#include <sys/types.h>
#include <sys/xattr.h>

#include "base/attr.h"

bool overlay_mark(int fd, const char *mark, char first)
{
	static const char *const spaces[] = {"trusted.overlay", "user.overlay"};
	char name[64], value[8];

	for (size_t i = 0; i < COUNT_OF(spaces); i++) {
		ssize_t n;

		snprintf(name, sizeof name, "%s.%s", spaces[i], mark);
		n = fgetxattr(fd, name, value, sizeof value);
		if ((n >= 0 || errno == ERANGE) && (first == 0 || (n > 0 && value[0] == first)))
			return true;
	}
	return false;
}

bool overlay_is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}
