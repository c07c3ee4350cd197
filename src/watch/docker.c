/* SPDX-License-Identifier: Apache-2.0 */
/* docker.c - a Docker engine (and Podman's service, which speaks the same) over its socket.
 *
 * Each round: note the time, tell what started and died since the last event that was seen, list
 * everything (a snapshot), then follow /events from the noted time on. The engine remembers 256
 * events only, so that a gap is never trusted to be filled by them: whatever ends the stream, a
 * silence of WATCH_ROUND_S included, is followed by another snapshot, and containers that ran
 * meanwhile and are still listed are told of with their times. */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "io/http.h"
#include "watch/batch.h"
#include "watch/docker_json.h"

enum { ROOM = 4 }; /* for what one thing can say: a declaration and a use */

struct engine {
	const struct watch_opts *opts;
	struct http *ask, *stream; /* two connections: events flow while questions are asked */
	struct strbuf url, body, line;
	struct batch batch;
	int64_t seen_ms;     /* what came before has been told */
	int64_t gap_ms;      /* in a snapshot: what came after may not have been */
	bool replays;        /* events are told of what is listed next */
	struct rmg_err *err; /* of the stream's sink */
	enum rmg_rc rc;
};

static bool take(void *user, const struct http_response *resp, struct span bytes)
{
	struct engine *g = user;

	(void)resp;
	strbuf_put(&g->body, bytes);
	return strbuf_rc(&g->body) == RMG_OK;
}

/* *found false: it has gone since it was named. */
static enum rmg_rc get(struct engine *g, const char *what, struct span id, const char *tail,
		       bool *found, struct rmg_err *err)
{
	struct http_response resp;
	struct http_request req = {.unix_socket = g->opts->address,
				   .max_bytes = LIMIT_JSON_BYTES,
				   .sink = take,
				   .user = g};
	enum rmg_rc rc;

	strbuf_clear(&g->url);
	strbuf_clear(&g->body);
	strbuf_printf(&g->url, "http://engine/%s", what);
	strbuf_percent(&g->url, id, S("/:._-"));
	strbuf_puts(&g->url, tail);
	req.url = strbuf_cstr(&g->url);
	rc = http_do(g->ask, &req, &resp, err);
	if (rc != RMG_OK)
		return rc;
	*found = resp.status == 200;
	if (resp.status == 200 || resp.status == 404)
		return RMG_OK;
	return http_status_err(&req, &resp, err);
}

static enum rmg_rc image_of(struct engine *g, struct span id, struct event_image *out, bool *found,
			    struct rmg_err *err)
{
	enum rmg_rc rc = get(g, "images/", id, "/json", found, err);

	if (rc == RMG_OK && *found)
		rc = docker_image_parse(strbuf_span(&g->body), &g->batch.arena, out, err);
	return rc;
}

/* The image as the container names it, with every digest that the engine has for it. */
static enum rmg_rc image_of_container(struct engine *g, const struct docker_container *c,
				      struct event_image *out, struct rmg_err *err)
{
	bool found;
	enum rmg_rc rc = image_of(g, c->image_id.n ? c->image_id : c->ref, out, &found, err);

	if (rc == RMG_OK && !found)
		*out = (struct event_image){.digests = {c->image_id},
					    .n_digests = c->image_id.n ? 1 : 0};
	/* Started by its id: the image's own name says more. */
	if (rc == RMG_OK && (out->ref.n == 0 || !span_starts(c->ref, S("sha256:"))))
		out->ref = c->ref;
	return rc;
}

static void fill(struct event *e, struct engine *g, const struct docker_container *c)
{
	e->place.ns = c->ns.n ? c->ns : g->opts->place.ns;
	e->workload_kind = c->workload_kind;
	e->workload_name = c->workload_name;
	e->revision = c->revision;
	batch_label(&g->batch, e, c->labels, c->n_labels);
}

/* A container that somebody named exists, whether it runs or not: it is what would start. */
static void declare(struct engine *g, const struct docker_container *c,
		    const struct event_image *image, int64_t at_ms)
{
	struct event *e = batch_next(&g->batch, EVENT_WORKLOAD_DECLARED, at_ms);

	fill(e, g, c);
	e->replicas = c->running;
	e->images = ARENA_NEW(&g->batch.arena, struct event_image);
	if (e->images) {
		e->images[0] = *image;
		e->n_images = 1;
	}
}

static void begin_use(struct engine *g, const struct docker_container *c,
		      const struct event_image *image, int64_t at_ms)
{
	struct event *e = batch_next(&g->batch, EVENT_USE_BEGAN, at_ms);

	fill(e, g, c);
	e->container = c->id;
	e->container_name = c->name;
	e->pid = c->pid;
	e->image = *image;
}

/* When a use began that the engine told of at at_ms: a little before, unless the container was
 * started again since. */
static int64_t began(const struct docker_container *c, int64_t at_ms)
{
	enum { LATER_MS = 50 };

	return c->started_ms && c->started_ms <= at_ms + LATER_MS ? c->started_ms : at_ms;
}

/* It ran while nobody looked: that it did is told, with its times. */
static bool ran_in_gap(const struct engine *g, const struct docker_container *c)
{
	return !c->running && c->started_ms && c->finished_ms >= c->started_ms &&
	       c->finished_ms >= g->gap_ms;
}

/* What is known of a container now, said. started: it did run, even where it has ended since. */
static enum rmg_rc say_state(struct engine *g, struct span id, int64_t at_ms, bool started,
			     bool *found, struct rmg_err *err)
{
	struct docker_container c;
	struct event_image image = {0};
	enum rmg_rc rc = get(g, "containers/", id, "/json", found, err);

	if (rc != RMG_OK || !*found)
		return rc;
	rc = docker_container_parse(strbuf_span(&g->body), &g->batch.arena, &c, err);
	if (rc == RMG_OK)
		rc = image_of_container(g, &c, &image, err);
	if (rc != RMG_OK)
		return rc;
	if (c.named)
		declare(g, &c, &image, at_ms);
	if (started) {
		begin_use(g, &c, &image, began(&c, at_ms));
	} else if (c.running) {
		begin_use(g, &c, &image, c.started_ms ? c.started_ms : at_ms);
	} else if (at_ms == 0 && ran_in_gap(g, &c)) {
		begin_use(g, &c, &image, c.started_ms);
		batch_next(&g->batch, EVENT_USE_ENDED, c.finished_ms)->container = c.id;
	}
	return RMG_OK;
}

static enum rmg_rc say_container(struct engine *g, struct span id, int64_t at_ms,
				 struct rmg_err *err)
{
	bool found;

	return say_state(g, id, at_ms, false, &found, err);
}

/* One that was gone before it could be asked for is said as the event has it. */
static enum rmg_rc say_started(struct engine *g, const struct docker_event *ev, struct rmg_err *err)
{
	struct docker_container c = {.id = ev->id, .name = ev->name, .ref = ev->ref};
	struct event_image image = {.ref = ev->ref};
	bool found;
	enum rmg_rc rc = say_state(g, ev->id, ev->at_ms, true, &found, err);

	if (rc != RMG_OK || found || ev->ref.n == 0)
		return rc;
	rc = image_of(g, ev->ref, &image, &found, err);
	image.ref = ev->ref;
	c.workload_kind = S("Container");
	c.workload_name = ev->name.n ? ev->name : ev->id;
	if (rc == RMG_OK)
		begin_use(g, &c, &image, ev->at_ms);
	return rc;
}

static enum rmg_rc say_image(struct engine *g, struct span id, int64_t at_ms, struct rmg_err *err)
{
	struct event_image image = {0};
	bool found;
	enum rmg_rc rc = image_of(g, id, &image, &found, err);

	if (rc == RMG_OK && found)
		batch_next(&g->batch, EVENT_IMAGE_SEEN, at_ms)->image = image;
	return rc;
}

typedef enum rmg_rc say_fn(struct engine *g, struct span id, int64_t at_ms, struct rmg_err *err);

static enum rmg_rc say_all(struct engine *g, const char *list, say_fn *say, struct rmg_err *err)
{
	struct arena ids_arena;
	struct span *ids = NULL;
	size_t n = 0;
	bool found;
	enum rmg_rc rc = get(g, list, S(""), "", &found, err);

	arena_init(&ids_arena, LIMIT_JSON_BYTES);
	if (rc == RMG_OK)
		rc = docker_ids_parse(strbuf_span(&g->body), &ids_arena, &ids, &n, err);
	for (size_t i = 0; rc == RMG_OK && i < n; i++) {
		if (g->opts->stop && g->opts->stop(g->opts->user))
			rc = err_set(err, RMG_E_STOPPED, "stopped");
		if (rc == RMG_OK)
			rc = batch_room(&g->batch, ROOM, err);
		if (rc == RMG_OK)
			rc = say(g, ids[i], 0, err);
	}
	arena_done(&ids_arena);
	return rc;
}

static enum rmg_rc replay(struct engine *g, int64_t until_ms, struct rmg_err *err);

static enum rmg_rc snapshot(struct engine *g, int64_t now_ms, struct rmg_err *err)
{
	enum rmg_rc rc;

	batch_next(&g->batch, EVENT_SNAPSHOT_BEGAN, 0);
	rc = replay(g, now_ms, err);
	if (rc == RMG_OK)
		rc = say_all(g, "containers/json?all=1", say_container, err);
	if (rc == RMG_OK)
		rc = say_all(g, "images/json", say_image, err);
	if (rc == RMG_OK)
		rc = batch_room(&g->batch, ROOM, err);
	if (rc == RMG_OK) {
		batch_next(&g->batch, EVENT_SNAPSHOT_ENDED, 0);
		rc = batch_flush(&g->batch, err);
	}
	batch_drop(&g->batch);
	return rc;
}

static void say_end(struct engine *g, const struct docker_event *ev)
{
	struct event *e = batch_next(&g->batch, EVENT_USE_ENDED, ev->at_ms);

	e->container = ev->id;
}

/* The engine tells of a container that is no more by its name among the attributes only; what it
 * was is asked of nobody: the hub knows which workload this container was. */
static void say_destroyed(struct engine *g, const struct docker_event *ev)
{
	struct event *e = batch_next(&g->batch, EVENT_WORKLOAD_REMOVED, ev->at_ms);

	e->container = ev->id;
	e->workload_kind = S("Container");
	e->workload_name = ev->name;
}

static enum rmg_rc apply(struct engine *g, struct span line, struct rmg_err *err)
{
	struct docker_event ev;
	enum rmg_rc rc = batch_room(&g->batch, ROOM, err);

	if (rc == RMG_OK)
		rc = docker_event_parse(line, &g->batch.arena, &ev, err);
	if (rc != RMG_OK)
		return rc;
	if (g->replays && ev.what != DOCKER_STARTED && ev.what != DOCKER_DIED)
		return RMG_OK; /* the list says how it ended */
	switch (ev.what) {
	case DOCKER_CREATED:
		rc = say_container(g, ev.id, ev.at_ms, err);
		break;
	case DOCKER_STARTED:
		rc = say_started(g, &ev, err);
		break;
	case DOCKER_DIED:
		say_end(g, &ev);
		break;
	case DOCKER_DESTROYED:
		if (ev.name.n)
			say_destroyed(g, &ev);
		break;
	case DOCKER_IMAGE_CAME:
		rc = say_image(g, ev.id, ev.at_ms, err);
		break;
	case DOCKER_IMAGE_WENT:
		batch_next(&g->batch, EVENT_IMAGE_REMOVED, ev.at_ms)->image =
		    (struct event_image){.digests = {ev.id}, .n_digests = 1};
		break;
	case DOCKER_OTHER:
		break;
	}
	if (rc == RMG_OK)
		rc = batch_flush(&g->batch, err);
	if (rc == RMG_OK && !g->replays)
		g->seen_ms = MAX_OF(g->seen_ms, ev.at_ms);
	return rc;
}

/* The stream's bytes, cut into lines. */
static bool follow(void *user, const struct http_response *resp, struct span bytes)
{
	struct engine *g = user;
	struct span part;

	(void)resp;
	while (bytes.n && g->rc == RMG_OK) {
		size_t end = span_chr(bytes, '\n');

		part = span_head(bytes, end);
		strbuf_put(&g->line, part);
		g->rc = strbuf_rc(&g->line);
		if (end == SIZE_MAX)
			break;
		bytes = span_from(bytes, end + 1);
		if (g->rc == RMG_OK && span_trim(strbuf_span(&g->line)).n)
			g->rc = apply(g, strbuf_span(&g->line), g->err);
		strbuf_clear(&g->line);
	}
	return g->rc == RMG_OK;
}

/* until_ms 0: for ever. */
static enum rmg_rc stream(struct engine *g, int64_t since_ms, int64_t until_ms, struct rmg_err *err)
{
	struct http_response resp;
	struct http_request req = {
	    .unix_socket = g->opts->address, .max_bytes = UINT64_MAX, .sink = follow, .user = g};
	char url[160];
	int n = snprintf(url, sizeof url, "http://engine/events?since=%" PRId64 ".%03d",
			 since_ms / 1000, (int)(since_ms % 1000));
	enum rmg_rc rc;

	if (until_ms)
		snprintf(url + n, sizeof url - (size_t)n, "&until=%" PRId64 ".%03d",
			 until_ms / 1000, (int)(until_ms % 1000));
	req.url = url;
	g->rc = RMG_OK;
	g->err = err;
	strbuf_clear(&g->line);
	rc = http_do(g->stream, &req, &resp, err);
	if (g->rc != RMG_OK)
		return g->rc;
	if (rc == RMG_OK && resp.status != 200)
		return http_status_err(&req, &resp, err);
	return rc;
}

/* What the engine remembers of the time since it was heard last. Its events come in their order,
 * but their times are not quite. */
static enum rmg_rc replay(struct engine *g, int64_t now_ms, struct rmg_err *err)
{
	enum { OVERLAP_MS = 2000 };
	enum rmg_rc rc = RMG_OK;

	g->gap_ms = INT64_MAX;
	if (g->seen_ms == 0)
		return RMG_OK;
	g->gap_ms = g->seen_ms - OVERLAP_MS;
	if (g->gap_ms < now_ms) {
		g->replays = true;
		rc = stream(g, g->gap_ms, now_ms, err);
		g->replays = false;
	}
	return rc;
}

/* A silent stream ends in RMG_E_NET as a broken one does: both mean another round, no alarm. */
static void go_on(struct engine *g, struct rmg_err *err)
{
	struct rounds r = {.opts = g->opts, .who = "the engine"};

	while (!rounds_over(&r)) {
		int64_t since = clock_ms();
		enum rmg_rc rc = snapshot(g, since, err);

		if (rc != RMG_OK) {
			rounds_bad(&r, rc, err);
			continue;
		}
		rounds_good(&r);
		g->seen_ms = since;
		(void)stream(g, since, 0, err);
		(void)clock_rest(200, g->opts->stop, g->opts->user);
	}
}

static enum rmg_rc engine_run(const struct watch_opts *opts, struct rmg_err *err)
{
	struct engine *g = calloc(1, sizeof *g);
	struct rmg_err own = {0};
	struct http_opts http = {.stop = opts->stop, .user = opts->user};
	enum rmg_rc rc;

	if (g == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a watcher");
	g->opts = opts;
	g->url = strbuf_of(KIB(8));
	g->body = strbuf_of(LIMIT_JSON_BYTES);
	g->line = strbuf_of(LIMIT_EVENT_BYTES);
	batch_init(&g->batch, opts);
	g->seen_ms = opts->since_ms;
	rc = http_new(&http, &g->ask, err);
	http.stall_s = (uint32_t)LIMIT_WATCH_ROUND_S;
	if (rc == RMG_OK)
		rc = http_new(&http, &g->stream, err);
	if (rc == RMG_OK)
		go_on(g, err ? err : &own);
	http_free(g->ask);
	http_free(g->stream);
	strbuf_done(&g->url);
	strbuf_done(&g->body);
	strbuf_done(&g->line);
	batch_done(&g->batch);
	free(g);
	return rc;
}

enum rmg_rc watch_docker(const struct watch_opts *opts, struct rmg_err *err);
enum rmg_rc watch_podman(const struct watch_opts *opts, struct rmg_err *err);

enum rmg_rc watch_docker(const struct watch_opts *opts, struct rmg_err *err)
{
	return engine_run(opts, err);
}

enum rmg_rc watch_podman(const struct watch_opts *opts, struct rmg_err *err)
{
	return engine_run(opts, err);
}
