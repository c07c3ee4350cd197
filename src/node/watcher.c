/* SPDX-License-Identifier: Apache-2.0 */
/* watcher.c - a runtime's events, to where the node's go. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/strbuf.h"
#include "base/vec.h"
#include "io/proc.h"
#include "node/containers.h"
#include "node/recent.h"
#include "node/store_watch.h"
#include "node/teller.h"
#include "watch/watch.h"

enum { MOST_SOURCES = 1000 };

#define CLUSTER "swarm"

/* All but the start and the end is the thread's that watch_run() is on. */
struct watcher {
	struct node *node;
	char was[SOURCE_BYTES], name[SOURCE_BYTES]; /* how its sources' names begin, and are to */
	struct watch_opts opts;
	uint32_t owner; /* of what it is watched by; 0: root, or the other end of a network */
	pthread_t thread;
	VEC(struct teller *) tellers; /* one a source */
	struct recent *recent;
	bool of_cluster;        /* what it tells of runs elsewhere, or is told of by another here */
	bool well;              /* the runtime answers */
	bool ill, healed;       /* a trouble was said; its end will be */
	bool again;             /* a snapshot is asked for */
	size_t bytes;           /* that it holds */
	struct watcher *beside; /* of the cluster that the engine may be a manager of; NULL: none */
};

static struct teller *teller_of(struct watcher *w, struct span source)
{
	char name[SOURCE_BYTES];
	struct teller *t;

	if (span_starts(source, span_cstr(w->was)))
		snprintf(name, sizeof name, "%s" SPAN_FMT, w->name,
			 SPAN_ARG(span_from(source, strlen(w->was))));
	else
		snprintf(name, sizeof name, SPAN_FMT, SPAN_ARG(source));
	VEC_EACH (it, &w->tellers)
		if (strcmp((*it)->source, name) == 0)
			return *it;
	if (w->tellers.n == MOST_SOURCES)
		return NULL;
	t = malloc(sizeof *t);
	if (t == NULL || !VEC_PUSH(&w->tellers, t)) {
		free(t);
		return NULL;
	}
	teller_init(t, w->node, span_cstr(name));
	return t;
}

static void forget(struct watcher *w)
{
	VEC_EACH (it, &w->tellers)
		free(*it);
	VEC_DONE(&w->tellers);
}

static size_t of_one_source(const struct event *e, size_t n)
{
	size_t i = 1;

	while (i < n && span_is(e[i].source, e[0].source))
		i++;
	return i;
}

static void look_well(struct watcher *w, const struct event *e, size_t n)
{
	for (size_t i = 0; i < n && !w->well; i++) {
		if (e[i].type != EVENT_SNAPSHOT_ENDED)
			continue;
		w->well = true;
		w->healed = w->ill;
		w->ill = false;
	}
}

static enum rmg_rc say(struct watcher *w, const struct event *e, size_t n, struct rmg_err *err)
{
	bool resync = false;
	enum rmg_rc rc = RMG_OK;

	for (size_t k; n && rc == RMG_OK; e += k, n -= k) {
		struct teller *t = teller_of(w, e->source);
		bool asked = false;

		k = of_one_source(e, n);
		if (t == NULL)
			return err_set(err, RMG_E_LIMIT, "too many sources, or no memory for one");
		look_well(w, e, k);
		rc = teller_say(t, e, k, &asked, err);
		resync |= asked;
	}
	bell_ring(&w->node->wanted);
	if (rc == RMG_OK && resync)
		return err_set(err, RMG_E_STOPPED, "the hub asks for a snapshot");
	return rc;
}

/* What was said before is left out. It is remembered before it is said: where the agent ends
 * between the two, the end of a use is seen in its absence from the next snapshot. */
static enum rmg_rc take_all(struct watcher *w, const struct event *e, size_t n, struct rmg_err *err)
{
	struct event *news = calloc(n + 1, sizeof *news);
	size_t kept = 0;
	enum rmg_rc rc;

	if (news == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for events");
	for (size_t i = 0; i < n; i++)
		if (recent_take(w->recent, &e[i]))
			news[kept++] = e[i];
	rc = say(w, news, kept, err);
	free(news);
	/* Who looks into containers began after the last agent ended: to them all is news. */
	if (rc == RMG_OK && w->node->containers && !w->of_cluster &&
	    !containers_tell(w->node->containers, e, n))
		node_say(w->node, "warn",
			 "more containers run here than are looked into: what is changed in the "
			 "others is not seen");
	if (rc == RMG_OK && w->well)
		recent_alive(w->recent, node_now_ms(w->node));
	return rc;
}

/* What a user's own runtime says of processes that are not the user's is not believed: who looks
 * into containers would look into others. */
static enum rmg_rc take(void *user, const struct event *e, size_t n, struct rmg_err *err)
{
	struct watcher *w = user;
	struct event *copy;
	enum rmg_rc rc;

	if (w->owner == 0)
		return take_all(w, e, n, err);
	copy = calloc(n + 1, sizeof *copy);
	if (copy == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for events");
	for (size_t i = 0; i < n; i++) {
		copy[i] = e[i];
		if (copy[i].pid && !proc_belongs(copy[i].pid, w->owner))
			copy[i].pid = 0;
	}
	rc = take_all(w, copy, n, err);
	free(copy);
	return rc;
}

/* Once a trouble, once its end, after a snapshot has shown it already. */
static void warned(void *user, const char *text)
{
	struct watcher *w = user;

	if (!w->healed)
		w->well = false;
	w->ill = !w->healed;
	w->healed = false;
	node_say(w->node, "warn", "%s at %s: %s", w->opts.kind, w->opts.address, text);
}

static void remarked(void *user, const char *text)
{
	struct watcher *w = user;

	node_say(w->node, "warn", "%s at %s: %s", w->opts.kind, w->opts.address, text);
}

static void saw_pod(void *user, const struct watch_pod *pod)
{
	struct watcher *w = user;

	w->node->pod(w->node->user, pod);
}

static void answers(void *user, bool well)
{
	struct watcher *w = user;

	w->well = well;
}

static void holds(void *user, size_t bytes)
{
	struct watcher *w = user;

	atomic_fetch_add(&w->node->watch_bytes, bytes - w->bytes);
	w->bytes = bytes;
}

/* Asked for once a second or so, by the thread itself: the time to look after what is not an event.
 * A source beats while its runtime answers, not while we alone are there. */
static bool stop(void *user)
{
	struct watcher *w = user;

	if (node_stopping(w->node))
		return true;
	VEC_EACH (it, &w->tellers)
		w->again |= w->well ? teller_beat(*it) : teller_asked(*it);
	if (w->well)
		recent_alive(w->recent, node_now_ms(w->node));
	return w->again;
}

static void *run(void *user)
{
	struct watcher *w = user;
	struct rmg_err err = {0};
	enum rmg_rc rc = RMG_OK;

	while (rc == RMG_OK && !node_stopping(w->node)) {
		forget(w);
		w->again = w->well = false;
		w->opts.since_ms = recent_alive_ms(w->recent);
		rc = store_watched(w->opts.kind, w->opts.address) ? store_watch_run(&w->opts, &err)
								  : watch_run(&w->opts, &err);
	}
	if (rc != RMG_OK)
		node_say(w->node, "error", "%s at %s is not watched: %s", w->opts.kind,
			 w->opts.address, err.msg);
	return NULL;
}

static enum rmg_rc remember(struct watcher *w, struct rmg_err *err)
{
	struct strbuf path = strbuf_of(8192);
	const char *dir = w->node->state_dir;
	enum rmg_rc rc = RMG_OK;

	if (dir) {
		strbuf_printf(&path, "%s/recent-", dir);
		strbuf_percent(&path, span_cstr(w->name + strlen(w->node->name) + 1), S("-_."));
		rc = strbuf_rc(&path);
	}
	if (rc == RMG_OK)
		rc = recent_open(dir ? strbuf_cstr(&path) : NULL, &w->recent, err);
	strbuf_done(&path);
	return rc;
}

static bool has_docker(const struct node *n)
{
	for (size_t i = 0; i < n->n_watches; i++)
		if (strcmp(n->watches[i].kind, "docker") == 0)
			return true;
	return false;
}

static enum rmg_rc start(struct node *n, const struct node_watch *what, struct watcher **out,
			 struct rmg_err *err)
{
	struct watcher *w = calloc(1, sizeof *w);
	struct stat st;
	enum rmg_rc rc;

	if (w == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a watcher");
	w->node = n;
	w->of_cluster = strcmp(what->kind, CLUSTER) == 0 || strcmp(what->kind, EVENT_CLUSTER) == 0;
	snprintf(w->was, sizeof w->was, "%s/%s", n->name, what->kind);
	snprintf(w->name, sizeof w->name, "%s/%s", n->name, what->name ? what->name : what->kind);
	w->opts = (struct watch_opts){
	    .kind = what->kind,
	    .address = what->address,
	    .place = {.cluster = span_cstr(n->cluster), .node = span_cstr(n->name)},
	    .with_docker = has_docker(n),
	    .kinds = what->kinds,
	    .namespaces = what->namespaces,
	    .without = what->without,
	    .eye = what->eye,
	    .events = take,
	    .stop = stop,
	    .warn = warned,
	    .remark = remarked,
	    .answers = answers,
	    .holds = holds,
	    .pod = n->pod ? saw_pod : NULL,
	    .user = w,
	};
	if (stat(what->address, &st) == 0)
		w->owner = st.st_uid;
	rc = remember(w, err);
	if (rc == RMG_OK && pthread_create(&w->thread, NULL, run, w) != 0)
		rc = err_set(err, RMG_E_NOMEM, "no thread for a watcher");
	if (rc != RMG_OK) {
		recent_close(w->recent);
		free(w);
		return rc;
	}
	*out = w;
	return RMG_OK;
}

/* A Docker engine may be, or become, a manager of a Swarm: that is watched beside it, under a name
 * that is made as the engine's own is. */
static enum rmg_rc start_beside(struct watcher *w, struct rmg_err *err)
{
	struct span engine = span_cstr(w->name + strlen(w->node->name) + 1);
	struct strbuf name = strbuf_of(SOURCE_BYTES);
	struct node_watch what = {.kind = CLUSTER, .address = w->opts.address};
	enum rmg_rc rc;

	strbuf_puts(&name, CLUSTER);
	strbuf_put(&name, span_from(engine, strlen(w->opts.kind)));
	what.name = strbuf_cstr(&name);
	rc = strbuf_rc(&name) == RMG_OK ? start(w->node, &what, &w->beside, err)
					: err_set(err, RMG_E_NOMEM, "no memory for a watcher");
	strbuf_done(&name);
	return rc;
}

enum rmg_rc watcher_start(struct node *n, const struct node_watch *what, struct watcher **out,
			  struct rmg_err *err)
{
	struct watcher *w = NULL;
	enum rmg_rc rc = start(n, what, &w, err);

	*out = w;
	return rc == RMG_OK && strcmp(what->kind, "docker") == 0 ? start_beside(w, err) : rc;
}

void watcher_stop(struct watcher *w)
{
	if (w == NULL)
		return;
	watcher_stop(w->beside);
	pthread_join(w->thread, NULL);
	forget(w);
	recent_close(w->recent);
	free(w);
}
