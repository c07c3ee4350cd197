/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/extent.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PIECE_BYTES = 256 << 10 };

int extent_open_below(int dir, const char *name, int flags)
{
	struct open_how how = {.flags = (unsigned)flags | O_CLOEXEC,
			       .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
	int fd = (int)syscall(SYS_openat2, dir, name, &how, sizeof how);

	if (fd < 0 && errno == ENOSYS)
		fd = openat(dir, name, flags | O_NOFOLLOW | O_CLOEXEC);
	return fd;
}

enum rmg_rc extent_below(int dir, const char *name, struct extent *out, struct rmg_err *err)
{
	int fd = extent_open_below(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return err_os(err, errno == ENOENT ? RMG_E_NOTFOUND : RMG_E_IO, "%s", name);
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return err_set(err, RMG_E_IO, "%s is no regular file", name);
	}
	*out = (struct extent){.fd = fd, .owned = true, .size_bytes = (uint64_t)st.st_size};
	return RMG_OK;
}

void extent_close(struct extent *e)
{
	if (e->owned && e->fd >= 0)
		close(e->fd);
	e->fd = -1;
}

enum rmg_rc extent_pread(int fd, uint8_t *p, size_t n, uint64_t offset, size_t *got,
			 struct rmg_err *err)
{
	size_t have = 0;

	while (have < n) {
		ssize_t r = pread(fd, p + have, n - have, (off_t)(offset + have));

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return err_os(err, RMG_E_IO, "read");
		if (r == 0)
			break;
		have += (size_t)r;
	}
	*got = have;
	return RMG_OK;
}

/* Exactly n bytes. */
static enum rmg_rc read_at(int fd, uint8_t *p, size_t n, uint64_t offset, struct rmg_err *err)
{
	size_t got = 0;
	enum rmg_rc rc = extent_pread(fd, p, n, offset, &got, err);

	if (rc == RMG_OK && got < n)
		rc = err_set(err, RMG_E_IO, "the file ends at byte %" PRIu64 ", too early",
			     offset + got);
	return rc;
}

enum rmg_rc extent_read(const struct extent *e, struct source *s, source_sink *sink, void *user,
			struct rmg_err *err)
{
	uint8_t *piece = malloc(PIECE_BYTES);
	enum rmg_rc rc = RMG_OK;

	if (piece == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory to read a blob");
	for (uint64_t at = 0; rc == RMG_OK && at < e->size_bytes;) {
		size_t n = (size_t)MIN_OF(e->size_bytes - at, (uint64_t)PIECE_BYTES);

		if (source_stopped(s))
			rc = err_set(err, RMG_E_STOPPED, "stopped");
		else
			rc = read_at(e->fd, piece, n, e->offset + at, err);
		if (rc == RMG_OK)
			rc = sink(user, span_of(piece, n), err);
		at += n;
	}
	free(piece);
	return rc;
}

enum rmg_rc extent_load(const struct extent *e, uint64_t max_bytes, struct arena *arena,
			struct span *out, struct rmg_err *err)
{
	uint8_t *p;
	enum rmg_rc rc;

	if (e->size_bytes > max_bytes)
		return err_set(err, RMG_E_LIMIT,
			       "%" PRIu64 " bytes, and %" PRIu64 " are read at most", e->size_bytes,
			       max_bytes);
	p = arena_bytes(arena, (size_t)e->size_bytes);
	if (p == NULL)
		return err_set(err, arena_rc(arena), "no memory for %" PRIu64 " bytes",
			       e->size_bytes);
	rc = read_at(e->fd, p, (size_t)e->size_bytes, e->offset, err);
	if (rc == RMG_OK)
		*out = span_of(p, (size_t)e->size_bytes);
	return rc;
}
