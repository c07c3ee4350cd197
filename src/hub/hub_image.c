/* SPDX-License-Identifier: Apache-2.0 */
/* hub_image.c - an inventory becomes an image: rows, names, verdict, and an end to waiting. */
#include "base/err.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "format/jsonw.h"
#include "hub/hub_inside.h"
#include "hub/packed.h"
#include "hub/reading.h"
#include "oci/digest.h"

struct putting {
	struct tx *tx;
	const struct hub_reading *r;
	const struct inventory *inv;
	struct span digests[4]; /* that mean it: configuration, manifest, as asked for, index */
	struct image_row row;
	struct ids components, fresh; /* all, ascending; those that nobody had before */
	struct strbuf packed, about;
	struct span *diff_ids;   /* of its layers */
	char chain[DIGEST_TEXT]; /* of its layers; "" not known */
};

static enum rmg_rc put_component(struct putting *p, const struct component *c, uint32_t os)
{
	struct component_row row = {
	    .os = c->is_os ? os : 0,
	    .is_os = c->is_os,
	    .pkg = c->pkg,
	    .purl = c->purl,
	    .cataloger = c->cataloger,
	};
	bool made;

	if (world_component(p->tx->w, &row, &row.id, &made) != RMG_OK ||
	    !VEC_PUSH(&p->components, row.id) || (made && !VEC_PUSH(&p->fresh, row.id)))
		return tx_no_memory(p->tx);
	return made ? store_component_put(p->tx->st, &row, p->tx->err) : RMG_OK;
}

static enum rmg_rc put_components(struct putting *p, uint32_t os)
{
	enum rmg_rc rc = RMG_OK;

	for (size_t i = 0; i < p->inv->n_components && rc == RMG_OK; i++)
		rc = put_component(p, &p->inv->components[i], os);
	ids_sort(&p->components);
	return rc;
}

/* What is shown and never asked for: layers, base, labels, notes. */

static void put_layers(struct jsonw *w, const struct inventory *inv)
{
	jsonw_key(w, "layers");
	jsonw_array(w);
	for (size_t i = 0; i < inv->n_layers; i++) {
		const struct layer *l = &inv->layers[i];

		jsonw_object(w);
		jsonw_put(w, "digest", l->digest);
		jsonw_put(w, "diff_id", l->diff_id);
		jsonw_put(w, "created_by", l->created_by);
		jsonw_put_u64(w, "size", l->size);
		jsonw_put_cstr(w, "origin", origin_name(l->origin));
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

static void put_notes(struct jsonw *w, const struct inventory *inv)
{
	jsonw_key(w, "notes");
	jsonw_array(w);
	for (size_t i = 0; i < inv->n_notes; i++) {
		const struct note *n = &inv->notes[i].note;

		jsonw_object(w);
		jsonw_put(w, "code", n->code);
		jsonw_put_bool(w, "lost", n->level == NOTE_LOST);
		jsonw_put(w, "path", n->path);
		jsonw_put(w, "text", n->text);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

static void put_base(struct jsonw *w, const struct base_image *b)
{
	jsonw_key(w, "base");
	if (!b->known) {
		jsonw_null(w);
		return;
	}
	jsonw_object(w);
	jsonw_put(w, "name", b->name);
	jsonw_put(w, "digest", b->digest);
	jsonw_put_cstr(w, "how", b->how);
	jsonw_put_u64(w, "layers", b->layers);
	jsonw_object_end(w);
}

static void put_about(const struct putting *p, struct strbuf *out)
{
	struct jsonw w = jsonw_of(out);

	jsonw_object(&w);
	jsonw_put(&w, "revision", p->r->revision);
	jsonw_put(&w, "author", p->inv->author);
	jsonw_put(&w, "index", p->inv->index_digest);
	jsonw_put(&w, "manifest", p->inv->manifest_digest);
	jsonw_put(&w, "config", p->inv->config_digest);
	jsonw_put_cstr(&w, "sandbox", p->inv->sandbox);
	jsonw_put_u64(&w, "unattributed_files", p->inv->unattributed_files);
	jsonw_put_u64(&w, "unattributed_bytes", p->inv->unattributed_bytes);
	put_base(&w, &p->inv->base);
	put_layers(&w, p->inv);
	jsonw_key(&w, "labels");
	jsonw_object(&w);
	for (size_t i = 0; i < p->inv->n_labels; i++) {
		jsonw_key_span(&w, p->inv->labels[i].key);
		jsonw_str(&w, p->inv->labels[i].value);
	}
	jsonw_object_end(&w);
	put_notes(&w, p->inv);
	jsonw_object_end(&w);
}

/* Which image it is. */

static struct span name_of(const struct inventory *inv)
{
	if (inv->config_digest.n)
		return inv->config_digest;
	return inv->manifest_digest.n ? inv->manifest_digest : inv->index_digest;
}

/* What the store would refuse, or an alert could not say. */
static bool is_text(struct span s, size_t max)
{
	return s.n <= max && utf8_is_clean(s);
}

/* Before anything is changed: a transaction that fails has the whole world loaded anew. */
static enum rmg_rc check(struct putting *p, struct rmg_err *err)
{
	const struct hub_reading *r = p->r;

	if (name_of(p->inv).n == 0)
		return err_set(err, RMG_E_ARG, "an inventory of an image without a digest");
	for (size_t i = 0; i < COUNT_OF(p->digests); i++)
		if (!is_text(p->digests[i], LIMIT_STORE_KEY_BYTES))
			return err_set(err, RMG_E_ARG, "a digest of the image is none");
	if (!is_text(r->ref, LIMIT_STORE_KEY_BYTES) ||
	    !is_text(r->read_by, LIMIT_STORE_KEY_BYTES) ||
	    !is_text(p->inv->ref, LIMIT_TEXT_BYTES) || !is_text(r->revision, LIMIT_TEXT_BYTES) ||
	    !is_text(p->inv->platform, LIMIT_TEXT_BYTES))
		return err_set(err, RMG_E_ARG, "a text of the image is too long, or no text");
	put_about(p, &p->about);
	if (strbuf_rc(&p->about) != RMG_OK || p->inv->n_components > LIMIT_MESSAGE_BYTES / 5)
		return err_set(err, RMG_E_LIMIT, "an image has too much to say of itself");
	return RMG_OK;
}

/* The one that a configuration or a manifest names; else one that nobody has read and that was
 * asked for, or that only an index is known of. */
static uint32_t find_image(const struct world *w, const struct span digests[4])
{
	uint32_t id, other;

	for (size_t i = 0; i < 2; i++) {
		id = world_image_of(w, digests[i], 0);
		if (id)
			return id;
	}
	for (size_t i = 2; i < 4; i++)
		for (size_t nth = 0; (other = world_image_of(w, digests[i], nth)) != 0; nth++)
			if (w->images.v[other].read_ms == 0)
				return other;
	return 0;
}

static enum rmg_rc make_image(struct putting *p, uint32_t *id)
{
	struct image_row row = {
	    .digest = name_of(p->inv), .ref = p->inv->ref, .seen_ms = p->tx->now_ms};

	*id = find_image(p->tx->w, p->digests);
	if (*id)
		return RMG_OK;
	return world_image_add(p->tx->w, &row, id) == RMG_OK ? RMG_OK : tx_no_memory(p->tx);
}

static enum rmg_rc put_names(struct putting *p, uint32_t id)
{
	static const char *const kinds[] = {"config", "manifest", "", "index"};
	enum rmg_rc rc = RMG_OK;

	for (size_t i = 0; i < COUNT_OF(kinds) && rc == RMG_OK; i++)
		rc = tx_alias(p->tx, p->digests[i], kinds[i], id);
	return rc;
}

/* Rows. */

static enum rmg_rc put_row(struct putting *p, uint32_t id, uint32_t os)
{
	const struct world_image *i = &p->tx->w->images.v[id];

	ids_pack(p->components.v, p->components.n, &p->packed);
	if (strbuf_rc(&p->packed) != RMG_OK)
		return tx_no_memory(p->tx);
	p->row = (struct image_row){
	    .id = id,
	    .digest = name_of(p->inv),
	    .platform = p->inv->platform,
	    .ref = p->inv->ref.n ? p->inv->ref : i->ref,
	    .os = os,
	    .created_ms = p->r->created_ms,
	    .seen_ms = i->seen_ms,
	    /* Never the same twice: who saw the reading before sees that this is another. */
	    .read_ms = MAX_OF(p->r->taken_ms, i->read_ms + 1),
	    .complete = p->inv->complete,
	    .size_bytes = p->inv->size,
	    .read_by = p->r->read_by,
	    .components = strbuf_span(&p->packed),
	    .about = strbuf_span(&p->about),
	};
	return store_image_put(p->tx->st, &p->row, p->tx->err);
}

static enum rmg_rc judge(struct putting *p, uint32_t id)
{
	struct tx *tx = p->tx;
	struct advdb *db = tx->env.db;
	enum rmg_rc rc = RMG_OK;

	if (db && p->fresh.n)
		rc = judge_components(tx->w, db, p->fresh.v, p->fresh.n, tx->err);
	if (rc == RMG_OK && judge_counts(tx->w, id) != RMG_OK)
		rc = tx_no_memory(tx);
	return rc == RMG_OK ? tx_touch(tx, id) : rc;
}

/* Waiting. */

/* Uses of an image that turned out to be this one. */
static enum rmg_rc adopt_uses(struct tx *tx, uint32_t from, uint32_t to)
{
	uint32_t heads[] = {tx->w->images.v[from].first_use, tx->w->images.v[from].first_cached};
	enum rmg_rc rc = RMG_OK;
	uint32_t next;

	for (size_t i = 0; i < COUNT_OF(heads); i++) {
		for (uint32_t slot = heads[i]; slot && rc == RMG_OK; slot = next) {
			next = tx->w->uses.v[slot].next;
			rc = tx_use_becomes(tx, slot, to);
		}
	}
	return rc;
}

static enum rmg_rc wake_workloads(struct tx *tx, uint32_t image)
{
	struct ids ids = {0};
	uint32_t at = 0, id;
	enum rmg_rc rc = RMG_OK;

	while ((id = world_would_next(tx->w, image, &at)) != 0 && rc == RMG_OK)
		if (!VEC_PUSH(&ids, id))
			rc = tx_no_memory(tx);
	for (size_t i = 0; i < ids.n && rc == RMG_OK; i++)
		rc = tx_workload_anew(tx, ids.v[i]);
	VEC_DONE(&ids);
	return rc;
}

/* Other images that the same digests mean: where nobody has read them, two runtimes called one
 * content by different names; else it is an index, which now means one more. */
enum rmg_rc tx_merge(struct tx *tx, const struct span *digests, size_t n, uint32_t image)
{
	enum rmg_rc rc = RMG_OK;
	uint32_t other;

	for (size_t i = 0; i < n; i++) {
		for (size_t nth = 0; rc == RMG_OK; nth++) {
			other = world_image_of(tx->w, digests[i], nth);
			if (other == 0)
				break;
			if (other == image)
				continue;
			if (tx->w->images.v[other].read_ms == 0)
				rc = adopt_uses(tx, other, image);
			if (rc == RMG_OK)
				rc = wake_workloads(tx, other);
		}
	}
	return rc == RMG_OK ? wake_workloads(tx, image) : rc;
}

/* By what stands on it, and what it stands on, it is known as well. */
static enum rmg_rc put_layers_of(struct putting *p, uint32_t id)
{
	const struct inventory *inv = p->inv;
	enum rmg_rc rc = RMG_OK;

	p->diff_ids = calloc(inv->n_layers + 1, sizeof *p->diff_ids);
	if (p->diff_ids == NULL)
		return tx_no_memory(p->tx);
	for (size_t i = 0; i < inv->n_layers; i++)
		p->diff_ids[i] = inv->layers[i].diff_id;
	if (digest_chain(p->diff_ids, inv->n_layers, p->chain))
		rc = tx_alias(p->tx, span_cstr(p->chain), "chain", id);
	return rc == RMG_OK ? tx_descent_read(p->tx, id, p->diff_ids, inv->n_layers) : rc;
}

static enum rmg_rc tell(struct putting *p, uint32_t id)
{
	struct strbuf *b = &p->tx->text;
	struct jsonw w = jsonw_of(b);

	strbuf_clear(b);
	jsonw_object(&w);
	jsonw_put_u64(&w, "image", id);
	jsonw_put(&w, "digest", name_of(p->inv));
	jsonw_put_array(&w, "digests", p->digests, COUNT_OF(p->digests));
	jsonw_put(&w, "chain", span_cstr(p->chain));
	jsonw_put(&w, "ref", p->row.ref);
	jsonw_put(&w, "tag", p->r->ref);
	jsonw_put_u64(&w, "components", p->components.n);
	jsonw_object_end(&w);
	if (strbuf_rc(b) != RMG_OK)
		return tx_no_memory(p->tx);
	return tx_tell(p->tx, "image", strbuf_span(b));
}

static enum rmg_rc put(struct putting *p)
{
	struct tx *tx = p->tx;
	uint32_t os, id = 0;
	enum rmg_rc rc = tx_os(tx, &p->inv->os, &os);

	if (rc == RMG_OK)
		rc = put_components(p, os);
	if (rc == RMG_OK)
		rc = make_image(p, &id);
	if (rc == RMG_OK)
		rc = put_row(p, id, os);
	if (rc == RMG_OK)
		rc = store_executables_put(tx->st, id, p->inv->executables, p->inv->n_executables,
					   tx->err);
	if (rc == RMG_OK)
		rc = put_names(p, id);
	if (rc == RMG_OK &&
	    world_image_read(tx->w, id, &p->row, p->components.v, p->components.n) != RMG_OK)
		rc = tx_no_memory(tx);
	if (rc == RMG_OK && world_image_revision(tx->w, id, p->r->revision) != RMG_OK)
		rc = tx_no_memory(tx);
	if (rc == RMG_OK)
		rc = judge(p, id);
	if (rc == RMG_OK)
		rc = tx_merge(tx, p->digests, COUNT_OF(p->digests), id);
	if (rc == RMG_OK && p->r->ref.n)
		rc = tx_tag(tx, p->r->ref, name_of(p->inv), p->r->read_by, tx->now_ms);
	if (rc == RMG_OK)
		rc = put_layers_of(p, id);
	if (rc == RMG_OK)
		rc = tell(p, id);
	/* Of what its base is others are told once they know it. */
	return rc == RMG_OK ? tx_base_read(tx, id, p->diff_ids, p->inv->n_layers, &p->inv->base)
			    : rc;
}

/* Another hub leads: the inventory is kept for it. */
static enum rmg_rc put_aside(struct tx *tx, const struct hub_reading *r)
{
	struct strbuf packed = strbuf_of(LIMIT_READING_BYTES);
	struct inbox_row row = {.kind = S("image")};
	enum rmg_rc rc;

	reading_pack(r, &packed);
	row.body = strbuf_span(&packed);
	rc = strbuf_rc(&packed) == RMG_OK
		 ? store_inbox_add(tx->st, &row, tx->err)
		 : err_set(tx->err, strbuf_rc(&packed), "an inventory is too large for the inbox");
	strbuf_done(&packed);
	return rc;
}

static struct putting putting_of(const struct hub_reading *r)
{
	const struct inventory *inv = r->inventory;

	return (struct putting){
	    .r = r,
	    .inv = inv,
	    .digests = {inv->config_digest, inv->manifest_digest, r->asked, inv->index_digest},
	    .packed = strbuf_of(LIMIT_MESSAGE_BYTES),
	    .about = strbuf_of(LIMIT_MESSAGE_BYTES),
	};
}

static void putting_done(struct putting *p)
{
	VEC_DONE(&p->components);
	VEC_DONE(&p->fresh);
	free(p->diff_ids);
	strbuf_done(&p->packed);
	strbuf_done(&p->about);
}

static enum rmg_rc put_in_tx(struct hub *h, struct putting *p, bool *queued, struct rmg_err *err)
{
	struct tx tx;
	enum rmg_rc rc = tx_begin(&tx, h, err);

	if (rc != RMG_OK)
		return rc;
	p->tx = &tx;
	if (queued)
		*queued = !h->leads;
	rc = h->leads ? put(p) : put_aside(&tx, p->r);
	return tx_end(&tx, rc == RMG_OK ? tx_settle(&tx) : rc);
}

enum rmg_rc hub_image_put(struct hub *h, const struct hub_reading *r, bool *queued,
			  struct rmg_err *err)
{
	struct putting p = putting_of(r);
	enum rmg_rc rc = check(&p, err);

	if (rc == RMG_OK)
		rc = put_in_tx(h, &p, queued, err);
	putting_done(&p);
	return rc;
}

enum rmg_rc tx_image_put(struct tx *tx, struct span packed)
{
	struct inventory *inv = NULL;
	struct hub_reading r;
	struct putting p;
	enum rmg_rc rc = reading_unpack(packed, &inv, &r, tx->err);

	if (rc != RMG_OK)
		return rc;
	p = putting_of(&r);
	p.tx = tx;
	rc = check(&p, tx->err);
	if (rc == RMG_OK)
		rc = put(&p);
	putting_done(&p);
	inventory_free(inv);
	return rc;
}

/* What nobody has read. */

struct wish {
	struct hub_wanted w;
	uint32_t uses;
};

struct wishes {
	const struct world *w;
	struct span node; /* that asks */
	struct arena arena;
	VEC(struct wish) v;
};

static void node_of(const struct world *w, uint32_t slot, struct wish *out)
{
	const struct world_use *u = &w->uses.v[slot];

	out->w.node = w->places.v[u->place].place.node;
	out->w.runtime = world_use_runtime(w, u);
	if (out->w.ref.n == 0)
		out->w.ref = world_use_ref(w, u);
}

/* The use that is on the node that asks, and of a runtime that can be asked, else the first; 0:
 * there is none. */
static uint32_t use_there(const struct wishes *x, const struct world_image *i)
{
	const uint32_t heads[] = {i->first_use, i->first_cached};
	const struct world *w = x->w;

	for (size_t k = 0; k < COUNT_OF(heads) && x->node.n; k++)
		for (uint32_t u = heads[k]; u; u = w->uses.v[u].next)
			if (span_is(w->places.v[w->uses.v[u].place].place.node, x->node) &&
			    event_word_of(world_use_runtime(w, &w->uses.v[u])) != WORD_CLUSTER)
				return u;
	return i->first_use ? i->first_use : i->first_cached;
}

static bool keep(struct wishes *x, const struct wish *wish)
{
	struct wish copy = {
	    .w =
		{
		    .ref = arena_dup(&x->arena, wish->w.ref),
		    .digest = arena_dup(&x->arena, wish->w.digest),
		    .runtime = arena_dup(&x->arena, wish->w.runtime),
		    .node = arena_dup(&x->arena, wish->w.node),
		},
	    .uses = wish->uses,
	};

	return VEC_PUSH(&x->v, copy) && arena_rc(&x->arena) == RMG_OK;
}

static bool wish_images(struct wishes *x)
{
	const struct world *w = x->w;

	for (uint32_t id = 1; id < w->images.n; id++) {
		const struct world_image *i = &w->images.v[id];
		struct wish wish = {.w = {.ref = i->ref, .digest = i->digest}};
		uint32_t use;

		if (i->read_ms || (!i->first_use && !i->first_cached && !i->first_would))
			continue;
		wish.uses = i->n_uses * 2 + i->n_cached + (i->first_would != 0);
		use = use_there(x, i);
		if (use)
			node_of(w, use, &wish);
		if (!keep(x, &wish))
			return false;
	}
	return true;
}

/* Uses of which only a reference is known: each reference once. */
static bool wish_refs(struct wishes *x)
{
	const struct world *w = x->w;
	struct map seen = {0};
	bool good = true;

	for (uint32_t slot = w->images.v[0].first_use; slot && good; slot = w->uses.v[slot].next) {
		const struct world_use *u = &w->uses.v[slot];
		struct wish wish = {.uses = 1};
		uint32_t have = (uint32_t)x->v.n;

		/* A text that is kept once has one number. */
		if (u->ref == 0)
			continue;
		good = map_add(&seen, u->ref, (uint32_t)x->v.n, &have);
		if (good && have < x->v.n) {
			x->v.v[have].uses += 2;
			continue;
		}
		node_of(w, slot, &wish);
		good = good && keep(x, &wish);
	}
	map_done(&seen);
	return good;
}

static bool keep_ref(void *user, struct span ref)
{
	const struct wish wish = {.w = {.ref = ref}, .uses = 1};

	return keep(user, &wish);
}

static bool wish_declared(struct wishes *x)
{
	for (uint32_t id = 1; id < x->w->workloads.n; id++)
		if (!world_unmet_refs(x->w, id, keep_ref, x))
			return false;
	return true;
}

static int wish_cmp(const void *a, const void *b)
{
	const struct wish *x = a, *y = b;

	if (x->uses != y->uses)
		return x->uses < y->uses ? 1 : -1;
	return span_cmp(x->w.digest, y->w.digest);
}

enum rmg_rc hub_wanted_each(struct hub *h, struct span node, hub_wanted_fn *fn, void *user,
			    struct rmg_err *err)
{
	struct wishes x = {.node = node};
	bool good;
	enum rmg_rc rc = hub_read_lock(h, &x.w, NULL, err);

	if (rc != RMG_OK)
		return rc;
	arena_init(&x.arena, LIMIT_WORLD_BYTES);
	good = wish_images(&x) && wish_refs(&x) && wish_declared(&x);
	hub_read_unlock(h);
	if (x.v.n)
		qsort(x.v.v, x.v.n, sizeof *x.v.v, wish_cmp);
	for (size_t i = 0; good && i < x.v.n; i++)
		if (!fn(user, &x.v.v[i].w))
			break;
	VEC_DONE(&x.v);
	arena_done(&x.arena);
	return good ? RMG_OK : err_set(err, RMG_E_NOMEM, "no memory for what is wanted");
}
