/* SPDX-License-Identifier: Apache-2.0 */
#include "node/store_watch.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "format/json.h"
#include "io/proc.h"
#include "lib/extent.h"
#include "lib/storage.h"
#include "node/store_life.h"
#include "watch/batch.h"
#include "watch/rounds.h"
#include "watch/told.h"
#include "watch/workload.h"

enum { ROOM = 4, LOOK_MS = 1000, FULL_MS = 10000, SETTLE_MS = 20 };

struct store_watch {
	const struct watch_opts *opts;
	struct batch batch;
	struct arena lists; /* of the store as it was read last */
	struct storage store;
	struct cstore_container *containers;
	size_t n_containers;
	struct file_id containers_id;
	struct told images;
	struct lives lives;
	char run_root[4000], run_path[4096];
	VEC(struct pollfd) polls;
	int64_t next_ms; /* when all is listed anew */
	int64_t full_ms; /* when all is looked at, whether the kernel told of it or not */
	bool whole;      /* a snapshot: what is known is said too */
	bool full;       /* such a look */
	bool half;       /* there is an image that is not whole yet */
};

bool store_watched(const char *kind, const char *address)
{
	struct stat st;

	return strcmp(kind, "podman") == 0 && stat(address, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The lists. */

static void containers_name(const struct store_watch *w, char buf[64])
{
	snprintf(buf, 64, "%s-containers/containers.json", w->store.driver);
}

static enum rmg_rc read_containers(struct store_watch *w, struct rmg_err *err)
{
	struct arena texts;
	struct extent e = {.fd = -1};
	struct span text = S("[]");
	char name[64];
	enum rmg_rc rc;

	containers_name(w, name);
	if (!file_id_at(w->store.dir, name, &w->containers_id))
		w->containers_id = (struct file_id){0};
	arena_init(&texts, LIMIT_JSON_BYTES + 64);
	rc = extent_below(w->store.dir, name, &e, err);
	if (rc == RMG_OK)
		rc = extent_load(&e, LIMIT_JSON_BYTES, &texts, &text, err);
	if (rc == RMG_OK || rc == RMG_E_NOTFOUND)
		rc = cstore_containers(text, &w->lists, &w->containers, &w->n_containers, err);
	extent_close(&e);
	arena_done(&texts);
	return rc;
}

static enum rmg_rc read_store(struct store_watch *w, struct rmg_err *err)
{
	enum rmg_rc rc;

	storage_close(&w->store);
	arena_reset(&w->lists);
	w->n_containers = 0;
	rc = storage_open(span_cstr(w->opts->address), S(""), &w->lists, &w->store, err);
	return rc == RMG_OK ? read_containers(w, err) : rc;
}

static bool store_changed(const struct store_watch *w)
{
	struct file_id id = {0};
	char name[64];

	containers_name(w, name);
	if (!file_id_at(w->store.dir, name, &id))
		id = (struct file_id){0};
	return storage_changed(&w->store) || id.inode != w->containers_id.inode ||
	       id.bytes != w->containers_id.bytes || id.mtime_ns != w->containers_id.mtime_ns;
}

/* Images. */

static void fill_image(struct store_watch *w, const struct cstore_image *i, struct event_image *out)
{
	struct arena *a = &w->batch.arena;
	struct span *names = ARENA_ARRAY(a, i->n_names, struct span);

	*out = (struct event_image){.n_digests = 1};
	out->digests[0] = ARENA_JOIN(a, S("sha256:"), i->id);
	if (i->digest.n)
		out->digests[out->n_digests++] = arena_dup(a, i->digest);
	for (size_t k = 0; names && k < i->n_names && k < EVENT_NAMES; k++)
		names[out->n_names++] = arena_dup(a, i->names[k]);
	out->names = names;
	out->ref = out->n_names ? names[0] : out->digests[0];
}

/* An image is listed before its documents are there: it cannot be read until then. One that stays
 * so is told all the same. */
static bool is_whole(const struct cstore_image *i)
{
	for (size_t k = 0; k < i->n_data; k++)
		if (span_is(i->data[k], S("manifest")))
			return true;
	return false;
}

static enum rmg_rc see_image(struct store_watch *w, const struct cstore_image *i,
			     struct rmg_err *err)
{
	enum told_news news = TOLD_KNOWN;
	enum rmg_rc rc = batch_room(&w->batch, ROOM, err);
	struct span means = i->digest;

	if (!w->full && !is_whole(i)) {
		w->half = true;
		return rc;
	}
	for (size_t k = 0; k < i->n_names; k++)
		means = ARENA_JOIN(&w->batch.arena, means, S(" "), i->names[k]);
	if (rc == RMG_OK)
		rc = told_see(&w->images, i->id, means, &news);
	if (rc == RMG_OK && (w->whole || news != TOLD_KNOWN))
		fill_image(w, i, &batch_next(&w->batch, EVENT_IMAGE_SEEN, 0)->image);
	return rc;
}

static enum rmg_rc see_images(struct store_watch *w, struct rmg_err *err)
{
	enum rmg_rc rc = RMG_OK;
	char *gone;

	w->half = false;
	told_begin(&w->images);
	for (size_t i = 0; rc == RMG_OK && i < w->store.n_images; i++)
		rc = see_image(w, &w->store.images[i], err);
	while (rc == RMG_OK && (gone = told_take_gone(&w->images)) != NULL) {
		rc = batch_room(&w->batch, ROOM, err);
		if (rc == RMG_OK && !w->whole)
			batch_next(&w->batch, EVENT_IMAGE_REMOVED, 0)->image = (struct event_image){
			    .digests = {ARENA_JOIN(&w->batch.arena, S("sha256:"), span_cstr(gone))},
			    .n_digests = 1};
		free(gone);
	}
	return rc;
}

/* Containers. */

/* Kubernetes' names of a container of CRI-O are among the annotations of what it was started by. */
static void read_labels(const struct store_watch *w, struct span id, struct arena *a,
			struct event_label *out, size_t *n)
{
	struct extent e = {.fd = -1};
	struct json_doc doc = {0};
	struct span text;
	struct json_iter it;
	char name[256];

	*n = 0;
	snprintf(name, sizeof name, "%s-containers/" SPAN_FMT "/userdata/config.json",
		 w->store.driver, SPAN_ARG(id));
	if (extent_below(w->store.dir, name, &e, NULL) != RMG_OK)
		return;
	if (extent_load(&e, LIMIT_MANIFEST_BYTES, a, &text, NULL) == RMG_OK &&
	    json_parse(&doc, text, LIMIT_MANIFEST_BYTES, NULL) == RMG_OK) {
		it = json_iter(json_get(doc.root, "annotations"));
		while (json_next(&it) && *n < EVENT_LABELS) {
			struct span value = json_str(it.value);

			if (!span_starts(it.key, S("io.kubernetes.")) ||
			    span_starts(it.key, S("io.kubernetes.cri-o.")) || value.n == 0 ||
			    it.key.n + value.n > LIMIT_TEXT_BYTES)
				continue;
			out[(*n)++] =
			    (struct event_label){arena_dup(a, it.key), arena_dup(a, value)};
		}
	}
	json_done(&doc);
	extent_close(&e);
}

/* Podman makes "adjective_surname", as Docker does. */
static bool is_made(struct span name)
{
	struct span before, after;

	return span_cut(name, '_', &before, &after) && before.n && after.n &&
	       span_chr(after, '_') == SIZE_MAX;
}

struct about {
	struct event_image image;
	struct workload workload;
	struct event_label labels[EVENT_LABELS];
	size_t n_labels;
	struct span id;
};

static void describe(struct store_watch *w, const struct cstore_container *c, struct about *out)
{
	struct arena *a = &w->batch.arena;
	struct span name = arena_dup(a, c->name);

	*out = (struct about){.id = arena_dup(a, c->id)};
	for (size_t i = 0; i < w->store.n_images; i++)
		if (span_is(w->store.images[i].id, c->image))
			fill_image(w, &w->store.images[i], &out->image);
	out->image.names = NULL;
	out->image.n_names = 0;
	if (out->image.n_digests == 0 && c->image.n) {
		out->image.digests[0] = ARENA_JOIN(a, S("sha256:"), c->image);
		out->image.n_digests = 1;
	}
	if (c->image_name.n)
		out->image.ref = arena_dup(a, c->image_name);
	read_labels(w, c->id, a, out->labels, &out->n_labels);
	workload_of_list(out->labels, out->n_labels, out->id, is_made(name) ? S("") : name,
			 out->image.ref, &out->workload);
	if (out->workload.container_name.n == 0)
		out->workload.container_name = name;
}

static struct event *say(struct store_watch *w, const struct about *about, enum event_type type,
			 int64_t at_ms)
{
	struct event *e = batch_next(&w->batch, type, at_ms);

	e->place.ns = about->workload.ns.n ? about->workload.ns : w->opts->place.ns;
	e->workload_kind = about->workload.kind;
	e->workload_name = about->workload.name;
	e->revision = about->workload.revision;
	batch_label(&w->batch, e, about->labels, about->n_labels);
	return e;
}

static void declare(struct store_watch *w, const struct about *about, bool runs)
{
	struct event *e = say(w, about, EVENT_WORKLOAD_DECLARED, 0);

	e->replicas = runs;
	e->images = ARENA_NEW(&w->batch.arena, struct event_image);
	if (e->images) {
		e->images[0] = about->image;
		e->n_images = 1;
	}
}

static void say_use(struct store_watch *w, const struct about *about, const struct life *it)
{
	struct event *e = say(w, about, EVENT_USE_BEGAN, it->began_ms);

	e->container = about->id;
	e->container_name = about->workload.container_name;
	e->pid = it->pid;
	e->image = about->image;
}

static void say_end(struct store_watch *w, const struct life *it)
{
	batch_next(&w->batch, EVENT_USE_ENDED, 0)->container =
	    arena_dup(&w->batch.arena, span_cstr(it->id));
}

static void say_removed(struct store_watch *w, const struct life *it)
{
	struct event *e = batch_next(&w->batch, EVENT_WORKLOAD_REMOVED, 0);

	e->container = arena_dup(&w->batch.arena, span_cstr(it->id));
	e->workload_kind = S("Container");
	e->workload_name = arena_dup(&w->batch.arena, span_cstr(it->name));
}

static enum rmg_rc see_container(struct store_watch *w, const struct cstore_container *c,
				 bool *again, struct rmg_err *err)
{
	size_t known = w->lives.v.n;
	struct life *it = lives_see(&w->lives, c->id);
	enum rmg_rc rc = batch_room(&w->batch, ROOM, err);
	struct about about;
	bool ended, began, fresh;

	if (it == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for containers");
	if (rc != RMG_OK)
		return rc;
	fresh = w->lives.v.n != known;
	ended = life_ended(it);
	if (ended && !w->whole)
		say_end(w, it);
	began = w->lives.run >= 0 && life_look(&w->lives, it, w->run_path, again);
	if (!fresh && !ended && !began && !w->whole)
		return RMG_OK;
	describe(w, c, &about);
	if (about.workload.named)
		declare(w, &about, it->process >= 0);
	if (about.workload.named && it->name == NULL)
		it->name = span_dup(about.workload.name);
	if (it->process >= 0 && (began || w->whole))
		say_use(w, &about, it);
	return RMG_OK;
}

/* Those that are in the list no more. */
static enum rmg_rc forget_gone(struct store_watch *w, struct rmg_err *err)
{
	enum rmg_rc rc = RMG_OK;

	for (size_t i = w->lives.v.n; rc == RMG_OK && i-- > 0;) {
		struct life *it = &w->lives.v.v[i];

		if (it->round == w->lives.round)
			continue;
		rc = batch_room(&w->batch, ROOM, err);
		if (rc == RMG_OK && it->process >= 0 && !w->whole)
			say_end(w, it);
		if (rc == RMG_OK && it->name && !w->whole)
			say_removed(w, it);
		if (rc == RMG_OK)
			life_done(&w->lives, it);
	}
	return rc;
}

static enum rmg_rc see_containers(struct store_watch *w, bool *again, struct rmg_err *err)
{
	enum rmg_rc rc = RMG_OK;

	w->lives.round++;
	for (size_t i = 0; rc == RMG_OK && i < w->n_containers; i++)
		rc = see_container(w, &w->containers[i], again, err);
	return rc == RMG_OK ? forget_gone(w, err) : rc;
}

/* The folder of what runs comes with the first container after the machine was started. */
static void open_run(struct store_watch *w, bool *again)
{
	if (w->lives.run >= 0)
		return;
	w->lives.run = proc_open_dir(w->run_path);
	if (w->lives.run < 0)
		return;
	*again = inotify_add_watch(w->lives.names, w->run_path, IN_CREATE | IN_ONLYDIR) >= 0;
}

/* What is there now, said as far as it is news. A folder that is watched from now on is looked at
 * once more. */
static enum rmg_rc look(struct store_watch *w, struct rmg_err *err)
{
	enum rmg_rc rc = RMG_OK;
	bool again;

	do {
		bool changed = store_changed(w);

		again = false;
		open_run(w, &again);
		if (changed)
			rc = read_store(w, err);
		if (rc == RMG_OK && (changed || w->whole || (w->full && w->half)))
			rc = see_images(w, err);
		if (rc == RMG_OK)
			rc = see_containers(w, &again, err);
		w->whole = false;
	} while (rc == RMG_OK && again);
	return rc;
}

/* Rounds. */

static enum rmg_rc subscribe(void *user, struct rmg_err *err)
{
	struct store_watch *w = user;
	char path[4096 + 64];
	static const char *const lists[] = {"images", "containers"};
	enum rmg_rc rc = read_store(w, err);

	if (rc == RMG_OK)
		snprintf(w->run_path, sizeof w->run_path, "%s/%s-containers", w->run_root,
			 w->store.driver);

	for (size_t i = 0; rc == RMG_OK && i < COUNT_OF(lists); i++) {
		snprintf(path, sizeof path, "%s/%s-%s", w->opts->address, w->store.driver,
			 lists[i]);
		(void)inotify_add_watch(w->lives.names, path, IN_MOVED_TO | IN_CLOSE_WRITE);
	}
	return rc;
}

static enum rmg_rc snapshot(void *user, struct rmg_err *err)
{
	struct store_watch *w = user;
	enum rmg_rc rc;

	w->next_ms = clock_tick_ms() + (int64_t)LIMIT_WATCH_ROUND_S * 1000;
	batch_next(&w->batch, EVENT_SNAPSHOT_BEGAN, 0);
	w->whole = true;
	w->full = false;
	w->full_ms = clock_tick_ms() + FULL_MS;
	rc = look(w, err);
	if (rc == RMG_OK)
		rc = batch_room(&w->batch, ROOM, err);
	if (rc == RMG_OK) {
		batch_next(&w->batch, EVENT_SNAPSHOT_ENDED, 0);
		rc = batch_flush(&w->batch, err);
	}
	batch_drop(&w->batch);
	return rc;
}

static bool gather(struct store_watch *w)
{
	w->polls.n = 0;
	if (!VEC_PUSH(&w->polls, (struct pollfd){.fd = w->lives.names, .events = POLLIN}))
		return false;
	VEC_EACH (it, &w->lives.v)
		if (it->process >= 0 &&
		    !VEC_PUSH(&w->polls, (struct pollfd){.fd = it->process, .events = POLLIN}))
			return false;
	return true;
}

static void drain(int names)
{
	char buf[4096];

	while (read(names, buf, sizeof buf) > 0)
		;
}

/* Until something failed or it is time to list all anew. Where no folder of what runs is there yet,
 * or the kernel watches no more folders, it is looked for once a second. */
static void follow(void *user, struct rmg_err *err)
{
	struct store_watch *w = user;
	enum rmg_rc rc = RMG_OK;

	while (rc == RMG_OK && clock_tick_ms() < w->next_ms && gather(w) &&
	       !(w->opts->stop && w->opts->stop(w->opts->user))) {
		bool told = poll(w->polls.v, (nfds_t)w->polls.n, LOOK_MS) > 0;

		if (!told && w->lives.run >= 0 && !w->lives.unwatched &&
		    clock_tick_ms() < w->full_ms)
			continue;
		if (told) {
			/* What comes together is looked at together. */
			clock_sleep_ms(SETTLE_MS);
			drain(w->lives.names);
		}
		w->full = clock_tick_ms() >= w->full_ms;
		if (w->full) {
			lives_again(&w->lives);
			w->full_ms = clock_tick_ms() + FULL_MS;
		}
		rc = look(w, err);
		if (rc == RMG_OK)
			rc = batch_flush(&w->batch, err);
	}
	batch_drop(&w->batch);
}

/* A user's own store, which the settings do not speak of, runs below the user's own folder. */
static void name_run_root(struct store_watch *w, const struct cstore_conf *conf)
{
	const char *root = w->opts->address;
	struct stat st;

	if (!span_is(conf->graph_root, span_cstr(root)) && stat(root, &st) == 0 && st.st_uid != 0)
		snprintf(w->run_root, sizeof w->run_root, "/run/user/%u/containers",
			 (unsigned)st.st_uid);
	else
		snprintf(w->run_root, sizeof w->run_root, SPAN_FMT, SPAN_ARG(conf->run_root));
}

static enum rmg_rc open_watch(struct store_watch *w, struct rmg_err *err)
{
	struct arena a;
	struct cstore_conf conf;
	enum rmg_rc rc;

	w->lives.names = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->lives.names < 0)
		return err_os(err, RMG_E_IO, "watch folders");
	arena_init(&a, MIB(4));
	rc = storage_settings(&a, &conf, err);
	if (rc == RMG_OK)
		name_run_root(w, &conf);
	arena_done(&a);
	return rc;
}

enum rmg_rc store_watch_run(const struct watch_opts *opts, struct rmg_err *err)
{
	struct store_watch *w = calloc(1, sizeof *w);
	struct rounds rounds = {.opts = opts,
				.who = "the store",
				.subscribe = subscribe,
				.snapshot = snapshot,
				.follow = follow,
				.user = w};
	enum rmg_rc rc;

	if (w == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a watcher");
	w->opts = opts;
	w->store.dir = w->lives.run = -1;
	arena_init(&w->lists, 2 * LIMIT_JSON_BYTES);
	batch_init(&w->batch, opts);
	rc = open_watch(w, err);
	if (rc == RMG_OK)
		rounds_run(&rounds, err);
	lives_done(&w->lives);
	if (w->lives.names >= 0)
		close(w->lives.names);
	if (w->lives.run >= 0)
		close(w->lives.run);
	storage_close(&w->store);
	told_done(&w->images);
	VEC_DONE(&w->polls);
	arena_done(&w->lists);
	batch_done(&w->batch);
	free(w);
	return rc;
}
