/* SPDX-License-Identifier: Apache-2.0 */
/* api_facts.c - facts of layers that others read, and images made of them.
 *
 * An image is told by its digests and its layers; the hub makes the inventory itself, by the same
 * merge that a scan uses (model/merge.h), of the facts that it has. Layers whose facts are not
 * there are a lost note each: the image is incomplete, never clean. */
#include <stdlib.h>

#include "base/limits.h"
#include "box/facts_wire.h"
#include "format/json.h"
#include "format/jsonw.h"
#include "model/eol.h"
#include "model/merge.h"
#include "oci/digest.h"
#include "serve/api.h"
#include "watch/image_json.h"

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
	struct image_told told;
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

/* What a reader says of a layer that it could not read counts where nobody else could. */
static void lost(struct assembly *a, size_t i, const char *why)
{
	const struct image_unread *unread = &a->told.unread[i];
	struct note n = {.level = NOTE_LOST,
			 .code = unread->code.n ? unread->code : S("layer-unreadable"),
			 .cataloger = S("layer"),
			 .text = unread->code.n ? unread->text : span_cstr(why)};

	inventory_note(a->told.inv, &n, (uint32_t)i);
}

/* What nobody published as a layer has no digest but that of its facts. */
static void describe(struct layer *l, const struct facts *f)
{
	if (f->synthetic && span_is(l->digest, l->facts))
		l->digest = (struct span){0};
}

static enum rmg_rc fetch_facts(struct assembly *a, struct rmg_err *err)
{
	struct inventory *inv = a->told.inv;

	for (size_t i = 0; i < a->n; i++) {
		struct unpacking u = {&a->arenas[i], &a->facts[i], err};
		enum rmg_rc rc = RMG_E_NOTFOUND;

		arena_init(&a->arenas[i], LIMIT_FACTS_BYTES);
		if (inv->layers[i].facts.n)
			rc = hub_facts_get(a->api->hub, inv->layers[i].facts, unpack, &u, err);
		if (rc == RMG_E_NOTFOUND || rc == RMG_E_FORMAT || rc == RMG_E_LIMIT) {
			a->facts[i] = NULL;
			lost(a, i,
			     rc == RMG_E_NOTFOUND ? "nobody has sent this layer's facts"
						  : err->msg);
		} else if (rc != RMG_OK) {
			return rc;
		} else {
			describe(&inv->layers[i], a->facts[i]);
		}
	}
	return RMG_OK;
}

static enum rmg_rc merge(struct assembly *a, struct rmg_err *err)
{
	const struct image_told *t = &a->told;
	enum rmg_rc rc;

	a->n = t->inv->n_layers;
	a->arenas = calloc(a->n + 1, sizeof *a->arenas);
	a->facts = calloc(a->n + 1, sizeof(struct facts *));
	if (a->arenas == NULL || a->facts == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for %zu layers", a->n);
	rc = fetch_facts(a, err);
	if (rc == RMG_OK)
		rc = merge_layers(t->inv, (const struct facts *const *)a->facts, a->n, err);
	if (rc != RMG_OK)
		return rc;
	for (size_t i = 0; i < t->n_notes[0]; i++)
		inventory_note(t->inv, &t->notes[0][i].note, t->notes[0][i].layer);
	t->inv->os.eol = eol_of(&t->inv->os);
	return RMG_OK;
}

static enum rmg_rc assemble(struct assembly *a, const struct call *c, struct rmg_err *err)
{
	const struct image_told *t = &a->told;
	struct hub_reading reading = {
	    .inventory = t->inv,
	    .read_by = span_cstr(c->caller.name),
	    .asked = t->asked,
	    .created_ms = t->created_ms,
	    .revision = t->revision,
	};
	int64_t now_ms = hub_now_ms(a->api->hub);
	enum rmg_rc rc;

	reading.taken_ms = t->taken_ms ? MIN_OF(t->taken_ms, now_ms) : now_ms;
	if (!span_is(t->inv->manifest_digest, span_cstr(c->param)) &&
	    !span_is(t->inv->config_digest, span_cstr(c->param)))
		return err_set(err, RMG_E_FORMAT,
			       "the path names neither the manifest nor the config");
	rc = merge(a, err);
	return rc == RMG_OK ? hub_image_put(a->api->hub, &reading, &a->queued, err) : rc;
}

void api_images_put(struct api *api, const struct call *c, struct server_response *out)
{
	struct assembly a = {.api = api};
	struct rmg_err err = {0};
	enum rmg_rc rc = image_parse(server_body(c->request), MIB(8), &a.told, &err);

	if (rc == RMG_OK)
		rc = assemble(&a, c, &err);
	if (rc == RMG_OK)
		strbuf_printf(&out->body, "{\"complete\":%s,\"components\":%zu,\"queued\":%s}",
			      a.told.inv->complete ? "true" : "false", a.told.inv->n_components,
			      a.queued ? "true" : "false");
	else
		api_fail(out, rc, &err);
	for (size_t i = 0; a.arenas && i < a.n; i++)
		arena_done(&a.arenas[i]);
	free(a.arenas);
	free(a.facts);
	inventory_free(a.told.inv);
}
