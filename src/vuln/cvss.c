/* SPDX-License-Identifier: Apache-2.0 */
/* cvss.c - FIRST's CVSS v2.0, v3.0, v3.1 and v4.0.
 *
 * Of v2 and v3 vectors the base score; a v4 vector has one score only, of all metrics that it gives
 * (CVSS-B, CVSS-BT, ...). A metric that is missing, given twice or not known makes it no vector. */
#include <math.h>

#include "vuln/cvss4.h"
#include "vuln/match.h"

#define ABSENT 0xff

/* values: one letter each; a value's level is its place. NULL: of no weight here, any value. */
struct metric {
	const char *key, *values;
	bool needed;
};

/* Fills levels, one per metric. */
static bool parse(struct span vector, const struct metric *metrics, size_t n, uint8_t *levels)
{
	struct span pair, key, value;

	memset(levels, ABSENT, n);
	while (span_next(&vector, '/', &pair)) {
		const char *found;
		size_t i = 0;

		if (!span_cut(pair, ':', &key, &value) || value.n == 0)
			return false;
		while (i < n && !span_is(key, span_cstr(metrics[i].key)))
			i++;
		if (i == n || levels[i] != ABSENT)
			return false;
		levels[i] = 0;
		if (metrics[i].values == NULL)
			continue;
		found = value.n == 1
			    ? memchr(metrics[i].values, value.p[0], strlen(metrics[i].values))
			    : NULL;
		if (found == NULL)
			return false;
		levels[i] = (uint8_t)(found - metrics[i].values);
	}
	for (size_t i = 0; i < n; i++)
		if (metrics[i].needed && levels[i] == ABSENT)
			return false;
	return true;
}

/* clang-format off */
enum { V2_AV, V2_AC, V2_AU, V2_C, V2_I, V2_A };
static const struct metric v2_metrics[] = {
	{ "AV", "LAN", true }, { "AC", "HML", true }, { "Au", "MSN", true },
	{ "C", "NPC", true }, { "I", "NPC", true }, { "A", "NPC", true },
	{ "E", NULL, false }, { "RL", NULL, false }, { "RC", NULL, false }, { "CDP", NULL, false },
	{ "TD", NULL, false }, { "CR", NULL, false }, { "IR", NULL, false }, { "AR", NULL, false },
};

enum { V3_AV, V3_AC, V3_PR, V3_UI, V3_S, V3_C, V3_I, V3_A };
static const struct metric v3_metrics[] = {
	{ "AV", "NALP", true }, { "AC", "LH", true }, { "PR", "NLH", true }, { "UI", "NR", true },
	{ "S", "UC", true }, { "C", "NLH", true }, { "I", "NLH", true }, { "A", "NLH", true },
	{ "E", NULL, false }, { "RL", NULL, false }, { "RC", NULL, false },
	{ "CR", NULL, false }, { "IR", NULL, false }, { "AR", NULL, false },
	{ "MAV", NULL, false }, { "MAC", NULL, false }, { "MPR", NULL, false }, { "MUI", NULL, false },
	{ "MS", NULL, false }, { "MC", NULL, false }, { "MI", NULL, false }, { "MA", NULL, false },
};

/* In the order of enum cvss4_metric, then the modified ones in the same order, then those without weight. */
static const struct metric v4_metrics[] = {
	{ "AV", "NALP", true }, { "PR", "NLH", true }, { "UI", "NPA", true },
	{ "AC", "LH", true }, { "AT", "NP", true },
	{ "VC", "HLN", true }, { "VI", "HLN", true }, { "VA", "HLN", true },
	{ "SC", "SHLN", true }, { "SI", "SHLN", true }, { "SA", "SHLN", true },
	{ "CR", "HMLX", false }, { "IR", "HMLX", false }, { "AR", "HMLX", false }, { "E", "APUX", false },
	{ "MAV", "NALPX", false }, { "MPR", "NLHX", false }, { "MUI", "NPAX", false },
	{ "MAC", "LHX", false }, { "MAT", "NPX", false },
	{ "MVC", "HLNX", false }, { "MVI", "HLNX", false }, { "MVA", "HLNX", false },
	{ "MSC", "SHLNX", false }, { "MSI", "SHLNX", false }, { "MSA", "SHLNX", false },
	{ "S", NULL, false }, { "AU", NULL, false }, { "R", NULL, false }, { "V", NULL, false },
	{ "RE", NULL, false }, { "U", NULL, false },
};
/* clang-format on */

static double v2_score(const uint8_t *m)
{
	static const double av[] = {0.395, 0.646, 1.0}, ac[] = {0.35, 0.61, 0.71};
	static const double au[] = {0.45, 0.56, 0.704}, cia[] = {0.0, 0.275, 0.66};
	double impact = 10.41 * (1 - (1 - cia[m[V2_C]]) * (1 - cia[m[V2_I]]) * (1 - cia[m[V2_A]]));
	double exploit = 20 * av[m[V2_AV]] * ac[m[V2_AC]] * au[m[V2_AU]];
	double score = (0.6 * impact + 0.4 * exploit - 1.5) * (impact > 0 ? 1.176 : 0);

	return round(score * 10) / 10;
}

/* The smallest number with one decimal that is not below x, as v3.1's appendix A makes it exact. */
static double round_up(double x)
{
	int64_t n = (int64_t)round(x * 100000), tenths = n / 10000 + (n % 10000 != 0);

	return (double)tenths / 10;
}

static double v3_score(const uint8_t *m)
{
	static const double av[] = {0.85, 0.62, 0.55, 0.2}, ac[] = {0.77, 0.44};
	static const double pr[2][3] = {{0.85, 0.62, 0.27}, {0.85, 0.68, 0.5}};
	static const double ui[] = {0.85, 0.62}, cia[] = {0.0, 0.22, 0.56};
	bool changed = m[V3_S] != 0;
	double iss = 1 - (1 - cia[m[V3_C]]) * (1 - cia[m[V3_I]]) * (1 - cia[m[V3_A]]);
	double impact = changed ? 7.52 * (iss - 0.029) - 3.25 * pow(iss - 0.02, 15) : 6.42 * iss;
	double exploit = 8.22 * av[m[V3_AV]] * ac[m[V3_AC]] * pr[changed][m[V3_PR]] * ui[m[V3_UI]];

	if (impact <= 0)
		return 0;
	return round_up(fmin((changed ? 1.08 : 1.0) * (impact + exploit), 10));
}

/* Modified metrics replace base metrics; what is not given is taken for the worst. */
static bool v4_effective(const uint8_t *given, uint8_t *m)
{
	for (unsigned i = 0; i < CVSS4_METRICS; i++) {
		const char *values = v4_metrics[i].values;
		uint8_t unset = (uint8_t)(strlen(values) - 1);

		m[i] = given[i];
		if (i >= CVSS4_CR && (m[i] == ABSENT || m[i] == unset))
			m[i] = 0;
		if (i >= CVSS4_SC && i <= CVSS4_SA && m[i] == 0)
			return false; /* "safety" is a value of MSI and MSA only */
		if (i < CVSS4_CR) {
			uint8_t modified = given[CVSS4_METRICS + i];

			if (modified != ABSENT && modified != strlen(values))
				m[i] = modified;
		}
	}
	return m[CVSS4_SC] != 0;
}

static bool v4_vector(struct span rest, double *score)
{
	uint8_t given[COUNT_OF(v4_metrics)], m[CVSS4_METRICS];

	if (!parse(rest, v4_metrics, COUNT_OF(v4_metrics), given) || !v4_effective(given, m))
		return false;
	*score = cvss4_score(m);
	return true;
}

static bool v3_vector(struct span rest, double *score)
{
	uint8_t m[COUNT_OF(v3_metrics)];

	if (!parse(rest, v3_metrics, COUNT_OF(v3_metrics), m))
		return false;
	*score = v3_score(m);
	return true;
}

static bool v2_vector(struct span vector, double *score)
{
	uint8_t m[COUNT_OF(v2_metrics)];

	if (span_starts(vector, S("(")) && span_ends(vector, S(")")))
		vector = span_of(vector.p + 1, vector.n - 2);
	if (!parse(vector, v2_metrics, COUNT_OF(v2_metrics), m))
		return false;
	*score = v2_score(m);
	return true;
}

bool cvss_score(struct span vector, double *score, struct span *version)
{
	static const struct {
		struct span head, version;
		bool (*score)(struct span rest, double *score);
	} kinds[] = {
	    {S("CVSS:3.1/"), S("3.1"), v3_vector}, {S("CVSS:3.0/"), S("3.0"), v3_vector},
	    {S("CVSS:4.0/"), S("4.0"), v4_vector}, {S("CVSS2#"), S("2.0"), v2_vector},
	    {S(""), S("2.0"), v2_vector},
	};

	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		if (!span_starts(vector, kinds[i].head))
			continue;
		if (!kinds[i].score(span_from(vector, kinds[i].head.n), score))
			return false;
		*version = kinds[i].version;
		return true;
	}
	return false;
}

enum adv_severity cvss_severity(double score)
{
	if (score >= 9)
		return SEV_CRITICAL;
	if (score >= 7)
		return SEV_HIGH;
	if (score >= 4)
		return SEV_MEDIUM;
	return score > 0 ? SEV_LOW : SEV_NEGLIGIBLE;
}
