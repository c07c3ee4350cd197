/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of alerts: grouping, what must wait, who is told; histories against a model. */
#include "../tests/made.h"

#include <time.h>

static const struct made_says xz = {
    .id = "CVE-2024-3094", .package = "xz", .severity = SEV_CRITICAL, .fixable = true};

static void happenings_are_alerts_of_their_rule(void **state)
{
	struct happening x = {.kind = RULE_FACTS_DISAGREE,
			      .subject = S("sha256:12"),
			      .title = S("two readers disagree"),
			      .text = S("a says this\nb says that"),
			      .details = S("{\"a\":1}")};
	const struct message_item *item;
	struct made m;

	(void)state;
	made_open(&m, NULL);
	made_database(&m, NULL, 0);
	for (int i = 0; i < 2; i++) { /* twice the same is one */
		made_begin(&m);
		GOOD(&m, alerts_happened(m.a, &m.env, &x, &m.err));
		made_commit(&m);
	}
	item = made_told(&m, MESSAGE_FIRED, 1);
	assert_true(span_is(item->key, S("facts-disagree:sha256:12")));
	assert_true(span_is(item->severity, S("critical")));
	assert_true(span_is(item->text, x.text));
	made_load(&m);
	x.over = true;
	made_begin(&m);
	GOOD(&m, alerts_happened(m.a, &m.env, &x, &m.err));
	made_commit(&m);
	made_told(&m, MESSAGE_RESOLVED, 1);
	made_close(&m);
}

static void one_database_is_one_message_worst_first(void **state)
{
	static const struct made_says says[] = {
	    {"CVE-1", "xz", SEV_HIGH, .fixable = true},
	    {"CVE-2", "xz", SEV_CRITICAL},
	    {"CVE-3", "xz", SEV_LOW, .kev = true},
	    {"CVE-4", "xz", SEV_CRITICAL, .kev = true},
	    {"CVE-5", "xz", SEV_LOW},
	};
	static const char *const order[] = {"CVE-4", "CVE-2", "CVE-1", "CVE-3"};
	const struct message_item *items;
	struct made m;

	(void)state;
	made_open(&m, NULL);
	made_database(&m, NULL, 0);
	made_use(&m, made_image(&m, "shop/web:1", "xz"), 0);
	made_database(&m, says, COUNT_OF(says));
	items = made_told(&m, MESSAGE_FIRED, 4);
	for (size_t i = 0; i < 4; i++)
		assert_true(span_is(items[i].advisory, made_span(order[i])));
	assert_true(span_is(m.sent.v[0]->severity, S("critical")));
	assert_true(span_has(m.sent.v[0]->title, S("4 alerts, the worst: CVE-4")));
	made_close(&m);
}

/* What comes within the group's time after a message waits in the store, and is then one. */
static void what_comes_soon_after_is_told_together(void **state)
{
	static const struct made_says says[] = {
	    {"CVE-1", "a", SEV_HIGH}, {"CVE-2", "b", SEV_HIGH}, {"CVE-3", "c", SEV_HIGH}};
	struct made m;

	(void)state;
	made_open(&m, "group: 10s\nrules: [{name: a}]");
	made_database(&m, says, 3);
	made_use(&m, made_image(&m, "a:1", "a"), 0);
	made_told(&m, MESSAGE_FIRED, 1); /* the first at once */
	made_use(&m, made_image(&m, "b:1", "b"), 0);
	made_pass(&m, 3000);
	made_use(&m, made_image(&m, "c:1", "c"), 0);
	assert_int_equal(made_sent(&m), 0);
	made_load(&m); /* kill -9: what waits is in the store */
	made_pass(&m, 6000);
	assert_int_equal(made_sent(&m), 0);
	made_pass(&m, 1000);
	made_told(&m, MESSAGE_FIRED, 2);
	made_pass(&m, 60000);
	assert_int_equal(made_sent(&m), 0);
	made_close(&m);
}

static void r33_what_presses_does_not_wait_for_what_does_not(void **state)
{
	static const struct made_says says[] = {
	    {"CVE-1", "a", SEV_HIGH}, {"CVE-2", "b", SEV_CRITICAL}, {"CVE-3", "c", SEV_HIGH}};
	struct happening back = {
	    .kind = RULE_ROLLBACK, .subject = S("c/n/Deployment/web"), .title = S("back")};
	struct made m;

	(void)state;
	made_open(&m, "group: 60s\nrules: [{name: a}, {name: b, when: rollback}]");
	made_database(&m, says, 3);
	made_use(&m, made_image(&m, "a:1", "a"), 0);
	made_told(&m, MESSAGE_FIRED, 1);
	made_use(&m, made_image(&m, "bc:1", "b c"), 0);
	assert_true(span_is(made_told(&m, MESSAGE_FIRED, 1)->advisory, S("CVE-2")));
	made_pass(&m, 1000);
	made_begin(&m);
	GOOD(&m, alerts_happened(m.a, &m.env, &back, &m.err));
	made_commit(&m);
	assert_true(span_is(made_told(&m, MESSAGE_FIRED, 1)->rule, S("b")));
	made_pass(&m, 60000);
	assert_true(span_is(made_told(&m, MESSAGE_FIRED, 1)->advisory, S("CVE-3")));
	made_close(&m);
}

static void r38_what_ended_while_it_waited_is_told_as_ended(void **state)
{
	static const struct made_says says[] = {{"CVE-1", "a", SEV_HIGH}, {"CVE-2", "b", SEV_HIGH}};
	struct made m;
	uint32_t slot;

	(void)state;
	made_open(&m, "group: 60s\nrules: [{name: a}]");
	made_database(&m, says, 2);
	made_use(&m, made_image(&m, "a:1", "a"), 0);
	made_told(&m, MESSAGE_FIRED, 1);
	slot = made_use(&m, made_image(&m, "b:1", "b"), 0);
	made_end(&m, slot);
	made_pass(&m, 10000);
	made_pass(&m, 50000);
	made_told(&m, MESSAGE_RESOLVED, 1); /* once, though it was held twice */
	made_close(&m);
}

static void a_sink_is_not_flooded(void **state)
{
	struct made m;
	size_t sent = 0;
	char id[20], ref[20];

	(void)state;
	made_open(&m, "group: 0s\nmax-per-minute: 3\nrules: [{name: a}]");
	made_database(&m, NULL, 0);
	for (int i = 0; i < 8; i++) {
		struct made_says says = {id, "p", SEV_HIGH};

		snprintf(ref, sizeof ref, "r:%d", i);
		snprintf(id, sizeof id, "CVE-%d", i);
		if (i == 0)
			made_database(&m, &says, 1);
		made_use(&m, made_image(&m, ref, "p"), 0);
		m.env.now_ms += 100;
	}
	sent = made_sent(&m);
	assert_int_equal(sent, 3);
	made_pass(&m, 59000);
	assert_int_equal(made_sent(&m), 0);
	made_pass(&m, 2000);
	made_told(&m, MESSAGE_FIRED, 5); /* the others, as one */
	made_close(&m);
}

static void quiet_hours_hold_what_can_wait(void **state)
{
	static const struct made_says says[] = {{"CVE-1", "a", SEV_HIGH},
						{"CVE-2", "b", SEV_CRITICAL},
						{"CVE-3", "c", SEV_LOW, .kev = true}};
	struct made m;

	(void)state;
	made_open(&m, "group: 0s\nquiet: '22:00-06:00'\nrules: [{name: a}]");
	made_database(&m, says, 3); /* it is midnight */
	made_use(&m, made_image(&m, "a:1", "a"), 0);
	assert_int_equal(made_sent(&m), 0);
	made_use(&m, made_image(&m, "b:1", "b"), 0);
	assert_true(span_is(made_told(&m, MESSAGE_FIRED, 1)->advisory, S("CVE-2")));
	made_use(&m, made_image(&m, "c:1", "c"), 0);
	assert_true(span_is(made_told(&m, MESSAGE_FIRED, 1)->advisory, S("CVE-3")));
	made_load(&m);
	made_pass(&m, 6 * 3600000 - 1000);
	assert_int_equal(made_sent(&m), 0);
	made_pass(&m, 1000);
	assert_true(span_is(made_told(&m, MESSAGE_FIRED, 1)->advisory, S("CVE-1")));
	made_close(&m);
}

static enum rmg_rc count_sink(void *user, const struct outbox_row *row)
{
	size_t *n = user;

	n[span_is(row->sink, S("two"))]++;
	return RMG_OK;
}

static void sinks_are_told_what_their_rules_say(void **state)
{
	static const struct made_says says[] = {{"CVE-1", "a", SEV_CRITICAL},
						{"CVE-2", "a", SEV_LOW}};
	struct made m;
	size_t n[2] = {0};

	(void)state;
	made_open(&m, "group: 0s\nrules: [{name: bad, severity: critical}, "
		      "{name: rest, sinks: [two]}]");
	made_database(&m, says, 2);
	made_use(&m, made_image(&m, "a:1", "a"), 0);
	assert_true(span_is(made_told(&m, MESSAGE_FIRED, 1)->advisory, S("CVE-1")));
	GOOD(&m, store_outbox_each(m.st, S("waiting"), count_sink, n, &m.err));
	assert_int_equal(n[0], 1);
	assert_int_equal(n[1], 1);
	made_close(&m);
}

static enum rmg_rc count_state(void *user, const struct outbox_row *row)
{
	(void)row;
	++*(size_t *)user;
	return RMG_OK;
}

static void what_waits_for_a_sink_that_is_gone_is_dead_not_lost(void **state)
{
	static const struct made_says says[] = {{"CVE-1", "a", SEV_HIGH}};
	static const char *const sinks[] = {"one", NULL};
	struct made m;
	size_t dead = 0;

	(void)state;
	made_open(&m, "group: 0s\nquiet: '22:00-06:00'\nrules: [{name: a}]");
	made_database(&m, says, 1);
	made_use(&m, made_image(&m, "a:1", "a"), 0);
	m.env.sinks = sinks;
	made_load(&m);
	made_pass(&m, 6 * 3600000);
	made_told(&m, MESSAGE_FIRED, 1);
	GOOD(&m, store_outbox_each(m.st, S("dead"), count_state, &dead, &m.err));
	assert_int_equal(dead, 1);
	made_close(&m);
}

static enum rmg_rc take_lines(void *user, struct span body, struct rmg_err *err)
{
	(void)err;
	assert_true(span_has(body, S("\"what\":")));
	++*(size_t *)user;
	return RMG_OK;
}

static void another_hub_follows(void **state)
{
	struct made m, *f = &m;
	struct alerts *follower;
	size_t lines = 0;
	uint32_t slot;

	(void)state;
	made_open(&m, NULL);
	m.env.tell = take_lines;
	m.env.user = &lines;
	made_database(&m, &xz, 1);
	assert_int_equal(alerts_new(&follower), RMG_OK);
	GOOD(f, alerts_load(follower, &m.env, &m.err));
	slot = made_use(&m, made_image(&m, "shop/web:1", "xz"), 0);
	assert_int_equal(lines, 1);
	GOOD(f, alerts_follow(follower, &m.env, 1, &m.err));
	assert_int_equal(alerts_count(follower, ALERT_FIRING), 1);
	assert_non_null(alerts_by_id(follower, 1));
	made_end(&m, slot);
	made_pass(&m, 10000);
	assert_int_equal(lines, 2);
	GOOD(f, alerts_follow(follower, &m.env, 1, &m.err));
	assert_int_equal(alerts_count(follower, ALERT_FIRING), 0);
	assert_null(alerts_by_id(follower, 1));
	alerts_free(follower);
	made_close(&m);
}

/* Against a naive model: open alerts are the pairs of an image in use and an advisory on it. */
static void random_histories_agree_with_a_model(void **state)
{
	enum { IMAGES = 6, PACKAGES = 5, STEPS = 150 };
	static const char *const packages[] = {"a", "b", "c", "d", "e"};
	char ids[PACKAGES][16];
	uint32_t random = 12345;

	(void)state;
	for (int round = 0; round < 4; round++) {
		struct made m;
		uint32_t image[IMAGES], slot[IMAGES] = {0};
		uint32_t has[IMAGES];
		bool known[PACKAGES] = {0};

		made_open(&m, "group: 10s\nmax-per-minute: 5\nrules: [{name: a}]");
		made_database(&m, NULL, 0);
		for (uint32_t i = 0; i < IMAGES; i++) {
			char ref[16], list[20] = "";

			has[i] = (random = random * 1664525 + 1013904223) >> 20 & 31;
			for (uint32_t p = 0; p < PACKAGES; p++) {
				if (has[i] >> p & 1) {
					size_t n = strlen(list);

					snprintf(list + n, sizeof list - n, "%s ", packages[p]);
				}
			}
			snprintf(ref, sizeof ref, "i:%u", i);
			image[i] = made_image(&m, ref, list);
		}
		for (int s = 0; s < STEPS; s++) {
			struct made_says says[PACKAGES];
			size_t n = 0, want = 0;
			uint32_t r = (random = random * 1664525 + 1013904223) >> 16;
			uint32_t i = r / 8 % IMAGES, p = r / 8 % PACKAGES;

			if (r % 8 < 5) {
				if (slot[i])
					made_end(&m, slot[i]);
				slot[i] = slot[i] ? 0 : made_use(&m, image[i], 0);
			} else if (r % 8 < 7) {
				known[p] = !known[p];
				for (uint32_t k = 0; k < PACKAGES; k++) {
					snprintf(ids[k], sizeof ids[k], "CVE-%u", k);
					if (known[k])
						says[n++] = (struct made_says){ids[k], packages[k],
									       SEV_CRITICAL};
				}
				made_database(&m, says, n);
			} else {
				made_load(&m);
				made_begin(&m);
				GOOD(&m, alerts_all(m.a, &m.env, &m.err));
				made_commit(&m);
			}
			made_pass(&m, 6000);
			for (i = 0; i < IMAGES; i++)
				for (p = 0; p < PACKAGES; p++)
					want += slot[i] && known[p] && has[i] >> p & 1;
			assert_int_equal(made_count(&m, ALERT_FIRING), want);
			for (i = 0; i < IMAGES; i++) {
				const struct alert *at = NULL;
				size_t of = 0;

				while ((at = alerts_of_image(m.a, image[i], at)) != NULL)
					of++;
				want -= of;
			}
			assert_int_equal(want, 0);
		}
		made_close(&m);
	}
}

static double ms_since(const struct timespec *begin)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	return (double)(end.tv_sec - begin->tv_sec) * 1e3 +
	       (double)(end.tv_nsec - begin->tv_nsec) / 1e6;
}

/* Figures: a disclosure that hits 3,000 images. */
static void r34_a_disclosure_that_hits_3000_images_is_one_message(void **state)
{
	enum { IMAGES = 3000 };
	struct timespec begin;
	struct made m;

	(void)state;
	made_open(&m, NULL);
	made_database(&m, NULL, 0);
	made_begin(&m);
	for (int i = 0; i < IMAGES; i++) {
		char ref[40];

		snprintf(ref, sizeof ref, "team-%d/app-%d:1.%d", i % 40, i, i % 7);
		(void)made_image_at(&m, ref, "xz openssl zlib", 0);
	}
	made_commit(&m);
	for (uint32_t i = 1; i <= IMAGES; i++)
		made_use(&m, i, 0);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	made_database(&m, &xz, 1);
	print_message("3,000 images: %.0f ms from the database to the outbox on disk\n",
		      ms_since(&begin));
	assert_int_equal(made_count(&m, ALERT_FIRING), IMAGES);
	made_told(&m, MESSAGE_FIRED, MESSAGE_ITEMS);
	assert_int_equal(m.sent.v[0]->items_left_out, IMAGES - MESSAGE_ITEMS);
	assert_true(span_is(m.sent.v[0]->title, S("CVE-2024-3094 in 3000 images")));
	made_close(&m);
}

/* What the sink "two" was told: how often of each alert, in how many messages, what was not listed.
 */
struct told {
	size_t messages, left_out;
	VEC(uint32_t) times; /* by alert */
	enum message_kind kind;
};

static enum rmg_rc tell(void *user, const struct outbox_row *row)
{
	struct told *t = user;
	struct message *m;

	if (!span_is(row->sink, S("two")))
		return RMG_OK;
	assert_int_equal(message_parse(row->message, &m, NULL), RMG_OK);
	if (m->kind == t->kind) {
		t->messages++;
		t->left_out += m->items_left_out;
		for (size_t i = 0; i < m->n_items; i++) {
			assert_true(m->items[i].alert && m->items[i].uses_listed);
			while (t->times.n <= m->items[i].alert)
				assert_true(VEC_PUSH(&t->times, 0));
			t->times.v[m->items[i].alert]++;
		}
	}
	message_free(m);
	return RMG_OK;
}

static void each_was_told_once(struct made *m, enum message_kind kind, size_t alerts)
{
	struct told t = {.kind = kind};
	size_t once = 0;

	GOOD(m, store_outbox_each(m->st, S("waiting"), tell, &t, &m->err));
	for (size_t i = 0; i < t.times.n; i++) {
		assert_true(t.times.v[i] <= 1);
		once += t.times.v[i];
	}
	assert_int_equal(once, alerts);
	assert_int_equal(t.left_out, 0);
	assert_int_equal(t.messages, (alerts + MESSAGE_ITEMS - 1) / MESSAGE_ITEMS);
	VEC_DONE(&t.times);
}

/* To a sink that makes an incident of each, told at once and after it was held. */
static void r30_each_of_3000_alerts_reaches_a_sink_that_takes_each(void **state)
{
	static const char *const each[] = {"two", NULL};
	enum { IMAGES = 2950 };
	struct timespec begin;
	struct made m;

	(void)state;
	made_open(&m, "group: 0s\nmax-per-minute: 1\nrules: [{name: a}]");
	m.env.sinks_each = each;
	made_database(&m, NULL, 0);
	made_begin(&m);
	for (int i = 0; i < IMAGES; i++) {
		char ref[40];

		snprintf(ref, sizeof ref, "team-%d/app-%d:1.%d", i % 40, i, i % 7);
		(void)made_image_at(&m, ref, "xz openssl zlib", 0);
	}
	made_commit(&m);
	for (uint32_t i = 1; i <= IMAGES; i++)
		made_use(&m, i, 0);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	made_database(&m, &xz, 1);
	print_message("%d images: %.0f ms from the database to the outbox on disk\n", IMAGES,
		      ms_since(&begin));
	each_was_told_once(&m, MESSAGE_FIRED, IMAGES);
	/* One message a minute: that it is over is held, then told of each. */
	made_database(&m, NULL, 0);
	each_was_told_once(&m, MESSAGE_RESOLVED, 0);
	made_load(&m);
	made_pass(&m, 61000);
	each_was_told_once(&m, MESSAGE_RESOLVED, IMAGES);
	each_was_told_once(&m, MESSAGE_FIRED, IMAGES);
	made_forget_sent(&m);
	made_close(&m);
}

#define TITLED(title, fn)                                                                          \
	{                                                                                          \
		title, fn, NULL, NULL, NULL                                                        \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(happenings_are_alerts_of_their_rule),
	    cmocka_unit_test(one_database_is_one_message_worst_first),
	    cmocka_unit_test(what_comes_soon_after_is_told_together),
	    TITLED("R33: what presses does not wait for what does not",
		   r33_what_presses_does_not_wait_for_what_does_not),
	    TITLED("R38: what ended while it waited is told as ended",
		   r38_what_ended_while_it_waited_is_told_as_ended),
	    cmocka_unit_test(a_sink_is_not_flooded),
	    cmocka_unit_test(quiet_hours_hold_what_can_wait),
	    cmocka_unit_test(sinks_are_told_what_their_rules_say),
	    cmocka_unit_test(what_waits_for_a_sink_that_is_gone_is_dead_not_lost),
	    cmocka_unit_test(another_hub_follows),
	    cmocka_unit_test(random_histories_agree_with_a_model),
	    TITLED("R34: a disclosure that hits 3,000 images is one message",
		   r34_a_disclosure_that_hits_3000_images_is_one_message),
	    TITLED("R30: each of 3,000 alerts reaches a sink that takes each",
		   r30_each_of_3000_alerts_reaches_a_sink_that_takes_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
