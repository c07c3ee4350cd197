/* SPDX-License-Identifier: Apache-2.0 */
#include "node/profile_place.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/limits.h"
#include "format/procmaps.h"
#include "io/proc.h"

enum { MOST_PROCESSES = 4096 };

struct profile_place *profile_place_new(uint64_t device, const char *path, bool on_host)
{
	struct profile_place *p = calloc(1, sizeof *p);

	if (p == NULL)
		return NULL;
	p->device = device;
	p->on_host = on_host;
	p->seen = true;
	p->path = span_dup(span_cstr(path));
	if (p->path)
		return p;
	free(p);
	return NULL;
}

void profile_place_forget(struct profile_place *p)
{
	VEC_DONE(&p->waiting);
	map_done(&p->waits);
}

void profile_place_free(struct profile_place *p)
{
	if (p == NULL)
		return;
	profile_place_forget(p);
	container_let_go(p->container);
	VEC_DONE(&p->mounts);
	free(p->path);
	free(p);
}

/* Whose. */

static void read_mounts(struct profile_place *p)
{
	const struct container_root *root = &p->container->root;
	struct span text, rest;
	struct mount_row row;

	if (!proc_read_all(p->container->pid, "mountinfo", LIMIT_MOUNTS_BYTES, &text))
		return;
	rest = text;
	while (mount_next(&rest, &row))
		if (row.major == root->major && row.minor == root->minor &&
		    !VEC_PUSH(&p->mounts, row.id))
			break;
	free((void *)(uintptr_t)text.p);
}

void profile_place_give(struct profile_place *p, struct container *c, struct usage *u, bool *early)
{
	int64_t began_ms = proc_began_ms(c->pid);

	p->container = container_hold(c);
	p->usage = u;
	read_mounts(p);
	*early = p->marked_ms && began_ms && p->marked_ms <= began_ms;
}

bool profile_place_has_mount(const struct profile_place *p, uint64_t mount)
{
	for (size_t i = 0; i < p->mounts.n; i++)
		if (p->mounts.v[i] == mount)
			return true;
	return false;
}

/* What was opened. */

struct touch profile_touch(struct span path, uint64_t mount, bool executed)
{
	char buf[LIMIT_PATH_BYTES_MAX];
	struct span source;
	struct touch t = {.mount = mount, .executed = executed};

	if (span_starts(path, S("/")))
		path = span_from(path, 1);
	t.path = path_hash(path);
	if (file_index_source_of(path, buf, sizeof buf, &source))
		t.source = path_hash(source);
	return t;
}

bool profile_place_wait(struct profile_place *p, const struct touch *t)
{
	uint64_t key = hash_mix(t->path * 3 + hash_mix(t->mount) + t->executed);

	if (map_has(&p->waits, key))
		return true;
	return p->waiting.n < LIMIT_PROFILE_WAITING && map_set(&p->waits, key, 1) &&
	       VEC_PUSH(&p->waiting, *t);
}

bool profile_place_count(struct profile_place *p, const struct touch *t)
{
	return usage_touch_either(p->usage, t->path, t->source, t->executed);
}

void profile_place_count_waiting(struct profile_place *p)
{
	VEC_EACH (t, &p->waiting)
		if (profile_place_has_mount(p, t->mount))
			profile_place_count(p, t);
	profile_place_forget(p);
}

/* What runs. */

static void count_program(struct profile_place *p, unsigned pid)
{
	char link[64], path[LIMIT_PATH_BYTES_MAX];
	ssize_t n;
	struct touch t;

	snprintf(link, sizeof link, "/proc/%u/exe", pid);
	n = readlink(link, path, sizeof path);
	if (n <= 0 || (size_t)n == sizeof path)
		return;
	t = profile_touch(span_of(path, (size_t)n), 0, true);
	profile_place_count(p, &t);
}

void profile_place_look_at(struct profile_place *p, unsigned pid)
{
	struct span text, rest, path = {0};

	count_program(p, pid);
	if (!proc_read_all(pid, "maps", LIMIT_MAPS_BYTES, &text))
		return;
	rest = text;
	while (procmaps_next(&rest, &path)) {
		const struct touch t = profile_touch(path, 0, false);

		profile_place_count(p, &t);
	}
	free((void *)(uintptr_t)text.p);
}

void profile_place_look(struct profile_place *p)
{
	size_t n = 0;
	unsigned *pids = proc_tree(p->container->pid, MOST_PROCESSES, &n);

	p->looked = true;
	for (size_t i = 0; i < n; i++)
		profile_place_look_at(p, pids[i]);
	free(pids);
}

bool profile_is_manager(unsigned pid)
{
	static const char *const names[] = {
	    "apk",  "apt",    "apt-cache", "apt-get",  "aptitude",   "debsums",
	    "dnf",  "dnf5",   "dpkg",      "dpkg-deb", "dpkg-query", "microdnf",
	    "opkg", "pacman", "rpm",       "rpm2cpio", "tdnf",       "unattended-upgrade",
	    "yum",  "zypper"};
	char link[64], path[LIMIT_PATH_BYTES_MAX];
	ssize_t n;
	struct span name;

	snprintf(link, sizeof link, "/proc/%u/exe", pid);
	n = readlink(link, path, sizeof path);
	if (n <= 0 || (size_t)n == sizeof path)
		return false;
	name = span_basename(span_of(path, (size_t)n));
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (span_is(name, span_cstr(names[i])))
			return true;
	return false;
}
