/* SPDX-License-Identifier: Apache-2.0 */
/* exec_rule.h - what a policy says of programs that are started in containers, as far as the
 * machine needs it that they start on: which are told of, and which are not let run. */
#ifndef MODEL_EXEC_RULE_H
#define MODEL_EXEC_RULE_H

#include "model/where.h"

struct exec_rule {
	struct where where;
	uint32_t how; /* any of these bits of EVENT_HOWS */
	bool enforce; /* they are not let run */
};

#define HOW_ALL ((1u << HOW_COUNT) - 1)

/* What any of them asks for. */
uint32_t exec_rules_hows(const struct exec_rule *v, size_t n);

/* What is not let run in a container that began so: the first that names a reason decides. */
uint32_t exec_rules_refused(const struct exec_rule *v, size_t n, const struct event *began);

#endif
