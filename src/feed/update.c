/* SPDX-License-Identifier: Apache-2.0 */
/* update.c - feeds from their publishers into the cache, then a database of them.
 *
 * A kill at any moment leaves the old database; the next update goes on where this one ended.
 * feeds/built names the database that was made of the files as they are: it goes before the first
 * of them changes, so that a database that is older than its files is always made anew. */
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/strbuf.h"
#include "feed/feed.h"
#include "feed/fetch.h"
#include "feed/state.h"
#include "io/file.h"
#include "vuln/advdb.h"

enum { PATH_BYTES = 1024, CACHE_PATH_BYTES = 640 }; /* room for names of records */

static const struct {
	const char *name, *url;
	enum rmg_rc (*fetch)(struct fetch *f, struct rmg_err *err);
} feeds[] = {
#define X(name, url) {#name, url, name##_fetch},
#include "feed/feed.def"
#undef X
};

struct update {
	const struct rmg_db_opts *opts;
	char dir[PATH_BYTES], mark[PATH_BYTES];
	struct http *http;
	uint32_t files;
	bool changed;
	unsigned failed;
	struct rmg_err first; /* failure */
	const char *fresh[COUNT_OF(feeds)];
	size_t n_fresh;
};

static bool is_feed(struct span name)
{
	for (size_t i = 0; i < COUNT_OF(feeds); i++)
		if (span_is(name, span_cstr(feeds[i].name)))
			return true;
	return false;
}

enum rmg_rc feed_check_names(const struct rmg_db_opts *opts, struct rmg_err *err)
{
	static const char all[] = ""
#define X(name, url) " " #name
#include "feed/feed.def"
#undef X
	    ;

	for (const char *const *feed = opts->feeds; feed && *feed; feed++)
		if (!is_feed(span_cstr(*feed)))
			return err_set(err, RMG_E_ARG, "no feed is called \"%.60s\"; there are%s",
				       *feed, all);
	for (const char *const *row = opts->urls; row && *row; row++) {
		struct span name, url;

		if (!span_cut(span_cstr(*row), '=', &name, &url) || !is_feed(name) || url.n == 0)
			return err_set(err, RMG_E_ARG, "\"%.60s\" is no FEED=URL; feeds are%s",
				       *row, all);
	}
	return RMG_OK;
}

static void warn(const struct update *u, const char *feed, const struct rmg_err *why)
{
	char text[640];

	snprintf(text, sizeof text, "%s: %s", feed, why->msg);
	if (u->opts->warn)
		u->opts->warn(u->opts->user, text);
}

static bool wanted(const struct update *u, const char *name, const char *url)
{
	const char *const *list = u->opts->feeds;

	if (url[0] == '\0')
		return false;
	for (; list && *list; list++)
		if (strcmp(*list, name) == 0)
			return true;
	return u->opts->feeds == NULL;
}

bool feed_url(const struct rmg_db_opts *opts, const char *name, const char *url, char *buf,
	      size_t n)
{
	const char *const *list = opts->urls;
	size_t name_n = strlen(name), len;

	for (; list && *list; list++)
		if (strncmp(*list, name, name_n) == 0 && (*list)[name_n] == '=')
			url = *list + name_n + 1;
	len = strlen(url);
	while (len && url[len - 1] == '/')
		len--;
	if (len == 0 || len >= n)
		return false;
	memcpy(buf, url, len);
	buf[len] = '\0';
	return true;
}

/* RMG_OK also where the feed failed: the others come all the same. */
static enum rmg_rc update_feed(struct update *u, size_t i, struct rmg_err *err)
{
	char url[1024];
	struct rmg_err why = {0};
	struct fetch f = {
	    .http = u->http,
	    .opts = u->opts,
	    .feed = feeds[i].name,
	    .url = url,
	    .dir = u->dir,
	    .files = u->files,
	};
	enum rmg_rc rc;

	if (!feed_url(u->opts, feeds[i].name, feeds[i].url, url, sizeof url))
		return err_set(err, RMG_E_ARG, "the address of feed %s is not usable",
			       feeds[i].name);
	rc = feeds[i].fetch(&f, &why);
	u->files = f.files;
	u->changed |= f.changed;
	if (rc == RMG_E_STOPPED)
		return err_set(err, rc, "stopped");
	if (rc == RMG_OK) {
		u->fresh[u->n_fresh++] = feeds[i].name;
		return RMG_OK;
	}
	why.rc = rc;
	warn(u, feeds[i].name, &why);
	if (u->failed++ == 0) {
		u->first = why;
		err_add(&u->first, "%s", feeds[i].name);
	}
	return RMG_OK;
}

static enum rmg_rc update_feeds(struct update *u, struct rmg_err *err)
{
	struct http_opts opts = {
	    .ca_file = u->opts->ca_cert,
	    .stall_s = u->opts->stall_seconds,
	    .stop = u->opts->stop,
	    .user = u->opts->user,
	};
	enum rmg_rc rc = http_new(&opts, &u->http, err);

	for (size_t i = 0; rc == RMG_OK && i < COUNT_OF(feeds); i++)
		if (wanted(u, feeds[i].name, feeds[i].url))
			rc = update_feed(u, i, err);
	http_free(u->http);
	return rc;
}

static enum rmg_rc write_state(struct update *u, struct rmg_err *err)
{
	struct feed_state state = {0};
	char now[FEED_TIME_BYTES];
	enum rmg_rc rc = feed_state_read(&state, u->dir, err);

	feed_time((int64_t)time(NULL), now);
	if (rc == RMG_OK && u->n_fresh)
		rc = feed_state_write(&state, u->dir, u->fresh, u->n_fresh, now, err);
	feed_state_done(&state);
	return rc;
}

/* The hash that a database carries, in hexadecimal; false where there is none at the path. */
static bool digest_of(const char *path, struct strbuf *out)
{
	struct file_map map;
	struct advdb db;
	bool good = file_map(path, &map, NULL) == RMG_OK;

	if (!good)
		return false;
	good = advdb_of(map.bytes, &db, NULL) == RMG_OK;
	if (good)
		strbuf_hex(out, db.sha256, sizeof db.sha256);
	file_unmap(&map);
	return good && strbuf_rc(out) == RMG_OK;
}

/* Whether the database is the one that was made of the files last time. */
static bool is_built(const struct update *u)
{
	struct strbuf digest = strbuf_of(80);
	struct span mark;
	bool same = false;

	if (file_read(u->mark, KIB(1), &mark, NULL) != RMG_OK)
		return false;
	if (digest_of(u->opts->out, &digest))
		same = span_is(span_trim(mark), strbuf_span(&digest));
	file_free(&mark);
	strbuf_done(&digest);
	return same;
}

static enum rmg_rc build(struct update *u, struct rmg_err *err)
{
	struct rmg_db_opts opts = *u->opts;
	struct strbuf digest = strbuf_of(80);
	enum rmg_rc rc;

	opts.feeds = NULL; /* all that have been fetched, now or before */
	rc = feed_build(u->dir, &opts, err);
	if (rc == RMG_OK && digest_of(opts.out, &digest))
		rc = file_write(u->mark, strbuf_span(&digest), err);
	strbuf_done(&digest);
	return rc;
}

static enum rmg_rc run(struct update *u, bool *changed, struct rmg_err *err)
{
	bool built = is_built(u);
	enum rmg_rc rc;

	unlink(u->mark);
	rc = update_feeds(u, err);
	if (rc == RMG_OK)
		rc = write_state(u, err);
	if (rc != RMG_OK)
		return rc;
	*changed = false;
	if (u->changed || !built) {
		rc = build(u, err);
		if (rc == RMG_E_NOTFOUND && u->failed) { /* nothing came, this is why */
			*err = u->first;
			return RMG_E_NET;
		}
		if (rc != RMG_OK)
			return rc;
		*changed = true;
	} else {
		struct strbuf digest = strbuf_of(80);

		if (digest_of(u->opts->out, &digest))
			rc = file_write(u->mark, strbuf_span(&digest), err);
		strbuf_done(&digest);
	}
	if (rc != RMG_OK || u->failed == 0)
		return rc;
	err_set(err, RMG_E_NET, "%u of the feeds could not be updated, the first: %s", u->failed,
		u->first.msg);
	return RMG_E_NET;
}

enum rmg_rc feed_update(const struct rmg_db_opts *opts, bool *changed, struct rmg_err *err)
{
	struct update u = {.opts = opts};
	char lock_path[PATH_BYTES];
	struct rmg_err local;
	bool ignored;
	int lock;
	enum rmg_rc rc;

	rc = feed_check_names(opts, err);
	if (rc != RMG_OK)
		return rc;
	if (strlen(opts->cache_dir) > CACHE_PATH_BYTES)
		return err_set(err, RMG_E_ARG, "the path of the cache is too long");
	snprintf(u.dir, sizeof u.dir, "%s/feeds", opts->cache_dir);
	snprintf(u.mark, sizeof u.mark, "%s/feeds/built", opts->cache_dir);
	snprintf(lock_path, sizeof lock_path, "%s/feeds/lock", opts->cache_dir);
	rc = file_mkdirs(u.dir, err);
	if (rc == RMG_OK)
		rc = file_lock(lock_path, false, &lock, err);
	if (rc == RMG_E_NOTFOUND)
		return err_set(err, RMG_E_IO, "another update is running (it holds %s)", lock_path);
	if (rc != RMG_OK)
		return rc;
	rc = run(&u, changed ? changed : &ignored, err ? err : &local);
	file_unlock(&lock);
	return rc;
}
