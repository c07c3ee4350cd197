/* SPDX-License-Identifier: Apache-2.0 */
/* hash_test.c - the values are stored in files: a change of one is a change of two formats. Those
 * here were computed by a second program, from the definition alone. */
#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_stored_values(void **state)
{
	(void)state;
	assert_true(hash_span(S("")) == 0x4e17cf67001b3979u);
	assert_true(hash_span(S("a")) == 0x9217efbd0fced8a4u);
	assert_true(hash_span(S("12345678")) == 0x2470941399dc2400u);
	assert_true(hash_span(S("123456789")) == 0x89ebf03d5f8ce8a0u);
	assert_true(hash_span(S("usr")) == 0x7e8c0b9fbc73ec5cu);
	assert_true(hash_span(S("\0")) == 0xfb40c17b05000f93u);
	assert_true(hash_span(S("\0\0")) == 0x8a8386e99cdf0bf8u);
	assert_true(path_hash(S("")) == PATH_ROOT);
	assert_true(path_hash(S("usr")) == 0x80edf52e99346bd1u);
	assert_true(path_hash(S("usr/bin/openssl")) == 0x3f40fba4c802eb85u);
}

static void test_paths_are_made_of_names(void **state)
{
	uint64_t folder = path_hash(S("usr/bin"));

	(void)state;
	assert_true(path_child(folder, hash_span(S("x"))) == path_hash(S("usr/bin/x")));
	assert_true(path_hash(S("a/b")) != path_hash(S("b/a")));
	assert_true(path_hash(S("ab")) != path_hash(S("a/b")));
}

static int order(const void *a, const void *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof x);
	memcpy(&y, b, sizeof y);
	return (x > y) - (x < y);
}

static void test_many_names_do_not_collide(void **state)
{
	enum { N = 200000 };
	uint64_t *v = malloc(N * sizeof *v);

	(void)state;
	assert_non_null(v);
	for (unsigned i = 0; i < N; i++) {
		char path[64];
		int n = snprintf(path, sizeof path, "usr/lib/%u/%u", i / 100, i % 100);

		v[i] = path_hash(span_of(path, (size_t)n));
	}
	qsort(v, N, sizeof *v, order);
	for (size_t i = 1; i < N; i++)
		assert_true(v[i] != v[i - 1]);
	free(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_stored_values),
	    cmocka_unit_test(test_paths_are_made_of_names),
	    cmocka_unit_test(test_many_names_do_not_collide),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
