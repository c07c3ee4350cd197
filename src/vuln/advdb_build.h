/* SPDX-License-Identifier: Apache-2.0 */
/* advdb_build.h - writes an advisory database, and writes it again when some of it has changed.
 *
 * Everything given is copied (equal strings and lists once). The bytes that come out depend on the
 * set of what was added only, not on its order, so that the same feeds give the same file. What was
 * added twice is there once; of cards of one source with one id, those with an older modified time
 * go, and their rules with them (publishers lay one record into several folders, and an update may
 * reach them at different times). A card without rules is not stored.
 *
 * What is added belongs to the part that was begun last: a file, say. A part may be dropped, others
 * added and a file be made again; it is the one that a new builder would make of the parts that are
 * left. Failure is sticky: ask advdb_builder_done(). */
#ifndef VULN_ADVDB_BUILD_H
#define VULN_ADVDB_BUILD_H

#include "vuln/advdb.h"

struct advdb_builder;

MUST enum rmg_rc advdb_builder_new(struct advdb_builder **out);
void advdb_builder_free(struct advdb_builder *b);

/* A new part; the first one is there from the start. */
uint32_t advdb_part_begin(struct advdb_builder *b);
/* All that was added under it goes. */
void advdb_part_drop(struct advdb_builder *b, uint32_t part);
/* So much was dropped that a new builder would be much smaller: texts and lists stay behind. */
bool advdb_builder_is_stale(const struct advdb_builder *b);

uint32_t advdb_add_source(struct advdb_builder *b, const struct adv_source *s);
/* What is known only after it was read; may be said again. */
void advdb_source_done(struct advdb_builder *b, uint32_t source, uint64_t count,
		       struct span fetched);
/* A source that turned out to be absent: nothing refers to it. */
void advdb_source_drop(struct advdb_builder *b, uint32_t source);

/* Lists are arrays of n_aliases, n_cvss, n_symbols elements, as the card says. */
uint32_t advdb_add_card(struct advdb_builder *b, const struct adv_card *card,
			const struct span *aliases, const struct adv_cvss *cvss,
			const struct span *symbols);
void advdb_add_rule(struct advdb_builder *b, struct span ecosystem, struct span name,
		    const struct adv_rule *rule, const struct adv_event *events,
		    const struct span *versions);

/* By CVE, for cards of that canonical id: the vectors are added to theirs. Cards that then have
 * neither severity nor vector borrow those of another card for the same CVE; severity_from says
 * "cvss" or names the publisher. */
void advdb_add_cvss(struct advdb_builder *b, struct span cve, const struct adv_cvss *cvss);

/* By CVE, joined to all cards with that canonical id or alias when done. */
void advdb_add_epss(struct advdb_builder *b, struct span cve, double score, double percentile);
void advdb_add_kev(struct advdb_builder *b, struct span cve, struct span added, struct span due);

struct advdb_counts {
	uint32_t keys, rules, cards;
};

/* The whole file, owned by b until the next one. built: RFC 3339. sha256: see advdb_verify().
 * counts may be NULL. */
MUST enum rmg_rc advdb_builder_done(struct advdb_builder *b, struct span built,
				    advdb_hash_fn *sha256, struct span *out,
				    struct advdb_counts *counts, struct rmg_err *err);

/* The bytes of the last file become the caller's: malloc'ed. */
void advdb_builder_give(struct advdb_builder *b);

#endif
