/* SPDX-License-Identifier: Apache-2.0 */
/* once.c - what an agent would tell of this machine now: a snapshot of each runtime, and the
 * inventory of each image as far as it can be read here, as one JSON document. No hub is asked. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/rfc3339.h"
#include "base/vec.h"
#include "format/jsonw.h"
#include "lib/lib.h"
#include "node/agent.h"
#include "node/store_watch.h"
#include "watch/watch.h"

enum { PATIENCE_MS = 20000 };

struct seen_image {
	struct span ref, digest, runtime, *names;
	const char *address;
	size_t n_names, uses;
	bool read, complete;
	size_t components;
	uint64_t size; /* of its layers, as they are kept here; 0 not known */
	char why[300]; /* it could not be read */
};

struct seen_use {
	struct span container, name, ns, workload_kind, workload_name, runtime, ref, digest;
	int64_t began_ms;
};

struct once {
	const struct agent_opts *opts;
	const struct node_watch *watch; /* whose turn it is */
	bool with_docker;               /* it is among them */
	struct arena arena;
	VEC(struct seen_image) images;
	VEC(struct seen_use) uses;
	int64_t end_ms;
	bool whole;    /* its snapshot has ended */
	char why[300]; /* or what the trouble is */
};

static struct seen_image *image_of(struct once *o, const struct event *e)
{
	struct span digest = e->image.n_digests ? e->image.digests[0] : (struct span){0};
	struct seen_image *i;

	VEC_EACH (it, &o->images)
		if (digest.n ? span_is(it->digest, digest) : span_is(it->ref, e->image.ref))
			return it;
	i = VEC_ADD(&o->images);
	if (i)
		*i = (struct seen_image){.ref = arena_dup(&o->arena, e->image.ref),
					 .digest = arena_dup(&o->arena, digest),
					 .runtime = arena_dup(&o->arena, e->runtime),
					 .address = o->watch->address};
	return i;
}

/* What it is called in the cache says more than what a container calls it. */
static void take_names(struct once *o, struct seen_image *i, const struct event_image *from)
{
	if (from->n_names == 0 || i->n_names)
		return;
	i->names = ARENA_ARRAY(&o->arena, from->n_names, struct span);
	for (size_t k = 0; i->names && k < from->n_names; k++)
		i->names[i->n_names++] = arena_dup(&o->arena, from->names[k]);
	if (i->ref.n == 0)
		i->ref = arena_dup(&o->arena, from->ref);
}

static bool see(struct once *o, const struct event *e)
{
	struct arena *a = &o->arena;
	struct seen_image *i = image_of(o, e);
	struct seen_use u = {.container = arena_dup(a, e->container),
			     .name = arena_dup(a, e->container_name),
			     .ns = arena_dup(a, e->place.ns),
			     .workload_kind = arena_dup(a, e->workload_kind),
			     .workload_name = arena_dup(a, e->workload_name),
			     .runtime = arena_dup(a, e->runtime),
			     .ref = arena_dup(a, e->image.ref),
			     .began_ms = e->at_ms};

	if (i == NULL)
		return false;
	if (e->type == EVENT_IMAGE_SEEN) {
		take_names(o, i, &e->image);
		return true;
	}
	u.digest = i->digest;
	i->uses++;
	return VEC_PUSH(&o->uses, u);
}

static enum rmg_rc events(void *user, const struct event *e, size_t n, struct rmg_err *err)
{
	struct once *o = user;

	for (size_t k = 0; k < n && !o->whole; k++) {
		o->whole = e[k].type == EVENT_SNAPSHOT_ENDED;
		if ((e[k].type == EVENT_USE_BEGAN || e[k].type == EVENT_IMAGE_SEEN) &&
		    (!see(o, &e[k]) || arena_rc(&o->arena) != RMG_OK))
			return err_set(err, RMG_E_NOMEM, "no memory for what is seen");
	}
	return RMG_OK;
}

static bool is_stopped(const struct once *o)
{
	return o->opts->stop && o->opts->stop(o->opts->user);
}

static bool stop(void *user)
{
	const struct once *o = user;

	return o->whole || o->why[0] || clock_tick_ms() > o->end_ms || is_stopped(o);
}

static void warned(void *user, const char *text)
{
	struct once *o = user;

	snprintf(o->why, sizeof o->why, "%.299s", text);
}

static void look(struct once *o, const char *node, const char *cluster)
{
	struct watch_opts w = {.kind = o->watch->kind,
			       .address = o->watch->address,
			       .place = {.cluster = span_cstr(cluster), .node = span_cstr(node)},
			       .with_docker = o->with_docker,
			       .events = events,
			       .stop = stop,
			       .warn = warned,
			       .user = o};
	struct rmg_err err = {0};

	o->whole = false;
	o->why[0] = '\0';
	o->end_ms = clock_tick_ms() + PATIENCE_MS;
	if ((store_watched(w.kind, w.address) ? store_watch_run(&w, &err) : watch_run(&w, &err)) !=
	    RMG_OK)
		warned(o, err.msg);
	else if (!o->whole && o->why[0] == '\0')
		warned(o, is_stopped(o) ? "stopped" : "it did not answer in time");
}

static bool scan_stopped(void *user)
{
	return is_stopped(user);
}

static void read_image(struct once *o, struct seen_image *i)
{
	struct rmg_opts opts = RMG_OPTS;
	struct rmg_inventory *inventory = NULL;
	struct rmg_image *image = NULL;
	struct rmg_err err = {0};
	char ref[200];
	enum rmg_rc rc;

	if (o->opts->scan)
		opts = *o->opts->scan;
	opts.engine = i->address;
	opts.stop = scan_stopped;
	opts.user = o;
	node_reference(i->runtime, i->digest, ref, sizeof ref);
	rc = rmg_image_open(ref, &opts, &image, &err);
	if (rc == RMG_OK)
		rc = rmg_inventory_take(image, &opts, &inventory, &err);
	if (rc == RMG_OK) {
		i->read = true;
		i->complete = inventory->inv->complete;
		i->components = inventory->inv->n_components;
		i->size = inventory->inv->size;
	} else {
		memcpy(i->why, err.msg, MIN_OF(sizeof i->why - 1, strlen(err.msg)));
	}
	rmg_inventory_free(inventory);
	rmg_image_free(image);
}

static const char *state_of(const struct seen_image *i)
{
	return !i->read ? "unread" : i->complete ? "complete" : "incomplete";
}

static const struct seen_image *of_use(const struct once *o, const struct seen_use *u)
{
	for (size_t k = 0; k < o->images.n; k++) {
		const struct seen_image *i = &o->images.v[k];

		if (u->digest.n ? span_is(i->digest, u->digest) : span_is(i->ref, u->ref))
			return i;
	}
	return NULL;
}

static void put_use(struct jsonw *w, const struct once *o, const struct seen_use *u)
{
	const struct seen_image *i = of_use(o, u);
	char at[RFC3339_BYTES];

	jsonw_object(w);
	jsonw_put(w, "container", u->container);
	jsonw_put(w, "name", u->name);
	jsonw_put(w, "namespace", u->ns);
	jsonw_put(w, "workload", u->workload_name);
	jsonw_put(w, "kind", u->workload_kind);
	jsonw_put(w, "runtime", u->runtime);
	jsonw_put(w, "ref", u->ref);
	jsonw_put(w, "digest", u->digest);
	jsonw_put_cstr(w, "since", rfc3339_text(u->began_ms, at));
	jsonw_put_cstr(w, "inventory", i ? state_of(i) : "unread");
	jsonw_object_end(w);
}

static void put_image(struct jsonw *w, const struct seen_image *i)
{
	jsonw_object(w);
	jsonw_put(w, "ref", i->ref);
	jsonw_put_array(w, "names", i->names, i->n_names);
	jsonw_put(w, "digest", i->digest);
	jsonw_put(w, "runtime", i->runtime);
	jsonw_put_u64(w, "size", i->size);
	jsonw_put_u64(w, "uses", i->uses);
	jsonw_put_cstr(w, "inventory", state_of(i));
	if (i->read)
		jsonw_put_u64(w, "components", i->components);
	else
		jsonw_put_null(w, "components");
	jsonw_put(w, "why", span_cstr(i->why));
	jsonw_object_end(w);
}

static void put_runtime(struct jsonw *w, const struct once *o)
{
	jsonw_object(w);
	jsonw_put_cstr(w, "kind", o->watch->kind);
	jsonw_put_cstr(w, "address", o->watch->address);
	jsonw_put_bool(w, "listed", o->whole);
	jsonw_put(w, "why", span_cstr(o->why));
	jsonw_object_end(w);
}

static void put_lists(struct jsonw *w, struct once *o)
{
	jsonw_key(w, "uses");
	jsonw_array(w);
	VEC_EACH (u, &o->uses)
		put_use(w, o, u);
	jsonw_array_end(w);
	jsonw_key(w, "images");
	jsonw_array(w);
	VEC_EACH (i, &o->images)
		put_image(w, i);
	jsonw_array_end(w);
}

enum rmg_rc agent_once(const struct agent_opts *opts, struct strbuf *out, bool *whole,
		       struct rmg_err *err)
{
	struct once o = {.opts = opts};
	struct node_watch found[AGENT_WATCHES];
	const struct node_watch *watches = opts->n_watches ? opts->watches : found;
	struct jsonw w = jsonw_of(out);
	size_t n = opts->n_watches;

	arena_init(&o.arena, MIB(256));
	if (n == 0)
		n = agent_find(found, COUNT_OF(found), &o.arena);
	*whole = true;
	for (size_t i = 0; i < n; i++)
		o.with_docker |= strcmp(watches[i].kind, "docker") == 0;
	jsonw_object(&w);
	jsonw_put_cstr(&w, "schema", "rummage/node/1");
	jsonw_put_cstr(&w, "cluster", opts->cluster);
	jsonw_put_cstr(&w, "node", opts->node);
	jsonw_key(&w, "runtimes");
	jsonw_array(&w);
	for (size_t i = 0; i < n; i++) {
		o.watch = &watches[i];
		look(&o, opts->node, opts->cluster);
		put_runtime(&w, &o);
		*whole = *whole && o.whole;
	}
	jsonw_array_end(&w);
	VEC_EACH (i, &o.images) {
		read_image(&o, i);
		*whole = *whole && i->read && i->complete;
	}
	put_lists(&w, &o);
	jsonw_object_end(&w);
	strbuf_putc(out, '\n');
	VEC_DONE(&o.images);
	VEC_DONE(&o.uses);
	arena_done(&o.arena);
	return strbuf_rc(out) == RMG_OK ? RMG_OK
					: err_set(err, strbuf_rc(out), "more than can be shown");
}
