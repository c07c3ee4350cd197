/* SPDX-License-Identifier: Apache-2.0 */
#include "node/upper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/map.h"
#include "io/proc.h"
#include "lib/overlay_mark.h"
#include "node/hash_fd.h"

enum { FRESH_MS = 100, HEAD_BYTES = 4096, PIECE_BYTES = 65536, DEPTH = LIMIT_PATH_DEPTH_MAX };

struct entry { /* of a file as it was when it was last looked at */
	uint64_t path, inode, size;
	int64_t changed_ns;
	enum upper_what what;
	bool fresh; /* changed so shortly before that another change may bear the same time */
};

struct upper {
	const struct container_root *root;
	const struct catalog_select *wants;
	VEC(struct entry) entries;
	struct map by_path;
};

/* Its folders, open for as long as they are needed: with hundreds of containers there are not
 * descriptors enough for all of them. */
struct layers {
	int dir;     /* that is written to; -1: none */
	int *lowers; /* the highest first */
	size_t n_lowers;
};

static int open_dir(struct span path)
{
	char name[LIMIT_PATH_BYTES_MAX];

	if (path.n >= sizeof name) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(name, path.p, path.n);
	name[path.n] = '\0';
	return proc_open_dir(name);
}

static int open_upper(const struct upper *u)
{
	return u->root->dirs.upper.n ? open_dir(u->root->dirs.upper) : -1;
}

static void layers_done(struct layers *l)
{
	for (size_t i = 0; i < l->n_lowers; i++)
		close(l->lowers[i]);
	if (l->dir >= 0)
		close(l->dir);
	free(l->lowers);
	*l = (struct layers){.dir = -1};
}

static enum rmg_rc layers_open(const struct upper *u, struct layers *out, struct rmg_err *err)
{
	const struct overlay_dirs *d = &u->root->dirs;

	*out = (struct layers){.dir = open_upper(u)};
	if (d->upper.n && out->dir < 0)
		return err_os(err, RMG_E_UNSUPPORTED, "the folder that it writes to");
	out->lowers = calloc(d->n_lower, sizeof *out->lowers);
	for (size_t i = 0; out->lowers && i < d->n_lower; i++) {
		int fd = open_dir(d->lower[i]);

		if (fd < 0) {
			enum rmg_rc rc = err_os(err, RMG_E_UNSUPPORTED, "a layer of its image");

			layers_done(out);
			return rc;
		}
		out->lowers[out->n_lowers++] = fd;
	}
	if (out->lowers)
		return RMG_OK;
	layers_done(out);
	return err_set(err, RMG_E_NOMEM, "no memory for a container");
}

enum rmg_rc upper_open(const struct container_root *root, const struct catalog_select *wants,
		       struct upper **out, struct rmg_err *err)
{
	struct upper *u = calloc(1, sizeof *u);
	struct layers l;
	enum rmg_rc rc;

	if (u == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a container");
	u->root = root;
	u->wants = wants;
	rc = layers_open(u, &l, err);
	if (rc != RMG_OK) {
		free(u);
		return rc;
	}
	layers_done(&l);
	*out = u;
	return RMG_OK;
}

void upper_close(struct upper *u)
{
	if (u == NULL)
		return;
	VEC_DONE(&u->entries);
	map_done(&u->by_path);
	free(u);
}

void upper_walk_done(struct upper_walk *w)
{
	VEC_DONE(&w->changes);
	arena_done(&w->arena);
	*w = (struct upper_walk){0};
}

/* What lies below. */

enum below { BELOW_NOTHING, BELOW_HIDDEN, BELOW_FOUND };

/* One layer's folder of a path; *opaque where one on the way hides what is below it. */
static enum below walk_down(int layer, struct span path, int *dir, bool *opaque)
{
	struct span rest = span_dirname(path), name;
	char text[256];
	int fd = openat(layer, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), next;
	int why;

	while (fd >= 0 && span_next(&rest, '/', &name)) {
		if (name.n >= sizeof text || span_is(name, S("..")) || name.n == 0) {
			close(fd);
			return BELOW_HIDDEN;
		}
		memcpy(text, name.p, name.n);
		text[name.n] = '\0';
		next = openat(fd, text, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		why = errno;
		close(fd);
		/* A whiteout, a file or a link is there in place of a folder. */
		if (next < 0)
			return why == ENOENT ? BELOW_NOTHING : BELOW_HIDDEN;
		*opaque |= overlay_mark(next, "opaque", 'y');
		fd = next;
	}
	*dir = fd;
	return fd >= 0 ? BELOW_FOUND : BELOW_HIDDEN;
}

static bool base_name(struct span path, char name[256])
{
	struct span base = span_basename(path);

	if (base.n == 0 || base.n >= 256)
		return false;
	memcpy(name, base.p, base.n);
	name[base.n] = '\0';
	return true;
}

/* The file of the image at a path: its status, and a descriptor where it is a regular file and fd
 * is asked for. */
static bool below(const struct layers *l, struct span path, struct stat *st, int *fd)
{
	char name[256];

	if (!base_name(path, name))
		return false;
	for (size_t i = 0; i < l->n_lowers; i++) {
		bool opaque = false, found;
		int dir;
		enum below how = walk_down(l->lowers[i], path, &dir, &opaque);

		if (how == BELOW_HIDDEN)
			return false;
		if (how == BELOW_NOTHING) {
			if (opaque)
				return false;
			continue;
		}
		found = fstatat(dir, name, st, AT_SYMLINK_NOFOLLOW) == 0;
		if (found && fd && S_ISREG(st->st_mode))
			*fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		close(dir);
		if (found)
			return !overlay_is_whiteout(st);
		if (opaque)
			return false;
	}
	return false;
}

static size_t read_at(int fd, uint8_t *p, size_t n, uint64_t at)
{
	size_t have = 0;

	while (have < n) {
		ssize_t got = pread(fd, p + have, n - have, (off_t)(at + have));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		have += (size_t)got;
	}
	return have;
}

/* What cannot be read is not the same. */
static bool same_bytes(int a, int b, uint64_t size)
{
	uint8_t *buf = malloc((size_t)2 * PIECE_BYTES);
	uint64_t at = 0;
	bool same = buf != NULL;

	while (same && at < size) {
		size_t n = (size_t)MIN_OF(size - at, (uint64_t)PIECE_BYTES);

		same = read_at(a, buf, n, at) == n && read_at(b, buf + PIECE_BYTES, n, at) == n &&
		       memcmp(buf, buf + PIECE_BYTES, n) == 0;
		at += n;
	}
	free(buf);
	return same;
}

static bool is_wanted(const struct upper *u, struct span path, const struct stat *st, int fd)
{
	uint8_t head[HEAD_BYTES];
	size_t n = read_at(fd, head, (size_t)MIN_OF((uint64_t)st->st_size, sizeof head), 0);

	return lib_wants(u->wants, path, st->st_mode & 07777, (uint64_t)st->st_size,
			 span_of(head, n));
}

static enum upper_what compare(const struct upper *u, const struct layers *l, struct span path,
			       int fd, const struct stat *st)
{
	struct stat old;
	int old_fd = -1;
	enum upper_what what = UPPER_CHANGED;

	if (!below(l, path, &old, &old_fd))
		return is_wanted(u, path, st, fd) ? UPPER_NEW : UPPER_PLAIN;
	if (old_fd >= 0 && old.st_size == st->st_size &&
	    same_bytes(fd, old_fd, (uint64_t)st->st_size))
		what = UPPER_PLAIN;
	if (old_fd >= 0)
		close(old_fd);
	return what;
}

/* A file of the folder that is written to; -1: errno says why. */
static int open_written(const struct upper *u, struct span path)
{
	int layer = open_upper(u), dir = -1, fd = -1, why = ENOENT;
	bool opaque = false;
	char name[256];

	if (layer >= 0 && base_name(path, name) &&
	    walk_down(layer, path, &dir, &opaque) == BELOW_FOUND) {
		fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		why = errno;
		close(dir);
	}
	if (layer >= 0)
		close(layer);
	errno = why;
	return fd;
}

/* Whether the container wrote a file there, or changed one. */
static bool is_written(const struct upper *u, struct span path)
{
	int fd = open_written(u, path);
	bool written;

	if (fd < 0)
		return errno == ELOOP; /* a link by now */
	written = !overlay_mark(fd, "metacopy", 0);
	close(fd);
	return written;
}
enum upper_what upper_of_file(const struct upper *u, struct span path, int fd)
{
	return is_written(u, path) ? upper_of_deleted(u, path, fd) : UPPER_PLAIN;
}

enum upper_what upper_of_deleted(const struct upper *u, struct span path, int fd)
{
	struct stat st, old;
	struct layers l;
	int old_fd = -1;
	enum upper_what what = UPPER_CHANGED;

	if (layers_open(u, &l, NULL) != RMG_OK)
		return what;
	if (!below(&l, path, &old, &old_fd))
		what = UPPER_NEW;
	else if (old_fd >= 0 && fstat(fd, &st) == 0 && old.st_size == st.st_size &&
		 same_bytes(fd, old_fd, (uint64_t)st.st_size))
		what = UPPER_PLAIN;
	if (old_fd >= 0)
		close(old_fd);
	layers_done(&l);
	return what;
}

/* The walk. */

struct level {
	DIR *dir;
	size_t path_n;
};

struct walk {
	struct upper *u;
	struct layers layers;
	const struct upper_opts *opts;
	struct upper_walk *out;
	struct map by_path; /* of what is found now */
	VEC(struct entry) entries;
	struct level levels[DEPTH];
	size_t depth, n_folders;
	uint8_t path[LIMIT_PATH_BYTES_MAX];
	size_t path_n;
	struct rmg_err *err;
};

static struct span path_of(const struct walk *w)
{
	return span_of(w->path, w->path_n);
}

static enum rmg_rc no_memory(const struct walk *w)
{
	return err_set(w->err, RMG_E_NOMEM, "no memory for the changes in a container");
}

static enum rmg_rc keep(struct walk *w, const struct entry *e)
{
	struct upper_walk *out = w->out;

	if (!map_set(&w->by_path, e->path, (uint32_t)w->entries.n) || !VEC_PUSH(&w->entries, *e))
		return no_memory(w);
	if (e->what == UPPER_PLAIN)
		return RMG_OK;
	out->state += hash_mix(e->path + hash_mix(e->inode + hash_mix(e->size) +
						  hash_mix((uint64_t)e->changed_ns + e->what)));
	if (e->what == UPPER_NEW)
		return RMG_OK;
	if (!VEC_PUSH(&out->changes,
		      (struct upper_change){arena_dup(&out->arena, path_of(w)), e->what}) ||
	    arena_rc(&out->arena) != RMG_OK)
		return no_memory(w);
	return RMG_OK;
}

static struct entry entry_of(const struct walk *w, const struct stat *st)
{
	/* Of the status: a file's own time can be set back. */
	int64_t changed_ns = st->st_ctim.tv_sec * INT64_C(1000000000) + st->st_ctim.tv_nsec;

	return (struct entry){
	    .path = path_hash(path_of(w)),
	    .inode = (uint64_t)st->st_ino,
	    .size = (uint64_t)st->st_size,
	    .changed_ns = changed_ns,
	    .fresh = clock_ms() - changed_ns / 1000000 < FRESH_MS,
	};
}

/* It was looked at before, and has not changed since. */
static bool is_known(const struct walk *w, struct entry *e)
{
	uint32_t i = map_find(&w->u->by_path, e->path);
	const struct entry *old = i == MAP_NONE ? NULL : &w->u->entries.v[i];

	if (old == NULL || old->fresh || old->inode != e->inode || old->size != e->size ||
	    old->changed_ns != e->changed_ns)
		return false;
	e->what = old->what;
	return true;
}

static enum rmg_rc look_at_file(struct walk *w, int dir, const char *name, const struct stat *seen)
{
	struct entry e = entry_of(w, seen);
	struct stat st;
	int fd;

	if (is_known(w, &e))
		return keep(w, &e);
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return RMG_OK; /* gone again; the next walk sees what is there then */
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && !overlay_mark(fd, "metacopy", 0)) {
		e = entry_of(w, &st);
		e.what = compare(w->u, &w->layers, path_of(w), fd, &st);
	}
	close(fd);
	return keep(w, &e);
}

/* A name that hides one of the image, or a link or a device in its place. */
static enum rmg_rc look_at_other(struct walk *w, const struct stat *st)
{
	struct entry e = entry_of(w, st);
	struct stat old;

	if (!is_known(w, &e) && below(&w->layers, path_of(w), &old, NULL)) {
		if (overlay_is_whiteout(st))
			e.what = UPPER_GONE;
		else if (S_ISREG(old.st_mode))
			e.what = UPPER_CHANGED;
	}
	return keep(w, &e);
}

/* A folder that was taken away and made again hides all that the image had in it. */
static enum rmg_rc look_at_opaque(struct walk *w, int fd, const struct stat *st)
{
	struct entry e = entry_of(w, st);
	struct stat old;

	if (!overlay_mark(fd, "opaque", 'y') || !below(&w->layers, path_of(w), &old, NULL))
		return RMG_OK;
	e.what = UPPER_GONE;
	e.size = 0;
	e.changed_ns = 0; /* its times are of what comes and goes in it */
	return keep(w, &e);
}

static void watch(struct walk *w, int fd)
{
	if (w->opts->watch && ++w->n_folders <= LIMIT_UPPER_FOLDERS)
		(void)w->opts->watch(w->opts->user, fd);
}

static enum rmg_rc enter(struct walk *w, int fd, size_t path_n)
{
	struct level *l = &w->levels[w->depth];

	if (w->depth == DEPTH) {
		w->out->cut = true;
		close(fd);
		w->path_n = path_n;
		return RMG_OK;
	}
	watch(w, fd);
	l->dir = fdopendir(fd);
	if (l->dir == NULL) {
		close(fd);
		return no_memory(w);
	}
	l->path_n = path_n;
	w->depth++;
	return RMG_OK;
}

static enum rmg_rc look_at_folder(struct walk *w, int dir, const char *name, size_t path_n)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	enum rmg_rc rc = RMG_OK;

	if (fd >= 0 && fstat(fd, &st) == 0)
		rc = look_at_opaque(w, fd, &st);
	if (fd >= 0 && rc == RMG_OK)
		return enter(w, fd, path_n);
	if (fd >= 0)
		close(fd);
	w->path_n = path_n;
	return rc;
}

static bool append(struct walk *w, const char *name)
{
	size_t n = strlen(name), slash = w->path_n != 0;

	if (w->path_n + slash + n > sizeof w->path)
		return false;
	if (slash)
		w->path[w->path_n] = '/';
	memcpy(w->path + w->path_n + slash, name, n);
	w->path_n += slash + n;
	return true;
}

static enum rmg_rc look_at(struct walk *w, const char *name)
{
	int dir = dirfd(w->levels[w->depth - 1].dir);
	size_t path_n = w->path_n;
	struct stat st;
	enum rmg_rc rc = RMG_OK;

	if (w->out->n_files >= LIMIT_UPPER_FILES || !append(w, name)) {
		w->out->cut = true;
		return RMG_OK;
	}
	w->out->n_files++;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (S_ISDIR(st.st_mode))
			return look_at_folder(w, dir, name, path_n);
		rc = S_ISREG(st.st_mode) ? look_at_file(w, dir, name, &st) : look_at_other(w, &st);
	}
	w->path_n = path_n;
	return rc;
}

static void leave(struct walk *w)
{
	const struct level *l = &w->levels[--w->depth];

	w->path_n = l->path_n;
	closedir(l->dir);
}

static enum rmg_rc walk_all(struct walk *w)
{
	enum rmg_rc rc = RMG_OK;

	while (rc == RMG_OK && w->depth) {
		struct dirent *e = readdir(w->levels[w->depth - 1].dir);

		if (e == NULL)
			leave(w);
		else if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			rc = look_at(w, e->d_name);
		if (rc == RMG_OK && w->opts->stop && w->opts->stop(w->opts->user))
			rc = err_set(w->err, RMG_E_STOPPED, "stopped");
	}
	while (w->depth)
		leave(w);
	return rc;
}

/* What was found becomes what is known. */
static void take_over(struct walk *w)
{
	struct upper *u = w->u;

	VEC_DONE(&u->entries);
	map_done(&u->by_path);
	u->entries.v = w->entries.v;
	u->entries.n = w->entries.n;
	u->entries.cap = w->entries.cap;
	u->by_path = w->by_path;
}

static enum rmg_rc walk_from_top(struct walk *w)
{
	int fd =
	    w->layers.dir < 0 ? -1 : openat(w->layers.dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum rmg_rc rc = RMG_OK;

	if (fd >= 0)
		rc = enter(w, fd, 0);
	if (rc == RMG_OK)
		rc = walk_all(w);
	if (rc == RMG_OK) {
		take_over(w);
	} else {
		VEC_DONE(&w->entries);
		map_done(&w->by_path);
	}
	return rc;
}

enum rmg_rc upper_look(struct upper *u, const struct upper_opts *opts, struct upper_walk *out,
		       struct rmg_err *err)
{
	struct walk *w = calloc(1, sizeof *w);
	enum rmg_rc rc;

	*out = (struct upper_walk){0};
	arena_init(&out->arena, MIB(256));
	if (w == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for the changes in a container");
	w->u = u;
	w->opts = opts;
	w->out = out;
	w->err = err;
	rc = layers_open(u, &w->layers, err);
	if (rc == RMG_OK)
		rc = walk_from_top(w);
	layers_done(&w->layers);
	free(w);
	return rc;
}

bool upper_hash(const struct upper *u, struct span path, uint8_t sha256[32])
{
	int fd = open_written(u, path);
	bool good;

	if (fd < 0)
		return false;
	good = hash_fd(fd, sha256);
	close(fd);
	return good;
}
