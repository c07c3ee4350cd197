/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/reading.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/rd.h"

/* Raise with any change of what follows. */
#define MAGIC "rummage reading 1\n"

/* A text is its length and its bytes, a number LEB128. Where the texts of each struct stand:
 * written and read by the same rows. */
#define ROW(type, field) offsetof(struct type, field)

static const size_t reading_texts[] = {
    ROW(hub_reading, read_by),
    ROW(hub_reading, asked),
    ROW(hub_reading, revision),
    ROW(hub_reading, ref),
};
static const size_t target_texts[] = {
    ROW(inventory, ref),           ROW(inventory, index_digest),
    ROW(inventory, platform),      ROW(inventory, manifest_digest),
    ROW(inventory, config_digest), ROW(inventory, author),
    ROW(inventory, base.name),     ROW(inventory, base.digest),
};
static const size_t os_texts[] = {
    ROW(os, id),      ROW(os, version_id), ROW(os, codename), ROW(os, name),
    ROW(os, id_like), ROW(os, variant_id), ROW(os, cpe),      ROW(os, eol),
};
static const size_t label_texts[] = {ROW(label, key), ROW(label, value)};
static const size_t layer_texts[] = {
    ROW(layer, digest),  ROW(layer, diff_id),    ROW(layer, media_type),
    ROW(layer, created), ROW(layer, created_by),
};
static const size_t component_texts[] = {
    ROW(component, purl),        ROW(component, cataloger),    ROW(component, pkg.type),
    ROW(component, pkg.ns),      ROW(component, pkg.name),     ROW(component, pkg.version),
    ROW(component, pkg.arch),    ROW(component, pkg.src_name), ROW(component, pkg.src_version),
    ROW(component, pkg.license), ROW(component, pkg.vendor),   ROW(component, pkg.module),
    ROW(component, pkg.cpe),     ROW(component, pkg.claims),   ROW(component, pkg.build),
};
static const size_t executable_texts[] = {ROW(executable, path), ROW(executable, arch)};
static const size_t note_texts[] = {
    ROW(note, code),
    ROW(note, cataloger),
    ROW(note, path),
    ROW(note, text),
};

/* Packing. */

static void put_number(struct strbuf *out, uint64_t n)
{
	do
		strbuf_putc(out, (char)((n & 0x7f) | (n > 0x7f ? 0x80 : 0)));
	while ((n >>= 7) != 0);
}

static void put_text(struct strbuf *out, struct span s)
{
	put_number(out, s.n);
	strbuf_put(out, s);
}

static void put_texts(struct strbuf *out, const void *from, const size_t *at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		put_text(out, *(const struct span *)(const void *)((const char *)from + at[i]));
}
#define PUT_TEXTS(out, from, rows) put_texts(out, from, rows, COUNT_OF(rows))

static void put_target(struct strbuf *out, const struct inventory *inv)
{
	PUT_TEXTS(out, inv, target_texts);
	PUT_TEXTS(out, &inv->os, os_texts);
	put_text(out, span_cstr(inv->sandbox));
	put_text(out, span_cstr(inv->base.how));
	put_number(out, inv->base.known);
	put_number(out, inv->base.layers);
	put_number(out, inv->complete);
	put_number(out, inv->size);
	put_number(out, inv->unattributed_files);
	put_number(out, inv->unattributed_bytes);
	put_number(out, inv->n_labels);
	for (size_t i = 0; i < inv->n_labels; i++)
		PUT_TEXTS(out, &inv->labels[i], label_texts);
}

static void put_layers(struct strbuf *out, const struct inventory *inv)
{
	put_number(out, inv->n_layers);
	for (size_t i = 0; i < inv->n_layers; i++) {
		PUT_TEXTS(out, &inv->layers[i], layer_texts);
		put_number(out, inv->layers[i].size);
		put_number(out, inv->layers[i].origin);
	}
}

static void put_components(struct strbuf *out, const struct inventory *inv)
{
	put_number(out, inv->n_components);
	for (size_t i = 0; i < inv->n_components; i++) {
		PUT_TEXTS(out, &inv->components[i], component_texts);
		put_number(out, inv->components[i].is_os);
	}
}

static void put_executables(struct strbuf *out, const struct inventory *inv)
{
	put_number(out, inv->n_executables);
	for (size_t i = 0; i < inv->n_executables; i++) {
		const struct executable *e = &inv->executables[i];

		PUT_TEXTS(out, e, executable_texts);
		strbuf_put(out, span_of(e->sha256, sizeof e->sha256));
		put_number(out, e->size);
		put_number(out, e->mode);
		put_number(out, e->format);
		put_number(out, e->layer);
		put_number(out, e->origin);
	}
}

static void put_notes(struct strbuf *out, const struct inventory *inv)
{
	put_number(out, inv->n_notes);
	for (size_t i = 0; i < inv->n_notes; i++) {
		PUT_TEXTS(out, &inv->notes[i].note, note_texts);
		put_number(out, inv->notes[i].note.level);
		put_number(out, inv->notes[i].layer);
	}
}

void reading_pack(const struct hub_reading *r, struct strbuf *out)
{
	strbuf_puts(out, MAGIC);
	PUT_TEXTS(out, r, reading_texts);
	put_number(out, (uint64_t)MAX_OF(r->taken_ms, INT64_C(0)));
	put_number(out, (uint64_t)MAX_OF(r->created_ms, INT64_C(0)));
	put_target(out, r->inventory);
	put_layers(out, r->inventory);
	put_components(out, r->inventory);
	put_executables(out, r->inventory);
	put_notes(out, r->inventory);
}

/* Unpacking. */

static uint64_t number(struct rd *r, uint64_t max)
{
	uint64_t n = rd_varint(r);

	if (n <= max)
		return n;
	rd_fail(r);
	return 0;
}

static void get_texts(struct rd *r, void *to, const size_t *at, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t bytes = rd_varint(r);

		*(struct span *)(void *)((char *)to + at[i]) = rd_take(r, bytes);
	}
}
#define GET_TEXTS(r, to, rows) get_texts(r, to, rows, COUNT_OF(rows))

/* So many rows of each texts and numbers, which are a byte at least: zeroed; NULL ends it. */
static void *get_rows(struct rd *r, size_t texts, size_t numbers, size_t each, size_t *n)
{
	size_t count = rd_count(r, rd_varint(r), texts + numbers);
	void *rows = calloc(count + 1, each);

	*n = rows ? count : 0;
	if (rows == NULL && rd_ok(r))
		r->rc = RMG_E_NOMEM;
	return rows;
}

static const char *get_word(struct rd *r, struct arena *a)
{
	struct span s = rd_take(r, rd_varint(r));
	const char *word = span_chr(s, 0) == SIZE_MAX ? arena_cstr(a, s) : NULL;

	if (word == NULL)
		rd_fail(r);
	return word ? word : "";
}

static void get_target(struct rd *r, struct inventory *inv)
{
	size_t n;

	GET_TEXTS(r, inv, target_texts);
	GET_TEXTS(r, &inv->os, os_texts);
	inv->sandbox = get_word(r, &inv->arena);
	inv->base.how = get_word(r, &inv->arena);
	inv->base.known = number(r, 1);
	inv->base.layers = (uint32_t)number(r, UINT32_MAX);
	inv->complete = number(r, 1);
	inv->size = rd_varint(r);
	inv->unattributed_files = rd_varint(r);
	inv->unattributed_bytes = rd_varint(r);
	n = rd_count(r, rd_varint(r), COUNT_OF(label_texts));
	inv->labels = ARENA_ARRAY(&inv->arena, n + 1, struct label);
	while (inv->labels && inv->n_labels < n)
		GET_TEXTS(r, &inv->labels[inv->n_labels++], label_texts);
}

static void get_layers(struct rd *r, struct inventory *inv)
{
	inv->layers = get_rows(r, COUNT_OF(layer_texts), 2, sizeof *inv->layers, &inv->n_layers);
	for (size_t i = 0; i < inv->n_layers; i++) {
		GET_TEXTS(r, &inv->layers[i], layer_texts);
		inv->layers[i].size = rd_varint(r);
		inv->layers[i].origin = (enum origin)number(r, ORIGIN_COMMIT);
	}
}

static void get_components(struct rd *r, struct inventory *inv)
{
	inv->components =
	    get_rows(r, COUNT_OF(component_texts), 1, sizeof *inv->components, &inv->n_components);
	for (size_t i = 0; i < inv->n_components; i++) {
		GET_TEXTS(r, &inv->components[i], component_texts);
		inv->components[i].is_os = number(r, 1);
		inv->components[i].layer = NO_LAYER;
	}
}

static void get_executables(struct rd *r, struct inventory *inv)
{
	inv->executables = get_rows(r, COUNT_OF(executable_texts), 5 + 32, sizeof *inv->executables,
				    &inv->n_executables);
	for (size_t i = 0; i < inv->n_executables; i++) {
		struct executable *e = &inv->executables[i];
		struct span sha256;

		GET_TEXTS(r, e, executable_texts);
		sha256 = rd_take(r, sizeof e->sha256);
		if (sha256.n == sizeof e->sha256)
			memcpy(e->sha256, sha256.p, sha256.n);
		e->size = rd_varint(r);
		e->mode = (uint32_t)number(r, UINT32_MAX);
		e->format = (enum exec_format)number(r, EXEC_MACHO);
		e->layer = (uint32_t)number(r, UINT32_MAX);
		e->origin = (enum origin)number(r, ORIGIN_COMMIT);
		e->owner = NO_COMPONENT;
	}
}

static void get_notes(struct rd *r, struct inventory *inv)
{
	inv->notes = get_rows(r, COUNT_OF(note_texts), 2, sizeof *inv->notes, &inv->n_notes);
	inv->notes_cap = inv->n_notes;
	for (size_t i = 0; i < inv->n_notes; i++) {
		GET_TEXTS(r, &inv->notes[i].note, note_texts);
		inv->notes[i].note.level = (enum note_level)number(r, NOTE_LOST);
		inv->notes[i].layer = (uint32_t)number(r, UINT32_MAX);
	}
}

enum rmg_rc reading_unpack(struct span packed, struct inventory **inv, struct hub_reading *out,
			   struct rmg_err *err)
{
	struct rd r = rd_of(packed);
	struct inventory *i;
	enum rmg_rc rc;

	*out = (struct hub_reading){0};
	if (inventory_new(&i) != RMG_OK)
		return err_set(err, RMG_E_NOMEM, "no memory for an inventory");
	if (!span_is(rd_take(&r, sizeof MAGIC - 1), S(MAGIC)))
		rd_fail(&r);
	GET_TEXTS(&r, out, reading_texts);
	out->taken_ms = (int64_t)number(&r, INT64_MAX);
	out->created_ms = (int64_t)number(&r, INT64_MAX);
	get_target(&r, i);
	get_layers(&r, i);
	get_components(&r, i);
	get_executables(&r, i);
	get_notes(&r, i);
	if (rd_more(&r))
		rd_fail(&r);
	rc = rd_end(&r) == RMG_OK ? arena_rc(&i->arena) : rd_end(&r);
	if (rc != RMG_OK) {
		inventory_free(i);
		return err_set(err, rc, "an inventory in the inbox cannot be read");
	}
	out->inventory = *inv = i;
	return RMG_OK;
}
