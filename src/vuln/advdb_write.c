/* SPDX-License-Identifier: Apache-2.0 */
/* advdb_write.c - the second half of the writer: order, then layout.
 *
 * Everything is put into an order that content alone decides (sources by name; keys by ecosystem
 * and name; cards by source and id; rules by key, card and hash); strings and lists then lie in the
 * order in which the file first refers to them, so that what is read together lies together. */
#include "base/err.h"
#include "base/hash.h"
#include "vuln/advdb_builder.h"

struct writer {
	struct advdb_builder *b;
	VEC(uint32_t) sources, cards, keys, rules; /* ids in order */
	VEC(uint32_t) first; /* per key in order: its first rule; one more ends the last */
	VEC(uint8_t) strings;
	VEC(uint32_t) lists;
	uint64_t *content; /* per card in order */
	enum rmg_rc rc;
};

static void no_memory(struct writer *w)
{
	w->rc = w->rc != RMG_OK ? w->rc : RMG_E_NOMEM;
}

static int by_u64(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int source_cmp(const void *x, const void *y, void *user)
{
	const struct advdb_builder *b = user;
	const struct built_source *a = &b->sources.v[*(const uint32_t *)x];
	const struct built_source *c = &b->sources.v[*(const uint32_t *)y];
	int order = span_cmp(builder_text(b, a->name), builder_text(b, c->name));

	if (order == 0)
		order = span_cmp(builder_text(b, a->fetched), builder_text(b, c->fetched));
	return order ? order : by_u64(a->count, c->count);
}

static int key_cmp(const void *x, const void *y, void *user)
{
	const struct advdb_builder *b = user;
	const struct built_key *a = &b->keys.v[*(const uint32_t *)x];
	const struct built_key *c = &b->keys.v[*(const uint32_t *)y];
	int order = a->ecosystem == c->ecosystem
			? 0
			: span_cmp(builder_text(b, a->ecosystem), builder_text(b, c->ecosystem));

	return order ? order : span_cmp(builder_text(b, a->name), builder_text(b, c->name));
}

/* By source and id, the newest first. */
static int card_cmp(const void *x, const void *y, void *user)
{
	const struct advdb_builder *b = user;
	const struct built_card *a = &b->cards.v[*(const uint32_t *)x];
	const struct built_card *c = &b->cards.v[*(const uint32_t *)y];
	int order = (int)b->sources.v[a->source].order - (int)b->sources.v[c->source].order;

	if (order == 0)
		order =
		    span_cmp(builder_text(b, a->text[CARD_ID]), builder_text(b, c->text[CARD_ID]));
	if (order == 0)
		order = span_cmp(builder_text(b, c->text[CARD_MODIFIED]),
				 builder_text(b, a->text[CARD_MODIFIED]));
	return order ? order : by_u64(a->hash, c->hash);
}

static int rule_cmp(const void *x, const void *y, void *user)
{
	const struct advdb_builder *b = user;
	const struct built_rule *a = &b->rules.v[*(const uint32_t *)x];
	const struct built_rule *c = &b->rules.v[*(const uint32_t *)y];
	int order = by_u64(b->cards.v[a->card].order, b->cards.v[c->card].order);

	return order ? order : by_u64(a->hash, c->hash);
}

static bool same_rule(const struct built_rule *a, const struct built_rule *c)
{
	return a->card == c->card && a->hash == c->hash && a->events == c->events &&
	       a->versions == c->versions && a->status == c->status && a->severity == c->severity &&
	       a->status_text == c->status_text && a->module == c->module && a->source == c->source;
}

/* 0..n-1 into an empty vector of ids. */
#define VEC_IDS(w, vec, count)                                                                     \
	do {                                                                                       \
		if (!VEC_RESERVE((vec), (count)))                                                  \
			no_memory(w);                                                              \
		else                                                                               \
			for ((vec)->n = 0; (vec)->n < (count); (vec)->n++)                         \
				(vec)->v[(vec)->n] = (uint32_t)(vec)->n;                           \
	} while (0)

#define VEC_SORT(vec, cmp, user)                                                                   \
	do {                                                                                       \
		if ((vec)->n > 1)                                                                  \
			qsort_r((vec)->v, (vec)->n, sizeof *(vec)->v, cmp, user);                  \
	} while (0)

static void order_sources(struct writer *w)
{
	struct advdb_builder *b = w->b;
	uint32_t n = 0;

	VEC_IDS(w, &w->sources, b->sources.n);
	VEC_SORT(&w->sources, source_cmp, b);
	for (size_t i = 0; i < w->sources.n; i++) {
		if (b->sources.v[w->sources.v[i]].dropped)
			continue;
		b->sources.v[w->sources.v[i]].order = n;
		w->sources.v[n++] = w->sources.v[i];
	}
	w->sources.n = n;
}

/* Marks cards that are outdated by a newer one of the same source and id. */
static void drop_outdated(struct writer *w)
{
	struct advdb_builder *b = w->b;
	const struct built_card *newest = NULL;

	for (size_t i = 0; i < w->cards.n; i++) {
		struct built_card *c = &b->cards.v[w->cards.v[i]];

		if (newest == NULL || newest->source != c->source ||
		    newest->text[CARD_ID] != c->text[CARD_ID])
			newest = c;
		c->order = newest->text[CARD_MODIFIED] == c->text[CARD_MODIFIED] ? 0 : UINT32_MAX;
	}
}

/* Orders the cards that a rule needs. */
static void order_cards(struct writer *w)
{
	struct advdb_builder *b = w->b;
	uint8_t *used = calloc(b->cards.n + 1, 1);
	size_t n = 0;

	VEC_IDS(w, &w->cards, b->cards.n);
	if (used == NULL || w->rc != RMG_OK) {
		no_memory(w);
		free(used);
		return;
	}
	VEC_SORT(&w->cards, card_cmp, b);
	drop_outdated(w);
	VEC_EACH (rule, &b->rules)
		used[rule->card] = 1;
	for (size_t i = 0; i < w->cards.n; i++) {
		struct built_card *c = &b->cards.v[w->cards.v[i]];

		if (!used[w->cards.v[i]])
			c->order = UINT32_MAX;
		if (c->order == UINT32_MAX)
			continue;
		c->order = (uint32_t)n;
		w->cards.v[n++] = w->cards.v[i];
	}
	w->cards.n = n;
	free(used);
}

/* Sorts the rules of one key, of which equal ones go; how many are left. */
static size_t order_group(struct advdb_builder *b, uint32_t *ids, size_t n)
{
	size_t kept = 0;

	if (n > 1)
		qsort_r(ids, n, sizeof *ids, rule_cmp, b);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || !same_rule(&b->rules.v[ids[kept - 1]], &b->rules.v[ids[i]]))
			ids[kept++] = ids[i];
	return kept;
}

/* Rules by key (a counting sort), then within each key. Keys that lost all rules go. */
static void order_rules(struct writer *w)
{
	struct advdb_builder *b = w->b;
	size_t n = 0, kept_keys = 0, end = 0;
	uint32_t *at = calloc(b->keys.n + 1, sizeof *at);

	VEC_IDS(w, &w->keys, b->keys.n);
	if (at == NULL || w->rc != RMG_OK || !VEC_RESERVE(&w->rules, b->rules.n) ||
	    !VEC_RESERVE(&w->first, b->keys.n + 1)) {
		no_memory(w);
		free(at);
		return;
	}
	VEC_SORT(&w->keys, key_cmp, b);
	for (uint32_t i = 0; i < w->keys.n; i++)
		b->keys.v[w->keys.v[i]].order = i;
	VEC_EACH (rule, &b->rules)
		at[b->keys.v[rule->key].order + 1] += b->cards.v[rule->card].order != UINT32_MAX;
	for (size_t i = 0; i < b->keys.n; i++)
		at[i + 1] += at[i];
	for (uint32_t i = 0; i < b->rules.n; i++)
		if (b->cards.v[b->rules.v[i].card].order != UINT32_MAX)
			w->rules.v[at[b->keys.v[b->rules.v[i].key].order]++] = i;
	/* at[i] is now where key i ends. */
	for (size_t i = 0; i < w->keys.n; i++) {
		size_t begin = end, kept;

		end = at[i];
		kept = order_group(b, w->rules.v + begin, end - begin);
		if (kept == 0)
			continue;
		memmove(w->rules.v + n, w->rules.v + begin, kept * sizeof *w->rules.v);
		w->keys.v[kept_keys] = w->keys.v[i];
		w->first.v[kept_keys++] = (uint32_t)n;
		n += kept;
	}
	w->keys.n = kept_keys;
	w->rules.n = n;
	w->first.v[kept_keys] = (uint32_t)n;
	w->first.n = kept_keys + 1;
	free(at);
}

static void join_cards(struct writer *w)
{
	w->content = calloc(w->cards.n + 1, sizeof *w->content);
	if (w->content == NULL || advdb_join(w->b, w->cards.v, w->cards.n, w->content) != RMG_OK)
		no_memory(w);
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

/* Where a string lies in the file; the first use lays it there. */
static uint32_t string_off(struct writer *w, uint32_t id)
{
	struct built_string *s = &w->b->strings.v[id];
	uint64_t n = s->s.n;

	if (s->off != 0 || (id == 0 && w->strings.n != 0))
		return s->off;
	if (w->strings.n + n + 10 > ADVDB_STRINGS_MAX) {
		w->rc = w->rc != RMG_OK ? w->rc : RMG_E_LIMIT;
		return 0;
	}
	if (!VEC_RESERVE(&w->strings, w->strings.n + n + 10)) {
		no_memory(w);
		return 0;
	}
	s->off = (uint32_t)w->strings.n;
	for (; n >= 0x80; n >>= 7)
		w->strings.v[w->strings.n++] = (uint8_t)(n | 0x80);
	w->strings.v[w->strings.n++] = (uint8_t)n;
	if (s->s.n)
		memcpy(w->strings.v + w->strings.n, s->s.p, s->s.n);
	w->strings.n += s->s.n;
	return s->off;
}

static uint32_t word_off(struct writer *w, enum list_kind kind, uint32_t i, uint32_t word)
{
	if (kind == LIST_EVENTS)
		return string_off(w, word >> 2) << 2 | (word & 3);
	if (kind == LIST_CVSS && i % CVSS_WORDS == CVSS_WORDS - 1)
		return word;
	return string_off(w, word);
}

static uint32_t list_off(struct writer *w, uint32_t id)
{
	struct built_list *list = &w->b->lists.v[id];

	if (list->off != 0 || (id == 0 && w->lists.n != 0))
		return list->off;
	if (w->lists.n + list->n + 1 > UINT32_MAX ||
	    !VEC_RESERVE(&w->lists, w->lists.n + list->n + 1)) {
		no_memory(w);
		return 0;
	}
	list->off = (uint32_t)w->lists.n;
	w->lists.v[w->lists.n++] = list->kind == LIST_CVSS ? list->n / CVSS_WORDS : list->n;
	for (uint32_t i = 0; i < list->n; i++)
		w->lists.v[w->lists.n++] =
		    word_off(w, list->kind, i, w->b->words.v[list->first + i]);
	return list->off;
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
	put_u32(at, w->b->cards.v[r->card].order);
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
	for (size_t i = 0; i < CARD_TEXTS; i++)
		put_u32(at, string_off(w, c->text[i]));
	put_u32(at, c->epss);
	put_u32(at, c->percentile);
	put_le(at, c->severity, 1);
	put_le(at, (c->has_epss ? CARD_EPSS : 0u) | (c->has_kev ? CARD_KEV : 0u), 1);
	put_le(at, w->b->sources.v[c->source].order, 2);
	put_u32(at, list_off(w, c->aliases));
	put_u32(at, list_off(w, c->cvss));
	put_u32(at, list_off(w, c->symbols));
}

/* A key and its hashes; its rules are laid down at the same time. */
static void key_put(struct writer *w, uint8_t **at, uint8_t **rules, size_t i)
{
	const struct built_key *key = &w->b->keys.v[w->keys.v[i]];
	uint32_t first = w->first.v[i], end = w->first.v[i + 1];
	uint64_t content = PATH_ROOT, scores = PATH_ROOT;

	put_u32(at, string_off(w, key->ecosystem));
	put_u32(at, string_off(w, key->name));
	put_u32(at, first);
	put_u32(at, end - first);
	for (uint32_t k = first; k < end; k++) {
		const struct built_rule *r = &w->b->rules.v[w->rules.v[k]];
		const struct built_card *c = &w->b->cards.v[r->card];

		content = builder_fold(builder_fold(content, r->hash), w->content[c->order]);
		scores =
		    builder_fold(scores, c->has_epss ? (uint64_t)c->epss << 32 | c->percentile : 1);
		rule_put(w, rules, r);
	}
	put_le(at, content, 8);
	put_le(at, scores, 8);
}

static void ecosystems_put(struct writer *w, uint8_t **at, uint32_t *n)
{
	size_t first = 0;

	*n = 0;
	for (size_t i = 1; i <= w->keys.n; i++) {
		const struct built_key *k = &w->b->keys.v[w->keys.v[first]];

		if (i < w->keys.n && w->b->keys.v[w->keys.v[i]].ecosystem == k->ecosystem)
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
	for (uint32_t i = 0; i < w->keys.n; i++) {
		const struct built_key *k = &w->b->keys.v[w->keys.v[i]];
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

	string_off(w, 0);
	list_off(w, 0);
	for (size_t i = 0; i < w->sources.n; i++)
		source_put(w, &sources, &w->b->sources.v[w->sources.v[i]]);
	for (size_t i = 0; i < w->keys.n; i++)
		key_put(w, &keys, &rules, i);
	for (size_t i = 0; i < w->cards.n; i++)
		card_put(w, &cards, &w->b->cards.v[w->cards.v[i]]);
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
	parts->n[AT_SOURCES] = w->sources.n;
	parts->n[AT_ECOSYSTEMS] = w->keys.n; /* at most */
	parts->n[AT_KEYS] = w->keys.n;
	parts->n[AT_SLOTS] = slots_for(w->keys.n);
	parts->n[AT_RULES] = w->rules.n;
	parts->n[AT_CARDS] = w->cards.n;
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

static void writer_done(struct writer *w)
{
	VEC_DONE(&w->sources);
	VEC_DONE(&w->cards);
	VEC_DONE(&w->keys);
	VEC_DONE(&w->rules);
	VEC_DONE(&w->first);
	VEC_DONE(&w->strings);
	VEC_DONE(&w->lists);
	free(w->content);
}

static void write_all(struct writer *w, struct span built, advdb_hash_fn *sha256, struct span *out)
{
	void (*const steps[])(struct writer *) = {order_sources, order_cards, order_rules,
						  join_cards};
	struct parts parts = {0};
	struct built_string *text;
	uint32_t built_off;

	for (size_t i = 0; i < COUNT_OF(steps) && w->rc == RMG_OK; i++)
		steps[i](w);
	if (w->rc != RMG_OK)
		return;
	if (!parts_new(w, &parts)) {
		no_memory(w);
	} else {
		parts_fill(w, &parts);
		text = VEC_ADD(&w->b->strings);
		if (text)
			text->s = built;
		built_off = text ? string_off(w, (uint32_t)w->b->strings.n - 1) : 0;
		if (text == NULL ||
		    (w->rc == RMG_OK && !file_put(w, &parts, built_off, sha256, out)))
			no_memory(w);
	}
	parts_done(&parts);
}

enum rmg_rc advdb_builder_done(struct advdb_builder *b, struct span built, advdb_hash_fn *sha256,
			       struct span *out, struct advdb_counts *counts, struct rmg_err *err)
{
	struct writer w = {.b = b, .rc = b->rc};
	struct span file = {0};

	write_all(&w, built, sha256, &file);
	b->rc = w.rc != RMG_OK ? w.rc : RMG_E_ARG; /* takes nothing more */
	if (counts && w.rc == RMG_OK)
		*counts = (struct advdb_counts){(uint32_t)w.keys.n, (uint32_t)w.rules.n,
						(uint32_t)w.cards.n};
	writer_done(&w);
	if (w.rc == RMG_E_LIMIT)
		return err_set(err, w.rc, "the advisory database grows above its limit");
	if (w.rc != RMG_OK)
		return err_set(err, w.rc, "no memory for the advisory database");
	*out = file;
	return RMG_OK;
}
