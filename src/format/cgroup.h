/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup.h - which container a process is in, from the text of /proc/PID/cgroup (cgroups(7)).
 *
 * Lines are "NUMBER:CONTROLLERS:PATH": many of version 1, one "0::PATH" of version 2, both where
 * they are mixed. Each runtime has its own way to put a container's id into a path:
 *
 *     /docker/ID                       /system.slice/docker-ID.scope
 *     /kubepods/besteffort/podUID/ID   /kubepods.slice/.../cri-containerd-ID.scope, crio-ID.scope
 *     /machine.slice/libpod-ID.scope/container     /NAMESPACE/ID (containerd)
 *     /x.slice:cri-containerd:ID
 *
 * An id is whatever its runtime takes for one, so that any component may be one: what comes out are
 * names to look up among the containers that are known. Pure; spans are the text's. */
#ifndef FORMAT_CGROUP_H
#define FORMAT_CGROUP_H

#include "base/span.h"

struct cgroup_walk {
	struct span text, path; /* what is left */
};

struct cgroup_name {
	struct span id;
	bool is_hex; /* 64 lower-case hexadecimal digits: nothing else looks so */
};

static inline struct cgroup_walk cgroup_walk(struct span text)
{
	return (struct cgroup_walk){.text = text};
}

/* The next name, the innermost of a line first; false at the end. The processes that a runtime
 * keeps beside a container (conmon) are in none. */
bool cgroup_next(struct cgroup_walk *w, struct cgroup_name *out);

/* Whether a name is just this one. */
bool cgroup_has(struct span text, struct span id);

/* The innermost name that can be nothing but a container's id; false: there is none. */
bool cgroup_container(struct span text, struct span *id);

#endif
