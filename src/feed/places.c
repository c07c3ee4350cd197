/* SPDX-License-Identifier: Apache-2.0 */
#include "feed/places.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/limits.h"

const char *const feed_names[FEEDS] = {
#define X(name, url) [FEED_##name] = #name,
#include "feed/feed.def"
#undef X
};

feed_read_fn *const feed_readers[FEEDS] = {
#define X(name, url) [FEED_##name] = name##_read,
#include "feed/feed.def"
#undef X
};

static bool is_record(const char *name)
{
	return name[0] != '.' &&
	       (span_ends(span_cstr(name), S(".json")) || strcmp(name, "all.zip") == 0);
}

static bool is_table(const char *name)
{
	return name[0] != '.' && span_ends(span_cstr(name), S(".tsv"));
}

static bool is_wanted(const struct rmg_db_opts *opts, const char *ecosystem)
{
	const char *const *list = opts ? opts->ecosystems : NULL;

	if (list == NULL)
		return true;
	for (; *list; list++)
		if (strcmp(*list, ecosystem) == 0)
			return true;
	return false;
}

static bool is_release(const struct rmg_db_opts *opts, const char *name)
{
	(void)opts;
	return name[0] == 'v' || strcmp(name, "edge") == 0;
}

/* Where a feed's files lie: by name, or by a rule for names; below one folder, or below each
 * accepted folder of one. Of several names that are one thing the first that is there counts. */
static const struct place {
	const char *folder;
	bool (*inner)(const struct rmg_db_opts *opts, const char *name);
	bool (*is)(const char *name);
	const char *names[2];
	bool either;
} places[FEEDS] = {
    [FEED_osv] = {.folder = "osv", .inner = is_wanted, .is = is_record},
    [FEED_debian] = {.folder = "debian", .names = {"tracker.json"}},
    [FEED_alpine] = {.folder = "alpine-secdb",
		     .inner = is_release,
		     .names = {"main.json", "community.json"}},
    [FEED_wolfi] = {.folder = "wolfi", .names = {"security.json"}},
    [FEED_chainguard] = {.folder = "chainguard", .names = {"security.json"}},
    [FEED_kev] = {.names = {"kev.json"}},
    [FEED_epss] = {.names = {"epss.csv", "epss.csv.gz"}, .either = true},
    [FEED_severity] = {.folder = "severity", .is = is_table},
};

struct walk {
	const struct place *place;
	enum feed_name feed;
	const struct rmg_db_opts *opts;
	place_fn *fn;
	void *user;
	char path[LIMIT_PATH_BYTES_MAX]; /* below the folder of feeds */
	struct rmg_err *err;
};

/* Puts a name behind the first n bytes of the path. */
static bool path_put(struct walk *w, size_t n, const char *name)
{
	size_t more = strlen(name);

	if (more >= sizeof w->path - n)
		return false;
	memcpy(w->path + n, name, more + 1);
	return true;
}

static enum rmg_rc too_long(struct walk *w)
{
	return err_set(w->err, RMG_E_LIMIT, "a path in %s is too long", w->place->folder);
}

static enum rmg_rc call(struct walk *w, int dir_fd, size_t n, const char *name)
{
	struct feed_file file = {dir_fd, name, w->path};

	return path_put(w, n, name) ? w->fn(w->user, w->feed, &file, w->err) : too_long(w);
}

static enum rmg_rc walk_names(struct walk *w, int dir_fd, size_t n)
{
	enum rmg_rc rc = RMG_OK;

	for (size_t i = 0; rc == RMG_OK && i < COUNT_OF(w->place->names); i++) {
		const char *name = w->place->names[i];

		if (name == NULL || faccessat(dir_fd, name, F_OK, 0) != 0)
			continue;
		rc = call(w, dir_fd, n, name);
		if (w->place->either)
			break;
	}
	return rc;
}

/* The files of an open folder, which ends here; n bytes of the path name it. */
static enum rmg_rc walk_files(struct walk *w, DIR *dir, size_t n)
{
	enum rmg_rc rc = RMG_OK;

	if (w->place->is == NULL)
		rc = walk_names(w, dirfd(dir), n);
	errno = 0;
	for (struct dirent *e; w->place->is && rc == RMG_OK && (e = readdir(dir)) != NULL;) {
		if (w->place->is(e->d_name))
			rc = call(w, dirfd(dir), n, e->d_name);
		errno = 0;
	}
	if (rc == RMG_OK && errno != 0)
		rc = err_os(w->err, RMG_E_IO, "%s", w->path);
	closedir(dir);
	return rc;
}

/* NULL with RMG_OK: there is no such folder. */
static enum rmg_rc open_folder(struct walk *w, int fd, const char *name, DIR **out)
{
	int got = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	*out = NULL;
	if (got < 0 && (errno == ENOENT || errno == ENOTDIR))
		return RMG_OK;
	if (got < 0)
		return err_os(w->err, RMG_E_IO, "%s", w->path);
	*out = fdopendir(got);
	if (*out)
		return RMG_OK;
	close(got);
	return err_os(w->err, RMG_E_IO, "%s", w->path);
}

static enum rmg_rc walk_inner(struct walk *w, DIR *outer, size_t n)
{
	enum rmg_rc rc = RMG_OK;

	errno = 0;
	for (struct dirent *e; rc == RMG_OK && (e = readdir(outer)) != NULL;) {
		DIR *dir;

		if (e->d_name[0] == '.' || !w->place->inner(w->opts, e->d_name))
			continue;
		if (!path_put(w, n, e->d_name))
			return too_long(w);
		rc = open_folder(w, dirfd(outer), e->d_name, &dir);
		if (rc == RMG_OK && dir) {
			size_t len = strlen(w->path);

			if (path_put(w, len, "/"))
				rc = walk_files(w, dir, len + 1);
			else
				closedir(dir);
		}
		errno = 0;
	}
	if (rc == RMG_OK && errno != 0)
		rc = err_os(w->err, RMG_E_IO, "%s", w->place->folder);
	return rc;
}

enum rmg_rc places_walk(const char *dir, enum feed_name feed, const struct rmg_db_opts *opts,
			place_fn *fn, void *user, struct rmg_err *err)
{
	struct walk w = {&places[feed], feed, opts, fn, user, "", err};
	char *path = file_join(dir, w.place->folder ? w.place->folder : ".");
	size_t n = 0;
	DIR *at = NULL;
	enum rmg_rc rc;

	if (path == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a path");
	if (w.place->folder)
		n = (size_t)snprintf(w.path, sizeof w.path, "%s/", w.place->folder);
	rc = open_folder(&w, AT_FDCWD, path, &at);
	free(path);
	if (rc != RMG_OK || at == NULL)
		return rc;
	if (w.place->inner == NULL)
		return walk_files(&w, at, n);
	rc = walk_inner(&w, at, n);
	closedir(at);
	return rc;
}

bool places_is_record(const char *path, const struct rmg_db_opts *opts)
{
	struct span all = span_cstr(path), ecosystem = {0}, name = {0};
	char inner[256];

	if (!span_starts(all, S("osv/")) || !span_cut(span_from(all, 4), '/', &ecosystem, &name) ||
	    ecosystem.n >= sizeof inner || ecosystem.n == 0 || ecosystem.p[0] == '.' ||
	    span_chr(name, '/') != SIZE_MAX)
		return false;
	memcpy(inner, ecosystem.p, ecosystem.n);
	inner[ecosystem.n] = '\0';
	return is_wanted(opts, inner) && is_record((const char *)name.p);
}
