/* SPDX-License-Identifier: Apache-2.0 */
/* watcher.c - a runtime's events, straight into the hub: what an agent on another machine sends by
 * HTTP, a hub that runs beside an engine takes itself. */
#include <stdlib.h>

#include "serve/parts.h"
#include "watch/watch.h"

struct watcher {
	struct env *env;
	struct watch_opts opts;
	pthread_t thread;
};

static enum rmg_rc take(void *user, const struct event *e, size_t n, struct rmg_err *err)
{
	struct watcher *w = user;
	struct hub_result *results = calloc(n + 1, sizeof *results);
	bool resync = false;
	enum rmg_rc rc;

	if (results == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for events");
	rc = hub_apply(w->env->hub, e, n, results, err);
	for (size_t i = 0; rc == RMG_OK && i < n; i++)
		resync |= results[i].resync;
	free(results);
	bell_ring(&w->env->wanted);
	bell_ring(&w->env->sent);
	if (rc == RMG_OK && resync)
		return err_set(err, RMG_E_STOPPED, "the hub asks for a snapshot");
	return rc;
}

static void warned(void *user, const char *text)
{
	struct watcher *w = user;

	env_say(w->env, "warn", "%s at %s: %s", w->opts.kind, w->opts.address, text);
}

static bool stop(void *user)
{
	struct watcher *w = user;

	return atomic_load(&w->env->stopping);
}

static void *run(void *user)
{
	struct watcher *w = user;
	struct rmg_err err = {0};

	if (watch_run(&w->opts, &err) != RMG_OK)
		env_say(w->env, "error", "%s at %s is not watched: %s", w->opts.kind,
			w->opts.address, err.msg);
	return NULL;
}

enum rmg_rc watcher_start(struct env *env, const struct serve_watch *what, struct watcher **out,
			  struct rmg_err *err)
{
	struct watcher *w = calloc(1, sizeof *w);

	if (w == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a watcher");
	w->env = env;
	w->opts = (struct watch_opts){
	    .kind = what->kind,
	    .address = what->address,
	    .place = {.cluster = span_cstr(env->opts->cluster), .node = span_cstr(env->opts->node)},
	    .events = take,
	    .stop = stop,
	    .warn = warned,
	    .user = w,
	};
	if (pthread_create(&w->thread, NULL, run, w) != 0) {
		free(w);
		return err_set(err, RMG_E_NOMEM, "no thread for a watcher");
	}
	*out = w;
	return RMG_OK;
}

void watcher_stop(struct watcher *w)
{
	if (w == NULL)
		return;
	pthread_join(w->thread, NULL);
	free(w);
}
