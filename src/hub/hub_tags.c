/* SPDX-License-Identifier: Apache-2.0 */
/* hub_tags.c - which references somebody should ask a registry for, each once for all machines that
 * use it. Those of base images are asked for as well, by who asks for all.
 *
 * At once where something begins under a reference, BURST times in a row at most and a little later
 * then (a container that crashes again and again is no news); else in turn, by the plan
 * (hub_tag_plan.c), which also says how much a registry is asked at all. Who said that he could not
 * ask is not asked for REFUSED_MS, others are. In this hub's memory alone.
 *
 * What a registry says by itself has the references that it may be of asked for at once. Registries
 * say it before they have done it: where the answer is not what was said, it is asked for again
 * after each of AGAIN_MS. */
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "hub/hub_tags_inside.h"
#include "model/ref.h"
#include "watch/watch.h"

enum {
	LEASE_MS = 30000,
	REFUSED_MS = 600000,
	EACH_MS = 20000, /* for one that begins again and again */
	BURST = 10,
	NEWS_MS = 60000,
	MOST_AT_ONCE = 100
};

static const unsigned AGAIN_MS[] = {400, 1000, 4000};

static void ask_done(struct tag_ask *a)
{
	free(a->ref);
	free(a->why);
}

/* What was in use at neither of the last two looks. */
static void forget_unused(struct tag_asks *t)
{
	size_t n = 0;

	map_clear(&t->by_ref);
	t->due.n = 0;
	VEC_EACH (it, &t->v) {
		bool keep = it->planned && it->planned + 1 >= t->look;

		if (!keep ||
		    !map_add_another(&t->by_ref, hash_span(span_cstr(it->ref)), (uint32_t)n))
			ask_done(it);
		else
			t->v.v[n++] = *it;
	}
	t->v.n = n;
}

void tag_asks_free(struct tag_asks *t)
{
	if (t == NULL)
		return;
	VEC_EACH (it, &t->v)
		ask_done(it);
	VEC_DONE(&t->v);
	VEC_DONE(&t->due);
	map_done(&t->by_ref);
	tag_hosts_free(t);
	free(t);
}

struct tag_ask *tag_ask_find(const struct tag_asks *t, struct span ref)
{
	size_t at = 0;
	uint32_t i;

	if (t == NULL || t->v.v == NULL)
		return NULL;
	while ((i = map_next(&t->by_ref, hash_span(ref), &at)) != MAP_NONE)
		if (span_is(span_cstr(t->v.v[i].ref), ref))
			return &t->v.v[i];
	return NULL;
}

struct tag_asks *tag_asks_of(struct hub *h)
{
	if (h->tag_asks == NULL) {
		h->tag_asks = calloc(1, sizeof *h->tag_asks);
		if (h->tag_asks)
			h->tag_asks->opts = HUB_TAG_OPTS;
	}
	return h->tag_asks;
}

struct tag_ask *tag_ask_of(struct hub *h, struct span ref)
{
	struct tag_ask new = {0}, *have;
	struct tag_asks *t;

	t = tag_asks_of(h);
	have = tag_ask_find(t, ref);
	if (t == NULL || have)
		return have;
	if (t->v.n >= LIMIT_TAGS_ASKED && t->tidied != t->look + 1) {
		t->tidied = t->look + 1;
		forget_unused(t);
	}
	if (t->v.n >= LIMIT_TAGS_ASKED)
		return NULL;
	new.ref = span_dup(ref);
	new.host = tag_host_of(t, ref);
	new.first_ms = hub_now_ms(h);
	if (new.ref && VEC_PUSH(&t->v, new)) {
		if (map_add_another(&t->by_ref, hash_span(ref), (uint32_t)t->v.n - 1))
			return &t->v.v[t->v.n - 1];
		t->v.n--;
	}
	free(new.ref);
	return NULL;
}

bool tag_ask_is_out(const struct tag_ask *a, const struct wanting *x)
{
	return (a->asked_ms > a->told_ms && a->asked_ms > a->failed_ms &&
		x->now_ms - a->asked_ms < LEASE_MS) ||
	       (a->failed_by == x->node && x->now_ms - a->failed_ms < REFUSED_MS);
}

bool tag_is_later(const struct tag_ask *a, int64_t now_ms)
{
	return a->later && a->paid_ms - now_ms < (int64_t)BURST * EACH_MS;
}

/* Something begins under it: at once, but for one that begins again and again. */
static bool is_due(struct tag_ask *a, const struct wanting *x)
{
	if (tag_ask_is_out(a, x))
		return false;
	a->later = a->paid_ms - x->now_ms >= (int64_t)BURST * EACH_MS;
	if (a->later)
		return false;
	a->paid_ms = MAX_OF(a->paid_ms, x->now_ms) + EACH_MS;
	return true;
}

/* A name that can mean another thing tomorrow, in a registry: what an engine was given by hand, or
 * built, has no digest beside its own, and its short name is nobody else's business. Where that is
 * not known any more, what was asked before is asked. */
bool tag_is_of_registry(const struct wanting *x, struct span ref, const struct event_image *image,
			struct span runtime)
{
	bool docker = span_is(runtime, S("docker")) || span_is(runtime, S("podman"));
	uint32_t tag;

	if (!ref_is_movable(ref) || span_starts(ref, S("localhost/")))
		return false;
	if (!docker || (image && image->n_digests > 1))
		return true;
	tag = world_tag_of(x->w, ref);
	return tag_ask_find(x->h->tag_asks, ref) != NULL || (tag && x->w->tags.v[tag].registry);
}

static void add_known(struct hub_tag_wanted *out, struct span digest)
{
	if (digest.n && out->n_known < COUNT_OF(out->known))
		out->known[out->n_known++] = digest;
}

/* What it was taken for last is worth no document either: it was read then. */
void tag_ask_give(struct wanting *x, struct tag_ask *a, struct span ref,
		  const struct event_image *image, const struct world_tag *tag)
{
	struct hub_tag_wanted out = {.ref = ref, .after_ms = x->after_ms};

	for (size_t i = 0; image && i < image->n_digests; i++)
		add_known(&out, image->digests[i]);
	if (tag && tag->registry)
		add_known(&out, tag->digest);
	if (++x->n >= MOST_AT_ONCE || !x->fn(x->user, &out))
		x->enough = true;
	a->asked_ms = x->now_ms;
	a->hinted = false;
	tag_pay(x->h->tag_asks, a, x->now_ms);
}

static const struct world_tag *tag_of(const struct wanting *x, struct span ref)
{
	uint32_t id = world_tag_of(x->w, ref);

	return id ? &x->w->tags.v[id] : NULL;
}

static int64_t checked(const struct world_tag *tag)
{
	return tag && tag->registry ? tag->checked_ms : 0;
}

/* In turn: what is due, and more urgent than what there is no room for; or was hinted at. */
static void offer_turn(struct wanting *x, struct tag_ask *a)
{
	const struct tag_asks *t = x->h->tag_asks;
	struct span ref = span_cstr(a->ref);
	const struct world_tag *tag;
	double urgent;
	bool at_once = a->hinted || tag_is_later(a, x->now_ms);

	if (x->enough || tag_ask_is_out(a, x))
		return;
	tag = tag_of(x, ref);
	urgent = tag_urgency(t, a, checked(tag), x->now_ms);
	if (!at_once && (urgent <= 0 || a->host >= t->hosts.n || urgent < t->hosts.v[a->host].cut))
		return;
	if (tag_may_ask(t, a, at_once ? TAG_AT_ONCE : TAG_IN_TURN, x->now_ms)) {
		if (a->later)
			a->paid_ms = MAX_OF(a->paid_ms, x->now_ms) + EACH_MS;
		a->later = false;
		tag_ask_give(x, a, ref, NULL, tag);
	}
}

/* At once; where its registry was asked all that it may be, as soon as it may be asked again. */
static void offer(struct wanting *x, struct span ref, const struct event_image *image,
		  struct span runtime)
{
	struct tag_ask *a;

	if (x->enough || !tag_is_of_registry(x, ref, image, runtime))
		return;
	a = tag_ask_of(x->h, ref);
	if (a == NULL || !is_due(a, x))
		return;
	if (tag_may_ask(x->h->tag_asks, a, TAG_AT_ONCE, x->now_ms))
		tag_ask_give(x, a, ref, image, tag_of(x, ref));
	else
		a->hinted = true;
}

/* Of this state until a look says otherwise; when it is due. */
static void offer_when_due(struct wanting *x, struct span ref, const struct event_image *image,
			   struct span runtime, enum tag_state state, enum tag_hurry hurry)
{
	const struct tag_asks *t;
	const struct world_tag *tag;
	struct tag_ask *a;

	if (x->enough || !tag_is_of_registry(x, ref, image, runtime))
		return;
	a = tag_ask_of(x->h, ref);
	t = x->h->tag_asks;
	if (a && a->planned == 0)
		a->tag_state = (uint8_t)state;
	if (a == NULL || tag_ask_is_out(a, x))
		return;
	tag = tag_of(x, ref);
	if (tag_urgency(t, a, checked(tag), x->now_ms) > 0 && tag_may_ask(t, a, hurry, x->now_ms))
		tag_ask_give(x, a, ref, image, tag);
}

static void offer_use(struct wanting *x, const struct world_use *u)
{
	struct span ref = u->id ? world_use_ref(x->w, u) : (struct span){0};
	struct tag_ask *a;

	if (ref.n == 0 || !tag_is_of_registry(x, ref, NULL, world_use_runtime(x->w, u)))
		return;
	a = tag_ask_of(x->h, ref);
	if (a && a->planned == 0)
		a->tag_state = u->cached ? TAG_CACHED : TAG_RUNNING;
	if (a)
		offer_turn(x, a);
}

static void offer_all(struct wanting *x)
{
	struct tag_asks *t = x->h->tag_asks;

	for (size_t i = 0; t && i < t->due.n && !x->enough; i++)
		offer_turn(x, &t->v.v[t->due.v[i]]);
}

/* What stands on what: as soon as it begins, where somebody has read it. */
static void offer_bases_of(struct wanting *x, const struct event_image *image)
{
	uint32_t id = 0;

	for (size_t i = 0; i < image->n_digests && id == 0; i++)
		id = world_image_choose(x->w, image->digests[i]);
	for (uint32_t b = id ? x->w->images.v[id].first_base : 0; b && !x->enough;
	     b = x->w->bases.v[b].next)
		offer_when_due(x, x->w->bases.v[b].ref, NULL, (struct span){0}, TAG_BASE,
			       TAG_AT_ONCE);
}

/* All that a machine has. */
static void offer_uses(struct wanting *x, struct span node)
{
	struct strbuf name = strbuf_of(LIMIT_TEXT_BYTES);
	const struct watch_kind *kind;

	for (size_t i = 0; (kind = watch_kind_at(i)) != NULL; i++) {
		uint32_t source, slot;

		strbuf_clear(&name);
		strbuf_put(&name, node);
		strbuf_printf(&name, "/%s", kind->name);
		source = world_source_of(x->w, strbuf_span(&name));
		slot = source ? x->w->sources.v[source].first_use : 0;
		for (; slot && !x->enough; slot = x->w->uses.v[slot].next_of_source)
			offer_use(x, &x->w->uses.v[slot]);
	}
	strbuf_done(&name);
}

static bool is_asker(struct span source)
{
	return span_ends(source, S(EVENT_TAGS));
}

static void answered(struct wanting *x, const struct event *e)
{
	struct tag_ask *a = tag_ask_of(x->h, e->image.ref);

	if (a == NULL)
		return;
	free(a->why);
	a->why = e->image.n_digests ? NULL : span_dup(e->change.text);
	if (e->image.n_digests || span_is(e->change.kind, S(EVENT_VANISHED))) {
		a->told_ms = x->now_ms;
		a->failed_by = 0;
	} else {
		a->failed_ms = x->now_ms;
		a->failed_by = x->node;
	}
}

/* What was hinted at is not there yet, or never. */
static void again_if_other(struct wanting *x, const struct event *e)
{
	struct tag_ask *a = tag_ask_find(x->h->tag_asks, e->image.ref);
	uint32_t id = world_tag_of(x->w, e->image.ref);

	if (a == NULL || a->claimed == 0 || a->claimed_by != x->node)
		return;
	if (a->tries == COUNT_OF(AGAIN_MS) ||
	    (e->image.n_digests && hash_span(e->image.digests[0]) == a->claimed)) {
		a->claimed = 0;
		return;
	}
	x->after_ms = AGAIN_MS[a->tries++];
	tag_ask_give(x, a, e->image.ref, NULL, id ? &x->w->tags.v[id] : NULL);
	x->after_ms = 0;
}

static bool is_news(const struct wanting *x, const struct event *e, const struct hub_result *r)
{
	return r->applied == APPLIED ||
	       (r->applied == APPLIED_QUEUED && x->now_ms - e->at_ms < NEWS_MS);
}

static bool in_snapshot(const struct wanting *x, const struct event *e)
{
	uint32_t source = world_source_of(x->w, e->source);

	return source && x->w->sources.v[source].in_snapshot;
}

/* Who asks for all is polled (hub_tags_poll()) while its hub leads. */
static void in_turn(struct wanting *x, struct span node)
{
	if (x->all)
		return;
	tag_plan(x);
	offer_uses(x, node);
}

static void hear(struct wanting *x, const struct event *e, const struct hub_result *r)
{
	bool asker = is_asker(e->source);

	if (asker && e->type == EVENT_TAG_RESOLVED)
		again_if_other(x, e);
	if (e->type == EVENT_USE_BEGAN && x->all)
		offer_bases_of(x, &e->image);
	if (e->type == EVENT_USE_BEGAN && !event_is_changes(e->container) && is_news(x, e, r))
		offer(x, e->image.ref, &e->image, e->runtime);
	else if (e->type == EVENT_IMAGE_SEEN && is_news(x, e, r) && in_snapshot(x, e))
		/* what lies there: it was there before */
		offer_when_due(x, e->image.ref, &e->image, e->runtime, TAG_CACHED, TAG_IN_TURN);
	else if ((e->type == EVENT_IMAGE_SEEN || (e->type == EVENT_TAG_RESOLVED && !asker)) &&
		 is_news(x, e, r))
		offer(x, e->image.ref, &e->image, e->runtime);
	else if (asker && (e->type == EVENT_HEARTBEAT || e->type == EVENT_SNAPSHOT_ENDED ||
			   e->type == EVENT_TAG_RESOLVED))
		in_turn(x, e->place.node);
}

/* What a tag meant is no answer. */
static bool is_of_interest(const struct event *e)
{
	if (e->type == EVENT_TAG_RESOLVED && span_is(e->change.kind, S(EVENT_WAS)))
		return false;
	return e->type == EVENT_USE_BEGAN || e->type == EVENT_IMAGE_SEEN ||
	       e->type == EVENT_TAG_RESOLVED || is_asker(e->source);
}

static bool asks(const struct world *w, struct span node)
{
	struct strbuf name = strbuf_of(LIMIT_TEXT_BYTES);
	bool found;

	strbuf_put(&name, node);
	strbuf_puts(&name, EVENT_TAGS);
	found = world_source_of(w, strbuf_span(&name)) != 0;
	strbuf_done(&name);
	return found;
}

static void hear_all(struct wanting *x, const struct event *e, const struct hub_result *results,
		     size_t n, struct span node)
{
	pthread_mutex_lock(&x->h->tagging);
	for (size_t i = 0; i < n; i++)
		if (e[i].type == EVENT_TAG_RESOLVED && is_of_interest(&e[i]) &&
		    is_asker(e[i].source))
			answered(x, &e[i]);
	x->enough = !asks(x->w, node);
	for (size_t i = 0; i < n && !x->enough; i++)
		if (is_of_interest(&e[i]))
			hear(x, &e[i], &results[i]);
	pthread_mutex_unlock(&x->h->tagging);
}

void hub_tags_wanted(struct hub *h, const struct event *e, const struct hub_result *results,
		     size_t n, struct span node, bool all, hub_tag_wanted_fn *fn, void *user)
{
	struct wanting x = {.h = h,
			    .node = hash_span(node),
			    .now_ms = hub_now_ms(h),
			    .all = all,
			    .fn = fn,
			    .user = user};
	struct rmg_err err;
	size_t first = 0;

	while (first < n && !is_of_interest(&e[first]))
		first++;
	if (first == n || hub_read_lock(h, &x.w, NULL, &err) != RMG_OK)
		return;
	hear_all(&x, e, results, n, node);
	hub_read_unlock(h);
}

void hub_tags_poll(struct hub *h, const struct hub_asker *by)
{
	struct wanting x = {.h = h,
			    .node = hash_span(by->node),
			    .now_ms = hub_now_ms(h),
			    .all = true,
			    .fn = by->fn,
			    .user = by->user};
	struct rmg_err err;

	if (hub_read_lock(h, &x.w, NULL, &err) != RMG_OK)
		return;
	pthread_mutex_lock(&h->tagging);
	if (tag_asks_of(h)) {
		tag_plan(&x);
		offer_all(&x);
	}
	pthread_mutex_unlock(&h->tagging);
	hub_read_unlock(h);
}

void hub_tag_asked(struct hub *h, struct span ref, int64_t *told_ms, char *why, size_t why_bytes)
{
	const struct tag_ask *a;

	pthread_mutex_lock(&h->tagging);
	a = tag_ask_find(h->tag_asks, ref);
	*told_ms = a ? a->told_ms : 0;
	snprintf(why, why_bytes, "%s", a && a->why ? a->why : "");
	pthread_mutex_unlock(&h->tagging);
}
