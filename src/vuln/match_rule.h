/* SPDX-License-Identifier: Apache-2.0 */
/* match_rule.h - whether a rule of the database concerns one version of one package.
 *
 * Allocates nothing. OSV schema, "evaluation": the intervals, and the versions named one by one,
 * are a union. Two spellings of one version ("1.0" and "1.0.0" for PyPI) are one version. */
#ifndef VULN_MATCH_RULE_H
#define VULN_MATCH_RULE_H

#include "vuln/advdb.h"
#include "vuln/vercmp.h"

/* A package under the name that a key has. */
struct subject {
	struct span ecosystem, name, version;
	struct span module; /* rpm modularity label, or "" */
	int (*cmp)(struct span a, struct span b);
	bool no_epoch; /* cmp ignores epochs: the source package's is not known */
	uint32_t rank; /* of the ecosystem: the lowest that says anything decides */
};

enum rule_says { RULE_NOTHING, RULE_CLEAR, RULE_AFFECTED };

/* What matched. */
struct rule_match {
	bool listed;       /* the version is named; the rest is empty */
	uint32_t first, n; /* the events of the interval */
	struct span fixed; /* what ends it, or the next fix after a listed version; "" */
};

enum rule_says rule_judge(struct advdb *db, const struct adv_rule *rule, const struct subject *s,
			  struct rule_match *out);

#endif
