/* SPDX-License-Identifier: Apache-2.0 */
/* Each change of an alert's state, and what is told of it. Expectations are those of alerts.h,
 * rummage-policy(5) and the mission's statements. */
#include "../tests/made.h"

#define DAY INT64_C(86400000)

static const struct made_says xz = {
    .id = "CVE-2024-3094", .package = "xz", .severity = SEV_CRITICAL, .fixable = true};

static void r34_an_advisory_on_an_image_in_use_fires(void **state)
{
	struct made m;
	uint32_t image, workload;
	const struct message_item *item;

	(void)state;
	made_open(&m, NULL);
	made_database(&m, NULL, 0);
	image = made_image(&m, "shop/web:1", "xz openssl");
	workload = made_workload(&m, "shop", "web", 0);
	made_use(&m, image, workload);
	assert_int_equal(made_sent(&m), 0);
	made_database(&m, &xz, 1);
	item = made_told(&m, MESSAGE_FIRED, 1);
	assert_true(span_is(item->advisory, S("CVE-2024-3094")));
	assert_true(span_is(item->title, S("CVE-2024-3094 in shop/web:1")));
	assert_true(span_is(item->severity, S("critical")));
	assert_true(span_is(item->fixed, S("2.0")));
	assert_true(span_is(item->component, S("pkg:deb/debian/xz@1.0?arch=amd64")));
	assert_true(span_is(item->summary, S("What it is about")));
	assert_true(span_is(item->rule, S("critical")));
	assert_true(item->is_new && item->fixable && !item->kev);
	assert_int_equal(item->n_uses, 1);
	assert_true(span_is(item->uses[0].workload, S("Deployment/web")));
	assert_true(span_is(item->uses[0].ns, S("shop")));
	assert_true(span_is(item->uses[0].node, S("node-a")));
	assert_int_equal(made_alert(&m)->state, ALERT_FIRING);
	made_close(&m);
}

static void what_is_not_in_use_does_not_fire(void **state)
{
	struct made m;
	uint32_t image, slot;

	(void)state;
	made_open(&m, NULL);
	made_database(&m, &xz, 1);
	image = made_image(&m, "shop/web:1", "xz");
	made_tick(&m);
	assert_null(alerts_at(m.a, 0));
	slot = made_use(&m, image, 0); /* known, and in use from now on */
	assert_int_equal(made_told(&m, MESSAGE_FIRED, 1)->n_uses, 1);
	made_end(&m, slot);
	made_close(&m);
}

/* Many pods of one image are one alert: the trap is one ticket a replica. */
static void r38_one_alert_for_all_uses_of_a_content(void **state)
{
	struct made m;
	uint32_t image, workload;
	const struct message_item *item;

	(void)state;
	made_open(&m, NULL);
	image = made_image(&m, "shop/web:1", "xz");
	workload = made_workload(&m, "shop", "web", 0);
	made_database(&m, NULL, 0);
	for (int i = 0; i < 120; i++)
		made_use(&m, image, workload);
	made_database(&m, &xz, 1);
	item = made_told(&m, MESSAGE_FIRED, 1);
	assert_int_equal(item->n_uses, 120);
	assert_int_equal(item->uses_listed, MESSAGE_USES);
	made_use(&m, image, workload);
	made_pass(&m, 10000);
	assert_int_equal(made_sent(&m), 0);
	made_alert(&m);
	made_close(&m);
}

static void r38_resolved_after_the_last_use_and_reopened_on_return(void **state)
{
	static const char key[] = "vuln:%.*s:CVE-2024-3094";
	struct made m;
	uint32_t image, one, two, id;
	struct alert_row row;
	char text[200];

	(void)state;
	made_open(&m, NULL);
	made_database(&m, &xz, 1);
	image = made_image(&m, "shop/web:1", "xz");
	snprintf(text, sizeof text, key, SPAN_ARG(m.w->images.v[image].digest));
	one = made_use(&m, image, 0);
	two = made_use(&m, image, 0);
	assert_true(made_told(&m, MESSAGE_FIRED, 1)->is_new);
	id = made_alert(&m)->id;
	made_end(&m, one);
	made_pass(&m, 10000);
	assert_int_equal(made_sent(&m), 0); /* one still runs */
	made_end(&m, two);
	made_pass(&m, 10000); /* within ten seconds */
	assert_int_equal(made_told(&m, MESSAGE_RESOLVED, 1)->alert, id);
	assert_null(alerts_at(m.a, 0));
	row = made_row(&m, text);
	assert_int_equal(row.resolved_ms, m.env.now_ms);
	assert_int_equal(row.times_opened, 1);
	m.env.now_ms += DAY;
	made_use(&m, image, 0);
	assert_false(made_told(&m, MESSAGE_REOPENED, 1)->is_new);
	assert_int_equal(made_alert(&m)->id, id); /* the same alert */
	row = made_row(&m, text);
	assert_int_equal(row.times_opened, 2);
	assert_int_equal(row.first_ms, MADE_NOW);
	assert_int_equal(row.opened_ms, m.env.now_ms);
	assert_int_equal(row.resolved_ms, 0);
	made_close(&m);
}

static void a_restart_is_no_end(void **state)
{
	struct made m;
	uint32_t image, slot;

	(void)state;
	made_open(&m, NULL);
	made_database(&m, &xz, 1);
	image = made_image(&m, "shop/web:1", "xz");
	slot = made_use(&m, image, 0);
	made_told(&m, MESSAGE_FIRED, 1);
	for (int i = 0; i < 5; i++) { /* a container that crashes again and again */
		made_end(&m, slot);
		made_pass(&m, 2000);
		slot = made_use(&m, image, 0);
		made_pass(&m, 2000);
	}
	made_pass(&m, 10000);
	assert_int_equal(made_sent(&m), 0);
	made_close(&m);
}

static void r38_escalates_at_7_30_and_90_days(void **state)
{
	static const uint32_t days[] = {7, 30, 90};
	struct made m;
	uint32_t image;

	(void)state;
	made_open(&m, NULL);
	made_database(&m, &xz, 1);
	image = made_image(&m, "shop/web:1", "xz");
	made_use(&m, image, 0);
	made_told(&m, MESSAGE_FIRED, 1);
	for (size_t i = 0; i < 3; i++) {
		m.env.now_ms = MADE_NOW + days[i] * DAY - 1000;
		m.env.feeds_checked_ms = m.env.now_ms;
		made_tick(&m);
		assert_int_equal(made_sent(&m), 0);
		made_pass(&m, 1000);
		assert_int_equal(made_told(&m, MESSAGE_ESCALATED, 1)->days, days[i]);
		made_pass(&m, 1000);
		assert_int_equal(made_sent(&m), 0); /* once */
	}
	assert_int_equal(made_alert(&m)->escalation, 3);
	made_close(&m);
}

/* The hub was away for months: the step that was reached last is told, not each. */
static void steps_that_were_missed_are_told_as_one(void **state)
{
	struct made m;

	(void)state;
	made_open(&m, NULL);
	made_database(&m, &xz, 1);
	made_use(&m, made_image(&m, "shop/web:1", "xz"), 0);
	made_told(&m, MESSAGE_FIRED, 1);
	m.env.now_ms += 100 * DAY;
	m.env.feeds_checked_ms = m.env.now_ms;
	made_load(&m);
	made_tick(&m);
	assert_int_equal(made_told(&m, MESSAGE_ESCALATED, 1)->days, 90);
	made_close(&m);
}

/* A clock that jumps a day forward and back neither resolves nor doubles. */
static void a_clock_that_jumps_tells_nothing(void **state)
{
	struct made m;
	uint32_t image;

	(void)state;
	made_open(&m, NULL);
	made_database(&m, &xz, 1);
	image = made_image(&m, "shop/web:1", "xz");
	made_use(&m, image, 0);
	made_told(&m, MESSAGE_FIRED, 1);
	for (int i = 0; i < 4; i++) {
		int64_t heard = m.w->sources.v[m.source].heard_ms;

		m.env.now_ms += i % 2 ? -DAY : DAY;
		m.env.feeds_checked_ms = m.env.now_ms;
		made_begin(&m);
		m.w->sources.v[m.source].heard_ms = heard;
		GOOD(&m, alerts_tick(m.a, &m.env, &m.err));
		made_commit(&m);
		assert_int_equal(made_sent(&m), 0);
	}
	made_close(&m);
}

static void r32_what_gets_worse_is_told_with_before_and_after(void **state)
{
	static const struct {
		struct made_says now;
		const char *before, *after; /* NULL: nothing is told */
	} rows[] = {
	    {{"CVE-2024-3094", "xz", SEV_CRITICAL, .fixable = true},
	     "high, fixable",
	     "critical, fixable"},
	    {{"CVE-2024-3094", "xz", SEV_CRITICAL, .fixable = true, .kev = true},
	     "critical, fixable",
	     "critical, known to be exploited, fixable"},
	    {{"CVE-2024-3094", "xz", SEV_CRITICAL, .fixable = true, .kev = true, .epss = 90},
	     NULL,
	     NULL},
	    {{"CVE-2024-3094", "xz", SEV_CRITICAL, .fixable = true, .kev = true, .epss = 100},
	     "critical, known to be exploited, fixable",
	     "critical, known to be exploited, EPSS 0.100, fixable"},
	    {{"CVE-2024-3094", "xz", SEV_CRITICAL, .fixable = true, .kev = true, .epss = 499},
	     NULL,
	     NULL},
	    {{"CVE-2024-3094", "xz", SEV_CRITICAL, .kev = true, .epss = 499},
	     "critical, known to be exploited, EPSS 0.100, fixable",
	     "critical, known to be exploited, EPSS 0.499"},
	    {{"CVE-2024-3094", "xz", SEV_HIGH, .fixable = true, .kev = true}, NULL, NULL},
	};
	struct made_says says = xz;
	struct made m;

	(void)state;
	says.severity = SEV_HIGH;
	made_open(&m, NULL);
	made_database(&m, &says, 1);
	made_use(&m, made_image(&m, "shop/web:1", "xz"), 0);
	made_told(&m, MESSAGE_FIRED, 1);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct message_item *item;

		m.env.now_ms += 60000;
		made_database(&m, &rows[i].now, 1);
		if (rows[i].before == NULL) {
			assert_int_equal(made_sent(&m), 0);
			continue;
		}
		item = made_told(&m, MESSAGE_WORSENED, 1);
		if (!span_is(item->before, made_span(rows[i].before)) ||
		    !span_is(item->after, made_span(rows[i].after)))
			fail_msg("%zu: " SPAN_FMT " -> " SPAN_FMT, i, SPAN_ARG(item->before),
				 SPAN_ARG(item->after));
	}
	made_close(&m);
}

static void acknowledged_until_it_gets_worse(void **state)
{
	struct made_says worse = xz;
	struct made m;
	uint32_t id;

	(void)state;
	worse.kev = true;
	made_open(&m, NULL);
	made_database(&m, &xz, 1);
	made_use(&m, made_image(&m, "shop/web:1", "xz"), 0);
	made_told(&m, MESSAGE_FIRED, 1);
	id = made_alert(&m)->id;
	made_begin(&m);
	GOOD(&m, alerts_act(m.a, &m.env, id, ALERT_ACKNOWLEDGED, 0, S("alice"), S("seen"), &m.err));
	made_commit(&m);
	assert_int_equal(made_count(&m, ALERT_ACKNOWLEDGED), 1);
	made_load(&m); /* as after a restart */
	assert_int_equal(made_count(&m, ALERT_ACKNOWLEDGED), 1);
	assert_int_equal(made_count(&m, ALERT_FIRING), 0);
	made_tick(&m);
	assert_int_equal(made_sent(&m), 0);
	made_database(&m, &worse, 1);
	made_told(&m, MESSAGE_WORSENED, 1);
	assert_int_equal(made_alert(&m)->state, ALERT_FIRING);
	made_close(&m);
}

static void suppressed_until_the_time_is_over(void **state)
{
	struct made_says worse = xz;
	struct made m;
	uint32_t id;

	(void)state;
	worse.kev = true;
	made_open(&m, NULL);
	made_database(&m, &xz, 1);
	made_use(&m, made_image(&m, "shop/web:1", "xz"), 0);
	made_told(&m, MESSAGE_FIRED, 1);
	id = made_alert(&m)->id;
	made_begin(&m);
	assert_int_equal(
	    alerts_act(m.a, &m.env, id, ALERT_SUPPRESSED, m.env.now_ms, S("bob"), S("x"), &m.err),
	    RMG_E_ARG);
	assert_int_equal(alerts_act(m.a, &m.env, 99, ALERT_SUPPRESSED, m.env.now_ms + 1, S("bob"),
				    S("x"), &m.err),
			 RMG_E_NOTFOUND);
	GOOD(&m, alerts_act(m.a, &m.env, id, ALERT_SUPPRESSED, m.env.now_ms + 8 * DAY, S("bob"),
			    S("being mended"), &m.err));
	made_commit(&m);
	made_database(&m, &worse, 1);
	m.env.feeds_checked_ms = m.env.now_ms + 30 * DAY;
	made_pass(&m, 7 * DAY + 1000);
	assert_int_equal(made_sent(&m), 0); /* neither worse nor escalated */
	made_load(&m);
	made_pass(&m, DAY);
	assert_true(made_sent(&m) > 0);
	assert_int_equal(m.sent.v[0]->kind, MESSAGE_FIRED);
	assert_false(m.sent.v[0]->items[0].is_new);
	assert_int_equal(made_alert(&m)->state, ALERT_FIRING);
	made_close(&m);
}

static void opened_again_by_hand(void **state)
{
	struct made m;
	uint32_t id;

	(void)state;
	made_open(&m, NULL);
	made_database(&m, &xz, 1);
	made_use(&m, made_image(&m, "shop/web:1", "xz"), 0);
	id = made_alert(&m)->id;
	made_begin(&m);
	GOOD(&m, alerts_act(m.a, &m.env, id, ALERT_ACKNOWLEDGED, 0, S("a"), S(""), &m.err));
	GOOD(&m, alerts_act(m.a, &m.env, id, ALERT_FIRING, 0, S("a"), S(""), &m.err));
	assert_int_equal(alerts_act(m.a, &m.env, id, ALERT_RESOLVED, 0, S("a"), S(""), &m.err),
			 RMG_E_ARG);
	made_commit(&m);
	assert_int_equal(made_count(&m, ALERT_FIRING), 1);
	made_close(&m);
}

static void r35_a_dormant_workload_alerts_before_it_starts(void **state)
{
	struct made m;
	uint32_t image, workload, slot;
	const struct message_item *item;

	(void)state;
	made_open(&m, NULL);
	made_database(&m, NULL, 0);
	image = made_image(&m, "shop/christmas:1", "xz");
	workload = made_workload(&m, "shop", "christmas", image);
	made_database(&m, &xz, 1);
	item = made_told(&m, MESSAGE_FIRED, 1);
	assert_int_equal(item->n_uses, 1);
	assert_true(item->uses[0].dormant);
	assert_true(span_is(item->uses[0].workload, S("Deployment/christmas")));
	slot = made_use(&m, image, workload); /* it is known already */
	made_pass(&m, 10000);
	assert_int_equal(made_sent(&m), 0);
	made_end(&m, slot); /* and sleeps again */
	made_pass(&m, 10000);
	assert_int_equal(made_sent(&m), 0);
	assert_int_equal(made_alert(&m)->state, ALERT_FIRING);
	made_close(&m);
}

static void a_finding_that_goes_resolves_at_once(void **state)
{
	struct made m;

	(void)state;
	made_open(&m, NULL);
	made_database(&m, &xz, 1);
	made_use(&m, made_image(&m, "shop/web:1", "xz"), 0);
	made_told(&m, MESSAGE_FIRED, 1);
	made_database(&m, NULL, 0);
	made_told(&m, MESSAGE_RESOLVED, 1);
	made_database(&m, &xz, 1);
	assert_false(made_told(&m, MESSAGE_REOPENED, 1)->is_new);
	made_close(&m);
}

static void what_fires_survives_a_restart(void **state)
{
	struct made m;
	uint32_t image, slot;

	(void)state;
	made_open(&m, NULL);
	made_database(&m, &xz, 1);
	image = made_image(&m, "shop/web:1", "xz");
	slot = made_use(&m, image, 0);
	made_told(&m, MESSAGE_FIRED, 1);
	for (int i = 0; i < 3; i++) {
		made_load(&m);
		made_begin(&m);
		GOOD(&m, alerts_all(m.a, &m.env, &m.err));
		made_commit(&m);
		made_tick(&m);
		assert_int_equal(made_sent(&m), 0); /* nothing doubled */
		made_alert(&m);
	}
	/* the last use ends while the hub is away */
	world_use_end(m.w, slot);
	made_load(&m);
	made_begin(&m);
	GOOD(&m, alerts_all(m.a, &m.env, &m.err));
	made_commit(&m);
	made_pass(&m, 6000);
	made_told(&m, MESSAGE_RESOLVED, 1);
	made_close(&m);
}

/* Before there is a database nothing is known, and nothing ends for that. */
static void without_a_database_nothing_ends(void **state)
{
	struct made m;
	uint32_t image;
	struct advdb *db;

	(void)state;
	made_open(&m, NULL);
	made_database(&m, &xz, 1);
	image = made_image(&m, "shop/web:1", "xz");
	made_use(&m, image, 0);
	db = m.env.db;
	m.env.db = NULL;
	made_load(&m);
	made_begin(&m);
	GOOD(&m, alerts_all(m.a, &m.env, &m.err));
	made_commit(&m);
	made_alert(&m);
	m.env.db = db;
	made_close(&m);
}

/* Rules that ask where. */

static void rules_hold_for_the_uses_that_they_name(void **state)
{
	struct made m;
	uint32_t image, shop, bank, slot;
	const struct message_item *item;

	(void)state;
	made_open(&m, "group: 0s\nrules: [{name: bank, severity: high, namespaces: [bank], "
		      "labels: {team: pay}}]");
	made_database(&m, &xz, 1);
	image = made_image(&m, "base:1", "xz");
	shop = made_workload(&m, "shop", "web", 0);
	bank = made_workload(&m, "bank", "web", 0);
	made_use(&m, image, shop);
	assert_int_equal(made_sent(&m), 0);
	slot = made_use(&m, image, bank);
	item = made_told(&m, MESSAGE_FIRED, 1);
	assert_int_equal(item->n_uses, 1); /* the bank's */
	assert_true(span_is(item->uses[0].ns, S("bank")));
	made_end(&m, slot); /* the shop's still runs, which no rule asks for */
	made_told(&m, MESSAGE_RESOLVED, 1);
	made_close(&m);
}

static void another_policy_holds_at_once(void **state)
{
	struct made m;

	(void)state;
	made_open(&m, "group: 0s\nrules: [{name: a, severity: critical}]");
	made_database(&m, &xz, 1);
	made_use(&m, made_image(&m, "shop/web:1", "xz"), 0);
	made_told(&m, MESSAGE_FIRED, 1);
	made_policy(&m, "group: 0s\nrules: [{name: b, severity: low}, {name: a, severity: low}]");
	assert_int_equal(made_sent(&m), 0);
	assert_int_equal(made_alert(&m)->rule, 0);
	made_policy(&m, "group: 0s\nrules: [{name: a, kev: true}]");
	made_told(&m, MESSAGE_RESOLVED, 1);
	made_close(&m);
}

static void a_rule_about_age_begins_to_hold(void **state)
{
	struct made_says old = xz;
	struct made m;

	(void)state;
	old.published = "2026-11-20T00:00:00Z";
	made_open(&m, "group: 0s\nrules: [{name: a, age: 7d}]");
	made_database(&m, &old, 1);
	made_use(&m, made_image(&m, "shop/web:1", "xz"), 0);
	made_pass(&m, DAY);
	assert_int_equal(made_sent(&m), 0);
	made_pass(&m, 2 * DAY);
	made_told(&m, MESSAGE_FIRED, 1);
	made_close(&m);
}

/* Exceptions. */

static void except(struct made *m, struct exception_row row)
{
	row.owner = S("alice");
	row.reason = S("not reachable");
	made_begin(m);
	GOOD(m, store_exception_put(m->st, &row, &m->err));
	GOOD(m, alerts_exceptions(m->a, &m->env, &m->err));
	made_commit(m);
}

static void an_exception_suppresses_and_ends_by_itself(void **state)
{
	struct made m;

	(void)state;
	made_open(&m, NULL);
	made_database(&m, &xz, 1);
	made_use(&m, made_image(&m, "shop/web:1", "xz"), 0);
	made_told(&m, MESSAGE_FIRED, 1);
	except(&m,
	       (struct exception_row){.advisory = S("CVE-2024-3094"), .until_ms = MADE_NOW + DAY});
	assert_int_equal(made_alert(&m)->state, ALERT_SUPPRESSED);
	assert_true(made_alert(&m)->excepted);
	made_load(&m);
	made_begin(&m);
	GOOD(&m, alerts_all(m.a, &m.env, &m.err));
	made_commit(&m);
	assert_int_equal(made_alert(&m)->state, ALERT_SUPPRESSED);
	m.env.feeds_checked_ms = m.env.now_ms + DAY;
	made_pass(&m, DAY - 1000);
	assert_int_equal(made_sent(&m), 0);
	made_pass(&m, 1000);
	assert_false(made_told(&m, MESSAGE_FIRED, 1)->is_new);
	assert_int_equal(made_alert(&m)->state, ALERT_FIRING);
	made_close(&m);
}

static void an_exception_covers_what_its_scope_says(void **state)
{
	static const struct {
		const char *advisory, *purl, *image, *ns, *workload;
		bool covers;
	} rows[] = {
	    {"CVE-2024-3094", "", "", "", "", true},
	    {"CVE-2024-309", "", "", "", "", false},
	    {"CVE-2024-*", "", "", "", "", true},
	    {"", "pkg:deb/debian/xz", "", "", "", true},
	    {"", "pkg:deb/debian/xz@1.0", "", "", "", true},
	    {"", "pkg:deb/debian/x", "", "", "", false},
	    {"", "pkg:deb/debian/xz@1", "", "", "", false},
	    {"", "pkg:deb/debian/%78z@1.0", "", "", "", true},
	    {"", "pkg:deb/debian/xz@1.0?arch=amd64&distro=debian-12", "", "", "", true},
	    {"", "pkg:deb/debian/xz@1.0?arch=arm64", "", "", "", false},
	    {"", "pkg:deb/debian/*", "", "", "", true},
	    {"", "", "shop/web:1", "", "", true},
	    {"", "", "shop/*", "", "", true},
	    {"", "", "shop/web:2", "", "", false},
	    {"", "", "", "shop", "", true},
	    {"", "", "", "bank", "", false},
	    {"", "", "", "", "web", true},
	    {"", "", "", "", "Deployment/web", true},
	    {"", "", "", "", "Job/web", false},
	    {"CVE-2024-3094", "pkg:deb/debian/xz", "shop/web:1", "shop", "Deployment/*", true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct made m;
		uint32_t image, workload;

		made_open(&m, NULL);
		made_database(&m, &xz, 1);
		image = made_image(&m, "shop/web:1", "xz");
		workload = made_workload(&m, "shop", "web", 0);
		except(&m, (struct exception_row){.advisory = made_span(rows[i].advisory),
						  .purl = made_span(rows[i].purl),
						  .image = made_span(rows[i].image),
						  .ns = made_span(rows[i].ns),
						  .workload = made_span(rows[i].workload)});
		made_use(&m, image, workload);
		if ((made_alert(&m)->state == ALERT_SUPPRESSED) != rows[i].covers)
			fail_msg("row %zu", i);
		assert_int_equal(made_sent(&m), rows[i].covers ? 0 : 1);
		made_close(&m);
	}
}

/* One use that no exception covers is enough to fire. */
static void an_exception_for_one_namespace_leaves_the_other(void **state)
{
	struct made m;
	uint32_t image, slot;

	(void)state;
	made_open(&m, NULL);
	made_database(&m, &xz, 1);
	image = made_image(&m, "base:1", "xz");
	made_use(&m, image, made_workload(&m, "shop", "web", 0));
	except(&m, (struct exception_row){.ns = S("shop")});
	assert_int_equal(made_alert(&m)->state, ALERT_SUPPRESSED);
	made_sent(&m);
	slot = made_use(&m, image, made_workload(&m, "bank", "web", 0));
	made_told(&m, MESSAGE_FIRED, 1);
	made_end(&m, slot);
	assert_int_equal(made_alert(&m)->state, ALERT_SUPPRESSED);
	except(&m, (struct exception_row){.advisory = S("CVE-1")}); /* the first stays */
	assert_int_equal(made_alert(&m)->state, ALERT_SUPPRESSED);
	made_close(&m);
}

static void what_an_exception_hides_ends_in_silence(void **state)
{
	struct made m;
	uint32_t slot;

	(void)state;
	made_open(&m, NULL);
	made_database(&m, &xz, 1);
	except(&m, (struct exception_row){.advisory = S("CVE-2024-3094")});
	slot = made_use(&m, made_image(&m, "shop/web:1", "xz"), 0);
	made_end(&m, slot);
	made_pass(&m, 10000);
	assert_int_equal(made_sent(&m), 0);
	assert_null(alerts_at(m.a, 0));
	made_close(&m);
}

/* What nobody says. */

/* A rule must not fall silent about an image that nobody has read, nor about one that was read in
 * part: both were taken for clean by others. */
static void r1_an_image_that_nobody_reads_alerts(void **state)
{
	struct image_row row = {0};
	struct made m;
	uint32_t image;

	(void)state;
	made_open(&m, NULL);
	made_database(&m, NULL, 0);
	image = made_image(&m, "shop/web:1", NULL);
	row.digest = m.w->images.v[image].digest;
	row.ref = m.w->images.v[image].ref;
	made_use(&m, image, 0);
	made_pass(&m, 299000);
	assert_int_equal(made_sent(&m), 0); /* the scanner is given five minutes */
	made_pass(&m, 1000);
	assert_true(span_has(made_told(&m, MESSAGE_FIRED, 1)->title, S("nobody has read")));
	row.read_ms = m.env.now_ms;
	row.complete = false;
	made_begin(&m);
	assert_int_equal(world_image_read(m.w, image, &row, NULL, 0), RMG_OK);
	GOOD(&m, alerts_image(m.a, &m.env, image, &m.err));
	made_commit(&m);
	assert_int_equal(made_sent(&m), 0); /* the same alert, which says other things now */
	made_alert(&m);
	row.complete = true;
	row.read_ms++;
	made_begin(&m);
	assert_int_equal(world_image_read(m.w, image, &row, NULL, 0), RMG_OK);
	GOOD(&m, alerts_image(m.a, &m.env, image, &m.err));
	made_commit(&m);
	made_told(&m, MESSAGE_RESOLVED, 1);
	made_close(&m);
}

static void r31_a_source_that_falls_silent_alerts(void **state)
{
	struct made m;

	(void)state;
	made_open(&m, NULL);
	made_database(&m, NULL, 0);
	for (int i = 0; i < 6; i++) {
		m.env.now_ms += 50000;
		made_begin(&m);
		GOOD(&m, alerts_tick(m.a, &m.env, &m.err));
		made_commit(&m);
		assert_int_equal(made_sent(&m), i == 5 ? 1 : 0);
	}
	assert_true(span_has(m.sent.v[0]->items[0].title, S("node-a/docker")));
	made_tick(&m); /* and is heard again */
	made_told(&m, MESSAGE_RESOLVED, 1);
	made_close(&m);
}

/* A hub that was away has not heard, which is not the sources' silence. */
static void silence_counts_from_when_the_hub_listens(void **state)
{
	struct made m;

	(void)state;
	made_open(&m, NULL);
	made_database(&m, NULL, 0);
	m.env.now_ms += 3600000;
	made_load(&m);
	made_begin(&m);
	GOOD(&m, alerts_tick(m.a, &m.env, &m.err));
	made_commit(&m);
	assert_int_equal(made_sent(&m), 0);
	made_close(&m);
}

static void r37_old_advisories_alert(void **state)
{
	struct made m;

	(void)state;
	made_open(&m, NULL);
	made_database(&m, NULL, 0);
	made_pass(&m, DAY);
	assert_int_equal(made_sent(&m), 0);
	made_pass(&m, 60000);
	assert_true(span_has(made_told(&m, MESSAGE_FIRED, 1)->title, S("old")));
	m.env.feeds_checked_ms = m.env.now_ms; /* a round that found nothing new */
	made_pass(&m, 60000);
	made_told(&m, MESSAGE_RESOLVED, 1);
	made_close(&m);
}

#define TITLED(title, fn)                                                                          \
	{                                                                                          \
		title, fn, NULL, NULL, NULL                                                        \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TITLED("R34: an advisory on an image in use fires",
		   r34_an_advisory_on_an_image_in_use_fires),
	    cmocka_unit_test(what_is_not_in_use_does_not_fire),
	    TITLED("R38: one alert for all uses of a content",
		   r38_one_alert_for_all_uses_of_a_content),
	    TITLED("R38: resolved after the last use, reopened on return",
		   r38_resolved_after_the_last_use_and_reopened_on_return),
	    cmocka_unit_test(a_restart_is_no_end),
	    TITLED("R38: escalates at 7, 30 and 90 days", r38_escalates_at_7_30_and_90_days),
	    cmocka_unit_test(steps_that_were_missed_are_told_as_one),
	    cmocka_unit_test(a_clock_that_jumps_tells_nothing),
	    TITLED("R32: what gets worse is told with before and after",
		   r32_what_gets_worse_is_told_with_before_and_after),
	    cmocka_unit_test(acknowledged_until_it_gets_worse),
	    cmocka_unit_test(suppressed_until_the_time_is_over),
	    cmocka_unit_test(opened_again_by_hand),
	    TITLED("R35: a dormant workload alerts before it starts",
		   r35_a_dormant_workload_alerts_before_it_starts),
	    cmocka_unit_test(a_finding_that_goes_resolves_at_once),
	    TITLED("R39: what fires survives a restart", what_fires_survives_a_restart),
	    cmocka_unit_test(without_a_database_nothing_ends),
	    cmocka_unit_test(rules_hold_for_the_uses_that_they_name),
	    cmocka_unit_test(another_policy_holds_at_once),
	    cmocka_unit_test(a_rule_about_age_begins_to_hold),
	    cmocka_unit_test(an_exception_suppresses_and_ends_by_itself),
	    cmocka_unit_test(an_exception_covers_what_its_scope_says),
	    cmocka_unit_test(an_exception_for_one_namespace_leaves_the_other),
	    cmocka_unit_test(what_an_exception_hides_ends_in_silence),
	    TITLED("R1: an image that nobody reads alerts", r1_an_image_that_nobody_reads_alerts),
	    TITLED("R31: a source that falls silent alerts", r31_a_source_that_falls_silent_alerts),
	    cmocka_unit_test(silence_counts_from_when_the_hub_listens),
	    TITLED("R37: old advisories alert", r37_old_advisories_alert),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
