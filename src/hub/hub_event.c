/* SPDX-License-Identifier: Apache-2.0 */
/* hub_event.c - what one event does. Whatever was said before may be said again. */
#include <stdio.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "hub/hub_inside.h"
#include "hub/lineage.h"
#include "watch/event_json.h"

static enum rmg_rc refuse(struct hub_result *r, const char *why)
{
	r->applied = APPLIED_REFUSED;
	(void)snprintf(r->why, sizeof r->why, "%s", why);
	return RMG_OK;
}

static bool is_text(struct span s)
{
	return s.n <= LIMIT_TEXT_BYTES && utf8_is_clean(s);
}

static bool is_image(const struct event_image *i)
{
	bool good = i->n_digests <= EVENT_DIGESTS && i->n_names <= EVENT_NAMES && is_text(i->ref) &&
		    is_text(i->container) && i->ref.n <= LIMIT_STORE_KEY_BYTES &&
		    is_text(i->parent) && i->way < WAY_COUNT;

	for (size_t k = 0; good && k < i->n_names; k++)
		good = i->names[k].n && is_text(i->names[k]);
	for (size_t k = 0; good && k < i->n_digests; k++)
		good = i->digests[k].n && is_text(i->digests[k]) &&
		       i->digests[k].n <= LIMIT_STORE_KEY_BYTES;
	return good;
}

static bool is_change(const struct event_change *c)
{
	return is_text(c->kind) && is_text(c->path) && is_text(c->sha256) && is_text(c->text) &&
	       is_text(c->purl) && is_text(c->was_purl) && is_text(c->who) && is_text(c->how) &&
	       is_text(c->ancestry);
}

/* What stands in memory must be what the store gives back. */
static bool is_sound(const struct event *e)
{
	const struct span texts[] = {
	    e->place.cluster, e->place.node,     e->place.ns,  e->workload_kind,
	    e->workload_name, e->container_name, e->runtime,   e->revision,
	    e->schedule,      e->scope,          e->container, e->source,
	    e->update,        e->availability,   e->state,     e->pod,
	};
	bool good = e->type < EVENT_COUNT && e->source.n && e->source.n <= LIMIT_STORE_KEY_BYTES &&
		    is_image(&e->image) && is_change(&e->change) && e->n_images <= EVENT_IMAGES &&
		    e->n_before <= EVENT_IMAGES && e->n_labels <= EVENT_LABELS;

	for (size_t i = 0; good && i < COUNT_OF(texts); i++)
		good = is_text(texts[i]);
	for (size_t i = 0; good && i < e->n_images; i++)
		good = is_image(&e->images[i]);
	for (size_t i = 0; good && i < e->n_before; i++)
		good = is_image(&e->before[i]);
	for (size_t i = 0; good && i < e->n_labels; i++)
		good = is_text(e->labels[i].key) && is_text(e->labels[i].value);
	return good;
}

enum rmg_rc tx_tell_event(struct tx *tx, const struct event *e, uint32_t use)
{
	struct strbuf *b = &tx->text;

	if (tx->st == NULL)
		return RMG_OK;
	strbuf_clear(b);
	strbuf_printf(b, "{\"use\":%u,\"image\":%u,\"event\":", use, tx->chosen);
	event_write(e, b);
	if (b->n && b->p[b->n - 1] == '\n')
		b->n--;
	strbuf_putc(b, '}');
	if (strbuf_rc(b) != RMG_OK)
		return err_set(tx->err, strbuf_rc(b), "an event is too long");
	return tx_tell(tx, "event", strbuf_span(b));
}

static int64_t when(const struct tx *tx, const struct event *e)
{
	return e->at_ms ? e->at_ms : tx->now_ms;
}

/* Uses. */

/* Only what has a name is a workload; it is not of a node. */
enum rmg_rc tx_workload_of(struct tx *tx, const struct event *e, uint32_t *id)
{
	struct place place = e->place;
	struct workload_row row = {
	    .kind = e->workload_kind,
	    .name = e->workload_name,
	    .first_ms = when(tx, e),
	    .last_ms = when(tx, e),
	};
	enum rmg_rc rc;
	bool made;

	*id = 0;
	if (e->workload_name.n == 0)
		return RMG_OK;
	place.node = (struct span){0};
	rc = tx_place(tx, &place, &row.place);
	if (rc == RMG_OK &&
	    world_workload(tx->w, row.place, row.kind, row.name, id, &made) != RMG_OK)
		rc = tx_no_memory(tx);
	if (rc != RMG_OK || !made)
		return rc;
	row.id = *id;
	if (world_workload_set(tx->w, *id, &row) != RMG_OK)
		return tx_no_memory(tx);
	if (tx->st == NULL)
		return RMG_OK;
	rc = store_workload_put(tx->st, &row, tx->err);
	return rc == RMG_OK ? lineage_made(tx->h->alerts, &tx->env, *id, tx->err) : rc;
}

static struct span digests_text(struct tx *tx, const struct event_image *i)
{
	strbuf_clear(&tx->text);
	for (size_t k = 0; k < i->n_digests; k++) {
		strbuf_puts(&tx->text, k ? " " : "");
		strbuf_put(&tx->text, i->digests[k]);
	}
	return strbuf_span(&tx->text);
}

/* What fits of what an image is called where it lies. */
static struct span names_text(struct tx *tx, const struct event_image *i)
{
	strbuf_clear(&tx->names);
	for (size_t k = 0; k < i->n_names; k++) {
		if (tx->names.n + i->names[k].n + 1 > LIMIT_TEXT_BYTES)
			break;
		strbuf_puts(&tx->names, k ? " " : "");
		strbuf_put(&tx->names, i->names[k]);
	}
	return strbuf_span(&tx->names);
}

static enum rmg_rc fill_use(struct tx *tx, const struct event *e, uint32_t source, uint32_t image,
			    bool cached, struct use_row *row)
{
	enum rmg_rc rc;

	*row = (struct use_row){
	    .id = tx->use_id ? tx->use_id : tx->w->last_use_id + 1,
	    .image = image,
	    .cached = cached,
	    .container = cached ? e->image.digests[0] : e->container,
	    .name = cached ? names_text(tx, &e->image) : e->container_name,
	    .runtime = e->runtime,
	    .ref = e->image.ref,
	    .source = e->source,
	    .began_ms = when(tx, e),
	    .pod = pod_name(e),
	};
	rc = tx_place(tx, &e->place, &row->place);
	if (rc == RMG_OK && !cached)
		rc = tx_workload_of(tx, e, &row->workload);
	if (rc == RMG_OK && !cached)
		row->workload = workload_stands_for(tx, e, source, row->workload);
	row->digests = digests_text(tx, &e->image);
	return rc;
}

/* The first use of a workload begins, or its last one ends: what it would run is asked of it while
 * it sleeps alone, and alerts about it may be on images that others use, and that it ran before. */
static enum rmg_rc touch_workload(struct tx *tx, uint32_t workload)
{
	const struct alert *x;
	enum rmg_rc rc = tx_touch_would(tx, workload);
	size_t at = 0;

	while (rc == RMG_OK && (x = alerts_of_workload(tx->h->alerts, workload, &at)) != NULL)
		rc = tx_touch(tx, x->image);
	return rc;
}

/* What was changed in a container is no version of its workload. */
static bool is_of_changes(const struct tx *tx, uint32_t slot)
{
	char buf[WORLD_CONTAINER];

	return event_is_changes(world_use_container(&tx->w->uses.v[slot], buf));
}

enum rmg_rc tx_use_begin(struct tx *tx, const struct event *e, uint32_t source, uint32_t image,
			 bool cached)
{
	struct use_row row;
	uint32_t slot;
	enum rmg_rc rc = fill_use(tx, e, source, image, cached, &row);

	if (rc == RMG_OK && tx->st)
		rc = store_use_put(tx->st, &row, tx->err);
	if (rc == RMG_OK && world_use_begin(tx->w, &row, source, &slot) != RMG_OK)
		rc = tx_no_memory(tx);
	if (rc == RMG_OK && tx->st && row.workload && tx->w->workloads.v[row.workload].n_uses == 1)
		rc = touch_workload(tx, row.workload);
	tx->env.begins = &row;
	if (rc == RMG_OK && tx->st && !cached && !event_is_changes(e->container))
		rc = lineage_began(tx->h->alerts, &tx->env, slot, tx->err);
	tx->env.begins = NULL;
	if (rc == RMG_OK)
		rc = tx_touch(tx, image);
	return rc == RMG_OK ? tx_tell_event(tx, e, row.id) : rc;
}

/* A use that is known already, but not what it runs. */
static enum rmg_rc learn_use(struct tx *tx, const struct event *e, uint32_t slot,
			     struct hub_result *r)
{
	uint32_t image, id = tx->w->uses.v[slot].id;
	enum rmg_rc rc = tx_image(tx, &e->image, &image);

	if (rc != RMG_OK)
		return rc;
	r->unknown = image == 0 || tx->w->images.v[image].read_ms == 0;
	if (image == 0) {
		r->applied = APPLIED_KNOWN;
		return RMG_OK;
	}
	rc = tx_use_becomes(tx, slot, image);
	return rc == RMG_OK ? tx_tell_event(tx, e, id) : rc;
}

/* An image that lies where it did, and is called otherwise there. */
static enum rmg_rc rename_use(struct tx *tx, const struct event *e, uint32_t slot,
			      struct hub_result *r)
{
	struct world_use *u = &tx->w->uses.v[slot];
	struct span ref = e->image.ref, name = names_text(tx, &e->image);
	enum rmg_rc rc = RMG_OK;

	if (span_is(world_use_name(tx->w, u), name) && span_is(world_use_ref(tx->w, u), ref))
		return RMG_OK;
	r->applied = APPLIED;
	if (tx->st)
		rc = store_use_name(tx->st, u->id, ref, name, tx->err);
	if (rc == RMG_OK && world_use_rename(tx->w, slot, ref, name) != RMG_OK)
		rc = tx_no_memory(tx);
	return rc == RMG_OK ? tx_tell_event(tx, e, u->id) : rc;
}

static enum rmg_rc know_use(struct tx *tx, const struct event *e, uint32_t slot,
			    struct hub_result *r)
{
	struct world_use *u = &tx->w->uses.v[slot];
	enum rmg_rc rc;

	world_use_hear(tx->w, u);
	if (u->image == 0)
		return learn_use(tx, e, slot, r);
	r->applied = APPLIED_KNOWN;
	r->unknown = tx->w->images.v[u->image].read_ms == 0;
	rc = tx_descent(tx, u->image, &e->image, u->source);
	return rc == RMG_OK && u->cached ? rename_use(tx, e, slot, r) : rc;
}

/* The end of a use that a snapshot did not mention, told as if its source had said so. */
enum rmg_rc tx_end_unheard(struct tx *tx, const struct event *e, uint32_t slot)
{
	const struct world_use *u = &tx->w->uses.v[slot];
	struct strbuf container = strbuf_of(LIMIT_TEXT_BYTES + 1);
	struct event gone = {
	    .type = u->cached ? EVENT_IMAGE_REMOVED : EVENT_USE_ENDED,
	    .source = e->source,
	    .place = tx->w->places.v[u->place].place,
	    .at_ms = when(tx, e),
	};
	char buf[WORLD_CONTAINER];
	uint32_t id = u->id;
	enum rmg_rc rc;

	strbuf_put(&container, world_use_container(u, buf));
	if (u->cached)
		gone.image.digests[gone.image.n_digests++] = strbuf_span(&container);
	else
		gone.container = strbuf_span(&container);
	rc = strbuf_rc(&container) == RMG_OK ? tx_use_end(tx, slot, gone.at_ms) : tx_no_memory(tx);
	if (rc == RMG_OK)
		rc = tx_tell_event(tx, &gone, id);
	strbuf_done(&container);
	return rc;
}

static enum rmg_rc on_use(struct tx *tx, const struct event *e, uint32_t source, bool cached,
			  struct hub_result *r)
{
	uint32_t image, slot;
	enum rmg_rc rc;

	if (cached ? e->image.n_digests == 0 : e->container.n == 0)
		return refuse(r, cached ? "an image without a digest" : "no container is named");
	slot = world_use_of(tx->w, source, cached ? e->image.digests[0] : e->container, cached);
	if (slot) {
		rc = cached ? RMG_OK : tx_pod_again(tx, e, slot);
		return rc == RMG_OK ? know_use(tx, e, slot, r) : rc;
	}
	if (tx->use_id && tx->use_id <= tx->w->last_use_id)
		return RMG_OK; /* following: it has ended in what was loaded */
	rc = tx_image(tx, &e->image, &image);
	if (rc == RMG_OK)
		rc = tx_descent(tx, image, &e->image, source);
	if (rc != RMG_OK)
		return rc;
	r->unknown = image == 0 || tx->w->images.v[image].read_ms == 0;
	return cached ? tx_use_begin(tx, e, source, image, true)
		      : tx_use_meets(tx, e, source, image, r);
}

enum rmg_rc tx_use_end(struct tx *tx, uint32_t slot, int64_t at_ms)
{
	struct world_use *u = &tx->w->uses.v[slot];
	uint32_t image = u->image, id = u->id, workload = u->cached ? 0 : u->workload;
	enum rmg_rc rc = RMG_OK;

	if (tx->st && u->changed)
		rc = tx_changes_over(tx, slot);
	if (rc == RMG_OK && tx->st && !u->cached && !is_of_changes(tx, slot))
		rc = lineage_ended(tx->h->alerts, &tx->env, slot, tx->err);
	if (rc == RMG_OK && tx->st)
		rc = store_use_end(tx->st, id, MAX_OF(at_ms, INT64_C(1)), tx->err);
	if (rc != RMG_OK)
		return rc;
	world_use_end(tx->w, slot);
	if (tx->st && workload && tx->w->workloads.v[workload].n_uses == 0)
		rc = touch_workload(tx, workload);
	return rc == RMG_OK ? tx_touch(tx, image) : rc;
}

/* The container's runtime tells the end first, whoever's word stands; a cluster tells it of nodes
 * that are gone. */
static uint32_t use_that_ends(const struct world *w, const struct event *e, uint32_t source)
{
	uint32_t slot = world_use_of(w, source, e->container, false);

	if (slot || event_is_hearsay(e))
		return slot;
	slot = world_use_elsewhere(w, source, e->container, false);
	/* What two runtimes say alike is each one's own. */
	if (event_word_of(world_use_runtime(w, &w->uses.v[slot])) == event_word_of(e->runtime))
		return 0;
	return event_word_of(world_use_runtime(w, &w->uses.v[slot])) == WORD_HEARSAY ? 0 : slot;
}

static enum rmg_rc on_end(struct tx *tx, const struct event *e, uint32_t source, bool cached,
			  struct hub_result *r)
{
	uint32_t slot = 0, id;
	enum rmg_rc rc;

	if (cached)
		for (size_t i = 0; i < e->image.n_digests && slot == 0; i++)
			slot = world_use_of(tx->w, source, e->image.digests[i], true);
	else
		slot = use_that_ends(tx->w, e, source);
	if (slot == 0) {
		r->applied = APPLIED_KNOWN;
		return RMG_OK;
	}
	id = tx->w->uses.v[slot].id;
	rc = tx_use_end(tx, slot, when(tx, e));
	return rc == RMG_OK ? tx_tell_event(tx, e, id) : rc;
}

static enum rmg_rc on_change(struct tx *tx, const struct event *e, uint32_t source,
			     struct hub_result *r)
{
	uint32_t slot = change_use(tx, e, source);
	enum rmg_rc rc;

	if (slot == 0)
		return refuse(r, "no such container runs");
	rc = tx_change(tx, slot, &e->change, when(tx, e));
	return rc == RMG_OK ? tx_tell_event(tx, e, tx->w->uses.v[slot].id) : rc;
}

/* Snapshots. */

static bool in_scope(const struct event *e, const char *what)
{
	return e->scope.n == 0 || span_is(e->scope, span_cstr(what));
}

static enum rmg_rc end_uses(struct tx *tx, const struct event *e, uint32_t source)
{
	struct world_source *s = &tx->w->sources.v[source];
	enum rmg_rc rc = RMG_OK;
	uint32_t next;

	for (uint32_t slot = s->first_use; slot && rc == RMG_OK; slot = next) {
		const struct world_use *u = &tx->w->uses.v[slot];

		next = u->next_of_source;
		if (!world_use_heard(tx->w, u) && in_scope(e, u->cached ? "images" : "uses"))
			rc = tx_end_unheard(tx, e, slot);
	}
	return rc;
}

static enum rmg_rc end_workloads(struct tx *tx, const struct event *e, uint32_t source)
{
	struct world *w = tx->w;
	enum rmg_rc rc = RMG_OK;

	if (w->sources.v[source].n_declared == 0 || !in_scope(e, "workloads"))
		return RMG_OK;
	for (uint32_t id = 1; id < w->workloads.n && rc == RMG_OK; id++) {
		const struct world_workload *l = &w->workloads.v[id];
		struct event gone = {.type = EVENT_WORKLOAD_REMOVED, .source = e->source};

		if (l->source != source || !l->declared || l->removed_ms ||
		    l->heard == w->sources.v[source].snapshot)
			continue;
		gone.place = w->places.v[l->place].place;
		gone.workload_kind = l->kind;
		gone.workload_name = l->name;
		gone.at_ms = when(tx, e);
		rc = tx_removed(tx, id, gone.at_ms);
		if (rc == RMG_OK)
			rc = tx_tell_event(tx, &gone, 0);
	}
	return rc;
}

static enum rmg_rc end_nodes(struct tx *tx, const struct event *e, uint32_t source)
{
	const struct world_node *n;
	enum rmg_rc rc = RMG_OK;

	while (rc == RMG_OK && (n = tx_node_unheard(tx, source)) != NULL) {
		struct event gone = {.type = EVENT_NODE_REMOVED,
				     .source = e->source,
				     .place = tx->w->places.v[n->place].place,
				     .container = n->id,
				     .at_ms = when(tx, e)};

		(void)tx_node_removed(tx, &gone, source);
		rc = tx_tell_event(tx, &gone, 0);
	}
	return rc;
}

static enum rmg_rc snapshot_began(struct tx *tx, uint32_t source)
{
	struct world_source *s = &tx->w->sources.v[source];

	s->snapshot++;
	s->in_snapshot = true;
	s->wants_snapshot = false;
	return RMG_OK;
}

/* An end without its begin says nothing of what was not mentioned: this hub was started between. */
static enum rmg_rc snapshot_ended(struct tx *tx, const struct event *e, uint32_t source,
				  struct hub_result *r)
{
	struct world_source *s = &tx->w->sources.v[source];
	enum rmg_rc rc;

	if (!s->in_snapshot || s->wants_snapshot) {
		r->resync = s->wants_snapshot = true;
		return RMG_OK;
	}
	rc = end_uses(tx, e, source);
	if (rc == RMG_OK)
		rc = end_workloads(tx, e, source);
	if (rc == RMG_OK && e->scope.n == 0)
		rc = end_nodes(tx, e, source);
	if (rc == RMG_OK && span_is(e->scope, S("tags")) && span_ends(e->source, S(EVENT_TAGS)))
		rc = tx_tags_unheard(tx, e, source);
	tx->w->sources.v[source].in_snapshot = false;
	return rc;
}

static enum rmg_rc on_workload(struct tx *tx, const struct event *e, struct hub_result *r)
{
	uint32_t id;
	enum rmg_rc rc;

	if (e->workload_name.n == 0)
		return refuse(r, "a workload without a name");
	if (e->type == EVENT_WORKLOAD_DECLARED) {
		rc = tx_declared(tx, e);
		return rc == RMG_OK ? tx_tell_event(tx, e, 0) : rc;
	}
	id = world_workload_at(tx->w, e->place.cluster, e->place.ns, e->workload_kind,
			       e->workload_name);
	if (id == 0 || !tx->w->workloads.v[id].declared) {
		r->applied = APPLIED_KNOWN;
		return RMG_OK;
	}
	rc = tx_removed(tx, id, when(tx, e));
	return rc == RMG_OK ? tx_tell_event(tx, e, 0) : rc;
}

static enum rmg_rc on_node(struct tx *tx, const struct event *e, uint32_t source,
			   struct hub_result *r)
{
	bool news = true;
	enum rmg_rc rc = RMG_OK;

	if (e->container.n == 0 || e->place.node.n == 0)
		return refuse(r, "a node without an id or a name");
	if (e->type == EVENT_NODE_SEEN)
		rc = tx_node_seen(tx, e, source, &news);
	else
		news = tx_node_removed(tx, e, source);
	if (rc == RMG_OK && !news)
		r->applied = APPLIED_KNOWN;
	return rc == RMG_OK && news ? tx_tell_event(tx, e, 0) : rc;
}

static enum rmg_rc on_said(struct tx *tx, const struct event *e, struct hub_result *r)
{
	bool news;
	enum rmg_rc rc;

	if (e->image.n_digests == 0)
		return refuse(r, "an image without a digest");
	for (size_t i = 0; i < e->n_labels; i++)
		if (e->labels[i].key.n == 0 || e->labels[i].key.n > LIMIT_STORE_KEY_BYTES)
			return refuse(r, "a name that is too long, or none");
	rc = tx_said(tx, e, &news);
	if (rc == RMG_OK && !news)
		r->applied = APPLIED_KNOWN;
	return rc;
}

static enum rmg_rc on_tag(struct tx *tx, const struct event *e, uint32_t source,
			  struct hub_result *r)
{
	bool news = false;
	enum rmg_rc rc;

	if (e->image.ref.n && e->image.n_digests == 0 && e->change.text.n) {
		rc = tx_tag_vanished(tx, e, &news);
		return rc == RMG_OK && news ? tx_tell_event(tx, e, 0) : rc;
	}
	if (e->image.ref.n == 0 || e->image.n_digests == 0)
		return refuse(r, "a tag without a reference or a digest");
	rc = tx_tag_said(tx, e, &news);
	if (rc == RMG_OK)
		tx_tag_heard(tx, e->image.ref, source);
	return rc == RMG_OK && news ? tx_tell_event(tx, e, 0) : rc;
}

static enum rmg_rc dispatch(struct tx *tx, const struct event *e, uint32_t source,
			    struct hub_result *r)
{
	enum rmg_rc rc;

	switch (e->type) {
	case EVENT_USE_BEGAN:
		return on_use(tx, e, source, false, r);
	case EVENT_USE_ENDED:
		return on_end(tx, e, source, false, r);
	case EVENT_IMAGE_SEEN:
		return on_use(tx, e, source, true, r);
	case EVENT_IMAGE_REMOVED:
		return on_end(tx, e, source, true, r);
	case EVENT_IMAGE_SAID:
		return on_said(tx, e, r);
	case EVENT_TAG_RESOLVED:
		return on_tag(tx, e, source, r);
	case EVENT_WORKLOAD_DECLARED:
	case EVENT_WORKLOAD_REMOVED:
		return on_workload(tx, e, r);
	case EVENT_WORKLOAD_ASKED:
		rc = tx_asked(tx, e);
		return rc == RMG_OK ? tx_tell_event(tx, e, 0) : rc;
	case EVENT_POD_REVIEWED:
		tx_reviewed(tx, e);
		return tx_tell_event(tx, e, 0);
	case EVENT_POD_UNREVIEWED:
		return tx->st ? tx_unreviewed(tx, e) : RMG_OK;
	case EVENT_CONTAINER_CHANGED:
		return on_change(tx, e, source, r);
	case EVENT_NODE_SEEN:
	case EVENT_NODE_REMOVED:
		return on_node(tx, e, source, r);
	case EVENT_SNAPSHOT_BEGAN:
		return snapshot_began(tx, source);
	case EVENT_SNAPSHOT_ENDED:
		return snapshot_ended(tx, e, source, r);
	case EVENT_HEARTBEAT:
		return tx_heartbeat(tx, e, source);
	case EVENT_COUNT:
		break;
	}
	return RMG_OK;
}

static enum rmg_rc source_of(struct tx *tx, const struct event *e, uint32_t *id, bool *made)
{
	uint32_t place;
	enum rmg_rc rc = RMG_OK;

	if (world_source(tx->w, e->source, id, made) != RMG_OK)
		return tx_no_memory(tx);
	if (*made) {
		rc = tx_place(tx, &e->place, &place);
		if (rc == RMG_OK)
			tx->w->sources.v[*id].place = place;
	}
	return rc;
}

enum rmg_rc tx_event(struct tx *tx, const struct event *e, struct hub_result *r)
{
	uint32_t source;
	bool made;
	enum rmg_rc rc = source_of(tx, e, &source, &made);

	tx->chosen = 0;
	return rc == RMG_OK ? dispatch(tx, e, source, r) : rc;
}

/* Whether something between the last event and this one is missing. A snapshot makes it good. */
static bool has_gap(const struct world_source *s, const struct event *e, bool made)
{
	if (e->epoch == s->epoch && !made)
		return e->seq != s->seq + 1;
	return !(made && e->seq <= 1);
}

static bool was_seen(const struct world_source *s, const struct event *e, bool made)
{
	return !made && (e->epoch < s->epoch || (e->epoch == s->epoch && e->seq <= s->seq));
}

/* What is in no store is not known to a hub that was started since. */
static bool tells_nodes(struct span source)
{
	return span_has(source, S("/" EVENT_HEARSAY));
}

enum rmg_rc tx_event_in_order(struct tx *tx, const struct event *e, struct hub_result *r)
{
	bool ordered = e->epoch || e->seq, made;
	struct world_source *s;
	uint32_t source;
	enum rmg_rc rc;

	if (!is_sound(e))
		return refuse(r, "a text that is too long, or no text");
	rc = source_of(tx, e, &source, &made);
	if (rc == RMG_OK && !VEC_PUSH(&tx->sources, source))
		rc = tx_no_memory(tx);
	if (rc != RMG_OK)
		return rc;
	s = &tx->w->sources.v[source];
	s->heard_ms = tx->now_ms;
	if (ordered && was_seen(s, e, made)) {
		r->applied = APPLIED_KNOWN;
		return RMG_OK;
	}
	if (ordered) {
		if (e->type != EVENT_SNAPSHOT_BEGAN &&
		    (has_gap(s, e, made) || (s->snapshot == 0 && tells_nodes(e->source))))
			s->wants_snapshot = true;
		s->epoch = e->epoch;
		s->seq = e->seq;
	}
	tx->chosen = 0;
	rc = dispatch(tx, e, source, r);
	r->resync = tx->w->sources.v[source].wants_snapshot;
	return rc;
}
