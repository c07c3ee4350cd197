/* SPDX-License-Identifier: Apache-2.0 */
/* json_test.c - what RFC 8259 says is JSON and what is not; its own examples. */
#include "format/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static enum rmg_rc parse(struct json_doc *d, const char *text)
{
	struct rmg_err err;

	return json_parse(d, span_cstr(text), 4096, &err);
}

static void refused(const char *text)
{
	struct json_doc d = {0};

	assert_int_equal(parse(&d, text), RMG_E_FORMAT);
	assert_null(d.root);
	assert_null(d.pool);
}

/* RFC 8259 section 13, the first example, shortened. */
static const char image[] = "{\"Image\": {\"Width\": 800, \"Title\": \"View from 15th Floor\","
			    "\"Animated\": false, \"IDs\": [116, 943, 234, 38793]}, \"n\": true}";

static void members(void **state)
{
	struct json_doc d = {0};
	uint64_t width = 7;
	json *i;

	(void)state;
	assert_int_equal(parse(&d, image), RMG_OK);
	i = json_get(d.root, "Image");
	assert_true(json_is_object(i));
	assert_true(json_get_u64(i, "Width", &width));
	assert_int_equal(width, 800);
	assert_true(span_is(json_get_str(i, "Title"), S("View from 15th Floor")));
	assert_false(json_get_bool(i, "Animated"));
	assert_true(json_get_bool(d.root, "n"));
	assert_int_equal(json_len(json_get(i, "IDs")), 4);
	assert_true(json_num(json_at(json_get(i, "IDs"), 3)) > 38792);
	json_done(&d);
}

static void absent_reads_as_nothing(void **state)
{
	struct json_doc d = {0};
	uint64_t n = 7;

	(void)state;
	assert_int_equal(parse(&d, "{\"s\": 1, \"u\": -1, \"f\": 1.5, \"b\": \"true\"}"), RMG_OK);
	assert_null(json_get(d.root, "x"));
	assert_null(json_get(json_get(d.root, "x"), "y"));
	assert_int_equal(json_get_str(d.root, "s").n, 0);
	assert_false(json_get_u64(d.root, "u", &n));
	assert_false(json_get_u64(d.root, "f", &n));
	assert_false(json_get_u64(NULL, "f", &n));
	assert_false(json_get_bool(d.root, "b"));
	assert_int_equal(n, 7);
	assert_int_equal(json_len(NULL), 0);
	json_done(&d);
}

static void whole_numbers(void **state)
{
	struct json_doc d = {0};
	uint64_t n = 7;

	(void)state;
	assert_int_equal(parse(&d, "{\"a\": 9223372036854775807, \"b\": 9223372036854775808}"),
			 RMG_OK);
	assert_true(json_get_u64(d.root, "a", &n));
	assert_true(n == INT64_MAX);
	assert_false(json_get_u64(d.root, "b", &n));
	json_done(&d);
}

static void in_order(void **state)
{
	static const char *const keys[] = {"a", "b", "a"};
	struct json_doc d = {0};
	size_t i = 0;

	(void)state;
	assert_int_equal(parse(&d, "{\"a\": [], \"b\": [1, [2], {}], \"a\": null}"), RMG_OK);
	for (struct json_iter it = json_iter(d.root); json_next(&it); i++)
		assert_true(span_is(it.key, span_cstr(keys[i])));
	assert_int_equal(i, 3);
	i = 0;
	for (struct json_iter it = json_iter(json_get(d.root, "b")); json_next(&it); i++)
		assert_int_equal(it.key.n, 0);
	assert_int_equal(i, 3);
	for (struct json_iter it = json_iter(json_get(d.root, "none")); json_next(&it);)
		fail();
	json_done(&d);
}

static void escapes(void **state)
{
	struct json_doc d = {0};

	(void)state;
	/* RFC 8259 section 7: the G clef, as a surrogate pair. */
	assert_int_equal(parse(&d, "[\"\\uD834\\uDD1E\", \"a\\u0000b\"]"), RMG_OK);
	assert_true(span_is(json_str(json_at(d.root, 0)), S("\xf0\x9d\x84\x9e")));
	assert_int_equal(json_str(json_at(d.root, 1)).n, 3);
	json_done(&d);
}

static void not_json(void **state)
{
	static const char *const texts[] = {
	    "",       " ",     "{",    "[1,]",        "{\"a\":1,}", "[1] x",          "// c\n1",
	    "NaN",    "'a'",   "[01]", "[+1]",        "[.5]",       "\"a\nb\"",       "\"\\x41\"",
	    "{a: 1}", "[1 2]", "nul",  "\"\\uD834\"", "[\"\xff\"]", "[\"\xc0\xaf\"]",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		refused(texts[i]);
}

/* Brackets count outside strings only, and a string ends where its backslashes pair up. */
static void brackets_in_strings(struct json_doc *d)
{
	enum { MANY = JSON_DEPTH + 50 };
	static const struct {
		const char *before, *behind;
		enum rmg_rc rc;
	} cases[] = {
	    {"[\"", "\"]", RMG_OK},
	    {"[\"\\\"", "\"]", RMG_OK},
	    {"[\"\\\\\\\"", "\"]", RMG_OK},
	    {"[\"\\\\\",", "]", RMG_E_LIMIT},
	    {"[\"a\\\\\\\\\",", "]", RMG_E_LIMIT},
	    {"[\"", "", RMG_E_FORMAT},
	};
	char many[MANY + 1], text[MANY + 64];

	memset(many, '[', MANY);
	many[MANY] = '\0';
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		snprintf(text, sizeof text, "%s%s%s", cases[i].before, many, cases[i].behind);
		assert_int_equal(parse(d, text), cases[i].rc);
	}
}

static void bounds(void **state)
{
	char deep[2 * (JSON_DEPTH + 1) + 1];
	struct json_doc d = {0};
	struct rmg_err err;

	(void)state;
	memset(deep, '[', JSON_DEPTH + 1);
	memset(deep + JSON_DEPTH + 1, ']', JSON_DEPTH + 1);
	deep[2 * (JSON_DEPTH + 1)] = '\0';
	assert_int_equal(parse(&d, deep), RMG_E_LIMIT);
	deep[2 * JSON_DEPTH + 1] = '\0';
	assert_int_equal(parse(&d, deep + 1), RMG_OK);
	assert_int_equal(parse(&d, "\"[[[\\\"[[[\""), RMG_OK);
	brackets_in_strings(&d);
	assert_int_equal(json_parse(&d, S("[1, 2]"), 5, &err), RMG_E_LIMIT);
	assert_int_equal(json_parse(&d, S("\xef\xbb\xbf[1]"), 5, &err), RMG_OK);
	json_done(&d);
}

/* The same struct takes a larger document after a smaller one, and after a refused one. */
static void again(void **state)
{
	struct json_doc d = {0};

	(void)state;
	assert_int_equal(parse(&d, "[1]"), RMG_OK);
	assert_int_equal(parse(&d, image), RMG_OK);
	assert_int_equal(parse(&d, "["), RMG_E_FORMAT);
	assert_int_equal(parse(&d, "{\"a\": \"b\"}"), RMG_OK);
	assert_true(span_is(json_get_str(d.root, "a"), S("b")));
	json_done(&d);
	json_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(members),       cmocka_unit_test(absent_reads_as_nothing),
	    cmocka_unit_test(whole_numbers), cmocka_unit_test(in_order),
	    cmocka_unit_test(escapes),       cmocka_unit_test(not_json),
	    cmocka_unit_test(bounds),        cmocka_unit_test(again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
