/* SPDX-License-Identifier: Apache-2.0 */
#include "vuln/advdb_build.h"

#include "base/limits.h"
#include "vuln/advdb_builder.h"

enum rmg_rc advdb_builder_new(struct advdb_builder **out)
{
	struct advdb_builder *b = calloc(1, sizeof *b);

	if (b == NULL)
		return RMG_E_NOMEM;
	arena_init(&b->arena, LIMIT_DB_BYTES);
	b->table_slots = 1 << 16;
	b->table = calloc(b->table_slots, sizeof *b->table);
	/* The empty string and the empty list are number 0 and lie at 0. */
	if (b->table == NULL ||
	    !VEC_PUSH(&b->strings, (struct built_string){.hash = hash_span((struct span){0})}) ||
	    !VEC_PUSH(&b->lists, (struct built_list){0}) || !VEC_PUSH(&b->parts, false)) {
		advdb_builder_free(b);
		return RMG_E_NOMEM;
	}
	b->swept = true;
	*out = b;
	return RMG_OK;
}

void advdb_builder_free(struct advdb_builder *b)
{
	if (b == NULL)
		return;
	arena_done(&b->arena);
	VEC_DONE(&b->strings);
	VEC_DONE(&b->lists);
	VEC_DONE(&b->words);
	VEC_DONE(&b->sources);
	VEC_DONE(&b->cards);
	VEC_DONE(&b->keys);
	VEC_DONE(&b->rules);
	VEC_DONE(&b->scores);
	VEC_DONE(&b->kevs);
	VEC_DONE(&b->vectors);
	VEC_DONE(&b->asked);
	VEC_DONE(&b->scratch);
	VEC_DONE(&b->parts);
	VEC_DONE(&b->by_id);
	VEC_DONE(&b->by_name);
	VEC_DONE(&b->touched);
	map_done(&b->by_list);
	map_done(&b->by_card);
	map_done(&b->by_key);
	map_done(&b->by_score);
	map_done(&b->by_kev);
	map_done(&b->by_vector);
	free(b->table);
	free(b->file);
	free(b);
}

static bool grow_table(struct advdb_builder *b)
{
	size_t slots = b->table_slots * 2;
	struct string_slot *table = calloc(slots, sizeof *table);

	if (table == NULL)
		return false;
	for (uint32_t id = 1; id < b->strings.n; id++) {
		uint64_t hash = b->strings.v[id].hash;
		size_t at = hash & (slots - 1);

		while (table[at].id)
			at = (at + 1) & (slots - 1);
		table[at] = (struct string_slot){id + 1, (uint32_t)(hash >> 32)};
	}
	free(b->table);
	b->table = table;
	b->table_slots = slots;
	return true;
}

static uint32_t add_string(struct advdb_builder *b, struct span s, uint64_t hash, size_t at)
{
	struct span copy = arena_dup(&b->arena, s);

	if (b->strings.n >= ADVDB_STRINGS_MAX / 4 || arena_rc(&b->arena) != RMG_OK ||
	    !VEC_PUSH(&b->strings, (struct built_string){.s = copy, .hash = hash})) {
		builder_fail(b, arena_rc(&b->arena) != RMG_OK ? arena_rc(&b->arena) : RMG_E_NOMEM);
		return 0;
	}
	b->table[at] = (struct string_slot){(uint32_t)b->strings.n, (uint32_t)(hash >> 32)};
	if (b->strings.n * 2 > b->table_slots && !grow_table(b))
		builder_fail(b, RMG_E_NOMEM);
	return (uint32_t)b->strings.n - 1;
}

/* The id of a string, which is copied where it is new. */
static uint32_t string_of_hash(struct advdb_builder *b, struct span s, uint64_t hash)
{
	size_t at = hash & (b->table_slots - 1);

	if (s.n == 0 || b->rc != RMG_OK)
		return 0;
	for (; b->table[at].id; at = (at + 1) & (b->table_slots - 1))
		if (b->table[at].tag == hash >> 32 &&
		    span_is(b->strings.v[b->table[at].id - 1].s, s))
			return b->table[at].id - 1;
	return add_string(b, s, hash, at);
}

uint32_t builder_string(struct advdb_builder *b, struct span s)
{
	return string_of_hash(b, s, hash_span(s));
}

/* The strings of one card or rule are asked for together: their table is larger than any cache, and
 * what each of them needs is fetched while the others are worked on. */
static void ask(struct advdb_builder *b, struct span s)
{
	if (!VEC_PUSH(&b->asked, (struct built_string){.s = s}))
		builder_fail(b, RMG_E_NOMEM);
}

static void ask_all(struct advdb_builder *b, const struct span *strings, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ask(b, strings[i]);
}

enum { AT_ONCE = 16 };

static struct built_string *likely(const struct advdb_builder *b, uint64_t hash)
{
	const struct string_slot *slot = &b->table[hash & (b->table_slots - 1)];

	return slot->id && slot->tag == hash >> 32 ? &b->strings.v[slot->id - 1] : NULL;
}

static void answer_some(struct advdb_builder *b, struct built_string *asked, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		asked[i].hash = hash_span(asked[i].s);
		__builtin_prefetch(&b->table[asked[i].hash & (b->table_slots - 1)]);
	}
	for (size_t i = 0; i < n; i++)
		__builtin_prefetch(likely(b, asked[i].hash));
	for (size_t i = 0; i < n; i++) {
		const struct built_string *string = likely(b, asked[i].hash);

		if (string)
			__builtin_prefetch(string->s.p);
	}
	for (size_t i = 0; i < n; i++)
		builder_word(b, string_of_hash(b, asked[i].s, asked[i].hash));
}

/* The ids of the strings that were asked for, in scratch; NULL where memory ran out. */
static uint32_t *answers(struct advdb_builder *b)
{
	b->scratch.n = 0;
	for (size_t i = 0; i < b->asked.n; i += AT_ONCE)
		answer_some(b, b->asked.v + i, MIN_OF(b->asked.n - i, (size_t)AT_ONCE));
	b->asked.n = 0;
	return b->rc == RMG_OK ? b->scratch.v : NULL;
}

static uint64_t fold_string(const struct advdb_builder *b, uint64_t hash, uint32_t id)
{
	return builder_fold(hash, b->strings.v[id].hash);
}

static uint64_t word_hash(const struct advdb_builder *b, enum list_kind kind, size_t i,
			  uint32_t word)
{
	if (kind == LIST_EVENTS)
		return b->strings.v[word >> 2].hash + (word & 3);
	if (kind == LIST_CVSS && i % CVSS_WORDS == CVSS_WORDS - 1)
		return word;
	return b->strings.v[word].hash;
}

uint32_t builder_list(struct advdb_builder *b, enum list_kind kind, const uint32_t *words,
		      uint32_t n)
{
	uint64_t hash = builder_fold(PATH_ROOT, kind);
	uint32_t id;
	size_t at = 0;

	if (n == 0 || b->rc != RMG_OK)
		return 0;
	for (size_t i = 0; i < n; i++)
		hash = builder_fold(hash, word_hash(b, kind, i, words[i]));
	while ((id = map_next(&b->by_list, hash, &at)) != MAP_NONE) {
		const struct built_list *have = &b->lists.v[id];

		if (have->kind == kind && have->n == n &&
		    memcmp(b->words.v + have->first, words, n * sizeof(uint32_t)) == 0)
			return id;
	}
	id = (uint32_t)b->lists.n;
	if (!VEC_RESERVE(&b->words, b->words.n + n) ||
	    !VEC_PUSH(&b->lists, (struct built_list){kind, (uint32_t)b->words.n, n, hash}) ||
	    !map_add_another(&b->by_list, hash, id)) {
		builder_fail(b, RMG_E_NOMEM);
		return 0;
	}
	memcpy(b->words.v + b->words.n, words, n * sizeof(uint32_t));
	b->words.n += n;
	return id;
}

void builder_word(struct advdb_builder *b, uint32_t word)
{
	if (!VEC_PUSH(&b->scratch, word))
		builder_fail(b, RMG_E_NOMEM);
}

static void ask_events(struct advdb_builder *b, const struct adv_event *events, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ask(b, events[i].version);
}

/* Ids of versions become words of a list of events. */
static void add_kinds(uint32_t *words, const struct adv_event *events, size_t n)
{
	for (size_t i = 0; i < n; i++)
		words[i] = words[i] << 2 | (uint32_t)events[i].kind;
}

/* x in whole units, within 0..max. */
static uint32_t in_units(double x, double unit, double max)
{
	if (!(x > 0))
		return 0;
	return (uint32_t)((x < max ? x : max) * unit + 0.5);
}

/* As many strings as words: the last of each is a place for the score. */
static void ask_cvss(struct advdb_builder *b, const struct adv_cvss *cvss, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct span words[CVSS_WORDS] = {cvss[i].version, cvss[i].vector,
						       cvss[i].source};

		ask_all(b, words, CVSS_WORDS);
	}
}

static void add_cvss_scores(uint32_t *words, const struct adv_cvss *cvss, size_t n)
{
	for (size_t i = 0; i < n; i++)
		words[i * CVSS_WORDS + CVSS_WORDS - 1] = in_units(cvss[i].score, CVSS_UNIT, 10);
}

uint32_t advdb_part_begin(struct advdb_builder *b)
{
	/* A map that one large file left behind would be cleared for each of many small ones. */
	if (b->by_card.slots > 64)
		map_done(&b->by_card);
	else if (b->by_card.n)
		map_clear(&b->by_card);
	if (b->parts.n >= UINT32_MAX || !VEC_PUSH(&b->parts, false))
		builder_fail(b, RMG_E_NOMEM);
	return (uint32_t)b->parts.n - 1;
}

void advdb_part_drop(struct advdb_builder *b, uint32_t part)
{
	CHECK(part < b->parts.n);
	b->parts.v[part] = true;
	b->swept = false;
}

bool advdb_builder_is_stale(const struct advdb_builder *b)
{
	return b->gone > b->added / 2;
}

void advdb_builder_give(struct advdb_builder *b)
{
	b->file = NULL;
}

static uint32_t part(const struct advdb_builder *b)
{
	return (uint32_t)b->parts.n - 1;
}

uint32_t advdb_add_source(struct advdb_builder *b, const struct adv_source *s)
{
	struct built_source source = {
	    .name = builder_string(b, s->name),
	    .fetched = builder_string(b, s->fetched),
	    .count = s->count,
	    .starter = s->starter,
	};

	if (b->sources.n >= UINT16_MAX || !VEC_PUSH(&b->sources, source)) {
		builder_fail(b, RMG_E_LIMIT);
		return 0;
	}
	return (uint32_t)b->sources.n - 1;
}

void advdb_source_done(struct advdb_builder *b, uint32_t source, uint64_t count,
		       struct span fetched)
{
	if (source >= b->sources.n)
		return;
	b->sources.v[source].count = count;
	b->sources.v[source].fetched = builder_string(b, fetched);
	b->sources.v[source].dropped = false;
}

void advdb_source_drop(struct advdb_builder *b, uint32_t source)
{
	if (source < b->sources.n)
		b->sources.v[source].dropped = true;
}

static uint64_t card_hash(const struct advdb_builder *b, const struct built_card *c)
{
	uint64_t hash = builder_fold(builder_fold(PATH_ROOT, c->own.severity), c->own.has_kev);

	for (size_t i = 0; i < CARD_TEXTS; i++)
		hash = fold_string(b, hash, c->text[i]);
	hash = fold_string(b, hash, c->own.severity_from);
	hash = fold_string(b, hash, c->own.kev_added);
	hash = fold_string(b, hash, c->own.kev_due);
	hash = builder_fold(hash, b->lists.v[c->aliases].hash);
	hash = builder_fold(hash, b->lists.v[c->own.cvss].hash);
	hash = builder_fold(hash, b->lists.v[c->symbols].hash);
	return fold_string(b, hash, b->sources.v[c->source].name);
}

static bool same_known(const struct card_known *a, const struct card_known *c)
{
	return a->cvss == c->cvss && a->severity == c->severity &&
	       a->severity_from == c->severity_from && a->has_kev == c->has_kev &&
	       a->kev_added == c->kev_added && a->kev_due == c->kev_due &&
	       a->has_epss == c->has_epss && a->epss == c->epss && a->percentile == c->percentile;
}

bool builder_same_card(const struct built_card *a, const struct built_card *c)
{
	return a->hash == c->hash && memcmp(a->text, c->text, sizeof a->text) == 0 &&
	       a->aliases == c->aliases && a->symbols == c->symbols && a->source == c->source &&
	       same_known(&a->own, &c->own);
}

static uint32_t card_id(struct advdb_builder *b, const struct built_card *card)
{
	size_t at = 0;
	uint32_t id;

	while ((id = map_next(&b->by_card, card->hash, &at)) != MAP_NONE)
		if (builder_same_card(&b->cards.v[id], card))
			return id;
	id = (uint32_t)b->cards.n;
	if (!VEC_PUSH(&b->cards, *card) || !map_add_another(&b->by_card, card->hash, id)) {
		builder_fail(b, RMG_E_NOMEM);
		return 0;
	}
	b->added++;
	return id;
}

uint32_t advdb_add_card(struct advdb_builder *b, const struct adv_card *card,
			const struct span *aliases, const struct adv_cvss *cvss,
			const struct span *symbols)
{
	struct built_card c = {.source = card->source, .part = part(b)};
	const struct span texts[] = {
	    [CARD_ID] = card->id,
	    [CARD_CANONICAL] = card->canonical.n ? card->canonical : card->id,
	    [CARD_SUMMARY] = card->summary,
	    [CARD_URL] = card->url,
	    [CARD_PUBLISHED] = card->published,
	    [CARD_MODIFIED] = card->modified,
	    [CARD_WITHDRAWN] = card->withdrawn,
	    card->severity_from,
	    card->kev_added,
	    card->kev_due,
	};
	const uint32_t n_cvss = card->n_cvss * CVSS_WORDS;
	uint32_t *ids;

	CHECK(card->source < b->sources.n || b->rc != RMG_OK);
	ask_all(b, texts, COUNT_OF(texts));
	ask_all(b, aliases, card->n_aliases);
	ask_all(b, symbols, card->n_symbols);
	ask_cvss(b, cvss, card->n_cvss);
	ids = answers(b);
	if (ids == NULL)
		return 0;
	memcpy(c.text, ids, sizeof c.text);
	c.own.severity = (uint8_t)card->severity;
	c.own.severity_from = ids[CARD_TEXTS];
	c.own.kev_added = ids[CARD_TEXTS + 1];
	c.own.kev_due = ids[CARD_TEXTS + 2];
	c.own.has_kev = card->has_kev;
	c.own.has_epss = card->has_epss;
	c.own.epss = in_units(card->epss, EPSS_UNIT, 1);
	c.own.percentile = in_units(card->epss_percentile, EPSS_UNIT, 1);
	ids += COUNT_OF(texts);
	c.aliases = builder_list(b, LIST_STRINGS, ids, card->n_aliases);
	ids += card->n_aliases;
	c.symbols = builder_list(b, LIST_STRINGS, ids, card->n_symbols);
	ids += card->n_symbols;
	add_cvss_scores(ids, cvss, card->n_cvss);
	c.own.cvss = builder_list(b, LIST_CVSS, ids, n_cvss);
	if (b->rc != RMG_OK)
		return 0;
	c.hash = card_hash(b, &c);
	return card_id(b, &c);
}

static uint32_t key_id(struct advdb_builder *b, uint32_t ecosystem, uint32_t name)
{
	uint64_t hash = path_child(b->strings.v[ecosystem].hash, b->strings.v[name].hash);
	uint32_t id;
	size_t at = 0;

	while ((id = map_next(&b->by_key, hash, &at)) != MAP_NONE)
		if (b->keys.v[id].ecosystem == ecosystem && b->keys.v[id].name == name)
			return id;
	id = (uint32_t)b->keys.n;
	if (!VEC_PUSH(&b->keys, (struct built_key){.ecosystem = ecosystem, .name = name}) ||
	    !map_add_another(&b->by_key, hash, id)) {
		builder_fail(b, RMG_E_NOMEM);
		return 0;
	}
	return id;
}

static uint64_t rule_hash(const struct advdb_builder *b, const struct built_rule *r)
{
	uint64_t hash = builder_fold(builder_fold(PATH_ROOT, r->status), r->severity);

	hash = fold_string(b, hash, r->status_text);
	hash = fold_string(b, hash, r->module);
	hash = builder_fold(hash, b->lists.v[r->events].hash);
	hash = builder_fold(hash, b->lists.v[r->versions].hash);
	return fold_string(b, hash, b->sources.v[r->source].name);
}

void advdb_add_rule(struct advdb_builder *b, struct span ecosystem, struct span name,
		    const struct adv_rule *rule, const struct adv_event *events,
		    const struct span *versions)
{
	struct built_rule r = {
	    .card = rule->card,
	    .source = (uint16_t)rule->source,
	    .status = (uint8_t)rule->status,
	    .severity = (uint8_t)rule->severity,
	};

	const struct span texts[] = {ecosystem, name, rule->status_text, rule->module};
	uint32_t *ids;

	if (b->rc != RMG_OK)
		return;
	CHECK(rule->card < b->cards.n && rule->source < b->sources.n);
	ask_all(b, texts, COUNT_OF(texts));
	ask_events(b, events, rule->n_events);
	ask_all(b, versions, rule->n_versions);
	ids = answers(b);
	if (ids == NULL)
		return;
	r.key = key_id(b, ids[0], ids[1]);
	r.status_text = ids[2];
	r.module = ids[3];
	ids += COUNT_OF(texts);
	add_kinds(ids, events, rule->n_events);
	r.events = builder_list(b, LIST_EVENTS, ids, rule->n_events);
	ids += rule->n_events;
	r.versions = builder_list(b, LIST_STRINGS, ids, rule->n_versions);
	if (b->rc != RMG_OK)
		return;
	r.hash = rule_hash(b, &r);
	if (!VEC_PUSH(&b->rules, r))
		builder_fail(b, RMG_E_NOMEM);
	b->cards.v[r.card].n_rules++;
	b->added++;
}

void advdb_add_cvss(struct advdb_builder *b, struct span cve, const struct adv_cvss *cvss)
{
	struct built_vector v = {.cve = hash_span(cve), .part = part(b)};
	uint32_t *words;

	ask_cvss(b, cvss, 1);
	words = answers(b);
	if (words == NULL)
		return;
	add_cvss_scores(words, cvss, 1);
	memcpy(v.word, words, sizeof v.word);
	v.hash = fold_string(b, fold_string(b, v.word[3], v.word[1]), v.word[2]);
	if (!VEC_PUSH(&b->vectors, v))
		builder_fail(b, RMG_E_NOMEM);
	b->rejoin = true;
}

void advdb_add_epss(struct advdb_builder *b, struct span cve, double score, double percentile)
{
	struct built_score s = {
	    .cve = hash_span(cve),
	    .epss = in_units(score, EPSS_UNIT, 1),
	    .percentile = in_units(percentile, EPSS_UNIT, 1),
	    .part = part(b),
	};

	if (!VEC_PUSH(&b->scores, s))
		builder_fail(b, RMG_E_NOMEM);
	b->rejoin = true;
}

void advdb_add_kev(struct advdb_builder *b, struct span cve, struct span added, struct span due)
{
	struct built_kev k = {hash_span(cve), builder_string(b, added), builder_string(b, due),
			      part(b)};

	if (!VEC_PUSH(&b->kevs, k))
		builder_fail(b, RMG_E_NOMEM);
	b->rejoin = true;
}
