/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/told.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static enum told_news see(struct told *t, const char *id, const char *means)
{
	enum told_news news;

	assert_int_equal(told_see(t, span_cstr(id), span_cstr(means), &news), RMG_OK);
	return news;
}

static void test_news(void **state)
{
	struct told t = {0};
	char *gone;

	(void)state;
	told_begin(&t);
	assert_int_equal(see(&t, "app:1", "d1"), TOLD_NEW);
	assert_int_equal(see(&t, "app:2", "d1"), TOLD_NEW);
	assert_null(told_take_gone(&t));
	told_begin(&t);
	assert_int_equal(see(&t, "app:1", "d2"), TOLD_CHANGED);
	assert_int_equal(see(&t, "app:1", "d2"), TOLD_KNOWN);
	gone = told_take_gone(&t);
	assert_string_equal(gone, "app:2");
	free(gone);
	assert_null(told_take_gone(&t));
	assert_true(told_drop(&t, S("app:1")));
	assert_false(told_drop(&t, S("app:1")));
	told_done(&t);
}

static void test_many(void **state)
{
	struct told t = {0};
	unsigned n = 0;
	char id[16], *gone;

	(void)state;
	told_begin(&t);
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(id, sizeof id, "%u", i);
		assert_int_equal(see(&t, id, ""), TOLD_NEW);
	}
	told_begin(&t);
	for (unsigned i = 0; i < 1000; i += 2) {
		snprintf(id, sizeof id, "%u", i);
		assert_int_equal(see(&t, id, ""), TOLD_KNOWN);
	}
	while ((gone = told_take_gone(&t)) != NULL) {
		assert_true(gone[strlen(gone) - 1] % 2 == 1);
		free(gone);
		n++;
	}
	assert_int_equal(n, 500);
	assert_int_equal(t.rows.n, 500);
	told_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_news),
	    cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
