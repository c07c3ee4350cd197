/* SPDX-License-Identifier: Apache-2.0 */
#include "node/exec_subject.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/limits.h"
#include "io/proc.h"

enum { AGAIN_MS = 1000, MOST_MOUNTS = 10000 };

void exec_subjects_init(struct exec_subjects *t)
{
	*t = (struct exec_subjects){0};
	pthread_mutex_init(&t->lock, NULL);
}

void exec_subjects_done(struct exec_subjects *t)
{
	VEC_DONE(&t->v);
	map_done(&t->by_mount);
	map_done(&t->by_device);
	map_done(&t->by_container);
	pthread_mutex_destroy(&t->lock);
}

struct exec_subject *exec_subject_hold(struct exec_subject *s)
{
	atomic_fetch_add(&s->held, 1);
	return s;
}

void exec_subject_let_go(struct exec_subject *s)
{
	if (s == NULL || atomic_fetch_sub(&s->held, 1) != 1)
		return;
	upper_close(s->upper);
	image_index_let_go(s->index);
	container_let_go(s->container);
	VEC_DONE(&s->mounts);
	arena_done(&s->arena);
	map_done(&s->told);
	free(s);
}

/* Mounts. */

static bool add_mount(struct exec_subject *s, const struct mount_row *row)
{
	const struct container_root *root = &s->container->root;
	struct exec_mount m = {
	    .id = row->id,
	    .point = mount_path(&s->arena, row->point),
	    .fs = arena_dup(&s->arena, row->fs),
	    .is_root = row->major == root->major && row->minor == root->minor,
	    .writable = !mount_has(row->options, S("ro")) && !mount_has(row->super, S("ro")),
	    .nosuid = mount_has(row->options, S("nosuid")),
	    .noexec = mount_has(row->options, S("noexec")),
	};

	return s->mounts.n < MOST_MOUNTS && arena_rc(&s->arena) == RMG_OK &&
	       VEC_PUSH(&s->mounts, m);
}

static bool has_mount(const struct exec_subject *s, uint64_t id)
{
	for (size_t i = 0; i < s->mounts.n; i++)
		if (s->mounts.v[i].id == id)
			return true;
	return false;
}

/* Those that are new. The table's lock is held. */
static void read_mounts(struct exec_subjects *t, struct exec_subject *s, uint32_t index)
{
	struct span text, rest;
	struct mount_row row;

	s->mounts_ms = clock_tick_ms();
	if (!proc_read_all(s->container->pid, "mountinfo", LIMIT_MOUNTS_BYTES, &text))
		return;
	rest = text;
	while (mount_next(&rest, &row))
		if (!has_mount(s, row.id) &&
		    (!add_mount(s, &row) || !map_set(&t->by_mount, hash_mix(row.id), index)))
			break;
	free((void *)(uintptr_t)text.p);
}

static uint32_t index_of(const struct exec_subjects *t, const struct exec_subject *s)
{
	uint32_t i = map_find(&t->by_container, hash_mix(s->number));

	return i != MAP_NONE && t->v.v[i] == s ? i : MAP_NONE;
}

static bool find_mount(const struct exec_subject *s, uint64_t id, struct exec_mount *out)
{
	for (size_t i = 0; i < s->mounts.n; i++)
		if (s->mounts.v[i].id == id) {
			*out = s->mounts.v[i];
			return true;
		}
	return false;
}

bool exec_mount_of(struct exec_subjects *t, struct exec_subject *s, uint64_t id,
		   struct exec_mount *out)
{
	uint32_t index;
	bool found;

	pthread_mutex_lock(&t->lock);
	found = find_mount(s, id, out);
	index = index_of(t, s);
	if (!found && index != MAP_NONE && clock_tick_ms() - s->mounts_ms >= AGAIN_MS) {
		read_mounts(t, s, index);
		found = find_mount(s, id, out);
	}
	pthread_mutex_unlock(&t->lock);
	return found;
}

/* The table. */

uint64_t exec_device(uint64_t major_number, uint64_t minor_number)
{
	return makedev((unsigned)major_number, (unsigned)minor_number);
}

static uint64_t device_key(const struct container_root *root)
{
	return hash_mix(exec_device(root->major, root->minor));
}

static bool put(struct exec_subjects *t, struct exec_subject *s)
{
	const struct container_root *root = &s->container->root;
	size_t i = 0;

	while (i < t->v.n && t->v.v[i])
		i++;
	if (i == t->v.n && !VEC_PUSH(&t->v, NULL))
		return false;
	t->v.v[i] = s;
	s->number = ++t->last;
	read_mounts(t, s, (uint32_t)i);
	return map_set(&t->by_container, hash_mix(s->number), (uint32_t)i) &&
	       map_set(&t->by_device, device_key(root), (uint32_t)i);
}

static void forget(struct map *m, uint64_t key, uint32_t index)
{
	if (map_find(m, key) == index)
		map_remove(m, key, index);
}

static void take_out(struct exec_subjects *t, struct exec_subject *s)
{
	const struct container_root *root = &s->container->root;

	for (uint32_t i = 0; i < t->v.n; i++) {
		if (t->v.v[i] != s)
			continue;
		for (size_t k = 0; k < s->mounts.n; k++)
			forget(&t->by_mount, hash_mix(s->mounts.v[k].id), i);
		forget(&t->by_device, device_key(root), i);
		forget(&t->by_container, hash_mix(s->number), i);
		t->v.v[i] = NULL;
	}
}

enum rmg_rc exec_subject_add(struct exec_subjects *t, struct container *c,
			     const struct catalog_select *wants, struct exec_subject **out,
			     struct rmg_err *err)
{
	struct exec_subject *s = calloc(1, sizeof *s);
	enum rmg_rc rc;
	bool good;

	if (s == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a container");
	atomic_init(&s->held, 1);
	arena_init(&s->arena, LIMIT_MOUNTS_BYTES);
	s->container = container_hold(c);
	if (c->began.image.n_digests)
		snprintf(s->image, sizeof s->image, SPAN_FMT, SPAN_ARG(c->began.image.digests[0]));
	rc = upper_open(&c->root, wants, &s->upper, err);
	if (rc != RMG_OK) {
		exec_subject_let_go(s);
		return rc;
	}
	pthread_mutex_lock(&t->lock);
	good = put(t, s);
	if (!good)
		take_out(t, s);
	pthread_mutex_unlock(&t->lock);
	if (!good) {
		exec_subject_let_go(s);
		return err_set(err, RMG_E_NOMEM, "no memory for a container");
	}
	*out = exec_subject_hold(s);
	return RMG_OK;
}

void exec_subject_drop(struct exec_subjects *t, struct exec_subject *s)
{
	pthread_mutex_lock(&t->lock);
	take_out(t, s);
	pthread_mutex_unlock(&t->lock);
	exec_subject_let_go(s);
}

/* Whose a file is. */

static int64_t ns_of(struct statx_timestamp t)
{
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

bool exec_file_of(int fd, struct exec_file *out)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_MNT_ID, &st) != 0)
		return false;
	*out = (struct exec_file){
	    .mount = st.stx_mask & STATX_MNT_ID ? st.stx_mnt_id : 0,
	    .device = makedev(st.stx_dev_major, st.stx_dev_minor),
	    .inode = st.stx_ino,
	    .size = st.stx_size,
	    .modified_ns = ns_of(st.stx_mtime),
	    .changed_ns = ns_of(st.stx_ctime),
	    .mode = st.stx_mode,
	    .links = st.stx_nlink,
	};
	return true;
}

struct exec_subject *exec_subject_by_pid(struct exec_subjects *t, struct containers *containers,
					 unsigned pid)
{
	struct container *c = containers_of_pid(containers, pid);
	struct exec_subject *s = NULL;

	if (c == NULL)
		return NULL;
	pthread_mutex_lock(&t->lock);
	VEC_EACH (it, &t->v)
		if (*it && (*it)->container == c)
			s = exec_subject_hold(*it);
	pthread_mutex_unlock(&t->lock);
	container_let_go(c);
	return s;
}

struct exec_subject *exec_subject_of(struct exec_subjects *t, struct containers *containers,
				     const struct exec_file *f, unsigned pid)
{
	struct exec_subject *s = NULL;
	uint32_t i = MAP_NONE;

	pthread_mutex_lock(&t->lock);
	if (f->mount)
		i = map_find(&t->by_mount, hash_mix(f->mount));
	if (i == MAP_NONE)
		i = map_find(&t->by_device, hash_mix(f->device));
	if (i != MAP_NONE && t->v.v[i])
		s = exec_subject_hold(t->v.v[i]);
	pthread_mutex_unlock(&t->lock);
	return s || containers == NULL ? s : exec_subject_by_pid(t, containers, pid);
}
