/* SPDX-License-Identifier: Apache-2.0 */
/* world_use.c - uses on their three lists, and workloads. */
#include "hub/world.h"

#include "hub/world_inside.h"
#include "model/event.h"

struct span world_use_runtime(const struct world *w, const struct world_use *u)
{
	return text_span(w->index->runtime.v[u->runtime]);
}

struct span world_use_name(const struct world *w, const struct world_use *u)
{
	return counted_span(&w->index->names_of_uses, u->name);
}

struct span world_use_ref(const struct world *w, const struct world_use *u)
{
	return text_span(w->index->text.v[u->ref]);
}

/* What a snapshot did not mention is gone at its end. One of 65,536 that come to no end could be
 * taken for another: the next one that does mends it. */
bool world_use_heard(const struct world *w, const struct world_use *u)
{
	return u->heard == (uint16_t)w->sources.v[u->source].snapshot;
}

void world_use_hear(const struct world *w, struct world_use *u)
{
	u->heard = (uint16_t)w->sources.v[u->source].snapshot;
}

/* There are few runtimes; the 256th and later ones have no name. */
static bool runtime_set(struct world *w, struct world_use *u, struct span name)
{
	struct world_index *x = w->index;
	uint32_t id = map_find(&x->runtimes, hash_span(name));

	u->runtime = 0;
	if (name.n == 0)
		return true;
	if (id == MAP_NONE) {
		id = (uint32_t)x->runtime.n;
		if (id > UINT8_MAX)
			return true;
		if (!VEC_PUSH(&x->runtime, world_intern_text(w, name)) ||
		    !map_set(&x->runtimes, hash_span(name), id))
			return false;
	}
	u->runtime = (uint8_t)id;
	return true;
}

bool world_is_everybodys(struct span container)
{
	for (size_t i = 0; i < container.n; i++)
		if (!is_digit(container.p[i]) && (container.p[i] < 'a' || container.p[i] > 'f'))
			return false;
	return container.n == 64;
}

static uint64_t use_hash(uint32_t source, struct span container, bool cached)
{
	if (!cached && world_is_everybodys(container))
		source = 0;
	return hash_two(hash_span(container), source * UINT64_C(2) + cached);
}

uint32_t world_use_of(const struct world *w, uint32_t source, struct span container, bool cached)
{
	uint64_t hash = use_hash(source, container, cached);
	char buf[WORLD_CONTAINER];
	size_t at = 0;
	uint32_t slot;

	while ((slot = map_next(&w->index->uses, hash, &at)) != MAP_NONE) {
		const struct world_use *u = &w->uses.v[slot];

		if (u->source == source && u->cached == cached &&
		    span_is(world_use_container(u, buf), container))
			return slot;
	}
	return 0;
}

static enum event_word word_of(const struct world *w, uint32_t slot)
{
	return event_word_of(world_use_runtime(w, &w->uses.v[slot]));
}

static uint32_t of_other_sources(const struct world *w, uint32_t source, struct span container,
				 bool all)
{
	uint32_t slot = 0;

	for (uint32_t id = 1; slot == 0 && id < w->sources.n; id++)
		if (id != source && (w->sources.v[id].hearsay || all))
			slot = world_use_of(w, id, container, false);
	return slot;
}

uint32_t world_use_elsewhere(const struct world *w, uint32_t source, struct span container,
			     bool all)
{
	char buf[WORLD_CONTAINER];
	uint32_t slot, best = 0;
	size_t at = 0;

	if (!world_is_everybodys(container))
		return of_other_sources(w, source, container, all);
	while ((slot = map_next(&w->index->uses, use_hash(0, container, false), &at)) != MAP_NONE) {
		const struct world_use *u = &w->uses.v[slot];

		if (u->source != source && !u->cached &&
		    span_is(world_use_container(u, buf), container) &&
		    (best == 0 || word_of(w, slot) > word_of(w, best)))
			best = slot;
	}
	return best;
}

/* A list of uses: where its head stands, and which of a use's fields are its links. */
#define LINK(w, head, slot, next, prev)                                                            \
	do {                                                                                       \
		(w)->uses.v[slot].next = (head);                                                   \
		(w)->uses.v[slot].prev = 0;                                                        \
		if (head)                                                                          \
			(w)->uses.v[head].prev = (slot);                                           \
		(head) = (slot);                                                                   \
	} while (0)
#define UNLINK(w, head, slot, next, prev)                                                          \
	do {                                                                                       \
		const struct world_use *gone = &(w)->uses.v[slot];                                 \
		if (gone->next)                                                                    \
			(w)->uses.v[gone->next].prev = gone->prev;                                 \
		if (gone->prev)                                                                    \
			(w)->uses.v[gone->prev].next = gone->next;                                 \
		else                                                                               \
			(head) = gone->next;                                                       \
	} while (0)

static void link_image(struct world *w, uint32_t slot)
{
	struct world_use *u = &w->uses.v[slot];
	struct world_image *i = &w->images.v[u->image];

	if (u->cached) {
		LINK(w, i->first_cached, slot, next, prev);
		i->n_cached++;
	} else {
		LINK(w, i->first_use, slot, next, prev);
		i->n_uses++;
	}
}

static void unlink_image(struct world *w, uint32_t slot)
{
	struct world_use *u = &w->uses.v[slot];
	struct world_image *i = &w->images.v[u->image];

	if (u->cached) {
		UNLINK(w, i->first_cached, slot, next, prev);
		i->n_cached--;
	} else {
		UNLINK(w, i->first_use, slot, next, prev);
		i->n_uses--;
	}
}

/* It stands beside the use that it is about, and is no version of the workload. */
static bool is_of_changes(const struct world_use *u)
{
	char buf[WORLD_CONTAINER];

	return event_is_changes(world_use_container(u, buf));
}

static void link_others(struct world *w, uint32_t slot)
{
	struct world_use *u = &w->uses.v[slot];
	struct world_workload *l = &w->workloads.v[u->workload];

	LINK(w, w->sources.v[u->source].first_use, slot, next_of_source, prev_of_source);
	if (u->cached || u->workload == 0)
		return;
	LINK(w, l->first_use, slot, next_of_workload, prev_of_workload);
	l->n_uses++;
	if (u->image && !is_of_changes(u))
		l->last_image = u->image;
}

static uint32_t take_slot(struct world *w)
{
	uint32_t slot = w->index->free_use;

	if (slot) {
		w->index->free_use = w->uses.v[slot].next;
		return slot;
	}
	return VEC_ADD(&w->uses) ? (uint32_t)(w->uses.n - 1) : 0;
}

enum rmg_rc world_use_begin(struct world *w, const struct use_row *row, uint32_t source,
			    uint32_t *slot)
{
	uint32_t at = take_slot(w);
	struct world_use *u = &w->uses.v[at];

	if (at == 0)
		return RMG_E_NOMEM;
	*u = (struct world_use){
	    .id = row->id,
	    .image = row->image,
	    .workload = row->workload,
	    .place = row->place,
	    .source = source,
	    .began_ms = row->began_ms,
	    .ref = world_intern_id(w, row->ref),
	    .cached = row->cached,
	};
	world_use_hear(w, u);
	if (!use_container_set(u, row->container) ||
	    !counted_take(&w->index->names_of_uses, row->name, &u->name) ||
	    !runtime_set(w, u, row->runtime) ||
	    !map_add_another(&w->index->uses, use_hash(source, row->container, row->cached), at))
		return RMG_E_NOMEM;
	w->sources.v[source].hearsay |= !row->cached && span_is(row->runtime, S(EVENT_HEARSAY));
	link_image(w, at);
	link_others(w, at);
	w->n_uses += !row->cached;
	w->n_cached += row->cached;
	w->last_use_id = MAX_OF(w->last_use_id, row->id);
	*slot = at;
	return arena_rc(&w->arena);
}

void world_use_end(struct world *w, uint32_t slot)
{
	struct world_use *u = &w->uses.v[slot];
	struct world_workload *l = &w->workloads.v[u->workload];
	char buf[WORLD_CONTAINER];

	map_remove(&w->index->uses, use_hash(u->source, world_use_container(u, buf), u->cached),
		   slot);
	unlink_image(w, slot);
	UNLINK(w, w->sources.v[u->source].first_use, slot, next_of_source, prev_of_source);
	if (!u->cached && u->workload) {
		UNLINK(w, l->first_use, slot, next_of_workload, prev_of_workload);
		l->n_uses--;
	}
	w->n_uses -= !u->cached;
	w->n_cached -= u->cached;
	counted_drop(&w->index->names_of_uses, u->name);
	use_container_free(u);
	*u = (struct world_use){.next = w->index->free_use};
	w->index->free_use = slot;
}

enum rmg_rc world_use_rename(struct world *w, uint32_t slot, struct span ref, struct span name)
{
	struct world_use *u = &w->uses.v[slot];
	uint32_t now;

	if (!counted_take(&w->index->names_of_uses, name, &now))
		return RMG_E_NOMEM;
	counted_drop(&w->index->names_of_uses, u->name);
	u->name = now;
	u->ref = world_intern_id(w, ref);
	return arena_rc(&w->arena);
}

void world_use_resolve(struct world *w, uint32_t slot, uint32_t image)
{
	struct world_use *u = &w->uses.v[slot];

	unlink_image(w, slot);
	u->image = image;
	link_image(w, slot);
	if (!u->cached && u->workload && !is_of_changes(u))
		w->workloads.v[u->workload].last_image = image;
}

void world_use_move(struct world *w, uint32_t slot, uint32_t workload)
{
	struct world_use *u = &w->uses.v[slot];
	struct world_workload *from = &w->workloads.v[u->workload], *to = &w->workloads.v[workload];

	if (!u->cached && u->workload) {
		UNLINK(w, from->first_use, slot, next_of_workload, prev_of_workload);
		from->n_uses--;
	}
	u->workload = workload;
	if (u->cached || workload == 0)
		return;
	LINK(w, to->first_use, slot, next_of_workload, prev_of_workload);
	to->n_uses++;
}

bool world_has_runtime(const struct world *w, struct span name)
{
	return map_has(&w->index->runtimes, hash_span(name));
}

/* Workloads. */

static uint64_t workload_hash(uint32_t place, struct span kind, struct span name)
{
	return hash_two(hash_two(hash_span(kind), hash_span(name)), place);
}

uint32_t world_workload_of(const struct world *w, uint32_t place, struct span kind,
			   struct span name)
{
	uint64_t hash = workload_hash(place, kind, name);
	size_t at = 0;
	uint32_t id;

	while ((id = map_next(&w->index->workloads, hash, &at)) != MAP_NONE) {
		const struct world_workload *l = &w->workloads.v[id];

		if (l->place == place && span_is(l->kind, kind) && span_is(l->name, name))
			return id;
	}
	return 0;
}

uint32_t world_workload_at(const struct world *w, struct span cluster, struct span ns,
			   struct span kind, struct span name)
{
	const struct place place = {.cluster = cluster, .ns = ns};
	uint32_t at = world_place_of(w, &place);

	return at ? world_workload_of(w, at, kind, name) : 0;
}

enum rmg_rc world_workload(struct world *w, uint32_t place, struct span kind, struct span name,
			   uint32_t *id, bool *made)
{
	struct world_workload *new;

	*id = world_workload_of(w, place, kind, name);
	*made = *id == 0;
	if (*id)
		return RMG_OK;
	*id = (uint32_t)w->workloads.n;
	new = VEC_ADD(&w->workloads);
	if (new == NULL ||
	    !map_add_another(&w->index->workloads, workload_hash(place, kind, name), *id))
		return RMG_E_NOMEM;
	new->place = place;
	new->kind = world_intern(w, kind);
	new->name = world_intern(w, name);
	return arena_rc(&w->arena);
}

static struct span lay(char **at, struct span s)
{
	struct span out = span_of(*at, s.n);

	if (s.n)
		memcpy(*at, s.p, s.n);
	*at += s.n;
	return out;
}

static bool set_texts(struct world_workload *l, const struct workload_row *row)
{
	char *texts = malloc(row->labels.n + row->images.n + row->schedule.n + 1), *at = texts;

	if (texts == NULL)
		return false;
	l->labels = lay(&at, row->labels);
	l->images = lay(&at, row->images);
	l->schedule = lay(&at, row->schedule);
	free(l->texts);
	l->texts = texts;
	return true;
}

static void count_declared(struct world *w, const struct world_workload *l, uint32_t by)
{
	if (l->declared && l->removed_ms == 0)
		w->sources.v[l->source].n_declared += by;
}

enum rmg_rc world_workload_set(struct world *w, uint32_t id, const struct workload_row *row)
{
	struct world_workload *l = &w->workloads.v[id];
	uint32_t source = 0;
	bool made;
	enum rmg_rc rc = row->source.n ? world_source(w, row->source, &source, &made) : RMG_OK;

	if (rc != RMG_OK)
		return rc;
	if (!set_texts(l, row))
		return RMG_E_NOMEM;
	count_declared(w, l, UINT32_MAX);
	l->source = source;
	l->declared = row->declared;
	l->suspended = row->suspended;
	l->replicas = row->replicas;
	l->first_ms = row->first_ms;
	l->last_ms = row->last_ms;
	l->removed_ms = row->removed_ms;
	l->of = row->of;
	l->heard = w->sources.v[source].snapshot;
	count_declared(w, l, 1);
	return RMG_OK;
}
