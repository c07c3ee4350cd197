/* SPDX-License-Identifier: Apache-2.0 */
/* scan.c - an image to its inventory. */
#include "base/clock.h"
#include "base/limits.h"
#include "box/box.h"
#include "catalog/layer.h"
#include "lib/base_image.h"
#include "lib/deadline.h"
#include "lib/layers.h"
#include "lib/lib.h"
#include "lib/worker_path.h"
#include "model/eol.h"
#include "model/merge.h"
#include "oci/digest.h"

struct rmg_image {
	struct rmg_opts opts; /* stop() is the deadline's */
	struct deadline *deadline;
	char *worker;
	struct catalog_select *select;
	struct source *source;
	char *digest;
	double ms_fetch;
	struct asked_path *asked;
	size_t n_asked;
	bool wants_files;
};

enum rmg_rc lib_wants_new(struct catalog_select **out)
{
	return catalog_select_new(out);
}

bool lib_wants(const struct catalog_select *s, struct span path, uint32_t mode, uint64_t size_bytes,
	       struct span head)
{
	struct cat_file f = {.path = path, .mode = mode, .size = size_bytes, .head = head};

	return layer_wants(s, &f);
}

void lib_wants_free(struct catalog_select *s)
{
	catalog_select_free(s);
}

void image_ask(struct rmg_image *image, struct asked_path *paths, size_t n)
{
	image->asked = paths;
	image->n_asked = n;
}

void image_want_files(struct rmg_image *image)
{
	image->wants_files = true;
}

static bool wanted(void *user, struct span path, uint32_t mode, uint64_t size_bytes,
		   struct span head)
{
	const struct rmg_image *image = user;

	return lib_wants(image->select, path, mode, size_bytes, head);
}

void rmg_image_free(struct rmg_image *image)
{
	if (image == NULL)
		return;
	source_close(image->source);
	catalog_select_free(image->select);
	free(image->worker);
	free(image->deadline);
	free(image->digest);
	free(image);
}

const char *rmg_image_digest(const struct rmg_image *image)
{
	return image->digest;
}

/* Options of an older or newer caller: what it does not have is the default. */
static struct rmg_opts opts_of(const struct rmg_opts *given)
{
	struct rmg_opts opts = RMG_OPTS;

	if (given && given->size)
		memcpy(&opts, given, MIN_OF(given->size, sizeof opts));
	opts.size = sizeof opts;
	return opts;
}

enum rmg_rc rmg_image_open(const char *source, const struct rmg_opts *opts, struct rmg_image **out,
			   struct rmg_err *err)
{
	struct rmg_image *image = calloc(1, sizeof *image);
	struct source_env env;
	enum rmg_rc rc;
	double began = clock_tick_exact_ms();

	if (image == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for an image");
	image->opts = opts_of(opts);
	image->deadline = calloc(1, sizeof *image->deadline);
	if (image->deadline == NULL || catalog_select_new(&image->select) != RMG_OK) {
		rmg_image_free(image);
		return err_set(err, RMG_E_NOMEM, "no memory for an image");
	}
	deadline_init(image->deadline, &image->opts);
	deadline_begin(image->deadline);
	rc = worker_path(image->opts.worker, &image->worker, err);
	image->opts.worker = image->worker;
	env = (struct source_env){
	    .opts = &image->opts, .deadline = image->deadline, .wanted = wanted, .user = image};
	if (rc == RMG_OK)
		rc = source_open(source, &env, &image->source, err);
	if (rc == RMG_OK) {
		struct span d = image->source->manifest_digest;

		image->digest = span_dup(d);
		rc = image->digest ? RMG_OK : err_set(err, RMG_E_NOMEM, "no memory for an image");
	}
	if (rc == RMG_E_STOPPED && deadline_passed(image->deadline))
		rc = deadline_err(image->deadline, "its manifest could not be read", err);
	deadline_pause(image->deadline);
	if (rc != RMG_OK) {
		rmg_image_free(image);
		return rc;
	}
	image->ms_fetch = clock_tick_exact_ms() - began;
	*out = image;
	return RMG_OK;
}

static struct span dup(struct inventory *inv, struct span s)
{
	return arena_dup(&inv->arena, s);
}

static void describe_labels(struct inventory *inv, const struct source *s)
{
	inv->labels = ARENA_ARRAY(&inv->arena, s->config.n_labels, struct label);
	for (size_t i = 0; inv->labels && i < s->config.n_labels; i++) {
		inv->labels[i].key = dup(inv, s->config.labels[i].key);
		inv->labels[i].value = dup(inv, s->config.labels[i].value);
		inv->n_labels++;
	}
}

static void describe_layer(struct inventory *inv, const struct source_layer *l,
			   const struct layer_result *r, struct layer *out)
{
	char digest[DIGEST_TEXT];

	*out = (struct layer){.digest = dup(inv, l->digest),
			      .diff_id = dup(inv, l->diff_id),
			      .media_type = dup(inv, l->media_type),
			      .created = dup(inv, l->created),
			      .created_by = dup(inv, l->created_by),
			      .comment = dup(inv, l->comment),
			      .size = l->size_bytes};
	if (r->facts)
		out->facts = dup(inv, span_cstr(digest_text(r->facts->blob_sha256, digest)));
	if (r->facts == NULL || r->facts->synthetic)
		return;
	out->diff_id_verified = r->facts->has_diff && !r->diff_wrong;
	if (r->facts->has_diff)
		out->diff_id = dup(inv, span_cstr(digest_text(r->facts->diff_sha256, digest)));
	if (l->unpacked && l->digest.n)
		return;
	out->size = r->facts->blob_bytes;
	out->digest = out->facts;
}

static enum rmg_rc describe(struct inventory *inv, const struct source *s,
			    const struct layer_result *layers, struct rmg_err *err)
{
	inv->layers = calloc(s->n_layers + 1, sizeof *inv->layers);
	if (inv->layers == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for %zu layers", s->n_layers);
	inv->n_layers = s->n_layers;
	inv->ref = dup(inv, s->ref);
	inv->source = dup(inv, s->kind);
	inv->index_digest = dup(inv, s->index_digest);
	inv->manifest_digest = dup(inv, s->manifest_digest);
	inv->config_digest = dup(inv, s->config_digest);
	inv->platform = dup(inv, s->platform);
	inv->author = dup(inv, s->config.author);
	describe_labels(inv, s);
	for (size_t i = 0; i < s->n_layers; i++) {
		describe_layer(inv, &s->layers[i], &layers[i], &inv->layers[i]);
		inv->size += inv->layers[i].size;
	}
	return RMG_OK;
}

static struct span layer_code(const struct layer_result *r)
{
	if (r->late)
		return S("time-limit");
	if (r->digest_wrong)
		return S("digest-mismatch");
	return r->why.rc == RMG_E_SANDBOX ? S("worker-died") : S("layer-unreadable");
}

static void layer_notes(struct inventory *inv, const struct layer_result *r, uint32_t i)
{
	if (r->facts == NULL)
		inventory_note(inv,
			       &(struct note){.level = NOTE_LOST,
					      .code = layer_code(r),
					      .cataloger = S("layer"),
					      .text = span_cstr(r->why.msg)},
			       i);
	if (r->diff_wrong)
		inventory_note(
		    inv,
		    &(struct note){.level = NOTE_LOST,
				   .code = S("diff-id-mismatch"),
				   .cataloger = S("layer"),
				   .text = S("the configuration names other content for this "
					     "layer than it has: runtimes refuse such an "
					     "image; what the layer really has is reported")},
		    i);
}

static void other_notes(struct inventory *inv, const struct source *s, const struct cache *cache,
			const struct rmg_opts *opts)
{
	for (size_t i = 0; i < s->notes.n; i++)
		inventory_note(inv, &s->notes.v[i], NO_LAYER);
	if (s->config_digest.n && s->config.n_diff_ids != s->n_layers)
		inventory_note(
		    inv,
		    &(struct note){.level = NOTE_LOST,
				   .code = S("diff-id-count"),
				   .cataloger = S("source"),
				   .text = S("the configuration names another number of layers "
					     "than the manifest: runtimes refuse such an "
					     "image")},
		    NO_LAYER);
	if (cache->trouble.rc != RMG_OK)
		inventory_note(inv,
			       &(struct note){.level = NOTE_WARN,
					      .code = S("cache-unusable"),
					      .cataloger = S("cache"),
					      .text = span_cstr(cache->trouble.msg)},
			       NO_LAYER);
	if (opts->no_sandbox)
		inventory_note(
		    inv,
		    &(struct note){.level = NOTE_WARN,
				   .code = S("no-sandbox"),
				   .cataloger = S("worker"),
				   .text = S("the image was parsed without a sandbox, as asked "
					     "for")},
		    NO_LAYER);
}

/* The weakest level that any layer was read with; from the cache alone, "cache". */
static const char *sandbox_level(struct inventory *inv, const struct layer_result *layers, size_t n)
{
	const char *level = NULL;

	for (size_t i = 0; i < n; i++)
		if (layers[i].level[0] &&
		    (level == NULL || strlen(layers[i].level) < strlen(level)))
			level = layers[i].level;
	return level ? arena_cstr(&inv->arena, span_cstr(level)) : "cache";
}

struct showing {
	lib_facts_fn *fn;
	void *user;
};

static enum rmg_rc merge_facts(const struct source *s, struct cache *cache,
			       const struct layer_result *layers, const struct showing *show,
			       struct rmg_inventory *r, struct rmg_err *err)
{
	const struct facts **facts = calloc(s->n_layers + 1, sizeof *facts);
	struct inventory *inv = r->inv;
	enum rmg_rc rc = RMG_OK;

	if (facts == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for %zu layers", s->n_layers);
	for (size_t i = 0; i < s->n_layers; i++) {
		facts[i] = layers[i].facts;
		layer_notes(inv, &layers[i], (uint32_t)i);
	}
	base_image_find(inv, s, layers, cache);
	if (show->fn)
		rc = show->fn(show->user, facts, s->n_layers, err);
	r->notes_of_facts = inv->n_notes;
	if (rc == RMG_OK)
		rc = merge_layers(inv, facts, s->n_layers, err);
	r->notes_of_facts_end = inv->n_notes;
	free(facts);
	return rc;
}

static enum rmg_rc merge(const struct rmg_image *image, struct cache *cache,
			 const struct layer_result *layers, const struct showing *show,
			 struct rmg_inventory *r, struct rmg_err *err)
{
	const struct source *s = image->source;
	struct inventory *inv = r->inv;
	enum rmg_rc rc = describe(inv, s, layers, err);

	inv->asked = image->asked;
	inv->n_asked = image->n_asked;
	inv->wants_files = image->wants_files;
	if (rc == RMG_OK)
		rc = merge_facts(s, cache, layers, show, r, err);
	if (rc == RMG_OK) {
		inv->os.eol = eol_of(&inv->os);
		inv->sandbox = sandbox_level(inv, layers, s->n_layers);
		other_notes(inv, s, cache, &image->opts);
		if (inv->sandbox == NULL)
			rc = err_set(err, RMG_E_NOMEM, "no memory for the inventory");
	}
	return rc;
}

static const char *level_name(enum note_level level)
{
	return level == NOTE_LOST ? "lost" : level == NOTE_WARN ? "warn" : "info";
}

static void view_pkg(struct rmg_inventory *r, const struct component *c, struct rmg_pkg *out)
{
	struct arena *a = &r->arena;

	*out = (struct rmg_pkg){
	    .purl = lib_text(a, c->purl),
	    .name = lib_text(a, c->pkg.name),
	    .version = lib_text(a, c->pkg.version),
	    .cataloger = lib_text(a, c->cataloger),
	    .path = lib_text(a, c->n_paths ? c->paths[0] : (struct span){0}),
	    .layer = lib_text(a, c->layer < r->inv->n_layers ? r->inv->layers[c->layer].digest
							     : (struct span){0}),
	    .type = lib_text(a, c->pkg.type),
	    .arch = lib_text(a, c->pkg.arch),
	    .source_name = lib_text(a, c->pkg.src_name),
	    .source_version = lib_text(a, c->pkg.src_version),
	    .origin = origin_name(c->origin),
	};
}

static enum rmg_rc make_views(struct rmg_inventory *r, struct rmg_err *err)
{
	const struct inventory *inv = r->inv;

	r->pkgs = ARENA_ARRAY(&r->arena, inv->n_components, struct rmg_pkg);
	r->notes = ARENA_ARRAY(&r->arena, inv->n_notes, struct rmg_note);
	for (size_t i = 0; r->pkgs && i < inv->n_components; i++)
		view_pkg(r, &inv->components[i], &r->pkgs[i]);
	for (size_t i = 0; r->notes && i < inv->n_notes; i++) {
		const struct note *n = &inv->notes[i].note;

		r->notes[i] = (struct rmg_note){
		    .rc = n->level == NOTE_LOST ? RMG_E_FORMAT : RMG_OK,
		    .cataloger = lib_text(&r->arena, n->cataloger),
		    .path = lib_text(&r->arena, n->path),
		    .text = lib_text(&r->arena, n->text),
		    .code = lib_text(&r->arena, n->code),
		    .severity = level_name(n->level),
		};
	}
	if (arena_rc(&r->arena) != RMG_OK)
		return err_set(err, RMG_E_NOMEM, "no memory for the inventory");
	return RMG_OK;
}

void rmg_inventory_free(struct rmg_inventory *inventory)
{
	if (inventory == NULL)
		return;
	inventory_free(inventory->inv);
	arena_done(&inventory->arena);
	free(inventory);
}

enum rmg_rc rmg_inventory_take(const struct rmg_image *image, const struct rmg_opts *opts,
			       struct rmg_inventory **out, struct rmg_err *err)
{
	(void)opts; /* those that the image was opened with hold */
	return lib_inventory_take(image, NULL, NULL, out, err);
}

enum rmg_rc lib_inventory_take(const struct rmg_image *image, lib_facts_fn *fn, void *user,
			       struct rmg_inventory **out, struct rmg_err *err)
{
	const struct showing show = {fn, user};
	struct source *s = image->source;
	struct rmg_inventory *r = calloc(1, sizeof *r);
	struct layer_result *layers = calloc(s->n_layers + 1, sizeof *layers);
	struct cache cache;
	enum rmg_rc rc = RMG_OK;
	double began = clock_tick_exact_ms(), read;

	if (r == NULL || layers == NULL || inventory_new(&r->inv) != RMG_OK) {
		free(r);
		free(layers);
		return err_set(err, RMG_E_NOMEM, "no memory for the inventory");
	}
	arena_init(&r->arena, LIMIT_FACTS_BYTES);
	cache_open(&cache, image->opts.cache_dir, image->opts.no_cache);
	deadline_begin(image->deadline);
	rc = layers_read(s, &cache, layers, err);
	deadline_pause(image->deadline);
	read = clock_tick_exact_ms();
	if (rc == RMG_OK)
		rc = merge(image, &cache, layers, &show, r, err);
	if (rc == RMG_OK)
		rc = make_views(r, err);
	cache_close(&cache);
	for (size_t i = 0; i < s->n_layers; i++)
		arena_done(&layers[i].arena);
	free(layers);
	if (rc != RMG_OK) {
		rmg_inventory_free(r);
		return rc;
	}
	r->ms_fetch = image->ms_fetch;
	r->ms_read = read - began;
	r->ms_catalog = clock_tick_exact_ms() - read;
	*out = r;
	return RMG_OK;
}

bool rmg_inventory_complete(const struct rmg_inventory *inventory)
{
	return inventory->inv->complete;
}

const struct rmg_pkg *rmg_inventory_pkg(const struct rmg_inventory *inventory, size_t i)
{
	return i < inventory->inv->n_components ? &inventory->pkgs[i] : NULL;
}

const struct rmg_note *rmg_inventory_note(const struct rmg_inventory *inventory, size_t i)
{
	return i < inventory->inv->n_notes ? &inventory->notes[i] : NULL;
}

void rmg_sandbox_level(const struct rmg_opts *opts, char *buf, size_t n)
{
	struct rmg_opts o = opts_of(opts);
	struct box_opts box = {.no_sandbox = o.no_sandbox};
	char *worker = NULL, level[32] = "";
	struct box_job *job = NULL;
	struct rmg_err err = {0};
	struct span none = {0};
	enum rmg_rc rc = worker_path(o.worker, &worker, &err);

	box.worker = worker;
	if (rc == RMG_OK)
		rc = box_start(JOB_LEVEL, &box, &job, &err);
	if (rc == RMG_OK)
		rc = box_finish(job, &none, level, &err);
	snprintf(buf, n, "%s", rc == RMG_OK ? level : err.msg);
	free((void *)(uintptr_t)none.p);
	box_free(job);
	free(worker);
}
