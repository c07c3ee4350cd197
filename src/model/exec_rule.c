/* SPDX-License-Identifier: Apache-2.0 */
#include "model/exec_rule.h"

uint32_t exec_rules_hows(const struct exec_rule *v, size_t n)
{
	uint32_t hows = 0;

	for (size_t i = 0; i < n; i++)
		hows |= v[i].how;
	return hows;
}

uint32_t exec_rules_refused(const struct exec_rule *v, size_t n, const struct event *began)
{
	uint32_t refused = 0, decided = 0;

	for (size_t i = 0; i < n; i++) {
		uint32_t fresh = v[i].how & ~decided;

		if (fresh == 0 || !where_takes(&v[i].where, began))
			continue;
		decided |= fresh;
		if (v[i].enforce)
			refused |= fresh;
	}
	return refused;
}
