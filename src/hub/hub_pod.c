/* SPDX-License-Identifier: Apache-2.0 */
/* hub_pod.c - a cluster says whose each pod is; the runtimes of its nodes know the pod alone. What
 * both tell of one container is one use, and what a node tells of a pod is its workload's.
 *
 * A pod that turns out to be a workload's stands for that one from then on (world_workload.of): it
 * had uses of its own as long as nobody knew better. */
#include "base/err.h"
#include "format/jsonw.h"
#include "hub/hub_inside.h"
#include "hub/lineage.h"

enum {
	LATE_MS =
	    1500, /* what is told later than this may have been told by another, and be over */
	WITHIN_MS = 2000, /* a cluster's times are whole seconds, and told a while later */
	MOST_ROWS = 64,
};

static bool is_pod(const struct event *e)
{
	return span_is(e->workload_kind, S("Pod"));
}

struct span pod_name(const struct event *e)
{
	return e->pod.n == 0 && is_pod(e) ? e->workload_name : e->pod;
}

static uint32_t pod_of(const struct tx *tx, const struct event *e)
{
	return pod_name(e).n
		   ? world_workload_at(tx->w, e->place.cluster, e->place.ns, S("Pod"), pod_name(e))
		   : 0;
}

/* What was changed in a container is of its workload, whoever says what. */
uint32_t workload_stands_for(const struct tx *tx, const struct event *e, uint32_t source,
			     uint32_t workload)
{
	struct span base = e->container;
	uint32_t slot;

	if (event_word_of(e->runtime) == WORD_CLUSTER)
		return workload;
	if (event_is_changes(base)) {
		base.n -= sizeof EVENT_CHANGES - 1;
		slot = world_use_of(tx->w, source, base, false);
		if (slot == 0)
			slot = world_use_elsewhere(tx->w, source, base, false);
		if (slot && tx->w->uses.v[slot].workload)
			return tx->w->uses.v[slot].workload;
	}
	return tx->w->workloads.v[workload].of ? tx->w->workloads.v[workload].of : workload;
}

static enum rmg_rc tell(struct tx *tx, uint32_t pod, uint32_t workload)
{
	strbuf_clear(&tx->text);
	strbuf_printf(&tx->text, "{\"pod\":%u,\"is\":%u}", pod, workload);
	return strbuf_rc(&tx->text) == RMG_OK ? tx_tell(tx, "pod", strbuf_span(&tx->text))
					      : tx_no_memory(tx);
}

enum rmg_rc tx_pod_is(struct tx *tx, uint32_t pod, uint32_t workload)
{
	struct world_workload *l = &tx->w->workloads.v[pod];
	enum rmg_rc rc = RMG_OK;

	if (pod == 0 || l->of == workload || workload == pod)
		return RMG_OK;
	while (rc == RMG_OK && workload && l->first_use) {
		rc = tx_touch(tx, tx->w->uses.v[l->first_use].image);
		world_use_move(tx->w, l->first_use, workload);
	}
	l->of = workload;
	if (rc != RMG_OK || tx->st == NULL)
		return rc;
	rc = store_workload_becomes(tx->st, pod, workload, tx->err);
	if (rc == RMG_OK && workload && !alerts_moved(tx->h->alerts, pod, workload))
		rc = tx_no_memory(tx);
	return rc == RMG_OK ? tell(tx, pod, workload) : rc;
}

/* A cluster's word on whose a pod is: another's, or its own. */
static enum rmg_rc is_of(struct tx *tx, const struct event *e, uint32_t workload)
{
	uint32_t pod = pod_of(tx, e);

	if (event_word_of(e->runtime) != WORD_CLUSTER)
		return RMG_OK;
	return tx_pod_is(tx, pod, pod == workload ? 0 : workload);
}

enum rmg_rc tx_pod_again(struct tx *tx, const struct event *e, uint32_t slot)
{
	return tx->st ? is_of(tx, e, tx->w->uses.v[slot].workload) : RMG_OK;
}

/* The node saw it begin, which it does when that happens. */
static enum rmg_rc earlier(struct tx *tx, uint32_t slot, int64_t at_ms)
{
	struct world_use *u = &tx->w->uses.v[slot];
	int64_t was = u->began_ms;
	enum rmg_rc rc;

	if (at_ms <= 0 || at_ms >= was || was - at_ms > WITHIN_MS)
		return RMG_OK;
	u->began_ms = at_ms;
	rc = store_use_began(tx->st, u->id, at_ms, tx->err);
	return rc == RMG_OK ? store_lineage_earlier(tx->st, u->workload, was, at_ms, tx->err) : rc;
}

/* A node tells of a container that its cluster told of before. */
static enum rmg_rc hears_too(struct tx *tx, const struct event *e, uint32_t slot,
			     struct hub_result *r)
{
	uint32_t pod;
	enum rmg_rc rc;

	r->applied = APPLIED_KNOWN;
	if (event_is_hearsay(e) || !is_pod(e))
		return RMG_OK;
	rc = tx_workload_of(tx, e, &pod);
	if (rc == RMG_OK && pod != tx->w->uses.v[slot].workload)
		rc = tx_pod_is(tx, pod, tx->w->uses.v[slot].workload);
	return rc == RMG_OK ? earlier(tx, slot, e->at_ms) : rc;
}

/* It is a new use that has what the other had: its begin, and what was found in it. */
static enum rmg_rc begin_for(struct tx *tx, const struct event *e, uint32_t source, uint32_t image,
			     int64_t began_ms, uint32_t id, uint32_t *slot)
{
	struct event own = *e;
	enum rmg_rc rc;

	own.at_ms = began_ms;
	rc = tx_use_begin(tx, &own, source, image, false);
	if (rc != RMG_OK)
		return rc;
	*slot = world_use_of(tx->w, source, e->container, false);
	rc = store_use_take_over(tx->st, id, tx->w->uses.v[*slot].id, tx->err);
	return rc == RMG_OK ? is_of(tx, e, tx->w->uses.v[*slot].workload) : rc;
}

/* A cluster tells of a container that a node told of before. What the node's was has not ended. */
static enum rmg_rc take_over(struct tx *tx, const struct event *e, uint32_t source, uint32_t image,
			     uint32_t other)
{
	const struct world_use was = tx->w->uses.v[other];
	struct event gone = {.at_ms = e->at_ms, .source = tx->w->sources.v[was.source].name};
	uint32_t slot = 0;
	enum rmg_rc rc;

	/* Else it would run beside itself. */
	world_use_move(tx->w, other, 0);
	tx->w->uses.v[other].changed = false;
	rc = begin_for(tx, e, source, image ? image : was.image, was.began_ms, was.id, &slot);
	if (rc == RMG_OK)
		tx->w->uses.v[slot].changed |= was.changed;
	return rc == RMG_OK ? tx_end_unheard(tx, &gone, other) : rc;
}

/* Uses that have ended. */

struct over {
	struct span container;
	size_t left;
	uint32_t id;
	int64_t began_ms, ended_ms;
};

static enum rmg_rc look(void *user, const struct use_row *row)
{
	struct over *o = user;

	if (row->ended_ms && !row->cached && span_is(row->container, o->container)) {
		o->id = row->id;
		o->began_ms = row->began_ms;
		o->ended_ms = row->ended_ms;
		return RMG_E_STOPPED;
	}
	return --o->left ? RMG_OK : RMG_E_STOPPED;
}

static enum rmg_rc find_over(struct tx *tx, uint32_t workload, struct over *o)
{
	o->left = MOST_ROWS;
	return workload && o->id == 0 ? store_use_of_workload(tx->st, workload, look, o, tx->err)
				      : RMG_OK;
}

/* A container that began and ended before its cluster told of it: a node has told of both. */
static enum rmg_rc begin_over(struct tx *tx, const struct event *e, uint32_t source, uint32_t image,
			      const struct over *o)
{
	struct event gone = {.at_ms = o->ended_ms, .source = e->source};
	uint32_t slot = 0;
	enum rmg_rc rc = begin_for(tx, e, source, image, o->began_ms, o->id, &slot);

	return rc == RMG_OK ? tx_end_unheard(tx, &gone, slot) : rc;
}

static enum rmg_rc begin_of_cluster(struct tx *tx, const struct event *e, uint32_t source,
				    uint32_t image)
{
	struct over o = {.container = e->container};
	uint32_t pod = pod_of(tx, e);
	enum rmg_rc rc = find_over(tx, pod, &o);

	if (rc == RMG_OK && pod)
		rc = find_over(tx, tx->w->workloads.v[pod].of, &o);
	if (rc != RMG_OK)
		return rc;
	if (o.id)
		return begin_over(tx, e, source, image, &o);
	rc = tx_use_begin(tx, e, source, image, false);
	return rc == RMG_OK
		   ? is_of(tx, e,
			   tx->w->uses.v[world_use_of(tx->w, source, e->container, false)].workload)
		   : rc;
}

/* A node was away, and its cluster has told of it from begin to end. */
static enum rmg_rc is_old_news(struct tx *tx, const struct event *e, bool *old)
{
	*old = false;
	if (!is_pod(e) || e->at_ms <= 0 || tx->now_ms - e->at_ms < LATE_MS ||
	    !world_has_runtime(tx->w, S(EVENT_CLUSTER)))
		return RMG_OK;
	return store_use_ended_since(tx->st, e->container, e->at_ms, old, tx->err);
}

enum rmg_rc tx_use_meets(struct tx *tx, const struct event *e, uint32_t source, uint32_t image,
			 struct hub_result *r)
{
	enum event_word mine = event_word_of(e->runtime), theirs;
	struct event gone = {.at_ms = e->at_ms ? e->at_ms : tx->now_ms};
	bool old = false;
	uint32_t other;
	enum rmg_rc rc = RMG_OK;

	if (tx->st == NULL)
		return tx_use_begin(tx, e, source, image, false);
	other = world_use_elsewhere(tx->w, source, e->container, mine == WORD_HEARSAY);
	theirs = event_word_of(world_use_runtime(tx->w, &tx->w->uses.v[other]));
	if (other && theirs > mine)
		return hears_too(tx, e, other, r);
	if (mine == WORD_CLUSTER && other && theirs == WORD_FIRST_HAND)
		return take_over(tx, e, source, image, other);
	if (mine == WORD_CLUSTER && other == 0)
		return begin_of_cluster(tx, e, source, image);
	if (other == 0)
		rc = is_old_news(tx, e, &old);
	if (old)
		r->applied = APPLIED_KNOWN;
	if (rc != RMG_OK || old)
		return rc;
	rc = tx_use_begin(tx, e, source, image, false);
	if (rc != RMG_OK || other == 0 || (theirs == mine && mine == WORD_FIRST_HAND))
		return rc;
	gone.source = tx->w->sources.v[tx->w->uses.v[other].source].name;
	return tx_end_unheard(tx, &gone, other);
}
