/* SPDX-License-Identifier: Apache-2.0 */
#include "node/drift_image.h"

#include <stdlib.h>

#include "format/sha256.h"
#include "model/merge.h"

void drift_image_done(struct drift_image *i)
{
	inventory_free(i->inv);
	facts_builder_free(i->builder);
	*i = (struct drift_image){0};
}

/* Components in the order of the files that say them. */
struct said {
	const struct component *c;
	struct span path, inner;
};

static int by_path(const void *a, const void *b)
{
	const struct said *x = a, *y = b;
	int order = span_cmp(x->path, y->path);

	return order ? order : span_cmp(x->c->purl, y->c->purl);
}

static struct said said_of(const struct component *c)
{
	struct said s = {.c = c, .path = c->n_paths ? c->paths[0] : (struct span){0}};

	(void)span_cut(s.path, '!', &s.path, &s.inner);
	if (s.path.n == 0)
		s.path = S("unknown");
	return s;
}

static void add_os(struct facts_builder *b, const struct os *os)
{
	const struct fact_os fact = {.path = S("etc/os-release"),
				     .id = os->id,
				     .id_like = os->id_like,
				     .version_id = os->version_id,
				     .codename = os->codename,
				     .name = os->name,
				     .variant_id = os->variant_id,
				     .cpe = os->cpe};

	if (os->id.n == 0)
		return;
	facts_file(b, fact.path, 0);
	facts_os(b, &fact);
}

/* A path that is given twice would mean what it meant last. */
static void add_packages(struct facts_builder *b, const struct said *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct fact_pkg fact = {.pkg = v[i].c->pkg,
					      .cataloger = v[i].c->cataloger,
					      .path = v[i].path,
					      .inner = v[i].inner};

		if (i == 0 || !span_is(v[i].path, v[i - 1].path))
			facts_file(b, v[i].path, 0);
		facts_pkg(b, &fact);
	}
}

static bool hash_all(const struct inventory *now, const struct said *v, size_t n, bool complete,
		     uint8_t out[SHA256_BYTES])
{
	struct sha256 *h = sha256_new();

	if (h == NULL)
		return false;
	sha256_put(h, complete ? S("changes\n") : S("changes, incomplete\n"));
	sha256_put(h, now->os.id);
	sha256_put(h, S(" "));
	sha256_put(h, now->os.version_id);
	for (size_t i = 0; i < n; i++) {
		sha256_put(h, S("\n"));
		sha256_put(h, v[i].c->purl);
		sha256_put(h, S(" "));
		sha256_put(h, v[i].path);
	}
	sha256_end(h, out);
	sha256_free(h);
	return true;
}

/* Doubt about what the container wrote; doubt about its image is told with the image. */
static bool is_of_container(const struct layer_note *n, const struct inventory *now)
{
	return n->layer == NO_LAYER || n->layer + 1 == now->n_layers;
}

static bool is_complete(const struct inventory *now)
{
	for (size_t i = 0; i < now->n_notes; i++)
		if (now->notes[i].note.level == NOTE_LOST && is_of_container(&now->notes[i], now))
			return false;
	return true;
}

static enum rmg_rc merge(struct drift_image *out, const struct inventory *now, struct span ref,
			 struct rmg_err *err)
{
	const struct facts *layers[] = {out->facts};
	struct inventory *inv;
	enum rmg_rc rc;

	if (inventory_new(&out->inv) != RMG_OK)
		return err_set(err, RMG_E_NOMEM, "no memory for what changed in a container");
	inv = out->inv;
	inv->layers = calloc(1, sizeof *inv->layers);
	if (inv->layers == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for what changed in a container");
	inv->n_layers = 1;
	inv->layers[0].digest = arena_dup(&inv->arena, span_cstr(out->digest));
	inv->layers[0].created_by = S("written in the container");
	inv->layers[0].origin = ORIGIN_COMMIT;
	inv->ref = arena_dup(&inv->arena, ref);
	inv->source = S("container");
	inv->manifest_digest = arena_dup(&inv->arena, span_cstr(out->digest));
	inv->platform = arena_dup(&inv->arena, now->platform);
	rc = merge_layers(inv, layers, COUNT_OF(layers), err);
	for (size_t i = 0; rc == RMG_OK && i < now->n_notes; i++)
		if (is_of_container(&now->notes[i], now))
			inventory_note(inv, &now->notes[i].note, NO_LAYER);
	inv->os.eol = arena_dup(&inv->arena, now->os.eol);
	return rc;
}

static enum rmg_rc make(const struct inventory *now, const struct said *v, size_t n,
			struct span ref, struct drift_image *out, struct rmg_err *err)
{
	uint8_t hash[SHA256_BYTES];
	enum rmg_rc rc = facts_builder_new(&out->builder);

	if (rc == RMG_OK) {
		add_os(out->builder, &now->os);
		add_packages(out->builder, v, n);
		rc = facts_done(out->builder, &out->facts);
	}
	if (rc != RMG_OK || !hash_all(now, v, n, is_complete(now), hash))
		return err_set(err, RMG_E_NOMEM, "no memory for what changed in a container");
	digest_text(hash, out->digest);
	memcpy(out->facts->blob_sha256, hash, sizeof hash);
	out->facts->synthetic = true;
	out->facts->compression = S("none");
	return merge(out, now, ref, err);
}

enum rmg_rc drift_image_make(const struct inventory *now, const struct drift_found *found,
			     struct span ref, struct drift_image *out, struct rmg_err *err)
{
	size_t n = found->components.n;
	struct said *v = calloc(n + 1, sizeof *v);
	enum rmg_rc rc = RMG_OK;

	*out = (struct drift_image){0};
	if (v == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for what changed in a container");
	for (size_t i = 0; i < n; i++)
		v[i] = said_of(&now->components[found->components.v[i]]);
	if (n)
		qsort(v, n, sizeof *v, by_path);
	if (n)
		rc = make(now, v, n, ref, out, err);
	free(v);
	return rc;
}
