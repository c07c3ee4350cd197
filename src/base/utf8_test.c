/* SPDX-License-Identifier: Apache-2.0 */
/* utf8_test.c - RFC 3629, and Unicode 15 table 3-7 (well-formed UTF-8 byte sequences). */
#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* Table 3-7 by the value: the one shortest form of every scalar value is well-formed. */
static size_t encode(uint32_t c, uint8_t *p)
{
	if (c < 0x80) {
		p[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		p[0] = (uint8_t)(0xc0 | c >> 6);
		p[1] = (uint8_t)(0x80 | (c & 63));
		return 2;
	}
	if (c < 0x10000) {
		p[0] = (uint8_t)(0xe0 | c >> 12);
		p[1] = (uint8_t)(0x80 | (c >> 6 & 63));
		p[2] = (uint8_t)(0x80 | (c & 63));
		return 3;
	}
	p[0] = (uint8_t)(0xf0 | c >> 18);
	p[1] = (uint8_t)(0x80 | (c >> 12 & 63));
	p[2] = (uint8_t)(0x80 | (c >> 6 & 63));
	p[3] = (uint8_t)(0x80 | (c & 63));
	return 4;
}

static void test_every_scalar_value(void **state)
{
	(void)state;
	for (uint32_t c = 0; c < 0x1fffff; c++) {
		uint8_t p[4];
		size_t n = encode(c, p);
		bool good = c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
		bool control = c < 0x20 || (c >= 0x7f && c < 0xa0);

		assert_int_equal(utf8_len(p, n), good ? n : 0);
		for (size_t cut = 0; cut < n; cut++)
			assert_int_equal(utf8_len(p, cut), 0);
		assert_int_equal(utf8_valid(span_of(p, n)), good);
		assert_int_equal(utf8_is_clean(span_of(p, n)), good && !control);
	}
}

static void test_what_is_not_utf8(void **state)
{
	static const char *const bad[] = {
	    "\x80",
	    "\xbf",
	    "\xc0\x80",
	    "\xc1\xbf",
	    "\xc3",
	    "\xc3\x28",
	    "\xe0\x9f\xbf",
	    "\xe2\x82",
	    "\xe2\x28\xa1",
	    "\xed\xa0\x80",
	    "\xf0\x8f\xbf\xbf",
	    "\xf0\x9f\x98",
	    "\xf0\x9f\x28\x80",
	    "\xf4\x90\x80\x80",
	    "\xf5\x80\x80\x80",
	    "\xff",
	    "a\xfe",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		assert_false(utf8_valid(span_cstr(bad[i])));
		assert_false(utf8_is_clean(span_cstr(bad[i])));
	}
	assert_true(utf8_valid(S("")) && utf8_is_clean(S("")));
}

static void test_cleaning(void **state)
{
	char s[] = "a\x1b[0m\n\xc3\xa9\xc2\x85\xff\xe2\x82", cut[] = {'o', 'k', '\xc3', '\xa9'};

	(void)state;
	utf8_clean_cstr(s, sizeof s);
	assert_string_equal(s, "a?[0m?\xc3\xa9?????");
	assert_true(utf8_is_clean(span_cstr(s)));
	utf8_clean_cstr(cut, 3);
	assert_memory_equal(cut, "ok?\xa9", 4);
}

static void test_width(void **state)
{
	(void)state;
	assert_int_equal(utf8_width(S("abc")), 3);
	assert_int_equal(utf8_width(S("\xc3\xa9")), 1);                 /* e with acute */
	assert_int_equal(utf8_width(S("e\xcc\x81")), 1);                /* combining acute */
	assert_int_equal(utf8_width(S("\xe6\xbc\xa2\xe5\xad\x97")), 4); /* two Han */
	assert_int_equal(utf8_width(S("\xf0\x9f\x90\xb3")), 2);         /* a whale */
	assert_int_equal(utf8_width(S("")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_scalar_value),
	    cmocka_unit_test(test_what_is_not_utf8),
	    cmocka_unit_test(test_cleaning),
	    cmocka_unit_test(test_width),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
