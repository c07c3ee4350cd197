/* SPDX-License-Identifier: Apache-2.0 */
/* drift.c - what is changed in a container after it started, by content, within seconds.
 *
 * The kernel tells that something may have changed: of names inotify(7), on the folder that the
 * overlay writes to; of bytes fanotify(7), on the overlay itself (its writes are not seen below).
 * Both only make a container due; what changed is then found by looking (upper.h), and by reading
 * it twice as an image is read, with and without what was written in it (drift_diff.h). Where the
 * kernel cannot tell, a look every two seconds does. A container that changes all the time is
 * looked at in growing pauses, so that looking never costs more than a part of a core. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/limits.h"
#include "node/containers.h"
#include "node/drift_tell.h"
#include "node/installing.h"
#include "node/node.h"

enum { QUIET_MS = 300, LATEST_MS = 1500, POLL_MS = 2000, IDLE_MS = 500, BUF_BYTES = 8192 };
/* How long what is found is not told while a package manager is at work, whose lock may be held for
 * ever, and while other things change. */
enum { AT_WORK_MS = 60000, CHANGING_MS = 3000 };

struct drift {
	struct node *node;
	pthread_t thread;
	struct catalog_select *wants;
	struct drift_tell tell;
	int names, writes, came; /* inotify, fanotify (-1: not to be had), eventfd */
	VEC(struct watched *) v; /* with holes */
	struct map by_wd;        /* inotify's number to an index of v */
	struct map by_device;    /* an overlay's device to an index of v */
	struct map said;         /* hashes of what was said of containers that cannot be watched */
	bool said_names;
};

static uint64_t device_key(uint64_t major, uint64_t minor)
{
	return hash_mix(major << 32 | minor);
}

/* A container comes and goes. */

static void say_once(struct drift *d, const struct container *c, const char *why)
{
	uint64_t key = hash_span(span_cstr(why));

	if (map_has(&d->said, key) || !map_set(&d->said, key, 1))
		return;
	node_say(d->node, "warn",
		 "changes in container " SPAN_FMT " (and others like it) are not seen: %s",
		 SPAN_ARG(c->began.container_name.n ? c->began.container_name : c->began.container),
		 why);
}

static void root_of(const struct container *c, char *buf, size_t size)
{
	snprintf(buf, size, "/proc/%u/root", c->pid);
}

/* Tells of the next write in it; the mark goes when it has, so that a thousand cost as much. */
static void arm(struct drift *d, struct watched *w)
{
	char root[64];

	if (d->writes < 0 || w->armed)
		return;
	root_of(w->container, root, sizeof root);
	w->armed = fanotify_mark(d->writes, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_CLOSE_WRITE,
				 AT_FDCWD, root) == 0;
	w->polled |= !w->armed;
}

static void disarm(struct drift *d, struct watched *w)
{
	char root[64];

	if (!w->armed)
		return;
	root_of(w->container, root, sizeof root);
	(void)fanotify_mark(d->writes, FAN_MARK_REMOVE | FAN_MARK_FILESYSTEM, FAN_CLOSE_WRITE,
			    AT_FDCWD, root);
	w->armed = false;
}

static void make_due(struct watched *w)
{
	int64_t now = clock_tick_ms();

	w->last_ms = now;
	if (w->first_ms == 0)
		w->first_ms = now;
}

static bool place(struct drift *d, struct watched *w)
{
	const struct container_root *root = &w->container->root;
	size_t i = 0;

	while (i < d->v.n && d->v.v[i])
		i++;
	if (i == d->v.n && !VEC_PUSH(&d->v, NULL))
		return false;
	w->index = (uint32_t)i;
	d->v.v[i] = w;
	return map_set(&d->by_device, device_key(root->major, root->minor), w->index);
}

static void take(struct drift *d, struct container *c)
{
	struct watched *w = calloc(1, sizeof *w);
	struct rmg_err err = {0};
	enum rmg_rc rc;

	if (w == NULL)
		return;
	w->container = container_hold(c);
	rc = container_look(c, &err);
	if (rc == RMG_OK)
		rc = upper_open(&c->root, d->wants, &w->upper, &err);
	if (rc == RMG_E_UNSUPPORTED)
		say_once(d, c, err.msg);
	if (!place(d, w)) {
		upper_close(w->upper);
		container_let_go(c);
		free(w);
		return;
	}
	w->polled = d->writes < 0;
	if (rc == RMG_OK)
		make_due(w);
}

static void drop(struct drift *d, struct watched *w)
{
	const struct container_root *root = &w->container->root;

	for (size_t i = 0; i < w->wds.n; i++) {
		(void)inotify_rm_watch(d->names, w->wds.v[i]);
		if (map_find(&d->by_wd, (uint64_t)w->wds.v[i]) == w->index)
			map_remove(&d->by_wd, (uint64_t)w->wds.v[i], w->index);
	}
	if (map_find(&d->by_device, device_key(root->major, root->minor)) == w->index)
		map_remove(&d->by_device, device_key(root->major, root->minor), w->index);
	disarm(d, w);
	drift_tell_ended(&d->tell, w);
	d->v.v[w->index] = NULL;
	upper_close(w->upper);
	container_let_go(w->container);
	VEC_DONE(&w->wds);
	map_done(&w->told);
	free(w);
}

static struct watched *watched_of(struct drift *d, const struct container *c)
{
	VEC_EACH (w, &d->v)
		if (*w && (*w)->container == c)
			return *w;
	return NULL;
}

static void sync_list(struct drift *d)
{
	struct container_list l;

	VEC_EACH (w, &d->v)
		if (*w && atomic_load(&(*w)->container->ended))
			drop(d, *w);
	if (!containers_list(d->node->containers, &l))
		return;
	for (size_t i = 0; i < l.n; i++)
		if (!watched_of(d, l.v[i]) && !atomic_load(&l.v[i]->ended))
			take(d, l.v[i]);
	container_list_done(&l);
}

/* What the kernel tells. */

static void all_due(struct drift *d)
{
	VEC_EACH (w, &d->v)
		if (*w && (*w)->upper)
			make_due(*w);
}

static void hear_names(struct drift *d)
{
	_Alignas(struct inotify_event) char buf[BUF_BYTES];
	ssize_t n = read(d->names, buf, sizeof buf);

	for (ssize_t at = 0; at + (ssize_t)sizeof(struct inotify_event) <= n;) {
		struct inotify_event e;
		uint32_t i;

		memcpy(&e, buf + at, sizeof e);
		at += (ssize_t)(sizeof e + e.len);
		if (e.mask & IN_Q_OVERFLOW)
			all_due(d);
		if (e.wd < 0)
			continue;
		i = map_find(&d->by_wd, (uint64_t)e.wd);
		if (i == MAP_NONE)
			continue;
		if (e.mask & IN_IGNORED)
			map_remove(&d->by_wd, (uint64_t)e.wd, i);
		else if (d->v.v[i])
			make_due(d->v.v[i]);
	}
}

static void written(struct drift *d, int fd)
{
	struct stat st;
	uint32_t i;

	if (fstat(fd, &st) != 0)
		return;
	i = map_find(&d->by_device, device_key(major(st.st_dev), minor(st.st_dev)));
	if (i == MAP_NONE || d->v.v[i] == NULL)
		return;
	make_due(d->v.v[i]);
	disarm(d, d->v.v[i]);
}

static void hear_writes(struct drift *d)
{
	_Alignas(struct fanotify_event_metadata) char buf[BUF_BYTES];
	ssize_t n = read(d->writes, buf, sizeof buf);
	const struct fanotify_event_metadata *m = (const void *)buf;

	for (; n > 0 && FAN_EVENT_OK(m, n); m = FAN_EVENT_NEXT(m, n)) {
		if (m->mask & FAN_Q_OVERFLOW)
			all_due(d);
		if (m->fd < 0)
			continue;
		written(d, m->fd);
		close(m->fd);
	}
}

/* Looking. */

struct looking {
	struct drift *d;
	struct watched *w;
};

/* Adding a folder that is watched gives its number again. */
static bool watch_folder(void *user, int folder)
{
	struct looking *l = user;
	char path[64];
	int wd;

	snprintf(path, sizeof path, "/proc/self/fd/%d", folder);
	wd = inotify_add_watch(l->d->names, path,
			       IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR);
	if (wd < 0 && errno == ENOSPC && !l->d->said_names) {
		l->d->said_names = true;
		node_say(l->d->node, "warn",
			 "no more folders can be watched (fs.inotify.max_user_watches): containers "
			 "are looked at every %d s instead",
			 POLL_MS / 1000);
	}
	if (wd < 0)
		l->w->polled = true;
	else if (map_find(&l->d->by_wd, (uint64_t)wd) != l->w->index &&
		 (!map_set(&l->d->by_wd, (uint64_t)wd, l->w->index) || !VEC_PUSH(&l->w->wds, wd)))
		l->w->polled = true;
	return wd >= 0;
}

static bool stopping(void *user)
{
	const struct looking *l = user;

	return node_stopping(l->d->node) || atomic_load(&l->w->container->ended);
}

/* Looking again costs as much: rest so long that it stays a small part. What is soon known may be
 * asked for soon. */
static int64_t rest_after(int64_t cost_ms)
{
	if (cost_ms < 1000)
		return MIN_OF(10 * cost_ms, INT64_C(3000));
	return MIN_OF(5 * cost_ms, INT64_C(60000));
}

/* In the middle of an installation files are there that no package owns yet. */
static bool at_work(struct watched *w)
{
	int64_t now = clock_tick_ms();

	if (!installing_in(w->container->pid))
		return false;
	if (w->unsettled_since == 0)
		w->unsettled_since = now;
	return now - w->unsettled_since < AT_WORK_MS;
}

static bool settled(void *user, struct watched *w, const struct upper_walk *walk)
{
	struct looking l = {user, w};
	struct upper_opts opts = {NULL, stopping, &l};
	struct upper_walk again;
	int64_t now = clock_tick_ms();
	bool same;

	if (at_work(w))
		return false;
	same = upper_look(w->upper, &opts, &again, NULL) == RMG_OK && again.state == walk->state;
	upper_walk_done(&again);
	if (!same && w->unsettled_since == 0)
		w->unsettled_since = now;
	same = same || now - w->unsettled_since >= CHANGING_MS;
	if (same)
		w->unsettled_since = 0;
	return same;
}

static void look(struct drift *d, struct watched *w)
{
	struct looking l = {d, w};
	struct upper_opts opts = {watch_folder, stopping, &l};
	int64_t began = clock_tick_ms();
	struct upper_walk walk;
	struct rmg_err err = {0};
	enum rmg_rc rc;

	w->first_ms = 0;
	arm(d, w);
	if (at_work(w)) {
		make_due(w);
		w->not_before_ms = began + IDLE_MS;
		return;
	}
	rc = upper_look(w->upper, &opts, &walk, &err);
	if (walk.cut)
		say_once(d, w->container, "it has written more files than are looked at");
	if (rc == RMG_OK)
		rc = drift_tell_of(&d->tell, w, &walk, &err);
	upper_walk_done(&walk);
	if (rc != RMG_OK && !stopping(&l)) {
		if (!w->troubled)
			node_say(d->node, "warn",
				 "what changed in container " SPAN_FMT " is not known yet: %s",
				 SPAN_ARG(w->container->began.container), err.msg);
		make_due(w);
	}
	if (w->unsettled)
		make_due(w);
	w->troubled = rc != RMG_OK;
	w->looked = true;
	w->not_before_ms = clock_tick_ms() + MAX_OF(rest_after(clock_tick_ms() - began),
						    w->troubled ? INT64_C(2000) : INT64_C(0));
}

/* When it is to be looked at; INT64_MAX: no time soon. */
static int64_t due_at(const struct watched *w)
{
	int64_t at = INT64_MAX;

	if (w->upper == NULL)
		return at;
	if (w->first_ms)
		at = MIN_OF(w->last_ms + QUIET_MS, w->first_ms + LATEST_MS);
	if (w->polled && w->looked)
		at = MIN_OF(at, w->not_before_ms + POLL_MS);
	return at == INT64_MAX ? at : MAX_OF(at, w->not_before_ms);
}

static int64_t look_at_due(struct drift *d)
{
	int64_t next = INT64_MAX;

	VEC_EACH (w, &d->v) {
		int64_t at = *w ? due_at(*w) : INT64_MAX;

		if (at <= clock_tick_ms() && !atomic_load(&(*w)->container->ended)) {
			look(d, *w);
			at = due_at(*w);
		}
		next = MIN_OF(next, at);
	}
	return next;
}

static bool all_looked_at(struct drift *d)
{
	VEC_EACH (w, &d->v)
		if (*w && (*w)->upper && !(*w)->looked)
			return false;
	return containers_rounds(d->node->containers) >= d->node->n_watches;
}

static void *run(void *user)
{
	struct drift *d = user;
	struct pollfd fds[] = {{d->came, POLLIN, 0}, {d->names, POLLIN, 0}, {d->writes, POLLIN, 0}};
	int64_t next = 0;
	uint64_t times;

	while (!node_stopping(d->node)) {
		int64_t rest = MAX_OF(next - clock_tick_ms(), INT64_C(0));

		(void)poll(fds, COUNT_OF(fds), (int)MIN_OF(rest, (int64_t)IDLE_MS));
		if (fds[0].revents & POLLIN) {
			(void)!read(d->came, &times, sizeof times);
			sync_list(d);
		}
		if (fds[1].revents & POLLIN)
			hear_names(d);
		if (fds[2].revents & POLLIN)
			hear_writes(d);
		next = look_at_due(d);
		if (all_looked_at(d))
			drift_tell_all(&d->tell, d->v.v, d->v.n);
	}
	return NULL;
}

static void end(struct drift *d)
{
	d->tell.silent = true; /* the containers go on */
	VEC_EACH (w, &d->v)
		if (*w)
			drop(d, *w);
	if (d->names >= 0)
		close(d->names);
	if (d->writes >= 0)
		close(d->writes);
	if (d->came >= 0)
		close(d->came);
	VEC_DONE(&d->v);
	map_done(&d->by_wd);
	map_done(&d->by_device);
	map_done(&d->said);
	lib_wants_free(d->wants);
	free(d);
}

enum rmg_rc drift_start(struct node *n, struct drift **out, struct rmg_err *err)
{
	struct drift *d = calloc(1, sizeof *d);
	enum rmg_rc rc;

	if (d == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for changes in containers");
	d->node = n;
	d->came = -1;
	drift_tell_init(&d->tell, n);
	d->tell.settled = settled;
	d->tell.user = d;
	d->names = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	d->writes =
	    fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK | FAN_UNLIMITED_MARKS,
			  O_RDONLY | O_LARGEFILE | O_CLOEXEC);
	if (d->writes < 0)
		node_say(n, "warn",
			 "the kernel does not tell of writes in containers (%s): they are "
			 "looked at every %d s",
			 strerror(errno), POLL_MS / 1000);
	rc = containers_listen(n->containers, &d->came, err);
	if (rc == RMG_OK && d->names < 0)
		rc = err_os(err, RMG_E_IO, "watch folders");
	if (rc == RMG_OK && lib_wants_new(&d->wants) != RMG_OK)
		rc = err_set(err, RMG_E_NOMEM, "no memory for changes in containers");
	if (rc == RMG_OK && pthread_create(&d->thread, NULL, run, d) != 0)
		rc = err_set(err, RMG_E_NOMEM, "no thread for changes in containers");
	if (rc != RMG_OK) {
		end(d);
		return rc;
	}
	*out = d;
	return RMG_OK;
}

void drift_stop(struct drift *d)
{
	if (d == NULL)
		return;
	pthread_join(d->thread, NULL);
	end(d);
}
