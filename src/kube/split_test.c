/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/split.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/limits.h"

struct got {
	struct strbuf text;
	size_t n, enough;
};

static bool take(void *user, struct span object)
{
	struct got *g = user;

	strbuf_put(&g->text, object);
	strbuf_putc(&g->text, '\n');
	return ++g->n != g->enough;
}

/* However the bytes come. */
static void check(bool list, const char *bytes, size_t max, const char *items, const char *rest,
		  uint64_t passed_over)
{
	for (size_t step = 1; step < 40; step++) {
		struct got g = {.text = strbuf_of(KIB(64))};
		struct span s = span_cstr(bytes);
		struct split p;

		split_init(&p, max);
		split_begin(&p, list);
		for (; s.n; s = span_from(s, step))
			assert_true(split_feed(&p, span_head(s, step), take, &g));
		assert_string_equal(strbuf_cstr(&g.text), items);
		assert_true(span_is(split_rest(&p), span_cstr(rest)));
		assert_int_equal(p.passed_over, passed_over);
		split_done(&p);
		strbuf_done(&g.text);
	}
}

static void lists(void **state)
{
	(void)state;
	check(true, "{\"kind\":\"L\",\"metadata\":{\"items\":[1]},\"items\":[]}", 100, "",
	      "{\"kind\":\"L\",\"metadata\":{\"items\":[1]},\"items\":[]}", 0);
	check(true, "{\"items\" : [ {\"a\":[{}]} ,\n{\"b\":\"]}\\\"\"}],\"z\":{\"a\":\"items\"}}",
	      100, "{\"a\":[{}]}\n{\"b\":\"]}\\\"\"}\n", "{\"items\" : [],\"z\":{\"a\":\"items\"}}",
	      0);
	check(true, "{\"items\":[{\"a\":\"0123456789\"},{\"b\":1},{}]}", 10, "{\"b\":1}\n{}\n",
	      "{\"items\":[]}", 1);
	check(true, "{\"items\":null,\"x\":\"items\",\"y\":[1]}", 10, "",
	      "{\"items\":null,\"x\":\"items\",\"y\":[1]}", 0);
	check(true, "{\"items\":[1,\"a\",{\"b\":2},null]}", 10, "{\"b\":2}\n", "{\"items\":[]}", 0);
}

static void lines(void **state)
{
	(void)state;
	check(false, "{\"a\":1}\n\n{\"b\":2}\n{\"c", 100, "{\"a\":1}\n{\"b\":2}\n", "{\"c", 0);
	check(false, "{\"a\":\"0123456789\"}\n{\"b\":2}\n", 10, "{\"b\":2}\n", "", 1);
}

static void ends_early(void **state)
{
	struct got g = {.text = strbuf_of(KIB(1)), .enough = 2};
	struct split p;

	(void)state;
	split_init(&p, 100);
	split_begin(&p, true);
	assert_false(split_feed(&p, S("{\"items\":[{},{},{}]}"), take, &g));
	assert_int_equal(g.n, 2);
	/* Another answer begins anew. */
	split_begin(&p, false);
	assert_true(split_feed(&p, S("{}\n"), take, &g));
	assert_int_equal(g.n, 3);
	split_done(&p);
	strbuf_done(&g.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lists),
	    cmocka_unit_test(lines),
	    cmocka_unit_test(ends_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
