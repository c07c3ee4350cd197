/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/cstore.h"

#include "base/base64.h"
#include "base/limits.h"
#include "format/json.h"
#include "oci/reference.h"

enum { ID_MAX = 128, SHORT_ID = 12 };

bool cstore_id_valid(struct span id)
{
	if (id.n == 0 || id.n > ID_MAX || id.p[0] == '.')
		return false;
	for (size_t i = 0; i < id.n; i++)
		if (!is_alnum(id.p[i]) && id.p[i] != '.' && id.p[i] != '_' && id.p[i] != '-')
			return false;
	return true;
}

/* As containers/storage does: letters and digits stay, anything else makes base64 of it. */
void cstore_data_file(struct span name, struct strbuf *out)
{
	bool plain = cstore_id_valid(name);

	for (size_t i = 0; plain && i < name.n; i++)
		plain = is_alnum(name.p[i]) || name.p[i] == '.';
	if (plain) {
		strbuf_put(out, name);
		return;
	}
	strbuf_putc(out, '=');
	base64_put(out, name);
}

static struct span text_of(json *object, const char *key, struct arena *a)
{
	return arena_dup(a, json_get_str(object, key));
}

static struct span *texts_of(json *list, struct arena *a, size_t *n)
{
	struct json_iter it = json_iter(list);
	struct span *out = ARENA_ARRAY(a, json_is_array(list) ? json_len(list) : 0, struct span);

	*n = 0;
	while (out && json_is_array(list) && json_next(&it))
		if (json_str(it.value).n)
			out[(*n)++] = arena_dup(a, json_str(it.value));
	return out;
}

/* An object of a list; false: it is left out. */
typedef bool read_fn(json *row, struct arena *a, void *out);

/* A list of objects, each of which becomes size bytes; "null" is an empty one. *rc says why there
 * is none. */
static void *read_list(struct span text, size_t size, read_fn *fn, struct arena *a, size_t *n,
		       enum rmg_rc *rc, struct rmg_err *err)
{
	struct json_doc doc = {0};
	uint8_t *v = NULL;

	*n = 0;
	*rc = json_parse(&doc, text, LIMIT_JSON_BYTES, err);
	if (*rc == RMG_OK && !json_is_array(doc.root) && !span_is(span_trim(text), S("null")))
		*rc = err_set(err, RMG_E_FORMAT, "no list");
	if (*rc == RMG_OK)
		v = arena_array(a, json_len(doc.root), size);
	for (struct json_iter it = json_iter(doc.root); v && json_next(&it);)
		*n += fn(it.value, a, v + *n * size);
	json_done(&doc);
	if (*rc == RMG_OK && arena_rc(a) != RMG_OK)
		*rc = err_set(err, arena_rc(a), "too many images, layers or containers");
	return v;
}

static bool read_image(json *row, struct arena *a, void *out)
{
	struct cstore_image *i = out;

	*i = (struct cstore_image){
	    .id = text_of(row, "id", a),
	    .digest = text_of(row, "digest", a),
	    .layer = text_of(row, "layer", a),
	    .created = text_of(row, "created", a),
	};
	i->names = texts_of(json_get(row, "names"), a, &i->n_names);
	i->data = texts_of(json_get(row, "big-data-names"), a, &i->n_data);
	return cstore_id_valid(i->id) && (i->layer.n == 0 || cstore_id_valid(i->layer));
}

enum rmg_rc cstore_images(struct span json_text, struct arena *a, struct cstore_image **out,
			  size_t *n, struct rmg_err *err)
{
	enum rmg_rc rc;

	*out = read_list(json_text, sizeof **out, read_image, a, n, &rc, err);
	return rc;
}

static bool read_layer(json *row, struct arena *a, void *out)
{
	struct cstore_layer *l = out;

	*l = (struct cstore_layer){text_of(row, "id", a), text_of(row, "parent", a),
				   text_of(row, "diff-digest", a)};
	return cstore_id_valid(l->id);
}

enum rmg_rc cstore_layers(struct span json_text, struct arena *a, struct cstore_layer **out,
			  size_t *n, struct rmg_err *err)
{
	enum rmg_rc rc;

	*out = read_list(json_text, sizeof **out, read_layer, a, n, &rc, err);
	return rc;
}

/* What Podman and CRI-O have written into it, JSON in a text. */
static void read_metadata(struct span text, struct arena *a, struct cstore_container *c)
{
	struct json_doc doc = {0};

	if (text.n == 0 || json_parse(&doc, text, LIMIT_MANIFEST_BYTES, NULL) != RMG_OK)
		return;
	c->image_name = text_of(doc.root, "image-name", a);
	if (c->name.n == 0)
		c->name = text_of(doc.root, "name", a);
	json_done(&doc);
}

static bool read_container(json *row, struct arena *a, void *out)
{
	struct cstore_container *c = out;

	*c = (struct cstore_container){
	    .id = text_of(row, "id", a),
	    .image = text_of(row, "image", a),
	    .layer = text_of(row, "layer", a),
	    .created = text_of(row, "created", a),
	    .name = arena_dup(a, json_str(json_at(json_get(row, "names"), 0))),
	};
	read_metadata(json_get_str(row, "metadata"), a, c);
	return cstore_id_valid(c->id);
}

enum rmg_rc cstore_containers(struct span json_text, struct arena *a, struct cstore_container **out,
			      size_t *n, struct rmg_err *err)
{
	enum rmg_rc rc;

	*out = read_list(json_text, sizeof **out, read_container, a, n, &rc, err);
	return rc;
}

/* Which image is meant. */

static bool is_hex(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_digit(s.p[i]) && (s.p[i] < 'a' || s.p[i] > 'f'))
			return false;
	return true;
}

/* Its id, the manifest's digest, or one of the other manifests that it came by. */
static bool has_id(const struct cstore_image *i, struct span want)
{
	struct span hex = span_starts(want, S("sha256:")) ? span_from(want, 7) : want;

	if (span_is(i->id, hex))
		return true;
	if (hex.n == want.n)
		return want.n >= SHORT_ID && is_hex(want) && span_starts(i->id, want);
	if (span_is(i->digest, want))
		return true;
	for (size_t k = 0; k < i->n_data; k++)
		if (span_starts(i->data[k], S("manifest-")) &&
		    span_is(span_from(i->data[k], 9), want))
			return true;
	return false;
}

static bool same(const struct reference *a, const struct reference *b)
{
	return span_is(a->host, b->host) && span_is(a->repository, b->repository) &&
	       (b->digest.n ? span_is(a->digest, b->digest) : span_is(a->tag, b->tag));
}

static bool has_name(const struct cstore_image *i, const struct reference *want, struct arena *a)
{
	struct reference r;

	for (size_t k = 0; k < i->n_names; k++)
		if (reference_parse(i->names[k], a, &r, NULL) == RMG_OK && same(&r, want))
			return true;
	return false;
}

/* Without a host any will do, as long as it is one. */
static bool ends_so(const struct cstore_image *i, struct span want, struct arena *a)
{
	struct span tail = ARENA_JOIN(a, S("/"), want), tagged = ARENA_JOIN(a, tail, S(":latest"));

	for (size_t k = 0; k < i->n_names; k++)
		if (span_ends(i->names[k], tail) || span_ends(i->names[k], tagged))
			return true;
	return false;
}

enum how { BY_ID, BY_NAME, BY_LOCAL_NAME, BY_END, N_HOW };

static bool is_meant(const struct cstore_image *i, struct span want, enum how how,
		     const struct reference *full, const struct reference *local, struct arena *a)
{
	switch (how) {
	case BY_ID:
		return has_id(i, want);
	case BY_NAME:
		return full && has_name(i, full, a);
	case BY_LOCAL_NAME:
		return local && has_name(i, local, a);
	case BY_END:
		return full && ends_so(i, want, a);
	case N_HOW:
		break;
	}
	return false;
}

enum rmg_rc cstore_find(const struct cstore_image *images, size_t n, struct span want,
			struct arena *a, const struct cstore_image **out, struct rmg_err *err)
{
	struct reference full, local;
	bool named = reference_parse(want, a, &full, NULL) == RMG_OK;
	bool bare =
	    reference_parse(ARENA_JOIN(a, S("localhost/"), want), a, &local, NULL) == RMG_OK;

	for (enum how how = BY_ID; how < N_HOW; how++) {
		size_t found = 0;

		for (size_t i = 0; i < n; i++) {
			if (!is_meant(&images[i], want, how, named ? &full : NULL,
				      bare ? &local : NULL, a))
				continue;
			*out = &images[i];
			found++;
		}
		if (found > 1)
			return err_set(err, RMG_E_ARG, "%zu images are called '" SPAN_FMT "'",
				       found, SPAN_ARG(want));
		if (found)
			return RMG_OK;
	}
	return err_set(err, RMG_E_NOTFOUND, "no image is called '" SPAN_FMT "'", SPAN_ARG(want));
}
