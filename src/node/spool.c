/* SPDX-License-Identifier: Apache-2.0 */
#include "node/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/vec.h"
#include "io/file.h"

/* A file is begun anew above SEGMENT_BYTES; so much is read of one at once. */
enum {
	SEGMENT_BYTES = 1 << 20,
	HASH_DIGITS = 16,
	HEAD_BYTES = 2 + HASH_DIGITS + 1,
	NAME_BYTES = 32
};

struct segment {
	uint64_t id, bytes, detail; /* bytes of its detail */
};

struct spool {
	pthread_mutex_t lock;
	char *dir;
	uint64_t max_bytes;
	VEC(struct segment) segments; /* the oldest first; the last is written to */
	uint64_t next_id;
	int fd;            /* of the last; -1: the next one is to be made */
	uint64_t read_to;  /* in the first: before it all is done with */
	uint64_t taken_to; /* and what is held now ends here; 0: nothing is */
	bool dirty;
	struct spool_figures figures;
};

bool spool_next(struct span *rest, struct spool_record *out)
{
	size_t end = span_chr(*rest, '\n');
	uint8_t hash[8];
	uint64_t want = 0;

	if (end == SIZE_MAX)
		return false;
	out->whole = span_head(*rest, end + 1);
	out->line =
	    span_head(span_from(*rest, HEAD_BYTES), end < HEAD_BYTES ? 0 : end - HEAD_BYTES);
	*rest = span_from(*rest, end + 1);
	out->good = end > HEAD_BYTES && (out->whole.p[0] == 'k' || out->whole.p[0] == 'd') &&
		    out->whole.p[1] == ' ' && out->whole.p[HEAD_BYTES - 1] == ' ' &&
		    span_unhex(span_head(span_from(out->whole, 2), HASH_DIGITS), hash, sizeof hash);
	for (size_t i = 0; out->good && i < sizeof hash; i++)
		want = want << 8 | hash[i];
	out->good = out->good && hash_span(out->line) == want;
	out->detail = out->good && out->whole.p[0] == 'd';
	return true;
}

static void name_of(uint64_t id, char out[NAME_BYTES])
{
	snprintf(out, NAME_BYTES, "%016" PRIx64 ".events", id);
}

static char *path_of(const struct spool *s, uint64_t id)
{
	char name[NAME_BYTES];

	name_of(id, name);
	return file_join(s->dir, name);
}

static uint64_t waiting(const struct spool *s)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < s->segments.n; i++)
		bytes += s->segments.v[i].bytes;
	return bytes - s->read_to;
}

static enum rmg_rc no_memory(struct rmg_err *err)
{
	return err_set(err, RMG_E_NOMEM, "no memory for the spool");
}

/* Opening. */

static int by_id(const void *a, const void *b)
{
	const struct segment *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static enum rmg_rc list(struct spool *s, struct rmg_err *err)
{
	DIR *d = opendir(s->dir);
	struct dirent *e;
	enum rmg_rc rc = RMG_OK;

	if (d == NULL)
		return err_os(err, RMG_E_IO, "open %s", s->dir);
	while (rc == RMG_OK && (e = readdir(d)) != NULL) {
		struct span name = span_cstr(e->d_name);
		struct segment g = {0};

		if (!span_ends(name, S(".events")) || name.n != 16 + 7 ||
		    !span_u64(span_head(name, 16), 16, UINT64_MAX, &g.id))
			continue;
		if (!VEC_PUSH(&s->segments, g))
			rc = no_memory(err);
	}
	closedir(d);
	if (s->segments.n)
		qsort(s->segments.v, s->segments.n, sizeof *s->segments.v, by_id);
	return rc;
}

/* What follows the last whole record was torn: nothing is written behind it. */
static enum rmg_rc measure(struct spool *s, struct segment *g, struct rmg_err *err)
{
	char *path = path_of(s, g->id);
	struct span bytes, rest;
	struct spool_record r;
	enum rmg_rc rc;

	if (path == NULL)
		return no_memory(err);
	rc = file_read(path, SIZE_MAX - 1, &bytes, err);
	if (rc == RMG_OK) {
		rest = bytes;
		while (spool_next(&rest, &r)) {
			g->bytes += r.whole.n;
			g->detail += r.detail ? r.whole.n : 0;
		}
		if (rest.n && truncate(path, (off_t)g->bytes) != 0)
			rc = err_os(err, RMG_E_IO, "%s", path);
		file_free(&bytes);
	}
	free(path);
	return rc;
}

enum rmg_rc spool_open(const char *dir, uint64_t max_bytes, struct spool **out, struct rmg_err *err)
{
	struct spool *s = calloc(1, sizeof *s);
	enum rmg_rc rc;

	if (s == NULL)
		return no_memory(err);
	pthread_mutex_init(&s->lock, NULL);
	s->fd = -1;
	s->max_bytes = max_bytes;
	s->dir = strdup(dir);
	rc = s->dir ? file_mkdirs(dir, err) : no_memory(err);
	if (rc == RMG_OK)
		rc = list(s, err);
	for (size_t i = 0; rc == RMG_OK && i < s->segments.n; i++)
		rc = measure(s, &s->segments.v[i], err);
	if (rc != RMG_OK) {
		spool_close(s);
		return rc;
	}
	s->next_id = s->segments.n ? s->segments.v[s->segments.n - 1].id + 1 : 1;
	*out = s;
	return RMG_OK;
}

void spool_close(struct spool *s)
{
	if (s == NULL)
		return;
	spool_sync(s);
	if (s->fd >= 0)
		close(s->fd);
	VEC_DONE(&s->segments);
	free(s->dir);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* Leaving out detail. */

/* The records of one file that are to be kept, from `from` on. */
static void keep(struct spool *s, struct span bytes, struct strbuf *out)
{
	struct spool_record r;

	while (spool_next(&bytes, &r)) {
		if (r.good && !r.detail)
			strbuf_put(out, r.whole);
		else if (r.good)
			s->figures.dropped++;
		else
			s->figures.damaged++;
	}
}

static enum rmg_rc rewrite(struct spool *s, size_t i, struct rmg_err *err)
{
	struct segment *g = &s->segments.v[i];
	uint64_t from = i == 0 ? s->read_to : 0;
	struct strbuf kept = strbuf_of(SIZE_MAX / 2);
	char *path = path_of(s, g->id);
	struct span bytes = {0};
	enum rmg_rc rc = path ? file_read(path, SIZE_MAX - 1, &bytes, err) : no_memory(err);

	if (rc == RMG_OK) {
		keep(s, span_from(bytes, from), &kept);
		rc = strbuf_rc(&kept) == RMG_OK ? file_write(path, strbuf_span(&kept), err)
						: no_memory(err);
		file_free(&bytes);
	}
	if (rc == RMG_OK) {
		g->bytes = kept.n;
		g->detail = 0;
		if (i == 0)
			s->read_to = 0;
	}
	strbuf_done(&kept);
	free(path);
	return rc;
}

static void end_writing(struct spool *s)
{
	if (s->fd < 0)
		return;
	(void)fdatasync(s->fd);
	close(s->fd);
	s->fd = -1;
	s->dirty = false;
}

/* The oldest first, until there is some room again; not what is in the taker's hands. */
static enum rmg_rc thin(struct spool *s, struct rmg_err *err)
{
	enum rmg_rc rc = RMG_OK;

	for (size_t i = s->taken_to ? 1 : 0;
	     rc == RMG_OK && i < s->segments.n && waiting(s) > s->max_bytes - s->max_bytes / 8;
	     i++) {
		if (s->segments.v[i].detail == 0)
			continue;
		if (i + 1 == s->segments.n)
			end_writing(s);
		rc = rewrite(s, i, err);
	}
	return rc;
}

/* Putting. */

static enum rmg_rc begin_segment(struct spool *s, struct rmg_err *err)
{
	struct segment g = {.id = s->next_id};
	char *path;

	if (s->fd >= 0 && s->segments.v[s->segments.n - 1].bytes < SEGMENT_BYTES)
		return RMG_OK;
	end_writing(s);
	path = path_of(s, g.id);
	if (path == NULL || !VEC_RESERVE(&s->segments, s->segments.n + 1)) {
		free(path);
		return no_memory(err);
	}
	s->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->fd < 0)
		err_os(err, RMG_E_IO, "%s", path);
	free(path);
	if (s->fd < 0)
		return RMG_E_IO;
	s->segments.v[s->segments.n++] = g;
	s->next_id++;
	return RMG_OK;
}

static void put_record(struct strbuf *out, const struct spool_item *item)
{
	strbuf_printf(out, "%c %016" PRIx64 " ", item->detail ? 'd' : 'k', hash_span(item->line));
	strbuf_put(out, item->line);
	strbuf_putc(out, '\n');
}

/* Whole, or not at all: half a record would spoil the one behind it. */
static enum rmg_rc append(struct spool *s, struct span bytes, struct rmg_err *err)
{
	struct segment *g = &s->segments.v[s->segments.n - 1];
	struct span left = bytes;
	enum rmg_rc rc = RMG_OK;

	while (left.n && rc == RMG_OK) {
		ssize_t n = write(s->fd, left.p, left.n);

		if (n > 0)
			left = span_from(left, (size_t)n);
		else if (n == 0 || errno != EINTR)
			rc = err_os(err, RMG_E_IO, "write to the spool in %s", s->dir);
	}
	if (rc == RMG_OK) {
		g->bytes += bytes.n;
		s->dirty = true;
	} else if (ftruncate(s->fd, (off_t)g->bytes) != 0) {
		end_writing(s); /* what was torn stays at a file's end */
	}
	return rc;
}

enum rmg_rc spool_put(struct spool *s, const struct spool_item *items, size_t n,
		      struct rmg_err *err)
{
	struct strbuf text = strbuf_of(LIMIT_EVENTS_BYTES * 2);
	uint64_t detail = 0;
	enum rmg_rc rc;

	for (size_t i = 0; i < n; i++) {
		size_t before = text.n;

		put_record(&text, &items[i]);
		detail += items[i].detail ? text.n - before : 0;
	}
	rc = strbuf_rc(&text);
	if (rc != RMG_OK)
		err_set(err, rc, "too many events at once for the spool");
	pthread_mutex_lock(&s->lock);
	if (rc == RMG_OK)
		rc = begin_segment(s, err);
	if (rc == RMG_OK)
		rc = append(s, strbuf_span(&text), err);
	if (rc == RMG_OK) {
		s->segments.v[s->segments.n - 1].detail += detail;
		if (waiting(s) > s->max_bytes)
			rc = thin(s, err);
	}
	pthread_mutex_unlock(&s->lock);
	strbuf_done(&text);
	return rc;
}

/* Taking. */

static void forget_first(struct spool *s)
{
	char *path = path_of(s, s->segments.v[0].id);

	if (path)
		(void)unlink(path);
	free(path);
	s->segments.n--;
	memmove(s->segments.v, s->segments.v + 1, s->segments.n * sizeof *s->segments.v);
	s->read_to = 0;
}

/* Files that are done with go, the one that is written to is emptied. */
static void forget_done(struct spool *s)
{
	while (s->segments.n && s->read_to >= s->segments.v[0].bytes) {
		bool written = s->segments.n == 1 && s->fd >= 0;

		if (!written) {
			forget_first(s);
		} else if (s->read_to && ftruncate(s->fd, 0) == 0) {
			s->segments.v[0] = (struct segment){.id = s->segments.v[0].id};
			s->read_to = 0;
			s->dirty = false;
		} else {
			break;
		}
	}
}

static enum rmg_rc read_first(struct spool *s, size_t bytes, struct strbuf *piece,
			      struct rmg_err *err)
{
	char *path = path_of(s, s->segments.v[0].id);
	uint8_t buf[8192];
	enum rmg_rc rc = RMG_OK;
	off_t at = (off_t)s->read_to;
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;

	if (fd < 0)
		rc = err_os(err, RMG_E_IO, "open a file of the spool in %s", s->dir);
	while (rc == RMG_OK && piece->n < bytes) {
		ssize_t n = pread(fd, buf, MIN_OF(sizeof buf, bytes - piece->n), at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			rc = err_os(err, RMG_E_IO, "read the spool in %s", s->dir);
		if (n <= 0)
			break;
		strbuf_put(piece, span_of(buf, (size_t)n));
		at += n;
	}
	if (fd >= 0)
		close(fd);
	free(path);
	return rc == RMG_OK ? strbuf_rc(piece) : rc;
}

static void give(struct spool *s, struct span piece, size_t max, struct strbuf *out, size_t *n)
{
	struct spool_record r;

	s->taken_to = s->read_to;
	while (*n < max && spool_next(&piece, &r)) {
		s->taken_to += r.whole.n;
		if (!r.good) {
			s->figures.damaged++;
			continue;
		}
		strbuf_put(out, r.line);
		strbuf_putc(out, '\n');
		++*n;
	}
}

enum rmg_rc spool_take(struct spool *s, size_t max, struct strbuf *out, size_t *n,
		       struct rmg_err *err)
{
	struct strbuf piece = strbuf_of(LIMIT_EVENTS_BYTES * 2);
	enum rmg_rc rc = RMG_OK;

	*n = 0;
	pthread_mutex_lock(&s->lock);
	forget_done(s);
	while (rc == RMG_OK && *n == 0 && s->segments.n && s->read_to < s->segments.v[0].bytes) {
		strbuf_clear(&piece);
		rc = read_first(s, s->segments.v[0].bytes - s->read_to, &piece, err);
		if (rc == RMG_OK && piece.n == 0)
			rc = err_set(err, RMG_E_IO, "a file of the spool became shorter");
		if (rc != RMG_OK)
			break;
		give(s, strbuf_span(&piece), max, out, n);
		if (*n == 0) { /* all of it was damaged */
			s->read_to = s->segments.v[0].bytes;
			s->taken_to = 0;
			forget_done(s);
		}
	}
	if (rc == RMG_OK)
		rc = strbuf_rc(out);
	pthread_mutex_unlock(&s->lock);
	strbuf_done(&piece);
	return rc;
}

void spool_done(struct spool *s)
{
	pthread_mutex_lock(&s->lock);
	s->read_to = MAX_OF(s->taken_to, s->read_to);
	s->taken_to = 0;
	forget_done(s);
	pthread_mutex_unlock(&s->lock);
}

void spool_back(struct spool *s)
{
	pthread_mutex_lock(&s->lock);
	s->taken_to = 0;
	pthread_mutex_unlock(&s->lock);
}

void spool_sync(struct spool *s)
{
	pthread_mutex_lock(&s->lock);
	if (s->dirty && s->fd >= 0)
		(void)fdatasync(s->fd);
	s->dirty = false;
	pthread_mutex_unlock(&s->lock);
}

struct spool_figures spool_figures(struct spool *s)
{
	struct spool_figures f;

	pthread_mutex_lock(&s->lock);
	f = s->figures;
	f.bytes = waiting(s);
	f.over = f.bytes > s->max_bytes;
	pthread_mutex_unlock(&s->lock);
	return f;
}
