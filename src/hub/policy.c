/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/policy.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "format/json.h"
#include "hub/policy_read.h"

const char policy_default_text[] = "group: 10s\n"
				   "max-per-minute: 20\n"
				   "epss-steps: [0.1, 0.5, 0.9]\n"
				   "rules:\n"
				   "  - name: exploited\n"
				   "    kev: true\n"
				   "    escalate: [7d, 30d, 90d]\n"
				   "  - name: critical\n"
				   "    severity: critical\n"
				   "    escalate: [7d, 30d, 90d]\n"
				   "  - name: high-and-fixable\n"
				   "    severity: high\n"
				   "    fixable: true\n"
				   "    escalate: [7d, 30d, 90d]\n"
				   "  - name: rollback\n"
				   "    when: rollback\n"
				   "  - name: tag-moved\n"
				   "    when: tag-moved\n"
				   "  - name: tag-skew\n"
				   "    when: tag-skew\n"
				   "  - name: not-read\n"
				   "    when: incomplete\n"
				   "  - name: silent\n"
				   "    when: silent\n"
				   "    after: 5m\n"
				   "  - name: old-feed\n"
				   "    when: feed-age\n"
				   "    after: 24h\n"
				   "  - name: drift\n"
				   "    when: drift\n"
				   "  - name: facts-disagree\n"
				   "    when: facts-disagree\n"
				   "  - name: version-said\n"
				   "    when: version-said\n"
				   "  - name: started\n"
				   "    when: exec\n"
				   "    how: [new, writable, memfd]\n"
				   "  - name: entered\n"
				   "    when: entered\n";

const char *rule_kind_name(enum rule_kind k)
{
	static const char *const names[] = {
#define X(name, text, severity) text,
	    RULE_KINDS(X)
#undef X
	};

	return (size_t)k < COUNT_OF(names) ? names[k] : "unknown";
}

enum rmg_rc policy_parse(struct span yaml, const char *name, struct policy **out,
			 struct rmg_err *err)
{
	struct policy *p;
	enum rmg_rc rc;

	if (yaml.n > LIMIT_POLICY_BYTES)
		return err_set(err, RMG_E_LIMIT, "%s: too large for a policy", name);
	p = calloc(1, sizeof *p);
	if (p == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a policy");
	arena_init(&p->arena, 256 * LIMIT_POLICY_BYTES);
	rc = policy_read(yaml, p, err);
	if (rc != RMG_OK) {
		err_add(err, "%s", name);
		policy_free(p);
		return rc;
	}
	*out = p;
	return RMG_OK;
}

enum rmg_rc policy_default(struct policy **out)
{
	struct rmg_err err = {0};
	enum rmg_rc rc = policy_parse(span_cstr(policy_default_text), "default", out, &err);

	CHECK(rc == RMG_OK || rc == RMG_E_NOMEM);
	return rc;
}

void policy_free(struct policy *p)
{
	if (p == NULL)
		return;
	arena_done(&p->arena);
	free(p);
}

bool policy_glob(struct span pattern, struct span text)
{
	if (pattern.n && pattern.p[pattern.n - 1] == '*')
		return span_starts(text, span_head(pattern, pattern.n - 1));
	return pattern.n == 0 || span_is(pattern, text);
}

bool policy_takes(const struct rule *r, const struct world_finding *f, int64_t age_ms)
{
	if (f->status == ADV_NOT_AFFECTED || f->severity < r->severity)
		return false;
	if ((r->kev && !f->kev) || (r->fixable && !f->fixable))
		return false;
	if (r->epss_permille > f->epss_permille)
		return false;
	return r->age_days == 0 || age_ms >= (int64_t)r->age_days * 86400000;
}

bool policy_asks_where(const struct rule *r)
{
	return r->n_namespaces || r->n_workloads || r->n_labels || r->dormant_only ||
	       r->running_only;
}

static bool any_of(const struct span *patterns, size_t n, struct span text)
{
	for (size_t i = 0; i < n; i++) {
		if (policy_glob(patterns[i], text))
			return true;
	}
	return n == 0;
}

/* A pattern with a slash is of kind and name, one without is of the name. */
static bool names_workload(struct span pattern, struct span is_kind, struct span is_name)
{
	struct span kind, name;

	if (!span_cut(pattern, '/', &kind, &name))
		return policy_glob(pattern, is_name);
	return span_is_icase(kind, is_kind) && policy_glob(name, is_name);
}

/* A container without a workload has no name. */
static bool is_named(const struct rule *r, struct span kind, struct span name)
{
	for (size_t i = 0; i < r->n_workloads; i++) {
		if (name.n && names_workload(r->workloads[i], kind, name))
			return true;
	}
	return r->n_workloads == 0;
}

static bool has_labels(const struct rule *r, const struct world_workload *x)
{
	struct json_doc doc = {0};
	bool all = x != NULL;

	if (r->n_labels == 0)
		return true;
	/* What the hub itself wrote; where it cannot be read, no label is there. */
	if (!all || json_parse(&doc, x->labels, LIMIT_EVENT_BYTES, NULL) != RMG_OK)
		return false;
	for (size_t i = 0; all && i < r->n_labels; i++) {
		json *value = json_get_span(doc.root, r->labels[i].key);

		all = json_is_str(value) && policy_glob(r->labels[i].value, json_str(value));
	}
	json_done(&doc);
	return all;
}

bool policy_applies(const struct rule *r, const struct world *w, uint32_t workload, uint32_t place,
		    bool dormant)
{
	const struct world_workload *x = NULL;
	struct span ns;

	if ((r->dormant_only && !dormant) || (r->running_only && dormant))
		return false;
	if (workload && workload < w->workloads.n)
		x = &w->workloads.v[workload];
	if (x)
		place = x->place;
	ns = place < w->places.n ? w->places.v[place].place.ns : (struct span){0};
	return any_of(r->namespaces, r->n_namespaces, ns) &&
	       is_named(r, x ? x->kind : (struct span){0}, x ? x->name : (struct span){0}) &&
	       has_labels(r, x);
}

static bool has_label(const struct event *e, const struct event_label *want)
{
	for (size_t i = 0; i < e->n_labels; i++)
		if (span_is(e->labels[i].key, want->key))
			return policy_glob(want->value, e->labels[i].value);
	return false;
}

bool policy_applies_to(const struct rule *r, const struct event *began)
{
	bool all = !r->dormant_only && any_of(r->namespaces, r->n_namespaces, began->place.ns) &&
		   is_named(r, began->workload_kind, began->workload_name);

	for (size_t i = 0; all && i < r->n_labels; i++)
		all = has_label(began, &r->labels[i]);
	return all;
}

static uint32_t how_of_rule(const struct rule *r)
{
	return r->how ? r->how : (1u << HOW_COUNT) - 1;
}

uint32_t policy_hows(const struct policy *p)
{
	uint32_t hows = 0;

	for (size_t i = 0; i < p->n_rules; i++)
		if (p->rules[i].kind == RULE_EXEC)
			hows |= how_of_rule(&p->rules[i]);
	return hows;
}

uint32_t policy_refused(const struct policy *p, const struct event *began)
{
	uint32_t refused = 0, decided = 0;

	for (size_t i = 0; i < p->n_rules; i++) {
		const struct rule *r = &p->rules[i];
		uint32_t fresh;

		if (r->kind != RULE_EXEC || !policy_applies_to(r, began))
			continue;
		fresh = how_of_rule(r) & ~decided;
		decided |= fresh;
		if (r->enforce)
			refused |= fresh;
	}
	return refused;
}

size_t policy_epss_step(const struct policy *p, uint32_t permille)
{
	size_t n = 0;

	while (n < p->n_epss_steps && permille >= p->epss_steps[n])
		n++;
	return n;
}

int64_t policy_quiet_until(const struct policy *p, int64_t now_ms)
{
	const struct quiet_hours *q = &p->quiet;
	int64_t day = now_ms - now_ms % 86400000, minute = now_ms % 86400000 / 60000;
	bool over_midnight = q->from_minute > q->to_minute;

	if (!q->set || now_ms < 0)
		return 0;
	if (over_midnight ? minute < q->from_minute && minute >= q->to_minute
			  : minute < q->from_minute || minute >= q->to_minute)
		return 0;
	if (over_midnight && minute >= q->from_minute)
		day += 86400000;
	return day + (int64_t)q->to_minute * 60000;
}

int64_t policy_quiet_since(const struct policy *p, int64_t now_ms)
{
	int64_t until = policy_quiet_until(p, now_ms), since;

	if (until == 0)
		return 0;
	since = until + ((int64_t)p->quiet.from_minute - p->quiet.to_minute) * 60000;
	return since > now_ms ? since - 86400000 : since;
}
