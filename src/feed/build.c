/* SPDX-License-Identifier: Apache-2.0 */
/* build.c - a database from a folder of feeds or from the starter set. The new file takes the old
 * one's place once what lies on the disk has been read again and found whole. */
#include "base/err.h"
#include "feed/feed.h"
#include "feed/folder.h"
#include "feed/input.h"
#include "feed/starter.h"
#include "feed/state.h"
#include "format/sha256.h"

static void progress(const struct rmg_db_opts *opts, bool end)
{
	struct rmg_progress p = {
	    .verb = end ? "build" : "feed", .name = "database", .done = end, .total = 1};

	if (opts->progress)
		opts->progress(opts->user, &p);
}

static enum rmg_rc verify(const char *path, struct rmg_err *err)
{
	struct file_map map;
	struct advdb db;
	enum rmg_rc rc = file_map(path, &map, err);

	if (rc != RMG_OK)
		return rc;
	rc = advdb_of(map.bytes, &db, err);
	if (rc == RMG_OK)
		rc = advdb_verify(&db, sha256_of, err);
	if (rc == RMG_OK)
		rc = advdb_check(&db, err);
	file_unmap(&map);
	return rc;
}

enum rmg_rc feed_place_open(struct file_writer *w, const char *path, struct rmg_err *err)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash && slash != path ? strndup(path, (size_t)(slash - path)) : NULL;
	enum rmg_rc rc = dir ? file_mkdirs(dir, err) : RMG_OK;

	free(dir);
	return rc == RMG_OK ? file_writer_open(w, path, err) : rc;
}

enum rmg_rc feed_place_commit(struct file_writer *w, struct rmg_err *err)
{
	enum rmg_rc rc = RMG_OK;

	if (w->rc == RMG_OK) /* else commit tells */
		rc = verify(w->temp, err);
	return rc == RMG_OK ? file_writer_commit(w, err) : rc;
}

static enum rmg_rc write_file(const char *path, struct span bytes, struct rmg_err *err)
{
	struct file_writer w;
	enum rmg_rc rc = feed_place_open(&w, path, err);

	if (rc != RMG_OK)
		return rc;
	file_writer_put(&w, bytes);
	rc = feed_place_commit(&w, err);
	file_writer_done(&w);
	return rc;
}

static enum rmg_rc database_of(struct feed_folder *folder, struct span *out, struct rmg_err *err)
{
	struct feed_refresh said;
	enum rmg_rc rc = feed_folder_refresh(folder, NULL, 0, &said, err);

	if (rc == RMG_OK && said.failed) {
		if (err)
			*err = said.first;
		rc = said.first.rc == RMG_E_NOTFOUND ? RMG_E_IO : said.first.rc;
	}
	return rc == RMG_OK ? feed_folder_database(folder, out, NULL, err) : rc;
}

static enum rmg_rc build_folder(const char *dir, const struct rmg_db_opts *opts,
				struct rmg_err *err)
{
	struct feed_folder *folder;
	struct span file = {0};
	enum rmg_rc rc = feed_folder_open(dir, opts, &folder, err);

	if (rc != RMG_OK)
		return rc;
	rc = database_of(folder, &file, err);
	feed_folder_close(folder);
	if (rc == RMG_OK) {
		progress(opts, false);
		rc = write_file(opts->out, file, err);
		progress(opts, true);
	}
	file_free(&file);
	return rc;
}

static enum rmg_rc build_starter(const struct rmg_db_opts *opts, struct rmg_err *err)
{
	struct adv_source source = {.name = S("starter"), .starter = true};
	char built[FEED_TIME_BYTES];
	struct advdb_builder *b;
	struct span file;
	struct input in;
	enum rmg_rc rc = advdb_builder_new(&b);

	if (rc != RMG_OK)
		return err_set(err, rc, "no memory for the advisory database");
	input_init(&in, b, opts, "starter");
	in.source = advdb_add_source(b, &source);
	rc = starter_take(&in, starter_text(), err);
	advdb_source_done(b, in.source, in.count, (struct span){0});
	input_done(&in);
	progress(opts, false);
	feed_built_now(built);
	if (rc == RMG_OK)
		rc = advdb_builder_done(b, span_cstr(built), sha256_of, &file, NULL, err);
	if (rc == RMG_OK)
		rc = write_file(opts->out, file, err);
	progress(opts, true);
	advdb_builder_free(b);
	return rc;
}

enum rmg_rc feed_build(const char *dir, const struct rmg_db_opts *opts, struct rmg_err *err)
{
	enum rmg_rc rc = feed_check_names(opts, err);

	if (rc != RMG_OK)
		return rc;
	return dir ? build_folder(dir, opts, err) : build_starter(opts, err);
}
