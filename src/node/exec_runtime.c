/* SPDX-License-Identifier: Apache-2.0 */
#include "node/exec_runtime.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static const char *const folders[] = {
    "/usr/bin",
    "/usr/sbin",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/usr/libexec/crio",
    "/usr/lib/cri-o-runc/sbin",
    "/opt/bin",
    "/var/lib/rancher/k3s/data/current/bin",
    "/var/lib/rancher/rke2/bin",
    "/snap/microk8s/current/bin",
};
static const char *const names[] = {"runc", "crun", "youki"};

/* An agent may be in a container itself. */
static const char *const roots[] = {"/proc/1/root", ""};

static bool is_same(const struct exec_file *f, const char *path)
{
	int fd = open(path, O_PATH | O_CLOEXEC);
	struct exec_file there;
	bool same = fd >= 0 && exec_file_of(fd, &there) && there.inode == f->inode &&
		    there.size == f->size && there.modified_ns == f->modified_ns &&
		    there.changed_ns == f->changed_ns;

	if (fd >= 0)
		close(fd);
	return same;
}

bool exec_is_runtimes(const struct exec_file *f)
{
	char path[128];

	for (size_t r = 0; r < COUNT_OF(roots); r++)
		for (size_t i = 0; i < COUNT_OF(folders); i++)
			for (size_t k = 0; k < COUNT_OF(names); k++) {
				snprintf(path, sizeof path, "%s%s/%s", roots[r], folders[i],
					 names[k]);
				if (is_same(f, path))
					return true;
			}
	return false;
}
