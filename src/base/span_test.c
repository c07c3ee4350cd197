/* SPDX-License-Identifier: Apache-2.0 */
#include "base/span.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static void is(struct span got, const char *want)
{
	assert_int_equal(got.n, strlen(want));
	assert_true(span_is(got, span_cstr(want)));
}

static void test_compare(void **state)
{
	(void)state;
	assert_true(span_is(S(""), (struct span){0}));
	assert_true(span_is(S("ab"), S("ab")));
	assert_false(span_is(S("ab"), S("abc")));
	assert_false(span_is(S("ab"), S("aB")));
	assert_true(span_is_icase(S("aB-1"), S("Ab-1")));
	assert_false(span_is_icase(S("a@"), S("a`"))); /* they differ by the bit that case does */
	assert_false(span_is_icase(S("\xc4"), S("\xe4")));
	assert_true(span_cmp(S(""), S("a")) < 0);
	assert_true(span_cmp(S("a"), S("ab")) < 0);
	assert_true(span_cmp(S("b"), S("ab")) > 0);
	assert_true(span_cmp(S("\xff"), S("a")) > 0);
	assert_int_equal(span_cmp(S(""), (struct span){0}), 0);
	assert_int_equal(span_cmp(S("x"), S("x")), 0);
	assert_true(span_starts(S("abc"), S("ab")) && span_starts(S("abc"), S("")));
	assert_false(span_starts(S("a"), S("ab")));
	assert_true(span_ends(S("abc"), S("bc")) && span_ends(S(""), S("")));
	assert_false(span_ends(S("c"), S("bc")));
	assert_true(span_starts_icase(S("ABc"), S("ab")));
	assert_false(span_starts_icase(S("a"), S("ab")));
	assert_true(span_ends_icase(S("x.JAR"), S(".jar")));
	assert_false(span_ends_icase(S("jar"), S(".jar")));
}

static void test_parts(void **state)
{
	struct span s = S("abcdef"), out = S("untouched");

	(void)state;
	is(span_from(s, 2), "cdef");
	is(span_from(s, 6), "");
	is(span_from(s, SIZE_MAX), "");
	is(span_from((struct span){0}, 1), "");
	is(span_head(s, 3), "abc");
	is(span_head(s, 99), "abcdef");
	assert_true(span_at(s, 1, 2, &out));
	is(out, "bc");
	assert_true(span_at(s, 6, 0, &out));
	is(out, "");
	out = S("untouched");
	assert_false(span_at(s, 7, 0, &out));
	assert_false(span_at(s, 5, 2, &out));
	assert_false(span_at(s, UINT64_MAX, 1, &out));
	assert_false(span_at(s, 1, UINT64_MAX, &out));
	assert_false(span_at(s, UINT64_MAX, UINT64_MAX, &out));
	is(out, "untouched");
	assert_true(span_at((struct span){0}, 0, 0, &out));
	assert_int_equal(out.n, 0);
	is(span_cstr(NULL), "");
}

static void test_dup(void **state)
{
	const char text[] = {'a', '\0', 'b', 'c'}; /* no NUL behind it */
	char *copy = span_dup(span_of(text, 4)), *empty = span_dup((struct span){0});

	(void)state;
	assert_non_null(copy);
	assert_memory_equal(copy, "a\0bc", 5);
	assert_string_equal(empty, "");
	free(copy);
	free(empty);
}

static void test_find(void **state)
{
	struct span s = S("abcabc");

	(void)state;
	assert_int_equal(span_chr(s, 'b'), 1);
	assert_int_equal(span_chr(s, 'x'), SIZE_MAX);
	assert_int_equal(span_chr((struct span){0}, 0), SIZE_MAX);
	assert_int_equal(span_rchr(s, 'b'), 4);
	assert_int_equal(span_rchr(s, 'x'), SIZE_MAX);
	assert_int_equal(span_find(s, S("ca")), 2);
	assert_int_equal(span_find(s, S("cab!")), SIZE_MAX);
	assert_int_equal(span_find(s, S("")), 0);
	assert_int_equal(span_find(S(""), S("a")), SIZE_MAX);
	assert_int_equal(span_find_from(s, 1, S("a")), 3);
	assert_int_equal(span_find_from(s, 6, S("")), 6);
	assert_int_equal(span_find_from(s, 7, S("")), SIZE_MAX);
	assert_int_equal(span_find_from(s, 4, S("a")), SIZE_MAX);
	assert_true(span_has(s, S("bca")));
}

static void test_cut(void **state)
{
	struct span a = S("1"), b = S("2");

	(void)state;
	assert_true(span_cut(S("k:v:w"), ':', &a, &b));
	is(a, "k");
	is(b, "v:w");
	assert_true(span_rcut(S("k:v:w"), ':', &a, &b));
	is(a, "k:v");
	is(b, "w");
	assert_true(span_cut(S(":"), ':', &a, &b));
	is(a, "");
	is(b, "");
	a = S("1");
	assert_false(span_cut(S("kv"), ':', &a, &b));
	assert_false(span_rcut(S(""), ':', &a, &b));
	is(a, "1");
}

static void test_fields_and_words(void **state)
{
	struct span s = S("a,,b,"), field = {0};

	(void)state;
	assert_true(span_next(&s, ',', &field));
	is(field, "a");
	assert_true(span_next(&s, ',', &field));
	is(field, "");
	assert_true(span_next(&s, ',', &field));
	is(field, "b");
	assert_false(span_next(&s, ',', &field));
	is(field, "b");
	s = S("last");
	assert_true(span_next(&s, ',', &field));
	is(field, "last");
	assert_int_equal(s.n, 0);
	s = S(" \tone\v two\r\n");
	assert_true(span_word(&s, &field));
	is(field, "one");
	assert_true(span_word(&s, &field));
	is(field, "two");
	assert_false(span_word(&s, &field));
	is(span_trim(S(" \n a b\t ")), "a b");
	is(span_trim(S(" \n ")), "");
	is(span_rtrim_chr(S("a/b//"), '/'), "a/b");
	is(span_rtrim_chr(S("//"), '/'), "");
	is(span_basename(S("a/b/c")), "c");
	is(span_basename(S("c")), "c");
	is(span_basename(S("a/")), "");
	is(span_dirname(S("a/b/c")), "a/b");
	is(span_dirname(S("c")), "");
	is(span_dirname(S("/c")), "");
}

static void test_numbers(void **state)
{
	static const struct {
		const char *text;
		unsigned base;
		uint64_t max, want;
		bool good;
	} rows[] = {
	    {"0", 10, 0, 0, true},
	    {"18446744073709551615", 10, UINT64_MAX, UINT64_MAX, true},
	    {"18446744073709551616", 10, UINT64_MAX, 0, false},
	    {"99999999999999999999999", 10, UINT64_MAX, 0, false},
	    {"256", 10, 255, 0, false},
	    {"255", 10, 255, 255, true},
	    {"000000000000000000000000000000001", 10, 9, 1, true},
	    {"777", 8, 511, 511, true},
	    {"8", 8, 100, 0, false},
	    {"fF", 16, 255, 255, true},
	    {"ffffffffffffffff", 16, UINT64_MAX, UINT64_MAX, true},
	    {"10000000000000000", 16, UINT64_MAX, 0, false},
	    {"g", 16, 100, 0, false},
	    {"", 10, 9, 0, false},
	    {"+1", 10, 9, 0, false},
	    {"-1", 10, 9, 0, false},
	    {" 1", 10, 9, 0, false},
	    {"1 ", 10, 9, 0, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint64_t got = 77;
		bool good = span_u64(span_cstr(rows[i].text), rows[i].base, rows[i].max, &got);

		assert_int_equal(good, rows[i].good);
		assert_int_equal(got, good ? rows[i].want : 77);
	}
}

static void test_unhex(void **state)
{
	uint8_t out[3] = {9, 9, 9};

	(void)state;
	assert_true(span_unhex(S("00fFa5"), out, 3));
	assert_memory_equal(out, "\x00\xff\xa5", 3);
	assert_true(span_unhex(S(""), out, 0));
	assert_false(span_unhex(S("0"), out, 0));
	assert_false(span_unhex(S("000"), out, 1));
	assert_false(span_unhex(S("0g1111"), out, 3));
	assert_false(span_unhex(S("00"), out, SIZE_MAX));
	assert_memory_equal(out, "\x00\xff\xa5", 3);
}

static void test_glob(void **state)
{
	static const struct {
		const char *pattern, *path;
		bool want;
	} rows[] = {
	    {"lib/apk/db/installed", "lib/apk/db/installed", true},
	    {"lib/apk/db/installed", "lib/apk/db/installed.new", false},
	    {"**/*.jar", "app.jar", true},
	    {"**/*.jar", "opt/a/b/app.jar", true},
	    {"**/*.jar", "app.jar/x", false},
	    {"*.jar", "opt/app.jar", false},
	    {"**", "", true},
	    {"**", "a/b", true},
	    {"", "", true},
	    {"", "a", false},
	    {"a", "", false},
	    {"a/**", "a", true},
	    {"a/**", "a/b/c", true},
	    {"a/**", "ab", false},
	    {"**/node_modules/*/package.json", "x/node_modules/y/node_modules/z/package.json",
	     true},
	    {"**/node_modules/*/package.json", "x/node_modules/y/z/package.json", false},
	    {"a/**/b/**/c", "a/x/b/y/b/c", true},
	    {"a/**/b/**/c", "a/x/c", false},
	    {"?at", "cat", true},
	    {"?at", "at", false},
	    {"a?c", "a/c", false},
	    {"a*c", "a/c", false},
	    {"python[23].[0-9]", "python3.9", true}, /* no ranges: '-' is one of the bytes */
	    {"python[23].[0-9]", "python3.5", false},
	    {"[ab", "[ab", true},
	    {"[]x", "x", false},
	    {"a**b", "axxb", true},
	    {"*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaac", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (span_glob(span_cstr(rows[i].pattern), span_cstr(rows[i].path)) != rows[i].want)
			fail_msg("%s on %s", rows[i].pattern, rows[i].path);
}

/* The definition, by plain recursion, for short patterns. */
static bool name_model(const char *p, const char *pe, const char *s, const char *se)
{
	if (p == pe)
		return s == se;
	if (*p == '*')
		return name_model(p + 1, pe, s, se) || (s < se && name_model(p, pe, s + 1, se));
	return s < se && (*p == '?' || *p == *s) && name_model(p + 1, pe, s + 1, se);
}

static const char *rest_of(const char *end)
{
	return *end == '/' ? end + 1 : end;
}

static bool glob_model(const char *p, const char *s)
{
	const char *pe = p + strcspn(p, "/"), *se = s + strcspn(s, "/");

	if (*p == 0)
		return *s == 0;
	if (pe - p == 2 && p[0] == '*' && p[1] == '*')
		return glob_model(rest_of(pe), s) || (*s && glob_model(p, rest_of(se)));
	return *s && name_model(p, pe, s, se) && glob_model(rest_of(pe), rest_of(se));
}

/* The i-th word over an alphabet, false where it is no normal path. */
static bool word(size_t i, const char *alphabet, char *out)
{
	size_t letters = strlen(alphabet), n = 0;

	for (; i; i = (i - 1) / letters)
		out[n++] = alphabet[(i - 1) % letters];
	out[n] = 0;
	return n == 0 || (out[0] != '/' && out[n - 1] != '/' && strstr(out, "//") == NULL);
}

static void test_glob_is_its_definition(void **state)
{
	char pattern[16], path[16];

	(void)state;
	for (size_t i = 0; i < 20000; i++) {
		if (!word(i, "a*/?b", pattern))
			continue;
		for (size_t k = 0; k < 400; k++) {
			if (!word(k, "a/b", path))
				continue;
			if (span_glob(span_cstr(pattern), span_cstr(path)) !=
			    glob_model(pattern, path))
				fail_msg("%s on %s", pattern, path);
		}
	}
}

static double time_glob(size_t n)
{
	char *path = malloc(2 * n);
	struct timespec begin, end;

	for (size_t i = 0; i < 2 * n; i++)
		path[i] = i % 2 ? '/' : 'a';
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
	assert_false(span_glob(S("**/a/**/a/a/b"), span_of(path, 2 * n - 1)));
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
	free(path);
	return (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
}

static void test_glob_doubling(void **state)
{
	double one = time_glob(20000), four = time_glob(80000);

	(void)state;
	assert_true(four < one * 12 + 0.01);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_compare),       cmocka_unit_test(test_parts),
	    cmocka_unit_test(test_dup),           cmocka_unit_test(test_find),
	    cmocka_unit_test(test_cut),           cmocka_unit_test(test_fields_and_words),
	    cmocka_unit_test(test_numbers),       cmocka_unit_test(test_unhex),
	    cmocka_unit_test(test_glob),          cmocka_unit_test(test_glob_is_its_definition),
	    cmocka_unit_test(test_glob_doubling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
