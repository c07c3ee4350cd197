/* SPDX-License-Identifier: Apache-2.0 */
/* swarm.c - Docker Swarm, by the socket of an engine that is one of its managers.
 *
 * Each round lists nodes, services, and tasks where there are other nodes, and tells what has
 * changed since; the whole as a snapshot at first, after any doubt, and when all has been quiet for
 * WATCH_ROUND_S. An event of the cluster begins the next round at once; tasks have none, and are
 * asked for every few seconds. An engine that is no manager tells nothing, until it is one.
 *
 * One manager speaks, the leader. One that leads no more says so with an empty snapshot, a while
 * later, when the new one has told of everything. Containers on this engine are told of by its own
 * watcher; those on other nodes are hearsay (event.h) where an agent is there too. */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/strbuf.h"
#include "io/http.h"
#include "watch/batch.h"
#include "watch/docker_json.h"
#include "watch/engine_ask.h"
#include "watch/rounds.h"
#include "watch/swarm_json.h"
#include "watch/told.h"

enum {
	ROOM = 1,
	TASKS_MS = 5000,       /* between two questions for tasks */
	LEFT_MS = 60000,       /* an engine does not say that it left its swarm */
	HANDED_OVER_MS = 15000 /* until another leader has told of everything */
};

#define OF_CLUSTER "%7B%22type%22%3A%7B%22service%22%3Atrue%2C%22node%22%3Atrue%7D%7D"

struct swarm {
	const struct watch_opts *opts;
	struct engine_ask ask;
	struct http *stream;
	struct batch batch;
	struct arena lists; /* of a round */
	struct span self;   /* this engine's node; "": it is no manager */
	char self_text[64];
	struct swarm_service *services;
	struct swarm_node *nodes;
	size_t n_services, n_nodes;
	struct map by_id;             /* services */
	struct told told, uses, seen; /* services, containers, nodes */
	bool whole;                   /* all that was told stands at the hub */
	bool spoke;                   /* something of it may */
	bool woken, due;              /* what ended the stream */
	int64_t quiet_ms;             /* by the tick: since when another leads; 0: this one does */
	int64_t whole_ms, due_ms;     /* by the tick: of the last snapshot; of the next round */
	int64_t from_ms;              /* events are asked for from then on */
	int64_t took_ms;              /* the last round */
	bool refused;                 /* events are not told */
};

static bool is_over(void *user)
{
	const struct swarm *g = user;

	return g->opts->stop && g->opts->stop(g->opts->user);
}

/* Questions. */

static enum rmg_rc ask_self(struct swarm *g, struct rmg_err *err)
{
	struct swarm_self self = {0};
	unsigned status;
	enum rmg_rc rc = engine_ask(&g->ask, "info", S(""), "", &status, err);

	g->self = (struct span){0};
	if (rc == RMG_OK && status == 200)
		rc = swarm_self_parse(strbuf_span(&g->ask.body), &g->lists, &self, err);
	if (rc != RMG_OK || !self.manager)
		return rc;
	snprintf(g->self_text, sizeof g->self_text, SPAN_FMT, SPAN_ARG(self.node));
	g->self = span_cstr(g->self_text);
	return RMG_OK;
}

/* Whether this engine leads; without others that can be asked of it the cluster says nothing. */
static enum rmg_rc ask_nodes(struct swarm *g, bool *leads, struct rmg_err *err)
{
	unsigned status = 0;
	enum rmg_rc rc = engine_ask(&g->ask, "nodes", S(""), "", &status, err);

	*leads = false;
	if (rc == RMG_OK && status != 200) {
		rc = ask_self(g, err);
		return rc == RMG_OK && g->self.n
			   ? err_set(err, RMG_E_NET, "the swarm has no leader that answers")
			   : rc;
	}
	if (rc == RMG_OK)
		rc = swarm_nodes_parse(strbuf_span(&g->ask.body), &g->lists, &g->nodes, &g->n_nodes,
				       err);
	for (size_t i = 0; rc == RMG_OK && i < g->n_nodes; i++)
		*leads |= g->nodes[i].leader && span_is(g->nodes[i].id, g->self);
	return rc;
}

static enum rmg_rc whole_answer(unsigned status, const char *what, struct rmg_err *err)
{
	return status == 200 ? RMG_OK
			     : err_set(err, RMG_E_NET, "the swarm's %s cannot be had", what);
}

static enum rmg_rc ask_services(struct swarm *g, struct rmg_err *err)
{
	unsigned status = 0;
	enum rmg_rc rc = engine_ask(&g->ask, "services?status=true", S(""), "", &status, err);

	if (rc == RMG_OK)
		rc = whole_answer(status, "services", err);
	if (rc == RMG_OK)
		rc = swarm_services_parse(strbuf_span(&g->ask.body), &g->lists, &g->services,
					  &g->n_services, err);
	map_clear(&g->by_id);
	for (size_t i = 0; rc == RMG_OK && i < g->n_services; i++)
		if (!map_set(&g->by_id, hash_span(g->services[i].id), (uint32_t)i))
			rc = err_set(err, RMG_E_NOMEM, "no memory for services");
	return rc;
}

static const struct swarm_service *service_of(const struct swarm *g, struct span id)
{
	uint32_t i = map_find(&g->by_id, hash_span(id));

	return i != MAP_NONE && span_is(g->services[i].id, id) ? &g->services[i] : NULL;
}

static const struct swarm_node *node_of(const struct swarm *g, struct span id)
{
	for (size_t i = 0; i < g->n_nodes; i++)
		if (span_is(g->nodes[i].id, id))
			return &g->nodes[i];
	return NULL;
}

static struct span name_of_node(const struct swarm *g, const struct swarm_node *x)
{
	if (span_is(x->id, g->self))
		return g->opts->place.node;
	return x->name.n ? x->name : x->id;
}

/* Services. */

/* A tag of this engine's own, which no registry gave a digest, is what this engine has. */
static enum rmg_rc resolve(struct swarm *g, struct span ref, struct event_image *out,
			   struct rmg_err *err)
{
	unsigned status = 0;
	enum rmg_rc rc;

	swarm_image(ref, out);
	if (ref.n == 0 || out->n_digests)
		return RMG_OK;
	rc = engine_ask(&g->ask, "images/", ref, "/json", &status, err);
	if (rc == RMG_OK && status == 200)
		rc = docker_image_parse(strbuf_span(&g->ask.body), &g->batch.arena, out, err);
	out->ref = ref;
	return rc;
}

static bool is_rolled_back(const struct swarm_service *s)
{
	return span_starts(s->update, S("rollback"));
}

/* A rollback that the cluster made of itself leaves no revision before: the newest task that is
 * another image's was of it. */
static enum rmg_rc find_before(struct swarm *g, const struct swarm_service *s, struct span *ref,
			       struct rmg_err *err)
{
	struct swarm_task *tasks = NULL;
	int64_t newest = -1;
	size_t n = 0;
	unsigned status = 0;
	enum rmg_rc rc = engine_ask(&g->ask, "tasks?filters=%7B%22service%22%3A%5B%22", s->id,
				    "%22%5D%7D", &status, err);

	if (rc == RMG_OK && status == 200)
		rc = swarm_tasks_parse(strbuf_span(&g->ask.body), &g->lists, &tasks, &n, err);
	for (size_t i = 0; rc == RMG_OK && i < n; i++) {
		if (tasks[i].created_ms <= newest || span_is(tasks[i].ref, s->ref))
			continue;
		newest = tasks[i].created_ms;
		*ref = tasks[i].ref;
	}
	return rc;
}

static enum rmg_rc fill_images(struct swarm *g, struct event *e, const struct swarm_service *s,
			       struct rmg_err *err)
{
	struct span was = s->was_ref;
	enum rmg_rc rc = RMG_OK;

	e->images = ARENA_ARRAY(&g->batch.arena, 2, struct event_image);
	if (e->images == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a service");
	if (is_rolled_back(s) && was.n == 0)
		rc = find_before(g, s, &was, err);
	if (rc == RMG_OK)
		rc = resolve(g, s->ref, &e->images[0], err);
	e->n_images = 1;
	if (rc != RMG_OK || was.n == 0)
		return rc;
	e->before = &e->images[1];
	e->n_before = 1;
	return resolve(g, was, e->before, err);
}

static enum rmg_rc declare(struct swarm *g, const struct swarm_service *s, struct rmg_err *err)
{
	struct event *e =
	    batch_next(&g->batch, EVENT_WORKLOAD_DECLARED, is_rolled_back(s) ? s->changed_ms : 0);
	char *revision = arena_bytes(&g->batch.arena, 24);

	if (revision == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a service");
	snprintf(revision, 24, "%" PRIu64, s->version);
	e->place.ns = s->ns.n ? s->ns : g->opts->place.ns;
	e->workload_kind = S("Service");
	e->workload_name = s->name;
	e->revision = span_cstr(revision);
	e->replicas = s->replicas;
	e->update = s->update;
	batch_label(&g->batch, e, s->labels, s->n_labels);
	return fill_images(g, e, s, err);
}

/* What a service is told under, and what it was when it was told. */
static enum rmg_rc say_service(struct swarm *g, const struct swarm_service *s, struct rmg_err *err)
{
	struct span key;
	enum told_news news = TOLD_KNOWN;
	char means[48];
	enum rmg_rc rc = batch_room(&g->batch, ROOM, err);

	if (rc != RMG_OK)
		return rc;
	key = ARENA_JOIN(&g->lists, s->ns, S("\n"), s->name);
	snprintf(means, sizeof means, "%" PRIu64 " %" PRIu64, s->version, s->replicas);
	if (told_see(&g->told, key, span_cstr(means), &news) != RMG_OK)
		return err_set(err, RMG_E_NOMEM, "no memory for a service");
	return news == TOLD_KNOWN ? RMG_OK : declare(g, s, err);
}

static void say_removed(struct swarm *g, struct span key)
{
	struct event *e = batch_next(&g->batch, EVENT_WORKLOAD_REMOVED, 0);
	struct span ns, name;

	(void)span_cut(key, '\n', &ns, &name);
	e->place.ns = ns.n ? arena_dup(&g->batch.arena, ns) : g->opts->place.ns;
	e->workload_kind = S("Service");
	e->workload_name = arena_dup(&g->batch.arena, name);
}

static enum rmg_rc say_services(struct swarm *g, struct rmg_err *err)
{
	enum rmg_rc rc = RMG_OK;
	char *gone;

	told_begin(&g->told);
	for (size_t i = 0; rc == RMG_OK && i < g->n_services; i++) {
		if (is_over(g))
			return err_set(err, RMG_E_STOPPED, "stopped");
		rc = say_service(g, &g->services[i], err);
	}
	while (rc == RMG_OK && (gone = told_take_gone(&g->told)) != NULL) {
		rc = batch_room(&g->batch, ROOM, err);
		if (rc == RMG_OK)
			say_removed(g, span_cstr(gone));
		free(gone);
	}
	return rc;
}

/* Containers of other nodes. */

static enum rmg_rc begin_use(struct swarm *g, const struct swarm_task *t, struct rmg_err *err)
{
	const struct swarm_service *s = service_of(g, t->service);
	const struct swarm_node *node = node_of(g, t->node);
	struct event *e = batch_next(&g->batch, EVENT_USE_BEGAN, t->state_ms);
	char slot[24];

	snprintf(slot, sizeof slot, ".%" PRIu64 ".", t->slot);
	e->place.node = node ? name_of_node(g, node) : t->node;
	e->container = t->container;
	swarm_image(t->ref, &e->image);
	if (s) {
		struct span where = t->slot ? span_cstr(slot) : S(".");

		e->place.ns = s->ns.n ? s->ns : g->opts->place.ns;
		e->workload_kind = S("Service");
		e->workload_name = s->name;
		e->container_name = ARENA_JOIN(&g->batch.arena, s->name, where, t->id);
		batch_label(&g->batch, e, s->labels, s->n_labels);
	}
	return arena_rc(&g->batch.arena) == RMG_OK
		   ? RMG_OK
		   : err_set(err, RMG_E_NOMEM, "no memory for a task");
}

static enum rmg_rc say_task(struct swarm *g, const struct swarm_task *t, struct rmg_err *err)
{
	enum told_news news = TOLD_KNOWN;
	enum rmg_rc rc = batch_room(&g->batch, ROOM, err);

	if (rc != RMG_OK || !t->running || t->container.n == 0 || span_is(t->node, g->self))
		return rc;
	if (told_see(&g->uses, t->container, S(""), &news) != RMG_OK)
		return err_set(err, RMG_E_NOMEM, "no memory for a task");
	return news == TOLD_NEW ? begin_use(g, t, err) : RMG_OK;
}

static enum rmg_rc say_tasks(struct swarm *g, struct rmg_err *err)
{
	struct swarm_task *tasks = NULL;
	size_t n = 0;
	unsigned status = 0;
	char *gone;
	enum rmg_rc rc = RMG_OK;

	told_begin(&g->uses);
	if (g->n_nodes > 1)
		rc = engine_ask(&g->ask,
				"tasks?filters=%7B%22desired-state%22%3A%5B%22running%22%5D%7D",
				S(""), "", &status, err);
	if (rc == RMG_OK && g->n_nodes > 1)
		rc = whole_answer(status, "tasks", err);
	if (rc == RMG_OK && g->n_nodes > 1)
		rc = swarm_tasks_parse(strbuf_span(&g->ask.body), &g->lists, &tasks, &n, err);
	for (size_t i = 0; rc == RMG_OK && i < n; i++)
		rc = say_task(g, &tasks[i], err);
	while (rc == RMG_OK && (gone = told_take_gone(&g->uses)) != NULL) {
		rc = batch_room(&g->batch, ROOM, err);
		if (rc == RMG_OK)
			batch_next(&g->batch, EVENT_USE_ENDED, 0)->container =
			    arena_dup(&g->batch.arena, span_cstr(gone));
		free(gone);
	}
	return rc;
}

/* Nodes. */

static void say_node(struct swarm *g, const struct swarm_node *x)
{
	struct event *e = batch_next(&g->batch, EVENT_NODE_SEEN, 0);

	e->place.node = name_of_node(g, x);
	e->container = x->id;
	e->availability = x->availability;
	e->state = x->state;
}

static enum rmg_rc say_nodes(struct swarm *g, struct rmg_err *err)
{
	enum rmg_rc rc = RMG_OK;
	char *gone;

	told_begin(&g->seen);
	for (size_t i = 0; rc == RMG_OK && i < g->n_nodes; i++) {
		const struct swarm_node *x = &g->nodes[i];
		struct span means =
		    ARENA_JOIN(&g->lists, x->name, S("\n"), x->availability, S("\n"), x->state);
		enum told_news news = TOLD_KNOWN;

		rc = batch_room(&g->batch, ROOM, err);
		if (rc == RMG_OK && told_see(&g->seen, x->id, means, &news) != RMG_OK)
			rc = err_set(err, RMG_E_NOMEM, "no memory for a node");
		if (rc == RMG_OK && news != TOLD_KNOWN)
			say_node(g, x);
	}
	while (rc == RMG_OK && (gone = told_take_gone(&g->seen)) != NULL) {
		rc = batch_room(&g->batch, ROOM, err);
		if (rc == RMG_OK)
			batch_next(&g->batch, EVENT_NODE_REMOVED, 0)->container =
			    arena_dup(&g->batch.arena, span_cstr(gone));
		free(gone);
	}
	return rc;
}

/* Rounds. */

static enum rmg_rc mark(struct swarm *g, enum event_type type, struct rmg_err *err)
{
	enum rmg_rc rc = batch_room(&g->batch, ROOM, err);

	if (rc == RMG_OK)
		batch_next(&g->batch, type, 0);
	return rc;
}

/* What has changed, or where that is not certain, everything. */
static enum rmg_rc say_all(struct swarm *g, struct rmg_err *err)
{
	bool all =
	    !g->whole || clock_tick_ms() - g->whole_ms >= (int64_t)LIMIT_WATCH_ROUND_S * 1000;
	enum rmg_rc rc = RMG_OK;

	g->whole = false;
	g->spoke = true;
	g->quiet_ms = 0;
	if (all) {
		told_clear(&g->told);
		told_clear(&g->uses);
		told_clear(&g->seen);
		g->whole_ms = clock_tick_ms();
		rc = mark(g, EVENT_SNAPSHOT_BEGAN, err);
	}
	if (rc == RMG_OK)
		rc = say_nodes(g, err);
	if (rc == RMG_OK)
		rc = say_services(g, err);
	if (rc == RMG_OK)
		rc = say_tasks(g, err);
	if (rc == RMG_OK && all)
		rc = mark(g, EVENT_SNAPSHOT_ENDED, err);
	if (rc == RMG_OK)
		rc = batch_flush(&g->batch, err);
	g->whole = rc == RMG_OK;
	return rc;
}

/* Another one speaks for the cluster, or nobody does any more. */
static enum rmg_rc say_nothing(struct swarm *g, struct rmg_err *err)
{
	enum rmg_rc rc;

	g->whole = false;
	if (!g->spoke)
		return RMG_OK;
	if (g->quiet_ms == 0)
		g->quiet_ms = clock_tick_ms();
	if (clock_tick_ms() - g->quiet_ms < HANDED_OVER_MS)
		return RMG_OK;
	rc = mark(g, EVENT_SNAPSHOT_BEGAN, err);
	if (rc == RMG_OK)
		rc = mark(g, EVENT_SNAPSHOT_ENDED, err);
	if (rc == RMG_OK)
		rc = batch_flush(&g->batch, err);
	g->spoke = rc != RMG_OK;
	return rc;
}

static enum rmg_rc look(struct swarm *g, struct rmg_err *err)
{
	bool leads = false;
	enum rmg_rc rc = RMG_OK;

	arena_reset(&g->lists);
	if (g->self.n == 0)
		rc = ask_self(g, err);
	if (rc == RMG_OK && g->self.n)
		rc = ask_nodes(g, &leads, err);
	if (rc == RMG_OK && leads)
		rc = ask_services(g, err);
	if (rc == RMG_OK)
		rc = leads ? say_all(g, err) : say_nothing(g, err);
	batch_drop(&g->batch);
	return rc;
}

static int64_t pause_of(const struct swarm *g)
{
	if (g->quiet_ms && g->spoke)
		return HANDED_OVER_MS + 1;
	if (g->whole && g->n_nodes > 1)
		return MAX_OF((int64_t)TASKS_MS, g->took_ms * 20);
	return g->self.n ? LEFT_MS : (int64_t)LIMIT_WATCH_ROUND_S * 1000;
}

/* That something happened is all that is asked of an event. */
static bool wake(void *user, const struct http_response *resp, struct span bytes)
{
	struct swarm *g = user;

	(void)resp;
	g->woken |= span_trim(bytes).n != 0;
	return !g->woken;
}

static bool stop(void *user)
{
	struct swarm *g = user;

	g->due |= clock_tick_ms() >= g->due_ms;
	return g->due || is_over(g);
}

/* Until there is a reason to look again; a stream that ended by itself is one to doubt. */
static void follow(void *user, struct rmg_err *err)
{
	struct swarm *g = user;
	struct http_response resp;
	struct http_request req = {
	    .unix_socket = g->opts->address, .max_bytes = UINT64_MAX, .sink = wake, .user = g};
	enum rmg_rc rc;

	g->woken = g->due = false;
	g->due_ms = clock_tick_ms() + pause_of(g);
	strbuf_clear(&g->ask.url);
	strbuf_printf(&g->ask.url, "http://engine/events?since=%" PRId64 ".%03d", g->from_ms / 1000,
		      (int)(g->from_ms % 1000));
	strbuf_puts(&g->ask.url, "&filters=" OF_CLUSTER);
	req.url = strbuf_cstr(&g->ask.url);
	rc = http_do(g->stream, &req, &resp, err);
	g->refused = rc == RMG_OK && resp.status != 200;
	if (!g->woken && !g->due)
		g->whole = false;
	(void)clock_rest((uint64_t)g->took_ms * 2, g->opts->stop, g->opts->user);
}

static enum rmg_rc note_time(void *user, struct rmg_err *err)
{
	struct swarm *g = user;

	g->from_ms = clock_ms();
	if (!g->refused)
		return RMG_OK;
	g->refused = false;
	return err_set(err, RMG_E_NET, "the engine does not tell of events of its swarm");
}

static enum rmg_rc snapshot(void *user, struct rmg_err *err)
{
	struct swarm *g = user;
	int64_t began = clock_tick_ms();
	enum rmg_rc rc = look(g, err);

	g->took_ms = clock_tick_ms() - began;
	return rc;
}

/* What an engine that may be no manager does not answer is its own watcher's to tell. */
static void warn(void *user, const char *text)
{
	const struct swarm *g = user;

	if ((g->spoke || g->self.n) && g->opts->warn)
		g->opts->warn(g->opts->user, text);
}

static void go_on(struct swarm *g, struct rmg_err *err)
{
	const struct watch_opts own = {.stop = is_over, .warn = warn, .user = g};
	const struct rounds r = {.opts = &own,
				 .who = "the swarm",
				 .subscribe = note_time,
				 .snapshot = snapshot,
				 .follow = follow,
				 .user = g};

	rounds_run(&r, err);
}

static void forget(struct swarm *g)
{
	engine_ask_close(&g->ask);
	http_free(g->stream);
	batch_done(&g->batch);
	told_done(&g->told);
	told_done(&g->uses);
	told_done(&g->seen);
	map_done(&g->by_id);
	arena_done(&g->lists);
	free(g);
}

enum rmg_rc watch_swarm(const struct watch_opts *opts, struct rmg_err *err);

enum rmg_rc watch_swarm(const struct watch_opts *opts, struct rmg_err *err)
{
	struct swarm *g = calloc(1, sizeof *g);
	struct http_opts http = {.stop = opts->stop, .user = opts->user};
	enum rmg_rc rc;

	if (g == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a watcher");
	g->opts = opts;
	g->spoke = opts->since_ms != 0;
	arena_init(&g->lists, LIMIT_JSON_BYTES * 2);
	batch_init(&g->batch, opts);
	rc = engine_ask_open(&g->ask, opts, err);
	http.stop = stop;
	http.user = g;
	http.stall_s = (uint32_t)LIMIT_WATCH_ROUND_S;
	if (rc == RMG_OK)
		rc = http_new(&http, &g->stream, err);
	if (rc == RMG_OK)
		go_on(g, err);
	forget(g);
	return rc;
}
