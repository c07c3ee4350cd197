/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static void test_empty(void **state)
{
	struct map m = {0};
	size_t at = 0;

	(void)state;
	assert_int_equal(map_find(&m, 0), MAP_NONE);
	assert_int_equal(map_next(&m, 0, &at), MAP_NONE);
	assert_false(map_has(&m, 1));
	map_clear(&m);
	map_done(&m);
	map_done(&m);
}

static void test_set_and_find(void **state)
{
	struct map m = {0};

	(void)state;
	for (uint32_t i = 0; i < 5000; i++)
		assert_true(map_set(&m, i * UINT64_C(4294967296), i));
	for (uint32_t i = 0; i < 5000; i += 2)
		assert_true(map_set(&m, i * UINT64_C(4294967296), i + 1));
	assert_int_equal(m.n, 5000);
	assert_true(m.slots / 4 * 3 >= m.n && (m.slots & (m.slots - 1)) == 0);
	for (uint32_t i = 0; i < 5000; i++)
		assert_int_equal(map_find(&m, i * UINT64_C(4294967296)), i | (i % 2 == 0));
	assert_int_equal(map_find(&m, 1), MAP_NONE);
	map_clear(&m);
	assert_int_equal(m.n, 0);
	assert_false(map_has(&m, 0));
	assert_true(map_set(&m, 0, 0));
	assert_true(map_has(&m, 0));
	map_done(&m);
}

static void test_add_keeps_what_is_there(void **state)
{
	struct map m = {0};
	uint32_t have = 0;

	(void)state;
	assert_true(map_add(&m, 7, 1, &have));
	assert_int_equal(have, 1);
	assert_true(map_add(&m, 7, 2, &have));
	assert_int_equal(have, 1);
	assert_int_equal(m.n, 1);
	map_done(&m);
}

static void test_several_values_of_a_key(void **state)
{
	struct map m = {0};

	(void)state;
	for (uint32_t i = 0; i < 600; i++)
		assert_true(map_add_another(&m, i % 3, i));
	for (uint64_t key = 0; key < 3; key++) {
		bool seen[600] = {false};
		size_t at = 0, n = 0;
		uint32_t value;

		while ((value = map_next(&m, key, &at)) != MAP_NONE) {
			assert_true(value < 600 && value % 3 == key && !seen[value]);
			seen[value] = true;
			n++;
		}
		assert_int_equal(n, 200);
	}
	map_done(&m);
}

static void test_order_is_kept_without_growth(void **state)
{
	struct map m = {0};
	size_t at = 0;

	(void)state;
	assert_true(map_reserve(&m, 100));
	for (uint32_t i = 0; i < 50; i++)
		assert_true(map_add_another(&m, 5, i));
	for (uint32_t i = 0; i < 50; i++)
		assert_int_equal(map_next(&m, 5, &at), i);
	assert_int_equal(map_next(&m, 5, &at), MAP_NONE);
	map_done(&m);
}

static void test_too_much(void **state)
{
	struct map m = {0};

	(void)state;
	assert_false(map_reserve(&m, SIZE_MAX));
	assert_false(map_reserve(&m, SIZE_MAX / 32));
	assert_int_equal(m.slots, 0);
	map_done(&m);
}

/* Against a plain array, with keys that crowd together. */
static void test_remove(void **state)
{
	struct map m = {0};
	bool there[256] = {false};
	uint32_t random = 1;

	(void)state;
	for (int step = 0; step < 20000; step++) {
		uint32_t value, key;

		random = random * 1664525 + 1013904223;
		value = random >> 24;
		key = value % 61;
		if (there[value])
			map_remove(&m, key, value);
		else
			assert_true(map_add_another(&m, key, value));
		there[value] = !there[value];
		for (uint32_t k = 0; step % 50 == 0 && k < 61; k++) {
			bool found[256] = {false};
			size_t at = 0;

			while ((value = map_next(&m, k, &at)) != MAP_NONE)
				found[value] = true;
			for (value = k; value < 256; value += 61)
				assert_int_equal(found[value], there[value]);
		}
	}
	map_done(&m);
}

static double time_fill(uint32_t n)
{
	struct map m = {0};
	struct timespec begin, end;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
	for (uint32_t i = 0; i < n; i++)
		assert_true(map_set(&m, i * UINT64_C(0x100000001), i));
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
	map_done(&m);
	return (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
}

static void test_doubling(void **state)
{
	double one = time_fill(50000), four = time_fill(200000);

	(void)state;
	assert_true(four < one * 16 + 0.01);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_empty),
	    cmocka_unit_test(test_set_and_find),
	    cmocka_unit_test(test_add_keeps_what_is_there),
	    cmocka_unit_test(test_several_values_of_a_key),
	    cmocka_unit_test(test_order_is_kept_without_growth),
	    cmocka_unit_test(test_remove),
	    cmocka_unit_test(test_too_much),
	    cmocka_unit_test(test_doubling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
