/* SPDX-License-Identifier: Apache-2.0 */
/* Who entered a container, of what a cluster and a machine tell of it. */
#include "../tests/hub_fixture.h"

enum { ROWS = 300 };

static void found(struct fixture *f, struct event_change change)
{
	struct event e = said(f, EVENT_CONTAINER_CHANGED);

	e.container = S("one");
	e.change = change;
	assert_int_equal(apply(f->h, &e).applied, APPLIED);
}

struct told {
	char who[64]; /* of the last */
	size_t n;
};

static enum rmg_rc take(void *user, const struct change_row *row)
{
	struct told *t = user;
	const struct event_change *c = &row->change;

	if (!span_is(c->kind, S("entered")))
		return RMG_OK;
	t->n++;
	(void)snprintf(t->who, sizeof t->who, SPAN_FMT, SPAN_ARG(c->who));
	return RMG_OK;
}

static struct told told(struct fixture *f)
{
	struct told t = {0};
	struct store *st;

	assert_int_equal(store_open(f->url, &st, NULL), RMG_OK);
	assert_int_equal(store_change_each(st, 0, take, &t, NULL), RMG_OK);
	store_close(st);
	return t;
}

/* What else was found in the container, however much, is no part of it. */
static void of_both_one(void **state)
{
	struct fixture *f = *state;
	static char who[4000];
	char path[16];
	struct told t;

	memset(who, 'w', sizeof who);
	use_began(f, "one", DIGEST("a"));
	for (int i = 0; i < ROWS; i++) {
		(void)snprintf(path, sizeof path, "/etc/%d", i);
		found(f, (struct event_change){.kind = S("file"),
					       .path = span_cstr(path),
					       .who = span_of(who, sizeof who)});
	}
	found(f, (struct event_change){.kind = S("entered"), .path = S("sh"), .who = S("ann")});
	found(f, (struct event_change){.kind = S("entered"),
				       .path = S("sh (terminal 1)"),
				       .who = S("uid 0"),
				       .text = S("started by the runtime")});
	t = told(f);
	assert_int_equal(t.n, 1);
	assert_string_equal(t.who, "ann");
	f->now_ms += 120000; /* another time it may be somebody else */
	found(f, (struct event_change){.kind = S("entered"), .path = S("sh"), .who = S("uid 0")});
	assert_string_equal(told(f).who, "uid 0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(of_both_one, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
