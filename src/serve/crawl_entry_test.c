/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/crawl_entry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/limits.h"

static struct arena arena;

static struct crawl_entry entry(const char *text)
{
	struct crawl_entry e;

	assert_int_equal(crawl_entry_read(text, &arena, &e, NULL), RMG_OK);
	return e;
}

static void bad(const char *text)
{
	struct crawl_entry e;

	assert_int_equal(crawl_entry_read(text, &arena, &e, NULL), RMG_E_ARG);
}

static void names(void **state)
{
	struct crawl_entry e = entry("r.example:5000");

	(void)state;
	assert_true(span_is(e.host, S("r.example:5000")) && e.name.n == 0 && !e.below);
	assert_true(crawl_entry_repository(&e, S("any/thing")) && crawl_entry_tag(&e, S("1")));
	e = entry("r.example/shop");
	assert_true(span_is(e.name, S("shop")) && !e.below);
	assert_true(crawl_entry_repository(&e, S("shop")));
	assert_true(crawl_entry_repository(&e, S("shop/app")));
	assert_false(crawl_entry_repository(&e, S("shopping")));
	assert_false(crawl_entry_repository(&e, S("sho")));
	e = entry("r.example/shop/");
	assert_true(span_is(e.name, S("shop")) && e.below);
	e = entry("docker.io/nginx");
	assert_true(span_is(e.host, S("docker.io")) && span_is(e.name, S("library/nginx")));
	bad("");
	bad("shop/app");
	bad("r.example/A");
	bad("r.example/a:1");
	bad("r.example/a@b");
	bad("https://r.example");
}

static void globs(void **state)
{
	struct crawl_entry e =
	    entry("r.example,include=shop/*,include=base/**,exclude=shop/old,tags=v*,tags=latest");

	(void)state;
	assert_true(crawl_entry_repository(&e, S("shop/app")));
	assert_true(crawl_entry_repository(&e, S("base/os/x")));
	assert_false(crawl_entry_repository(&e, S("shop/old")));
	assert_false(crawl_entry_repository(&e, S("shop/app/x")));
	assert_false(crawl_entry_repository(&e, S("other")));
	assert_true(crawl_entry_tag(&e, S("v1")) && crawl_entry_tag(&e, S("latest")));
	assert_false(crawl_entry_tag(&e, S("1")));
	bad("r.example,tag=v*");
	bad("r.example,tags=");
	bad("r.example,,tags=x");
	bad("r.example,include");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names),
	    cmocka_unit_test(globs),
	};
	int failed;

	arena_init(&arena, MIB(1));
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	arena_done(&arena);
	return failed;
}
