/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/alerts.h"

#include "../tests/made.h"

enum { ROUND = 6000, PATIENCE = 300000 }; /* of the default rule */

/* A workload that would run what a reference names, and nothing runs of it. */
static uint32_t sleeps(struct made *m, const char *ns, const char *ref)
{
	char images[200];
	struct workload_row row = {.declared = true, .source = S("node-a/docker")};
	uint32_t id;
	bool made;

	snprintf(images, sizeof images, "[{\"ref\":\"%s\",\"digests\":[]}]", ref);
	row.images = span_cstr(images);
	assert_int_equal(
	    world_workload(m->w, made_place(m, "", ns), S("CronJob"), S("season"), &id, &made),
	    RMG_OK);
	assert_int_equal(world_workload_set(m->w, id, &row), RMG_OK);
	assert_int_equal(world_workload_resolve(m->w, id), RMG_OK);
	return id;
}

/* R1: what could not be scanned is never counted as clean, also where it has not even a digest. */
static void r1_a_reference_that_nobody_resolves_alerts(void **state)
{
	struct made m;
	const struct message_item *item;
	uint32_t web, one, two;

	(void)state;
	made_open(&m, NULL);
	made_database(&m, NULL, 0);
	web = made_workload(&m, "shop", "web", 0);
	made_tick(&m);
	one = made_use_as(&m, 0, web, "shop/web:1", "node-a");
	made_pass(&m, ROUND);
	two = made_use_as(&m, 0, web, "shop/web:1", "node-b");
	made_pass(&m, PATIENCE - 2 * ROUND);
	assert_int_equal(made_sent(&m), 0); /* somebody may resolve it yet */
	made_pass(&m, 2 * ROUND);
	item = made_told(&m, MESSAGE_FIRED, 1);
	assert_true(span_is(item->rule, S("not-read")));
	assert_true(span_is(item->key, S("incomplete:shop/web:1")));
	assert_true(span_has(item->title, S("shop/web:1")));
	assert_int_equal(made_alert(&m)->workload, web);
	made_end(&m, one);
	made_use_as(&m, 0, 0, "shop/web:1", "node-c");
	made_pass(&m, ROUND);
	assert_int_equal(made_sent(&m), 0); /* told once for all of them */
	made_load(&m);
	made_pass(&m, ROUND);
	assert_int_equal(made_sent(&m), 0);
	made_alert(&m);
	made_end(&m, two);
	made_pass(&m, ROUND);
	assert_int_equal(made_sent(&m), 0);
	/* Resolved: what it is is known now. */
	world_use_resolve(m.w, m.w->images.v[0].first_use, made_image(&m, "shop/web:1", "xz"));
	made_pass(&m, ROUND);
	made_told(&m, MESSAGE_RESOLVED, 1);
	made_close(&m);
}

static void what_ended_while_nobody_looked_is_over(void **state)
{
	struct made m;
	char ref[1025];
	uint32_t other;

	(void)state;
	memset(ref, 'r', 1024); /* with the kind before it, too long for a key */
	ref[1024] = '\0';
	made_open(&m, NULL);
	made_database(&m, NULL, 0);
	other = made_use_as(&m, 0, 0, "other", "node-a");
	made_use_as(&m, 0, 0, ref, "node-a");
	made_tick(&m);
	made_pass(&m, PATIENCE);
	assert_int_equal(made_sent(&m), 1);
	assert_int_equal(made_count(&m, ALERT_FIRING), 2);
	world_use_end(m.w, other);
	made_load(&m);
	made_pass(&m, ROUND);
	assert_true(span_is(made_told(&m, MESSAGE_RESOLVED, 1)->key, S("incomplete:other")));
	made_close(&m);
}

/* A container that names nothing: its source is what can be told of. */
static void a_source_that_names_no_image_alerts(void **state)
{
	struct made m;

	(void)state;
	made_open(&m, NULL);
	made_database(&m, NULL, 0);
	made_use_as(&m, 0, 0, "", "node-a");
	made_use_as(&m, 0, 0, "", "node-a");
	made_tick(&m);
	made_pass(&m, PATIENCE);
	assert_true(span_is(made_told(&m, MESSAGE_FIRED, 1)->key, S("incomplete:node-a/docker")));
	made_close(&m);
}

static void a_rule_holds_where_it_says(void **state)
{
	static const char rules[] = "group: 0s\n"
				    "rules:\n"
				    "  - name: pay\n"
				    "    when: incomplete\n"
				    "    after: 1m\n"
				    "    namespaces: [pay]\n";
	static const char anywhere[] = "group: 0s\n"
				       "rules:\n"
				       "  - name: anywhere\n"
				       "    when: incomplete\n";
	struct made m;
	uint32_t pay, season;

	(void)state;
	made_open(&m, rules);
	made_database(&m, NULL, 0);
	pay = made_workload(&m, "pay", "web", 0);
	made_use_as(&m, 0, 0, "shop/web:1", "node-a");
	made_tick(&m);
	made_pass(&m, PATIENCE);
	assert_int_equal(made_sent(&m), 0);
	made_use_as(&m, 0, pay, "shop/web:1", "node-a");
	made_pass(&m, ROUND);
	assert_true(span_is(made_told(&m, MESSAGE_FIRED, 1)->rule, S("pay")));
	made_policy(&m, anywhere);
	assert_true(span_is(made_told(&m, MESSAGE_RESOLVED, 1)->key, S("incomplete:shop/web:1")));
	made_pass(&m, ROUND);
	made_told(&m, MESSAGE_REOPENED, 1);
	/* What sleeps is judged as if it ran. */
	season = sleeps(&m, "pay", "shop/season:1");
	made_pass(&m, ROUND);
	made_pass(&m, PATIENCE);
	assert_true(span_is(made_told(&m, MESSAGE_FIRED, 1)->key, S("incomplete:shop/season:1")));
	assert_int_equal(m.w->workloads.v[season].n_uses, 0);
	made_close(&m);
}

static void a_clock_that_goes_back_ends_no_patience(void **state)
{
	struct made m;

	(void)state;
	made_open(&m, NULL);
	made_database(&m, NULL, 0);
	made_use_as(&m, 0, 0, "shop/web:1", "node-a");
	made_tick(&m);
	made_pass(&m, -2 * INT64_C(86400000));
	made_pass(&m, PATIENCE - ROUND);
	assert_int_equal(made_sent(&m), 0);
	made_pass(&m, 2 * ROUND);
	made_told(&m, MESSAGE_FIRED, 1);
	made_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    {"R1: a reference that nobody resolves alerts",
	     r1_a_reference_that_nobody_resolves_alerts, NULL, NULL, NULL},
	    cmocka_unit_test(what_ended_while_nobody_looked_is_over),
	    cmocka_unit_test(a_source_that_names_no_image_alerts),
	    cmocka_unit_test(a_rule_holds_where_it_says),
	    cmocka_unit_test(a_clock_that_goes_back_ends_no_patience),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
