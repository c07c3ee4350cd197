/* SPDX-License-Identifier: Apache-2.0 */
#include "node/image_index.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdio.h>

static void executables_are_found(void **state)
{
	enum { MANY = 1000 };
	static struct executable v[MANY];
	static char paths[MANY][24];
	struct inventory inv = {.executables = v, .n_executables = MANY};
	struct image_index *x, *other;

	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		snprintf(paths[i], sizeof paths[i], "usr/bin/tool-%zu", i);
		v[i].path = span_cstr(paths[i]);
		v[i].owner = i % 3 ? 7 : NO_COMPONENT;
	}
	assert_int_equal(image_index_new(&inv, &x, NULL), RMG_OK);
	assert_int_equal(image_index_count(x), MANY);
	other = image_index_hold(x);
	image_index_let_go(x);
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(image_index_find(other, span_cstr(paths[i])),
				 i % 3 ? IMAGE_OWNED : IMAGE_UNOWNED);
	assert_int_equal(image_index_find(other, S("usr/bin/tool")), IMAGE_HAS_NOT);
	assert_int_equal(image_index_find(other, S("")), IMAGE_HAS_NOT);
	image_index_let_go(other);
	image_index_let_go(NULL);
}

static void an_image_without_executables_has_none(void **state)
{
	struct inventory inv = {0};
	struct image_index *x;

	(void)state;
	assert_int_equal(image_index_new(&inv, &x, NULL), RMG_OK);
	assert_int_equal(image_index_find(x, S("bin/sh")), IMAGE_HAS_NOT);
	image_index_let_go(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(executables_are_found),
	    cmocka_unit_test(an_image_without_executables_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
