/* SPDX-License-Identifier: Apache-2.0 */
#include "base/strbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_text_grows(void **state)
{
	struct strbuf b = strbuf_of(1000);

	(void)state;
	assert_string_equal(strbuf_cstr(&b), "");
	assert_int_equal(strbuf_span(&b).n, 0);
	strbuf_puts(&b, "a");
	strbuf_putc(&b, 'b');
	strbuf_put(&b, S("c"));
	strbuf_put(&b, (struct span){0});
	strbuf_puts(&b, NULL);
	strbuf_printf(&b, "-%d-%s-", 12, "x");
	strbuf_hex(&b, (const uint8_t *)"\x00\xfa", 2);
	assert_string_equal(strbuf_cstr(&b), "abc-12-x-00fa");
	assert_int_equal(strbuf_span(&b).n, 13);
	strbuf_clear(&b);
	assert_string_equal(strbuf_cstr(&b), "");
	for (int i = 0; i < 100; i++)
		strbuf_printf(&b, "%09d\n", i);
	assert_int_equal(b.n, 1000);
	assert_int_equal(strbuf_rc(&b), RMG_OK);
	strbuf_done(&b);
	strbuf_done(&b);
}

static void test_maximum_is_sticky(void **state)
{
	struct strbuf b = strbuf_of(5);

	(void)state;
	strbuf_puts(&b, "1234");
	strbuf_puts(&b, "56");
	assert_int_equal(strbuf_rc(&b), RMG_E_LIMIT);
	strbuf_puts(&b, "5");
	strbuf_printf(&b, "%d", 5);
	assert_string_equal(strbuf_cstr(&b), "1234");
	strbuf_clear(&b);
	strbuf_puts(&b, "12345");
	assert_int_equal(strbuf_rc(&b), RMG_OK);
	strbuf_put(&b, span_of("", SIZE_MAX));
	assert_int_equal(strbuf_rc(&b), RMG_E_LIMIT);
	strbuf_done(&b);
	strbuf_puts(&b, "12345");
	assert_string_equal(strbuf_cstr(&b), "12345");
	strbuf_done(&b);
}

/* RFC 3986, 2.1 and 2.4: "%" itself is encoded, bytes are, and a NUL is no end. */
static void test_percent(void **state)
{
	struct strbuf b = strbuf_of(100);

	(void)state;
	strbuf_percent(&b, span_of("a/b:c%\xc3\xa4\0z", 10), S("/"));
	assert_string_equal(strbuf_cstr(&b), "a/b%3Ac%25%C3%A4%00z");
	strbuf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_text_grows),
	    cmocka_unit_test(test_maximum_is_sticky),
	    cmocka_unit_test(test_percent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
