/* SPDX-License-Identifier: Apache-2.0 */
/* advdb_builder.h - what the two halves of the writer share: advdb_build.c takes things in,
 * advdb_write.c puts them in order and lays out the file. Internal to both.
 *
 * Ids are positions in the vectors here; hashes depend on content only, never on ids. */
#ifndef VULN_ADVDB_BUILDER_H
#define VULN_ADVDB_BUILDER_H

#include "base/arena.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/vec.h"
#include "vuln/advdb_build.h"
#include "vuln/advdb_layout.h"

struct built_string {
	struct span s;
	uint64_t hash;
	uint32_t off; /* in the file; 0: not there yet */
};

enum list_kind { LIST_STRINGS, LIST_EVENTS, LIST_CVSS };

struct built_list {
	enum list_kind kind;
	uint32_t first, n; /* words */
	uint64_t hash;
	uint32_t off;
};

struct built_source {
	uint32_t name, fetched;
	uint64_t count;
	bool starter, dropped;
	uint32_t order;
};

enum card_text {
	CARD_ID,
	CARD_CANONICAL,
	CARD_SUMMARY,
	CARD_URL,
	CARD_PUBLISHED,
	CARD_MODIFIED,
	CARD_WITHDRAWN,
	CARD_SEVERITY_FROM,
	CARD_KEV_ADDED,
	CARD_KEV_DUE,
	CARD_TEXTS,
};

struct built_card {
	uint32_t text[CARD_TEXTS];       /* strings */
	uint32_t aliases, cvss, symbols; /* lists */
	uint32_t source;
	enum adv_severity severity;
	bool has_epss, has_kev;
	uint32_t epss, percentile;
	uint64_t hash;
	uint32_t order; /* in the file; UINT32_MAX: not there */
};

struct built_key {
	uint32_t ecosystem, name;
	uint32_t order;
};

struct built_rule {
	uint32_t key, card, source;
	uint32_t events, versions;
	uint32_t status_text, module;
	enum adv_status status;
	enum adv_severity severity;
	uint64_t hash;
};

/* CVEs that feeds of scores name are hashes of their ids: most of them no advisory here has. */
struct built_score {
	uint64_t cve;
	uint32_t epss, percentile;
};

struct built_vector {
	uint64_t cve;
	uint32_t word[CVSS_WORDS]; /* as in a list */
	uint64_t hash;
};

struct built_kev {
	uint64_t cve;
	uint32_t added, due;
};

struct advdb_builder {
	struct arena arena; /* bytes of strings */
	VEC(struct built_string) strings;
	struct string_slot {
		uint32_t id;  /* + 1; 0: free */
		uint32_t tag; /* the hash's upper half: a string of another kind is not looked at */
	} * table;
	size_t table_slots;
	VEC(struct built_list) lists;
	VEC(uint32_t) words;
	VEC(struct built_source) sources;
	VEC(struct built_card) cards;
	VEC(struct built_key) keys;
	VEC(struct built_rule) rules;
	VEC(struct built_score) scores;
	VEC(struct built_kev) kevs;
	VEC(struct built_vector) vectors;
	struct map by_list, by_card, by_key, by_score, by_kev; /* hash to id */
	VEC(uint32_t) scratch;
	enum rmg_rc rc;
	uint8_t *file;
};

/* The id of the list that lies in scratch. */
uint32_t builder_list(struct advdb_builder *b, enum list_kind kind);
void builder_word(struct advdb_builder *b, uint32_t word); /* appends to scratch */
uint32_t builder_string(struct advdb_builder *b, struct span s);

/* Joins cards (in the order of the file) to what is known of their CVEs: vectors, severities, EPSS,
 * KEV. content gets a hash per card of all but EPSS. In advdb_join.c. */
MUST enum rmg_rc advdb_join(struct advdb_builder *b, const uint32_t *cards, size_t n,
			    uint64_t *content);

static inline uint64_t builder_fold(uint64_t hash, uint64_t more)
{
	return hash_mix(hash * 3 + more);
}

static inline struct span builder_text(const struct advdb_builder *b, uint32_t id)
{
	return b->strings.v[id].s;
}

#endif
