/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/policy.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "format/json.h"
#include "hub/policy_read.h"
#include "watch/rules_json.h"

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
				   "  - name: tag-vanished\n"
				   "    when: tag-vanished\n"
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
				   "    when: entered\n"
				   "  - name: no-registry\n"
				   "    when: no-registry\n"
				   "  - name: base-behind\n"
				   "    when: base-behind\n"
				   "  - name: admission-missed\n"
				   "    when: admission-missed\n";

const char *rule_kind_name(enum rule_kind k)
{
	static const char *const names[] = {
#define X(name, text, severity) text,
	    RULE_KINDS(X)
#undef X
	};

	return (size_t)k < COUNT_OF(names) ? names[k] : "unknown";
}

/* Those that agents need too. */
static enum rmg_rc gather_execs(struct policy *p, struct rmg_err *err)
{
	struct strbuf text = strbuf_of(256 * LIMIT_POLICY_BYTES);

	p->execs = ARENA_ARRAY(&p->arena, p->n_rules + 1, struct exec_rule);
	for (size_t i = 0; p->execs && i < p->n_rules; i++) {
		const struct rule *r = &p->rules[i];

		if (r->kind == RULE_EXEC)
			p->execs[p->n_execs++] =
			    (struct exec_rule){r->where, r->how ? r->how : HOW_ALL, r->enforce};
	}
	if (p->execs)
		exec_rules_write(p->execs, p->n_execs, &text);
	p->execs_text = arena_dup(&p->arena, strbuf_span(&text));
	if (strbuf_rc(&text) != RMG_OK || arena_rc(&p->arena) != RMG_OK) {
		strbuf_done(&text);
		return err_set(err, RMG_E_NOMEM, "no memory for a policy");
	}
	strbuf_done(&text);
	return RMG_OK;
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
	if (rc == RMG_OK)
		rc = gather_execs(p, err);
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

const char *policy_admit_name(enum admit a)
{
	static const char *const names[] = {
#define X(name, text) text,
	    ADMITS(X)
#undef X
	};

	return names[a];
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

bool policy_excepts(const struct rule *r, struct span command)
{
	for (size_t i = 0; i < r->n_except; i++)
		if (where_glob(r->except[i], command))
			return true;
	return false;
}

bool policy_asks_where(const struct rule *r)
{
	return r->where.n_namespaces || r->where.n_workloads || r->where.n_labels ||
	       r->dormant_only || r->running_only;
}

static bool has_labels(const struct rule *r, const struct world_workload *x)
{
	struct json_doc doc = {0};
	bool all = x != NULL;

	if (r->where.n_labels == 0)
		return true;
	/* What the hub itself wrote; where it cannot be read, no label is there. */
	if (!all || json_parse(&doc, x->labels, LIMIT_EVENT_BYTES, NULL) != RMG_OK)
		return false;
	for (size_t i = 0; all && i < r->where.n_labels; i++) {
		const struct event_label *want = &r->where.labels[i];
		json *value = json_get_span(doc.root, want->key);

		all = json_is_str(value) && where_glob(want->value, json_str(value));
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
	return where_names(&r->where, ns, x ? x->kind : (struct span){0},
			   x ? x->name : (struct span){0}) &&
	       has_labels(r, x);
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
