/* SPDX-License-Identifier: Apache-2.0 */
/* feeder.c - keeps the advisory database current, one of four ways:
 *
 * a folder     of the publishers' files, kept up with as they change (an air gap; a mirror)
 * a file       a database that somebody else makes: taken anew when it is replaced
 * a reference  of a registry, where somebody else puts one: asked every feed_s seconds and a little
 *              less. That it is as it was says nothing of the publishers: the feeds are as old as
 *              the database says.
 * publishers   fetched every feed_s seconds and a little, only what changed
 *
 * One feed's failure ends nothing: the others come, the old database stays, and it is said. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/rfc3339.h"
#include "feed/folder.h"
#include "io/notify.h"
#include "lib/db_remote.h"
#include "lib/lib.h"
#include "serve/parts.h"

enum { SETTLE_MS = 30, STEP_MS = 500, OWED_MS = 2000 };

struct feeder {
	struct env *env;
	pthread_t thread;
	struct feed_folder *folder;
	struct db_remote *remote;
	struct notify *notify;
	struct stat seen; /* of the database file */
	char path[4096];
	bool troubled, have;
	bool warned;      /* in this round: a feed failed */
	bool owed;        /* the hub could not take the last one: its store was away */
	enum rmg_rc last; /* of the last pull */
};

static void trouble(struct feeder *f, const char *what)
{
	if (!f->troubled)
		env_say(f->env, "warn", "advisories: %s%s", what,
			f->have ? "; the last database stays in use" : "");
	f->troubled = true;
}

static void calm(struct feeder *f)
{
	if (f->troubled)
		env_say(f->env, "info", "advisories: current again");
	f->troubled = false;
}

static bool stop(void *user)
{
	struct feeder *f = user;

	return atomic_load(&f->env->stopping);
}

/* The hub, once it is open: meanwhile its store is read there and the advisories here. NULL: it
 * ends before that. */
static struct hub *hub_of(struct feeder *f)
{
	uint64_t heard = 0;

	while (f->env->hub == NULL && !stop(f))
		bell_wait(&f->env->opened, &heard, STEP_MS);
	return f->env->hub;
}

/* The hub has it from here on, or it is released. */
static void hand_over(struct feeder *f, const struct hub_database *db)
{
	struct hub_database_result r = {0};
	struct rmg_err err = {0};
	struct hub *hub = hub_of(f);
	enum rmg_rc rc = hub ? hub_database_set(hub, db, &r, &err) : RMG_E_STOPPED;

	if (rc != RMG_OK) {
		db->release(db->user);
		f->owed = true;
		if (hub)
			trouble(f, err.msg);
		return;
	}
	if (f->owed)
		calm(f);
	f->owed = false;
	f->have = true;
	env_say(f->env, "info",
		"advisories: a database of %u advisories; %zu packages changed, %zu images "
		"judged anew, %zu changes, %.0f ms",
		db->db.n_cards, r.keys, r.images, r.deltas, r.ms);
	bell_ring(&f->env->sent);
}

static void release_db(void *user)
{
	rmg_db_free(user);
}

static void take_file(struct feeder *f)
{
	struct rmg_err err = {0};
	struct rmg_db *db = NULL;
	struct hub_database given = {.release = release_db};
	struct stat st;

	if (stat(f->path, &st) != 0) {
		if (!f->have)
			trouble(f, "no database yet");
		return;
	}
	if (st.st_ino == f->seen.st_ino && st.st_mtim.tv_sec == f->seen.st_mtim.tv_sec &&
	    st.st_mtim.tv_nsec == f->seen.st_mtim.tv_nsec && st.st_size == f->seen.st_size &&
	    !f->owed)
		return;
	f->seen = st;
	if (rmg_db_open(f->path, &db, &err) != RMG_OK) {
		trouble(f, err.msg);
		return;
	}
	given.db = db->adv;
	given.user = db;
	if (!f->owed)
		calm(f);
	hand_over(f, &given);
}

static void take_folder(struct feeder *f, const char *const *paths, size_t n)
{
	struct hub_database given = {.release = free};
	struct feed_refresh r = {0};
	struct rmg_err err = {0};
	struct span bytes;
	struct advdb_counts counts;
	enum rmg_rc rc = feed_folder_refresh(f->folder, paths, n, &r, &err);

	if (rc == RMG_OK && r.failed)
		trouble(f, r.first.msg);
	else if (rc == RMG_OK && !f->owed)
		calm(f);
	if (rc == RMG_OK && r.read == 0 && r.gone == 0 && f->have && !f->owed)
		return;
	if (rc == RMG_OK)
		rc = feed_folder_database(f->folder, &bytes, &counts, &err);
	if (rc == RMG_OK) {
		given.user = (void *)(uintptr_t)bytes.p;
		rc = advdb_of(bytes, &given.db, &err);
		if (rc == RMG_OK)
			hand_over(f, &given);
		else
			free(given.user);
	}
	if (rc != RMG_OK && rc != RMG_E_STOPPED)
		trouble(f, err.msg);
}

static void warned(void *user, const char *text)
{
	struct feeder *f = user;

	f->warned = true;
	trouble(f, text);
}

static void fetch(struct feeder *f)
{
	struct rmg_db_opts opts = RMG_DB_OPTS;
	struct rmg_err err = {0};
	struct hub *hub;
	bool changed = false;

	opts.out = f->path;
	opts.urls = f->env->opts->feed_urls;
	opts.cache_dir = f->env->opts->scan ? f->env->opts->scan->cache_dir : NULL;
	opts.stop = stop;
	opts.warn = warned;
	opts.user = f;
	f->warned = false;
	if (rmg_db_update(&opts, &changed, &err) == RMG_OK) {
		calm(f);
		hub = f->warned ? NULL : hub_of(f);
		if (hub)
			hub_feeds_checked(hub);
	} else if (!stop(f))
		trouble(f, err.msg);
	take_file(f);
}

static void remark(void *user, const char *text)
{
	struct feeder *f = user;

	env_say(f->env, "warn", "advisories: %s: %s", f->env->opts->db_ref, text);
}

static void pull(struct feeder *f)
{
	struct rmg_err err = {0};
	bool changed = false;
	enum rmg_rc rc = db_remote_pull(f->remote, &changed, &err);

	if (rc == RMG_OK) {
		calm(f);
	} else if (!stop(f)) {
		err_add(&err, "%s", f->env->opts->db_ref);
		/* A database that is refused is another trouble than a network that is down. */
		if (rc != f->last)
			f->troubled = false;
		trouble(f, err.msg);
	}
	f->last = rc;
	take_file(f);
}

/* So that a thousand hubs do not ask at the same second. */
static uint64_t jittered(uint32_t seconds)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)seconds * (900 + (uint64_t)t.tv_nsec / 1000 % 100);
}

static void keep_folder(struct feeder *f)
{
	uint32_t every_ms = f->env->opts->feed_s * 1000;
	uint32_t waited = 0;

	take_folder(f, NULL, 0);
	while (!stop(f)) {
		const char *const *paths = NULL;
		struct rmg_err err = {0};
		size_t n = 0;
		bool all = true;

		if (f->notify == NULL)
			(void)clock_rest(STEP_MS, stop, f);
		else if (notify_wait(f->notify, STEP_MS, SETTLE_MS, &paths, &n, &all, &err) !=
			 RMG_OK)
			trouble(f, err.msg);
		waited += STEP_MS;
		if (all || waited >= every_ms || (f->owed && waited % OWED_MS == 0)) {
			take_folder(f, NULL, 0);
			waited = 0;
		} else if (n) {
			take_folder(f, paths, n);
		}
	}
}

/* What the hub could not take is offered again meanwhile. */
static void rest(struct feeder *f, uint64_t ms)
{
	while (f->owed && ms > OWED_MS && clock_rest(OWED_MS, stop, f)) {
		ms -= OWED_MS;
		take_file(f);
	}
	(void)clock_rest(ms, stop, f);
}

static void *run(void *user)
{
	struct feeder *f = user;

	if (f->folder) {
		keep_folder(f);
		return NULL;
	}
	take_file(f);
	while (!stop(f)) {
		if (f->env->opts->db && f->remote == NULL) {
			(void)clock_rest(f->owed ? OWED_MS : STEP_MS, stop, f);
			take_file(f);
			continue;
		}
		if (f->remote)
			pull(f);
		else
			fetch(f);
		rest(f, jittered(f->env->opts->feed_s));
	}
	return NULL;
}

/* What is said of registries for scans holds here too. */
static enum rmg_rc open_remote(struct feeder *f, struct rmg_err *err)
{
	const struct rmg_opts *scan = f->env->opts->scan;
	struct rmg_db_opts opts = RMG_DB_OPTS;

	if (scan) {
		opts.username = scan->username;
		opts.password = scan->password;
		opts.insecure_registries = scan->insecure_registries;
		opts.mirrors = scan->mirrors;
		opts.ca_cert = scan->ca_cert;
		opts.client_cert = scan->client_cert;
		opts.client_key = scan->client_key;
		opts.stall_seconds = scan->stall_seconds;
	}
	opts.out = f->path;
	opts.stop = stop;
	opts.warn = remark;
	opts.user = f;
	return db_remote_open(f->env->opts->db_ref, &opts, &f->remote, err);
}

static enum rmg_rc set_up(struct feeder *f, struct rmg_err *err)
{
	const struct serve_opts *o = f->env->opts;
	struct rmg_db_opts opts = RMG_DB_OPTS;
	enum rmg_rc rc = RMG_OK;

	if (o->db)
		snprintf(f->path, sizeof f->path, "%s", o->db);
	else
		rmg_db_default_path(o->scan ? o->scan->cache_dir : NULL, f->path, sizeof f->path);
	if (o->db_ref)
		return open_remote(f, err);
	if (o->feed_dir == NULL)
		return RMG_OK;
	opts.stop = stop;
	opts.user = f;
	rc = feed_folder_open(o->feed_dir, &opts, &f->folder, err);
	if (rc == RMG_OK && notify_open(o->feed_dir, &f->notify, err) != RMG_OK)
		env_say(f->env, "warn", "advisories: %s is looked at now and then only: %s",
			o->feed_dir, err->msg);
	return rc;
}

static void release(struct feeder *f)
{
	feed_folder_close(f->folder);
	db_remote_close(f->remote);
	notify_close(f->notify);
	free(f);
}

enum rmg_rc feeder_start(struct env *env, struct feeder **out, struct rmg_err *err)
{
	struct feeder *f = calloc(1, sizeof *f);
	enum rmg_rc rc;

	if (f == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for the feeds");
	f->env = env;
	rc = set_up(f, err);
	if (rc == RMG_OK && pthread_create(&f->thread, NULL, run, f) != 0)
		rc = err_set(err, RMG_E_NOMEM, "no thread for the feeds");
	if (rc != RMG_OK) {
		release(f);
		return rc;
	}
	*out = f;
	return RMG_OK;
}

void feeder_stop(struct feeder *f)
{
	if (f == NULL)
		return;
	pthread_join(f->thread, NULL);
	release(f);
}
