/* SPDX-License-Identifier: Apache-2.0 */
#include "feed/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "io/file.h"

enum { VALIDATOR_BYTES = 256, URL_BYTES = 2048, PATH_BYTES = 1024 };

/* What tells one version of a file from another. */
struct validator {
	char etag[VALIDATOR_BYTES], modified[VALIDATOR_BYTES];
};

struct transfer {
	struct fetch *f;
	const char *name;
	char url[URL_BYTES];
	char target[PATH_BYTES], part[PATH_BYTES], note[PATH_BYTES], part_note[PATH_BYTES];
	int fd;        /* of the part */
	uint64_t have; /* bytes of it that are good */
	bool begun;    /* this answer's head has been acted on */
	int os_errno;  /* of a write that failed */
};

static bool copy_header(const struct http_response *resp, const char *name, char *to)
{
	struct span value;

	to[0] = '\0';
	if (!http_header(resp, name, 0, &value) || value.n >= VALIDATOR_BYTES ||
	    span_chr(value, '\n') != SIZE_MAX)
		return false;
	memcpy(to, value.p, value.n);
	to[value.n] = '\0';
	return true;
}

/* A note is three lines: address, ETag, Last-Modified. */
static void note_read(const char *path, const char *url, struct validator *v)
{
	struct span text, rest, line;

	*v = (struct validator){0};
	if (file_read(path, KIB(8), &text, NULL) != RMG_OK)
		return;
	rest = text;
	if (span_next(&rest, '\n', &line) && span_is(line, span_cstr(url)) &&
	    span_next(&rest, '\n', &line) && line.n < VALIDATOR_BYTES) {
		memcpy(v->etag, line.p, line.n);
		if (span_next(&rest, '\n', &line) && line.n < VALIDATOR_BYTES)
			memcpy(v->modified, line.p, line.n);
	}
	file_free(&text);
}

static enum rmg_rc note_write(const char *path, const char *url, const struct http_response *resp,
			      struct rmg_err *err)
{
	struct strbuf text = strbuf_of(KIB(8));
	struct validator v;
	enum rmg_rc rc;

	copy_header(resp, "ETag", v.etag);
	copy_header(resp, "Last-Modified", v.modified);
	strbuf_printf(&text, "%s\n%s\n%s\n", url, v.etag, v.modified);
	rc = strbuf_rc(&text);
	if (rc == RMG_OK)
		rc = file_write(path, strbuf_span(&text), err);
	else
		err_set(err, rc, "no memory for %s", path);
	strbuf_done(&text);
	return rc;
}

static bool is_strong(const char *etag)
{
	return etag[0] == '"';
}

/* Opens the part and decides how much of it the next answer may go on from. */
static enum rmg_rc part_open(struct transfer *t, struct validator *v, struct rmg_err *err)
{
	struct stat st;

	note_read(t->part_note, t->url, v);
	t->fd = open(t->part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
	if (t->fd < 0 || fstat(t->fd, &st) != 0)
		return err_os(err, RMG_E_IO, "open %s", t->part);
	t->have = is_strong(v->etag) ? (uint64_t)st.st_size : 0;
	return RMG_OK;
}

static void part_close(struct transfer *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
}

static void part_remove(struct transfer *t)
{
	part_close(t);
	unlink(t->part_note);
	unlink(t->part);
}

/* The first bytes of an answer: goes on where the part ends, or begins anew. */
static bool begin(struct transfer *t, const struct http_response *resp)
{
	t->begun = true;
	if (resp->status == 206)
		return lseek(t->fd, (off_t)t->have, SEEK_SET) >= 0;
	t->have = 0;
	/* First the old note goes: bytes of one version must not be taken for another's. */
	if ((unlink(t->part_note) != 0 && errno != ENOENT) || ftruncate(t->fd, 0) != 0 ||
	    lseek(t->fd, 0, SEEK_SET) < 0)
		return false;
	return note_write(t->part_note, t->url, resp, NULL) == RMG_OK;
}

static void progress(const struct transfer *t, uint64_t done, uint64_t total)
{
	struct rmg_progress p = {t->f->files, "download", t->name, done, total};

	if (t->f->opts->progress)
		t->f->opts->progress(t->f->opts->user, &p);
}

static bool sink(void *user, const struct http_response *resp, struct span bytes)
{
	struct transfer *t = user;
	uint64_t total = resp->total == UINT64_MAX ? 0 : resp->total;

	errno = 0;
	if (!t->begun && !begin(t, resp)) {
		t->os_errno = errno;
		return false;
	}
	while (bytes.n) {
		ssize_t n = write(t->fd, bytes.p, bytes.n);

		if (n < 0 && errno != EINTR) {
			t->os_errno = errno;
			return false;
		}
		t->have += n > 0 ? (uint64_t)n : 0;
		bytes = span_from(bytes, n > 0 ? (size_t)n : 0);
	}
	if (total == 0 || t->have < total)
		progress(t, t->have, total);
	return true;
}

/* One exchange. RMG_OK with a status. */
static enum rmg_rc ask(struct transfer *t, struct http_response *resp, struct rmg_err *err)
{
	char match[VALIDATOR_BYTES + 32], since[VALIDATOR_BYTES + 32], range[VALIDATOR_BYTES + 32];
	const char *headers[4] = {0};
	struct http_request req = {
	    .url = t->url,
	    .headers = headers,
	    .max_bytes = LIMIT_FEED_FILE_BYTES,
	    .sink = sink,
	    .user = t,
	};
	struct validator have, part;
	size_t n = 0;
	enum rmg_rc rc = part_open(t, &part, err);

	if (rc != RMG_OK)
		return rc;
	t->begun = false;
	note_read(t->note, t->url, &have);
	snprintf(match, sizeof match, "If-None-Match: %s", have.etag);
	snprintf(since, sizeof since, "If-Modified-Since: %s", have.modified);
	snprintf(range, sizeof range, "If-Range: %s", part.etag);
	if (file_exists(t->target) && have.etag[0])
		headers[n++] = match;
	else if (file_exists(t->target) && have.modified[0])
		headers[n++] = since;
	if (t->have) {
		headers[n++] = range;
		req.range_first = t->have;
	}
	rc = http_do(t->f->http, &req, resp, err);
	if (rc == RMG_E_IO && t->os_errno) {
		errno = t->os_errno;
		return err_os(err, RMG_E_IO, "write %s", t->part);
	}
	if (rc == RMG_OK && resp->status != 200 && resp->status != 206 && resp->status != 304)
		rc = http_status_err(&req, resp, err);
	return rc;
}

/* Asks until there is an answer, going on from what earlier tries brought. */
static enum rmg_rc ask_again(struct transfer *t, struct http_response *resp, struct rmg_err *err)
{
	for (unsigned try = 1;; try++) {
		struct rmg_err why = {0};
		unsigned wait;
		enum rmg_rc rc = ask(t, resp, &why);
		bool again = http_may_retry(rc == RMG_E_NET && resp->status >= 400 ? RMG_OK : rc,
					    resp, &wait);

		part_close(t);
		if (rc == RMG_OK && !t->begun && resp->status != 304) { /* an empty body */
			unlink(t->part_note);
			(void)!truncate(t->part, 0);
		}
		/* The part does not fit what is there now, or the server says so wrongly. */
		if (resp->status == 416 || (rc != RMG_OK && resp->status == 206 && !t->begun)) {
			part_remove(t);
			again = true;
		}
		if (rc == RMG_OK || !again || try >= FETCH_TRIES) {
			if (rc != RMG_OK && err)
				*err = why;
			return rc;
		}
		if (!clock_rest(MIN_OF(MAX_OF(wait, try), 30u) * UINT64_C(1000), t->f->opts->stop,
				t->f->opts->user))
			return err_set(err, RMG_E_STOPPED, "stopped");
	}
}

static enum rmg_rc check_part(struct transfer *t, fetch_check_fn *check, struct rmg_err *err)
{
	struct file_map map;
	enum rmg_rc rc = file_map(t->part, &map, err);

	if (rc != RMG_OK)
		return rc;
	rc = check(map.bytes, err);
	file_unmap(&map);
	return rc;
}

/* The whole part becomes the file. */
static enum rmg_rc take_over(struct transfer *t, const struct http_response *resp,
			     struct rmg_err *err)
{
	int fd = open(t->part, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	bool good = fd >= 0 && fsync(fd) == 0 && rename(t->part, t->target) == 0;
	int why = errno;

	if (fd >= 0)
		close(fd);
	errno = why;
	if (!good)
		return err_os(err, RMG_E_IO, "write %s", t->target);
	unlink(t->part_note);
	return note_write(t->note, t->url, resp, err);
}

static bool join(char *to, size_t n, const char *dir, const char *file, const char *end)
{
	int len = snprintf(to, n, "%s/%s%s", dir, file, end);

	return len > 0 && (size_t)len < n;
}

static bool names_of(struct transfer *t, const char *path, const char *file)
{
	return join(t->url, sizeof t->url, t->f->url, path, "") &&
	       join(t->target, sizeof t->target, t->f->dir, file, "") &&
	       join(t->part, sizeof t->part, t->f->dir, file, ".part") &&
	       join(t->note, sizeof t->note, t->f->dir, file, ".http") &&
	       join(t->part_note, sizeof t->part_note, t->f->dir, file, ".part.http");
}

static enum rmg_rc make_folder(const char *target, struct rmg_err *err)
{
	char dir[PATH_BYTES];
	size_t n = (size_t)(strrchr(target, '/') - target);

	memcpy(dir, target, n);
	dir[n] = '\0';
	return file_mkdirs(dir, err);
}

enum rmg_rc fetch_file(struct fetch *f, const char *path, const char *file, fetch_check_fn *check,
		       bool *changed, struct rmg_err *err)
{
	struct transfer t = {.f = f, .name = file, .fd = -1};
	struct http_response resp = {0};
	enum rmg_rc rc;

	if (!names_of(&t, path, file))
		return err_set(err, RMG_E_ARG, "%s: the path is too long", file);
	rc = make_folder(t.target, err);
	if (rc != RMG_OK)
		return rc;
	f->files++;
	rc = ask_again(&t, &resp, err);
	progress(&t, 1, 1);
	if (rc != RMG_OK)
		return rc;
	if (resp.status == 304) {
		part_remove(&t);
		return RMG_OK;
	}
	rc = check_part(&t, check, err);
	if (rc != RMG_OK) {
		part_remove(&t);
		err_add(err, "%s", t.url);
		return rc;
	}
	rc = take_over(&t, &resp, err);
	f->changed = true;
	if (changed)
		*changed = true;
	return rc;
}
