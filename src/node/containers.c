/* SPDX-License-Identifier: Apache-2.0 */
#include "node/containers.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/map.h"
#include "format/cgroup.h"
#include "io/proc.h"
#include "watch/entered.h"

enum { SPACES = 4096 }; /* mount namespaces that are remembered */

struct speaker {
	struct span name;
	uint64_t round;
	bool in_snapshot;
};

struct containers {
	pthread_mutex_t lock;
	int listeners[CONTAINERS_LISTENERS];
	size_t n_listeners;
	struct container_list v;
	VEC(struct speaker) speakers;
	struct arena arena;     /* names of sources */
	struct map by_id;       /* hash of an id's last part, to indexes of v */
	struct map spaces;      /* hash of a mount namespace, to indexes of v and one; 0: of none */
	uint64_t own_spaces[2]; /* of this program, and of the machine: no container's */
	bool full;
};

enum rmg_rc containers_new(struct containers **out)
{
	struct containers *c = calloc(1, sizeof *c);

	if (c == NULL)
		return RMG_E_NOMEM;
	pthread_mutex_init(&c->lock, NULL);
	arena_init(&c->arena, MIB(1));
	c->own_spaces[0] = proc_namespace((unsigned)getpid(), "mnt");
	c->own_spaces[1] = proc_namespace(1, "mnt");
	*out = c;
	return RMG_OK;
}

void containers_free(struct containers *c)
{
	if (c == NULL)
		return;
	container_list_done(&c->v);
	for (size_t i = 0; i < c->n_listeners; i++)
		close(c->listeners[i]);
	VEC_DONE(&c->speakers);
	map_done(&c->by_id);
	map_done(&c->spaces);
	arena_done(&c->arena);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

enum rmg_rc containers_listen(struct containers *c, int *fd, struct rmg_err *err)
{
	int listener = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), own = -1;

	if (listener >= 0)
		own = fcntl(listener, F_DUPFD_CLOEXEC, 0);
	if (own < 0) {
		if (listener >= 0)
			close(listener);
		return err_os(err, RMG_E_NOMEM, "listen to containers");
	}
	pthread_mutex_lock(&c->lock);
	CHECK(c->n_listeners < CONTAINERS_LISTENERS);
	c->listeners[c->n_listeners++] = own;
	pthread_mutex_unlock(&c->lock);
	*fd = listener;
	return RMG_OK;
}

static void ring(const struct containers *c)
{
	for (size_t i = 0; i < c->n_listeners; i++)
		(void)!write(c->listeners[i], &(uint64_t){1}, sizeof(uint64_t));
}

size_t containers_rounds(struct containers *c)
{
	size_t n = 0;

	pthread_mutex_lock(&c->lock);
	VEC_EACH (t, &c->speakers)
		n += t->round != 0 && !t->in_snapshot;
	pthread_mutex_unlock(&c->lock);
	return n;
}

/* One. */

struct container *container_hold(struct container *x)
{
	atomic_fetch_add(&x->held, 1);
	return x;
}

void container_let_go(struct container *x)
{
	if (x == NULL || atomic_fetch_sub(&x->held, 1) != 1)
		return;
	pthread_mutex_destroy(&x->looking);
	arena_done(&x->arena);
	free(x);
}

void container_list_done(struct container_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		container_let_go(l->v[i]);
	VEC_DONE(l);
}

static void copy_labels(struct container *x, const struct event *e)
{
	struct event *to = &x->began;

	to->n_labels = 0;
	to->labels = ARENA_ARRAY(&x->arena, e->n_labels, struct event_label);
	for (size_t i = 0; to->labels && i < e->n_labels && i < EVENT_LABELS; i++) {
		to->labels[i].key = arena_dup(&x->arena, e->labels[i].key);
		to->labels[i].value = arena_dup(&x->arena, e->labels[i].value);
		to->n_labels++;
	}
}

static struct container *make(const struct event *e)
{
	struct container *x = calloc(1, sizeof *x);
	struct event *to;

	if (x == NULL)
		return NULL;
	arena_init(&x->arena, LIMIT_EVENT_BYTES);
	pthread_mutex_init(&x->looking, NULL);
	atomic_init(&x->held, 1);
	to = &x->began;
	*to = (struct event){.type = e->type, .at_ms = e->at_ms, .pid = e->pid};
	to->source = arena_dup(&x->arena, e->source);
	to->place.cluster = arena_dup(&x->arena, e->place.cluster);
	to->place.node = arena_dup(&x->arena, e->place.node);
	to->place.ns = arena_dup(&x->arena, e->place.ns);
	to->workload_kind = arena_dup(&x->arena, e->workload_kind);
	to->workload_name = arena_dup(&x->arena, e->workload_name);
	to->container = arena_dup(&x->arena, e->container);
	to->container_name = arena_dup(&x->arena, e->container_name);
	to->runtime = arena_dup(&x->arena, e->runtime);
	to->image.ref = arena_dup(&x->arena, e->image.ref);
	for (size_t i = 0; i < e->image.n_digests && i < EVENT_DIGESTS; i++)
		to->image.digests[to->image.n_digests++] =
		    arena_dup(&x->arena, e->image.digests[i]);
	copy_labels(x, e);
	if (arena_rc(&x->arena) != RMG_OK) {
		container_let_go(x);
		return NULL;
	}
	return x;
}

/* The table, under its lock. */

static struct speaker *source_of(struct containers *c, struct span name)
{
	struct speaker *s;

	VEC_EACH (have, &c->speakers)
		if (span_is(have->name, name))
			return have;
	s = VEC_ADD(&c->speakers);
	if (s)
		s->name = arena_dup(&c->arena, name);
	return s;
}

/* What the kernel knows it by: containerd's ids are of a namespace, "default/web", which is left
 * out where they would do for all. */
static struct span last_part(struct span id)
{
	size_t slash = span_rchr(id, '/');

	return slash == SIZE_MAX ? id : span_from(id, slash + 1);
}

static uint64_t key_of(struct span id)
{
	return hash_span(last_part(id));
}

/* Any source's where source is empty. */
static uint32_t find(const struct containers *c, struct span source, struct span id)
{
	size_t at = 0;
	uint32_t i;

	while ((i = map_next(&c->by_id, key_of(id), &at)) != MAP_NONE) {
		const struct event *e = &c->v.v[i]->began;

		if (span_is(e->container, id) && (source.n == 0 || span_is(e->source, source)))
			return i;
	}
	return MAP_NONE;
}

/* The last one takes its place. */
static void drop(struct containers *c, uint32_t i)
{
	struct container *x = c->v.v[i], *moved = c->v.v[c->v.n - 1];
	uint32_t last = (uint32_t)c->v.n - 1;

	map_remove(&c->by_id, key_of(x->began.container), i);
	if (i != last) {
		map_remove(&c->by_id, key_of(moved->began.container), last);
		if (!map_add_another(&c->by_id, key_of(moved->began.container), i))
			CHECK(false); /* there is room: two have just been taken out */
	}
	c->v.v[i] = moved;
	c->v.n--;
	map_clear(&c->spaces);
	atomic_store(&x->ended, true);
	container_let_go(x);
}

static bool add(struct containers *c, const struct event *e, uint64_t round)
{
	struct container *x = c->v.n < LIMIT_NODE_CONTAINERS ? make(e) : NULL;
	bool told = c->full;

	c->full = x == NULL;
	if (x == NULL)
		return told;
	x->round = round;
	if (!VEC_RESERVE(&c->v, c->v.n + 1) ||
	    !map_add_another(&c->by_id, key_of(e->container), (uint32_t)c->v.n)) {
		container_let_go(x);
		return told;
	}
	c->v.v[c->v.n++] = x;
	map_clear(&c->spaces); /* a process that was in none may be in this one */
	return true;
}

/* The same run of it is said again by every snapshot. */
static bool begin(struct containers *c, struct speaker *s, const struct event *e)
{
	uint32_t i = find(c, e->source, e->container);

	if (i != MAP_NONE) {
		struct container *x = c->v.v[i];

		x->round = s->round;
		if (e->pid == 0 || e->pid == x->began.pid)
			return true;
		drop(c, i);
	}
	return add(c, e, s->round);
}

static void end_unheard(struct containers *c, const struct speaker *s)
{
	for (size_t i = c->v.n; i > 0; i--) {
		const struct container *x = c->v.v[i - 1];

		if (x->round != s->round && span_is(x->began.source, s->name))
			drop(c, (uint32_t)i - 1);
	}
}

static bool is_of_uses(const struct event *e)
{
	return e->scope.n == 0 || span_is(e->scope, S("uses"));
}

static bool tell(struct containers *c, const struct event *e)
{
	struct speaker *s = source_of(c, e->source);
	uint32_t i;

	if (s == NULL)
		return true;
	if (e->type == EVENT_USE_BEGAN)
		return begin(c, s, e);
	if (e->type == EVENT_USE_ENDED) {
		i = find(c, e->source, e->container);
		if (i != MAP_NONE)
			drop(c, i);
	} else if (e->type == EVENT_SNAPSHOT_BEGAN && is_of_uses(e)) {
		s->round++;
		s->in_snapshot = true;
	} else if (e->type == EVENT_SNAPSHOT_ENDED && is_of_uses(e) && s->in_snapshot) {
		s->in_snapshot = false;
		end_unheard(c, s);
	}
	return true;
}

bool containers_tell(struct containers *c, const struct event *e, size_t n)
{
	bool good = true;

	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < n; i++)
		good &= tell(c, &e[i]);
	ring(c);
	pthread_mutex_unlock(&c->lock);
	return good;
}

bool containers_list(struct containers *c, struct container_list *out)
{
	bool good;

	*out = (struct container_list){0};
	pthread_mutex_lock(&c->lock);
	good = VEC_RESERVE(out, c->v.n);
	for (size_t i = 0; good && i < c->v.n; i++)
		out->v[out->n++] = container_hold(c->v.v[i]);
	pthread_mutex_unlock(&c->lock);
	return good;
}

/* What the kernel says. */

static bool is_in(unsigned pid, struct span id)
{
	return entered_is_in(pid, last_part(id));
}

/* A user's own containers may have no control group: then who watches the first process names it
 * (conmon -c ID). */
static bool is_kept(unsigned pid, struct span id)
{
	char buf[PROC_TEXT_BYTES];
	struct span text, word;
	struct proc_about about;
	bool found = false;

	if (!proc_about(pid, &about) || about.parent <= 1 ||
	    !proc_read(about.parent, "cmdline", buf, sizeof buf, &text) ||
	    !span_next(&text, '\0', &word) || !span_is(span_basename(word), S("conmon")))
		return false;
	while (!found && span_next(&text, '\0', &word))
		found = span_is(word, id);
	return found;
}

/* Any of its processes, where the runtime did not say which is the first: the lowest number. */
static unsigned search(struct span id)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	uint64_t number, lowest = 0;

	while (d && (e = readdir(d)) != NULL)
		if (span_u64(span_cstr(e->d_name), 10, INT32_MAX, &number) &&
		    (lowest == 0 || number < lowest) && is_in((unsigned)number, id))
			lowest = number;
	if (d)
		closedir(d);
	return (unsigned)lowest;
}

/* The runtime's word is checked: a number may be another process's by now. */
static enum rmg_rc look(struct container *x, struct rmg_err *err)
{
	struct span id = x->began.container;

	x->pid = x->began.pid;
	if (x->pid && !is_in(x->pid, id) && !is_kept(x->pid, id))
		x->pid = 0;
	if (x->pid == 0 && last_part(id).n == id.n) /* else another namespace's may be found */
		x->pid = search(id);
	if (x->pid == 0)
		return err_set(err, RMG_E_NOTFOUND, "no process is in it");
	x->mnt_ns = proc_namespace(x->pid, "mnt");
	return container_root_of(x->pid, &x->arena, &x->root, err);
}

enum rmg_rc container_look(struct container *x, struct rmg_err *err)
{
	struct rmg_err why;

	pthread_mutex_lock(&x->looking);
	if (!x->looked) {
		x->looked = true;
		x->why.rc = look(x, &x->why);
	}
	why = x->why;
	pthread_mutex_unlock(&x->looking);
	if (why.rc != RMG_OK && err)
		*err = why;
	return why.rc;
}

static bool is_named(const struct container *x, struct span name)
{
	return span_is(last_part(x->began.container), name);
}

/* Of several namespaces that have one of this name the one with these mounts. */
static uint32_t find_among(const struct containers *c, struct span name, uint64_t space)
{
	size_t at = 0;
	uint32_t i;

	while ((i = map_next(&c->by_id, hash_span(name), &at)) != MAP_NONE) {
		struct container *x = c->v.v[i];

		if (is_named(x, name) && container_look(x, NULL) == RMG_OK && x->mnt_ns == space)
			return i;
	}
	return MAP_NONE;
}

static uint32_t find_named(const struct containers *c, struct span name, uint64_t space)
{
	uint32_t i, found = MAP_NONE;
	size_t at = 0;

	while ((i = map_next(&c->by_id, hash_span(name), &at)) != MAP_NONE) {
		const struct event *e = &c->v.v[i]->began;

		if (!is_named(c->v.v[i], name))
			continue;
		if (found != MAP_NONE && !span_is(e->container, c->v.v[found]->began.container))
			return find_among(c, name, space);
		found = i;
	}
	return found;
}

/* The innermost name that is known. */
static uint32_t find_cgroup(const struct containers *c, struct span text, uint64_t space)
{
	struct cgroup_walk w = cgroup_walk(text);
	struct cgroup_name name;
	uint32_t i = MAP_NONE;

	while (i == MAP_NONE && cgroup_next(&w, &name))
		i = find_named(c, name.id, space);
	return i;
}

/* Whose mounts these are. */
static uint32_t find_space(const struct containers *c, uint64_t space)
{
	for (size_t i = 0; i < c->v.n; i++)
		if (container_look(c->v.v[i], NULL) == RMG_OK && c->v.v[i]->mnt_ns == space)
			return (uint32_t)i;
	return MAP_NONE;
}

static uint32_t find_process(const struct containers *c, struct span cgroup, uint64_t space)
{
	uint32_t i = find_cgroup(c, cgroup, space);

	return i == MAP_NONE ? find_space(c, space) : i;
}

static uint32_t remember(struct containers *c, uint64_t space, uint32_t i)
{
	if (c->spaces.n >= SPACES)
		map_clear(&c->spaces);
	if (!map_set(&c->spaces, hash_mix(space), i == MAP_NONE ? 0 : i + 1))
		map_clear(&c->spaces);
	return i == MAP_NONE ? 0 : i + 1;
}

struct container *containers_of_pid(struct containers *c, unsigned pid)
{
	uint64_t space = proc_namespace(pid, "mnt");
	struct container *x = NULL;
	char buf[PROC_TEXT_BYTES];
	struct span text;
	uint32_t i;

	/* A runtime's own helper is in a container's cgroup before it is in its mounts. */
	if (space == 0 || space == c->own_spaces[0] || space == c->own_spaces[1])
		return NULL;
	pthread_mutex_lock(&c->lock);
	i = map_find(&c->spaces, hash_mix(space));
	if (i == MAP_NONE && proc_read(pid, "cgroup", buf, sizeof buf, &text))
		i = remember(c, space, find_process(c, text, space));
	if (i != MAP_NONE && i != 0)
		x = container_hold(c->v.v[i - 1]);
	pthread_mutex_unlock(&c->lock);
	return x;
}
