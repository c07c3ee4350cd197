/* SPDX-License-Identifier: Apache-2.0 */
/* profile_mark.h - what the kernel is to tell of, and what no more: fanotify_mark(2) for files that
 * are opened. Older kernels than 6.0 cannot ignore folders, and keep ignored files in memory. */
#ifndef NODE_PROFILE_MARK_H
#define NODE_PROFILE_MARK_H

#include "base/attr.h"

#include <stdbool.h>
#include <stdint.h>

/* The file system that is mounted at path. */
MUST bool profile_mark(int group, const char *path, bool on);

/* Whether the file system that is mounted at path now is marked. */
bool profile_is_marked(int group, const char *path);

/* A file that is open, from its next opening on; executed: nor where it is executed. */
void profile_ignore_file(int group, int fd, bool executed);

/* All files of the folder that an open file is in, by its name in a container: where that is still
 * a folder of the same file system, reached without a link or another mount. False: it was not
 * done. */
MUST bool profile_ignore_folder(int group, unsigned pid, int fd, uint64_t device);

#endif
