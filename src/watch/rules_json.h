/* SPDX-License-Identifier: Apache-2.0 */
/* rules_json.h - rules about programs that start (model/exec_rule.h) as JSON and back: what agents
 * are told of their hub's policy. Schema: docs/API.md.
 *
 * Who reads them refuses something by them: a rule that cannot be read in full, and a place that is
 * of another form than is known here, make all of them unreadable; a rule with a member that is not
 * known is told by, but refuses nothing. Bounded by LIMIT_RULES_BYTES and LIMIT_POLICY_RULES. */
#ifndef WATCH_RULES_JSON_H
#define WATCH_RULES_JSON_H

#include "base/arena.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "model/exec_rule.h"

void exec_rules_write(const struct exec_rule *v, size_t n, struct strbuf *out);

/* Texts and arrays are a's. */
MUST enum rmg_rc exec_rules_parse(struct span text, struct arena *a, struct exec_rule **out,
				  size_t *n, struct rmg_err *err);

#endif
