/* SPDX-License-Identifier: Apache-2.0 */
/* containerd.c - containerd by its own interface, which tells of every namespace: Kubernetes', a
 * builder's, a person's.
 *
 * Each round: subscribe, then list everything (a snapshot), then follow what has come since. Events
 * are not kept for those who were away: whatever ends the stream, a silence of WATCH_ROUND_S
 * included, is followed by another round. A container is looked at when it is created, so that one
 * that ends at once is known all the same.
 * Docker runs its containers in namespaces of its own, and says more of them itself: they are left
 * to its socket. */
#include <stdio.h>

#include "base/clock.h"
#include "base/limits.h"
#include "io/process.h"
#include "watch/batch.h"
#include "watch/ctrd_held.h"
#include "watch/ctrd_images.h"
#include "watch/workload.h"

enum { ROOM = 4, STEP_MS = 60000 };

struct containerd {
	const struct watch_opts *opts;
	struct ctrd *ask, *stream; /* events flow while questions are asked */
	struct batch batch;
	struct ctrd_images *images;
	struct held_table held;
	struct arena arena; /* of one answer */
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

static enum rmg_rc say_image(struct containerd *g, struct ctrd_known *k, struct span name,
			     int64_t at_ms, struct rmg_err *err)
{
	enum rmg_rc rc = k->said ? RMG_OK : batch_room(&g->batch, ROOM, err);
	struct event *e;

	if (rc != RMG_OK || k->said)
		return rc;
	k->said = true;
	e = batch_next(&g->batch, EVENT_IMAGE_SEEN, at_ms);
	ctrd_known_digests(k, &e->image);
	/* The CRI calls each image by its configuration's digest too. */
	if (!span_starts(name, S("sha256:")))
		e->image.ref = arena_dup(&g->batch.arena, name);
	return RMG_OK;
}

static enum rmg_rc say_image_gone(struct containerd *g, struct ctrd_known *k, int64_t at_ms,
				  struct rmg_err *err)
{
	enum rmg_rc rc;

	if (k == NULL || k->names)
		return RMG_OK;
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
	rc = say_image(g, now, image->name, at_ms, err);
	return rc == RMG_OK && was != now ? say_image_gone(g, was, at_ms, err) : rc;
}

/* Names that a person gave first: what is said of an image is said once. */
static int image_rank(struct span name)
{
	if (span_starts(name, S("sha256:")))
		return 2;
	return span_chr(name, '@') != SIZE_MAX;
}

static enum rmg_rc list_images(struct containerd *g, struct span ns, struct rmg_err *err)
{
	struct ctrd_image *images = NULL;
	struct ctrd_known *now, *was;
	size_t n = 0;
	enum rmg_rc rc = ctrd_images(g->ask, ns, &g->arena, &images, &n, err);

	for (size_t i = 0; rc == RMG_OK && i < n; i++)
		rc = ctrd_images_put(g->images, g->ask, ns, &images[i], &now, &was, err);
	for (int rank = 0; rank < 3; rank++)
		for (size_t i = 0; rc == RMG_OK && i < n; i++)
			if (image_rank(images[i].name) == rank)
				rc = say_image(g, ctrd_images_find(g->images, ns, images[i].name),
					       images[i].name, 0, err);
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
	h->began_ms = 0;
	return rc;
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
		h->began_ms = h->running ? began_of(h, tasks[i].pid) : 0;
	}
	return rc;
}

static enum rmg_rc leave_to_docker(struct containerd *g, struct span ns, struct rmg_err *err)
{
	size_t running;
	enum rmg_rc rc = list_tasks(g, ns, &running, err);

	if (rc != RMG_OK || running == 0 || g->opts->with_docker || g->told_of_docker)
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

	if (is_dockers(ns))
		return leave_to_docker(g, ns, err);
	rc = list_images(g, ns, err);
	if (rc == RMG_OK)
		rc = ctrd_containers_each(g->ask, ns, hold, &l, err);
	return rc == RMG_OK ? list_tasks(g, ns, &running, err) : rc;
}

static enum rmg_rc snapshot(struct containerd *g, struct rmg_err *err)
{
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
	for (size_t i = 0; rc == RMG_OK && i < g->held.all.n; i++)
		rc = say_container(g, g->held.all.v[i], 0, err);
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
	h->running = true;
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

static enum rmg_rc apply(void *user, const struct ctrd_event *e, struct rmg_err *err)
{
	struct containerd *g = user;
	enum rmg_rc rc = RMG_OK;

	if (is_dockers(e->ns))
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
	case CTRD_IMAGE_CAME:
	case CTRD_IMAGE_CHANGED:
	case CTRD_IMAGE_WENT:
		rc = on_image(g, e, err);
		break;
	case CTRD_OTHER:
		break;
	}
	arena_reset(&g->arena);
	return rc == RMG_OK ? batch_flush(&g->batch, err) : rc;
}

/* A stream that broke, or was silent for long, means another round, no alarm. */
static void follow(struct containerd *g, struct rmg_err *err)
{
	bool over = false;

	while (!over && ctrd_wait(g->stream, STEP_MS, &over, err) == RMG_OK)
		;
	batch_drop(&g->batch);
}

static void go_on(struct containerd *g, struct rmg_err *err)
{
	struct rounds r = {.opts = g->opts, .who = "containerd"};

	while (!rounds_over(&r)) {
		enum rmg_rc rc =
		    ctrd_subscribe(g->stream, (uint32_t)LIMIT_WATCH_ROUND_S, apply, g, err);

		if (rc == RMG_OK)
			rc = snapshot(g, err);
		if (rc != RMG_OK) {
			rounds_bad(&r, rc, err);
			continue;
		}
		rounds_good(&r);
		follow(g, err);
		(void)clock_rest(200, g->opts->stop, g->opts->user);
	}
}

enum rmg_rc watch_containerd(const struct watch_opts *opts, struct rmg_err *err);

enum rmg_rc watch_containerd(const struct watch_opts *opts, struct rmg_err *err)
{
	struct containerd *g = calloc(1, sizeof *g);
	struct grpc_opts grpc = {.socket = opts->address, .stop = opts->stop, .user = opts->user};
	struct rmg_err own = {0};
	enum rmg_rc rc;

	if (g == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a watcher");
	g->opts = opts;
	batch_init(&g->batch, opts);
	arena_init(&g->arena, 2 * LIMIT_GRPC_BYTES);
	rc = ctrd_images_new(&g->images, err);
	if (rc == RMG_OK)
		rc = ctrd_open(&grpc, &g->ask, err);
	if (rc == RMG_OK)
		rc = ctrd_open(&grpc, &g->stream, err);
	if (rc == RMG_OK)
		go_on(g, err ? err : &own);
	ctrd_close(g->ask);
	ctrd_close(g->stream);
	held_done(&g->held);
	ctrd_images_free(g->images);
	batch_done(&g->batch);
	arena_done(&g->arena);
	free(g);
	return rc;
}
