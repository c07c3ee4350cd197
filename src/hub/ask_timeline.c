/* SPDX-License-Identifier: Apache-2.0 */
/* ask_timeline.c - what a workload ran, and what was done in its containers: in one order, that of
 * time. */
#include "base/limits.h"
#include "format/json.h"
#include "hub/ask_page.h"

enum { MOST_BYTES = 64 << 20 };

struct moment {
	int64_t at_ms;
	uint64_t nth; /* among those of one time */
	struct span what, text, counts, who;
	struct span node, pod, container; /* "" not of one */
	uint32_t image, from;
};

struct timeline {
	struct page page;
	const struct world *w;
	struct arena arena;
	VEC(struct moment) v;
	struct strbuf text;
	struct rmg_err *err;
};

static enum rmg_rc keep(struct timeline *t, const struct moment *m)
{
	struct moment copy = {
	    .at_ms = MAX_OF(m->at_ms, INT64_C(0)),
	    .nth = t->v.n,
	    .what = arena_dup(&t->arena, m->what),
	    .text = arena_dup(&t->arena, m->text),
	    .counts = arena_dup(&t->arena, m->counts),
	    .who = arena_dup(&t->arena, m->who),
	    .node = arena_dup(&t->arena, m->node),
	    .pod = arena_dup(&t->arena, m->pod),
	    .container = arena_dup(&t->arena, m->container),
	    .image = m->image,
	    .from = m->from,
	};

	if (arena_rc(&t->arena) != RMG_OK || !VEC_PUSH(&t->v, copy))
		return err_set(t->err, RMG_E_LIMIT, "the timeline is too long");
	return RMG_OK;
}

/* "REPOSITORY NAME", as lineage.c has it. */
static struct span name_of_line(struct span line)
{
	size_t at = span_rchr(line, ' ');

	return at == SIZE_MAX ? (struct span){0} : span_from(line, at + 1);
}

static enum rmg_rc keep_step(void *user, const struct lineage_row *row)
{
	struct moment m = {.at_ms = row->at_ms,
			   .what = row->what,
			   .text = row->text,
			   .counts = row->counts,
			   .image = row->image,
			   .from = row->from};
	struct json_doc doc = {0};
	enum rmg_rc rc;

	if (json_parse(&doc, row->counts, LIMIT_EVENT_BYTES, NULL) == RMG_OK) {
		m.node = json_get_str(doc.root, "node");
		m.pod = json_get_str(doc.root, "pod");
		m.container = json_get_str(doc.root, "container");
		/* What is declared is of no pod yet. */
		if (m.container.n == 0)
			m.container = name_of_line(json_get_str(doc.root, "line"));
	}
	rc = keep(user, &m);
	json_done(&doc);
	return rc;
}

/* "package", "file" and "exec" are what drift finds. */
static struct span word_of(struct span kind)
{
	if (span_is(kind, S("entered")) || span_is(kind, S("run")))
		return kind;
	return S("changed");
}

static void put_part(struct strbuf *b, struct span s)
{
	if (s.n == 0)
		return;
	strbuf_puts(b, b->n ? "; " : "");
	strbuf_put(b, s);
}

static enum rmg_rc keep_change(void *user, const struct change_of *of)
{
	struct timeline *t = user;
	const struct event_change *c = &of->row.change;
	struct moment m = {
	    .at_ms = of->row.at_ms,
	    .what = word_of(c->kind),
	    .who = c->who,
	    .pod = of->pod,
	    .container = of->container,
	};

	/* The store may be ahead of memory. */
	if (of->place < t->w->places.n)
		m.node = place_of(t->w, of->place)->node;
	if (of->image < t->w->images.n)
		m.image = of->image;

	strbuf_clear(&t->text);
	put_part(&t->text, c->path);
	put_part(&t->text, c->purl.n ? c->purl : c->was_purl);
	put_part(&t->text, c->text);
	if (strbuf_rc(&t->text) != RMG_OK)
		return err_set(t->err, strbuf_rc(&t->text), "a change is too long");
	m.text = strbuf_span(&t->text);
	return keep(t, &m);
}

static int by_time(const void *a, const void *b)
{
	const struct moment *x = a, *y = b;

	if (x->at_ms != y->at_ms)
		return x->at_ms < y->at_ms ? -1 : 1;
	return x->nth < y->nth ? -1 : x->nth > y->nth;
}

static void put_image(struct timeline *t, const char *key, uint32_t image)
{
	jsonw_put(&t->page.w, key, image ? t->w->images.v[image].digest : (struct span){0});
}

static void put_moment(struct timeline *t, const struct moment *m)
{
	struct jsonw *w = &t->page.w;

	jsonw_object(w);
	put_time(w, "at", m->at_ms);
	jsonw_put(w, "what", m->what);
	put_image(t, "image", m->image);
	put_image(t, "from", m->from);
	jsonw_put(w, "node", m->node);
	jsonw_put(w, "pod", m->pod);
	jsonw_put(w, "container", m->container);
	jsonw_put(w, "text", m->text);
	jsonw_key(w, "counts");
	if (m->counts.n) {
		strbuf_put(w->out, m->counts); /* JSON of our own */
		w->comma = true;
	} else {
		jsonw_null(w);
	}
	jsonw_put(w, "who", m->who);
	jsonw_object_end(w);
}

static void put_all(struct timeline *t)
{
	uint64_t same = 0;

	if (t->v.n)
		qsort(t->v.v, t->v.n, sizeof *t->v.v, by_time);
	for (size_t i = 0; i < t->v.n && !t->page.more; i++) {
		same = i && t->v.v[i - 1].at_ms == t->v.v[i].at_ms ? same + 1 : 0;
		if (page_at(&t->page, (uint64_t)t->v.v[i].at_ms, same))
			put_moment(t, &t->v.v[i]);
	}
}

/* The one that is meant; several that fit are an error that says how to tell them apart. */
static enum rmg_rc workload_asked(const struct world *w, const struct ask *q, uint32_t *out,
				  struct rmg_err *err)
{
	uint32_t found = 0;

	for (uint32_t id = 1; id < w->workloads.n; id++) {
		const struct world_workload *l = &w->workloads.v[id];
		uint32_t id_of = id;

		if (!ask_place(q, place_of(w, l->place)) || !ask_workload(q, w, id))
			continue;
		if (l->of)
			id_of = l->of;
		if (found && found != id_of)
			return err_set(err, RMG_E_ARG,
				       "several workloads are called so: say NAMESPACE/KIND/NAME, "
				       "or the cluster");
		found = id_of;
	}
	if (found == 0)
		return err_set(err, RMG_E_NOTFOUND, "no workload is called so");
	*out = found;
	return RMG_OK;
}

static enum rmg_rc answer(struct timeline *t, struct store *st, const struct ask *q)
{
	uint32_t workload;
	enum rmg_rc rc = workload_asked(t->w, q, &workload, t->err);

	if (rc == RMG_OK)
		rc = store_lineage_each(st, workload, keep_step, t, t->err);
	if (rc == RMG_OK)
		rc = store_change_of_workload(st, workload, keep_change, t, t->err);
	if (rc == RMG_OK)
		put_all(t);
	return rc;
}

enum rmg_rc ask_timeline(struct hub *h, const struct ask *q, struct strbuf *out,
			 struct rmg_err *err)
{
	struct timeline t = {.text = strbuf_of(KIB(64)), .err = err};
	struct store *st;
	enum rmg_rc rc = page_begin(&t.page, q, out, err);

	if (rc != RMG_OK)
		return rc;
	st = hub_store_lock(h, err);
	if (st == NULL)
		return RMG_E_IO;
	rc = hub_read_lock(h, &t.w, NULL, err);
	if (rc != RMG_OK) {
		hub_store_unlock(h);
		return rc;
	}
	arena_init(&t.arena, MOST_BYTES);
	rc = answer(&t, st, q);
	jsonw_array_end(&t.page.w);
	page_end(&t.page, NULL, hub_now_ms(h));
	hub_read_unlock(h);
	hub_store_unlock(h);
	VEC_DONE(&t.v);
	strbuf_done(&t.text);
	arena_done(&t.arena);
	return rc;
}
