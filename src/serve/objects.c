/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/objects.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "kube/mark.h"
#include "kube/object.h"
#include "kube/quality.h"

enum { RUNS = 64 /* of one pod */ };

void objects_init(struct objects *o, bool pods, bool images)
{
	*o = (struct objects){.pods = pods, .images = images};
	pthread_mutex_init(&o->lock, NULL);
}

void objects_done(struct objects *o)
{
	VEC_EACH (x, &o->v)
		free(x->text);
	VEC_DONE(&o->v);
	map_done(&o->by_key);
	pthread_mutex_destroy(&o->lock);
}

struct object *objects_find(struct objects *o, uint64_t key)
{
	uint32_t at = map_find(&o->by_key, key);

	return at == MAP_NONE ? NULL : &o->v.v[at];
}

struct span object_text(const struct object *x, size_t nth)
{
	const char *at = x->text;

	while (nth--)
		at += strlen(at) + 1;
	return span_cstr(at);
}

void object_path(const struct objects *o, const struct object *x, struct strbuf *out)
{
	struct span path = span_cstr(o->kinds[x->kind].path);
	size_t at = span_rchr(path, '/');

	strbuf_clear(out);
	strbuf_put(out, span_head(path, at));
	if (!o->kinds[x->kind].images) {
		strbuf_puts(out, "/namespaces/");
		strbuf_percent(out, object_text(x, OBJECT_NS), S("-_."));
	}
	strbuf_put(out, span_from(path, at));
	strbuf_putc(out, '/');
	strbuf_percent(out, object_text(x, OBJECT_NAME), S("-_."));
}

/* Kinds. */

/* "apps/v1" of "/apis/apps/v1/deployments", "v1" of "/api/v1/pods". */
static struct span api_of(struct span path)
{
	struct span rest = span_head(path, span_rchr(path, '/'));

	return span_starts(rest, S("/apis/")) ? span_from(rest, 6) : span_from(rest, 5);
}

static struct objects_kind *kind_of(struct objects *o, const char *path)
{
	struct objects_kind *k = o->kinds;
	struct span api = api_of(span_cstr(path));

	for (; k < o->kinds + o->n_kinds; k++)
		if (strcmp(k->path, path) == 0)
			return k;
	if (o->n_kinds == COUNT_OF(o->kinds))
		return NULL;
	*k = (struct objects_kind){
	    .pods = strcmp(path, "/api/v1/pods") == 0,
	    .images = strcmp(path, "/apis/image.openshift.io/v1/images") == 0,
	};
	snprintf(k->path, sizeof k->path, "%s", path);
	snprintf(k->api, sizeof k->api, SPAN_FMT, SPAN_ARG(span_head(api, sizeof k->api - 1)));
	o->n_kinds++;
	return k;
}

/* Objects. */

static void drop(struct objects *o, struct object *x)
{
	uint32_t at = (uint32_t)(x - o->v.v), last = (uint32_t)(o->v.n - 1);

	map_remove(&o->by_key, x->key, at);
	free(x->text);
	o->v.n--;
	if (at != last) {
		map_remove(&o->by_key, o->v.v[last].key, last);
		*x = o->v.v[last];
		if (!map_set(&o->by_key, x->key, at))
			o->short_of_memory = true;
	}
	o->changes++;
}

static void put_text(struct strbuf *b, struct span s)
{
	strbuf_put(b, s);
	strbuf_putc(b, '\0');
}

/* Everything that a running container of a pod is known by; as watch/kube_told.c tells it. */
static uint16_t put_containers(json *pod, const struct kube_meta *m, struct strbuf *out)
{
	struct kube_run *runs = calloc(RUNS, sizeof *runs);
	size_t n = runs ? kube_runs(pod, runs, RUNS) : 0;
	uint16_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		bool volume = runs[i].image.role == KUBE_VOLUME;

		if (runs[i].state != KUBE_RUNNING || (runs[i].id.n == 0 && !volume))
			continue;
		if (volume)
			strbuf_printf(out, SPAN_FMT "/volume/" SPAN_FMT "%c", SPAN_ARG(m->uid),
				      SPAN_ARG(runs[i].image.name), '\0');
		else
			put_text(out, runs[i].id);
		kept++;
	}
	free(runs);
	return kept;
}

static bool wanted(const struct objects *o, const struct objects_kind *k, const struct kube_meta *m,
		   uint64_t marks, json *object)
{
	if (marks)
		return true;
	if (k->images)
		return o->images;
	if (k->pods)
		return o->pods || m->owner.uid.n == 0;
	return m->owner.uid.n == 0 && kube_pod_spec(object, span_cstr(k->name)) != NULL;
}

static struct object *add(struct objects *o, uint64_t key)
{
	struct object *x = VEC_ADD(&o->v);

	if (x == NULL || !map_set(&o->by_key, key, (uint32_t)(o->v.n - 1))) {
		o->v.n -= x != NULL;
		o->short_of_memory = true;
		return NULL;
	}
	x->key = key;
	return x;
}

static void see(struct objects *o, struct objects_kind *k, json *object, const struct kube_meta *m,
		uint64_t marks)
{
	struct strbuf text = strbuf_of(KIB(64));
	uint64_t key = hash_span(m->uid);
	struct object *x = objects_find(o, key);
	uint16_t n = 0;

	put_text(&text, m->ns);
	put_text(&text, m->name);
	put_text(&text, m->uid);
	if (k->pods)
		n = put_containers(object, m, &text);
	if (k->images)
		put_text(&text, m->version);
	if (x == NULL)
		x = add(o, key);
	if (x == NULL || strbuf_rc(&text) != RMG_OK) {
		strbuf_done(&text);
		return;
	}
	x->kind = (uint16_t)(k - o->kinds);
	x->round = k->round;
	x->created_ms = m->created_ms;
	x->owner = m->owner.uid.n ? hash_span(m->owner.uid) : 0;
	if (x->marks != marks || x->text == NULL || x->text_bytes != text.n ||
	    memcmp(x->text, text.p, text.n) != 0)
		o->changes++;
	x->marks = marks;
	x->n_containers = n;
	free(x->text);
	x->text = realloc(text.p, text.n); /* it is the object's now, and no longer than it is */
	if (x->text == NULL)
		x->text = text.p;
	x->text_bytes = (uint32_t)text.n;
}

/* What the watcher hears. */

static void on_began(void *user, const char *path)
{
	struct objects *o = user;
	struct objects_kind *k;

	pthread_mutex_lock(&o->lock);
	k = kind_of(o, path);
	if (k)
		k->round++;
	pthread_mutex_unlock(&o->lock);
}

static void on_object(void *user, const char *path, const char *kind, json *object, bool gone)
{
	struct objects *o = user;
	struct objects_kind *k;
	struct kube_meta m;
	struct object *x;
	uint64_t marks;

	kube_meta_read(object, &m);
	if (m.uid.n == 0 || m.name.n == 0)
		return;
	pthread_mutex_lock(&o->lock);
	k = kind_of(o, path);
	if (k && m.ns.n == 0 && !k->images)
		k = NULL;
	marks =
	    k && k->images ? quality_seen(m.annotations) : kube_mark_seen(m.labels, m.annotations);
	x = objects_find(o, hash_span(m.uid));
	if (k)
		snprintf(k->name, sizeof k->name, "%s", kind);
	if (k && !gone && wanted(o, k, &m, marks, object))
		see(o, k, object, &m, marks);
	else if (x)
		drop(o, x);
	pthread_mutex_unlock(&o->lock);
}

static void on_ended(void *user, const char *path)
{
	struct objects *o = user;
	struct objects_kind *k;

	pthread_mutex_lock(&o->lock);
	k = kind_of(o, path);
	for (size_t i = o->v.n; k && i-- > 0;)
		if (&o->kinds[o->v.v[i].kind] == k && o->v.v[i].round != k->round)
			drop(o, &o->v.v[i]);
	o->changes++;
	pthread_mutex_unlock(&o->lock);
}

struct watch_eye objects_eye(struct objects *o)
{
	return (struct watch_eye){on_began, on_object, on_ended, o};
}
