/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vuln/ecosystem.h"

static void orders(void **state)
{
	enum version_order order;

	(void)state;
	assert_true(ecosystem_order(S("Debian:12"), &order) && order == ORDER_deb);
	assert_true(ecosystem_order(S("Ubuntu:Pro:22.04:LTS"), &order) && order == ORDER_deb);
	assert_true(ecosystem_order(S("Alpine:v3.18"), &order) && order == ORDER_apk);
	assert_true(ecosystem_order(S("Wolfi"), &order) && order == ORDER_apk);
	assert_true(ecosystem_order(S("Red Hat:enterprise_linux:9::baseos"), &order) &&
		    order == ORDER_rpm);
	assert_true(ecosystem_order(S("crates.io"), &order) && order == ORDER_cargo);
	assert_true(ecosystem_order(S("Maven:https://example.org/maven"), &order) &&
		    order == ORDER_maven);
	assert_false(ecosystem_order(S("OSS-Fuzz"), &order));
	assert_false(ecosystem_order(S(""), &order));
}

static void names(void **state)
{
	static const struct {
		struct span ecosystem, name, want;
	} rows[] = {
	    {S("PyPI"), S("Zope.Interface__x"), S("zope-interface-x")},
	    {S("NuGet"), S("Newtonsoft.Json"), S("newtonsoft.json")},
	    {S("Packagist"), S("Symfony/Yaml"), S("symfony/yaml")},
	    {S("npm"), S("JSONStream"), S("JSONStream")},
	    {S("Go"), S("github.com/BurntSushi/toml"), S("github.com/BurntSushi/toml")},
	    {S("SwiftURL"), S("https://github.com/Apple/swift-nio.git"),
	     S("github.com/apple/swift-nio")},
	    {S("Debian:12"), S("openssl"), S("openssl")},
	    {S("Unheard"), S("Of"), S("Of")},
	};
	struct arena a;

	(void)state;
	arena_init(&a, 4096);
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_true(
		    span_is(ecosystem_name(rows[i].ecosystem, rows[i].name, &a), rows[i].want));
	arena_done(&a);
	assert_true(span_is(ecosystem_key(S("Packagist:https://example.org/8")), S("Packagist")));
	assert_true(span_is(ecosystem_key(S("Debian:12")), S("Debian:12")));
}

static void types(void **state)
{
	struct span e;

	(void)state;
	assert_true(ecosystem_of_type(S("pypi"), 0, &e) && span_is(e, S("PyPI")));
	assert_true(ecosystem_of_type(S("cran"), 0, &e) && span_is(e, S("Bioconductor")));
	assert_true(ecosystem_of_type(S("cran"), 1, &e) && span_is(e, S("CRAN")));
	assert_false(ecosystem_of_type(S("pypi"), 1, &e));
	assert_false(ecosystem_of_type(S("deb"), 0, &e));
	assert_true(ecosystem_is_os(S("Debian:12")) && !ecosystem_is_os(S("PyPI")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(orders),
	    cmocka_unit_test(names),
	    cmocka_unit_test(types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
