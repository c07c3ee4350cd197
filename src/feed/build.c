/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <time.h>

#include "base/limits.h"
#include "feed/feed.h"
#include "feed/input.h"
#include "feed/starter.h"
#include "feed/state.h"
#include "format/sha256.h"

static const struct {
	const char *name;
	enum rmg_rc (*read)(struct input *in, struct rmg_err *err);
} feeds[] = {
#define X(name, url) {#name, name##_read},
#include "feed/feed.def"
#undef X
};

struct build {
	struct advdb_builder *b;
	const struct rmg_db_opts *opts;
	const char *dir;
	struct feed_state state;
	unsigned done, taken; /* feeds */
};

static bool wanted(const struct rmg_db_opts *opts, const char *name)
{
	if (opts->feeds == NULL)
		return true;
	for (const char *const *feed = opts->feeds; *feed; feed++)
		if (strcmp(*feed, name) == 0)
			return true;
	return false;
}

static void progress(const struct build *build, const char *name, bool end)
{
	struct rmg_progress p = {.verb = end && name == NULL ? "build" : "feed", .name = name};

	if (build->opts->progress == NULL)
		return;
	p.name = name ? name : "database";
	p.id = name ? build->done + 1 : 0;
	p.done = end;
	p.total = 1;
	build->opts->progress(build->opts->user, &p);
}

/* When the publisher was last asked; in a folder that we did not fetch, when its newest file was
 * made. */
static struct span fetched_at(const struct build *build, struct input *in)
{
	struct span fetched;
	uint8_t *p;

	if (feed_state_find(&build->state, in->feed, &fetched))
		return fetched;
	p = arena_bytes(&in->names, FEED_TIME_BYTES);
	if (p == NULL || in->newest == 0)
		return (struct span){0};
	feed_time(in->newest, (char *)p);
	return span_cstr((char *)p);
}

static enum rmg_rc read_feed(struct build *build, size_t i, struct rmg_err *err)
{
	struct adv_source source = {.name = span_cstr(feeds[i].name)};
	struct rmg_err why = {0};
	struct input in;
	enum rmg_rc rc;

	input_init(&in, build->b, build->opts, feeds[i].name, build->dir);
	in.source = advdb_add_source(build->b, &source);
	progress(build, feeds[i].name, false);
	rc = feeds[i].read(&in, &why);
	in.file = NULL;
	if (rc == RMG_OK) {
		build->taken++;
		advdb_source_done(build->b, in.source, in.count, fetched_at(build, &in));
	} else if (rc == RMG_E_NOTFOUND) {
		advdb_source_drop(build->b, in.source);
		rc = RMG_OK;
	} else if (err) {
		*err = why;
		err_add(err, "%s", feeds[i].name);
	}
	input_end(&in);
	progress(build, feeds[i].name, true);
	build->done++;
	input_done(&in);
	return rc;
}

static enum rmg_rc read_feeds(struct build *build, struct rmg_err *err)
{
	enum rmg_rc rc = feed_state_read(&build->state, build->dir, err);

	for (size_t i = 0; rc == RMG_OK && i < COUNT_OF(feeds); i++)
		if (wanted(build->opts, feeds[i].name))
			rc = read_feed(build, i, err);
	if (rc == RMG_OK && build->taken == 0)
		return err_set(
		    err, RMG_E_NOTFOUND,
		    "%s holds no advisories (osv/, debian/tracker.json, alpine-secdb/, ...)",
		    build->dir);
	return rc;
}

static enum rmg_rc read_starter(struct build *build, struct rmg_err *err)
{
	struct adv_source source = {.name = S("starter"), .starter = true};
	struct input in;
	enum rmg_rc rc;

	input_init(&in, build->b, build->opts, "starter", NULL);
	in.source = advdb_add_source(build->b, &source);
	rc = starter_take(&in, starter_text(), err);
	advdb_source_done(build->b, in.source, in.count, (struct span){0});
	input_done(&in);
	return rc;
}

/* SOURCE_DATE_EPOCH makes builds repeat exactly (reproducible-builds.org). */
static int64_t now(void)
{
	uint64_t fixed;

	if (span_u64(span_cstr(getenv("SOURCE_DATE_EPOCH")), 10, INT32_MAX, &fixed))
		return (int64_t)fixed;
	return (int64_t)time(NULL);
}

static enum rmg_rc write_file(const char *path, struct span bytes, struct rmg_err *err)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash && slash != path ? strndup(path, (size_t)(slash - path)) : NULL;
	enum rmg_rc rc = dir ? file_mkdirs(dir, err) : RMG_OK;

	free(dir);
	return rc == RMG_OK ? file_write(path, bytes, err) : rc;
}

static enum rmg_rc finish(struct build *build, struct rmg_err *err)
{
	struct advdb_counts counts;
	char built[FEED_TIME_BYTES];
	struct span file;
	enum rmg_rc rc;

	progress(build, NULL, false);
	feed_time(now(), built);
	rc = advdb_builder_done(build->b, span_cstr(built), sha256_of, &file, &counts, err);
	if (rc == RMG_OK && counts.rules == 0)
		rc = err_set(err, RMG_E_NOTFOUND, "%s holds no advisory about any package",
			     build->dir ? build->dir : "the starter set");
	if (rc == RMG_OK)
		rc = write_file(build->opts->out, file, err);
	progress(build, NULL, true);
	return rc;
}

enum rmg_rc feed_build(const char *dir, const struct rmg_db_opts *opts, struct rmg_err *err)
{
	struct build build = {.opts = opts, .dir = dir};
	enum rmg_rc rc = advdb_builder_new(&build.b);

	if (rc != RMG_OK)
		return err_set(err, rc, "no memory for the advisory database");
	rc = dir ? read_feeds(&build, err) : read_starter(&build, err);
	if (rc == RMG_OK)
		rc = finish(&build, err);
	feed_state_done(&build.state);
	advdb_builder_free(build.b);
	return rc;
}
