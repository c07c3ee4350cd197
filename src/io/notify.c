/* SPDX-License-Identifier: Apache-2.0 */
#include "io/notify.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/vec.h"

enum { DEPTH = 8, MOST_PATHS = 10000 };

struct watched {
	int wd;
	char *path; /* relative to the folder; "" itself */
};

struct notify {
	int fd;
	char *dir;
	VEC(struct watched) watched;
	VEC(char *) paths;
	bool all;
};

static char *below(const char *dir, const char *name)
{
	size_t n = strlen(dir) + strlen(name) + 2;
	char *path = malloc(n);

	if (path)
		snprintf(path, n, "%s%s%s", dir, *dir ? "/" : "", name);
	return path;
}

static void forget_paths(struct notify *n)
{
	VEC_EACH (p, &n->paths)
		free(*p);
	n->paths.n = 0;
	n->all = false;
}

static void watch(struct notify *n, const char *path, unsigned depth);

static void watch_inside(struct notify *n, const char *full, const char *path, unsigned depth)
{
	DIR *d = opendir(full);
	struct dirent *e;

	while (d && (e = readdir(d)) != NULL) {
		char *inside;

		if (e->d_name[0] == '.' || (e->d_type != DT_DIR && e->d_type != DT_UNKNOWN))
			continue;
		inside = below(path, e->d_name);
		if (inside)
			watch(n, inside, depth + 1);
		free(inside);
	}
	if (d)
		closedir(d);
}

/* What cannot be watched makes everything looked at, again and again, rather than nothing. */
static void watch(struct notify *n, const char *path, unsigned depth)
{
	char *full = *path ? below(n->dir, path) : strdup(n->dir);
	struct watched w = {.path = strdup(path)};
	struct stat st;

	if (full == NULL || w.path == NULL || stat(full, &st) != 0 || !S_ISDIR(st.st_mode)) {
		free(full);
		free(w.path);
		return;
	}
	w.wd = inotify_add_watch(n->fd, full,
				 IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
				     IN_CREATE | IN_ONLYDIR);
	if (w.wd < 0 || depth > DEPTH || !VEC_PUSH(&n->watched, w)) {
		n->all = true;
		free(w.path);
	} else {
		watch_inside(n, full, path, depth);
	}
	free(full);
}

enum rmg_rc notify_open(const char *dir, struct notify **out, struct rmg_err *err)
{
	struct notify *n = calloc(1, sizeof *n);

	if (n == NULL || (n->dir = strdup(dir)) == NULL) {
		free(n);
		return err_set(err, RMG_E_NOMEM, "no memory to watch a folder");
	}
	n->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (n->fd < 0) {
		enum rmg_rc rc = err_os(err, RMG_E_IO, "inotify");

		free(n->dir);
		free(n);
		return rc;
	}
	watch(n, "", 0);
	*out = n;
	return RMG_OK;
}

void notify_close(struct notify *n)
{
	if (n == NULL)
		return;
	forget_paths(n);
	VEC_EACH (w, &n->watched)
		free(w->path);
	VEC_DONE(&n->watched);
	VEC_DONE(&n->paths);
	close(n->fd);
	free(n->dir);
	free(n);
}

static const char *path_of(const struct notify *n, int wd)
{
	for (size_t i = 0; i < n->watched.n; i++)
		if (n->watched.v[i].wd == wd)
			return n->watched.v[i].path;
	return NULL;
}

static void take(struct notify *n, const struct inotify_event *e, const char *name)
{
	const char *dir = path_of(n, e->wd);
	char *path;

	if (e->mask & (IN_Q_OVERFLOW | IN_UNMOUNT))
		n->all = true;
	if (dir == NULL || e->len == 0 || (e->mask & IN_IGNORED))
		return;
	path = below(dir, name);
	if (path == NULL) {
		n->all = true;
	} else if (e->mask & IN_ISDIR) {
		if (e->mask & (IN_CREATE | IN_MOVED_TO))
			watch(n, path, 0);
		n->all = true;
		free(path);
	} else if ((e->mask & IN_CREATE) || n->paths.n >= MOST_PATHS) {
		n->all |= !(e->mask & IN_CREATE);
		free(path);
	} else if (!VEC_PUSH(&n->paths, path)) {
		n->all = true;
		free(path);
	}
}

/* All that the kernel has; false where it had nothing. */
static bool drain(struct notify *n)
{
	char buf[8192] __attribute__((aligned(__alignof__(struct inotify_event))));
	bool any = false;
	ssize_t got;

	while ((got = read(n->fd, buf, sizeof buf)) > 0) {
		for (ssize_t at = 0; at < got;) {
			struct inotify_event e;

			memcpy(&e, buf + at, sizeof e);
			take(n, &e, buf + at + sizeof e);
			at += (ssize_t)(sizeof e + e.len);
			any |= !(e.mask & IN_CREATE) || (e.mask & IN_ISDIR);
		}
	}
	return any;
}

static bool ready(struct notify *n, unsigned ms)
{
	struct pollfd p = {.fd = n->fd, .events = POLLIN};

	return poll(&p, 1, (int)MIN_OF(ms, 86400000u)) > 0;
}

enum rmg_rc notify_wait(struct notify *n, unsigned ms, unsigned settle_ms,
			const char *const **paths, size_t *count, bool *all, struct rmg_err *err)
{
	bool any;

	(void)err;
	forget_paths(n);
	any = ready(n, ms) && drain(n);
	for (unsigned rounds = 0; any && rounds < 20 && ready(n, settle_ms); rounds++)
		(void)drain(n);
	*paths = (const char *const *)n->paths.v;
	*count = n->paths.n;
	*all = n->all;
	return RMG_OK;
}
