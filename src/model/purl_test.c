/* SPDX-License-Identifier: Apache-2.0 */
/* Expected purls follow the rules of ECMA-427 and of the type definitions beside it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/purl.h"

static const struct os debian = {.id = {(const uint8_t *)"debian", 6},
				 .version_id = {(const uint8_t *)"12", 2}};
static const struct os rhel = {.id = {(const uint8_t *)"rhel", 4},
			       .version_id = {(const uint8_t *)"9.3", 3}};

static void expect(const struct pkg *p, const struct os *os, const char *want)
{
	struct arena a;
	struct span got;

	arena_init(&a, 1 << 16);
	got = purl_of(p, os, &a);
	if (!span_is(got, span_cstr(want)))
		fail_msg("got " SPAN_FMT ", want %s", SPAN_ARG(got), want);
	arena_done(&a);
}

static void os_packages(void **state)
{
	(void)state;
	expect(
	    &(struct pkg){.type = S("deb"),
			  .name = S("libssl3"),
			  .version = S("3.0.11-1~deb12u2"),
			  .arch = S("amd64"),
			  .src_name = S("openssl")},
	    &debian,
	    "pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64&distro=debian-12&upstream=openssl");
	expect(&(struct pkg){.type = S("deb"),
			     .name = S("libstdc++6"),
			     .version = S("12.2.0-14+b1"),
			     .arch = S("amd64"),
			     .src_name = S("gcc-12"),
			     .src_version = S("12.2.0-14")},
	       &debian,
	       "pkg:deb/debian/libstdc%2B%2B6@12.2.0-14%2Bb1?arch=amd64&distro=debian-12"
	       "&upstream=gcc-12%4012.2.0-14");
	expect(&(struct pkg){.type = S("deb"),
			     .name = S("bash"),
			     .version = S("1:5.2-1"),
			     .src_name = S("bash"),
			     .src_version = S("1:5.2-1")},
	       &debian, "pkg:deb/debian/bash@1:5.2-1?distro=debian-12");
	expect(&(struct pkg){.type = S("rpm"),
			     .name = S("bind-libs"),
			     .version = S("32:9.16.23-14.el9"),
			     .arch = S("x86_64"),
			     .src_name = S("bind"),
			     .src_version = S("9.16.23-14.el9")},
	       &rhel,
	       "pkg:rpm/redhat/bind-libs@9.16.23-14.el9?arch=x86_64&distro=rhel-9.3&epoch=32"
	       "&upstream=bind-9.16.23-14.el9.src.rpm");
	expect(&(struct pkg){.type = S("apk"), .name = S("musl"), .version = S("1.2.4-r2")}, NULL,
	       "pkg:apk/musl@1.2.4-r2");
}

static void language_packages(void **state)
{
	(void)state;
	expect(&(struct pkg){.type = S("pypi"), .name = S("Zope._interface"), .version = S("5.4")},
	       &debian, "pkg:pypi/zope-interface@5.4");
	expect(
	    &(struct pkg){
		.type = S("npm"), .ns = S("@babel"), .name = S("core"), .version = S("7.0.0")},
	    NULL, "pkg:npm/%40babel/core@7.0.0");
	expect(&(struct pkg){.type = S("npm"), .name = S("@babel/core"), .version = S("7.0.0")},
	       NULL, "pkg:npm/%40babel/core@7.0.0");
	expect(&(struct pkg){.type = S("golang"),
			     .name = S("github.com/BurntSushi/toml"),
			     .version = S("v1.2.0+incompatible")},
	       NULL, "pkg:golang/github.com/burntsushi/toml@v1.2.0%2Bincompatible");
	expect(&(struct pkg){.type = S("golang"),
			     .ns = S("github.com/cespare/xxhash"),
			     .name = S("v2"),
			     .version = S("v2.1.1")},
	       NULL, "pkg:golang/github.com/cespare/xxhash/v2@v2.1.1");
	expect(&(struct pkg){.type = S("golang"), .name = S("stdlib"), .version = S("go1.21.3")},
	       NULL, "pkg:golang/stdlib@1.21.3");
	expect(&(struct pkg){.type = S("maven"),
			     .ns = S("org.apache.commons"),
			     .name = S("commons-io"),
			     .version = S("2.7")},
	       NULL, "pkg:maven/org.apache.commons/commons-io@2.7");
	expect(&(struct pkg){.type = S("maven"), .name = S("junit:junit")}, NULL,
	       "pkg:maven/junit/junit");
	expect(&(struct pkg){.type = S("composer"),
			     .name = S("Symfony/Http-Kernel"),
			     .version = S("v5.0")},
	       NULL, "pkg:composer/symfony/http-kernel@v5.0");
	expect(
	    &(struct pkg){.type = S("nuget"), .name = S("Newtonsoft.Json"), .version = S("13.0.1")},
	    NULL, "pkg:nuget/Newtonsoft.Json@13.0.1");
}

static void own_qualifiers_are_merged_in_order(void **state)
{
	(void)state;
	expect(&(struct pkg){.type = S("deb"),
			     .name = S("x"),
			     .version = S("1"),
			     .arch = S("all"),
			     .build = S("aaa=1&arch=other&checksum=2&zzz=%2F")},
	       &debian, "pkg:deb/debian/x@1?aaa=1&arch=all&checksum=2&distro=debian-12&zzz=%2F");
	expect(&(struct pkg){.type = S("golang"),
			     .name = S("x/y"),
			     .version = S("v1.0.0"),
			     .build = S("goarch=amd64&goos=linux")},
	       NULL, "pkg:golang/x/y@v1.0.0?goarch=amd64&goos=linux");
}

static void parse(void **state)
{
	struct arena a;
	struct purl p;

	(void)state;
	arena_init(&a, 1 << 16);
	assert_true(purl_parse(S("pkg:npm/%40babel/core@7.0.0?a=b&c=d#sub/path"), &a, &p));
	assert_true(span_is(p.type, S("npm")) && span_is(p.ns, S("@babel")));
	assert_true(span_is(p.name, S("core")) && span_is(p.version, S("7.0.0")));
	assert_true(span_is(p.qualifiers, S("a=b&c=d")) && span_is(p.subpath, S("sub/path")));
	assert_true(purl_parse(S("pkg://Deb/debian/libstdc%2B%2B6@1:2%2Bb1"), &a, &p));
	assert_true(span_is(p.type, S("deb")) && span_is(p.name, S("libstdc++6")));
	assert_true(span_is(p.version, S("1:2+b1")));
	assert_true(purl_parse(S("pkg:npm/@scope/name"), &a, &p));
	assert_true(span_is(p.ns, S("@scope")) && p.version.n == 0);
	assert_false(purl_parse(S("pkg:npm"), &a, &p));
	assert_false(purl_parse(S("pkg:npm/"), &a, &p));
	assert_false(purl_parse(S("pkg:n_pm/x"), &a, &p));
	assert_false(purl_parse(S("npm/x"), &a, &p));
	assert_false(purl_parse(S("pkg:npm/x@%4"), &a, &p));
	arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(os_packages),
	    cmocka_unit_test(language_packages),
	    cmocka_unit_test(own_qualifiers_are_merged_in_order),
	    cmocka_unit_test(parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
