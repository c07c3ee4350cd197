/* SPDX-License-Identifier: Apache-2.0 */
#include "io/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/env.h"

static struct file_id id_of(const struct stat *st)
{
	return (struct file_id){
	    .bytes = (uint64_t)st->st_size,
	    .inode = (uint64_t)st->st_ino,
	    .mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec,
	};
}

bool file_id_at(int dir_fd, const char *name, struct file_id *out)
{
	struct stat st;

	if (fstatat(dir_fd, name, &st, 0) != 0)
		return false;
	*out = id_of(&st);
	return true;
}

/* Opens a regular file and tells its size. */
static enum rmg_rc open_regular(int dir_fd, const char *path, int *fd, struct file_id *id,
				struct rmg_err *err)
{
	struct stat st;
	/* A named pipe must not hold us up before we know that it is one. */
	int got = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (got < 0)
		return err_os(err, errno == ENOENT ? RMG_E_NOTFOUND : RMG_E_IO, "%s", path);
	if (fstat(got, &st) != 0) {
		err_os(err, RMG_E_IO, "%s", path);
		close(got);
		return RMG_E_IO;
	}
	if (!S_ISREG(st.st_mode)) {
		close(got);
		return err_set(err, RMG_E_IO, "%s is not a regular file", path);
	}
	*fd = got;
	*id = id_of(&st);
	return RMG_OK;
}

static bool grow(struct file_buf *buf, size_t n)
{
	size_t cap = MAX_OF(buf->cap * 2, MAX_OF(n, (size_t)4096));
	uint8_t *p;

	if (n <= buf->cap)
		return true;
	p = realloc(buf->p, cap);
	if (p == NULL)
		return false;
	buf->p = p;
	buf->cap = cap;
	return true;
}

/* Reads to the end, which may have moved since the size was asked for. */
static enum rmg_rc read_all(int fd, const char *name, uint64_t size, size_t max_bytes,
			    struct file_buf *buf, size_t *n, struct rmg_err *err)
{
	ssize_t got;

	*n = 0;
	if (size > max_bytes)
		return err_set(err, RMG_E_LIMIT, "%s has more than %zu bytes", name, max_bytes);
	do {
		if (!grow(buf, MAX_OF(*n + 2, (size_t)size + 2)))
			return err_set(err, RMG_E_NOMEM, "no memory for %s", name);
		got = read(fd, buf->p + *n, buf->cap - 1 - *n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_os(err, RMG_E_IO, "%s", name);
		*n += (size_t)got;
		if (*n > max_bytes)
			return err_set(err, RMG_E_LIMIT, "%s has more than %zu bytes", name,
				       max_bytes);
	} while (got != 0 && (size == 0 || *n != size)); /* files of /proc say 0 */
	buf->p[*n] = '\0';
	return RMG_OK;
}

enum rmg_rc file_read_at(int dir_fd, const char *name, size_t max_bytes, struct file_buf *buf,
			 struct span *out, struct rmg_err *err)
{
	size_t n;
	int fd;
	enum rmg_rc rc = open_regular(dir_fd, name, &fd, &buf->id, err);

	if (rc != RMG_OK)
		return rc;
	rc = read_all(fd, name, buf->id.bytes, max_bytes, buf, &n, err);
	close(fd);
	if (rc == RMG_OK)
		*out = span_of(buf->p, n);
	return rc;
}

enum rmg_rc file_read(const char *path, size_t max_bytes, struct span *out, struct rmg_err *err)
{
	struct file_buf buf = {0};
	enum rmg_rc rc = file_read_at(AT_FDCWD, path, max_bytes, &buf, out, err);

	if (rc != RMG_OK)
		free(buf.p);
	return rc;
}

enum rmg_rc file_first_line(const char *path, struct strbuf *out, struct rmg_err *err)
{
	struct span text, rest, line = {0};
	enum rmg_rc rc = file_read(path, FILE_SECRET_BYTES, &text, err);

	if (rc != RMG_OK)
		return rc;
	rest = text;
	if (span_next(&rest, '\n', &line))
		strbuf_put(out, span_trim(line));
	file_free(&text);
	return RMG_OK;
}

void file_free(struct span *content)
{
	free((void *)(uintptr_t)content->p);
	*content = (struct span){0};
}

enum rmg_rc file_map_at(int dir_fd, const char *path, struct file_map *out, struct rmg_err *err)
{
	struct file_id id;
	uint64_t size;
	void *p;
	int fd;
	enum rmg_rc rc = open_regular(dir_fd, path, &fd, &id, err);

	if (rc != RMG_OK)
		return rc;
	size = id.bytes;
	if (size == 0 || size > SIZE_MAX / 2) {
		close(fd);
		if (size)
			return err_set(err, RMG_E_LIMIT, "%s is too large", path);
		*out = (struct file_map){.id = id};
		return RMG_OK;
	}
	p = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED) {
		err_os(err, RMG_E_IO, "map %s", path);
		close(fd);
		return RMG_E_IO;
	}
	close(fd);
	out->bytes = span_of(p, (size_t)size);
	out->id = id;
	return RMG_OK;
}

enum rmg_rc file_map(const char *path, struct file_map *out, struct rmg_err *err)
{
	return file_map_at(AT_FDCWD, path, out, err);
}

void file_unmap(struct file_map *m)
{
	if (m->bytes.n)
		munmap((void *)(uintptr_t)m->bytes.p, m->bytes.n);
	*m = (struct file_map){0};
}

char *file_join(const char *dir, const char *name)
{
	size_t n = strlen(dir) + strlen(name) + 2;
	char *p = malloc(n);

	if (p)
		snprintf(p, n, "%s/%s", dir, name);
	return p;
}

bool file_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

/* The folder of a path as a C string: "." where it names none. */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return strdup(".");
	return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* What a writer that was killed left behind: NAME.tmp-XXXXXX, unless somebody still holds its lock.
 */
static void remove_leftovers(const char *path)
{
	char *dir = folder_of(path);
	const char *slash = strrchr(path, '/');
	struct span name = span_cstr(slash ? slash + 1 : path);
	DIR *d = dir ? opendir(dir) : NULL;

	for (struct dirent *e; d && (e = readdir(d)) != NULL;) {
		struct span found = span_cstr(e->d_name);
		int fd;

		if (found.n != name.n + 11 || !span_starts(found, name) ||
		    !span_starts(span_from(found, name.n), S(".tmp-")))
			continue;
		fd = openat(dirfd(d), e->d_name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
		if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
			unlinkat(dirfd(d), e->d_name, 0);
		if (fd >= 0)
			close(fd);
	}
	if (d)
		closedir(d);
	free(dir);
}

/* Files that mkostemp makes are the owner's alone; ours are as open as the umask lets them be. */
static void open_up(int fd)
{
	mode_t mask = umask(0);

	umask(mask);
	if (fchmod(fd, 0666 & ~mask) != 0)
		errno = 0;
}

enum rmg_rc file_writer_open(struct file_writer *w, const char *path, struct rmg_err *err)
{
	size_t n = strlen(path) + sizeof ".tmp-XXXXXX";

	*w = (struct file_writer){.fd = -1, .path = strdup(path), .temp = malloc(n)};
	if (w->path == NULL || w->temp == NULL) {
		free(w->path);
		free(w->temp);
		*w = (struct file_writer){.fd = -1};
		return err_set(err, RMG_E_NOMEM, "no memory to write %s", path);
	}
	remove_leftovers(path);
	snprintf(w->temp, n, "%s.tmp-XXXXXX", path);
	w->fd = mkostemp(w->temp, O_CLOEXEC);
	if (w->fd < 0) {
		err_os(err, RMG_E_IO, "create %s", w->temp);
		w->temp[0] = '\0';
		file_writer_done(w);
		return RMG_E_IO;
	}
	if (flock(w->fd, LOCK_EX | LOCK_NB) != 0)
		errno = 0; /* a file system without locks: leftovers stay there */
	open_up(w->fd);
	return RMG_OK;
}

void file_writer_put(struct file_writer *w, struct span bytes)
{
	while (w->rc == RMG_OK && bytes.n) {
		ssize_t n = write(w->fd, bytes.p, MIN_OF(bytes.n, (size_t)1 << 24));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			w->rc = RMG_E_IO;
			w->os_errno = errno;
			return;
		}
		bytes = span_from(bytes, (size_t)n);
	}
}

static bool sync_folder(const char *path)
{
	char *dir = folder_of(path);
	int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	/* Some file systems cannot sync a folder and say EINVAL. */
	bool good = fd >= 0 && (fsync(fd) == 0 || errno == EINVAL);

	if (fd >= 0)
		close(fd);
	free(dir);
	return good;
}

enum rmg_rc file_writer_commit(struct file_writer *w, struct rmg_err *err)
{
	if (w->rc == RMG_OK && (fsync(w->fd) != 0 || rename(w->temp, w->path) != 0)) {
		w->rc = RMG_E_IO;
		w->os_errno = errno;
	}
	if (w->rc != RMG_OK) {
		errno = w->os_errno;
		err_os(err, w->rc, "write %s", w->path);
		return w->rc;
	}
	w->temp[0] = '\0';
	if (!sync_folder(w->path))
		return err_os(err, RMG_E_IO, "sync the folder of %s", w->path);
	return RMG_OK;
}

void file_writer_done(struct file_writer *w)
{
	if (w->temp && w->temp[0])
		unlink(w->temp);
	if (w->fd >= 0 && w->path)
		close(w->fd);
	free(w->path);
	free(w->temp);
	*w = (struct file_writer){.fd = -1};
}

enum rmg_rc file_write(const char *path, struct span bytes, struct rmg_err *err)
{
	struct file_writer w;
	enum rmg_rc rc = file_writer_open(&w, path, err);

	if (rc != RMG_OK)
		return rc;
	file_writer_put(&w, bytes);
	rc = file_writer_commit(&w, err);
	file_writer_done(&w);
	return rc;
}

enum rmg_rc file_mkdirs(const char *path, struct rmg_err *err)
{
	char *copy = strdup(path);
	struct stat st;

	if (copy == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for %s", path);
	for (char *at = copy; *at; at++) {
		if (*at != '/' || at == copy)
			continue;
		*at = '\0';
		(void)!mkdir(copy, 0777); /* what is wrong with it the last one tells */
		*at = '/';
	}
	free(copy);
	if (mkdir(path, 0777) == 0 ||
	    (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode)))
		return RMG_OK;
	return err_os(err, RMG_E_IO, "create folder %s", path);
}

enum rmg_rc file_lock(const char *path, bool wait, int *fd, struct rmg_err *err)
{
	int got = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);

	if (got < 0)
		return err_os(err, RMG_E_IO, "open %s", path);
	while (flock(got, LOCK_EX | (wait ? 0 : LOCK_NB)) != 0) {
		enum rmg_rc rc = errno == EWOULDBLOCK ? RMG_E_NOTFOUND : RMG_E_IO;

		if (errno == EINTR)
			continue;
		if (rc == RMG_E_NOTFOUND)
			err_set(err, rc, "another process holds %s", path);
		else
			err_os(err, rc, "lock %s", path);
		close(got);
		return rc;
	}
	*fd = got;
	return RMG_OK;
}

void file_unlock(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* XDG Base Directory Specification: a relative path in a variable is ignored. */
static bool user_dir(const char *variable, const char *in_home, const char *of_root, char *buf,
		     size_t n)
{
	const char *dir = env_get(variable), *home = env_get("HOME");
	int len;

	if (dir && dir[0] == '/')
		len = snprintf(buf, n, "%s/rummage", dir);
	else if (geteuid() == 0)
		len = snprintf(buf, n, "%s", of_root);
	else if (home && home[0] == '/')
		len = snprintf(buf, n, "%s/%s/rummage", home, in_home);
	else
		return false;
	return len > 0 && (size_t)len < n;
}

bool file_cache_dir(char *buf, size_t n)
{
	return user_dir("XDG_CACHE_HOME", ".cache", "/var/cache/rummage", buf, n);
}

bool file_state_dir(char *buf, size_t n)
{
	return user_dir("XDG_STATE_HOME", ".local/state", "/var/lib/rummage", buf, n);
}
