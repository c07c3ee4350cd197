/* SPDX-License-Identifier: Apache-2.0 */
/* advdb_write.c - the last part of the writer: layout.
 *
 * Strings and lists lie in the order in which the file first refers to them, so that what is read
 * together lies together. */
#include "base/err.h"
#include "base/hash.h"
#include "vuln/advdb_builder.h"

struct writer {
	struct advdb_builder *b;
	struct order o;
	VEC(uint8_t) strings;
	VEC(uint32_t) lists;
	uint32_t *string_at, *list_at; /* per id where it lies in the file; 0: not there yet */
	enum rmg_rc rc;
};

static void no_memory(struct writer *w)
{
	w->rc = w->rc != RMG_OK ? w->rc : RMG_E_NOMEM;
}

static void put_le(uint8_t **at, uint64_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		*(*at)++ = (uint8_t)(value >> 8 * i);
}

static void put_u32(uint8_t **at, uint32_t value)
{
	put_le(at, value, 4);
}

/* Lays down a string that is used for the first time. */
static uint32_t string_put(struct writer *w, uint32_t id)
{
	struct span s = w->b->strings.v[id].s;
	uint64_t n = s.n;

	if (w->strings.n + n + 10 > ADVDB_STRINGS_MAX) {
		w->rc = w->rc != RMG_OK ? w->rc : RMG_E_LIMIT;
		return 0;
	}
	if (!VEC_RESERVE(&w->strings, w->strings.n + n + 10)) {
		no_memory(w);
		return 0;
	}
	w->string_at[id] = (uint32_t)w->strings.n;
	for (; n >= 0x80; n >>= 7)
		w->strings.v[w->strings.n++] = (uint8_t)(n | 0x80);
	w->strings.v[w->strings.n++] = (uint8_t)n;
	if (s.n)
		memcpy(w->strings.v + w->strings.n, s.p, s.n);
	w->strings.n += s.n;
	return w->string_at[id];
}

/* Where a string lies in the file. */
static uint32_t string_off(struct writer *w, uint32_t id)
{
	return id == 0 || w->string_at[id] ? w->string_at[id] : string_put(w, id);
}

static uint32_t word_off(struct writer *w, enum list_kind kind, uint32_t i, uint32_t word)
{
	if (kind == LIST_EVENTS)
		return string_off(w, word >> 2) << 2 | (word & 3);
	if (kind == LIST_CVSS && i % CVSS_WORDS == CVSS_WORDS - 1)
		return word;
	return string_off(w, word);
}

static uint32_t list_put(struct writer *w, uint32_t id)
{
	const struct built_list *list = &w->b->lists.v[id];

	if (w->lists.n + list->n + 1 > UINT32_MAX ||
	    !VEC_RESERVE(&w->lists, w->lists.n + list->n + 1)) {
		no_memory(w);
		return 0;
	}
	w->list_at[id] = (uint32_t)w->lists.n;
	w->lists.v[w->lists.n++] = list->kind == LIST_CVSS ? list->n / CVSS_WORDS : list->n;
	for (uint32_t i = 0; i < list->n; i++)
		w->lists.v[w->lists.n++] =
		    word_off(w, list->kind, i, w->b->words.v[list->first + i]);
	return w->list_at[id];
}

static uint32_t list_off(struct writer *w, uint32_t id)
{
	return id == 0 || w->list_at[id] ? w->list_at[id] : list_put(w, id);
}

static void source_put(struct writer *w, uint8_t **at, const struct built_source *s)
{
	put_u32(at, string_off(w, s->name));
	put_u32(at, string_off(w, s->fetched));
	put_u32(at, s->starter ? SOURCE_STARTER : 0);
	put_u32(at, 0);
	put_le(at, s->count, 8);
}

static void rule_put(struct writer *w, uint8_t **at, const struct built_rule *r)
{
	put_u32(at, w->o.card_at.v[r->card]);
	put_u32(at, list_off(w, r->events));
	put_u32(at, list_off(w, r->versions));
	put_u32(at, string_off(w, r->status_text));
	put_u32(at, string_off(w, r->module));
	put_le(at, r->status, 1);
	put_le(at, r->severity, 1);
	put_le(at, w->b->sources.v[r->source].order, 2);
}

static void card_put(struct writer *w, uint8_t **at, const struct built_card *c)
{
	const struct card_known *k = &c->joined;

	for (size_t i = 0; i < CARD_TEXTS; i++)
		put_u32(at, string_off(w, c->text[i]));
	put_u32(at, string_off(w, k->severity_from));
	put_u32(at, string_off(w, k->kev_added));
	put_u32(at, string_off(w, k->kev_due));
	put_u32(at, k->epss);
	put_u32(at, k->percentile);
	put_le(at, k->severity, 1);
	put_le(at, (k->has_epss ? CARD_EPSS : 0u) | (k->has_kev ? CARD_KEV : 0u), 1);
	put_le(at, w->b->sources.v[c->source].order, 2);
	put_u32(at, list_off(w, c->aliases));
	put_u32(at, list_off(w, k->cvss));
	put_u32(at, list_off(w, c->symbols));
}

/* A key and its hashes; its rules are laid down at the same time. */
static void key_put(struct writer *w, uint8_t **at, uint8_t **rules, size_t i)
{
	const struct built_key *key = &w->b->keys.v[w->o.keys.v[i]];
	uint32_t first = w->o.first.v[i], end = w->o.first.v[i + 1];
	uint64_t content = PATH_ROOT, scores = PATH_ROOT;

	put_u32(at, string_off(w, key->ecosystem));
	put_u32(at, string_off(w, key->name));
	put_u32(at, first);
	put_u32(at, end - first);
	for (uint32_t k = first; k < end; k++) {
		const struct built_rule *r = &w->b->rules.v[w->o.rules.v[k]];
		const struct built_card *c = &w->b->cards.v[w->o.cards.v[w->o.card_at.v[r->card]]];
		const struct card_known *known = &c->joined;

		content = builder_fold(builder_fold(content, r->hash), c->content);
		scores = builder_fold(
		    scores, known->has_epss ? (uint64_t)known->epss << 32 | known->percentile : 1);
		rule_put(w, rules, r);
	}
	put_le(at, content, 8);
	put_le(at, scores, 8);
}

static void ecosystems_put(struct writer *w, uint8_t **at, uint32_t *n)
{
	size_t first = 0;

	*n = 0;
	for (size_t i = 1; i <= w->o.keys.n; i++) {
		const struct built_key *k = &w->b->keys.v[w->o.keys.v[first]];

		if (i < w->o.keys.n && w->b->keys.v[w->o.keys.v[i]].ecosystem == k->ecosystem)
			continue;
		put_u32(at, string_off(w, k->ecosystem));
		put_u32(at, (uint32_t)first);
		put_u32(at, (uint32_t)(i - first));
		++*n;
		first = i;
	}
}

static void slots_put(struct writer *w, uint8_t *at, size_t slots)
{
	for (uint32_t i = 0; i < w->o.keys.n; i++) {
		const struct built_key *k = &w->b->keys.v[w->o.keys.v[i]];
		uint64_t slot =
		    path_child(w->b->strings.v[k->ecosystem].hash, w->b->strings.v[k->name].hash);
		uint8_t *p;

		do {
			p = at + 4 * (slot++ & (slots - 1));
		} while (p[0] | p[1] | p[2] | p[3]);
		put_u32(&p, i + 1);
	}
}

static size_t slots_for(size_t keys)
{
	size_t slots = 16;

	while (slots < keys * 2)
		slots *= 2;
	return slots;
}

/* All sections of fixed size in the order of the file, each in a buffer of its own. */
struct parts {
	uint8_t *p[ADVDB_SECTIONS];
	uint64_t n[ADVDB_SECTIONS], bytes[ADVDB_SECTIONS];
};

static void parts_fill(struct writer *w, struct parts *parts)
{
	uint8_t *sources = parts->p[AT_SOURCES], *keys = parts->p[AT_KEYS];
	uint8_t *rules = parts->p[AT_RULES], *cards = parts->p[AT_CARDS];
	uint8_t *ecosystems = parts->p[AT_ECOSYSTEMS];
	uint32_t n_ecosystems;

	string_put(w, 0);
	list_put(w, 0);
	for (size_t i = 0; i < w->o.sources.n; i++)
		source_put(w, &sources, &w->b->sources.v[w->o.sources.v[i]]);
	for (size_t i = 0; i < w->o.keys.n; i++)
		key_put(w, &keys, &rules, i);
	for (size_t i = 0; i < w->o.cards.n; i++)
		card_put(w, &cards, &w->b->cards.v[w->o.cards.v[i]]);
	ecosystems_put(w, &ecosystems, &n_ecosystems);
	parts->n[AT_ECOSYSTEMS] = n_ecosystems;
	slots_put(w, parts->p[AT_SLOTS], (size_t)parts->n[AT_SLOTS]);
}

static const uint8_t element_bytes[ADVDB_SECTIONS] = {
#define X(name, bytes) [AT_##name] = (bytes),
    ADVDB_SECTIONS_X
#undef X
};

static bool parts_new(struct writer *w, struct parts *parts)
{
	parts->n[AT_SOURCES] = w->o.sources.n;
	parts->n[AT_ECOSYSTEMS] = w->o.keys.n; /* at most */
	parts->n[AT_KEYS] = w->o.keys.n;
	parts->n[AT_SLOTS] = slots_for(w->o.keys.n);
	parts->n[AT_RULES] = w->o.rules.n;
	parts->n[AT_CARDS] = w->o.cards.n;
	for (size_t i = 0; i < ADVDB_SECTIONS; i++) {
		parts->p[i] = calloc((size_t)parts->n[i] + 1, element_bytes[i]);
		if (parts->p[i] == NULL)
			return false;
	}
	return true;
}

static void parts_done(struct parts *parts)
{
	for (size_t i = 0; i < ADVDB_SECTIONS; i++)
		free(parts->p[i]);
}

static void lists_put(const struct writer *w, uint8_t *at)
{
	for (size_t i = 0; i < w->lists.n; i++)
		put_u32(&at, w->lists.v[i]);
}

/* One buffer of everything; the hash comes last. */
static bool file_put(struct writer *w, struct parts *parts, uint32_t built, advdb_hash_fn *sha256,
		     struct span *out)
{
	size_t size = ADVDB_START;
	uint8_t *file, *at;

	parts->n[AT_STRINGS] = w->strings.n;
	parts->n[AT_LISTS] = w->lists.n;
	for (size_t i = 0; i < ADVDB_SECTIONS; i++)
		size += (size_t)(parts->bytes[i] = parts->n[i] * element_bytes[i]);
	file = calloc(size, 1);
	if (file == NULL)
		return false;
	memcpy(file, ADVDB_MAGIC, AT_VERSION);
	at = file + AT_VERSION;
	put_u32(&at, ADVDB_VERSION);
	put_u32(&at, 0);
	put_le(&at, size, 8);
	at = file + AT_BUILT;
	put_u32(&at, built);
	put_u32(&at, ADVDB_SECTIONS);
	size = ADVDB_START;
	for (size_t i = 0; i < ADVDB_SECTIONS; i++) {
		put_le(&at, size, 8);
		put_le(&at, parts->n[i], 8);
		if (i == AT_LISTS)
			lists_put(w, file + size);
		else if (parts->bytes[i])
			memcpy(file + size, i == AT_STRINGS ? w->strings.v : parts->p[i],
			       (size_t)parts->bytes[i]);
		size += (size_t)parts->bytes[i];
	}
	sha256(span_of(file + AT_CONTENT, size - AT_CONTENT), file + AT_SHA256);
	w->b->file = file;
	*out = span_of(file, size);
	return true;
}

static bool writer_init(struct writer *w)
{
	w->string_at = calloc(w->b->strings.n, sizeof *w->string_at);
	w->list_at = calloc(w->b->lists.n, sizeof *w->list_at);
	return w->string_at && w->list_at;
}

static void writer_done(struct writer *w)
{
	advdb_order_done(&w->o);
	VEC_DONE(&w->strings);
	VEC_DONE(&w->lists);
	free(w->string_at);
	free(w->list_at);
}

static void write_all(struct writer *w, struct span built, advdb_hash_fn *sha256, struct span *out)
{
	struct advdb_builder *b = w->b;
	struct parts parts = {0};
	uint32_t built_id = builder_string(b, built);

	w->rc = advdb_order(b, &w->o);
	if (w->rc == RMG_OK)
		w->rc = advdb_join(b, &w->o);
	if (w->rc != RMG_OK)
		return;
	if (!writer_init(w) || !parts_new(w, &parts)) {
		no_memory(w);
	} else {
		uint32_t built_off;

		parts_fill(w, &parts);
		built_off = string_off(w, built_id);
		if (w->rc == RMG_OK && !file_put(w, &parts, built_off, sha256, out))
			no_memory(w);
	}
	parts_done(&parts);
}

enum rmg_rc advdb_builder_done(struct advdb_builder *b, struct span built, advdb_hash_fn *sha256,
			       struct span *out, struct advdb_counts *counts, struct rmg_err *err)
{
	struct writer w = {.b = b};
	struct span file = {0};

	free(b->file);
	b->file = NULL;
	write_all(&w, built, sha256, &file);
	if (counts && w.rc == RMG_OK)
		*counts = (struct advdb_counts){(uint32_t)w.o.keys.n, (uint32_t)w.o.rules.n,
						(uint32_t)w.o.cards.n};
	writer_done(&w);
	if (w.rc == RMG_E_LIMIT)
		return err_set(err, w.rc, "the advisory database grows above its limit");
	if (w.rc != RMG_OK)
		return err_set(err, w.rc, "no memory for the advisory database");
	*out = file;
	return RMG_OK;
}
