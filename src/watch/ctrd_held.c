/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/ctrd_held.h"

#include "base/hash.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "format/json.h"

static uint64_t key_of(struct span ns, struct span id)
{
	return hash_mix(hash_span(ns) * 3 + hash_span(id));
}

static void free_held(struct held *h)
{
	if (h)
		arena_done(&h->arena);
	free(h);
}

void held_clear(struct held_table *t)
{
	VEC_EACH (h, &t->all)
		free_held(*h);
	t->all.n = 0;
	map_clear(&t->by_id);
}

void held_done(struct held_table *t)
{
	held_clear(t);
	VEC_DONE(&t->all);
	map_done(&t->by_id);
}

static uint32_t index_of(const struct held_table *t, struct span ns, struct span id)
{
	size_t at = 0;
	uint32_t i;

	while ((i = map_next(&t->by_id, key_of(ns, id), &at)) != MAP_NONE)
		if (span_is(t->all.v[i]->ns, ns) && span_is(t->all.v[i]->c.id, id))
			break;
	return i;
}

struct held *held_find(const struct held_table *t, struct span ns, struct span id)
{
	uint32_t i = index_of(t, ns, id);

	return i == MAP_NONE ? NULL : t->all.v[i];
}

static struct span label(const struct held *h, const char *key)
{
	for (size_t i = 0; i < h->c.n_labels; i++)
		if (span_is(h->c.labels[i].key, span_cstr(key)))
			return h->c.labels[i].value;
	return (struct span){0};
}

/* What the CRI was asked for stands among the annotations; the image that it found may go by any of
 * its names. */
static struct span asked_for(struct held *h, struct span spec)
{
	struct json_doc doc = {0};
	struct span name = {0};

	if (label(h, "io.kubernetes.pod.name").n &&
	    json_parse(&doc, spec, LIMIT_JSON_BYTES, NULL) == RMG_OK) {
		name =
		    json_get_str(json_get(doc.root, "annotations"), "io.kubernetes.cri.image-name");
		if (name.n > LIMIT_TEXT_BYTES || !utf8_is_clean(name))
			name = (struct span){0};
		name = arena_dup(&h->arena, name);
	}
	json_done(&doc);
	return name;
}

/* 64 hexadecimal digits are nobody's idea, and the same nowhere else. */
static bool is_made(struct span id)
{
	uint8_t bytes[32];

	return id.n == 64 && span_unhex(id, bytes, sizeof bytes);
}

static void copy(struct held *h, const struct ctrd_container *c)
{
	struct arena *a = &h->arena;

	h->c = (struct ctrd_container){.id = arena_dup(a, c->id),
				       .image = arena_dup(a, c->image),
				       .snapshotter = arena_dup(a, c->snapshotter),
				       .snapshot_key = arena_dup(a, c->snapshot_key),
				       .created_ms = c->created_ms,
				       .labels = ARENA_ARRAY(a, c->n_labels, struct event_label)};
	for (size_t i = 0; h->c.labels && i < c->n_labels; i++)
		h->c.labels[h->c.n_labels++] = (struct event_label){
		    arena_dup(a, c->labels[i].key), arena_dup(a, c->labels[i].value)};
	h->id = is_made(h->c.id) ? h->c.id : ARENA_JOIN(a, h->ns, S("/"), h->c.id);
	h->name = label(h, "nerdctl/name");
	if (h->name.n == 0 && !is_made(h->c.id))
		h->name = h->c.id;
	h->ref = asked_for(h, c->spec);
	if (h->ref.n == 0)
		h->ref = h->c.image;
}

void held_drop(struct held_table *t, struct held *h)
{
	uint32_t at = index_of(t, h->ns, h->c.id), last = (uint32_t)t->all.n - 1;

	CHECK(at != MAP_NONE);
	map_remove(&t->by_id, key_of(h->ns, h->c.id), at);
	free_held(h);
	t->all.n--;
	if (at == last)
		return;
	h = t->all.v[last];
	t->all.v[at] = h;
	map_remove(&t->by_id, key_of(h->ns, h->c.id), last);
	/* The key was there a moment ago: there is room. */
	CHECK(map_add_another(&t->by_id, key_of(h->ns, h->c.id), at));
}

enum rmg_rc held_put(struct held_table *t, struct span ns, const struct ctrd_container *c,
		     struct held **out, struct rmg_err *err)
{
	struct held *h = calloc(1, sizeof *h), *old = held_find(t, ns, c->id);
	bool good = h != NULL;

	if (good) {
		arena_init(&h->arena, LIMIT_EVENT_BYTES);
		h->ns = arena_dup(&h->arena, ns);
		copy(h, c);
		good = arena_rc(&h->arena) == RMG_OK;
	}
	if (good && old) {
		h->running = old->running;
		h->pid = old->pid;
		h->began_ms = old->began_ms;
		h->told_over = old->told_over;
		held_drop(t, old);
	}
	good = good && VEC_PUSH(&t->all, h);
	if (good && !map_add_another(&t->by_id, key_of(h->ns, h->c.id), (uint32_t)t->all.n - 1)) {
		t->all.n--;
		good = false;
	}
	if (!good) {
		free_held(h);
		return err_set(err, RMG_E_NOMEM, "no memory for a container");
	}
	*out = h;
	return RMG_OK;
}
