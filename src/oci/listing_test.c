/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/listing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/strbuf.h"

static bool put(void *user, struct span name)
{
	strbuf_put(user, name);
	strbuf_putc(user, ' ');
	return true;
}

static void expect(enum listing of, const char *body, const char *names, size_t odd)
{
	struct strbuf b = strbuf_of(KIB(4));
	size_t n = 99;

	assert_int_equal(listing_parse(of, span_cstr(body), put, &b, &n, NULL), RMG_OK);
	assert_true(span_is(strbuf_span(&b), span_cstr(names)));
	assert_int_equal(n, odd);
	strbuf_done(&b);
}

static void names(void **state)
{
	size_t n;

	(void)state;
	expect(LISTING_REPOSITORIES, "{\"repositories\":[\"a\",\"shop/app\",\"a__b/c-d.e\"]}",
	       "a shop/app a__b/c-d.e ", 0);
	expect(LISTING_REPOSITORIES,
	       "{\"repositories\":[\"\",\"../x\",\"a//b\",\"a?b\",\"A\",7,\"/a\",\"a/\",\"b\"]}",
	       "b ", 8);
	/* As reference_parse() would refuse them. */
	expect(LISTING_REPOSITORIES,
	       "{\"repositories\":[\"a..b\",\"a._b\",\"a___b\",\"x/a-_b\",\"a---b\",\"a.b_c\"]}",
	       "a---b a.b_c ", 4);
	expect(LISTING_TAGS, "{\"name\":\"a\",\"tags\":[\"1\",\"_X.y\",\"a b\",\"-\",\"x@y\"]}",
	       "1 _X.y ", 3);
	expect(LISTING_TAGS, "{\"name\":\"a\",\"tags\":null}", "", 0);
	expect(LISTING_TAGS, "{}", "", 0);
	assert_int_equal(listing_parse(LISTING_TAGS, S("[]"), put, NULL, &n, NULL), RMG_E_FORMAT);
	assert_int_not_equal(listing_parse(LISTING_TAGS, S("<html>"), put, NULL, &n, NULL), RMG_OK);
}

static void next(const char *link, enum rmg_rc rc, const char *to)
{
	struct arena a;
	char *got;

	arena_init(&a, KIB(64));
	assert_int_equal(listing_next(S("r.example:5000"), S("/v2/_catalog?n=1000"),
				      span_cstr(link), &a, &got, NULL),
			 rc);
	if (to)
		assert_string_equal(got, to);
	else
		assert_null(got);
	arena_done(&a);
}

static void pages(void **state)
{
	(void)state;
	next("", RMG_OK, NULL);
	next("</v2/_catalog?last=a%2Fb&n=1000>; rel=\"next\"", RMG_OK,
	     "/v2/_catalog?last=a%2Fb&n=1000");
	next("<http://r.example:5000/v2/_catalog?last=b>; rel=next", RMG_OK, "/v2/_catalog?last=b");
	next("</v2/x>; rel=\"first\", <?last=c>; rel=\"next\"", RMG_OK, "/v2/_catalog?last=c");
	next("</v2/x>; rel=\"first\"", RMG_OK, NULL);
	next("</v2/x", RMG_OK, NULL);
	next("<https://other.example/v2/_catalog?last=b>; rel=\"next\"", RMG_E_UNSUPPORTED, NULL);
	next("</admin?x>; rel=\"next\"", RMG_E_FORMAT, NULL);
	next("</v2/_catalog?last=a b>; rel=\"next\"", RMG_E_FORMAT, NULL);
	next("</v2/_catalog?n=1000>; rel=\"next\"", RMG_E_FORMAT, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names),
	    cmocka_unit_test(pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
