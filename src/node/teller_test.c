/* SPDX-License-Identifier: Apache-2.0 */
/* What a source says is numbered without a gap, whoever it comes from. */
#include "node/teller.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct {
	uint64_t epoch[16], seq[16];
	enum event_type type[16];
	size_t n;
	enum rmg_rc rc;
	bool resync, asked;
} heard;

static enum rmg_rc events(void *user, const struct event *e, size_t n, bool *resync,
			  struct rmg_err *err)
{
	(void)user;
	(void)err;
	for (size_t i = 0; i < n; i++, heard.n++) {
		assert_true(span_is(e[i].source, S("n/docker")));
		heard.epoch[heard.n] = e[i].epoch;
		heard.seq[heard.n] = e[i].seq;
		heard.type[heard.n] = e[i].type;
	}
	*resync = heard.resync;
	return heard.rc;
}

static bool asked(void *user, struct span source)
{
	bool was = heard.asked;

	(void)user;
	assert_true(span_is(source, S("n/docker")));
	heard.asked = false;
	return was;
}

static int64_t now_ms(void *user)
{
	return *(int64_t *)user;
}

static void what_is_said_is_counted(void **state)
{
	int64_t now = 1000;
	struct node n = {.to = {.events = events}, .now_ms = now_ms, .user = &now};
	const struct event e[] = {
	    {.type = EVENT_SNAPSHOT_BEGAN, .source = S("other"), .epoch = 7, .seq = 70},
	    {.type = EVENT_SNAPSHOT_ENDED, .seq = 3}};
	struct rmg_err err = {0};
	struct teller t;
	bool resync = true;

	(void)state;
	memset(&heard, 0, sizeof heard);
	teller_init(&t, &n, S("n/docker"));
	assert_int_equal(teller_say(&t, e, 2, &resync, &err), RMG_OK);
	assert_false(resync);
	heard.rc = RMG_E_NET;
	assert_int_equal(teller_say(&t, e, 1, &resync, &err), RMG_E_NET);
	heard.rc = RMG_OK;
	/* It may have been taken all the same: its number is not given again. */
	assert_int_equal(teller_say(&t, e, 1, &resync, &err), RMG_OK);
	assert_int_equal(heard.n, 4);
	for (size_t i = 0; i < heard.n; i++) {
		assert_int_equal(heard.epoch[i], 1000);
		assert_int_equal(heard.seq[i], i + 1);
	}
}

static void a_quiet_source_beats(void **state)
{
	int64_t now = 1000;
	struct node n = {.to = {.events = events, .resync = asked}, .now_ms = now_ms, .user = &now};
	struct teller t;

	(void)state;
	memset(&heard, 0, sizeof heard);
	teller_init(&t, &n, S("n/docker"));
	assert_false(teller_beat(&t));
	assert_int_equal(heard.n, 0);
	t.said_ms -= 61000;
	assert_false(teller_beat(&t));
	assert_false(teller_beat(&t));
	assert_int_equal(heard.n, 1);
	assert_int_equal(heard.type[0], EVENT_HEARTBEAT);
	heard.asked = true; /* by then, and told by whichever comes first */
	assert_true(teller_beat(&t));
	assert_false(teller_beat(&t));
	t.said_ms -= 61000;
	heard.resync = true;
	assert_true(teller_beat(&t));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_said_is_counted),
	    cmocka_unit_test(a_quiet_source_beats),
	};

	return cmocka_run_group_tests_name("teller", tests, NULL, NULL);
}
