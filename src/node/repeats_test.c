/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots without news are left out while the hub is away; whatever is news is not. */
#include "node/repeats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* A script: '<' and '>' a snapshot, a letter a use that began, a capital its end, '.' an image. */
struct run {
	struct repeats *r;
	uint64_t epoch;
	char kept[200];
};

static struct event event_of(const struct run *x, const char *c)
{
	struct event e = {.source = S("n/docker"), .epoch = x->epoch};

	if (*c == '<')
		e.type = EVENT_SNAPSHOT_BEGAN;
	else if (*c == '>')
		e.type = EVENT_SNAPSHOT_ENDED;
	else if (*c == '.')
		e.type = EVENT_IMAGE_SEEN;
	else
		e.type = *c >= 'a' ? EVENT_USE_BEGAN : EVENT_USE_ENDED;
	return e;
}

static const char *say(struct run *x, bool away, const char *script)
{
	size_t n = 0;

	for (const char *c = script; *c; c++) {
		struct event e = event_of(x, c);
		struct spool_items items = {0};
		char lower = (char)to_lower((uint8_t)*c), line[2] = {*c, '\0'};

		e.container = span_of(&lower, 1);
		assert_int_equal(repeats_take(x->r, &e, span_cstr(line), away, &items, NULL),
				 RMG_OK);
		VEC_EACH (it, &items.list) {
			assert_int_equal(it->line.n, 1);
			assert_int_equal(it->detail, it->line.p[0] == '.');
			x->kept[n++] = (char)it->line.p[0];
		}
		repeats_forget(x->r);
		VEC_DONE(&items.list);
	}
	x->kept[n] = '\0';
	return x->kept;
}

static void repeats_are_left_out(void **state)
{
	struct run x = {repeats_new(), 1, ""};

	(void)state;
	assert_string_equal(say(&x, false, "<ab.>"), "<ab.>");
	assert_string_equal(say(&x, false, "<ab.>"), "<ab.>"); /* the hub is there */
	assert_string_equal(say(&x, true, "<a.b.>"), "");
	assert_string_equal(say(&x, true, "c.A"), "c.A");
	assert_string_equal(say(&x, true, "<bc>"), "");
	assert_string_equal(say(&x, true, "<>"), "<>"); /* they have ended, and nobody said so */
	assert_string_equal(say(&x, true, "<>"), "");
	repeats_free(x.r);
}

static void news_go_as_they_are(void **state)
{
	struct run x = {repeats_new(), 1, ""};

	(void)state;
	assert_string_equal(say(&x, true, "<ab>"), "<ab>"); /* nobody knows these yet */
	assert_string_equal(say(&x, true, "<abc.>"), "<abc.>");
	assert_string_equal(say(&x, true, "<ab>"), "<ab>"); /* c is not mentioned */
	assert_string_equal(say(&x, true, "<aAb>"), "<aAb>");
	assert_string_equal(say(&x, true, "<cCb>"), "<cCb>"); /* it came and went */
	assert_string_equal(say(&x, true, "<b"), "");
	assert_string_equal(say(&x, true, "<b>"), "<b"); /* what broke off is not lost */
	repeats_free(x.r);
}

static void another_epoch_or_a_failure_forgets(void **state)
{
	struct run x = {repeats_new(), 1, ""};

	(void)state;
	assert_string_equal(say(&x, true, "<a>"), "<a>");
	assert_string_equal(say(&x, true, "<a"), "");
	x.epoch = 2;
	assert_string_equal(say(&x, true, "<a>"), "<a<a>");
	assert_string_equal(say(&x, true, "<a>"), "");
	repeats_doubt(x.r);
	assert_string_equal(say(&x, true, "<a>"), "<a>");
	assert_string_equal(say(&x, true, "<a>"), "");
	assert_string_equal(say(&x, true, "<"), "");
	repeats_free(x.r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(repeats_are_left_out),
	    cmocka_unit_test(news_go_as_they_are),
	    cmocka_unit_test(another_epoch_or_a_failure_forgets),
	};

	return cmocka_run_group_tests_name("repeats", tests, NULL, NULL);
}
