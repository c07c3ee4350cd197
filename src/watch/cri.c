/* SPDX-License-Identifier: Apache-2.0 */
/* cri.c - CRI-O, or any runtime that speaks Kubernetes' Container Runtime Interface.
 *
 * The interface tells of containers where the runtime has that switched on, and of images never:
 * all is asked for every few seconds, and what has changed since is told. Events make what they
 * tell come at once, and tell of what came and went between two questions. Sandboxes, which hold a
 * pod's namespaces, run an image as well. */
#include <stdio.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "format/json.h"
#include "oci/digest.h"
#include "runtime/cri.h"
#include "watch/batch.h"
#include "watch/rounds.h"
#include "watch/told.h"
#include "watch/workload.h"

enum { ROOM = 4, ASK_MS = 2000, ASK_BESIDE_EVENTS_MS = 4000, NAME_BYTES = 64 };

struct watcher {
	const struct watch_opts *opts;
	struct cri *ask, *stream;
	struct batch batch;
	struct arena lists;
	struct cri_image *images; /* of the last list */
	struct cri_pod *pods;
	size_t n_images, n_pods;
	bool images_anew; /* asked for again, since one was not among them */
	struct told uses, cached, tags;
	char runtime[NAME_BYTES];
	bool told_of_sandboxes;
};

static struct event *next(struct watcher *g, enum event_type type, int64_t at_ms)
{
	struct event *e = batch_next(&g->batch, type, at_ms);

	e->runtime = span_cstr(g->runtime);
	return e;
}

/* Images. */

static void add_digest(struct event_image *out, struct span digest)
{
	uint8_t sha256[32];

	if (!digest_sha256(digest, sha256) || out->n_digests == EVENT_DIGESTS)
		return;
	for (size_t i = 0; i < out->n_digests; i++)
		if (span_is(out->digests[i], digest))
			return;
	out->digests[out->n_digests++] = digest;
}

static struct span digest_of(struct span reference)
{
	struct span name, digest;

	return span_rcut(reference, '@', &name, &digest) ? digest : reference;
}

/* A pulled one has a digest in a repository of some machine's; CRI-O has one of its own images in
 * localhost, too. */
static enum event_way way_of_image(const struct cri_image *image)
{
	enum event_way way = image->n_digests ? WAY_UNKNOWN : WAY_LOCAL;

	for (size_t i = 0; i < image->n_digests; i++) {
		struct span host, rest;

		if (span_cut(image->digests[i], '/', &host, &rest) &&
		    !span_is(host, S("localhost")) &&
		    (span_chr(host, '.') != SIZE_MAX || span_chr(host, ':') != SIZE_MAX))
			way = WAY_REGISTRY;
	}
	return way;
}

static void describe(const struct cri_image *image, struct event_image *out)
{
	*out = (struct event_image){.ref = image->n_tags ? image->tags[0] : (struct span){0},
				    .way = way_of_image(image)};
	add_digest(out, image->id);
	for (size_t i = 0; i < image->n_digests; i++)
		add_digest(out, digest_of(image->digests[i]));
	if (out->ref.n == 0 && image->n_digests)
		out->ref = image->digests[0];
	out->names = image->tags;
	out->n_names = MIN_OF(image->n_tags, (size_t)EVENT_NAMES);
}

static bool has(const struct span *list, size_t n, struct span s)
{
	for (size_t i = 0; i < n; i++)
		if (span_is(list[i], s))
			return true;
	return false;
}

/* An image by any of the names that a runtime may give it. */
static const struct cri_image *find_image(const struct watcher *g, struct span name)
{
	char with[DIGEST_TEXT];
	struct span id = name;

	if (name.n == 64 && span_chr(name, ':') == SIZE_MAX) {
		snprintf(with, sizeof with, "sha256:" SPAN_FMT, SPAN_ARG(name));
		id = span_cstr(with);
	}
	for (size_t i = 0; name.n && i < g->n_images; i++) {
		const struct cri_image *image = &g->images[i];

		if (span_is(image->id, id) || has(image->digests, image->n_digests, name) ||
		    has(image->tags, image->n_tags, name))
			return image;
	}
	return NULL;
}

static void image_of(const struct watcher *g, const struct cri_container *c,
		     struct event_image *out)
{
	const struct cri_image *image = find_image(g, c->image_id);

	if (image == NULL)
		image = find_image(g, c->image_ref);
	if (image == NULL)
		image = find_image(g, c->asked);
	*out = (struct event_image){0};
	if (image)
		describe(image, out);
	else
		add_digest(out, digest_of(c->image_ref));
	/* Asked for by its id: the image's own name says more. */
	if (c->asked.n && find_image(g, c->asked) != image)
		out->ref = c->asked;
	else if (c->asked.n && !span_starts(c->asked, S("sha256:")) && c->asked.n != 64)
		out->ref = c->asked;
}

static enum rmg_rc see_tags(struct watcher *g, const struct cri_image *image, struct rmg_err *err)
{
	enum told_news news;
	enum rmg_rc rc = RMG_OK;

	for (size_t i = 0; rc == RMG_OK && i < image->n_tags; i++) {
		if (told_see(&g->tags, image->tags[i], image->id, &news) != RMG_OK)
			return err_set(err, RMG_E_NOMEM, "no memory for a tag");
		if (news != TOLD_CHANGED)
			continue;
		rc = batch_room(&g->batch, ROOM, err);
		if (rc == RMG_OK) {
			struct event *e = next(g, EVENT_TAG_RESOLVED, 0);

			describe(image, &e->image);
			/* What a registry would say that it means. */
			if (e->image.n_digests > 1)
				e->image.digests[0] = e->image.digests[1];
			e->image.n_digests = 1;
			e->image.ref = image->tags[i];
		}
	}
	return rc;
}

/* It is told again where it is called otherwise now. */
static enum rmg_rc see_image(struct watcher *g, const struct cri_image *image, enum told_news *news,
			     struct rmg_err *err)
{
	struct strbuf names = strbuf_of(LIMIT_JSON_BYTES);
	enum rmg_rc rc;

	for (size_t i = 0; i < image->n_tags; i++) {
		strbuf_put(&names, image->tags[i]);
		strbuf_putc(&names, ' ');
	}
	rc = strbuf_rc(&names);
	if (rc == RMG_OK)
		rc = told_see(&g->cached, image->id, strbuf_span(&names), news);
	strbuf_done(&names);
	return rc == RMG_OK ? RMG_OK : err_set(err, rc, "no memory for an image");
}

static enum rmg_rc see_images(struct watcher *g, struct rmg_err *err)
{
	enum rmg_rc rc = RMG_OK;

	for (size_t i = 0; rc == RMG_OK && i < g->n_images; i++) {
		enum told_news news;

		rc = see_tags(g, &g->images[i], err);
		if (rc == RMG_OK)
			rc = see_image(g, &g->images[i], &news, err);
		if (rc != RMG_OK || news == TOLD_KNOWN)
			continue;
		rc = batch_room(&g->batch, ROOM, err);
		if (rc == RMG_OK)
			describe(&g->images[i], &next(g, EVENT_IMAGE_SEEN, 0)->image);
	}
	return rc;
}

/* An image that came since they were listed: they are listed anew, once for each event or round. */
static enum rmg_rc look_for_image(struct watcher *g, struct span name, struct rmg_err *err)
{
	if (name.n == 0 || g->images_anew || find_image(g, name))
		return RMG_OK;
	g->images_anew = true;
	return cri_images(g->ask, &g->lists, &g->images, &g->n_images, err);
}

/* Containers. */

static const struct cri_pod *find_pod(const struct watcher *g, struct span id)
{
	for (size_t i = 0; id.n && i < g->n_pods; i++)
		if (span_is(g->pods[i].id, id))
			return &g->pods[i];
	return NULL;
}

static enum rmg_rc begin_use(struct watcher *g, const struct cri_container *c,
			     const struct cri_pod *pod, struct rmg_err *err)
{
	struct event_image image;
	struct workload w;
	enum told_news news;
	struct event *e;
	enum rmg_rc rc = batch_room(&g->batch, ROOM, err);

	image_of(g, c, &image);
	if (rc != RMG_OK || (image.ref.n == 0 && image.n_digests == 0))
		return rc;
	if (told_see(&g->uses, c->id, S(""), &news) != RMG_OK)
		return err_set(err, RMG_E_NOMEM, "no memory for a container");
	if (news == TOLD_KNOWN)
		return RMG_OK;
	workload_of_list(c->labels, c->n_labels, c->id, c->name, image.ref, &w);
	e = next(g, EVENT_USE_BEGAN, c->began_ms);
	e->place.ns = pod && pod->ns.n ? pod->ns : w.ns;
	e->workload_kind = pod && pod->name.n ? S("Pod") : w.kind;
	e->workload_name = pod && pod->name.n ? pod->name : w.name;
	e->revision = w.revision;
	e->container = c->id;
	e->container_name = c->name.n ? c->name : w.container_name;
	e->image = image;
	batch_label(&g->batch, e, c->labels, c->n_labels);
	return RMG_OK;
}

/* What a sandbox runs the interface does not say; containerd and CRI-O say it beyond that. */
static struct span sandbox_image(struct watcher *g, struct span id, struct arena *a,
				 enum rmg_rc *rc, struct rmg_err *err)
{
	struct json_doc doc = {0};
	struct span info = {0}, image = {0};

	*rc = cri_pod_info(g->ask, id, a, &info, err);
	if (*rc == RMG_E_NOTFOUND)
		*rc = RMG_OK;
	if (*rc == RMG_OK && info.n && json_parse(&doc, info, LIMIT_JSON_BYTES, NULL) == RMG_OK) {
		image = json_get_str(doc.root, "image");
		if (image.n > LIMIT_TEXT_BYTES || !utf8_is_clean(image))
			image = (struct span){0};
		image = arena_dup(a, image);
	}
	json_done(&doc);
	return image;
}

static enum rmg_rc begin_sandbox(struct watcher *g, const struct cri_pod *pod, struct rmg_err *err)
{
	struct cri_container c = {.id = pod->id,
				  .running = true,
				  .began_ms = pod->created_ms,
				  .labels = pod->labels,
				  .n_labels = pod->n_labels};
	enum told_news news;
	enum rmg_rc rc;

	if (told_see(&g->uses, pod->id, S(""), &news) != RMG_OK)
		return err_set(err, RMG_E_NOMEM, "no memory for a container");
	if (news == TOLD_KNOWN)
		return RMG_OK;
	(void)told_drop(&g->uses, pod->id); /* until its image is known */
	c.asked = sandbox_image(g, pod->id, &g->lists, &rc, err);
	if (rc == RMG_OK)
		rc = look_for_image(g, c.asked, err);
	if (rc != RMG_OK)
		return rc;
	if (c.asked.n)
		return begin_use(g, &c, pod, err);
	if (!g->told_of_sandboxes && g->opts->warn)
		g->opts->warn(g->opts->user, "it does not tell which image the sandboxes of pods "
					     "run: they are left out");
	g->told_of_sandboxes = true;
	return RMG_OK;
}

static enum rmg_rc see_containers(struct watcher *g, struct rmg_err *err)
{
	struct cri_container *list = NULL;
	size_t n = 0;
	enum rmg_rc rc = cri_containers(g->ask, &g->lists, &list, &n, err);

	for (size_t i = 0; rc == RMG_OK && i < g->n_pods; i++)
		if (g->pods[i].ready)
			rc = begin_sandbox(g, &g->pods[i], err);
	for (size_t i = 0; rc == RMG_OK && i < n; i++) {
		if (!list[i].running)
			continue;
		rc = look_for_image(g, list[i].image_ref, err);
		if (rc == RMG_OK)
			rc = begin_use(g, &list[i], find_pod(g, list[i].pod), err);
	}
	return rc;
}

/* What was told and is not there any more. */
static enum rmg_rc see_gone(struct watcher *g, struct rmg_err *err)
{
	struct arena *a = &g->batch.arena;
	enum rmg_rc rc = RMG_OK;
	char *id;

	while (rc == RMG_OK && (id = told_take_gone(&g->uses)) != NULL) {
		rc = batch_room(&g->batch, ROOM, err);
		if (rc == RMG_OK)
			next(g, EVENT_USE_ENDED, 0)->container = arena_dup(a, span_cstr(id));
		free(id);
	}
	while (rc == RMG_OK && (id = told_take_gone(&g->cached)) != NULL) {
		rc = batch_room(&g->batch, ROOM, err);
		if (rc == RMG_OK)
			next(g, EVENT_IMAGE_REMOVED, 0)->image = (struct event_image){
			    .digests = {arena_dup(a, span_cstr(id))}, .n_digests = 1};
		free(id);
	}
	while ((id = told_take_gone(&g->tags)) != NULL)
		free(id);
	return rc;
}

/* Lists everything, and tells what is new and what is gone. */
static enum rmg_rc look(struct watcher *g, struct rmg_err *err)
{
	enum rmg_rc rc;

	arena_reset(&g->lists);
	g->n_images = g->n_pods = 0;
	g->images_anew = false;
	told_begin(&g->uses);
	told_begin(&g->cached);
	told_begin(&g->tags);
	rc = cri_images(g->ask, &g->lists, &g->images, &g->n_images, err);
	if (rc == RMG_OK)
		rc = cri_pods(g->ask, &g->lists, &g->pods, &g->n_pods, err);
	if (rc == RMG_OK)
		rc = see_images(g, err);
	if (rc == RMG_OK)
		rc = see_containers(g, err);
	return rc == RMG_OK ? see_gone(g, err) : rc;
}

static enum rmg_rc look_and_tell(struct watcher *g, struct rmg_err *err)
{
	enum rmg_rc rc = look(g, err);

	if (rc == RMG_OK)
		rc = batch_flush(&g->batch, err);
	batch_drop(&g->batch);
	return rc;
}

static enum rmg_rc name_runtime(struct watcher *g, struct rmg_err *err)
{
	struct span name;
	enum rmg_rc rc = cri_version(g->ask, &g->lists, &name, err);

	/* As references to its images begin. */
	if (rc == RMG_OK)
		snprintf(g->runtime, sizeof g->runtime, SPAN_FMT,
			 SPAN_ARG(span_is(name, S("cri-o")) ? S("crio")
							    : span_head(name, NAME_BYTES - 1)));
	arena_reset(&g->lists);
	return rc;
}

static enum rmg_rc snapshot(void *user, struct rmg_err *err)
{
	struct watcher *g = user;
	enum rmg_rc rc = name_runtime(g, err);

	told_clear(&g->uses);
	told_clear(&g->cached);
	if (rc == RMG_OK) {
		next(g, EVENT_SNAPSHOT_BEGAN, 0);
		rc = look(g, err);
	}
	if (rc == RMG_OK)
		rc = batch_room(&g->batch, 1, err);
	if (rc == RMG_OK) {
		next(g, EVENT_SNAPSHOT_ENDED, 0);
		rc = batch_flush(&g->batch, err);
	}
	batch_drop(&g->batch);
	return rc;
}

/* Events. */

static enum rmg_rc end_use(struct watcher *g, const struct cri_event *e, struct rmg_err *err)
{
	enum rmg_rc rc;

	if (!told_drop(&g->uses, e->id))
		return RMG_OK;
	rc = batch_room(&g->batch, ROOM, err);
	if (rc == RMG_OK)
		next(g, EVENT_USE_ENDED, e->at_ms)->container = e->id;
	return rc;
}

static enum rmg_rc on_started(struct watcher *g, const struct cri_event *e, struct rmg_err *err)
{
	const struct cri_pod *pod = e->pod.id.n ? &e->pod : NULL;
	enum rmg_rc rc;

	g->images_anew = false;
	if (pod && span_is(pod->id, e->id))
		return begin_sandbox(g, pod, err);
	if (e->container == NULL)
		return RMG_OK; /* the next list has it */
	rc = look_for_image(g, e->container->image_ref, err);
	return rc == RMG_OK ? begin_use(g, e->container, pod, err) : rc;
}

static enum rmg_rc apply(void *user, const struct cri_event *e, struct rmg_err *err)
{
	struct watcher *g = user;
	enum rmg_rc rc = RMG_OK;

	if (e->what == CRI_STARTED)
		rc = on_started(g, e, err);
	else if (e->what == CRI_STOPPED || e->what == CRI_DELETED)
		rc = end_use(g, e, err);
	return rc == RMG_OK ? batch_flush(&g->batch, err) : rc;
}

/* Until something goes wrong, or all is listed anew. A runtime that does not know of events, or
 * ends their stream in all form (CRI-O, where they are switched off), is asked more often instead.
 */
static void follow(void *user, struct rmg_err *err)
{
	struct watcher *g = user;
	int64_t until = clock_tick_ms() + (int64_t)LIMIT_WATCH_ROUND_S * 1000;
	enum rmg_rc rc = RMG_OK;
	bool events = true, over = false;

	while (rc == RMG_OK && clock_tick_ms() < until) {
		if (events)
			rc = cri_wait(g->stream, ASK_BESIDE_EVENTS_MS, &over, err);
		else if (!clock_rest(ASK_MS, g->opts->stop, g->opts->user))
			break;
		if (events && over && (rc == RMG_OK || rc == RMG_E_UNSUPPORTED)) {
			events = false;
			rc = RMG_OK;
		}
		if (rc == RMG_OK)
			rc = look_and_tell(g, err);
	}
	batch_drop(&g->batch);
}

static enum rmg_rc subscribe(void *user, struct rmg_err *err)
{
	struct watcher *g = user;

	return cri_subscribe(g->stream, (uint32_t)LIMIT_WATCH_ROUND_S, apply, g, err);
}

static void go_on(struct watcher *g, struct rmg_err *err)
{
	const struct rounds r = {.opts = g->opts,
				 .who = "the runtime",
				 .subscribe = subscribe,
				 .snapshot = snapshot,
				 .follow = follow,
				 .user = g};

	rounds_run(&r, err);
}

enum rmg_rc watch_cri(const struct watch_opts *opts, struct rmg_err *err);

enum rmg_rc watch_cri(const struct watch_opts *opts, struct rmg_err *err)
{
	struct watcher *g = calloc(1, sizeof *g);
	struct grpc_opts grpc = {.socket = opts->address, .stop = opts->stop, .user = opts->user};
	enum rmg_rc rc;

	if (g == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a watcher");
	g->opts = opts;
	batch_init(&g->batch, opts);
	arena_init(&g->lists, 4 * LIMIT_GRPC_BYTES);
	rc = cri_open(&grpc, &g->ask, err);
	if (rc == RMG_OK)
		rc = cri_open(&grpc, &g->stream, err);
	if (rc == RMG_OK)
		go_on(g, err);
	cri_close(g->ask);
	cri_close(g->stream);
	told_done(&g->uses);
	told_done(&g->cached);
	told_done(&g->tags);
	batch_done(&g->batch);
	arena_done(&g->lists);
	free(g);
	return rc;
}
