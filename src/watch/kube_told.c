/* SPDX-License-Identifier: Apache-2.0 */
/* kube_told.c - a container that runs is told once, and its end once, whatever else changes in its
 * pod. A pod is its outermost owner's: a ReplicaSet's is its Deployment's, a Job's its CronJob's;
 * these in between are declared only where nobody owns them. A Job that is over is no workload any
 * more; a CronJob, or what is scaled to nothing, is one that sleeps. */
#include "watch/kube_told.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/hash.h"
#include "kube/review.h"
#include "watch/kube_openshift.h"

enum {
	ROOM = 2,
	FORBIDDEN_MS = 60000, /* owners of a kind that may not be read are not asked for */
};

/* Events. */

struct event *kube_next(struct cluster *c, size_t kind, enum event_type type, int64_t at_ms)
{
	struct event *e = batch_next(&c->batch, type, at_ms);

	e->source = span_cstr(c->kinds[kind].source);
	e->seq = ++c->kinds[kind].seq;
	return e;
}

static struct span keep(struct cluster *c, struct span s)
{
	return arena_dup(&c->batch.arena, s);
}

enum rmg_rc kube_room(struct cluster *c, struct rmg_err *err)
{
	enum rmg_rc rc = arena_rc(&c->batch.arena);

	/* What is handed over has all its texts. */
	if (rc != RMG_OK)
		return err_set(err, rc, "no room for events");
	return batch_room(&c->batch, ROOM, err);
}

static enum rmg_rc no_memory(struct rmg_err *err)
{
	return err_set(err, RMG_E_NOMEM, "no memory for a cluster");
}

/* CRI-O's digests are digits alone. */
static struct span digest_of(struct cluster *c, struct span digest)
{
	if (digest.n == 64)
		return ARENA_JOIN(&c->batch.arena, S("sha256:"), digest);
	return keep(c, digest);
}

static void fill_image(struct cluster *c, struct span ref, struct span digest, struct span name,
		       struct event_image *out)
{
	struct span pinned = {0};
	size_t at = span_rchr(ref, '@');

	*out = (struct event_image){.ref = keep(c, ref), .container = keep(c, name)};
	if (digest.n)
		out->digests[out->n_digests++] = digest_of(c, digest);
	if (at != SIZE_MAX)
		pinned = kube_image_digest(span_from(ref, at + 1));
	if (pinned.n && !span_is(pinned, digest))
		out->digests[out->n_digests++] = digest_of(c, pinned);
}

/* Owners. */

static bool is_between(const struct cluster *c, struct span kind)
{
	for (size_t i = 0; i < c->n; i++)
		if ((c->kinds[i].role == BETWEEN || c->kinds[i].role == BUILD) &&
		    span_is(kind, span_cstr(c->kinds[i].name)))
			return true;
	return false;
}

static bool is_custom(const struct cluster *c, const struct kube_owner *o)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->kinds[i].custom && span_is(o->kind, span_cstr(c->kinds[i].name)) &&
		    span_is(o->group, span_cstr(c->kinds[i].group)))
			return true;
	return false;
}

/* Whether the owner is the workload in this object's place. */
static bool is_owned(const struct cluster *c, const struct kube_watched *kind,
		     const struct kube_meta *m)
{
	return m->owner.uid.n &&
	       (kind->role == BETWEEN || kind->role == BUILD || is_custom(c, &m->owner));
}

static enum rmg_rc learn_owner(struct cluster *c, const struct kube_watched *kind,
			       const struct kube_meta *m, struct rmg_err *err)
{
	uint64_t revision;
	struct span text = kube_label(m->annotations, "deployment.kubernetes.io/revision");
	enum rmg_rc rc = RMG_OK;

	if (text.n == 0)
		text = kube_label(m->annotations, "openshift.io/deployment-config.latest-version");

	if (is_owned(c, kind, m))
		rc =
		    kube_owners_put(&c->owners, m->uid, m->owner.kind, m->owner.name, m->owner.uid);
	else if (kind->role == BETWEEN)
		rc = kube_owners_put(&c->owners, m->uid, S(""), S(""), S(""));
	if (rc == RMG_OK && kind->role == BETWEEN && span_u64(text, 10, UINT32_MAX - 1, &revision))
		rc = kube_owners_revise(&c->owners, m->uid, revision);
	return rc == RMG_OK ? RMG_OK : no_memory(err);
}

static struct kube_watched *kind_of(struct cluster *c, struct span name)
{
	for (size_t i = 0; i < c->n; i++)
		if (span_is(name, span_cstr(c->kinds[i].name)))
			return &c->kinds[i];
	return NULL;
}

/* The pod came before what owns it, which is in another stream: it is asked for. What cannot be had
 * stays unknown, and the pod is taken for the owner's own. */
static enum rmg_rc ask_owner(struct cluster *c, const struct kube_meta *pod, struct rmg_err *err)
{
	struct kube_watched *kind = kind_of(c, pod->owner.kind);
	struct strbuf path = strbuf_of(LIMIT_TEXT_BYTES * 4);
	size_t at = kind ? span_rchr(span_cstr(kind->path), '/') : 0;
	struct json_doc doc = {0};
	struct kube_meta m;
	unsigned status = 0;
	enum rmg_rc rc = RMG_OK;

	if (kind == NULL || clock_tick_ms() < kind->ask_ms)
		return RMG_OK;
	strbuf_put(&path, span_head(span_cstr(kind->path), at));
	strbuf_puts(&path, "/namespaces/");
	strbuf_percent(&path, pod->ns, S("-_."));
	strbuf_puts(&path, kind->path + at);
	strbuf_putc(&path, '/');
	strbuf_percent(&path, pod->owner.name, S("-_."));
	if (strbuf_rc(&path) == RMG_OK &&
	    kube_ask(c->kube, "GET", strbuf_cstr(&path), NULL, S(""), &c->text, &status, NULL) ==
		RMG_OK &&
	    status == 200 &&
	    json_parse(&doc, strbuf_span(&c->text), LIMIT_KUBE_OBJECT_BYTES, NULL) == RMG_OK) {
		kube_meta_read(doc.root, &m);
		if (span_is(m.uid, pod->owner.uid))
			rc = learn_owner(c, kind, &m, err);
	}
	if (status == 403)
		kind->ask_ms = clock_tick_ms() + FORBIDDEN_MS;
	json_done(&doc);
	strbuf_done(&path);
	return rc;
}

/* Which workload a pod is of. A static pod is its node's, and stands for itself. */
static enum rmg_rc workload_of(struct cluster *c, const struct kube_meta *m, struct span *kind,
			       struct span *name, struct rmg_err *err)
{
	enum rmg_rc rc = RMG_OK;

	*kind = S("Pod");
	*name = m->name;
	if (m->owner.name.n == 0 || span_is(m->owner.kind, S("Node")))
		return RMG_OK;
	if (is_between(c, m->owner.kind) && !kube_owners_know(&c->owners, m->owner.uid))
		rc = ask_owner(c, m, err);
	*kind = m->owner.kind;
	*name = m->owner.name;
	kube_owners_top(&c->owners, m->owner.uid, kind, name);
	return rc;
}

/* Of the ReplicaSet that owns the pod, or of the revision that its label names; 0 none. */
static uint32_t revision_of(struct cluster *c, const struct kube_meta *m)
{
	uint32_t n = kube_owners_revision(&c->owners, m->owner.uid);
	struct span hash = kube_label(m->labels, "controller-revision-hash");

	if (n == 0 && hash.n) {
		struct span parts[] = {m->ns, S("/"), m->owner.name, S("-"), hash};

		/* A StatefulSet's pods have the whole name, a DaemonSet's its end. */
		n = kube_owners_revision(&c->owners, arena_join(&c->batch.arena, parts, 5));
		if (n == 0)
			n = kube_owners_revision(&c->owners,
						 ARENA_JOIN(&c->batch.arena, m->ns, S("/"), hash));
	}
	return n;
}

/* Pods. */

struct pod {
	struct kube_meta meta;
	struct span node, kind, name; /* of the workload; "" not asked for yet */
	char revision[16];            /* "3" */
	uint64_t key;
};

static void put_revision(struct cluster *c, struct pod *p)
{
	uint32_t n = revision_of(c, &p->meta);

	if (n)
		snprintf(p->revision, sizeof p->revision, "%u", n);
}

/* Of which, as of its end, kube_room() was asked. */
static enum rmg_rc begin_use(struct cluster *c, size_t kind, struct pod *p,
			     const struct kube_run *r, struct span id, struct rmg_err *err)
{
	struct event *e;
	enum rmg_rc rc = RMG_OK;

	if (p->kind.n == 0)
		rc = workload_of(c, &p->meta, &p->kind, &p->name, err);
	if (rc != RMG_OK)
		return rc;
	if (p->revision[0] == '\0')
		put_revision(c, p);
	e = kube_next(c, kind, EVENT_USE_BEGAN, r->began_ms ? r->began_ms : r->ended_ms);
	e->place.node = keep(c, p->node);
	e->place.ns = keep(c, p->meta.ns);
	e->workload_kind = keep(c, p->kind);
	e->workload_name = keep(c, p->name);
	if (!span_is(p->kind, S("Pod")))
		e->pod = keep(c, p->meta.name);
	e->revision = keep(c, span_cstr(p->revision));
	e->container = keep(c, id);
	e->container_name = keep(c, r->image.name);
	e->runtime = S(EVENT_CLUSTER);
	fill_image(c, r->image.ref, r->digest, (struct span){0}, &e->image);
	return RMG_OK;
}

static void end_use(struct cluster *c, size_t kind, struct span id, int64_t at_ms)
{
	kube_next(c, kind, EVENT_USE_ENDED, at_ms)->container = keep(c, id);
}

/* Times are told in whole seconds. Of what has just happened more is known: that it was before now.
 */
static int64_t within_second(int64_t ms, int64_t now_ms)
{
	return ms ? MAX_OF(ms, MIN_OF(now_ms, ms + 999)) : 0;
}

/* A life that has not been told, or not to its end. One that was over before anybody looked is none
 * of ours, unless it fell into a gap. */
static enum rmg_rc see_run(struct cluster *c, size_t kind, struct pod *p, const struct kube_run *r,
			   bool listed, struct rmg_err *err)
{
	bool running = r->state == KUBE_RUNNING, news;
	struct span id = r->id;
	enum kube_told was;
	enum rmg_rc rc = kube_room(c, err); /* of both: what is joined here is in both */

	if (rc != RMG_OK)
		return rc;
	if (r->image.role == KUBE_VOLUME)
		id = ARENA_JOIN(&c->batch.arena, p->meta.uid, S("/volume/"), r->image.name);
	if (id.n == 0)
		return RMG_OK;
	if (kube_lives_see(&c->kinds[kind].lives, p->key, id, r->digest, running, &was) != RMG_OK)
		return no_memory(err);
	news = was == KUBE_TOLD_NOT && (running || !listed || r->ended_ms >= c->gap_ms);
	if (was == KUBE_TOLD_ENDED || (was == KUBE_TOLD_NOT && !news) ||
	    (was == KUBE_TOLD_RUNNING && running && !listed))
		return RMG_OK;
	if (was != KUBE_TOLD_RUNNING || listed)
		rc = begin_use(c, kind, p, r, id, err);
	if (rc == RMG_OK && !running)
		end_use(c, kind, id, r->ended_ms);
	return rc;
}

/* Whatever of it was told to run has ended. */
static enum rmg_rc end_all(struct cluster *c, size_t kind, uint64_t pod, struct rmg_err *err)
{
	char buf[KUBE_LIFE_ID];
	struct span id;
	enum rmg_rc rc = kube_room(c, err);

	while (rc == RMG_OK && kube_lives_take(&c->kinds[kind].lives, pod, buf, &id)) {
		end_use(c, kind, id, 0);
		rc = kube_room(c, err);
	}
	return rc;
}

static void tell_pod(struct cluster *c, const struct kube_meta *m)
{
	struct watch_pod pod = {.cluster = c->opts->place.cluster,
				.uid = m->uid,
				.ns = m->ns,
				.name = m->name,
				.made_ms = m->created_ms};

	kube_pod_owner(m, &pod.kind, &pod.workload);
	if (m->owner.uid.n)
		kube_owners_top(&c->owners, m->owner.uid, &pod.kind, &pod.workload);
	c->opts->pod(c->opts->user, &pod);
}

static enum rmg_rc on_pod(struct cluster *c, size_t kind, enum kube_change change,
			  const struct kube_meta *m, json *object, struct rmg_err *err)
{
	struct pod p = {.meta = *m, .key = hash_span(m->uid)};
	size_t n = kube_runs(object, c->runs, KUBE_RUNS);
	struct span node = json_get_str(json_get(object, "spec"), "nodeName");
	enum rmg_rc rc = RMG_OK;

	if (change != KUBE_LISTED)
		c->heard_ms = clock_ms();
	if (c->opts->pod && change != KUBE_DELETED)
		tell_pod(c, m);
	p.node = node.n <= LIMIT_TEXT_BYTES ? node : (struct span){0};
	for (size_t i = 0; change != KUBE_LISTED && i < n; i++) {
		c->runs[i].began_ms = within_second(c->runs[i].began_ms, c->heard_ms);
		c->runs[i].ended_ms = within_second(c->runs[i].ended_ms, c->heard_ms);
	}
	for (size_t i = 0; rc == RMG_OK && i < n; i++)
		rc = see_run(c, kind, &p, &c->runs[i], change == KUBE_LISTED, err);
	if (rc == RMG_OK && (change == KUBE_DELETED || kube_pod_is_over(object)))
		rc = end_all(c, kind, p.key, err);
	kube_lives_seen(&c->kinds[kind].lives, p.key);
	if (change == KUBE_DELETED)
		kube_lives_forget(&c->kinds[kind].lives, p.key);
	return rc;
}

/* Workloads. */

static struct span kind_name(const struct kube_watched *kind, const struct kube_meta *m)
{
	return kind->name[0] ? span_cstr(kind->name) : m->kind;
}

static enum rmg_rc remove_workload(struct cluster *c, size_t kind, const struct kube_meta *m,
				   struct rmg_err *err)
{
	uint32_t told = map_find(&c->kinds[kind].told, hash_span(m->uid));
	enum rmg_rc rc = kube_room(c, err);
	struct event *e;

	if (told == MAP_NONE || rc != RMG_OK)
		return rc;
	map_remove(&c->kinds[kind].told, hash_span(m->uid), told);
	e = kube_next(c, kind, EVENT_WORKLOAD_REMOVED, 0);
	e->place.ns = keep(c, m->ns);
	e->workload_kind = keep(c, kind_name(&c->kinds[kind], m));
	e->workload_name = keep(c, m->name);
	return RMG_OK;
}

/* A sum of what is declared, so that what changes in its status alone is not told. */
static uint32_t sum_of(const struct cluster *c, const struct kube_want *want, size_t n_images,
		       size_t n_labels)
{
	uint64_t h = hash_mix(want->replicas * 2 + want->suspended);

	h = hash_mix(h * 3 + hash_span(want->schedule));
	h = hash_mix(h * 3 + hash_span(want->revision));
	for (size_t i = 0; i < n_images; i++)
		h = hash_mix(h * 3 + hash_span(c->images[i].ref) * 5 +
			     hash_span(c->images[i].name));
	for (size_t i = 0; i < n_labels; i++)
		h = hash_mix(h * 3 + hash_span(c->labels[i].key) * 5 +
			     hash_span(c->labels[i].value));
	return (uint32_t)h & 0x7fffffff;
}

static enum rmg_rc declare(struct cluster *c, size_t kind, const struct kube_meta *m,
			   const struct kube_want *want, size_t n_images, size_t n_labels,
			   struct rmg_err *err)
{
	enum rmg_rc rc = kube_room(c, err);
	struct event *e;

	if (rc != RMG_OK)
		return rc;
	e = kube_next(c, kind, EVENT_WORKLOAD_DECLARED, 0);
	e->place.ns = keep(c, m->ns);
	e->workload_kind = keep(c, kind_name(&c->kinds[kind], m));
	e->workload_name = keep(c, m->name);
	e->replicas = want->replicas;
	e->suspended = want->suspended;
	e->schedule = keep(c, want->schedule);
	e->revision = keep(c, want->revision);
	e->images = ARENA_ARRAY(&c->batch.arena, n_images + 1, struct event_image);
	for (size_t i = 0; e->images && i < n_images; i++)
		fill_image(c, c->images[i].ref, (struct span){0}, c->images[i].name,
			   &e->images[e->n_images++]);
	for (size_t i = 0; i < n_labels; i++)
		c->labels[i] =
		    (struct event_label){keep(c, c->labels[i].key), keep(c, c->labels[i].value)};
	batch_label(&c->batch, e, c->labels, n_labels);
	return RMG_OK;
}

/* What is somebody's is that one's business, and a Job that is over makes no pods any more. */
static bool is_workload(const struct cluster *c, const struct kube_watched *kind,
			const struct kube_meta *m, const struct kube_want *want)
{
	if (is_owned(c, kind, m))
		return false;
	return !(want->replicas == 0 && span_is(kind_name(kind, m), S("Job")));
}

static enum rmg_rc on_workload(struct cluster *c, size_t kind, enum kube_change change,
			       const struct kube_meta *m, json *object, struct rmg_err *err)
{
	struct kube_watched *of = &c->kinds[kind];
	struct kube_want want;
	size_t n_images, n_labels;
	uint32_t sum, was;

	if (change == KUBE_DELETED) {
		kube_owners_drop(&c->owners, m->uid);
		return remove_workload(c, kind, m, err);
	}
	kube_want_read(object, m, &want);
	if (!is_workload(c, of, m, &want))
		return remove_workload(c, kind, m, err);
	n_images = kube_images(kube_pod_spec(object, kind_name(of, m)), c->images, EVENT_IMAGES);
	n_images = MIN_OF(n_images, (size_t)EVENT_IMAGES);
	n_labels = kube_labels(m->labels, c->labels, EVENT_LABELS);
	if (n_images == 0 && of->custom)
		return RMG_OK;
	sum = sum_of(c, &want, n_images, n_labels);
	was = map_find(&of->told, hash_span(m->uid));
	if (change == KUBE_CHANGED && was == sum)
		return RMG_OK;
	if (!map_set(&of->told, hash_span(m->uid), sum))
		return no_memory(err);
	return declare(c, kind, m, &want, n_images, n_labels, err);
}

static enum rmg_rc on_revision(struct cluster *c, enum kube_change change,
			       const struct kube_meta *m, json *object, struct rmg_err *err)
{
	struct span key = ARENA_JOIN(&c->batch.arena, m->ns, S("/"), m->name);
	uint64_t n = 0;

	if (change != KUBE_DELETED && !json_get_u64(object, "revision", &n))
		return RMG_OK;
	return kube_owners_revise(&c->owners, key, n) == RMG_OK ? RMG_OK : no_memory(err);
}

/* Nodes: what agents there are not on is said in coverage. */

static bool is_ready(json *node)
{
	for (struct json_iter it = json_iter(json_get(json_get(node, "status"), "conditions"));
	     json_next(&it);)
		if (span_is(json_get_str(it.value, "type"), S("Ready")))
			return span_is(json_get_str(it.value, "status"), S("True"));
	return false;
}

static enum rmg_rc on_node(struct cluster *c, size_t kind, enum kube_change change,
			   const struct kube_meta *m, json *object, struct rmg_err *err)
{
	struct map *told = &c->kinds[kind].told;
	bool cordoned = json_get_bool(json_get(object, "spec"), "unschedulable");
	uint32_t now = cordoned * 2u + is_ready(object), was = map_find(told, hash_span(m->uid));
	struct event *e;
	enum rmg_rc rc;

	if (change == KUBE_DELETED && was != MAP_NONE)
		map_remove(told, hash_span(m->uid), was);
	if (change == KUBE_CHANGED && was == now)
		return RMG_OK;
	if (change != KUBE_DELETED && !map_set(told, hash_span(m->uid), now))
		return no_memory(err);
	rc = kube_room(c, err);
	if (rc != RMG_OK)
		return rc;
	e = kube_next(c, kind, change == KUBE_DELETED ? EVENT_NODE_REMOVED : EVENT_NODE_SEEN, 0);
	e->place.node = keep(c, m->name);
	e->container = keep(c, m->uid);
	e->availability = cordoned ? S("pause") : S("active");
	e->state = is_ready(object) ? S("ready") : S("down");
	return RMG_OK;
}

enum rmg_rc kube_told(struct cluster *c, size_t kind, enum kube_change change, json *object,
		      struct rmg_err *err)
{
	struct kube_watched *of = &c->kinds[kind];
	struct kube_meta m;
	enum rmg_rc rc = RMG_OK;

	kube_meta_read(object, &m);
	if (m.uid.n == 0 || m.name.n == 0)
		return RMG_OK;
	if (of->role == REVISION)
		return on_revision(c, change, &m, object, err);
	if (of->role == NODE)
		return on_node(c, kind, change, &m, object, err);
	if (of->role == POD)
		return on_pod(c, kind, change, &m, object, err);
	if (of->role == STREAM)
		return openshift_on_stream(c, kind, change, &m, object, err);
	if (of->role == IMAGE)
		return openshift_on_image(c, kind, change, &m, object, err);
	if (of->custom && of->name[0] == '\0')
		snprintf(of->name, sizeof of->name, SPAN_FMT, SPAN_ARG(m.kind));
	m.kind = kind_name(of, &m);
	if (change != KUBE_DELETED)
		rc = learn_owner(c, of, &m, err);
	else if (of->role == BUILD)
		kube_owners_drop(&c->owners, m.uid);
	if (rc == RMG_OK && of->role == BUILD)
		return openshift_on_build(c, kind, change, &m, object, err);
	return rc == RMG_OK ? on_workload(c, kind, change, &m, object, err) : rc;
}
