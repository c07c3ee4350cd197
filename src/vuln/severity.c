/* SPDX-License-Identifier: Apache-2.0 */
/* severity.c - the words of reports for severities and statuses. */
#include "vuln/match.h"

static const char *const severities[] = {
    [SEV_UNKNOWN] = "unknown", [SEV_NEGLIGIBLE] = "negligible",
    [SEV_LOW] = "low",         [SEV_MEDIUM] = "medium",
    [SEV_HIGH] = "high",       [SEV_CRITICAL] = "critical",
};

static const char *const statuses[] = {
    [ADV_AFFECTED] = "affected",         [ADV_FIXED] = "fixed",
    [ADV_NOT_AFFECTED] = "not_affected", [ADV_UNDER_INVESTIGATION] = "under_investigation",
    [ADV_WONT_FIX] = "wont_fix",         [ADV_END_OF_LIFE] = "end_of_life",
};

const char *severity_name(enum adv_severity s)
{
	return s < COUNT_OF(severities) ? severities[s] : severities[SEV_UNKNOWN];
}

bool severity_of(struct span name, enum adv_severity *out)
{
	for (size_t i = 0; i < COUNT_OF(severities); i++) {
		if (!span_is_icase(name, span_cstr(severities[i])))
			continue;
		*out = (enum adv_severity)i;
		return true;
	}
	return false;
}

const char *status_name(enum adv_status s)
{
	return s < COUNT_OF(statuses) ? statuses[s] : statuses[ADV_AFFECTED];
}
