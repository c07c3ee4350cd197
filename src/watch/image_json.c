/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/image_json.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/rfc3339.h"
#include "format/json.h"
#include "format/jsonw.h"
#include "oci/digest.h"

static const char *const levels[] = {"info", "warn", "lost"};

static void put(struct jsonw *w, const char *key, struct span s)
{
	if (s.n)
		jsonw_put(w, key, s);
}

static void put_time(struct jsonw *w, const char *key, int64_t ms)
{
	char text[RFC3339_BYTES];

	if (ms)
		jsonw_put_cstr(w, key, rfc3339_text(ms, text));
}

static void write_layer(struct jsonw *w, const struct layer *l, const struct image_unread *unread)
{
	jsonw_object(w);
	put(w, "digest", l->digest);
	if (!span_is(l->facts, l->digest))
		put(w, "facts", l->facts);
	put(w, "diff_id", l->diff_id);
	if (l->diff_id_verified)
		jsonw_put_bool(w, "diff_id_verified", true);
	put(w, "media_type", l->media_type);
	jsonw_put_u64(w, "size", l->size);
	put(w, "created", l->created);
	put(w, "created_by", l->created_by);
	put(w, "comment", l->comment);
	if (l->origin != ORIGIN_UNKNOWN)
		jsonw_put_cstr(w, "origin", origin_name(l->origin));
	if (unread && unread->code.n) {
		jsonw_key(w, "unread");
		jsonw_object(w);
		put(w, "code", unread->code);
		put(w, "text", unread->text);
		jsonw_object_end(w);
	}
	jsonw_object_end(w);
}

static void write_base(struct jsonw *w, const struct base_image *b)
{
	if (!b->known)
		return;
	jsonw_key(w, "base");
	jsonw_object(w);
	put(w, "name", b->name);
	put(w, "digest", b->digest);
	jsonw_put_cstr(w, "how", b->how);
	jsonw_put_u64(w, "layers", b->layers);
	jsonw_object_end(w);
}

static void write_note(struct jsonw *w, const struct layer_note *n)
{
	jsonw_object(w);
	jsonw_put_cstr(w, "level", levels[n->note.level]);
	put(w, "code", n->note.code);
	put(w, "cataloger", n->note.cataloger);
	put(w, "path", n->note.path);
	put(w, "text", n->note.text);
	if (n->layer != NO_LAYER)
		jsonw_put_u64(w, "layer", n->layer);
	jsonw_object_end(w);
}

static void write_notes(struct jsonw *w, const struct image_told *t)
{
	if (t->n_notes[0] + t->n_notes[1] == 0)
		return;
	jsonw_key(w, "notes");
	jsonw_array(w);
	for (size_t k = 0; k < COUNT_OF(t->notes); k++)
		for (size_t i = 0; i < t->n_notes[k]; i++)
			write_note(w, &t->notes[k][i]);
	jsonw_array_end(w);
}

static void write_labels(struct jsonw *w, const struct inventory *inv)
{
	if (inv->n_labels == 0)
		return;
	jsonw_key(w, "labels");
	jsonw_object(w);
	for (size_t i = 0; i < inv->n_labels; i++) {
		jsonw_key_span(w, inv->labels[i].key);
		jsonw_str(w, inv->labels[i].value);
	}
	jsonw_object_end(w);
}

void image_write(const struct image_told *t, struct strbuf *out)
{
	const struct inventory *inv = t->inv;
	struct jsonw w = jsonw_of(out);

	jsonw_object(&w);
	put(&w, "ref", inv->ref);
	put(&w, "source", inv->source);
	put(&w, "index", inv->index_digest);
	put(&w, "manifest", inv->manifest_digest);
	put(&w, "config", inv->config_digest);
	put(&w, "asked", t->asked);
	put(&w, "platform", inv->platform);
	put(&w, "author", inv->author);
	put(&w, "revision", t->revision);
	put_time(&w, "created", t->created_ms);
	put_time(&w, "taken", t->taken_ms);
	jsonw_put_cstr(&w, "sandbox", inv->sandbox);
	write_labels(&w, inv);
	write_base(&w, &inv->base);
	jsonw_key(&w, "layers");
	jsonw_array(&w);
	for (size_t i = 0; i < inv->n_layers; i++)
		write_layer(&w, &inv->layers[i], t->unread ? &t->unread[i] : NULL);
	jsonw_array_end(&w);
	write_notes(&w, t);
	jsonw_object_end(&w);
}

/* At most max bytes, cut between characters. */
static struct span head(struct span s, size_t max)
{
	size_t n = MIN_OF(s.n, max);

	while (n && n < s.n && (s.p[n] & 0xc0) == 0x80)
		n--;
	return span_head(s, n);
}

static struct span member(struct inventory *inv, json *v, const char *key)
{
	return arena_dup(&inv->arena, head(json_get_str(v, key), LIMIT_TEXT_BYTES));
}

static const char *word(struct inventory *inv, json *v, const char *key, const char *otherwise)
{
	struct span s = json_get_str(v, key);

	return s.n ? arena_cstr(&inv->arena, head(s, 40)) : otherwise;
}

static int64_t time_of(json *v, const char *key)
{
	int64_t ms;

	return rfc3339_parse(json_get_str(v, key), &ms) && ms > 0 ? ms : 0;
}

static enum origin origin_of(struct span name)
{
	for (int o = ORIGIN_UNKNOWN; o <= ORIGIN_COMMIT; o++)
		if (span_is(name, span_cstr(origin_name((enum origin)o))))
			return (enum origin)o;
	return ORIGIN_UNKNOWN;
}

static void read_layer(struct inventory *inv, json *v, struct layer *l, struct image_unread *unread)
{
	json *why = json_get(v, "unread");

	l->digest = member(inv, v, "digest");
	l->facts = member(inv, v, "facts");
	l->diff_id = member(inv, v, "diff_id");
	l->diff_id_verified = json_get_bool(v, "diff_id_verified");
	l->media_type = member(inv, v, "media_type");
	l->created = member(inv, v, "created");
	l->created_by = member(inv, v, "created_by");
	l->comment = member(inv, v, "comment");
	l->origin = origin_of(json_get_str(v, "origin"));
	if (!json_get_u64(v, "size", &l->size))
		l->size = 0;
	if (l->facts.n == 0)
		l->facts = l->digest;
	if (!json_is_object(why))
		return;
	unread->text = member(inv, why, "text");
	unread->code = member(inv, why, "code");
	if (unread->code.n == 0)
		unread->code = S("layer-unreadable");
}

/* A layer is named by the digest of its facts; one that nobody could read may have no name. */
static enum rmg_rc read_layers(struct image_told *t, json *v, struct rmg_err *err)
{
	struct inventory *inv = t->inv;
	size_t n = json_is_array(v) ? json_len(v) : LIMIT_LAYERS + 1;

	if (n > LIMIT_LAYERS)
		return err_set(err, RMG_E_FORMAT, "\"layers\" is no array of at most 1000");
	inv->layers = calloc(n + 1, sizeof *inv->layers);
	t->unread = ARENA_ARRAY(&inv->arena, n + 1, struct image_unread);
	if (inv->layers == NULL || t->unread == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for %zu layers", n);
	for (struct json_iter it = json_iter(v); json_next(&it); inv->n_layers++) {
		struct layer *l = &inv->layers[inv->n_layers];
		struct image_unread *unread = &t->unread[inv->n_layers];

		read_layer(inv, it.value, l, unread);
		inv->size += l->size;
		if (!digest_valid(l->facts) && (l->facts.n || unread->code.n == 0))
			return err_set(err, RMG_E_FORMAT, "layer %zu has no digest", inv->n_layers);
	}
	return RMG_OK;
}

static void read_labels(struct inventory *inv, json *v)
{
	if (!json_is_object(v))
		return;
	inv->labels = ARENA_ARRAY(&inv->arena, json_len(v) + 1, struct label);
	for (struct json_iter it = json_iter(v); inv->labels && json_next(&it);)
		inv->labels[inv->n_labels++] = (struct label){
		    arena_dup(&inv->arena, it.key), arena_dup(&inv->arena, json_str(it.value))};
}

static void read_base(struct inventory *inv, json *v)
{
	uint64_t layers = 0;

	if (!json_is_object(v))
		return;
	if (!json_get_u64(v, "layers", &layers) || layers > LIMIT_LAYERS)
		layers = 0;
	inv->base.known = true;
	inv->base.name = member(inv, v, "name");
	inv->base.digest = member(inv, v, "digest");
	inv->base.layers = (uint32_t)layers;
	inv->base.how = word(inv, v, "how", "annotation");
}

static enum rmg_rc read_note(struct inventory *inv, json *v, struct layer_note *out,
			     struct rmg_err *err)
{
	struct span level = json_get_str(v, "level");
	uint64_t layer;

	*out = (struct layer_note){.note = {.code = member(inv, v, "code"),
					    .cataloger = member(inv, v, "cataloger"),
					    .path = member(inv, v, "path"),
					    .text = member(inv, v, "text"),
					    .level = NOTE_LOST},
				   .layer = NO_LAYER};
	for (size_t i = 0; i < COUNT_OF(levels); i++)
		if (span_is(level, span_cstr(levels[i])))
			out->note.level = (enum note_level)i;
	if (json_get_u64(v, "layer", &layer)) {
		if (layer >= inv->n_layers)
			return err_set(err, RMG_E_FORMAT, "a note on a layer that is not there");
		out->layer = (uint32_t)layer;
	}
	return RMG_OK;
}

static enum rmg_rc read_notes(struct image_told *t, json *v, struct rmg_err *err)
{
	struct inventory *inv = t->inv;
	size_t n = json_is_array(v) ? json_len(v) : 0;
	struct layer_note *notes = ARENA_ARRAY(&inv->arena, n + 1, struct layer_note);
	enum rmg_rc rc = RMG_OK;

	if (n > LIMIT_NOTES)
		return err_set(err, RMG_E_LIMIT, "more than 1000 notes");
	if (n == 0 || notes == NULL)
		return RMG_OK;
	t->notes[0] = notes;
	for (struct json_iter it = json_iter(v); rc == RMG_OK && json_next(&it);)
		rc = read_note(inv, it.value, &notes[t->n_notes[0]++], err);
	return rc;
}

static bool is_digest(struct span s)
{
	return s.n == 0 || digest_valid(s);
}

static enum rmg_rc read_image(struct image_told *t, json *root, struct rmg_err *err)
{
	struct inventory *inv = t->inv;
	struct span source = json_get_str(root, "source");
	enum rmg_rc rc;

	if (!json_is_object(root))
		return err_set(err, RMG_E_FORMAT, "an image is an object");
	inv->ref = member(inv, root, "ref");
	inv->source = source.n ? member(inv, root, "source") : S("upload");
	inv->index_digest = member(inv, root, "index");
	inv->manifest_digest = member(inv, root, "manifest");
	inv->config_digest = member(inv, root, "config");
	inv->platform = member(inv, root, "platform");
	inv->author = member(inv, root, "author");
	inv->sandbox = word(inv, root, "sandbox", "cache");
	t->asked = member(inv, root, "asked");
	t->revision = member(inv, root, "revision");
	t->created_ms = time_of(root, "created");
	t->taken_ms = time_of(root, "taken");
	if (!is_digest(inv->index_digest) || !is_digest(inv->manifest_digest) ||
	    !is_digest(inv->config_digest) || !is_digest(t->asked))
		return err_set(err, RMG_E_FORMAT, "a digest of the image is none");
	read_labels(inv, json_get(root, "labels"));
	read_base(inv, json_get(root, "base"));
	rc = read_layers(t, json_get(root, "layers"), err);
	if (rc == RMG_OK)
		rc = read_notes(t, json_get(root, "notes"), err);
	if (rc == RMG_OK && arena_rc(&inv->arena) != RMG_OK)
		rc = err_set(err, RMG_E_LIMIT, "no room for an image");
	return rc;
}

enum rmg_rc image_parse(struct span text, size_t max_bytes, struct image_told *out,
			struct rmg_err *err)
{
	struct image_told t = {0};
	struct json_doc doc = {0};
	enum rmg_rc rc = json_parse(&doc, text, max_bytes, err);

	if (rc != RMG_OK)
		return rc;
	if (inventory_new(&t.inv) != RMG_OK)
		rc = err_set(err, RMG_E_NOMEM, "no memory for an image");
	else
		rc = read_image(&t, doc.root, err);
	json_done(&doc);
	if (rc == RMG_OK)
		*out = t;
	else
		inventory_free(t.inv);
	return rc;
}
