/* SPDX-License-Identifier: Apache-2.0 */
/* advdb_builder.h - what the parts of the writer share: advdb_build.c takes things in,
 * advdb_order.c decides what is in the file and in which order, advdb_join.c joins what is known of
 * one CVE, advdb_write.c lays out the file. Internal to them.
 *
 * Ids are positions in the vectors here; hashes depend on content only, never on ids. All of it
 * stays for the next file, which costs a walk over everything but no reading, no sorting and no
 * joining of what has not changed. */
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
};

enum list_kind { LIST_STRINGS, LIST_EVENTS, LIST_CVSS };

struct built_list {
	enum list_kind kind;
	uint32_t first, n; /* words */
	uint64_t hash;
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
	CARD_TEXTS,
};

/* What others than the card's publisher may know as well. */
struct card_known {
	uint32_t cvss;                              /* list */
	uint32_t severity_from, kev_added, kev_due; /* strings */
	uint32_t epss, percentile;
	uint8_t severity;
	bool has_epss, has_kev;
};

struct built_card {
	uint32_t text[CARD_TEXTS]; /* strings */
	uint32_t aliases, symbols; /* lists */
	uint32_t source, part;
	uint32_t n_rules;
	struct card_known own, joined;
	uint64_t hash;
	uint64_t content; /* of all but EPSS, once joined */
	bool in_file;     /* the last one that was written */
};

struct built_key {
	uint32_t ecosystem, name;
	uint32_t order;
};

struct built_rule {
	uint32_t key, card;
	uint32_t events, versions;
	uint32_t status_text, module;
	uint16_t source;
	uint8_t status, severity;
	uint64_t hash;
};

/* CVEs that feeds of scores name are hashes of their ids: most of them no advisory here has. */
struct built_score {
	uint64_t cve;
	uint32_t epss, percentile;
	uint32_t part;
};

struct built_vector {
	uint64_t cve;
	uint32_t word[CVSS_WORDS]; /* as in a list */
	uint64_t hash;
	uint32_t part;
};

struct built_kev {
	uint64_t cve;
	uint32_t added, due;
	uint32_t part;
};

/* A vector (base/vec.h) that has a name. */
struct ids {
	uint32_t *v;
	size_t n, cap;
};

/* What the file holds: ids in order. */
struct order {
	struct ids sources, cards, keys, rules;
	struct ids first;   /* per key: its first rule; one more ends the last */
	struct ids card_at; /* per card id its place in cards, or that of an equal one; UINT32_MAX:
			     not there */
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
	struct map by_list, by_key, by_score, by_kev; /* hash to id */
	struct map by_vector;                         /* to the first of a CVE's */
	struct map by_card;                           /* of the part that is being added */
	VEC(struct built_string) asked;
	VEC(uint32_t) scratch;
	VEC(bool) parts; /* dropped */
	bool swept;      /* nothing of a dropped part is left */
	bool rejoin;     /* every card: scores, lists of exploited ones or vectors have changed */
	uint64_t added, gone;          /* cards and rules */
	struct ids by_id, by_name;     /* cards and keys in order, of those known by then */
	uint32_t sorted, sorted_names; /* cards and keys that are in there, or were */
	struct ids touched;            /* strings: CVEs of cards that came or went */
	enum rmg_rc rc;
	uint8_t *file; /* the last one that was made */
};

uint32_t builder_list(struct advdb_builder *b, enum list_kind kind, const uint32_t *words,
		      uint32_t n);
void builder_word(struct advdb_builder *b, uint32_t word); /* appends to scratch */
uint32_t builder_string(struct advdb_builder *b, struct span s);

MUST enum rmg_rc advdb_order(struct advdb_builder *b, struct order *o);
void advdb_order_done(struct order *o);

/* Joins the cards of the file to what is known of their CVEs: vectors, severities, EPSS, KEV. Only
 * those are worked on whose CVE was touched since the last time. */
MUST enum rmg_rc advdb_join(struct advdb_builder *b, const struct order *o);

/* Cards, rules and strings are more than any cache holds and are not walked in their order. Asking
 * for one this many steps before it is needed hides most of the waiting. */
enum { AHEAD = 8 };

static inline void builder_fetch(const void *p)
{
	__builtin_prefetch(p);
	__builtin_prefetch((const uint8_t *)p + 64);
}

static inline void builder_fail(struct advdb_builder *b, enum rmg_rc rc)
{
	if (b->rc == RMG_OK)
		b->rc = rc;
}

static inline bool builder_gone(const struct advdb_builder *b, uint32_t part)
{
	return b->parts.v[part];
}

/* Cards of one source that say the same of the same thing, in two files. */
bool builder_same_card(const struct built_card *a, const struct built_card *c);

static inline uint64_t builder_fold(uint64_t hash, uint64_t more)
{
	return hash_mix(hash * 3 + more);
}

static inline struct span builder_text(const struct advdb_builder *b, uint32_t id)
{
	return b->strings.v[id].s;
}

#endif
