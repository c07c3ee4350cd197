/* SPDX-License-Identifier: Apache-2.0 */
/* file.h - files and folders of this machine: bounded reads, maps, atomic writes, locks, XDG
 * folders.
 *
 * Paths are C strings of the caller. What is written by file_writer appears whole under its name or
 * not at all: a kill, a full disk or a lost power leaves the old file, at worst with a leftover
 * NAME.tmp-XXXXXX that the next writer of NAME removes. */
#ifndef IO_FILE_H
#define IO_FILE_H

#include <rummage.h>

#include "base/err.h"
#include "base/span.h"
#include "base/strbuf.h"

/* What tells a file from the one that had its name before, as far as the file system knows. */
struct file_id {
	uint64_t bytes, inode;
	int64_t mtime_ns; /* since 1970 */
};

/* Of the file at a path relative to a folder's descriptor; false where there is none. */
MUST bool file_id_at(int dir_fd, const char *name, struct file_id *out);

/* Whole content into malloc'ed memory, a NUL after it (not counted); above max_bytes is
 * RMG_E_LIMIT, a missing file RMG_E_NOTFOUND. Only regular files. */
MUST enum rmg_rc file_read(const char *path, size_t max_bytes, struct span *out,
			   struct rmg_err *err);
void file_free(struct span *content);

/* The first line of a file that holds a secret, without white space around it, behind what out has;
 * at most FILE_SECRET_BYTES. Whether out had room it says itself. */
enum { FILE_SECRET_BYTES = 65536 };
MUST enum rmg_rc file_first_line(const char *path, struct strbuf *out, struct rmg_err *err);

/* The same relative to a folder's descriptor, into a buffer that is kept and grows: no allocation
 * a file. Ends with free(buf->p). */
struct file_buf {
	uint8_t *p;
	size_t cap;
	struct file_id id; /* of the file that was read last, before its content */
};
MUST enum rmg_rc file_read_at(int dir_fd, const char *name, size_t max_bytes, struct file_buf *buf,
			      struct span *out, struct rmg_err *err);

/* A regular file mapped read-only; an empty one gives the empty span. */
struct file_map {
	struct span bytes;
	struct file_id id;
};
MUST enum rmg_rc file_map(const char *path, struct file_map *out, struct rmg_err *err);
MUST enum rmg_rc file_map_at(int dir_fd, const char *name, struct file_map *out,
			     struct rmg_err *err);
void file_unmap(struct file_map *m);

/* Atomic replacement: open, put…, commit (fsync, rename, fsync of the folder). file_writer_done()
 * without commit removes the temporary file. Failures are sticky; commit tells them. */
struct file_writer {
	int fd;
	char *path, *temp;
	enum rmg_rc rc;
	int os_errno;
};
MUST enum rmg_rc file_writer_open(struct file_writer *w, const char *path, struct rmg_err *err);
void file_writer_put(struct file_writer *w, struct span bytes);
MUST enum rmg_rc file_writer_commit(struct file_writer *w, struct rmg_err *err);
void file_writer_done(struct file_writer *w);

MUST enum rmg_rc file_write(const char *path, struct span bytes, struct rmg_err *err);

/* Creates the folder and those above it (0777 less umask). */
MUST enum rmg_rc file_mkdirs(const char *path, struct rmg_err *err);

/* An exclusive lock on a file that is created for it and stays; held until file_unlock() or the
 * process ends. RMG_E_NOTFOUND where another holds it and wait is false. */
MUST enum rmg_rc file_lock(const char *path, bool wait, int *fd, struct rmg_err *err);
void file_unlock(int *fd);

bool file_exists(const char *path);

/* dir + "/" + name, malloc'ed; NULL: no memory. */
MUST char *file_join(const char *dir, const char *name);

/* $XDG_CACHE_HOME/rummage or ~/.cache/rummage, for root /var/cache/rummage; state:
 * $XDG_STATE_HOME/rummage or ~/.local/state/rummage, for root /var/lib/rummage. The variable wins
 * for root as well. false where it does not fit or no home is known. Nothing is created. */
MUST bool file_cache_dir(char *buf, size_t n);
MUST bool file_state_dir(char *buf, size_t n);

#endif
