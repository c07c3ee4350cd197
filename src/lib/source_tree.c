/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/source_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/map.h"
#include "format/sha256.h"
#include "format/tarw.h"
#include "lib/overlay_mark.h"

/* Who wants a file says so by this much of its beginning (catalog/layer.h). */
enum { PIECE_BYTES = 256 << 10, HEAD_BYTES = 4096 };

/* A folder being walked. */
struct level {
	DIR *dir;
	int fd;
	dev_t device;
	size_t path_n; /* of the path before it */
};

struct walk {
	struct source *source;
	bool overlay; /* the folder is a layer of one */
	bool whole;   /* it hides all layers below */
	struct tarw tar;
	source_sink *sink;
	void *user;
	struct rmg_err *err;
	enum rmg_rc rc; /* of the sink */
	struct level levels[256];
	size_t depth;
	uint8_t path[KIB(4)];
	size_t path_n;
	struct map links; /* of device and inode to a number in firsts: files with several names */
	VEC(struct span) firsts;
	struct arena arena;
	uint8_t *piece;
};

static struct span path_of(const struct walk *w)
{
	return span_of(w->path, w->path_n);
}

static bool put(void *user, struct span bytes)
{
	struct walk *w = user;

	w->rc = w->sink(w->user, bytes, w->err);
	return w->rc == RMG_OK;
}

PRINTF(3, 4)
static void lost(const struct walk *w, const char *code, const char *fmt, ...)
{
	char text[200];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	source_note(w->source, NOTE_LOST, code, path_of(w), "%s", text);
}

static void unreadable(const struct walk *w)
{
	char buf[96];

	/* Files come and go while a running system is read. */
	if (errno == ENOENT)
		return;
	lost(w, "rootfs-unreadable", "%s: what is in it is not known",
	     strerror_r(errno, buf, sizeof buf));
}

/* File systems without files that anybody installed. */
static const char *foreign_kind(int fd)
{
	static const struct {
		unsigned long magic;
		const char *name;
	} kinds[] = {
	    {PROC_SUPER_MAGIC, "proc"},
	    {SYSFS_MAGIC, "sysfs"},
	    {DEVPTS_SUPER_MAGIC, "devpts"},
	    {CGROUP_SUPER_MAGIC, "cgroup"},
	    {CGROUP2_SUPER_MAGIC, "cgroup2"},
	    {DEBUGFS_MAGIC, "debugfs"},
	    {TRACEFS_MAGIC, "tracefs"},
	    {SECURITYFS_MAGIC, "securityfs"},
	    {BPF_FS_MAGIC, "bpf"},
	    {HUGETLBFS_MAGIC, "hugetlbfs"},
	    {PSTOREFS_MAGIC, "pstore"},
	    {EFIVARFS_MAGIC, "efivarfs"},
	    {BINFMTFS_MAGIC, "binfmt_misc"},
	    {AUTOFS_SUPER_MAGIC, "autofs"},
	    {TMPFS_MAGIC, "tmpfs"},
	    {NSFS_MAGIC, "nsfs"},
	    {SELINUX_MAGIC, "selinuxfs"},
	    {0x19800202, "mqueue"},
	    {0x62656570, "configfs"},
	    {0x65735543, "fusectl"},
	    {0x67596969, "rpc_pipefs"},
	    {NFS_SUPER_MAGIC, "nfs"},
	    {SMB_SUPER_MAGIC, "smb"},
	    {0xff534d42, "cifs"},
	    {SMB2_SUPER_MAGIC, "smb2"},
	    {V9FS_MAGIC, "9p"},
	    {FUSE_SUPER_MAGIC, "fuse"},
	    {CEPH_SUPER_MAGIC, "ceph"},
	};
	struct statfs st;

	if (fstatfs(fd, &st) != 0)
		return "an unknown file system";
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if ((unsigned long)st.f_type == kinds[i].magic)
			return kinds[i].name;
	return NULL;
}

static enum rmg_rc entry(struct walk *w, const struct tar_entry *e)
{
	enum rmg_rc rc = tarw_entry(&w->tar, e, w->err);

	return w->rc != RMG_OK ? w->rc : rc;
}

static struct tar_entry entry_of(const struct walk *w, const struct stat *st, enum tar_type type)
{
	return (struct tar_entry){
	    .path = path_of(w),
	    .type = type,
	    .mode = st->st_mode & 07777,
	    .uid = st->st_uid,
	    .gid = st->st_gid,
	};
}

static enum rmg_rc whiteout(struct walk *w, struct span folder, struct span name)
{
	struct span path =
	    ARENA_JOIN(&w->arena, folder, folder.n ? S("/") : S(""), S(".wh."), name);
	struct tar_entry e = {.path = path, .type = TAR_FILE};

	if (arena_rc(&w->arena) != RMG_OK)
		return err_set(w->err, RMG_E_NOMEM, "no memory for whiteouts");
	return entry(w, &e);
}

/* What a file of a layer is besides its bytes: true where that is all. */
static bool is_overlays_own(struct walk *w, int fd, const struct stat *st, enum rmg_rc *rc)
{
	*rc = RMG_OK;
	if (!w->overlay)
		return false;
	if (st->st_size == 0 && overlay_mark(fd, "whiteout", 0)) {
		*rc = whiteout(w, span_dirname(path_of(w)), span_basename(path_of(w)));
		return true;
	}
	/* Only mode, owner or time changed: the bytes are those of the layer below. */
	if (!overlay_mark(fd, "metacopy", 0))
		return false;
	if (overlay_mark(fd, "redirect", 0))
		lost(w, "overlay-redirect", "was renamed: its bytes are elsewhere below");
	return true;
}

/* A second name of a file that has been sent: the first one; "" where it is the first. */
static bool first_name(struct walk *w, const struct stat *st, struct span *out)
{
	uint64_t key = hash_mix(hash_mix((uint64_t)st->st_dev) + (uint64_t)st->st_ino);
	uint32_t have;

	*out = (struct span){0};
	if (st->st_nlink < 2)
		return true;
	have = map_find(&w->links, key);
	if (have != MAP_NONE) {
		*out = w->firsts.v[have];
		return true;
	}
	return map_set(&w->links, key, (uint32_t)w->firsts.n) &&
	       VEC_PUSH(&w->firsts, arena_dup(&w->arena, path_of(w))) &&
	       arena_rc(&w->arena) == RMG_OK;
}

/* Up to n bytes; 0 at the end. A failure has been noted and reads as the end. */
static size_t read_some(struct walk *w, int fd, uint8_t *p, size_t n)
{
	size_t have = 0;

	while (have < n) {
		ssize_t got = read(fd, p + have, n - have);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			unreadable(w);
		if (got <= 0)
			break;
		have += (size_t)got;
	}
	return have;
}

/* Exactly size bytes, whatever has become of the file meanwhile. */
static enum rmg_rc send_content(struct walk *w, int fd, uint64_t size, size_t have)
{
	uint64_t sent = 0;
	enum rmg_rc rc = RMG_OK;

	while (rc == RMG_OK && sent < size) {
		size_t n = (size_t)MIN_OF(size - sent, (uint64_t)PIECE_BYTES);

		if (have == 0)
			have = read_some(w, fd, w->piece, n);
		n = MIN_OF(n, have);
		if (n == 0) {
			lost(w, "rootfs-changed",
			     "became %" PRIu64 " bytes shorter while it was read", size - sent);
			n = (size_t)MIN_OF(size - sent, (uint64_t)PIECE_BYTES);
			memset(w->piece, 0, n);
		}
		rc = tarw_data(&w->tar, span_of(w->piece, n), w->err);
		sent += n;
		have = 0;
	}
	return w->rc != RMG_OK ? w->rc : rc;
}

static enum rmg_rc send_file(struct walk *w, int fd, const struct stat *st)
{
	const struct source_env *env = &w->source->env;
	struct tar_entry e = entry_of(w, st, TAR_FILE);
	size_t head = (size_t)MIN_OF((uint64_t)st->st_size, (uint64_t)HEAD_BYTES);
	enum rmg_rc rc;

	head = read_some(w, fd, w->piece, head);
	e.size = (uint64_t)st->st_size;
	e.sparse = e.size && env->wanted &&
		   !env->wanted(env->user, e.path, e.mode, e.size, span_of(w->piece, head));
	rc = entry(w, &e);
	return rc == RMG_OK && !e.sparse ? send_content(w, fd, e.size, head) : rc;
}

static enum rmg_rc walk_file(struct walk *w, int dir, const char *name, const struct stat *seen)
{
	struct tar_entry e = entry_of(w, seen, TAR_HARDLINK);
	struct stat st;
	int fd;
	enum rmg_rc rc;

	if (!first_name(w, seen, &e.link))
		return err_set(w->err, RMG_E_NOMEM, "no memory for hard links");
	if (e.link.n && !w->overlay)
		return entry(w, &e);
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		unreadable(w);
		if (fd >= 0)
			close(fd);
		return RMG_OK;
	}
	if (!is_overlays_own(w, fd, &st, &rc))
		rc = e.link.n ? entry(w, &e) : send_file(w, fd, &st);
	close(fd);
	return rc;
}

static enum rmg_rc walk_link(struct walk *w, int dir, const char *name, const struct stat *st)
{
	struct tar_entry e = entry_of(w, st, TAR_SYMLINK);
	char target[KIB(4)];
	ssize_t n = readlinkat(dir, name, target, sizeof target);

	if (n <= 0) {
		unreadable(w);
		return RMG_OK;
	}
	e.link = span_of(target, (size_t)n);
	return entry(w, &e);
}

/* What a folder of a layer hides of those below. */
static enum rmg_rc mark_folder(struct walk *w, int fd)
{
	if (!w->overlay)
		return RMG_OK;
	if (overlay_mark(fd, "redirect", 0))
		lost(w, "overlay-redirect", "was renamed: what it had before is elsewhere below");
	return overlay_mark(fd, "opaque", 'y') ? whiteout(w, path_of(w), S(".wh..opq")) : RMG_OK;
}

/* Goes down one folder, or says why not. */
static enum rmg_rc enter(struct walk *w, int fd, const struct stat *st, size_t path_n)
{
	const char *kind = w->depth ? foreign_kind(fd) : NULL;
	struct level *l = &w->levels[w->depth];

	if (w->depth && st->st_dev != w->levels[w->depth - 1].device && kind) {
		source_note(w->source, NOTE_INFO, "rootfs-mount", path_of(w),
			    "a mount of %s: it is not part of what is installed here", kind);
		close(fd);
		return RMG_OK;
	}
	if (w->depth == COUNT_OF(w->levels)) {
		lost(w, "rootfs-depth", "folders more than %zu deep are not read", w->depth);
		close(fd);
		return RMG_OK;
	}
	l->dir = fdopendir(fd);
	if (l->dir == NULL) {
		close(fd);
		return err_os(w->err, RMG_E_NOMEM, "read a folder");
	}
	l->fd = fd;
	l->device = st->st_dev;
	l->path_n = path_n;
	w->depth++;
	return RMG_OK;
}

static enum rmg_rc walk_folder(struct walk *w, int dir, const char *name, const struct stat *seen,
			       size_t path_n)
{
	struct tar_entry e = entry_of(w, seen, TAR_DIR);
	enum rmg_rc rc = entry(w, &e);
	struct stat st;
	int fd;

	if (rc != RMG_OK)
		return rc;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0) {
		unreadable(w);
		if (fd >= 0)
			close(fd);
		return RMG_OK;
	}
	rc = mark_folder(w, fd);
	if (rc != RMG_OK) {
		close(fd);
		return rc;
	}
	return enter(w, fd, &st, path_n);
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

/* One name of the innermost folder. */
static enum rmg_rc walk_name(struct walk *w, const char *name)
{
	int dir = w->levels[w->depth - 1].fd;
	size_t path_n = w->path_n;
	struct stat st;
	enum rmg_rc rc = RMG_OK;
	size_t depth = w->depth;

	if (!append(w, name)) {
		lost(w, "rootfs-path", "a path of more than %zu bytes is in it", sizeof w->path);
		return RMG_OK;
	}
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		unreadable(w);
	else if (S_ISREG(st.st_mode))
		rc = walk_file(w, dir, name, &st);
	else if (S_ISLNK(st.st_mode))
		rc = walk_link(w, dir, name, &st);
	else if (S_ISDIR(st.st_mode))
		rc = walk_folder(w, dir, name, &st, path_n);
	else if (w->overlay && overlay_is_whiteout(&st))
		rc = whiteout(w, span_dirname(path_of(w)), span_basename(path_of(w)));
	/* A folder that was entered takes its path away when it is left. */
	if (w->depth == depth)
		w->path_n = path_n;
	return rc;
}

static void leave(struct walk *w)
{
	struct level *l = &w->levels[--w->depth];

	closedir(l->dir);
	w->path_n = l->path_n;
}

static enum rmg_rc walk_all(struct walk *w)
{
	enum rmg_rc rc = RMG_OK;

	while (rc == RMG_OK && w->depth) {
		struct dirent *e;

		errno = 0;
		e = readdir(w->levels[w->depth - 1].dir);
		if (e == NULL && errno)
			unreadable(w);
		if (e == NULL)
			leave(w);
		else if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			rc = walk_name(w, e->d_name);
		if (source_stopped(w->source))
			rc = err_set(w->err, RMG_E_STOPPED, "stopped");
	}
	return rc;
}

static enum rmg_rc walk_root(struct walk *w, int root)
{
	struct stat st;
	int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum rmg_rc rc;

	if (fd < 0)
		return err_os(w->err, RMG_E_IO, "read the folder");
	if (fstat(fd, &st) != 0) {
		close(fd);
		return err_os(w->err, RMG_E_IO, "stat the folder");
	}
	rc = enter(w, fd, &st, 0);
	if (rc == RMG_OK && w->whole)
		rc = whiteout(w, S(""), S(".wh..opq"));
	if (rc == RMG_OK)
		rc = walk_all(w);
	while (w->depth)
		leave(w);
	if (rc == RMG_OK)
		rc = tarw_end(&w->tar, w->err);
	return w->rc != RMG_OK ? w->rc : rc;
}

enum rmg_rc source_tree_read(struct source *s, int dir, enum tree_kind kind, source_sink *sink,
			     void *user, struct rmg_err *err)
{
	struct walk *w = calloc(1, sizeof *w);
	enum rmg_rc rc;

	if (w == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory to walk a tree");
	w->source = s;
	w->overlay = kind == TREE_LAYER;
	w->whole = kind == TREE_WHOLE;
	w->sink = sink;
	w->user = user;
	w->err = err;
	w->piece = malloc(PIECE_BYTES);
	arena_init(&w->arena, MIB(256));
	tarw_init(&w->tar, put, w);
	rc = w->piece ? walk_root(w, dir) : err_set(err, RMG_E_NOMEM, "no memory to walk a tree");
	map_done(&w->links);
	VEC_DONE(&w->firsts);
	arena_done(&w->arena);
	free(w->piece);
	free(w);
	return rc;
}

void source_tree_name(struct source_layer *l, int fd, struct span path)
{
	struct statx st;
	char text[128];
	struct sha256 *h = sha256_new();

	if (h && statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &st) == 0 &&
	    (st.stx_mask & STATX_BTIME)) {
		snprintf(text, sizeof text, "folder %u:%u %llu %lld.%u ", st.stx_dev_major,
			 st.stx_dev_minor, (unsigned long long)st.stx_ino,
			 (long long)st.stx_btime.tv_sec, st.stx_btime.tv_nsec);
		sha256_put(h, span_cstr(text));
		sha256_put(h, path);
		sha256_end(h, l->key);
		l->has_key = true;
	}
	sha256_free(h);
}
