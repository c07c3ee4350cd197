/* SPDX-License-Identifier: Apache-2.0 */
#include "model/how.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void words_are_bits(void **state)
{
	struct strbuf text = strbuf_of(100);

	(void)state;
	assert_int_equal(how_bits(S("new  setuid nonsense")), HOW_NEW | HOW_SETUID);
	assert_int_equal(how_bits(S("")), 0);
	how_write(HOW_NEW | HOW_MEMFD, &text);
	assert_string_equal(strbuf_cstr(&text), "new memfd");
	strbuf_done(&text);
}

static void every_word_is_found_again(void **state)
{
	(void)state;
	for (unsigned h = 0; h < HOW_COUNT; h++) {
		uint32_t bit = 0;

		assert_true(how_of(span_cstr(how_name((enum event_how)h)), &bit));
		assert_int_equal(bit, 1u << h);
	}
	assert_string_equal(how_name(HOW_COUNT), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(words_are_bits),
	    cmocka_unit_test(every_word_is_found_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
