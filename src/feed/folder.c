/* SPDX-License-Identifier: Apache-2.0 */
#include "feed/folder.h"

#include <fcntl.h>
#include <time.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/map.h"
#include "feed/places.h"
#include "feed/state.h"
#include "format/sha256.h"

/* Within this time a file may have changed once more without another time on it. */
enum { SETTLED_S = 2 };

struct folder_file {
	const char *path;
	struct file_id id;
	uint64_t count; /* records */
	uint32_t part;  /* of the builder */
	uint8_t feed;
	bool settled; /* its id will tell when it changes */
	bool seen;    /* is still there */
};

struct feed_folder {
	char *dir;
	struct rmg_db_opts opts;
	struct advdb_builder *b;
	uint32_t source[FEEDS];
	VEC(struct folder_file) files;
	struct map by_path; /* of the first n_indexed */
	size_t n_indexed;
	struct arena names;

	/* Of the refresh that is going on. */
	struct input in;
	struct feed_refresh *said;
	int64_t now_ns;
};

enum rmg_rc feed_folder_open(const char *dir, const struct rmg_db_opts *opts,
			     struct feed_folder **out, struct rmg_err *err)
{
	struct feed_folder *f = calloc(1, sizeof *f);

	if (f == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a folder of feeds");
	arena_init(&f->names, LIMIT_FEED_PATHS_BYTES);
	f->opts = opts ? *opts : (struct rmg_db_opts)RMG_DB_OPTS;
	f->dir = strdup(dir);
	if (f->dir == NULL || advdb_builder_new(&f->b) != RMG_OK) {
		feed_folder_close(f);
		return err_set(err, RMG_E_NOMEM, "no memory for a folder of feeds");
	}
	for (size_t i = 0; i < FEEDS; i++) {
		struct adv_source source = {.name = span_cstr(feed_names[i])};

		f->source[i] = advdb_add_source(f->b, &source);
	}
	*out = f;
	return RMG_OK;
}

void feed_folder_close(struct feed_folder *f)
{
	if (f == NULL)
		return;
	advdb_builder_free(f->b);
	VEC_DONE(&f->files);
	map_done(&f->by_path);
	arena_done(&f->names);
	free(f->dir);
	free(f);
}

static bool is_wanted(const struct rmg_db_opts *opts, const char *name)
{
	if (opts->feeds == NULL)
		return true;
	for (const char *const *feed = opts->feeds; *feed; feed++)
		if (strcmp(*feed, name) == 0)
			return true;
	return false;
}

static struct folder_file *find(struct feed_folder *f, const char *path)
{
	uint64_t hash = hash_span(span_cstr(path));
	size_t at = 0;
	uint32_t i;

	while ((i = map_next(&f->by_path, hash, &at)) != MAP_NONE)
		if (strcmp(f->files.v[i].path, path) == 0)
			return &f->files.v[i];
	return NULL;
}

/* Files that came since the last time can be found from here on, which a database that is built
 * once never asks for. Of a path that a walk met twice (its file was replaced meanwhile) the later
 * counts. */
static bool index_paths(struct feed_folder *f)
{
	size_t n = f->n_indexed;

	for (size_t i = n; i < f->files.n; i++) {
		struct folder_file *file = &f->files.v[i], *known = find(f, file->path);

		if (known) {
			advdb_part_drop(f->b, known->part);
			*known = *file;
			continue;
		}
		if (!map_add_another(&f->by_path, hash_span(span_cstr(file->path)), (uint32_t)n))
			return false;
		f->files.v[n++] = *file;
	}
	f->files.n = f->n_indexed = n;
	return true;
}

/* A place for a file that was not known; NULL where memory ran out. */
static struct folder_file *add(struct feed_folder *f, enum feed_name feed, const char *path)
{
	struct folder_file *file = VEC_ADD(&f->files);

	if (file == NULL)
		return NULL;
	file->feed = (uint8_t)feed;
	file->path = arena_cstr(&f->names, span_cstr(path));
	if (file->path && f->files.n < MAP_NONE)
		return file;
	f->files.n--;
	return NULL;
}

/* What a file says takes the place of what it said before. */
static enum rmg_rc keep(struct feed_folder *f, enum feed_name feed, const char *path,
			struct folder_file *known, uint32_t part, struct rmg_err *err)
{
	struct folder_file *file = known ? known : add(f, feed, path);

	if (file == NULL) {
		advdb_part_drop(f->b, part);
		return err_set(err, RMG_E_NOMEM, "no memory for %s", path);
	}
	if (known)
		advdb_part_drop(f->b, known->part);
	file->part = part;
	file->count = f->in.count;
	file->id = f->in.id;
	file->settled = file->id.mtime_ns + SETTLED_S * INT64_C(1000000000) < f->now_ns;
	file->seen = true;
	f->said->read++;
	return RMG_OK;
}

static void note_failure(struct feed_folder *f, const char *path, const struct rmg_err *why)
{
	if (f->said->failed++)
		return;
	f->said->first = *why;
	err_add(&f->said->first, "%s: %s/%s", f->in.feed, f->dir, path);
}

/* Reads a file that is new or has changed. One record that cannot be read, and never could, is
 * warned of: a publisher's slip is no reason to go without its other records. */
static enum rmg_rc take(struct feed_folder *f, enum feed_name feed, const struct feed_file *file,
			struct folder_file *known, struct rmg_err *err)
{
	struct input *in = &f->in;
	uint32_t part = advdb_part_begin(f->b);
	struct rmg_err why = {0};
	enum rmg_rc rc;

	in->file = file->path;
	in->count = 0;
	in->refused = (struct rmg_err){0};
	in->id = (struct file_id){0};
	rc = feed_readers[feed](in, file, &why);
	if (rc != RMG_OK && (known == NULL || known->count == 0) &&
	    span_ends(span_cstr(file->name), S(".json")) && feed == FEED_osv && rc != RMG_E_NOMEM &&
	    rc != RMG_E_STOPPED) {
		input_warn(in, "%s", why.msg);
		in->count = 0;
		rc = RMG_OK;
	}
	in->file = NULL;
	if (rc == RMG_OK)
		rc = input_stop(in, &why);
	if (rc == RMG_OK)
		return keep(f, feed, file->path, known, part, err);
	advdb_part_drop(f->b, part);
	if (rc == RMG_E_NOMEM || rc == RMG_E_STOPPED) {
		if (err)
			*err = why;
		return rc;
	}
	if (rc == RMG_E_NOTFOUND) /* it went a moment ago */
		return RMG_OK;
	if (known)
		known->seen = true;
	note_failure(f, file->path, &why);
	return RMG_OK;
}

static enum rmg_rc on_file(void *user, enum feed_name feed, const struct feed_file *file,
			   struct rmg_err *err)
{
	struct feed_folder *f = user;
	struct folder_file *known = find(f, file->path);
	struct file_id id;

	if (known && known->settled && file_id_at(file->dir_fd, file->name, &id) &&
	    id.bytes == known->id.bytes && id.inode == known->id.inode &&
	    id.mtime_ns == known->id.mtime_ns) {
		known->seen = true;
		return RMG_OK;
	}
	return take(f, feed, file, known, err);
}

static void progress(const struct feed_folder *f, const char *name, uint32_t id, bool end)
{
	struct rmg_progress p = {.verb = "feed", .name = name, .id = id, .done = end, .total = 1};

	if (f->opts.progress)
		f->opts.progress(f->opts.user, &p);
}

static enum rmg_rc walk(struct feed_folder *f, struct rmg_err *err)
{
	enum rmg_rc rc = RMG_OK;
	uint32_t n = 0;

	VEC_EACH (file, &f->files)
		file->seen = false;
	for (enum feed_name feed = 0; rc == RMG_OK && feed < FEEDS; feed++) {
		if (!is_wanted(&f->opts, feed_names[feed]))
			continue;
		input_init(&f->in, f->b, &f->opts, feed_names[feed]);
		f->in.source = f->source[feed];
		progress(f, feed_names[feed], ++n, false);
		rc = places_walk(f->dir, feed, &f->opts, on_file, f, err);
		if (rc != RMG_OK)
			err_add(err, "%s", feed_names[feed]);
		input_end(&f->in);
		progress(f, feed_names[feed], n, true);
		input_done(&f->in);
	}
	return rc;
}

/* Looks at one record of OSV's. */
static enum rmg_rc look(struct feed_folder *f, const char *path, struct rmg_err *err)
{
	char *whole = file_join(f->dir, path);
	struct folder_file *known;
	enum rmg_rc rc = RMG_OK;

	if (whole == NULL || !index_paths(f)) {
		free(whole);
		return err_set(err, RMG_E_NOMEM, "no memory for a path");
	}
	known = find(f, path);
	if (!file_exists(whole)) {
		if (known)
			known->seen = false;
	} else {
		struct feed_file file = {AT_FDCWD, whole, path};

		rc = take(f, FEED_osv, &file, known, err);
	}
	free(whole);
	return rc;
}

static enum rmg_rc look_at(struct feed_folder *f, const char *const *paths, size_t n,
			   struct rmg_err *err)
{
	enum rmg_rc rc = RMG_OK;

	VEC_EACH (file, &f->files)
		file->seen = true;
	input_init(&f->in, f->b, &f->opts, feed_names[FEED_osv]);
	f->in.source = f->source[FEED_osv];
	for (size_t i = 0; rc == RMG_OK && i < n; i++)
		rc = look(f, paths[i], err);
	input_end(&f->in);
	input_done(&f->in);
	return rc;
}

static bool any_seen(const struct feed_folder *f)
{
	for (size_t i = 0; i < f->files.n; i++)
		if (f->files.v[i].seen)
			return true;
	return false;
}

/* Files that were not seen are no more. */
static void forget(struct feed_folder *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->files.n; i++) {
		if (f->files.v[i].seen) {
			f->files.v[n++] = f->files.v[i];
			continue;
		}
		advdb_part_drop(f->b, f->files.v[i].part);
		f->said->gone++;
	}
	if (n == f->files.n)
		return;
	f->files.n = n;
	map_clear(&f->by_path);
	f->n_indexed = 0;
}

/* What is said of each feed: how many records, and when its publisher was last asked; in a folder
 * that we did not fetch, when its newest file was made. */
static enum rmg_rc tell_sources(struct feed_folder *f, struct rmg_err *err)
{
	struct feed_state state = {0};
	uint64_t counts[FEEDS] = {0};
	int64_t newest[FEEDS] = {0};
	bool any[FEEDS] = {false};
	enum rmg_rc rc = feed_state_read(&state, f->dir, err);

	if (rc != RMG_OK)
		return rc;
	VEC_EACH (file, &f->files) {
		any[file->feed] = true;
		counts[file->feed] += file->count;
		newest[file->feed] = MAX_OF(newest[file->feed], file->id.mtime_ns);
	}
	for (size_t i = 0; i < FEEDS; i++) {
		char text[FEED_TIME_BYTES] = "";
		struct span fetched;

		if (newest[i])
			feed_time(newest[i] / 1000000000, text);
		if (!feed_state_find(&state, feed_names[i], &fetched))
			fetched = span_cstr(text);
		if (any[i])
			advdb_source_done(f->b, f->source[i], counts[i], fetched);
		else
			advdb_source_drop(f->b, f->source[i]);
	}
	feed_state_done(&state);
	return RMG_OK;
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static enum rmg_rc refresh(struct feed_folder *f, const char *const *paths, size_t n,
			   struct feed_refresh *out, struct rmg_err *err)
{
	enum rmg_rc rc;

	*out = (struct feed_refresh){0};
	f->said = out;
	f->now_ns = now_ns();
	for (size_t i = 0; paths && i < n; i++)
		if (!places_is_record(paths[i], &f->opts))
			paths = NULL;
	if (!index_paths(f))
		return err_set(err, RMG_E_NOMEM, "no memory for a folder of feeds");
	if (paths && f->files.n && is_wanted(&f->opts, feed_names[FEED_osv]))
		rc = look_at(f, paths, n, err);
	else
		rc = walk(f, err);
	if (rc == RMG_OK && out->failed == 0 && !any_seen(f))
		rc = err_set(
		    err, RMG_E_NOTFOUND,
		    "%s holds no advisories (osv/, debian/tracker.json, alpine-secdb/, ...)",
		    f->dir);
	if (rc == RMG_OK) {
		forget(f);
		rc = tell_sources(f, err);
	}
	out->files = (uint32_t)f->files.n;
	return rc;
}

/* Much was dropped: a new folder takes the place of this one, if all of it can be read. */
static void renew(struct feed_folder *f)
{
	struct feed_refresh said;
	struct feed_folder *fresh, old = *f;

	if (feed_folder_open(f->dir, &f->opts, &fresh, NULL) != RMG_OK)
		return;
	if (refresh(fresh, NULL, 0, &said, NULL) == RMG_OK && said.failed == 0) {
		*f = *fresh;
		*fresh = old;
	}
	feed_folder_close(fresh);
}

enum rmg_rc feed_folder_refresh(struct feed_folder *f, const char *const *paths, size_t n,
				struct feed_refresh *out, struct rmg_err *err)
{
	enum rmg_rc rc = refresh(f, paths, n, out, err);

	if (rc == RMG_OK && out->failed == 0 && advdb_builder_is_stale(f->b))
		renew(f);
	return rc;
}

/* SOURCE_DATE_EPOCH makes builds repeat exactly (reproducible-builds.org). */
void feed_built_now(char *buf)
{
	uint64_t fixed;

	if (span_u64(span_cstr(getenv("SOURCE_DATE_EPOCH")), 10, INT32_MAX, &fixed))
		feed_time((int64_t)fixed, buf);
	else
		feed_time((int64_t)time(NULL), buf);
}

enum rmg_rc feed_folder_database(struct feed_folder *f, struct span *out,
				 struct advdb_counts *counts, struct rmg_err *err)
{
	struct advdb_counts local;
	char built[FEED_TIME_BYTES];
	struct span file;
	enum rmg_rc rc;

	feed_built_now(built);
	counts = counts ? counts : &local;
	rc = advdb_builder_done(f->b, span_cstr(built), sha256_of, &file, counts, err);
	if (rc != RMG_OK)
		return rc;
	if (counts->rules == 0)
		return err_set(err, RMG_E_NOTFOUND, "%s holds no advisory about any package",
			       f->dir);
	advdb_builder_give(f->b);
	*out = file;
	return RMG_OK;
}
