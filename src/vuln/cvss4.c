/* SPDX-License-Identifier: Apache-2.0 */
/* cvss4.c - a vector belongs to a MacroVector, whose score is in a table; from that is taken what
 * the vector's distance from the worst vector of its class is worth, on average over the classes.
 */
#include "vuln/cvss4.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

/* Equivalence classes; 3 and 6 depend on each other and are one here, whose levels are 00, 01, 10,
 * 11, 21. */
enum { EQ1, EQ2, EQ36, EQ4, EQ5, EQS };
static const uint8_t eq_levels[EQS] = {3, 2, 5, 3, 3};

/* clang-format off */
/* Tenths of the score, by EQ1, EQ2, EQ36, then EQ4 and EQ5. */
static const uint8_t scores[3][2][5][9] = {
	{ { { 100, 98, 95, 100, 93, 91, 93, 89, 81 },
	    { 99, 95, 92, 96, 87, 81, 90, 80, 68 },
	    { 98, 95, 90, 93, 89, 81, 88, 78, 69 },
	    { 95, 92, 84, 92, 81, 65, 80, 70, 48 },
	    { 92, 82, 72, 79, 69, 50, 69, 55, 27 } },
	  { { 99, 95, 92, 95, 90, 84, 92, 82, 72 },
	    { 97, 92, 85, 91, 83, 71, 81, 71, 53 },
	    { 95, 92, 85, 92, 80, 70, 84, 71, 50 },
	    { 93, 85, 73, 82, 72, 59, 70, 52, 30 },
	    { 86, 75, 52, 71, 52, 29, 63, 29, 17 } } },
	{ { { 98, 94, 91, 94, 86, 77, 87, 74, 63 },
	    { 95, 87, 81, 89, 74, 64, 75, 63, 49 },
	    { 94, 88, 76, 86, 74, 59, 72, 57, 52 },
	    { 89, 77, 67, 76, 58, 50, 57, 52, 25 },
	    { 83, 70, 54, 65, 58, 26, 53, 21, 13 } },
	  { { 95, 88, 76, 90, 75, 61, 77, 68, 52 },
	    { 90, 76, 70, 77, 62, 53, 66, 59, 30 },
	    { 89, 76, 62, 74, 57, 47, 61, 57, 24 },
	    { 78, 67, 58, 59, 57, 23, 52, 29, 16 },
	    { 71, 59, 30, 58, 26, 15, 23, 13, 6 } } },
	{ { { 93, 86, 75, 86, 74, 56, 70, 52, 40 },
	    { 87, 72, 58, 74, 61, 34, 54, 40, 22 },
	    { 85, 74, 62, 72, 55, 46, 53, 34, 19 },
	    { 75, 55, 51, 57, 41, 19, 36, 19, 8 },
	    { 64, 51, 20, 47, 21, 11, 24, 9, 4 } },
	  { { 88, 73, 60, 73, 59, 41, 54, 45, 20 },
	    { 75, 53, 50, 55, 40, 20, 43, 22, 11 },
	    { 75, 58, 40, 61, 48, 20, 46, 17, 8 },
	    { 55, 45, 21, 51, 18, 9, 18, 7, 2 },
	    { 53, 24, 14, 24, 12, 5, 10, 3, 1 } } },
};

/* The worst vectors of each level of a class: levels of its metrics, in the order of `members`. */
struct worst {
	uint8_t eq, level;
	uint8_t m[6];
};
static const struct worst worsts[] = {
	{ EQ1, 0, { 0, 0, 0 } },
	{ EQ1, 1, { 1, 0, 0 } }, { EQ1, 1, { 0, 1, 0 } }, { EQ1, 1, { 0, 0, 1 } },
	{ EQ1, 2, { 3, 0, 0 } }, { EQ1, 2, { 1, 1, 1 } },
	{ EQ2, 0, { 0, 0 } },
	{ EQ2, 1, { 1, 0 } }, { EQ2, 1, { 0, 1 } },
	{ EQ36, 0, { 0, 0, 0, 0, 0, 0 } },
	{ EQ36, 1, { 0, 0, 1, 1, 1, 0 } }, { EQ36, 1, { 0, 0, 0, 1, 1, 1 } },
	{ EQ36, 2, { 1, 0, 0, 0, 0, 0 } }, { EQ36, 2, { 0, 1, 0, 0, 0, 0 } },
	{ EQ36, 3, { 1, 0, 1, 0, 1, 0 } }, { EQ36, 3, { 1, 0, 0, 0, 1, 1 } },
	{ EQ36, 3, { 0, 1, 0, 1, 0, 1 } }, { EQ36, 3, { 0, 1, 1, 1, 0, 0 } },
	{ EQ36, 3, { 1, 1, 0, 0, 0, 1 } },
	{ EQ36, 4, { 1, 1, 1, 0, 0, 0 } },
	{ EQ4, 0, { 1, 0, 0 } }, { EQ4, 1, { 1, 1, 1 } }, { EQ4, 2, { 2, 2, 2 } },
};

static const struct {
	uint8_t n, m[6];
} members[EQS] = {
	[EQ1] = { 3, { CVSS4_AV, CVSS4_PR, CVSS4_UI } },
	[EQ2] = { 2, { CVSS4_AC, CVSS4_AT } },
	[EQ36] = { 6, { CVSS4_VC, CVSS4_VI, CVSS4_VA, CVSS4_CR, CVSS4_IR, CVSS4_AR } },
	[EQ4] = { 3, { CVSS4_SC, CVSS4_SI, CVSS4_SA } },
};

/* Steps from a level's worst vector to its mildest, plus one. */
static const uint8_t depths[EQS][5] = {
	{ 1, 4, 5 }, { 1, 2 }, { 7, 6, 8, 8, 10 }, { 6, 5, 4 }, { 1, 1, 1 },
};
/* clang-format on */

static uint8_t eq1_of(const uint8_t *m)
{
	bool av = m[CVSS4_AV] == 0, pr = m[CVSS4_PR] == 0, ui = m[CVSS4_UI] == 0;

	if (av && pr && ui)
		return 0;
	return (av || pr || ui) && m[CVSS4_AV] != 3 ? 1 : 2;
}

static uint8_t eq36_of(const uint8_t *m)
{
	bool vc = m[CVSS4_VC] == 0, vi = m[CVSS4_VI] == 0, va = m[CVSS4_VA] == 0;
	bool worst =
	    (vc && m[CVSS4_CR] == 0) || (vi && m[CVSS4_IR] == 0) || (va && m[CVSS4_AR] == 0);

	if (vc && vi)
		return worst ? 0 : 1;
	if (vc || vi || va)
		return worst ? 2 : 3;
	return 4;
}

static uint8_t eq4_of(const uint8_t *m)
{
	if (m[CVSS4_SI] == 0 || m[CVSS4_SA] == 0)
		return 0;
	return m[CVSS4_SC] <= 1 || m[CVSS4_SI] == 1 || m[CVSS4_SA] == 1 ? 1 : 2;
}

static double table(const uint8_t *eq)
{
	return scores[eq[EQ1]][eq[EQ2]][eq[EQ36]][eq[EQ4] * 3 + eq[EQ5]] / 10.0;
}

/* The score one level down in class i; false where there is none. From 00 two ways lead down: the
 * higher counts. */
static bool lower(const uint8_t *eq, unsigned i, double *score)
{
	static const uint8_t below36[] = {1, 3, 3, 4};
	uint8_t next[EQS];

	if (eq[i] + 1 >= eq_levels[i])
		return false;
	for (unsigned k = 0; k < EQS; k++)
		next[k] = eq[k];
	next[i] = i == EQ36 ? below36[eq[i]] : (uint8_t)(eq[i] + 1);
	*score = table(next);
	if (i == EQ36 && eq[i] == 0) {
		next[i] = 2;
		*score = fmax(*score, table(next));
	}
	return true;
}

/* Steps from the first worst vector that is no milder anywhere. */
static unsigned distance(const uint8_t *m, unsigned eq, uint8_t level)
{
	for (size_t w = 0; w < COUNT_OF(worsts); w++) {
		unsigned steps = 0;
		bool fits = worsts[w].eq == eq && worsts[w].level == level;

		for (unsigned i = 0; fits && i < members[eq].n; i++) {
			uint8_t have = m[members[eq].m[i]], worst = worsts[w].m[i];

			fits = have >= worst;
			if (fits)
				steps += (unsigned)(have - worst);
		}
		if (fits)
			return steps;
	}
	return 0;
}

static bool no_impact(const uint8_t *m)
{
	for (unsigned i = CVSS4_VC; i <= CVSS4_SA; i++)
		if (m[i] != (i >= CVSS4_SC ? 3 : 2))
			return false;
	return true;
}

double cvss4_score(const uint8_t m[CVSS4_METRICS])
{
	uint8_t eq[EQS] = {
	    [EQ1] = eq1_of(m),   [EQ2] = m[CVSS4_AC] == 0 && m[CVSS4_AT] == 0 ? 0 : 1,
	    [EQ36] = eq36_of(m), [EQ4] = eq4_of(m),
	    [EQ5] = m[CVSS4_E],
	};
	double score = table(eq), sum = 0, next;
	unsigned n = 0;

	if (no_impact(m))
		return 0;
	for (unsigned i = 0; i < EQS; i++) {
		if (!lower(eq, i, &next))
			continue;
		n++;
		sum += (score - next) * distance(m, i, eq[i]) / depths[i][eq[i]];
	}
	if (n)
		score -= sum / n;
	score = fmin(fmax(score, 0), 10);
	/* The specification's own calculator adds this much before it rounds. */
	return round((score + 1e-6) * 10) / 10;
}
