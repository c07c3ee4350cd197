/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/counted.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static uint32_t take(struct counted *c, const char *text)
{
	uint32_t id;

	assert_true(counted_take(c, span_cstr(text), &id));
	assert_true(span_is(counted_span(c, id), span_cstr(text)));
	return id;
}

static void one_text_has_one_number(void **state)
{
	struct counted c = {0};
	uint32_t a, b;

	(void)state;
	assert_int_equal(take(&c, ""), 0);
	a = take(&c, "main");
	b = take(&c, "side");
	assert_int_not_equal(a, b);
	assert_int_equal(take(&c, "main"), a);
	counted_drop(&c, a);
	assert_true(span_is(counted_span(&c, a), S("main")));
	counted_drop(&c, a);
	counted_drop(&c, 0);
	assert_int_equal(take(&c, "other"), a); /* its place is taken again */
	assert_true(span_is(counted_span(&c, b), S("side")));
	counted_done(&c);
}

static void texts_come_and_go(void **state)
{
	struct counted c = {0};
	uint32_t ids[100] = {0};
	char text[20];

	(void)state;
	for (unsigned i = 0; i < 10000; i++) {
		counted_drop(&c, ids[i % 100]);
		snprintf(text, sizeof text, "c%u", i / 3 % 1000);
		ids[i % 100] = take(&c, text);
	}
	assert_in_range(c.v.n, 30, 110);
	for (unsigned i = 0; i < 100; i++)
		counted_drop(&c, ids[i]);
	assert_int_equal(c.by_hash.n, 0);
	assert_int_equal(c.bytes, 0);
	counted_done(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_text_has_one_number),
	    cmocka_unit_test(texts_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
