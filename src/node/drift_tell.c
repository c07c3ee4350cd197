/* SPDX-License-Identifier: Apache-2.0 */
#include "node/drift_tell.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "node/drift_diff.h"
#include "node/drift_image.h"

enum { BATCH = 256, SHORT_ID = 12, AGAIN_MS = 2000 };

void drift_tell_init(struct drift_tell *t, struct node *n)
{
	char source[SOURCE_BYTES];

	snprintf(source, sizeof source, "%s/drift", n->name);
	*t = (struct drift_tell){.node = n, .behind = true};
	teller_init(&t->teller, n, span_cstr(source));
}

static enum rmg_rc send(struct drift_tell *t, const struct event *e, size_t n, struct rmg_err *err)
{
	bool resync = false;
	enum rmg_rc rc = teller_say(&t->teller, e, n, &resync, err);

	t->behind |= resync || rc != RMG_OK;
	return rc;
}

/* Findings. */

/* Names in a container are anybody's. */
static struct span clean(struct arena *a, struct span s)
{
	char *copy = arena_cstr(a, span_head(s, LIMIT_TEXT_BYTES));

	if (copy == NULL)
		return (struct span){0};
	for (size_t i = 0; i < s.n && i < LIMIT_TEXT_BYTES; i++)
		if (copy[i] == '\0')
			copy[i] = '?';
	utf8_clean_cstr(copy, strlen(copy) + 1);
	return span_cstr(copy);
}

static struct span hex_of(struct arena *a, const uint8_t sha256[32])
{
	struct strbuf b = strbuf_of(KIB(1));
	struct span s;

	strbuf_hex(&b, sha256, 32);
	s = arena_dup(a, strbuf_span(&b));
	strbuf_done(&b);
	return s;
}

static struct event event_of(const struct drift_tell *t, const struct watched *w,
			     const struct event_change *change)
{
	const struct event *began = &w->container->began;

	return (struct event){
	    .type = EVENT_CONTAINER_CHANGED,
	    .at_ms = node_now_ms(t->node),
	    .place = began->place,
	    .workload_kind = began->workload_kind,
	    .workload_name = began->workload_name,
	    .container = began->container,
	    .container_name = began->container_name,
	    .runtime = began->runtime,
	    .change = *change,
	};
}

static uint64_t key_of(const struct drift_finding *x)
{
	uint64_t h = hash_span(span_cstr(x->kind));

	h = hash_mix(h * 3 + hash_span(x->path));
	h = hash_mix(h * 3 + hash_span(x->purl));
	h = hash_mix(h * 3 + hash_span(x->was_purl));
	return x->hashed ? hash_mix(h * 3 + hash_span(span_of(x->sha256, sizeof x->sha256))) : h;
}

static struct event_change change_of(struct arena *a, const struct drift_finding *x)
{
	return (struct event_change){
	    .kind = span_cstr(x->kind),
	    .path = clean(a, x->path),
	    .sha256 = x->hashed ? hex_of(a, x->sha256) : (struct span){0},
	    .text = clean(a, x->text),
	    .purl = clean(a, x->purl),
	    .was_purl = clean(a, x->was_purl),
	};
}

static enum rmg_rc tell_batch(struct drift_tell *t, struct watched *w,
			      const struct drift_finding *const *v, size_t n, struct rmg_err *err)
{
	struct event *e = calloc(n + 1, sizeof *e);
	struct arena a;
	enum rmg_rc rc;

	arena_init(&a, MIB(16));
	for (size_t i = 0; e && i < n; i++) {
		struct event_change change = change_of(&a, v[i]);

		e[i] = event_of(t, w, &change);
	}
	if (e == NULL || arena_rc(&a) != RMG_OK)
		rc = err_set(err, RMG_E_NOMEM, "no memory for events");
	else
		rc = send(t, e, n, err);
	for (size_t i = 0; rc == RMG_OK && i < n; i++)
		if (!map_set(&w->told, key_of(v[i]), 1))
			break; /* it is told again then, which changes nothing */
	arena_done(&a);
	free(e);
	return rc;
}

static enum rmg_rc tell_left_out(struct drift_tell *t, struct watched *w, size_t n,
				 struct rmg_err *err)
{
	char text[120];
	struct event_change change = {.kind = S("file")};
	struct event e;
	enum rmg_rc rc;

	if (n == 0 || w->told_left_out)
		return RMG_OK;
	snprintf(text, sizeof text, "%zu more files were changed than are told one by one", n);
	change.text = span_cstr(text);
	e = event_of(t, w, &change);
	rc = send(t, &e, 1, err);
	w->told_left_out = rc == RMG_OK;
	return rc;
}

static enum rmg_rc tell_findings(struct drift_tell *t, struct watched *w,
				 const struct drift_found *found, struct rmg_err *err)
{
	const struct drift_finding *batch[BATCH];
	size_t n = 0, left_out = found->left_out;
	enum rmg_rc rc = RMG_OK;

	for (size_t i = 0; i < found->v.n; i++) {
		const struct drift_finding *x = &found->v.v[i];

		if (map_has(&w->told, key_of(x)))
			continue;
		if (w->told.n + n >= LIMIT_DRIFT_FINDINGS) {
			left_out++;
			continue;
		}
		batch[n++] = x;
		if (n < BATCH)
			continue;
		rc = tell_batch(t, w, batch, n, err);
		n = 0;
		if (rc != RMG_OK)
			return rc;
	}
	if (n)
		rc = tell_batch(t, w, batch, n, err);
	return rc == RMG_OK ? tell_left_out(t, w, left_out, err) : rc;
}

/* The second use. */

struct second { /* the texts of its events */
	char id[256], name[300], ref[32];
};

static bool second_of(const struct watched *w, struct second *s)
{
	const struct event *began = &w->container->began;
	struct span name = began->container_name.n ? began->container_name : began->container;

	snprintf(s->ref, sizeof s->ref, "changes:" SPAN_FMT,
		 SPAN_ARG(span_head(began->container, SHORT_ID)));
	snprintf(s->name, sizeof s->name, SPAN_FMT EVENT_CHANGES, SPAN_ARG(span_head(name, 200)));
	return (size_t)snprintf(s->id, sizeof s->id, SPAN_FMT EVENT_CHANGES,
				SPAN_ARG(began->container)) < sizeof s->id;
}

static struct event use_of(struct drift_tell *t, const struct watched *w, const struct second *s,
			   enum event_type type, const char *digest)
{
	struct event e = w->container->began;

	e.type = type;
	e.at_ms = node_now_ms(t->node);
	e.container = span_cstr(s->id);
	e.container_name = span_cstr(s->name);
	e.image = (struct event_image){.ref = span_cstr(s->ref)};
	e.image.digests[0] = span_cstr(digest);
	e.image.n_digests = type == EVENT_USE_BEGAN;
	e.pid = 0;
	return e;
}

/* The old content's use ends, and the new one's begins. What could not be said is said by the
 * snapshot that is due then. */
static enum rmg_rc replace(struct drift_tell *t, struct watched *w, const char *digest,
			   struct rmg_err *err)
{
	struct event e[2];
	struct second s;
	size_t n = 0;
	enum rmg_rc rc;

	if (!second_of(w, &s) || strcmp(w->digest, digest) == 0)
		return RMG_OK;
	if (w->digest[0])
		e[n++] = use_of(t, w, &s, EVENT_USE_ENDED, "");
	if (digest[0])
		e[n++] = use_of(t, w, &s, EVENT_USE_BEGAN, digest);
	rc = send(t, e, n, err);
	memcpy(w->digest, digest, sizeof w->digest);
	w->unsure |= rc != RMG_OK;
	return rc;
}

/* As an image that was read: what its one layer says, then what is in it. */
static enum rmg_rc hand_over(struct drift_tell *t, const struct drift_image *image,
			     struct rmg_err *err)
{
	const struct node_to *to = &t->node->to;
	const struct node_image reading = {.inventory = image->inv,
					   .taken_ms = node_now_ms(t->node)};
	const struct facts *layers[] = {image->facts};
	enum rmg_rc rc = RMG_OK;

	if (to->facts)
		rc = to->facts(to->user, layers, COUNT_OF(layers), err);
	return rc == RMG_OK ? to->image(to->user, &reading, err) : rc;
}

static enum rmg_rc tell_second(struct drift_tell *t, struct watched *w, const struct inventory *now,
			       const struct drift_found *found, struct rmg_err *err)
{
	struct drift_image image;
	struct second s;
	enum rmg_rc rc;

	if (!second_of(w, &s))
		return RMG_OK;
	rc = drift_image_make(now, found, span_cstr(s.ref), &image, err);
	if (rc == RMG_OK && image.inv && strcmp(image.digest, w->digest) != 0)
		rc = hand_over(t, &image, err);
	if (rc == RMG_OK)
		rc = replace(t, w, image.digest, err);
	drift_image_done(&image);
	return rc;
}

void drift_tell_ended(struct drift_tell *t, struct watched *w)
{
	struct rmg_err err = {0};

	if (!t->silent && replace(t, w, "", &err) != RMG_OK)
		t->behind = true;
}

static enum rmg_rc say_again(struct drift_tell *t, struct watched *w, struct rmg_err *err)
{
	struct second s;
	struct event e[2];
	size_t n = 0;
	enum rmg_rc rc;

	if (w->digest[0] == '\0' || !second_of(w, &s))
		return RMG_OK;
	if (w->unsure)
		e[n++] = use_of(t, w, &s, EVENT_USE_ENDED, "");
	e[n++] = use_of(t, w, &s, EVENT_USE_BEGAN, w->digest);
	rc = send(t, e, n, err);
	w->unsure &= rc != RMG_OK;
	return rc;
}

static enum rmg_rc mark(struct drift_tell *t, enum event_type type, struct rmg_err *err)
{
	struct event e = {
	    .type = type,
	    .place = {.cluster = span_cstr(t->node->cluster), .node = span_cstr(t->node->name)},
	    .at_ms = node_now_ms(t->node)};

	return send(t, &e, 1, err);
}

void drift_tell_all(struct drift_tell *t, struct watched *const *v, size_t n)
{
	struct rmg_err err = {0};
	int64_t now = clock_tick_ms();
	enum rmg_rc rc;

	t->behind |= teller_beat(&t->teller);
	if (!t->behind || now < t->not_before_ms)
		return;
	t->behind = false;
	rc = mark(t, EVENT_SNAPSHOT_BEGAN, &err);
	for (size_t i = 0; i < n && rc == RMG_OK; i++)
		if (v[i])
			rc = say_again(t, v[i], &err);
	if (rc == RMG_OK)
		rc = mark(t, EVENT_SNAPSHOT_ENDED, &err);
	t->not_before_ms = rc == RMG_OK ? 0 : now + AGAIN_MS;
}

/* Judging. */

struct judging {
	struct asked_path *of_image, *of_now;
	struct rmg_inventory *image, *now;
};

static enum rmg_rc read_side(struct drift_tell *t, const struct watched *w, const char *scheme,
			     struct asked_path *asked, size_t n, struct rmg_inventory **out,
			     struct rmg_err *err)
{
	struct rmg_opts opts = node_scan_opts(t->node);
	struct rmg_image *image = NULL;
	char ref[64];
	enum rmg_rc rc;

	snprintf(ref, sizeof ref, "%s:pid=%u", scheme, w->container->pid);
	rc = rmg_image_open(ref, &opts, &image, err);
	if (rc != RMG_OK)
		return rc;
	image_ask(image, asked, n);
	rc = rmg_inventory_take(image, &opts, out, err);
	rmg_image_free(image);
	return rc;
}

static struct asked_path *ask_for(const struct upper_walk *walk)
{
	struct asked_path *v = calloc(walk->changes.n + 1, sizeof *v);

	for (size_t i = 0; v && i < walk->changes.n; i++)
		v[i] = (struct asked_path){walk->changes.v[i].path, NO_COMPONENT};
	return v;
}

static bool hash(void *user, struct span path, uint8_t sha256[32])
{
	const struct watched *w = user;

	return upper_hash(w->upper, path, sha256);
}

static enum rmg_rc judge(struct drift_tell *t, struct watched *w, const struct upper_walk *walk,
			 struct judging *j, struct rmg_err *err)
{
	struct drift_sides sides = {.changes = walk->changes.v,
				    .n_changes = walk->changes.n,
				    .image_owners = j->of_image,
				    .now_owners = j->of_now,
				    .hash = hash,
				    .user = w};
	struct drift_found found;
	enum rmg_rc rc;

	rc = read_side(t, w, "container-image", j->of_image, walk->changes.n, &j->image, err);
	if (rc == RMG_OK)
		rc = read_side(t, w, "container", j->of_now, walk->changes.n, &j->now, err);
	w->unsettled = rc == RMG_OK && !t->settled(t->user, w, walk);
	if (rc != RMG_OK || w->unsettled)
		return rc;
	sides.image = j->image->inv;
	sides.now = j->now->inv;
	rc = drift_diff(&sides, &found, err);
	if (rc != RMG_OK)
		return rc;
	rc = tell_findings(t, w, &found, err);
	if (rc == RMG_OK)
		rc = tell_second(t, w, sides.now, &found, err);
	drift_found_done(&found);
	return rc;
}

enum rmg_rc drift_tell_of(struct drift_tell *t, struct watched *w, const struct upper_walk *walk,
			  struct rmg_err *err)
{
	struct judging j = {0};
	enum rmg_rc rc;

	w->unsettled = false;
	if (walk->state == w->state)
		return RMG_OK;
	j.of_image = ask_for(walk);
	j.of_now = ask_for(walk);
	if (j.of_image == NULL || j.of_now == NULL)
		rc = err_set(err, RMG_E_NOMEM, "no memory for what changed in a container");
	else
		rc = judge(t, w, walk, &j, err);
	if (rc == RMG_OK && !w->unsettled)
		w->state = walk->state;
	rmg_inventory_free(j.image);
	rmg_inventory_free(j.now);
	free(j.of_image);
	free(j.of_now);
	return rc;
}
