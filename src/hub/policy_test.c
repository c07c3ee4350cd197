/* SPDX-License-Identifier: Apache-2.0 */
/* Expectations are those of rummage-policy(5). */
#include "hub/policy.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "../tests/sample.h"
#include "base/rfc3339.h"
#include "base/strbuf.h"

static struct policy *taken(const char *text)
{
	struct policy *p = NULL;
	struct rmg_err err = {0};

	if (policy_parse(span_cstr(text), "p.yaml", &p, &err) != RMG_OK)
		fail_msg("%s\nsaid: %s", text, err.msg);
	return p;
}

static void an_unknown_or_idle_key_names_its_line(void **state)
{
	static const struct {
		const char *text, *line, *says;
	} rows[] = {
	    {"rules:\n  - name: a\n    severty: high\n", "line 3", "\"severty\""},
	    {"rules:\n  - name: a\nrule: b\n", "line 3", "\"rule\""},
	    {"rules:\n  - name: a\n    when: rollback\n    kev: true\n", "line 4", "\"kev\""},
	    {"rules:\n  - name: a\n    kev: true\n    when: rollback\n", "line 3", "\"kev\""},
	    {"rules:\n  - name: a\n    after: 5m\n", "line 3", "\"after\""},
	    {"rules:\n  - name: a\n    namespaces: [x]\n    when: silent\n", "line 3",
	     "\"namespaces\""},
	    {"rules:\n  - name: a\n  - name: a\n", "line 3", "already"},
	    {"rules:\n  - name: a\n    name: b\n", "line 3", "twice"},
	    {"rules: [{name: a}]\nrules: [{name: b}]\n", "line 2", "twice"},
	    {"rules:\n  - severity: high\n", "line 2", "\"name\""},
	    {"rules:\n  - name: a\n    severity: bad\n", "line 3", "critical"},
	    {"rules:\n  - name: a\n    when: ever\n", "line 3", "kind"},
	    {"rules:\n  - name: a\n    kev: yes please\n", "line 3", "true or false"},
	    {"rules:\n  - name: a\n    epss: 1.1\n", "line 3", "above 1"},
	    {"rules:\n  - name: a\n    epss: 0.1234\n", "line 3", "share"},
	    {"rules:\n  - name: a\n    epss: .\n", "line 3", "share"},
	    {"rules:\n  - name: a\n    age: 30\n", "line 3", "duration"},
	    {"rules:\n  - name: a\n    escalate: [12h]\n", "line 3", "whole days"},
	    {"rules:\n  - name: a\n    escalate: [7d, 7d]\n", "line 3", "above"},
	    {"rules:\n  - name: a\n    escalate: [1d,2d,3d,4d,5d,6d,7d,8d,9d]\n", "line 3", "8"},
	    {"rules:\n  - name: a\n    sinks: slack\n", "line 3", "list"},
	    {"rules:\n  - name: a\n    sinks: []\n", "line 3", "empty"},
	    {"rules:\n  - name: a\n    labels: {}\n", "line 3", "empty"},
	    {"rules:\n  - name: a\n    labels: [a]\n", "line 3", "map"},
	    {"rules:\n  - name: a\n    severity:\n", "line 3", "empty"},
	    {"quiet: '22:00-22:00'\nrules: [{name: a}]\n", "line 1", "hours"},
	    {"quiet: '24:00-06:00'\nrules: [{name: a}]\n", "line 1", "hours"},
	    {"group: fast\nrules: [{name: a}]\n", "line 1", "duration"},
	    {"max-per-minute: 0\nrules: [{name: a}]\n", "line 1", "number"},
	    {"epss-steps: [0.5, 0.1]\nrules: [{name: a}]\n", "line 1", "above"},
	    {"rules:\n- name: a\n  when: exec\n  how: [odd]\n", "line 4", "memfd"},
	    {"rules:\n- name: a\n  when: exec\n  enforce: true\n", "line 2", "needs"},
	    {"rules:\n- name: a\n  when: exec\n  how: [refused]\n  enforce: true\n", "line 2",
	     "needs"},
	    {"rules:\n- name: a\n  how: [new]\n", "line 3", "no \"how\""},
	    {"rules: [a]\n", "line 1", "map"},
	    {"rules: {a: b}\n", "line 1", "list"},
	    {"rules: []\n", "line", "without rules"},
	    {"group: 1s\n", "line", "without rules"},
	    {"- name: a\n", "line 1", "map"},
	    {"", "line", "map"},
	    {"rules: [{name: a}]\n---\nrules: [{name: b}]\n", "line 2", "document"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct policy *p = NULL;
		struct rmg_err err = {0};
		enum rmg_rc rc = policy_parse(span_cstr(rows[i].text), "p.yaml", &p, &err);

		if (rc != RMG_E_FORMAT || !strstr(err.msg, rows[i].line) ||
		    !strstr(err.msg, rows[i].says) || !strstr(err.msg, "p.yaml"))
			fail_msg("%s\nsaid: %s", rows[i].text, err.msg);
	}
}

static void all_keys_are_read(void **state)
{
	struct span text = sample_read("hub/policy", "ok-all.yaml");
	struct policy *p = NULL;
	struct rmg_err err = {0};
	const struct rule *r;

	(void)state;
	if (policy_parse(text, "p", &p, &err) != RMG_OK)
		fail_msg("%s", err.msg);
	sample_free(text); /* nothing of it is borrowed */
	assert_int_equal(p->group_s, 60);
	assert_int_equal(p->max_per_minute, 5);
	assert_true(p->quiet.set);
	assert_int_equal(p->quiet.from_minute, 22 * 60);
	assert_int_equal(p->quiet.to_minute, 6 * 60 + 30);
	assert_int_equal(p->n_epss_steps, 2);
	assert_int_equal(p->epss_steps[1], 500);
	assert_int_equal(p->n_rules, 3);
	r = &p->rules[0];
	assert_true(span_is(r->name, S("payments")));
	assert_int_equal(r->kind, RULE_FINDING);
	assert_int_equal(r->severity, SEV_MEDIUM);
	assert_true(r->kev && r->fixable && r->dormant_only && !r->running_only);
	assert_int_equal(r->epss_permille, 250);
	assert_int_equal(r->age_days, 14);
	assert_int_equal(r->where.n_namespaces, 2);
	assert_true(span_is(r->where.namespaces[1], S("pay-*")));
	assert_true(span_is(r->where.workloads[0], S("Deployment/web")));
	assert_true(span_is(r->where.labels[0].key, S("team")));
	assert_true(span_is(r->where.labels[0].value, S("payments")));
	assert_true(span_is(r->sinks[0], S("slack")));
	assert_int_equal(r->n_escalate, 3);
	assert_int_equal(r->escalate_days[2], 90);
	r = &p->rules[1];
	assert_int_equal(r->kind, RULE_SILENT);
	assert_int_equal(r->seconds, 600);
	assert_int_equal(r->severity, SEV_CRITICAL);
	assert_true(p->rules[2].running_only);
	policy_free(p);
}

static void without_a_file_the_default_rules_hold(void **state)
{
	static const struct world_finding critical = {.severity = SEV_CRITICAL},
					  exploited = {.severity = SEV_LOW, .kev = true},
					  high = {.severity = SEV_HIGH},
					  fixable = {.severity = SEV_HIGH, .fixable = true},
					  medium = {.severity = SEV_MEDIUM, .fixable = true};
	const struct {
		const struct world_finding *f;
		bool takes;
	} rows[] = {{&critical, true},
		    {&exploited, true},
		    {&high, false},
		    {&fixable, true},
		    {&medium, false}};
	struct policy *p;
	unsigned kinds = 0;

	(void)state;
	assert_int_equal(policy_default(&p), RMG_OK);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		bool takes = false;

		for (size_t j = 0; j < p->n_rules; j++)
			takes |= p->rules[j].kind == RULE_FINDING &&
				 policy_takes(&p->rules[j], rows[i].f, -1);
		assert_int_equal(takes, rows[i].takes);
	}
	for (size_t j = 0; j < p->n_rules; j++) {
		const struct rule *r = &p->rules[j];

		kinds |= 1u << r->kind;
		if (r->kind == RULE_FINDING) {
			assert_int_equal(r->n_escalate, 3);
			assert_int_equal(r->escalate_days[0], 7);
			assert_int_equal(r->escalate_days[1], 30);
			assert_int_equal(r->escalate_days[2], 90);
		}
		if (r->kind == RULE_SILENT)
			assert_int_equal(r->seconds, 300);
		if (r->kind == RULE_FEED_AGE)
			assert_int_equal(r->seconds, 86400);
	}
	assert_int_equal(kinds, (1u << RULE_KIND_COUNT) - 1); /* each kind has a rule */
	policy_free(p);
}

static void conditions_on_the_finding(void **state)
{
	static const struct {
		const char *rule;
		struct world_finding f;
		int64_t age_days;
		bool takes;
	} rows[] = {
	    {"severity: high", {.severity = SEV_HIGH}, 0, true},
	    {"severity: high", {.severity = SEV_MEDIUM}, 0, false},
	    {"severity: high", {.severity = SEV_CRITICAL, .status = ADV_NOT_AFFECTED}, 0, false},
	    {"severity: unknown", {.severity = SEV_UNKNOWN}, 0, true},
	    {"kev: true", {.kev = true}, 0, true},
	    {"kev: true", {.severity = SEV_CRITICAL}, 0, false},
	    {"kev: false", {.severity = SEV_LOW}, 0, true},
	    {"fixable: true", {.fixable = true}, 0, true},
	    {"fixable: true", {.fixable = false}, 0, false},
	    {"epss: 0.5", {.epss_permille = 500}, 0, true},
	    {"epss: 0.5", {.epss_permille = 499}, 0, false},
	    {"age: 30d", {.kev = true}, 30, true},
	    {"age: 30d", {.kev = true}, 29, false},
	    {"age: 30d", {.kev = true}, -1, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct strbuf text = strbuf_of(1000);
		struct policy *p;

		strbuf_printf(&text, "rules: [{name: a, %s}]", rows[i].rule);
		p = taken(strbuf_cstr(&text));
		if (policy_takes(p->rules, &rows[i].f, rows[i].age_days * 86400000) !=
		    rows[i].takes)
			fail_msg("row %zu: %s", i, rows[i].rule);
		policy_free(p);
		strbuf_done(&text);
	}
}

/* Workload 1 is Deployment/web in namespace shop; place 2 is a node without namespaces. */
static void conditions_on_the_place(void **state)
{
	static const struct {
		const char *rule;
		bool web, bare;
	} rows[] = {
	    {"kev: false", true, true},
	    {"namespaces: [shop]", true, false},
	    {"namespaces: ['sh*']", true, false},
	    {"namespaces: ['*']", true, true},
	    {"namespaces: [sho, bank]", false, false},
	    {"workloads: [web]", true, false},
	    {"workloads: ['Deployment/web']", true, false},
	    {"workloads: ['deployment/w*']", true, false},
	    {"workloads: ['Job/web']", false, false},
	    {"labels: {team: pay}", true, false},
	    {"labels: {team: 'p*', tier: front}", true, false},
	    {"labels: {team: pay, tier: back}", false, false},
	    {"labels: {other: x}", false, false},
	};
	struct place_row places[3] = {{0}, {.id = 1, .place.ns = S("shop")}, {.id = 2}};
	struct world_workload workloads[2] = {
	    {0},
	    {.place = 1,
	     .kind = S("Deployment"),
	     .name = S("web"),
	     .labels = S("{\"team\":\"pay\",\"tier\":\"front\"}")}};
	struct world w = {0};

	(void)state;
	w.places.v = places;
	w.places.n = 3;
	w.workloads.v = workloads;
	w.workloads.n = 2;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct strbuf text = strbuf_of(1000);
		struct policy *p;

		strbuf_printf(&text, "rules: [{name: a, %s}]", rows[i].rule);
		p = taken(strbuf_cstr(&text));
		if (policy_applies(p->rules, &w, 1, 1, false) != rows[i].web ||
		    policy_applies(p->rules, &w, 0, 2, false) != rows[i].bare)
			fail_msg("%s", rows[i].rule);
		policy_free(p);
		strbuf_done(&text);
	}
}

static void dormant_or_running(void **state)
{
	struct policy *p =
	    taken("rules: [{name: a, dormant: true}, {name: b, dormant: false}, {name: c}]");
	struct world w = {0};

	(void)state;
	assert_true(policy_applies(&p->rules[0], &w, 0, 0, true));
	assert_false(policy_applies(&p->rules[0], &w, 0, 0, false));
	assert_false(policy_applies(&p->rules[1], &w, 0, 0, true));
	assert_true(policy_applies(&p->rules[1], &w, 0, 0, false));
	assert_true(policy_applies(&p->rules[2], &w, 0, 0, true));
	assert_true(policy_applies(&p->rules[2], &w, 0, 0, false));
	policy_free(p);
}

static int64_t at(const char *time)
{
	int64_t ms = 0;

	assert_true(rfc3339_parse(span_cstr(time), &ms));
	return ms;
}

static void quiet_hours_end(void **state)
{
	static const struct {
		const char *hours, *now, *until;
		int lasts_h;
	} rows[] = {
	    {"22:00-06:00", "2026-11-24T21:59:59Z", NULL},
	    {"22:00-06:00", "2026-11-24T22:00:00Z", "2026-11-25T06:00:00Z", 8},
	    {"22:00-06:00", "2026-11-25T00:00:00Z", "2026-11-25T06:00:00Z", 8},
	    {"22:00-06:00", "2026-11-25T05:59:59Z", "2026-11-25T06:00:00Z", 8},
	    {"22:00-06:00", "2026-11-25T06:00:00Z", NULL},
	    {"12:00-13:00", "2026-11-25T12:30:00Z", "2026-11-25T13:00:00Z", 1},
	    {"12:00-13:00", "2026-11-25T13:00:00Z", NULL},
	    {"12:00-13:00", "2026-11-25T11:59:00Z", NULL},
	};
	struct policy *p = taken("rules: [{name: a}]");
	int64_t since;

	(void)state;
	assert_int_equal(policy_quiet_until(p, at("2026-11-24T23:00:00Z")), 0);
	policy_free(p);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct strbuf text = strbuf_of(1000);

		strbuf_printf(&text, "quiet: '%s'\nrules: [{name: a}]", rows[i].hours);
		p = taken(strbuf_cstr(&text));
		assert_int_equal(policy_quiet_until(p, at(rows[i].now)),
				 rows[i].until ? at(rows[i].until) : 0);
		since = rows[i].until ? at(rows[i].until) - rows[i].lasts_h * INT64_C(3600000) : 0;
		assert_int_equal(policy_quiet_since(p, at(rows[i].now)), since);
		policy_free(p);
		strbuf_done(&text);
	}
}

static void epss_has_steps(void **state)
{
	struct policy *p = taken("epss-steps: [0.1, 0.5]\nrules: [{name: a}]");

	(void)state;
	assert_int_equal(policy_epss_step(p, 99), 0);
	assert_int_equal(policy_epss_step(p, 100), 1);
	assert_int_equal(policy_epss_step(p, 500), 2);
	policy_free(p);
}

/* Every example between lines of ``` in the manual page is a policy that is taken. */
static void the_examples_of_the_manual_are_taken(void **state)
{
	struct span page = sample_read("../man", "rummage-policy.5.scd"), rest = page, line;
	struct strbuf text = strbuf_of(1 << 16);
	bool inside = false;
	size_t n = 0;

	(void)state;
	while (rest.n) {
		if (!span_next(&rest, '\n', &line))
			break;
		if (span_starts(line, S("```"))) {
			if (inside) {
				policy_free(taken(strbuf_cstr(&text)));
				n++;
			}
			inside = !inside;
			strbuf_clear(&text);
		} else if (inside) {
			strbuf_put(&text, line);
			strbuf_putc(&text, '\n');
		}
	}
	assert_int_equal(n, 2);
	/* the second are the rules that hold without a file */
	assert_true(span_has(page, span_cstr(policy_default_text)));
	strbuf_done(&text);
	sample_free(page);
}

static void too_much_is_refused(void **state)
{
	struct strbuf text = strbuf_of(4 << 20);
	struct policy *p = NULL;
	struct rmg_err err = {0};

	(void)state;
	strbuf_puts(&text, "rules:\n");
	for (int i = 0; i < 1001; i++)
		strbuf_printf(&text, "  - name: n%d\n", i);
	assert_int_equal(policy_parse(strbuf_span(&text), "p", &p, &err), RMG_E_LIMIT);
	assert_non_null(strstr(err.msg, "too many rules"));
	strbuf_clear(&text);
	for (int i = 0; i < 1 << 17; i++)
		strbuf_puts(&text, "########\n");
	assert_int_equal(policy_parse(strbuf_span(&text), "p", &p, &err), RMG_E_LIMIT);
	strbuf_done(&text);
}

/* R18: the first rule that names a reason decides about it, for the container that it is about. */
static void r18_rules_say_what_is_not_let_run(void **state)
{
	static const char text[] = "rules:\n"
				   "- {name: a, when: exec, how: [setuid], workloads: [sudo]}\n"
				   "- {name: b, when: exec, how: [new, setuid], enforce: true, "
				   "namespaces: [shop], labels: {tier: \"web*\"}}\n"
				   "- {name: c, when: exec, how: [new, memfd], enforce: true}\n"
				   "- {name: d}\n";
	struct event_label label = {S("tier"), S("web-1")};
	struct event e = {.workload_kind = S("Container"), .workload_name = S("x")};
	struct policy *p = NULL;

	(void)state;
	assert_int_equal(policy_parse(span_cstr(text), "p", &p, NULL), RMG_OK);
	assert_int_equal(exec_rules_hows(p->execs, p->n_execs), HOW_SETUID | HOW_NEW | HOW_MEMFD);
	assert_int_equal(exec_rules_refused(p->execs, p->n_execs, &e), HOW_NEW | HOW_MEMFD);
	e.place.ns = S("shop");
	assert_int_equal(exec_rules_refused(p->execs, p->n_execs, &e), HOW_NEW | HOW_MEMFD);
	e.labels = &label;
	e.n_labels = 1;
	assert_int_equal(exec_rules_refused(p->execs, p->n_execs, &e),
			 HOW_NEW | HOW_MEMFD | HOW_SETUID);
	e.workload_name = S("sudo");
	assert_int_equal(exec_rules_refused(p->execs, p->n_execs, &e), HOW_NEW | HOW_MEMFD);
	policy_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_unknown_or_idle_key_names_its_line),
	    cmocka_unit_test(all_keys_are_read),
	    cmocka_unit_test(without_a_file_the_default_rules_hold),
	    cmocka_unit_test(r18_rules_say_what_is_not_let_run),
	    cmocka_unit_test(conditions_on_the_finding),
	    cmocka_unit_test(conditions_on_the_place),
	    cmocka_unit_test(dormant_or_running),
	    cmocka_unit_test(quiet_hours_end),
	    cmocka_unit_test(epss_has_steps),
	    cmocka_unit_test(the_examples_of_the_manual_are_taken),
	    cmocka_unit_test(too_much_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
