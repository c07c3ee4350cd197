/* SPDX-License-Identifier: Apache-2.0 */
/* advdb_join.c - what different publishers know of one CVE, put together on its cards.
 *
 * A card's share depends on cards for the same CVE and on scores, lists and vectors by CVE. So
 * after a change only cards for CVEs that were touched are joined again. */
#include "vuln/advdb_builder.h"
#include "vuln/match.h"

static int vector_cmp(const void *x, const void *y)
{
	const struct built_vector *a = x, *b = y;

	if (a->cve != b->cve)
		return a->cve < b->cve ? -1 : 1;
	return a->hash < b->hash ? -1 : a->hash > b->hash;
}

static bool scratch_has(const struct advdb_builder *b, uint32_t vector)
{
	for (size_t i = 0; i + CVSS_WORDS <= b->scratch.n; i += CVSS_WORDS)
		if (b->scratch.v[i + 1] == vector)
			return true;
	return false;
}

/* The card's own vectors first, then the others' that it lacks. */
static void join_vectors(struct advdb_builder *b, struct built_card *c)
{
	uint64_t cve = b->strings.v[c->text[CARD_CANONICAL]].hash;
	uint32_t at = map_find(&b->by_vector, cve);
	struct built_list own = b->lists.v[c->own.cvss];

	if (at == MAP_NONE)
		return;
	b->scratch.n = 0;
	for (uint32_t i = 0; i < own.n; i++)
		builder_word(b, b->words.v[own.first + i]);
	for (; at < b->vectors.n && b->vectors.v[at].cve == cve; at++)
		if (!scratch_has(b, b->vectors.v[at].word[1]))
			for (size_t k = 0; k < CVSS_WORDS; k++)
				builder_word(b, b->vectors.v[at].word[k]);
	c->joined.cvss = builder_list(b, LIST_CVSS, b->scratch.v, (uint32_t)b->scratch.n);
}

static double worst_score(const struct advdb_builder *b, uint32_t list)
{
	const struct built_list *l = &b->lists.v[list];
	uint32_t worst = 0;

	for (uint32_t i = CVSS_WORDS - 1; i < l->n; i += CVSS_WORDS)
		worst = MAX_OF(worst, b->words.v[l->first + i]);
	return worst / CVSS_UNIT;
}

/* Per CVE (a string's id) the first card in the file that has vectors, and the first with a word
 * that is not a distribution's own: ids + 1. */
struct donors {
	uint32_t *vectors, *words;
};

static bool donors_init(struct donors *d, size_t strings)
{
	d->vectors = calloc(strings, sizeof *d->vectors);
	d->words = calloc(strings, sizeof *d->words);
	return d->vectors && d->words;
}

static void donors_done(struct donors *d)
{
	free(d->vectors);
	free(d->words);
}

static void offer(const struct order *o, uint32_t *donor, uint32_t card)
{
	if (*donor == 0 || o->card_at.v[card] < o->card_at.v[*donor - 1])
		*donor = card + 1;
}

static void find_donors(const struct advdb_builder *b, const struct order *o,
			const struct ids *cards, uint32_t ghsa_text, struct donors *d)
{
	for (size_t i = 0; i < cards->n; i++) {
		const struct built_card *c = &b->cards.v[cards->v[i]];
		uint32_t cve = c->text[CARD_CANONICAL];

		if (c->joined.cvss)
			offer(o, &d->vectors[cve], cards->v[i]);
		if (c->own.severity_from == ghsa_text)
			offer(o, &d->words[cve], cards->v[i]);
	}
}

static void borrow(struct advdb_builder *b, const struct donors *d, uint32_t cvss_text,
		   struct built_card *c)
{
	uint32_t cve = c->text[CARD_CANONICAL];

	if (c->joined.cvss == 0 && d->vectors[cve])
		c->joined.cvss = b->cards.v[d->vectors[cve] - 1].joined.cvss;
	if (c->joined.severity != SEV_UNKNOWN)
		return;
	if (d->words[cve]) {
		const struct card_known *donor = &b->cards.v[d->words[cve] - 1].own;

		c->joined.severity = donor->severity;
		c->joined.severity_from = donor->severity_from;
	} else if (c->joined.cvss) {
		c->joined.severity = (uint8_t)cvss_severity(worst_score(b, c->joined.cvss));
		c->joined.severity_from = cvss_text;
	}
}

/* Takes what is known of one CVE into a card: the worst score, the earliest date. */
static void join_cve(const struct advdb_builder *b, struct card_known *c, uint64_t cve)
{
	uint32_t score = map_find(&b->by_score, cve), kev = map_find(&b->by_kev, cve);

	if (score != MAP_NONE && (!c->has_epss || c->epss < b->scores.v[score].epss)) {
		c->has_epss = true;
		c->epss = b->scores.v[score].epss;
		c->percentile = b->scores.v[score].percentile;
	}
	if (kev == MAP_NONE)
		return;
	if (c->kev_added == 0 ||
	    span_cmp(builder_text(b, b->kevs.v[kev].added), builder_text(b, c->kev_added)) < 0) {
		c->kev_added = b->kevs.v[kev].added;
		c->kev_due = b->kevs.v[kev].due;
	}
	c->has_kev = true;
}

static void join_scores(struct advdb_builder *b, struct built_card *c)
{
	const struct built_list *aliases = &b->lists.v[c->aliases];
	uint32_t canonical = c->text[CARD_CANONICAL];

	join_cve(b, &c->joined, b->strings.v[canonical].hash);
	for (uint32_t i = 0; i < aliases->n; i++) {
		uint32_t alias = b->words.v[aliases->first + i];

		if (alias != canonical)
			join_cve(b, &c->joined, b->strings.v[alias].hash);
	}
}

static uint64_t content_of(const struct advdb_builder *b, const struct built_card *c)
{
	const struct card_known *k = &c->joined;
	uint64_t hash = builder_fold(builder_fold(c->hash, k->has_kev), k->severity);

	hash = builder_fold(hash, b->strings.v[k->severity_from].hash);
	hash = builder_fold(hash, b->lists.v[k->cvss].hash);
	hash = builder_fold(hash, b->strings.v[k->kev_added].hash);
	return builder_fold(hash, b->strings.v[k->kev_due].hash);
}

/* What came by CVE, so that it can be found. Of what was said twice, whatever the order, the worse
 * score and the earlier date count. */
static bool index_cves(struct advdb_builder *b)
{
	uint32_t have;

	map_done(&b->by_score);
	map_done(&b->by_kev);
	map_done(&b->by_vector);
	if (!map_reserve(&b->by_score, b->scores.n) || !map_reserve(&b->by_kev, b->kevs.n) ||
	    !map_reserve(&b->by_vector, b->vectors.n))
		return false;
	for (uint32_t i = 0; i < b->scores.n; i++) {
		if (!map_add(&b->by_score, b->scores.v[i].cve, i, &have))
			return false;
		if (b->scores.v[have].epss < b->scores.v[i].epss &&
		    !map_set(&b->by_score, b->scores.v[i].cve, i))
			return false;
	}
	for (uint32_t i = 0; i < b->kevs.n; i++) {
		if (!map_add(&b->by_kev, b->kevs.v[i].cve, i, &have))
			return false;
		if (span_cmp(builder_text(b, b->kevs.v[i].added),
			     builder_text(b, b->kevs.v[have].added)) < 0 &&
		    !map_set(&b->by_kev, b->kevs.v[i].cve, i))
			return false;
	}
	if (b->vectors.n)
		qsort(b->vectors.v, b->vectors.n, sizeof *b->vectors.v, vector_cmp);
	for (uint32_t i = 0; i < b->vectors.n; i++)
		if (!map_add(&b->by_vector, b->vectors.v[i].cve, i, &have))
			return false;
	return true;
}

/* Cards of the file whose CVE was touched, or all, as they lie in memory. */
static bool cards_to_join(struct advdb_builder *b, const struct order *o, struct ids *out)
{
	uint8_t *touched = calloc(b->strings.n, 1);

	if (touched == NULL || !VEC_RESERVE(out, o->cards.n + 1)) {
		free(touched);
		return false;
	}
	VEC_EACH (cve, &b->touched)
		touched[*cve] = 1;
	for (uint32_t i = 0; i < b->cards.n; i++) {
		const struct built_card *c = &b->cards.v[i];

		if (c->in_file && (b->rejoin || touched[c->text[CARD_CANONICAL]]))
			out->v[out->n++] = i;
	}
	free(touched);
	return true;
}

static void join_cards(struct advdb_builder *b, const struct order *o, const struct ids *cards)
{
	uint32_t cvss_text = builder_string(b, S("cvss"));
	uint32_t ghsa_text = builder_string(b, S("ghsa"));
	struct donors d = {0};

	for (size_t i = 0; i < cards->n; i++) {
		struct built_card *c = &b->cards.v[cards->v[i]];

		c->joined = c->own;
		join_vectors(b, c);
	}
	if (donors_init(&d, b->strings.n))
		find_donors(b, o, cards, ghsa_text, &d);
	else
		builder_fail(b, RMG_E_NOMEM);
	for (size_t i = 0; i < cards->n && b->rc == RMG_OK; i++) {
		struct built_card *c = &b->cards.v[cards->v[i]];

		borrow(b, &d, cvss_text, c);
		join_scores(b, c);
		c->content = content_of(b, c);
	}
	donors_done(&d);
}

enum rmg_rc advdb_join(struct advdb_builder *b, const struct order *o)
{
	struct ids cards = {0};

	if ((b->rejoin && !index_cves(b)) || !cards_to_join(b, o, &cards))
		builder_fail(b, RMG_E_NOMEM);
	else
		join_cards(b, o, &cards);
	VEC_DONE(&cards);
	if (b->rc == RMG_OK) {
		b->rejoin = false;
		b->touched.n = 0;
	}
	return b->rc;
}
