/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/kube_openshift.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/rfc3339.h"
#include "kube/openshift.h"
#include "kube/quality.h"

/* until_ms 0: it means this now. */
static enum rmg_rc tell_meaning(struct cluster *c, size_t kind, struct span repository,
				struct span tag, const struct openshift_meaning *m,
				int64_t until_ms, struct rmg_err *err)
{
	char until[RFC3339_BYTES];
	enum rmg_rc rc = kube_room(c, err);
	struct event *e;

	if (rc != RMG_OK)
		return rc;
	e = kube_next(c, kind, EVENT_TAG_RESOLVED, m->since_ms);
	e->image.ref = ARENA_JOIN(&c->batch.arena, repository, S(":"), tag);
	e->image.digests[e->image.n_digests++] = arena_dup(&c->batch.arena, m->digest);
	if (until_ms == 0)
		return RMG_OK;
	e->change.kind = S(EVENT_WAS);
	e->change.text = arena_dup(&c->batch.arena, span_cstr(rfc3339_text(until_ms, until)));
	return RMG_OK;
}

static enum rmg_rc tell_tag(struct cluster *c, size_t kind, struct span repository,
			    const struct openshift_tag *tag, struct rmg_err *err)
{
	enum rmg_rc rc = RMG_OK;

	for (size_t i = tag->n; i-- > 0 && rc == RMG_OK;) {
		/* What has no time of its own has none in the history. */
		if (i && (tag->v[i].since_ms == 0 || tag->v[i - 1].since_ms == 0))
			continue;
		rc = tell_meaning(c, kind, repository, tag->name, &tag->v[i],
				  i ? tag->v[i - 1].since_ms : 0, err);
	}
	return rc;
}

static uint64_t key_of(uint64_t uid, struct span tag)
{
	return hash_mix(uid * 3 + hash_span(tag));
}

static uint32_t sum_of(const struct openshift_stream *s, const struct openshift_tag *tag)
{
	uint64_t h = hash_mix(hash_span(s->repository) * 3 + hash_span(s->outside));

	h = hash_mix(h * 3 + hash_span(tag->v[0].digest) * 5 + (uint64_t)tag->v[0].since_ms);
	return (uint32_t)h & 0x7fffffff;
}

static enum rmg_rc see_tag(struct cluster *c, size_t kind, enum kube_change change, uint64_t key,
			   const struct openshift_stream *s, const struct openshift_tag *tag,
			   struct rmg_err *err)
{
	struct map *told = &c->kinds[kind].told;
	uint32_t was = map_find(told, key), now = sum_of(s, tag);
	enum rmg_rc rc = RMG_OK;

	if (change == KUBE_DELETED && was != MAP_NONE)
		map_remove(told, key, was);
	if (change == KUBE_DELETED || (change == KUBE_CHANGED && was == now))
		return RMG_OK;
	if (!map_set(told, key, now))
		return err_set(err, RMG_E_NOMEM, "no memory for a cluster");
	if (s->repository.n)
		rc = tell_tag(c, kind, s->repository, tag, err);
	return rc == RMG_OK && s->outside.n ? tell_tag(c, kind, s->outside, tag, err) : rc;
}

/* What a stream had and has no more. */

void openshift_streams_clear(struct kube_streams *s)
{
	VEC_EACH (x, &s->v)
		free(x->tags);
	VEC_DONE(&s->v);
	map_done(&s->by_uid);
}

static struct kube_stream *stream_of(struct kube_streams *s, uint64_t uid)
{
	uint32_t i = map_find(&s->by_uid, uid);

	return i == MAP_NONE ? NULL : &s->v.v[i];
}

static void stream_drop(struct kube_streams *s, struct kube_stream *x)
{
	uint32_t i = (uint32_t)(x - s->v.v), last = (uint32_t)s->v.n - 1;

	free(x->tags);
	map_remove(&s->by_uid, x->uid, i);
	if (i != last) {
		*x = s->v.v[last];
		(void)!map_set(&s->by_uid, x->uid, i); /* it is there: its place is another */
	}
	s->v.n--;
}

/* tags: its own from then on, also where there is no memory. */
static enum rmg_rc stream_put(struct kube_streams *s, uint64_t uid, char *tags, struct rmg_err *err)
{
	struct kube_stream *x = stream_of(s, uid);

	if (tags == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a cluster");
	if (x) {
		free(x->tags);
		x->tags = tags;
		return RMG_OK;
	}
	if (VEC_PUSH(&s->v, ((struct kube_stream){uid, tags}))) {
		if (map_set(&s->by_uid, uid, (uint32_t)s->v.n - 1))
			return RMG_OK;
		s->v.n--;
	}
	free(tags);
	return err_set(err, RMG_E_NOMEM, "no memory for a cluster");
}

static enum rmg_rc tell_gone(struct cluster *c, size_t kind, struct span repository,
			     struct span tag, struct rmg_err *err)
{
	enum rmg_rc rc = repository.n ? kube_room(c, err) : RMG_OK;
	struct event *e;

	if (rc != RMG_OK || repository.n == 0)
		return rc;
	e = kube_next(c, kind, EVENT_TAG_RESOLVED, 0);
	e->image.ref = ARENA_JOIN(&c->batch.arena, repository, S(":"), tag);
	e->change.kind = S(EVENT_VANISHED);
	e->change.text = S("the image stream has no such tag");
	return RMG_OK;
}

/* has: a list like those it had. */
static enum rmg_rc tell_all_gone(struct cluster *c, size_t kind, const struct openshift_stream *s,
				 const struct kube_stream *had, struct span has,
				 struct rmg_err *err)
{
	struct map *told = &c->kinds[kind].told, still = {0};
	struct span list = span_cstr(had->tags), tag;
	enum rmg_rc rc = RMG_OK;

	while (rc == RMG_OK && span_next(&has, '\n', &tag))
		if (!map_set(&still, hash_span(tag), 0))
			rc = err_set(err, RMG_E_NOMEM, "no memory for a cluster");
	while (rc == RMG_OK && span_next(&list, '\n', &tag)) {
		uint64_t key = key_of(had->uid, tag);
		uint32_t was = map_find(told, key);

		if (tag.n == 0 || map_has(&still, hash_span(tag)))
			continue;
		if (was != MAP_NONE)
			map_remove(told, key, was);
		rc = tell_gone(c, kind, s->repository, tag, err);
		if (rc == RMG_OK)
			rc = tell_gone(c, kind, s->outside, tag, err);
	}
	map_done(&still);
	return rc;
}

/* tags: those that it has now; of one that is deleted, none. */
static enum rmg_rc see_tags(struct cluster *c, size_t kind, enum kube_change change, uint64_t uid,
			    const struct openshift_stream *s, struct span tags, struct rmg_err *err)
{
	struct kube_stream *had = stream_of(&c->streams, uid);
	enum rmg_rc rc = RMG_OK;

	if (had && change != KUBE_DELETED && span_is(span_cstr(had->tags), tags))
		return RMG_OK;
	if (had)
		rc = tell_all_gone(c, kind, s, had, tags, err);
	if (rc == RMG_OK && change != KUBE_DELETED)
		return stream_put(&c->streams, uid, span_dup(tags), err);
	if (rc == RMG_OK && had)
		stream_drop(&c->streams, had);
	return rc;
}

enum rmg_rc openshift_on_stream(struct cluster *c, size_t kind, enum kube_change change,
				const struct kube_meta *m, json *object, struct rmg_err *err)
{
	struct strbuf tags = strbuf_of(LIMIT_KUBE_OBJECT_BYTES);
	uint64_t uid = hash_span(m->uid);
	struct openshift_stream s;
	struct openshift_tag tag;
	enum rmg_rc rc = RMG_OK;

	openshift_stream_read(object, &s);
	for (struct json_iter it = json_iter(s.tags); rc == RMG_OK && json_next(&it);) {
		if (!openshift_tag_read(it.value, &tag))
			continue;
		rc = see_tag(c, kind, change, key_of(uid, tag.name), &s, &tag, err);
		if (change != KUBE_DELETED)
			strbuf_printf(&tags, SPAN_FMT "\n", SPAN_ARG(tag.name));
	}
	if (rc == RMG_OK && strbuf_rc(&tags) != RMG_OK)
		rc = err_set(err, strbuf_rc(&tags), "no memory for a cluster");
	if (rc == RMG_OK)
		rc = see_tags(c, kind, change, uid, &s, strbuf_span(&tags), err);
	strbuf_done(&tags);
	return rc;
}

/* Images. */

static void add_label(struct cluster *c, size_t *n, struct span key, struct span value)
{
	if (value.n && *n < EVENT_LABELS)
		c->labels[(*n)++] = (struct event_label){arena_dup(&c->batch.arena, key),
							 arena_dup(&c->batch.arena, value)};
}

static size_t labels_of(struct cluster *c, const struct openshift_image *i)
{
	struct strbuf said = strbuf_of(LIMIT_TEXT_BYTES - KIB(1));
	size_t n = 0;

	if (i->denied)
		add_label(c, &n, S(EVENT_DENY), S(OPENSHIFT_DENY));
	for (struct json_iter it = json_iter(i->annotations); json_next(&it);) {
		struct span provider;

		if (!span_is(it.key, S(QUALITY_KEY)) &&
		    openshift_quality(it.key, json_str(it.value), &provider, &said))
			add_label(c, &n, ARENA_JOIN(&c->batch.arena, S("vulnerability/"), provider),
				  strbuf_span(&said));
	}
	strbuf_done(&said);
	return n;
}

static void tell_image(struct cluster *c, size_t kind, enum event_type type,
		       const struct openshift_image *i, size_t n_labels)
{
	struct event *e = kube_next(c, kind, type, 0);

	e->runtime = S(EVENT_CLUSTER);
	e->image.ref = arena_dup(&c->batch.arena, i->ref);
	e->image.digests[e->image.n_digests++] = arena_dup(&c->batch.arena, i->digest);
	if (i->config.n)
		e->image.digests[e->image.n_digests++] = arena_dup(&c->batch.arena, i->config);
	batch_label(&c->batch, e, c->labels, n_labels);
}

static uint32_t image_sum(const struct cluster *c, const struct openshift_image *i, size_t n_labels)
{
	uint64_t h = hash_mix(hash_span(i->ref) * 3 + i->managed);

	for (size_t k = 0; k < n_labels; k++)
		h = hash_mix(h * 3 + hash_span(c->labels[k].key) * 5 +
			     hash_span(c->labels[k].value));
	return (uint32_t)h & 0x7fffffff;
}

enum rmg_rc openshift_on_image(struct cluster *c, size_t kind, enum kube_change change,
			       const struct kube_meta *m, json *object, struct rmg_err *err)
{
	struct map *told = &c->kinds[kind].told;
	uint32_t was = map_find(told, hash_span(m->uid)), now;
	struct openshift_image i;
	enum rmg_rc rc = kube_room(c, err); /* of both that are told below */
	size_t n;

	if (rc != RMG_OK || !openshift_image_read(object, &i))
		return rc;
	n = change == KUBE_DELETED ? 0 : labels_of(c, &i);
	now = image_sum(c, &i, n);
	if (change == KUBE_DELETED && was != MAP_NONE)
		map_remove(told, hash_span(m->uid), was);
	if (change == KUBE_CHANGED && was == now)
		return RMG_OK;
	if (change != KUBE_DELETED && !map_set(told, hash_span(m->uid), now))
		return err_set(err, RMG_E_NOMEM, "no memory for a cluster");
	if (i.managed)
		tell_image(c, kind, change == KUBE_DELETED ? EVENT_IMAGE_REMOVED : EVENT_IMAGE_SEEN,
			   &i, 0);
	tell_image(c, kind, EVENT_IMAGE_SAID, &i, n);
	return RMG_OK;
}

/* Builds. */

/* A build that is gone has made its image all the same. */
enum rmg_rc openshift_on_build(struct cluster *c, size_t kind, enum kube_change change,
			       const struct kube_meta *m, json *object, struct rmg_err *err)
{
	struct map *told = &c->kinds[kind].told;
	uint32_t was = map_find(told, hash_span(m->uid));
	struct openshift_build b;
	struct event *e;
	enum rmg_rc rc;
	size_t n = 0;

	openshift_build_read(object, &b);
	if (change == KUBE_DELETED && was != MAP_NONE)
		map_remove(told, hash_span(m->uid), was);
	if (b.digest.n == 0 || change == KUBE_DELETED || (change == KUBE_CHANGED && was == 1))
		return RMG_OK;
	rc = kube_room(c, err);
	if (rc == RMG_OK && !map_set(told, hash_span(m->uid), 1))
		rc = err_set(err, RMG_E_NOMEM, "no memory for a cluster");
	if (rc != RMG_OK)
		return rc;
	add_label(c, &n, S("built.by"), b.config);
	add_label(c, &n, S("built.in"), b.ns);
	add_label(c, &n, S("built.build"), b.name);
	add_label(c, &n, S("built.source"), b.git);
	add_label(c, &n, S("built.commit"), b.commit);
	e = kube_next(c, kind, EVENT_IMAGE_SAID, b.made_ms);
	e->place.ns = arena_dup(&c->batch.arena, b.ns);
	e->image.ref = arena_dup(&c->batch.arena, b.ref);
	e->image.digests[e->image.n_digests++] = arena_dup(&c->batch.arena, b.digest);
	batch_label(&c->batch, e, c->labels, n);
	return RMG_OK;
}
