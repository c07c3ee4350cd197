/* SPDX-License-Identifier: Apache-2.0 */
/* profile.c - what of their images the containers of this machine use: which files are opened,
 * executed and mapped, told as the components that they belong to.
 *
 * The machine's mounts are listened to (poll(2) on mountinfo), so that an overlay is marked in
 * fanotify before the first program of its container starts. Each file costs one event: it is
 * ignored from then on, and so are all files in a folder that the image has no files in. Marks are
 * evictable, and hold no file in memory. Nothing is opened by path in a container but a folder of
 * its own overlay, and no other mount is gone through for it.
 *
 * Images are read, and news told, by a thread of its own: where the hub is away, what is known
 * stays and is told when it is there again. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/limits.h"
#include "io/proc.h"
#include "node/exec_subject.h"
#include "node/profile_inside.h"
#include "node/profile_mark.h"

enum { SETTLE_MS = 20 }; /* between two looks at the mounts */
enum { URGENT = -10, STRANGER_MS = 60000 };
enum { USELESS = 2000, PAUSE_MS = 1000, PAUSES = 6 }; /* a second; doubled so often */

static int64_t boot_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

/* Places. */

static struct profile_place *place_of(const struct profiles *p, uint64_t device)
{
	uint32_t i = map_find(&p->by_device, hash_mix(device));

	return i == MAP_NONE ? NULL : p->places.v[i];
}

static struct profile_place *add_place(struct profiles *p, uint64_t device, const char *path,
				       bool on_host)
{
	struct profile_place *x = profile_place_new(device, path, on_host);
	size_t i = 0;

	while (i < p->places.n && p->places.v[i])
		i++;
	if (x == NULL || (i == p->places.n && !VEC_PUSH(&p->places, NULL)) ||
	    !map_set(&p->by_device, hash_mix(device), (uint32_t)i)) {
		profile_place_free(x);
		return NULL;
	}
	p->places.v[i] = x;
	if (!profile_mark(p->group, x->path, true)) {
		map_remove(&p->by_device, hash_mix(device), (uint32_t)i);
		p->places.v[i] = NULL;
		profile_place_free(x);
		return NULL;
	}
	return x;
}

/* Something of it was missed. */
static void not_whole(struct profiles *p, struct profile_place *x)
{
	x->lost = true;
	if (!x->whole)
		return;
	x->whole = false;
	usage_miss(x->usage, node_now_ms(p->node));
}

/* What was opened in a container that ends before its image has been read. */
static void keep_waiting(struct image_of *image, struct profile_place *x)
{
	if (image->usage.index)
		return;
	VEC_EACH (t, &x->waiting)
		if (image->waiting.n < LIMIT_PROFILE_WAITING &&
		    profile_place_has_mount(x, t->mount) && !VEC_PUSH(&image->waiting, *t))
			return;
}

static void drop_place(struct profiles *p, size_t i)
{
	struct profile_place *x = p->places.v[i];
	struct image_of *image = (struct image_of *)x->usage; /* its first member */

	pthread_mutex_lock(&p->lock);
	if (image) {
		keep_waiting(image, x);
		if (x->whole)
			usage_end(x->usage, node_now_ms(p->node));
		image->places--;
		profiles_forget_images(p);
	}
	pthread_mutex_unlock(&p->lock);
	if (image)
		bell_ring(&p->news);
	map_remove(&p->by_device, hash_mix(x->device), (uint32_t)i);
	p->places.v[i] = NULL;
	profile_place_free(x);
}

/* The machine's mounts. */

/* Marked anew: another file system, whose device has the number of one that has gone. */
static void mark_again(struct profiles *p, struct profile_place *x, const char *path)
{
	char *copy = span_dup(span_cstr(path));

	if (copy == NULL)
		return;
	free(x->path);
	x->path = copy;
	profile_place_forget(x);
	x->seen = profile_mark(p->group, path, true);
	x->marked_ms = x->since_ms = boot_ms();
	x->idle = x->lost = false;
}

/* It is nobody's that is watched here: not listened to any more, and remembered for as long as it
 * is there. */
static void give_up_strangers(struct profiles *p)
{
	int64_t now_ms = boot_ms();

	VEC_EACH (it, &p->places) {
		struct profile_place *x = *it;

		if (x == NULL || x->container || x->idle || now_ms - x->since_ms < STRANGER_MS)
			continue;
		x->idle = profile_mark(p->group, x->path, false);
		profile_place_forget(x);
	}
}

static void see_mount(struct profiles *p, const struct mount_row *row, bool first, struct arena *a)
{
	uint64_t device = exec_device(row->major, row->minor);
	struct profile_place *x = place_of(p, device);
	const char *path;

	if (!span_is(row->fs, S("overlay")) || device == p->own_device)
		return;
	path = arena_cstr(a, mount_path(a, row->point));
	if (path && x && strcmp(path, x->path) == 0) {
		x->seen = true;
		if (!x->container && !x->idle && !profile_is_marked(p->group, path))
			mark_again(p, x, path); /* mounted anew, at the same place */
	}
	if (path == NULL || x)
		return;
	x = add_place(p, device, path, true);
	if (x == NULL)
		return;
	x->since_ms = boot_ms();
	x->marked_ms = first ? 0 : x->since_ms;
}

/* Of a place that is not where it was, but its device is. */
static void see_other(struct profiles *p, const struct mount_row *row, struct arena *a)
{
	struct profile_place *x = place_of(p, exec_device(row->major, row->minor));
	const char *path;

	if (x == NULL || x->seen || x->container || !span_is(row->fs, S("overlay")))
		return;
	path = arena_cstr(a, mount_path(a, row->point));
	if (path)
		mark_again(p, x, path);
}

static void look_at_mounts(struct profiles *p, bool first)
{
	struct span text, rest;
	struct mount_row row;
	struct arena a;

	p->looked_ms = clock_tick_ms();
	p->again = false;
	if (!proc_read_all(0, "mountinfo", LIMIT_MOUNTS_BYTES, &text))
		return;
	VEC_EACH (x, &p->places)
		if (*x)
			(*x)->seen = !(*x)->on_host;
	arena_init(&a, LIMIT_MOUNTS_BYTES);
	rest = text;
	while (mount_next(&rest, &row))
		see_mount(p, &row, first, &a);
	rest = text;
	while (mount_next(&rest, &row))
		see_other(p, &row, &a);
	arena_done(&a);
	free((void *)(uintptr_t)text.p);
	for (size_t i = 0; i < p->places.n; i++)
		if (p->places.v[i] && !p->places.v[i]->seen && !p->places.v[i]->container)
			drop_place(p, i);
}

static void mounts_changed(struct profiles *p)
{
	if (clock_tick_ms() - p->looked_ms < SETTLE_MS)
		p->again = true;
	else
		look_at_mounts(p, false);
}

/* Containers. */

/* Of a container whose overlay is not among the machine's mounts. */
static struct profile_place *late_place(struct profiles *p, const struct container *c)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%u/root", c->pid);
	return add_place(p, exec_device(c->root.major, c->root.minor), path, false);
}

static void take_place(struct profiles *p, struct profile_place *x, struct container *c)
{
	struct image_of *image;
	bool early;

	pthread_mutex_lock(&p->lock);
	image = profiles_image(p, c);
	if (image) {
		image->places++;
		if (image->usage.index == NULL && image->reads == NULL)
			image->reads = container_hold(c);
	}
	profile_place_give(x, c, image ? &image->usage : NULL, &early);
	x->whole = early && image && !x->lost;
	if (x->whole)
		usage_begin(x->usage, node_now_ms(p->node));
	if (profile_place_is_ready(x)) {
		profile_place_count_waiting(x);
		profile_place_look(x);
	}
	pthread_mutex_unlock(&p->lock);
	bell_ring(&p->news);
}

static bool take(struct profiles *p, struct container *c)
{
	struct rmg_err err;
	struct profile_place *x;

	if (container_look(c, &err) != RMG_OK || c->mnt_ns == p->own_space)
		return false;
	x = place_of(p, exec_device(c->root.major, c->root.minor));
	if (x == NULL)
		x = late_place(p, c);
	if (x == NULL || x->container)
		return false;
	if (x->idle && !profile_mark(p->group, x->path, true))
		return false;
	if (x->idle)
		x->marked_ms = 0;
	x->idle = false;
	take_place(p, x, c);
	return true;
}

static bool has(struct profiles *p, const struct container *c)
{
	for (size_t i = 0; i < p->unseen.n; i++)
		if (p->unseen.v[i] == c)
			return true;
	VEC_EACH (x, &p->places)
		if (*x && (*x)->container == c)
			return true;
	return false;
}

static void forget_ended(struct profiles *p)
{
	for (size_t i = p->unseen.n; i > 0; i--) {
		struct container *c = p->unseen.v[i - 1];

		if (!atomic_load(&c->ended))
			continue;
		p->unseen.v[i - 1] = p->unseen.v[--p->unseen.n];
		container_let_go(c);
	}
	for (size_t i = 0; i < p->places.n; i++) {
		const struct profile_place *x = p->places.v[i];

		if (x && x->container && atomic_load(&x->container->ended))
			drop_place(p, i);
	}
}

static void sync_list(struct profiles *p)
{
	struct container_list l;

	forget_ended(p);
	look_at_mounts(p, false); /* the mounts of those that ended may be others' by now */
	if (!containers_list(p->node->containers, &l))
		return;
	for (size_t i = 0; i < l.n; i++)
		if (!has(p, l.v[i]) && !atomic_load(&l.v[i]->ended) && !take(p, l.v[i]) &&
		    VEC_PUSH(&p->unseen, l.v[i]))
			container_hold(l.v[i]);
	container_list_done(&l);
}

/* Files that are opened. */

struct opened {
	struct profile_place *place;
	struct touch touch;
	uint64_t folder; /* path_hash() */
	unsigned pid;
	int fd;
};

/* By a process of the container's, through its own mount or by its control group. */
static bool is_inside(struct profiles *p, const struct opened *o)
{
	struct container *c;
	bool inside;

	if (profile_place_has_mount(o->place, o->touch.mount))
		return proc_namespace(o->pid, "mnt") != p->own_space;
	c = containers_of_pid(p->node->containers, o->pid);
	inside = c == o->place->container;
	container_let_go(c);
	return inside;
}

/* More is opened there that the image does not have than is worth hearing of. */
static void count_useless(struct profiles *p, struct profile_place *x)
{
	int64_t now_ms = clock_tick_ms();

	if (now_ms - x->second_ms >= 1000) {
		x->second_ms = now_ms;
		x->useless = 0;
	}
	if (++x->useless < USELESS || !profile_mark(p->group, x->path, false))
		return;
	x->paused_ms = now_ms + ((int64_t)PAUSE_MS << MIN_OF(x->pauses, (unsigned)PAUSES));
	x->pauses++;
	not_whole(p, x);
}

/* The lock is held. */
static void count(struct profiles *p, const struct opened *o)
{
	struct profile_place *x = o->place;

	if (!is_inside(p, o))
		return;
	if (!o->touch.executed && profile_is_manager(o->pid)) {
		profile_place_look_at(x, o->pid);
		return;
	}
	if (profile_place_count(x, &o->touch)) {
		profile_ignore_file(p->group, o->fd, o->touch.executed);
		return;
	}
	if (file_index_has_folder(x->usage->index, o->folder) ||
	    !profile_ignore_folder(p->group, x->container->pid, o->fd, x->device))
		profile_ignore_file(p->group, o->fd, true);
	count_useless(p, x);
}

static void hear_one(struct profiles *p, struct opened *o)
{
	struct profile_place *x = o->place;

	if (profile_place_is_ready(x))
		count(p, o);
	else if (proc_namespace(o->pid, "mnt") != p->own_space && !profile_place_wait(x, &o->touch))
		not_whole(p, x);
}

static bool fill(struct profiles *p, const struct fanotify_event_metadata *m, struct opened *out)
{
	char link[64], path[LIMIT_PATH_BYTES_MAX];
	struct exec_file f;
	ssize_t n;
	struct span name;

	if (m->pid == getpid() || !exec_file_of(m->fd, &f) || !S_ISREG(f.mode))
		return false;
	out->place = place_of(p, f.device);
	if (out->place == NULL)
		return false;
	snprintf(link, sizeof link, "/proc/self/fd/%d", m->fd);
	n = readlink(link, path, sizeof path);
	if (n <= 1 || (size_t)n == sizeof path)
		return false;
	name = span_of(path + 1, (size_t)n - 1);
	out->touch = profile_touch(name, f.mount, (m->mask & FAN_OPEN_EXEC) != 0);
	out->folder = path_hash(span_dirname(name));
	out->pid = (unsigned)m->pid;
	out->fd = m->fd;
	return true;
}

static void lost_some(struct profiles *p)
{
	VEC_EACH (x, &p->places)
		if (*x)
			not_whole(p, *x);
	if (p->said_lost)
		return;
	p->said_lost = true;
	node_say(p->node, "warn",
		 "more files are opened than can be looked at: what runs now says "
		 "nothing of what is never used");
}

/* Until nothing more waits, at most as much as fits. */
static void hear(struct profiles *p)
{
	int64_t now_ms = node_now_ms(p->node);
	ssize_t n = read(p->group, p->buf, sizeof p->buf);
	const struct fanotify_event_metadata *m = (const void *)p->buf;

	pthread_mutex_lock(&p->lock);
	if (n < (ssize_t)sizeof p->buf / 2)
		p->heard_ms = now_ms; /* that was all of it */
	for (; n > 0 && FAN_EVENT_OK(m, n); m = FAN_EVENT_NEXT(m, n)) {
		struct opened o = {0};

		if (m->mask & FAN_Q_OVERFLOW)
			lost_some(p);
		if (m->fd < 0)
			continue;
		if (fill(p, m, &o))
			hear_one(p, &o);
		close(m->fd);
	}
	pthread_mutex_unlock(&p->lock);
	if (n > 0)
		bell_ring(&p->news);
}

/* Time goes by. */
static void go_on(struct profiles *p)
{
	int64_t now_ms = clock_tick_ms();

	VEC_EACH (it, &p->places) {
		struct profile_place *x = *it;

		if (x && x->paused_ms && now_ms >= x->paused_ms &&
		    profile_mark(p->group, x->path, true))
			x->paused_ms = 0;
	}
	give_up_strangers(p);
	if (p->again && now_ms - p->looked_ms >= SETTLE_MS)
		look_at_mounts(p, false);
}

/* Images that were read meanwhile. */
static void count_waiting(struct profiles *p)
{
	pthread_mutex_lock(&p->lock);
	VEC_EACH (it, &p->places) {
		struct profile_place *x = *it;

		if (x && profile_place_is_ready(x) && !x->looked) {
			profile_place_count_waiting(x);
			profile_place_look(x);
		}
	}
	VEC_EACH (it, &p->images)
		(*it)->fresh = false;
	pthread_mutex_unlock(&p->lock);
	bell_ring(&p->news);
}

static void drain(int fd)
{
	uint64_t times;

	(void)!read(fd, &times, sizeof times);
}

static void *run(void *user)
{
	struct profiles *p = user;
	struct pollfd fds[] = {{p->group, POLLIN, 0},
			       {p->mounts, POLLPRI, 0},
			       {p->came, POLLIN, 0},
			       {p->handed, POLLIN, 0}};

	/* Who is to be there before a container's first program does not wait for others. */
	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), URGENT);
	while (!node_stopping(p->node)) {
		(void)poll(fds, COUNT_OF(fds), p->again ? SETTLE_MS : PROFILE_IDLE_MS);
		if (fds[1].revents & (POLLPRI | POLLERR))
			mounts_changed(p);
		if (fds[2].revents & POLLIN) {
			drain(p->came);
			sync_list(p);
		}
		if (fds[3].revents & POLLIN) {
			drain(p->handed);
			count_waiting(p);
		}
		hear(p);
		go_on(p);
	}
	return NULL;
}

/* Beginning and end. */

static void end(struct profiles *p)
{
	bell_ring(&p->news);
	if (p->running)
		pthread_join(p->thread, NULL);
	if (p->telling)
		pthread_join(p->teller, NULL);
	VEC_EACH (x, &p->places)
		profile_place_free(*x);
	VEC_DONE(&p->places);
	map_done(&p->by_device);
	VEC_EACH (x, &p->images)
		profiles_free_image(*x);
	VEC_DONE(&p->images);
	container_list_done(&p->unseen);
	for (size_t i = 0; i < 4; i++) {
		int fd = (int[]){p->group, p->mounts, p->came, p->handed}[i];

		if (fd >= 0)
			close(fd);
	}
	profiles_know_no_more(p);
	pthread_mutex_destroy(&p->knowing);
	bell_done(&p->news);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static enum rmg_rc open_sources(struct profiles *p, struct rmg_err *err)
{
	struct stat root;
	enum rmg_rc rc = containers_listen(p->node->containers, &p->came, err);

	if (rc != RMG_OK)
		return rc;
	p->own_space = proc_namespace((unsigned)getpid(), "mnt");
	p->own_device = stat("/", &root) == 0 ? root.st_dev : 0;
	p->handed = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	p->mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	p->group = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK | FAN_UNLIMITED_MARKS,
				 O_RDONLY | O_LARGEFILE | O_CLOEXEC);
	if (p->group < 0 || p->mounts < 0 || p->handed < 0)
		return err_os(err, RMG_E_UNSUPPORTED, "hear of files that are opened");
	return RMG_OK;
}

enum rmg_rc profiles_start(struct node *n, struct profiles **out, struct rmg_err *err)
{
	struct profiles *p = calloc(1, sizeof *p);
	enum rmg_rc rc;

	if (p == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for profiles");
	p->node = n;
	p->group = p->mounts = p->came = p->handed = -1;
	pthread_mutex_init(&p->lock, NULL);
	pthread_mutex_init(&p->knowing, NULL);
	bell_init(&p->news);
	rc = open_sources(p, err);
	if (rc == RMG_OK)
		look_at_mounts(p, true);
	if (rc == RMG_OK) {
		p->running = pthread_create(&p->thread, NULL, run, p) == 0;
		p->telling = p->running && pthread_create(&p->teller, NULL, profiles_tell, p) == 0;
		if (!p->telling)
			rc = err_set(err, RMG_E_NOMEM, "no thread for profiles");
	}
	if (rc != RMG_OK) {
		end(p);
		return rc;
	}
	atomic_store(&n->profiles, p);
	*out = p;
	return RMG_OK;
}

void profiles_stop(struct profiles *p)
{
	if (p == NULL)
		return;
	atomic_store(&p->node->profiles, NULL);
	end(p);
}
