/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hub/packed.h"

static void test_there_and_back(void **state)
{
	static const uint32_t ids[] = {1, 2, 128, 129, 20000, 3000000, UINT32_MAX};
	struct strbuf packed = strbuf_of(100);
	struct ids out = {0};

	(void)state;
	ids_pack(ids, COUNT_OF(ids), &packed);
	assert_int_equal(strbuf_rc(&packed), RMG_OK);
	assert_int_equal(ids_unpack(strbuf_span(&packed), UINT32_MAX, &out), RMG_OK);
	assert_int_equal(out.n, COUNT_OF(ids));
	assert_memory_equal(out.v, ids, sizeof ids);
	assert_int_equal(ids_unpack(strbuf_span(&packed), UINT32_MAX - 1, &out), RMG_E_FORMAT);
	assert_int_equal(ids_unpack((struct span){0}, 5, &out), RMG_OK);
	assert_int_equal(out.n, 0);
	VEC_DONE(&out);
	strbuf_done(&packed);
}

static void test_sorted(void **state)
{
	static const uint32_t sorted[] = {1, 5, 7, UINT32_MAX};
	struct ids ids = {0};

	(void)state;
	ids_sort(&ids);
	assert_int_equal(ids.n, 0);
	assert_true(VEC_PUSH(&ids, 7) && VEC_PUSH(&ids, UINT32_MAX) && VEC_PUSH(&ids, 1));
	assert_true(VEC_PUSH(&ids, 7) && VEC_PUSH(&ids, 5) && VEC_PUSH(&ids, 1));
	ids_sort(&ids);
	assert_int_equal(ids.n, 4);
	assert_memory_equal(ids.v, sorted, sizeof sorted);
	VEC_DONE(&ids);
}

static void test_refused(void **state)
{
	struct ids out = {0};

	(void)state;
	assert_int_equal(ids_unpack(S("\x01\x00"), 9, &out), RMG_E_FORMAT);
	assert_int_equal(ids_unpack(S("\x05\x05"), 9, &out), RMG_E_FORMAT);
	assert_int_equal(ids_unpack(S("\x80"), 9, &out), RMG_E_FORMAT);
	assert_int_equal(ids_unpack(S("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), 9, &out),
			 RMG_E_FORMAT);
	VEC_DONE(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_there_and_back),
	    cmocka_unit_test(test_sorted),
	    cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
