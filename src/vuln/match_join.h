/* SPDX-License-Identifier: Apache-2.0 */
/* match_join.h - what the rules say of one component, joined to findings.
 *
 * Rules are added in any order; join_component() makes one finding of all that stand for one
 * vulnerability. The publisher with the lowest class that says anything about it decides, also that
 * it is no finding: a distribution's tracker before OSV's copy of it. What other feeds of the same
 * class say is a union. Running out of memory is sticky: join_rc(). */
#ifndef VULN_MATCH_JOIN_H
#define VULN_MATCH_JOIN_H

#include "base/map.h"
#include "base/vec.h"
#include "vuln/match.h"
#include "vuln/match_rule.h"

/* A rule that concerns the component. */
struct hit {
	struct adv_rule rule;
	struct adv_card card;
	struct rule_match match;
	const struct subject *subject;
	struct span canonical;
	uint32_t class;
};

/* A rule that speaks of the component's package, but not of its version. */
struct clear {
	struct span canonical;
	uint32_t card, class;
};

struct join {
	struct advdb *db;
	struct arena *arena;        /* of the verdict */
	const struct span *sources; /* names, by index */
	VEC(struct hit) hits;
	VEC(struct clear) clears;
	VEC(struct span) texts;
	VEC(struct finding) findings;
	struct map names;
	enum rmg_rc rc;
};

void join_done(struct join *j);
enum rmg_rc join_rc(const struct join *j);

/* Forgets the component before. */
void join_begin(struct join *j);

/* class: see struct hit. subject must live until join_component(). */
void join_add(struct join *j, const struct adv_rule *rule, const struct subject *subject,
	      enum rule_says says, const struct rule_match *match, uint32_t class);

void join_component(struct join *j, uint32_t component);

#endif
