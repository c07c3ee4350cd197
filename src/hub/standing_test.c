/* SPDX-License-Identifier: Apache-2.0 */
/* How what runs stands: findings, exceptions, alerts, and what is not known. */
#include "hub/standing.h"

#include "../tests/hub_fixture.h"

#define CONTAINER "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* pkg1 (npm) is critical without a fix, pkg0 (deb) low with one. */
static void two_advisories(struct fixture *f)
{
	f->said[1] = (struct sample_said){.there = true, .name = 1, .severity = SEV_CRITICAL};
	f->said[0] = (struct sample_said){
	    .there = true, .name = 0, .severity = SEV_LOW, .has_fix = true, .fixed = 2};
	set_db(f, f->h, &f->db, NULL);
}

static void runs(struct fixture *f, const char *container, const char *digest, const char *name)
{
	struct event e = said(f, EVENT_USE_BEGAN);

	e.container = span_cstr(container);
	e.place.ns = S("shop");
	e.workload_kind = S("Deployment");
	e.workload_name = span_cstr(name);
	e.image.ref = S("app:1");
	e.image.digests[e.image.n_digests++] = span_cstr(digest);
	(void)apply(f->h, &e);
}

static bool look(struct fixture *f, struct standings *s, const char *name, const char *container,
		 struct standing *out)
{
	const struct span id = span_cstr(container ? container : "");
	bool known;

	(void)f;
	standings_round(s);
	assert_int_equal(standings_look(s, NULL), RMG_OK);
	known = container
		    ? standing_of_containers(s, &id, 1, out)
		    : standing_of_workload(s, S("shop"), S("Deployment"), span_cstr(name), out);
	standings_away(s);
	return known;
}

static size_t worst(struct standings *s, const char *container,
		    struct standing_finding found[static 4])
{
	struct standing_alert alerts[1];
	struct standing how;
	size_t n;

	standings_round(s);
	assert_int_equal(standings_look(s, NULL), RMG_OK);
	assert_true(
	    standing_of_containers(s, &(struct span){(const uint8_t *)container, 64}, 1, &how));
	assert_int_equal(standing_alerts(s, alerts, 1), how.alerts);
	assert_true(span_is(alerts[0].advisory, S("CVE-2026-0001")) && alerts[0].rule.n);
	n = standing_worst(s, found, 4);
	standings_away(s);
	return n;
}

static void test_findings_and_exceptions(void **state)
{
	struct fixture *f = *state;
	struct exception_row row = {.advisory = S("CVE-2026-0001"),
				    .ns = S("shop"),
				    .workload = S("Deployment/web"),
				    .owner = S("me"),
				    .reason = S("not reachable")};
	struct standings *s;
	struct standing web, other, pod;
	struct standing_finding found[4];

	assert_int_equal(standings_new(f->h, S("c1"), &s), RMG_OK);
	assert_int_equal(standings_look(s, NULL), RMG_E_NOTFOUND);
	two_advisories(f);
	put_image(f->h, DIGEST("a"), "", "", 3, "app:1");
	put_image(f->h, DIGEST("b"), "", "", 1, "app:2");
	runs(f, CONTAINER, DIGEST("a"), "web");
	runs(f, "other", DIGEST("b"), "web"); /* its advisory is in both */
	runs(f, "third", DIGEST("a"), "other");
	assert_false(look(f, s, "nobody", NULL, &web));
	assert_false(look(f, s, NULL, "nothing", &web));
	assert_true(look(f, s, "web", NULL, &web));
	assert_true(look(f, s, "other", NULL, &other));
	assert_true(look(f, s, NULL, CONTAINER, &pod));
	assert_int_equal(web.verdict, STANDING_ALERT);
	assert_int_equal(web.images, 2);
	assert_int_equal(web.counts.by_severity[SEV_CRITICAL], 1);
	assert_int_equal(web.counts.by_severity[SEV_LOW], 1);
	assert_int_equal(web.counts.fixable, 1);
	assert_true(span_is(pod.name, S("web")) && pod.images == 1);
	assert_true(other.sum == pod.sum && web.sum != pod.sum);
	assert_int_equal(worst(s, CONTAINER, found), 2);
	assert_true(span_is(found[0].advisory, S("CVE-2026-0001")) && found[0].fixed[0] == '\0');
	assert_true(span_is(found[1].name, S("pkg0")) && span_is(found[1].digest, S(DIGEST("a"))));
	assert_string_equal(found[1].fixed, "2.0");
	/* An exception is the one workload's. */
	assert_int_equal(hub_exception_put(f->h, &row, S("me"), NULL), RMG_OK);
	assert_true(look(f, s, "web", NULL, &web));
	assert_int_equal(web.counts.by_severity[SEV_CRITICAL], 0);
	assert_int_equal(web.excepted, 1);
	assert_true(look(f, s, "other", NULL, &other));
	assert_int_equal(other.counts.by_severity[SEV_CRITICAL], 1);
	assert_int_equal(other.excepted, 0);
	standings_free(s);
}

/* What nobody has read is not clean; but for a moment nobody can have read it. */
static void test_unread(void **state)
{
	struct fixture *f = *state;
	struct standings *s;
	struct standing how;
	uint64_t before, after;

	two_advisories(f);
	assert_int_equal(standings_new(f->h, S("c1"), &s), RMG_OK);
	assert_int_equal(standings_news(s, &before, NULL), RMG_OK);
	runs(f, "one", DIGEST("c"), "web");
	assert_int_equal(standings_news(s, &after, NULL), RMG_OK);
	assert_true(before != after);
	assert_true(look(f, s, "web", NULL, &how));
	assert_true(how.verdict == STANDING_UNREAD && how.pending);
	f->now_ms += 60000;
	assert_true(look(f, s, "web", NULL, &how));
	assert_true(how.verdict == STANDING_UNREAD && !how.pending);
	put_image(f->h, DIGEST("c"), "", "", 4, "app:1");
	assert_true(look(f, s, "web", NULL, &how));
	assert_true(how.verdict == STANDING_CLEAN && how.sum != 0);
	assert_string_equal(standing_name(how.verdict), "clean");
	standings_free(s);
}

/* Whoever runs it. */
static bool look_at_image(struct standings *s, const char *digest, struct standing *out)
{
	bool known;

	standings_round(s);
	assert_int_equal(standings_look(s, NULL), RMG_OK);
	known = standing_of_image(s, span_cstr(digest), out);
	standings_away(s);
	return known;
}

static void test_images(void **state)
{
	struct fixture *f = *state;
	struct exception_row row = {.advisory = S("CVE-2026-0001"),
				    .ns = S("shop"),
				    .owner = S("me"),
				    .reason = S("not reachable")};
	struct policy *p;
	struct standings *s;
	struct standing how;

	two_advisories(f);
	assert_int_equal(standings_new(f->h, S("c1"), &s), RMG_OK);
	put_image(f->h, DIGEST("a"), "", "", 3, "app:1");
	runs(f, "one", DIGEST("c"), "web");
	assert_false(look_at_image(s, DIGEST("b"), &how));
	assert_true(look_at_image(s, DIGEST("c"), &how));
	assert_true(how.n_unread == 1 && how.pending && !how.denied);
	assert_true(look_at_image(s, DIGEST("a"), &how));
	assert_true(how.verdict == STANDING_AFFECTED && how.alerts == 0 && !how.denied);
	assert_int_equal(how.counts.by_severity[SEV_CRITICAL], 1);
	/* Another policy holds at once; one exception, which is not for all of them, lifts it. */
	assert_int_equal(
	    policy_parse(S("rules:\n  - {name: all, severity: critical, admission: deny}\n"), "t",
			 &p, NULL),
	    RMG_OK);
	assert_int_equal(hub_policy_set(f->h, p, NULL), RMG_OK);
	assert_true(look_at_image(s, DIGEST("a"), &how) && how.denied);
	assert_true(look_at_image(s, DIGEST("a"), &how) && how.denied);
	assert_int_equal(hub_exception_put(f->h, &row, S("me"), NULL), RMG_OK);
	assert_true(look_at_image(s, DIGEST("a"), &how) && !how.denied);
	assert_int_equal(how.counts.by_severity[SEV_CRITICAL], 1);
	standings_free(s);
	hub_close(f->h);
	policy_free(p);
	f->h = open_hub(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_findings_and_exceptions, begin, end),
	    cmocka_unit_test_setup_teardown(test_unread, begin, end),
	    cmocka_unit_test_setup_teardown(test_images, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
