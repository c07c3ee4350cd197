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

/* The first vector of a CVE among the sorted ones. */
static size_t first_vector(const struct advdb_builder *b, uint64_t cve)
{
	size_t low = 0, high = b->vectors.n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (b->vectors.v[mid].cve < cve)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
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
	size_t at = first_vector(b, cve);
	struct built_list own = b->lists.v[c->own.cvss];

	if (at >= b->vectors.n || b->vectors.v[at].cve != cve)
		return;
	b->scratch.n = 0;
	for (uint32_t i = 0; i < own.n; i++)
		builder_word(b, b->words.v[own.first + i]);
	for (; at < b->vectors.n && b->vectors.v[at].cve == cve; at++)
		if (!scratch_has(b, b->vectors.v[at].word[1]))
			for (size_t k = 0; k < CVSS_WORDS; k++)
				builder_word(b, b->vectors.v[at].word[k]);
	c->joined.cvss = builder_list(b, LIST_CVSS);
}

static double worst_score(const struct advdb_builder *b, uint32_t list)
{
	const struct built_list *l = &b->lists.v[list];
	uint32_t worst = 0;

	for (uint32_t i = CVSS_WORDS - 1; i < l->n; i += CVSS_WORDS)
		worst = MAX_OF(worst, b->words.v[l->first + i]);
	return worst / CVSS_UNIT;
}

/* Per CVE the first card that has vectors, and the first with a word that is not a distribution's
 * own. */
struct donors {
	struct map vectors, words;
};

static bool find_donors(struct advdb_builder *b, const struct ids *cards, struct donors *d)
{
	struct span ghsa = S("ghsa");
	uint32_t have;

	for (size_t i = 0; i < cards->n; i++) {
		const struct built_card *c = &b->cards.v[cards->v[i]];
		bool word = span_is(builder_text(b, c->own.severity_from), ghsa);

		if (c->joined.cvss &&
		    !map_add(&d->vectors, c->text[CARD_CANONICAL], cards->v[i], &have))
			return false;
		if (word && !map_add(&d->words, c->text[CARD_CANONICAL], cards->v[i], &have))
			return false;
	}
	return true;
}

static void borrow(struct advdb_builder *b, const struct donors *d, uint32_t cvss_text,
		   struct built_card *c)
{
	uint32_t cve = c->text[CARD_CANONICAL], vectors, word;

	if (c->joined.cvss == 0) {
		vectors = map_find(&d->vectors, cve);
		if (vectors != MAP_NONE)
			c->joined.cvss = b->cards.v[vectors].joined.cvss;
	}
	if (c->joined.severity != SEV_UNKNOWN)
		return;
	word = map_find(&d->words, cve);
	if (word != MAP_NONE) {
		c->joined.severity = b->cards.v[word].own.severity;
		c->joined.severity_from = b->cards.v[word].own.severity_from;
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

	join_cve(b, &c->joined, b->strings.v[c->text[CARD_CANONICAL]].hash);
	for (uint32_t i = 0; i < aliases->n; i++)
		join_cve(b, &c->joined, b->strings.v[b->words.v[aliases->first + i]].hash);
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
	if (!map_reserve(&b->by_score, b->scores.n) || !map_reserve(&b->by_kev, b->kevs.n))
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
	return true;
}

/* Cards of the file whose CVE was touched, or all. */
static bool cards_to_join(struct advdb_builder *b, const struct order *o, struct ids *out)
{
	uint8_t *touched = calloc(b->strings.n, 1);

	if (touched == NULL || !VEC_RESERVE(out, o->cards.n + 1)) {
		free(touched);
		return false;
	}
	VEC_EACH (cve, &b->touched)
		touched[*cve] = 1;
	for (size_t i = 0; i < o->cards.n; i++) {
		if (i + AHEAD < o->cards.n)
			builder_fetch(&b->cards.v[o->cards.v[i + AHEAD]]);
		if (b->rejoin || touched[b->cards.v[o->cards.v[i]].text[CARD_CANONICAL]])
			out->v[out->n++] = o->cards.v[i];
	}
	free(touched);
	return true;
}

static void join_cards(struct advdb_builder *b, const struct ids *cards)
{
	struct donors d = {0};
	uint32_t cvss_text = builder_string(b, S("cvss"));

	for (size_t i = 0; i < cards->n; i++) {
		struct built_card *c = &b->cards.v[cards->v[i]];

		c->joined = c->own;
		join_vectors(b, c);
	}
	if (!find_donors(b, cards, &d))
		builder_fail(b, RMG_E_NOMEM);
	for (size_t i = 0; i < cards->n && b->rc == RMG_OK; i++) {
		struct built_card *c = &b->cards.v[cards->v[i]];

		borrow(b, &d, cvss_text, c);
		join_scores(b, c);
		c->content = content_of(b, c);
	}
	map_done(&d.vectors);
	map_done(&d.words);
}

enum rmg_rc advdb_join(struct advdb_builder *b, const struct order *o)
{
	struct ids cards = {0};

	if ((b->rejoin && !index_cves(b)) || !cards_to_join(b, o, &cards))
		builder_fail(b, RMG_E_NOMEM);
	else
		join_cards(b, &cards);
	VEC_DONE(&cards);
	if (b->rc == RMG_OK) {
		b->rejoin = false;
		b->touched.n = 0;
	}
	return b->rc;
}
