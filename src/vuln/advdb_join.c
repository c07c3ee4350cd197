/* SPDX-License-Identifier: Apache-2.0 */
/* advdb_join.c - what different publishers know of one CVE, put together on its cards. */
#include <stdlib.h>

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
	struct built_list own = b->lists.v[c->cvss];

	if (at >= b->vectors.n || b->vectors.v[at].cve != cve)
		return;
	b->scratch.n = 0;
	for (uint32_t i = 0; i < own.n; i++)
		builder_word(b, b->words.v[own.first + i]);
	for (; at < b->vectors.n && b->vectors.v[at].cve == cve; at++)
		if (!scratch_has(b, b->vectors.v[at].word[1]))
			for (size_t k = 0; k < CVSS_WORDS; k++)
				builder_word(b, b->vectors.v[at].word[k]);
	c->cvss = builder_list(b, LIST_CVSS);
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

static bool find_donors(struct advdb_builder *b, const uint32_t *cards, size_t n, struct donors *d)
{
	uint32_t have;

	for (size_t i = 0; i < n; i++) {
		const struct built_card *c = &b->cards.v[cards[i]];
		bool word = span_is(builder_text(b, c->text[CARD_SEVERITY_FROM]), S("ghsa"));

		if (c->cvss && !map_add(&d->vectors, c->text[CARD_CANONICAL], cards[i], &have))
			return false;
		if (word && !map_add(&d->words, c->text[CARD_CANONICAL], cards[i], &have))
			return false;
	}
	return true;
}

static void borrow(struct advdb_builder *b, const struct donors *d, uint32_t cvss_text,
		   struct built_card *c)
{
	uint32_t cve = c->text[CARD_CANONICAL];
	uint32_t vectors = map_find(&d->vectors, cve), word = map_find(&d->words, cve);

	if (c->cvss == 0 && vectors != MAP_NONE)
		c->cvss = b->cards.v[vectors].cvss;
	if (c->severity != SEV_UNKNOWN)
		return;
	if (word != MAP_NONE) {
		c->severity = b->cards.v[word].severity;
		c->text[CARD_SEVERITY_FROM] = b->cards.v[word].text[CARD_SEVERITY_FROM];
	} else if (c->cvss) {
		c->severity = cvss_severity(worst_score(b, c->cvss));
		c->text[CARD_SEVERITY_FROM] = cvss_text;
	}
}

/* Takes what is known of one CVE into a card: the worst score, the earliest date. */
static void join_cve(const struct advdb_builder *b, struct built_card *c, uint32_t id)
{
	uint64_t cve = b->strings.v[id].hash;
	uint32_t score = map_find(&b->by_score, cve), kev = map_find(&b->by_kev, cve);

	if (score != MAP_NONE && (!c->has_epss || c->epss < b->scores.v[score].epss)) {
		c->has_epss = true;
		c->epss = b->scores.v[score].epss;
		c->percentile = b->scores.v[score].percentile;
	}
	if (kev == MAP_NONE)
		return;
	if (c->text[CARD_KEV_ADDED] == 0 ||
	    span_cmp(builder_text(b, b->kevs.v[kev].added),
		     builder_text(b, c->text[CARD_KEV_ADDED])) < 0) {
		c->text[CARD_KEV_ADDED] = b->kevs.v[kev].added;
		c->text[CARD_KEV_DUE] = b->kevs.v[kev].due;
	}
	c->has_kev = true;
}

static void join_scores(struct advdb_builder *b, struct built_card *c)
{
	const struct built_list *aliases = &b->lists.v[c->aliases];

	join_cve(b, c, c->text[CARD_CANONICAL]);
	for (uint32_t i = 0; i < aliases->n; i++)
		join_cve(b, c, b->words.v[aliases->first + i]);
}

static uint64_t content_of(const struct advdb_builder *b, const struct built_card *c)
{
	uint64_t hash = builder_fold(builder_fold(c->hash, c->has_kev), c->severity);

	hash = builder_fold(hash, b->strings.v[c->text[CARD_SEVERITY_FROM]].hash);
	hash = builder_fold(hash, b->lists.v[c->cvss].hash);
	hash = builder_fold(hash, b->strings.v[c->text[CARD_KEV_ADDED]].hash);
	return builder_fold(hash, b->strings.v[c->text[CARD_KEV_DUE]].hash);
}

enum rmg_rc advdb_join(struct advdb_builder *b, const uint32_t *cards, size_t n, uint64_t *content)
{
	struct donors d = {0};
	uint32_t cvss_text = builder_string(b, S("cvss"));

	if (b->vectors.n)
		qsort(b->vectors.v, b->vectors.n, sizeof *b->vectors.v, vector_cmp);
	for (size_t i = 0; i < n; i++)
		join_vectors(b, &b->cards.v[cards[i]]);
	if (!find_donors(b, cards, n, &d) && b->rc == RMG_OK)
		b->rc = RMG_E_NOMEM;
	for (size_t i = 0; i < n && b->rc == RMG_OK; i++) {
		struct built_card *c = &b->cards.v[cards[i]];

		borrow(b, &d, cvss_text, c);
		join_scores(b, c);
		content[i] = content_of(b, c);
	}
	map_done(&d.vectors);
	map_done(&d.words);
	return b->rc;
}
