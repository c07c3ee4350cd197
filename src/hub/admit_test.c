/* SPDX-License-Identifier: Apache-2.0 */
/* What may start, by the policy, of images that are known and of those that are not. */
#include "hub/admit.h"

#include "../tests/hub_fixture.h"

/* Of pkg1 (npm) and pkg0 (deb), versions 1.0: a critical one without a fix and a low one with. */
static void two_advisories(struct fixture *f)
{
	f->said[1] = (struct sample_said){.there = true, .name = 1, .severity = SEV_CRITICAL};
	f->said[0] = (struct sample_said){
	    .there = true, .name = 0, .severity = SEV_LOW, .has_fix = true, .fixed = 2};
	set_db(f, f->h, &f->db, NULL);
}

static struct policy *policy(struct fixture *f, const char *text)
{
	struct policy *p;
	struct rmg_err err;

	if (policy_parse(span_cstr(text), "test", &p, &err) != RMG_OK)
		fail_msg("%s", err.msg);
	assert_int_equal(hub_policy_set(f->h, p, NULL), RMG_OK);
	return p;
}

static struct admit_answer ask(struct fixture *f, const char *ns, const char *digest,
			       const char *ref)
{
	struct event would = {
	    .place.ns = span_cstr(ns), .workload_kind = S("Deployment"), .workload_name = S("web")};
	struct admit_ask question = {&would, span_cstr(digest), span_cstr(ref)};
	struct admit_answer a;

	assert_int_equal(hub_admit(f->h, &question, &a, NULL), RMG_OK);
	return a;
}

static void denied_by_the_first_rule_that_takes_it(void **state)
{
	struct fixture *f = *state;
	struct policy *p;
	struct admit_answer a;

	two_advisories(f);
	put_image(f->h, DIGEST("a"), "", "", 3, "app:1");
	p = policy(f, "rules:\n"
		      "  - {name: tested, namespaces: [test-*], severity: low, admission: allow}\n"
		      "  - {name: worst, severity: critical, admission: deny}\n"
		      "  - {name: rest, severity: low}\n");
	a = ask(f, "shop", DIGEST("a"), "");
	assert_int_equal(a.admit, ADMIT_DENY);
	assert_true(a.read && a.complete && span_is(a.rule, S("worst")));
	assert_int_equal(a.n_denied, 1);
	assert_int_equal(a.n_warned, 1);
	assert_int_equal(a.n_lines, 2);
	assert_string_equal(a.lines[0],
			    "CVE-2026-0001 critical in pkg1 1.0, no fix yet (rule worst)");
	assert_string_equal(a.lines[1], "CVE-2026-0000 low in pkg0 1.0, fixed in 2.0 (rule rest)");
	/* By its tag as well, which means this image. */
	assert_int_equal(ask(f, "shop", "", "app:1").admit, ADMIT_DENY);
	a = ask(f, "test-1", DIGEST("a"), "");
	assert_int_equal(a.admit, ADMIT_ALLOW);
	assert_int_equal(a.n_lines, 0);
	hub_close(f->h);
	policy_free(p);
	f->h = open_hub(f);
}

static void what_nobody_read_is_for_its_own_rule(void **state)
{
	struct fixture *f = *state;
	struct policy *p;
	struct admit_answer a;

	two_advisories(f);
	put_image(f->h, DIGEST("a"), "", "", 0, "");
	use_began(f, "one", DIGEST("b"));
	p = policy(f, "rules:\n"
		      "  - {name: paid, when: incomplete, namespaces: [pay], admission: deny}\n"
		      "  - {name: all, when: incomplete}\n");
	assert_int_equal(ask(f, "pay", DIGEST("a"), "").admit, ADMIT_ALLOW);
	a = ask(f, "pay", DIGEST("b"), "");
	assert_int_equal(a.admit, ADMIT_DENY);
	assert_true(a.known && !a.read);
	a = ask(f, "pay", "", "elsewhere:1");
	assert_int_equal(a.admit, ADMIT_DENY);
	assert_false(a.known);
	assert_string_equal(a.lines[0], "nobody has read what is in it (rule paid)");
	assert_int_equal(ask(f, "shop", DIGEST("c"), "").admit, ADMIT_WARN);
	hub_close(f->h);
	policy_free(p);
	f->h = open_hub(f);
}

/* Version 1.0 of pkg1 has one without a fix; 2.0, under another tag, has none. */
static void what_has_less_is_named(void **state)
{
	struct fixture *f = *state;
	struct policy *p;
	struct admit_answer a;

	two_advisories(f);
	put_image(f->h, DIGEST("a"), "", "", 3, "shop/app:1");
	put_image(f->h, DIGEST("b"), "", "", 0, "shop/app:2");
	put_image(f->h, DIGEST("c"), "", "", 0, "shop/app-other:1");
	p = policy(f, "rules:\n  - {name: worst, severity: critical, admission: deny}\n");
	a = ask(f, "shop", "", "shop/app:1");
	assert_int_equal(a.n_lines, 2);
	assert_string_equal(a.lines[1], "shop/app:2 has less: 0 critical, 0 high");
	assert_int_equal(ask(f, "shop", "", "shop/app:2").n_lines, 0);
	hub_close(f->h);
	policy_free(p);
	f->h = open_hub(f);
}

/* An exception of one namespace lets in there what is denied elsewhere. */
static void excepted(void **state)
{
	struct fixture *f = *state;
	struct exception_row row = {.advisory = S("CVE-2026-0001"),
				    .ns = S("shop"),
				    .owner = S("me"),
				    .reason = S("known")};
	struct policy *p;

	two_advisories(f);
	put_image(f->h, DIGEST("a"), "", "", 2, "");
	p = policy(f, "rules:\n  - {name: worst, severity: critical, admission: deny}\n");
	assert_int_equal(hub_exception_put(f->h, &row, S("me"), NULL), RMG_OK);
	assert_int_equal(ask(f, "shop", DIGEST("a"), "").admit, ADMIT_ALLOW);
	assert_int_equal(ask(f, "pay", DIGEST("a"), "").admit, ADMIT_DENY);
	hub_close(f->h);
	policy_free(p);
	f->h = open_hub(f);
}

static void entering(void **state)
{
	struct fixture *f = *state;
	struct event would = {.place.ns = S("pay")};
	struct policy *p = policy(f, "rules:\n"
				     "  - name: nobody\n"
				     "    when: entered\n"
				     "    namespaces: [pay]\n"
				     "    except: [\"/bin/probe*\"]\n"
				     "    admission: deny\n");

	assert_int_equal(hub_admit_entering(f->h, &would, S("sh")), ADMIT_DENY);
	assert_int_equal(hub_admit_entering(f->h, &would, S("/bin/probe -v")), ADMIT_ALLOW);
	would.place.ns = S("shop");
	assert_int_equal(hub_admit_entering(f->h, &would, S("sh")), ADMIT_ALLOW);
	hub_close(f->h);
	policy_free(p);
	f->h = open_hub(f);
}

/* Eight that nobody has read fill the lines; what the ninth is denied for has none. */
static void denied_when_the_lines_are_full(void **state)
{
	static const char *const digests[] = {DIGEST("1"), DIGEST("2"), DIGEST("3"),
					      DIGEST("4"), DIGEST("5"), DIGEST("6"),
					      DIGEST("7"), DIGEST("8"), DIGEST("9")};
	struct fixture *f = *state;
	struct event_image images[COUNT_OF(digests)];
	struct event_label deny = {S(EVENT_DENY), S("x")};
	struct policy *p =
	    policy(f, "rules:\n  - {name: doubt, when: incomplete, admission: warn}\n");
	struct admit_answer a;
	struct event e = said(f, EVENT_WORKLOAD_DECLARED);

	for (size_t i = 0; i < COUNT_OF(images); i++)
		images[i] = (struct event_image){.digests = {span_cstr(digests[i])}, 1};
	e.place.ns = S("shop");
	e.workload_kind = S("Deployment");
	e.workload_name = S("web");
	e.images = images;
	e.n_images = COUNT_OF(images);
	apply(f->h, &e);
	assert_int_equal(hub_admit_workload(f->h, &e, &a, NULL), RMG_OK);
	assert_int_equal(a.admit, ADMIT_WARN);
	assert_int_equal(a.n_lines, ADMIT_LINES);
	e = said(f, EVENT_IMAGE_SAID);
	e.image = images[COUNT_OF(images) - 1];
	e.labels = &deny;
	e.n_labels = 1;
	assert_int_equal(apply(f->h, &e).applied, APPLIED);
	e.place.ns = S("shop");
	e.workload_kind = S("Deployment");
	e.workload_name = S("web");
	assert_int_equal(hub_admit_workload(f->h, &e, &a, NULL), RMG_OK);
	assert_int_equal(a.admit, ADMIT_DENY);
	assert_int_equal(a.n_denied, 1);
	assert_int_equal(a.n_lines, ADMIT_LINES);
	hub_close(f->h);
	policy_free(p);
	f->h = open_hub(f);
}

/* Whether these rules deny app:1, of what is critical and what is low, wherever it runs. */
static bool everywhere(struct fixture *f, struct policy **last, const char *rules)
{
	struct policy *p = policy(f, rules);
	const struct world *w;
	struct advdb *db;
	bool denied;

	policy_free(*last); /* the hub has the other one by now */
	*last = p;
	assert_int_equal(hub_read_lock(f->h, &w, &db, NULL), RMG_OK);
	denied = hub_admit_denies(f->h, w, db, world_image_choose(w, S(DIGEST("a"))));
	hub_read_unlock(f->h);
	return denied;
}

static void denied_everywhere(void **state)
{
	static const char deny[] = "rules:\n  - {name: all, severity: critical, admission: deny}\n";
	struct fixture *f = *state;
	struct policy *p = NULL;
	struct exception_row row = {.advisory = S("CVE-2026-0001"),
				    .ns = S("shop"),
				    .owner = S("me"),
				    .reason = S("not reachable")};

	two_advisories(f);
	put_image(f->h, DIGEST("a"), "", "", 3, "app:1");
	assert_true(everywhere(f, &p, deny));
	assert_false(everywhere(f, &p, "rules:\n  - {name: all, severity: critical}\n"));
	assert_false(everywhere(f, &p,
				"rules:\n  - {name: some, namespaces: [shop], severity: low, "
				"admission: deny}\n"));
	assert_false(everywhere(f, &p,
				"rules:\n"
				"  - {name: some, namespaces: [shop], severity: low}\n"
				"  - {name: all, severity: low, admission: deny}\n"));
	assert_true(
	    everywhere(f, &p,
		       "rules:\n"
		       "  - {name: some, workloads: [web], severity: low, admission: deny}\n"
		       "  - {name: asleep, dormant: true, severity: low}\n"
		       "  - {name: all, severity: low, admission: deny}\n"));
	assert_false(everywhere(f, &p,
				"rules:\n"
				"  - {name: most, severity: low, admission: allow}\n"
				"  - {name: all, severity: low, admission: deny}\n"));
	assert_false(everywhere(f, &p,
				"rules:\n"
				"  - {name: doubt, when: incomplete, admission: deny}\n"));
	/* Where somebody may run it it is not denied everywhere. */
	assert_int_equal(hub_exception_put(f->h, &row, S("me"), NULL), RMG_OK);
	assert_false(everywhere(f, &p, deny));
	hub_close(f->h);
	policy_free(p);
	f->h = open_hub(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(denied_by_the_first_rule_that_takes_it, begin, end),
	    cmocka_unit_test_setup_teardown(what_nobody_read_is_for_its_own_rule, begin, end),
	    cmocka_unit_test_setup_teardown(what_has_less_is_named, begin, end),
	    cmocka_unit_test_setup_teardown(excepted, begin, end),
	    cmocka_unit_test_setup_teardown(denied_when_the_lines_are_full, begin, end),
	    cmocka_unit_test_setup_teardown(denied_everywhere, begin, end),
	    cmocka_unit_test_setup_teardown(entering, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
