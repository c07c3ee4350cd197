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
#include "model/way.h"
#include "watch/batch.h"
#include "watch/docker_json.h"
#include "watch/engine_ask.h"
#include "watch/entered.h"
#include "watch/rounds.h"
#include "watch/told.h"

enum {
	ROOM = 4, /* for what one thing can say: a declaration and a use */
	MOST_EXECS = 10000,
	EXEC_TRIES = 10,
	EXEC_PAUSE_MS = 20,
	DOCKER_ID = 80,
};

struct engine {
	const struct watch_opts *opts;
	struct engine_ask ask;
	struct http *stream; /* another connection: events flow while questions are asked */
	struct strbuf line;
	struct batch batch;
	struct entered entered;
	struct told images; /* that were told of, and the way that they came */
	struct told health; /* containers that are looked after by a command of their own */
	struct told execs;  /* programs in containers that were told of, where no event names one */
	unsigned ahead;     /* ... whose events are still to come */
	/* Of the images that are told of now, by an event: the way that they came, the container
	 * that they were made of, and whether what was told of them is left out. */
	enum event_way way;
	struct span made_of;
	bool only_changed;
	int64_t from_ms;     /* of this round */
	int64_t seen_ms;     /* what came before has been told */
	int64_t gap_ms;      /* in a snapshot: what came after may not have been */
	bool replays;        /* events are told of what is listed next */
	struct rmg_err *err; /* of the stream's sink */
	enum rmg_rc rc;
};

/* *found false: it has gone since it was named. */
static enum rmg_rc get(struct engine *g, const char *what, struct span id, const char *tail,
		       bool *found, struct rmg_err *err)
{
	unsigned status = 0;
	enum rmg_rc rc = engine_ask(&g->ask, what, id, tail, &status, err);

	*found = status == 200;
	if (rc == RMG_OK && status != 200 && status != 404)
		return err_set(err, RMG_E_NET, "%u for %s", status, strbuf_cstr(&g->ask.url));
	return rc;
}

static bool is_podman(const struct engine *g)
{
	return strcmp(g->opts->kind, "podman") == 0;
}

static enum rmg_rc image_of(struct engine *g, struct span id, struct event_image *out, bool *found,
			    struct rmg_err *err)
{
	enum rmg_rc rc = get(g, "images/", id, "/json", found, err);

	if (rc != RMG_OK || !*found)
		return rc;
	return is_podman(g)
		   ? podman_image_parse(strbuf_span(&g->ask.body), &g->batch.arena, out, err)
		   : docker_image_parse(strbuf_span(&g->ask.body), &g->batch.arena, out, err);
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

/* Its health check's command, which is no person's. */
static enum rmg_rc keep_health(struct engine *g, const struct docker_container *c,
			       struct rmg_err *err)
{
	enum told_news news;

	if (c->health.n == 0 || told_see(&g->health, c->id, c->health, &news) == RMG_OK)
		return RMG_OK;
	return err_set(err, RMG_E_NOMEM, "no memory for a container");
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
	rc = docker_container_parse(strbuf_span(&g->ask.body), &g->batch.arena, &c, err);
	if (rc == RMG_OK)
		rc = keep_health(g, &c, err);
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

/* What was said of an image: how it came, and what it is called. */
static enum rmg_rc see_image(struct engine *g, const struct event_image *image,
			     enum told_news *news, struct rmg_err *err)
{
	struct strbuf b = strbuf_of(LIMIT_EVENT_BYTES);
	enum rmg_rc rc;

	strbuf_puts(&b, way_name(image->way));
	for (size_t i = 0; i < image->n_names; i++) {
		strbuf_putc(&b, ' ');
		strbuf_put(&b, image->names[i]);
	}
	rc = told_see(&g->images, image->digests[0], strbuf_span(&b), news);
	strbuf_done(&b);
	return rc == RMG_OK ? rc : err_set(err, RMG_E_NOMEM, "no memory for an image");
}

static enum rmg_rc say_image(struct engine *g, struct span id, int64_t at_ms, struct rmg_err *err)
{
	struct event_image image = {0};
	enum told_news news;
	bool found;
	enum rmg_rc rc = image_of(g, id, &image, &found, err);

	if (rc != RMG_OK || !found)
		return rc;
	/* An event that names no image is of one that was not there. */
	if (!g->only_changed || told_means(&g->images, image.digests[0]) == NULL) {
		image.way = MAX_OF(image.way, g->way);
		image.container = g->made_of;
	}
	rc = see_image(g, &image, &news, err);
	if (rc == RMG_OK && (!g->only_changed || news != TOLD_KNOWN))
		batch_next(&g->batch, EVENT_IMAGE_SEEN, at_ms)->image = image;
	return rc;
}

/* Podman says of a name that it is deleted what Docker says of the image alone. */
static enum rmg_rc say_image_went(struct engine *g, const struct docker_event *ev,
				  struct rmg_err *err)
{
	struct event_image image = {0};
	bool found;
	enum rmg_rc rc = image_of(g, ev->id, &image, &found, err);

	if (rc != RMG_OK)
		return rc;
	if (!found) {
		image = (struct event_image){.digests = {ev->id}, .n_digests = 1};
		(void)told_drop(&g->images, ev->id);
	}
	batch_next(&g->batch, found ? EVENT_IMAGE_SEEN : EVENT_IMAGE_REMOVED, ev->at_ms)->image =
	    image;
	return RMG_OK;
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
		rc = docker_ids_parse(strbuf_span(&g->ask.body), &ids_arena, &ids, &n, err);
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

static void forget_gone(struct told *t)
{
	char *id;

	while ((id = told_take_gone(t)) != NULL)
		free(id);
}

static enum rmg_rc snapshot(void *user, struct rmg_err *err)
{
	struct engine *g = user;
	enum rmg_rc rc;

	batch_next(&g->batch, EVENT_SNAPSHOT_BEGAN, 0);
	rc = replay(g, g->from_ms, err);
	told_begin(&g->health);
	told_begin(&g->images);
	g->ahead = 0;
	if (rc == RMG_OK)
		rc = say_all(g, "containers/json?all=1", say_container, err);
	if (rc == RMG_OK)
		forget_gone(&g->health);
	if (rc == RMG_OK)
		rc = say_all(g, "images/json", say_image, err);
	if (rc == RMG_OK)
		forget_gone(&g->images);
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

/* Programs that somebody started in a container. */

/* Docker tells of it a moment before it starts it. */
static enum rmg_rc look_exec(struct engine *g, struct span id, struct docker_exec *out,
			     struct rmg_err *err)
{
	bool found = true;
	enum rmg_rc rc = RMG_OK;

	*out = (struct docker_exec){0};
	for (int i = 0; rc == RMG_OK && found && !out->started && i < EXEC_TRIES; i++) {
		if (i && !clock_rest(EXEC_PAUSE_MS, g->opts->stop, g->opts->user))
			return err_set(err, RMG_E_STOPPED, "stopped");
		rc = get(g, "exec/", id, "/json", &found, err);
		if (rc == RMG_OK && found)
			rc =
			    docker_exec_parse(strbuf_span(&g->ask.body), &g->batch.arena, out, err);
	}
	return rc;
}

/* id "": what it was is not known any more. */
static enum rmg_rc say_entered(struct engine *g, const struct docker_event *ev, struct span id,
			       struct rmg_err *err)
{
	struct entry e = {.container = ev->id,
			  .id = ev->id,
			  .exec = id,
			  .command = ev->command,
			  .at_ms = ev->at_ms};
	struct docker_exec x = {0};
	const char *health;
	enum rmg_rc rc = id.n ? look_exec(g, id, &x, err) : RMG_OK;

	if (rc != RMG_OK)
		return rc;
	e.user = x.user;
	e.terminal = x.terminal;
	e.pid = x.pid;
	if (e.command.n == 0)
		e.command = x.command;
	health = told_means(&g->health, ev->id);
	if (health && span_is(e.command, span_cstr(health)))
		return RMG_OK;
	entered_say(&g->entered, &g->batch, &e);
	return RMG_OK;
}

/* All that run in a container and were not told of. Events that are still to come are of these. */
static enum rmg_rc say_execs(struct engine *g, const struct docker_event *ev, struct rmg_err *err)
{
	struct docker_container c = {0};
	enum told_news news;
	unsigned n = 0;
	bool found;
	enum rmg_rc rc = get(g, "containers/", ev->id, "/json", &found, err);

	if (rc == RMG_OK && found)
		rc = docker_container_parse(strbuf_span(&g->ask.body), &g->batch.arena, &c, err);
	if (g->execs.rows.n > MOST_EXECS)
		told_clear(&g->execs);
	for (size_t i = 0; rc == RMG_OK && i < c.n_execs; i++) {
		if (told_see(&g->execs, c.execs[i], S(""), &news) != RMG_OK)
			return err_set(err, RMG_E_NOMEM, "no memory for a container");
		if (news == TOLD_KNOWN)
			continue;
		rc = say_entered(g, ev, c.execs[i], err);
		n++;
	}
	if (n)
		g->ahead += n - 1;
	else if (g->ahead)
		g->ahead--;
	else if (rc == RMG_OK)
		rc = say_entered(g, ev, S(""), err);
	return rc;
}

/* Of what happened before all was listed. */
static enum rmg_rc learn_health(struct engine *g, struct span id, struct rmg_err *err)
{
	struct docker_container c;
	bool found;
	enum rmg_rc rc = get(g, "containers/", id, "/json", &found, err);

	if (rc != RMG_OK || !found)
		return rc;
	rc = docker_container_parse(strbuf_span(&g->ask.body), &g->batch.arena, &c, err);
	return rc == RMG_OK ? keep_health(g, &c, err) : rc;
}

static enum rmg_rc on_entered(struct engine *g, const struct docker_event *ev, struct rmg_err *err)
{
	const char *health;
	enum rmg_rc rc;

	if (ev->command.n == 0)
		return g->replays ? RMG_OK : say_execs(g, ev, err);
	rc = g->replays ? learn_health(g, ev->id, err) : RMG_OK;
	if (rc != RMG_OK)
		return rc;
	health = told_means(&g->health, ev->id);
	/* Not asked for: it may be every second's. */
	if (health && span_is(ev->command, span_cstr(health)))
		return RMG_OK;
	return say_entered(g, ev, ev->exec, err);
}

/* An event that names no image, or where it is what a registry has that changed: of all that are
 * there, what is news. */
static enum rmg_rc say_images(struct engine *g, const struct docker_event *ev, struct rmg_err *err)
{
	char made_of[DOCKER_ID] = "";
	enum rmg_rc rc;

	/* The event's texts are gone once something is handed over. */
	snprintf(made_of, sizeof made_of, SPAN_FMT,
		 SPAN_ARG(span_head(ev->container, DOCKER_ID - 1)));
	g->way = ev->way == WAY_REGISTRY ? WAY_UNKNOWN : ev->way;
	g->made_of = span_cstr(made_of);
	g->only_changed = true;
	rc = say_all(g, "images/json", say_image, err);
	if (rc == RMG_OK)
		rc = batch_flush(&g->batch, err);
	g->only_changed = false;
	g->made_of = (struct span){0};
	g->way = WAY_UNKNOWN;
	return rc;
}

static enum rmg_rc on_image(struct engine *g, const struct docker_event *ev, struct rmg_err *err)
{
	enum rmg_rc rc;

	g->way = ev->way;
	g->made_of = ev->container;
	rc = say_image(g, ev->id, ev->at_ms, err);
	g->made_of = (struct span){0};
	g->way = WAY_UNKNOWN;
	return rc;
}

static enum rmg_rc apply(struct engine *g, struct span line, struct rmg_err *err)
{
	struct docker_event ev;
	enum rmg_rc rc = batch_room(&g->batch, ROOM + DOCKER_EXECS, err);

	if (rc == RMG_OK)
		rc = docker_event_parse(line, &g->batch.arena, &ev, err);
	if (rc != RMG_OK)
		return rc;
	if (g->replays && ev.what != DOCKER_STARTED && ev.what != DOCKER_DIED &&
	    ev.what != DOCKER_ENTERED)
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
	case DOCKER_ENTERED:
		rc = on_entered(g, &ev, err);
		break;
	case DOCKER_DESTROYED:
		(void)told_drop(&g->health, ev.id);
		if (ev.name.n)
			say_destroyed(g, &ev);
		break;
	case DOCKER_IMAGE_CAME:
		rc = on_image(g, &ev, err);
		break;
	case DOCKER_SOME_IMAGE_CAME:
		rc = say_images(g, &ev, err);
		break;
	case DOCKER_IMAGE_WENT:
		rc = say_image_went(g, &ev, err);
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
static bool take_lines(void *user, const struct http_response *resp, struct span bytes)
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
	struct http_request req = {.unix_socket = g->opts->address,
				   .max_bytes = UINT64_MAX,
				   .sink = take_lines,
				   .user = g};
	char url[160];
	int n = snprintf(url, sizeof url, "http://engine/events?since=%" PRId64 ".%03d",
			 since_ms / 1000, (int)(since_ms % 1000));
	enum rmg_rc rc;

	/* Podman ends such a stream before it has said anything, and has a word of its own. */
	if (until_ms && is_podman(g))
		snprintf(url + n, sizeof url - (size_t)n, "&stream=false");
	else if (until_ms)
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

/* What comes after this moment is streamed; what comes before, listed. */
static enum rmg_rc note_time(void *user, struct rmg_err *err)
{
	struct engine *g = user;

	(void)err;
	g->from_ms = clock_ms();
	return RMG_OK;
}

/* A silent stream ends in RMG_E_NET as a broken one does. */
static void follow(void *user, struct rmg_err *err)
{
	struct engine *g = user;

	g->seen_ms = g->from_ms;
	(void)stream(g, g->from_ms, 0, err);
}

static void go_on(struct engine *g, struct rmg_err *err)
{
	const struct rounds r = {.opts = g->opts,
				 .who = "the engine",
				 .subscribe = note_time,
				 .snapshot = snapshot,
				 .follow = follow,
				 .user = g};

	rounds_run(&r, err);
}

static enum rmg_rc engine_run(const struct watch_opts *opts, struct rmg_err *err)
{
	struct engine *g = calloc(1, sizeof *g);
	struct http_opts http = {.stop = opts->stop, .user = opts->user};
	enum rmg_rc rc;

	if (g == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a watcher");
	g->opts = opts;
	g->line = strbuf_of(LIMIT_EVENT_BYTES);
	batch_init(&g->batch, opts);
	g->seen_ms = opts->since_ms;
	rc = engine_ask_open(&g->ask, opts, err);
	http.stall_s = (uint32_t)LIMIT_WATCH_ROUND_S;
	if (rc == RMG_OK)
		rc = http_new(&http, &g->stream, err);
	if (rc == RMG_OK)
		go_on(g, err);
	told_done(&g->images);
	told_done(&g->health);
	told_done(&g->execs);
	engine_ask_close(&g->ask);
	http_free(g->stream);
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
