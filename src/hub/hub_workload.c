/* SPDX-License-Identifier: Apache-2.0 */
/* hub_workload.c - what is declared, what references mean, and who waited to know. */
#include "base/err.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/rfc3339.h"
#include "format/jsonw.h"
#include "hub/hub_inside.h"
#include "hub/lineage.h"

static void put_labels(const struct event *e, struct strbuf *out)
{
	struct jsonw w = jsonw_of(out);

	jsonw_object(&w);
	for (size_t i = 0; i < e->n_labels; i++) {
		jsonw_key_span(&w, e->labels[i].key);
		jsonw_str(&w, e->labels[i].value);
	}
	jsonw_object_end(&w);
}

static void put_images(const struct event *e, struct strbuf *out)
{
	struct jsonw w = jsonw_of(out);

	jsonw_array(&w);
	for (size_t i = 0; i < e->n_images; i++) {
		jsonw_object(&w);
		jsonw_put(&w, "container", e->images[i].container);
		jsonw_put(&w, "ref", e->images[i].ref);
		jsonw_put_array(&w, "digests", e->images[i].digests, e->images[i].n_digests);
		jsonw_object_end(&w);
	}
	jsonw_array_end(&w);
}

enum rmg_rc tx_touch_would(struct tx *tx, uint32_t id)
{
	const struct world_workload *l = &tx->w->workloads.v[id];
	enum rmg_rc rc = RMG_OK;

	for (uint32_t i = 0; i < l->n_would_run && rc == RMG_OK; i++)
		rc = tx_touch(tx, l->would_run[i]);
	return rc;
}

enum rmg_rc tx_workload_anew(struct tx *tx, uint32_t id)
{
	enum rmg_rc rc = tx_touch_would(tx, id);

	if (rc == RMG_OK) {
		rc = world_workload_resolve(tx->w, id);
		if (rc != RMG_OK)
			return err_set(tx->err, rc, "a workload's images cannot be read");
		rc = tx_touch_would(tx, id);
	}
	return rc;
}

/* The same as it was declared or removed: tags that are gone may be its own now, or were. */
static enum rmg_rc declared_anew(struct tx *tx, uint32_t id)
{
	const struct world_workload *l = &tx->w->workloads.v[id];
	VEC(uint64_t) refs = {0};
	enum rmg_rc rc = RMG_OK;

	for (uint32_t i = 0; i < l->n_refs && rc == RMG_OK; i++)
		if (!VEC_PUSH(&refs, l->refs[i]))
			rc = tx_no_memory(tx);
	if (rc == RMG_OK)
		rc = tx_workload_anew(tx, id);
	if (rc == RMG_OK && tx->st)
		rc = lineage_refs(tx->h->alerts, &tx->env, refs.v, refs.n, tx->err);
	if (rc == RMG_OK && tx->st)
		rc = lineage_refs(tx->h->alerts, &tx->env, l->refs, l->n_refs, tx->err);
	VEC_DONE(&refs);
	return rc;
}

/* Digests that nobody knows are images that somebody should read. */
static enum rmg_rc meet_images(struct tx *tx, const struct event *e)
{
	enum rmg_rc rc = RMG_OK;
	uint32_t image;

	for (size_t i = 0; i < e->n_images && rc == RMG_OK; i++)
		rc = tx_image(tx, &e->images[i], &image);
	for (size_t i = 0; i < e->n_before && rc == RMG_OK; i++)
		rc = tx_image(tx, &e->before[i], &image);
	return rc;
}

static enum rmg_rc put_workload(struct tx *tx, struct workload_row *row)
{
	struct world_workload *l;
	enum rmg_rc rc;
	bool made;

	if (world_workload(tx->w, row->place, row->kind, row->name, &row->id, &made) != RMG_OK)
		return tx_no_memory(tx);
	l = &tx->w->workloads.v[row->id];
	if (!made)
		row->first_ms = l->first_ms;
	row->of = l->of;
	row->last_ms = MAX_OF(row->last_ms, l->last_ms);
	if (world_workload_set(tx->w, row->id, row) != RMG_OK)
		return tx_no_memory(tx);
	row->labels = l->labels; /* what they were may have been l's own */
	row->images = l->images;
	row->schedule = l->schedule;
	if (tx->st == NULL)
		return RMG_OK;
	rc = store_workload_put(tx->st, row, tx->err);
	return rc == RMG_OK && made ? lineage_made(tx->h->alerts, &tx->env, row->id, tx->err) : rc;
}

static enum rmg_rc declare(struct tx *tx, const struct event *e, struct span labels,
			   struct span images)
{
	struct place place = e->place;
	struct workload_row row = {
	    .kind = e->workload_kind,
	    .name = e->workload_name,
	    .declared = true,
	    .suspended = e->suspended,
	    .replicas = e->replicas,
	    .schedule = e->schedule,
	    .labels = labels,
	    .images = images,
	    .source = e->source,
	    .first_ms = e->at_ms ? e->at_ms : tx->now_ms,
	    .last_ms = e->at_ms ? e->at_ms : tx->now_ms,
	};
	enum rmg_rc rc;

	place.node = (struct span){0};
	rc = tx_place(tx, &place, &row.place);
	if (rc == RMG_OK)
		rc = put_workload(tx, &row);
	if (rc == RMG_OK)
		rc = declared_anew(tx, row.id);
	return rc == RMG_OK && tx->st ? lineage_said(tx->h->alerts, &tx->env, row.id, e, tx->err)
				      : rc;
}

enum rmg_rc tx_declared(struct tx *tx, const struct event *e)
{
	struct strbuf labels = strbuf_of(LIMIT_MESSAGE_BYTES);
	struct strbuf images = strbuf_of(LIMIT_MESSAGE_BYTES);
	enum rmg_rc rc = meet_images(tx, e);

	put_labels(e, &labels);
	put_images(e, &images);
	if (rc == RMG_OK && (strbuf_rc(&labels) != RMG_OK || strbuf_rc(&images) != RMG_OK))
		rc = tx_no_memory(tx);
	if (rc == RMG_OK)
		rc = declare(tx, e, strbuf_span(&labels), strbuf_span(&images));
	strbuf_done(&labels);
	strbuf_done(&images);
	return rc;
}

enum rmg_rc tx_asked(struct tx *tx, const struct event *e)
{
	uint32_t id = world_workload_at(tx->w, e->place.cluster, e->place.ns, e->workload_kind,
					e->workload_name);

	/* Of what nobody has heard of nothing ran before. */
	return id && tx->st ? lineage_asked(tx->h->alerts, &tx->env, id, e, tx->err) : RMG_OK;
}

/* What it was is kept: who asks later is told, and uses of it may still run. */
enum rmg_rc tx_removed(struct tx *tx, uint32_t id, int64_t at_ms)
{
	const struct world_workload *l = &tx->w->workloads.v[id];
	struct workload_row row = {
	    .id = id,
	    .place = l->place,
	    .kind = l->kind,
	    .name = l->name,
	    .suspended = l->suspended,
	    .replicas = l->replicas,
	    .source = tx->w->sources.v[l->source].name,
	    .first_ms = l->first_ms,
	    .last_ms = MAX_OF(l->last_ms, at_ms),
	    .removed_ms = MAX_OF(at_ms, INT64_C(1)),
	    .schedule = l->schedule,
	    .labels = l->labels,
	    .images = l->images,
	    .of = l->of,
	};
	enum rmg_rc rc = tx_touch_would(tx, id);

	if (rc == RMG_OK)
		rc = put_workload(tx, &row);
	return rc == RMG_OK ? declared_anew(tx, id) : rc;
}

enum rmg_rc tx_use_becomes(struct tx *tx, uint32_t slot, uint32_t image)
{
	struct world_use *u = &tx->w->uses.v[slot];
	enum rmg_rc rc = tx_touch(tx, u->image);

	if (u->image == image)
		return RMG_OK;
	if (rc == RMG_OK && tx->st)
		rc = store_use_image(tx->st, u->id, image, tx->err);
	if (rc != RMG_OK)
		return rc;
	world_use_resolve(tx->w, slot, image);
	if (tx->st && !u->cached)
		rc = lineage_began(tx->h->alerts, &tx->env, slot, tx->err);
	return rc == RMG_OK ? tx_touch(tx, image) : rc;
}

/* Tags. */

static bool waits_for(const struct world_workload *l, uint64_t ref)
{
	for (uint32_t i = 0; i < l->n_refs; i++)
		if (l->refs[i] == ref)
			return true;
	return false;
}

static enum rmg_rc wake_workloads(struct tx *tx, struct span ref)
{
	uint64_t hash = hash_span(ref);
	enum rmg_rc rc = RMG_OK;

	for (uint32_t id = 1; id < tx->w->workloads.n && rc == RMG_OK; id++)
		if (waits_for(&tx->w->workloads.v[id], hash))
			rc = tx_workload_anew(tx, id);
	return rc;
}

/* Uses of which only the reference is known; those that began before meant what it meant then, but
 * nobody knew: now is the best that can be said. */
static enum rmg_rc wake_uses(struct tx *tx, struct span ref, uint32_t image)
{
	uint32_t heads[] = {tx->w->images.v[0].first_use, tx->w->images.v[0].first_cached};
	enum rmg_rc rc = RMG_OK;
	uint32_t next;

	for (size_t i = 0; i < COUNT_OF(heads); i++) {
		for (uint32_t slot = heads[i]; slot && rc == RMG_OK; slot = next) {
			next = tx->w->uses.v[slot].next;
			if (span_is(world_use_ref(tx->w, &tx->w->uses.v[slot]), ref))
				rc = tx_use_becomes(tx, slot, image);
		}
	}
	return rc;
}

static enum rmg_rc moved(struct tx *tx, uint32_t tag, struct span was)
{
	struct span ref = tx->w->tags.v[tag].ref;
	struct event_image means = {
	    .ref = ref, .digests = {tx->w->tags.v[tag].digest}, .n_digests = 1};
	uint32_t image;
	enum rmg_rc rc = tx_image(tx, &means, &image);

	if (rc == RMG_OK && tx->st && (was.n || tx->w->tags.v[tag].registry))
		rc = lineage_tag(tx->h->alerts, &tx->env, tag, was, tx->err);
	if (rc == RMG_OK)
		rc = wake_uses(tx, ref, image);
	return rc == RMG_OK ? wake_workloads(tx, ref) : rc;
}

enum rmg_rc tx_tag(struct tx *tx, struct span ref, struct span digest, struct span source,
		   int64_t at_ms)
{
	struct tag_row row = {
	    .ref = ref, .digest = digest, .source = source, .first_ms = at_ms, .last_ms = at_ms};
	uint32_t tag = world_tag_of(tx->w, ref);
	struct span was = tag ? tx->w->tags.v[tag].digest : (struct span){0};
	bool has_moved;
	enum rmg_rc rc = RMG_OK;

	/* The newest meaning is the one with the latest begin, also where a clock went back. */
	if (tag && span_is(was, digest) && tx->w->tags.v[tag].gone_ms == 0)
		row.first_ms = tx->w->tags.v[tag].since_ms;
	else if (tag)
		row.first_ms = MAX_OF(
		    at_ms, MAX_OF(tx->w->tags.v[tag].since_ms, tx->w->tags.v[tag].gone_ms) + 1);
	row.last_ms = MAX_OF(row.last_ms, row.first_ms);
	/* A registry's word is one of now, since whenever it is so. */
	if (span_ends(source, S(EVENT_TAGS)))
		row.last_ms = MAX_OF(row.last_ms, tx->now_ms);
	if (tx->st)
		rc = store_tag_put(tx->st, &row, tx->err);
	if (rc != RMG_OK)
		return rc;
	if (world_tag(tx->w, &row, &tag, &has_moved) != RMG_OK)
		return tx_no_memory(tx);
	if (has_moved)
		rc = moved(tx, tag, was);
	else if (tx->st && tx->w->tags.v[tag].registry) /* what else it is may be known since */
		rc = lineage_tag(tx->h->alerts, &tx->env, tag, was, tx->err);
	return rc == RMG_OK ? tx_base_tag(tx, tag) : rc;
}

/* A registry's word on what a tag is made of: digests[1] and [2] are one image's, the others what
 * is of it for other platforms. */
static enum rmg_rc learn_tag(struct tx *tx, const struct event_image *e)
{
	struct event_image one = {.ref = e->ref, .platform = e->platform};
	const char *kind = e->n_digests > 2 ? "index" : "manifest";
	enum rmg_rc rc;
	uint32_t image;

	for (size_t i = 1; i < e->n_digests && i < 3; i++)
		one.digests[one.n_digests++] = e->digests[i];
	rc = tx_image(tx, &one, &image);
	if (rc == RMG_OK)
		rc = tx_alias(tx, e->digests[0], kind, image);
	for (size_t i = 3; i < e->n_digests; i++)
		for (size_t nth = 0; rc == RMG_OK; nth++) {
			image = world_image_of(tx->w, e->digests[i], nth);
			if (image == 0)
				break;
			rc = tx_alias(tx, e->digests[0], kind, image);
		}
	return rc;
}

/* Whether a registry is known to have had what is used under a reference: by its own word, or by
 * where a machine got it. Else it never was there. */
static bool was_there(const struct world *w, const struct world_tag *tag)
{
	uint32_t image;

	if (tag->registry)
		return true;
	for (size_t nth = 0; (image = world_image_of(w, tag->digest, nth)) != 0; nth++)
		if (world_descent_of(w, image)->way == WAY_REGISTRY)
			return true;
	return false;
}

static enum rmg_rc put_vanished(struct tx *tx, uint32_t tag, const struct event *e)
{
	struct world_tag *t = &tx->w->tags.v[tag];
	int64_t at_ms = e->at_ms ? e->at_ms : tx->now_ms;
	struct tag_row row = {.ref = t->ref,
			      .source = e->source,
			      .first_ms = MAX_OF(at_ms, t->since_ms + 1),
			      .last_ms = at_ms};
	bool is_gone = t->gone_ms != 0, moved;
	enum rmg_rc rc = RMG_OK;

	if (is_gone)
		row.first_ms = t->gone_ms;
	row.last_ms = MAX_OF(row.last_ms, row.first_ms);
	if (tx->st)
		rc = store_tag_put(tx->st, &row, tx->err);
	if (rc == RMG_OK && world_tag(tx->w, &row, &tag, &moved) != RMG_OK)
		rc = tx_no_memory(tx);
	if (rc != RMG_OK || tx->st == NULL)
		return rc;
	return is_gone ? lineage_tag(tx->h->alerts, &tx->env, tag, t->digest, tx->err)
		       : lineage_vanished(tx->h->alerts, &tx->env, tag, tx->err);
}

enum rmg_rc tx_tag_vanished(struct tx *tx, const struct event *e, bool *news)
{
	uint32_t tag = world_tag_of(tx->w, e->image.ref);

	*news = tag && span_is(e->change.kind, S(EVENT_VANISHED)) &&
		span_ends(e->source, S(EVENT_TAGS)) && was_there(tx->w, &tx->w->tags.v[tag]);
	return *news ? put_vanished(tx, tag, e) : RMG_OK;
}

void tx_tag_heard(struct tx *tx, struct span ref, uint32_t source)
{
	uint32_t tag = world_tag_of(tx->w, ref);

	if (tag && tx->w->tags.v[tag].said_by == hash_span(tx->w->sources.v[source].name))
		tx->w->tags.v[tag].heard = tx->w->sources.v[source].snapshot;
}

enum rmg_rc tx_tags_unheard(struct tx *tx, const struct event *e, uint32_t source)
{
	const struct world_source *s = &tx->w->sources.v[source];
	struct event gone = {.type = EVENT_TAG_RESOLVED,
			     .source = e->source,
			     .place = e->place,
			     .at_ms = e->at_ms,
			     .change = {.kind = S(EVENT_VANISHED), .text = S("it is not listed")}};
	uint64_t name = hash_span(s->name);
	uint32_t snapshot = s->snapshot;
	enum rmg_rc rc = RMG_OK;

	for (uint32_t i = 1; i < tx->w->tags.n && rc == RMG_OK; i++) {
		const struct world_tag *t = &tx->w->tags.v[i];

		if (!t->registry || t->gone_ms || t->said_by != name || t->heard == snapshot)
			continue;
		gone.image.ref = t->ref;
		rc = put_vanished(tx, i, &gone);
		if (rc == RMG_OK)
			rc = tx_tell_event(tx, &gone, 0);
	}
	return rc;
}

/* What a machine calls an image says less than the registry said not long ago. */
static bool says_less(const struct tx *tx, const struct event *e)
{
	enum { DAY_MS = 86400000 };
	uint32_t id = world_tag_of(tx->w, e->image.ref);

	return id && !span_ends(e->source, S(EVENT_TAGS)) && tx->w->tags.v[id].registry &&
	       (tx->w->tags.v[id].gone_ms || tx->now_ms - tx->w->tags.v[id].checked_ms < DAY_MS);
}

/* What a tag meant before what is known of it. */
struct before {
	struct tag_row row;
	bool known;
};

static enum rmg_rc look_for_before(void *user, const struct tag_row *row)
{
	struct before *b = user;

	b->known |= span_is(row->digest, b->row.digest) && row->first_ms >= b->row.first_ms &&
		    row->first_ms < b->row.last_ms;
	return RMG_OK;
}

/* It changes nothing of what the tag means now. */
static enum rmg_rc meant(struct tx *tx, const struct event *e)
{
	uint32_t tag = world_tag_of(tx->w, e->image.ref);
	struct before b = {.row = {.ref = e->image.ref,
				   .digest = e->image.digests[0],
				   .source = e->source,
				   .first_ms = e->at_ms}};
	enum rmg_rc rc;

	if (tx->st == NULL || !rfc3339_parse(e->change.text, &b.row.last_ms) ||
	    b.row.last_ms <= b.row.first_ms || (tag && tx->w->tags.v[tag].since_ms <= e->at_ms))
		return RMG_OK;
	rc = store_tag_history(tx->st, e->image.ref, look_for_before, &b, tx->err);
	return rc == RMG_OK && !b.known ? store_tag_put(tx->st, &b.row, tx->err) : rc;
}

enum rmg_rc tx_tag_said(struct tx *tx, const struct event *e, bool *taken)
{
	bool registry = span_ends(e->source, S(EVENT_TAGS));
	enum rmg_rc rc = RMG_OK;

	*taken = true;
	if (span_is(e->change.kind, S(EVENT_WAS)))
		return meant(tx, e);
	*taken = tx->st == NULL || !says_less(tx, e);
	if (!*taken)
		return RMG_OK;
	if (registry && e->image.n_digests > 1)
		rc = learn_tag(tx, &e->image);
	return rc == RMG_OK ? tx_tag(tx, e->image.ref, e->image.digests[0], e->source,
				     e->at_ms ? e->at_ms : tx->now_ms)
			    : rc;
}
