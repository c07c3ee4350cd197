/* SPDX-License-Identifier: Apache-2.0 */
/* What fires is told in rounds of small batches; what of a round a sink did not take is told later.
 */
#include "serve/repeat.h"

#include "../tests/hub_fixture.h"
#include "alert/message.h"
#include "base/limits.h"

enum { ALERTS = 250, EVERY_S = 60 };

/* Alerts that are no findings: their texts are in the store. */
static void fire(struct fixture *f, int n)
{
	for (int i = 0; i < n; i++) {
		char digest[32];
		int bytes = snprintf(digest, sizeof digest, "sha256:%d", i);
		struct span d = span_of(digest, (size_t)bytes);

		assert_int_equal(hub_facts_put(f->h, d, S("first"), S("a"), NULL), RMG_OK);
		assert_int_equal(hub_facts_put(f->h, d, S("other"), S("b"), NULL), RMG_OK);
	}
}

struct scene {
	struct fixture *f;
	struct store *st;
	struct repeat r;
	struct strbuf text;
	int64_t now_ms;
	unsigned times[ALERTS + 1]; /* each was told, by id */
};

static void open_scene(struct scene *s, void **state)
{
	*s = (struct scene){.f = *state, .text = strbuf_of(LIMIT_MESSAGE_BYTES), .now_ms = 1000};
	assert_int_equal(store_open(s->f->url, &s->st, NULL), RMG_OK);
	s->r = (struct repeat){.hub = s->f->h, .sink = "one", .every_s = EVERY_S};
}

static void close_scene(struct scene *s)
{
	store_close(s->st);
	repeat_done(&s->r);
	strbuf_done(&s->text);
}

/* Waits until something is due, and takes it; how many alerts it names. */
static size_t next(struct scene *s, enum rmg_rc rc, uint32_t after_s)
{
	struct sink_retry retry = {.again = rc != RMG_OK, .after_s = after_s};
	struct message *m;
	size_t n;

	s->now_ms += repeat_wait_ms(&s->r, s->now_ms, INT64_MAX / 2);
	assert_int_equal(repeat_next(&s->r, s->st, s->now_ms, &s->text, NULL), RMG_OK);
	if (s->text.n == 0)
		return 0;
	assert_int_equal(message_parse(strbuf_span(&s->text), &m, NULL), RMG_OK);
	assert_int_equal(m->kind, MESSAGE_FIRING);
	assert_int_equal(m->items_left_out, 0);
	n = m->n_items;
	for (size_t i = 0; i < n; i++) {
		assert_in_range(m->items[i].alert, 1, ALERTS);
		assert_true(span_starts(m->items[i].key, S("facts-disagree:sha256:")));
		assert_true(span_has(m->items[i].text, S("b says other than")));
		s->times[m->items[i].alert] += rc == RMG_OK;
	}
	message_free(m);
	repeat_went(&s->r, rc, &retry, s->now_ms);
	return n;
}

static void each_was_told(const struct scene *s, unsigned times)
{
	for (size_t i = 1; i <= ALERTS; i++)
		assert_int_equal(s->times[i], times);
}

static enum rmg_rc no_row(void *user, const struct outbox_row *row)
{
	(void)user;
	(void)row;
	return RMG_E_ARG;
}

static void rounds_are_small_batches_that_are_spread(void **state)
{
	struct scene s;
	int64_t began;

	open_scene(&s, state);
	fire(s.f, ALERTS);
	began = s.now_ms;
	for (unsigned round = 1; round <= 3; round++) {
		assert_int_equal(next(&s, RMG_OK, 0), 100);
		assert_int_equal(s.now_ms, began + (round - 1) * EVERY_S * INT64_C(1000));
		assert_int_equal(repeat_next(&s.r, s.st, s.now_ms, &s.text, NULL), RMG_OK);
		assert_int_equal(s.text.n, 0); /* not due yet */
		assert_int_equal(next(&s, RMG_OK, 0), 100);
		assert_int_equal(next(&s, RMG_OK, 0), 50);
		assert_in_range(s.now_ms - began - (round - 1) * EVERY_S * INT64_C(1000), 30000,
				45000);
		each_was_told(&s, round);
	}
	assert_int_equal(store_outbox_each(s.st, S(""), no_row, NULL, NULL), RMG_OK);
	assert_int_equal(s.r.slow_s, 0);
	close_scene(&s);
}

static void what_a_sink_did_not_take_is_told_within_the_round(void **state)
{
	struct scene s;
	int64_t failed;

	open_scene(&s, state);
	fire(s.f, ALERTS);
	assert_int_equal(next(&s, RMG_OK, 0), 100);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(next(&s, RMG_E_NET, 0), 100);
		failed = s.now_ms;
		assert_in_range(repeat_wait_ms(&s.r, failed, INT64_MAX / 2), 1000, 15000);
	}
	/* It is back: what is left comes at once, being late. */
	assert_int_equal(next(&s, RMG_OK, 0), 100);
	assert_int_equal(next(&s, RMG_OK, 0), 50);
	each_was_told(&s, 1);
	assert_true(s.now_ms - failed <= 15000);
	assert_int_equal(s.r.slow_s, 0); /* it was away, and is not slow */
	assert_int_equal(next(&s, RMG_E_NET, 40), 100);
	assert_int_equal(repeat_wait_ms(&s.r, s.now_ms, INT64_MAX / 2), 40000);
	for (int i = 0; i < 3; i++)
		assert_true(next(&s, RMG_OK, 0));
	each_was_told(&s, 2);
	close_scene(&s);
}

static void who_takes_long_is_known_to(void **state)
{
	struct scene s;

	open_scene(&s, state);
	fire(s.f, ALERTS);
	for (int i = 0; i < 3; i++) {
		assert_true(next(&s, RMG_OK, 0));
		assert_int_equal(s.r.slow_s, i == 2 ? 80 : 0);
		s.now_ms += 40000; /* each takes so long */
	}
	assert_int_equal(repeat_wait_ms(&s.r, s.now_ms, 5), 0);
	for (int i = 0; i < 3; i++)
		assert_true(next(&s, RMG_OK, 0));
	assert_int_equal(s.r.slow_s, 0);
	close_scene(&s);
}

static void nothing_is_told_where_nothing_fires(void **state)
{
	struct scene s;

	open_scene(&s, state);
	assert_int_equal(next(&s, RMG_OK, 0), 0);
	assert_int_equal(repeat_wait_ms(&s.r, s.now_ms, INT64_MAX / 2), EVERY_S * 1000);
	fire(s.f, 3);
	assert_int_equal(next(&s, RMG_OK, 0), 3);
	/* One that leads again begins anew. */
	repeat_reset(&s.r);
	assert_int_equal(repeat_wait_ms(&s.r, s.now_ms, 5), 0);
	s.r.every_s = 0;
	assert_int_equal(repeat_wait_ms(&s.r, s.now_ms, 5), 5);
	close_scene(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(rounds_are_small_batches_that_are_spread, begin, end),
	    cmocka_unit_test_setup_teardown(what_a_sink_did_not_take_is_told_within_the_round,
					    begin, end),
	    cmocka_unit_test_setup_teardown(who_takes_long_is_known_to, begin, end),
	    cmocka_unit_test_setup_teardown(nothing_is_told_where_nothing_fires, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
