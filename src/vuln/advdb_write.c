/* SPDX-License-Identifier: Apache-2.0 */
/* advdb_write.c - the last part of the writer: layout, into one buffer: sections of known size,
 * then strings as they are first referred to, then lists. So what is read together lies together.
 */
#include "base/err.h"
#include "base/hash.h"
#include "vuln/advdb_builder.h"

enum { STRING_HEAD = 10 }; /* its length, at most */

struct writer {
	struct advdb_builder *b;
	struct order o;
	uint8_t *file; /* large enough for all, whatever of it is used */
	struct {
		uint8_t *at;
		uint64_t n;
	} part[ADVDB_SECTIONS];
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
	size_t off = (size_t)w->part[AT_STRINGS].n, n = s.n;
	uint8_t *at = w->part[AT_STRINGS].at + off;

	if (off + n + STRING_HEAD > ADVDB_STRINGS_MAX) {
		w->rc = w->rc != RMG_OK ? w->rc : RMG_E_LIMIT;
		return 0;
	}
	for (; n >= 0x80; n >>= 7)
		*at++ = (uint8_t)(n | 0x80);
	*at++ = (uint8_t)n;
	if (s.n)
		memcpy(at, s.p, s.n);
	w->part[AT_STRINGS].n = (uint64_t)(at + s.n - w->part[AT_STRINGS].at);
	w->string_at[id] = (uint32_t)off;
	return (uint32_t)off;
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

/* Rules and cards lie where they were read, which is anywhere: what is needed soon is asked for
 * now. */
static void fetch_ahead(const struct writer *w, size_t rule)
{
	const struct advdb_builder *b = w->b;

	if (rule + 2 * AHEAD < w->o.rules.n)
		builder_fetch(&b->rules.v[w->o.rules.v[rule + 2 * AHEAD]]);
	if (rule + AHEAD < w->o.rules.n)
		builder_fetch(&b->cards.v[b->rules.v[w->o.rules.v[rule + AHEAD]].card].joined);
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

		fetch_ahead(w, k);
		content = builder_fold(builder_fold(content, r->hash), c->content);
		scores = builder_fold(
		    scores, known->has_epss ? (uint64_t)known->epss << 32 | known->percentile : 1);
		rule_put(w, rules, r);
	}
	put_le(at, content, 8);
	put_le(at, scores, 8);
}

/* The first key behind those of key i's ecosystem. */
static size_t ecosystem_end(const struct writer *w, size_t i)
{
	uint32_t ecosystem = w->b->keys.v[w->o.keys.v[i]].ecosystem;

	while (i < w->o.keys.n && w->b->keys.v[w->o.keys.v[i]].ecosystem == ecosystem)
		i++;
	return i;
}

static size_t count_ecosystems(const struct writer *w)
{
	size_t n = 0;

	for (size_t i = 0; i < w->o.keys.n; i = ecosystem_end(w, i))
		n++;
	return n;
}

static void ecosystems_put(struct writer *w)
{
	uint8_t *at = w->part[AT_ECOSYSTEMS].at;
	size_t end;

	for (size_t i = 0; i < w->o.keys.n; i = end) {
		end = ecosystem_end(w, i);
		put_u32(&at, string_off(w, w->b->keys.v[w->o.keys.v[i]].ecosystem));
		put_u32(&at, (uint32_t)i);
		put_u32(&at, (uint32_t)(end - i));
	}
}

static void slots_put(struct writer *w)
{
	size_t slots = (size_t)w->part[AT_SLOTS].n;

	memset(w->part[AT_SLOTS].at, 0, slots * 4);
	for (uint32_t i = 0; i < w->o.keys.n; i++) {
		const struct built_key *k = &w->b->keys.v[w->o.keys.v[i]];
		uint64_t slot =
		    path_child(w->b->strings.v[k->ecosystem].hash, w->b->strings.v[k->name].hash);
		uint8_t *p;

		do {
			p = w->part[AT_SLOTS].at + 4 * (slot++ & (slots - 1));
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

static void parts_put(struct writer *w)
{
	uint8_t *sources = w->part[AT_SOURCES].at, *keys = w->part[AT_KEYS].at;
	uint8_t *rules = w->part[AT_RULES].at, *cards = w->part[AT_CARDS].at;

	string_put(w, 0);
	list_put(w, 0);
	for (size_t i = 0; i < w->o.sources.n; i++)
		source_put(w, &sources, &w->b->sources.v[w->o.sources.v[i]]);
	for (size_t i = 0; i < w->o.keys.n; i++)
		key_put(w, &keys, &rules, i);
	for (size_t i = 0; i < w->o.cards.n; i++) {
		if (i + AHEAD < w->o.cards.n)
			builder_fetch(&w->b->cards.v[w->o.cards.v[i + AHEAD]]);
		card_put(w, &cards, &w->b->cards.v[w->o.cards.v[i]]);
	}
	ecosystems_put(w);
	slots_put(w);
}

static const uint8_t element_bytes[ADVDB_SECTIONS] = {
#define X(name, bytes) [AT_##name] = (bytes),
    ADVDB_SECTIONS_X
#undef X
};

/* Where each section goes; what strings and lists will take is known as an upper bound only. */
static bool writer_init(struct writer *w)
{
	static const enum advdb_section fixed[] = {AT_SOURCES, AT_ECOSYSTEMS, AT_KEYS,
						   AT_SLOTS,   AT_RULES,      AT_CARDS};
	const struct advdb_builder *b = w->b;
	size_t at = ADVDB_START, more = b->arena.used_bytes + b->strings.n * STRING_HEAD +
					(b->words.n + b->lists.n) * sizeof(uint32_t);

	w->part[AT_SOURCES].n = w->o.sources.n;
	w->part[AT_ECOSYSTEMS].n = count_ecosystems(w);
	w->part[AT_KEYS].n = w->o.keys.n;
	w->part[AT_SLOTS].n = slots_for(w->o.keys.n);
	w->part[AT_RULES].n = w->o.rules.n;
	w->part[AT_CARDS].n = w->o.cards.n;
	for (size_t i = 0; i < COUNT_OF(fixed); i++)
		more += (size_t)w->part[fixed[i]].n * element_bytes[fixed[i]];
	w->file = malloc(at + more);
	w->string_at = calloc(b->strings.n, sizeof *w->string_at);
	w->list_at = calloc(b->lists.n, sizeof *w->list_at);
	if (w->file == NULL || w->string_at == NULL || w->list_at == NULL)
		return false;
	for (size_t i = 0; i < COUNT_OF(fixed); i++) {
		w->part[fixed[i]].at = w->file + at;
		at += (size_t)w->part[fixed[i]].n * element_bytes[fixed[i]];
	}
	w->part[AT_STRINGS].at = w->file + at;
	return true;
}

/* The head, once the size of everything is known; the hash comes last. */
static void head_put(struct writer *w, size_t size, uint32_t built, advdb_hash_fn *sha256)
{
	uint8_t *at = w->file;

	memset(at, 0, ADVDB_START);
	memcpy(at, ADVDB_MAGIC, AT_VERSION);
	at += AT_VERSION;
	put_u32(&at, ADVDB_VERSION);
	put_u32(&at, 0);
	put_le(&at, size, 8);
	at = w->file + AT_BUILT;
	put_u32(&at, built);
	put_u32(&at, ADVDB_SECTIONS);
	for (size_t i = 0; i < ADVDB_SECTIONS; i++) {
		put_le(&at, (uint64_t)(w->part[i].at - w->file), 8);
		put_le(&at, w->part[i].n, 8);
	}
	sha256(span_of(w->file + AT_CONTENT, size - AT_CONTENT), w->file + AT_SHA256);
}

static void file_put(struct writer *w, uint32_t built_id, advdb_hash_fn *sha256, struct span *out)
{
	uint32_t built;
	uint8_t *at, *whole;
	size_t size;

	parts_put(w);
	built = string_off(w, built_id);
	if (w->rc != RMG_OK)
		return;
	at = w->part[AT_LISTS].at = w->part[AT_STRINGS].at + w->part[AT_STRINGS].n;
	w->part[AT_LISTS].n = w->lists.n;
	for (size_t i = 0; i < w->lists.n; i++)
		put_u32(&at, w->lists.v[i]);
	size = (size_t)(at - w->file);
	head_put(w, size, built, sha256);
	whole = realloc(w->file, size); /* what was too much goes back */
	w->b->file = whole ? whole : w->file;
	w->file = NULL;
	*out = span_of(w->b->file, size);
}

static void writer_done(struct writer *w)
{
	advdb_order_done(&w->o);
	VEC_DONE(&w->lists);
	free(w->file);
	free(w->string_at);
	free(w->list_at);
}

static void write_all(struct writer *w, struct span built, advdb_hash_fn *sha256, struct span *out)
{
	struct advdb_builder *b = w->b;
	uint32_t built_id = builder_string(b, built);

	w->rc = advdb_order(b, &w->o);
	if (w->rc == RMG_OK)
		w->rc = advdb_join(b, &w->o);
	if (w->rc == RMG_OK && !writer_init(w))
		no_memory(w);
	if (w->rc == RMG_OK)
		file_put(w, built_id, sha256, out);
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
