/* SPDX-License-Identifier: Apache-2.0 */
/* watcher.c - a runtime's events, to where the node's go. */
#include <stdlib.h>

#include "node/node.h"
#include "watch/watch.h"

struct watcher {
	struct node *node;
	struct watch_opts opts;
	pthread_t thread;
};

static enum rmg_rc take(void *user, const struct event *e, size_t n, struct rmg_err *err)
{
	struct watcher *w = user;
	bool resync = false;
	enum rmg_rc rc = w->node->to.events(w->node->to.user, e, n, &resync, err);

	bell_ring(&w->node->wanted);
	if (rc == RMG_OK && resync)
		return err_set(err, RMG_E_STOPPED, "the hub asks for a snapshot");
	return rc;
}

static void warned(void *user, const char *text)
{
	struct watcher *w = user;

	node_say(w->node, "warn", "%s at %s: %s", w->opts.kind, w->opts.address, text);
}

static bool stop(void *user)
{
	struct watcher *w = user;

	return node_stopping(w->node);
}

static void *run(void *user)
{
	struct watcher *w = user;
	struct rmg_err err = {0};

	if (watch_run(&w->opts, &err) != RMG_OK)
		node_say(w->node, "error", "%s at %s is not watched: %s", w->opts.kind,
			 w->opts.address, err.msg);
	return NULL;
}

enum rmg_rc watcher_start(struct node *n, const struct node_watch *what, struct watcher **out,
			  struct rmg_err *err)
{
	struct watcher *w = calloc(1, sizeof *w);

	if (w == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a watcher");
	w->node = n;
	w->opts = (struct watch_opts){
	    .kind = what->kind,
	    .address = what->address,
	    .place = {.cluster = span_cstr(n->cluster), .node = span_cstr(n->name)},
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
