/* SPDX-License-Identifier: Apache-2.0 */
#include "base/vec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_arrays_grow(void **state)
{
	VEC(uint64_t) v = {0};
	size_t cap = 0, sum = 0;
	uint64_t *added;
	void *none = NULL;

	(void)state;
	for (uint64_t i = 0; i < 1000; i++)
		assert_true(VEC_PUSH(&v, i));
	added = VEC_ADD(&v);
	assert_non_null(added);
	*added += 5;
	assert_int_equal(v.n, 1001);
	assert_true(v.cap >= v.n && v.cap < 4 * v.n);
	VEC_EACH (it, &v)
		sum += *it;
	assert_int_equal(sum, 999 * 1000 / 2 + 5);
	assert_false(VEC_RESERVE(&v, SIZE_MAX));
	assert_int_equal(v.n, 1001);
	assert_int_equal(v.v[999], 999);
	VEC_DONE(&v);
	VEC_DONE(&v);
	VEC_EACH (it, &v)
		sum++;
	assert_false(vec_reserve(&none, &cap, SIZE_MAX / 2, 3));
	assert_null(none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_arrays_grow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
