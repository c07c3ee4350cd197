/* SPDX-License-Identifier: Apache-2.0 */
/* containerd.c - containerd by its own interface, which tells of every namespace: Kubernetes', a
 * builder's, a person's.
 *
 * Each round: subscribe, then list everything (a snapshot), then follow what has come since. Events
 * are not kept for those who were away: whatever ends the stream, a silence of WATCH_ROUND_S
 * included, is followed by another round. A container is looked at when it is created, so that one
 * that ends at once is known all the same. One that ended while nobody listened is told with its
 * end as long as nobody has taken its task away; one that came and was taken away then is not
 * known. Docker runs its containers in namespaces of its own, and says more of them itself: they
 * are left to its socket, and the images there too where that is watched. */
#include <stdio.h>

#include "base/clock.h"
#include "base/limits.h"
#include "io/process.h"
#include "watch/batch.h"
#include "watch/ctrd_held.h"
#include "watch/ctrd_images.h"
#include "watch/entered.h"
#include "watch/rounds.h"
#include "watch/workload.h"

enum { ROOM = 4, STEP_MS = 60000 };

struct containerd {
	const struct watch_opts *opts;
	struct ctrd *ask, *stream; /* events flow while questions are asked */
	struct batch batch;
	struct ctrd_images *images;
	struct held_table held;
	struct entered entered;
	struct arena arena; /* of one answer */
	int64_t from_ms;    /* when this round subscribed */
	int64_t seen_ms;    /* what came before has been told; 0: it does not matter */
	bool told_of_docker;
};

/* Docker's own: its containers, and its plug-ins. */
static bool is_dockers(struct span ns)
{
	return span_is(ns, S("moby")) || span_is(ns, S("plugins.moby"));
}

static bool gone(enum rmg_rc *rc)
{
	if (*rc != RMG_E_NOTFOUND)
		return false;
	*rc = RMG_OK;
	return true;
}

/* Images. */

static void name_image(struct containerd *g, const struct ctrd_known *k, struct event_image *out)
{
	struct arena *a = &g->batch.arena;
	struct span names[EVENT_NAMES], *copies;
	size_t n = ctrd_images_names(g->images, k, names);

	copies = n ? ARENA_ARRAY(a, n, struct span) : NULL;
	for (size_t i = 0; copies && i < n; i++)
		copies[i] = arena_dup(a, names[i]);
	if (copies == NULL)
		return;
	out->names = copies;
	out->n_names = n;
	out->ref = copies[0];
}

static enum rmg_rc say_image(struct containerd *g, struct ctrd_known *k, int64_t at_ms,
			     struct rmg_err *err)
{
	enum rmg_rc rc = batch_room(&g->batch, ROOM, err);
	struct event *e;

	if (rc != RMG_OK)
		return rc;
	k->said = true;
	e = batch_next(&g->batch, EVENT_IMAGE_SEEN, at_ms);
	ctrd_known_digests(k, &e->image);
	name_image(g, k, &e->image);
	return RMG_OK;
}

/* One of its names is gone; the others may call it still. */
static enum rmg_rc say_image_gone(struct containerd *g, struct ctrd_known *k, int64_t at_ms,
				  struct rmg_err *err)
{
	enum rmg_rc rc;

	if (k == NULL)
		return RMG_OK;
	if (k->names)
		return say_image(g, k, at_ms, err);
	rc = batch_room(&g->batch, ROOM, err);
	if (rc != RMG_OK)
		return rc;
	k->said = false;
	ctrd_known_digests(k, &batch_next(&g->batch, EVENT_IMAGE_REMOVED, at_ms)->image);
	return RMG_OK;
}

/* An image that is there under this name now. */
static enum rmg_rc image_is(struct containerd *g, struct span ns, const struct ctrd_image *image,
			    int64_t at_ms, struct rmg_err *err)
{
	struct ctrd_known *now, *was;
	enum rmg_rc rc = ctrd_images_put(g->images, g->ask, ns, image, &now, &was, err);
	struct event *e;

	if (rc == RMG_OK)
		rc = batch_room(&g->batch, ROOM, err);
	if (rc != RMG_OK)
		return rc;
	if (was && was != now) {
		e = batch_next(&g->batch, EVENT_TAG_RESOLVED, at_ms);
		e->image.ref = arena_dup(&g->batch.arena, image->name);
		/* What a registry would say that the tag means. */
		e->image.digests[e->image.n_digests++] = span_cstr(now->target);
	}
	/* The CRI calls each image by its configuration's digest too, which is not told. */
	if (!now->said || (was != now && ctrd_name_rank(image->name) < 2))
		rc = say_image(g, now, at_ms, err);
	return rc == RMG_OK && was != now ? say_image_gone(g, was, at_ms, err) : rc;
}

static enum rmg_rc list_images(struct containerd *g, struct span ns, struct rmg_err *err)
{
	struct ctrd_image *images = NULL;
	struct ctrd_known *now, *was;
	size_t n = 0;
	enum rmg_rc rc = ctrd_images(g->ask, ns, &g->arena, &images, &n, err);

	for (size_t i = 0; rc == RMG_OK && i < n; i++)
		rc = ctrd_images_put(g->images, g->ask, ns, &images[i], &now, &was, err);
	return rc;
}

static enum rmg_rc say_images(struct containerd *g, struct rmg_err *err)
{
	struct ctrd_known *k;
	enum rmg_rc rc = RMG_OK;

	for (size_t i = 0; rc == RMG_OK && (k = ctrd_images_at(g->images, i)) != NULL; i++)
		if (k->names)
			rc = say_image(g, k, 0, err);
	return rc;
}

/* Containers. */

/* Another snapshot's name may have more to it (a shift of user ids). */
static struct span chain_in(struct span parent)
{
	return span_starts(parent, S("sha256:")) && parent.n >= 71 ? span_head(parent, 71)
								   : (struct span){0};
}

/* What a container runs is what its snapshot stands on, whatever its image's name means by now. */
static enum rmg_rc image_of(struct containerd *g, const struct held *h, struct event_image *out,
			    struct rmg_err *err)
{
	const struct ctrd_known *k = ctrd_images_find(g->images, h->ns, h->c.image);
	struct arena *a = &g->batch.arena;
	struct span parent = {0}, chain;
	enum rmg_rc rc = RMG_OK;

	if (h->c.snapshotter.n && h->c.snapshot_key.n) {
		rc = ctrd_snapshot_parent(g->ask, h->ns, h->c.snapshotter, h->c.snapshot_key, a,
					  &parent, err);
		(void)gone(&rc);
	}
	chain = chain_in(parent);
	if (rc == RMG_OK && chain.n &&
	    (k == NULL || (k->chain[0] && !span_is(chain, span_cstr(k->chain)))))
		k = ctrd_images_of_chain(g->images, chain);
	*out = (struct event_image){.ref = h->ref};
	if (k)
		ctrd_known_digests(k, out);
	else if (chain.n)
		out->digests[out->n_digests++] = chain;
	return rc;
}

/* Texts of the event are those of h, which stays until it is handed over. */
static void fill(struct containerd *g, struct event *e, const struct held *h,
		 const struct workload *w)
{
	e->place.ns = w->ns.n || w->pod ? w->ns : h->ns;
	e->workload_kind = w->kind;
	e->workload_name = w->name;
	e->revision = w->revision;
	batch_label(&g->batch, e, h->c.labels, h->c.n_labels);
}

/* One that somebody named exists, whether it runs or not: it is what would start. */
static void declare(struct containerd *g, const struct held *h, const struct workload *w,
		    const struct event_image *image, int64_t at_ms)
{
	struct event *e = batch_next(&g->batch, EVENT_WORKLOAD_DECLARED, at_ms);

	fill(g, e, h, w);
	e->replicas = h->running;
	e->images = ARENA_NEW(&g->batch.arena, struct event_image);
	if (e->images) {
		e->images[0] = *image;
		e->n_images = 1;
	}
}

static void begin_use(struct containerd *g, const struct held *h, const struct workload *w,
		      const struct event_image *image, int64_t at_ms)
{
	struct event *e = batch_next(&g->batch, EVENT_USE_BEGAN, at_ms);

	fill(g, e, h, w);
	e->container = h->id;
	e->container_name = w->container_name;
	e->pid = h->pid;
	e->image = *image;
}

/* A container of no image has a file system of somebody's own: nobody can read it from here. */
static enum rmg_rc say_container(struct containerd *g, const struct held *h, int64_t at_ms,
				 struct rmg_err *err)
{
	struct event_image image;
	struct workload w;
	enum rmg_rc rc;

	workload_of_list(h->c.labels, h->c.n_labels, h->id, h->name, h->ref, &w);
	if (!h->running && !w.named)
		return RMG_OK;
	rc = batch_room(&g->batch, ROOM, err);
	if (rc == RMG_OK)
		rc = image_of(g, h, &image, err);
	if (rc != RMG_OK || (image.ref.n == 0 && image.n_digests == 0))
		return rc;
	if (w.named)
		declare(g, h, &w, &image, at_ms);
	if (h->running)
		begin_use(g, h, &w, &image, h->began_ms ? h->began_ms : at_ms);
	return RMG_OK;
}

static enum rmg_rc say_end(struct containerd *g, struct held *h, int64_t at_ms, struct rmg_err *err)
{
	enum rmg_rc rc = h->running ? batch_room(&g->batch, ROOM, err) : RMG_OK;

	if (rc == RMG_OK && h->running)
		batch_next(&g->batch, EVENT_USE_ENDED, at_ms)->container = h->id;
	h->running = false;
	h->pid = 0;
	h->began_ms = 0;
	return rc;
}

/* One that was found ended, with its end, in case that was not told. What was is left out by who
 * hears it: a life that ended when this one did. By how much the times of a task and of the events
 * about it differ at most, a short one is told to have begun too early. */
static enum rmg_rc say_life(struct containerd *g, struct held *h, struct rmg_err *err)
{
	enum { OVERLAP_MS = 2000, OFF_MS = 100 };
	int64_t began = MAX_OF(h->c.created_ms, g->seen_ms);
	struct event_image image;
	struct workload w;
	enum rmg_rc rc;

	if (h->running || g->seen_ms == 0 || h->exited_ms <= g->seen_ms - OVERLAP_MS)
		return RMG_OK;
	workload_of_list(h->c.labels, h->c.n_labels, h->id, h->name, h->ref, &w);
	rc = batch_room(&g->batch, ROOM, err);
	if (rc == RMG_OK)
		rc = image_of(g, h, &image, err);
	if (rc != RMG_OK || (image.ref.n == 0 && image.n_digests == 0))
		return rc;
	begin_use(g, h, &w, &image, MIN_OF(began, h->exited_ms - OFF_MS));
	batch_next(&g->batch, EVENT_USE_ENDED, h->exited_ms)->container = h->id;
	h->told_over = true;
	return RMG_OK;
}

static enum rmg_rc say_deleted(struct containerd *g, struct held *h, int64_t at_ms,
			       struct rmg_err *err)
{
	struct workload w;
	struct event *e;
	enum rmg_rc rc = say_end(g, h, at_ms, err);

	if (rc == RMG_OK)
		rc = batch_room(&g->batch, ROOM, err);
	if (rc != RMG_OK)
		return rc;
	workload_of_list(h->c.labels, h->c.n_labels, h->id, h->name, h->ref, &w);
	if (!w.named)
		return RMG_OK;
	e = batch_next(&g->batch, EVENT_WORKLOAD_REMOVED, at_ms);
	fill(g, e, h, &w);
	return RMG_OK;
}

/* The snapshot. */

struct listing {
	struct containerd *g;
	struct span ns;
};

static enum rmg_rc hold(void *user, const struct ctrd_container *c, struct rmg_err *err)
{
	struct listing *l = user;
	struct held *h;

	return held_put(&l->g->held, l->ns, c, &h, err);
}

/* When a process began, where that can be: after its container was made. */
static int64_t began_of(const struct held *h, uint32_t pid)
{
	int64_t began = process_began_ms(pid);

	return began + 1000 > h->c.created_ms ? began : h->c.created_ms;
}

static enum rmg_rc list_tasks(struct containerd *g, struct span ns, size_t *running,
			      struct rmg_err *err)
{
	struct ctrd_task *tasks = NULL;
	size_t n = 0;
	enum rmg_rc rc = ctrd_tasks(g->ask, ns, &g->arena, &tasks, &n, err);

	*running = 0;
	for (size_t i = 0; rc == RMG_OK && i < n; i++) {
		struct held *h = held_find(&g->held, ns, tasks[i].container);

		*running += tasks[i].running;
		if (h == NULL)
			continue;
		h->running = tasks[i].running;
		h->pid = tasks[i].pid <= INT32_MAX ? tasks[i].pid : 0;
		h->began_ms = h->running ? began_of(h, tasks[i].pid) : 0;
		h->exited_ms = tasks[i].exited_ms;
	}
	return rc;
}

static enum rmg_rc leave_to_docker(struct containerd *g, struct span ns, struct rmg_err *err)
{
	size_t running;
	enum rmg_rc rc = list_tasks(g, ns, &running, err);

	if (rc != RMG_OK || running == 0 || g->told_of_docker)
		return rc;
	g->told_of_docker = true;
	if (g->opts->warn)
		g->opts->warn(g->opts->user, "Docker runs containers here; its own socket tells of "
					     "them, and is not watched");
	return RMG_OK;
}

static enum rmg_rc list_namespace(struct containerd *g, struct span ns, struct rmg_err *err)
{
	struct listing l = {g, ns};
	size_t running;
	enum rmg_rc rc;

	if (is_dockers(ns) && g->opts->with_docker)
		return RMG_OK;
	rc = list_images(g, ns, err);
	if (is_dockers(ns))
		return rc == RMG_OK ? leave_to_docker(g, ns, err) : rc;
	if (rc == RMG_OK)
		rc = ctrd_containers_each(g->ask, ns, hold, &l, err);
	return rc == RMG_OK ? list_tasks(g, ns, &running, err) : rc;
}

static enum rmg_rc snapshot(void *user, struct rmg_err *err)
{
	struct containerd *g = user;
	struct span *spaces = NULL;
	size_t n = 0;
	enum rmg_rc rc;

	held_clear(&g->held);
	ctrd_images_round(g->images);
	arena_reset(&g->arena);
	batch_next(&g->batch, EVENT_SNAPSHOT_BEGAN, 0);
	rc = ctrd_namespaces(g->ask, &g->arena, &spaces, &n, err);
	for (size_t i = 0; rc == RMG_OK && i < n; i++)
		rc = list_namespace(g, spaces[i], err);
	if (rc == RMG_OK)
		rc = say_images(g, err);
	for (size_t i = 0; rc == RMG_OK && i < g->held.all.n; i++) {
		rc = say_life(g, g->held.all.v[i], err);
		if (rc == RMG_OK)
			rc = say_container(g, g->held.all.v[i], 0, err);
	}
	if (rc == RMG_OK)
		rc = batch_room(&g->batch, 1, err);
	if (rc == RMG_OK) {
		batch_next(&g->batch, EVENT_SNAPSHOT_ENDED, 0);
		rc = batch_flush(&g->batch, err);
	}
	batch_drop(&g->batch);
	arena_reset(&g->arena);
	return rc;
}

/* What comes after it. */

/* What is known of a container now; *out NULL: it is gone, and was never seen. */
static enum rmg_rc look_at(struct containerd *g, const struct ctrd_event *e, struct held **out,
			   struct rmg_err *err)
{
	struct ctrd_container c;
	enum rmg_rc rc = ctrd_container(g->ask, e->ns, e->name, &g->arena, &c, err);

	if (gone(&rc)) {
		*out = held_find(&g->held, e->ns, e->name);
		if (*out || e->image.n == 0)
			return RMG_OK;
		c = (struct ctrd_container){.id = e->name, .image = e->image};
	}
	return rc == RMG_OK ? held_put(&g->held, e->ns, &c, out, err) : rc;
}

static enum rmg_rc on_made(struct containerd *g, const struct ctrd_event *e, struct rmg_err *err)
{
	struct held *h = NULL;
	enum rmg_rc rc = look_at(g, e, &h, err);

	return rc == RMG_OK && h ? say_container(g, h, e->at_ms, err) : rc;
}

static enum rmg_rc on_started(struct containerd *g, const struct ctrd_event *e, struct rmg_err *err)
{
	struct held *h = held_find(&g->held, e->ns, e->name);
	enum rmg_rc rc = h ? RMG_OK : look_at(g, e, &h, err);

	if (rc != RMG_OK || h == NULL)
		return rc;
	if (h->told_over && h->pid == e->pid)
		return RMG_OK; /* it came while all was listed */
	h->running = true;
	h->pid = e->pid;
	h->began_ms = e->at_ms;
	return say_container(g, h, e->at_ms, err);
}

static enum rmg_rc on_container(struct containerd *g, const struct ctrd_event *e,
				struct rmg_err *err)
{
	struct held *h = held_find(&g->held, e->ns, e->name);
	enum rmg_rc rc = RMG_OK;

	if (h == NULL)
		return RMG_OK;
	if (e->what != CTRD_DELETED)
		return say_end(g, h, e->at_ms, err);
	rc = say_deleted(g, h, e->at_ms, err);
	if (rc == RMG_OK)
		rc = batch_flush(&g->batch, err);
	held_drop(&g->held, h);
	return rc;
}

/* containerd says neither which program nor who: the process is looked at. */
static enum rmg_rc on_entered(struct containerd *g, const struct ctrd_event *e, struct rmg_err *err)
{
	const struct held *h = held_find(&g->held, e->ns, e->name);
	struct entry entry = {.id = e->name, .exec = e->exec, .pid = e->pid, .at_ms = e->at_ms};
	enum rmg_rc rc = h ? batch_room(&g->batch, 1, err) : RMG_OK;

	if (rc != RMG_OK || h == NULL || !h->running)
		return rc;
	entry.container = h->id;
	entered_say(&g->entered, &g->batch, &entry);
	return RMG_OK;
}

static enum rmg_rc on_image(struct containerd *g, const struct ctrd_event *e, struct rmg_err *err)
{
	struct ctrd_image image;
	enum rmg_rc rc;

	if (e->what == CTRD_IMAGE_WENT)
		return say_image_gone(g, ctrd_images_forget(g->images, e->ns, e->name), e->at_ms,
				      err);
	rc = ctrd_image(g->ask, e->ns, e->name, &g->arena, &image, err);
	if (gone(&rc)) /* its end is told next */
		return RMG_OK;
	return rc == RMG_OK ? image_is(g, e->ns, &image, e->at_ms, err) : rc;
}

static bool is_left_to_docker(const struct containerd *g, const struct ctrd_event *e)
{
	bool image = e->what == CTRD_IMAGE_CAME || e->what == CTRD_IMAGE_CHANGED ||
		     e->what == CTRD_IMAGE_WENT;

	return is_dockers(e->ns) && (g->opts->with_docker || !image);
}

static enum rmg_rc apply(void *user, const struct ctrd_event *e, struct rmg_err *err)
{
	struct containerd *g = user;
	enum rmg_rc rc = RMG_OK;

	if (is_left_to_docker(g, e))
		return RMG_OK;
	switch (e->what) {
	case CTRD_CREATED:
	case CTRD_UPDATED:
		rc = on_made(g, e, err);
		break;
	case CTRD_STARTED:
		rc = on_started(g, e, err);
		break;
	case CTRD_EXITED:
	case CTRD_TASK_DELETED:
	case CTRD_DELETED:
		rc = on_container(g, e, err);
		break;
	case CTRD_ENTERED:
		rc = on_entered(g, e, err);
		break;
	case CTRD_IMAGE_CAME:
	case CTRD_IMAGE_CHANGED:
	case CTRD_IMAGE_WENT:
		rc = on_image(g, e, err);
		break;
	case CTRD_OTHER:
		break;
	}
	arena_reset(&g->arena);
	if (rc == RMG_OK)
		rc = batch_flush(&g->batch, err);
	if (rc == RMG_OK)
		g->seen_ms = MAX_OF(g->seen_ms, e->at_ms);
	return rc;
}

/* A stream that broke, or was silent for long, means another round, no alarm. */
static void follow(void *user, struct rmg_err *err)
{
	struct containerd *g = user;
	bool over = false;

	g->seen_ms = MAX_OF(g->seen_ms, g->from_ms);
	while (!over && ctrd_wait(g->stream, STEP_MS, &over, err) == RMG_OK)
		;
	batch_drop(&g->batch);
}

static enum rmg_rc subscribe(void *user, struct rmg_err *err)
{
	struct containerd *g = user;

	g->from_ms = clock_ms();
	return ctrd_subscribe(g->stream, (uint32_t)LIMIT_WATCH_ROUND_S, apply, g, err);
}

static void go_on(struct containerd *g, struct rmg_err *err)
{
	const struct rounds r = {.opts = g->opts,
				 .who = "containerd",
				 .subscribe = subscribe,
				 .snapshot = snapshot,
				 .follow = follow,
				 .user = g};

	rounds_run(&r, err);
}

enum rmg_rc watch_containerd(const struct watch_opts *opts, struct rmg_err *err);

enum rmg_rc watch_containerd(const struct watch_opts *opts, struct rmg_err *err)
{
	struct containerd *g = calloc(1, sizeof *g);
	struct grpc_opts grpc = {.socket = opts->address, .stop = opts->stop, .user = opts->user};
	enum rmg_rc rc;

	if (g == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a watcher");
	g->opts = opts;
	g->seen_ms = opts->since_ms;
	batch_init(&g->batch, opts);
	arena_init(&g->arena, 2 * LIMIT_GRPC_BYTES);
	rc = ctrd_images_new(&g->images, err);
	if (rc == RMG_OK)
		rc = ctrd_open(&grpc, &g->ask, err);
	if (rc == RMG_OK)
		rc = ctrd_open(&grpc, &g->stream, err);
	if (rc == RMG_OK)
		go_on(g, err);
	ctrd_close(g->ask);
	ctrd_close(g->stream);
	held_done(&g->held);
	ctrd_images_free(g->images);
	batch_done(&g->batch);
	arena_done(&g->arena);
	free(g);
	return rc;
}
