/* SPDX-License-Identifier: Apache-2.0 */
/* api_facts.c - facts of layers that others read, and images made of them.
 *
 * An image is told by its digests and its layers; the hub makes the inventory itself, by the same
 * merge that a scan uses (model/merge.h), of the facts that it has. Layers whose facts are not
 * there are a lost note each: the image is incomplete, never clean. */
#include "base/limits.h"
#include "base/rfc3339.h"
#include "base/vec.h"
#include "box/facts_wire.h"
#include "format/json.h"
#include "format/jsonw.h"
#include "model/eol.h"
#include "model/merge.h"
#include "oci/digest.h"
#include "serve/api.h"

void api_facts_missing(struct api *api, const struct call *c, struct server_response *out)
{
	struct jsonw w = jsonw_of(&out->body);
	struct json_doc doc = {0};
	struct rmg_err err = {0};
	json *digests;
	enum rmg_rc rc = json_parse(&doc, server_body(c->request), MIB(1), &err);

	digests = rc == RMG_OK ? json_get(doc.root, "digests") : NULL;
	if (rc == RMG_OK && !json_is_array(digests))
		rc = err_set(&err, RMG_E_FORMAT, "send {\"digests\":[\"sha256:...\"]}");
	jsonw_object(&w);
	jsonw_key(&w, "missing");
	jsonw_array(&w);
	if (rc == RMG_OK)
		for (struct json_iter it = json_iter(digests); rc == RMG_OK && json_next(&it);) {
			struct span digest = json_str(it.value);
			bool has = false;

			if (!digest_valid(digest))
				rc = err_set(&err, RMG_E_FORMAT, "one of them is no digest");
			else
				rc = hub_facts_has(api->hub, digest, &has, &err);
			if (rc == RMG_OK && !has)
				jsonw_str(&w, digest);
		}
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	json_done(&doc);
	if (rc != RMG_OK)
		api_fail(out, rc, &err);
}

/* Facts must be what a worker may say, and of the blob that the path names. */
void api_facts_put(struct api *api, const struct call *c, struct server_response *out)
{
	struct span packed = server_body(c->request);
	uint8_t sha256[32];
	struct rmg_err err = {0};
	struct facts *facts;
	struct arena a;
	enum rmg_rc rc;

	if (!digest_sha256(span_cstr(c->param), sha256)) {
		api_error(out, 400, "facts are of a layer: /api/v1/facts/sha256:...");
		return;
	}
	arena_init(&a, LIMIT_FACTS_BYTES);
	rc = facts_unpack(packed, &a, &facts, &err);
	if (rc == RMG_OK && memcmp(facts->blob_sha256, sha256, 32) != 0)
		rc = err_set(&err, RMG_E_FORMAT, "these facts are of another layer");
	if (rc == RMG_OK)
		rc = hub_facts_put(api->hub, span_cstr(c->param), packed, span_cstr(c->caller.name),
				   &err);
	arena_done(&a);
	if (rc == RMG_OK)
		strbuf_puts(&out->body, "{}");
	else
		api_fail(out, rc, &err);
}

struct assembly {
	struct api *api;
	struct inventory *inv;
	struct arena *arenas;
	struct facts **facts;
	size_t n;
	bool queued; /* for the hub that leads */
};

struct unpacking {
	struct arena *arena;
	struct facts **out;
	struct rmg_err *err;
};

static enum rmg_rc unpack(void *user, struct span packed)
{
	struct unpacking *u = user;

	return facts_unpack(packed, u->arena, u->out, u->err);
}

static void lost(struct inventory *inv, uint32_t layer, struct span code, const char *text)
{
	inventory_note(
	    inv,
	    &(struct note){
		.level = NOTE_LOST, .code = code, .cataloger = S("layer"), .text = span_cstr(text)},
	    layer);
}

static enum rmg_rc fetch_facts(struct assembly *a, struct rmg_err *err)
{
	for (size_t i = 0; i < a->n; i++) {
		struct unpacking u = {&a->arenas[i], &a->facts[i], err};
		enum rmg_rc rc;

		arena_init(&a->arenas[i], LIMIT_FACTS_BYTES);
		rc = hub_facts_get(a->api->hub, a->inv->layers[i].digest, unpack, &u, err);
		if (rc == RMG_E_NOTFOUND || rc == RMG_E_FORMAT || rc == RMG_E_LIMIT) {
			a->facts[i] = NULL;
			lost(a->inv, (uint32_t)i, S("layer-unreadable"),
			     rc == RMG_E_NOTFOUND ? "nobody has sent this layer's facts"
						  : err->msg);
		} else if (rc != RMG_OK) {
			return rc;
		}
	}
	return RMG_OK;
}

static struct span member(struct inventory *inv, json *v, const char *key)
{
	return arena_dup(&inv->arena, span_head(json_get_str(v, key), LIMIT_TEXT_BYTES));
}

static enum rmg_rc read_layers(struct assembly *a, json *layers, struct rmg_err *err)
{
	struct inventory *inv = a->inv;

	if (!json_is_array(layers) || json_len(layers) > LIMIT_LAYERS)
		return err_set(err, RMG_E_FORMAT, "\"layers\" is no array of at most 1000");
	a->n = json_len(layers);
	inv->layers = calloc(a->n + 1, sizeof *inv->layers);
	a->arenas = calloc(a->n + 1, sizeof *a->arenas);
	a->facts = calloc(a->n + 1, sizeof(struct facts *));
	if (inv->layers == NULL || a->arenas == NULL || a->facts == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for %zu layers", a->n);
	for (struct json_iter it = json_iter(layers); json_next(&it);) {
		struct layer *l = &inv->layers[inv->n_layers++];

		l->digest = member(inv, it.value, "digest");
		l->diff_id = member(inv, it.value, "diff_id");
		l->media_type = member(inv, it.value, "media_type");
		l->created = member(inv, it.value, "created");
		l->created_by = member(inv, it.value, "created_by");
		if (!json_get_u64(it.value, "size", &l->size))
			l->size = 0;
		inv->size += l->size;
		if (!digest_valid(l->digest))
			return err_set(err, RMG_E_FORMAT, "layer %zu has no digest", inv->n_layers);
	}
	return RMG_OK;
}

static void read_labels(struct inventory *inv, json *labels)
{
	inv->labels = ARENA_ARRAY(&inv->arena, json_len(labels) + 1, struct label);
	for (struct json_iter it = json_iter(labels); inv->labels && json_next(&it);)
		inv->labels[inv->n_labels++] = (struct label){
		    arena_dup(&inv->arena, it.key), arena_dup(&inv->arena, json_str(it.value))};
}

static bool is_digest(struct span s)
{
	return s.n == 0 || digest_valid(s);
}

static enum rmg_rc read_target(struct assembly *a, json *root, const char *digest,
			       struct rmg_err *err)
{
	struct inventory *inv = a->inv;

	if (!json_is_object(root))
		return err_set(err, RMG_E_FORMAT, "an image is an object");
	inv->ref = member(inv, root, "ref");
	inv->source = S("upload");
	inv->index_digest = member(inv, root, "index");
	inv->manifest_digest = member(inv, root, "manifest");
	inv->config_digest = member(inv, root, "config");
	inv->platform = member(inv, root, "platform");
	inv->sandbox = "cache";
	if (json_is_object(json_get(root, "labels")))
		read_labels(inv, json_get(root, "labels"));
	if (!is_digest(inv->index_digest) || !is_digest(inv->manifest_digest) ||
	    !is_digest(inv->config_digest))
		return err_set(err, RMG_E_FORMAT, "a digest of the image is none");
	if (!span_is(inv->manifest_digest, span_cstr(digest)) &&
	    !span_is(inv->config_digest, span_cstr(digest)))
		return err_set(err, RMG_E_FORMAT,
			       "the path names neither the manifest nor the config");
	return read_layers(a, json_get(root, "layers"), err);
}

static enum rmg_rc assemble(struct assembly *a, json *root, const struct call *c,
			    struct rmg_err *err)
{
	struct hub_reading reading = {.inventory = a->inv, .read_by = span_cstr(c->caller.name)};
	enum rmg_rc rc = read_target(a, root, c->param, err);

	if (rc == RMG_OK)
		rc = fetch_facts(a, err);
	if (rc == RMG_OK)
		rc = merge_layers(a->inv, (const struct facts *const *)a->facts, a->n, err);
	if (rc != RMG_OK)
		return rc;
	a->inv->os.eol = eol_of(&a->inv->os);
	if (!rfc3339_parse(json_get_str(root, "created"), &reading.created_ms))
		reading.created_ms = 0;
	reading.revision = json_get_str(root, "revision");
	return hub_image_put(a->api->hub, &reading, &a->queued, err);
}

void api_images_put(struct api *api, const struct call *c, struct server_response *out)
{
	struct assembly a = {.api = api};
	struct json_doc doc = {0};
	struct rmg_err err = {0};
	enum rmg_rc rc = json_parse(&doc, server_body(c->request), MIB(8), &err);

	if (rc == RMG_OK && inventory_new(&a.inv) != RMG_OK)
		rc = err_set(&err, RMG_E_NOMEM, "no memory for an image");
	if (rc == RMG_OK)
		rc = assemble(&a, doc.root, c, &err);
	if (rc == RMG_OK)
		strbuf_printf(&out->body, "{\"complete\":%s,\"components\":%zu,\"queued\":%s}",
			      a.inv->complete ? "true" : "false", a.inv->n_components,
			      a.queued ? "true" : "false");
	else
		api_fail(out, rc, &err);
	for (size_t i = 0; a.arenas && i < a.n; i++)
		arena_done(&a.arenas[i]);
	free(a.arenas);
	free(a.facts);
	inventory_free(a.inv);
	json_done(&doc);
}
