/* SPDX-License-Identifier: Apache-2.0 */
/* hub_workload.c - what is declared, what references mean, and who waited to know. */
#include "base/err.h"
#include "base/hash.h"
#include "base/limits.h"
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

/* Digests that nobody knows are images that somebody should read. */
static enum rmg_rc meet_images(struct tx *tx, const struct event *e)
{
	enum rmg_rc rc = RMG_OK;
	uint32_t image;

	for (size_t i = 0; i < e->n_images && rc == RMG_OK; i++)
		rc = tx_image(tx, &e->images[i], &image);
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
	return rc == RMG_OK ? tx_workload_anew(tx, row.id) : rc;
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
	};
	enum rmg_rc rc = tx_touch_would(tx, id);

	if (rc == RMG_OK)
		rc = put_workload(tx, &row);
	return rc == RMG_OK ? tx_workload_anew(tx, id) : rc;
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
			if (span_is(text_span(tx->w->uses.v[slot].ref), ref))
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

	if (rc == RMG_OK && tx->st && was.n)
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
	if (tag && span_is(was, digest))
		row.first_ms = tx->w->tags.v[tag].since_ms;
	else if (tag)
		row.first_ms = MAX_OF(at_ms, tx->w->tags.v[tag].since_ms + 1);
	row.last_ms = MAX_OF(row.last_ms, row.first_ms);
	if (tx->st)
		rc = store_tag_put(tx->st, &row, tx->err);
	if (rc != RMG_OK)
		return rc;
	if (world_tag(tx->w, &row, &tag, &has_moved) != RMG_OK)
		return tx_no_memory(tx);
	return has_moved ? moved(tx, tag, was) : RMG_OK;
}
