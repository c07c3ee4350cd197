/* SPDX-License-Identifier: Apache-2.0 */
#include "node/exec_mark.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/fanotify.h>

static bool holds_programs(const struct exec_mount *m)
{
	static const char *const kernels[] = {"proc",   "sysfs",  "cgroup", "cgroup2",
					      "devpts", "mqueue", "bpf",    "securityfs"};

	for (size_t i = 0; i < COUNT_OF(kernels); i++)
		if (span_is(m->fs, span_cstr(kernels[i])))
			return false;
	return !m->is_root && !m->noexec && m->point.n != 0;
}

/* One mount, by its path in the container: another container's of the same folder is another. */
static void mark_mount(int group, unsigned pid, const struct exec_mount *m, uint64_t mask,
		       unsigned how)
{
	char path[4200];

	if ((size_t)snprintf(path, sizeof path, "/proc/%u/root" SPAN_FMT, pid, SPAN_ARG(m->point)) <
	    sizeof path)
		(void)fanotify_mark(group, how | FAN_MARK_MOUNT, mask, AT_FDCWD, path);
}

bool exec_mark(int group, struct exec_subjects *t, struct exec_subject *s, uint64_t mask, bool on)
{
	const unsigned how = on ? FAN_MARK_ADD : FAN_MARK_REMOVE;
	const unsigned pid = s->container->pid;
	char root[64];
	bool good;

	snprintf(root, sizeof root, "/proc/%u/root", pid);
	good = fanotify_mark(group, how | FAN_MARK_FILESYSTEM, mask, AT_FDCWD, root) == 0;
	for (size_t i = 0;; i++) {
		struct exec_mount m = {0};
		bool more;

		pthread_mutex_lock(&t->lock);
		more = i < s->mounts.n;
		if (more)
			m = s->mounts.v[i];
		pthread_mutex_unlock(&t->lock);
		if (!more)
			return good;
		if (holds_programs(&m))
			mark_mount(group, pid, &m, mask, how);
	}
}
