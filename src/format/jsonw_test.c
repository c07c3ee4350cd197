/* SPDX-License-Identifier: Apache-2.0 */
/* Expectations are RFC 8259's: section 7 for strings, 6 for numbers. */
#include "format/jsonw.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

static void strings_are_escaped(void **state)
{
	static const struct {
		struct span in;
		const char *out;
	} rows[] = {
	    {{(const uint8_t *)"", 0}, "\"\""},
	    {{(const uint8_t *)"plain/text", 10}, "\"plain/text\""},
	    {{(const uint8_t *)"\"\\", 2}, "\"\\\"\\\\\""},
	    {{(const uint8_t *)"\n\r\t\b\f", 5}, "\"\\n\\r\\t\\b\\f\""},
	    {{(const uint8_t *)"\0\x1f\x7f", 3}, "\"\\u0000\\u001f\\u007f\""},
	    /* C1 control: CSI would move the cursor of a terminal */
	    {{(const uint8_t *)"\xc2\x9b", 2}, "\"\\u009b\""},
	    {{(const uint8_t *)"\xc3\xa9\xe6\xbc\xa2\xf0\x9f\x90\xb3", 9},
	     "\"\xc3\xa9\xe6\xbc\xa2\xf0\x9f\x90\xb3\""},
	    /* not UTF-8: a lone byte, a surrogate, an overlong slash */
	    {{(const uint8_t *)"a\xff", 2}, "\"a\xef\xbf\xbd\""},
	    {{(const uint8_t *)"\xed\xa0\x80", 3}, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
	    {{(const uint8_t *)"\xc0\xaf", 2}, "\"\xef\xbf\xbd\xef\xbf\xbd\""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct strbuf out = strbuf_of(1000);
		struct jsonw w = jsonw_of(&out);

		jsonw_str(&w, rows[i].in);
		assert_string_equal(strbuf_cstr(&out), rows[i].out);
		strbuf_done(&out);
	}
}

static void numbers_are_decimal(void **state)
{
	struct strbuf out = strbuf_of(1000);
	struct jsonw w = jsonw_of(&out);

	(void)state;
	jsonw_array(&w);
	jsonw_u64(&w, 0);
	jsonw_u64(&w, UINT64_MAX);
	jsonw_i64(&w, INT64_MIN);
	jsonw_real(&w, 9.8, 1);
	jsonw_real(&w, 10, 1);
	jsonw_real(&w, 0.00043, 5);
	jsonw_real(&w, 100, 0);
	jsonw_real(&w, NAN, 2);
	jsonw_real(&w, INFINITY, 2);
	jsonw_array_end(&w);
	assert_string_equal(strbuf_cstr(&out),
			    "[0,18446744073709551615,-9223372036854775808,9.8,10,"
			    "0.00043,100,null,null]");
	strbuf_done(&out);
}

static void containers_have_commas_between(void **state)
{
	struct strbuf out = strbuf_of(1000);
	struct jsonw w = jsonw_of(&out);
	struct span list[] = {S("x"), S("y")};

	(void)state;
	jsonw_object(&w);
	jsonw_put(&w, "a", S("1"));
	jsonw_put(&w, "none", S(""));
	jsonw_key(&w, "empty");
	jsonw_object(&w);
	jsonw_object_end(&w);
	jsonw_put_array(&w, "list", list, 2);
	jsonw_put_array(&w, "nothing", NULL, 0);
	jsonw_key_span(&w, S("k\"\xff"));
	jsonw_bool(&w, true);
	jsonw_put_cstr(&w, "c", NULL);
	jsonw_object_end(&w);
	assert_string_equal(strbuf_cstr(&out),
			    "{\"a\":\"1\",\"none\":null,\"empty\":{},\"list\":[\"x\",\"y\"],"
			    "\"nothing\":[],\"k\\\"\xef\xbf\xbd\":true,\"c\":null}");
	strbuf_done(&out);
}

static void a_full_buffer_is_told(void **state)
{
	struct strbuf out = strbuf_of(4);
	struct jsonw w = jsonw_of(&out);

	(void)state;
	jsonw_str(&w, S("longer"));
	assert_int_equal(strbuf_rc(&out), RMG_E_LIMIT);
	strbuf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(strings_are_escaped),
	    cmocka_unit_test(numbers_are_decimal),
	    cmocka_unit_test(containers_have_commas_between),
	    cmocka_unit_test(a_full_buffer_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
