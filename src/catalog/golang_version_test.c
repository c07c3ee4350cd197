/* SPDX-License-Identifier: Apache-2.0 */
/* golang_version_test.c - build settings as `go version -m` prints them. */
#include "catalog/golang_version.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void expect(const char *modules, const char *want)
{
	struct span got;
	struct arena a;

	arena_init(&a, 1 << 16);
	got = golang_main_version(S("example.com/acme/tool"), span_cstr(modules), &a);
	print_message("%s -> " SPAN_FMT "\n", modules, SPAN_ARG(got));
	assert_true(span_is(got, span_cstr(want)));
	arena_done(&a);
}

static void flags(void **state)
{
	(void)state;
	expect("build\t-ldflags=\"-s -w -X main.version=1.2.3\"\n", "v1.2.3");
	expect("build\t-ldflags=-X=main.Version=v0.9.0-rc.1\n", "v0.9.0-rc.1");
	expect("build\t-ldflags=\"-X 'main.version=2.0' -X 'main.date=Mon 3 May'\"\n", "v2.0");
	expect("build\t-ldflags=\"-X \\\"main.version=2.1.0\\\"\"\n", "v2.1.0");
	expect("build\t-ldflags=\"-X example.com/acme/tool/internal/info.gitVersion=v3.4.5\"\n",
	       "v3.4.5");
}

static void better_places_come_first(void **state)
{
	(void)state;
	expect("build\t-ldflags=\"-X main.version=1.0.0 "
	       "-X example.com/acme/tool/cmd/tool.version=2.0.0\"\n",
	       "v2.0.0");
	expect(
	    "build\t-ldflags=\"-X example.com/acme/tool/x.Version=1.0.0 -X main.Version=2.0.0\"\n",
	    "v2.0.0");
}

static void what_says_nothing(void **state)
{
	(void)state;
	expect("", "");
	expect("build\t-ldflags=\n", "");
	expect("build\t-ldflags=\"-X main.version=dev\"\n", "");
	expect("build\t-ldflags=\"-X main.version=abc123f\"\n", "");
	expect("build\t-ldflags=\"-X main.goVersion=1.20\"\n", "");
	expect("build\t-ldflags=\"-X main.version=1.0.0 -X main.ver=1.0.1\"\n", "");
	expect("build\t-ldflags=\"-X other.org/lib/x.version=1.0.0\"\n", "");
	expect("build\t-ldflags=\"-X example.com/acme/toolbox/x.version=1.0.0\"\n", "");
	expect("build\t-ldflags=\"-X\"\n", "");
	expect("build\t-ldflags=\"-X main.version=1.\"\n", "");
}

static void commits(void **state)
{
	(void)state;
	expect("build\tvcs.revision=0123456789abcdef0123456789abcdef01234567\n"
	       "build\tvcs.time=2022-03-01T12:34:56Z\nbuild\tvcs.modified=false\n",
	       "v0.0.0-20220301123456-0123456789ab");
	expect("build\tvcs.revision=0123456789abcdef\nbuild\tvcs.time=2022\n", "");
	expect("build\tvcs.time=2022-03-01T12:34:56Z\n", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(flags),
	    cmocka_unit_test(better_places_come_first),
	    cmocka_unit_test(what_says_nothing),
	    cmocka_unit_test(commits),
	};

	return cmocka_run_group_tests_name("golang_version", tests, NULL, NULL);
}
