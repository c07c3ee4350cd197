/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/env.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/rd.h"
#include "box/box.h"
#include "format/codec.h"
#include "format/tar.h"
#include "io/file.h"
#include "lib/extent.h"
#include "model/facts.h"

enum { PIECE_BYTES = 256 << 10, LINK_HOPS = 8, NAMES_BYTES = 64 << 20 };

static struct box_opts box_opts_of(const struct rmg_opts *opts)
{
	return (struct box_opts){
	    .worker = opts->worker,
	    .no_sandbox = opts->no_sandbox,
	    .stop = opts->stop,
	    .user = opts->user,
	    .started = opts->started,
	    .started_user = opts->user,
	};
}

/* All of fd to a job of the worker; the result is what the job answers. */
static enum rmg_rc feed(enum wire_job kind, const struct box_opts *opts, int fd,
			struct span *result, struct rmg_err *err)
{
	struct box_job *job = NULL;
	uint8_t *piece = malloc(PIECE_BYTES);
	enum rmg_rc rc = piece ? box_start(kind, opts, &job, err)
			       : err_set(err, RMG_E_NOMEM, "no memory to read an archive");
	size_t n = 1;

	for (uint64_t at = 0; rc == RMG_OK && n; at += n) {
		rc = extent_pread(fd, piece, PIECE_BYTES, at, &n, err);
		if (rc == RMG_OK)
			rc = box_put(job, span_of(piece, n), err);
	}
	if (rc == RMG_OK)
		rc = box_finish(job, result, NULL, err);
	box_free(job);
	free(piece);
	return rc;
}

static enum rmg_rc add_member(struct archive *a, const struct wire_member *m, struct span path,
			      struct span target, struct arena *arena, struct rmg_err *err)
{
	struct archive_member *to = &a->members[a->n];
	uint8_t buf[KIB(4) + 1];
	struct span name;

	_Static_assert(sizeof buf > 4096, "LIMIT_PATH_BYTES");
	/* A name that is not normal is the name of nothing that we ask for. */
	if (!path_normal(path, buf, &name))
		return RMG_OK;
	if (m->type == TAR_FILE &&
	    (m->offset > a->size_bytes || m->size > a->size_bytes - m->offset))
		return err_set(err, RMG_E_FORMAT,
			       SPAN_FMT " does not lie inside the archive: it was cut",
			       SPAN_ARG(name));
	*to = (struct archive_member){
	    .name = arena_dup(arena, name),
	    .link = m->type != TAR_FILE,
	    .symbolic = m->type == TAR_SYMLINK,
	    .offset = m->offset,
	    .size_bytes = m->type == TAR_FILE ? m->size : 0,
	    .target = arena_dup(arena, target),
	};
	if (!map_set(&a->names, hash_span(name), (uint32_t)a->n))
		return err_set(err, RMG_E_NOMEM, "no memory for an archive's members");
	a->n++;
	return RMG_OK;
}

/* The next member of the worker's answer, which is not believed. */
static bool next_member(struct rd *r, struct wire_member *m, struct span *path, struct span *target)
{
	struct span head = rd_take(r, sizeof *m);

	if (head.n != sizeof *m)
		return false;
	memcpy(m, head.p, sizeof *m);
	*path = rd_take(r, m->path_bytes);
	*target = (struct span){0};
	if (m->type == TAR_SYMLINK || m->type == TAR_HARDLINK)
		*target = rd_take(r, m->size);
	return rd_ok(r);
}

static enum rmg_rc take_members(struct archive *a, struct span answer, struct arena *arena,
				struct rmg_err *err)
{
	struct rd count = rd_of(answer), r = rd_of(answer);
	struct wire_member m;
	struct span path, target;
	enum rmg_rc rc = RMG_OK;
	size_t n = 0;

	while (rd_more(&count))
		n += next_member(&count, &m, &path, &target);
	if (rd_end(&count) != RMG_OK)
		return err_set(err, RMG_E_SANDBOX, "the worker's list of members is broken");
	if (n > ARCHIVE_MEMBERS_MAX)
		return err_set(err, RMG_E_LIMIT, "the archive has %zu members, %d are read at most",
			       n, ARCHIVE_MEMBERS_MAX);
	a->members = ARENA_ARRAY(arena, n, struct archive_member);
	while (rc == RMG_OK && a->members && rd_more(&r) && next_member(&r, &m, &path, &target))
		if (m.type == TAR_FILE || m.type == TAR_SYMLINK || m.type == TAR_HARDLINK)
			rc = add_member(a, &m, path, target, arena, err);
	if (rc == RMG_OK && arena_rc(arena) != RMG_OK)
		rc = err_set(err, arena_rc(arena), "no memory for an archive's members");
	return rc;
}

static enum rmg_rc index_members(struct archive *a, const struct rmg_opts *opts,
				 struct arena *arena, struct rmg_err *err)
{
	struct box_opts box = box_opts_of(opts);
	struct span answer = {0};
	enum rmg_rc rc;

	box.max_bytes = NAMES_BYTES;
	rc = feed(JOB_INDEX, &box, a->fd, &answer, err);
	if (rc == RMG_OK)
		rc = take_members(a, answer, arena, err);
	free((void *)(uintptr_t)answer.p);
	return rc;
}

enum rmg_rc archive_spool(const struct rmg_opts *opts, int *fd, struct rmg_err *err)
{
	const char *temp = env_get("TMPDIR");
	const char *folders[] = {opts->cache_dir, NULL, temp ? temp : "/var/tmp", "/tmp"};
	char cache[4096];

	if (opts->cache_dir == NULL && file_cache_dir(cache, sizeof cache))
		folders[1] = cache;
	for (size_t i = 0; i < COUNT_OF(folders); i++) {
		int made = folders[i] ? open(folders[i], O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) : -1;

		if (made >= 0) {
			*fd = made;
			return RMG_OK;
		}
	}
	return err_os(err, RMG_E_IO, "no folder for a temporary file");
}

/* What unpacking is about: box.h has one user for all that it calls. */
struct unpacking {
	const struct rmg_opts *opts;
	int fd;
};

static bool stopped(void *user)
{
	const struct rmg_opts *opts = ((const struct unpacking *)user)->opts;

	return opts->stop && opts->stop(opts->user);
}

static enum rmg_rc write_out(void *user, struct span bytes, struct rmg_err *err)
{
	int fd = ((const struct unpacking *)user)->fd;

	while (bytes.n) {
		ssize_t n = write(fd, bytes.p, bytes.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_os(err, RMG_E_IO, "write a temporary file");
		bytes = span_from(bytes, (size_t)n);
	}
	return RMG_OK;
}

/* Puts an unpacked copy in the place of a compressed archive. */
static enum rmg_rc unpack(struct archive *a, const struct rmg_opts *opts, struct rmg_err *err)
{
	struct box_opts box = box_opts_of(opts);
	struct span nothing;
	struct unpacking u = {.opts = opts, .fd = -1};
	enum rmg_rc rc = archive_spool(opts, &u.fd, err);

	if (rc != RMG_OK)
		return rc;
	box.max_bytes = limit_within(opts->max_bytes, LIMIT_LAYER_BYTES);
	box.sink = write_out;
	box.user = &u;
	box.stop = stopped;
	rc = feed(JOB_INFLATE, &box, a->fd, &nothing, err);
	close(a->fd);
	a->fd = u.fd;
	if (rc == RMG_E_LIMIT)
		err_add(err, "the archive is compressed (max-bytes)");
	return rc;
}

static enum rmg_rc measure(struct archive *a, struct rmg_err *err)
{
	struct stat st;

	if (fstat(a->fd, &st) != 0)
		return err_os(err, RMG_E_IO, "stat");
	if (!S_ISREG(st.st_mode))
		return err_set(err, RMG_E_IO, "no regular file");
	a->size_bytes = (uint64_t)st.st_size;
	return RMG_OK;
}

enum rmg_rc archive_open_fd(int fd, const struct rmg_opts *opts, struct arena *arena,
			    struct archive *out, struct rmg_err *err)
{
	struct archive a = {.fd = fd};
	uint8_t head[CODEC_MAGIC_BYTES];
	size_t n = 0;
	enum rmg_rc rc = measure(&a, err);

	if (rc == RMG_OK)
		rc = extent_pread(fd, head, sizeof head, 0, &n, err);
	if (rc == RMG_OK && codec_detect(span_of(head, n)) != CODEC_NONE) {
		rc = unpack(&a, opts, err);
		if (rc == RMG_OK)
			rc = measure(&a, err);
	}
	if (rc == RMG_OK)
		rc = index_members(&a, opts, arena, err);
	if (rc != RMG_OK) {
		archive_close(&a);
		return rc;
	}
	*out = a;
	return RMG_OK;
}

enum rmg_rc archive_open(const char *path, const struct rmg_opts *opts, struct arena *arena,
			 struct archive *out, struct rmg_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return err_os(err, errno == ENOENT ? RMG_E_NOTFOUND : RMG_E_IO, "%s", path);
	return archive_open_fd(fd, opts, arena, out, err);
}

void archive_close(struct archive *a)
{
	if (a->fd >= 0)
		close(a->fd);
	a->fd = -1;
	map_done(&a->names);
}

static const struct archive_member *find_exact(const struct archive *a, struct span name)
{
	uint32_t i = map_find(&a->names, hash_span(name));

	return i != MAP_NONE && span_is(a->members[i].name, name) ? &a->members[i] : NULL;
}

/* Where a link leads, as a normal path, into buf; false where it leaves the archive. A symbolic one
 * begins in its own folder, a hard one at the top. */
static bool link_target(const struct archive_member *m, uint8_t *buf, struct span *out)
{
	struct span rest = m->target, part;
	size_t n = 0;

	if (m->symbolic && rest.n && rest.p[0] != '/') {
		struct span folder = span_dirname(m->name);

		memcpy(buf, folder.p, folder.n);
		n = folder.n;
	}
	while (span_next(&rest, '/', &part)) {
		if (part.n == 0 || span_is(part, S(".")))
			continue;
		if (span_is(part, S(".."))) {
			if (n == 0)
				return false;
			n = span_dirname(span_of(buf, n)).n;
			continue;
		}
		if (n + 1 + part.n > LIMIT_PATH_BYTES)
			return false;
		if (n)
			buf[n++] = '/';
		memcpy(buf + n, part.p, part.n);
		n += part.n;
	}
	*out = span_of(buf, n);
	return true;
}

const struct archive_member *archive_find(const struct archive *a, struct span name)
{
	const struct archive_member *m = find_exact(a, name);
	uint8_t buf[KIB(4) + 1];

	for (int hop = 0; m && m->link; hop++) {
		if (hop == LINK_HOPS || !link_target(m, buf, &name))
			return NULL;
		m = find_exact(a, name);
	}
	return m;
}
