/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_db.c - db update, build, pull, push, status, diff. */
#include <rummage.h>

#include <stdio.h>

#include "base/strbuf.h"
#include "base/utf8.h"
#include "cmd/cmd.h"
#include "cmd/db_text.h"
#include "cmd/login.h"
#include "cmd/output.h"
#include "cmd/progress.h"
#include "cmd/say.h"
#include "format/jsonw.h"

static const char *const formats[] = {"table", "json", NULL};

struct db_work {
	struct options *o;
	struct progress *bars;
};

static void show(void *user, const struct rmg_progress *now)
{
	progress_put(((struct db_work *)user)->bars, 0, now);
}

static void warn(void *user, const char *text)
{
	struct db_work *w = user;

	progress_clear(w->bars);
	say("%s", text);
}

static struct rmg_db_opts options_of(struct db_work *w)
{
	const struct options *o = w->o;
	struct rmg_db_opts opts = RMG_DB_OPTS;

	opts.out = o->out;
	opts.cache_dir = o->cache_dir;
	opts.feeds = o->feeds.v;
	opts.urls = o->urls.v;
	opts.ecosystems = o->ecosystems.v;
	login_put_db(o, &opts);
	opts.stop = cmd_stopped;
	opts.progress = w->bars ? show : NULL;
	opts.warn = warn;
	opts.user = w;
	return opts;
}

static int failed(const char *what, const struct rmg_err *err)
{
	if (cmd_stopped(NULL)) {
		say("stopped; the database is as it was");
		return EXIT_NOT_DONE;
	}
	return say_failure(what, err, NULL);
}

static int no_database(const struct rmg_err *err)
{
	return say_failure("advisory database", err,
			   "get one: rummage db update; without a network: "
			   "rummage db build --from DIR, or rummage db pull REF");
}

/* One line about what there is now. */
static void tell(const struct options *o, const char *head)
{
	struct rmg_db *db;
	struct rmg_db_info info;
	char path[4096];

	if (o->quiet)
		return;
	rmg_db_default_path(o->cache_dir, path, sizeof path);
	if (rmg_db_open(o->out ? o->out : path, &db, NULL) != RMG_OK)
		return;
	rmg_db_about(db, &info);
	printf("%s: %llu advisories about %llu packages, in %s\n", head,
	       (unsigned long long)info.advisories, (unsigned long long)info.packages,
	       o->out ? o->out : path);
	rmg_db_free(db);
}

int cmd_db_update(struct options *o)
{
	struct db_work w = {.o = o, .bars = progress_new(!o->quiet && progress_possible())};
	struct rmg_db_opts opts = options_of(&w);
	struct rmg_err err = {0};
	bool changed = false;
	enum rmg_rc rc = rmg_db_update(&opts, &changed, &err);

	progress_free(w.bars);
	if (rc == RMG_OK || changed)
		tell(o, changed ? "updated" : "nothing new");
	return rc == RMG_OK ? EXIT_WHOLE : failed("db update", &err);
}

/* Without --from it is the starter set, which must not take the place of a database by accident. */
int cmd_db_build(struct options *o)
{
	struct db_work w = {.o = o};
	struct rmg_db_opts opts;
	struct rmg_err err = {0};
	enum rmg_rc rc;

	if (o->from && o->starter)
		return say_usage("db build", "--from and --starter exclude each other");
	if (!o->from && !o->starter && !o->out)
		return say_usage("db build", "say --from DIR, or --starter");
	w.bars = progress_new(!o->quiet && progress_possible());
	opts = options_of(&w);
	rc = rmg_db_build(o->from, &opts, &err);
	progress_free(w.bars);
	if (rc != RMG_OK)
		return failed("db build", &err);
	tell(o, "built");
	if (o->from == NULL)
		say("this is the STARTER SET: a few famous advisories. "
		    "Nothing found with it means nothing.");
	return EXIT_WHOLE;
}

int cmd_db_pull(struct options *o)
{
	struct db_work w = {.o = o};
	struct rmg_db_opts opts;
	struct rmg_err err = {0};
	bool changed = false;
	enum rmg_rc rc;
	int code = login_check("db pull", o);

	if (code != EXIT_WHOLE)
		return code;
	w.bars = progress_new(!o->quiet && progress_possible());
	opts = options_of(&w);
	rc = rmg_db_pull(o->operands[0], &opts, &changed, &err);
	progress_free(w.bars);
	if (rc == RMG_E_DB)
		return say_failure(o->operands[0], &err, "the database here is as it was");
	if (rc != RMG_OK)
		return failed(o->operands[0], &err);
	tell(o, changed ? "pulled" : "nothing new");
	return EXIT_WHOLE;
}

static int push(struct db_work *w, const struct rmg_db *db)
{
	const char *ref = w->o->operands[0];
	struct rmg_db_opts opts;
	struct rmg_db_info info;
	struct rmg_err err = {0};
	bool changed = false;
	enum rmg_rc rc;

	w->bars = progress_new(!w->o->quiet && progress_possible());
	opts = options_of(w);
	rc = rmg_db_push(db, ref, &opts, &changed, &err);
	progress_free(w->bars);
	if (rc != RMG_OK && cmd_stopped(NULL)) {
		say("stopped; %s means what it did", ref);
		return EXIT_NOT_DONE;
	}
	if (rc != RMG_OK)
		return say_failure(ref, &err, NULL);
	rmg_db_about(db, &info);
	if (!w->o->quiet)
		printf("%s: %llu advisories about %llu packages, in %s\n",
		       changed ? "pushed" : "nothing new", (unsigned long long)info.advisories,
		       (unsigned long long)info.packages, ref);
	return EXIT_WHOLE;
}

int cmd_db_push(struct options *o)
{
	struct db_work w = {.o = o};
	struct rmg_err err = {0};
	struct rmg_db *db;
	char path[4096];
	int code = login_check("db push", o);

	if (code != EXIT_WHOLE)
		return code;
	rmg_db_default_path(o->cache_dir, path, sizeof path);
	if (rmg_db_open(o->db ? o->db : path, &db, &err) != RMG_OK)
		return no_database(&err);
	code = push(&w, db);
	rmg_db_free(db);
	return code;
}

int cmd_db_status(struct options *o)
{
	struct rmg_err err = {0};
	struct outputs out;
	struct rmg_db *db;
	struct strbuf text = strbuf_of(1 << 24);
	char path[4096];
	int code = EXIT_WHOLE;

	rmg_db_default_path(o->cache_dir, path, sizeof path);
	if (rmg_db_open(o->db ? o->db : path, &db, &err) != RMG_OK)
		return no_database(&err);
	if (outputs_open(&out, o, &o->output, "table", formats, &err) != RMG_OK)
		code = say_failure(NULL, &err, "formats are table and json; -o FORMAT=FILE");
	for (size_t i = 0; code == EXIT_WHOLE && i < out.n; i++) {
		strbuf_clear(&text);
		if (strcmp(out.v[i].format, "json") == 0)
			db_text_json(db, &text);
		else
			db_text_table(db, &text);
		if (!output_write(&out.v[i], strbuf_cstr(&text), text.n)) {
			(void)output_error(&out.v[i], &err);
			code = say_failure("db status", &err, NULL);
		}
	}
	if (code == EXIT_WHOLE && outputs_commit(&out, &err) != RMG_OK)
		code = say_failure("db status", &err, NULL);
	outputs_done(&out);
	strbuf_done(&text);
	rmg_db_free(db);
	return code;
}

struct diff {
	struct output *out;
	struct strbuf text;
	struct jsonw json;
	bool is_json, failed;
};

static void put_row(struct diff *d, const char *ecosystem, const char *name, const char *how)
{
	if (!d->is_json) {
		strbuf_printf(&d->text, "%s\t%s\t%s\n", how, ecosystem, name);
		return;
	}
	jsonw_object(&d->json);
	jsonw_put_cstr(&d->json, "change", how);
	jsonw_put_cstr(&d->json, "ecosystem", ecosystem);
	jsonw_put_cstr(&d->json, "name", name);
	jsonw_object_end(&d->json);
}

static void flush(struct diff *d)
{
	if (!output_write(d->out, strbuf_cstr(&d->text), d->text.n))
		d->failed = true;
	strbuf_clear(&d->text);
}

static bool take_row(void *user, const char *ecosystem, const char *name, const char *how)
{
	struct diff *d = user;

	put_row(d, ecosystem, name, how);
	if (d->text.n > 1 << 16)
		flush(d);
	return !d->failed && !cmd_stopped(NULL);
}

static int diff_into(struct output *out, struct rmg_db *older, struct rmg_db *newer)
{
	struct diff d = {.out = out, .text = strbuf_of(1 << 20)};
	struct rmg_err err = {0};
	int code = EXIT_WHOLE;

	d.json = jsonw_of(&d.text);
	d.is_json = strcmp(out->format, "json") == 0;
	if (d.is_json)
		jsonw_array(&d.json);
	if (rmg_db_diff(older, newer, take_row, &d, &err) != RMG_OK && !d.failed)
		code = failed("db diff", &err);
	if (d.is_json) {
		jsonw_array_end(&d.json);
		strbuf_putc(&d.text, '\n');
	}
	flush(&d);
	strbuf_done(&d.text);
	if (!d.failed)
		return code;
	(void)output_error(out, &err);
	return say_failure("db diff", &err, NULL);
}

static int open_both(const struct options *o, struct rmg_db *dbs[2])
{
	struct rmg_err err = {0};

	for (size_t i = 0; i < 2; i++) {
		if (rmg_db_open(o->operands[i], &dbs[i], &err) != RMG_OK)
			return say_failure("db diff", &err, NULL);
	}
	return EXIT_WHOLE;
}

int cmd_db_diff(struct options *o)
{
	struct rmg_db *dbs[2] = {NULL, NULL};
	struct outputs out = {0};
	struct rmg_err err = {0};
	int code = open_both(o, dbs);

	if (code == EXIT_WHOLE &&
	    outputs_open(&out, o, &o->output, "table", formats, &err) != RMG_OK)
		code = say_failure(NULL, &err, "formats are table and json; -o FORMAT=FILE");
	for (size_t i = 0; code == EXIT_WHOLE && i < out.n; i++)
		code = diff_into(&out.v[i], dbs[0], dbs[1]);
	if (code == EXIT_WHOLE && outputs_commit(&out, &err) != RMG_OK)
		code = say_failure("db diff", &err, NULL);
	outputs_done(&out);
	rmg_db_free(dbs[0]);
	rmg_db_free(dbs[1]);
	return code;
}
