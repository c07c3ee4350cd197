/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of one image, and what is told again. */
#include "node/usage.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/hash.h"

enum { HOUR = 3600000 };

static int begin(void **state)
{
	static struct usage u;
	struct owned_file files[] = {
	    {.path = path_hash(S("usr/bin/a")), .bytes = 5, .counts = true},
	    {.path = path_hash(S("usr/lib/b")), .bytes = 6, .component = 1, .counts = true},
	    {.path = path_hash(S("usr/share/doc/c")), .component = 2}};
	struct component parts[] = {{.purl = S("a")}, {.purl = S("b")}, {.purl = S("c")}};
	struct executable program = {.path = S("usr/bin/a")};
	struct inventory inv = {.files = files,
				.n_files = 3,
				.components = parts,
				.n_components = 3,
				.executables = &program,
				.n_executables = 1};
	struct file_index *x;

	assert_int_equal(file_index_new(&inv, &x, NULL), RMG_OK);
	usage_init(&u, "sha256:1");
	assert_false(usage_has_news(&u, 1, 1));
	assert_true(usage_give_index(&u, x));
	*state = &u;
	return 0;
}

static int over(void **state)
{
	usage_done(*state);
	return 0;
}

static void what_is_new_is_told_once(void **state)
{
	struct usage *u = *state;
	struct usage_news n;

	assert_true(usage_touch(u, path_hash(S("usr/bin/a")), true));
	assert_false(usage_touch(u, path_hash(S("usr/bin/none")), true));
	assert_true(usage_news(u, 1, &n));
	assert_true(span_is(n.told.image, S("sha256:1")));
	assert_int_equal(n.told.n_watched, 2);
	assert_int_equal(n.told.watched[1].bytes, 6);
	assert_int_equal(n.told.n_used, 1);
	assert_true(n.told.used[0] == hash_span(S("a")));
	assert_int_equal(n.told.n_executed, 1);
	assert_true(n.told.asks);
	usage_not_told(u, &n); /* the hub was away */
	usage_news_done(&n);
	assert_true(usage_has_news(u, 1, HOUR));
	assert_true(usage_news(u, 1, &n));
	assert_int_equal(n.told.n_used, 1);
	assert_true(usage_touch(u, path_hash(S("usr/lib/b")), false)); /* meanwhile */
	usage_told(u, &n);
	usage_news_done(&n);
	assert_true(usage_has_news(u, 1, HOUR));
	assert_true(usage_news(u, 1, &n));
	assert_int_equal(n.told.n_watched, 0);
	assert_int_equal(n.told.n_used, 1);
	assert_true(n.told.used[0] == hash_span(S("b")));
	assert_int_equal(n.told.n_executed, 0);
	usage_told(u, &n);
	usage_news_done(&n);
	assert_false(usage_has_news(u, 1, HOUR));
}

static void only_whole_time_counts(void **state)
{
	struct usage *u = *state;
	struct usage_news n;

	usage_begin(u, 1000);
	assert_true(usage_news(u, 1500, &n));
	assert_int_equal(n.told.from_ms, 1000);
	assert_int_equal(n.told.to_ms, 1500);
	assert_int_equal(n.told.containers, 1);
	usage_told(u, &n);
	usage_news_done(&n);
	assert_false(usage_has_news(u, 2000, HOUR));
	assert_true(usage_has_news(u, 1500 + HOUR, HOUR));
	usage_begin(u, 3000);
	usage_end(u, 4000);
	usage_end(u, 5000);
	assert_true(usage_has_news(u, 9000, HOUR));
	assert_true(usage_news(u, 9000, &n));
	assert_int_equal(n.told.from_ms, 1500);
	assert_int_equal(n.told.to_ms, 5000);
	usage_told(u, &n);
	usage_news_done(&n);
	assert_false(usage_has_news(u, 9000, HOUR));
	usage_begin(u, 10000);
	usage_begin(u, 10000);
	usage_miss(u, 11000); /* what was lost may have been of any of them */
	assert_true(usage_news(u, 12000, &n));
	assert_int_equal(n.told.from_ms, 11000);
	usage_told(u, &n);
	usage_news_done(&n);
	usage_miss(u, 13000);
	assert_false(usage_has_news(u, 13000 + HOUR, HOUR));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(what_is_new_is_told_once, begin, over),
	    cmocka_unit_test_setup_teardown(only_whole_time_counts, begin, over),
	};

	return cmocka_run_group_tests_name("R19: what of an image is used", tests, NULL, NULL);
}
