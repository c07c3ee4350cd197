/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_allocations_do_not_overlap(void **state)
{
	struct arena a;
	uint8_t *p[300];

	(void)state;
	arena_init(&a, 10 << 20);
	for (size_t i = 0; i < COUNT_OF(p); i++) {
		p[i] = i % 3 ? arena_alloc(&a, i) : arena_bytes(&a, i);
		assert_non_null(p[i]);
		if (i % 3)
			assert_int_equal((uintptr_t)p[i] % _Alignof(max_align_t), 0);
		memset(p[i], (int)i, i);
	}
	for (size_t i = 0; i < COUNT_OF(p); i++)
		for (size_t k = 0; k < i; k++)
			assert_int_equal(p[i][k], (uint8_t)i);
	assert_int_equal(arena_rc(&a), RMG_OK);
	arena_done(&a);
	arena_done(&a);
	assert_non_null(arena_alloc(&a, 1));
	arena_done(&a);
}

static void test_cap_is_sticky(void **state)
{
	struct arena a;
	size_t total = 0;

	(void)state;
	arena_init(&a, 100000);
	assert_null(arena_alloc(&a, 100001));
	assert_int_equal(arena_rc(&a), RMG_E_LIMIT);
	assert_null(arena_alloc(&a, 1));
	assert_int_equal(arena_dup(&a, S("x")).n, 0);
	assert_null(arena_cstr(&a, S("x")));
	assert_null(ARENA_NEW(&a, int));
	arena_reset(&a);
	assert_non_null(arena_alloc(&a, 1));
	while (arena_alloc(&a, 1000))
		total += 1000;
	assert_int_equal(arena_rc(&a), RMG_E_LIMIT);
	assert_true(total <= 100000 && total >= 50000);
	assert_true(a.used_bytes <= 100000);
	arena_done(&a);
	arena_init(&a, SIZE_MAX);
	assert_null(arena_alloc(&a, SIZE_MAX - 8));
	assert_int_equal(arena_rc(&a), RMG_E_LIMIT);
	arena_done(&a);
}

static void test_products_are_checked(void **state)
{
	struct arena a;
	uint64_t *v;

	(void)state;
	arena_init(&a, 1 << 20);
	v = ARENA_ARRAY(&a, 100, uint64_t);
	assert_non_null(v);
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(v[i], 0);
	assert_non_null(arena_array(&a, 0, 8));
	assert_null(arena_array(&a, SIZE_MAX / 2, 3));
	assert_int_equal(arena_rc(&a), RMG_E_LIMIT);
	arena_done(&a);
}

static void test_copies(void **state)
{
	struct arena a;
	struct span s;
	char *c;

	(void)state;
	arena_init(&a, 1 << 20);
	s = arena_dup(&a, S("abc"));
	assert_true(span_is(s, S("abc")));
	s = arena_dup(&a, (struct span){0});
	assert_int_equal(s.n, 0);
	c = arena_cstr(&a, S("a\0b"));
	assert_memory_equal(c, "a\0b", 4);
	c = arena_cstr(&a, (struct span){0});
	assert_string_equal(c, "");
	s = ARENA_JOIN(&a, S("usr"), S("/"), S(""), S("bin"));
	assert_true(span_is(s, S("usr/bin")));
	arena_done(&a);
}

static void test_reset_gives_the_memory_back(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 20);
	arena_reset(&a);
	for (unsigned i = 0; i < 100; i++) {
		assert_non_null(arena_zalloc(&a, 300000));
		assert_non_null(arena_zalloc(&a, 300000));
		arena_reset(&a);
	}
	assert_int_equal(arena_rc(&a), RMG_OK);
	arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_allocations_do_not_overlap),
	    cmocka_unit_test(test_cap_is_sticky),
	    cmocka_unit_test(test_products_are_checked),
	    cmocka_unit_test(test_copies),
	    cmocka_unit_test(test_reset_gives_the_memory_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
