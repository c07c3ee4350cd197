/* SPDX-License-Identifier: Apache-2.0 */
/* A policy of any bytes: what is taken has names, kinds that exist and steps that ascend, and can
 * be asked. */
#include "hub/policy.h"

#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_rule(const struct rule *r)
{
	static const struct world_finding f = {.severity = SEV_HIGH, .kev = true};
	static const struct world nowhere;

	CHECK(r->name.n && utf8_is_clean(r->name));
	CHECK((unsigned)r->kind < RULE_KIND_COUNT && r->severity <= SEV_CRITICAL);
	CHECK(r->epss_permille <= 1000 && r->n_escalate <= POLICY_STEPS);
	CHECK(!(r->dormant_only && r->running_only));
	for (size_t i = 0; i < r->n_escalate; i++)
		CHECK(r->escalate_days[i] > (i ? r->escalate_days[i - 1] : 0));
	for (size_t i = 0; i < r->n_sinks; i++)
		CHECK(utf8_is_clean(r->sinks[i]));
	(void)!policy_takes(r, &f, 0);
	(void)!policy_applies(r, &nowhere, 0, 0, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy *p;
	struct rmg_err err = {0};
	int64_t now = INT64_C(1795478400000), until;

	if (size > 1 << 16)
		return 0;
	if (policy_parse(span_of(data, size), "p", &p, &err) != RMG_OK) {
		CHECK(err.msg[0]);
		return 0;
	}
	CHECK(p->n_rules && p->max_per_minute);
	for (size_t i = 0; i < p->n_rules; i++)
		check_rule(&p->rules[i]);
	until = policy_quiet_until(p, now);
	CHECK(until == 0 || (until > now && until - now <= 86400000));
	policy_free(p);
	return 0;
}
