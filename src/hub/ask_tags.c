/* SPDX-License-Identifier: Apache-2.0 */
/* ask_tags.c - what a reference meant and when, from the store; what runs under it now, from
 * memory. Where a place is asked for, it is of references that something there has. */
#include <stdlib.h>

#include "base/vec.h"
#include "hub/ask_page.h"

enum { STALE_SHOWN = 1000 };

struct tags {
	const struct ask *q;
	const struct world *w;
	struct page page;
	uint64_t n;
	VEC(struct span) there; /* where a place is asked for: its references, ascending */
	VEC(uint32_t) slots;    /* uses under the reference that is asked for, that run now */
	VEC(uint32_t) images;   /* ... and what these are */
};

static bool is_asked(const struct tags *t, const struct world_use *u)
{
	return u->id && ask_place(t->q, place_of(t->w, u->place));
}

static int by_bytes(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return span_cmp(*x, *y);
}

static enum rmg_rc gather_there(struct tags *t, struct rmg_err *err)
{
	size_t n = 0;

	for (uint32_t slot = 1; slot < t->w->uses.n; slot++) {
		const struct world_use *u = &t->w->uses.v[slot];
		struct span ref = world_use_ref(t->w, u);

		if (is_asked(t, u) && ref.n && !VEC_PUSH(&t->there, ref))
			return err_set(err, RMG_E_NOMEM, "no memory for the answer");
	}
	if (t->there.n)
		qsort(t->there.v, t->there.n, sizeof *t->there.v, by_bytes);
	for (size_t i = 0; i < t->there.n; i++)
		if (n == 0 || !span_is(t->there.v[n - 1], t->there.v[i]))
			t->there.v[n++] = t->there.v[i];
	t->there.n = n;
	return RMG_OK;
}

static bool is_there(const struct tags *t, struct span ref)
{
	if (!ask_names_place(t->q))
		return true;
	return t->there.n &&
	       bsearch(&ref, t->there.v, t->there.n, sizeof *t->there.v, by_bytes) != NULL;
}

/* How many uses run what a digest means. */
static uint64_t running(const struct tags *t, struct span digest)
{
	uint64_t n = 0;

	for (size_t i = 0; i < t->slots.n; i++)
		n += world_digest_means(t->w, digest, t->w->uses.v[t->slots.v[i]].image);
	return n;
}

/* Newest first: the place of a row is counted from there. */
static enum rmg_rc next_tag(void *user, const struct tag_row *row)
{
	struct tags *t = user;
	struct jsonw *w = &t->page.w;

	t->n++;
	if (t->page.more)
		return RMG_E_STOPPED;
	if (!is_there(t, row->ref) || !page_at(&t->page, t->n, 0))
		return RMG_OK;
	jsonw_object(w);
	jsonw_put(w, "ref", row->ref);
	jsonw_put(w, "digest", row->digest);
	jsonw_put_bool(w, "gone", row->digest.n == 0);
	put_time(w, "first", row->first_ms);
	put_time(w, "last", row->last_ms);
	jsonw_put(w, "source", row->source);
	if (t->q->ref.n)
		jsonw_put_u64(w, "uses", running(t, row->digest));
	jsonw_object_end(w);
	return RMG_OK;
}

/* What runs now under the reference. */
static enum rmg_rc gather_uses(struct tags *t, struct rmg_err *err)
{
	for (uint32_t slot = 1; slot < t->w->uses.n; slot++) {
		const struct world_use *u = &t->w->uses.v[slot];
		bool seen = false;

		if (u->cached || u->image == 0 || !span_is(world_use_ref(t->w, u), t->q->ref) ||
		    !is_asked(t, u))
			continue;
		for (size_t i = 0; i < t->images.n && !seen; i++)
			seen = t->images.v[i] == u->image;
		if ((!seen && !VEC_PUSH(&t->images, u->image)) || !VEC_PUSH(&t->slots, slot))
			return err_set(err, RMG_E_NOMEM, "no memory for the answer");
	}
	return RMG_OK;
}

/* Uses of what the tag does not mean any more. */
static void put_stale(struct tags *t, struct hub *h)
{
	struct jsonw *w = &t->page.w;
	uint32_t id = world_tag_of(t->w, t->q->ref);
	char why[200];
	int64_t told_ms;

	jsonw_key(w, "stale");
	jsonw_array(w);
	for (size_t i = 0; id && i < t->slots.n && i < STALE_SHOWN; i++) {
		const struct world_use *u = &t->w->uses.v[t->slots.v[i]];

		if (world_tag_means(t->w, &t->w->tags.v[id], u->image) != TAG_OTHER)
			continue;
		jsonw_object(w);
		put_use(w, t->w, u);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
	hub_tag_asked(h, t->q->ref, &told_ms, why, sizeof why);
	put_time(w, "asked", told_ms);
	jsonw_put(w, "trouble", span_cstr(why));
}

/* Contents that run now under one reference; more than one is a skew. */
static void put_skew(struct tags *t)
{
	struct jsonw *w = &t->page.w;

	jsonw_key(w, "running");
	jsonw_array(w);
	for (size_t i = 0; i < t->images.n; i++)
		jsonw_str(w, t->w->images.v[t->images.v[i]].digest);
	jsonw_array_end(w);
	jsonw_put_bool(w, "skew", t->images.n > 1);
}

/* Under both locks. */
static enum rmg_rc answer(struct tags *t, struct hub *h, struct store *st, struct rmg_err *err)
{
	struct span ref = t->q->ref;
	enum rmg_rc rc = ask_names_place(t->q) ? gather_there(t, err) : RMG_OK;

	if (rc == RMG_OK && ref.n)
		rc = gather_uses(t, err);
	if (rc == RMG_OK)
		rc = ref.n ? store_tag_history(st, ref, next_tag, t, err)
			   : store_tag_current_each(st, next_tag, t, err);
	jsonw_array_end(&t->page.w);
	if (rc == RMG_OK && ref.n) {
		put_skew(t);
		put_stale(t, h);
	}
	return rc;
}

enum rmg_rc ask_tags(struct hub *h, const struct ask *q, struct strbuf *out, struct rmg_err *err)
{
	struct tags t = {.q = q};
	struct store *st;
	enum rmg_rc rc = page_begin(&t.page, q, out, err);

	if (rc != RMG_OK)
		return rc;
	st = hub_store_lock(h, err);
	if (st == NULL)
		return RMG_E_IO;
	rc = hub_read_lock(h, &t.w, NULL, err);
	if (rc == RMG_OK) {
		rc = answer(&t, h, st, err);
		hub_read_unlock(h);
	}
	hub_store_unlock(h);
	page_end(&t.page, NULL, hub_now_ms(h));
	VEC_DONE(&t.there);
	VEC_DONE(&t.slots);
	VEC_DONE(&t.images);
	return rc;
}
