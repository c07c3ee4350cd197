/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/limits.h"
#include "format/mountinfo.h"
#include "io/proc.h"

enum { PERIOD_US = 100000 };

/* The names of a controller in both versions. */
static const struct controller {
	const char *v1, *v2;
} controllers[] = {{"cpu", "cpu"}, {"memory", "memory"}, {"blkio", "io"}};

enum { CPU, MEMORY, IO, CONTROLLERS };

struct cage {
	struct cage_limits limits;
	int procs[CONTROLLERS]; /* cgroup.procs of the groups, each once; -1 */
	char *groups[CONTROLLERS];
	size_t n;
	char what[32];
};

/* While it is made. */
struct making {
	struct cage *c;
	const char *root;
	struct span groups, mounts;
	struct arena arena;
	struct rmg_err *why; /* the last thing that did not do */
	bool has[CONTROLLERS];
};

const char *cage_limits_what(const struct cage *c)
{
	return c->what;
}

/* Files of a group. */

static bool put_text(const char *group, const char *name, const char *text)
{
	int dir = open(group, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = dir < 0 ? -1 : openat(dir, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	int why = errno;

	if (fd >= 0)
		close(fd);
	if (dir >= 0)
		close(dir);
	errno = why;
	return done;
}

static bool put_number(const char *group, const char *name, uint64_t n)
{
	char text[24];

	snprintf(text, sizeof text, "%" PRIu64, n);
	return put_text(group, name, text);
}

/* Its processor is what nobody else wants: in a group of its own the class that a process is in
 * says nothing beyond that group. What a kernel does not have, it has not. */
static void comes_last(const char *group)
{
	(void)(put_text(group, "cpu.weight", "1") || put_text(group, "cpu.shares", "2"));
	(void)put_text(group, "cpu.idle", "1");
}

static bool limit_io(const char *group)
{
	return put_text(group, "io.weight", "default 1") ||
	       put_text(group, "blkio.bfq.weight", "1") || put_text(group, "blkio.weight", "10");
}

static bool limit_cpu(const struct cage_limits *l, const char *group)
{
	char text[48];

	if (l->cpu_percent == 0)
		return true;
	snprintf(text, sizeof text, "%u %d", l->cpu_percent * (PERIOD_US / 100), PERIOD_US);
	return put_text(group, "cpu.max", text) ||
	       (put_number(group, "cpu.cfs_period_us", PERIOD_US) &&
		put_number(group, "cpu.cfs_quota_us",
			   (uint64_t)l->cpu_percent * (PERIOD_US / 100)));
}

static bool limit_memory(const struct cage_limits *l, const char *group)
{
	return l->memory_bytes == 0 || put_number(group, "memory.max", l->memory_bytes) ||
	       put_number(group, "memory.limit_in_bytes", l->memory_bytes);
}

static bool limit(const struct cage *c, int which, const char *group)
{
	if (which == CPU)
		return limit_cpu(&c->limits, group);
	return which == MEMORY ? limit_memory(&c->limits, group) : limit_io(group);
}

/* Where groups are. */

/* The path of this process's group in the hierarchy that has a controller; version 2: "". */
static bool own_group(struct span text, struct span controller, struct span *path)
{
	struct span line, number, list;

	while (span_next(&text, '\n', &line)) {
		if (!span_cut(line, ':', &number, &line) || !span_cut(line, ':', &list, path))
			continue;
		if (controller.n ? mount_has(list, controller)
				 : list.n == 0 && span_is(number, S("0")))
			return path->n && path->p[0] == '/' && !span_has(*path, S("/../"));
	}
	return false;
}

/* The folder that it is, where its hierarchy is mounted; NULL. */
static char *folder_of(struct making *m, struct span controller)
{
	struct span rest = m->mounts, path, below;
	struct mount_row row;

	if (!own_group(m->groups, controller, &path))
		return NULL;
	while (mount_next(&rest, &row)) {
		struct span top = mount_path(&m->arena, row.root);

		if (!span_is(row.fs, controller.n ? S("cgroup") : S("cgroup2")) ||
		    (controller.n && !mount_has(row.super, controller)))
			continue;
		/* In a container what is mounted may be the group itself. */
		below = span_is(top, S("/")) ? path : span_from(path, top.n);
		if (!span_is(top, S("/")) && !span_starts(path, top))
			continue;
		return arena_cstr(&m->arena, ARENA_JOIN(&m->arena, span_cstr(m->root),
							mount_path(&m->arena, row.point),
							span_is(below, S("/")) ? S("") : below));
	}
	return NULL;
}

static char *below(struct making *m, const char *folder, const char *name)
{
	return arena_cstr(&m->arena,
			  ARENA_JOIN(&m->arena, span_cstr(folder), S("/"), span_cstr(name)));
}

static bool make(struct making *m, const char *group)
{
	if (group && (mkdir(group, 0755) == 0 || errno == EEXIST))
		return true;
	(void)err_os(m->why, RMG_E_IO, "%s", group ? group : "a control group");
	return false;
}

static bool keep(struct making *m, const char *group)
{
	struct cage *c = m->c;
	char *copy = strdup(group), *procs = below(m, group, "cgroup.procs");
	int fd = procs ? open(procs, O_WRONLY | O_CLOEXEC | O_NOFOLLOW) : -1;

	if (copy && fd >= 0) {
		c->groups[c->n] = copy;
		c->procs[c->n++] = fd;
		return true;
	}
	(void)err_os(m->why, RMG_E_IO, "%s", group);
	free(copy);
	if (fd >= 0)
		close(fd);
	return false;
}

/* Version 1. */

/* Groups of processes that are gone; those in use are not to be removed. */
static void sweep(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *e;

	while (dir && (e = readdir(dir)) != NULL) {
		uint64_t pid;

		if (span_u64(span_cstr(e->d_name), 10, INT32_MAX, &pid) && pid &&
		    kill((pid_t)pid, 0) != 0 && errno == ESRCH)
			(void)unlinkat(dirfd(dir), e->d_name, AT_REMOVEDIR);
	}
	if (dir)
		closedir(dir);
}

static bool add_v1(struct making *m, int which)
{
	char *own = folder_of(m, span_cstr(controllers[which].v1)), *top, *group, pid[16];

	if (own == NULL)
		return false;
	snprintf(pid, sizeof pid, "%d", (int)getpid());
	top = below(m, own, "rummage");
	group = top ? below(m, top, pid) : NULL;
	if (!make(m, top) || !make(m, group))
		return false;
	sweep(top);
	comes_last(top);
	comes_last(group);
	if (limit(m->c, which, group))
		return keep(m, group);
	(void)err_os(m->why, RMG_E_IO, "the limits of %s", group);
	(void)rmdir(group);
	return false;
}

/* Version 2. */

static bool read_text(const char *folder, const char *name, char *buf, size_t n)
{
	int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = dir < 0 ? -1 : openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t got = fd < 0 ? -1 : read(fd, buf, n - 1);

	buf[got > 0 ? got : 0] = '\0';
	if (fd >= 0)
		close(fd);
	if (dir >= 0)
		close(dir);
	return got >= 0;
}

static bool lists(const char *text, const char *word)
{
	struct span rest = span_cstr(text), line, one;

	while (span_next(&rest, '\n', &line))
		while (span_next(&line, ' ', &one))
			if (span_is(one, span_cstr(word)))
				return true;
	return false;
}

/* Whether this process is alone in a group; its threads are not listed. */
static bool alone(const char *own)
{
	char text[1024], pid[16];

	snprintf(pid, sizeof pid, "%d\n", (int)getpid());
	return read_text(own, "cgroup.procs", text, sizeof text) && strcmp(text, pid) == 0;
}

/* The topmost group has no such file, and may have processes and groups. */
static bool is_top(const char *own)
{
	char text[64];

	return !read_text(own, "cgroup.type", text, sizeof text);
}

static bool step_aside(struct making *m, const char *own)
{
	char *agent = below(m, own, "rummage-agent");

	if (is_top(own))
		return true;
	if (!alone(own)) {
		(void)err_set(m->why, RMG_E_IO, "%s: others are in this control group", own);
		return false;
	}
	if (!make(m, agent))
		return false;
	if (!put_number(agent, "cgroup.procs", (uint64_t)getpid())) {
		(void)err_os(m->why, RMG_E_IO, "%s", agent);
		return false;
	}
	return true;
}

static bool hand_down(const char *own, const char *name)
{
	char text[1024], word[16];

	if (read_text(own, "cgroup.subtree_control", text, sizeof text) && lists(text, name))
		return true;
	snprintf(word, sizeof word, "+%s", name);
	return put_text(own, "cgroup.subtree_control", word);
}

static void add_v2(struct making *m)
{
	char *own = folder_of(m, S("")), *group, text[1024];
	bool wanted[CONTROLLERS], any = false;

	if (own == NULL || !read_text(own, "cgroup.controllers", text, sizeof text))
		return;
	for (int i = 0; i < CONTROLLERS; i++) {
		wanted[i] = !m->has[i] && lists(text, controllers[i].v2);
		any |= wanted[i];
	}
	group = any && step_aside(m, own) ? below(m, own, "rummage-scan") : NULL;
	if (group == NULL || !make(m, group))
		return;
	for (int i = 0; i < CONTROLLERS; i++)
		wanted[i] = wanted[i] && hand_down(own, controllers[i].v2);
	comes_last(group);
	for (int i = 0; i < CONTROLLERS; i++)
		wanted[i] = wanted[i] && limit(m->c, i, group);
	if (!(wanted[CPU] || wanted[MEMORY] || wanted[IO])) {
		(void)err_os(m->why, RMG_E_IO, "the limits of %s", group);
		(void)rmdir(group);
		return;
	}
	if (!keep(m, group))
		return;
	for (int i = 0; i < CONTROLLERS; i++)
		m->has[i] |= wanted[i];
}

static void describe(struct making *m)
{
	size_t used = 0;

	for (int i = 0; i < CONTROLLERS; i++)
		if (m->has[i])
			used += (size_t)snprintf(m->c->what + used, sizeof m->c->what - used,
						 "%s%s", used ? ", " : "", controllers[i].v2);
}

enum rmg_rc cage_open_in(const char *root, struct span groups, struct span mounts,
			 const struct cage_limits *limits, struct cage **out, struct rmg_err *err)
{
	struct making m = {.c = calloc(1, sizeof *m.c),
			   .root = root,
			   .groups = groups,
			   .mounts = mounts,
			   .why = err};

	if (m.c == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a control group");
	(void)err_set(err, RMG_E_UNSUPPORTED, "no control groups are mounted here");
	m.c->limits = *limits;
	arena_init(&m.arena, MIB(1));
	for (int i = 0; i < CONTROLLERS; i++)
		m.has[i] = add_v1(&m, i);
	add_v2(&m);
	describe(&m);
	arena_done(&m.arena);
	if (m.c->n == 0) {
		cage_close(m.c);
		return err->rc;
	}
	*out = m.c;
	return RMG_OK;
}

enum rmg_rc cage_open(const struct cage_limits *limits, struct cage **out, struct rmg_err *err)
{
	struct span groups, mounts;
	char text[PROC_TEXT_BYTES];
	enum rmg_rc rc;

	if (!proc_read(0, "cgroup", text, sizeof text, &groups) ||
	    !proc_read_all(0, "mountinfo", LIMIT_MOUNTS_BYTES, &mounts))
		return err_set(err, RMG_E_UNSUPPORTED, "the kernel has no control groups");
	rc = cage_open_in("", groups, mounts, limits, out, err);
	free((void *)(uintptr_t)mounts.p);
	return rc;
}

bool cage_put(const struct cage *c, int pid)
{
	char text[16];
	int n = snprintf(text, sizeof text, "%d", pid);
	bool done = true;

	for (size_t i = 0; i < c->n; i++)
		if (pwrite(c->procs[i], text, (size_t)n, 0) != n && errno != ESRCH)
			done = false;
	return done;
}

void cage_close(struct cage *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->n; i++) {
		close(c->procs[i]);
		(void)rmdir(c->groups[i]);
		free(c->groups[i]);
	}
	free(c);
}
